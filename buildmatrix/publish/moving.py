"""Moving a set of tags: all of them or none, and never over what somebody else has put there meanwhile.

There is no compare-and-swap in a registry's protocol. So each tag is read immediately before it is written, the first
tag of the set (by name) goes ahead of the others as a lock, and at the end all are read again.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field

from buildmatrix.engine.imagetools import sources_of
from buildmatrix.engine.outcome import Leftover
from buildmatrix.engine.registry import Wanted
from buildmatrix.oci.answers import Absent, Found, Unknown
from buildmatrix.oci.http.parallel import all_of
from buildmatrix.oci.image import Held, Image, annotated, assemble, carried
from buildmatrix.oci.index import Listed, OddError
from buildmatrix.oci.reference import Reference
from buildmatrix.publish.tags import Tags, digest_in
from buildmatrix.records import dataclass
from buildmatrix.state.images.carried import joined, listed, notes_in

ROUNDS = 3
"""How often the whole set is looked at again, and what was moved back by another run is moved once more."""

LEAST_PAUSE, LONGEST_PAUSE = 0.02, 1.0
"""Seconds that the first tag is left alone before it is looked at: another run that read it before we wrote it has
written by then."""


@dataclass(frozen=True, kw_only=True)
class Move:
    """A tag that is to point at what its repository has under a digest, or at the index of several.

    `completes`: the platforms that the image lacks are taken from what the tag holds, `carried_over` at least.
    `annotations` are those of an index of several.
    """

    target: str
    tag: str
    repository: str
    digests: tuple[str, ...]
    completes: bool = False
    carried_over: tuple[str, ...] = ()
    annotations: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def sources(self) -> list[str]:
        """What it is made of, by reference."""
        return [str(Reference(self.repository, digest=digest)) for digest in self.digests]


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """Why a tag was not moved. `clash`: somebody else has moved it."""

    move: Move
    words: str
    clash: bool = False


@dataclass(frozen=True, kw_only=True)
class Result:
    """What became of a set: the digest of each tag if all were moved, else the troubles, and tags that stay wrong.

    `changed` are the tags that held something else before, also where nobody knows what.
    """

    digests: dict[str, Image] = field(default_factory=dict)
    changed: tuple[str, ...] = ()
    troubles: tuple[Trouble, ...] = ()
    stuck: tuple[Leftover, ...] = ()
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

    @property
    def wanted(self) -> Wanted:
        """What it is to hold, also as imagetools would make it."""
        old = self.before if isinstance(self.before, Image) and self.move.completes else None
        rows = [dict(one.plain) for one in carried(self.new, old)] if old else []
        is_made = rows or len(self.move.digests) > 1
        notes = [f"index:{key}={value}" for key, value in self.content.index.annotations.items()] if is_made else []
        return Wanted(image=self.content, sources=tuple(sources_of(self.move.sources, rows)), notes=tuple(notes))


def _assembled(parts: Sequence[Image], more: Sequence[Listed], annotations: Mapping[str, str]) -> Image:
    try:
        return assemble(parts, more, annotations)
    except OddError as error:
        raise _Refused(str(error)) from None


class Mover:
    """Moves sets of tags."""

    def __init__(self, tags: Tags, stopped: Callable[[], bool], *, blindly: bool) -> None:
        """Take what tags held before the build, and who may end it.

        `blindly` moves tags also where the registry does not tell what they hold.
        """
        self._tags, self._stopped, self._blindly = tags, stopped, blindly
        self._registry = tags.registry
        self._own: dict[str, str] = {}

    def move_all(self, moves: Iterable[Move]) -> Result:
        """Move the tags, or leave them all as they are."""
        wanted = sorted(moves, key=lambda move: move.tag)
        prepared = all_of(self._prepared, wanted)
        troubles = [found for found in prepared.values() if isinstance(found, Trouble)]
        tags = [found for found in prepared.values() if isinstance(found, _Tag)]
        if not troubles:
            troubles = self._move(tags)
        if not troubles:
            changed = tuple(tag.move.tag for tag in tags if digest_in(tag.before) != tag.ours)
            self._own |= {tag.move.tag: tag.ours for tag in tags}
            return Result(digests={tag.move.tag: tag.content for tag in tags}, changed=changed)
        stuck = [
            Leftover(tag=tag.move.tag, kind="stuck") for tag, done in all_of(self._moved_back, tags).items() if not done
        ]
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
            parts = [self._pushed(move, digest) for digest in move.digests]
            made = _assembled(parts, (), move.annotations)
            return annotated(listed(made), move.annotations) if len(parts) == 1 else made
        (digest,) = move.digests
        found = self._registry.get(move.repository, digest)
        if isinstance(found, Found):
            return Image(digest=digest, media_type=found.descriptor.media_type, body=found.body)
        return Image(digest=digest, media_type="", body=b"")

    def _pushed(self, move: Move, digest: str) -> Image:
        held = self._registry.content(move.repository, digest)
        if isinstance(held, Image):
            return held
        raise _Refused(held.reason if isinstance(held, Unknown) else "the image that was pushed is not there")

    def _now(self, move: Move) -> Held | Found:
        held = self._registry.look(move.tag) if move.completes else self._registry.head(move.tag)
        if isinstance(held, Unknown) and (move.completes or not self._blindly):
            raise _Refused(f"nobody can say what the tag holds now: {held.reason}")
        return held

    def _refuse_clash(self, move: Move, now: Held | Found, new: Image) -> None:
        """A tag that moved while we were building is somebody else's; one that is completed takes what is there."""
        start, here = self._own.get(move.tag, digest_in(self._tags.of(move.tag))), digest_in(now)
        if not move.completes and None not in {start, here} and here not in {start, new.digest}:
            raise _Refused("another run moved it while this one was building", clash=True)

    def _content(self, move: Move, new: Image, now: Held | Found) -> Image:
        if not move.completes:
            return new
        held = now if isinstance(now, Image) else None
        there = held.platforms if held else ()
        if (lost := [platform for platform in move.carried_over if platform not in there]) and not self._blindly:
            raise _Refused(f"it would lose {' '.join(lost)}, which the tag does not have any more", clash=True)
        if held is None:
            return new
        rows = carried(new, held)
        names = {str(one.platform) for one in rows if one.platform}
        return _assembled([new], rows, joined(new.index.annotations, notes_in(listed(held)), names))

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
        done = self._registry.put(tag.move.tag, lambda: self._wanted(tag), self._stopped)
        if isinstance(done, Unknown):
            raise _Refused(done.reason)
        tag.content = done or tag.content

    def _wanted(self, tag: _Tag) -> Wanted | None:
        """Return what a tag is to hold, None if it does already; it is about to be written."""
        if self._stopped():
            raise _Refused("interrupted")
        if self._is_there(tag):
            return None
        tag.touched = True
        return tag.wanted

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
        now = self._registry.head(tag.move.tag)
        here = digest_in(now)
        if here is None:
            return None, now.reason if isinstance(now, Unknown) else ""
        if here in {"", tag.ours, digest_in(tag.before)}:
            return here, ""
        if isinstance(self._registry.get(tag.move.repository, here), Found):
            return here, ""
        return digest_in(self._registry.look(tag.move.tag)), f"it names {here[:19]}…, which is not there"

    # --- after that -----------------------------------------------------------------------------------------------

    def _is_still_ours(self, tag: _Tag) -> list[Trouble]:
        """Look at the first tag again after a moment: of two runs that wrote it, one goes on."""
        began = time.monotonic()
        self._registry.head(tag.move.tag)
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

    def _moved_back(self, tag: _Tag) -> bool:
        """Move a tag back if it still points at what we put there; False of one that stays wrong."""
        if not tag.touched:
            return True
        here, old = self._seen(tag)[0], digest_in(tag.before)
        if here == old:
            return True
        if here not in {None, tag.ours}:
            tag.theirs = here or "nothing"
            return True
        return here is not None and old is not None and self._restored(tag)

    def _restored(self, tag: _Tag) -> bool:
        old, repository = tag.before, tag.move.repository
        if isinstance(old, Absent):
            return isinstance(self._registry.delete(tag.move.tag), Absent)
        if not isinstance(old, Image | Found):
            return False
        wanted = Wanted(image=self._whole(repository, old), sources=(str(Reference(repository, digest=old.digest)),))
        # looked at once more: another run may have written it meanwhile
        done = self._registry.put(
            tag.move.tag, lambda: wanted if self._seen(tag)[0] in {None, tag.ours} else None, self._stopped
        )
        return not isinstance(done, Unknown)

    def _whole(self, repository: str, old: Image | Found) -> Image:
        """Return what a tag held, with its content if the registry gives it."""
        if isinstance(old, Image) and old.body:
            return old
        found = self._registry.get(repository, old.digest)
        media_type, body = (found.descriptor.media_type, found.body) if isinstance(found, Found) else ("", b"")
        return Image(digest=old.digest, media_type=media_type, body=body)
