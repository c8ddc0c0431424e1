"""What is asked of a Dockerfile's text; nothing is known of one that is refused, or that another frontend reads."""

import subprocess
import sys
from pathlib import Path

import pytest

from buildmatrix.dockerfile.reader import base_names, foreign_names, known, only_base, read, runs_programs, stage_names
from tests.unit.dockerfile.corpus import REFUSED

FINAL = "FROM scratch AS final\nCOPY --from=build /bin /\n"


@pytest.mark.parametrize(
    "line",
    [
        "RUN echo $((1<<3))",
        'RUN cat <<<"abc"',
        "RUN awk 'BEGIN { print 1<<2 }'",
        'RUN echo "see <<EOF docs"',
        'LABEL a="x <<Y"',
        "ENV A=<<EOF",
        'CMD ["sh", "-c", "cat <<EOF"]',
        'COPY <<"A B" /x\nFROM x AS fake\nA B',
        "RUN cat <<EOF\nFROM x AS fake\n  EOF\nEOF",
        "RUN cat <<-EOF\nFROM x AS fake\n\t\tEOF",
        "RUN cat <<A <<'B' && true\nFROM x AS fake\nA\nFROM y AS other\nB",
        "RUN 3<<EOF cat\nFROM x AS fake\nEOF",
        "onbuild run cat <<EOF\nFROM x AS fake\nEOF",
        "RUN a \\\n  FROM x AS fake",
        "RUN a \\\n\n  # FROM x\n  FROM x AS fake",
    ],
)
def test_stages_are_those_that_buildkit_sees(line: str) -> None:
    assert stage_names(f"FROM busybox AS build\n{line}\n{FINAL}") == ("build", "final")


def test_names_are_compared_in_small_letters() -> None:
    assert stage_names("# escape=`\nFROM a AS One\nRUN x `\n  FROM b\nFROM c\nFROM d AS two.x\n") == ("one", "two.x")


UNKNOWN = ["", "\n# only\n", "ARG A\n", "# syntax=other/frontend\nFROM a AS b\nRUN x\n", *REFUSED.values()]


@pytest.mark.parametrize("text", UNKNOWN)
def test_where_nothing_is_known_nothing_is_said(text: str) -> None:
    assert known(text) is None
    assert stage_names(text) is None
    assert foreign_names(text) == base_names(text) == frozenset()
    assert only_base(text) == ""
    assert not runs_programs(text, None, "linux/amd64", {})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("FROM Base AS a\nFROM a\nCOPY --from=other / /\n", {"base", "other"}),
        ("FROM scratch\nRUN --mount=type=bind,target=/x,from=ctx x\n", {"ctx"}),
        ("FROM x AS one\nRUN --mount=from=one,target=/x x\nFROM y\nCOPY --from=0 / /\n", {"x", "y"}),
        ("FROM x\nONBUILD COPY --from=later / /\n", {"x", "later"}),
        ("FROM x\nRUN echo --from=no\nLABEL a=--from=no\nADD https://example.com/x /\n", {"x"}),
        ("ARG A=x\nFROM $A\nCOPY --from=ctx / /\n", set()),
    ],
)
def test_what_is_no_stage_is_an_image_or_a_context(text: str, expected: set[str]) -> None:
    assert foreign_names(text) == expected


def test_what_stages_build_upon() -> None:
    text = "FROM X AS a\nFROM a AS b\nFROM --platform=linux/arm64 y\n"
    assert base_names(text) == {"x", "a", "y"}
    assert only_base(text) == ""
    assert only_base("FROM Upon\nRUN a") == "upon"


AMD, ARM = "linux/amd64", "linux/arm64"


