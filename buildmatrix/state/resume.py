"""What the last run on this machine left as it would be built now, and why the rest is built: a doubt is built."""

from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from buildmatrix.engine.outcome import BuildOutcome
from buildmatrix.errors import some
from buildmatrix.inputs.known import Known
from buildmatrix.plan.access.reach import dests_of
from buildmatrix.plan.builds import Build, BuildPlan
from buildmatrix.plan.model import Plan, PlannedTarget
from buildmatrix.plan.outputs import builds
from buildmatrix.records import dataclass
from buildmatrix.spec.rows.shapes import given
from buildmatrix.state.decisions.deciding import AGED, OLDER
from buildmatrix.state.decisions.decision import AHEAD, ahead, differs
from buildmatrix.state.decisions.unchanged import NOTHING, ONLY_FOR, Resumed, only_for, unchanged_of
from buildmatrix.state.images.summary import ANNOTATION, read
from buildmatrix.state.images.telling import Telling
from buildmatrix.state.present import Present, outputs_of, rebuild_of
from buildmatrix.state.record import KEPT, left_of
from buildmatrix.state.result import Entry

NEVER = "never built here"


@dataclass(frozen=True, kw_only=True)
class Remembered:
    """What the last run left, by Build, and what is known now.

    `plan` is that of the run. `known` says it of a target, `telling` says what changed. `asked` is what the command
    line asked of the outputs. `max_age` says how old something may be, in seconds, None for any; `now` is the time.
    """

    plan: Plan
    entries: Mapping[str, Entry]
    known: Callable[[str], Known]
    present: Present
    telling: Telling | None = None
    asked: str = ""
    max_age: Callable[[PlannedTarget], int | None] = lambda _: None
    now: float = 0.0

    def doubts(self, wanted: Mapping[str, Build], *, tags: bool = True) -> dict[str, str]:
        """Return why nothing vouches for what the last run left of some Builds; what holds is left out.

        Without `tags` nobody is asked what tags hold.
        """
        found: dict[str, str] = {}
        rebuilt = set[str]()
        for name, build in wanted.items():  # in the plan's order: what others depend on comes first
            if why := self._changed(build, rebuilt):
                rebuilt.add(build.target)
            found[name] = why
        left = {name: left_of(self.entries[name]) for name, reason in found.items() if not reason}
        return {name: why for name, why in (found | self.present.doubts(left, tags=tags)).items() if why}

    def uncached(self, reasons: Mapping[str, str], builds: Iterable[Build]) -> set[str]:
        """Return which Builds the cache would not build as they are to be now: too old, or with another `rebuild`."""
        found = set()
        for build in builds:
            entry, now = self.entries.get(build.name), rebuild_of(build)
            is_bumped = now is not None and (entry is None or entry.rebuild != now)
            if build.name in reasons and (is_bumped or reasons[build.name].startswith(AGED)):
                found.add(build.name)
        return found

    def _changed(self, build: Build, rebuilt: Collection[str]) -> str:
        if (entry := self.entries.get(build.name)) is None:
            return NEVER
        known = self.known(build.target)
        if entry.status not in {"built", "cached"} or known.doubt or entry.doubt:
            doubt = known.doubt or entry.doubt
            return f"cannot know: {doubt}" if doubt else "the last run did not build it"
        now = {name: known.fingerprints[name] for name in build.platforms or known.fingerprints}
        if entry.fingerprints != now:
            return _differs(entry.fingerprints, now, self._told(build, entry, now, rebuilt))
        if entry.outputs != outputs_of(self.plan.by_name[build.target]):
            return f"its outputs changed{self.asked}"
        return self._old(build, entry.made or 0)

    def _told(
        self, build: Build, entry: Entry, now: Iterable[str], rebuilt: Collection[str]
    ) -> dict[str, tuple[str, ...]]:
        """Return what is another by platform, of each that was built: () where nobody can tell."""
        then = entry.fingerprints or {}
        contents = read({ANNOTATION: entry.record or ""}) if self.telling else {}
        return {
            name: self.telling.since(contents, then, build.target, name, rebuilt) if self.telling else ()
            for name in now
            if name in then and then[name] != self.known(build.target).fingerprints[name]
        }

    def _old(self, build: Build, made: int) -> str:
        age = self.max_age(build)
        if age is None:
            return ""
        if made - self.now > AHEAD.total_seconds():
            return ahead(datetime.fromtimestamp(made, UTC))
        if self.now - made <= age:
            return ""
        return f"{OLDER} {datetime.fromtimestamp(made, UTC):%Y-%m-%d %H:%M} UTC"


def resumed(
    plan: BuildPlan,
    last: Remembered,
    kept: Resumed = NOTHING,
    *,
    wants: Callable[[Build], bool] = lambda _: True,
) -> Resumed:
    """Decide about what is exported and not `kept` already; of the others what is not wanted is built."""
    wanted = {
        build.name: build
        for build in plan.targets
        if build.exported and builds(build.settings) and build.name not in kept.unchanged and wants(build)
    }
    reasons = last.doubts(wanted)
    holding = {*wanted, *kept.unchanged} - set(reasons)
    reasons |= dict(_follow(plan, holding, reasons, kept.unchanged))
    found = {name: _outcome(build, last.entries[name]) for name, build in wanted.items() if name not in reasons}
    unchanged = {**kept.unchanged, **found}
    spared = {name: unchanged_of(plan.by_name[name], ONLY_FOR, {"tags": ()}) for name in only_for(plan, unchanged)}
    left = {name: why for name, why in kept.reasons.items() if name not in found}
    return Resumed(unchanged=unchanged | spared, reasons={**reasons, **left})


def _differs(then: Mapping[str, str] | None, now: Mapping[str, str], told: Mapping[str, tuple[str, ...]]) -> str:
    if then is None:
        return "cannot know: the last run did not tell what it was built from"
    if missing := [name for name in now if name not in then]:
        return f"the last run did not build {missing[0]}"
    return "; ".join(differs(told, len(now))) or "the last run built other platforms, too"


def _follow(
    plan: Plan, holding: set[str], reasons: Mapping[str, str], kept: Container[str]
) -> Iterator[tuple[str, str]]:
    """Yield what is built since something that it needs, or depends on, is; the plan's order has that first.

    What is only a dependency is in the fingerprint of those upon it, and a question (`call`) changes nothing.
    """
    again: dict[str, str] = dict(reasons)
    for target in plan.targets:
        if target.name in again or target.name in kept:
            continue
        before = (
            name for name in (*target.depends_on, *target.needs) if name in again or _is_fresh(plan, name, holding)
        )
        if culprit := next(before, ""):
            how = "needs" if culprit in target.needs else "depends on"
            again[target.name] = f"{culprit}, which it {how}, is built again"
            yield target.name, again[target.name]


def _is_fresh(plan: Plan, name: str, holding: set[str]) -> bool:
    target = plan.by_name[name]
    return target.exported and builds(target.settings) and name not in holding


def _outcome(build: Build, entry: Entry) -> BuildOutcome:
    known = given(entry)
    values: dict[str, Any] = {"tags": (), **{key: known[key] for key in KEPT if key in known and key != "seconds"}}
    return unchanged_of(build, f"up to date: {_still(build)}", values)


def _still(build: Build) -> str:
    """Return what is as the last run left it."""
    if dests := list(dict.fromkeys(dests_of(build))):
        verb, what = ("is", "it") if len(dests) == 1 else ("are", "them")
        return f"{some(dests)} {verb} as the last run wrote {what}"
    return "the last run built it, and nothing changed since"
