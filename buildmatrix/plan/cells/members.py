"""The members of groups, rendered: what a template gives none for is not in the group; several lines are several."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from buildmatrix.errors import Problems
from buildmatrix.soundness import omitted_of
from buildmatrix.spec.checks.names import inside
from buildmatrix.spec.rows.shapes import is_template, text_of
from buildmatrix.spec.rows.tables import DeclaredGroup, Spec
from buildmatrix.spec.toml.placed import placed, sources_of
from buildmatrix.template.context import Rendering
from buildmatrix.template.scope import OMITTED, BadTemplateError

_MEMBER = "a member is a name, a glob, or NAME[AXIS=VALUE]"


def with_members(spec: Spec, rendering: Rendering, problems: Problems) -> Spec:
    """Return a spec whose groups hold selectors only; what is wrong with a template is added to `problems`."""
    groups = {name: _filled(group, rendering, problems) for name, group in spec.groups.items()}
    known = {id(group): groups[name] for name, group in spec.groups.items()}
    folders = (known.get(id(group)) or _filled(group, rendering, problems) for group in spec.folder_defaults)
    return replace(spec, groups=groups, folder_defaults=tuple(folders))


def _filled(group: DeclaredGroup, rendering: Rendering, problems: Problems) -> DeclaredGroup:
    if not any(map(is_template, group.members)):
        return group
    found: list[str] = []
    sources: list[int] = []
    for source, member in zip(sources_of(group.members), group.members, strict=True):
        found += _rendered(group, source, member, rendering, problems) if is_template(member) else [member]
        sources += [source] * (len(found) - len(sources))
    return replace(group, members=placed(found, sources), varies=True)


def _rendered(group: DeclaredGroup, index: int, text: str, rendering: Rendering, problems: Problems) -> list[str]:
    """Return the members that a template gives."""
    try:
        return list(texts_in(rendering.evaluate(text), _MEMBER))
    except BadTemplateError as error:
        if error.code != OMITTED:
            message, place = f"group.{group.name}: {error.message}", inside(group.place, index)
            invalidates = [group.basis, omitted_of(group.name, group.place.file)]
            problems.error(
                error.code, message, place, hint=error.hint, rests_on=error.rests_on, invalidates=invalidates
            )
    return []


def texts_in(value: Any, hint: str) -> Iterator[str]:
    """Yield the names that the value of a template holds: lines of a text, items of a list, or none.

    BadTemplateError for a table, with a hint at what is one.
    """
    if isinstance(value, list | tuple):
        for item in value:
            yield from texts_in(item, hint)
    elif isinstance(value, Mapping):
        raise BadTemplateError("the template gives a table", hint)
    elif value is not None:
        yield from (line.strip() for line in text_of(value).splitlines() if line.strip())
