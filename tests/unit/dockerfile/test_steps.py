"""How BuildKit tells the steps of a Dockerfile; tests/e2e/test_dockerfiles.py shows that it does so."""

import pytest

from buildmatrix.dockerfile.steps import Last, last_step, numbered, pulls


def last(*names: str, hidden: int = 0, at: str) -> Last:
    return Last(names=names, hidden=hidden, instruction=at)


@pytest.mark.parametrize(
    ("text", "target", "contexts", "expected"),
    [
        ("FROM busybox\nRUN a\n", None, (), last("", "stage-0", at="RUN a")),
        ("FROM busybox AS X\nRUN a\nCMD b\n", None, (), last("", "x", at="RUN a")),
        ("FROM base\nRUN a\n", None, ("base",), last("", "stage-0", hidden=1, at="RUN a")),
        ("FROM base:latest\nRUN a\n", None, ("Base",), last("", "stage-0", hidden=1, at="RUN a")),
        ("FROM busybox AS x\nFROM busybox\n", None, (), last("stage-1", at="FROM busybox")),
        ("FROM busybox AS x\nFROM busybox\n", "X", (), last("x", at="FROM busybox AS x")),
        ("FROM busybox AS base\nFROM base AS y\n", None, ("other",), last("y", at="")),
        ("FROM scratch\nCMD a", None, (), last("", "stage-0", at="")),
        ("FROM a\nWORKDIR /a\nWORKDIR /\n", None, (), last("", "stage-0", hidden=1, at="WORKDIR /a")),
        ("FROM a AS x\nONBUILD RUN a\nFROM x\n", None, (), last("stage-1", at="ONBUILD RUN a")),
        ("FROM a\nONBUILD RUN a\n", None, (), last("", "stage-0", at="FROM a")),
        ("FROM a\nRUN <<EOF\n\nset -e\nx\nEOF\n", None, (), last("", "stage-0", at="RUN <<EOF (set -e...)")),
        ("# escape=`\nFROM a\nRUN a `\n  b\n", None, (), last("", "stage-0", at="RUN a   b")),
        ("ARG B=ctx\nFROM $B\nRUN a\n", None, ("ctx",), last("", "stage-0", hidden=1, at="RUN a")),
        ("FROM busybox\n", "none", (), None),
        ("# syntax=other/frontend\nFROM busybox\n", None, (), None),
        ("FROM busybox AS\n", None, (), None),
        ("", None, (), None),
    ],
)
def test_which_step_is_the_last(
    text: str, target: str | None, contexts: tuple[str, ...], expected: Last | None
) -> None:
    assert last_step(text, target, contexts) == expected


def test_arguments_tell_whether_a_base_is_a_context() -> None:
    text = "ARG B=a\nFROM $B\nRUN a\n"
    assert last_step(text, None, ("ctx",), {"B": "ctx"}) == last("", "stage-0", hidden=1, at="RUN a")


@pytest.mark.parametrize(
    ("instruction", "told"),
    [
        ("RUN <<EOF\none\nEOF", "RUN <<EOF (one)"),
        ("RUN --network=none <<-'EOF'\n\tone\n\ttwo\nEOF", "RUN --network=none <<-'EOF' (one...)"),
        ("RUN cat <<EOF > /x\none\nEOF", "RUN cat <<EOF > /x"),
        ("COPY <<EOF /x\none\nEOF", "COPY <<EOF /x"),
        ("RUN a \\\n  # no\n  b", "RUN a   b"),
    ],
)
def test_an_instruction_as_it_is_told_and_its_line(instruction: str, told: str) -> None:
    text = f"# syntax=other/frontend\nARG A\nFROM x\n\n{instruction}\nRUN next\n"
    assert list(numbered(text)) == [(3, "FROM x"), (5, told), (6 + instruction.count("\n"), "RUN next")]


@pytest.mark.parametrize(
    ("text", "contexts", "expected"),
    [
        ("FROM busybox", (), True),
        ("FROM scratch", (), False),
        ("FROM ctx AS a\nFROM A\n", ("CTX",), False),
        ("FROM a\nFROM busybox AS a\n", (), True),
        ("FROM busybox AS busybox\n", (), True),
        ("ARG B=scratch\nFROM $B", (), False),
        ("FROM $BUILDARCH", (), True),
        ("FROM", (), False),
    ],
)
def test_whether_an_image_is_pulled(text: str, contexts: tuple[str, ...], expected: bool) -> None:
    assert pulls(text, contexts) is expected
