"""Tags on a real registry: none loses a platform, none is moved over somebody else's, whatever a registry answers."""

import json
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NoReturn

import pytest

from tests.e2e.faulty_registry import Fault, FaultyRegistry
from tests.e2e.tools import Project, Run, Start, digest, outcomes, platforms, raw, statuses, succeeded, tagged, until

pytestmark = pytest.mark.corpus

BOTH = ["linux/amd64", "linux/arm64"]
OURS, READERS = "^buildmatrix", "^(buildmatrix|containerd)"
"""Our client alone, and with it imagetools; BuildKit, which pushes, has another name."""


@pytest.fixture
def proxy(registry: str) -> Iterator[FaultyRegistry]:
    """A registry that fails when it is told to, in front of the real one."""
    with FaultyRegistry(registry) as faulty:
        yield faulty


def spec(*tags: str, text: str = "", platforms: str = 'platforms = ["linux/amd64", "linux/arm64"]') -> str:
    return f"""
        [target.app]
        {platforms}
        tags = {json.dumps(tags)}
        output = [{{ type = "registry" }}]
        dockerfile-inline = "FROM busybox\\nLABEL text='{text} {tags[0]}'"
    """


def inner(proxy: FaultyRegistry, repository: str) -> str:
    """A repository as the proxy offers it."""
    return f"{proxy.address}/{repository.partition('/')[2]}"


def json_of(done: "subprocess.CompletedProcess[str]") -> dict[str, Any]:
    assert "Traceback" not in done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


# --- a tag does not lose a platform -----------------------------------------------------------------------------------


@pytest.mark.corpus
@pytest.mark.parametrize(
    ("arguments", "declared"),
    [
        (["--set", "app.platforms=linux/amd64"], 'platforms = ["linux/amd64", "linux/arm64"]'),
        (["--set", "*.platform=linux/amd64"], 'platforms = ["linux/amd64", "linux/arm64"]'),
        ([], 'platforms = ["linux/amd64"]'),
        ([], ""),
    ],
    ids=["set", "set-all", "edited", "undeclared"],
)
def test_a_tag_that_would_lose_a_platform_is_refused(
    project: Project, run: Run, repository: str, arguments: list[str], declared: str
) -> None:
    project(spec(f"{repository}:1", f"{repository}:2"))
    succeeded(run("apply", "--format", "json"))
    before = digest(f"{repository}:1")
    project(spec(f"{repository}:1", f"{repository}:3", platforms=declared, text="new"))
    for more in ([], ["--publish", "together", "--builder", "one-node"]):
        done = run("apply", *arguments, *more)
        assert done.returncode == 5
        assert f"app would push {repository}:1 without linux/arm64, which the tag has now" in done.stderr, done.stderr
        assert all(way in done.stderr for way in ("platforms = [", "--platform linux/amd64", "--platforms-may-shrink"))
    assert [digest(f"{repository}:1"), digest(f"{repository}:3")] == [before, ""]
    succeeded(run("apply", *arguments, "--platforms-may-shrink", "--format", "json"))
    assert platforms(f"{repository}:1") == ["linux/amd64"]
    assert platforms(f"{repository}:2") == BOTH


def test_the_file_may_say_that_platforms_shrink(project: Project, run: Run, repository: str) -> None:
    project(spec(f"{repository}:1"))
    succeeded(run("apply", "--format", "json"))
    less = spec(f"{repository}:1", platforms='platforms = ["linux/arm64"]')
    project(less + "[apply]\nplatforms-may-shrink = true\n")
    assert run("apply", "--no-platforms-may-shrink").returncode == 5
    assert platforms(f"{repository}:1") == BOTH
    assert run("apply", "--no-output").returncode == 0
    succeeded(run("apply", "--format", "json"))
    assert platforms(f"{repository}:1") == ["linux/arm64"]


