"""Specs that nobody would write: examples and golden cases, changed in their structure and in their text."""

import random
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import tomli

from buildmatrix.spec.rows.settings import Settings
from buildmatrix.spec.rows.shapes import rows

ROOT = Path(__file__).parents[2]
OF_SOUND = 0.75
"""How many of the specs were valid before they were changed."""

KEYS = [*(row.key for row in rows(Settings)), "matrix", "override", "extend", "inherits", "name", "select", "include"]
KEYS += ["exclude", "default", "env", "file", "type", "pattern", "choices", "variable", "group", "defaults", "apply"]
WORDS = [
    "", "*", "!*", "a", "app", "_common", "{{", "{{ a }}", "{{ git.sha }}", "{{ created }}", "{{ name }}",
    "{% if x %}", "{{ a | nope }}", "{{ [1, 2] }}", "{{ ''.__class__ }}", "{{ 10 ** 40 }}", "{{ none }}",
    "{{ nope.x }}", "{{ ('(' * 99) }}", "{{ a[9] }}", "{{ {} }}", "{{ range(9) | map('int') }}", "{{ 'x' | semver }}",
    "{{ 'x' | from_json }}", "app[a=b]", "target:app", "target:*", "docker-image://alpine", "oci-layout://x",
    "cwd://x", "https://example.com/x.git", "type=registry", "type=local,dest=out", "type=gha",
    "type=image,name=x,push=true", "a=b,c", '"', "id=x,src=../x", "default", "linux/amd64", "linux/arm64",
    "linux/arm/v9!", "../..", "/etc/passwd", "/dev/null", "out", "out/", "./a/../b", "a:b:c", "localhost:5000/x:1",
    "x" * 300, "é☃\U0001f600", "\x1b[31m", "\r\n::error::x", "\0", "a\nb", "${HOME}", "%{if}", "1", "true", "3.10",
    "²", "1g", "90s", ">=0.20", "===abc", "^(a+)+$", "(", "[a", "*a*a*a*b", "index:x", "*.args", "default=1",
]  # fmt: skip
VALUES: list[Any] = [
    *WORDS, 0, 1, -1, 2**63 - 1, 2**63, 10**30, Decimal("3.10"), Decimal("nan"), Decimal("-inf"),
    Decimal("1e999999999"), True, False, [], {}, [[]], [{}], {"a": {}}, [1, "a"], ["a", "a"], {"type": "local"},
    {"type": "nope"}, {"type": 1}, {"id": "x"}, [{"type": "registry"}], "<date>",
]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Case:
    """One project and the commands that are run in it."""

    seed: str
    project: Path
    text: bytes
    commands: tuple[tuple[str, ...], ...]
    files: Mapping[str, bytes]


def corpus() -> list[Path]:
    """Return the specs that are changed, in a stable order."""
    found = [*ROOT.glob("examples/**/buildmatrix.toml"), *ROOT.glob("tests/golden/*/*/buildmatrix.toml")]
    return sorted(path for path in found if path.stat().st_size < 20_000)


def cases(seed: int, count: int, commands: int) -> Iterator[Case]:
    """Yield so many cases; the same seed gives the same ones, and a case depends on none before it."""
    specs = corpus()
    for number in range(count):
        yield case(f"{seed}-{number}", specs, commands)


def case(seed: str, specs: list[Path], commands: int) -> Case:
    """Return the case of a seed."""
    chance = random.Random(seed)  # noqa: S311 no secret
    sound = [path for path in specs if "rejected" not in path.parts]
    path = chance.choice(sound if chance.random() < OF_SOUND else specs)
    text = path.read_bytes()
    data = _parsed(text)
    if data and chance.random() < 0.6:
        other = _parsed(chance.choice(specs).read_bytes()) or {}
        for _ in range(chance.choice([1, 1, 2, 4])):
            _STRUCTURAL[chance.randrange(len(_STRUCTURAL))](chance, data, other)
        text = dumped(data).encode()
    else:
        for _ in range(chance.choice([1, 1, 2, 8])):
            text = _TEXTUAL[chance.randrange(len(_TEXTUAL))](chance, text)
    words = names_in(text)
    files = {"fuzz.json": _json(chance, words), "fuzz.toml": chance.choice(VALUES_OF_FILES)}
    made = tuple(_command(chance, words) for _ in range(commands))
    return Case(seed=seed, project=path.parent, text=text, commands=made, files=files)


