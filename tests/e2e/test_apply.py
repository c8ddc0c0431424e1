"""`apply` on a real engine: every kind of output, cache and secret, every kind of failure, and ^C."""

import json
import signal
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.tools import Run, Start, digest, inspected, nap, platforms, running, succeeded, until


def test_registry_holds_exactly_the_declared_platforms(project: Callable[..., Path], run: Run, repository: str) -> None:
    project(f"""
        [target.app]
        platforms = ["linux/amd64", "linux/arm64"]
        tags = ["{repository}:1", "{repository}:2"]
        output = [{{ type = "registry" }}]
        labels."a.b" = 'c${{d}} %{{e}}'
    """)
    app = succeeded(run("apply", "--format", "json"))["app"]
    assert platforms(f"{repository}:1") == platforms(f"{repository}:2") == ["linux/amd64", "linux/arm64"]
    assert app["digest"].startswith("sha256:")
    assert app["tags"] == [f"{repository}:1", f"{repository}:2"]
    shown = subprocess.run(
        ["docker", "buildx", "imagetools", "inspect", f"{repository}:1", "--format", "{{json .Image}}"],
        capture_output=True,
        text=True,
        check=True,
    )
    images = json.loads(shown.stdout)
    assert {image["config"]["Labels"]["a.b"] for image in images.values()} == {"c${d} %{e}"}


def test_two_nodes_give_one_index(project: Callable[..., Path], run: Run, repository: str, two_nodes: str) -> None:
    project(f"""
        [target.app]
        platforms = ["linux/amd64", "linux/arm64"]
        tags = ["{repository}:1"]
        output = ["type=registry"]
    """)
    succeeded(run("apply", "--builder", two_nodes, "--format", "json"))
    assert platforms(f"{repository}:1") == ["linux/amd64", "linux/arm64"]


def test_foreign_platforms_need_no_qemu_where_nothing_runs(
    project: Callable[..., Path], run: Run, repository: str
) -> None:
    wanted = [
        "wasi/wasm32", "windows/amd64", "freebsd/amd64", "linux/arm/v7", "linux/riscv64", "linux/s390x",
        "linux/ppc64le", "linux/386",
    ]  # fmt: skip
    project(
        f"""
        [target.exotic]
        platforms = {json.dumps(wanted)}
        tags = ["{repository}:1"]
        output = ["type=registry"]
        """,
        {"Dockerfile": "FROM scratch\nCOPY Dockerfile /\n"},
    )
    succeeded(run("apply", "--format", "json"))
    assert platforms(f"{repository}:1") == wanted


def test_files_and_folders(project: Callable[..., Path], run: Run) -> None:
    folder = project("""
        [defaults]
        platforms = ["linux/amd64", "linux/arm64"]
        [target.both]
        output = [{ type = "local", dest = "out/both" }]
        [target.one]
        platforms = ["linux/arm64"]
        output = ["type=local,dest=out/one"]
        [target.tar]
        output = [{ type = "tar", dest = "out/deep/image.tar" }]
        [target.oci]
        output = [{ type = "oci", dest = "out/image.oci.tar" }]
        annotations = ["index:org.opencontainers.image.title=a, b"]
        [target.nothing]
        output = [{ type = "cacheonly" }]
    """)
    outcomes = succeeded(run("apply", "--format", "json"))
    machines = {
        name: (folder / "out" / name / "machine").read_text() for name in ("both/linux_amd64", "both/linux_arm64")
    }
    assert machines == {"both/linux_amd64": "x86_64\n", "both/linux_arm64": "aarch64\n"}
    assert (folder / "out/one/machine").read_text() == "aarch64\n"
    with tarfile.open(folder / "out/deep/image.tar") as archive:
        assert "linux_arm64/machine" in archive.getnames()
    with tarfile.open(folder / "out/image.oci.tar") as archive:
        file = archive.extractfile("index.json")
        assert file is not None
        assert json.load(file)["manifests"][0]["digest"] == outcomes["oci"]["digest"]
    assert outcomes["nothing"]["digest"] is None


def test_load_puts_it_into_the_engine(project: Callable[..., Path], run: Run) -> None:
    project('[target.app]\ntags = ["buildmatrix-test/loaded:1"]\n')
    succeeded(run("apply", "--load", "--format", "json"))
    try:
        subprocess.run(["docker", "image", "inspect", "buildmatrix-test/loaded:1"], capture_output=True, check=True)
    finally:
        subprocess.run(["docker", "image", "rm", "buildmatrix-test/loaded:1"], capture_output=True, check=False)


