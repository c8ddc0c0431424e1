"""The doctor's checks, over a docker that answers as scripted: the right verdict, and what mends it."""

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from buildmatrix.engine.buildx import Probe
from buildmatrix.engine.checks.every import CHECKS
from buildmatrix.engine.checks.examined import Finding, examined
from buildmatrix.engine.checks.model import Scene
from buildmatrix.errors import Diagnostic, EngineError, Place
from buildmatrix.plan.model import Plan
from buildmatrix.process import Completed
from buildmatrix.spec.rows.builders import DeclaredBuilder
from buildmatrix.spec.rows.caches import RegistryCacheTo
from buildmatrix.spec.rows.outputs import ImageOutput, RegistryOutput
from buildmatrix.spec.rows.settings import Settings
from tests.plans import plan, target
from tests.programs import SILENT, Scripted, ScriptedAnswer, said
from tests.registry import Server, registry_in_memory

GONE = EngineError(Diagnostic(message="docker is not installed, or not in PATH", code="missing"))
TOLD = {"ServerVersion": "28.5.2", "OSType": "linux", "Architecture": "x86_64", "DriverStatus": [["io.containerd"]]}


def now(apart: timedelta = timedelta()) -> str:
    return f"{(datetime.now(UTC) + apart).isoformat()}\n"


def node(driver: str = "docker", endpoint: str = "default", **more: str) -> Completed:
    fields = {"Endpoint": endpoint, "Status": "running", "BuildKit version": "v0.25.1", "Platforms": "linux/amd64"}
    lines = "\n".join(f"{key}: {value}" for key, value in {**fields, **more}.items())
    return said(f"Name: b\nDriver: {driver}\n\nNodes:\nName: b0\n{lines}\n")


class Docker(Scripted):
    """Tells the time when it is asked for it, and is so far apart."""

    apart = timedelta()

    def begin(self, command: Sequence[str], *, reads: bool = False) -> ScriptedAnswer:
        answer = super().begin(command, reads=reads)
        is_time = command[-1] == "{{.SystemTime}}" and answer.result() == said(TIME)
        return ScriptedAnswer(said(now(self.apart))) if is_time else answer


TIME = "the time"
MANY = DeclaredBuilder(name="many", driver="docker-container", bootstrap=False, nodes=(), place=Place(file="f"))


def docker(environment: dict[str, str] | None = None, path: str = "/usr/bin/docker", **answers: Any) -> Docker:
    """A docker where all is well, but for these answers."""
    table: dict[str, Completed | EngineError] = {
        "version": said("Docker version 28.5.2\n"),
        "buildx": said("github.com/docker/buildx v0.29.1 abc\n"),
        "inspect": node(),
        "info": said(json.dumps(TOLD)),
        "context": said("default unix:///var/run/docker.sock\n"),
        "time": said(TIME),
        **answers,
    }
    keys = {
        "version": "docker --version",
        "buildx": "docker buildx version",
        "inspect": "docker buildx inspect",
        "info": "docker info",
        "context": "docker context inspect",
        "time": "docker info --format {{.SystemTime}}",
        "ls": "docker buildx ls",
    }
    return Docker({keys[name]: answer for name, answer in table.items()}, environment, path=path)


def look(
    programs: Scripted, planned: Plan | None = None, asked: str | None = None, folder: Path = Path("/")
) -> dict[str, Finding]:
    with Probe(programs, asked) as probe:
        scene = Scene(programs, probe, planned, str(folder), programs.environment, tells=True)
        return {one.name: one for one in examined(scene, "there is no plan").findings}


def problem(found: Finding, status: str = "error") -> Diagnostic:
    assert found.status == status, found
    (one,) = found.problems
    return one


def test_where_all_is_well_every_check_says_what_there_is() -> None:
    found = look(docker(), plan(target()))
    assert {one.status for one in found.values()} == {"ok"}, found
    assert list(found) == [check.name for check in CHECKS]
    assert all(one.words for one in found.values())
    assert found["engine"].words == "28.5.2, linux/amd64"
    assert found["builder"].words == '"b" (docker); b0: linux/amd64'
    assert found["buildkit"].words == "v0.25.1 (b0)"
    assert found["image-store"].words == "containerd's"


