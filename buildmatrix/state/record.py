"""The result of the last run, kept beside the file: what `apply --resume` need not build again.

It is written while the run goes on, so that a run that is killed leaves it too; each run writes only of its targets.
"""

import errno
import fcntl
import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

from buildmatrix.engine.outcome import BuildOutcome
from buildmatrix.errors import Diagnostic, StaleError
from buildmatrix.files import own_folder, read_regular, write_whole
from buildmatrix.plan.model import Plan
from buildmatrix.spec.rows.document import plain_document
from buildmatrix.spec.toml.plain import table_of
from buildmatrix.state.fingerprint import Fingerprints
from buildmatrix.state.present import Left, files_of
from buildmatrix.state.result import FORMAT_VERSION, Entry, ResultDocument, entries_of

FOLDER, FILE = ".buildmatrix", "result.json"
MOST_BYTES = 1 << 28
SECONDS = 1.0
"""How often it is written at most while a run goes on."""

KEPT = ("digest", "index", "size", "seconds", "tags", "log")
"""What is worth remembering of an outcome."""


class _OtherFormatError(StaleError):
    """Another buildmatrix has written it."""


class ResultFile:
    """The file `.buildmatrix/result.json` in a plan's directory."""

    def __init__(
        self, plan: Plan, written: Iterable[str] = (), environment: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        """Take the plan, the paths that the run writes itself, and the environment that bake will see."""
        self._plan, self.fingerprints = plan, Fingerprints(plan, written, environment)
        self.path = Path(plan.directory, FOLDER, FILE)
        self.trouble = ""
        """Why the result is not kept; "" if it is."""
        self.pins: Mapping[str, Mapping[str, str]] = {}
        """The digests of the external images of each target, by their names."""
        self._builder = ""
        self._found: dict[str, Entry] = {}
        self._known: dict[str, Entry] = {}
        self._saved = 0.0

    @property
    def asked(self) -> str:
        """What the command line asked of the outputs, as a cause: `its outputs (--no-output), `; "" if nothing."""
        mode = self._plan.made.output
        option = {"none": "--no-output", "push": "--push", "load": "--load"}.get(mode, "")
        return f"its outputs ({option}), " if option else ""

    def begin(self, builder: str) -> None:
        """Look at what is built before the build begins; `builder` is where."""
        self._builder = builder
        self.fingerprints.start()

    def known(self) -> dict[str, Entry]:
        """Return what is known of earlier runs, by target; StaleError if the file cannot be used."""
        try:
            self._known = self._read()
        except FileNotFoundError:
            self._known = {}
        return self._known

    def _read(self) -> dict[str, Entry]:
        """Return the entries by target; FileNotFoundError if there are none, StaleError if they cannot be used."""
        hint = f"run apply without --resume, or delete {FOLDER}/{FILE}"
        try:
            _refuse_link(self.path.parent)
            document = table_of(read_regular(self.path, MOST_BYTES, own=True).decode())
        except FileNotFoundError:
            raise
        except (OSError, ValueError):
            document = {}
        version = document.setdefault("format_version", FORMAT_VERSION)
        if version != FORMAT_VERSION:
            message = f"the last result has format {version}, this buildmatrix reads {FORMAT_VERSION}"
            raise _OtherFormatError(Diagnostic(message=message, code="result", hint=hint))
        if (found := entries_of(document)) is None:
            message = f"the last result, {FOLDER}/{FILE}, cannot be read"
            raise StaleError(Diagnostic(message=message, code="result", hint=hint))
        return found

    def record(self, outcome: BuildOutcome) -> None:
        """Remember an outcome; the file is written now and then.

        What was kept, or was only a dependency and came from the cache, is what it was; so is what was not to be built.
        But the tags of what was kept may have moved only now.
        """
        same = outcome.status == "unchanged" or (not outcome.exported and outcome.status in {"cached", "skipped"})
        if outcome.status == "unchanged" and outcome.name in self._known:
            moved = {"digest": outcome.digest, "index": outcome.index, "tags": outcome.tags}
            self._found[outcome.name] = self._known[outcome.name].but(moved)
        if same or outcome.call:
            return
        entry = Entry(status=outcome.status, fingerprint="")
        if outcome.status in {"built", "cached"} and outcome.exported:
            entry = Entry(
                status=outcome.status,
                fingerprint=self.fingerprints.of(outcome.name),
                builder=self._builder,
                files=files_of(self._plan, self._plan.by_name[outcome.name]),
                pins=self.pins.get(outcome.name) or None,
                **{key: getattr(outcome, key) for key in KEPT},
            )
        self._found[outcome.name] = entry
        if time.monotonic() - self._saved > SECONDS:
            self.save()

    def record_all(self, outcomes: Iterable[BuildOutcome]) -> None:
        """Remember how all of a run ended, and write the file."""
        self._saved = time.monotonic()
        for outcome in outcomes:
            self.record(outcome)
        self.save()

    def save(self) -> None:
        """Write the file whole or not at all; what is in the way is in `trouble`: a run does not fail for it."""
        self._saved = time.monotonic()
        try:
            own_folder(self.path.parent)
            with _locked(self.path.parent):
                self._write({**self._others(), **self._found})
        except StaleError as error:
            self.trouble = error.diagnostics[0].message
        except OSError as error:
            self.trouble = f"{FOLDER}/{FILE} cannot be written: {error.strerror}"

    def _others(self) -> dict[str, Entry]:
        try:
            return self._read()
        except FileNotFoundError:
            return {}
        except _OtherFormatError:
            raise  # a newer buildmatrix's: it is left alone
        except StaleError:
            return {}

    def _write(self, entries: Mapping[str, Entry]) -> None:
        ignore = self.path.parent / ".gitignore"
        if not os.path.lexists(ignore):
            write_whole(ignore, "*\n")
        write_whole(self.path, json.dumps(plain_document(ResultDocument, entries), indent=1))


def left_of(entry: Entry) -> Left:
    """Return what an entry says was left."""
    return Left(
        digest=entry.digest or "",
        index=entry.index or "",
        tags=entry.tags or (),
        files=entry.files or {},
        builder=entry.builder or "",
    )


def _refuse_link(folder: Path) -> None:
    if folder.is_symlink():
        raise OSError(errno.ELOOP, "it is a link")


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the directory's lock: two runs of one project write one after the other."""
    handle = os.open(folder / "lock", os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
