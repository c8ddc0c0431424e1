"""The lock file of a project: which images it is about, and that it is about all targets, whatever is selected."""

from pathlib import Path

from buildmatrix.git.facts import Git
from buildmatrix.git.repository import UnansweredError
from buildmatrix.lock import FILE
from buildmatrix.lock.file import Lock, LockedImage, text_of
from buildmatrix.pipeline.lock import Project, checked, project, updated
from buildmatrix.process import Programs
from buildmatrix.spec.toml.source import Sources
from buildmatrix.template.request import Request
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
        lock, changes = updated(found, Programs({"HOME": "/nowhere", "DOCKER_CONFIG": "/nowhere"}), None)
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
