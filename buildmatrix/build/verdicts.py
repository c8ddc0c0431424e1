"""A call has ended: what becomes of its targets, and what of them is built once more.

What a failure means is decided in decision.py; here it is carried out.
"""

import time
from collections import deque
from collections.abc import Collection, Iterable, Mapping
from dataclasses import field, replace
from typing import Any

from buildmatrix.build.calls.batches import MOST, Call, call
from buildmatrix.build.calls.bisect import Culprits
from buildmatrix.build.calls.chains import Chains
from buildmatrix.build.calls.runner import Running, Starter, Unit, metadata_of
from buildmatrix.build.decision import Case, Decision, decide
from buildmatrix.build.live import Told
from buildmatrix.build.results import Results, Run
from buildmatrix.build.timeouts import is_done
from buildmatrix.engine.answers import Answer, answer_of, failure_of
from buildmatrix.engine.failures.classify import Failure, explain
from buildmatrix.engine.progress.events import Listener, Retrying
from buildmatrix.errors import BuildFailedError, BuildmatrixError, Diagnostic, EngineError
from buildmatrix.plan.policy import Policy
from buildmatrix.records import dataclass
from buildmatrix.retries import wait_before


@dataclass()
class Work:
    """What is to be done and what runs; `closed` says that nothing new is started."""

    unchanged: set[str]
    """Targets that need not be built."""
    reasons: dict[str, str]
    """Why targets are built again, by name."""
    ran: set[str] = field(default_factory=set)
    """What ran in calls that failed, or for what depends on it: the cache has it from this run."""
    pending: list[Unit] = field(default_factory=list)
    running: list[Running] = field(default_factory=list)
    closed: bool = False
    signals: int = 0
    problems: list[BuildmatrixError] = field(default_factory=list)


