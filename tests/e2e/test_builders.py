"""Builders that the file declares, with real buildx: the current one and the oldest that is supported."""

import json
import os
import re
import shlex
import shutil
import subprocess
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import jsonschema
import pytest

from buildmatrix.engine.builders.compare import differences
from buildmatrix.engine.builders.steps import change
from buildmatrix.engine.builders.stored import stored
from buildmatrix.errors import Problems
from buildmatrix.report.documents import schemas
from buildmatrix.spec.load import load
from buildmatrix.spec.rows.builders import DRIVER_OPTS
from buildmatrix.spec.toml.source import Sources
from tests.e2e import own_registry
from tests.e2e.tls_bridge import tls_bridge
from tests.e2e.tools import digest, engines_buildx
from tests.warm import ran

pytestmark = pytest.mark.corpus

NEWER = {"provenance-add-gha", "allow-untrusted-image", "persistent-volume-claim.requests.storage"}
"""Options that buildx has since 0.30."""
SINCE_13 = {
    "default-load",
    "timeout",
    "env.NAME",
    "buildkit-root-volume-memory",
    "requests.ephemeral-storage",
    "limits.ephemeral-storage",
    "schedulername",
}
"""Options that buildx has since a release after 0.13."""
APP = '[target.app]\ndockerfile-inline = """FROM scratch\nCOPY buildmatrix.toml /{0}"""\noutput = ["type=cacheonly"]\n'
OURS = re.compile(r"`(buildmatrix [^`]*)`")
KUBECONFIG = """
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "http://127.0.0.1:1"}}]
contexts: [{name: c, context: {cluster: c, namespace: ns, user: u}}]
current-context: c
users: [{name: u, user: {}}]
"""


class Machine:
    """A directory with a file, a configuration of buildx of its own, and one of both buildx alone."""

    def __init__(self, folder: Path, engine: dict[str, str], buildx: str, *, alone: bool) -> None:
        self.folder, self.run_directory, self.buildx = folder, f"{engine['ENGINE_HOME']}/run", buildx
        (folder / "kube").write_text(KUBECONFIG)
        tools = folder / "tools"
        tools.mkdir()
        (tools / "buildx").symlink_to(buildx)
        own = {"BUILDX_CONFIG": str(folder / "config"), "KUBECONFIG": str(folder / "kube"), "NO_COLOR": "1"}
        self.environment = {**os.environ, **own, **({"PATH": str(tools)} if alone else {})}

    def socket(self, number: int) -> str:
        return f"unix://{self.run_directory}/buildkit{number}.sock"

    def file(self, text: str) -> None:
        (self.folder / "buildmatrix.toml").write_text(f"version = 1\n{APP.format(uuid.uuid4().hex)}{text}")

    def run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        done = ran(*words, cwd=self.folder, env=self.environment)
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def said(self, *words: str) -> str:
        done = self.run(*words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def inspected(self, name: str = "b") -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.said("builder", "inspect", name, "--format", "json"))
        jsonschema.validate(found, schemas()["builder"])
        return found

    def states(self) -> dict[str, str]:
        found = json.loads(self.said("builder", "ls", "--format", "json"))
        jsonschema.validate(found, schemas()["builders"])
        return {one["name"]: one["state"] for one in found["builders"]}


@pytest.fixture(params=["docker", "alone", "old"])
def machine(request: pytest.FixtureRequest, tmp_path: Path, engine: dict[str, str]) -> Machine:
    buildx = os.environ["OLD_BUILDX"] if request.param == "old" else str(engines_buildx())
    return Machine(tmp_path, engine, buildx, alone=request.param != "docker")


@pytest.fixture
def here(tmp_path: Path, engine: dict[str, str]) -> Machine:
    return Machine(tmp_path, engine, str(engines_buildx()), alone=False)


def node(name: str, endpoint: str, platform: str) -> str:
    return f'[[builder.b.node]]\nname = "{name}"\nendpoint = "{endpoint}"\nplatforms = ["{platform}"]\n'


