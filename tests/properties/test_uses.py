"""What a Build uses of a Dockerfile changes with each instruction that it runs, and with nothing else."""

import re
from typing import NamedTuple

from hypothesis import assume, given
from hypothesis import strategies as st

from buildmatrix.dockerfile.links import Config
from buildmatrix.dockerfile.uses import Uses, uses_of
from tests.examples import examples

IMAGES = ["x", "y:1", "ghcr.io/a/b"]
BASES = {
    "docker.io/library/x:latest": Config((), {"PATH": "/p", "V": "v"}),
    "docker.io/library/y:1": Config(("COPY trigger /",), {}),
    "ghcr.io/a/b:latest": Config(),
}
ARGS = ["A", "B"]


class Part(NamedTuple):
    """A stage: what its FROM names, an image or the number of a stage above it, and its instructions.

    `{}` in an instruction is the name of a stage above it.
    """

    base: str | int
    lines: tuple[tuple[str, int], ...]


WORDS = st.text("abc $A'{}\\\"<#", min_size=1, max_size=6).map(lambda text: re.sub(r"[{}]", "", text).strip() or "w")
PLAIN = st.text("abcde", min_size=1, max_size=4)
LINES = st.one_of(
    PLAIN.map("RUN echo {}".format),
    PLAIN.map('RUN ["echo", "{}"]'.format),
    PLAIN.map('LABEL l="{}"'.format),
    st.tuples(PLAIN, PLAIN).map(lambda pair: f"COPY {pair[0]} {pair[1]} /d/"),
    st.tuples(PLAIN, WORDS.filter(lambda word: word != "E")).map(lambda pair: f"COPY <<E /{pair[0]}\n{pair[1]}\nE"),
    st.tuples(st.sampled_from(ARGS), PLAIN).map(lambda pair: f"ARG {pair[0]}={pair[1]}"),
    st.tuples(st.sampled_from(["", "-"]), PLAIN).map(lambda pair: f"RUN <<{pair[0]}E\n{pair[1]}\nE"),
    PLAIN.map("ENV E={} F=$A".format),
    st.sampled_from(["COPY $A /a", "RUN --network=none true", "USER $B", "RUN --mount=target=/m,source=$A true"]),
)
NAMED = st.sampled_from(["COPY --from={} / /", "RUN --mount=type=bind,from={},target=/m true", "COPY --from={} $A /"])


@st.composite
def files(draw: st.DrawFn) -> tuple[Part, ...]:
    parts: list[Part] = []
    for number in range(draw(st.integers(1, 4))):
        base = draw(st.one_of(st.sampled_from(IMAGES), st.integers(0, number - 1) if number else st.nothing()))
        lines = [(line, -1) for line in draw(st.lists(LINES, min_size=1, max_size=4))]
        if number:
            lines += [(line, draw(st.integers(0, number - 1))) for line in draw(st.lists(NAMED, max_size=2))]
        parts.append(Part(base, tuple(lines)))
    return tuple(parts)


def text_of(parts: tuple[Part, ...], names: list[str]) -> str:
    rows = []
    for part, name in zip(parts, names, strict=False):
        rows.append(f"FROM {part.base if isinstance(part.base, str) else names[part.base]} AS {name}")
        rows += [line if of < 0 else line.replace("{}", names[of]) for line, of in part.lines]
    return "\n".join(rows) + "\n"


def uses(text: str, **args: str) -> Uses:
    return uses_of(text, target=None, platform="linux/amd64", args=args, contexts=(), bases=BASES)


def reached(parts: tuple[Part, ...]) -> set[int]:
    pending, found = [len(parts) - 1], set()
    while pending:
        number = pending.pop()
        found.add(number)
        base = [parts[number].base]
        pending += [one for one in (*base, *(of for _, of in parts[number].lines)) if isinstance(one, int) and one >= 0]
    return found


NAMES = ["one", "two", "three", "four", "five"]


@examples(200)
@given(files(), st.data())
def test_what_runs_the_same_is_the_same(parts: tuple[Part, ...], data: st.DataObject) -> None:
    before = uses(text_of(parts, NAMES))
    names = data.draw(st.permutations(["p", "q-1", "r.s", "t_", "uu"]))
    assert_equal(before, uses(text_of(parts, names)))
    at = data.draw(st.integers(0, len(parts) - 1))
    more = data.draw(LINES)
    moved = tuple(
        Part(
            part.base + (part.base >= at) if isinstance(part.base, int) else part.base,
            tuple((line, of + (of >= at)) for line, of in part.lines),
        )
        for part in parts
    )
    unreached = (*moved[:at], Part("z", ((more, -1),)), *moved[at:])
    assert_equal(before, uses(text_of(unreached, NAMES)))
    assert_equal(before, uses(text_of(parts, NAMES), UNUSED="1"))


@examples(200)
@given(files(), st.data())
def test_what_is_only_written_otherwise_is_the_same(parts: tuple[Part, ...], data: st.DataObject) -> None:
    text = text_of(parts, NAMES)
    rows: list[str] = []
    is_body = False
    for row in text.splitlines():
        if is_body:
            is_body = row != "E"
            rows.append(row)
            continue
        if data.draw(st.booleans()):
            rows += data.draw(st.lists(st.sampled_from(["", "# comment", "  # FROM z", "\t"]), max_size=2))
        keyword, _, rest = row.partition(" ")
        keyword = data.draw(st.sampled_from([keyword, keyword.lower(), f" {keyword.title()}"]))
        gap = data.draw(st.sampled_from([" ", "   ", " \\\n", " \\\n# comment\n", " \\\n\n"]))
        rows.append(f"{keyword}{gap}{rest}")
        is_body = "<<" in row
    assert_equal(uses(text), uses("\n".join(rows)))


@examples(300)
@given(files(), st.data())
def test_each_change_of_what_runs_is_seen(parts: tuple[Part, ...], data: st.DataObject) -> None:
    at = data.draw(st.sampled_from(sorted(reached(parts))))
    lines = parts[at].lines
    line = data.draw(st.integers(0, len(lines) - 1))
    other = data.draw(st.one_of(LINES.map(lambda text: (text, -1)), st.just(None)))
    changed = [*lines[:line], *([other] if other else []), *lines[line + 1 :]]
    assume(tuple(changed) != lines)
    after = (*parts[:at], Part(parts[at].base, tuple(changed)), *parts[at + 1 :])
    assert uses(text_of(parts, NAMES)).recipe != uses(text_of(after, NAMES)).recipe


@examples(200)
@given(files(), st.sampled_from(ARGS), PLAIN)
def test_an_argument_counts_where_it_is_declared(parts: tuple[Part, ...], name: str, value: str) -> None:
    text = text_of(parts, NAMES)
    said = [line for number in reached(parts) for line, _ in parts[number].lines if line.startswith(f"ARG {name}=")]
    is_same = all(line == f"ARG {name}={value}" for line in said)
    assert (uses(text).recipe == uses(text, **{name: value}).recipe) is is_same


def assert_equal(one: Uses, other: Uses) -> None:
    assert one.recipe == other.recipe
    assert one.sources == other.sources
    assert [image.name for image in one.images] == [image.name for image in other.images]
    assert [doubt.text for doubt in one.doubts] == [doubt.text for doubt in other.doubts] == []
