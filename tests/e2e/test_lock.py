"""The lock file on real registries and engines: what is built is what is locked, and nothing else."""

import json
import os
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from uuid import uuid4

import pytest

from tests.e2e.test_pins import VARIABLE, Base, app, base, said  # noqa: F401 fixtures
from tests.e2e.tools import Project, Run, digest, succeeded

pytestmark = pytest.mark.corpus

LOCK = "buildmatrix.lock"


def entry(name: str, held: str, *platforms: str) -> str:
    listed = json.dumps(platforms or ["linux/amd64", "linux/arm64"])
    return f'[image."{name}"]\ndigest = "{held}"\nplatforms = {listed}\nonbuild = false\nenv = ["PATH"]\n'


def lock(folder: Path, *entries: str) -> None:
    (folder / LOCK).write_text("version = 1\n" + "".join(entries))


@pytest.fixture
def busybox(registry: str) -> str:
    return digest(f"{registry}/library/busybox:latest")


def test_what_is_locked_is_built_wherever_the_tag_is(project: Project, run: Run, base: Base, one_node: str) -> None:  # noqa: F811
    folder = project(app(base, "app"))
    assert run("lock").returncode == 0
    base.move(base.two)
    for flags in ((), ("--locked",)):
        done = run("apply", "--builder", one_node, "--format", "json", *flags)
        succeeded(done)
        assert said(folder) == {"app": "one"}
        (pin,) = json.loads(done.stdout)["pins"]
        assert (pin["digest"], pin["origin"]) == (base.one, "lock")
    assert run("lock", "--check").returncode == 0
    moved = run("lock", "--upgrade", "--format", "json")
    (change,) = json.loads(moved.stdout)["images"]
    assert (change["name"], change["status"], change["before"], change["after"]) == (
        base.tag,
        "moved",
        base.one,
        base.two,
    )
    succeeded(run("apply", "--builder", one_node, "--format", "json", "--locked"))
    assert said(folder) == {"app": "two"}


def test_young_images_are_left_alone(project: Project, run: Run, base: Base) -> None:  # noqa: F811
    folder = project(app(base, "app"))
    assert run("lock").returncode == 0
    before = (folder / LOCK).read_text()
    base.move(base.two)
    done = run("lock", "--upgrade", "--age", "14d")
    assert done.returncode == 0
    assert done.stdout.startswith(f"= {base.tag}  kept {base.one[:19]}: {base.two[:19]} is not old enough")
    assert (folder / LOCK).read_text() == before


def test_a_stage_that_is_called_like_its_image_keeps_its_work(
    project: Project, run: Run, busybox: str, one_node: str
) -> None:
    """A named context would take the place of the stage, without a word."""
    text = "FROM busybox AS busybox\\nRUN echo work > /work\\nFROM scratch\\nCOPY --from=busybox /work /"
    folder = project(f'[target.app]\ndockerfile-inline = "{text}"\noutput = ["type=local,dest=out"]\n')
    lock(folder, entry("busybox:latest", busybox))
    succeeded(run("apply", "--builder", one_node, "--locked", "--format", "json"))
    assert said(folder) == {"work": "work"}


def test_nothing_but_locked_images_is_pulled(project: Project, run: Run, base: Base, one_node: str) -> None:  # noqa: F811
    """What only BuildKit sees is denied: a trigger of the base takes files from an image that nobody names."""
    repository = base.tag.rpartition(":")[0]
    text = f"FROM {base.tag}\\nONBUILD COPY --from={repository}:two /version /other"
    folder = project(
        f'[target.base]\ndockerfile-inline = "{text}"\ntags = ["{repository}:trigger"]\noutput = ["type=registry"]\n'
    )
    succeeded(run("apply", "--builder", one_node, "--format", "json"))
    project(f'[target.app]\ndockerfile-inline = "FROM {repository}:trigger"\noutput = ["type=local,dest=out"]\n')
    assert run("lock").returncode == 0
    assert "onbuild = true" in (folder / LOCK).read_text()
    assert run("apply", "--builder", one_node).returncode == 0
    done = run("apply", "--builder", one_node, "--locked")
    assert done.returncode == 1
    assert "denied by policy" in done.stdout + done.stderr


def test_what_the_run_pushes_may_be_taken(project: Project, run: Run, base: Base, one_node: str) -> None:  # noqa: F811
    """A chain through a registry: the second target builds on what the first has just pushed, not on its old tag."""
    own = f"{base.tag.rpartition(':')[0]}:own"

    def spec(word: str) -> str:
        step = f"RUN echo {word} > /version"
        text = f"FROM {own} AS build\\nFROM scratch\\nCOPY --from=build /version /app"
        return (
            f'[target.own]\ndockerfile-inline = "FROM {base.tag}\\n{step}"\n'
            f'tags = ["{own}"]\noutput = ["type=registry"]\n'
            f'[target.app]\nneeds = ["own"]\ndockerfile-inline = "{text}"\noutput = ["type=local,dest=out"]\n'
        )

    for word in ("old", "new"):
        folder = project(spec(word))
        assert run("lock").returncode == 0
        assert f'"{own}"' not in (folder / LOCK).read_text()
        succeeded(run("apply", "--builder", one_node, "--locked", "--format", "json"))
        assert said(folder) == {"app": word}


