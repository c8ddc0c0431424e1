"""What stands where `key = value` should: other signs between the two, and values that TOML has not."""

import re
from itertools import takewhile

from buildmatrix.patterns import regex
from buildmatrix.spec.hints.words import FALSES, NOTHINGS, TRUES
from buildmatrix.spec.toml.failure import KEY, Advice, Failure

TEMPLATES = regex(r"(?:\{\{.*?\}\}|\{%.*?%\}|[^\s,\[\]{}#])+")
JOINED = regex(r'"([^"\n]*)"\s*[+~]\s*([A-Za-z_][\w.]*)')
FOREIGN = regex(r"\$(?:\{\{?\s*)?(?:\w+\.)*(\w+)")


def sign(failure: Failure) -> Advice | None:
    """Other signs than `=` between a key and its value."""
    if failure.said != "Expected '=' after a key in a key/value pair":
        return _list_sign(failure)
    before = re.search(rf"(?:export\s+|set\s+|ENV\s+|ARG\s+)?({KEY}|\"[^\"]*\")\s*$", failure.before)
    key = before[1] if before else "key"
    if failure.after[:1] in {":", "+", "?"} or failure.after.startswith("=>"):
        sign = re.match(r"[:+?]=?", failure.after)
        if sign and sign[0] == "+=":
            return Advice(message="TOML has no +=", hint=f"write extend.{key} = […], which adds to what is inherited")
        what = sign[0] if sign else failure.after[:2]
        written = f"{key} = {as_toml(failure.after[len(what) :])}"
        return Advice(message=f"between a key and its value stands =, not {what}", hint=f"write {written}")
    if re.match(r"\s*-\s", failure.row):
        return Advice(message="this is an item of a YAML list", hint='write the list as key = ["…", "…"]')
    if re.match(r"\s*(export|set|ENV|ARG)\s", failure.row):
        return Advice(message="this is a line of a shell or a Dockerfile", hint='write NAME = "value"')
    return Advice(message="a key, and no = behind it", hint='write key = "value"')


def as_toml(text: str) -> str:
    """Return a value as TOML has it, where it is plainly one; … where it is not."""
    value = re.split(r"\s+#|[,}\]]\s*$", text.strip())[0].strip()
    if re.fullmatch(r'"[^"]*"|\'[^\']*\'|[0-9]+|true|false', value):
        return value
    return f'"{value}"' if re.fullmatch(r"[\w./:@-]+", value) else "…"


def _list_sign(failure: Failure) -> Advice | None:
    if failure.said == "Invalid value" and failure.before.rstrip().endswith("=") and failure.after[:1] in {"=", ">"}:
        return Advice(message="between a key and its value stands = alone", hint=f"write {failure.key} = …")
    return None


def comment(failure: Failure) -> Advice | None:
    """Signs that begin comments elsewhere."""
    found = re.match(r"\s*(//|/\*|\*/|;|--|<!--)", failure.after or "") or re.match(r"\s*(--|//|;|/\*)", failure.row)
    return Advice(message=f"{found[1]} begins no comment", hint="write #") if found else None


# --- values ---------------------------------------------------------------------------------------------------------


def bare_template(failure: Failure) -> Advice | None:
    """A template without quotes around it."""
    for found in re.finditer(r"(?:=|\[|,)\s*(?=\{[{%])", failure.row):
        start = failure.at - len(failure.before) + found.end()
        written = TEMPLATES.match(failure.row, found.end())
        if written and start <= failure.at <= start + 2:
            quoted = f"'{written[0]}'" if '"' in written[0] else f'"{written[0]}"'
            return Advice(message="a template stands within quotes", hint=f"write {quoted}", at=start)
    return None


def value(failure: Failure) -> Advice | None:
    """What stands behind `=` is not a value."""
    if failure.said not in {"Invalid value", "Invalid date or datetime"}:
        return number(failure)
    word, start = failure.word, failure.at - len(re.split(r"[\s,\[\]{}=#\"']", failure.before)[-1])
    if not failure.after.strip() or failure.after.lstrip().startswith("#"):
        return _no_value(failure, failure.key or "key")
    if failure.after.startswith((",", "]")):
        return Advice(message="between two commas stands nothing", hint="leave one of them out")
    return _bare(failure, word, start) or number(failure)


def _no_value(failure: Failure, key: str) -> Advice:
    below = failure.text[failure.at :].split("\n")[1:]
    items = [as_toml(line.strip()[2:]) for line in takewhile(lambda line: line.strip().startswith("- "), below)]
    if key == "version":
        return Advice(message="version has no value", hint="write version = 1")
    hint = f"write {key} = [{', '.join(items)}]" if items else f'write {key} = "…", or leave the line out'
    return Advice(message=f"{key} has no value", hint=hint)


