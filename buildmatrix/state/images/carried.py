"""What an image says of itself in its annotations, by platform: its mark, and the summary of what went into it."""

from collections.abc import Collection, Mapping
from dataclasses import replace

from buildmatrix.oci.image import Image
from buildmatrix.oci.index import INDEXES
from buildmatrix.state.images import ages, marks, summary
from buildmatrix.state.images.marks import OtherFormat, is_altered, mark_of, marks_in

Notes = Mapping[str, str]

OWN = frozenset({marks.ANNOTATION, summary.ANNOTATION, ages.ANNOTATION})


def notes_of(fingerprints: Mapping[str, str], text: str) -> dict[str, str]:
    """Return the annotations of an image with these fingerprints by platform; `text` is its summary, "" for none."""
    return {marks.ANNOTATION: mark_of(fingerprints), **({summary.ANNOTATION: text} if text else {})}


def notes_in(image: Image) -> Notes:
    """Return what an image says of itself; nothing of ours where another program has exchanged images of it."""
    notes = image.index.annotations
    return {key: text for key, text in notes.items() if key not in OWN} if is_altered(image) else notes


def listed(image: Image) -> Image:
    """Return an image as what an index is made of: of a lone manifest's annotations the index has ours only."""
    if image.media_type in INDEXES:
        return image
    own = {key: text for key, text in image.index.annotations.items() if key in OWN}
    return replace(image, index=replace(image.index, annotations=own))


def joined(new: Notes, old: Notes, platforms: Collection[str]) -> dict[str, str]:
    """Return the annotations of a new image that takes these platforms over from an old one.

    Of each platform that is told which came with it: another run may have put it there meanwhile, and what is not
    known of it is not claimed.
    """
    own, theirs = _marks(new), _marks(old)
    others = {key: text for key, text in {**old, **new}.items() if key not in OWN}
    others |= ages.oldest(new, old)
    prints = {name: mark for name, mark in own.items() if name not in platforms}
    prints |= {name: mark for name, mark in theirs.items() if name in platforms}
    if not prints:
        return others
    contents = {name: one for name, one in summary.read(new).items() if name not in platforms}
    contents |= {name: one for name, one in summary.read(old).items() if name in platforms}
    true = {name: one for name, one in contents.items() if one.fingerprint == prints.get(name)}
    return others | notes_of(prints, summary.written(true))


def _marks(notes: Notes) -> dict[str, str]:
    found = marks_in(notes)
    return {} if isinstance(found, OtherFormat) else found