def test_the_frontend_is_taken_as_it_is_locked(project: Project, run: Run, base: Base, one_node: str) -> None:  # noqa: F811
    """An image that is no frontend, under the name of one: it is BuildKit that takes it for the locked digest."""
    folder = project(
        f'[target.app]\ndockerfile-inline = "# syntax=docker/dockerfile:1\\nFROM {base.tag}\\n"\n'
        'output = ["type=cacheonly"]\n'
    )
    lock(folder, entry("docker/dockerfile:1", f"sha256:{'e' * 64}"), entry(base.tag, base.one))
    done = run("apply", "--builder", one_node)
    assert done.returncode == 1
    assert f"docker/dockerfile:1@sha256:{'e' * 64}" in done.stdout + done.stderr


def test_a_registry_that_does_not_answer_leaves_the_lock_as_it_is(project: Project, run: Run) -> None:
    folder = project('[target.app]\ndockerfile-inline = "FROM localhost:1/app:1"\noutput = ["type=cacheonly"]\n')
    done = run("lock")
    assert done.returncode == 5
    assert "localhost:1/app:1 cannot be locked: " in done.stderr
    assert not (folder / LOCK).exists()


def test_the_docker_driver_takes_pins_too(project: Project, run: Run, base: Base) -> None:  # noqa: F811
    folder = project(app(base, "app"))
    assert run("lock").returncode == 0
    base.move(base.two)
    succeeded(run("apply", "--builder", "default", "--locked", "--format", "json"))
    assert said(folder) == {"app": "one"}


def test_a_rendered_file_builds_what_is_locked_with_plain_bake(
    project: Project,
    run: Run,
    base: Base,  # noqa: F811
    one_node: str,
) -> None:
    """By contexts in the file, or by a policy beside it."""
    folder = project(app(base, "app"))
    assert run("lock").returncode == 0
    base.move(base.two)
    for flags in (("--pin",), ("--policy", "policy.json")):
        assert run("render", "--output", "docker-bake.json", *flags).returncode == 0
        environment = {**os.environ, **({VARIABLE: "policy.json"} if "--policy" in flags else {})}
        command = ["docker", "buildx", "bake", "-f", "docker-bake.json", "--builder", one_node, "--allow=fs.write=out"]
        subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
        assert said(folder) == {"app": "one"}
        (folder / "out" / "app").unlink()


class Files(ThreadingHTTPServer):
    """A server of one file, whose content may change."""

    content = b"one\n"


class Handler(BaseHTTPRequestHandler):
    server: Files

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.server.content)))
        self.end_headers()
        self.wfile.write(self.server.content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def files() -> Iterator[Files]:
    with Files(("127.0.0.1", 0), Handler) as made:
        threading.Thread(target=made.serve_forever, args=[0.02], daemon=True).start()
        yield made
        made.shutdown()


def test_what_add_fetches_is_locked_and_known(
    project: Project,
    run: Run,
    files: Files,
    repository: str,
    one_node: str,
    old_docker: str,
) -> None:
    url = f"http://localhost:{files.server_port}/{uuid4()}"
    folder = project(
        f'[target.app]\ndockerfile-inline = "FROM scratch\\nADD {url} /file"\nplatforms = ["linux/amd64"]\n'
        f'tags = ["{repository}:app"]\noutput = ["type=registry"]\n'
    )
    assert "cannot know" in run("fingerprint").stdout
    assert run("lock", "--sources").stdout.startswith(f"+ {url}  added sha256:")
    succeeded(run("apply", "--incremental", "--builder", one_node, "--format", "json"))
    again = succeeded(run("apply", "--incremental", "--builder", one_node, "--format", "json"))
    assert again["app"]["status"] == "unchanged"
    files.content = b"two\n"
    (folder / "buildmatrix.toml").write_text((folder / "buildmatrix.toml").read_text().replace(url, f"{url}x"))
    assert "1 missing, 1 unused" in run("lock", "--check").stderr
    assert run("lock").returncode == 0
    files.content = b"three\n"
    for docker in ({}, {"DOCKER_CONFIG": old_docker}):
        done = run("apply", "--builder", one_node, **docker)
        assert done.returncode == 1
        assert "digest mismatch" in done.stdout
    assert run("lock", "--upgrade", f"{url}*").stdout.startswith(f"~ {url}x  moved sha256:")
    succeeded(run("apply", "--builder", one_node, "--format", "json"))


def test_a_target_is_built_for_the_platforms_of_its_base(
    project: Project, run: Run, registry: str, repository: str, one_node: str
) -> None:
    text = f"FROM {registry}/library/busybox\\nCOPY buildmatrix.toml /"
    project(
        f'[target.app]\nplatforms = "auto"\ndockerfile-inline = "{text}"\n'
        f'tags = ["{repository}:auto"]\noutput = ["type=registry"]\n'
    )
    assert "run buildmatrix lock" in run("plan").stderr
    done = run("apply", "--builder", one_node, "--format", "json")
    succeeded(done)
    (target,) = json.loads(done.stdout)["targets"]
    assert target["platforms"] == ["linux/amd64", "linux/arm64"]
    assert run("lock").returncode == 0
    assert "linux/amd64 linux/arm64" in run("plan").stdout