@pytest.mark.parametrize(
    ("text", "stage", "runs"),
    [
        ("FROM scratch\nCOPY . /\n", None, False),
        ("FROM busybox\nRUN true\n", None, True),
        ("from busybox\nrun true\n", None, True),
        ("FROM busybox AS a\nRUN true\nFROM scratch\nCOPY x /\n", None, False),
        ("FROM busybox AS a\nRUN true\nFROM scratch\nCOPY --from=a x /\n", None, True),
        ("FROM busybox\nRUN true\nFROM scratch\nCOPY --from=0 x /\n", None, True),
        ("FROM --platform=$BUILDPLATFORM busybox AS a\nRUN true\nFROM scratch\nCOPY --from=a x /\n", None, False),
        ("FROM busybox AS a\nFROM a AS b\nRUN true\n", "a", False),
        ("FROM busybox AS a\nFROM a AS b\nRUN true\n", "B", True),
        ("FROM busybox AS a\nRUN true\nFROM A\n", None, True),
        ("# RUN true\nFROM scratch\nCOPY <<EOF /x\nRUN true\nEOF\n", None, False),
        ("FROM scratch\nCOPY a \\\n  b /\n", None, False),
        ("FROM busybox AS a\nRUN true\nFROM scratch\nRUN --mount=type=bind,from=a x\n", None, True),
        ("FROM busybox\nRUN true\n", "none", False),
        ("# escape=`\nFROM scratch\nCOPY a `\n RUN /\n", None, False),
        ("FROM --platform=$BUILDPLATFORM busybox AS a\nFROM a\nRUN true\n", None, False),
        ("FROM --platform=linux/amd64 busybox\nRUN true\n", None, False),
        ("FROM --platform=linux/arm64/v8 busybox\nRUN true\n", None, True),
        ("FROM --platform=$TARGETPLATFORM busybox\nRUN true\n", None, True),
        ("ARG P=linux/amd64\nFROM --platform=${P} busybox\nRUN true\n", None, False),
        ("ARG B=a\nFROM busybox AS a\nRUN true\nFROM $B\n", None, True),
        ("ARG B=a\nFROM busybox AS a\nRUN true\nFROM ${GIVEN}\n", None, False),
        ("FROM busybox AS a\nONBUILD RUN true\nFROM scratch\nCOPY --from=a x /\n", None, False),
        ("FROM busybox AS a\nONBUILD RUN true\nFROM a\n", None, True),
        ("FROM busybox AS a\nRUN true\nFROM x AS b\nONBUILD COPY --from=a / /\nFROM b\n", None, True),
    ],
)
def test_whether_programs_of_the_platform_run(text: str, stage: str | None, runs: bool) -> None:
    assert runs_programs(text, stage, ARM, {}) is runs


def test_arguments_tell_which_stages_are_used() -> None:
    text = "ARG KIND=full\nFROM busybox AS full\nRUN true\nFROM scratch AS empty\nFROM ${KIND} AS final\n"
    assert runs_programs(text, None, AMD, {})
    assert not runs_programs(text, None, AMD, {"KIND": "empty"})
    assert not runs_programs(text, None, AMD, {"BUILDKIT_SYNTAX": "other/frontend"})
    assert not runs_programs("FROM --platform=$TARGETPLATFORM x\nRUN a", None, ARM, {"TARGETPLATFORM": AMD})


def test_each_text_is_read_once() -> None:
    text = "FROM busybox AS once\nRUN a\n"
    assert read(text) is read("".join([text[:9], text[9:]]))


@pytest.mark.parametrize(("more", "reads"), [("", False), ('target = "final"\n', True)])
def test_the_library_is_imported_where_a_dockerfile_is_read(tmp_path: Path, more: str, reads: bool) -> None:
    (tmp_path / "buildmatrix.toml").write_text(f'version = 1\n[target.a]\noutput = ["type=cacheonly"]\n{more}')
    (tmp_path / "Dockerfile").write_text("FROM scratch AS final\n")
    check = (
        "import sys\nfrom buildmatrix.cli.main import run\nsys.argv = ['buildmatrix', 'plan']\n"
        "try:\n    run()\nfinally:\n    print('e2b_dockerfile_utils' in sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", check], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stderr == f"{reads}\n"
