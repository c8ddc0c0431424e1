"""What a run leaves when it has ended: the summary, reports, metadata, and what GitHub is told."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace

import typer

from buildmatrix.cli.commandline import command_line
from buildmatrix.cli.output import passing, say, say_at_last, width
from buildmatrix.cli.run.github import on_github, told_to
from buildmatrix.cli.run.showing import annotate, tell_github
from buildmatrix.cli.session import Session, write_file
from buildmatrix.engine.outcome import Outcome
from buildmatrix.engine.registry import Registry
from buildmatrix.errors import BuildmatrixError, Diagnostic, StoppedError, UsageError
from buildmatrix.git.facts import NoRepositoryError
from buildmatrix.plan.model import Plan
from buildmatrix.report.diagnostics.places import Places
from buildmatrix.report.run.about import NOTHING, About, declared_in
from buildmatrix.report.run.files import report_text
from buildmatrix.report.run.json import run_json
from buildmatrix.report.run.located import located
from buildmatrix.report.run.text import outcome_text
from buildmatrix.report.run.words import counted, told
from buildmatrix.spec.rows.options import Options
from buildmatrix.text import redacted


def report(
    run: Session,
    plan: Plan,
    outcome: Outcome,
    chosen: Options,
    registry: Registry,
    going_on: Callable[[], str],
) -> None:
    """Show what became of a run and write what was asked for; the run's problem is raised at last.

    `going_on` says how to go on with a run that was stopped.
    """
    unwritten: list[Diagnostic] = []
    outcome = located(_with_hint(outcome, going_on), Places(run.sources, run.way_from_root))
    if chosen.summary == "text":
        unwritten += _said(outcome_text(outcome, run.style(), width=width(), annotated=on_github()))
    if chosen.report:
        outcome = _with_sizes(outcome, plan, registry)
    about = _about(run, plan) if chosen.report or chosen.summary == "json" or told_to() else NOTHING
    if chosen.summary == "json":
        unwritten += _said(run_json(outcome, about))
    files = {path: report_text(path, outcome, about) for path in chosen.report}
    if chosen.metadata is not None:  # an old one would tell of other images
        files[chosen.metadata] = json.dumps(outcome.metadata, indent=2) + "\n"
    said = told(outcome) if chosen.summary == "text" and _is_one_reader() else frozenset()
    problems = outcome.problem.diagnostics if outcome.problem else ()
    annotate(outcome, run, [one for one in problems if one in said])
    left = [one for one in problems if one not in said]
    _end(outcome.problem, [*left, *unwritten, *_written(files, run), *tell_github(outcome, about)])


def _with_hint(outcome: Outcome, going_on: Callable[[], str]) -> Outcome:
    """Return an outcome that says how to go on where it was stopped, and nothing else says it."""
    if not isinstance(outcome.problem, StoppedError):
        return outcome
    said = (one if one.hint else replace(one, hint=going_on()) for one in outcome.problem.diagnostics)
    return replace(outcome, problem=StoppedError(*said))


def _is_one_reader() -> bool:
    """Tell whether who reads the summary reads standard error, too: then nothing is said in both."""
    return sys.stdout.isatty() == sys.stderr.isatty()


def _end(problem: BuildmatrixError | None, left: Sequence[Diagnostic]) -> None:
    """End with the exit code of the run's problem, and say what is left to be said."""
    if left:
        raise type(problem or UsageError())(*left)
    if problem is not None:
        raise typer.Exit(problem.exit_code)


def _written(files: Mapping[str, str], run: Session) -> Iterator[Diagnostic]:
    for path, text in files.items():
        try:
            write_file(path, redacted(text), run.sources.repository.root)
        except UsageError as error:
            yield from error.diagnostics


def _said(text: str) -> Iterator[Diagnostic]:
    if (trouble := say_at_last(text)) is not None:
        yield Diagnostic(message=str(trouble), code="write")


def _with_sizes(outcome: Outcome, plan: Plan, registry: Registry) -> Outcome:
    from buildmatrix.publish.sizes import sized, with_sizes

    number = len(sized(outcome))
    text = f"asking for the size{'' if number == 1 else 's'} of {counted(number, 'image')} …"
    is_passing = bool(number) and sys.stderr.isatty()
    if number and not is_passing:
        say(f"{text}\n", err=True)
    with passing(text) if is_passing else nullcontext():
        return with_sizes(outcome, plan, registry)


def _about(run: Session, plan: Plan) -> About:
    try:
        commit, branch = str(run.git.sha), str(run.git.branch)
    except NoRepositoryError:
        commit = branch = ""
    places = Places(run.sources, run.way_from_root)
    return About(
        command=command_line(plan),
        commit=commit,
        branch=branch,
        declared=declared_in(plan, places),
    )