def test_a_lone_manifest_has_a_platform_too(project: Project, run: Run, repository: str) -> None:
    lone = 'attest = ["type=provenance,disabled=true"]\nplatforms = ["linux/arm64"]'
    project(spec(f"{repository}:1", platforms=lone))
    succeeded(run("apply", "--builder", "one-node", "--format", "json"))
    assert "manifests" not in raw(f"{repository}:1")
    project(spec(f"{repository}:1", platforms=lone, text="again"))
    succeeded(run("apply", "--builder", "one-node", "--format", "json"))
    project(spec(f"{repository}:1", platforms='platforms = ["linux/amd64"]'))
    done = run("apply")
    assert (done.returncode, "without linux/arm64, which the tag has now" in done.stderr) == (5, True)
    project(spec(f"{repository}:1"))
    succeeded(run("apply", "--platform", "linux/amd64", "--format", "json"))
    assert sorted(platforms(f"{repository}:1")) == BOTH


def test_a_cache_under_a_tag_is_no_image(project: Project, run: Run, repository: str, one_node: str) -> None:
    cache = f'cache-to = [{{ type = "registry", ref = "{repository}:cache", mode = "max", image-manifest = false }}]'
    with_layer = spec(f"{repository}:1", platforms=f'{cache}\nplatforms = ["linux/amd64"]').replace(
        "LABEL", "RUN true\\nLABEL"
    )
    project(with_layer)
    succeeded(run("apply", "--builder", one_node, "--format", "json"))
    project(spec(f"{repository}:cache"))
    done = run("apply", "--platform", "linux/amd64")
    assert (done.returncode, "without linux/arm64" in done.stderr) == (5, True)
    done = run("apply")
    assert done.returncode == 0
    assert f"{repository}:cache holds a build cache and no image: app takes its place" in done.stderr
    assert platforms(f"{repository}:cache") == BOTH


@pytest.mark.parametrize(("held", "manifest"), [("index", "false"), ("lone manifest", "true")])
def test_a_cache_does_not_take_an_images_tag(
    project: Project, run: Run, proxy: FaultyRegistry, repository: str, one_node: str, manifest: str, held: str
) -> None:
    def cached(name: str, more: str = "") -> str:
        cache = f'cache-to = [{{ type = "registry", ref = "{name}", mode = "max", image-manifest = {manifest}{more} }}]'
        return spec(f"{repository}:2", platforms=cache).replace("LABEL", "RUN true\\nLABEL")

    flags = ("apply", "--builder", one_node, "--format", "json")
    lone = 'attest = ["type=provenance,disabled=true"]\nplatforms = ["linux/arm64"]'
    project(spec(f"{repository}:latest") if held == "index" else spec(f"{repository}:latest", platforms=lone))
    succeeded(run(*flags))
    before = digest(f"{repository}:latest")
    project(cached(repository))
    done = run(*flags)
    there = "linux/amd64 linux/arm64" if held == "index" else "linux/arm64"
    assert done.returncode == 5
    assert f"app would write its cache over {repository}:latest, an image for {there}" in done.stderr, done.stderr
    assert f"ref={repository}:cache" in done.stderr
    assert [digest(f"{repository}:latest"), digest(f"{repository}:2")] == [before, ""]
    assert run(*flags, "--no-output").returncode == 0
    assert digest(f"{repository}:latest") == before
    project(cached(f"{inner(proxy, repository)}:cache"))
    for _ in ("absent", "a cache"):
        succeeded(run(*flags))
    kind = "cacheconfig"
    assert kind in json.dumps(raw(f"{repository}:cache"))
    assert kind not in json.dumps(raw(f"{repository}:latest"))
    project(cached(repository))
    succeeded(run(*flags, "--platforms-may-shrink"))
    assert kind in json.dumps(raw(f"{repository}:latest"))


def test_a_cache_that_only_buildkit_may_read_keeps_no_run(
    project: Project, run: Run, proxy: FaultyRegistry, repository: str, one_node: str
) -> None:
    cache = f'cache-to = ["{inner(proxy, repository)}:cache"]'
    project(spec(f"{repository}:1", platforms=cache).replace("LABEL", "RUN true\\nLABEL"))
    proxy.faults = [Fault("HEAD|GET", "/manifests/cache", "status", status=403, agent=READERS)]
    succeeded(run("apply", "--builder", one_node, "--format", "json"))
    assert digest(f"{repository}:cache")


