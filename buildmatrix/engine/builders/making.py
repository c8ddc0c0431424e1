"""Builders are made: what is needed for it is looked at, and the steps are taken one after another."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from buildmatrix.engine.builders.declared import no_builder
from buildmatrix.engine.builders.steps import Step, typed
from buildmatrix.engine.buildx import BUILDX
from buildmatrix.engine.failures.unreachable import no_buildx
from buildmatrix.errors import Diagnostic, EngineError, SpecError
from buildmatrix.process import Programs
from buildmatrix.spec.rows.builders import DeclaredBuilder

SECONDS = 900.0
"""How long a step may take: an image of BuildKit may have to come from far away."""


def program_of(programs: Programs) -> tuple[str, ...]:
    """Return the command to which those of buildx are given."""
    alone = programs.standalone_buildx()
    return (alone,) if alone else BUILDX


def refuse_no_buildx(programs: Programs) -> None:
    """Raise EngineError where there is no buildx: docker takes its commands for unknown ones then."""
    done = programs.run([*program_of(programs), "version"])
    if done.code != 0:
        raise no_buildx(done)


def refuse_absent_files(declared: DeclaredBuilder) -> None:
    """Raise SpecError for each file of a builder that is not there, or cannot be read."""
    if found := list(absent_files(declared)):
        raise SpecError(*found)


def absent_files(declared: DeclaredBuilder) -> Iterator[Diagnostic]:
    """Yield each file of a builder that is not there, or cannot be read, with its place."""
    said: set[str] = set()
    for node in declared.nodes:
        for path, place in node.paths.items():
            if path not in said and (why := _unreadable(path)):
                said.add(path)
                message = f"builder.{declared.name}: {path} {why}"
                hint = "paths are relative to the file that declares the builder"
                yield Diagnostic(message=message, code="builder", place=place, hint=hint)


def _unreadable(path: str) -> str:
    try:
        with Path(path).open("rb"):
            return ""
    except FileNotFoundError:
        return "does not exist"
    except OSError as error:
        return f"cannot be read: {error.strerror}"


def take(steps: Iterable[Step], programs: Programs, tell: Callable[[str], None]) -> None:
    """Take steps, and tell what each did; EngineError where one fails.

    A builder that is made anew is removed only after buildx has taken what it is to be: a wrong option costs nothing.
    """
    program, every = program_of(programs), tuple(steps)
    if "rm" in {step.words[0] for step in every}:
        _try(every, program, programs)
    for step in every:
        _taken(step, program, programs)
        tell(step.does)


def _try(steps: Iterable[Step], program: Sequence[str], programs: Programs) -> None:
    """Create what steps create, in a configuration of buildx that is thrown away."""
    with TemporaryDirectory() as folder:
        elsewhere = programs.with_variable("BUILDX_CONFIG", folder)
        for step in steps:
            if step.words[0] == "create":
                _taken(step, program, elsewhere)


def _taken(step: Step, program: Sequence[str], programs: Programs) -> None:
    done = programs.run([*program, *step.words], timeout=SECONDS)
    if done.code == 0:
        return
    refuse_no_buildx(programs)
    lines = [line for line in done.stderr.strip().splitlines() if line.strip()]
    said = re.sub(r"^(ERROR|error): ", "", lines[-1]) if lines else f"exit code {done.code}"
    if step.words[0] == "use" and said.startswith("failed to find instance"):
        raise EngineError(no_builder(step.words[1]))
    message = f"buildx could not {_verb(step)}: {said}"
    hint = f"the command was: {typed(program, step)}"
    if said.startswith('failed to find driver "cloud"'):
        hint = f"update buildx: the cloud driver comes with 0.37, and with Docker Desktop\n{hint}"
    raise EngineError(Diagnostic(message=message, code="builder", hint=hint))


def _verb(step: Step) -> str:
    verbs = {"create": "make the builder", "rm": "remove the builder", "inspect": "start the builder"}
    return verbs.get(step.words[0], f"{step.words[0]} the builder")
