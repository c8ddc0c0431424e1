"""The scheduler: bake calls in order, as many at once as may be; failures, retries, time limits and ^C.

One thread decides, alone; every call has a thread that reads its progress. They speak through one queue, which the
signal handler uses too.
"""

import threading
import time
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import replace
from queue import Empty, SimpleQueue
from typing import Any, Literal

from buildmatrix.build.answers import Answer, answer_of, failure_of
from buildmatrix.build.calls import MOST, call, calls
from buildmatrix.build.culprit import Culprits
from buildmatrix.build.failure import Failure, explain
from buildmatrix.build.late import is_done, late_one
from buildmatrix.build.ledger import Ledger, Run, waited_for
from buildmatrix.build.options import ApplyOptions, Policy
from buildmatrix.build.progress import Listener, Retrying, TargetStarted
from buildmatrix.build.resume import NOTHING, Resumed
from buildmatrix.build.running import Running, Starter, Unit, metadata_of, wait_before
from buildmatrix.build.strands import Strands
from buildmatrix.errors import (
    BuildFailedError,
    BuildmatrixError,
    Diagnostic,
    EngineError,
    StoppedError,
    UsageError,
)
from buildmatrix.plan.model import Plan
from buildmatrix.plan.outputs import builds
from buildmatrix.process import signals

MOST_CALLS = 16
"""Bake calls at once where nobody says how many: each is a process of docker."""

LARGE_CALLS = 2
"""Calls of many targets at once."""


