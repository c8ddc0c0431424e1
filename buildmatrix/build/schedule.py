"""The scheduler: bake calls in order, as many at once as may be; failures, retries, time limits and ^C.

One thread decides, alone, and nobody else changes anything: every call has a thread that hands its lines over through
one queue, which the signal handler uses too. What is told of a run, others hear (recorder.py).
"""

import math
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from queue import Empty, SimpleQueue
from typing import Any, Literal

from buildmatrix.build.calls.batches import MOST, calls, solves
from buildmatrix.build.calls.runner import Starter, Unit
from buildmatrix.build.decision import waited_for
from buildmatrix.build.live import Told
from buildmatrix.build.results import Results, Run
from buildmatrix.build.timeouts import late_one
from buildmatrix.build.verdicts import Verdicts, Work
from buildmatrix.build.waiting import Waiting
from buildmatrix.engine.failures.classify import Failure
from buildmatrix.engine.progress.events import Listener, Warned
from buildmatrix.engine.progress.warnings import Warnings
from buildmatrix.errors import BuildFailedError, BuildmatrixError, Diagnostic, StoppedError, UsageError
from buildmatrix.plan.model import Plan
from buildmatrix.plan.policy import Policy
from buildmatrix.process import signals
from buildmatrix.publish.publish import Published
from buildmatrix.state.decisions.unchanged import NOTHING, Resumed

MOST_CALLS = 16
"""Bake calls at once where nobody says how many: each is a process of docker."""

MOST_LINES = 10_000
"""Lines of calls that may wait to be read; docker waits then, too."""