VALUES_OF_FILES = [b"", b"a = 1\n", b"a = nan\n", b"a = [", b'a = "\\u0000"\n', b"\xff", b"[a]\nb = 2024-01-01\n"]


def _parsed(text: bytes) -> dict[str, Any] | None:
    try:
        return tomli.loads(text.decode(), parse_float=Decimal)
    except (ValueError, RecursionError):
        return None


# --- structure --------------------------------------------------------------------------------------------------------


def places_in(data: Any) -> list[tuple[Any, Any]]:
    """Return each holder with each key or index in it."""
    found: list[tuple[Any, Any]] = []
    pending = [data]
    while pending:
        holder = pending.pop()
        keys = list(holder) if isinstance(holder, dict) else range(len(holder)) if isinstance(holder, list) else ()
        for key in keys:
            found.append((holder, key))
            pending.append(holder[key])
    return found


def _place(chance: random.Random, data: Any) -> tuple[Any, Any]:
    found = places_in(data)
    return chance.choice(found) if found else ({"": 0}, "")


def _replace(chance: random.Random, data: Any, _: Any) -> None:
    holder, key = _place(chance, data)
    holder[key] = chance.choice(VALUES)


def _delete(chance: random.Random, data: Any, _: Any) -> None:
    holder, key = _place(chance, data)
    del holder[key]


def _copy(chance: random.Random, data: Any, other: Any) -> None:
    source, name = _place(chance, chance.choice([data, other]))
    holder, key = _place(chance, data)
    holder[key] = _clone(source[name])


def _insert(chance: random.Random, data: Any, other: Any) -> None:
    tables = [holder for holder, _ in places_in(data)] or [data]
    holder = chance.choice(tables)
    value = chance.choice(VALUES) if chance.random() < 0.5 else _clone_at(chance, other)
    if isinstance(holder, dict):
        holder[chance.choice([*KEYS, *WORDS])] = value
    else:
        holder.insert(chance.randrange(len(holder) + 1), value)


def _rename(chance: random.Random, data: Any, _: Any) -> None:
    holder, key = _place(chance, data)
    if isinstance(holder, dict):
        holder[chance.choice([*KEYS, *WORDS])] = holder.pop(key)


def _wrap(chance: random.Random, data: Any, _: Any) -> None:
    holder, key = _place(chance, data)
    value = holder[key]
    if isinstance(value, list) and value and chance.random() < 0.5:
        holder[key] = value[0]
    else:
        holder[key] = chance.choice([[value], {"a": value}, [value, value]])


def _deepen(chance: random.Random, data: Any, _: Any) -> None:
    holder, key = _place(chance, data)
    for _i in range(chance.choice([3, 70])):
        holder[key] = [holder[key]]


def _multiply(chance: random.Random, data: Any, _: Any) -> None:
    holder, key = _place(chance, data)
    if isinstance(holder, dict):
        for number in range(chance.choice([5, 150])):
            holder[f"{key}{number}"] = _clone(holder[key])


def _edit(chance: random.Random, data: Any, _: Any) -> None:
    texts = [(holder, key) for holder, key in places_in(data) if isinstance(holder[key], str)]
    if texts:
        holder, key = chance.choice(texts)
        at = chance.randrange(len(holder[key]) + 1)
        holder[key] = holder[key][:at] + chance.choice(WORDS) + holder[key][at + chance.choice([0, 0, 3]) :]


_STRUCTURAL: list[Callable[[random.Random, Any, Any], None]] = [
    _replace, _replace, _delete, _copy, _copy, _insert, _insert, _rename, _wrap, _deepen, _multiply, _edit,
    _edit, _edit,
]  # fmt: skip


def _clone(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _clone(item) for key, item in value.items()}
    return [_clone(item) for item in value] if isinstance(value, list) else value


def _clone_at(chance: random.Random, data: Any) -> Any:
    holder, key = _place(chance, data)
    return _clone(holder[key])


