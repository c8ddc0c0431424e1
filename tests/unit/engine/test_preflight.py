"""What is found out before a build, from a docker that answers as scripted."""

import json

import pytest
from packaging.version import Version

from buildmatrix.engine.buildx import Probe
from buildmatrix.engine.preflight import Engine, preflight
from buildmatrix.errors import BuildmatrixError, Diagnostic, EngineError
from buildmatrix.plan.model import Plan
from buildmatrix.process import Completed
from buildmatrix.spec.rows.caches import GhaCacheTo
from buildmatrix.spec.rows.settings import OciOutput, RegistryOutput, Secret, Settings
from tests.plans import plan, target
from tests.programs import SILENT, Scripted, said

VERSION, INSPECT, INFO = "docker buildx version", "docker buildx inspect", "docker info"


def release(text: str) -> Completed:
    return said(f"github.com/docker/buildx {text} abc\n")


def builder(driver: str = "docker-container", error: str = "", platforms: str = "linux/amd64") -> Completed:
    status = f"Error: {error}" if error else "Status: running"
    return said(f"Name: many\nDriver: {driver}\n\nNodes:\nName: many0\n{status}\nPlatforms: {platforms}\n")


def docker(environment: dict[str, str] | None = None, **answers: Completed | EngineError) -> Scripted:
    table = {"version": release("v0.29.1"), "inspect": builder(), "info": said("{}"), **answers}
    keys = {"version": VERSION, "inspect": INSPECT, "info": INFO, "ls": "docker buildx ls"}
    return Scripted({keys[name]: answer for name, answer in table.items()}, environment)


def look(programs: Scripted, planned: Plan | None = None, asked: str | None = None) -> Engine:
    with Probe(programs, asked) as probe:
        return preflight(planned or plan(), allow=(), probe=probe, programs=programs)


def refused(programs: Scripted, planned: Plan | None = None, asked: str | None = None) -> Diagnostic:
    with pytest.raises(BuildmatrixError) as caught:
        look(programs, planned, asked)
    assert caught.value.exit_code == 3
    (found,) = caught.value.diagnostics
    return found


def test_each_question_is_asked_once() -> None:
    plugin = {"Name": "buildx", "Path": "/b"}
    programs = docker(info=said(json.dumps({"ClientInfo": {"Plugins": [plugin]}})))
    engine = look(programs)
    assert programs.asked == [INSPECT, "docker info --format {{json .}}", VERSION]
    assert (engine.buildx, engine.imagetools, engine.own_platform) == (
        Version("0.29.1"), ("/b", "imagetools"), "linux/amd64",
    )  # fmt: skip


def test_docker_tells_the_version_of_its_plugin() -> None:
    plugin = {"Name": "buildx", "Path": "/b", "Version": "v0.29.1"}
    programs = docker(info=said(json.dumps({"ClientInfo": {"Plugins": [plugin]}})))
    assert (look(programs).buildx, programs.asked) == (Version("0.29.1"), [INSPECT, "docker info --format {{json .}}"])


@pytest.mark.parametrize(
    ("answer", "message", "hint"),
    [
        (release("v0.12.1"), "buildx 0.12.1 is too old: 0.13 is the oldest that works", "update the docker"),
        (said(stderr="unknown command", code=1), "docker has no buildx", "install the docker-buildx plugin"),
        (said("buildah 1.33\n"), "docker is podman here, which has no bake", "install Docker's own CLI"),
        (release("deadbeef"), "the buildx here does not tell its version, but says ", "install a release of"),
        (SILENT, "it did not answer", ""),
    ],
)  # fmt: skip
def test_a_buildx_of_no_use(answer: Completed | EngineError, message: str, hint: str) -> None:
    found = refused(docker(version=answer))
    assert found.message.startswith(message)
    assert found.hint.startswith(hint)


@pytest.mark.parametrize("text", ["0.13.1+ds1", "v0.29.1-desktop.1"])
def test_versions_as_distributions_write_them(text: str) -> None:
    assert look(docker(version=release(text))).buildx >= Version("0.13.1")


@pytest.mark.parametrize(
    ("error", "message", "hint"),
    [
        ("permission denied", "you may not use the Docker Engine: ", "join the group docker"),
        ("connection refused", "no Docker Engine answers: ", "start it, or name another"),
        ("x509: unknown authority", "the certificate of the Docker Engine is not trusted: ", "DOCKER_CERT_PATH"),
    ],
)
def test_an_engine_that_cannot_be_used(error: str, message: str, hint: str) -> None:
    for answer in (said(stderr=f"ERROR: {error}", code=1), builder(error=error)):
        found = refused(docker(inspect=answer))
        assert found.message == f"{message}{error}"
        assert found.hint.startswith(hint)


def test_a_builder_that_is_not_there() -> None:
    absent = said(stderr='ERROR: no builder "mny" found', code=1)
    listed = said("NAME DRIVER\nmany* docker-container\n \\_ many0\n")
    found = refused(docker(inspect=absent, ls=listed), asked="mny")
    assert (found.message, found.hint) == ('there is no builder "mny"', 'did you mean "many"?')
    assert refused(docker(inspect=absent, ls=said()), asked="mny").hint == "see docker buildx ls"


def test_a_platform_that_no_node_has() -> None:
    settings = Settings(platforms=("linux/s390x",), dockerfile_inline="FROM a\nRUN b\n")
    found = refused(docker(), plan(target(settings=settings)))
    assert found.message == 'no builder node can make linux/s390x for app (builder "many": linux/amd64)'
    assert "--install s390x" in found.hint
    assert look(docker(inspect=builder(platforms="")), plan(target(settings=settings))).builder.nodes


def test_what_the_old_image_store_cannot_do() -> None:
    planned = plan(target(settings=Settings(output=(OciOutput(type="oci", dest="a.tar"),))))
    assert refused(docker(inspect=builder("docker")), planned).code == "store"
    new = said('{"DriverStatus": [["driver-type", "io.containerd.snapshotter.v1"]]}')
    assert look(docker(inspect=builder("docker"), info=new), planned).builder.nodes
    assert look(docker(), planned).builder.nodes


def test_what_the_docker_driver_cannot_push() -> None:
    planned = plan(target(settings=Settings(output=(RegistryOutput(type="registry", push_by_digest=True),))))
    found = refused(docker(inspect=builder("docker")), planned)
    assert found.message == "target.app.output: the docker driver cannot push by digest"


def test_a_secret_that_is_not_there() -> None:
    planned = plan(target(settings=Settings(secret=(Secret(id="t", env="T"),), output=())))
    assert refused(docker(), planned).message == 'secret "t" of app: the environment variable T is not set'
    assert look(docker({"T": ""}), planned).builder.nodes


def test_requires_buildx() -> None:
    found = refused(docker(), plan(requires_buildx=(">=0.30",)))
    assert found.message == "buildx here is 0.29.1, but the file requires >=0.30"


def test_what_is_only_warned_of() -> None:
    silent = plan(target())
    assert [one.code for one in look(docker(), silent).warnings] == ["no-output"]
    assert look(docker(inspect=builder("docker")), silent).warnings == ()
    cached = plan(target(settings=Settings(cache_to=(GhaCacheTo(type="gha"),))))
    assert [one.code for one in look(docker(), cached).warnings] == ["no-cache"]
