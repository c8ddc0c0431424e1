"""Which targets a run keeps, by what changed: since a revision, or by a list of files."""

from collections.abc import Callable
from io import BytesIO, TextIOWrapper
from pathlib import Path

import pytest

from tests.inside import exit_code
from tests.repositories import committed, git, write

Program = Callable[..., tuple[list[str], str, int]]
SPEC = """version = 1
[group]
some = ["app", "other"]
[target.base]
context = "base"
tags = ["x/base:1"]
output = ["type=registry"]
[target.app]
dockerfile-inline = "FROM base"
contexts.base = "target:base"
tags = ["x/app:1"]
output = ["type=registry"]
[target.other]
context = "other"
tags = ["x/other:1"]
output = ["type=registry"]
"""
FILES = {
    "buildmatrix.toml": SPEC,
    "base/Dockerfile": "FROM scratch\nCOPY a /\n",
    "base/a": "1",
    "other/Dockerfile": "FROM scratch\nCOPY . /\n",
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BUILDMATRIX_TRACEBACK", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    repo = tmp_path / "repo"
    committed(repo, FILES)
    monkeypatch.chdir(repo)
    return repo


@pytest.fixture
def plan(project: Path, capfd: pytest.CaptureFixture[str]) -> Program:
    """The names of the targets of a plan, what was said, and the exit code."""
    assert project.is_dir()

    def run(*words: str) -> tuple[list[str], str, int]:
        code = exit_code("plan", "--format", "short", *words)
        out, err = capfd.readouterr()
        return [line.split()[0] for line in out.splitlines()], " ".join(err.split()), code

    return run


def test_nothing_changed(plan: Program) -> None:
    names, said, code = plan("--changed-since", "HEAD", "--detailed-exitcode")
    assert (names, code) == ([], 0)
    assert "nothing that is selected changed since HEAD" in said


def test_what_changed_and_what_depends_on_it(plan: Program, project: Path) -> None:
    write(project, {"base/a": "2", "base/unread": "1"})
    names, said, _ = plan("--changed-since", "HEAD")
    assert names == ["base", "app"]
    assert "note: 2 of 3 targets changed since HEAD" in said
    assert "not base images and URLs that are not locked, contexts elsewhere, files git ignores" in said


def test_selectors_and_changes_are_an_intersection(plan: Program, project: Path) -> None:
    write(project, {"base/a": "2", "other/new": "1"})
    assert plan("some", "--changed-since", "HEAD")[0] == ["base", "other", "app"]  # base, since app depends on it
    assert plan("other", "--changed-since", "HEAD")[0] == ["other"]
    assert plan("base", "--changed-since", "HEAD")[0] == ["base"]
    committed(project)
    write(project, {"other/new": "2"})
    assert plan("app", "--changed-since", "HEAD")[0] == []


def test_settings_count_and_so_does_a_new_name(plan: Program, project: Path) -> None:
    write(project, {"buildmatrix.toml": SPEC.replace("x/other:1", "x/other:2")})
    assert plan("--changed-since", "HEAD")[0] == ["other"]
    write(project, {"buildmatrix.toml": SPEC.replace("[target.other]", "[target.another]").replace('"other"]', "]")})
    assert plan("--changed-since", "HEAD")[0] == ["another"]


def test_what_others_did_meanwhile_does_not_count(plan: Program, project: Path) -> None:
    git(project, "checkout", "--quiet", "-b", "feature")
    committed(project, {"other/mine": "1"})
    git(project, "checkout", "--quiet", "main")
    committed(project, {"base/a": "theirs"})
    git(project, "checkout", "--quiet", "feature")
    names, said, _ = plan("--changed-since", "main")
    assert names == ["other"]
    assert "where HEAD and main parted" in said


@pytest.mark.parametrize("reference", ["HEAD~1", "origin/main"])
def test_a_shallow_clone_means_everything(
    reference: str, plan: Program, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    committed(project, {"x": "1"})
    git(project, "checkout", "--quiet", "-b", "feature")
    git(project, "clone", "--quiet", "--depth=1", f"file://{project}", "../part")
    monkeypatch.chdir(project.parent / "part")
    names, said, code = plan("--changed-since", reference)
    assert (names, code) == (["base", "other", "app"], 0)
    assert f"this is a shallow clone, which has no {reference}: everything counts as changed" in said


def test_no_commit_in_common_means_everything(plan: Program, project: Path) -> None:
    git(project, "checkout", "--quiet", "--orphan", "lonely")
    committed(project, {"x": "1"}, message="lonely")
    names, said, _ = plan("--changed-since", "main")
    assert names == ["base", "other", "app"]
    assert "no commit that main and HEAD have in common is known: everything counts as changed" in said


def test_missing_objects_mean_everything(plan: Program, project: Path) -> None:
    committed(project, {"buildmatrix.toml": f"# other\n{SPEC}"})
    name = git(project, "rev-parse", "HEAD~1:buildmatrix.toml")
    (project / ".git/objects" / name[:2] / name[2:]).unlink()
    names, said, _ = plan("--changed-since", "HEAD~1")
    assert names == ["base", "other", "app"]
    assert "is missing: this clone has only a part of the history: everything counts as changed" in said


def test_a_file_that_could_not_be_planned_means_everything(plan: Program, project: Path) -> None:
    committed(project, {"buildmatrix.toml": "version = 2\n"})
    write(project, FILES)
    names, said, _ = plan("--changed-since", "HEAD")
    assert names == ["base", "other", "app"]
    assert "version 2 of the format is not known): everything counts as changed" in said


@pytest.mark.parametrize("reference", ["nope", "", "-x"])
def test_what_is_no_revision_is_an_error(reference: str, plan: Program) -> None:
    assert plan(f"--changed-since={reference}")[2] == 2


@pytest.mark.parametrize(
    ("listed", "names"),
    [
        (b"base/a\n", ["base", "app"]),
        (b"./base/a\r\nREADME.md\n", ["base", "app"]),
        (b"base/unread\n", []),
        (b"", []),
        (b"\n\n", []),
        (b"other/gone\0base/unread\0", ["other"]),
        (b"other/two\nlines\0", ["other"]),
        (b"other/two\nlines\n", ["other"]),
        (b'"other/\\303\\244\\n\\""\n', ["other"]),
        (b"other/\xff\n", ["other"]),
        (b"other\n", ["other"]),
        (b"../outside\n/etc/passwd\n", []),
        ("base/a\r\nother\r\n".encode("utf-16"), ["base", "other", "app"]),
        (b"\xfe\xff" + "other\r\n".encode("utf-16-be"), ["other"]),
        ("other\n".encode("utf-8-sig"), ["other"]),
        (b"buildmatrix.toml\n", ["base", "other", "app"]),
        (b"buildmatrix.lock\n", ["base", "other", "app"]),
    ],
)
def test_a_list_of_files(listed: bytes, names: list[str], plan: Program, project: Path) -> None:
    (project.parent / "list").write_bytes(listed)
    found, said, code = plan("--changed-files", "../list")
    assert (found, code) == (names, 0)
    assert ("nobody can say what it changes: everything" in said) == listed.startswith(b"buildmatrix.")


def test_a_list_with_a_revision(plan: Program, project: Path) -> None:
    """The list says which files changed, the revision what the spec was."""
    write(project, {"buildmatrix.toml": SPEC.replace("x/other:1", "x/other:2"), "base/a": "2"})
    (project.parent / "list").write_text("buildmatrix.toml\n")
    assert plan("--changed-files", "../list", "--changed-since", "HEAD")[0] == ["other"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--changed-files", "gone"], "the list cannot be read: No such file or directory"),
        (["--changed-files", "."], "the list cannot be read: Is a directory"),
        (["--changed-files", "-", "--bake-file", "-"], "standard input is read for something else already"),
    ],
)
def test_lists_that_cannot_be_read(words: list[str], said: str, plan: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", TextIOWrapper(BytesIO(b"{}")))
    _, err, code = plan(*words)
    assert (code, said in err) == (2, True)


def test_what_was_kept_is_in_a_saved_plan(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write(project, {"base/a": "2"})
    assert exit_code("plan", "base", "other", "--changed-since", "HEAD", "--format", "json") == 0
    saved = project.parent / "plan.json"
    saved.write_text(capfd.readouterr().out)
    assert exit_code("apply", str(saved), "--dry-run") == 0
    assert '"targets": ["base"]' in capfd.readouterr().out
    assert exit_code("apply", str(saved), "--dry-run", "--changed-since", "HEAD") == 2
    assert "a saved plan is applied as it is" in capfd.readouterr().err
    write(project, {"base/a": "1"})
    assert exit_code("plan", "--changed-since", "HEAD", "--format", "json") == 0
    saved.write_text(capfd.readouterr().out)
    assert exit_code("apply", str(saved), "--dry-run") == 0
    assert capfd.readouterr().out == ""


def test_apply_takes_the_options(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write(project, {"other/new": "2"})
    assert exit_code("apply", "--changed-since", "HEAD", "--dry-run") == 0
    assert '"targets": ["other"]' in capfd.readouterr().out


@pytest.mark.parametrize(
    ("listed", "said"),
    [
        ("", "note: the list of --changed-files is empty"),
        ("\n\n", "note: the list of --changed-files is empty"),
        ("M\tbase/a\nbase/a\n", "note: 1 of 2 lines of --changed-files names nothing that is here (deleted, or not"),
        ("../x\nnothere\n", "note: 2 of 2 lines of --changed-files name nothing that is here"),
    ],
)
def test_a_list_that_may_not_be_meant_is_told(plan: Program, project: Path, listed: str, said: str) -> None:
    (project / "list").write_text(listed)
    names, told, code = plan("--changed-files", "list")
    assert (code, said in told) == (0, True), told
    assert names == (["base", "app"] if "\nbase/a" in listed else [])


@pytest.mark.parametrize("reference", ["HEAD^{tree}", "^HEAD"])
def test_what_names_no_commit(plan: Program, reference: str) -> None:
    _, told, code = plan("--changed-since", reference)
    assert (code, "this is not the name of a revision" in told) == (2, True), told
