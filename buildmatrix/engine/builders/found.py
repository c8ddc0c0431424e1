"""The builders that there are, beside those that the file declares."""

from collections.abc import Mapping
from typing import Literal

from buildmatrix.engine.builders.compare import Difference
from buildmatrix.engine.builders.declared import difference, told_to_create
from buildmatrix.engine.builders.seen import Seen, all_seen, seen
from buildmatrix.errors import EngineError
from buildmatrix.process import Programs
from buildmatrix.records import dataclass
from buildmatrix.spec.rows.builders import DeclaredBuilder

State = Literal["as-declared", "differs", "missing", "not-declared"]
Builders = Mapping[str, DeclaredBuilder]


@dataclass(frozen=True, kw_only=True)
class Found:
    """A builder of buildx's or of the file's, or of both: `seen` is None for one that is missing."""

    name: str
    driver: str
    state: State
    seen: Seen | None = None
    differs: tuple[Difference, ...] = ()


def listed(builders: Builders, programs: Programs) -> tuple[Found, ...]:
    """Return all builders: those of buildx, then those that the file declares and buildx does not have."""
    there = all_seen(programs)
    names = {one.builder.name for one in there}
    missing = (one for one in builders.values() if one.name not in names)
    return (
        *(_found(one, builders, programs) for one in there),
        *(Found(name=one.name, driver=one.driver, state="missing") for one in missing),
    )


def inspected(name: str, builders: Builders, programs: Programs, *, start: bool) -> Found:
    """Return one builder, "" being the current one, started first with `start`.

    EngineError if there is none, with the command that makes one that is declared.
    """
    try:
        return _found(seen(name, programs, bootstrap=start), builders, programs)
    except EngineError as error:
        raise EngineError(*(told_to_create(one, name, builders) for one in error.diagnostics)) from None


def _found(one: Seen, builders: Builders, programs: Programs) -> Found:
    builder = one.builder
    differs = difference(builders.get(builder.name), programs)
    state: State = "not-declared" if builder.name not in builders else "differs" if differs else "as-declared"
    return Found(name=builder.name, driver=builder.driver, state=state, seen=one, differs=differs)
