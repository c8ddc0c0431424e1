"""Build or skip, because: what a target's tags hold is compared with what would go into it now.

It is decided from data alone. What nobody can say is never taken for what is not there, and never keeps an image: where
there is a doubt, it is built.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal

from buildmatrix.oci.answers import Absent, Unknown
from buildmatrix.oci.image import Held, Image
from buildmatrix.oci.reference import parse
from buildmatrix.records import dataclass
from buildmatrix.state.marks import OtherFormat, fingerprints_in, marks_in

Action = Literal["build", "skip"]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is known of a target before it is decided.

    `fingerprints` are by platform, or `doubt` says why nobody can know them. `held` is what each of its tags holds, in
    its order; `children` are the manifests of those images that do not answer, by digest, with what was answered.
    `again` names what it depends on, or needs, that is built again. `forced` is why it is built in any case. `created`
    is when the image was built, None where that is not told, and `max_age` how old it may be.
    """

    fingerprints: Mapping[str, str]
    held: Mapping[str, Held]
    doubt: str = ""
    forced: str = ""
    again: str = ""
    children: Mapping[str, Absent | Unknown] | None = None
    created: datetime | None = None
    max_age: timedelta | None = None
    now: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What becomes of a target: for which platforms it is built (all, where it is not kept), and why.

    `image` is what is kept of it, wholly or, with `platforms` that are built, in part; `moves` are the tags that have
    to be pointed at it. `changed` says that what goes into it is another than what the image was built from: a record
    of the last build can tell what. `renewed` says that it is built for its age alone, or for that of what it depends
    on: what depends on it has to be built, too, though nothing that goes into it is another.
    """

    action: Action
    because: tuple[str, ...]
    platforms: tuple[str, ...] = ()
    image: Image | None = None
    moves: tuple[str, ...] = ()
    changed: bool = False
    renewed: bool = False


def decided(asked: Asked) -> Decision:
    """Decide about one target that pushes an image."""
    if reason := asked.forced or asked.again or (f"cannot know: {asked.doubt}" if asked.doubt else ""):
        return _build(reason, renewed=bool(asked.again))
    if silent := [f"{tag}: {held.reason}" for tag, held in asked.held.items() if isinstance(held, Unknown)]:
        return _build(f"cannot know what the registry holds: {silent[0]}")
    images = {held.digest: held for held in asked.held.values() if isinstance(held, Image)}
    if not images:
        return _build("never built" if len(asked.held) < 2 else "no tag of it is there")  # noqa: PLR2004 one tag
    whole = [image for image in images.values() if _fresh(image, asked) >= asked.fingerprints.keys()]
    if whole:
        return _kept(whole[0], asked)
    return _in_part(list(images.values()), asked)


def _fresh(image: Image, asked: Asked) -> set[str]:
    """Return the platforms of an image that are what they would be now, and are there."""
    if image.kind != "image":
        return set()
    marks = fingerprints_in(image)
    gone = (asked.children or {}).keys()
    there = {str(one.platform) for one in image.index.manifests if one.platform and one.digest not in gone}
    return {name for name, now in asked.fingerprints.items() if name in there and marks.get(name) == now}


def _kept(image: Image, asked: Asked) -> Decision:
    if asked.max_age is not None:
        if asked.created is None or asked.now is None:
            return _build("nobody knows how old it is, and max-age is set", renewed=True)
        if asked.now - asked.created > asked.max_age:
            return _build(f"older than max-age: built {asked.created.astimezone(UTC):%Y-%m-%d}", renewed=True)
    wrong = tuple(tag for tag, held in asked.held.items() if not isinstance(held, Image) or held.digest != image.digest)
    there = {parse(tag).repository for tag in asked.held if tag not in wrong}
    if elsewhere := next((tag for tag in wrong if parse(tag).repository not in there), ""):
        return _build(
            f"tag {elsewhere} holds {_what(asked.held[elsewhere])}, and its repository does not have the image"
        )
    reasons = tuple(f"tag {tag} holds {_what(asked.held[tag])}: it moves" for tag in wrong) or ("up to date",)
    return Decision(action="skip", because=reasons, image=image, moves=wrong)


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
    lacking = [name for name in asked.fingerprints if name not in fresh]
    reasons = tuple(_lacks(name, image, asked, marks) for name in lacking)
    changed = any(name in marks and marks[name] != asked.fingerprints[name] for name in lacking)
    if fresh and asked.max_age is None:
        return Decision(action="build", because=reasons, platforms=tuple(lacking), image=image, changed=changed)
    return Decision(action="build", because=reasons, changed=changed)


def _lacks(platform: str, image: Image, asked: Asked, marks: Mapping[str, str]) -> str:
    if platform not in image.platforms or platform not in marks:
        return f"{platform} missing"
    gone = [one for one in image.index.manifests if str(one.platform) == platform]
    answers = [(asked.children or {}).get(one.digest) for one in gone]
    if marks[platform] != asked.fingerprints[platform]:
        return f"{platform} changed" if len(asked.fingerprints) > 1 else "what goes into it changed"
    if unknown := next((one for one in answers if isinstance(one, Unknown)), None):
        return f"cannot know whether {platform} is there: {unknown.reason}"
    return f"{platform} is gone from the registry"


def _build(reason: str, *, renewed: bool = False) -> Decision:
    return Decision(action="build", because=(reason,), renewed=renewed)
