"""Workflows for CI systems, which are committed: written, or compared with what would be written."""

import os
import re
import shlex
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from buildmatrix.ci import github, gitlab
from buildmatrix.ci.names import refused_variables
from buildmatrix.ci.setup import Setup, asks_agent, files_of, looks_for_files
from buildmatrix.ci.writing import is_written, written_by
from buildmatrix.cli.comparing import MOST_COMPARED, committed, refuse_difference
from buildmatrix.cli.output import is_stream, say, say_wide
from buildmatrix.cli.session import Session, refuse_unwritable, request, write_file
from buildmatrix.errors import Diagnostic, SpecError, UsageError, some
from buildmatrix.files import make_folder, read_regular
from buildmatrix.patterns import regex
from buildmatrix.pipeline import listed
from buildmatrix.pipeline.ci import Asked, moving_registries, setup_of_plan
from buildmatrix.plan.model import Plan
from buildmatrix.plan.outputs import is_on_disk
from buildmatrix.spec.load import FILE
from buildmatrix.text import one_line

STANDARD_OUTPUT = "-"
_SYSTEMS = {"github": "GitHub", "gitlab": "GitLab"}

_BROUGHT = frozenset({"cache-from", "cache-to", "output", "platforms", "secret", "tags"})
"""Settings by which a workflow has logins, permissions, emulation, waves and secrets."""
_SET_IT = "logins and rights depend on it: set its environment variable here, and in the job plan, or give it a default"


class Kind(NamedTuple):
    """The workflow of a CI system: its text, what it takes from where, where it is committed if nobody says where.

    `sets` are the names of the variables that the system gives to each job, `own_variables` those that jobs need
    themselves. `installed` finds in a text what brings buildmatrix to its jobs.
    """

    system: str
    text: Callable[[Setup], str]
    path: str
    has_waves: bool
    taken: Callable[[Setup], Iterable[tuple[str, list[str]]]]
    sets: re.Pattern[str]
    own_variables: re.Pattern[str]
    installed: re.Pattern[str]


GITHUB = Kind(
    system="github",
    text=github.github_workflow,
    path=github.PATH,
    has_waves=True,
    taken=github.taken,
    sets=regex("GITHUB_.*|RUNNER_.*|CI"),
    own_variables=github.OWN_VARIABLES,
    installed=github.INSTALLED,
)
GITLAB = Kind(
    system="gitlab",
    text=gitlab.gitlab_workflow,
    path=gitlab.PATH,
    has_waves=False,
    taken=gitlab.taken,
    sets=regex("GITLAB_.*|CI_.*|CI"),
    own_variables=gitlab.OWN_VARIABLES,
    installed=gitlab.INSTALLED,
)


def write_workflow(run: Session, kind: Kind, path: str, waves: int) -> None:
    """Write the workflow for all that the file says to `path`, or to standard output; with so many waves at least."""
    plan, setup = _set_up(run, kind, path, waves)
    for note in _notes(kind, plan, setup):
        say_wide(f"note: {one_line(note)}")
    if path == STANDARD_OUTPUT:
        say(kind.text(setup))
        return
    root = run.sources.repository.root
    _make_room(path, root)
    refuse_unwritable({path: "--workflow"}, plan, root)
    old = _written(path)
    if foreign := _foreign(kind, old, path):
        raise UsageError(foreign)
    kept = replace(setup, install=_installed(kind, old))
    write_file(path, kind.text(kept), root)
    say_wide(one_line(f"wrote {path}" + (f": {_number(setup.waves)}" if kind.has_waves else "")))


def _installed(kind: Kind, text: str) -> str:
    """Return what brings buildmatrix to the jobs of a text, "" if nothing is seen to."""
    found = kind.installed.search(text)
    return found[1] if found else ""


def _written(path: str) -> str:
    """Return the file that is written over, "" if there is none; what is no text has no line of ours."""
    if is_stream(path):
        return ""
    try:
        return read_regular(path, MOST_COMPARED).decode(errors="replace")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise UsageError(Diagnostic(message=f"{path} cannot be read: {error.strerror}", code="read")) from None


def _foreign(kind: Kind, text: str, path: str) -> Diagnostic | None:
    """Return what is wrong with a file that holds something which we have not written, None if nothing is."""
    if is_written(kind.system, text) or not text.strip():
        return None
    line = f"# Written by: buildmatrix ci {kind.system} …"
    message = f'{path} was not written by buildmatrix ci {kind.system}: it has no line "{line}"'
    return Diagnostic(message=message, code="write", hint="name another file, or delete this one")


def _make_room(path: str, root: str) -> None:
    """Make the directory of a workflow: a repository that gets its first one has none."""
    try:
        make_folder(Path(path).parent, root)
    except OSError as error:
        raise UsageError(Diagnostic(message=f"{path} cannot be written: {error.strerror}", code="write")) from None


