"""What is wrong with a template, in the words of who wrote it: signs and functions of other languages of templates."""

import re
from collections.abc import Collection

from buildmatrix.errors import did_you_mean
from buildmatrix.template.scope import GIT_NAMES

LONGEST = 1_000
"""Characters of a template that are looked at for a hint."""

_FUNCTIONS = {
    "sanitize": "slug", "slugify": "slug", "tolower": "lower", "lowercase": "lower", "toupper": "upper",
    "uppercase": "upper", "trimspace": "trim", "strip": "trim", "regexreplace": "regex_replace",
    "regex": "regex_replace", "sub": "regex_replace", "fromjson": "from_json", "jsondecode": "from_json",
    "jsonencode": "tojson", "to_json": "tojson", "sha256sum": "sha256", "hash": "sha256", "size": "length",
    "count": "length", "ternary": "", "dig": "",
}  # fmt: skip
"""Functions of bake, of Go's templates and of Ansible, for filters that are called otherwise here."""

_WRITTEN = {
    "split": "a text is split by its method: {{ x.split('.')[0] }}",
    "substr": "a part of a text is {{ x[0:7] }}",
    "substring": "a part of a text is {{ x[0:7] }}",
    "trunc": "a part of a text is {{ x[0:7] }}",
    "trimprefix": "write {{ x.removeprefix('v') }}",
    "trim_prefix": "write {{ x.removeprefix('v') }}",
    "trimsuffix": "write {{ x.removesuffix('-rc') }}",
    "trim_suffix": "write {{ x.removesuffix('-rc') }}",
    "formatdate": "{{ created }} is the commit's time, and {{ created[0:10] }} its day",
    "date": "{{ created }} is the commit's time, and {{ created[0:10] }} its day",
    "ternary": "write {{ 'a' if x else 'b' }}",
    "notequal": "write {{ a != b }}",
    "equal": "write {{ a == b }}",
    "coalesce": "write {{ a or b }}",
}  # fmt: skip

_CALLED = frozenset({
    "replace", "join", "lower", "upper", "trim", "default", "regex_replace", "slug", "semver_tags", "sha256", "length",
    "first", "last", "format", "sort", "unique", "title", "clean_tag", "from_json", "tojson",
})  # fmt: skip
"""Filters, for those who call them as functions."""


def filter_hint(name: str, known: Collection[str]) -> str:
    """Return what to write for a filter that there is not."""
    word = name.lower()
    if word in _WRITTEN:
        return _WRITTEN[word]
    return f'did you mean "{_FUNCTIONS[word]}"?' if word in _FUNCTIONS else did_you_mean(name, known)


def function_hint(name: str) -> str:
    """Return what to write for a function that is called and is not a name; "" if nothing is known of it."""
    word = _FUNCTIONS.get(name.lower(), name)
    if name.lower() in _WRITTEN:
        return _WRITTEN[name.lower()]
    return f"it is a filter: write {{{{ x | {word} }}}}, with further arguments in ( )" if word in _CALLED else ""


def attribute_hint(name: str, text: str) -> str:
    """Return what to write for something that a value has not."""
    if re.search(rf"\bgit\s*\.\s*{re.escape(name)}\b", text):
        meant = {
            "commit": "sha",
            "hash": "sha",
            "short_sha": "short",
            "describe": "tag",
            "ref": "branch",
            "date": "timestamp",
        }
        near = f"did you mean git.{meant[name]}? " if name in meant else did_you_mean(name, GIT_NAMES)
        near += " " if near and not near.endswith(" ") else ""
        return f"{near}git has {', '.join(GIT_NAMES)}"
    return f"where not every value has it: `is defined`, or `| default(…)` behind {name}"


def syntax_hint(message: str, text: str) -> str:
    """Return what to write for a template that is none, by the parser's words and by its own text."""
    text = text[:LONGEST]
    if found := re.search(r"\{\{-?\s*([A-Za-z_]\w*)\s*:[-=]\s*([\w.-]*)\s*\}\}", text):
        name, default = found[1], found[2]
        table = f'{name} = {{ default = "{default}", env = "{name.upper()}" }}'
        return f"write {{{{ {name} }}}}, with {table} under [variable]"
    for pattern, hint in _SYNTAX:
        if re.search(pattern, text, re.DOTALL):
            return hint
    if "end of template" in message and (found := re.search(r"needs to be closed is '(\w+)'", message)):
        return f"close it: {{% end{found[1]} %}}"
    opened = re.search(r"\{\{(?!.*\}\})|\{%(?!.*%\})", text, re.DOTALL)
    return f"is a {'}}' if opened[0] == '{{' else '%}'} missing?" if opened else ""


_INSIDE = r"(?:(?!\}\}|%\}).)*"
_SYNTAX = (
    (r"\{\{\s*\.\w", "names have no point before them: {{ version }}, with version declared under [variable]"),
    (rf"\{{[{{%]{_INSIDE}\$", "names have no $ before them: {{ tag }}"),
    (rf"\{{[{{%]{_INSIDE}&&", "write and"),
    (rf"\{{[{{%]{_INSIDE}\|\|", "write or"),
    (rf"\{{[{{%]{_INSIDE}!(?!=)", "write not"),
    (rf"\{{\{{{_INSIDE}\?", "write {{ 'a' if x == '1' else 'b' }}"),
    (r"\{\{-?\s*(?:if|for|else|end|endif|endfor|range|with)\b", "conditions stand in {% %}: {% if x %}…{% endif %}"),
    (rf"\{{%-?\s*(?:el)?if\b{_INSIDE}[^=!<>]=[^=]", "to compare, write =="),
    (r"\{%-?\s*(?:fi|end|done|end if|elseif|else if)\b", "write {% if x %}…{% elif y %}…{% else %}…{% endif %}"),
    (r"\{\{[^{}]*\}(?!\})", "is a }} missing?"),
    (r"\{%[^{}%]*\}", "is a %} missing?"),
)
