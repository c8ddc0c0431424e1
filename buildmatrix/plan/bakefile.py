"""The bake file of a plan: JSON that any buildx from 0.13 on takes, made from the rows of the settings.

In a JSON bake file every string, map keys included, is an HCL template: `${` is written `$${` and `%{` is written `%%{`
(found by running 0.13 and 0.29). Tables are CSV strings, which every version takes.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from json import JSONEncoder
from typing import TYPE_CHECKING, Any

from buildmatrix.errors import Diagnostic, Place, SpecError, and_more
from buildmatrix.graphs import reached
from buildmatrix.plan.model import Plan, PlannedTarget
from buildmatrix.plan.outputs import builds
from buildmatrix.spec.rows.settings import Settings, Ssh
from buildmatrix.spec.rows.shapes import NotInBake, Row, Table, plain_table, rows, text_of
from buildmatrix.text import json_safe

if TYPE_CHECKING:
    from buildmatrix.plan.portable import Whole

BakeFile = dict[str, dict[str, dict[str, Any]]]
"""`{"group": {NAME: {"targets": [...]}}, "target": {NAME: {...}}}`."""


def whole_document(whole: "Whole") -> BakeFile:
    """Return the bake file of all that a spec says, for who takes it elsewhere: every group builds with plain bake."""
    document = bake_document(whole.plan)
    groups = {"default": whole.default, **whole.groups}
    document["group"] = {name: {"targets": list(held)} for name, held in groups.items()}
    return document


def bake_document(
    plan: Plan, names: Iterable[str] | None = None, *, alone: bool = False, no_cache: bool = False
) -> BakeFile:
    """Return the bake file that builds a plan, or the named targets of it and all that they depend on.

    The group `default` holds the targets that are to be exported, so that bake builds them when nothing is named. With
    `alone` it holds all that are named: one that is not exported leaves its result in the cache, where the calls that
    follow find it. `no_cache` is for the named targets, not for what they depend on; nor is a target's own `no-cache`,
    where another call builds it. What others depend on is built,
    whatever its own `call` asks: bake has nothing to build on otherwise.
    """
    asked = frozenset(plan.by_name if names is None else names)
    chosen = with_links(plan, asked)
    wanted = [target for target in chosen if (alone or target.exported) and target.name in asked]
    known: Known = {}
    blocks = {escaped(target.bake_name): _target(target, known) for target in chosen}
    for target in chosen:
        if target.name not in asked:
            blocks[escaped(target.bake_name)].pop("call", None)
            if target.exported and builds(target.settings):  # another call built it, and this one takes the same
                blocks[escaped(target.bake_name)].pop("no-cache", None)
    for target in wanted if alone else ():
        if not target.exported:
            blocks[escaped(target.bake_name)]["output"] = ["type=cacheonly"]
        if no_cache:
            blocks[escaped(target.bake_name)]["no-cache"] = True
    return {"group": {"default": {"targets": [target.bake_name for target in wanted]}}, "target": blocks}


def bakeable(whole: "Whole") -> "Whole":
    """Return what plain bake can build as well as `apply` does; SpecError where that is not all that was asked for."""
    troubles = [*_shrunk(whole.plan), *_mixed(whole.plan)]
    if asked := [one for name, one in troubles if name in whole.asked]:
        raise SpecError(*asked)
    return whole.without({name for name, _ in troubles}, [one for _, one in troubles]) if troubles else whole


Trouble = tuple[str, Diagnostic]
"""A target, and why plain bake cannot build it."""


def _shrunk(plan: Plan) -> Iterator[Trouble]:
    """Yield the targets that plain bake would push without some of their platforms; `apply` completes those."""
    alike: dict[tuple[Place, tuple[str, ...]], list[PlannedTarget]] = {}
    for target in plan.targets:
        if target.carried_over and target.tags:
            alike.setdefault((target.place_of("platforms"), target.carried_over), []).append(target)
    hint = "leave --platform out, build without pushing (--no-output), or use apply: it keeps what is there"
    for (place, lacking), targets in alike.items():
        first, tags = targets[0], sum(len(target.tags) for target in targets)
        who = f"{first.name}{and_more(len(targets), 'target')} would push {first.tags[0]}{and_more(tags, 'tag')}"
        trouble = Diagnostic(message=f"{who} without {' '.join(lacking)}", code="shrunk", place=place, hint=hint)
        yield from ((target.name, trouble) for target in targets)


def _mixed(plan: Plan) -> Iterator[Trouble]:
    """Yield the targets that plain bake could not build, since they depend on one that is not built."""
    for target in plan.targets:
        asked = [name for name in target.depends_on if not builds(plan.by_name[name].settings)]
        if asked:
            call = plan.by_name[asked[0]].settings.call
            message = f'{target.name} depends on {asked[0]}, which has call = "{call}": plain bake cannot do that'
            hint = f"use apply, which builds {asked[0]} for it, or give {target.name} a target that is built"
            place = plan.by_name[asked[0]].place_of("call")
            yield target.name, Diagnostic(message=message, code="call", place=place, hint=hint)


def with_links(plan: Plan, names: Iterable[str]) -> list[PlannedTarget]:
    """Return the named targets and all that they depend on, in the plan's order."""
    found = set(reached(names, lambda name: plan.by_name[name].depends_on))
    return [target for target in plan.targets if target.name in found]


