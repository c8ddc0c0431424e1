"""`buildmatrix lock`."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from buildmatrix.cli import options
from buildmatrix.cli.output import say
from buildmatrix.cli.session import Session, request, session, write_file
from buildmatrix.errors import BuildmatrixError, Diagnostic, StaleError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from buildmatrix.lock.changes import Change, Upgrade
    from buildmatrix.lock.file import Lock
    from buildmatrix.pipeline.lock import Project

Format = Literal["text", "json", "markdown"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("lock")(lock)


def lock(
    *,
    globs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[GLOB]...", help="With --upgrade: only what matches by its name or URL, such as 'debian*'."
        ),
    ] = None,
    file: options.File = None,
    upgrade: Annotated[bool, typer.Option("--upgrade", help="Move digests to what the tags stand for now.")] = False,
    age: Annotated[
        str | None,
        typer.Option("--age", metavar="AGE", help="With --upgrade: only to images at least this old, such as 14d."),
    ] = None,
    check: Annotated[
        bool,
        typer.Option("--check", help="Write nothing and contact nobody; exit 4 if an image is missing or unused."),
    ] = False,
    sources: Annotated[
        bool | None,
        typer.Option(
            "--sources/--no-sources",
            help="Also lock what ADD and contexts fetch: checksums of files, commits of git references. The file "
            "remembers it.",
            show_default=False,
        ),
    ] = None,
    var: options.Var = None,
    var_file: options.VarFile = None,
    output_format: Annotated[
        Format, typer.Option("--format", help="What has moved: text, json, or markdown (for a pull request).")
    ] = "text",
    color: options.Colour = "auto",
) -> None:
    """Write buildmatrix.lock: the digest of every external image of the file.

    What is missing is added, and what no target names any more is dropped. apply takes the images by these digests.

    \b
    Examples:
      buildmatrix lock
      buildmatrix lock --sources
      buildmatrix lock --check
      buildmatrix lock --upgrade 'debian*' --age 14d --format markdown
    """
    with session(file, color) as run:
        wanted = _upgrade(globs or [], age, upgrade=upgrade, check=check)
        from buildmatrix.pipeline.lock import checked, project

        adjustments = options.Adjustments(var=var, var_file=var_file)
        programs = None if check else run.programs
        asked = request([], adjustments)
        find = partial(project, run.name, run.sources, asked, run.git, programs, fetched=sources)
        if check:
            found = find()
            run.warn(found.warnings)
            _end_check(run, checked(found), output_format)
        else:
            _write(run, find, wanted, output_format)


def _upgrade(globs: list[str], age: str | None, *, upgrade: bool, check: bool) -> "Upgrade | None":
    if check and upgrade:
        raise _usage("--check and --upgrade exclude each other", "give one of them")
    if not upgrade and (globs or age is not None):
        given = globs[0] if globs else f"--age {age}"
        raise _usage(f"{given} is for --upgrade", "add --upgrade, or leave it out: all missing images are locked")
    if not upgrade:
        return None
    from buildmatrix.lock.changes import Upgrade, age_of

    return Upgrade(globs=tuple(globs), **({} if age is None else {"age": age_of(age)}))


def _usage(message: str, hint: str) -> UsageError:
    return UsageError(Diagnostic(message=message, code="usage", hint=hint))


def _end_check(run: Session, changes: "Sequence[Change]", output_format: Format) -> None:
    _say(run, changes, output_format)
    if not changes:
        return
    from buildmatrix.lock import FILE

    missing = sum(one.status == "missing" for one in changes)
    found = {"missing": missing, "unused": len(changes) - missing}
    words = ", ".join(f"{number} {what}" for what, number in found.items() if number)
    what = "external images and sources" if any(one.is_source for one in changes) else "external images"
    message = f"{FILE} is out of date ({what}: {words})"
    raise StaleError(Diagnostic(message=message, code="lock", hint="run buildmatrix lock, and commit the file"))


def _write(run: Session, find: "Callable[[], Project]", wanted: "Upgrade | None", output_format: Format) -> None:
    from buildmatrix.lock import FILE
    from buildmatrix.lock.file import text_of
    from buildmatrix.pipeline.lock import updated

    found = find()
    run.warn(found.warnings)
    after, changes = updated(found, run.programs, wanted)
    if after != found.lock:
        write_file(str(Path(run.sources.directory, FILE)), text_of(after), run.sources.repository.root)
    _say(run, changes, output_format)
    lost = any(one.lost and one.status == "moved" for one in changes)
    _warn_of_platforms(run, find if lost else lambda: found, after)


def _warn_of_platforms(run: Session, find: "Callable[[], Project]", after: "Lock") -> None:
    """Warn of images without a platform for which something is built; `platforms = "auto"` means other ones now."""
    from buildmatrix.pipeline.lock import lacks

    try:
        run.warn(lacks(find(), after))
    except BuildmatrixError as error:
        run.warn(replace(one, severity="warning") for one in error.diagnostics)


def _say(run: Session, changes: "Sequence[Change]", output_format: Format) -> None:
    from buildmatrix.report.lock import lock_json, lock_markdown, lock_text

    if output_format == "json":
        say(lock_json(changes))
    elif output_format == "markdown":
        say(lock_markdown(changes))
    else:
        say(lock_text(changes, run.style()))