@pytest.mark.corpus
@pytest.mark.parametrize(
    ("number", "status"), [(0, 403), (0, 404), (0, 500), (1, 404), (2, 500), (3, 404), (3, 403), (4, 500), (5, 404)]
)
def test_one_read_that_fails_while_a_tag_is_completed(
    project: Project, run: Run, proxy: FaultyRegistry, repository: str, status: int, number: int
) -> None:
    """The first, the second … read of the tag or of its index fails, whoever reads."""
    tag = f"{inner(proxy, repository)}:1"
    project(spec(tag))
    succeeded(run("apply", "--builder", "one-node", "--format", "json"))
    project(spec(tag, text="new"))
    passed = [Fault("GET|HEAD", "/manifests/", "stall", times=1)] * number
    proxy.faults = [*passed, Fault("GET|HEAD", "/manifests/", "status", status=status, times=1)]
    done = run("apply", "--builder", "one-node", "--platform", "linux/arm64", "--format", "json")
    proxy.faults = []
    assert done.returncode in {0, 5}
    assert "Traceback" not in done.stderr
    assert sorted(platforms(f"{repository}:1")) == BOTH


def test_what_the_registry_answered_is_said(project: Project, run: Run, proxy: FaultyRegistry, repository: str) -> None:
    name = f"{inner(proxy, repository)}:1"
    project(spec(name))
    for fault, words in (
        (Fault("HEAD", "", "status", status=503), f"{proxy.address} answered 503"),
        (Fault("HEAD", "", "status", status=403), f"{proxy.address} answered 403"),
        (Fault("HEAD", "", "raw", raw=b"hello\r\n\r\n"), f"{proxy.address} answered no HTTP that can be read"),
    ):
        proxy.faults = [fault]
        for more in ([], ["--platform", "linux/amd64"], ["--publish", "together"]):
            done = run("apply", *more)
            assert (done.returncode, words in done.stderr) == (5, True), done.stderr
            assert "does not have either" not in done.stderr
    proxy.stop()
    done = run("apply", "--platform", "linux/amd64")
    assert (done.returncode, f"nothing listens at {proxy.address}" in done.stderr) == (5, True)
    assert not digest(f"{repository}:1")


def test_who_may_push_and_not_read_can_go_on(
    project: Project, run: Run, proxy: FaultyRegistry, repository: str
) -> None:
    project(spec(f"{inner(proxy, repository)}:1"))
    proxy.faults = [Fault("HEAD|GET", "/manifests/1", "status", status=401, agent=READERS)]
    refused = run("apply")
    assert (refused.returncode, "--platforms-may-shrink" in refused.stderr) == (5, True)
    succeeded(run("apply", "--platforms-may-shrink", "--format", "json"))
    proxy.faults = []
    assert platforms(f"{repository}:1") == BOTH


def test_a_registry_without_tls_that_is_not_this_machine(
    project: Project, run: Run, registry: str, repository: str, unavailable: Callable[[str], NoReturn]
) -> None:
    port = registry.rpartition(":")[2]
    host = socket.gethostname()
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except OSError:
        unavailable("this machine's own name does not lead to the registry")
    there = f"{host}:{port}/{repository.partition('/')[2]}"
    insecure = spec(f"{there}:1", f"{there}:2").replace('"registry" }', '"registry", "registry.insecure" = true }')
    for builder in ("default", "one-node"):
        project(insecure.replace("text='", f"text='{builder}"))
        flags = ("apply", "--builder", builder, "--format", "json")
        found = succeeded(run(*flags, "--publish", "together"))
        assert digest(f"{repository}:1") == digest(f"{repository}:2") == found["app"]["digest"]
        succeeded(run(*flags, "--platform", "linux/arm64"))
        assert sorted(platforms(f"{repository}:1")) == BOTH


