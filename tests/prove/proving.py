"""One project is changed many times: what was decided each time is compared with what real builds are."""

import random
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import combinations, pairwise
from pathlib import Path
from typing import NamedTuple

from tests.prove.bases import Bases, Registry
from tests.prove.deciding import applied, said_of, statuses
from tests.prove.images import Image, Store
from tests.prove.mutations import mutated
from tests.prove.oracle import HIDDEN, Images, State, built
from tests.prove.projects import Project, project_of, written

FORCED = "a rebuild by hand"
"""What asks for builds that nothing else asks for: they are not needless."""

AT_ONCE = 10
"""States that are built in one call: each is a change of the one before."""

BUILDERS = ("default", "one-node", "two-nodes")


class Place(NamedTuple):
    """Where a project is proved: a directory, the base images, and the builders that are there."""

    folder: Path
    bases: Bases
    repository: str
    builders: tuple[str, ...] = BUILDERS
    oracle: str = "one-node"


@dataclass
class Proof:
    """What was found: counts of mutations by kind, and a text for each stale image, or whatever else is wrong."""

    seed: str
    mutations: Counter[str] = field(default_factory=Counter)
    unbuildable: Counter[str] = field(default_factory=Counter)
    same: Counter[str] = field(default_factory=Counter)
    needless: Counter[str] = field(default_factory=Counter)
    builds: int = 0
    builds_same: int = 0
    builds_needless: int = 0
    pairs: int = 0
    applies: int = 0
    kept: int = 0
    wrong: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    why: list[str] = field(default_factory=list)


class Pushed(NamedTuple):
    """What the tags of a project held after an apply of a state, by tag, target and platform."""

    number: int
    images: dict[tuple[str, str, str], Image]
    is_whole: bool


def prove(seed: str, count: int, place: Place, store: Store, *, applies: int = 1) -> Proof:
    """Change a project so many times; what `apply --incremental` makes of it is looked at first, and so often later."""
    return _Proving(seed, place, store).run(count, applies)