def check_workflow(run: Session, kind: Kind, path: str, waves: int) -> None:
    """Raise OutOfDateError, and show a diff, if a workflow is not what would be written; it may have more waves."""
    maker = written_by(kind.system, one_line(path))
    _, setup = _set_up(run, kind, path, waves)
    old = committed(path, f"run {maker}")
    hint = f"run {maker}, which writes over what was changed by hand"
    has = max([0, *map(int, re.findall(r"^  wave-([0-9]{1,4}):$", old, re.MULTILINE))])
    message = f"{path} is out of date"
    if kind.has_waves and has < setup.waves:
        message = f"{path} has {_number(has)}, and {_number(setup.waves)} are needed"
    problem = _foreign(kind, old, path) or Diagnostic(message=message, code="out-of-date", hint=hint)
    text = kind.text(replace(setup, waves=max(setup.waves, has), install=_installed(kind, old)))
    refuse_difference(old, text, path, maker, problem)


def _set_up(run: Session, kind: Kind, path: str, waves: int) -> tuple[Plan, Setup]:
    if run.is_from_standard_input:
        message = "a workflow is for a file that is committed, and this one is standard input"
        raise UsageError(Diagnostic(message=message, code="usage", hint="name it with --file FILE"))
    asked = Asked(run.name, run.sources, request(), run.git)
    plan, lacking = listed(*asked)
    _refuse_open(lacking)
    if wrong := list(refused_variables(plan, kind.own_variables, _SYSTEMS[kind.system])):
        raise SpecError(*wrong)
    file = f"{run.way_from_root}{run.name}"
    where = kind.path if path == STANDARD_OUTPUT else os.path.relpath(path, run.sources.repository.root)
    setup, doubts = setup_of_plan(plan, one_line(where), "" if file == FILE else file, waves)
    own = (kind.sets, kind.own_variables)
    values = tuple(name for name in _read(plan) if not any(one.fullmatch(name) for one in own))
    setup = replace(setup, values=values)
    run.warn([*(one for one in plan.warnings if one.code != "no-output"), *lacking, *doubts])
    run.warn(moving_registries(asked, plan))
    return plan, setup


def _refuse_open(lacking: Iterable[Diagnostic]) -> None:
    """Raise SpecError where what a workflow has to bring along depends on a variable that has no value."""
    missing = (one for one in lacking if one.code == "missing-variable")
    if found := [one for one in missing if one.place and _BROUGHT.intersection(one.place.pointer)]:
        raise SpecError(*(replace(one, severity="error", hint=_SET_IT) for one in found))


def _notes(kind: Kind, plan: Plan, setup: Setup) -> Iterator[str]:
    """Yield what a workflow needs that only its owner can give."""
    for where, names in kind.taken(setup):
        if names:
            yield f"it takes {', '.join(names)} from the {where}"
    yield from _secrets(plan)
    if plan.apply.builder:
        yield f'each job builds with a builder of its own, and not with [apply] builder = "{plan.apply.builder}"'
    if kind is GITLAB and setup.caches_in_github:
        yield "caches of type gha are GitHub's: GitLab has none, and its jobs build without them"
    if files := list(_files(plan)):
        yield f"what its jobs write is gone when they end, unless you add a step that uploads it: {some(files, 8)}"
    if needed := [one.value for one in plan.entitlements if not one.automatic]:
        flags = " ".join(f"--allow={shlex.quote(value)}" for value in dict.fromkeys(needed))
        yield f"its apply needs {flags}: add what you allow"


def _secrets(plan: Plan) -> Iterator[str]:
    """Yield what jobs read that is no part of a checkout: files of secrets, keys, and those of an agent."""
    if files := list(dict.fromkeys(path for target in plan.each for path in files_of(target))):
        more = ", and what is optional ahead of plan, too" if any(map(looks_for_files, plan.each)) else ""
        yield f"its jobs read {some(files, 8)}: add a step that writes what is not committed, ahead of apply{more}"
    if agents := list(dict.fromkeys(target.name for target in plan.each if asks_agent(target))):
        who = some(agents, 8)
        yield f"its jobs need an ssh agent with a key, for {who}: add a step that starts one, ahead of apply"


def _files(plan: Plan) -> Iterator[str]:
    """Yield what jobs write to the disks of their machines: `out (docs)`."""
    for target in plan.targets:
        outputs: tuple[Any, ...] = (target.settings.output or ()) if target.exported else ()
        yield from (f"{output.dest} ({target.name})" for output in outputs if is_on_disk(output))


def _read(plan: Plan) -> list[str]:
    """Return the environment variables that give a plan its values, or would."""
    given = (one.env for one in plan.made.given.values() if one.origin == "environment")
    return sorted({*given, *plan.made.unset})


def _number(waves: int) -> str:
    return f"{waves} wave{'' if waves == 1 else 's'}"
