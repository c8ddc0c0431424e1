"""Two plans side by side, as the documents that they are saved as: what is new, gone, renamed, or other than it was."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import field
from typing import Any

from buildmatrix.dockerfile.links import full
from buildmatrix.records import dataclass
from buildmatrix.review.model import Changes, LostTag, MovedTag, Need, Setting, Target, Touched
from buildmatrix.review.settings import Teller, Told, differences, makes_image

Document = Mapping[str, Any]
Files = Callable[[str], tuple[Touched, ...]]
"""What changed of the files that a target of now reads."""


@dataclass(frozen=True, kw_only=True)
class Beside:
    """What is known beside two plans: what changed of the files that a target reads, and of its base images.

    Where `facts_differ`, one of the plans was made for another commit or at another time: what is volatile differs.
    """

    files: Files = lambda _: ()
    bases: Mapping[str, tuple[Setting, ...]] = field(default_factory=dict)
    facts_differ: bool = False


NOTHING = Beside()


def compare(before: Document, after: Document, beside: Beside = NOTHING) -> Changes:
    """Return what changes from one plan to another; `against` and what is not known is the caller's to say."""
    return _Comparison(before, after, beside).changes()


class _Comparison:
    def __init__(self, before: Document, after: Document, beside: Beside) -> None:
        self._before, self._after, self._beside = before, after, beside
        self._old = {target["name"]: target for target in before["targets"]}
        self._new = {target["name"]: target for target in after["targets"]}
        self._renamed: dict[str, str] = {}
        self._now, self._then = Teller(), Teller(self._renamed)
        self._find_renamed()
        self._was = {new: old for old, new in self._renamed.items()}
        self._expected: dict[str, None] = {}

    def changes(self) -> Changes:
        targets = [*self._targets(), *self._removed()]
        old_tags, new_tags = _writers(self._old.values()), _writers(self._new.values())
        steady = _steady_tags(self._old.values()) if self._beside.facts_differ else old_tags
        lost = (LostTag(tag, by) for tag, by in old_tags.items() if tag not in new_tags and tag in steady)
        moved = (
            MovedTag(tag, by, new_tags[tag])
            for tag, by in old_tags.items()
            if tag in new_tags and self._renamed.get(by, by) != new_tags[tag]
        )
        return Changes(
            against="",
            targets=tuple(targets),
            run=tuple(self._run()),
            lost_tags=tuple(lost),
            moved_tags=tuple(moved),
            needs=tuple(self._needs()),
            expected=tuple(self._expected),
        )

    # --- names --------------------------------------------------------------------------------------------------------

    def _find_renamed(self) -> None:
        """Find targets with the same settings under another name: what they depend on comes before them."""
        added = [target for name, target in self._new.items() if name not in self._old]
        like: dict[Any, list[str]] = {}
        for target in added:
            like.setdefault(self._key(target, self._now), []).append(target["name"])
        for name, target in self._old.items() if added else ():
            if name not in self._new and (found := like.get(self._key(target, self._then))):
                alike = [one for one in found if self._new[one]["cell"] == target["cell"]]
                chosen = (alike or found)[0]
                found.remove(chosen)
                self._renamed[name] = chosen

    def _key(self, target: Document, teller: Teller) -> Any:
        found = _told(teller, target, self._volatile(target))
        return target["exported"], tuple(sorted(found.items(), key=lambda item: item[0]))

    def _volatile(self, target: Document) -> Iterable[Any]:
        return target.get("volatile", ()) if self._beside.facts_differ else ()

    # --- targets ------------------------------------------------------------------------------------------------------

    def _targets(self) -> Iterator[Target]:
        """Yield those of now in build order: what a target depends on comes before it."""
        nearest: dict[str, tuple[str, ...]] = {}
        for name, target in self._new.items():
            below = (*target["depends_on"], *target["needs"])
            through = tuple(dict.fromkeys(one for link in below for one in nearest.get(link, ())))
            made = self._target(name, target, self._beside.files(name), through)
            is_other = made.status == "added" or bool(made.files) or any(map(makes_image, made.settings))
            nearest[name] = (name,) if is_other else through
            yield made

    def _target(self, name: str, target: Document, files: tuple[Touched, ...], through: tuple[str, ...]) -> Target:
        old = self._old.get(self._was.get(name, name))
        if old is None:
            own = {key: target["settings"].get(key, ()) for key in ("platforms", "tags")}
            settings = tuple(differences({}, Teller().told(own)))
            return Target(name=name, declared=target["target"], status="added", settings=settings)
        settings = tuple(self._settings(old, target))
        is_changed = bool(settings or files)
        before = self._was.get(name, "")
        return Target(
            name=name,
            declared=target["target"],
            status="renamed" if before else "changed" if is_changed else "affected" if through else "unchanged",
            before=before,
            settings=settings,
            files=files,
            through=through,
        )

    def _settings(self, old: Document, new: Document) -> Iterator[Setting]:
        both = [pointer for pointer in self._volatile(old) if pointer in list(self._volatile(new))]
        yield from differences(_told(self._then, old, both), _told(self._now, new, both))
        if both:
            self._expect(old, new, both)
        if old["exported"] != new["exported"]:
            yield Setting("exported", _shown(old["exported"]), _shown(new["exported"]))
        yield from self._beside.bases.get(new["name"], ())

    def _expect(self, old: Document, new: Document, both: Iterable[Any]) -> None:
        """Keep the names of settings that differ as they do from run to run."""
        names = {tuple(pointer[:2]) for pointer in map(tuple, both)}
        for key, *inner in sorted(names, key=str):
            if _at(old, key, inner) != _at(new, key, inner):
                self._expected[f"{key}.{inner[0]}" if inner and isinstance(inner[0], str) else str(key)] = None

    def _removed(self) -> Iterator[Target]:
        for name, target in self._old.items():
            if name not in self._new and name not in self._renamed:
                yield Target(name=name, declared=target["target"], status="removed")

    # --- the run ------------------------------------------------------------------------------------------------------

    def _run(self) -> Iterator[Setting]:
        old, new = self._before, self._after
        for key in ("apply", "requires_buildx"):
            yield from differences(*(Teller().told({key.replace("_", "-"): one[key]}) for one in (old, new)))

    def _needs(self) -> Iterator[Need]:
        known = {one["value"] for one in self._before["allow"]}
        for one in self._after["allow"]:
            if not one["automatic"] and one["value"] not in known:
                known.add(one["value"])
                yield Need(one["value"], one["target"])


