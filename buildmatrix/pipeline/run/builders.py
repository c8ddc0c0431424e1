"""Builders: what the file declares, what there is, and what makes the one the other."""

from collections.abc import Callable, Iterable, Mapping

from buildmatrix.engine.builders.declared import CREATE, REMOVE, no_builder
from buildmatrix.engine.builders.making import refuse_absent_files, take
from buildmatrix.engine.builders.seen import seen
from buildmatrix.engine.builders.steps import Change, Step, bootstrap, change, remove, use
from buildmatrix.engine.builders.stored import stored
from buildmatrix.errors import (
    BuildmatrixError,
    Diagnostic,
    EngineError,
    Problems,
    SpecError,
    UsageError,
    did_you_mean,
)
from buildmatrix.plan.access.entitlements import is_allowed
from buildmatrix.process import Programs
from buildmatrix.records import dataclass
from buildmatrix.spec.load import load
from buildmatrix.spec.rows.builders import DeclaredBuilder
from buildmatrix.spec.toml.source import Sources

Builders = Mapping[str, DeclaredBuilder]


@dataclass(frozen=True, kw_only=True)
class Declared:
    """The builders of a file, and the one that `apply` uses where none is named ("" if the file does not say)."""

    builders: Builders
    chosen: str = ""

    def name(self, given: str | None) -> str:
        """Return the builder that is meant where perhaps none is named: apply's, else the only one; "" for neither."""
        if given:
            return given
        if self.chosen:
            return self.chosen
        return next(iter(self.builders)) if len(self.builders) == 1 else ""

    def builder(self, given: str | None) -> DeclaredBuilder:
        """Return a builder of the file; UsageError for one that it does not declare."""
        name = self.name(given)
        if name in self.builders:
            return self.builders[name]
        if not name:
            what = "several builders" if self.builders else "no builder"
            hint = f"name one: {', '.join(self.builders)}" if self.builders else "declare one: [builder.NAME]"
            raise UsageError(Diagnostic(message=f"the file declares {what}", code="builder", hint=hint))
        hint = did_you_mean(name, self.builders) or "declare it: [builder.NAME]"
        raise UsageError(Diagnostic(message=f'the file declares no builder "{name}"', code="builder", hint=hint))


NOTHING = Declared(builders={})


def declared(name: str, sources: Sources) -> Declared:
    """Return the builders of the root file `name`; SpecError with everything that is wrong with it."""
    problems = Problems()
    spec = load(name, sources, problems)
    if wrong := [one for one in problems.errors if one.code != "no-target"]:
        raise SpecError(*wrong)
    return Declared(builders=spec.builders, chosen=spec.apply.builder or "")


# --- what is done -----------------------------------------------------------------------------------------------------


def planned(one: DeclaredBuilder, programs: Programs, *, start: bool = False, current: bool = False) -> Change:
    """Return what makes a builder what is declared; SpecError for a file of it that is not there.

    UsageError for a builder of that name with another driver: it is somebody's, and to remove it loses its cache.
    What is created or changed is started where the file says so; with `start` in any case. With `current` it becomes
    the current one.
    """
    refuse_absent_files(one)
    there = stored(one.name, programs.environment)
    if there and there.driver != one.driver:
        message = f'builder "{one.name}" is there with the driver {there.driver}, and the file declares {one.driver}'
        hint = f"call it otherwise, or remove the one that is there, with its cache: {REMOVE} {one.name}"
        raise UsageError(Diagnostic(message=message, code="builder", place=one.place, hint=hint))
    found = change(one, there, programs.environment)
    more = [bootstrap(one.name)] if start or (one.bootstrap and found.steps) else []
    return Change(steps=(*found.steps, *more, *([use(one.name)] if current else [])), differs=found.differs)


def removal(name: str, programs: Programs, *, keep_state: bool) -> tuple[Step, ...]:
    """Return the step that removes a builder; none where buildx has no such builder."""
    kept = stored(name, programs.environment)
    return (remove(name, kept.driver, keep_state=keep_state),) if kept else ()


def not_removed(name: str, programs: Programs) -> BuildmatrixError:
    """Return what is said where buildx keeps no builder of a name: there is none, or it is docker's own."""
    try:
        found = seen(name, programs).builder
    except EngineError as error:
        return error
    if found.driver != "docker":
        return EngineError(no_builder(name))
    of_context = f"it is that of docker context {name}, and goes with it: docker context rm {name}"
    hint = "docker buildx prune --builder default empties its cache" if name == "default" else of_context
    message = f'builder "{name}" is docker\'s own, which cannot be removed'
    return UsageError(Diagnostic(message=message, code="builder", hint=hint))


def to_be_made(
    name: str | None, builders: Builders, allowed: Iterable[str], programs: Programs
) -> DeclaredBuilder | None:
    """Return the builder of a run if the file declares it and it is missing.

    UsageError for one that may do more than BuildKit's own on this engine and that was not allowed: a file of somebody
    else would say which program gets the files and logins of a build.
    """
    one = builders.get(name or "")
    if one is None or stored(one.name, programs.environment) is not None:
        return None
    if not one.is_plain and not is_allowed(f"builder={one.name}", allowed):
        message = f'builder "{one.name}" is not there, and apply has to allow what the file says of it'
        hint = f"read it, then run {CREATE} {one.name}, or add --allow=builder={one.name}"
        command = f"{CREATE} {one.name}"
        raise UsageError(Diagnostic(message=message, code="allow", place=one.place, hint=hint, command=command))
    refuse_absent_files(one)
    return one


def ready(
    name: str | None,
    builders: Builders,
    allowed: Iterable[str],
    programs: Programs,
    tell: Callable[[str], None],
) -> bool:
    """Make the builder of a run where that is needed, and tell so; return whether it was made."""
    one = to_be_made(name, builders, allowed, programs)
    if one is None:
        return False
    take(planned(one, programs).steps, programs, tell)
    return True
