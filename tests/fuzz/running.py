"""Runs the commands of a case as the program would, each case in a process that can be ended, and judges what came."""

import json
import os
import pkgutil
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Never

import jsonschema

import buildmatrix
from buildmatrix.cli.main import run as main
from buildmatrix.plan.document.fields import plan_schema
from tests.fuzz.mutations import VALUES, Case, places_in

SECONDS = 300.0
"""Seconds of the clock after which a case hangs; all that it does is bounded by its own processor time long before."""

CODES = frozenset({0, 2, 4, 5, 10})
ALWAYS = (("validate", "--format", "json"), ("plan", "--format", "json"), ("render",))
for _module in pkgutil.walk_packages(buildmatrix.__path__, "buildmatrix."):
    if not _module.name.endswith("__main__"):
        import_module(_module.name)  # once, and not in each process

_HARMFUL = re.compile(r"[^\t\n\x20-\x7e\xa0-\ud7ff\ue000-\U0010ffff]")
_EXPECTED_FILES = ("stdout", "stderr", "exit", "command")


@dataclass(frozen=True, kw_only=True)
class Ran:
    """What a command gave."""

    command: tuple[str, ...]
    code: int
    out: str
    err: str


def faults(case: Case, folder: Path, bake: Sequence[str] = ()) -> Iterator[str]:
    """Run a case in a directory, and yield what is wrong; with `bake`, what render writes is given to it."""
    project = folder / "project"
    shutil.copytree(case.project, project, ignore=shutil.ignore_patterns(*_EXPECTED_FILES), symlinks=True)
    for name, data in {**case.files, "buildmatrix.toml": case.text}.items():
        (project / name).write_bytes(data)
    commands = [*ALWAYS, *case.commands]
    ran = list(_run(commands, project, folder / "said"))
    if len(ran) < len(commands):
        yield f"{' '.join(commands[len(ran)])}: it hangs, or the process was lost"
    for one in ran:
        yield from (f"{' '.join(one.command)}: {fault}" for fault in _judged(one))
    plan = next((one for one in ran if one.command == ALWAYS[1] and one.code == 0), None)
    if plan is not None:
        yield from _applied(plan.out, project, folder / "applied")
    rendered = next((one for one in ran if one.command == ("render",) and one.code == 0), None)
    if bake and rendered is not None:
        yield from _baked(rendered.out, project, bake)


def _run(commands: Sequence[tuple[str, ...]], project: Path, said: Path) -> Iterator[Ran]:
    """Run commands in a process of their own, and yield what each gave, as far as it came."""
    said.mkdir()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        _be_the_program(commands, project, said)
    deadline = time.monotonic() + SECONDS
    while os.waitpid(pid, os.WNOHANG)[0] == 0:
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            break
        time.sleep(0.005)
    for number, command in enumerate(commands):
        with suppress(FileNotFoundError):
            code = int((said / f"{number}.code").read_text() or -1)
            out, err = ((said / f"{number}.{name}").read_text(errors="replace") for name in ("out", "err"))
            yield Ran(command=command, code=code, out=out, err=err)


def _be_the_program(commands: Sequence[tuple[str, ...]], project: Path, said: Path) -> Never:
    try:
        os.chdir(project)
        for name in [
            name for name in os.environ if name.startswith(("BUILDMATRIX", "GITHUB", "BUILDX", "SOURCE_DATE"))
        ]:
            del os.environ[name]
        os.environ |= {"NO_COLOR": "1", "GIT_CEILING_DIRECTORIES": str(project.parent)}
        for number, command in enumerate(commands):
            code = _command(command, said / str(number))
            (said / f"{number}.code").write_text(str(code))
    finally:
        os._exit(0)


def _command(command: tuple[str, ...], said: Path) -> int:
    with Path(f"{said}.out").open("w", encoding="utf-8") as out, Path(f"{said}.err").open("w", encoding="utf-8") as err:
        sys.stdout, sys.stderr, sys.argv = out, err, ["buildmatrix", *command]
        try:
            main()
        except SystemExit as ended:
            return int(ended.code or 0)
        except BaseException:  # noqa: BLE001 what the program lets out is what is looked for
            traceback.print_exc(file=err)
            return -1
        return 0


