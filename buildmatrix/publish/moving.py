"""Moving a set of tags: all of them or none, and never over what somebody else has put there meanwhile.

There is no compare-and-swap in a registry's protocol. So each tag is read immediately before it is written, the first
tag of the set (by name) goes ahead of the others as a lock, and at the end all are read again.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from buildmatrix.engine.failures.classify import is_passing
from buildmatrix.engine.imagetools import Imagetools, sources_of
from buildmatrix.oci.answers import Absent, Answer, Found, Unknown
from buildmatrix.oci.image import Held, Image, OddError, Row, assemble, carried
from buildmatrix.oci.parallel import all_of
from buildmatrix.publish.tags import Tags, digest_in

TRIES = 3
"""How often a move is tried where the registry's trouble may pass."""

ROUNDS = 3
"""How often the whole set is looked at again, and what was moved back by another run is moved once more."""

LEAST_PAUSE, LONGEST_PAUSE = 0.02, 1.0
"""Seconds that the first tag is left alone before it is looked at: another run that read it before we wrote it has
written by then."""


@dataclass(frozen=True, kw_only=True)
class Move:
    """A tag that is to point at what its repository has under a digest, or at the index of several.

    `completes`: the platforms that the image lacks are taken from what the tag holds, `lacking` at least. `annotations`
    are those of an index of several.
    """

    target: str
    tag: str
    repository: str
    digests: tuple[str, ...]
    completes: bool = False
    lacking: tuple[str, ...] = ()
    annotations: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def sources(self) -> list[str]:
        """What it is made of, by reference."""
        return [f"{self.repository}@{digest}" for digest in self.digests]


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """Why a tag was not moved. `clash`: somebody else has moved it."""

    move: Move
    words: str
    clash: bool = False


@dataclass(frozen=True, kw_only=True)
class Result:
    """What became of a set: the digest of each tag if all were moved, else the troubles, and tags that stay wrong."""

    digests: dict[str, Image] = field(default_factory=dict)
    troubles: tuple[Trouble, ...] = ()
    stuck: tuple[str, ...] = ()
    left_to_others: tuple[str, ...] = ()


class _Refused(Exception):  # noqa: N818 it is caught here, and becomes a Trouble
    """A tag that cannot be moved, and why."""

    def __init__(self, words: str, *, clash: bool = False) -> None:
        super().__init__(words)
        self.words, self.clash = words, clash


@dataclass(kw_only=True, eq=False)
class _Tag:
    """A tag on its way: what it held when its set began to move, what it is to hold, and whether it was written.

    The one that `leads` is not written without a look at it. Where it is ours, and the registry stops to tell what
    the others hold, they follow: half a set would be worse.
    """

    move: Move
    new: Image
    before: Held | Found
    content: Image
    leads: bool = False
    touched: bool = False
    theirs: str = ""

    @property
    def ours(self) -> str:
        return self.content.digest


def _assembled(parts: Sequence[Image], more: Sequence[Row], annotations: Mapping[str, str]) -> Image:
    try:
        return assemble(parts, more, annotations)
    except OddError as error:
        raise _Refused(str(error)) from None