def test_no_output_writes_nothing(project: Callable[..., Path], run: Run, repository: str) -> None:
    folder = project(f"""
        [target.app]
        tags = ["{repository}:never"]
        output = ["type=registry", "type=local,dest=out"]
        cache-to = ["type=local,dest=cache"]
    """)
    app = succeeded(run("apply", "--no-output", "--format", "json"))["app"]
    assert app["digest"] is None
    assert app["tags"] == []
    assert not (folder / "out").exists()
    assert not (folder / "cache").exists()
    assert not digest(f"{repository}:never")


@pytest.mark.alone
def test_caches(project: Callable[..., Path], run: Run, repository: str, one_node: str) -> None:
    folder = project(
        f"""
        [target.app]
        dockerfile-inline = "FROM busybox\\nRUN date +%s%N > /now"
        output = ["type=local,dest=out"]
        cache-to = ["type=local,dest=cache", {{ type = "registry", ref = "{repository}:cache", mode = "max" }}]
        """
    )
    succeeded(run("apply", "--builder", one_node, "--format", "json"))
    first = (folder / "out/now").read_text()
    assert (folder / "cache/index.json").exists()
    for source in ('type = "local", src = "cache"', f'type = "registry", ref = "{repository}:cache"'):
        project(f"""
            [target.app]
            dockerfile-inline = "FROM busybox\\nRUN date +%s%N > /now"
            output = ["type=local,dest=out"]
            cache-from = [{{ {source} }}]
        """)
        subprocess.run(["docker", "buildx", "prune", "-af", "--builder", one_node], capture_output=True, check=True)
        app = succeeded(run("apply", "--builder", one_node, "--format", "json"))["app"]
        assert (folder / "out/now").read_text() == first
        assert app["status"] == "cached"


def test_secrets_are_seen_by_the_build_and_by_nobody_else(project: Callable[..., Path], run: Run) -> None:
    folder = project(
        """
        [target.app]
        secret = [{ id = "token", env = "TOKEN" }, "id=key,src=key.txt"]
        output = ["type=local,dest=out"]
        """,
        {
            "key.txt": "from-a-file",
            "Dockerfile": "FROM busybox\nRUN --mount=type=secret,id=token --mount=type=secret,id=key \\\n"
            "  cat /run/secrets/token /run/secrets/key | wc -c > /count\n",
        },
    )
    secret = "from-the-environment"  # noqa: S105 it is what must not be seen
    metadata = folder / "metadata.json"
    done = run("apply", "--no-cache", "--metadata", str(metadata), TOKEN=secret)
    assert done.returncode == 0, done.stderr
    assert (folder / "out/count").read_text().strip() == str(len(secret + "from-a-file"))
    texts = [done.stdout, done.stderr, metadata.read_text()]
    texts += [
        run(*words, TOKEN=secret).stdout
        for words in (("plan", "--format", "json"), ("render",), ("apply", "--dry-run"))
    ]
    assert not [text for text in texts if secret in text or "from-a-file" in text]


def test_a_secret_that_is_missing_is_named_before_the_build(project: Callable[..., Path], run: Run) -> None:
    project('[target.app]\nsecret = ["id=token,env=NO_SUCH_TOKEN"]\noutput = ["type=cacheonly"]\n')
    done = run("apply")
    assert done.returncode == 3
    assert 'secret "token" of app: the environment variable NO_SUCH_TOKEN is not set' in done.stderr


def test_an_optional_secret_is_taken_where_it_is_there(project: Callable[..., Path], run: Run) -> None:
    folder = project(
        """
        [target.app]
        output = ["type=local,dest=out"]
        secret = [
          { id = "token", env = "SOME_TOKEN", optional = true },
          { id = "file", src = "token.txt", optional = true },
        ]
        """,
        {
            "Dockerfile": "FROM busybox AS made\n"
            "RUN --mount=type=secret,id=token,env=TOKEN --mount=type=secret,id=file,env=FILE "
            'echo "${TOKEN:-none} ${FILE:-none}" > /found\nFROM scratch\nCOPY --from=made /found /\n'
        },
    )
    assert run("plan", "--format", "json").stdout.count('"reason"') == 2
    (folder / "plan.json").write_text(run("plan", "--format", "json").stdout)
    done = run("apply", "plan.json", "--no-cache")
    assert done.returncode == 0, done.stderr
    assert (folder / "out/found").read_text() == "none none\n"
    assert 'note: secret "token" of app is left out: the environment variable SOME_TOKEN is not set' in done.stderr
    (folder / "token.txt").write_text("two")
    assert 'secret "file"' not in run("plan").stdout
    done = run("apply", "--no-cache", SOME_TOKEN="one")  # noqa: S106 it is no credential
    assert (done.returncode, "left out" in done.stderr) == (0, False), done.stderr
    assert (folder / "out/found").read_text() == "one two\n"


