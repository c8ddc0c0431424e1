"""Variables in the words of other tools: `${TAG}` of bake, compose and shells, `${{ github.sha }}` of workflows.

For TOML and for templates they are plain text, and so they would reach an argument or a label. Each is told, with what
to write instead; `literal` in the file lists those that are meant as they stand.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from typing import Any

from buildmatrix.errors import Pointer
from buildmatrix.patterns import regex
from buildmatrix.records import dataclass
from buildmatrix.spec.checks.envnames import names_a_variable
from buildmatrix.spec.rows.marked import rows_with, says
from buildmatrix.spec.rows.markers import FreeText, NameOf
from buildmatrix.spec.rows.shapes import rows
from buildmatrix.spec.rows.tables import Target, Variable

_VARIABLE = (
    r"(?<![\\$])(?P<text>"
    r"\$\{\{(?P<workflow>[^{}]{0,200})\}\}"
    r"|\$\{(?P<braced>[^{}\s][^{}]{0,200})\}"
    r"|\$\((?P<command>[^()]{0,200})\)"
    r"|\$(?:env:)?(?P<plain>[A-Za-z_][A-Za-z0-9_]{0,200})"
    r")"
)
FOREIGN = regex(_VARIABLE)
"""A variable of another tool, anywhere in a text."""
_SIGNS = regex(rf"{_VARIABLE}|(?P<open>\{{[{{%]|\{{#)|(?P<close>[}}%#]\}})")
_NAME = regex(r"[A-Za-z_][A-Za-z0-9_]*")
_REQUIRED = regex(r"([A-Za-z_][A-Za-z0-9_]*):?\?[^{}$]*")
_ALTERNATIVE = regex(r"([A-Za-z_][A-Za-z0-9_]*):?\+([^{}$]*)")
_DEFAULT = regex(r"([A-Za-z_][A-Za-z0-9_]*):?[-=]([^{}$]*)")
_NESTED = regex(r"([A-Za-z_][A-Za-z0-9_]*):?[-=](?=.*\$)()")
"""A default that is a variable itself."""
_REFUSED = frozenset({"image", "platform", "target"})
"""Names in which such a text is an error, which says the same."""
_BUILT_IN = ("git", "target", "name", "created", "now", "host")
_ROOTS = frozenset({"var", "vars", "variable", "variables", "env", "inputs", "local", "locals", "args"})


@dataclass(frozen=True, kw_only=True)
class Foreign:
    """A variable of another tool in a value: where, the text as it stands, and what to write instead."""

    pointer: Pointer
    text: str
    cure: str


def foreign_in(data: Mapping[str, Any], literal: Collection[str], declared: Collection[str] = ()) -> Iterator[Foreign]:
    """Yield the variables of other tools in a file's values, but those that are `literal`.

    `declared` are the variables of the files that include it.

    `${{ x }}` is told only where x has a value, which would follow a `$`: else it is an error, which says the same.
    """
    variables = data.get("variable")
    names = [*(variables if isinstance(variables, Mapping) else ()), *declared, *_BUILT_IN]
    for key in ("variable", "defaults", "target"):
        for pointer, text in _texts(data.get(key), (key,)):
            if names_a_variable(data, pointer, text):
                continue
            own = [part for part in pointer[1:2] if key == "variable" and isinstance(part, str)]
            known = [name for name in (*names, *_axes(data, pointer)) if name not in own]
            for found in _outside_of_templates(text):
                root = (found["workflow"] or "").strip().partition(".")[0]
                if found["text"] not in literal and (found["workflow"] is None or root in known):
                    cure = (_of_a_variable(pointer, text, found, known) if own else "") or _cure(found, known)
                    yield Foreign(pointer=pointer, text=found["text"], cure=cure)


def _of_a_variable(pointer: Pointer, text: str, found: re.Match[str], names: Collection[str]) -> str:
    """Say how a variable takes its value from the environment; "" where it takes it from another variable."""
    name = found["plain"] or found["braced"] or (found["command"] or "").replace(".", "_")
    given = _DEFAULT.fullmatch(name)
    name, default = (given[1], given[2]) if given else (name, None)
    if not _NAME.fullmatch(name) or any(one.lower() == name.lower() for one in names):
        return ""
    table = f'default = "{default}", env = "{name}"' if default is not None else f'env = "{name}"'
    if text == found["text"] and len(pointer) == 2:  # noqa: PLR2004 the word, and the variable
        return f"write {pointer[1]} = {{ {table} }}"
    if text == found["text"] and pointer[2:] == ("default",):
        return f"write {table} in its place"
    if name.lower() == pointer[1]:
        return f"write {{{{ {name.lower()}_env }}}}, and declare {name.lower()}_env = {{ {table} }} beside it"
    return ""


def _outside_of_templates(text: str) -> Iterator[re.Match[str]]:
    """Yield each variable of another tool once; within `{{ }}` a `$` is an error of its own."""
    said: set[str] = set()
    within = False
    for found in _SIGNS.finditer(text):
        if found["text"] is None:
            within = found["open"] is not None
        elif not within and found["text"] not in said:
            said.add(found["text"])
            yield found


def _texts(value: Any, pointer: Pointer) -> Iterator[tuple[Pointer, str]]:
    if isinstance(value, str):
        if "$" in value:
            yield pointer, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            if not (key in _passed_over() and len(pointer) in {1, 2, 4} and pointer != ("variable",)):
                yield from _texts(item, (*pointer, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _texts(item, (*pointer, index))


@cache
def _passed_over() -> frozenset[str]:
    """Return the keys of settings and variables whose `$` is their own, or an error anyway."""
    named = [row for row in rows(Target) if (name := says(row, NameOf)) and name.what in _REFUSED]
    free = [row for table in (Target, Variable) for row in rows_with(table, FreeText)]
    return frozenset(row.key for row in (*named, *free))


def _axes(data: Mapping[str, Any], pointer: Pointer) -> list[str]:
    targets = data.get("target") if pointer[0] == "target" and len(pointer) > 1 else None
    target = targets.get(pointer[1]) if isinstance(targets, Mapping) else None
    matrix = target.get("matrix") if isinstance(target, Mapping) else None
    return list(matrix) if isinstance(matrix, Mapping) else []


def foreign_hint(text: str, names: Collection[str]) -> str:
    """Return what to write for the first variable of another tool in a text; "" if there is none."""
    found = FOREIGN.search(text)
    return _cure(found, names) if found else ""


def as_template(text: str) -> str:
    """Return a text with the variables of other tools in it as templates, where each is plainly a name."""
    return FOREIGN.sub(_templated, text)


def _templated(found: re.Match[str]) -> str:
    written = (found["workflow"] or found["plain"] or found["braced"] or "").strip()
    name = written.rpartition(".")[2] if found["workflow"] else re.split(r":?[-=?]", written)[0]
    return f"{{{{ {name} }}}}" if _NAME.fullmatch(name) else found[0]


def _cure(found: re.Match[str], names: Collection[str]) -> str:
    if found["command"] is not None:
        return _of_command(found["command"], names)
    if found["workflow"] is not None:
        return _of_workflow(found["workflow"].strip(), names)
    return _of_name(found["plain"] or found["braced"].removeprefix("env:"), names)


def _of_name(name: str, names: Collection[str]) -> str:
    """Say what is written for a shell's variable, with what stands behind its name in the braces."""
    if given := _DEFAULT.fullmatch(name) or _NESTED.match(name):
        return _declared(given[1], names, default=given[2] if given.re.pattern == _DEFAULT.pattern else "…")
    if given := _REQUIRED.fullmatch(name):
        return _declared(given[1], names)
    if given := _ALTERNATIVE.fullmatch(name):
        return _declared(given[1], names, written=f"{{{{% if {{}} %}}}}{given[2]}{{{{% endif %}}}}")
    if _NAME.fullmatch(name):
        return _declared(name, names)
    if words := re.findall(r"[A-Za-z_]\w*", name):
        return f"write a template: {{{{ {words[-1].lower()} }}}}, with filters for functions: {_TABLE}"
    return "write {{ … }}"


