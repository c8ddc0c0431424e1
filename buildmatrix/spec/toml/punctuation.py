"""Signs that are missing, too many, or of another language: keys and tables twice, quotes, brackets and headers."""

import re

from buildmatrix.errors import Notes, Place
from buildmatrix.patterns import regex
from buildmatrix.spec.toml.assignments import joined
from buildmatrix.spec.toml.failure import KEY, NAMES, Advice, Failure

BEGINS = regex(rf"\s*(?:\[+\s*{KEY}\s*\]+\s*(?:#.*)?$|{KEY}\s*=)")
IN_QUOTES = regex(r'"([^"\n]*)"')
CLOSED = regex(r"\{\{.*?\}\}|\{%.*?%\}|\$\{[^{}]*\}")
OPENED = regex(r"\{\{|\{%|\$\{")
TYPOGRAPHIC = "\u201c\u201d\u201e\u2018\u2019\u201a\u00ab\u00bb"
NO_BREAK = "\u00a0\u202f\u2007"

# --- said twice -----------------------------------------------------------------------------------------------------

_PARTS = regex(r"'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\"")


def twice(failure: Failure) -> Advice | None:
    """A key or a table stands twice, or has its value already."""
    parts = [one or other for one, other in _PARTS.findall(failure.said.partition("(")[2])]
    dotted = ".".join(part if re.fullmatch(r"[\w-]+", part) else f'"{part}"' for part in parts)
    if failure.said.endswith("twice"):
        return _table_twice(failure, dotted)
    if failure.said.startswith(("Cannot mutate", "Cannot redefine")):
        return _valued(failure, dotted, failure.at - len(failure.before.lstrip()))
    if failure.said == "Cannot overwrite a value":
        return _value_twice(failure)
    if failure.said.startswith("Duplicate inline table key"):
        return Advice(message="this table has a key twice", hint="leave one of them out")
    return None


def _table_twice(failure: Failure, dotted: str) -> Advice:
    notes = _first(failure, rf"^[ \t]*\[[ \t]*{re.escape(dotted)}[ \t]*\]", "the first one")
    if not notes:
        return _valued(failure, dotted, failure.at - len(failure.before.lstrip()))
    hint = "put all of it under one of them"
    if dotted.count(".") == 1:
        hint += ", or give one another name"
    return Advice(
        message=f"[{dotted}] stands here twice",
        hint=hint,
        at=failure.at - len(failure.before.lstrip()),
        notes=notes,
    )


def _valued(failure: Failure, dotted: str, at: int) -> Advice:
    """A table that was given as a value, and is added to."""
    *_, last = dotted.split(".")
    notes = _first(failure, rf"^[ \t]*(?:[\w-]+\.)*{re.escape(last)}\b.*=", "the first place", last=True)
    hint = f"write all of {last} in one place: below its header, or as one value"
    return Advice(message=f"{dotted} has its value already", hint=hint, at=at, notes=notes)


def _value_twice(failure: Failure) -> Advice:
    header = re.match(r"\s*\[+\s*([^\]]+?)\s*\]*\s*$", failure.before)
    key = failure.key or (header[1] if header else "")
    start = failure.at - len(failure.before.lstrip())
    if header:
        return _valued(failure, key, start)
    notes = _first(failure, rf"^[ \t]*{re.escape(key)}[ \t]*[.=]", "the first one", last=True)
    return Advice(message=f"{key} stands twice in this table", hint="leave one of them out", at=start, notes=notes)


def _first(failure: Failure, pattern: str, words: str, *, last: bool = False) -> Notes:
    """Return a note with the line above the failure that a pattern finds, the first or the last of them."""
    above = failure.text[: failure.starts[failure.line(failure.at) - 1]]
    found = list(re.finditer(pattern, above, re.MULTILINE))
    if not found:
        return ()
    at = found[-1 if last else 0]
    return ((words, Place(file=failure.name, line=failure.line(at.end() - 1), column=1)),)


# --- quotes and brackets --------------------------------------------------------------------------------------------


def quotes_inside(failure: Failure) -> Advice | None:
    """Double quotes within double quotes."""
    for found in IN_QUOTES.finditer(failure.row):
        at = failure.at - len(failure.before) + found.end() - 1
        opened = OPENED.search(CLOSED.sub("", found[1]))
        if opened and at <= failure.at and failure.row[found.end() :].strip(" \t,]}"):
            return Advice(
                message="this quote ends the text, in the middle of a template", hint=_single(opened[0]), at=at
            )
    if failure.before[-1:] == '"' and re.match(r"\w", failure.after):
        hint = 'write \\" within the text, or single quotes around it'
        return Advice(message="this quote ends the text", hint=hint, at=failure.at - 1)
    if failure.before[-1:] == "'" and re.match(r"\w", failure.after):
        hint = "write double quotes around the text: within single ones there can be none"
        return Advice(message="this quote ends the text", hint=hint, at=failure.at - 1)
    return None


def _single(opening: str) -> str:
    if opening == "${":
        return "write a template, with single quotes inside: \"{{ tag | replace('.', '-') }}\""
    return "within double quotes, write single ones: \"{% if os == 'alpine' %}…{% endif %}\""


