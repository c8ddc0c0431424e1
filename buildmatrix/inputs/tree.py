"""A context directory without what its .dockerignore leaves out: what BuildKit could be sent of it.

A directory is listed when it is asked for: a source may need a few of many. Names are read as bytes and are UTF-8
whatever the locale, as they are in an image.
"""

import os

from buildmatrix.dockerfile.ignore import Ignored, Matched
from buildmatrix.inputs.digests import UnknownError, unreadable

MOST_LISTED = 1_000_000
"""Files and directories of one context that are looked at."""

Leaf = os.DirEntry[bytes]
"""What is not a directory."""


class Folder:
    """A directory: its path relative to the context, "" for the context itself, and where it is."""

    __slots__ = ("children", "is_left_out", "matched", "path", "place")

    def __init__(self, path: str, place: bytes, matched: Matched, *, is_left_out: bool) -> None:
        """Take what the lines say of it; one that is left out is there for what is taken back in it."""
        self.path, self.place, self.matched, self.is_left_out = path, place, matched, is_left_out
        self.children: dict[str, Folder | Leaf] | None = None

    def below(self, name: str) -> str:
        """Return the path of what has this name in it."""
        return f"{self.path}/{name}" if self.path else name


Node = Folder | Leaf


class Tree:
    """What is there of a context."""

    def __init__(self, root: str, ignored: Ignored) -> None:
        """Take the real path of the context, and what is left out of it."""
        self.root = Folder("", os.fsencode(root), ignored.top, is_left_out=False)
        self._ignored = ignored
        self._listed = 0

    def children(self, folder: Folder) -> dict[str, Node]:
        """Return what is in a directory by name; UnknownError where nobody can say."""
        if folder.children is None:
            listed, pending = list[tuple[Folder, dict[str, Node]]](), [folder]
            while pending:  # what is taken back may be deep in what is left out
                one = pending.pop()
                nodes = self._list(one)
                listed.append((one, nodes))
                pending += (node for node in nodes.values() if isinstance(node, Folder) and node.is_left_out)
            for one, nodes in reversed(listed):  # only now: after an error nothing is half known
                one.children = {name: node for name, node in nodes.items() if not _is_empty(node)}
        return folder.children or {}

    def _list(self, folder: Folder) -> dict[str, Node]:
        """Return what is in a directory, with those that are there only if something in them is taken back."""
        nodes: dict[str, Node] = {}
        ignored, everything = self._ignored, not self._ignored.lines and self._ignored.asked is None
        for entry in self._entries(folder):
            name = decoded(entry.name)
            path = folder.below(name)
            out, matched = (False, ()) if everything else ignored.of(path, folder.matched)
            if not entry.is_dir(follow_symlinks=False):
                if not out:
                    nodes[name] = entry
            elif not out or ignored.takes_back:
                nodes[name] = Folder(path, entry.path, matched, is_left_out=out)
        return nodes

    def _entries(self, folder: Folder) -> list[Leaf]:
        try:
            with os.scandir(folder.place) as found:
                entries = list(found)
        except OSError as error:
            if folder.is_left_out:
                return []  # what is taken back lies elsewhere, or the build fails for it
            raise unreadable(folder.place, error) from None
        self._listed += len(entries)
        if self._listed > MOST_LISTED:
            raise UnknownError(f"the context has more than {MOST_LISTED:,} files")
        return entries


def decoded(name: bytes) -> str:
    """Return a name as text, whatever the locale."""
    return name.decode("utf-8", "surrogateescape")


def encoded(text: str) -> bytes:
    """Return the bytes of a name."""
    return text.encode("utf-8", "surrogateescape")


def _is_empty(node: Node) -> bool:
    """Tell whether a directory is not sent: it is left out, and nothing in it is taken back."""
    return isinstance(node, Folder) and node.is_left_out and not node.children