_TABLE = 'the guide has each under "Functions of a bake file"'


def _of_command(command: str, names: Collection[str]) -> str:
    if re.fullmatch(r"[A-Z][A-Z0-9_]*|[A-Za-z]\w*(?:\.\w+)+", command):  # a Makefile's variable, or a pipeline's
        return _declared(command.replace(".", "_").upper(), names)
    if re.search(r"\bgit\b", command):
        word = "short" if "--short" in command else "tag" if "describe" in command or "tag" in command else "sha"
        word = "branch" if "abbrev-ref" in command or "--show-current" in command else word
        return f"no command is run: write {{{{ git.{word} }}}}"
    if re.match(r"\s*date\b", command):
        return "no command is run: write {{ now | date('%Y%m%d') }}; {{ created }} is the commit's time"
    if found := re.match(r"\s*(?:cat\s+|<\s*)(\S+)", command):
        return f'no command is run: declare x = {{ file = "{found[1]}" }} under [variable], and write {{{{ x }}}}'
    return 'no command is run: declare x = { env = "X" } under [variable], and write {{ x }}'


def _of_workflow(expression: str, names: Collection[str]) -> str:
    root, _, name = expression.partition(".")
    if not _NAME.fullmatch(name) and not _NAME.fullmatch(expression):
        return 'declare x = { env = "X" } under [variable], write {{ x }}, and give X to the step in its env'
    if root in {"matrix", *names}:
        return f"write {{{{ {name if root == 'matrix' else expression} }}}}, without $"
    if root == "github":
        return _declared(f"GITHUB_{name.upper()}", names, short=name.lower())
    return _declared(name, names)


