"""What is wrong with a template, in the words of who wrote it: signs and functions of other languages of templates."""

import re
from collections.abc import Collection

from buildmatrix.errors import did_you_mean
from buildmatrix.git.facts import GIT_NAMES
from buildmatrix.patterns import regex

LONGEST = 1_000
"""Characters of a template that are looked at for a hint."""

_FUNCTIONS = {
    "sanitize": "slug", "slugify": "slug", "tolower": "lower", "lowercase": "lower", "toupper": "upper",
    "uppercase": "upper", "trimspace": "trim", "strip": "trim", "regexreplace": "regex_replace", "sub": "regex_replace",
    "regexall": "regex_findall", "regex_search": "regex_findall", "findall": "regex_findall", "match": "regex_findall",
    "replace_all": "replace", "replaceall": "replace", "fromjson": "from_json", "jsondecode": "from_json",
    "jsonencode": "tojson", "to_json": "tojson", "sha1sum": "sha1", "sha256sum": "sha256", "sha512sum": "sha512",
    "md5sum": "md5", "hash": "sha256", "b64encode": "base64encode", "b64enc": "base64encode",
    "b64decode": "base64decode", "b64dec": "base64decode",
    "size": "length", "count": "length", "strlen": "length",
    "distinct": "unique", "reverselist": "reverse", "chunklist": "batch", "absolute": "abs", "strftime": "date",
    "semvercmp": "semver_matches",
}  # fmt: skip
"""Functions of bake, of Go's templates and of Ansible, for filters that are called otherwise here."""

_NONE = 'templates have no such function; the guide\'s "Functions of a bake file" says what to do'
_WRITTEN = {
    **dict.fromkeys(("substr", "substring", "trunc", "bytesslice"), "a part of a text is {{ x[0:7] }}"),
    **dict.fromkeys(("trimprefix", "trim_prefix"), "write {{ x.removeprefix('v') }}"),
    **dict.fromkeys(("trimsuffix", "trim_suffix"), "write {{ x.removesuffix('-rc') }}"),
    **dict.fromkeys(("date", "formatdate", "formattimestamp", "unixtimestampparse"),
                    "write {{ now | date('%Y%m%d') }}; {{ created }} is the commit's time"),
    "timestamp": "{{ now }} is the time of the run, {{ created }} the commit's",
    "timeadd": "write {{ ((now | date('%s') | int) + 86400) | date('%FT%TZ') }}",
    "split": "write {{ x | split('.') }}", "join": "write {{ x | join(',') }}", "chomp": "write {{ x.rstrip('\\n') }}",
    "regex": "write {{ x | regex_findall('[0-9]+') | first }}", "byteslen": "write {{ x.encode() | length }}",
    "basename": "write {{ x | split('/') | last }}", "dirname": "write {{ x.rpartition('/')[0] }}",
    "formatlist": "write {% for x in list %}app:{{ x }}, one to a line, {% endfor %}",
    "setproduct": "write a {% for %} within another, one item to a line; targets of all combinations are a matrix",
    "concat": "write {{ a + b }}", "compact": "write {{ x | select | list }}", "contains": "write {{ 'a' in x }}",
    "sethaselement": "write {{ 'a' in x }}", "hasindex": "write {{ 1 < x | length }}, or {{ 'a' in x }} of a table",
    "index": "write {{ x[0] }}", "element": "write {{ x[0] }}", "indexof": "write {{ x.index('a') }}",
    "slice": "write {{ x[1:3] }}", "keys": "write {{ x | list }}", "values": "write {{ x.values() | list }}",
    "lookup": "write {{ x.get('key', 'otherwise') }}", "merge": "write {{ dict(a, **b) }}",
    "dig": "write {{ x.a.b | default('otherwise') }}", "setunion": "write {{ (a + b) | unique | list }}",
    "setintersection": "write {{ a | select('in', b) | list }}",
    "setsubtract": "write {{ a | reject('in', b) | list }}",
    "setsymmetricdifference": "write {{ (a | reject('in', b) | list) + (b | reject('in', a) | list) }}",
    "coalesce": "write {{ a or b }}", "coalescelist": "write {{ a or b }}", "ternary": "write {{ 'a' if x else 'b' }}",
    "try": "write {{ x | default('otherwise') }}", "can": "write {{ x is defined }}",
    "convert": "write {{ x | int }}, {{ x | float }} or {{ x | string }}", "equal": "write {{ a == b }}",
    "notequal": "write {{ a != b }}", "greaterthan": "write {{ a > b }}", "lessthan": "write {{ a < b }}",
    "greaterthanorequalto": "write {{ a >= b }}", "lessthanorequalto": "write {{ a <= b }}",
    "add": "write {{ a + b }}", "subtract": "write {{ a - b }}", "multiply": "write {{ a * b }}",
    "divide": "write {{ a / b }}, or // for a whole number", "modulo": "write {{ a % b }}", "pow": "write {{ a ** b }}",
    "negate": "write {{ -a }}", "signum": "write {{ (a > 0) | int - (a < 0) | int }}",
    "max": "write {{ [a, b] | max }}", "min": "write {{ [a, b] | min }}", "parseint": "write {{ x | int(base=16) }}",
    "ceil": "write {{ x | round(method='ceil') | int }}", "floor": "write {{ x | round(method='floor') | int }}",
    "and": "write {{ a and b }}", "or": "write {{ a or b }}", "not": "write {{ not a }}",
    "homedir": 'declare home = { env = "HOME" } under [variable], and write {{ home }}',
    **dict.fromkeys(("bcrypt", "rsadecrypt", "uuidv4", "uuidv5", "log", "zipmap", "csvdecode",
                     "cidrhost", "cidrnetmask", "cidrsubnet", "cidrsubnets"), _NONE),
}  # fmt: skip
"""What to write for functions that no filter stands for, or that take their arguments in another order."""

