"""Which entries of a context the sources of COPY, ADD and bind mounts reach, as BuildKit finds them; rather too many.

Links are followed where BuildKit does: on the way to a source, and at its end; in a directory that is copied they stay
links. Where its parts differ (a wildcard on the way follows no link for COPY, but what is sent does), each meaning
counts. A link never leads out of the context: `/` is the context, and `..` ends there. Tried with BuildKit 0.25.
"""

import os
import posixpath
from collections.abc import Iterator

from buildmatrix.inputs.digests import unreadable
from buildmatrix.inputs.patterns import is_pattern, names_by
from buildmatrix.inputs.tree import Folder, Leaf, Node, Tree, decoded

MOST_LINKS = 255
"""Links on one way, as BuildKit counts them."""

Found = tuple[str, Node]
"""What there is at a path."""


class Reaching:
    """Collects what sources reach, by path: directories, and what is none."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self.leaves: dict[str, Leaf] = {}
        self.folders: dict[str, Folder] = {}

    def everything(self) -> None:
        """Reach the whole context."""
        self._all(self._tree.root)

    def source(self, text: str) -> None:
        """Reach what a source means: a path, or a pattern of paths."""
        parts = [part for part in posixpath.normpath(f"/{text}").split("/") if part]
        pending, seen = [(self._tree.root, 0)], set[tuple[str, int]]()
        while pending:
            folder, depth = pending.pop()
            if (folder.path, depth) in seen:
                continue
            seen.add((folder.path, depth))
            if depth == len(parts):
                self._all(folder)
                continue
            for path, node in self._named(folder, parts[depth]):
                if isinstance(node, Folder):
                    pending.append((node, depth + 1))
                elif depth + 1 == len(parts):
                    self.leaves[path] = node

    def files(self, name: str) -> Iterator[bytes]:
        """Yield the regular files that a name at the top means: one, or what a link there may lead to."""
        node = self._tree.children(self._tree.root).get(name)
        for _, found in () if node is None else self._followed(self._tree.root, name, node):
            if not isinstance(found, Folder) and found.is_file(follow_symlinks=False):
                yield found.path

    def paths_around(self) -> Iterator[str]:
        """Yield the paths of the directories around what is reached: COPY --parents makes them, too."""
        seen = {""}
        for path in (*self.leaves, *self.folders):
            around = path.rpartition("/")[0]
            while around not in seen:
                seen.add(around)
                yield around
                around = around.rpartition("/")[0]

    def _named(self, folder: Folder, part: str) -> Iterator[Found]:
        """Yield what a part of a source means in a directory, behind its links.

        A mount takes a pattern for a name, which is always a meaning of it, too.
        """
        children = self._tree.children(folder)
        if not is_pattern(part):
            found = [part] if part in children else []
        elif (names := names_by(part)) is not None:
            found = [name for name in children if name == part or names.fullmatch(name)]
        else:
            found = []
            self._with_targets(folder)
        for name in found:
            yield from self._followed(folder, name, children[name])

    def _with_targets(self, folder: Folder) -> None:
        """Reach all that is in a directory, and what its links lead to: a pattern may mean any path in it."""
        for around, name, node in self._all(folder):
            for path, target in self._followed(around, name, node) if node.is_symlink() else ():
                if isinstance(target, Folder):
                    self._all(target)
                else:
                    self.leaves[path] = target

    def _all(self, folder: Folder) -> list[tuple[Folder, str, Leaf]]:
        """Reach all that is in a directory, and itself."""
        pending, found = [folder], list[tuple[Folder, str, Leaf]]()
        while pending:
            one = pending.pop()
            self.folders[one.path] = one
            head = one.below("")
            for name, node in self._tree.children(one).items():
                if isinstance(node, Folder):
                    pending.append(node)
                else:
                    self.leaves[head + name] = node
                    found.append((one, name, node))
        return found

    def _followed(self, folder: Folder, name: str, node: Node) -> Iterator[Found]:
        """Yield what there is at a name in a directory; of a link, which is reached itself, what it leads to."""
        if isinstance(node, Folder) or not node.is_symlink():
            yield folder.below(name), node
            return
        self.leaves[folder.below(name)] = node
        for as_text in (True, False):
            found = self._behind(folder, target_of(node), as_text=as_text)
            if found is not None:
                yield found

    def _behind(self, folder: Folder, target: str, *, as_text: bool) -> Found | None:
        """Return what a link in a directory leads to, None for nothing; links on the way are reached.

        BuildKit cuts `name/..` out of what is written in a link (`as_text`), a kernel follows the name.
        """
        way, pending, links = self._way(folder), _parts(target, as_text=as_text), 1
        while pending:
            part = pending.pop()
            if part == "/":
                del way[1:]
                continue
            if part == "..":
                del way[max(1, len(way) - 1) :]
                continue
            around, node = way[-1], self._tree.children(way[-1]).get(part)
            if isinstance(node, Folder):
                way.append(node)
            elif node is None or links > MOST_LINKS:
                return None
            elif node.is_symlink():
                self.leaves[around.below(part)] = node
                pending += _parts(target_of(node), as_text=as_text)
                links += 1
            else:
                return None if pending else (around.below(part), node)
        return way[-1].path, way[-1]

    def _way(self, folder: Folder) -> list[Folder]:
        """Return the directories around one, the context first, and itself."""
        way = [self._tree.root]
        for part in folder.path.split("/") if folder.path else ():
            node = self._tree.children(way[-1])[part]
            assert isinstance(node, Folder)  # noqa: S101 it was listed there
            way.append(node)
        return way


def target_of(link: Leaf) -> str:
    """Return what is written in a link."""
    try:
        return decoded(os.readlink(link.path))  # noqa: PTH115 of bytes
    except OSError as error:
        raise unreadable(link.path, error) from None


def _parts(target: str, *, as_text: bool) -> list[str]:
    """Return the parts of what is written in a link, the last first; `/` is the context."""
    text = posixpath.normpath(target) if as_text else target
    parts = [part for part in text.split("/") if part not in {"", "."}][::-1]
    return [*parts, "/"] if text.startswith("/") else parts
