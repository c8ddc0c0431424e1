"""Text that is not TOML: what was meant, and what to write instead, by the text around the place where reading ended.

The parser says what it waited for, which tells nobody who writes HCL, YAML, JSON or a shell's words what to do. Each
rule here looks at the failure and says what it is, or nothing; the first one that knows it is shown.
"""

import re
from collections.abc import Callable

from buildmatrix.errors import Diagnostic, Place
from buildmatrix.spec.credentials import assignment
from buildmatrix.spec.toml.assignments import bare_template, behind, comment, escape, number, sign, value
from buildmatrix.spec.toml.failure import Advice, Failure
from buildmatrix.spec.toml.languages import language_of
from buildmatrix.spec.toml.punctuation import block, comma, header, quotes_inside, twice, typographic, unclosed
from buildmatrix.text import HIDDEN, spans

LONGEST = 2_000
"""Characters of a line that are looked at for a hint."""
MUCH = 20_000
"""Characters of a text that tell its language."""


def explained(name: str, text: str, at: int, said: str) -> Diagnostic:
    """Return the error of a text that is not TOML; `at` and `said` are where a parser gave up, and its words."""
    failure = Failure(name=name, text=text, at=min(at, len(text)), said=said)
    rules = _RULES if len(failure.row) < LONGEST else _RULES[:1]
    advice = next(filter(None, (rule(failure) for rule in rules)), None)
    advice = advice or Advice(message=said[:1].lower() + said[1:])
    at = failure.at if advice.at is None else advice.at
    line = failure.line(at)
    place = Place(file=name, line=line, column=at - failure.starts[line - 1] + 1)
    message, hint = (_without_credentials(text, failure.row) for text in (advice.message, advice.hint))
    return Diagnostic(message=f"this is not TOML: {message}", code="syntax", place=place, hint=hint, notes=advice.notes)


def _without_credentials(text: str, row: str) -> str:
    """Return a text without what a line gives to a key that holds a credential: a broken line is not learned from."""
    for start, end in spans(row, assignment()) if len(row) < LONGEST else ():
        text = text.replace(row[start:end], HIDDEN)
    return text


def another_language(failure: Failure) -> Advice | None:
    """The whole text is in another language."""
    found = language_of(failure.name, failure.text[:MUCH])
    if found is None:
        return None
    return Advice(message=f"it is {found.name}", hint=found.cure, at=found.at)


def conflict(failure: Failure) -> Advice | None:
    """Marks that git leaves."""
    if re.match(r"(<{7}|={7}|>{7})", failure.row):
        return Advice(message="this is a mark of a merge conflict", hint="resolve the conflict, and take the marks out")
    return None


_RULES: tuple[Callable[[Failure], Advice | None], ...] = (
    another_language,
    conflict,
    twice,
    quotes_inside,
    typographic,
    escape,
    bare_template,
    unclosed,
    block,
    header,
    comment,
    sign,
    value,
    number,
    comma,
    behind,
)
