"""Build arguments that a Dockerfile has under a similar name: of which targets that can be said."""

from pathlib import Path

import pytest

from tests.inside import exit_code

SPEC = """
version = 1
[defaults]
output = ["type=cacheonly"]
args.MIRROR = "m"
[target.app]
dockerfile = "{{ kind }}.Dockerfile"
matrix.kind = ["one", "two"]
args.PYTHN = "3"
[target.other]
dockerfile-inline = "FROM scratch\\nARG MIRRORS"
[target.heir]
inherits = ["parent"]
dockerfile-inline = "FROM scratch\\nARG LEVELS"
[target.parent]
dockerfile-inline = "FROM scratch\\nARG LEVEL"
args.LEVEL = "1"
"""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), ["MIRROR", "PYTHN"]),
        (("app",), ["PYTHN"]),
        (("app-one",), []),
        (("other",), []),
        (("heir",), []),
        (("parent",), []),
        (("other", "--set", "other.args.MIRROR=1"), ["MIRROR"]),
        (("other", "--set", "other.args.MIRRORS=1"), []),
        (("app", "--set", "app.args.PYTHON=1"), []),
    ],
)
def test_what_may_be_for_others_is_told_only_where_all_are_looked_at(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    said: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("buildmatrix.toml").write_text(SPEC)
    for kind in ("one", "two"):
        Path(f"{kind}.Dockerfile").write_text("FROM scratch\nARG PYTHON\n")
    assert exit_code("plan", *arguments) == 0
    lines = [line for line in capfd.readouterr().out.splitlines() if "is used by no ARG of" in line]
    assert sorted(line.split("args.")[1].split()[0] for line in lines) == said


def test_where_one_cell_uses_it_nothing_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("buildmatrix.toml").write_text(SPEC)
    Path("one.Dockerfile").write_text("FROM scratch\nARG PYTHON\n")
    Path("two.Dockerfile").write_text("FROM scratch\nARG PYTHN\n")
    assert exit_code("plan", "app") == 0
    assert "is used by no ARG of" not in capfd.readouterr().out


def test_one_that_is_written_and_has_no_value_is_not_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    spec = 'version = 1\nvariable.level = { env = true, optional = true }\n[target.app]\noutput = ["type=cacheonly"]\n'
    args = 'args = { LEVEL = "{{ level }}", LEVELS = "1" }\ndockerfile-inline = "FROM scratch\\nARG LEVEL"\n'
    Path("buildmatrix.toml").write_text(spec + args)
    assert exit_code("plan") == 0
    assert "is used by no ARG of" not in capfd.readouterr().out
    Path("buildmatrix.toml").write_text((spec + args).replace('LEVEL = "{{ level }}", ', ""))
    assert exit_code("plan") == 0
    assert 'did you mean "LEVEL"?' in capfd.readouterr().out