def test_what_is_loaded_and_pushed_moves_its_tags_last(project: Project, run: Run, repository: str) -> None:
    """The docker driver gives each output a digest of its own, and bake tells one."""
    project(spec(f"{repository}:1"))
    found = succeeded(run("apply", "--builder", "default", "--load", "--publish", "together", "--format", "json"))
    assert digest(f"{repository}:1") == found["app"]["digest"]
    done = subprocess.run(["docker", "image", "rm", f"{repository}:1"], capture_output=True, check=False)
    assert done.returncode == 0


@pytest.mark.corpus
@pytest.mark.parametrize(
    "faults",
    [
        [Fault("HEAD", "/manifests/1", "status", status=404, times=1)],
        [Fault("HEAD", "/manifests/1", "status", status=404)],
        [Fault("GET", "/manifests/sha256", "status", status=404)],
        [Fault("GET|HEAD", "/manifests/1", "status", status=404, text="<html>not found</html>")],
        [Fault("GET|HEAD", "/manifests/", "status", status=404, text="")],
    ],
    ids=["head-once", "head", "content", "a-page", "nothing"],
)
def test_a_404_that_is_none_loses_no_platform(
    project: Project, run: Run, repository: str, proxy: FaultyRegistry, one_node: str, faults: list[Fault]
) -> None:
    project(spec(f"{inner(proxy, repository)}:1"))
    succeeded(run("apply", "--builder", one_node, "--format", "json"))
    before = digest(f"{repository}:1")
    proxy.faults = faults
    done = run("apply", "--builder", one_node, "--set", "app.platforms=linux/amd64", "--format", "json")
    assert done.returncode == 5, done.stderr
    assert digest(f"{repository}:1") == before


# --- what is said of what is published --------------------------------------------------------------------------------


@pytest.mark.corpus
@pytest.mark.parametrize("builder", ["default", "one-node", "two-nodes"])
def test_metadata_names_what_is_published(
    project: Project, run: Run, repository: str, builder: str, two_nodes: str, tmp_path: Path
) -> None:
    assert two_nodes
    names = [f"{repository}:1", f"{repository}:2"]
    flags = ("apply", "--builder", builder, "--metadata", "m.json", "--format", "json")

    def told() -> Mapping[str, Any]:
        found: Mapping[str, Any] = json.loads((tmp_path / "m.json").read_text()).get("app", {})
        return found

    project(spec(*names))
    for more in (["--publish", "together"], ["--platform", "linux/arm64"]):
        succeeded(run(*flags, *more))
        descriptor = told()["containerimage.descriptor"]
        assert told()["image.name"] == ",".join(names)
        assert told()["containerimage.digest"] == descriptor["digest"] == digest(names[0]) == digest(names[1])
        assert descriptor["mediaType"] == raw(names[0])["mediaType"]
    project(
        spec(*names)
        + f"""
        [target.bad]
        tags = ["{repository}:bad"]
        output = ["type=registry"]
        dockerfile-inline = "FROM busybox\\nRUN false"
        """
    )
    (tmp_path / "m.json").unlink()
    assert run(*flags, "--publish", "together", "-k").returncode == 1
    said = json.loads((tmp_path / "m.json").read_text())
    named = [key for name, one in said.items() if name.startswith("app") for key in one]
    assert not [key for key in named if key.startswith(("image.", "containerimage."))]


@pytest.mark.corpus
@pytest.mark.parametrize("flags", [(), ("-k",), ("-k", "--jobs", "1")], ids=str)
def test_metadata_names_what_was_published_beside_a_failure(
    project: Project, run: Run, repository: str, flags: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "m.json").write_text('{"app": {"containerimage.digest": "an old one"}}')
    project(
        spec(f"{repository}:1")
        + f"""
        [target.bad]
        needs = ["app"]
        tags = ["{repository}:bad"]
        output = ["type=registry"]
        dockerfile-inline = "FROM busybox\\nRUN false"
        """
    )
    done = run("apply", "--metadata", "m.json", "--format", "json", *flags)
    assert statuses(done) == {"app": "cached", "bad": "failed"}
    told = json.loads((tmp_path / "m.json").read_text())
    assert told["app"]["containerimage.digest"] == digest(f"{repository}:1")
    assert told["app"]["image.name"] == f"{repository}:1"
    assert "containerimage.digest" not in told.get("bad", {})


