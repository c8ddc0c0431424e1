"""Targets whose outputs push different images: each tag may only hold that of its own output."""

from collections.abc import Iterable
from dataclasses import replace

from buildmatrix.state.decisions.decision import Asked, Decision, decided


def decided_apart(asked: Asked, outputs: Iterable[tuple[str, ...]]) -> Decision:
    """Decide about a target by the tags of each output; it is kept if all are, and else built whole.

    All images of one build have the same mark, so nothing tells which output one is of: no tag is pointed at an image
    that another one holds, and two outputs that are said to have made the same image are doubted.
    """
    each = []
    for tags in outputs:
        found = decided(replace(asked, held={tag: asked.held[tag] for tag in tags}, elsewhere={}))
        if found.action == "build":
            return replace(found, platforms=(), image=None)
        if found.moves:
            return _build(f"tag {found.moves[0]} does not hold the image of its output")
        each.append(found)
    if len({one.image.digest for one in each if one.image}) < len(each):
        return _build("its outputs push different images, and their tags hold the same one")
    return each[0]


def _build(reason: str) -> Decision:
    return Decision(action="build", because=(reason,))