@pytest.mark.corpus
@pytest.mark.usefixtures("two_nodes")
def test_a_builder_is_created_changed_used_and_removed(machine: Machine) -> None:
    remote = '[builder.b]\ndriver = "remote"\n'
    one = node("one", machine.socket(0), "linux/amd64")
    machine.file(remote + one)
    assert machine.states()["b"] == "missing"
    assert machine.said("builder", "create", "--bootstrap").splitlines() == ["created b (remote)", "started b"]
    assert machine.said("builder", "create") == "b is as the file declares it: nothing to do\n"
    assert machine.states()["b"] == "as-declared"

    machine.file(remote + one + node("two", machine.socket(1), "linux/arm64"))
    assert machine.said("builder", "create").splitlines() == ["b differs: node two: missing", "added node two to b"]
    found = machine.inspected()
    assert [(each["name"], each["status"], each["made_for"]) for each in found["nodes"]] == [
        ("one", "running", ["linux/amd64"]),
        ("two", "running", ["linux/arm64"]),
    ]
    assert found["cache"]["total"]
    assert found["nodes"][0]["disk"]["reserved"]

    machine.file(remote + one)
    assert machine.said("builder", "create").splitlines()[1] == "removed node two from b"
    machine.file(remote + one.replace("amd64", "arm64"))
    words = "b differs: node one: platforms: linux/amd64, declared: linux/arm64"
    assert machine.states()["b"] == "differs"
    assert machine.said("builder", "create").splitlines() == [words, "removed b", "created b (remote)"]
    assert machine.inspected()["nodes"][0]["made_for"] == ["linux/arm64"]

    machine.said("builder", "use")
    assert machine.said("builder", "ls").splitlines()[0].startswith("b *")
    assert machine.said("builder", "rm", "b") == "removed b\n"
    assert machine.said("builder", "rm", "b") == "b is not there: nothing to do\n"
    assert machine.states()["b"] == "missing"


@pytest.mark.corpus
def test_apply_makes_the_builder_that_is_named_and_only_with_its_allowance(machine: Machine) -> None:
    machine.file(f'[apply]\nbuilder = "b"\n[builder.b]\ndriver = "remote"\nendpoint = "{machine.socket(0)}"\n')
    refused = machine.run("apply")
    assert refused.returncode == 2
    assert "--allow=builder=b" in refused.stderr
    assert machine.states()["b"] == "missing"
    made = machine.run("apply", "--allow=builder=b")
    assert made.returncode == 0, made.stderr
    assert "note: created b (remote)" in made.stderr
    assert 'builder "b" (1 node)' in made.stderr
    again = machine.run("apply")
    assert again.returncode == 0
    assert "created" not in again.stderr

    machine.said("builder", "rm", "b")
    machine.said("plan", "--out", "plan.json")
    saved = machine.run("apply", "plan.json", "--allow=builder=b")
    assert saved.returncode == 0, saved.stderr
    assert "note: created b (remote)" in saved.stderr


@pytest.mark.usefixtures("two_nodes")
def test_one_that_is_not_as_declared_is_told_with_the_command_that_changes_it(here: Machine) -> None:
    text = f'[apply]\nbuilder = "b"\n[builder.b]\ndriver = "remote"\nendpoint = "{here.socket(0)}"\n'
    here.file(text)
    here.said("builder", "create")
    here.file(text.replace("buildkit0", "buildkit1"))
    done = here.run("apply")
    assert done.returncode == 0, done.stderr
    assert 'warning: builder "b" is not as the file declares it: node b0: endpoint: ' in done.stderr
    assert "buildmatrix builder create b changes it" in done.stderr
    checks = json.loads(here.run("doctor", "--format", "json").stdout)["checks"]
    (found,) = [check for check in checks if check["name"] == "builders"]
    assert (found["status"], found["problems"][0]["command"]) == ("warning", "buildmatrix builder create b")
    assert here.run(*found["problems"][0]["command"].split()[1:]).returncode == 0
    assert "warning" not in here.run("apply").stderr


def test_the_doctor_s_command_makes_the_builder_that_is_missing(here: Machine) -> None:
    here.file(f'[apply]\nbuilder = "b"\n[builder.b]\ndriver = "remote"\nendpoint = "{here.socket(0)}"\n')
    done = here.run("doctor", "--format", "json")
    checks = {check["name"]: check for check in json.loads(done.stdout)["checks"]}
    assert done.returncode == 3
    command = checks["builder"]["problems"][0]["command"]
    assert command == "buildmatrix builder create b"
    here.said(*command.split()[1:])
    assert here.run("doctor").returncode == 0


