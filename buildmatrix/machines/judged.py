"""Which records count for a plan. Data in, data out: nobody is asked anything."""

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

from buildmatrix.errors import Diagnostic, StaleError, some
from buildmatrix.machines.folder import Folder, Odd, Read
from buildmatrix.machines.record import RecordDocument
from buildmatrix.plan.builds import Build, BuildPlan
from buildmatrix.plan.publishing import pushed_repositories
from buildmatrix.records import dataclass
from buildmatrix.state.images.carried import OWN
from buildmatrix.state.images.marks import ANNOTATION

_DIGEST = "containerimage.digest"


class Twice(NamedTuple):
    """A Build of which there are two good records with different images, and the paths of theirs: the newer counts."""

    build: str
    newer: str
    older: str


@dataclass(frozen=True, kw_only=True)
class Judged:
    """The records of a plan, one for each Build: the newest good one, else the newest; and the others.

    `wrong` are of this plan and say what it does not: nothing of the directory can be relied on then. `strange` are of
    other plans, or no records.
    """

    records: Mapping[str, RecordDocument]
    twice: tuple[Twice, ...] = ()
    wrong: tuple[Odd, ...] = ()
    strange: tuple[Odd, ...] = ()

    @property
    def good(self) -> dict[str, RecordDocument]:
        """The records by which others can go, by Build."""
        return {key: record for key, record in self.records.items() if record.is_good}


def judged(plan: BuildPlan, digest: str, folder: Folder, marks: Mapping[str, str] = MappingProxyType({})) -> Judged:
    """Return what the records of a directory are to a plan, of which this is the digest.

    `marks` are those that images of the plan have, by target.
    """
    own = [one for one in folder.records if one.record.plan == digest]
    others = (Odd(one.path, "it is of another plan") for one in folder.records if one.record.plan != digest)
    faults = {one: fault for one in own if (fault := _fault(plan, one.record, marks))}
    by_build: dict[str, list[Read]] = {}
    for one in own:
        if one not in faults:
            by_build.setdefault(one.record.build, []).append(one)
    ranked = {key: sorted(some_of, key=_rank) for key, some_of in by_build.items()}
    return Judged(
        records={key: some_of[-1].record for key, some_of in ranked.items()},
        twice=tuple(twice for key, some_of in ranked.items() if (twice := _twice(key, some_of))),
        wrong=tuple(Odd(one.path, fault) for one, fault in faults.items()),
        strange=(*others, *folder.odd),
    )


def _rank(one: Read) -> tuple[bool, str, str, str]:
    """Return what the record that counts has most of: an image of the plan is good whatever failed after it."""
    return one.record.is_good, one.record.ended, one.record.digest, one.path


def _twice(key: str, ranked: list[Read]) -> Twice | None:
    """Return whether machines have built something more than once, and not the same."""
    good = [one for one in ranked if one.record.is_good]
    other = [one for one in good[:-1] if one.record.digest != good[-1].record.digest]
    return Twice(key, good[-1].path, other[-1].path) if other else None


def _fault(plan: BuildPlan, record: RecordDocument, marks: Mapping[str, str]) -> str:
    """Return what a record of this plan says that the plan does not, "" for nothing."""
    build = plan.by_name.get(record.build)
    if build is None or not build.exported:
        return f"the plan builds no {record.build} for itself"
    if record.target != build.target or record.platforms != build.platforms:
        return f"it says that {record.build} is {_spoken(record)}, and the plan says {_spoken(build)}"
    where, wanted = tuple(one.repository for one in record.pushed), _repositories(build, record)
    if where != wanted:
        return f"it says that {record.build} is in {some(where) or 'no repository'}, and the plan says {some(wanted)}"
    if len({one.digest for one in record.pushed}) > 1:
        return f"it says that {record.build} is several images"
    told = record.metadata.get(_DIGEST, "")
    if record.digest and told not in {"", record.digest}:
        return f"it says that {record.build} is {record.digest[:19]}…, and that bake has pushed {told[:19]}…"
    return _fault_of_notes(plan, record, marks) if record.is_good else ""


def _fault_of_notes(plan: BuildPlan, record: RecordDocument, marks: Mapping[str, str]) -> str:
    """Return which annotation of a record the plan has not: an index would carry it."""
    planned = plan.notes.get(record.target, {}) if record.build != record.target else {}
    own = {key: text for key, text in record.annotations.items() if key not in OWN}
    if own != planned:
        wrong = sorted(key for key in {*own, *planned} if own.get(key) != planned.get(key))
        return f"it has another annotation {wrong[0]} for {record.target} than the plan"
    mark = record.annotations.get(ANNOTATION)
    is_other = mark is not None and mark != marks.get(record.target)
    return f"it has another fingerprint for {record.target} than the plan" if is_other else ""


def _repositories(build: Build, record: RecordDocument) -> tuple[str, ...]:
    return pushed_repositories(build) if record.is_good else ()


def _spoken(one: Build | RecordDocument) -> str:
    return f"{one.target} for {' '.join(one.platforms) or 'the builder'}"


def refuse_wrong(found: Judged, folder: str) -> None:
    """Raise StaleError where a record of the plan does not fit it."""
    if found.wrong:
        hint = "delete it, and run the job of its build again"
        raise StaleError(
            *(Diagnostic(message=f"{folder}/{one.path}: {one.why}", code="record", hint=hint) for one in found.wrong)
        )


def strangers(found: Iterable[Odd], folder: str) -> Iterator[Diagnostic]:
    """Yield a warning for each file that is not a record of the plan."""
    for one in found:
        hint = "give each plan a directory of its own, or delete the file"
        message = f"{folder}/{one.path} is left out: {one.why}"
        yield Diagnostic(message=message, code="record", hint=hint, severity="warning")
