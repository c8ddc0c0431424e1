"""Build or skip, because: what a target's tags hold is compared with what would go into it now.

It is decided from data alone. What nobody can say is never taken for what is not there, and never keeps an image: where
there is a doubt, it is built.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import field
from datetime import UTC, datetime, timedelta
from typing import Literal

from buildmatrix.oci.answers import Absent, Unknown
from buildmatrix.oci.image import Held, Image
from buildmatrix.oci.index import Listed
from buildmatrix.oci.reference import parse
from buildmatrix.records import dataclass
from buildmatrix.state.images.marks import OtherFormat, fingerprints_in, is_altered, marks_in

Action = Literal["build", "skip"]

AHEAD = timedelta(minutes=10)
"""How far the clock of who built an image may be before ours: what is told of later times is not believed."""

UNKNOWN_AGE = "nobody knows how old it is"

UNTOLD = "what goes into it changed"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is known of a target before it is decided.

    `fingerprints` are by platform, or `doubt` says why nobody can know them. `held` is what each of its tags holds, in
    its order; `children` are the manifests of those images that do not answer, by digest, with what was answered, and
    the attestations of what would be carried over. `carried` are the platforms that it declares and that are not built.
    `again` names what it depends on, or needs, that is built again. `forced` is why it is built in any case. `created`
    is when the image was built, None where that is not told, and `max_age` how old it may be. `elsewhere` is what its
    content tags hold, in the repositories of its tags. `told` says of a platform of an image what is another now: for
    words alone, it decides nothing. `overtaken` says why an image is too old for what it is built upon, "" if it is
    not.
    """

    fingerprints: Mapping[str, str]
    held: Mapping[str, Held]
    doubt: str = ""
    forced: str = ""
    again: str = ""
    children: Mapping[str, Absent | Unknown] | None = None
    carried: Collection[str] = ()
    created: datetime | None = None
    max_age: timedelta | None = None
    now: datetime | None = None
    elsewhere: Mapping[str, Held] = field(default_factory=dict)
    told: Callable[[Image, str], Sequence[str]] = lambda _, __: ()
    overtaken: Callable[[Image], str] = lambda _: ""


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What becomes of a target: for which platforms it is built (all, where it is not kept), and why.

    `image` is what is kept of it, wholly or, with `platforms` that are built, in part; `moves` are the tags that have
    to be pointed at it. `changed` says that what goes into it is another than what the image was built from: a record
    of the last build can tell what. `renewed` says that it is built for its age alone, or for that of what it depends
    on: what depends on it has to be built, too, though nothing that goes into it is another. `afresh` names what of it
    is built without the cache: the target, and what it is built from and is pushed nowhere. `only` has the reasons that
    are of some platforms, with those.
    """

    action: Action
    because: tuple[str, ...]
    platforms: tuple[str, ...] = ()
    image: Image | None = None
    moves: tuple[str, ...] = ()
    changed: bool = False
    renewed: bool = False
    afresh: tuple[str, ...] = ()
    only: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)

    def because_of(self, platforms: Collection[str]) -> tuple[str, ...]:
        """Return why a part for these platforms is built: without what is of others alone, where that leaves any."""
        others = {one for one, own in self.only.items() if platforms and set(own).isdisjoint(platforms)}
        return tuple(one for one in self.because if one not in others) or self.because


def decided(asked: Asked) -> Decision:
    """Decide about one target that pushes an image."""
    if reason := asked.forced or asked.again or (f"cannot know: {asked.doubt}" if asked.doubt else ""):
        return _build(reason, renewed=bool(asked.again))
    if silent := [f"{tag}: {held.reason}" for tag, held in asked.held.items() if isinstance(held, Unknown)]:
        return _build(f"cannot know what the registry holds: {silent[0]}")
    images = {held.digest: held for held in asked.held.values() if isinstance(held, Image)}
    others = {held.digest: held for held in asked.elsewhere.values() if isinstance(held, Image)}
    whole = [one for one in (images | others).values() if _fresh(one, asked) >= asked.fingerprints.keys()]
    if exact := [one for one in whole if not _undeclared(one, asked)]:
        return _kept(exact[0], asked)
    if whole:
        return Decision(action="build", because=_undeclared(whole[0], asked))
    if not images:
        return _build("its tag is not there" if len(asked.held) == 1 else "no tag of it is there")
    return _in_part(list(images.values()), asked)


def _fresh(image: Image, asked: Asked) -> set[str]:
    """Return the platforms of an image that are what they would be now, and are there."""
    if image.kind != "image":
        return set()
    marks = fingerprints_in(image)
    there = {str(one.platform) for one in image.index.manifests if one.platform and not _silent(one, image, asked)}
    return {name for name, now in asked.fingerprints.items() if name in there and marks.get(name) == now}


def _silent(one: Listed, image: Image, asked: Asked) -> dict[str, Absent | Unknown]:
    """Return what does not answer of a platform's manifest and its attestations, by what it is called."""
    named = {one.digest: "", **dict.fromkeys(attestations(one, image), "the attestation of ")}
    return {
        called: (asked.children or {})[digest] for digest, called in named.items() if digest in (asked.children or {})
    }


def attestations(one: Listed, image: Image) -> Iterator[str]:
    """Yield the digests of the attestations of one of an image's manifests."""
    yield from (other.digest for other in image.index.manifests if not other.platform and other.about == one.digest)