def test_without_a_plan_the_machine_is_looked_at() -> None:
    found = look(docker())
    skipped = [name for name, one in found.items() if one.status == "skipped"]
    assert skipped == ["builders", "secrets", "platforms", "driver", "registries"]
    assert {one.words for one in found.values() if one.status == "skipped"} == {"not looked at: there is no plan"}


def test_each_has_a_name_of_its_own_and_a_run_makes_those_of_its_plan() -> None:
    assert len({check.name for check in CHECKS}) == len(CHECKS)
    of_run = [check.name for check in CHECKS if check.of_run]
    assert of_run == ["buildx", "builder", "builders", "tmpdir", "secrets", "platforms", "image-store", "driver"]


# --- docker and buildx ------------------------------------------------------------------------------------------------


def test_no_docker_is_said_once_and_the_rest_is_not_known() -> None:
    gone: dict[str, Any] = dict.fromkeys(("version", "buildx", "inspect", "info", "context", "time"), GONE)
    found = look(docker(path="", **gone))
    one = problem(found["docker"])
    assert (one.message, one.command) == (
        "docker is not installed, or not in PATH",
        "curl -fsSL https://get.docker.com | sudo sh",
    )
    unknown = {name for name, one in found.items() if one.status == "unknown"}
    assert unknown >= {"buildx", "engine", "context", "builder", "buildkit", "clock", "image-store"}
    assert {name for name, one in found.items() if one.status == "error"} == {"docker"}


def test_an_old_buildx() -> None:
    found = look(docker(buildx=said("github.com/docker/buildx v0.12.1 abc\n")))
    one = problem(found["buildx"])
    assert one.message == "buildx 0.12.1 is too old: 0.13 is the oldest that works"
    assert "/cli-plugins/docker-buildx https://github.com/docker/buildx/releases/download/v0." in one.command


def test_a_docker_without_buildx() -> None:
    no = said(stderr="docker: unknown command: docker buildx", code=1)
    found = look(docker(buildx=no, inspect=no))
    assert problem(found["buildx"]).message == "docker has no buildx"
    assert (found["builder"].status, found["builder"].words) == ("unknown", "there is no buildx to ask")
    assert found["engine"].status == "ok"


def test_a_file_that_requires_a_newer_buildx() -> None:
    found = look(docker(), plan(target(), requires_buildx=(">=0.30",)))
    one = problem(found["buildx"])
    assert one.message == "buildx here is 0.29.1, but the file requires >=0.30"
    assert "/releases/download/v0.30.0/buildx-v0.30.0." in one.command
    found = look(docker(), plan(target(), requires_buildx=(">0.30",)))
    assert problem(found["buildx"]).command == ""


# --- docker's own configuration ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{ "auths": ', "it is not valid JSON (line 1, column 12: Expecting value)"),
        ("[]", "it is not a JSON object"),
        ('{"auths": []}', "its auths is not an object"),
        ('{"credsStore": 3}', "its credsStore is not a string"),
        (b"\xff\xfe{", "it is not valid JSON"),
    ],
)
def test_a_configuration_that_docker_cannot_read(text: str | bytes, why: str, tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    one = problem(look(docker({"DOCKER_CONFIG": str(tmp_path)}))["config"], "warning")
    assert one.message == f"docker cannot read {file}: {why}"
    assert one.hint.startswith("correct it, or move it away and log in again")
    assert one.command == ""


def test_a_configuration_that_is_a_directory_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "config.json").mkdir()
    one = problem(look(docker({"DOCKER_CONFIG": str(tmp_path)}))["config"], "warning")
    assert "it cannot be read: Is a directory" in one.message