def test_a_remote_builder_whose_address_nobody_answers_is_an_error(here: Machine) -> None:
    here.file('[apply]\nbuilder = "b"\n[builder.b]\ndriver = "remote"\nendpoint = "tcp://127.0.0.1:1"\n')
    here.said("builder", "create")
    done = here.run("doctor")
    assert done.returncode == 3
    assert 'node b0 of builder "b" does not answer at tcp://127.0.0.1:1' in done.stdout


def test_a_builder_of_containers_is_created_inactive(machine: Machine) -> None:
    """No image of BuildKit is to be had here, so that it does not start."""
    machine.file('[builder.b]\nplatforms = ["linux/amd64"]\ndriver-opts = { memory = "1g", network = "host" }\n')
    assert machine.said("builder", "create") == "created b (docker-container)\n"
    assert machine.said("builder", "create") == "b is as the file declares it: nothing to do\n"
    found = machine.inspected()
    assert (found["nodes"][0]["status"], found["nodes"][0]["made_for"]) == ("inactive", ["linux/amd64"])
    assert found["cache"]["total"] is None
    machine.file('[builder.b]\nplatforms = ["linux/amd64"]\n')
    assert machine.said("builder", "create").splitlines()[-2:] == [
        "removed b, and kept its cache",
        "created b (docker-container)",
    ]
    failed = machine.run("builder", "inspect", "--bootstrap")
    assert failed.returncode == 3
    assert 'error: builder "b" cannot be used: ' in failed.stderr
    machine.file('[builder.b]\nplatforms = ["linux/amd64"]\ndriver-opts.memory = "much"\n')
    refused = machine.run("builder", "create")
    assert refused.returncode == 3
    assert "buildx could not make the builder: " in refused.stderr
    machine.file('[builder.b]\nplatforms = ["linux/amd64"]\n')
    assert machine.said("builder", "create") == "b is as the file declares it: nothing to do\n"
    machine.said("builder", "rm", "b")


VALUES = {
    **dict.fromkeys(("cacert", "cert", "key"), "ca.pem"),
    "default-load": "true",
    "cpu-quota": "1000",
    "cpu-period": "1000",
    "cpu-shares": "2",
    "restart-policy": "no",
    "memory": "1g",
    "memory-swap": "2g",
    "replicas": "2",
    "nodeselector": "kubernetes.io/arch=arm64",
    "tolerations": "key=a,operator=exists;key=b",
    "annotations": "a=b,c=d",
    "labels": "a=b",
    "rootless": "true",
    "loadbalance": "random",
    "qemu.install": "true",
    "timeout": "20s",
    "buildkit-root-volume-memory": "1G",
    **{f"{kind}.{what}": "1" for kind in ("requests", "limits") for what in ("cpu", "memory", "ephemeral-storage")},
}


@pytest.mark.parametrize("machine", ["docker", "old"], indirect=True)
@pytest.mark.parametrize("driver", ["docker-container", "kubernetes", "remote"])
def test_each_option_of_a_driver_is_taken_and_found_again(driver: str, machine: Machine) -> None:
    """All that is declared is what buildx keeps; kubernetes without a cluster, which is asked when pods start."""
    is_old = machine.buildx == os.environ["OLD_BUILDX"]
    without = NEWER | (SINCE_13 if is_old else set())
    names = [name for name, option in DRIVER_OPTS.items() if driver in option.drivers and name not in without]
    options = ", ".join(f'"{name.replace("NAME", "X")}" = "{VALUES.get(name, "x")}"' for name in names)
    endpoint = 'endpoint = "tcp://127.0.0.1:1"\n' if driver == "remote" else ""
    config = 'buildkitd-config = "buildkitd.toml"\nbuildkitd-flags = ["--debug"]\n' if driver != "remote" else ""
    own_registry.authority(machine.folder)
    shutil.copy(machine.folder / "ca.key", machine.folder / "key.pem")
    registry = f'debug = true\n[registry."h:1"]\nhttp = true\nca = ["{machine.folder}/ca.pem"]\n'
    (machine.folder / "buildkitd.toml").write_text(registry)
    machine.file(f'[builder.b]\ndriver = "{driver}"\ndriver-opts = {{ {options} }}\n{endpoint}{config}')
    assert machine.said("builder", "create") == f"created b ({driver})\n"
    assert machine.said("builder", "create") == "b is as the file declares it: nothing to do\n"
    problems = Problems()
    declared = load("buildmatrix.toml", Sources(machine.folder), problems).builders["b"]
    kept = stored("b", machine.environment)
    assert kept is not None
    assert differences(declared, kept, machine.environment) == ()
    assert change(declared, kept, machine.environment).steps == ()
    assert dict(kept.nodes[0].driver_opts) == dict(declared.nodes[0].driver_opts)


