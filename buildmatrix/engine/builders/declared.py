"""What is said of a builder that the file declares: that it is missing, or is another one."""

from collections.abc import Mapping
from dataclasses import replace

from buildmatrix.engine.builders.compare import Difference, differences
from buildmatrix.engine.builders.stored import stored
from buildmatrix.errors import Diagnostic, and_more
from buildmatrix.process import Programs
from buildmatrix.spec.rows.builders import DeclaredBuilder

CREATE = "buildmatrix builder create"
REMOVE = "buildmatrix builder rm"


def no_builder(name: str) -> Diagnostic:
    """Return what is said of a builder that neither buildx nor the file knows."""
    return Diagnostic(message=f'there is no builder "{name}"', code="builder", hint="see buildmatrix builder ls")


def difference(one: DeclaredBuilder | None, programs: Programs) -> tuple[Difference, ...]:
    """Return in what the builder that there is differs from a declared one; () where either is none."""
    kept = stored(one.name, programs.environment) if one else None
    return differences(one, kept, programs.environment) if one and kept else ()


def told_to_create(one: Diagnostic, name: str, builders: Mapping[str, DeclaredBuilder]) -> Diagnostic:
    """Return what is said of a builder that is not there, with the command that makes one that is declared."""
    if one.code != "builder" or name not in builders:
        return one
    return replace(one, hint=f"the file declares it: {CREATE} {name}", command=f"{CREATE} {name}")


def warning(one: DeclaredBuilder, differs: tuple[Difference, ...]) -> Diagnostic:
    """Return the warning that a builder is another one than the file declares."""
    first, command = spoken(differs[0]), mending(one.name, differs)
    what = "call it otherwise, or remove the one that is there, with its cache" if _is_anothers(differs) else ""
    return Diagnostic(
        message=f'builder "{one.name}" is not as the file declares it: {first}{and_more(len(differs), "difference")}',
        code="builder",
        place=one.place,
        hint=what or f"{command} changes it",
        command=command,
        severity="warning",
    )


def mending(name: str, differs: tuple[Difference, ...]) -> str:
    """Return the command that makes a builder what is declared; one of another driver has to go first."""
    create = f"{CREATE} {name}"
    return f"{REMOVE} {name} && {create}" if _is_anothers(differs) else create


def _is_anothers(differs: tuple[Difference, ...]) -> bool:
    return any(one.kind == "driver" for one in differs)


def spoken(one: Difference) -> str:
    """Return a difference with its node."""
    return f"node {one.node}: {one.words}" if one.node else one.words
