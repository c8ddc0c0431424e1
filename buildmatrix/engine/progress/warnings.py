"""What BuildKit warns of in Dockerfiles, each once: targets share files, and platforms targets."""

from dataclasses import replace

from buildmatrix.engine.failures.places import place_in
from buildmatrix.engine.outcome import Finding
from buildmatrix.engine.progress.events import Warned
from buildmatrix.plan.model import Plan


class Warnings:
    """Gathers the warnings of a run."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._found: dict[object, Finding] = {}

    @property
    def found(self) -> tuple[Finding, ...]:
        """All warnings, in the order in which they came."""
        return tuple(self._found.values())

    def taken(self, event: Warned) -> Warned:
        """Take a warning down; return it, marked where the same was said before."""
        place = place_in(self._plan.by_name[event.target], self._plan.directory, event.line)
        key = place, event.rule, event.message
        is_known = key in self._found
        warning = Finding(rule=event.rule, message=event.message, place=place, url=event.url, line=event.line)
        self._found.setdefault(key, warning)
        return replace(event, again=is_known)