@pytest.mark.parametrize("text", ["", "\n", "null", "{}", '{"auths": null, "credsStore": ""}', None])
def test_a_configuration_without_anything_is_fine(text: str | None, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / "config.json").write_text(text)
    found = look(docker({"DOCKER_CONFIG": str(tmp_path)}))["config"]
    assert (found.status, found.words) == ("ok", f"{'there is no ' * (text is None)}{tmp_path / 'config.json'}")


def test_a_credential_helper_that_is_not_there_is_named(tmp_path: Path) -> None:
    helpers = {"credsStore": "gone", "credHelpers": {"r.example": "lost", "s.example": "here"}}
    (tmp_path / "config.json").write_text(json.dumps(helpers))
    (tmp_path / "docker-credential-here").write_text("#!/bin/sh\n")
    (tmp_path / "docker-credential-here").chmod(0o755)
    found = look(docker({"DOCKER_CONFIG": str(tmp_path), "PATH": str(tmp_path)}))["config"]
    assert found.status == "warning"
    assert [one.message.partition(" names ")[2].partition(",")[0] for one in found.problems] == [
        "docker-credential-lost (credHelpers r.example)",
        "docker-credential-gone (credsStore)",
    ]
    assert "or take credHelpers out of the file" in found.problems[0].hint


# --- the engine and the builder ---------------------------------------------------------------------------------------

DEAD = said(json.dumps({"ServerErrors": ["connection refused"]}), code=1)
BROKEN = said("Name: b\nDriver: docker\nError: connection refused\n")


@pytest.mark.parametrize(
    ("environment", "said_by_buildx", "command"),
    [
        ({"BUILDX_CONFIG": "/proc/1"}, "mkdir /proc/1/instances: operation not permitted", "unset BUILDX_CONFIG"),
        ({"DOCKER_CONFIG": "/ro"}, "mkdir /ro/buildx: read-only file system", ""),
        ({"DOCKER_CONFIG": "/ro/docker"}, "mkdir /ro: permission denied", ""),
    ],
)
def test_a_directory_of_buildx_that_cannot_be_written(
    environment: dict[str, str], said_by_buildx: str, command: str
) -> None:
    found = look(docker(environment, inspect=Completed(code=1, stdout="", stderr=f"ERROR: {said_by_buildx}\n")))
    one = problem(found["builder"])
    folder = environment.get("BUILDX_CONFIG") or f"{environment['DOCKER_CONFIG']}/buildx"
    assert one.message == f"buildx cannot use {folder}, where it keeps its builders: {said_by_buildx}"
    assert (one.hint, one.command) == ("set BUILDX_CONFIG to a directory that can be written", command)
    assert (found["engine"].status, found["buildkit"].words) == ("ok", "buildx cannot use its own directory")


@pytest.mark.parametrize(
    ("environment", "command"),
    [
        ({}, "sudo systemctl start docker"),
        ({"DOCKER_HOST": "unix:///var/run/docker.sock"}, "sudo systemctl start docker"),
        ({"DOCKER_HOST": "tcp://build:2375"}, "unset DOCKER_HOST"),
    ],
)
def test_an_engine_that_does_not_answer(environment: dict[str, str], command: str) -> None:
    found = look(docker(environment, info=DEAD, inspect=BROKEN))
    one = problem(found["engine"])
    assert one.message.startswith("no Docker Engine answers")
    assert one.command == command
    assert (found["builder"].status, found["builder"].words) == ("unknown", "the engine does not answer")
    assert found["clock"].status == "unknown"


def test_an_engine_of_which_docker_and_buildx_say_it_otherwise_is_told_once() -> None:
    """Docker and buildx ask it for other things."""
    environment = {"DOCKER_HOST": "garbage"}
    info = said(json.dumps({"ServerErrors": ['error: Get "http://garbage/info": no such host']}), code=1)
    broken = said('Name: default\nDriver: docker\nError: error: Head "http://garbage/_ping": no such host\n')
    found = look(docker(environment, info=info, inspect=broken))
    assert problem(found["engine"]).command == "unset DOCKER_HOST"
    assert (found["builder"].status, found["builder"].problems) == ("unknown", ())


