"""The results of a run: what became of each target, after which attempts, and why others were skipped."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from pathlib import Path
from types import MappingProxyType

from buildmatrix.build.calls.ahead import Ahead
from buildmatrix.build.decision import LOST, lost_upon
from buildmatrix.engine.answers import Answer
from buildmatrix.engine.failures.classify import Failure
from buildmatrix.engine.outcome import Attempt, BuildOutcome, Status
from buildmatrix.engine.preflight import Engine
from buildmatrix.engine.progress.events import Listener, LogLine, TargetEnded
from buildmatrix.engine.progress.reader import Progress
from buildmatrix.engine.progress.tracks import Track
from buildmatrix.engine.registry import Registry
from buildmatrix.plan.builds import BuildPlan
from buildmatrix.plan.outputs import builds, writes_tags
from buildmatrix.process import Programs
from buildmatrix.publish.early import Early
from buildmatrix.publish.staging import FirstTags
from buildmatrix.records import dataclass


@dataclass(frozen=True, kw_only=True)
class Run:
    """What a run works with: `folder` is for the calls' files, `start` is its beginning (monotonic).

    `log_of` tells where the full log of a target is, "" if there is none. `changed` returns of Builds that may only be
    built from what was reviewed those of which something changed since the run began, with its path. `early` moves the
    tags of what others need first while the run goes on, None where all move at the end. `ahead` is a call that was
    started already, and is taken as the first one if it is that.
    """

    plan: BuildPlan
    engine: Engine
    programs: Programs
    registry: Registry
    folder: Path
    start: float
    log_of: Callable[[str], str]
    first_tags: FirstTags = field(default_factory=FirstTags)
    changed: Callable[[Iterable[str]], Mapping[str, str]] = lambda _: MappingProxyType({})
    early: Early | None = None
    ahead: Ahead | None = None


class Results:
    """Takes down what becomes of a plan's targets, and tells the listener."""

    def __init__(self, run: Run, tell: Listener, reasons: Mapping[str, str] = MappingProxyType({})) -> None:
        self._reasons = reasons
        self.plan, self.start = run.plan, run.start
        self.outcomes: dict[str, BuildOutcome] = {}
        self._driver = run.engine.builder.driver
        self._attempts: dict[str, list[Attempt]] = {}
        self._node_of, self._log_of, self._tell = run.engine.builder.node_of, run.log_of, tell

    def lost(self) -> dict[str, str]:
        """Return what cannot be built any more, each with the nearest target that it depends on and that was not."""
        return lost_upon(self.plan, {name for name in self.outcomes if self._is_lost(name)})

    def _is_lost(self, name: str) -> bool:
        return name in self.outcomes and self.outcomes[name].status in LOST

    def skip(self, name: str, culprit: str, *, interrupted: bool) -> None:
        """Take down that a target was not started, and why: for its `culprit` of `lost`, if there is one."""
        reason = "interrupted" if interrupted else ""
        if culprit:
            status = self.outcomes[culprit].status if culprit in self.outcomes else "skipped"
            reason = f"{culprit}, which it depends on, {'failed' if status == 'failed' else f'was {status}'}"
        elif not interrupted:
            failed = next((outcome.name for outcome in self.outcomes.values() if outcome.status == "failed"), "")
            reason = f"not started: {failed} failed" if failed else ""
            if upon := self._only_for(name):
                reason = f"built only for {upon}, which {'failed' if upon == failed else 'was not built'}"
        self.end(name, "skipped", reason=reason)

    def _only_for(self, name: str) -> str:
        """Return a target that was not built, for which alone this one would have been."""
        if self.plan.by_name[name].exported:
            return ""
        return next((one.name for one in self.plan.targets if name in one.depends_on and self._is_lost(one.name)), "")

    def attempt(self, name: str, started: float, failure: Failure | None = None, wait: float = 0.0) -> None:
        """Take down an attempt that has just ended; `started` are seconds from the run's start."""
        attempts = self._attempts.setdefault(name, [])
        attempts.append(
            Attempt(
                number=len(attempts) + 1,
                started=round(started, 3),
                seconds=round(time.monotonic() - self.start - started, 3),
                problem=failure.problem.diagnostics[0].message if failure else "",
                kind=failure.kind if failure else "",
                retried_in=round(wait, 1),
            )
        )

    def fail(self, name: str, failure: Failure, progress: Progress, answer: Answer | None = None) -> None:
        """Take down that a target failed, and why."""
        reason = failure.problem.diagnostics[0].message.removeprefix(f"{name} ").removeprefix("failed: ")
        self.end(name, "failed", progress, reason=reason, answer=answer, failure=failure)

    def end(
        self,
        name: str,
        status: Status,
        progress: Progress | None = None,
        *,
        digest: str = "",
        reason: str = "",
        answer: Answer | None = None,
        failure: Failure | None = None,
    ) -> None:
        """Take down what became of a target; `progress` is that of its last call, `digest` from its metadata.

        `answer` is what its `call` was answered, `failure` why it failed, perhaps another target's.
        """
        target = self.plan.by_name[name]
        problem = failure.problem.diagnostics[0] if failure else None
        findings = answer.findings if answer else ()
        for line in answer.lines if answer else ():
            self._tell(LogLine(target=name, at="", text=line))
        track = progress.tracks[name] if progress else Track()
        began = (progress.works_since(name) if progress else 0.0) or track.seen
        done = status in {"built", "cached"}
        outcome = BuildOutcome(
            name=name,
            target=target.target,
            declared=target.declared,
            status=status,
            exported=target.exported,
            platforms=target.platforms,
            tags=target.tags if done and target.exported and writes_tags(target.settings, self._driver) else (),
            tags_left_to=target.tags_left_to,
            depends_on=target.depends_on,
            needs=target.needs,
            started=round(max(0.0, began - self.start), 3) if began else 0.0,
            seconds=round(max(0.0, (track.whole or track.gone) - began), 3) if began else 0.0,
            digest=(digest or track.digest) if done else "",
            failed_step=track.failed_step if status == "failed" else "",
            excerpt="\n".join(track.log) if status == "failed" else "",
            place=problem.place if problem else None,
            hint=problem.hint if problem else "",
            problem=problem if failure and failure.target == name else None,
            reason=reason or (self._reasons.get(name, "") if done else ""),
            log=self._log_of(name),
            call="" if builds(target.settings) else target.settings.call or "",
            findings=findings,
            answer=answer.text if answer else "",
            attempts=tuple(self._attempts.get(name, ())),
            steps=tuple(progress.steps(name, self.start, self._node_of)) if progress else (),
        )
        self.outcomes[name] = outcome
        self._tell(TargetEnded(outcome=outcome))
