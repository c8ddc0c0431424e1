"""A check: a name, and a function of what there is to look at that returns a verdict."""

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING

from buildmatrix.engine.buildx import Builder, Probe
from buildmatrix.engine.checks.nodes import awaited
from buildmatrix.errors import BuildmatrixError, Diagnostic, EngineError
from buildmatrix.plan.model import Plan
from buildmatrix.process import Programs
from buildmatrix.records import dataclass

if TYPE_CHECKING:
    from packaging.version import Version


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a check found: `words` say what there is, `problems` what is wrong or may be; `unknown` why nobody knows."""

    words: str = ""
    problems: tuple[Diagnostic, ...] = ()
    unknown: str = ""

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        """The problems that keep something from being built."""
        return tuple(one for one in self.problems if one.severity == "error")

    @property
    def warnings(self) -> tuple[Diagnostic, ...]:
        """The problems with which a build goes on."""
        return tuple(one for one in self.problems if one.severity == "warning")


def verdict(*problems: Iterable[Diagnostic], words: str = "", fine: str = "") -> Verdict:
    """Return the verdict with all that several functions found; `fine` is what to say if that is nothing."""
    found = tuple(one for some in problems for one in some)
    return Verdict(words=words or ("" if found else fine), problems=found)


class Scene:
    """What checks look at: this machine, docker as `probe` asks it, and a plan, None where there is none.

    `directory` is that of the plan, or the one in which we stand; `environment` the one that we were started with, of
    which `programs` hands on less. It `tells` where somebody wants to know what there is
    now, and not only what is wrong: a run waits for remote nodes that have just been started.
    """

    def __init__(
        self,
        programs: Programs,
        probe: Probe,
        plan: Plan | None = None,
        directory: str = ".",
        environment: Mapping[str, str] = MappingProxyType({}),
        *,
        tells: bool = False,
    ) -> None:
        self.programs, self.probe, self.plan = programs, probe, plan
        self.directory, self.environment, self.tells = directory, environment, tells

    @cached_property
    def found(self) -> "tuple[Version, Builder]":
        """The version of buildx and the builder; EngineError if none answers."""
        try:
            version, builder = self.probe.look()
        except EngineError as error:
            raise EngineError(*map(self._told_to_create, error.diagnostics)) from None
        return version, builder if self.tells else awaited(builder, self.programs, self.probe.program())

    def _told_to_create(self, one: Diagnostic) -> Diagnostic:
        """Return what is said of a builder that is not there, with the command that makes one of the file."""
        from buildmatrix.engine.builders.declared import told_to_create

        return told_to_create(one, self.probe.asked, self.plan.builders if self.plan else {})

    @property
    def builder(self) -> Builder:
        """The builder; EngineError if none answers."""
        return self.found[1]

    @cached_property
    def answering(self) -> Builder | None:
        """The builder, None if none answers."""
        try:
            return self.builder
        except EngineError:
            return None

    @cached_property
    def version(self) -> "Version":
        """The version of buildx, also where no builder answers; EngineError if it tells none."""
        return self.found[0] if self.answering else self.probe.version()

    @property
    def is_without_docker(self) -> bool:
        """Whether there is neither docker nor buildx alone."""
        return not self.probe.alone and not self.programs.docker()


@dataclass(frozen=True)
class Check:
    """A check: `of_run` ones are made before each run, `of_plan` ones look at nothing without a plan.

    `fails` is what an error of it is.
    """

    name: str
    look: Callable[[Scene], Verdict]
    of_run: bool = False
    of_plan: bool = False
    fails: type[BuildmatrixError] = EngineError