@pytest.mark.parametrize(
    ("environment", "command", "of_context"),
    [
        ({"DOCKER_TLS_VERIFY": "1"}, "unset DOCKER_TLS_VERIFY", "unset DOCKER_TLS_VERIFY"),
        ({"DOCKER_TLS": "1", "DOCKER_HOST": "unix:///s"}, "unset DOCKER_TLS", "unset DOCKER_TLS"),
        ({"DOCKER_TLS": "1", "DOCKER_HOST": "tcp://far:1"}, "", "unset DOCKER_HOST"),  # it may want TLS
    ],
)
def test_certificates_that_are_not_there(environment: dict[str, str], command: str, of_context: str) -> None:
    words = "open /home/x/.docker/ca.pem: no such file or directory"
    info = said(json.dumps({"ServerErrors": [words]}), code=1)
    found = look(docker(environment, info=info, inspect=BROKEN, context=said(stderr=words, code=1)))
    assert problem(found["engine"]).command == command
    assert problem(found["context"]).command == of_context


def test_a_version_of_the_api_that_the_engine_does_not_speak() -> None:
    words = "client version 1.20 is too old. Minimum supported API version is 1.24"
    info = said(json.dumps({"ServerErrors": [words]}), code=1)
    found = look(docker({"DOCKER_API_VERSION": "1.20"}, info=info, inspect=said(stderr=words, code=1)))
    assert problem(found["engine"]).command == "unset DOCKER_API_VERSION"


def test_an_engine_that_one_may_not_use() -> None:
    info = said(json.dumps({"ServerErrors": ["permission denied while trying to connect"]}), code=1)
    assert problem(look(docker(info=info, inspect=BROKEN))["engine"]).command == "sudo usermod -aG docker $USER"


def test_a_remote_builder_needs_no_engine() -> None:
    found = look(docker(info=DEAD, inspect=node("remote", "tcp://far:1234")))
    assert (found["engine"].status, found["builder"].status) == ("ok", "ok")
    assert found["engine"].words == 'none answers, and builder "b" (remote) needs none'


def test_a_builder_that_is_not_there() -> None:
    no = said(stderr='ERROR: no builder "mnay" found', code=1)
    programs = docker({"BUILDX_BUILDER": "mnay"}, inspect=no, ls=said("NAME\nmany\n"))
    found = look(programs, asked="mnay")
    one = problem(found["builder"])
    assert found["buildkit"].words == 'there is no builder "mnay"'
    assert (one.message, one.command) == ('there is no builder "mnay"', "unset BUILDX_BUILDER")


def test_a_builder_of_the_file_that_is_not_there_is_created(tmp_path: Path) -> None:
    no = said(stderr='ERROR: no builder "many" found', code=1)
    programs = docker({"BUILDX_CONFIG": str(tmp_path)}, inspect=no, ls=said("NAME/NODE\n"))
    found = look(programs, plan(target(), builders={"many": MANY}), asked="many")
    one = problem(found["builder"])
    assert (one.hint, one.command) == (
        "the file declares it: buildmatrix builder create many",
        "buildmatrix builder create many",
    )
    words = "many: not created yet (buildmatrix builder create many)"
    assert (found["builders"].status, found["builders"].words) == ("unknown", words)


ANEW = "buildmatrix builder rm many && buildmatrix builder create many"


@pytest.mark.parametrize("asked", ["many", None])
def test_a_builder_that_is_not_as_the_file_declares_it(asked: str | None, tmp_path: Path) -> None:
    """By its name, or as the current one."""
    (tmp_path / "instances").mkdir()
    (tmp_path / "instances" / "many").write_text('{"Name": "many", "Driver": "remote"}')
    there = said(node().stdout.replace("Name: b\n", "Name: many\n", 1))
    programs = docker({"BUILDX_CONFIG": str(tmp_path)}, inspect=there)
    found = look(programs, plan(target(), builders={"many": MANY}), asked=asked)
    one = problem(found["builders"], "warning")
    words = "driver: remote, declared: docker-container"
    assert one.message == f'builder "many" is not as the file declares it: {words}'
    assert (one.command, one.place) == (ANEW, MANY.place)  # create leaves one of another driver alone


