"""The settings of a target of a plan's document as names and values that can be compared: `args.PYTHON`, `tags`."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import zip_longest
from typing import Any

from buildmatrix.review.model import Setting
from buildmatrix.spec.rows.markers import NoInput
from buildmatrix.spec.rows.settings import Settings
from buildmatrix.spec.rows.shapes import rows, text_of

Told = dict[str, str | tuple[str, ...]]
"""By name, the value, or the items of a list."""

TARGET = "target:"


class Teller:
    """Tells settings by name; values that cells share are told once, so they have to stay as long as it does."""

    def __init__(self, renamed: Mapping[str, str] | None = None) -> None:
        """Take targets that are to be called as they are called now; there may be more of them later."""
        self._renamed = {} if renamed is None else renamed
        self._known: dict[tuple[str, int], Told] = {}

    def told(self, settings: Mapping[str, Any], volatile: Iterable[Sequence[str | int]] = ()) -> Told:
        """Return settings by name, without what is `volatile`."""
        left_out = set(map(tuple, volatile))
        found: Told = {}
        for key, value in settings.items():
            if isinstance(value, str):
                if (key,) not in left_out:
                    found[key] = value
            elif left_out or key in {"contexts", "needs"}:
                found |= self._told(key, value, left_out)
            else:
                if (key, id(value)) not in self._known:
                    self._known[key, id(value)] = self._told(key, value, left_out)
                found |= self._known[key, id(value)]
        return found

    def _told(self, key: str, value: Any, left_out: Collection[tuple[Any, ...]]) -> Told:
        if (key,) in left_out:
            return {}
        if isinstance(value, Mapping):
            kept = ((name, item) for name, item in value.items() if (key, name) not in left_out)
            return {f"{key}.{name}": self._linked(_text(item), key) for name, item in kept}
        if isinstance(value, list | tuple):
            items = ((index, item) for index, item in enumerate(value) if (key, index) not in left_out)
            return {key: tuple(self._linked(_text(_kept(item, key, index, left_out)), key) for index, item in items)}
        return {key: _text(value)}

    def _linked(self, text: str, key: str) -> str:
        if key == "contexts" and text.startswith(TARGET):
            return TARGET + self._renamed.get(text.removeprefix(TARGET), text.removeprefix(TARGET))
        return self._renamed.get(text, text) if key == "needs" else text


def _kept(item: Any, key: str, index: int, left_out: Collection[tuple[Any, ...]]) -> Any:
    """Return a table of a list without what is volatile in it."""
    if not left_out or not isinstance(item, Mapping):
        return item
    return {name: value for name, value in item.items() if (key, index, name) not in left_out}


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return ",".join(f"{key}={_within(item)}" for key, item in value.items())
    return json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, list | tuple) else text_of(value)


def _within(value: Any) -> str:
    text = _text(value)
    return json.dumps(text, ensure_ascii=False) if isinstance(value, str) and {",", '"'} & set(text) else text


def differences(before: Told, after: Told) -> Iterator[Setting]:
    """Yield the settings that differ, in the order of now; items of a list each for itself."""
    if before == after:
        return
    for name in dict.fromkeys((*after, *before)):
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        if isinstance(old, tuple) or isinstance(new, tuple):
            yield from _of_lists(name, _items(old), _items(new))
        else:
            yield Setting(name, old, new)


def _items(value: str | tuple[str, ...] | None) -> tuple[str, ...]:
    return () if value is None else (value,) if isinstance(value, str) else value


def _of_lists(name: str, old: tuple[str, ...], new: tuple[str, ...]) -> Iterator[Setting]:
    gone, come = _without(old, new), _without(new, old)
    yield from (Setting(name, before, after) for before, after in zip_longest(gone, come))
    if old and not gone and not come and name != "tags":
        yield Setting(name, ", ".join(old), ", ".join(new))  # their order alone


def _without(items: tuple[str, ...], others: tuple[str, ...]) -> list[str]:
    left, found = list(others), []
    for item in items:
        if item in left:
            left.remove(item)
        else:
            found.append(item)
    return found


def makes_image(one: Setting) -> bool:
    """Tell whether a setting is part of what makes the image: tags, caches and descriptions are not."""
    return one.name != "exported" and one.name.partition(" ")[0].partition(".")[0] not in _no_inputs()


@cache
def _no_inputs() -> frozenset[str]:
    return frozenset(row.key for row in rows(Settings) if (marker := row.marker(NoInput)) and not marker.known)