def test_a_saved_plan_decides_on_optional_secrets_where_it_is_applied(project: Callable[..., Path], run: Run) -> None:
    folder = project(
        """
        [target.app]
        output = ["type=local,dest=out"]
        secret = [{ id = "token", env = "SOME_TOKEN", optional = true }]
        """,
        {
            "Dockerfile": "FROM busybox AS made\nRUN --mount=type=secret,id=token,env=TOKEN "
            'echo "${TOKEN:-none}" > /found\nFROM scratch\nCOPY --from=made /found /\n'
        },
    )
    for made, applied in (({}, {"SOME_TOKEN": "here"}), ({"SOME_TOKEN": "there"}, {})):
        (folder / "plan.json").write_text(run("plan", "--format", "json", **made).stdout)
        done = run("apply", "plan.json", "--no-cache", **applied)
        (folder / "plan.json").unlink()
        assert done.returncode == 0, done.stderr
        assert (folder / "out/found").read_text() == f"{applied.get('SOME_TOKEN', 'none')}\n"


def test_contexts_stage_ignore_and_arguments(project: Callable[..., Path], run: Run, registry: str) -> None:
    folder = project(
        f"""
        [target.base]
        dockerfile-inline = "FROM busybox\\nRUN echo base > /base"
        [target.app]
        target = "wanted"
        contexts = {{ base = "target:base", more = "more", tools = "docker-image://{registry}/library/busybox" }}
        args = {{ PYTHON = 3.10, DEBUG = true, TEXT = 'a"b,${{c}} %{{d}}' }}
        output = ["type=local,dest=out"]
        """,
        {
            "Dockerfile": "FROM base AS wanted\nARG PYTHON DEBUG TEXT\nCOPY . /src/\nCOPY --from=more file /more\n"
            'COPY --from=tools /bin/busybox /tool\nRUN echo "$PYTHON $DEBUG $TEXT" > /args\nFROM busybox\n',
            ".dockerignore": "secret.txt\nout\n",
            "secret.txt": "x",
            "more/file": "more\n",
        },
    )
    succeeded(run("apply", "app", "--format", "json"))
    assert (folder / "out/base").read_text() == "base\n"
    assert (folder / "out/more").read_text() == "more\n"
    assert (folder / "out/tool").exists()
    assert (folder / "out/args").read_text() == '3.10 true a"b,${c} %{d}\n'
    assert not (folder / "out/src/secret.txt").exists()


def test_needs_is_kept_as_order(project: Callable[..., Path], run: Run, repository: str) -> None:
    project(f"""
        [target.base]
        tags = ["{repository}:base"]
        output = ["type=registry"]
        [target.app]
        dockerfile-inline = "FROM {repository}:base\\nRUN test -s /machine"
        needs = ["base"]
        output = ["type=cacheonly"]
        [group]
        default = ["app"]
    """)
    dry = run("apply", "--dry-run").stdout
    assert dry.index("# call 1 of 2") < dry.index("# call 2 of 2")
    assert list(succeeded(run("apply", "--format", "json"))) == ["base", "app"]
    assert len(inspected(f"{repository}:base")) == 1


def test_a_failing_line_is_named_and_shown_once(project: Callable[..., Path], run: Run) -> None:
    project("""
        [target.good]
        output = ["type=cacheonly"]
        [target.bad]
        dockerfile-inline = "FROM busybox\\nRUN echo this-is-why >&2; exit 7"
        output = ["type=cacheonly"]
    """)
    done = run("apply", "--no-cache")
    assert done.returncode == 1
    assert "buildmatrix.toml:6: exit code: 7\n" in done.stdout
    assert done.stdout.count("exit code: 7") == 1
    assert done.stdout.count("this-is-why\n") == 1
    assert "error:" not in done.stderr
    assert "Traceback" not in done.stderr


def test_a_registry_that_refuses(project: Callable[..., Path], run: Run) -> None:
    project('[target.app]\ntags = ["localhost:5999/app:1"]\noutput = ["type=registry"]\n')
    done = run("apply")
    assert done.returncode == 5
    assert "nothing listens at localhost:5999" in done.stderr
    unasked = run("apply", "--platforms-may-shrink")
    assert unasked.returncode == 5
    assert "is localhost:5999 there, and can the builder reach it?" in unasked.stdout