def test_another_builder_than_the_declared_one_is_fine(tmp_path: Path) -> None:
    found = look(docker({"BUILDX_CONFIG": str(tmp_path)}), plan(target(), builders={"many": MANY}))
    assert found["builders"].status == "ok"


def test_a_builder_that_has_not_started_is_not_known() -> None:
    inactive = said("Name: b\nDriver: docker-container\n\nNodes:\nName: b0\nEndpoint: default\nStatus: inactive\n")
    found = look(docker(inspect=inactive), plan(target(settings=Settings(platforms=("linux/arm64",)))))
    assert (found["buildkit"].status, found["platforms"].status) == ("unknown", "unknown")
    assert "docker buildx inspect --bootstrap b" in found["platforms"].words


def half_remote() -> Completed:
    """A remote builder of two nodes, of which the one for arm64 does not answer."""
    dead = "Name: b1\nEndpoint: tcp://far:1\nStatus: inactive\nPlatforms: linux/arm64*\n"
    return said(f"{node('remote', 'tcp://near:1').stdout}\n{dead}")


def test_a_remote_node_that_does_not_answer_is_an_error() -> None:
    inactive = said("Name: b\nDriver: remote\n\nNodes:\nName: b0\nEndpoint: tcp://far:1\nStatus: inactive\n")
    found = look(docker(inspect=inactive), plan(target(settings=Settings(platforms=("linux/arm64",)))))
    one = problem(found["builder"])
    assert one.message == 'node b0 of builder "b" does not answer at tcp://far:1'
    assert (found["buildkit"].words, found["platforms"].words) == ("the builder does not answer",) * 2
    assert problem(look(docker(inspect=half_remote()))["builder"]).message.startswith("node b1 ")


@pytest.mark.parametrize(("platform", "status"), [("linux/amd64", "warning"), ("linux/arm64", "error")])
def test_a_remote_node_on_which_nothing_is_built_may_be_silent(platform: str, status: str) -> None:
    planned = plan(target(settings=Settings(platforms=(platform,))))
    assert problem(look(docker(inspect=half_remote()), planned)["builder"], status).message.startswith("node b1 ")


def test_a_buildkit_that_passes_pins_over() -> None:
    one = problem(look(docker(inspect=node(**{"BuildKit version": "v0.10.6"})))["buildkit"], "warning")
    assert one.message.startswith("BuildKit v0.10.6 of node b0 is too old")


# --- where images are -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environment", "command"),
    [({"DOCKER_CONTEXT": "nowhere"}, "unset DOCKER_CONTEXT"), ({}, "docker context use default")],
)
def test_a_context_that_is_not_there(environment: dict[str, str], command: str) -> None:
    no = said(stderr='context "nowhere": context not found', code=1)
    one = problem(look(docker(environment, context=no))["context"])
    assert one.command == command
    assert 'context "nowhere"' in one.message


def test_a_builder_of_another_context_keeps_its_images_there() -> None:
    one = problem(look(docker(inspect=node(endpoint="far")))["context"], "warning")
    assert one.message == 'builder "b" keeps its images in docker context "far", and docker uses "default"'
    assert one.command == "docker context use far"


def test_what_another_driver_builds_is_seen_with_load_only() -> None:
    words = look(docker(inspect=node("remote", "tcp://far:1")))["context"].words
    assert words.endswith('what builder "b" (remote) builds is seen there with --load only')


def test_the_engines_old_image_store() -> None:
    info = said(json.dumps({**TOLD, "DriverStatus": [["overlay2"]]}))
    found = look(docker(info=info), plan(target(settings=Settings(platforms=("linux/amd64", "linux/arm64")))))
    one = problem(found["image-store"])
    assert one.command == "docker buildx create --name many --driver docker-container --use"
    after = look(
        docker(info=info, inspect=node("docker-container")), plan(target(settings=Settings(platforms=("linux/amd64",))))
    )
    assert after["image-store"].status == "ok"


