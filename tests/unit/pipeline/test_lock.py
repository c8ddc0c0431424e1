"""The lock file of a project: which images it is about, and that it is about all targets, whatever is selected."""

from pathlib import Path

import pytest

from buildmatrix.git.facts import Git
from buildmatrix.git.repository import UnansweredError
from buildmatrix.lock import FILE
from buildmatrix.lock.file import Lock, LockedImage, text_of
from buildmatrix.pipeline.lock import Project, checked, project, updated
from buildmatrix.process import Programs
from buildmatrix.spec.toml.source import Sources
from buildmatrix.template.request import Request
from tests.inside import exit_code
from tests.registry import registry_in_memory
from tests.unit.lock.images import image, index
from tests.unit.lock.test_policy import A

SPEC = """version = 1
[target.app]
dockerfile-inline = "FROM HOST/app:1"
output = ["type=registry"]
tags = ["HOST/own:1"]
[target.more]
needs = ["app"]
dockerfile-inline = "FROM HOST/own:1"
output = ["type=cacheonly"]
[target.elsewhere]
context = "https://example.com/a.git"
output = ["type=cacheonly"]
[group]
default = ["more"]
"""


def no_repository(_: tuple[str, ...]) -> str:
    raise UnansweredError("there is no git repository around the file")


def read(folder: Path) -> Project:
    return project("buildmatrix.toml", Sources(folder), Request(), Git(no_repository))


def test_all_targets_are_locked_but_what_they_push(tmp_path: Path) -> None:
    with registry_in_memory() as server:
        server.tags["1"] = digest = index(server, linux_amd64=image(server))
        (tmp_path / "buildmatrix.toml").write_text(SPEC.replace("HOST", server.host))
        found = read(tmp_path)
        assert [one.message for one in found.warnings] == [
            "not all external images of elsewhere are locked: its Dockerfile cannot be read here"
        ]
        name = f"{server.host}/app:1"
        assert [(one.name, one.status) for one in checked(found)] == [(name, "missing")]
        lock, changes = updated(found, Programs({"DOCKER_CONFIG": "/nowhere"}), None)
        assert [(one.name, one.status, one.after) for one in changes] == [(name, "added", digest)]
        (tmp_path / FILE).write_text(text_of(lock))
        assert checked(read(tmp_path)) == []


def test_what_a_variable_hides_is_not_dropped(tmp_path: Path) -> None:
    spec = SPEC.replace("HOST/app:1", "debian:12").replace("HOST", "r.example")
    more = '[variable]\nsha = { env = "SHA" }\n[target.late]\ndockerfile-inline = "FROM a:{{ sha }}"\n'
    (tmp_path / "buildmatrix.toml").write_text(spec + more + 'output = ["type=cacheonly"]\n')
    entry = LockedImage(digest=A, platforms=(), onbuild=False, env=())
    (tmp_path / FILE).write_text(text_of(Lock(images={"debian:12": entry, "a:1": entry})))
    found = read(tmp_path)
    assert not found.whole
    assert checked(found) == []


BOTH = """version = 1
[target.app]
platforms = ["linux/amd64", "linux/arm64"]
dockerfile-inline = "FROM HOST/app:1"
output = ["type=cacheonly"]
[target.auto]
platforms = "auto"
dockerfile-inline = "FROM HOST/app:1"
output = ["type=cacheonly"]
"""


@pytest.mark.parametrize("declared", [True, False])
def test_a_platform_that_an_upgrade_loses_is_warned_of(
    declared: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Where a target declares it: `platforms = "auto"` means those that are left."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DOCKER_CONFIG", "/nowhere")
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    with registry_in_memory() as server:
        server.tags["1"] = index(server, linux_amd64=image(server), linux_arm64=image(server, "linux/arm64"))
        spec = BOTH if declared else BOTH.replace(', "linux/arm64"', "")
        (tmp_path / "buildmatrix.toml").write_text(spec.replace("HOST", server.host))
        assert exit_code("lock") == 0
        assert capfd.readouterr().err == ""
        server.tags["1"] = index(server, linux_amd64=image(server))
        assert exit_code("lock", "--upgrade") == 0
        out, err = capfd.readouterr()
        assert "it has no linux/arm64 any more" in out
        warning = f"warning: {server.host}/app:1 has no linux/arm64, for which app is built"
        assert (warning in err, err == "") == (declared, not declared)
        assert exit_code("lock") == 0
        assert (warning in capfd.readouterr().err) is declared