class Mover:
    """Moves sets of tags."""

    def __init__(self, tags: Tags, imagetools: Imagetools, stopped: Callable[[], bool], *, blindly: bool) -> None:
        """Take what tags held before the build, and who may end it.

        `blindly` moves tags also where the registry does not tell what they hold.
        """
        self._tags, self._imagetools, self._stopped, self._blindly = tags, imagetools, stopped, blindly
        self._registries = tags.holdings.registries

    def move_all(self, moves: Iterable[Move]) -> Result:
        """Move the tags, or leave them all as they are."""
        wanted = sorted(moves, key=lambda move: move.tag)
        prepared = all_of(self._prepared, wanted)
        troubles = [found for found in prepared.values() if isinstance(found, Trouble)]
        tags = [found for found in prepared.values() if isinstance(found, _Tag)]
        if not troubles:
            troubles = self._move(tags)
        if not troubles:
            return Result(digests={tag.move.tag: tag.content for tag in tags})
        stuck = [words for words in all_of(self._moved_back, tags).values() if words]
        others = tuple(tag.move.tag for tag in tags if tag.theirs and tag.touched)
        return Result(troubles=tuple(troubles), stuck=tuple(stuck), left_to_others=others)

    def _move(self, tags: list[_Tag]) -> list[Trouble]:
        first, rest = tags[:1], tags[1:]
        first[0].leads = True
        troubles = self._written(first)
        if rest and not troubles:
            troubles = self._is_still_ours(first[0])
        if rest and not troubles:
            troubles = self._written(rest)
        return troubles or self._verified(tags)

    # --- before anything moves ------------------------------------------------------------------------------------

    def _prepared(self, move: Move) -> "_Tag | Trouble":
        """Read what a tag holds now, and make what it is to hold."""
        try:
            new = self._new(move)
            before = self._now(move)
            self._refuse_clash(move, before, new)
            return _Tag(move=move, new=new, before=before, content=self._content(move, new, before))
        except _Refused as refused:
            return Trouble(move=move, words=refused.words, clash=refused.clash)

    def _new(self, move: Move) -> Image:
        """Return the image that was built; without its content, it can only be moved by imagetools."""
        if move.completes or len(move.digests) > 1:
            return _assembled([self._pushed(move, digest) for digest in move.digests], (), move.annotations)
        (digest,) = move.digests
        found = self._registries.get(move.repository, digest)
        if isinstance(found, Found):
            return Image(digest=digest, media_type=found.descriptor.media_type, body=found.body)
        return Image(digest=digest, media_type="", body=b"")

    def _pushed(self, move: Move, digest: str) -> Image:
        held: Held = self._tags.holdings.content(move.repository, digest)
        if isinstance(held, Unknown):
            held = self._imagetools.look(f"{move.repository}@{digest}")
        if isinstance(held, Image):
            return held
        raise _Refused(held.reason if isinstance(held, Unknown) else "the image that was pushed is not there")

    def _now(self, move: Move) -> Held | Found:
        held = self._tags.look(move.tag) if move.completes else self._tags.head(move.tag)
        if isinstance(held, Unknown) and (move.completes or not self._blindly):
            raise _Refused(f"nobody can say what the tag holds now: {held.reason}")
        return held

    def _refuse_clash(self, move: Move, now: Held | Found, new: Image) -> None:
        """A tag that moved while we were building is somebody else's; one that is completed takes what is there."""
        start, here = digest_in(self._tags.of(move.tag)), digest_in(now)
        if not move.completes and None not in {start, here} and here not in {start, new.digest}:
            raise _Refused("another run moved it while this one was building", clash=True)

    def _content(self, move: Move, new: Image, now: Held | Found) -> Image:
        if not move.completes:
            return new
        held = now if isinstance(now, Image) else None
        there = held.platforms if held else ()
        if (lost := [platform for platform in move.lacking if platform not in there]) and not self._blindly:
            raise _Refused(f"it would lose {' '.join(lost)}, which the tag does not have any more", clash=True)
        return _assembled([new], carried(new, held), {**held.annotations, **new.annotations}) if held else new

    # --- moving ---------------------------------------------------------------------------------------------------

    def _written(self, tags: Iterable[_Tag]) -> list[Trouble]:
        return [found for found in all_of(self._write, tags).values() if found]

    def _write(self, tag: _Tag) -> Trouble | None:
        try:
            self._put(tag)
        except _Refused as refused:
            return Trouble(move=tag.move, words=refused.words, clash=refused.clash)
        return None

    def _put(self, tag: _Tag) -> None:
        """Write a tag, after a last look at it; _Refused if that cannot be."""
        said = ""
        for attempt in range(TRIES):
            if self._stopped():
                raise _Refused("interrupted")
            if self._is_there(tag):
                return
            tag.touched = True
            body = tag.content.body
            done = self._registries.put(tag.move.tag, body, tag.content.media_type) if body else None
            if isinstance(done, Found):
                return
            said = done.reason if done else ""
            if done is None or not done.passes:
                break
            time.sleep(min(done.wait or 0.5 * 2.0**attempt, LONGEST_PAUSE * 5))
        if not self._is_there(tag):
            self._put_by_imagetools(tag, said)

    def _is_there(self, tag: _Tag) -> bool:
        """Look at a tag: whether it is ours already. What has changed is taken in, or a clash."""
        for _ in range(ROUNDS):
            here, why = self._seen(tag)
            if here is None and tag.leads and not self._blindly:
                raise _Refused(f"nobody can say what the tag holds now: {why}")
            if here == tag.ours:
                return True
            if here in {None, "", digest_in(tag.before)}:
                return False
            if not tag.move.completes:
                tag.theirs = here or ""
                raise _Refused("another run moves it at the same time", clash=True)
            tag.before = self._now(tag.move)
            tag.content = self._content(tag.move, tag.new, tag.before)
        raise _Refused("other runs move it all the time", clash=True)

    def _seen(self, tag: _Tag) -> tuple[str | None, str]:
        """Return the digest that a tag points at now, or why nobody can say; "" if there is no tag.

        One that nobody has put there, as far as we know, is believed if there is content for it.
        """
        now = self._tags.head(tag.move.tag)
        here = digest_in(now)
        if here is None:
            return None, now.reason if isinstance(now, Unknown) else ""
        if here in {"", tag.ours, digest_in(tag.before)}:
            return here, ""
        if isinstance(self._registries.get(tag.move.repository, here), Found):
            return here, ""
        return digest_in(self._tags.look(tag.move.tag)), f"it names {here[:19]}…, which is not there"

    def _put_by_imagetools(self, tag: _Tag, said: str) -> None:
        """Write a tag by buildx: it knows other logins, and other ways to a registry."""
        old = tag.before if isinstance(tag.before, Image) and tag.move.completes else None
        rows = [dict(row.plain) for row in carried(tag.new, old)] if old else []
        is_made = rows or len(tag.move.digests) > 1
        notes = [f"index:{key}={value}" for key, value in tag.content.annotations.items()] if is_made else []
        tag.touched = True
        for attempt in range(TRIES):
            words = self._imagetools.create(tag.move.tag, sources_of(tag.move.sources, rows), notes)
            if not words:
                break
            if self._stopped() or not is_passing(words) or attempt + 1 == TRIES:
                raise _Refused(f"{said}; imagetools: {words}" if said else words)
            time.sleep(2.0**attempt)
        if isinstance(now := self._tags.head(tag.move.tag), Found):
            tag.content = Image(digest=now.digest, media_type=now.descriptor.media_type, body=b"")

    # --- after that -----------------------------------------------------------------------------------------------

    def _is_still_ours(self, tag: _Tag) -> list[Trouble]:
        """Look at the first tag again after a moment: of two runs that wrote it, one goes on."""
        began = time.monotonic()
        self._tags.head(tag.move.tag)
        time.sleep(min(LONGEST_PAUSE, max(LEAST_PAUSE, 3 * (time.monotonic() - began))))
        return self._verified([tag])

    def _verified(self, tags: list[_Tag]) -> list[Trouble]:
        """Read the tags again: what is as it was before is moved once more; what is another's is a clash."""
        wrong: list[_Tag] = []
        for _ in range(ROUNDS):
            seen = all_of(self._seen, tags)
            wrong = [tag for tag in tags if seen[tag][0] not in {tag.ours, None}]
            if not wrong:
                return []
            if troubles := self._written(wrong):
                return troubles
        return [Trouble(move=tag.move, words="other runs move it all the time", clash=True) for tag in wrong]

    def _moved_back(self, tag: _Tag) -> str:
        """Move a tag back if it still points at what we put there; return what to say of one that stays wrong."""
        if not tag.touched:
            return ""
        here, old = self._seen(tag)[0], digest_in(tag.before)
        if here == old:
            return ""
        if here not in {None, tag.ours}:
            tag.theirs = here or "nothing"
            return ""
        done = here is not None and old is not None and self._restored(tag)
        return "" if done else f"{tag.move.tag} (moved, and could not be moved back)"

    def _restored(self, tag: _Tag) -> bool:
        name, old = tag.move.tag, tag.before
        if isinstance(old, Absent):
            return isinstance(self._registries.delete(name), Absent)
        if not isinstance(old, Image | Found):
            return False
        source: Answer | Image = old if old.body else self._registries.get(tag.move.repository, old.digest)
        if isinstance(source, Image | Found) and source.body:
            kind = source.media_type if isinstance(source, Image) else source.descriptor.media_type
            if isinstance(self._registries.put(name, source.body, kind), Found):
                return True
        return not self._imagetools.create(name, [f"{tag.move.repository}@{old.digest}"])