Known = dict[int, tuple[Any, list[str]]]
"""Lists that were written already, by their identity: cells of a matrix share those that no template changes."""


def _target(target: PlannedTarget, known: Known) -> dict[str, Any]:
    given = target.settings.__dict__
    return {
        row.key: _value(given[row.attribute], known) for row in _sent_rows() if given.get(row.attribute) not in _UNSET
    }


_UNSET: tuple[Any, ...] = (None, (), {})
"""Nothing, or what was cleared."""


@cache
def _sent_rows() -> tuple[Row, ...]:
    return tuple(row for row in rows(Settings) if row.marker(NotInBake) is None)


def _value(value: Any, known: Known) -> Any:
    if isinstance(value, str):
        return escaped(value)
    if isinstance(value, tuple):
        if (before := known.get(id(value))) is None:
            written = [escaped(csv_of(item) if isinstance(item, Table) else item) for item in value]
            known[id(value)] = before = (value, written)
        return before[1]
    if isinstance(value, Mapping):
        return {escaped(key): escaped(item) for key, item in value.items()}
    return value


def escaped(text: str) -> str:
    """Return a text as it has to stand in a JSON bake file so that it comes through unchanged."""
    if "{" not in text:
        return text
    found = text.replace("${", "$${").replace("%{", "%%{")
    if "\r" in found and ("$$${" in found or "%%%{" in found):  # behind a lone \r HCL takes these for plain text
        found = re.sub("[$%]*\r", lambda part: '${"' + part[0].replace("\r", "\\r") + '"}', found)
    return found


def csv_of(table: Table) -> str:
    """Return a table as bake's CSV string: `type` first, then the rows in order; ssh as `id=path,path`."""
    if isinstance(table, Ssh):
        return f"{table.id}={','.join(table.paths)}" if table.paths else table.id
    kind: Any = type(table)  # mypy takes the class for one of its instances here
    own = _own_keys(kind)
    items = {key: value for key, value in plain_table(table).items() if key not in own}
    fields = [f"{key}={text_of(items[key])}" for key in sorted(items, key="type".__ne__)]
    return _csv_line(fields)


@cache
def _own_keys(table: Any) -> frozenset[str]:
    """Return the keys of a table that are not bake's."""
    return frozenset(row.key for row in rows(table) if row.marker(NotInBake))


def _csv_line(fields: list[str]) -> str:
    return ",".join(map(_csv_field, fields))


def _csv_field(text: str) -> str:
    quoted = any(sign in text for sign in ',"\n\r') or text[:1] == " "
    return '"' + text.replace('"', '""') + '"' if quoted else text


def bake_text(document: BakeFile) -> str:
    """Return the bake file as JSON, one attribute a line."""
    encode = JSONEncoder(ensure_ascii=False).encode
    kinds = []
    for kind, blocks in document.items():
        named = [f"    {encode(name)}: {_block(block, encode)}" for name, block in blocks.items()]
        kinds.append(f'  "{kind}": {{\n' + ",\n".join(named) + "\n  }")
    return json_safe("{\n" + ",\n".join(kinds) + "\n}\n")


def _block(block: Mapping[str, Any], encode: Any) -> str:
    if not block:
        return "{}"
    return "{\n" + ",\n".join(f'      "{key}": {encode(value)}' for key, value in block.items()) + "\n    }"
