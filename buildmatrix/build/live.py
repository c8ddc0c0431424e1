"""What is told of the targets of a call while it runs: that one is begun, and that one is done."""

from collections.abc import Collection, Mapping
from dataclasses import field

from buildmatrix.build.calls.batches import Call
from buildmatrix.build.completed import has_run, is_whole
from buildmatrix.build.merged import merge_names
from buildmatrix.engine.buildx import Builder
from buildmatrix.engine.drivers import nodes_of
from buildmatrix.engine.progress.dockerfiles import Dockerfiles
from buildmatrix.engine.progress.events import (
    Event,
    Listener,
    Shared,
    StepEnded,
    StepStarted,
    TargetDone,
    TargetStarted,
)
from buildmatrix.engine.progress.reader import Progress, is_of_dockerfile
from buildmatrix.plan.builds import BuildPlan
from buildmatrix.records import dataclass


@dataclass()
class Told:
    """What was told of targets: the attempts that were begun, and which targets are done, each with whether it ran.

    `reasons` tells why some are built again, `ran` what ran in an earlier call.
    """

    reasons: Mapping[str, str]
    ran: Collection[str]
    begun: set[tuple[str, int]] = field(default_factory=set)
    done: dict[str, bool] = field(default_factory=dict)

    def forget(self, name: str) -> None:
        """Take back that a target is done: it is built once more."""
        if name in self.done:
            del self.done[name]
            self.begun -= {(other, attempt) for other, attempt in self.begun if other == name}


class Live:
    """Reads the lines of a call; tells the listener what its progress tells, and when its own targets begin and end."""

    def __init__(
        self, plan: BuildPlan, made: Call, builder: Builder, tell: Listener, told: Told, files: Dockerfiles
    ) -> None:
        self._plan, self._call, self._builder = plan, made, builder
        self._tell, self._told = tell, told
        self._own: dict[str, int] = {}
        self._touched: set[str] = set()
        self.files = files
        merges = merge_names([plan.by_name[name] for name in made.within])
        self.progress = Progress(made.within, self._hear, merges, files.whose, plan.keys_in_bake)

    def owns(self, names: Collection[str], attempt: int) -> None:
        """Take the targets that are built by this call and no other, and which attempt it is."""
        self._own = dict.fromkeys(names, attempt)

    def begin_all(self) -> None:
        """Tell that all targets are begun: where buildx shows its own progress nothing else tells."""
        for name in self._own:
            self._begin(name)

    def begin(self, name: str) -> None:
        """Tell that a target is begun, unless that was told: one that is cached may end without a step of its own."""
        if self._waits(name):
            self._begin(name)

    def line(self, text: str) -> None:
        """Take one line of standard error."""
        self.progress.line(text)
        touched, self._touched = self._touched, set()
        for name in touched:
            if name in self._own and name not in self._told.done and self._is_done(name):
                self._end(name)

    def _hear(self, event: Event) -> None:
        name = getattr(event, "target", "")
        if isinstance(event, StepEnded):
            self._touched.add(name)
        if self._waits(name) and self._begins(name, event):
            self._begin(name)
        self._tell(event)

    def _waits(self, name: str) -> bool:
        return name in self._own and (name, self._own[name]) not in self._told.begun

    def _begins(self, name: str, event: Event) -> bool:
        """Tell whether a step is the target's own, and not one of what it depends on that runs for it."""
        if isinstance(event, Shared):
            return event.runs and self.files.is_own(name, event.step)
        if not isinstance(event, StepStarted):
            return False
        upon = [base for base in self.files.upon(name) if base in self._own and base not in self._told.done]
        if not upon or (is_of_dockerfile(event.at) and self.files.is_own(name, event.step)):
            return True
        targets = self._plan.by_name
        ready = all(has_run(self.progress, targets[base], self.files) for base in upon)
        return ready and self.progress.works_since(name) > 0

    def _begin(self, name: str) -> None:
        attempt = self._own[name]
        self._told.begun.add((name, attempt))
        self._tell(TargetStarted(target=name, attempt=attempt, because=self._told.reasons.get(name, "")))

    def _is_done(self, name: str) -> bool:
        return is_whole(self.progress, self._call, self._plan.by_name[name], self._builder, self.files)

    def _end(self, name: str) -> None:
        self.begin(name)
        track = self.progress.tracks[name]
        self._told.done[name] = track.ran or name in self._told.ran
        track.whole = track.gone
        began = self.progress.works_since(name) or track.seen
        merged = len(nodes_of(self._plan.by_name[name].platforms, self._builder)) > 1
        self._tell(
            TargetDone(
                target=name,
                ran=self._told.done[name],
                seconds=round(max(0.0, track.gone - began), 3),
                digest="" if merged else track.digest,
            )
        )
