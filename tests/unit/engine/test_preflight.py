"""What is found out before a build, from a docker that answers as scripted."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from packaging.version import Version

from buildmatrix.engine.buildx import Probe
from buildmatrix.engine.preflight import Engine, loaded, preflight
from buildmatrix.errors import BuildmatrixError, Diagnostic, EngineError, Place, UsageError
from buildmatrix.plan.model import Plan
from buildmatrix.process import Completed
from buildmatrix.spec.rows.caches import GhaCacheTo, InlineCacheTo, RegistryCacheTo
from buildmatrix.spec.rows.outputs import DockerOutput, ImageOutput, LocalOutput, OciOutput, RegistryOutput
from buildmatrix.spec.rows.settings import SbomAttest, Secret, Settings
from tests.plans import plan, target
from tests.programs import SILENT, Scripted, said

PLUGIN = "(docs.docker.com/build/install-buildx)"
VERSION, INSPECT, INFO = "docker buildx version", "docker buildx inspect", "docker info"


def release(text: str) -> Completed:
    return said(f"github.com/docker/buildx {text} abc\n")


def builder(driver: str = "docker-container", error: str = "", platforms: str = "linux/amd64") -> Completed:
    return builder_of(f"{f'Error: {error}' if error else 'Status: running'}\nPlatforms: {platforms}", driver=driver)


def builder_of(*nodes: str, driver: str = "docker-container") -> Completed:
    """A builder whose nodes are described so: `Status: inactive` and no platforms before it runs."""
    described = "\n\n".join(f"Name: many{number}\n{node}" for number, node in enumerate(nodes))
    return said(f"Name: many\nDriver: {driver}\n\nNodes:\n{described}\n")


def docker(environment: dict[str, str] | None = None, **answers: Completed | EngineError) -> Scripted:
    table = {
        "version": release("v0.29.1"),
        "inspect": builder(),
        "info": said("{}"),
        "context": said("default"),
        "docker": said(),
        **answers,
    }
    keys = {
        "version": VERSION,
        "inspect": INSPECT,
        "info": INFO,
        "ls": "docker buildx ls",
        "context": "docker context inspect",
        "docker": "docker --version",
    }
    keys["bootstrap"] = f"{INSPECT} --bootstrap"
    return Scripted({keys[name]: answer for name, answer in table.items()}, environment)


def look(
    programs: Scripted, planned: Plan | None = None, asked: str | None = None, allow: tuple[str, ...] = ()
) -> Engine:
    with Probe(programs, asked) as probe:
        return preflight(planned or plan(), allow=allow, probe=probe, programs=programs)


def refused(programs: Scripted, planned: Plan | None = None, asked: str | None = None, *, code: int = 3) -> Diagnostic:
    with pytest.raises(BuildmatrixError) as caught:
        look(programs, planned, asked)
    assert caught.value.exit_code == code
    (found,) = caught.value.diagnostics
    return found


def test_each_question_is_asked_once() -> None:
    plugin = {"Name": "buildx", "Path": "/b"}
    programs = docker(info=said(json.dumps({"ClientInfo": {"Plugins": [plugin]}})))
    engine = look(programs)
    assert programs.asked == [INSPECT, "docker info --format {{json .}}", VERSION]
    assert (engine.buildx, engine.program, engine.own_platform) == (
        Version("0.29.1"), ("docker", "buildx"), "linux/amd64",
    )  # fmt: skip


def test_a_docker_that_tells_no_plugin_starts_buildx_itself() -> None:
    assert look(docker()).program == ("docker", "buildx")


def test_the_builder_that_is_asked_for_is_the_one_that_is_looked_at() -> None:
    programs = docker()
    look(programs, asked="mine")
    assert programs.asked[0] == f"{INSPECT} mine"


@pytest.mark.parametrize("noise", ["", "WARNING: plugin x is broken\n", "WARNING: a\n  {indented}\n"])
def test_what_docker_says_beside_its_json_is_passed_over(noise: str) -> None:
    told = json.dumps({"OSType": "linux", "Architecture": "aarch64"})
    assert look(docker(inspect=builder_of(INACTIVE), info=said(f"{noise}{told}\n"))).own_platform == "linux/arm64"


@pytest.mark.parametrize("info", [said("no JSON\n"), said(""), said("{"), SILENT])
def test_a_docker_that_tells_nothing_of_itself_is_done_without(info: Completed | EngineError) -> None:
    engine = look(docker(inspect=builder_of(INACTIVE, driver="docker"), info=info))
    assert (engine.own_platform, engine.program) == ("", ("docker", "buildx"))
    assert engine.insecure_registries() == frozenset()


def test_docker_tells_the_version_of_its_plugin() -> None:
    plugin = {"Name": "buildx", "Path": "/b", "Version": "v0.29.1"}
    programs = docker(info=said(json.dumps({"ClientInfo": {"Plugins": [plugin]}})))
    assert (look(programs).buildx, programs.asked) == (Version("0.29.1"), [INSPECT, "docker info --format {{json .}}"])


def told(**plugin: str) -> Completed:
    """What docker tells of its buildx plugin."""
    return said(json.dumps({"ClientInfo": {"Plugins": [{"Name": "buildx", "Version": "v0.29.1", **plugin}]}}))


def test_the_plugin_is_asked_where_docker_finds_it() -> None:
    programs = docker(info=told(Path="/b"))
    programs.plugin, programs.answers["/b inspect many"] = "/b", builder()
    engine = look(programs, asked="many")
    assert (engine.builder.driver, engine.program) == ("docker-container", ("/b",))
    assert programs.asked == ["/b inspect many", "docker info --format {{json .}}"]


@pytest.mark.parametrize("info", [told(Path="/other"), said("{}"), said("podman"), SILENT])
@pytest.mark.parametrize("other", [builder("remote"), said(stderr="no", code=1), SILENT])
def test_what_another_plugin_says_does_not_count(info: Completed | EngineError, other: Completed | EngineError) -> None:
    programs = docker(info=info)
    programs.plugin, programs.answers["/b inspect"] = "/b", other
    engine = look(programs)
    assert (engine.builder.driver, engine.program) == ("docker-container", ("docker", "buildx"))
    assert programs.asked[:3] == ["/b inspect", "docker info --format {{json .}}", INSPECT]


def test_what_the_plugin_says_of_a_builder_is_told() -> None:
    programs = docker(info=told(Path="/b"), ls=said("NAME\nmany\n"))
    programs.plugin, programs.answers["/b inspect mnay"] = "/b", said(stderr='ERROR: no builder "mnay" found', code=1)
    assert refused(programs, asked="mnay").message == 'there is no builder "mnay"'


@pytest.mark.parametrize(
    ("answer", "message", "hint"),
    [
        (
            release("v0.12.1"),
            "buildx 0.12.1 is too old: 0.13 is the oldest that works",
            "update the docker-buildx plugin",
        ),
        (
            said(stderr="unknown command", code=1),
            "docker has no buildx",
            f"install the docker-buildx plugin {PLUGIN}",
        ),
        (
            said("buildah 1.33\n"),
            "docker is podman here, which has no bake",
            (
                "install Docker's own CLI with its buildx plugin (docs.docker.com/engine/install):\n"
                "with DOCKER_HOST it builds on podman's socket, too, in a builder of its own"
            ),
        ),
        (
            release("deadbeef"),
            'the buildx here does not tell its version, but says "deadbeef"',
            f"install a release of the docker-buildx plugin {PLUGIN}",
        ),
        (SILENT, "it did not answer", ""),
    ],
)
def test_a_buildx_of_no_use(answer: Completed | EngineError, message: str, hint: str) -> None:
    found = refused(docker(version=answer))
    assert (found.message, found.hint) == (message, hint)


@pytest.mark.parametrize("text", ["0.13.1+ds1", "v0.29.1-desktop.1"])
def test_versions_as_distributions_write_them(text: str) -> None:
    assert look(docker(version=release(text))).buildx >= Version("0.13.1")


@pytest.mark.parametrize(
    ("error", "message", "hint"),
    [
        (
            "permission denied",
            "you may not use the Docker Engine: ",
            (
                "join the group docker (sudo usermod -aG docker $USER, then log in again), "
                "or use an engine of your own: docs.docker.com/engine/security/rootless"
            ),
        ),
        (
            "connection refused",
            "no Docker Engine answers: ",
            "start it, or name another with DOCKER_HOST, docker context use, or --builder",
        ),
        (
            "x509: unknown authority",
            "the certificate of the Docker Engine is not trusted: ",
            (
                "DOCKER_CERT_PATH names a directory with ca.pem, cert.pem and key.pem: ca.pem is that of the engine's "
                "authority"
            ),
        ),
    ],
)
def test_an_engine_that_cannot_be_used(error: str, message: str, hint: str) -> None:
    for answer in (said(stderr=f"ERROR: {error}", code=1), builder(error=error)):
        found = refused(docker(inspect=answer))
        assert (found.message, found.hint) == (f"{message}{error}", hint)


def test_where_docker_could_not_begin_docker_tells_why() -> None:
    nothing = said(stderr='ERROR: no builder "x" found', code=1)
    info = said(stderr="a warning\nFailed to initialize: permission denied\n", code=1)
    found = refused(docker({"DOCKER_HOST": "tcp://far:1"}, inspect=nothing, info=info))
    assert found.message == "you may not use the Docker Engine at tcp://far:1: permission denied"


@pytest.mark.parametrize(
    ("driver", "error", "hint"),
    [
        ("remote", "refused", "is its buildkitd running there, and can this machine reach it?"),
        (
            "remote",
            "tls: bad certificate",
            "give it its certificates: docker buildx create --driver remote --driver-opt cacert=…,cert=…,key=…",
        ),
        (
            "kubernetes",
            "refused",
            "do its pods run (kubectl get pods), and does kubectl reach the cluster?",
        ),
    ],
)
def test_a_builder_far_away_that_does_not_answer(driver: str, error: str, hint: str) -> None:
    found = refused(docker(inspect=builder(driver, error)))
    assert (found.message, found.hint) == (f'builder "many" does not answer: {error}', hint)


def test_a_builder_that_is_not_there() -> None:
    absent = said(stderr='ERROR: no builder "mny" found', code=1)
    listed = said("NAME DRIVER\nmany* docker-container\n \\_ many0\n")
    found = refused(docker(inspect=absent, ls=listed), asked="mny")
    assert (found.message, found.hint) == ('there is no builder "mny"', 'did you mean "many"?')
    assert refused(docker(inspect=absent, ls=said()), asked="mny").hint == "see docker buildx ls"


def test_a_builder_that_was_asked_for_may_fail_over_something_else() -> None:
    found = refused(docker(inspect=said(stderr="ERROR: permission denied", code=1)), asked="mine")
    assert found.message == "you may not use the Docker Engine: permission denied"


@pytest.mark.parametrize("inspected", [said("Name: many\nDriver: docker\n"), replace(builder("docker"), code=1)])
def test_a_builder_without_nodes_or_with_an_exit_code_is_none(inspected: Completed) -> None:
    assert refused(docker(inspect=inspected)).message.startswith("no Docker Engine answers")


# --- nodes and platforms ----------------------------------------------------------------------------------------------

RUNS = "FROM a\nRUN b\n"
INACTIVE = "Status: inactive"
TWO_NODES = builder_of(
    "Status: running\nPlatforms: linux/amd64*, linux/386", "Status: running\nPlatforms: linux/arm64*, linux/amd64"
)


def running(*platforms: str, text: str = RUNS) -> Plan:
    return plan(target(settings=Settings(platforms=platforms, dockerfile_inline=text, output=())))


def test_a_platform_that_no_node_has() -> None:
    found = refused(docker(), running("linux/s390x"))
    assert found.message == 'no builder node can make linux/s390x for app (builder "many": linux/amd64)'
    assert (found.code, found.hint) == (
        "platform",
        (
            "give it QEMU:     docker run --privileged --rm tonistiigi/binfmt --install s390x\n"
            "or add a node:    docker buildx create --append --name many --platform linux/s390x ssh://…\n"
            "or leave it out:  buildmatrix apply '!app'"
        ),
    )
    assert look(docker(), running("linux/s390x", text="FROM a\nCOPY b c\n")).builder.nodes
    assert look(docker(), running("local")).builder.nodes
    checked = Settings(platforms=("linux/s390x",), dockerfile_inline=RUNS, call="check")
    assert look(docker(), plan(target(settings=checked))).builder.nodes


@pytest.mark.parametrize(
    ("driver", "platforms", "hint"),
    [
        (
            "docker",
            ("linux/amd64", "linux/arm64"),
            (
                "give it QEMU:     docker run --privileged --rm tonistiigi/binfmt --install arm64\n"
                "or add a node:    docker buildx create --name many && docker buildx create --append --name many "
                "--platform linux/arm64 ssh://…, "
                "then --builder many\n"
                "or leave it out:  buildmatrix apply --platform linux/amd64"
            ),
        ),
        (
            "remote",
            ("linux/amd64/v3",),
            (
                "add a node:       docker buildx create --append --name many --platform linux/amd64/v3 tcp://…\n"
                "or leave it out:  buildmatrix apply '!app'"
            ),
        ),
        (
            "remote",
            ("windows/amd64",),
            (
                "add a node:       docker buildx create --append --name many --platform windows/amd64 tcp://…\n"
                "or leave it out:  buildmatrix apply '!app'"
            ),
        ),
    ],
)
def test_the_ways_to_get_a_platform(driver: str, platforms: tuple[str, ...], hint: str) -> None:
    info = said('{"DriverStatus": [["driver-type", "io.containerd.snapshotter.v1"]]}')
    assert refused(docker(inspect=builder(driver), info=info), running(*platforms)).hint == hint


def test_each_lacking_platform_is_told_of_once() -> None:
    settings = Settings(platforms=("linux/s390x", "linux/arm64"), dockerfile_inline=RUNS, output=())
    with pytest.raises(EngineError) as caught:
        look(docker(), plan(target("a", settings), target("b", settings)))
    assert [one.message.split(" (")[0] for one in caught.value.diagnostics] == [
        "no builder node can make linux/s390x for a", "no builder node can make linux/arm64 for a",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "inspected",
    [
        builder_of(INACTIVE),
        builder_of("Status: inactive\nPlatforms: linux/amd64*", INACTIVE),
        builder(platforms=""),
    ],
)
def test_a_builder_that_has_not_run_yet_may_have_any_platform(inspected: Completed) -> None:
    engine = look(docker(inspect=inspected), running("linux/s390x"))
    assert engine.builder.platforms == frozenset()
    only = engine.builder.nodes[0].name if len(engine.builder.nodes) == 1 else ""
    assert engine.builder.node_of("linux/s390x") == only


def test_a_run_waits_for_a_remote_node_that_has_just_been_started() -> None:
    silent, there = builder_of(INACTIVE, driver="remote"), builder("remote")
    late = docker(inspect=silent, bootstrap=there)
    assert look(late, running("linux/amd64")).builder.platforms == {"linux/amd64"}
    never = docker(inspect=silent, bootstrap=said(code=1))
    assert refused(never, running("linux/amd64")).message.startswith("node ")


def test_a_builder_that_has_not_run_yet_builds_what_the_engine_is() -> None:
    info = said('{"OSType": "linux", "Architecture": "aarch64"}')
    assert look(docker(inspect=builder_of(INACTIVE), info=info)).own_platform == "linux/arm64"
    assert look(docker(info=info)).own_platform == "linux/amd64"
    assert not look(docker(inspect=builder_of(INACTIVE))).own_platform


def test_nodes_share_the_platforms() -> None:
    engine = look(docker(inspect=TWO_NODES), running("linux/amd64", "linux/arm64", "linux/386"))
    made = ("linux/amd64", "linux/arm64", "linux/386", "linux/s390x")
    assert [engine.builder.node_of(platform) for platform in made] == ["many0", "many1", "many0", ""]
    assert engine.own_platform == "linux/amd64"
    found = refused(docker(inspect=TWO_NODES), running("linux/s390x"))
    assert found.message.endswith('(builder "many": linux/386, linux/amd64, linux/arm64)')


def test_the_node_that_was_made_for_a_platform_builds_it() -> None:
    """That is what the `*` says; a variant is written as BuildKit writes it."""
    inspected = builder_of(
        "Status: running\nPlatforms: linux/amd64, linux/arm/v7, linux/386",
        "Status: running\nPlatforms: linux/amd64*, linux/arm64/v8*, linux/386",
    )
    made = look(docker(inspect=inspected)).builder
    assert [made.node_of(one) for one in ("linux/amd64", "linux/arm64", "linux/386")] == ["many1", "many1", "many0"]
    assert made.platforms == {"linux/amd64", "linux/arm/v7", "linux/386", "linux/arm64"}
    assert [node.own for node in made.nodes] == [(), ("linux/amd64", "linux/arm64")]


def test_one_node_that_fails_is_the_builders_failure() -> None:
    inspected = builder_of("Status: running\nPlatforms: linux/amd64", "Error: connection refused")
    assert refused(docker(inspect=inspected)).message == "no Docker Engine answers: connection refused"


def test_what_several_nodes_cannot_do() -> None:
    cache = (RegistryCacheTo(type="registry", ref="r.example/a:cache"),)
    settings = Settings(platforms=("linux/amd64", "linux/arm64"), output=(OciOutput(type="oci", dest="a.tar"),))
    found = refused(docker(inspect=TWO_NODES), plan(target(settings=settings)))
    assert found.message == 'target.app.output: a builder with several nodes (many0, many1) cannot write "oci"'
    assert found.hint == "use a builder of one node, or push it: several nodes write one image there"
    assert look(
        docker(inspect=TWO_NODES), plan(target(settings=settings.but({"platforms": ("linux/386",)})))
    ).builder.nodes
    pushed = settings.but({"output": (RegistryOutput(type="registry"),), "cache_to": cache})
    (warned,) = look(docker(inspect=TWO_NODES), plan(target(settings=pushed))).warnings
    assert warned.message == "target.app.cache-to: many0 and many1 would write one cache, and the last one wins"
    assert (warned.code, warned.hint) == (
        "half-cache",
        (
            "the others' platforms then build without a cache: write {{ platform | slug }} into its ref, and into that "
            'of cache-from,\nor use type = "inline", which is kept with each image, or a builder of one node'
        ),
    )
    inline = pushed.but({"cache_to": (InlineCacheTo(type="inline"),)})
    assert look(docker(inspect=TWO_NODES), plan(target(settings=inline))).warnings == ()
    assert look(docker(inspect=TWO_NODES), plan(target(settings=pushed, exported=False))).warnings == ()


# --- --allow ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "value", "other"),
    [
        (Settings(network="host", output=()), "network.host", "security.insecure"),
        (Settings(entitlements=("security.insecure",), output=()), "security.insecure", "network.host"),
        (Settings(context="/away", output=()), "fs.read=/away", "fs.write=/away"),
    ],
)
def test_what_only_the_command_line_may_allow(settings: Settings, value: str, other: str) -> None:
    """It is refused before docker has answered: nobody waits for a builder to hear of it."""
    planned = plan(target(settings=settings))
    programs = docker(inspect=SILENT)
    found = refused(programs, planned, code=2)
    assert found.message == f"app needs {value}, which apply has to allow"
    assert (found.code, found.hint) == ("allow", f"read what it does, then add --allow={value}")
    assert found.place == target().place
    with pytest.raises(UsageError):
        look(docker(), planned, allow=(other,))
    assert look(docker(), planned, allow=(value,)).builder.nodes


def test_a_directory_above_allows_what_is_below_it() -> None:
    planned = plan(target(settings=Settings(context="/away/deep", output=())))
    for allowed in ("fs.read=/away", "fs=/away", "fs.read=*"):
        assert look(docker(), planned, allow=(allowed,)).builder.nodes
    for allowed in ("fs.read=/awa", "fs.read", "fs.write=*"):
        with pytest.raises(UsageError, match=r"app needs fs\.read=/away/deep"):
            look(docker(), planned, allow=(allowed,))


def test_an_output_over_git_says_what_it_may_do(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    settings = Settings(output=(LocalOutput(type="local", dest="."),))
    found = refused(docker(), plan(target(settings=settings), directory=str(tmp_path)), code=2)
    assert found.message == f"app needs fs.write={tmp_path}/.git, which apply has to allow"
    assert found.hint == (
        f"its output may lie over hooks and settings that git obeys, then add --allow=fs.write={tmp_path}/.git"
    )


def test_a_race_is_refused_with_what_is_not_allowed() -> None:
    writes = target("w", Settings(output=(LocalOutput(type="local", dest="out"),)))
    reads = target("r", Settings(context="out/in", network="host", output=()))
    with pytest.raises(UsageError) as caught:
        look(docker(), plan(writes, reads))
    assert [one.code for one in caught.value.diagnostics] == ["allow", "race"]


# --- what the machine or the builder lacks ----------------------------------------------------------------------------


def test_what_the_old_image_store_cannot_do() -> None:
    planned = plan(target(settings=Settings(output=(OciOutput(type="oci", dest="a.tar"),))))
    found = refused(docker(inspect=builder("docker")), planned)
    assert found.message == "app needs more than the docker driver can do with the engine's old image store"
    assert (found.code, found.hint) == (
        "store",
        (
            "switch the engine to containerd's store (docs.docker.com/engine/storage/containerd)\n"
            "or use another driver: docker buildx create --name many --driver docker-container, then --builder many"
        ),
    )
    new = said('{"DriverStatus": [["driver-type", "io.containerd.snapshotter.v1"]]}')
    assert look(docker(inspect=builder("docker"), info=new), planned).builder.nodes
    assert look(docker(), planned).builder.nodes


@pytest.mark.parametrize(
    ("settings", "needs"),
    [
        (Settings(platforms=("linux/amd64", "linux/386")), True),
        (Settings(platforms=("linux/amd64",)), False),
        (Settings(output=(DockerOutput(type="docker", dest="a.tar"),)), True),
        (Settings(output=(DockerOutput(type="docker"),)), False),
        (Settings(cache_to=(RegistryCacheTo(type="registry", ref="r/a"),)), True),
        (Settings(cache_to=(InlineCacheTo(type="inline"),)), False),
        (Settings(annotations=("index:a=b",)), True),
        (Settings(annotations=("manifest:a=b",)), False),
        (Settings(attest=(SbomAttest(type="sbom"),)), True),
    ],
)
def test_what_needs_the_new_image_store(settings: Settings, needs: bool) -> None:
    inspected = docker(inspect=builder("docker", platforms="linux/amd64, linux/386"))
    planned = plan(target(settings=settings))
    if needs:
        assert refused(inspected, planned).code == "store"
    else:
        assert look(inspected, planned).builder.nodes


def test_what_the_docker_driver_cannot_push() -> None:
    planned = plan(target(settings=Settings(output=(RegistryOutput(type="registry", push_by_digest=True),))))
    found = refused(docker(inspect=builder("docker")), planned)
    assert found.message == "target.app.output: the docker driver cannot push by digest"
    assert (found.code, found.hint) == (
        "driver", "docker buildx create --name other --driver docker-container, then --builder other",
    )  # fmt: skip
    assert look(docker(), planned).builder.nodes


INDEX, FOR_ARM = "index:a=b", "manifest[linux/arm64]:a=b"
LOST = {
    INDEX: (
        'target.app.annotations: "index:a=b" is for an index, but output 1 is one image without one',
        "annotate the manifest, build several platforms, or add attestations",
    ),
    FOR_ARM: (
        'target.app.annotations: "manifest[linux/arm64]:a=b" would be lost: output 1 is one image and no index',
        "leave [linux/arm64] out",
    ),
}


@pytest.mark.parametrize("text", LOST)
@pytest.mark.parametrize("output", [RegistryOutput(type="registry"), ImageOutput(type="image")])
@pytest.mark.parametrize("value", ["1", "true", "0", ""])
def test_annotations_are_lost_where_the_environment_wants_no_attestations(text: str, output: Any, value: str) -> None:
    """One image without attestations is no index."""
    settings = Settings(output=(output,), annotations=(text,), platforms=("linux/amd64",))
    programs = docker({"BUILDX_NO_DEFAULT_ATTESTATIONS": value})
    if value in {"0", ""}:
        assert look(programs, plan(target(settings=settings))).builder.nodes
        return
    found = refused(programs, plan(target(settings=settings)))
    assert (found.message, found.hint) == LOST[text]
    assert (found.code, found.place) == ("driver", target().place_of("annotations", 0))
    for more in ({"platforms": ("linux/amd64", "linux/386")}, {"attest": (SbomAttest(type="sbom"),)}):
        assert look(programs, plan(target(settings=settings.but(more)))).builder.nodes
    assert look(programs, plan(target(settings=settings, exported=False))).builder.nodes


def test_annotations_are_lost_where_an_image_is_loaded_from_a_builder_of_its_own() -> None:
    """Provenance that nobody asked for goes into no archive."""
    settings = Settings(output=(DockerOutput(type="docker"),), annotations=(INDEX,), platforms=("linux/amd64",))
    found = refused(docker(), plan(target(settings=settings)))
    assert (found.message, found.hint) == LOST[INDEX]
    new = said('{"DriverStatus": [["driver-type", "io.containerd.snapshotter.v1"]]}')
    assert look(docker(inspect=builder("docker"), info=new), plan(target(settings=settings))).builder.nodes
    archive = settings.but({"output": (DockerOutput(type="docker", dest="a.tar"),)})  # refused when it is planned
    assert look(docker(), plan(target(settings=archive))).builder.nodes


def test_what_the_builder_refuses_of_a_declaration_is_told_once() -> None:
    settings = Settings(extra_hosts={"me": "host-gateway"}, output=())
    cells = [target(name, settings, declared="app", place=target().place) for name in ("app-1", "app-2")]
    assert refused(docker(), plan(*cells)).message.startswith("target.app.extra-hosts: ")
    other = Settings(extra_hosts={"me": "10.0.0.1"}, output=())
    assert look(docker(), plan(target(settings=other))).builder.nodes


def test_what_only_the_docker_driver_knows() -> None:
    planned = plan(target(settings=Settings(extra_hosts={"me": "host-gateway"}, output=())))
    found = refused(docker(), planned)
    assert found.message == (
        'target.app.extra-hosts: host-gateway is known to the docker driver only, and builder "many" has another'
    )
    assert found.hint == "write the address, or use --builder default"
    assert look(docker(inspect=builder("docker")), planned).builder.nodes


def test_a_secret_that_is_not_there() -> None:
    planned = plan(target(settings=Settings(secret=(Secret(id="t", env="T"),), output=())))
    assert refused(docker(), planned).message == 'secret "t" of app: the environment variable T is not set'
    assert look(docker({"T": ""}), planned).builder.nodes


def test_requires_buildx() -> None:
    found = refused(docker(), plan(requires_buildx=(">=0.30",)))
    assert found.message == "buildx here is 0.29.1, but the file requires >=0.30"
    assert found.place == Place(file="f", pointer=("requires-buildx",))


def test_all_that_is_lacking_is_said_at_once() -> None:
    settings = Settings(
        platforms=("linux/s390x",), dockerfile_inline=RUNS, secret=(Secret(id="t", env="T"),), output=()
    )
    with pytest.raises(EngineError) as caught:
        look(docker(), plan(target(settings=settings), requires_buildx=(">=0.30",)))
    assert [one.code for one in caught.value.diagnostics] == ["buildx", "secret", "platform"]


def test_registries_that_the_engine_may_ask_without_tls_are_those_of_its_own_driver() -> None:
    configured = {"IndexConfigs": {"r:5": {"Secure": False}, "s": {"Secure": True}, "odd": 1}}
    info = said(json.dumps({"RegistryConfig": configured}))
    assert look(docker(inspect=builder("docker"), info=info)).insecure_registries() == {"r:5"}
    assert look(docker(info=info)).insecure_registries() == frozenset()


def test_what_is_only_warned_of() -> None:
    silent = plan(target(), target("second", declared="app"))
    (found,) = look(docker(), silent).warnings
    assert found.message == 'app has no output: it will stay in the cache of builder "many"'
    assert (found.code, found.severity, found.hint) == ("no-output", "warning", "add output, --push or --load")
    assert look(docker(inspect=builder("docker")), silent).warnings == ()
    (found,) = look(docker(), plan(target("a"), target("b"), target("c"))).warnings
    assert found.message == 'a (and 2 more targets) has no output: it will stay in the cache of builder "many"'
    assert not loaded(silent, look(docker()).builder)
    found_by_docker = loaded(silent, look(docker(inspect=builder("docker"))).builder)
    assert found_by_docker == "app (and 1 more target) has no output: this builder loads it into docker's image store"
    written = plan(target(settings=Settings(cache_to=(InlineCacheTo(type="inline"),))))
    assert not loaded(written, look(docker(inspect=builder("docker"))).builder)


@pytest.mark.parametrize(
    ("environment", "lacking"),
    [
        ({}, "ACTIONS_RUNTIME_TOKEN and ACTIONS_RESULTS_URL"),
        ({"ACTIONS_RUNTIME_TOKEN": "t"}, "ACTIONS_RESULTS_URL"),
        ({"ACTIONS_CACHE_URL": "u"}, "ACTIONS_RUNTIME_TOKEN"),
        ({"ACTIONS_RUNTIME_TOKEN": "t", "ACTIONS_RESULTS_URL": "u"}, ""),
    ],
)
def test_a_cache_of_github_without_its_word_is_warned_of(environment: dict[str, str], lacking: str) -> None:
    cached = plan(target(settings=Settings(cache_to=(GhaCacheTo(type="gha"),))))
    found = look(docker(environment), cached).warnings
    assert [one.message for one in found] == (
        [f"target.app.cache-to: buildx passes a gha cache over without {lacking}"] if lacking else []
    )
    assert all(
        one.hint == 'GitHub gives that to actions, and to a step with "run" only behind '
        '"uses: crazy-max/ghaction-github-runtime@v4"\n'
        'elsewhere use another cache, such as type = "registry"'
        for one in found
    )


WORD = "t"


@pytest.mark.parametrize(
    "cached", [GhaCacheTo(type="gha", token=WORD, url="u"), GhaCacheTo(type="gha", token=WORD, url_v2="u")]
)
def test_a_cache_of_github_may_say_it_all_itself(cached: GhaCacheTo) -> None:
    assert look(docker(), plan(target(settings=Settings(cache_to=(cached,), output=())))).warnings == ()


@pytest.mark.parametrize(
    ("folder", "why"),
    [
        ("/proc/nonexistent", "is not a directory"),
        ("/etc/passwd", "is not a directory"),
        ("/sys", "cannot be written: "),
        ("/dev/shm", ""),  # noqa: S108
        ("", ""),
    ],
)
def test_a_directory_for_what_is_temporary_that_is_none_is_the_machines_fault(folder: str, why: str) -> None:
    if not why:
        look(docker({"TMPDIR": folder}))
        return
    with pytest.raises(EngineError) as raised:
        look(docker({"TMPDIR": folder}))
    assert raised.value.diagnostics[0].message.startswith(f"TMPDIR is {folder}, which {why}")


@pytest.mark.parametrize(
    ("said_by_docker", "words"),
    [
        ("failed to fetch metadata: fork/exec /x/docker-buildx: permission denied", "it is not executable"),
        ("failed to fetch metadata: fork/exec /x/docker-buildx: exec format error", "no program for this machine"),
        ("failed to fetch metadata: fork/exec /x/docker-buildx: no such file or directory", "the interpreter"),
        ("invalid metadata: invalid character 'o' in literal null", "does not answer as a plugin"),
        ("something else", "something else"),
    ],
)
@pytest.mark.parametrize("code", ["missing", "buildx"])
def test_what_is_wrong_with_the_plugin_is_what_docker_says_of_it(said_by_docker: str, words: str, code: str) -> None:
    told = {"ClientInfo": {"Plugins": [{"Name": "buildx", "Path": "/x/docker-buildx", "Err": said_by_docker}]}}
    trouble = EngineError(Diagnostic(message="it cannot be started", code=code))
    with pytest.raises(EngineError) as raised:
        look(docker(inspect=trouble, info=said(json.dumps(told))))
    assert raised.value.diagnostics[0].message.startswith("docker cannot use its buildx plugin /x/docker-buildx: ")
    assert words in raised.value.diagnostics[0].message
    with pytest.raises(EngineError, match="it cannot be started"):
        look(docker(inspect=trouble))


@pytest.mark.parametrize("version", ["dev-abc", "", "\n", "v"])
def test_a_version_that_the_metadata_do_not_tell_is_asked_for(version: str) -> None:
    told = {"ClientInfo": {"Plugins": [{"Name": "buildx", "Path": "", "Version": version}]}}
    programs = docker(info=said(json.dumps(told)))
    assert look(programs).buildx == Version("0.29.1")
    assert VERSION in programs.asked


@pytest.mark.parametrize(
    ("environment", "answers", "command"),
    [
        (
            {"BUILDX_BUILDER": "nope"},
            {"inspect": said(stderr='ERROR: no builder "nope" found', code=1), "ls": said()},
            "unset BUILDX_BUILDER",
        ),
        (
            {"DOCKER_CONTEXT": "nope"},
            {
                "inspect": said(stderr='ERROR: context "nope": context not found', code=1),
                "context": said(stderr='context "nope": context not found', code=1),
            },
            "unset DOCKER_CONTEXT",
        ),
    ],
)
def test_why_there_is_no_builder_is_told_with_the_command_of_doctor(
    environment: dict[str, str], answers: dict[str, Completed | EngineError], command: str
) -> None:
    programs = docker(environment, **answers)
    programs.path = "/usr/bin/docker"
    assert refused(programs, asked=environment.get("BUILDX_BUILDER")).command == command
