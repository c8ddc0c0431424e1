"""The result of the last run, kept beside the file: what need not be built again on this machine.

It is written while the run goes on, so that a run that is killed leaves it too; each run writes only of its targets.
"""

import errno
import fcntl
import json
import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from buildmatrix.engine.outcome import BuildOutcome
from buildmatrix.errors import Diagnostic, StaleError
from buildmatrix.files import own_folder, read_regular, write_whole
from buildmatrix.graphs import reached
from buildmatrix.inputs.known import Read
from buildmatrix.oci.http.parallel import Begun
from buildmatrix.plan.access.reach import dests_of
from buildmatrix.plan.builds import BuildPlan
from buildmatrix.spec.rows.document import plain_document
from buildmatrix.spec.toml.plain import table_of
from buildmatrix.state.images.telling import Telling
from buildmatrix.state.made import Made
from buildmatrix.state.present import Left, files_of, outputs_of, rebuild_of
from buildmatrix.state.result import FORMAT_VERSION, Entry, ResultDocument, entries_of
from buildmatrix.state.still import Still

if TYPE_CHECKING:
    from buildmatrix.inputs.fingerprint import Fingerprints
    from buildmatrix.state.values import Kept

FOLDER, FILE = ".buildmatrix", "result.json"
MOST_BYTES = 1 << 28
SECONDS, SHARE = 1.0, 20
"""How often it is written at most while a run goes on; and how many times as long as writing took is then waited."""

KEPT = ("digest", "index", "size", "seconds", "tags", "log")
"""What is worth remembering of an outcome."""

CHANGED = "{} changed while {} was built: nobody knows what of it is in the image"
CHANGED_DOUBT = "{} changed while it was built"
LEFT = "{} is what an earlier run wrote and this one did not: {} was built with it"
LEFT_DOUBT = "{} is what an earlier run wrote and the last one did not"


class _OtherFormatError(StaleError):
    """Another buildmatrix has written it."""