@pytest.mark.parametrize(
    ("platform", "name"),
    [("linux/arm/v7", "arm"), ("linux/arm64", "arm64"), ("windows/amd64", ""), ("darwin/arm64", "")],
)
def test_no_emulator(platform: str, name: str) -> None:
    settings = Settings(dockerfile_inline="FROM busybox\nRUN true\n", platforms=(platform,))
    planned = plan(target(settings=settings))
    one = problem(look(docker(), planned)["platforms"])
    command = f"docker run --privileged --rm tonistiigi/binfmt --install {name}" if name else ""
    assert one.command == command
    assert look(docker(inspect=node(Platforms=f"linux/amd64, {platform}")), planned)["platforms"].status == "ok"


# --- registries -------------------------------------------------------------------------------------------------------


@contextmanager
def pushed() -> Iterator[tuple[Server, Plan]]:
    with registry_in_memory() as server:
        settings = Settings(
            tags=(f"{server.host}/app:1", f"{server.host}/app:2"),
            output=(RegistryOutput(type="registry"), ImageOutput(type="image", name=f"{server.host}/other", push=True)),
            cache_to=(RegistryCacheTo(type="registry", ref=f"{server.host}/cache"),),
        )
        yield server, plan(target(settings=settings))


def test_an_upload_is_begun_and_cancelled_in_each_repository_once() -> None:
    asked: list[tuple[str, str]] = []
    with pushed() as (server, planned):
        server.before = lambda method, name: asked.append((method, name.partition("?")[0]))
        found = look(docker(), planned)["registries"]
        assert (found.status, server.uploads) == ("ok", 0)
    names = [f"{server.host}/{name}" for name in ("app", "other", "cache")]
    assert found.words == f"{', '.join(names)} may be pushed to"
    assert sum(method == "POST" for method, _ in asked) == sum(method == "DELETE" for method, _ in asked) == len(names)


@pytest.mark.parametrize("status", [401, 403])
def test_a_registry_that_takes_nothing_of_ours(status: int) -> None:
    with pushed() as (server, planned):
        server.before = lambda method, _: status if method == "POST" else None
        found = look(docker(), planned)["registries"]
    assert (len(found.problems), found.exit_code) == (3, 5)
    one = found.problems[0]
    assert one.message == f"{server.host}/app cannot be pushed to: {server.host} answered {status}"
    assert one.hint == f"nobody is logged in to {server.host}\nlog in as somebody who may"
    assert one.command == f"docker login {server.host}"


def test_a_login_that_may_not_push_is_named(tmp_path: Path) -> None:
    with pushed() as (server, planned):
        login = {"auths": {server.host: {"username": "someone", "password": "x"}}}
        (tmp_path / "config.json").write_text(json.dumps(login))
        server.before = lambda method, _: 403 if method == "POST" else None
        found = look(docker({"DOCKER_CONFIG": str(tmp_path)}), planned)["registries"]
    assert found.problems[0].hint.startswith(f"logged in to {server.host} as someone: that may not push there")