def dumped(data: Mapping[str, Any]) -> str:
    """Return TOML, one top-level key a line."""
    return "".join(f"{_quoted(key)} = {_toml(value)}\n" for key, value in data.items())


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_quoted(key)} = {_toml(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if value == "<date>":
        return "2024-01-01"
    return _quoted(value) if isinstance(value, str) else str(value).lower().replace("infinity", "inf")


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(sign if sign.isprintable() else f"\\u{ord(sign):04x}" for sign in escaped) + '"'


# --- text -------------------------------------------------------------------------------------------------------------


def _lines(chance: random.Random, text: bytes) -> bytes:
    lines = text.splitlines(keepends=True) or [b""]
    first, last = sorted(chance.randrange(len(lines) + 1) for _ in range(2))
    return b"".join(
        chance.choice([[*lines[:first], *lines[last:]], [*lines, *lines[first:last]], [*lines[last:], *lines[:last]]])
    )


def _bytes(chance: random.Random, text: bytes) -> bytes:
    at = chance.randrange(len(text) + 1)
    return text[:at] + chance.randbytes(chance.choice([1, 1, 3])) + text[at + chance.choice([0, 1]) :]


def _signs(chance: random.Random, text: bytes) -> bytes:
    at = chance.randrange(len(text) + 1)
    return (
        text[:at]
        + chance.choice(b'"[]{}=.,#\n\\{{}}%!'.decode()).encode() * chance.choice([1, 2, 500])
        + text[at + 1 :]
    )


def _tokens(chance: random.Random, text: bytes) -> bytes:
    found = list(re.finditer(rb"[\w./:*-]+", text))
    if not found:
        return text
    one, other = chance.choice(found), chance.choice(found)
    put = chance.choice([other.group(), _quoted(chance.choice(WORDS)).encode(), chance.choice(KEYS).encode()])
    return text[: one.start()] + put + text[one.end() :]


def _cut(chance: random.Random, text: bytes) -> bytes:
    return text[: chance.randrange(len(text) + 1)]


_TEXTUAL: list[Callable[[random.Random, bytes], bytes]] = [_lines, _bytes, _signs, _tokens, _tokens, _tokens, _cut]


# --- command lines ----------------------------------------------------------------------------------------------------


def names_in(text: bytes) -> list[str]:
    """Return the words of a spec that may be names."""
    return sorted({word.decode() for word in re.findall(rb"[A-Za-z_][\w-]*", text)}) or ["a"]


def _json(chance: random.Random, words: list[str]) -> bytes:
    value = chance.choice(
        ['"x"', "1", "NaN", "1e9999", "[" * 2000, '["a"]', "{}", "null", '"\\u0000"', "9" * 5000, "true"]
    )
    return f'{{"{chance.choice(words)}": {value}}}'.encode()


SHOWING: list[list[str]] = [
    ["plan"], ["plan", "--format", "markdown"], ["plan", "--all"], ["plan", "--detailed-exitcode"], ["validate"],
    *(["list", what] for what in ("targets", "groups", "variables", "platforms", "tags")),
    *(["list", what, "--format", "json"] for what in ("targets", "groups", "variables", "platforms", "tags")),
    *(["graph", "--format", form] for form in ("text", "dot", "mermaid", "json")),
    ["apply", "--dry-run"],
    ["render", "--output", "../fuzz-bake.json"],
    ["render", "--output", "../fuzz-bake.json", "--check"],
]  # fmt: skip


def _command(chance: random.Random, words: list[str]) -> tuple[str, ...]:
    command = list(chance.choice(SHOWING))
    if command[0] == "validate" or chance.random() < 0.3:
        return tuple(command)
    for _ in range(chance.choice([1, 2])):
        command += _OPTIONS[chance.randrange(len(_OPTIONS))](chance, words)
    if command[0] in {"list", "graph"}:
        command = [word for word in command if word not in {"--push", "--load", "--no-output"}]
    return tuple(word.replace("\0", "") for word in command)


_GIVEN = ["9" * 5000, "[1, NaN]", "\udcff"]


def _set(chance: random.Random, words: list[str]) -> list[str]:
    who = chance.choice(["*", *words, *WORDS])
    sign = chance.choice(["=", "+=", ""])
    return ["--set", f"{who}.{chance.choice([*KEYS, *WORDS])}{chance.choice(['', '.A'])}{sign}{chance.choice(WORDS)}"]


_OPTIONS: list[Callable[[random.Random, list[str]], list[str]]] = [
    _set,
    _set,
    lambda chance, words: ["--var", f"{chance.choice(words)}={chance.choice([*WORDS, *_GIVEN])}"],
    lambda chance, _: ["--var-file", chance.choice(["fuzz.json", "fuzz.toml", "nope", ".", "/dev/null"])],
    lambda chance, words: ["--platform", chance.choice([*WORDS, *words])],
    lambda chance, words: ["--", chance.choice([*words, *WORDS])],
    lambda chance, words: [f"{chance.choice(words)}[{chance.choice(words)}={chance.choice(['*', '?', *words])}]"],
    lambda chance, _: [chance.choice(["--push", "--load", "--no-output"])],
]  # fmt: skip