def _bare(failure: Failure, word: str, start: int) -> Advice | None:
    """A word without quotes: a boolean or nothing of YAML, a variable, a function, or simply a text."""
    if failure.after.startswith("<<"):
        hint = "a text of several lines stands between ''' and '''"
        return Advice(message="this is neither a key nor a header", hint=hint, at=start)
    if (found := FOREIGN.match(failure.after)) is not None:
        name = found[1]
        declared = re.search(rf"^[ \t]*({name})[ \t]*=", failure.text, re.MULTILINE | re.IGNORECASE)
        hint = f'declare {name.lower()} = {{ env = "{name}" }} under [variable], and write "{{{{ {name.lower()} }}}}"'
        hint = f'write "{{{{ {declared[1]} }}}}"' if declared else hint
        return Advice(message=f"{word or failure.after.split()[0]} is not a value", hint=hint, at=start)
    if not word:
        return None
    message, hint = _word(word)
    return Advice(message=message, hint=hint, at=start)


def _word(word: str) -> tuple[str, str]:
    if word in TRUES | FALSES:
        return f"{word} is not a valid boolean", f"write {'true' if word in TRUES else 'false'}"
    if word in NOTHINGS:
        return f"TOML has no {word}", 'leave the key out, or write "" to clear what is inherited'
    if "(" in word:
        return "functions stand in templates", _function(word.partition("(")[0])
    hint = f'a text stands in quotes: "{word}"'
    if re.fullmatch(r"[A-Za-z_]\w*", word):
        hint += f'; the value of a variable is "{{{{ {word} }}}}"'
    return f"{word} is not a value", hint


def _function(name: str) -> str:
    if name in {"compact", "concat", "flatten", "distinct"}:
        return "write the list alone: items that render to nothing fall away, as do repeats"
    return "a template computes: \"{{ tag | replace('.', '-') }}\""


def number(failure: Failure) -> Advice | None:
    """Versions, times and sizes: the parser takes the number at their beginning, and then waits for the end."""
    word = failure.word
    if not re.match(r"[0-9]", word) or failure.said.startswith("Cannot"):
        return None
    start = failure.at - len(re.split(r"[\s,\[\]{}=#\"']", failure.before)[-1])
    if word.replace(".", "").isdigit() and word.startswith("0") and "." not in word:
        return Advice(
            message=f"{word} is not a valid number: none begins with 0", hint=f'as a text it is "{word}"', at=start
        )
    return Advice(message=f"{word} is not a valid number", hint=f'a text stands in quotes: "{word}"', at=start)


def behind(failure: Failure) -> Advice | None:
    """Something stands behind a value."""
    if failure.said != "Expected newline or end of document after a statement":
        return None
    rest = failure.after.strip()
    if rest.startswith(("+", "~")):
        return joined(failure)
    return next(
        (Advice(message=message, hint=hint) for signs, message, hint in _BEHIND if rest.startswith(signs)),
        Advice(message="one line holds one key = value", hint="write the rest on a line of its own"),
    )


_BEHIND = (
    (("?", "==", "!=", "&&", "||"), "TOML has no conditions", 'write "{% if … %}a{% else %}b{% endif %}"'),
    ((",",), "no comma stands behind a line", "leave it out"),
    ((";", "}", "]", ")"), "nothing is open that this would close", "leave it out"),
    (('"',), "here a second text begins", 'a list is ["a", "b"]; a quote within quotes is \\"'),
)


def joined(failure: Failure) -> Advice:
    """Say how texts are joined."""
    found = JOINED.search(failure.row)
    written = f'"{found[1]}{{{{ {found[2]} }}}}"' if found else '"{{ a }}-{{ b }}"'
    return Advice(message="texts are not joined by a sign", hint=f"a template joins them: {written}")


def escape(failure: Failure) -> Advice | None:
    """A backslash within double quotes."""
    if failure.said not in {"Unescaped '\\' in a string", "Invalid hex value"}:
        return None
    at = failure.text.rfind("\\", 0, failure.at + 1)
    if not failure.text[at + 1 :].partition("\n")[0].strip():
        hint = 'write """ at both ends of a text that goes on in the next line'
        return Advice(message="a \\ at the end of a line stands only within three double quotes", hint=hint, at=at)
    hint = "in paths write /; a backslash itself is \\\\, or stands within single quotes"
    return Advice(message="within double quotes \\ begins an escape, and this is none", hint=hint, at=at)
