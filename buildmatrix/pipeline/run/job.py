"""What is applied, and who is told how that goes on."""

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

from buildmatrix.build.logs import Logs
from buildmatrix.engine.outcome import Outcome
from buildmatrix.engine.preflight import Engine
from buildmatrix.engine.progress.events import Listener
from buildmatrix.engine.registry import Registry
from buildmatrix.errors import Diagnostic
from buildmatrix.plan.builds import BuildPlan
from buildmatrix.plan.document.reviewed import Claim
from buildmatrix.plan.model import Plan
from buildmatrix.plan.policy import Policy
from buildmatrix.process import Programs
from buildmatrix.records import dataclass

if TYPE_CHECKING:
    from buildmatrix.machines.part import Part


@dataclass(frozen=True, kw_only=True)
class Job:
    """A plan, how it is run, and with what.

    `written` are the paths that the command writes itself, `environment` is what bake will see, `logs` where the logs
    of targets go, if anybody wants them. `claim` is what a saved plan says, None for a plan that was made now; `part`
    is what of it this machine builds, None for all of it.
    """

    plan: BuildPlan
    policy: Policy
    programs: Programs
    environment: Mapping[str, str]
    written: tuple[str, ...] = ()
    logs: Logs | None = None
    claim: Claim | None = None
    part: "Part | None" = None

    @property
    def asked(self) -> Plan:
        """The plan of what is built here."""
        return self.plan if self.part else self.plan.of


class Watcher(Protocol):
    """Who is told how a run goes on: nothing is printed here."""

    def warn(self, found: Iterable[Diagnostic]) -> None:
        """Take warnings."""

    def note(self, text: str) -> None:
        """Take a text on one line, from any thread."""

    def begin(self, engine: Engine, first: str) -> AbstractContextManager[Listener]:
        """Return who hears of the run while it goes on: it begins now, on this builder.

        `first` says under which tags images are pushed first; "" if there are none.
        """


@dataclass(frozen=True, kw_only=True)
class Applied:
    """What became of a run, and the way to the registries that it asked, for what more is wanted of them."""

    outcome: Outcome
    registry: Registry
