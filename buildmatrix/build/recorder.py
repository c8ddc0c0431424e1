"""Who hears of a run: the logs, the record of the last result, and whoever shows it, all by one thread of their own.

A fingerprint may take minutes, a lock may be somebody else's, a terminal may stand still: whoever decides what is
built next waits for none of them.
"""

import threading
from dataclasses import replace
from queue import Queue
from typing import Self

from buildmatrix.build.logs import Logs
from buildmatrix.engine.outcome import BuildOutcome
from buildmatrix.engine.progress.events import Event, Listener, TargetEnded
from buildmatrix.records import dataclass
from buildmatrix.state.record import ResultFile

MOST = 100_000
"""Events that may wait to be heard; whoever tells of more waits then."""


@dataclass(frozen=True, kw_only=True)
class Records:
    """What a run leaves beside its images: the result that `resume` goes by, and the logs, if any are wanted."""

    result: ResultFile
    logs: Logs | None = None

    def log_of(self, name: str) -> str:
        """Return where the log of a target is kept, if it has one; "" where none are kept."""
        return self.logs.place(name) if self.logs and self.logs.lasting else ""


class Recorder:
    """Hears the events of a run in their order. Leaving its context waits until all are heard, also after an error."""

    def __init__(self, records: Records, listener: Listener) -> None:
        self._records, self._listener = records, listener
        self._queue: Queue[Event | None] = Queue(MOST)
        self._thread = threading.Thread(target=self._hear_all)
        self._is_read = True
        self._trouble: BaseException | None = None
        self.ended: dict[str, BuildOutcome] = {}
        """What became of each target, once all is heard: with its log, where one was written."""

    def __enter__(self) -> Self:
        """Begin to hear."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Hear the rest. What went wrong in whoever shows the run is raised here."""
        self._queue.put(None)
        self._thread.join()
        if self._trouble is not None:
            raise self._trouble

    def tell(self, event: Event) -> None:
        """Tell of an event; nothing is waited for."""
        self._queue.put(event)

    def _hear_all(self) -> None:
        while (event := self._queue.get()) is not None:
            try:
                self._records.result.make()
                self._hear(event)
            except BaseException as error:  # noqa: BLE001 it is raised where somebody can handle it
                self._trouble, self._is_read = self._trouble or error, False

    def _hear(self, event: Event) -> None:
        """Write an event down, then show it: to a terminal that is gone, and to whoever failed at it, no more."""
        if self._records.logs is not None:
            self._records.logs(event)
        if isinstance(event, TargetEnded):
            event = TargetEnded(outcome=self._with_log(event.outcome))
            self.ended[event.outcome.name] = event.outcome
            self._records.result.record(event.outcome)
        try:
            if self._is_read:
                self._listener(event)
        except OSError:  # nobody reads any more: `2>&1 | head`
            self._is_read = False

    def _with_log(self, outcome: BuildOutcome) -> BuildOutcome:
        """Return an outcome without a log that nobody wrote; what was kept has that of an earlier run."""
        logs = self._records.logs
        unwritten = outcome.log and outcome.status != "unchanged" and not (logs and logs.path(outcome.name))
        return replace(outcome, log="") if unwritten else outcome
