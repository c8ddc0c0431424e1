"""`buildmatrix render`."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from buildmatrix.cli import options
from buildmatrix.cli.comparing import committed, refuse_difference
from buildmatrix.cli.output import say_to_program, say_wide
from buildmatrix.cli.session import Session, refuse_unwritable, request, session, write_file
from buildmatrix.errors import Diagnostic, UsageError, some
from buildmatrix.pipeline import whole
from buildmatrix.plan.access.absent import left_out, without_absent
from buildmatrix.plan.access.entitlements import entitlements_of, for_bake
from buildmatrix.plan.bakefile import bake_text, bakeable, whole_document
from buildmatrix.plan.portable import Whole
from buildmatrix.text import one_line

MOST_NOTED = 8
"""Shared tags of which each is noted."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("render")(render)


@options.expanded("render")
def render(
    *,
    selection: options.Selection,
    adjustments: options.Adjustments,
    outputs: options.Outputs,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write the bake file to FILE, not to standard output."),
    ] = None,
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="Write nothing; exit 10 if FILE (--output) is missing, or out of date (with a diff).",
        ),
    ] = False,
    pin: Annotated[
        bool, typer.Option("--pin", help="Take base images by the digests of buildmatrix.lock, as contexts.")
    ] = False,
    policy: Annotated[
        str | None,
        typer.Option(
            "--policy",
            metavar="FILE",
            help="Also write a source policy with the digests of buildmatrix.lock to FILE, "
            "for EXPERIMENTAL_BUILDKIT_SOURCE_POLICY.",
        ),
    ] = None,
    color: options.Colour = "auto",
) -> None:
    """Write the bake file, for `docker buildx bake -f -`. Contacts nothing.

    It has all targets and groups, or those of SELECTOR. Paths are relative to this directory on standard output, and
    to the directory of buildmatrix.toml in FILE: run bake there. A file or a pipe gets credentials as they are, since
    bake needs them; a terminal gets *** instead.

    \b
    Examples:
      buildmatrix render | docker buildx bake -f - --print
      buildmatrix render --output docker-bake.json
      buildmatrix render --output docker-bake.json --check
    """
    with session(selection.file, color, unselected=not selection.selectors) as run:
        asked = request(selection.selectors, adjustments, outputs)
        found = bakeable(whole(run.name, run.sources, asked, run.git))
        found = replace(found, plan=without_absent(found.plan, run.programs.environment, outside=False))
        root = run.sources.repository.root
        if pin or policy is not None:
            found = _pinned(found, policy, root, pin=pin, check=check)
        found, joining = _in_parts(found)
        run.warn([*(one for one in found.plan.warnings if one.code != "no-output"), *found.warnings])
        run.warn(_notes(run, found, output))
        for note in (*_left_tags(found), *_unjoined(joining), *left_out(found.plan.absent_secrets)):
            say_wide(f"note: {one_line(note)}")
        here = run.way_here if output is None else ""
        text = bake_text(whole_document(found.seen_from(here)))
        if output is not None and not check:
            refuse_unwritable({output: "--output"}, found.plan, root)
        _write(text, output, root, check=check)
        if not check and (needed := _allowed(run, found, here)):
            listed = " ".join(f"--allow={value}" for value in needed)
            say_wide(f"note: bake needs {one_line(listed)} {'here' if output is None else 'there'}")


def _pinned(found: Whole, policy: str | None, root: str, *, pin: bool, check: bool) -> Whole:
    """Return what is rendered with its images pinned, and write the policy; StaleError for one that is not locked."""
    from buildmatrix.pipeline.lock import locked_digests, pinned, policy_text

    digests = locked_digests(found.plan)
    if policy is not None and not check:
        refuse_unwritable({policy: "--policy"}, found.plan, root)
        write_file(policy, policy_text(digests, found.plan.directory), root)
    return replace(found, plan=pinned(found.plan, digests)) if pin else found


def _in_parts(found: Whole) -> tuple[Whole, tuple[str, ...]]:
    """Return what is rendered in parts where settings differ by platform, and the commands that join those."""
    if not any(target.variants for target in found.plan.targets):
        return found, ()
    from buildmatrix.pipeline.rendering import in_parts

    return in_parts(found)


def _notes(run: Session, found: Whole, output: str | None) -> Iterator[Diagnostic]:
    """Yield what whoever takes the bake file has to know."""
    if found.left_out:
        message = f"the bake file lacks {some(found.left_out)}"
        yield Diagnostic(message=message, code="omitted", severity="warning")
    if run.way_here and output is not None:
        message = f"bake takes the paths of {output} from the directory in which it runs"
        yield Diagnostic(message=message, code="directory", hint=f"run it in {run.way_here}/", severity="warning")


def _left_tags(found: Whole) -> Iterator[str]:
    """Yield which tags the bake file leaves out: bake would push every one of them, in any order."""
    left = [(tag, target.name, other) for target in found.plan.targets for tag, other in target.tags_left_to.items()]
    for tag, name, other in left[:MOST_NOTED]:
        yield f"{tag} is written by {other} only, not by {name}"
    if more := left[MOST_NOTED:]:
        yield f"{len(more):,} more tags are written by one target only"


def _unjoined(commands: Sequence[str]) -> Iterator[str]:
    """Yield what plain bake cannot do of images whose settings differ by platform."""
    if commands:
        yield "images with other settings by platform are built in parts, which bake does not join (apply does):"
        yield from commands[:MOST_NOTED]
    if more := len(commands) - MOST_NOTED:
        yield from [f"{more:,} more are joined alike"] if more > 0 else ()


def _allowed(run: Session, found: Whole, here: str) -> tuple[str, ...]:
    """Return what bake has to be allowed where it runs: here, from where the way to the file is `here`, or there."""
    targets = found.seen_from(here).plan.targets
    return for_bake(
        entitlements_of(targets, str(Path.cwd() if here and not Path(here).is_absolute() else run.sources.directory)),
        (),
    )


def _write(text: str, output: str | None, root: str, *, check: bool) -> None:
    if check:
        _compare(text, output)
    elif output is None:
        say_to_program(text)
    else:
        write_file(output, text, root)


def _compare(text: str, output: str | None) -> None:
    if output is None:
        raise UsageError(
            Diagnostic(message="--check compares with a file", code="usage", hint="name it with --output FILE")
        )
    hint = f"run buildmatrix render --output {one_line(output)} with the same options"
    problem = Diagnostic(message=f"{output} is out of date", code="out-of-date", hint=hint)
    refuse_difference(committed(output, hint), text, output, "buildmatrix render", problem)