@pytest.mark.parametrize(
    ("arguments", "environment", "message"),
    [
        (("--builder", "no-such"), {}, 'there is no builder "no-such"'),
        ((), {"DOCKER_HOST": "unix:///no/such.sock"}, "no Docker Engine answers at unix:///no/such.sock"),
        ((), {"PATH": "/no/such"}, "docker is not installed, or not in PATH"),
        (("--set", "app.platforms=linux/s390x"), {}, "no builder node can make linux/s390x for app"),
    ],
)
def test_what_the_machine_lacks(
    project: Callable[..., Path], run: Run, arguments: tuple[str, ...], environment: dict[str, str], message: str
) -> None:
    project('[target.app]\noutput = ["type=cacheonly"]\n')
    done = run("apply", *arguments, **environment)
    assert done.returncode == 3, done.stderr
    assert message in done.stderr
    assert run("plan", "--preflight", *arguments, **environment).returncode == 3


def test_entitlements_are_asked_for(
    project: Callable[..., Path], run: Run, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside")
    project(f"""
        [target.app]
        dockerfile-inline = "FROM busybox\\nRUN --network=host true"
        entitlements = ["network.host"]
        output = ["type=local,dest={outside}"]
    """)
    refused = run("apply")
    assert refused.returncode == 2
    assert "--allow=network.host" in refused.stderr
    assert f"--allow=fs.write={outside}" in refused.stderr
    assert "--allow=network.host" in run("plan").stdout
    assert run("apply", "--allow", "network.host", "--allow", f"fs.write={outside}").returncode == 0


def test_what_would_stay_in_the_cache_is_announced(project: Callable[..., Path], run: Run, one_node: str) -> None:
    project("[target.app]\n")
    done = run("apply", "--builder", one_node)
    assert done.returncode == 0
    assert f'it will stay in the cache of builder "{one_node}"' in done.stderr
    assert "add output, --push or --load" in done.stderr


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_stopping_leaves_nothing_behind(
    project: Callable[..., Path], start: Start, tmp_path: Path, signum: signal.Signals
) -> None:
    sleep = nap(30)
    project(f'[target.app]\ndockerfile-inline = "FROM busybox\\nRUN {sleep}"\noutput = ["type=cacheonly"]\n')
    scratch = tmp_path / "tmp"
    scratch.mkdir()
    process = start(tmp_path, "apply", TMPDIR=str(scratch))
    until(lambda: running(sleep))
    process.send_signal(signum)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert "1 stopped" in out
    until(lambda: not running(sleep) and not running(str(scratch)))
    assert not list(scratch.iterdir())


def test_a_saved_plan_is_applied_as_it_is_or_refused(project: Callable[..., Path], run: Run) -> None:
    folder = project('[target.app]\noutput = ["type=local,dest=out"]\n')
    (folder / "plan.json").write_text(run("plan", "--format", "json").stdout)
    assert run("apply", "plan.json").returncode == 0
    assert (folder / "out/machine").exists()
    assert run("apply", "plan.json").returncode == 0, "what it writes itself is not a change"
    with (folder / "buildmatrix.toml").open("a") as file:
        file.write("# changed\n")
    stale = run("apply", "plan.json")
    assert stale.returncode == 4
    assert "the plan is stale: buildmatrix.toml has changed" in stale.stderr


@pytest.mark.parametrize("style", ["plain", "quiet", "rawjson"])
def test_buildx_styles_come_through(project: Callable[..., Path], run: Run, style: str) -> None:
    project('[target.app]\noutput = ["type=cacheonly"]\n')
    done = run("apply", "--progress", style)
    assert done.returncode == 0, done.stderr
    assert ("vertexes" in done.stderr) == (style == "rawjson")


def test_render_builds_with_plain_bake(project: Callable[..., Path], run: Run) -> None:
    folder = project("""
        [target.base]
        [target.app]
        dockerfile-inline = "FROM base"
        contexts.base = "target:base"
        output = ["type=local,dest=out"]
        [group]
        default = ["app"]
    """)
    (folder / "docker-bake.json").write_text(run("render").stdout)
    subprocess.run(["docker", "buildx", "bake", "-f", "docker-bake.json"], cwd=folder, capture_output=True, check=True)
    assert (folder / "out/machine").exists()