@pytest.mark.parametrize(
    ("text", "why"), [('{ "auths": ', "not valid JSON"), ('{"credsStore": "gone"}', "docker-credential-gone")]
)
def test_who_cannot_be_logged_in_is_not_told_to_log_in(text: str, why: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(text)
    with pushed() as (server, planned):
        server.before = lambda method, _: 401 if method == "POST" else None
        programs = docker({"DOCKER_CONFIG": str(tmp_path)})
        programs.answers["docker-credential-gone"] = GONE
        found = look(programs, planned)["registries"]
    assert why in found.problems[0].hint
    assert found.problems[0].command == ""


def test_a_registry_that_is_ill_is_not_told_as_one_that_refuses() -> None:
    with pushed() as (server, planned):
        server.before = lambda method, _: 503 if method == "POST" else None
        found = look(docker(), planned)["registries"]
    assert found.problems[0].hint == "is it up, and can this machine reach it?"
    assert found.problems[0].command == ""


# --- this machine -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("free", "status"), [(1 << 20, "error"), (1 << 30, "warning"), (1 << 40, "ok")])
def test_a_full_disk(free: int, status: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def usage(path: Any) -> Any:
        return SimpleNamespace(free=free if str(path).startswith(str(tmp_path)) else 1 << 40)

    monkeypatch.setattr(shutil, "disk_usage", usage)
    found = look(docker({"TMPDIR": str(tmp_path)}))["disk"]
    assert found.status == status
    assert [one.command for one in found.problems] == ([] if status == "ok" else ["unset TMPDIR"])


def test_a_full_disk_is_named_by_a_directory_that_is_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The cache of nothing that was kept yet is not."""

    def usage(path: Any) -> Any:
        return SimpleNamespace(free=0 if str(path).startswith(str(tmp_path)) else 1 << 40)

    monkeypatch.setattr(shutil, "disk_usage", usage)
    one = problem(look(docker({"XDG_CACHE_HOME": str(tmp_path)}))["disk"])
    assert one.message == f"only 0 B free for the user's cache ({tmp_path})"
    assert f"du -xh -d 1 {tmp_path} tells" in one.hint


def test_a_disk_that_is_read_only_is_not_called_full(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def flags(path: Any) -> Any:
        return SimpleNamespace(f_flag=os.ST_RDONLY if Path(path) == tmp_path else 0)

    monkeypatch.setattr(os, "statvfs", flags)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=0 if path == tmp_path else 1 << 40))
    one = problem(look(docker({"XDG_CACHE_HOME": str(tmp_path)}))["disk"], "warning")
    assert one.message == f"the disk for the user's cache ({tmp_path}) is read-only"


def test_a_full_disk_of_the_engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def usage(path: Any) -> Any:
        return SimpleNamespace(free=0 if str(path).startswith(str(tmp_path)) else 1 << 40)

    monkeypatch.setattr(shutil, "disk_usage", usage)
    info = said(json.dumps({**TOLD, "DockerRootDir": str(tmp_path)}))
    assert problem(look(docker(info=info))["disk"]).command == "docker buildx prune --force"
    assert look(docker({"DOCKER_HOST": "tcp://far:1"}, info=info))["disk"].status == "ok"


@pytest.mark.parametrize(
    ("apart", "status"), [(0, "ok"), (60, "warning"), (-60, "warning"), (3600, "error"), (-3600, "error")]
)
def test_clocks_that_are_apart(apart: int, status: str) -> None:
    programs = docker()
    programs.apart = timedelta(seconds=apart)
    found = look(programs)["clock"]
    assert found.status == status
    assert [one.command for one in found.problems] == ([] if status == "ok" else ["sudo timedatectl set-ntp true"])


@pytest.mark.parametrize("answer", [SILENT, said("tomorrow\n"), said("2026-01-01T00:00:00\n")])
def test_a_clock_that_nobody_tells_is_not_known(answer: Completed | EngineError) -> None:
    assert look(docker(time=answer))["clock"].status == "unknown"


@pytest.mark.parametrize("name", ["HTTP_PROXY", "https_proxy", "ALL_PROXY"])
def test_a_proxy_that_does_not_answer(name: str) -> None:
    found = look(docker({name: "http://me:hunter2@127.0.0.1:1"}))["proxy"]
    one = problem(found)
    assert (one.message, one.command) == (
        f"{name} is 127.0.0.1:1, which does not answer: Connection refused",
        f"unset {name}",
    )
    assert found.exit_code == 5
    assert "hunter2" not in found.words


@pytest.mark.parametrize("value", ["http://", "://x", "http://x:99999", "http://[x"])
def test_a_proxy_that_is_none(value: str) -> None:
    assert problem(look(docker({"HTTP_PROXY": value}))["proxy"]).message.endswith("which is not a valid address")


def test_proxies_at_odds() -> None:
    with registry_in_memory() as one, registry_in_memory() as other:
        given = {"HTTP_PROXY": f"http://{one.host}", "http_proxy": f"http://{other.host}", "NO_PROXY": "x"}
        found = look(docker(given))["proxy"]
    assert problem(found, "warning").command == "unset http_proxy"
    assert found.words.endswith("; none for x")


def test_variables_that_change_what_is_built() -> None:
    found = look(docker({"BUILDX_GIT_LABELS": "1", "DOCKER_CONFIG": "/x", "BUILDKIT_PROGRESS": ""}))["environment"]
    assert problem(found, "warning").command == "unset BUILDX_GIT_LABELS"
    assert found.words == "DOCKER_CONFIG is where docker keeps its configuration, logins and plugins"


def test_an_engine_that_is_named_twice() -> None:
    found = look(docker({"DOCKER_HOST": "unix:///x", "DOCKER_CONTEXT": "y"}))["environment"]
    assert problem(found, "warning").command == "unset DOCKER_CONTEXT"


def test_a_temporary_directory_that_is_not_there() -> None:
    assert problem(look(docker({"TMPDIR": "/nowhere"}))["tmpdir"]).command == "unset TMPDIR"


# --- buildx alone -----------------------------------------------------------------------------------------------------


class Alone(Docker):
    """Buildx as a program of its own, and no docker."""

    def standalone_buildx(self) -> str:
        return "/opt/buildx"


def alone(environment: dict[str, str] | None = None, **answers: Completed) -> Alone:
    table: dict[str, Completed | EngineError] = {
        "/opt/buildx inspect": answers.get("inspect", node("remote", "tcp://far:1")),
        "/opt/buildx version": answers.get("version", said("github.com/docker/buildx v0.29.1 abc\n")),
        "/opt/buildx ls": said("NAME\nmany\n"),
    }
    return Alone(table, environment, path="")


def test_buildx_alone_is_asked_and_docker_is_not() -> None:
    programs = alone({"DOCKER_HOST": "tcp://far:1"})
    found = look(programs, plan(target(settings=Settings(platforms=("linux/amd64",)))))
    assert {one.status for name, one in found.items() if name != "clock"} == {"ok", "warning"}
    assert found["docker"].words == "there is none: buildx is used alone (/opt/buildx)"
    assert found["context"].words == "without docker: DOCKER_HOST is tcp://far:1"
    assert {words.split()[0] for words in programs.asked} == {"/opt/buildx"}


def test_what_mends_is_said_for_buildx_alone() -> None:
    old = problem(look(alone(version=said("github.com/docker/buildx v0.12.1 abc\n")))["buildx"])
    assert old.hint == "update it (github.com/docker/buildx/releases)"
    assert "-fsSLo /opt/buildx https://" in old.command
    none = problem(look(alone(version=said("hello\n"), inspect=said("hello\n")))["buildx"])
    assert none.message == "/opt/buildx is not a buildx"
    dead = problem(look(alone(inspect=said("Name: b\nDriver: docker\nError: connection refused\n")))["builder"])
    assert dead.hint == "start it, or name another with DOCKER_HOST, DOCKER_CONTEXT, or --builder"
    assert dead.command == "/opt/buildx use default"


def test_a_login_is_not_sent_to_a_docker_that_is_not_there() -> None:
    with pushed() as (server, planned):
        server.before = lambda method, _: 401 if method == "POST" else None
        found = look(alone(), planned)["registries"]
    assert found.problems[0].command == ""
    assert found.problems[0].hint.endswith("logins stand in docker's config.json, or in DOCKER_AUTH_CONFIG")


def test_a_store_that_nobody_can_tell_of_is_not_refused() -> None:
    planned = plan(target(settings=Settings(platforms=("linux/amd64", "linux/arm64"))))
    assert look(alone(inspect=node()), planned)["image-store"].words == "not known"