_CALLED = frozenset({
    "replace", "lower", "upper", "trim", "default", "regex_replace", "regex_findall", "slug", "semver_tags",
    "semver_matches", "sha1", "sha256", "sha512", "md5", "base64encode", "base64decode", "length", "first", "last",
    "format", "sort", "unique", "title", "clean_tag", "from_json", "tojson", "flatten", "reverse", "batch", "indent",
    "abs", "int", "round", "urlencode",
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


def other_target_hint(name: str, text: str) -> str:
    """Return what to write for a setting of another target, as a bake file says it; "" where the name is none of it."""
    found = re.search(rf"\btarget\s*[.\[][\w.\s'\"\]\[-]*(?<!\w){re.escape(name)}(?!\w)", text[:LONGEST])
    if found is None:
        return ""
    said = "target is the name of this target, and of others no setting is read: keep in a variable what both use"
    of_action = "; metadata-action's are in the environment variable DOCKER_METADATA_OUTPUT_JSON"
    return said + (of_action if "metadata-action" in found[0] + text[found.end() :][:10] else "")


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
    if said := other_target_hint(name, text):
        return said
    return f"where not every value has it: `is defined`, or `| default(…)` behind {name}"


def omit_hint(text: str) -> str:
    """Return what to write for a template in which `omit` is only a part of a value."""
    text = text[:LONGEST]
    if found := _DEFAULT_OMIT.search(text):
        condition = found[1] if found[2] else f"{found[1]} is defined"
        behind = re.fullmatch(r"(\s*\|.*?)\s*\}\}", text[found.end() :].rstrip(), re.DOTALL)
        whole = text[: found.start()].strip() == "{{" and behind is not None and "}}" not in behind[1]
        return _all_or_omit(f"{found[1]}{behind[1]}" if whole and behind else "…", condition)
    if (joined := _JOINED.fullmatch(text)) and (joined[1] or joined[3]):
        parts = (joined[1] and f"'{joined[1]}'", joined[2], joined[3] and f"'{joined[3]}'")
        return _all_or_omit(" ~ ".join(filter(None, parts)), joined[2])
    found = re.search(r"\bif\s+([^{}]+?)\s+else\s+omit\b", text) or re.search(rf"({_NAME})\s+or\s+omit\b", text)
    return _all_or_omit("…", found[1] if found else "x")


_NAME = r"[A-Za-z_]\w*(?:\.\w+|\[[^\][{}]*\])*"
_JOINED = regex(rf"([^{{}}'\\\n]*)\{{\{{\s*({_NAME})\s+or\s+omit\s*\}}\}}([^{{}}'\\\n]*)")
_DEFAULT_OMIT = regex(rf"({_NAME})\s*\|\s*d(?:efault)?\(\s*omit\s*(,[^()]*[Tt]rue\s*)?\)")


def _all_or_omit(value: str, condition: str) -> str:
    return f"write {{{{ {value} if {condition} else omit }}}}"


_KINDS = {
    "str": "text", "int": "integer", "float": "number", "decimal.Decimal": "number", "Decimal": "number",
    "bool": "boolean", "NoneType": "none", "None": "none", "list": "list", "tuple": "list", "dict": "table",
    "generator": "list", "bytes": "bytes", "datetime.datetime": "time",
}  # fmt: skip
_ARGUMENTS = (
    (r"(?:\w+\.)*(\w+)\(\) missing \d+ required [\w -]+: (.+)", r"\1 lacks an argument: \2"),
    (r"(?:\w+\.)*(\w+)\(\) takes .* given", r"\1 takes fewer arguments"),
    (r"(?:\w+\.)*(\w+)\(\) got an unexpected keyword argument ('\w+').*", r"\1 has no argument \2"),
    (r"(?:\w+\.)*(\w+)\(\) got multiple values for argument ('\w+')", r"\1 is given \2 twice"),
)


def in_words(error: Exception) -> str:
    """Return what an error of Python's says, without the words that only Python's programmers know."""
    text = str(error)
    for pattern, said in _ARGUMENTS:
        if re.fullmatch(pattern, text):
            return re.sub("^(sync_|async_)?(do_|test_|_)", "", re.sub(pattern, said, text))
    if isinstance(error, TypeError | AttributeError):
        kinds = "|".join(map(re.escape, sorted(_KINDS, key=len, reverse=True)))
        text = re.sub(rf"(?<![\w.])'?({kinds})'?(?![\w.])", lambda found: _KINDS[found[1]], text)
        return (
            text.replace(" object", "")
            .replace("unsupported operand type(s)", "no such kinds")
            .replace(" or have an __index__ method", "")
        )
    if isinstance(error, KeyError):
        return f"there is no key {text}"
    return text or "the value cannot be taken"


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
