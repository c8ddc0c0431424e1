"""What changes, as a comment on a pull request: short where little changes."""

from collections.abc import Iterator

from buildmatrix.report.markdown import code, escaped, fenced, folded
from buildmatrix.report.review.words import (
    WORDS,
    Group,
    counts,
    groups,
    is_long,
    line_changes,
    nothing,
    paths,
    scope,
    some,
    some_values,
    trouble,
    value,
)
from buildmatrix.report.run.words import counted
from buildmatrix.review.model import Changes, Setting

LONGEST = 60_000
"""Characters of a comment; GitHub takes 65,536."""

LONGEST_PIECE = 6_000
"""Characters of one group of targets."""

MANY = 12
"""Groups from which on they are folded."""


def review_markdown(changes: Changes) -> str:
    """Return what changes as markdown of at most `LONGEST` characters; what does not fit is counted."""
    head = f"### buildmatrix: what changes against {code(changes.against)}\n"
    told = [f"\n{escaped(trouble(changes))}\n"] if changes.trouble else []
    tail = "".join([*_beside(changes), "\n", *(f"<sub>{escaped(text)}</sub>\n" for text in scope(changes))])
    if changes.is_nothing:
        return f"{head}\n{nothing(changes)}\n{tail}"
    pieces = [_group(group) for group in groups(changes)]
    shown, left = [], LONGEST - len(head) - len(tail) - sum(map(len, told)) - 500
    for piece in pieces:
        left -= len(piece)
        if left < 0:
            break
        shown.append(piece)
    more = len(pieces) - len(shown)
    body = "".join([*shown, f"- … {counted(more, 'more group')} of targets\n" if more else ""])
    many = len(pieces) > MANY
    return "".join(
        [head, *told, f"\n{counts(changes)}\n\n", folded("all of them", body) + "\n" if many else body, tail]
    )


def _group(group: Group) -> str:
    first = group.first
    lines = [f"- {WORDS[first.status]}: {_names(group)}"]
    if first.before:
        lines[0] += f", which was {code(first.before)}"
    if first.through and first.status != "affected":
        lines[0] += ", depending on "
    if first.through:
        through, more = some(first.through)
        by = f"{', '.join(map(code, through))}{more}"
        lines[0] = f"- since {by} changed: {_names(group)}" if first.status == "affected" else f"{lines[0]}{by}"
    for _, values in group.settings():
        kept, others = some_values(values)
        lines += [line for one in kept for line in _setting(one)]
        lines += [f"  - {others}"] if others else []
    for touched in first.files:
        lines.append(f"  - {escaped(touched.part)}: {', '.join(map(_path, paths(touched)))}")
    text = "\n".join(lines) + "\n"
    return text if len(text) <= LONGEST_PIECE else f"{lines[0]}\n  - … {counted(len(lines) - 1, 'change')}\n"


def _path(text: str) -> str:
    return text if text.endswith((" more path", " more paths")) else code(text)


def _names(group: Group) -> str:
    shown, more = some(group.names)
    return ", ".join(map(code, shown)) + more


def _setting(one: Setting) -> Iterator[str]:
    name = code(one.name)
    if is_long(one):
        yield f"  - {name}:\n\n" + "\n".join(f"    {line}" for line in fenced("\n".join(line_changes(one))).split("\n"))
    elif one.before is None:
        yield f"  - {name}: + {_value(one, one.after)}"
    elif one.after is None:
        yield f"  - {name}: - {_value(one, one.before)}"
    else:
        yield f"  - {name}: {_value(one, one.before)} → {_value(one, one.after)}"


def _value(one: Setting, text: str | None) -> str:
    return code(value(one, text or "")) or '""'


def _beside(changes: Changes) -> Iterator[str]:
    """Yield what is to be said beside the targets."""
    if changes.lost_tags:
        yield _listed("⚠ Nothing would write these tags any longer:", [code(one.name) for one in changes.lost_tags])
    if changes.moved_tags:
        texts = [f"{code(one.name)} ({code(one.after)}, which was {code(one.before)})" for one in changes.moved_tags]
        yield _listed("Another target would write these tags:", texts)
    if changes.needs:
        texts = [f"{code(f'--allow={one.value}')} ({code(one.target)})" for one in changes.needs]
        yield _listed("⚠ apply would have to be allowed:", texts)
    if changes.run:
        yield "\nHow it runs:\n" + "\n".join(line for one in changes.run for line in _setting(one)) + "\n"


def _listed(title: str, texts: list[str]) -> str:
    shown, more = some(texts)
    return f"\n{title} {', '.join(shown)}{more}\n"