def typographic(failure: Failure) -> Advice | None:
    """Quotes and spaces of a word processor."""
    sign = failure.after[:1]
    if sign and sign in TYPOGRAPHIC:
        return Advice(message=f"{sign} is a typographic quote", hint='write straight ones: "…"')
    if sign and sign in NO_BREAK:
        return Advice(message="here is a no-break space", hint="write a plain space")
    return None


def unclosed(failure: Failure) -> Advice | None:
    """A quote or a bracket that was opened above."""
    sign, at = failure.open[-1] if failure.open else ("", 0)
    if not sign or sign in "[{":
        return _unclosed_bracket(failure)
    many = len(sign) > 1
    hint = f"close it with {sign}" + ("" if many else f"; a text of several lines stands between {sign * 3}")
    return Advice(message="the text that begins here is not closed", hint=hint, at=at)


def _unclosed_bracket(failure: Failure) -> Advice | None:
    """A bracket of an earlier line is open, and here something else begins, or nothing is left."""
    here = failure.line(failure.at)
    if block := _table_in_braces(failure):
        return block
    earlier = [(sign, at) for sign, at in failure.open if failure.line(at) < here or not failure.after.strip()]
    if not earlier or not (BEGINS.match(failure.row) or not failure.text[failure.at :].strip()):
        return None
    sign, at = earlier[0]
    closing = {"[": "]", "{": "}"}[sign]
    where = f" before line {here}" if failure.text[failure.at :].strip() else ""
    if failure.text[at - 1 : at + 1].lstrip("\n").startswith("[") and _is_header(failure, at):
        return Advice(message="this header is not closed", hint="write [target.NAME]", at=at)
    return Advice(message=f"the {NAMES[sign]} that begins here is not closed", hint=f"write {closing}{where}", at=at)


def _table_in_braces(failure: Failure) -> Advice | None:
    """`target.app = {`, and its settings on lines of their own."""
    for sign, at in failure.open:
        start = failure.starts[failure.line(at) - 1]
        key = re.match(rf"\s*({KEY})\s*=\s*$", failure.text[start:at])
        if sign == "{" and key and not failure.text[at + 1 :].partition("\n")[0].strip():
            hint = f"write [{key[1]}], and its settings below it, without braces and commas"
            return Advice(message="between the parts of a table in braces stand commas", hint=hint, at=at)
    return None


def _is_header(failure: Failure, at: int) -> bool:
    start = failure.starts[failure.line(at) - 1]
    return not failure.text[start:at].strip(" \t[")


def comma(failure: Failure) -> Advice | None:
    """Between the parts of a list or table stands no comma."""
    opened = failure.said.startswith("Unclosed ") and failure.open
    if not opened or failure.after[:1] in {"", "=", ":"} or failure.word[:1].isdigit():
        return None
    sign, _ = failure.open[-1]
    if failure.after[0] in "+~":
        return joined(failure)
    closing = {"[": "]", "{": "}"}.get(sign, "")
    what = NAMES[sign]
    if failure.after[0] in "]}" and failure.after[0] != closing:
        return Advice(message=f"this closes no {what}", hint=f"write {closing}")
    return Advice(message=f"in this {what} a comma is missing before this", hint="write , between its parts", at=None)


# --- headers --------------------------------------------------------------------------------------------------------


def header(failure: Failure) -> Advice | None:
    """A `[header]` that is none."""
    found = re.match(r"\s*(\[+)\s*([^\[\]#]*?)\s*(\]*)\s*(#.*)?$", failure.row)
    if found is None or (failure.open[1:2] and failure.line(failure.open[0][1]) < failure.line(failure.at)):
        return None
    opening, name, closing = found[1], found[2], found[3]
    if len(opening) != len(closing):
        right = "]" * len(opening)
        return Advice(message="this header is not closed as it was opened", hint=f"write {opening}{name}{right}")
    words = [word for word in re.split(r"[\s./:\"']+", name) if word]
    if len(words) > 1 and words[0] in {"target", "group", "variable"}:
        second = "-".join(words[1:]) if words[0] == "target" else "_".join(words[1:])
        return Advice(message="this is not a header", hint=f"write {opening}{words[0]}.{second}{closing}")
    return Advice(
        message="this is not a header", hint=f'write {opening}target.NAME{closing}; an odd name stands in "…"'
    )


def block(failure: Failure) -> Advice | None:
    """`target "app" {` and its kin within a file that is TOML otherwise."""
    found = re.match(r"\s*([\w-]+)((?:\s+\"[^\"]*\")*)\s*\{\s*$", failure.row)
    if failure.row.strip() == "}":
        return Advice(message="a table has no closing brace", hint="it ends where the next [header] stands")
    if found is None or failure.said != "Expected '=' after a key in a key/value pair":
        return None
    path = ".".join([found[1], *re.findall(r'"([^"]*)"', found[2])])
    hint = f"write [{path}], and its settings below it, without braces"
    return Advice(message="this is a block of HCL", hint=hint)
