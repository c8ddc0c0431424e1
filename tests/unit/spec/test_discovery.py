"""A spec that nobody named is taken from a parent only where it is no stranger's."""

import os
from pathlib import Path

import pytest

from buildmatrix.errors import UsageError
from buildmatrix.process import Programs
from buildmatrix.spec.discovery import discovered

STRANGER = 65534
OTHER = 65533

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder below one that holds the file."""
    (tmp_path / "buildmatrix.toml").touch()
    folder = tmp_path / "sub" / "mine"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    return folder


def found(**environment: str) -> Path:
    return discovered(Programs({**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", **environment}))


def refusal(**environment: str) -> str:
    with pytest.raises(UsageError) as caught:
        found(**environment)
    diagnostic = caught.value.diagnostics[0]
    assert diagnostic.code == "owner"
    assert "--file" in diagnostic.hint
    return diagnostic.message


@pytest.mark.usefixtures("here")
def test_our_own(tmp_path: Path) -> None:
    assert found() == tmp_path / "buildmatrix.toml"


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("what", [".", "buildmatrix.toml"])
def test_a_strangers_folder_or_file(tmp_path: Path, what: str) -> None:
    os.chown(tmp_path / what, STRANGER, -1)
    said = refusal()
    assert "found in a parent directory" in said
    assert f"belongs to user nobody ({STRANGER})" in said


@pytest.mark.usefixtures("here")
def test_a_link_of_a_stranger_to_a_file_of_ours(tmp_path: Path) -> None:
    (tmp_path / "buildmatrix.toml").rename(tmp_path / "ours.toml")
    (tmp_path / "buildmatrix.toml").symlink_to("ours.toml")
    os.chown(tmp_path / "buildmatrix.toml", STRANGER, -1, follow_symlinks=False)
    assert "belongs to" in refusal()


def test_a_file_in_a_folder_that_everybody_may_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in /tmp, for who stands there."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "buildmatrix.toml").touch()
    os.chown(tmp_path / "buildmatrix.toml", STRANGER, -1)
    assert found() == tmp_path / "buildmatrix.toml"
    tmp_path.chmod(0o1777)
    assert "everybody may write" in refusal()


def test_a_checkout_of_another_user_as_in_a_container(here: Path, tmp_path: Path) -> None:
    for path in (tmp_path, *tmp_path.rglob("*")):
        os.chown(path, STRANGER, -1)
    assert found() == tmp_path / "buildmatrix.toml"
    os.chown(here, OTHER, -1)
    assert "belongs to" in refusal()


@pytest.mark.usefixtures("here")
def test_sudo_is_believed_of_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.chown(tmp_path, STRANGER, -1)
    monkeypatch.setenv("SUDO_UID", str(STRANGER))
    found()


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