def _declared(
    name: str, names: Collection[str], *, default: str | None = None, short: str = "", written: str = "{{{{ {} }}}}"
) -> str:
    """Say how a value of the environment is had: by a variable that is there, or by one to declare."""
    if known := next((one for one in names if one.lower() in {name.lower(), short}), None):
        return f"write {written.format(known)}"
    small = short or name.lower()
    table = f'default = "{default}", env = "{name}"' if default is not None else f'env = "{name}"'
    return f"write {written.format(small)}, and declare {small} = {{ {table} }} under [variable]"


def unknown_name_hint(name: str, text: str, names: Collection[str]) -> str:
    """Return what to write for a name that a template uses, in the words of others; "" if it is not known."""
    dotted = re.search(rf"\b{re.escape(name)}\s*\.\s*([A-Za-z_]\w*)", text)
    if dotted and (found := _of_a_root(name, dotted[1], names)):
        return found
    if name in {"env", "getenv", "environ", "lookup", "os"}:
        inner = re.search(rf"\b{name}\b.*?['\"]([A-Z][A-Z0-9_]+)['\"]", text)
        return _declared(inner[1] if inner else "TAG", names)
    if name in _OF_OTHERS:
        return _OF_OTHERS[name]
    return f'declare {name} = {{ env = "{name}" }} under [variable]' if re.fullmatch(r"[A-Z][A-Z0-9_]+", name) else ""


def _of_a_root(root: str, name: str, names: Collection[str]) -> str:
    if root == "matrix":
        return f"write {{{{ {name} }}}}: an axis is named by itself"
    if root in _ROOTS:
        return _declared(name, names)
    if root == "secrets":
        return f'a secret is none of these: write secret = [{{ id = "{name.lower()}", env = "{name}" }}]'
    if root in {"github", "gitlab"}:
        return _declared(f"{root.upper()}_{name.upper()}", names, short=name.lower())
    return ""


_OF_OTHERS = {
    **dict.fromkeys(
        ("timestamp", "time", "date", "today"),
        "write {{ now }}, the time of the run, or {{ created }}, the time of the commit",
    ),
    **dict.fromkeys(
        ("TARGETARCH", "TARGETOS", "TARGETPLATFORM", "arch"),
        "write {{ platform.arch }} in the target's settings, or ARG TARGETARCH in the Dockerfile, which BuildKit fills",
    ),
    "BUILDPLATFORM": "write {{ host.platform }}, or ARG BUILDPLATFORM in the Dockerfile, which BuildKit fills",
    "platform": "one target has several: `platform` is known in its settings and in let, not in its name",
    **dict.fromkeys(
        ("sha", "commit", "git_sha", "git_commit", "GIT_SHA", "GIT_COMMIT", "revision"),
        "write {{ git.sha }}, or {{ git.short }}",
    ),
    **dict.fromkeys(("null", "Null", "NULL", "nil", "undefined"), "write none"),
    **dict.fromkeys(("TRUE", "FALSE", "yes", "no"), "write true or false"),
    **dict.fromkeys(("branch", "git_branch", "GIT_BRANCH"), "write {{ git.branch }}"),
}
