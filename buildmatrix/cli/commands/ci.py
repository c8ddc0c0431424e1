"""`buildmatrix ci`: jobs for a plan, on the machines of a CI system."""

from typing import TYPE_CHECKING, Annotated

import typer

from buildmatrix.cli import options
from buildmatrix.cli.commandline import is_given
from buildmatrix.cli.output import say, say_wide
from buildmatrix.cli.session import messages, request, session, show
from buildmatrix.errors import Diagnostic, OutOfDateError, UsageError

if TYPE_CHECKING:
    from buildmatrix.ci.jobs import Jobs
    from buildmatrix.cli.workflows import Kind

Workflow = Annotated[
    str | None,
    typer.Option(
        "--workflow",
        metavar="FILE",
        help="Write the workflow for all that the file says to FILE instead, unless that holds what something else has "
        "written; - is standard output.",
    ),
]
Check = Annotated[
    bool,
    typer.Option(
        "--check",
        help="Write nothing; exit 10 if the FILE of --workflow is missing, or not what would be written (with a diff).",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    group.callback()(_ci)
    group.command("github")(github)
    group.command("gitlab")(gitlab)
    app.add_typer(group, name="ci")


def _ci() -> None:
    """Split a plan into jobs for the machines of a CI system, in waves.

    [runner] in the file says which machine builds a platform. Each job builds its part with apply PLAN.json --build,
    and merge joins what the jobs have built.

    \b
    Examples:
      buildmatrix ci github plan.json
      buildmatrix ci github --workflow .github/workflows/images.yml
      buildmatrix ci gitlab --workflow .gitlab/images.yml --check
    """


@options.expanded("ci")
def github(
    context: typer.Context,
    *,
    selection: options.Selection,
    workflow: Workflow = None,
    check: Check = False,
    waves: Annotated[
        int | None,
        typer.Option(
            "--waves",
            metavar="N",
            min=1,
            help="Exit 10 if more than N waves are needed, the number that a workflow has; with --workflow: write at "
            "least N.",
        ),
    ] = None,
    adjustments: options.Adjustments,
    color: options.Colour = "auto",
) -> None:
    """Print the jobs of a plan as JSON, one matrix for each wave; a step has them as its outputs wave-1, wave-2, too.

    SELECTOR may also be one file that ends in .json: a plan that was saved with plan --out. Of an incremental plan
    only what it builds has a job.

    \b
    Examples:
      buildmatrix ci github plan.json
      buildmatrix ci github --workflow .github/workflows/images.yml
      buildmatrix ci github --workflow .github/workflows/images.yml --check
    """
    if workflow is not None or check:
        from buildmatrix.cli.workflows import GITHUB

        _workflow(GITHUB, workflow, selection, adjustments, color, waves=waves or 0, check=check)
        return
    from buildmatrix.ci.jobs import GITHUB_MOST

    found = _jobs(context, selection, adjustments, color, GITHUB_MOST)
    with messages(color):
        if waves is not None and waves < len(found.waves):
            message = f"the plan needs {len(found.waves)} waves, and the workflow has {waves}"
            hint = "write it again: buildmatrix ci github --workflow FILE"
            raise OutOfDateError(Diagnostic(message=message, code="out-of-date", hint=hint))
        _tell(found)


@options.expanded("ci")
def gitlab(
    context: typer.Context,
    *,
    selection: options.Selection,
    workflow: Workflow = None,
    check: Check = False,
    include: Annotated[
        str,
        typer.Option(
            "--include",
            metavar="FILE",
            show_default=False,
            help="The file of the repository, from its root, in which .planned, .build and .merge stand.",
        ),
    ] = "",
    adjustments: options.Adjustments,
    color: options.Colour = "auto",
) -> None:
    """Print the jobs of a plan as a child pipeline in JSON, one stage for each wave.

    SELECTOR may also be one file that ends in .json: a plan that was saved with plan --out. Of an incremental plan
    only what it builds has a job. What the jobs do stands in the FILE of --workflow.

    \b
    Examples:
      buildmatrix ci gitlab plan.json --include .gitlab/images.yml > jobs.yml
      buildmatrix ci gitlab --workflow .gitlab/images.yml
      buildmatrix ci gitlab --workflow .gitlab/images.yml --check
    """
    if workflow is not None or check:
        from buildmatrix.cli.workflows import GITLAB

        _workflow(GITLAB, workflow, selection, adjustments, color, check=check)
        return
    from buildmatrix.ci.gitlab import pipeline_json
    from buildmatrix.ci.jobs import GITLAB_MOST

    found = _jobs(context, selection, adjustments, color, GITLAB_MOST)
    say(pipeline_json(found, include))
    if not include:
        say_wide("note: its jobs extend .planned, .build and .merge: --include FILE has the file in which those stand")


def _jobs(
    context: typer.Context, selection: options.Selection, adjustments: options.Adjustments, color: str, most: int
) -> "Jobs":
    from buildmatrix.pipeline import is_saved

    with messages(color):
        asked = request(selection.selectors, adjustments)
        if is_saved(asked):
            found = _jobs_of_file(selection, adjustments, most, named=is_given(context, "file"))
            show(found.warnings, None, color)
            return found
    from buildmatrix.pipeline import plan
    from buildmatrix.pipeline.ci import jobs_of_plan

    with session(selection.file, color, unselected=not selection.selectors) as run:
        planned = plan(run.name, run.sources, asked, run.git)
        found = jobs_of_plan(planned, most)
        run.warn([*planned.warnings, *found.warnings])
        return found


def _jobs_of_file(selection: options.Selection, adjustments: options.Adjustments, most: int, *, named: bool) -> "Jobs":
    from buildmatrix.pipeline.ci import jobs_of_file
    from buildmatrix.plan.document.verify import naming

    names = selection.selectors or []
    if len(names) > 1 or named or adjustments != options.Adjustments():
        message = "a saved plan is taken as it is"
        hint = "name nothing beside it, and leave --file, --var, --var-file, --bake-file, --set and --platform out"
        raise UsageError(Diagnostic(message=message, code="usage", hint=hint))
    with naming(names[0]):
        return jobs_of_file(names[0], most)


def _tell(jobs: "Jobs") -> None:
    """Print the jobs, and give them to the step of GitHub that runs us."""
    from buildmatrix.ci.matrices import matrices_json, step_outputs
    from buildmatrix.cli.run.github import OUTPUT, appended, told_to

    say(matrices_json(jobs))
    if (path := told_to().get(OUTPUT)) and (wrong := list(appended(OUTPUT, path, step_outputs(jobs)))):
        raise UsageError(*wrong)


def _workflow(
    kind: "Kind",
    path: str | None,
    selection: options.Selection,
    adjustments: options.Adjustments,
    color: str,
    *,
    waves: int = 0,
    check: bool,
) -> None:
    from buildmatrix.cli.workflows import STANDARD_OUTPUT, check_workflow, write_workflow

    with session(selection.file, color, unselected=True) as run:
        if path is None or (check and path == STANDARD_OUTPUT):
            hint = f"name it with --workflow {kind.path}"
            raise UsageError(Diagnostic(message="--check compares with a file", code="usage", hint=hint))
        if selection.selectors or adjustments != options.Adjustments():
            message = "a workflow is written for all that the file says"
            hint = "leave selectors, --var, --var-file, --bake-file, --set and --platform out; write them into its plan"
            raise UsageError(Diagnostic(message=message, code="usage", hint=hint))
        (check_workflow if check else write_workflow)(run, kind, path, waves)
