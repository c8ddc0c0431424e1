"""The doctor over broken set-ups of a real engine: what is wrong, and that the command which it prints mends it."""

import json
import os
import shlex
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest

from tests.e2e import own_registry
from tests.e2e.faulty_registry import Fault, FaultyRegistry
from tests.e2e.tools import Project, docker_config, engines_buildx

pytestmark = pytest.mark.corpus

PLAIN = 'version = 1\n[target.app]\ndockerfile-inline = "FROM scratch"\n'
STRANGER = 12345
"""A user that is nobody."""


def doctor(folder: Path, first: str = "", /, **variables: str | None) -> tuple[dict[str, Any], int]:
    """Run it in a directory, after a command; return its checks by name, and the exit code. None unsets a variable."""
    given = {**os.environ, "NO_COLOR": "1", **variables}
    environment = {name: value for name, value in given.items() if value is not None}
    command = shlex.join([sys.executable, "-m", "buildmatrix", "doctor", "--format", "json"])
    script = f"{first} && exec {command}" if first else f"exec {command}"
    done = subprocess.run(
        ["/bin/sh", "-c", script], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert "Traceback" not in done.stderr, done.stderr
    assert "{" in done.stdout, done.stderr
    checks = json.loads(done.stdout[done.stdout.index("{") :])["checks"]
    return {check["name"]: check for check in checks}, done.returncode


def wrong(check: dict[str, Any], status: str = "error") -> dict[str, Any]:
    assert check["status"] == status, check
    found: dict[str, Any] = check["problems"][0]
    return found


def test_where_all_is_well_nothing_is_in_the_way(project: Project, repository: str) -> None:
    folder = project(f'[target.app]\ntags = ["{repository}:1"]\noutput = [{{ type = "registry" }}]\n')
    found, code = doctor(folder)
    assert code == 0
    assert {one["status"] for one in found.values()} <= {"ok", "unknown", "warning"}, found
    assert found["registries"]["words"] == f"{repository} may be pushed to"
    assert all(found[name]["status"] == "ok" for name in ("docker", "buildx", "engine", "context", "builder", "clock"))


def test_an_old_buildx_is_replaced_by_what_is_printed(tmp_path: Path) -> None:
    """The plugin says that it is too old, and the download is what a machine without the network has."""
    (tmp_path / "buildmatrix.toml").write_text(PLAIN)
    plugins, tools = tmp_path / "config" / "cli-plugins", tmp_path / "tools"
    plugins.mkdir(parents=True)
    tools.mkdir()
    version = 'if [ "$2" = version ]; then echo github.com/docker/buildx v0.12.1 x; exit; fi'
    old = f'#!/bin/sh\n{version}\nexec {engines_buildx()} "$@"\n'
    told = '{"SchemaVersion":"0.1.0","Vendor":"x","Version":"v0.12.1"}'
    metadata = f"if [ \"$1\" = docker-cli-plugin-metadata ]; then echo '{told}'; exit; fi\n"
    write_program(plugins / "docker-buildx", old.replace("#!/bin/sh\n", f"#!/bin/sh\n{metadata}"))
    write_program(tools / "curl", f'#!/bin/sh\nrm -f "$2" && cp {engines_buildx()} "$2"\n')
    variables = {"DOCKER_CONFIG": str(tmp_path / "config"), "PATH": f"{tools}:{os.environ['PATH']}"}
    found, code = doctor(tmp_path, **variables)
    one = wrong(found["buildx"])
    assert (code, one["message"]) == (3, "buildx 0.12.1 is too old: 0.13 is the oldest that works")
    found, code = doctor(tmp_path, one["command"], **variables)
    assert (found["buildx"]["status"], code) == ("ok", 0)


def write_program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


def test_no_docker(tmp_path: Path) -> None:
    (tmp_path / "buildmatrix.toml").write_text(PLAIN)
    found, code = doctor(tmp_path, PATH=str(tmp_path))
    assert (code, wrong(found["docker"])["message"]) == (3, "docker is not installed, or not in PATH")
    assert {found[name]["status"] for name in ("buildx", "engine", "context", "builder")} == {"unknown"}


def test_no_emulator_is_told_by_the_name_that_binfmt_has(project: Project) -> None:
    folder = project('[target.app]\nplatforms = ["linux/arm/v7"]\noutput = [{ type = "cacheonly" }]\n')
    found, code = doctor(folder)
    command = "docker run --privileged --rm tonistiigi/binfmt --install arm"
    assert (code, wrong(found["platforms"])["command"]) == (3, command)


def test_a_wrong_context_is_left(tmp_path: Path, engine: dict[str, str]) -> None:
    (tmp_path / "buildmatrix.toml").write_text(PLAIN)
    config = docker_config(tmp_path / "config")
    variables = {"DOCKER_CONFIG": str(config), "DOCKER_HOST": None}
    plain = {**{k: v for k, v in os.environ.items() if k != "DOCKER_HOST"}, "DOCKER_CONFIG": str(config)}
    for words in (["create", "here", "--docker", f"host={engine['DOCKER_HOST']}"], ["use", "here"]):
        subprocess.run(["docker", "context", *words], env=plain, check=True, capture_output=True)
    found, code = doctor(tmp_path, DOCKER_CONTEXT="nowhere", **variables)
    one = wrong(found["context"])
    assert (code, one["command"]) == (3, "unset DOCKER_CONTEXT")
    found, code = doctor(tmp_path, DOCKER_CONTEXT="nowhere", BUILDX_BUILDER="default", **variables)
    assert (code, wrong(found["context"])["command"], found["builder"]["status"]) == (
        3,
        "unset DOCKER_CONTEXT",
        "unknown",
    )
    found, code = doctor(tmp_path, one["command"], DOCKER_CONTEXT="nowhere", **variables)
    assert (found["context"]["status"], found["builder"]["status"], code) == ("ok", "ok", 0)
    assert found["context"]["words"].startswith('"here" (')


def test_a_directory_that_buildx_cannot_write_is_no_silent_engine(tmp_path: Path) -> None:
    (tmp_path / "buildmatrix.toml").write_text(PLAIN)
    (tmp_path / "file").write_text("")
    found, code = doctor(tmp_path, BUILDX_CONFIG=str(tmp_path / "file"))
    one = wrong(found["builder"])
    assert (code, one["command"], found["engine"]["status"]) == (3, "unset BUILDX_CONFIG", "ok")
    assert one["message"].startswith(f"buildx cannot use {tmp_path / 'file'}, where it keeps its builders: ")
    found, code = doctor(tmp_path, one["command"], BUILDX_CONFIG=str(tmp_path / "file"))
    assert (found["builder"]["status"], code) == ("ok", 0)


def test_a_broken_configuration_of_docker_is_named(tmp_path: Path) -> None:
    (tmp_path / "buildmatrix.toml").write_text(PLAIN)
    config = docker_config(tmp_path / "config")
    (config / "config.json").write_text('{ "auths": ')
    found, code = doctor(tmp_path, DOCKER_CONFIG=str(config))
    assert (found["config"]["status"], code) == ("warning", 0)
    assert "config.json: it is not valid JSON (line 1" in found["config"]["problems"][0]["message"]


def test_no_credentials_are_given_by_docker_login(
    project: Project, tmp_path: Path, unavailable: Callable[[str], NoReturn]
) -> None:
    own_registry.needed(unavailable)
    config = docker_config(tmp_path / "config")
    with own_registry.running(tmp_path, auth=own_registry.basic(tmp_path)) as registry:
        folder = project(f'[target.app]\ntags = ["{registry.host}/app:1"]\noutput = [{{ type = "registry" }}]\n')
        found, code = doctor(folder, DOCKER_CONFIG=str(config))
        one = wrong(found["registries"])
        assert (code, one["command"]) == (5, f"docker login {registry.host}")
        assert f"nobody is logged in to {registry.host}" in one["hint"]
        login = f"echo {own_registry.PASSWORD} | {one['command']} --username {own_registry.USER} --password-stdin"
        found, code = doctor(folder, login, DOCKER_CONFIG=str(config))
        assert (found["registries"]["status"], code) == ("ok", 0)


def test_no_write_access_is_not_a_registry_that_is_away(project: Project, registry: str) -> None:
    with FaultyRegistry(registry) as proxy:
        name = f"{proxy.address}/test-{uuid.uuid4().hex[:12]}"
        folder = project(f'[target.app]\ntags = ["{name}:1"]\noutput = [{{ type = "registry" }}]\n')
        proxy.faults = [Fault("POST", "/blobs/uploads/", "status", status=403)]
        found, code = doctor(folder)
        said = "answered 403 (requested access to the resource is denied)"
        message = f"{name} cannot be pushed to: {proxy.address} {said}"
        assert (code, wrong(found["registries"])["message"]) == (5, message)
        proxy.faults = []
        found, code = doctor(folder)
        assert (found["registries"]["status"], code) == ("ok", 0)
        asked = [(method, status) for method, path, status in proxy.seen if "/uploads/" in path]
        assert asked == [("POST", 403), ("POST", 202), ("DELETE", 204)]


def test_a_full_disk_is_left(tmp_path: Path, unavailable: Callable[[str], NoReturn]) -> None:
    (tmp_path / "buildmatrix.toml").write_text(PLAIN)
    full = tmp_path / "full"
    full.mkdir()
    mount = f"mount -t tmpfs -o size=64k none {full}"
    alone = ["unshare", "--mount", "/bin/sh", "-c"]
    if subprocess.run([*alone, mount], capture_output=True, check=False).returncode:
        unavailable("no mount of its own: that takes root")
    command = shlex.join([sys.executable, "-m", "buildmatrix", "doctor", "--format", "json"])
    given = {**os.environ, "TMPDIR": str(full)}
    script = f"{mount} && {command}; unset TMPDIR && {command}"
    done = subprocess.run([*alone, script], cwd=tmp_path, env=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    before, after = done.stdout.split("\n}\n")[:2]
    disks = [
        next(one for one in json.loads(f"{text}\n}}")["checks"] if one["name"] == "disk") for text in (before, after)
    ]
    one = wrong(disks[0])
    assert (one["message"], one["command"]) == (f"only 64 KiB free for temporary files ({full})", "unset TMPDIR")
    assert disks[1]["status"] == "ok"


def test_a_repository_of_another_user_is_trusted_by_what_is_printed(
    tmp_path: Path, unavailable: Callable[[str], NoReturn]
) -> None:
    if os.geteuid():
        unavailable("another user's repository: that takes root")
    root, home = tmp_path / "theirs", tmp_path / "home"
    for folder in (root / "images", home):
        folder.mkdir(parents=True)
    (root / "images" / "buildmatrix.toml").write_text(PLAIN)
    subprocess.run(["git", "init", "--quiet", str(root)], check=True)
    os.chown(root, STRANGER, STRANGER)
    variables = {"HOME": str(home)}
    found, code = doctor(root / "images", **variables)
    one = wrong(found["git"], "warning")
    assert (code, one["command"]) == (0, f"git config --global --add safe.directory {root}")
    found, code = doctor(root / "images", one["command"], **variables)
    assert (found["git"]["status"], code) == ("ok", 0)


def test_a_proxy_that_is_not_there_is_left(project: Project, repository: str) -> None:
    folder = project(f'[target.app]\ntags = ["{repository}:1"]\noutput = [{{ type = "registry" }}]\n')
    found, code = doctor(folder, HTTPS_PROXY="http://127.0.0.1:1")
    one = wrong(found["proxy"])
    assert (code, one["command"]) == (5, "unset HTTPS_PROXY")
    found, code = doctor(folder, one["command"], HTTPS_PROXY="http://127.0.0.1:1")
    assert (found["proxy"]["status"], code) == ("ok", 0)


def test_errors_of_the_file_do_not_keep_the_machine_from_being_looked_at(project: Project) -> None:
    found, code = doctor(project('[target.app]\nconext = "."\n'))
    assert (code, wrong(found["file"])["message"]) == (2, 'unknown key "conext" in target.app')
    assert found["builder"]["status"] == "ok"
    assert found["registries"]["status"] == "skipped"
