"""Markers of rows that say what a value means; entitlements, fingerprints, checks and the rest read them.

A marker stands at a row, at the items of its list, or at a row of the tables that it holds; `marked.py` finds it there.
How a value is written, and what the schema says of it, is in `shapes.py`.
"""

from collections.abc import Mapping
from typing import Literal

Part = Literal["source", "context", "secret", "key", "cache", "result"]


class Local:
    """The string is a path of this machine, relative to the file that says it, unless it is a URL or has a scheme.

    `part` is what it is to the build: a `source` (what is built follows from it), a `context` (a source that may also
    be a URL, an image or another target), a `secret` (a source whose contents no saved plan knows), a `key` or a
    `cache` (what is built is the same without it), or a `result`. With `writes` it is written, else read; with `tree`
    any file below it may be. With `several` there may be more with that sign between them. With `beside` it is relative
    to that setting, and not to the file.
    """

    def __init__(
        self, part: Part = "source", *, writes: bool = False, tree: bool = False, several: str = "", beside: str = ""
    ) -> None:
        self.part, self.writes, self.tree, self.several, self.beside = part, writes, tree, several, beside


class NameOf:
    """The string is the name of something, or selects some by name: one word, without a comma and a space."""

    def __init__(self, what: Literal["image", "platform", "target", "stage", "privilege", "file"]) -> None:
        self.what = what


class ImageRef(NameOf):
    """The string is the reference of an image: of one that is written, or of one that is read, which may have a digest.

    With `several`, there may be more with commas between them.
    """

    def __init__(self, *, writes: bool = False, several: bool = False) -> None:
        super().__init__("image")
        self.writes, self.several = writes, several


class Short:
    """A text alone in the list stands for a table of this type, of which it is the value of one row."""

    def __init__(self, kind: str, attribute: str) -> None:
        self.kind, self.attribute = kind, attribute


class OfImage:
    """It is a setting of the whole image: one that differs by platform is a mistake."""


class Pair:
    """The string is `NAME=VALUE`."""


class FreeText:
    """The string is in a language of its own: a `$` in it is not a mistake, and "" a text."""


class OddKeys:
    """The free keys of the map may be called like settings: these names, or any whose value matches the expression."""

    def __init__(self, *names: str, values: str = r"(?!)") -> None:
        self.names, self.values = frozenset(names), values


class Privilege:
    """The value asks for a privilege of the build: for the one that it names, or for what `meant` has for it."""

    def __init__(self, meant: Mapping[str, str] | None = None) -> None:
        """Take the values with the privileges; None if the value names it."""
        self.meant = meant


class NoInput:
    """The value is no part of a target's fingerprint: what is built is the same with another one.

    With `known` it is: what it leads to is in the fingerprint, instead of the value. A row without this marker counts.
    """

    def __init__(self, *, known: bool = False) -> None:
        self.known = known


class Remark:
    """The value only says something of the image: what is volatile in it is no part of a target's fingerprint."""


class OfResult:
    """The setting is about what is built, and means nothing where the builder is only asked about a target (`call`)."""


class AddedByBake:
    """Bake adds the list of a target to what it inherits, where ours replaces that.

    Of several tables that are alike in the row `by`, the last one counts.
    """

    def __init__(self, by: str = "") -> None:
        self.by = by


class FromMetadata:
    """The setting is one that docker/metadata-action says of a target, in a file of `--bake-file`."""


class MakesCells:
    """The setting is one of those from which a target's cells are made: without it nothing can be expanded."""


class Where:
    """The value is part of the place that the table writes to: two that differ in it are two.

    `unset` is what is meant where it is not given; with `several`, values are listed with that sign between them, and
    each is a place.
    """

    def __init__(self, unset: str = "", several: str = "") -> None:
        self.unset, self.several = unset, several


class Credential:
    """The value is never shown; with `url` only what is secret in a URL: user and password, a signature."""

    def __init__(self, *, url: bool = False) -> None:
        self.url = url