@pytest.mark.parametrize("name", sorted(NEWER))
def test_an_option_that_this_buildx_does_not_have_is_refused_by_it(name: str, here: Machine) -> None:
    driver = DRIVER_OPTS[name].drivers[0]
    here.file(f'[builder.b]\ndriver = "{driver}"\ndriver-opts = {{ "{name}" = "true" }}\n')
    done = here.run("builder", "create")
    if done.returncode == 0:
        pytest.skip("this buildx has it")
    assert "error: buildx could not make the builder: failed to initialize builder b (b0): invalid driver option" in (
        done.stderr
    )
    assert here.states()["b"] == "missing"


@pytest.mark.parametrize("machine", ["docker", "old"], indirect=True)
def test_a_remote_builder_behind_tls(machine: Machine, unavailable: Callable[[str], NoReturn]) -> None:
    """Both sides show certificates; without the client's nothing is built."""
    own_registry.needed(unavailable)
    own_registry.authority(machine.folder)
    for name in ("server", "client"):
        own_registry.signed(machine.folder, name)
    with tls_bridge(f"{machine.run_directory}/buildkit0.sock", machine.folder) as port:
        text = f'[apply]\nbuilder = "b"\n[builder.b]\ndriver = "remote"\nendpoint = "tcp://127.0.0.1:{port}"\n'
        options = 'cacert = "ca.pem", cert = "client.pem", key = "client.key", servername = "localhost"'
        machine.file(f"{text}driver-opts = {{ {options} }}\n")
        machine.said("builder", "create")
        assert machine.inspected()["nodes"][0]["status"] == "running"
        done = machine.run("apply")
        assert done.returncode == 0, done.stderr
        machine.file(f'{text}driver-opts = {{ cacert = "ca.pem" }}\n')
        machine.said("builder", "create")
        assert machine.inspected()["nodes"][0]["status"] == "inactive"


GUIDE = (Path(__file__).parents[2] / "docs" / "guide.md").read_text()
DAILY = GUIDE.partition("| | with docker | here |")[2].partition("\n\n")[0]


@pytest.mark.usefixtures("two_nodes")
def test_the_daily_commands_of_the_guide_in_their_order(here: Machine, repository: str) -> None:
    """Each does what its row says: the last of them is what is looked at."""
    commands = [shlex.split(text)[1:] for row in DAILY.splitlines()[2:] for text in OURS.findall(row.split("|")[3])]
    assert len(commands) > 12
    platforms = 'platforms = ["linux/amd64", "linux/arm64"]'
    inline = 'dockerfile-inline = """FROM scratch\nCOPY buildmatrix.toml /"""'
    nodes = node("one", here.socket(0), "linux/amd64") + node("two", here.socket(1), "linux/arm64")
    text = f'[target.app]\ntags = ["{repository}/app:1"]\n{platforms}\n{inline}\n'
    builder = f'[builder.two]\ndriver = "remote"\n{nodes.replace("builder.b.", "builder.two.")}'
    (here.folder / "buildmatrix.toml").write_text(f"version = 1\n{text}{builder}")
    for words in commands:
        here.said(*words)
    assert here.states()["two"] == "missing"
    assert digest(f"{repository}/app:1")
    assert (here.folder / "out" / "buildmatrix.toml").is_file()
    subprocess.run(["docker", "image", "rm", f"{repository}/app:1"], check=True, capture_output=True)
