"""What is another in an image than in the last one, as short texts for people."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import field

from buildmatrix.records import dataclass
from buildmatrix.state.images.contents import CONTEXT, DOCKERFILE, SHOWN, Contents, Files, Row, steps_in
from buildmatrix.text import flat, one_line

MOST = 6
"""Reasons that are given for a target."""

SOURCE = "source "
"""How the parts begin that tell what a Dockerfile fetches."""

NAMES = 3
"""Names that are given in one of them."""

WIDEST = 40
"""Characters of a value or a step that is shown."""

Values = Mapping[str, str]
"""What a part was, by its name: only the user's own machine knows it."""


@dataclass(frozen=True, kw_only=True)
class Now:
    """What is known of the image that would be built: `then` and `values` are the values of both, where they are known.

    `links` are the targets that its contexts are, by the contexts' names; `rebuilt` are targets that are built again.
    `below` are those of which its contents tell.
    """

    contents: Contents
    rows: Sequence[Row] = ()
    links: Mapping[str, str] = field(default_factory=dict)
    rebuilt: Collection[str] = ()
    then: Values = field(default_factory=dict)
    values: Values = field(default_factory=dict)
    below: Mapping[str, "Now"] = field(default_factory=dict)


def changes(old: Contents, now: Now) -> tuple[str, ...]:
    """Return what is another; () where that cannot be told."""
    inner = {name: list(_all(old.below[name], one, now.below)) for name, one in now.below.items() if name in old.below}
    told = {name for name in inner if old.below[name].fingerprint != now.below[name].contents.fingerprint}
    below = (f"{one_line(name)}: {text}" for name in inner for text in inner[name])
    found = list(dict.fromkeys((*_all(old, now, told), *below)))
    more = len(found) - MOST
    return (*found[:MOST], *([f"and {more} more"] if more > 0 else []))


def _all(old: Contents, now: Now, told: Collection[str] = ()) -> Iterator[str]:
    """Yield what is another; nothing for those targets below of which more is `told`."""
    new = now.contents
    changed = [name for name in {**old.parts, **new.parts} if old.parts.get(name) != new.parts.get(name)]
    links = [name for name in changed if _link(name, now)]
    yield from (_depends(_link(name, now), name, now) for name in links if _link(name, now) not in told)
    images = [name for name in changed if name.startswith("image ") and name not in links]
    yield from _images(images, old, now)
    for name in sorted(
        {**old.args, **new.args}.keys() - {**old.parts, **new.parts}.keys()
    ):  # SOURCE_DATE_EPOCH is both
        if old.args.get(name) != new.args.get(name):
            yield _valued(f"arg {name}", name in old.args, name in new.args, now)
    if DOCKERFILE in changed:
        yield from _steps(old, now, of_images=bool(images))
    for name in changed:
        if _is_files(name, old, new):
            yield _changed_files(name, old.files.get(name), new.files.get(name))
        elif name.startswith(SOURCE) and DOCKERFILE in changed and not (name in old.parts and name in new.parts):
            continue  # the step that fetches it is told
        elif name not in links and name not in images and name != DOCKERFILE:
            yield _moved(name, old, new) or _setting(name, old, now)


def _link(name: str, now: Now) -> str:
    """Return the target that a part stands for, "" for none."""
    kind, _, rest = name.partition(" ")
    if kind == "needs":
        return rest
    return now.links.get(rest, "") if kind == CONTEXT else ""


def _depends(target: str, part: str, now: Now) -> str:
    how = "needs" if part.startswith("needs ") else "depends on"
    return f"{how} {one_line(target)}, which {'is rebuilt' if target in now.rebuilt else 'changed'}"


# --- images -----------------------------------------------------------------------------------------------------------


def _images(names: Sequence[str], old: Contents, now: Now) -> Iterator[str]:
    gone = [name for name in names if name not in now.contents.parts]
    added = [name for name in names if name not in old.parts]
    if len(gone) == len(added) == 1:
        yield f"{_image(added[0], now)} takes the place of {_bare(gone[0])}"
        gone = added = []
    for name in names:
        if name in gone or name in added:
            yield f"{_image(name, now)} {'removed' if name in gone else 'added'}"
        elif name in old.parts and name in now.contents.parts:
            yield f"{_image(name, now)} {_from_to(old.parts[name], now.contents.parts[name]) or 'changed'}"


def _image(name: str, now: Now) -> str:
    bases = {row[2] for row in now.rows if row[:2] == ("FROM", "image")}
    kind = "base" if name.removeprefix("image ") in bases else "image"
    return f"{kind} {_bare(name)}"


def _bare(name: str) -> str:
    short_name = name.removeprefix("image ").removeprefix("docker.io/").removeprefix("library/")
    return _cut(short_name, 2 * WIDEST)


# --- values -----------------------------------------------------------------------------------------------------------


def _setting(name: str, old: Contents, now: Now) -> str:
    kind, dot, rest = name.partition(".")
    singular = {"labels": "label"}.get(kind)
    spoken = f"{singular} {_cut(rest)}" if singular and dot else _cut(name)
    return _valued(spoken, name in old.parts, name in now.contents.parts, now, name)