def test_staging_tags_are_the_same_in_every_run(project: Project, run: Run, repository: str) -> None:
    def left(done: "subprocess.CompletedProcess[str]") -> list[str]:
        found: list[str] = json_of(done)["left_behind"]
        return found

    def cells(bad: str = "true") -> str:
        return f"""
            [target.app]
            matrix.i = [1, 2]
            tags = ["{repository}:{{{{ i }}}}"]
            output = [{{ type = "registry" }}]
            dockerfile-inline = "FROM busybox\\nRUN echo {{{{ i }}}} {repository}; {bad}"
        """

    said = "(a staging tag, which the next run uses again)"
    wanted = [f"{repository}:buildmatrix-staging-app-{i} {said}" for i in (1, 2)]
    flags = ("apply", "--builder", "default", "--publish", "together", "--format", "json")
    for _ in range(2):
        project(cells())
        done = run(*flags)
        assert done.returncode == 0
        assert left(done) in ([], wanted)
    project(cells("test {{ i }} = 1"))
    done = run(*flags, "-k")
    assert (done.returncode, left(done) in ([], wanted[:1])) == (1, True)


def test_buildx_0_13_pushes_from_the_engines_store(
    project: Project, run: Run, repository: str, old_docker: str
) -> None:
    """It is docker that pushes then, what the engine keeps under that tag."""
    spec = """
    [target.app]
    dockerfile-inline = "FROM scratch\\nCOPY Dockerfile /"
    tags = ["{}:1", "{}-other:1"]
    output = [{{ type = "registry" }}]
    """
    project(spec.format(repository, repository))
    flags = ("apply", "--builder", "default", "--publish", "together", "--format", "json")
    found = succeeded(run(*flags, DOCKER_CONFIG=old_docker))
    assert found["app"]["digest"] == digest(f"{repository}:1") == digest(f"{repository}-other:1")


def test_a_registry_that_overwrites_no_tag_gets_fresh_staging_tags(
    project: Project, run: Run, proxy: FaultyRegistry, repository: str
) -> None:
    text = json.dumps(
        {"errors": [{"code": "TAG_INVALID", "message": "the tag cannot be overwritten: it is immutable"}]}
    )
    flags = ("apply", "--builder", "default", "--publish", "together", "--format", "json")
    for status in (400, 412):
        project(spec(f"{inner(proxy, repository)}:{status}"))
        proxy.faults = [Fault("PUT", "/manifests/buildmatrix-staging-app$", "status", status=status, text=text)]
        done = run(*flags)
        assert succeeded(done)["app"]["digest"] == digest(f"{repository}:{status}"), done.stderr
        (left,) = json_of(done)["left_behind"] or [
            f"{inner(proxy, repository)}:buildmatrix-staging-app-x (a staging tag)"
        ]
        assert left.startswith(f"{inner(proxy, repository)}:buildmatrix-staging-app-")
        assert left.endswith(" (a staging tag)")


@contextmanager
def gate() -> Iterator[tuple[str, threading.Event, threading.Event]]:
    """A server that a build asks for a file: it is told when it was asked, and answers when it is opened."""
    asked, opened = threading.Event(), threading.Event()

    class Answers(BaseHTTPRequestHandler):
        def answer(self) -> None:
            asked.set()
            opened.wait(300)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    for method in ("GET", "HEAD"):
        setattr(Answers, f"do_{method}", Answers.answer)
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.serve_forever, args=[0.05], daemon=True).start()
        try:
            yield f"127.0.0.1:{server.server_port}", asked, opened
        finally:
            opened.set()
            server.shutdown()


# --- two who move the same tags ---------------------------------------------------------------------------------------