def _undeclared(image: Image, asked: Asked) -> tuple[str, ...]:
    """Say which platforms an image has and should not have: those of a tag stay where it is only completed."""
    declared = {*asked.fingerprints, *asked.carried}
    return tuple(f"{name} is no longer declared" for name in image.platforms if name not in declared)


def _kept(image: Image, asked: Asked) -> Decision:
    if asked.max_age is not None:
        if asked.created is None or asked.now is None:
            return _build(f"{UNKNOWN_AGE}, and max-age is set", renewed=True)
        if asked.created - asked.now > AHEAD:
            return _build(ahead(asked.created), renewed=True)
        if asked.now - asked.created > asked.max_age:
            return _build(f"older than max-age: built {asked.created.astimezone(UTC):%Y-%m-%d %H:%M} UTC", renewed=True)
    if why := asked.overtaken(image):
        return _build(why, renewed=True)
    wrong = tuple(tag for tag, held in asked.held.items() if not isinstance(held, Image) or held.digest != image.digest)
    found = [tag for tag, held in asked.elsewhere.items() if isinstance(held, Image) and held.digest == image.digest]
    there = {parse(tag).repository for tag in (*found, *(tag for tag in asked.held if tag not in wrong))}
    if elsewhere := next((tag for tag in wrong if parse(tag).repository not in there), ""):
        return _build(
            f"tag {elsewhere} holds {_what(asked.held[elsewhere])}, and its repository does not have the image"
        )
    reasons = [f"tag {tag} holds {_what(asked.held[tag])}: it moves" for tag in wrong] or ["up to date"]
    by_content = found and len(wrong) == len(asked.held)
    reasons += [f"it was built already: {found[0]}"] if by_content else []
    return Decision(action="skip", because=tuple(reasons), image=image, moves=wrong)


def ahead(moment: datetime) -> str:
    """Say that nobody knows how old something is that was built at a time that is still to come."""
    return f"{UNKNOWN_AGE}: built {moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC, ahead of this clock"


def _what(held: Held) -> str:
    return "another image" if isinstance(held, Image) else "nothing"


def _in_part(images: Sequence[Image], asked: Asked) -> Decision:
    """Say why the images that are there will not do; what is right of the first of them need not be built."""
    image = max(images, key=lambda one: len(_fresh(one, asked)))
    marks, fresh = marks_in(image.index.annotations), _fresh(image, asked)
    if isinstance(marks, OtherFormat):
        return _build("the format of fingerprints changed")
    if image.kind != "image":
        return _build(f"its tag holds {image.kind}")
    if not marks:
        return _build("the image has no fingerprint: another program, or a run without --incremental, built it")
    if is_altered(image):
        return _build("another program has exchanged images of its index, and kept the fingerprint")
    lacking = [name for name in asked.fingerprints if name not in fresh]
    there = [name for name in lacking if name in image.platforms and name in marks]
    differing = [name for name in there if marks[name] != asked.fingerprints[name]]
    others = {_lacks(name, image, asked, marks): (name,) for name in lacking if name not in differing}
    undeclared = _undeclared(image, asked)
    told = {name: tuple(asked.told(image, name)) for name in differing}
    only = differs(told, len(asked.fingerprints)) | others
    reasons = (*only, *undeclared)
    changed = bool(differing)
    late = asked.overtaken(image) if fresh else ""
    # what a tag keeps is taken from what that very tag holds
    alike = all(isinstance(held, Image) and held.digest == image.digest for held in asked.held.values())
    if fresh and alike and not undeclared and asked.max_age is None and not late:
        return Decision(
            action="build", because=reasons, platforms=tuple(lacking), image=image, changed=changed, only=only
        )
    because = (*reasons, *([late] if late else []))
    return Decision(action="build", because=because, changed=changed, renewed=bool(late), only=only)


def differs(told: Mapping[str, tuple[str, ...]], count: int) -> dict[str, tuple[str, ...]]:
    """Say what is another for some of so many platforms, with those; what is the same for all of them is said once."""
    alike: dict[tuple[str, ...], list[str]] = {}
    for name, texts in told.items():
        alike.setdefault(texts, []).append(name)
    reasons: dict[str, tuple[str, ...]] = {}
    for texts, names in alike.items():
        whole = len(names) == count
        if texts:
            reasons |= dict.fromkeys(texts if whole else (f"{' '.join(names)}: {text}" for text in texts), tuple(names))
        else:
            reasons |= {UNTOLD: tuple(names)} if whole else {f"{name} changed": (name,) for name in names}
    return reasons


def _lacks(platform: str, image: Image, asked: Asked, marks: Mapping[str, str]) -> str:
    if platform not in image.platforms:
        return f"{platform} missing"
    if platform not in marks:
        return f"{platform} has no fingerprint"
    own = [one for one in image.index.manifests if one.platform and str(one.platform) == platform]
    silent = {called: answer for one in own for called, answer in _silent(one, image, asked).items()}
    for called, answer in silent.items():
        if isinstance(answer, Unknown):
            return f"cannot know whether {called}{platform} is there: {answer.reason}"
    return f"{next(iter(silent), '')}{platform} is gone from the registry"


def _build(reason: str, *, renewed: bool = False) -> Decision:
    return Decision(action="build", because=(reason,), renewed=renewed)