def _moved(name: str, old: Contents, new: Contents) -> str:
    """Return that a context is another image now, or that what is fetched is another; "" where neither is known."""
    before, after = old.parts.get(name, ""), new.parts.get(name, "")
    moved = _from_to(before, after) if name.startswith((f"{CONTEXT} ", SOURCE)) else ""
    return f"{one_line(name)} {moved}" if moved else ""


def _from_to(before: str, after: str) -> str:
    """Return that an image moved between two digests; "" where one is none: what the run itself writes has none yet."""
    return f"moved {one_line(before)} → {after}" if len(before) == len(after) == SHOWN else ""


def _valued(spoken: str, was: bool, is_now: bool, now: Now, name: str = "") -> str:  # noqa: FBT001 as it is asked
    """Return what became of a value, with the value that it was and is, where both are known."""
    key = name or spoken
    if not (was and is_now):
        return f"{one_line(spoken)} {'removed' if was else 'added'}"
    before, after = now.then.get(key), now.values.get(key)
    if before is None or after is None or before == after:
        return f"{one_line(spoken)} changed"
    return f"{one_line(spoken)} changed {_value(before)} → {_value(after)}"


def _value(text: str) -> str:
    return _cut(text) if text and " " not in text else f'"{_cut(text)}"'


def _cut(text: str, widest: int = WIDEST) -> str:
    line = flat(text)
    return line if len(line) <= widest else f"{line[: widest - 1]}…"


# --- the Dockerfile ---------------------------------------------------------------------------------------------------


def _steps(old: Contents, now: Now, *, of_images: bool) -> Iterator[str]:
    """Yield which steps are new, or took the place of others; nothing where the images, or arguments, tell it."""
    if old.steps == now.contents.steps:
        return
    there = set(old.steps)
    steps = list(steps_in(now.rows))
    told = [step for step, one in zip(steps, now.contents.steps, strict=False) if one not in there]
    new = [_step(step) for step in told if step[0][0].isupper() and not (of_images and step[0][0] == "FROM")]
    if new:
        more = f" and {len(new) - 1} more" if len(new) > 1 else ""
        is_added = set(old.steps) <= set(now.contents.steps)
        yield f"Dockerfile: {new[0]}{more} added" if is_added else f"Dockerfile: changed to {new[0]}{more}"
    elif len(now.contents.steps) < len(old.steps):
        yield "Dockerfile: steps removed"
    elif not (of_images and told):
        yield "Dockerfile changed"


def _step(step: Sequence[Row]) -> str:
    keyword, *words = step[0]
    if keyword == "ONBUILD":
        return _cut(" ".join(step[0]))
    args = words[1:]
    if len(args) % 3 == 0 and set(args[2::3]) == {"="}:  # of ENV and LABEL: a name, a value and the sign
        args = [f"{name}={value}" for name, value in zip(args[::3], args[1::3], strict=False)]
    return _cut(" ".join([keyword, *args]))


# --- files ------------------------------------------------------------------------------------------------------------


def _is_files(name: str, old: Contents, new: Contents) -> bool:
    return name in old.files or name in new.files


def _changed_files(name: str, old: Files | None, new: Files | None) -> str:
    if old is None or new is None:
        return f"{one_line(name)} changed"
    now = new.as_far_as(old.depth).digests
    found = sorted(path for path in {**old.digests, **now} if old.digests.get(path) != now.get(path))
    if not found or old.depth == "whole":
        return f"{one_line(name)} changed"
    if old.depth == "files" and len(found) <= NAMES:
        return f"{one_line(name)}: {_by_kind(found, old.digests, now)}"
    names = folded(found)
    more = f" and {len(names) - NAMES} more" if len(names) > NAMES else ""
    count = f" ({len(found):,} files)" if old.depth == "files" else ""
    return f"{one_line(name)}: {', '.join(map(_path, names[:NAMES]))}{more} changed{count}"


def _by_kind(found: Sequence[str], old: Mapping[str, str], now: Mapping[str, str]) -> str:
    kinds = {
        "changed": [path for path in found if path in old and path in now],
        "added": [path for path in found if path not in old],
        "removed": [path for path in found if path not in now],
    }
    return ", ".join(f"{', '.join(map(_path, some))} {kind}" for kind, some in kinds.items() if some)


def folded(paths: Sequence[str]) -> list[str]:
    """Return paths with directories in the place of what is in them, the deepest first, until few are left."""
    names = list(paths)
    while len(names) > NAMES and (deepest := max(map(_depth, names))):
        names = sorted({_around(name) if _depth(name) == deepest else name for name in names})
        names = [name for name in names if not any(_is_in(name, other) for other in names)]
    return names


def _depth(name: str) -> int:
    """Count the directories that a name could be folded into."""
    return name.rstrip("/").count("/")


def _around(name: str) -> str:
    return f"{name.rstrip('/').rpartition('/')[0]}/"


def _is_in(name: str, other: str) -> bool:
    return name != other and other.endswith("/") and name.startswith(other)


def _path(name: str) -> str:
    line = one_line(name)
    return line if len(line) <= 2 * WIDEST else f"…{line[1 - 2 * WIDEST :]}"