def test_a_tag_that_somebody_moves_meanwhile_is_left_to_them(
    project: Project, run: Run, start: Start, repository: str
) -> None:
    names = [f"{repository}:1", f"{repository}:2"]
    project(spec(*names))
    succeeded(run("apply", "--format", "json"))
    old = digest(names[0])
    with gate() as (address, asked, opened):
        folder = project(spec(*names).replace("LABEL", f"ADD http://{address}/{repository} /\\nLABEL"))
        process = start(folder, "apply", "--builder", "one-node", "--publish", "together", "--format", "json")
        assert asked.wait(120)
        project(spec(names[1], text="other"))
        succeeded(run("apply", "--builder", "default", "--format", "json"))
        other = digest(names[1])
        opened.set()
        out, err = process.communicate(timeout=120)
    assert process.returncode == 5, err
    assert f"{names[1]} of app could not be moved: another run moved it while this one was building" in err
    assert [digest(name) for name in names] == [old, other]
    assert json.loads(out)["targets"][0]["tags"] == []


def test_a_failing_publish_leaves_to_others_what_they_moved(
    project: Project, proxy: FaultyRegistry, run: Run, start: Start, repository: str
) -> None:
    there, names = inner(proxy, repository), [f"{repository}:1", f"{repository}:2"]
    project(spec(*names, f"{repository}:other"))
    succeeded(run("apply", "--format", "json"))
    old = digest(names[0])
    project(spec(f"{repository}:other", text="other"))
    succeeded(run("apply", "--format", "json"))
    other = digest(f"{repository}:other")
    folder = project(spec(f"{there}:1", f"{there}:2", text="mine"))
    proxy.faults = [
        Fault("PUT", "/manifests/2", "status", status=403, seconds=4, agent=OURS),
        Fault("PUT", "/manifests/2", "status", status=403),
    ]
    process = start(folder, "apply", "--builder", "one-node", "--publish", "together", "--format", "json")
    until(lambda: digest(names[0]) not in {old, other}, 60)
    tagged(names[0], f"{repository}@{other}")
    out, err = process.communicate(timeout=120)
    assert process.returncode == 5, err
    assert [digest(name) for name in names] == [other, old]
    assert f"Another run moved {there}:1: left to it." in json.loads(out)["publish"]


def test_of_two_runs_at_once_one_has_the_whole_set(
    project: Project, run: Run, start: Start, repository: str, tmp_path: Path
) -> None:
    names = [f"{repository}:{number}" for number in range(6)]
    project(spec(*names))
    succeeded(run("apply", "--format", "json"))
    folders = []
    for who in "ab":
        folder = tmp_path / who
        folder.mkdir()
        folders.append(folder)
    for turn in range(4):
        for folder in folders:
            text = "version = 1\n" + spec(*names, text=f"{folder.name}{turn}")
            (folder / "buildmatrix.toml").write_text(text)
        both = [
            start(folder, "apply", "--builder", "one-node", "--publish", "together", "--format", "json")
            for folder in folders
        ]
        ended = [process.communicate(timeout=180) for process in both]
        codes = [process.returncode for process in both]
        assert set(codes) <= {0, 5}, ended
        held = {digest(name) for name in names}
        assert len(held) == 1
        done = [
            json.loads(out)["targets"][0]["digest"] for (out, _), code in zip(ended, codes, strict=True) if not code
        ]
        assert held <= set(done) if done else True
        if len(done) == 1:
            assert held == set(done)
        clashes = [err for (_, err), code in zip(ended, codes, strict=True) if code]
        assert all("another run" in err or "other runs" in err for err in clashes)


# --- a registry may answer anything -----------------------------------------------------------------------------------