class ResultFile:
    """The file `.buildmatrix/result.json` in a plan's directory."""

    def __init__(self, plan: BuildPlan, written: Iterable[str] = (), *, keeps: bool = True) -> None:
        """Take the plan, and the paths that the run writes itself. What changes from now on is known of no more.

        Unless it `keeps` anything, the file stays as it is.
        """
        self._plan, self._keeps = plan, keeps
        self.path = Path(plan.directory, FOLDER, FILE)
        self.trouble = ""
        """Why the result is not kept; "" if it is."""
        self.pins: Mapping[str, Mapping[str, str]] = {}
        """The digests of the external images of each target, by their names."""
        self.late: Collection[str] = ()
        """The targets whose tags move at the end: what needs one of them may have pulled what those held before."""
        self.overtaken: dict[str, str] = {}
        """The targets of whose files one was not what their fingerprints say, each with what is to be said of it."""
        self.otherwise: Mapping[str, str] = {}
        """The targets that are given another image than they take by their Dockerfiles, with what became of each."""
        self.is_old = False
        """Whether the last result is of an older buildmatrix, which says nothing of fingerprints."""
        dests = (dest for target in plan.targets for dest in dests_of(target))
        own = (os.path.realpath(os.path.join(plan.directory, one)) for one in (FOLDER, *written, *dests))  # noqa: PTH118
        self._still = Still(own, plan.directory)
        self._builder = ""
        self._make: Callable[[], Fingerprints] | None = None
        self._kept: Kept | None = None
        self._found: dict[str, Entry] = {}
        self._ended: dict[str, BuildOutcome] = {}
        self._known: dict[str, Entry] = {}
        self._next = 0.0

    @property
    def asked(self) -> str:
        """What the command line asked of the outputs, in brackets: ` (--no-output)`; "" if nothing."""
        mode = self._plan.made.output
        option = {"none": "--no-output", "push": "--push", "load": "--load"}.get(mode, "")
        return f" ({option})" if option else ""

    def begin(self, builder: str, make: "Callable[[], Fingerprints]", kept: "Kept | None" = None) -> None:
        """Take what makes the fingerprints; `builder` is where is built, `kept` has values for reasons."""
        self._builder, self._kept, self._make, _ = builder, kept, make, self.made

    def make(self) -> None:
        """Make the fingerprints beside what comes next: nobody waits for them to start a build."""
        _ = self._making

    @cached_property
    def _making(self) -> "Begun[None, Fingerprints] | None":
        make = self._make
        return Begun(lambda _: make(), [None]) if make else None

    @property
    def untrue(self) -> dict[str, str]:
        """Return the targets whose fingerprints say what is not so, each with what is to be said of it."""
        return {**{target: f"{target} was {words}" for target, words in self.otherwise.items()}, **self.overtaken}

    @cached_property
    def made(self) -> Made:
        """What tells the files that outputs have made where sources may lie: it looks when it is asked for first."""
        try:
            earlier = self._read()
        except (OSError, StaleError):
            earlier = {}
        return Made(self._plan.of, earlier, self._plan.targets)

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
        if isinstance(version, int) and 0 < version < FORMAT_VERSION:
            self.is_old = True
            return {}
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
        entry = Entry(status=outcome.status, wrote=self.made.before(outcome.name))
        if outcome.status in {"built", "cached"} and outcome.exported:
            build = self._plan.by_name[outcome.name]
            entry = Entry(
                status=outcome.status,
                outputs=outputs_of(self._plan.of.by_name[outcome.target]),
                rebuild=rebuild_of(build),
                made=int(time.time()),
                builder=self._builder,
                files=files_of(self._plan, build),
                wrote=self.made.of(outcome.name),
                pins=self.pins.get(outcome.name) or None,
                **{key: getattr(outcome, key) for key in KEPT},
            )
            self._ended[outcome.name] = outcome
        self._found[outcome.name] = entry
        if time.monotonic() > self._next:
            self.save()

    def record_all(self, outcomes: Iterable[BuildOutcome]) -> None:
        """Remember how all of a run ended, and write the file."""
        self._next = float("inf")
        for outcome in outcomes:
            self.record(outcome)
        self.save()

    def disown(self, targets: Collection[str], why: str) -> None:
        """Remember of targets that nobody knows what they were built from."""
        for name, entry in self._found.items():
            if self._plan.by_name[name].target in targets and entry.fingerprints:
                self._found[name] = entry.but({"fingerprints": None, "record": None, "doubt": why})
        self.save()

    def save(self) -> None:
        """Write the file whole or not at all; what is in the way is in `trouble`: a run does not fail for it."""
        began = time.monotonic()
        self._tell_inputs()
        if not self._keeps:
            return
        try:
            own_folder(self.path.parent)
            with _locked(self.path.parent):
                self._write({**self._others(), **self._found})
        except StaleError as error:
            self.trouble = error.diagnostics[0].message
        except OSError as error:
            self.trouble = f"{FOLDER}/{FILE} cannot be written: {error.strerror}"
        now = time.monotonic()
        self._next = now + max(SECONDS, SHARE * (now - began))

    def _tell_inputs(self) -> None:
        """Complete what is remembered by what it was built from: that was read before, and has to have stood still."""
        ended, self._ended = self._ended, {}
        if not ended or self._making is None:
            return
        try:
            made = self._making.result()[None]
        except Exception as error:  # noqa: BLE001 who builds asks for an image, and not for what it was made from
            self.trouble = f"nobody knows what was built: {error!r}"
            return
        known = {outcome.target: made.of(outcome.target) for outcome in ended.values()}
        reads, changed = self._moved(made, known)
        unwritten = self.made.unwritten(self._found)
        telling = Telling(self._plan.of, made.of, made.within, self._kept)
        for name, outcome in ended.items():
            moved = changed[outcome.target]
            stale = next((path for read in reads[outcome.target] for path in read.made if path in unwritten), "")
            place = os.path.relpath(moved or stale, self._plan.directory) if moved or stale else ""
            if place:
                self.overtaken[outcome.target] = (CHANGED if moved else LEFT).format(place, outcome.target)
            doubt = known[outcome.target].doubt or (place and (CHANGED_DOUBT if moved else LEFT_DOUBT).format(place))
            doubt = doubt or self._pulled_early(outcome.target) or self._given_otherwise(outcome.target)
            whole = known[outcome.target].fingerprints
            own = {platform: whole[platform] for platform in outcome.platforms or whole if platform in whole}
            summary = "" if doubt else telling.summary(outcome.target, own)
            told = {"doubt": doubt} if doubt else {"fingerprints": own, "record": summary or None}
            self._found[name] = self._found[name].but(told)
        telling.keep([name for name, one in known.items() if not one.doubt])

    def changed(self, names: Iterable[str]) -> dict[str, str]:
        """Return the Builds that something goes into which changed since this was made, each with its path.

        It waits until the fingerprints are made; what has none is not known.
        """
        if self._making is None:
            return {}
        made = self._making.result()[None]
        targets = {name: self._plan.by_name[name].target for name in names}
        _, moved = self._moved(made, dict.fromkeys(targets.values()))
        paths = {name: moved[target] for name, target in targets.items()}
        return {name: os.path.relpath(path, self._plan.directory) for name, path in paths.items() if path}

    def _moved(
        self, made: "Fingerprints", targets: Iterable[str]
    ) -> tuple[dict[str, tuple[Read, ...]], dict[str, str]]:
        """Return what each target was made from, and the first path of it that changed, "" for none."""
        reads = {name: tuple(made.rests_on(name)) for name in targets}
        changed = self._still.changed(read for each in reads.values() for read in each)
        return reads, {name: next(filter(None, map(changed.get, each)), "") for name, each in reads.items()}

    def _given_otherwise(self, target: str) -> str:
        return f"it was {self.otherwise[target]}" if target in self.otherwise else ""

    def _pulled_early(self, name: str) -> str:
        """Return that a target needs one whose tags moved later, "" if it does not."""
        plan = self._plan.of
        below = reached([name], lambda one: (*plan.by_name[one].depends_on, *plan.by_name[one].needs))
        needs = (need for one in below for need in plan.by_name[one].needs)
        late = next((need for need in needs if need in self.late), "")
        return f"the tags of {late}, which it needs, moved only later" if late else ""

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