class Schedule:
    """Runs a plan once. What became of each target is in the `results`."""

    def __init__(self, run: Run, policy: Policy, listener: Listener, resumed: Resumed = NOTHING) -> None:
        self.run, self.plan = run, run.plan
        self.policy = policy
        self._weights = {target.name: solves(target, run.engine) for target in self.plan.targets}
        self.work = Work(unchanged=set(resumed.unchanged), reasons=dict(resumed.reasons))
        self.results = Results(run, self._tell, self.work.reasons)
        told = Told(self.work.reasons, self.work.ran)
        self._starter = Starter(run, self.policy, self._tell, told, self._hand)
        self._verdicts = Verdicts(run, self.policy, self.results, self.work, self._starter, told, self._tell)
        self._queue: SimpleQueue[tuple[Literal["line", "ended", "moved", "signal"], Any]] = SimpleQueue()
        self._waiting = Waiting(run.plan, run.early)
        self._kept = resumed.unchanged
        self._lines = threading.BoundedSemaphore(MOST_LINES)
        self._listener = listener
        self.warnings = Warnings(run.plan)

    def _tell(self, event: Any) -> None:
        self._listener(self.warnings.taken(event) if isinstance(event, Warned) else event)

    def _hand(self, take: Callable[[str], None], line: str) -> None:
        self._lines.acquire()  # not of the queue itself: a signal handler must not wait
        self._queue.put(("line", (take, line)))

    @property
    def metadata(self) -> dict[str, Any]:
        """Bake's metadata of all calls."""
        return self._verdicts.metadata

    @property
    def problem(self) -> BuildmatrixError | None:
        """What went wrong: ^C before all, else every failure, with the exit code of a failed build if there is one."""
        if self.work.signals:
            return StoppedError(Diagnostic(message="stopped", code="stopped"))
        if not self.work.problems:
            return None
        worst = next((one for one in self.work.problems if isinstance(one, BuildFailedError)), self.work.problems[0])
        said = dict.fromkeys(diagnostic for one in self.work.problems for diagnostic in one.diagnostics)
        return type(worst)(*said)

    @property
    def interrupted(self) -> bool:
        """Whether ^C or SIGTERM ended the run."""
        return bool(self.work.signals)

    # --- the loop -------------------------------------------------------------------------------------------------

    def go(self) -> None:
        """Run to the end; what went wrong first is in `problem`."""
        every = calls(self._rest(), self.policy, self.work.unchanged, self.run.engine)
        self.work.pending = [Unit(call=made) for made in every]
        with signals(lambda signum: self._queue.put(("signal", signum))):
            try:
                while self.work.pending or self.work.running or self._waiting.moving:
                    self._start_ready()
                    if self._is_busy or self._due() is not None:  # else all that could start was refused
                        self._wait()
            finally:
                for running in self.work.running:
                    running.watched.kill()
                    running.archives.drop()
        lost = self.results.lost()
        for target in self.plan.targets:
            if target.name not in self.results.outcomes and target.name not in self.work.unchanged:
                self._verdicts.skip(target.name, lost)

    def _rest(self) -> Plan:
        """Return the plan without the targets that need not be built."""
        return _without(self.plan, frozenset(self.work.unchanged)) if self.work.unchanged else self.plan

    @property
    def _is_busy(self) -> bool:
        return bool(self.work.running or self._waiting.moving)

    def _start_ready(self) -> None:
        now = time.monotonic()
        self._move_tags()
        owners = {name for unit in self.work.pending for name in unit.call.names}
        owners |= {name for running in self.work.running for name in running.unit.call.names}
        for unit in list(self.work.pending):
            if len(self.work.running) >= (self.policy.jobs or MOST_CALLS):
                return
            ready = unit.after <= now and self._has_room(unit) and not owners.intersection(self._before(unit))
            if ready and not self._waiting.of(unit.call):
                self.work.pending.remove(unit)
                self._start(unit)
        if not self._is_busy and self.work.pending and all(unit.after <= now for unit in self.work.pending):
            self.work.pending.clear()  # each waits for what will not come: it is skipped, and said to be

    def _move_tags(self) -> None:
        """Begin to move the tags that what is still to be built waits for."""
        ended = {**{name: self._kept[name] for name in self.work.unchanged}, **self.results.outcomes}
        waiting = [unit.call for unit in self.work.pending]
        self._waiting.begin(waiting, ended, lambda name, done: self._queue.put(("moved", (name, done))))

    def _moved(self, name: str, done: Published | BaseException) -> None:
        """Take tags that moved, or could not be: what needs them is not built then."""
        upon = self._waiting.end(name)
        if isinstance(done, BaseException):
            raise done
        if done.problem is None and self.run.early:
            self._starter.programs = self.run.early.programs(done)
        elif done.problem and not self.work.signals:
            there = {*self.results.outcomes, *self.work.unchanged}
            reason = f"{name}, which it needs first, has no tags that could be moved"
            self._verdicts.withhold([one for one in upon if one not in there], done.problem, reason)

    def _has_room(self, unit: Unit) -> bool:
        """An engine that gets hundreds of targets at once forgets some of them.

        A call that bake limits has all jobs, and runs by itself.
        """
        running = self.work.running
        if not running:
            return True
        if self.policy.jobs:
            return unit.call.alone and all(one.unit.call.alone for one in running)
        calls_then = [unit.call, *(one.unit.call for one in running)]
        return sum(self._weights[name] for one in calls_then for name in one.names) <= MOST

    def _before(self, unit: Unit) -> set[str]:
        """Return the targets that have to end before a unit starts."""
        own = set(unit.call.names)
        within = (self.plan.by_name[name] for name in unit.call.within)
        return {name for target in within for name in waited_for(self.plan, target)} - own

    def _start(self, unit: Unit) -> None:
        if refused := self._starter.refused(unit.call):
            self._refuse(unit, UsageError(*refused), "a path of it leads out of the repository now")
            return
        if changed := self.run.changed(unit.call.within):
            from buildmatrix.plan.document.verify import stale

            paths = [f"{path} changed since it was looked at" for path in dict.fromkeys(changed.values())]
            self._refuse(unit, stale(paths), paths[0])
            return
        own = [name for name in unit.call.within if self._verdicts.is_own(unit.call, name)]
        running = self._starter.start(unit, own, lambda running, code: self._queue.put(("ended", (running, code))))
        self.work.running.append(running)

    def _refuse(self, unit: Unit, problem: BuildmatrixError, reason: str) -> None:
        """Start nothing: what the call would read or write is not what it was when the plan was made."""
        for name in unit.call.names:
            self.results.end(name, "failed", reason=reason)
        self._verdicts.give_up(Failure(target="", problem=problem, kind="usage"))

    def _wait(self) -> None:
        """Read what calls say until one ends, a signal comes, or something is due."""
        due = self._due()
        until = math.inf if due is None else time.monotonic() + due
        while (now := time.monotonic()) < until:
            try:
                what, value = self._queue.get(timeout=None if due is None else until - now)
            except Empty:
                break
            if what == "line":
                self._read(*value)
                continue
            if what == "signal":
                self._stop_all()
            elif what == "moved":
                self._moved(*value)
            else:
                self._verdicts.ended(*value)
            return
        self._end_late()

    def _read(self, take: Callable[[str], None], line: str) -> None:
        self._lines.release()
        take(line)

    def _due(self) -> float | None:
        """Return the seconds until the next attempt or time limit is due; None where nothing will be."""
        now = time.monotonic()
        due = [unit.after - now for unit in self.work.pending if unit.after > now]
        if any(
            self.policy.timeout(self.plan.by_name[name]) for one in self.work.running for name in one.unit.call.within
        ):
            due.append(1.0)
        return max(0.05, min(due)) if due else None

    def _end_late(self) -> None:
        for running in self.work.running:
            late = "" if running.ended_for else late_one(running, self.run, self.policy)
            if late:
                running.ended_for, running.late = "timeout", late
                running.progress.note_last(late)
                running.watched.stop()

    def _stop_all(self) -> None:
        """^C: ask what runs to end, and start nothing more; at the second one, end it."""
        self.work.signals += 1
        if self.run.early:
            self.run.early.stop()
        self.work.closed = True
        self.work.pending.clear()
        for running in self.work.running:
            running.ended_for = running.ended_for or "stopped"
            if self.work.signals > 1:
                running.watched.kill()
            else:
                running.watched.stop()


def _without(plan: Plan, unchanged: frozenset[str]) -> Plan:
    """Return a plan that leaves out what need not be built, unless something that is built depends on it."""
    exported = [replace(target, exported=target.exported and target.name not in unchanged) for target in plan.targets]
    wanted = {target.name for target in exported if target.name not in unchanged}
    needed = set(wanted)
    for target in reversed(exported):
        if target.name in needed:
            needed.update(target.depends_on)
    return replace(plan, targets=tuple(target for target in exported if target.name in needed))