class Schedule:
    """Runs a plan once. What became of each target is in the `ledger`, bake's metadata in `metadata`."""

    def __init__(self, run: Run, options: ApplyOptions, listener: Listener, resumed: Resumed = NOTHING) -> None:
        """Take the run and how to run it, and what need not be built again."""
        self.run, self.plan, self.options = run, run.plan, options
        self.policy = Policy(plan=run.plan, options=options)
        self._reasons = dict(resumed.reasons)
        self.ledger = Ledger(run, self._tell, self._reasons)
        self.metadata: dict[str, Any] = {}
        self._problems: list[BuildmatrixError] = []
        self._kept = set(resumed.kept)
        self._ran: set[str] = set()
        """What ran in calls that failed, or for what is built upon it: the cache has it from this run."""
        self._queue: SimpleQueue[tuple[Literal["ended", "signal"], Any]] = SimpleQueue()
        self._lock = threading.Lock()
        self._listener = listener
        self._pending: list[Unit] = []
        self._running: list[Running] = []
        self._starter = Starter(run, self.policy, self._tell)
        self._closed = False
        self._signals = 0
        self._culprits = Culprits(run.plan)
        self._told: set[tuple[str, int]] = set()

    def _tell(self, event: Any) -> None:
        with self._lock:
            self._listener(event)

    @property
    def problem(self) -> BuildmatrixError | None:
        """What went wrong: ^C before all, else every failure, with the exit code of a failed build if there is one."""
        if self._signals:
            return StoppedError(Diagnostic(message="stopped", code="stopped"))
        if not self._problems:
            return None
        worst = next((one for one in self._problems if isinstance(one, BuildFailedError)), self._problems[0])
        said = dict.fromkeys(diagnostic for one in self._problems for diagnostic in one.diagnostics)
        return type(worst)(*said)

    @property
    def interrupted(self) -> bool:
        """Whether ^C or SIGTERM ended the run."""
        return bool(self._signals)

    # --- the loop -------------------------------------------------------------------------------------------------

    def go(self) -> None:
        """Run to the end; what went wrong first is in `problem`."""
        self._pending = [Unit(call=made) for made in calls(self._rest(), self.policy, self._kept)]
        with signals(lambda signum: self._queue.put(("signal", signum))):
            try:
                while self._pending or self._running:
                    self._start_ready()
                    if self._running or self._due() is not None:  # else all that could start was refused
                        self._wait()
            finally:
                for running in self._running:
                    running.watched.kill()
                    running.archives.drop()
        lost = self.ledger.lost()
        for target in self.plan.targets:
            if target.name not in self.ledger.outcomes and target.name not in self._kept:
                self._skip(target.name, lost)

    def _skip(self, name: str, lost: Mapping[str, str]) -> None:
        self.ledger.skip(name, lost.get(name, ""), interrupted=self.interrupted)

    def _rest(self) -> Plan:
        """Return the plan without the targets that need not be built."""
        return _without(self.plan, frozenset(self._kept)) if self._kept else self.plan

    def _start_ready(self) -> None:
        now = time.monotonic()
        owners = {name for unit in self._pending for name in unit.call.names}
        owners |= {name for running in self._running for name in running.unit.call.names}
        for unit in list(self._pending):
            if len(self._running) >= (self.policy.jobs or MOST_CALLS):
                return
            if unit.after <= now and self._has_room(unit) and not owners.intersection(self._before(unit)):
                self._pending.remove(unit)
                self._start(unit)
        if not self._running and self._pending and all(unit.after <= now for unit in self._pending):
            self._pending.clear()  # each waits for what will not come: it is skipped, and said to be

    def _has_room(self, unit: Unit) -> bool:
        """Few large calls at a time: an engine that gets hundreds of targets at once forgets some of them."""
        large = sum(not running.unit.call.alone for running in self._running)
        return unit.call.alone or large < LARGE_CALLS

    def _before(self, unit: Unit) -> set[str]:
        """Return the targets that have to end before a unit starts."""
        own = set(unit.call.names)
        within = (self.plan.by_name[name] for name in unit.call.within)
        return {name for target in within for name in waited_for(self.plan, target)} - own

    def _start(self, unit: Unit) -> None:
        if refused := self._starter.refused(unit.call):
            self._refuse(unit, UsageError(*refused))
            return
        for name in unit.call.names:
            if (name, unit.attempt) not in self._told:
                self._told.add((name, unit.attempt))
                because = self._reasons.get(name, "")
                self._tell(TargetStarted(target=name, attempt=unit.attempt, because=because))
        running = self._starter.start(unit, lambda running, code: self._queue.put(("ended", (running, code))))
        self._running.append(running)

    def _refuse(self, unit: Unit, problem: BuildmatrixError) -> None:
        """Start nothing: what the call would read or write leads elsewhere since the plan was made."""
        for name in unit.call.names:
            self.ledger.end(name, "failed", reason="a path of it leads out of the repository now")
        self._give_up(Failure(target="", problem=problem, kind="usage"))

    def _wait(self) -> None:
        """Wait for a call to end, for a signal, or until something is due."""
        try:
            what, value = self._queue.get(timeout=self._due())
        except Empty:
            self._end_late()
            return
        if what == "signal":
            self._stop_all()
        else:
            self._ended(*value)

    def _due(self) -> float | None:
        """Return the seconds until the next attempt or time limit is due; None where nothing will be."""
        now = time.monotonic()
        due = [unit.after - now for unit in self._pending if unit.after > now]
        if any(self.policy.timeout(self.plan.by_name[name]) for one in self._running for name in one.unit.call.within):
            due.append(1.0)
        return max(0.05, min(due)) if due else None

    def _end_late(self) -> None:
        for running in self._running:
            late = "" if running.ended_for else late_one(running, self.run, self.policy)
            if late:
                running.ended_for, running.late = "timeout", late
                running.watched.stop()

    def _stop_all(self) -> None:
        """^C: ask what runs to end, and start nothing more; at the second one, end it."""
        self._signals += 1
        self._closed = True
        self._pending.clear()
        for running in self._running:
            running.ended_for = running.ended_for or "stopped"
            if self._signals > 1:
                running.watched.kill()
            else:
                running.watched.stop()

    # --- a call has ended -----------------------------------------------------------------------------------------

    def _ended(self, running: Running, code: int) -> None:
        self._running.remove(running)
        running.code, running.metadata = code, metadata_of(running)
        self.metadata |= running.metadata
        if running.archives.are_refused(running.progress.words):
            self._starter.opens_archives = False
            self._pending.append(replace(running.unit, resumes=True))
        elif code and not self._signals and self.run.first_tags.are_refused(running.progress.words):
            self._pending.append(replace(running.unit, resumes=True))
        else:
            self._end_call(running, code)
        running.archives.drop()

    def _end_call(self, running: Running, code: int) -> None:
        if code == 0 or self._is_answered(running):
            self._succeeded(running)
        elif running.ended_for == "stopped":
            self._interrupted(running)
        elif (failure := self._failure(running)).refused and (
            parts := self._culprits.parts(running.unit, {*self.ledger.outcomes, *self._kept})
        ):
            self._pending += parts
        else:
            self._failed(running, failure)

    def _failure(self, running: Running) -> Failure:
        if running.ended_for != "timeout":
            running.progress.words = deque(map(running.archives.spoken, running.progress.words))
            asked, said = running.unit.call.names, self.policy.progress != "tty"
            return explain(running.progress, self.plan, asked, said=said, code=running.code)
        target = self.plan.by_name[running.late]
        message = f"{running.late} took longer than {self.policy.timeout(target)} s, and was ended"
        hint = "see its last lines; raise its timeout, or --timeout"
        problem = BuildFailedError(Diagnostic(message=message, code="timeout", place=target.place, hint=hint))
        return Failure(target=running.late, problem=problem, kind="timeout")

    def _is_answered(self, running: Running) -> bool:
        """Tell whether a call that asks was answered whole: its exit code then says that a check found something."""
        return running.unit.call.asks and all(self._answer(name, running) for name in running.unit.call.names)

    def _answer(self, name: str, running: Running) -> Answer | None:
        return answer_of(self.plan.by_name[name], running.metadata.get(name, {}))

    def _succeeded(self, running: Running) -> None:
        if self._is_built_together(running):
            return
        self._export_what_changed(running)
        for name in running.unit.call.within:
            if name in self._kept:
                continue
            if name in running.unit.call.names or not self._has_own_call(name):
                self._end_well(name, running)

    def _is_built_together(self, running: Running) -> bool:
        """Build a call once more, with what was to be kept and ran for it: the cache may lose that again in between."""
        lost = self._kept.intersection(running.unit.call.within)
        if not lost or self._signals or running.unit.call.asks:
            return False
        before = set(self._kept)
        pending = len(self._pending)
        self._export_what_changed(running)
        del self._pending[pending:]
        changed = before - self._kept
        if changed:
            names = [name for name in running.unit.call.within if name in changed or name in running.unit.call.names]
            self._ran.update(name for name in names if running.progress.tracks[name].ran)
            self._pending.append(self._again(names, running.unit.attempt, alone=running.unit.call.alone))
        return bool(changed)

    def _export_what_changed(self, running: Running) -> None:
        """Build what was to be kept where the cache had lost it: what is built upon it then has to be what is there."""
        for name in self._kept.intersection(running.unit.call.within):
            ran = running.progress.tracks[name].ran or self.policy.progress != "auto"
            if ran and self.plan.by_name[name].exported:
                self._kept.remove(name)
                self._ran.add(name)
                self._reasons[name] = "it was no longer in the cache, and is built upon"
                if self._signals:
                    self.ledger.end(name, "stopped", running.progress, reason="it was built again, and not exported")
                else:
                    self._pending.append(self._again([name], 1, alone=self.policy.is_split))

    def _end_well(self, name: str, running: Running) -> None:
        if running.unit.call.asks and name in running.unit.call.names:
            self._end_answered(name, running, self._answer(name, running))
            return
        if trouble := running.archives.keep(name):
            self._end_unwritten(name, running, trouble)
            return
        self.ledger.attempt(name, running.started)
        ran = running.progress.tracks[name].ran or name in self._ran or self.policy.progress != "auto"
        told = running.metadata.get(name, {}).get("containerimage.digest", "")
        digest = told or running.merged.get(name, "")
        self.ledger.end(name, "built" if ran else "cached", running.progress, digest=digest)

    def _end_unwritten(self, name: str, running: Running, trouble: str) -> None:
        """It was built, but its archive cannot take its name."""
        place = self.plan.by_name[name].place
        problem = EngineError(Diagnostic(message=f"{name} failed: {trouble}", code="write", place=place))
        failure = Failure(target=name, problem=problem, kind="engine")
        self.ledger.attempt(name, running.started, failure)
        self.ledger.end(name, "failed", running.progress, reason=trouble)
        self._give_up(failure)

    def _end_answered(self, name: str, running: Running, answer: Answer | None) -> None:
        if answer is None or answer.passed:
            self.ledger.attempt(name, running.started)
            self.ledger.end(name, "checked", running.progress, answer=answer)
            return
        failure = failure_of(self.plan.by_name[name], answer)
        self.ledger.attempt(name, running.started, failure)
        self.ledger.end(name, "failed", running.progress, reason=_short(failure, name), answer=answer)
        self._give_up(failure)

    def _has_own_call(self, name: str) -> bool:
        """Tell whether a target that others build upon is built by a call of its own."""
        mine = [*self._pending, *(running.unit for running in self._running)]
        return name in self.ledger.outcomes or any(name in unit.call.names for unit in mine)

    def _is_done(self, running: Running, name: str) -> bool:
        return is_done(running, self.run, name)

    def _interrupted(self, running: Running) -> None:
        self._export_what_changed(running)
        for name in running.unit.call.names:
            if self._is_done(running, name):
                self._end_well(name, running)
            else:
                self.ledger.attempt(name, running.started)
                self.ledger.end(name, "stopped", running.progress, reason="interrupted")

    def _failed(self, running: Running, failure: Failure) -> None:
        """Take the target that failed out, try it again where that may help, and go on with the others."""
        self._export_what_changed(running)
        self._ran.update(name for name, track in running.progress.tracks.items() if track.ran)
        names = running.unit.call.names
        for name in names:
            if name != failure.target and self._is_done(running, name):
                self._end_well(name, running)
        blamed = self._blamed(names, failure.target)
        again = self._may_try_again(running.unit, failure, blamed)
        wait = wait_before(running.unit.attempt, failure.wait) if again else 0.0
        for name in blamed:
            self.ledger.attempt(name, running.started, failure, wait)
            if again:
                problem = failure.problem.diagnostics[0].message
                self._tell(Retrying(target=name, attempt=running.unit.attempt, problem=problem, seconds=wait))
            else:
                self.ledger.end(name, "failed", running.progress, reason=_short(failure, name))
        if again:
            self._try_again(running.unit, blamed, time.monotonic() + wait)
        else:
            self._give_up(failure)
        self._go_on(running, failure.target, blamed)

    def _blamed(self, names: tuple[str, ...], failed: str) -> list[str]:
        """Return whose failure it is: one that was only to be asked something (`call`) failed for those upon it."""
        if failed and (failed in names or builds(self.plan.by_name[failed].settings)):
            return [failed]
        left = [name for name in names if name not in self.ledger.outcomes]
        return [name for name in left if not failed or failed in call(self.plan, [name]).within]

    def _may_try_again(self, unit: Unit, failure: Failure, blamed: list[str]) -> bool:
        least = 1 if failure.is_hiccup else 0
        left = (max(least, self.policy.retries(self.plan.by_name[name])) - unit.attempt for name in blamed)
        return failure.may_pass and not self._signals and all(number >= 0 for number in left)

    def _try_again(self, unit: Unit, blamed: list[str], after: float) -> None:
        names = [name for name in unit.call.names if name not in self.ledger.outcomes]
        if set(blamed).isdisjoint(names):  # what they build upon failed
            blamed = names
        if set(blamed) == set(names):
            self._pending.append(self._again(names, unit.attempt + 1, after, alone=unit.call.alone))
            return
        self._pending += [self._again([name], unit.attempt + 1, after) for name in blamed]

    def _again(self, names: Iterable[str], attempt: int, after: float = 0.0, *, alone: bool = True) -> Unit:
        return Unit(call=call(self.plan, names, alone=alone), attempt=attempt, after=after, resumes=True)

    def _give_up(self, failure: Failure) -> None:
        self._problems.append(failure.problem)
        if not self.policy.keep_going:
            self._closed = True
            self._pending = [unit for unit in self._pending if unit.resumes and not self.options.fail_fast]
        if self.options.fail_fast:
            for running in self._running:
                running.ended_for = running.ended_for or "stopped"
                running.watched.stop()
        self._skip_what_is_lost()

    def _skip_what_is_lost(self) -> None:
        """Take what depends on a failure out of the calls that are still to be made."""
        lost = self.ledger.lost()
        for unit in list(self._pending):
            left = [name for name in unit.call.names if name not in lost]
            if len(left) == len(unit.call.names):
                continue
            for name in unit.call.names:
                if name in lost:
                    self._skip(name, lost)
            if left:
                unit.call = call(self.plan, left, alone=unit.call.alone)
            else:
                self._pending.remove(unit)

    def _go_on(self, running: Running, failed: str, blamed: list[str]) -> None:
        """Put what the failure interrupted back, each strand alone: bake ends all of a call at the first failure."""
        again = []
        waiting = {name for unit in self._pending for name in unit.call.names}
        lost = self.ledger.lost()
        for name in running.unit.call.names:
            if name in self.ledger.outcomes or name in waiting or name in blamed:
                continue
            if name in lost:
                self._skip(name, lost)
            elif self.options.fail_fast and self._closed:
                self.ledger.end(name, "stopped", running.progress, reason=f"{failed} failed")
            elif not self._closed or running.progress.tracks[name].seen:
                again.append(name)
        strands = Strands(self.plan, self.policy, self._kept).of(again, MOST) if again else ()
        self._pending += [self._again(strand, running.unit.attempt) for strand in strands]


def _short(failure: Failure, name: str) -> str:
    return failure.problem.diagnostics[0].message.removeprefix(f"{name} ").removeprefix("failed: ")


def _without(plan: Plan, kept: frozenset[str]) -> Plan:
    """Return a plan that leaves out what need not be built, unless something that is built builds upon it."""
    exported = [replace(target, exported=target.exported and target.name not in kept) for target in plan.targets]
    wanted = {target.name for target in exported if target.name not in kept}
    needed = set(wanted)
    for target in reversed(exported):
        if target.name in needed:
            needed.update(target.links)
    return replace(plan, targets=tuple(target for target in exported if target.name in needed))
