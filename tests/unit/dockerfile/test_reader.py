"""Which lines of a Dockerfile are here-documents: only those that BuildKit takes for such."""

import pytest

from buildmatrix.dockerfile.reader import stage_names

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
    ],
)
def test_stages_are_those_that_buildkit_sees(line: str) -> None:
    assert stage_names(f"FROM busybox AS build\n{line}\n{FINAL}") == ("build", "final")
