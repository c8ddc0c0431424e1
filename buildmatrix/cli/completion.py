"""Completion in the shell: quick, silent when the file is wrong, and nothing is run for it but git, as for a plan."""

import os
import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

import typer

from buildmatrix.patterns import regex

if TYPE_CHECKING:
    from buildmatrix.plan.cells.catalog import Catalog

SECONDS = 3.0
"""Seconds after which there is no completion, of processor time or of any: somebody waits with a key pressed."""


def complete_targets(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the groups, targets and cells whose names start with what was typed, behind a `!` too."""
    sign = "!" if incomplete.startswith("!") else ""
    return [sign + name for name in _beginning(_names(ctx), incomplete.removeprefix("!"))]


def complete_platforms(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the platforms that the file's targets are built for, behind a comma too; where there are none, all."""
    before, comma, word = incomplete.rpartition(",")
    found = {platform for target in _plan(ctx, "targets") for platform in target.platforms if platform != "auto"}
    return [before + comma + name for name in _beginning(sorted(found) or _known_platforms(), word)]


def complete_variables(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return `NAME=` for the file's variables, and `NAME=VALUE` where few values are allowed."""
    known = _catalog(ctx)
    found = _beginning((f"{name}=" for name in (known.choices if known else ())), incomplete.partition("=")[0])
    if known is None or len(found) != 1:
        return found
    return _beginning([f"{found[0]}{value}" for value in known.choices[found[0][:-1]]] or found, incomplete)


def complete_sets(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return `SELECTOR.`, then `SELECTOR.KEY=`, then the values of a key that takes only some."""
    name, point, _ = incomplete.partition(".")
    names = _beginning(["*", *_names(ctx)], name)
    if not point and len(names) != 1:
        return [f"{one}." for one in names]
    chosen = name if point else names[0]  # the only one there is: its keys at once, since a shell ends a lone word
    keys = _beginning([f"{chosen}.{text}" for text in _assignments(values=False)], incomplete)
    if len(keys) > 1:
        return keys
    begin = keys[0] if keys else incomplete
    return _beginning([f"{chosen}.{text}" for text in _assignments(values=True)], begin) or keys


def complete_builders(incomplete: str) -> list[str]:
    """Return the builders of this user, by the files in which buildx keeps them; nobody is asked."""
    return _beginning(sorted({"default", *_instances(), *_contexts()}), incomplete)


def complete_declared(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the builders that the file declares."""
    from buildmatrix.errors import BuildmatrixError
    from buildmatrix.limits import TooMuchError

    try:
        with _in_time():
            return _beginning(_declared(ctx.params.get("file") or os.environ.get("BUILDMATRIX_FILE")), incomplete)
    except (BuildmatrixError, OSError, TooMuchError):
        return []


def _declared(file: str | None) -> list[str]:
    from buildmatrix.cli.session import Session
    from buildmatrix.pipeline.run.builders import declared

    session = Session(file=None if file == "-" else file)
    return list(declared(session.name, session.sources).builders)


def complete_allowances(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return what the file's targets need to be allowed."""
    return _beginning(
        dict.fromkeys(entitlement.value for entitlement in _plan(ctx, "entitlements") if not entitlement.automatic),
        incomplete,
    )


_PLAIN = regex(r"!?(\*(\.|$))?[\w.,:/=@%+-]*")
"""What no shell takes for anything but text: zsh evaluates what it is told, and bash expands patterns in it."""


def _beginning(words: Iterable[str], begin: str) -> list[str]:
    return [word for word in words if word.startswith(begin) and _PLAIN.fullmatch(word)]


# --- the file ---------------------------------------------------------------------------------------------------------


def _names(ctx: typer.Context) -> list[str]:
    known = _catalog(ctx)
    return list(known.names) if known else []


def _catalog(ctx: typer.Context) -> "Catalog | None":
    """Return what the file declares; None where it is wrong."""
    from buildmatrix.pipeline import catalog

    found = _looked_at(ctx, catalog)
    return found[0] if found else None


def _plan(ctx: typer.Context, what: str) -> Any:
    """Return something of the plan of all targets; nothing of it where the file is wrong."""
    from buildmatrix.pipeline import listed

    found = _looked_at(ctx, listed)
    return getattr(found[0], what) if found else ()


def _looked_at(ctx: typer.Context, look: Callable[..., tuple[Any, ...]]) -> tuple[Any, ...] | None:
    """Look at the file as the command itself would: the same file, with the same variables."""
    from buildmatrix.cli.options import Adjustments
    from buildmatrix.cli.session import Session, request
    from buildmatrix.errors import BuildmatrixError
    from buildmatrix.limits import TooMuchError

    file = ctx.params.get("file") or os.environ.get("BUILDMATRIX_FILE")
    var, var_file = (ctx.params.get(key) or None for key in ("var", "var_file"))
    try:
        with _in_time():
            session = Session(file=None if file == "-" else file)
            asked = request(["*"], Adjustments(var=var, var_file=var_file))
            return look(session.name, session.sources, asked, session.git, seconds=SECONDS)
    except (BuildmatrixError, OSError, TooMuchError):
        return None


@contextmanager
def _in_time() -> Iterator[None]:
    """Give up after some seconds, whatever it is that is waited for."""
    from buildmatrix.limits import too_long

    before = signal.signal(signal.SIGALRM, too_long)
    signal.setitimer(signal.ITIMER_REAL, SECONDS, 1.0)  # and again: a destructor may swallow the first
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


# --- what the settings take -------------------------------------------------------------------------------------------


def _known_platforms() -> tuple[str, ...]:
    from buildmatrix.spec.rows.platforms import KNOWN_PLATFORMS

    return KNOWN_PLATFORMS


def _assignments(*, values: bool) -> Iterator[str]:
    """Yield `KEY=` and `KEY+=` of every setting, or with `values` those of the keys that take only some."""
    from buildmatrix.spec.rows.settings import Settings
    from buildmatrix.spec.rows.shapes import is_list, is_map, rows

    for row in rows(Settings):
        if is_map(row.shape):
            yield from () if values else (f"{row.key}.",)
        elif is_list(row.shape):
            yield from () if values else (f"{row.key}=", f"{row.key}+=")
        else:
            yield from (f"{row.key}={value}" for value in _values_of(row.shape)) if values else (f"{row.key}=",)


def _values_of(shape: Any) -> list[str]:
    from buildmatrix.spec.rows.shapes import unwrap

    bare = unwrap(shape)[0]
    if bare is bool:
        return ["true", "false"]
    return [str(value) for value in get_args(bare)] if get_origin(bare) is Literal else []


# --- builders ---------------------------------------------------------------------------------------------------------


def _instances() -> Iterator[str]:
    """Yield the builders that `docker buildx create` has made."""
    from buildmatrix.engine.builders.stored import instances

    yield from _listed(instances(os.environ))


def _contexts() -> Iterator[str]:
    """Yield docker's contexts: each has a builder of its name."""
    import json

    from buildmatrix.process import docker_directory

    folder = docker_directory(os.environ) / "contexts" / "meta"
    for name in _listed(folder):
        try:
            found = json.loads((folder / name / "meta.json").read_bytes()[:100_000])
        except (OSError, ValueError):
            continue
        if isinstance(found, dict) and isinstance(found.get("Name"), str):
            yield found["Name"]


def _listed(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))  # noqa: PTH208 names, not paths
    except OSError:
        return []