def _judged(one: Ran) -> Iterator[str]:
    if one.code not in CODES:
        yield f"exit code {one.code}: {one.err[-3000:]}"
    if "Traceback" in one.err or "bug in buildmatrix" in one.err:
        yield f"a traceback: {one.err[-3000:]}"
    if one.code == 2 and "error:" not in one.err and "json" not in one.command:
        yield "exit code 2 without an error"
    for name, text in (("out", one.out), ("err", one.err)):
        if found := _HARMFUL.search(text):
            yield f"{found.group()!r} in {name}: {text[max(0, found.start() - 80) : found.end() + 20]!r}"
    if "json" in one.command and one.code in {0, 10}:
        yield from _json(one)


def _json(one: Ran) -> Iterator[str]:
    try:
        document = json.loads(one.out, parse_constant=_no_constant)
    except ValueError as error:
        yield f"no JSON: {error}: {one.out[:300]!r}"
        return
    if one.command[0] == "plan" and (wrong := next(_plan_schema().iter_errors(document), None)):
        yield f"not by the plan's schema: {wrong.message[:300]}"
    if one.command[0] == "validate" and set(document) != {"format_version", "problems"}:
        yield f"keys of validate: {sorted(document)}"


def _no_constant(text: str) -> Never:
    raise ValueError(text)


@cache
def _plan_schema() -> Any:
    return jsonschema.Draft202012Validator(plan_schema())


def _applied(text: str, project: Path, said: Path) -> Iterator[str]:
    """A saved plan is taken as it was written; changed at random places it is refused, or taken."""
    for number, changed in enumerate((text, *_changes(text))):
        (project.parent / f"plan{number}.json").write_text(changed)  # not within a context, which it would change
    commands = [("apply", f"../plan{number}.json", "--dry-run") for number in range(4)]
    ran = list(_run(commands, project, said))
    if len(ran) < len(commands):
        yield f"{' '.join(commands[len(ran)])}: it hangs, or the process was lost"
    if ran and ran[0].code == 4:
        yield f"its own plan is called stale: {ran[0].err[:500]}"
    for one in ran:
        yield from (f"{' '.join(one.command)}: {fault}" for fault in _judged(one))


def _changes(text: str) -> Iterator[str]:
    for number in range(3):
        chance = random.Random(f"{number}{text}")  # noqa: S311 no secret
        document = json.loads(text)
        holder, key = chance.choice(places_in(document))
        holder[key] = chance.choice([value for value in VALUES if not isinstance(value, Decimal)])
        yield json.dumps(document)


BUILT_UPON = ["[('type', 'cacheonly')]"]


def _baked(text: str, project: Path, bake: Sequence[str]) -> Iterator[str]:
    """Give what render wrote to bake, which has to take it and to mean the same."""
    from tests.contract.test_bake_print import comparable

    sent = json.loads(text)
    environment = {**os.environ, "SSH_AUTH_SOCK": "/dev/null"}
    done = subprocess.run(
        [*bake, "bake", "-f", "-", "--print"],
        cwd=project, input=text, env=environment, capture_output=True, text=True, check=False, timeout=SECONDS,
    )  # fmt: skip
    if done.returncode != 0:
        if not any(word in done.stderr for word in _OF_THIS_MACHINE):
            yield f"bake refuses what render wrote: {done.stderr[-800:]}"
        return
    back = json.loads(done.stdout)
    asked = back["group"]["default"]["targets"]
    for name, target in sent["target"].items():
        if name not in back["target"]:
            continue  # only a base of others
        for key, value in target.items():
            found = comparable(key, back["target"][name].get(key))
            if key == "output" and name not in asked and found == BUILT_UPON:
                continue  # bake gives what is only built upon no output of its own
            if found != comparable(key, value) and value not in ([], {}, "", None):
                yield f"bake understands {name}.{key} as {found!r}, not {value!r}"


_OF_THIS_MACHINE = ("no such file", "is a directory", "permission denied", "not a directory", "ssh", "SSH")


def failing(case: Case, found: Sequence[str], folder: Path) -> Path:
    """Write down a case that failed, so that it can be looked at; returns where."""
    place = folder / case.seed
    place.mkdir(parents=True, exist_ok=True)
    (place / "buildmatrix.toml").write_bytes(case.text)
    said = "\n".join([f"from {case.project}", *map(" ".join, case.commands), "", *found])
    (place / "what").write_text(said, encoding="utf-8", errors="backslashreplace")
    for name, data in case.files.items():
        (place / name).write_bytes(data)
    return place


def run_case(case: Case, bake: Sequence[str] = ()) -> list[str]:
    """Return what is wrong with a case."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as name:
        return list(faults(case, Path(name), bake))