def _at(target: Document, key: Any, inner: list[Any]) -> Any:
    value = target["settings"].get(key)
    try:
        return value[inner[0]] if inner and value is not None else value
    except (KeyError, IndexError, TypeError):
        return None


def _shown(value: object) -> str:
    return str(value).lower()


def _writers(targets: Iterable[Document]) -> dict[str, str]:
    """Return the target that writes each tag."""
    return {
        tag: target["name"]
        for target in targets
        if target["exported"]
        for tag in target["settings"].get("tags", ())
        if not target["tags_left_to"] or full(tag) not in target["tags_left_to"]
    }


def _steady_tags(targets: Iterable[Document]) -> frozenset[str]:
    """Return the tags that are not volatile."""
    return frozenset(
        tag
        for target in targets
        for index, tag in enumerate(target["settings"].get("tags", ()))
        if ["tags", index] not in target.get("volatile", [])
    )


def _told(teller: Teller, target: Document, left_out: Iterable[Any]) -> Told:
    """Return the settings of a target by name; those that differ by platform also with the platforms."""
    volatile = list(left_out)
    found = teller.told(target["settings"], volatile)
    for part in target.get("by_platform") or ():
        # of its own teller: what is told of a part is not kept, since its values go with it
        own = Teller().told({key: value for key, value in part["settings"].items() if key != "platforms"}, volatile)
        where = " ".join(part["platforms"])
        found |= {f"{name} ({where})": value for name, value in own.items() if found.get(name) != value}
    return found
