"""Which file a command is about: the nearest that is not a stranger's, as part of the root that includes it."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from buildmatrix.cli.session import session
from buildmatrix.errors import SpecError, UsageError
from buildmatrix.git.facts import Git
from buildmatrix.pipeline import plan
from buildmatrix.plan.model import Plan
from buildmatrix.process import Programs
from buildmatrix.spec.discovery import discovered
from buildmatrix.spec.toml.source import Sources
from buildmatrix.template.request import Request

STRANGER = 65534
OTHER = 65533

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory below one that holds the file."""
    (tmp_path / "buildmatrix.toml").touch()
    folder = tmp_path / "sub" / "mine"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    return folder


def found(**environment: str) -> Path:
    return discovered(Programs({**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", **environment}))[1]


def refusal(**environment: str) -> str:
    with pytest.raises(UsageError) as caught:
        found(**environment)
    diagnostic = caught.value.diagnostics[0]
    assert diagnostic.code == "owner"
    assert "--file" in diagnostic.hint
    return diagnostic.message


def hint() -> str:
    with pytest.raises(UsageError) as caught:
        found()
    return caught.value.diagnostics[0].hint


# --- whose it is ------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("here")
def test_our_own(tmp_path: Path) -> None:
    assert found() == tmp_path / "buildmatrix.toml"


@as_root
@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("what", [".", "buildmatrix.toml"])
def test_a_strangers_folder_or_file(tmp_path: Path, what: str) -> None:
    os.chown(tmp_path / what, STRANGER, -1)
    said = refusal()
    assert "found in a parent directory" in said
    assert f"belongs to user nobody ({STRANGER})" in said


@as_root
@pytest.mark.usefixtures("here")
def test_a_link_of_a_stranger_to_a_file_of_ours(tmp_path: Path) -> None:
    (tmp_path / "buildmatrix.toml").rename(tmp_path / "ours.toml")
    (tmp_path / "buildmatrix.toml").symlink_to("ours.toml")
    os.chown(tmp_path / "buildmatrix.toml", STRANGER, -1, follow_symlinks=False)
    assert "belongs to" in refusal()


@as_root
def test_a_file_in_a_folder_that_everybody_may_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in /tmp, for who stands there."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "buildmatrix.toml").touch()
    os.chown(tmp_path / "buildmatrix.toml", STRANGER, -1)
    assert found() == tmp_path / "buildmatrix.toml"
    tmp_path.chmod(0o1777)
    assert "everybody may write" in refusal()


@as_root
def test_a_checkout_of_another_user_as_in_a_container(here: Path, tmp_path: Path) -> None:
    for path in (tmp_path, *tmp_path.rglob("*")):
        os.chown(path, STRANGER, -1)
    assert found() == tmp_path / "buildmatrix.toml"
    os.chown(here, OTHER, -1)
    assert "belongs to" in refusal()


@as_root
@pytest.mark.usefixtures("here")
def test_the_hint_names_what_git_would_trust(tmp_path: Path) -> None:
    """As where root has made a directory in another user's checkout."""
    os.chown(tmp_path, STRANGER, -1)
    assert "safe.directory" not in hint()
    (tmp_path / ".git").mkdir()
    assert hint().endswith(f"git config --global --add safe.directory {tmp_path}")


@as_root
@pytest.mark.usefixtures("here")
def test_sudo_is_believed_of_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.chown(tmp_path, STRANGER, -1)
    monkeypatch.setenv("SUDO_UID", str(STRANGER))
    found()


@as_root
@pytest.mark.usefixtures("here")
def test_what_git_calls_safe(tmp_path: Path) -> None:
    os.chown(tmp_path, STRANGER, -1)
    one = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory"}
    found(**one, GIT_CONFIG_VALUE_0=str(tmp_path))
    found(**one, GIT_CONFIG_VALUE_0="*")
    found(**one, GIT_CONFIG_VALUE_0=f"{tmp_path.parent}/*")
    refusal(**one, GIT_CONFIG_VALUE_0=str(tmp_path / "sub"))
    refusal(**one, GIT_CONFIG_VALUE_0="")
    refusal(PATH="/nowhere")


# --- what includes it -------------------------------------------------------------------------------------------------

APP = "images/app/buildmatrix.toml"
ROOT = 'version = 1\n[defaults]\nplatforms = ["linux/amd64", "linux/arm64"]\n'


def tree(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def target(name: str) -> str:
    return f'version = 1\n[target.{name}]\ndockerfile-inline = "FROM scratch"\noutput = ["type=cacheonly"]\n'


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with an image's directory, in which we stand."""
    (tmp_path / ".git").mkdir()
    tree(tmp_path, {APP: target("app"), "images/web/buildmatrix.toml": target("web")})
    monkeypatch.chdir(tmp_path / "images" / "app")
    return tmp_path


def includes_list(*patterns: str) -> str:
    return f"include = {json.dumps(patterns)}\n"


def planned(*selectors: str) -> Plan:
    near, root = discovered(Programs(os.environ))
    sources = Sources(root.parent)
    sources.home = "" if near == root else str(near.relative_to(root.parent))
    return plan(root.name, sources, Request(selectors=selectors), Git(lambda _: None))


def test_a_part_is_planned_with_what_its_root_lays_under_it(repo: Path) -> None:
    tree(
        repo, {"buildmatrix.toml": includes_list("images/*/buildmatrix.toml") + ROOT + "[target.base]\ninherits = []\n"}
    )
    assert found() == repo / "buildmatrix.toml"
    assert {target.name: target.platforms for target in planned().targets} == {"app": ("linux/amd64", "linux/arm64")}
    assert [target.name for target in planned("web").targets] == ["web"]


def test_a_part_may_say_what_it_builds(repo: Path) -> None:
    more = '[target.more]\ninherits = ["app"]\n[group]\ndefault = ["more"]\n'
    tree(repo, {"buildmatrix.toml": includes_list("images/*/buildmatrix.toml") + ROOT, APP: target("app") + more})
    assert [target.name for target in planned().targets] == ["more"]


def test_what_a_part_says_it_builds_is_said_of_its_folder_alone(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    more = '[target.more]\ninherits = ["app"]\n[group]\ndefault = ["more"]\n'
    web = target("web") + '[target.page]\ninherits = ["web"]\n[group]\ndefault = ["page"]\n'
    files = {"buildmatrix.toml": includes_list("images/*/buildmatrix.toml") + ROOT, APP: target("app") + more}
    tree(repo, files | {"images/web/buildmatrix.toml": web})
    assert [target.name for target in planned().targets] == ["more"]
    monkeypatch.chdir(repo)
    assert [target.name for target in planned().targets] == ["app", "more", "web", "page"]
    tree(repo, {"images/web/buildmatrix.toml": web.replace('["page"]', '["pge"]')})
    with pytest.raises(SpecError, match="pge"):
        planned()


@pytest.mark.parametrize("way", ["in two steps", "root of a root", "a link"])
def test_a_root_further_up(repo: Path, way: str) -> None:
    if way == "in two steps":
        tree(
            repo,
            {
                "buildmatrix.toml": includes_list("all.toml") + ROOT,
                "all.toml": includes_list("./images/a*/*.toml") + "version = 1\n",
            },
        )
    elif way == "root of a root":
        tree(
            repo,
            {
                "buildmatrix.toml": includes_list("images/buildmatrix.toml") + ROOT,
                "images/buildmatrix.toml": includes_list("app/*.toml") + "version = 1\n",
            },
        )
    else:
        (repo / "here").symlink_to("images")
        tree(repo, {"buildmatrix.toml": includes_list("here/app/buildmatrix.toml") + ROOT})
    assert found() == repo / "buildmatrix.toml"
    assert {target.name: len(target.platforms) for target in planned().targets} == {"app": 2}


def test_the_targets_of_what_a_part_includes_are_its_own(repo: Path) -> None:
    tree(
        repo,
        {
            "buildmatrix.toml": includes_list("images/buildmatrix.toml") + ROOT + "[target.base]\n",
            "images/buildmatrix.toml": includes_list("*/buildmatrix.toml") + "version = 1\n",
        },
    )
    os.chdir(repo / "images")
    assert {target.name for target in planned().targets} == {"app", "web"}


@pytest.mark.parametrize("other", [includes_list("other/*.toml"), "version = 1\n", includes_list("*.toml")])
def test_a_file_further_up_that_does_not_include_it_is_none_of_it(repo: Path, other: str) -> None:
    tree(repo, {"buildmatrix.toml": other})
    assert found() == repo / APP
    assert [target.name for target in planned().targets] == ["app"]


@pytest.mark.parametrize(
    "broken", ["include = [", "include = 'images/*/buildmatrix.toml'\n", includes_list("/etc/*.toml")]
)
def test_a_file_further_up_that_cannot_be_read_is_not_passed_over(repo: Path, broken: str) -> None:
    tree(repo, {"buildmatrix.toml": broken})
    with pytest.raises(SpecError) as caught:
        planned()
    assert caught.value.diagnostics[0].place is not None
    assert caught.value.diagnostics[0].place.file == "buildmatrix.toml"


def test_what_is_beyond_the_repository_includes_nothing(repo: Path) -> None:
    (repo / ".git").rename(repo / "images" / ".git")
    tree(repo, {"buildmatrix.toml": includes_list("images/*/buildmatrix.toml") + ROOT})
    assert found() == repo / APP


def test_a_part_without_targets(repo: Path) -> None:
    tree(repo, {"buildmatrix.toml": includes_list("images/*/buildmatrix.toml") + ROOT, APP: "version = 1\n"})
    with pytest.raises(SpecError, match="declares no target"):
        planned()


@as_root
def test_a_strangers_file_further_up(repo: Path) -> None:
    tree(repo, {"buildmatrix.toml": includes_list("images/*/buildmatrix.toml") + ROOT})
    os.chown(repo / "buildmatrix.toml", STRANGER, -1)
    assert "belongs to" in refusal()
    (repo / ".git").rmdir()
    assert found() == repo / APP


def test_a_file_that_is_named_is_taken_alone_and_that_is_said(
    repo: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tree(repo, {"buildmatrix.toml": includes_list("images/*/buildmatrix.toml") + ROOT})
    monkeypatch.setenv("NO_COLOR", "1")
    with session("buildmatrix.toml") as run:
        assert run.sources.directory == repo / "images" / "app"
    assert f"{repo}/buildmatrix.toml includes it" in capsys.readouterr().err
    with session(None) as run:
        assert run.sources.directory == repo
    assert capsys.readouterr().err == ""  # something is selected
    with session(None, unselected=True) as run:
        assert run.sources.directory == repo
    said = capsys.readouterr().err
    assert (
        said
        == f"note: ../../buildmatrix.toml includes {APP}: without a selector, the targets of the latter are meant\n"
    )


@pytest.mark.parametrize("broken", ["include = [", "not TOML"])
def test_where_it_cannot_be_told_what_includes_it_that_is_said(
    repo: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], broken: str
) -> None:
    tree(repo, {"buildmatrix.toml": broken})
    monkeypatch.setenv("NO_COLOR", "1")
    with session(None):
        said = capsys.readouterr().err
    outer = "../../buildmatrix.toml"
    alone = "--file buildmatrix.toml takes that one alone"
    assert said == f"note: whether {outer} includes {APP} cannot be told; {alone}\n"
    with session("buildmatrix.toml") as run:
        assert run.sources.directory == repo / "images" / "app"