INDEX = (("Content-Type", "application/vnd.oci.image.index.v1+json"),)
NONE = "sha256:" + "0" * 64
KINDS: dict[str, dict[str, Any]] = {
    "status-line": {"kind": "raw", "raw": b"HTTP/1.1 OK\r\n\r\n"},
    "no-http": {"kind": "raw", "raw": b"220 mail ready\r\n"},
    "huge-header": {"kind": "raw", "raw": b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000 + b"\r\n\r\n"},
    "nothing": {"kind": "raw"},
    "page": {"kind": "status", "status": 200, "text": "<html>welcome</html>"},
    "page-404": {"kind": "status", "status": 404, "text": "<html>nothing here</html>"},
    "list": {"kind": "status", "status": 200, "text": "[]", "headers": INDEX},
    "half": {"kind": "status", "status": 200, "text": '{"manifests": [', "headers": INDEX},
    "strange-digest": {"kind": "status", "status": 200, "headers": (*INDEX, ("Docker-Content-Digest", NONE))},
    "created": {"kind": "status", "status": 201, "headers": (("Docker-Content-Digest", NONE),)},
    "elsewhere": {"kind": "status", "status": 307, "headers": (("Location", "https://localhost:1/v2/"),)},
    "in-circles": {"kind": "status", "status": 307, "headers": (("Location", "/v2/x"),)},
    "unauthorized": {"kind": "status", "status": 401},
    "limited": {"kind": "status", "status": 429, "headers": (("Retry-After", "100000"),)},
    "broken": {"kind": "status", "status": 500},
    "lost": {"kind": "cut"},
}
ODD = [
    *(("HEAD", name) for name in KINDS if len(name) != 5),
    *(("GET", name) for name in ("no-http", "list", "half", "elsewhere", "page-404")),
    *(("PUT", name) for name in ("status-line", "huge-header", "page", "created", "in-circles", "limited", "lost")),
    *(("token", name) for name in ("list", "page")),
    ("HEAD", "drip"),
]
"""More than thirty."""


@pytest.mark.corpus(every=16)
@pytest.mark.parametrize(("method", "name"), ODD, ids=str)
def test_an_odd_answer_harms_no_tag(
    project: Project, run: Run, proxy: FaultyRegistry, repository: str, method: str, name: str
) -> None:
    """The tags of a set are all the old ones or all the new ones, with all platforms, and what is claimed is there."""
    there, names = inner(proxy, repository), [f"{repository}:1", f"{repository}:2"]
    project(spec(f"{there}:1", f"{there}:2"))
    flags = ("apply", "--builder", "one-node", "--format", "json")
    succeeded(run(*flags))
    old = digest(names[0])
    project(spec(f"{there}:1", f"{there}:2", text="new"))
    proxy.faults = faults(method, name, proxy)
    done = run(*flags, "--publish", "together") if len(name) % 2 else run(*flags, "--platform", "linux/arm64")
    proxy.faults = []
    assert done.returncode in {0, 5}, done.stderr
    assert "Traceback" not in done.stderr
    now = [digest(one) for one in names]
    assert now[0] == now[1]
    assert [sorted(platforms(one)) for one in names] == [BOTH, BOTH]
    assert (now[0] != old) == (done.returncode == 0)
    if done.returncode == 0:
        assert outcomes(done)["app"]["digest"] == now[0]
    else:
        assert "error" in done.stderr


def faults(method: str, name: str, proxy: FaultyRegistry) -> list[Fault]:
    """Faults for what asks and moves, not for what pushes; they come at once, or after so many questions."""
    agent = OURS if len(name) % 3 else READERS
    if name == "drip":
        return [Fault(method, "/manifests/", "drip", raw=b"HTTP/1.1 200 OK\r\nX: ", seconds=0.2, agent=OURS)]
    if method == "token":
        challenge = (("WWW-Authenticate", f'Bearer realm="http://{proxy.address}/token",service="s"'),)
        return [
            Fault("GET", "/token", **KINDS[name]),
            Fault("PUT", "/manifests/", "status", status=401, headers=challenge, agent=OURS),
        ]
    if method == "PUT":
        return [Fault(method, "/manifests/2" if len(name) % 2 else "/manifests/1", agent=agent, **KINDS[name])]
    passed = [Fault(method, "/manifests/", "stall", times=1, agent=agent)] * (len(name) % 8)
    return [*passed, Fault(method, "/manifests/", agent=agent, **KINDS[name])]
