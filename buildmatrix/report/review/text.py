"""What changes, as text: what cells have in common is said once."""

from collections.abc import Callable, Iterator

from buildmatrix.report.layout import Span, laid_out, plain
from buildmatrix.report.review.words import (
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
from buildmatrix.report.style import Style
from buildmatrix.review.model import Changes, Setting, Status
from buildmatrix.text import one_line

SIGNS: dict[Status, str] = {"added": "+", "removed": "-", "renamed": ">", "changed": "~", "affected": "^"}

Detail = tuple[str, str]


def review_text(changes: Changes, style: Style, *, every: bool = False, width: int | None = None) -> str:
    """Return what changes as a person reads it; with `every` no cell is left out."""
    head: list[Span] = [
        ("buildmatrix plan --against ", style.name),
        (one_line(changes.against), style.name),
        (f" · {counts(changes)}", plain),
    ]
    lines = [*laid_out(head, width), ""]
    if said := trouble(changes):
        lines += [*laid_out([(one_line(said), style.warning)], width), ""]
    for group in groups(changes, every=every):
        lines += _group(group, style, width, every=every)
    lines += _beside(changes, style, width)
    if changes.is_nothing:
        lines += [nothing(changes)]
    for text in scope(changes):
        lines += laid_out([(one_line(text), style.quiet)], width)
    return "\n".join(lines) + "\n"


def _paint(status: Status, style: Style) -> Callable[[str], str]:
    return {"added": style.good, "removed": style.error}.get(status, style.name)


def _group(group: Group, style: Style, width: int | None, *, every: bool) -> list[str]:
    first, paint = group.first, _paint(group.first.status, style)
    names, more = some(group.names, every=every)
    head: list[Span] = [(f"{SIGNS[first.status]} ", paint), (one_line(", ".join(names)), paint), (more, plain)]
    if first.before:
        head.append((f", which was {one_line(first.before)}", plain))
    elif first.status == "affected":
        head.append((f"  since {_through(group)} changed", plain))
    lines = laid_out(head, width, "    ")
    details = list(_details(group, style, every=every))
    longest = max((len(label) for label, _ in details), default=0)
    for label, text in details:
        start: list[Span] = [("    ", plain), (label.ljust(longest), style.quiet), (f"  {text}", plain)]
        lines += laid_out(start, width, " " * (longest + 8))
    return lines


def _through(group: Group) -> str:
    shown, more = some(group.first.through)
    return one_line(", ".join(shown)) + more


def _details(group: Group, style: Style, *, every: bool) -> Iterator[Detail]:
    for name, values in group.settings():
        shown, more = some_values(values, every=every)
        texts = [text for one in shown for text in _setting(one, style)] + ([more] if more else [])
        yield from zip([one_line(name), *[""] * (len(texts) - 1)], texts, strict=True)
    for touched in group.first.files:
        yield one_line(touched.part), ", ".join(map(one_line, paths(touched)))
    if group.first.through and group.first.status != "affected":
        yield "depends on", _through(group)


def _setting(one: Setting, style: Style) -> Iterator[str]:
    if is_long(one):
        yield from map(one_line, line_changes(one))
    elif one.before is None or one.after is None:
        sign, text = ("+", one.after) if one.before is None else ("-", one.before)
        yield f"{style.good(sign) if sign == '+' else style.error(sign)} {value(one, text or '')}"
    else:
        yield f"{value(one, one.before)} → {value(one, one.after)}"


def _beside(changes: Changes, style: Style, width: int | None) -> list[str]:
    lines = []
    for title, texts in _lists(changes):
        shown, more = some(texts)
        lines += ["", *laid_out([(title, style.warning)], width)]
        for text in shown:
            lines += laid_out([(f"    {one_line(text)}", plain)], width, "        ")
        lines += [f"   {more}"] if more else []
    return [*lines, ""] if lines or not changes.is_nothing else lines


def _lists(changes: Changes) -> Iterator[tuple[str, list[str]]]:
    """Yield what is to be said beside the targets, each with a title."""
    if changes.lost_tags:
        lost = [f"{tag} (was written by {by})" for tag, by in changes.lost_tags]
        yield "tags that nothing would write any longer:", lost
    if changes.moved_tags:
        moved = [f"{tag}: {after}, which was {before}" for tag, before, after in changes.moved_tags]
        yield "tags that another target would write:", moved
    if changes.needs:
        yield "apply would have to be allowed:", [f"--allow={one} ({target})" for one, target in changes.needs]
    if changes.run:
        plain_style = Style()
        yield "how it runs:", [f"{one.name} {text}" for one in changes.run for text in _setting(one, plain_style)]


def review_short(changes: Changes, style: Style, *, width: int | None = None) -> str:
    """Return a line for each target that is not as it was."""
    lines = []
    for status, sign in SIGNS.items():
        for target in changes.of(status):
            what = [f"was {target.before}"] if target.before else []
            what += dict.fromkeys([*(one.name for one in target.settings), *(one.part for one in target.files)])
            what += [f"depends on {', '.join(some(target.through)[0])}"] if target.through else []
            spans: list[Span] = [(f"{sign} ", plain), (one_line(target.name), _paint(status, style))]
            lines += laid_out([*spans, (f"  {one_line(', '.join(what))}" if what else "", plain)], width, "    ")
    return "".join(f"{line}\n" for line in lines)
