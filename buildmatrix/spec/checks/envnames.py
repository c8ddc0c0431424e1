"""Settings that name a variable of the environment: what stands there is the name itself, and never the value.

The plan shows such a name. A template there that takes a value from outside would show that value: a secret's.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from buildmatrix.errors import Place, Pointer, Problems
from buildmatrix.graphs import reached
from buildmatrix.patterns import regex
from buildmatrix.spec.rows.shapes import Table, is_template
from buildmatrix.spec.rows.tables import DeclaredVariable, Spec
from buildmatrix.spec.subjects import standing_at

_WORD = regex(r"[A-Za-z_]\w*")
_NAMING = regex(r"(?:^|,)\s*env=([^,]*)")
_SOURCE = regex(r"(?:^|,)\s*(?:src|source)=([^,]*)")
_OF_ENVIRONMENT = regex(r"(?:^|,)\s*type=env\s*(?:,|$)")
_PREFIX = regex(r"(?:env|vars?|secrets|inputs|github)[.:](?=\w)")


def env_name(text: str) -> str:
    """Return the name that a text in the words of other tools means: TAG for `$TAG`, `${TAG:-x}`, `%TAG%`; or ""."""
    found = _WORD.search(_PREFIX.sub("", text)) if text[:1] in {"$", "%", "{"} else None
    return "" if found is None else found[0].upper() if "{{" in text else found[0]


def names_a_variable(data: Mapping[str, Any], pointer: Pointer, text: str) -> bool:
    """Tell whether a value is a table's or a CSV string's name of a variable, or holds one."""
    if pointer[0] == "variable":
        return len(pointer) == 3 and pointer[2] == "env"  # noqa: PLR2004 the word, a variable, its key
    if pointer[-2:-1] == ("secret",):
        return any("$" in name for name in _csv_names(text))
    if pointer[-3:-2] != ("secret",):
        return False
    secret: Any = data
    for part in pointer[:-1]:
        secret = secret[part]
    return pointer[-1] == "env" or (pointer[-1] == "src" and secret.get("type") == "env" and "env" not in secret)


def _csv_names(text: str) -> list[str]:
    return _NAMING.findall(text) or (_SOURCE.findall(text) if _OF_ENVIRONMENT.search(text) else [])


def check_env_names(spec: Spec, problems: Problems) -> frozenset[str]:
    """Refuse templates that would put a value from outside where a secret names its variable.

    Returns the variables with such values: they are secrets themselves.
    """
    found: set[str] = set()
    layers = {layer.place: layer.settings for target in spec.targets.values() for layer in target.defaults}
    for target in spec.targets.values():
        layers[target.place] = target.table
    for place, settings in layers.items():
        for pointer, text in _names(settings):
            if text and is_template(text) and (outer := _from_outside(text, spec.variables)):
                where = Place(file=place.file, pointer=(*place.pointer, *pointer))
                message = f"the secret is named by the value of {outer.name}, which the plan would show"
                problems.error("secret", message, where, hint=_instead(outer), invalidates=standing_at(where))
                found.add(outer.name)
    return frozenset(found)


def _instead(variable: DeclaredVariable) -> str:
    if variable.env:
        return f'write env = "{variable.env}": the name, without a template'
    return f'write src = "{variable.table.file}", which is the file'


def _names(settings: Any) -> Iterator[tuple[Pointer, str | None]]:
    """Yield what names variables in the secrets of a table of settings, of what it appends, and of its overrides."""
    for index, item in enumerate(settings.secret or ()):
        if isinstance(item, Table):
            key = "env" if item.__dict__.get("env") or item.__dict__.get("type") != "env" else "src"
            yield ("secret", index, key), item.__dict__.get(key)
        else:
            yield from ((("secret", index), name) for name in _csv_names(item))
    if (extend := settings.__dict__.get("extend")) is not None:
        yield from ((("extend", *pointer), text) for pointer, text in _names(extend))
    for index, override in enumerate(settings.__dict__.get("override") or ()):
        yield from ((("override", index, *pointer), text) for pointer, text in _names(override))


def _from_outside(text: str, variables: Mapping[str, DeclaredVariable]) -> DeclaredVariable | None:
    """Return the variable of the environment or of a file that a template uses, if only through others."""

    def used(name: str) -> list[str]:
        default = variables[name].table.default
        return named(default) if isinstance(default, str) and is_template(default) else []

    def named(template: str) -> list[str]:
        return [name for name in _WORD.findall(template) if name in variables]

    found = (variables[name] for name in reached(named(text), used))
    return next((variable for variable in found if variable.env or variable.table.file), None)
