"""`buildmatrix merge`: joining what separate machines have built of a saved plan."""

import os
import re
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated

import typer

from buildmatrix.cli import options
from buildmatrix.cli.output import say
from buildmatrix.cli.session import request, session
from buildmatrix.engine.buildx import Probe
from buildmatrix.errors import Diagnostic, UsageError
from buildmatrix.process import Programs
from buildmatrix.spec.rows.options import BUILDER_PATTERN, Options
from buildmatrix.text import one_line

if TYPE_CHECKING:
    from buildmatrix.cli.session import Session
    from buildmatrix.pipeline.merge import Joining

Saved = Annotated[str, typer.Argument(metavar="PLAN", help="The plan that was saved with plan --out.")]
Folder = Annotated[str, typer.Argument(metavar="DIR", help="The directory that holds the records, wherever in it.")]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("merge")(merge)


@options.expanded("merge")
def merge(
    *, saved: Saved, folder: Folder, file: options.File = None, chosen: Options, color: options.Colour = "auto"
) -> None:
    """Join what machines have built of a saved plan: look at their records, then move the tags.

    Every record is held against the plan, and every image looked for in its registry. A tag moves when all platforms
    of its image are there, and is left as it is otherwise (exit 1); those that are published together wait for all.

    \b
    Examples:
      buildmatrix merge plan.json records
      buildmatrix merge plan.json records --publish together --report report.html
    """
    with ExitStack() as stack:
        is_name = re.fullmatch(BUILDER_PATTERN, chosen.builder or "")
        probe = stack.enter_context(Probe(Programs(os.environ), chosen.builder)) if is_name else None
        here = stack.enter_context(session(file, color, unselected=False))
        from buildmatrix.plan.document.verify import naming

        stack.enter_context(naming(saved))
        job = _joining(here, saved, folder, chosen, named=file is not None)
        _run(here, job, probe)


def _joining(here: "Session", saved: str, folder: str, chosen: Options, *, named: bool) -> "Joining":
    from buildmatrix.cli.run.checking import check_files, check_flags, written
    from buildmatrix.cli.run.jobs import written_by
    from buildmatrix.pipeline import SAVED
    from buildmatrix.pipeline.merge import Joining
    from buildmatrix.pipeline.reviewing import options_of
    from buildmatrix.pipeline.saved import Written, plan_of_file
    from buildmatrix.plan.policy import Policy

    check_flags(chosen)
    if not saved.endswith(SAVED):
        message = f"{saved} is not a saved plan: its name ends in {SAVED}"
        raise UsageError(
            Diagnostic(message=message, code="usage", hint="save it with buildmatrix plan --out PLAN.json")
        )
    files = Written(files=(*written(chosen), folder))
    asked = request([saved])
    again = plan_of_file(here.name, here.sources, asked, here.git, files, named=named, programs=here.programs)
    if again.claim is None:
        message = f"{saved} was not saved with plan --out, and has no records"
        raise UsageError(
            Diagnostic(message=message, code="usage", hint="save it with buildmatrix plan --out PLAN.json")
        )
    policy = Policy(plan=again.plan, options=options_of(again.claim, chosen))
    check_files(chosen, again.plan, here.sources.repository.root)
    return Joining(
        plan=again.plan,
        claim=again.claim,
        policy=policy,
        programs=here.programs,
        folder=folder,
        written=written_by(policy),
    )


def _run(here: "Session", job: "Joining", probe: Probe | None) -> None:
    from buildmatrix.cli.commandline import command_line
    from buildmatrix.cli.run.reporting import report
    from buildmatrix.pipeline.merge import merge as run
    from buildmatrix.plan.runners import builds_for_runners

    applied = run(job, probe, here.warn, lambda text: say(f"{one_line(text)}\n", err=True))
    plan = builds_for_runners(job.plan)

    def going_on() -> str:
        return f"run it again: {command_line(job.plan)}"

    report(here, plan, applied.outcome, job.policy.options, applied.registry, going_on)