class _Proving:
    def __init__(self, seed: str, place: Place, store: Store) -> None:
        self.chance = random.Random(seed)  # noqa: S311 no secret
        self.other_chance = random.Random(f"how {seed}")  # noqa: S311 what is looked at changes no project
        self.place, self.store, self.proof = place, store, Proof(seed)
        self.folder = place.folder / seed
        self.host, _, self.bases = place.bases.repository.partition("/")
        self.registry = Registry(self.host)
        self.pushed: list[Pushed] = []
        self.held: dict[int, Pushed] = {}
        self.states: list[State] = []
        self.images: dict[int, Images] = {}
        self.looked: set[int] = set()
        self.moved: dict[str, str] = {}
        self.number = 0

    def run(self, count: int, applies: int) -> Proof:
        """Go on from each state that can be built."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.looked = {0, *self._later(count, applies)}
        while not self.states:
            self._take([self._state("the first", self._first())])
        while len(self.states) <= count:
            self._take(list(self._ahead(min(AT_ONCE, count + 1 - len(self.states)))))
        self._judge()
        if not self.proof.wrong:
            shutil.rmtree(self.folder)
        return self.proof

    def _later(self, count: int, applies: int) -> range:
        """Return the states that are applied: each the next of the one before, so that something of it can be kept."""
        first = self.other_chance.randint(1, max(1, count - applies + 1))
        return range(first, first + applies)

    def _first(self) -> Project:
        repository = f"{self.host}/{self.place.repository}/p{self.proof.seed}"
        return project_of(self.chance, repository, f"{self.place.bases.repository}:p{self.proof.seed}")

    def _ahead(self, number: int) -> Iterator[State]:
        made = self.states[-1].made
        for _ in range(number):
            kind, made = mutated(self.chance, made)
            yield self._state(kind, made)

    def _state(self, kind: str, made: Project) -> State:
        """Write a state, and ask what is decided of it."""
        self._moved(made)
        folder = written(made, self.folder / f"state{self.number}")
        state = State(self.number, kind, made, folder, said_of(folder, _environment(made)))
        if self.pushed:
            self.held[self.number] = self.pushed[-1]
        self.number += 1
        return state

    def _moved(self, made: Project) -> None:
        """Have the tags of bases hold what they should."""
        for slot, variant in made.bases.items():
            if self.moved.get(slot) != variant:
                tag = made.tag_of(slot).rpartition(":")[2]
                self.registry.move(self.bases, tag, self.place.bases.digests[variant])
                self.moved[slot] = variant

    def _take(self, ahead: list[State]) -> None:
        """Build states, and take those up to the first that the engine cannot build."""
        for state in ahead if self._are_built(ahead) else self._up_to_a_failure(ahead):
            self.states.append(state)
            if len(self.states) - 1 in self.looked:
                self._apply(state)

    def _up_to_a_failure(self, ahead: list[State]) -> Iterator[State]:
        for state in ahead:
            if not self._are_built([state]):
                self.proof.unbuildable[state.kind] += 1
                return
            yield state

    def _are_built(self, states: list[State]) -> bool:
        images = built(states, self.place.bases.digests, self.place.oracle, self.store)
        self.images |= images or {}
        return images is not None

    def _apply(self, state: State) -> None:
        self._moved(state.made)
        builder = self._builder_of(state.made)
        done = applied(state.folder, builder, _environment(state.made))
        if "Traceback" in done.stderr or "bug in buildmatrix" in done.stderr:
            self.proof.wrong.append(f"state {state.number}: {done.stderr[-3000:]}")
        if done.returncode:
            said = f"{done.stderr[-1500:]}{done.stdout[-1500:]}"
            self.proof.refused.append(f"state {state.number}, {state.kind}: apply on {builder}: {said}")
        else:
            self.proof.applies += 1
            self.proof.kept += sum(status == "unchanged" for status in statuses(done).values())
        found: dict[tuple[str, str, str], Image] = {}
        for name, target in state.made.targets.items():
            for tag in target.settings["tags"]:
                found |= {(tag, name, platform): image for platform, image in self._under(tag, state.made).items()}
        self.pushed.append(Pushed(state.number, found, done.returncode == 0))

    def _builder_of(self, made: Project) -> str:
        """Return a builder for a project; nothing is handed on between nodes, so some cannot be built on several."""
        builder = self.other_chance.choice(self.place.builders)
        across = any("--platform=$BUILDPLATFORM " in line for one in made.targets.values() for line in one.lines)
        return self.place.oracle if across else builder

    def _under(self, tag: str, made: Project) -> dict[str, Image]:
        path, _, word = tag.partition("/")[2].rpartition(":")
        if not self.registry.manifest(path, word):
            return {}
        return self.store.images(word, lambda digest: self.registry.blob(path, digest), HIDDEN, timed=bool(made.epoch))

    # --- judging ------------------------------------------------------------------------------------------------------

    def _judge(self) -> None:
        for pushed in self.pushed:
            if pushed.is_whole:
                self._pushed_right(pushed, self.images[pushed.number])
        for first, second in combinations(self.states, 2):
            self._never_wrong(first, second)
        for state in self.states:
            if state.number in self.held:
                self._decided_right(state, self.held[state.number], self.images[state.number])
        for before, after in pairwise(self.states):
            self._count(before, after)

    def _pushed_right(self, pushed: Pushed, wanted: Images) -> None:
        """What is in the registry after an `apply --incremental` is what a plain build makes of the same project."""
        for (tag, name, platform), image in pushed.images.items():
            right = wanted.get((name, platform))  # None: a platform that the tag keeps of before
            if right and image.contents != right.contents:
                self._say(f"state {pushed.number}: {tag} holds another {platform} image", image, right)
        if lacking := wanted.keys() - {(name, platform) for _, name, platform in pushed.images}:
            self._say(f"state {pushed.number}: the registry lacks {sorted(lacking)}")

    def _never_wrong(self, first: State, second: State) -> None:
        """Where the fingerprints of two states are equal, their images are."""
        for key, fingerprint in first.said.prints.items():
            one, other = self.images[first.number].get(key), self.images[second.number].get(key)
            if second.said.prints.get(key) != fingerprint or one is None or other is None:
                continue
            self.proof.pairs += 1
            if not _are_same(one, other, first, second):
                self._say(f"{key} has one fingerprint and differs: states {first.number}, {second.number}", one, other)

    def _decided_right(self, state: State, held: Pushed, wanted: Images) -> None:
        """What is skipped is in the registry as it would be built."""
        there = {(name, platform): image for (_, name, platform), image in held.images.items()}
        for (name, platform), image in wanted.items():
            decision, because = state.said.decisions[name]
            found = there.get((name, platform))
            if decision == "skip" and (found is None or found.contents != image.contents):
                self._say(f"state {state.number}: {name} for {platform} is skipped: {because}", found, image)

    def _count(self, before: State, after: State) -> None:
        proof = self.proof
        proof.mutations[after.kind] += 1
        old, new = self.images[before.number], self.images[after.number]
        then, now = before.said.prints, after.said.prints
        same = {key for key, image in new.items() if key in old and _are_same(old[key], image, before, after)}
        rebuilt = {key for key in new if now.get(key) is None or now[key] != then.get(key)}
        proof.same[after.kind] += same == set(new)
        proof.builds += len(new)
        proof.builds_same += len(same)
        needless = set() if after.kind == FORCED else same & rebuilt
        if needless:
            proof.needless[after.kind] += 1
            proof.builds_needless += len(needless)
            doubts = sorted({after.said.doubts.get(name, "") for name, _ in needless} - {""})
            proof.why.append(f"state {after.number}, {after.kind}: {sorted(needless)} {doubts}")

    def _say(self, text: str, one: Image | None = None, other: Image | None = None) -> None:
        self.proof.wrong.append(text)
        for number, image in enumerate((one, other)):
            (self.folder / f"wrong{len(self.proof.wrong)}-{number}.json").write_text(image.strict if image else "")


def _environment(made: Project) -> dict[str, str]:
    return {"SOURCE_DATE_EPOCH": made.epoch} if made.epoch else {}


def _are_same(one: Image, other: Image, first: State, second: State) -> bool:
    """Tell whether two images are one; what a umask takes counts where it did not change."""
    if first.made.umask != second.made.umask:
        return (one.lenient, one.attested) == (other.lenient, other.attested)
    return one == other