class Verdicts:
    """Decides about the targets of calls that have ended. Bake's metadata of all of them is in `metadata`."""

    def __init__(
        self, run: Run, policy: Policy, results: Results, work: Work, starter: Starter, told: Told, tell: Listener
    ) -> None:
        """Take the run, where it is taken down, what is to be done, and what was told."""
        self._told = told
        self.run, self.plan, self.policy, self.options = run, run.plan, policy, policy.options
        self.results, self._work, self._starter, self._tell = results, work, starter, tell
        self.metadata: dict[str, Any] = {}
        self._culprits = Culprits(run.plan)

    def skip(self, name: str, lost: Mapping[str, str]) -> None:
        """Take down that a target was not started; `lost` are the results's."""
        self.results.skip(name, lost.get(name, ""), interrupted=bool(self._work.signals))

    def ended(self, running: Running, code: int) -> None:
        """Take a call that has ended with this exit code."""
        self._work.running.remove(running)
        running.code, running.metadata = code, metadata_of(running, self.plan.keys_in_bake)
        self.metadata |= running.metadata
        if running.archives.are_refused(running.progress.words):
            self._starter.opens_archives = False
            self._work.pending.append(replace(running.unit, resumes=True))
        elif code and not self._work.signals and self.run.first_tags.are_refused(running.progress.words):
            self._work.pending.append(replace(running.unit, resumes=True))
        else:
            self._end_call(running)
        running.archives.drop()
        for name in self._told.done.keys() - self.results.outcomes.keys():
            if name in running.unit.call.within:
                self._told.forget(name)

    def _end_call(self, running: Running) -> None:
        if self._has_succeeded(running) or self._is_answered(running):
            self._succeeded(running)
        elif running.ended_for == "stopped":
            self._interrupted(running)
        elif (failure := self._failure(running)).refused and (
            parts := self._culprits.parts(running.unit, {*self.results.outcomes, *self._work.unchanged})
        ):
            self._work.pending += parts
        else:
            self._failed(running, failure)

    def _has_succeeded(self, running: Running) -> bool:
        """Tell whether a call built all that it names: of one that was ended, its exit code alone does not say so."""
        whole = not running.ended_for or running.metadata.keys() >= set(running.unit.call.names)
        return running.code == 0 and whole

    def _failure(self, running: Running) -> Failure:
        if running.ended_for != "timeout":
            running.progress.words = deque(map(running.archives.spoken, running.progress.words))
            asked, said = running.unit.call.names, self.policy.progress != "tty"
            return explain(running.progress, self.plan, asked, said=said, code=running.code)
        target = self.plan.by_name[running.late]
        message = f"{running.late} took longer than {self.policy.timeout(target)} s, and was ended"
        hint = "raise its timeout, or --timeout" + (
            "" if self.run.log_of(running.late) else "; --log-dir keeps all of its log"
        )
        problem = BuildFailedError(Diagnostic(message=message, code="timeout", place=target.place, hint=hint))
        return Failure(target=running.late, problem=problem, kind="timeout")

    def _is_answered(self, running: Running) -> bool:
        """Tell whether a call that asks was answered whole: its exit code then says that a check found something."""
        return running.unit.call.asks and all(self._answer(name, running) for name in running.unit.call.names)

    def _answer(self, name: str, running: Running) -> Answer | None:
        return answer_of(self.plan.by_name[name], self.plan.directory, running.metadata.get(name, {}))

    def _succeeded(self, running: Running) -> None:
        if self._is_built_together(running):
            return
        self._export_what_changed(running)
        for name in running.unit.call.within:
            if self.is_own(running.unit.call, name):
                self._end_well(name, running)

    def _is_built_together(self, running: Running) -> bool:
        """Build a call once more, with what was unchanged and ran for it: the cache may lose that in between."""
        lost = self._work.unchanged.intersection(running.unit.call.within)
        if not lost or self._work.signals or running.unit.call.asks:
            return False
        before = set(self._work.unchanged)
        pending = len(self._work.pending)
        self._export_what_changed(running)
        del self._work.pending[pending:]
        changed = before - self._work.unchanged
        if changed:
            names = [name for name in running.unit.call.within if name in changed or name in running.unit.call.names]
            self._work.ran.update(name for name in names if running.progress.tracks[name].ran)
            self._work.pending.append(self._again(names, running.unit.attempt, alone=running.unit.call.alone))
        return bool(changed)

    def _export_what_changed(self, running: Running) -> None:
        """Build what was unchanged where the cache had lost it: what depends on it has to be what is there."""
        for name in self._work.unchanged.intersection(running.unit.call.within):
            ran = running.progress.tracks[name].ran or self.policy.progress != "auto"
            if ran and self.plan.by_name[name].exported:
                self._work.unchanged.remove(name)
                self._work.ran.add(name)
                self._work.reasons[name] = "it was no longer in the cache, and others depend on it"
                if self._work.signals:
                    self.results.end(name, "stopped", running.progress, reason="it was built again, and not exported")
                else:
                    self._work.pending.append(self._again([name], 1, alone=self.policy.is_split))

    def _end_well(self, name: str, running: Running) -> None:
        running.live.begin(name)
        if running.unit.call.asks and name in running.unit.call.names:
            self._end_answered(name, running, self._answer(name, running))
            return
        if trouble := running.archives.keep(name):
            self._end_unwritten(name, running, trouble)
            return
        self.results.attempt(name, running.started)
        ran = running.progress.tracks[name].ran or name in self._work.ran or self.policy.progress != "auto"
        ran = self._told.done.get(name, ran)  # what ends after it was done is of others
        told = running.metadata.get(name, {}).get("containerimage.digest", "")
        digest = told or running.merged.get(name, "")
        self.results.end(name, "built" if ran else "cached", running.progress, digest=digest)

    def _end_unwritten(self, name: str, running: Running, trouble: str) -> None:
        """It was built, but its archive cannot take its name."""
        place = self.plan.by_name[name].place
        problem = EngineError(Diagnostic(message=f"{name} failed: {trouble}", code="write", place=place))
        failure = Failure(target=name, problem=problem, kind="engine")
        self.results.attempt(name, running.started, failure)
        self.results.fail(name, failure, running.progress)
        self.give_up(failure)

    def _end_answered(self, name: str, running: Running, answer: Answer | None) -> None:
        if answer is None or answer.passed:
            self.results.attempt(name, running.started)
            self.results.end(name, "checked", running.progress, answer=answer)
            return
        failure = failure_of(self.plan.by_name[name], answer)
        self.results.attempt(name, running.started, failure)
        self.results.fail(name, failure, running.progress, answer)
        self.give_up(failure)

    def is_own(self, made: Call, name: str) -> bool:
        """Tell whether a target within a call is built by it: by no other one, and not unchanged."""
        return name not in self._work.unchanged and (name in made.names or not self._has_own_call(name))

    def _has_own_call(self, name: str) -> bool:
        """Tell whether a target that others depend on is built by a call of its own."""
        mine = [*self._work.pending, *(running.unit for running in self._work.running)]
        return name in self.results.outcomes or any(name in unit.call.names for unit in mine)

    def _stop(self, name: str, running: Running, reason: str) -> None:
        """Take down that a target was ended, if it was begun."""
        if (name, running.unit.attempt) in self._told.begun:
            self.results.attempt(name, running.started)
            self.results.end(name, "stopped", running.progress, reason=reason)
        else:
            self.results.end(name, "skipped", reason=reason)

    def _is_begun(self, name: str, running: Running) -> bool:
        """Tell whether a target runs, and not only what it depends on: its Dockerfile is read as its call starts."""
        if self.policy.progress == "auto":
            return (name, running.unit.attempt) in self._told.begun
        return running.progress.works_since(name) > 0  # all were said to be begun

    def _end_done(self, running: Running, but: str = "") -> None:
        """Take down what was written before a call was ended; of a dependency only, what was told to be done."""
        made = running.unit.call
        for name in made.within:
            asked = name in made.names or (name in self._told.done and self.is_own(made, name))
            if name != but and asked and is_done(running, self.run, name):
                self._end_well(name, running)

    def _interrupted(self, running: Running) -> None:
        self._export_what_changed(running)
        self._end_done(running)
        for name in running.unit.call.names:
            if name not in self.results.outcomes:
                self._stop(name, running, "interrupted")

    def _failed(self, running: Running, failure: Failure) -> None:
        """Take the target that failed out, try it again where that may help, and go on with the others."""
        self._export_what_changed(running)
        self._work.ran.update(name for name, track in running.progress.tracks.items() if track.ran)
        self._end_done(running, but=failure.target)
        decision = decide(self._case(running, failure))
        wait = wait_before(running.unit.attempt, failure.wait) if decision.retries else 0.0
        if failure.target in decision.blamed:
            running.live.begin(failure.target)
        for name in decision.blamed:
            self._blame(name, running, failure, decision, wait)
        for retry in decision.retries:
            after = time.monotonic() + wait
            self._work.pending.append(self._again(retry.names, running.unit.attempt + 1, after, alone=retry.alone))
        if not decision.retries:
            self.give_up(failure)
        self._go_on(running, failure.target, decision)

    def _case(self, running: Running, failure: Failure) -> Case:
        made = running.unit.call
        asked = {*made.within, failure.target} & self.plan.by_name.keys()
        return Case(
            plan=self.plan,
            names=made.names,
            alone=made.alone,
            attempt=running.unit.attempt,
            target=failure.target,
            may_pass=failure.may_pass,
            is_hiccup=failure.is_hiccup,
            ended={name: outcome.status for name, outcome in self.results.outcomes.items()},
            begun=frozenset(name for name in made.names if self._is_begun(name, running)),
            retries={name: self.policy.retries(self.plan.by_name[name]) for name in asked},
            keep_going=self.policy.keep_going,
            fail_fast=self.options.fail_fast,
            closed=self._work.closed,
            interrupted=bool(self._work.signals),
        )

    def _blame(self, name: str, running: Running, failure: Failure, decision: Decision, wait: float) -> None:
        self.results.attempt(name, running.started, failure, wait)
        if decision.retries:
            problem = failure.problem.diagnostics[0].message
            self._tell(Retrying(target=name, attempt=running.unit.attempt, problem=problem, seconds=wait))
        else:
            self.results.fail(name, failure, running.progress)

    def _again(self, names: Iterable[str], attempt: int, after: float = 0.0, *, alone: bool = True) -> Unit:
        return Unit(call=call(self.plan, names, alone=alone), attempt=attempt, after=after, resumes=True)

    def give_up(self, failure: Failure) -> None:
        """Take down a failure that is not tried again, and what it ends."""
        self._work.problems.append(failure.problem)
        if not self.policy.keep_going:
            self._work.closed = True
            self._work.pending = [unit for unit in self._work.pending if unit.resumes and not self.options.fail_fast]
        if self.options.fail_fast:
            for running in self._work.running:
                running.ended_for = running.ended_for or "stopped"
                running.watched.stop()
        self._skip_what_is_lost()

    def _skip_what_is_lost(self) -> None:
        """Take what depends on a failure out of the calls that are still to be made."""
        lost = self.results.lost()
        for name in self._taken_out(lost):
            self.skip(name, lost)

    def _taken_out(self, names: Collection[str]) -> list[str]:
        """Take targets out of the calls that are still to be made; return those that were there."""
        found: list[str] = []
        for unit in list(self._work.pending):
            left = [name for name in unit.call.names if name not in names]
            if len(left) == len(unit.call.names):
                continue
            found += [name for name in unit.call.names if name in names]
            if left:
                unit.call = call(self.plan, left, alone=unit.call.alone)
            else:
                self._work.pending.remove(unit)
        return found

    def withhold(self, names: Collection[str], problem: BuildmatrixError, reason: str) -> None:
        """Build none of these targets, nor what depends on them: what they need first is not what its tags hold."""
        self._taken_out(names)
        for name in names:
            self.results.end(name, "skipped", reason=reason)
        self.give_up(Failure(target="", problem=problem, kind="registry"))

    def _go_on(self, running: Running, failed: str, decision: Decision) -> None:
        """Put what the failure interrupted back, each chain alone: bake ends all of a call at the first failure."""
        for name, fate in decision.others.items():
            if fate == "lost":
                self.skip(name, decision.culprits)
            elif fate == "stopped":
                self._stop(name, running, f"{failed} failed")
        chains = Chains(self.plan, self.policy, self._work.unchanged).of(decision.again, MOST) if decision.again else ()
        self._work.pending += [self._again(chain, running.unit.attempt) for chain in chains]
