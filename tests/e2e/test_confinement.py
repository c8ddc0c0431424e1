"""What a repository of a stranger may not: read or write outside of itself, or be given a privilege unasked.

The builder is the real one, with the progress (rawjson) that switches bake's own check off. A canary outside has a text
that must be found nowhere: not in what is said, not in logs, not in images.
"""

import os
import socket
import subprocess
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.warm import ran

Say = Callable[..., subprocess.CompletedProcess[str]]

SEES = "FROM busybox\nRUN --mount=type=bind,from=x,target=/x sh -c 'cat /x/* /x/*/*' 2>&1 || true\n"
"""A Dockerfile that prints what is in the context `x`."""


class Ground:
    """A repository, and beside it a directory `away` that is not its own, with a canary in it."""

    def __init__(self, top: Path) -> None:
        self.canary = f"canary-{uuid.uuid4().hex}"
        self.repo, self.away = top / "repo", top / "away"
        (self.repo / ".git").mkdir(parents=True)
        (self.away / "d").mkdir(parents=True)
        for name in ("secret", "d/secret"):
            (self.away / name).write_text(self.canary + "\n")
        self.before = self.state()

    def state(self) -> dict[str, str]:
        """What lies away, by path."""
        return {str(path): path.read_text() if path.is_file() else "" for path in sorted(self.away.rglob("*"))}

    def write(self, spec: str, files: Mapping[str, str], links: Mapping[str, str]) -> None:
        for name, text in {"buildmatrix.toml": "version = 1\n" + spec, **files}.items():
            (self.repo / name).parent.mkdir(parents=True, exist_ok=True)
            (self.repo / name).write_text(text)
        for name, to in links.items():
            (self.repo / name).parent.mkdir(parents=True, exist_ok=True)
            (self.repo / name).symlink_to(to.format(away=self.away))

    def is_untouched(self, done: subprocess.CompletedProcess[str]) -> None:
        """Nothing away was written, and nothing of it is in what was said or made."""
        assert self.state() == self.before
        assert self.canary not in done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        made = [path for path in self.repo.rglob("*") if path.is_file() and not path.is_symlink()]
        assert not [path for path in made if self.canary.encode() in path.read_bytes()]


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    return Ground(tmp_path)


@pytest.fixture
def say(engine: dict[str, str], ground: Ground) -> Say:
    """Run buildmatrix in the repository."""

    def go(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return ran(*arguments, cwd=ground.repo, env={**os.environ, **engine, "NO_COLOR": "1", **more})

    return go


SPEC = '[target.app]\noutput = ["type=cacheonly"]\n'
INLINE = SPEC + 'dockerfile-inline = """\n' + SEES + '"""\n'
LINK = {"link": "{away}"}

READS: dict[str, tuple[str, dict[str, str], dict[str, str], str]] = {
    "a secret behind a link": (
        SPEC + 'secret = ["id=s,src=link/d/secret"]\n',
        {"Dockerfile": "FROM busybox\nRUN --mount=type=secret,id=s cat /run/secrets/s\n"},
        LINK,
        "fs.read={away}/d/secret",
    ),
    "a context behind a link": (
        SPEC + 'context = "link/d"\ndockerfile = "{repo}/Dockerfile"\n',
        {"Dockerfile": "FROM busybox\nCOPY . /x\nRUN cat /x/*\n"},
        LINK,
        "fs.read={away}/d",
    ),
    "a named context behind a link": (INLINE + 'contexts.x = "link"\n', {}, LINK, "fs.read={away}"),
    "cwd://": (INLINE + 'contexts.x = "cwd://{away}"\n', {}, {}, "fs.read={away}"),
    "dots behind a link": (INLINE + 'contexts.x = "link/../away"\n', {}, {"link": "{away}/d"}, "fs.read={away}/away"),
    "a directory like a URL": (
        SPEC + 'context = "https://x/d"\ndockerfile = "{repo}/Dockerfile"\n',
        {"Dockerfile": "FROM busybox\nCOPY . /x\nRUN cat /x/*\n"},
        {"https:/x": "{away}"},
        "fs.read={away}/d",
    ),
    "a Dockerfile elsewhere": (SPEC + 'dockerfile = "{away}/secret"\n', {}, {}, "fs.read={away}/secret"),
    "a Dockerfile behind a link": (SPEC + 'dockerfile = "link/secret"\n', {}, LINK, "fs.read={away}/secret"),
    "a Dockerfile that is a link": (SPEC, {}, {"Dockerfile": "{away}/secret"}, "fs.read={away}/secret"),
    "an index that is a link": (
        INLINE + 'contexts.x = "oci-layout://layout"\n',
        {"layout/oci-layout": '{"imageLayoutVersion":"1.0.0"}'},
        {"layout/index.json": "{away}/secret"},
        "fs.read={away}/secret",
    ),
    "a cache's index that is a link": (
        INLINE.replace("from=x,", "") + 'cache-from = ["type=local,src=cache"]\n',
        {"cache/oci-layout": '{"imageLayoutVersion":"1.0.0"}'},
        {"cache/index.json": "{away}/secret"},
        "fs.read={away}/secret",
    ),
    "a key behind a comma": (
        SPEC + 'ssh = [{ id = "default", paths = ["key,link/d/secret"] }]\n',
        {"Dockerfile": "FROM busybox\n", "key": "k"},
        LINK,
        "fs.read={away}/d/secret",
    ),
}

WRITES: dict[str, tuple[str, dict[str, str], dict[str, str], str]] = {
    "a directory behind a link": (SPEC.replace("type=cacheonly", "link/out"), {}, LINK, "fs.write={away}/out"),
    "an archive that is a link": (
        SPEC.replace("type=cacheonly", "type=tar,dest=out.tar"),
        {},
        {"out.tar": "{away}/secret"},
        "fs.write={away}/secret",
    ),
    "a layout's file that is a link": (
        SPEC.replace("type=cacheonly", "type=oci,tar=false,dest=layout"),
        {"layout/x": ""},
        {"layout/oci-layout": "{away}/secret"},
        "fs.write={away}/secret",
    ),
    "a cache's directory that is a link": (
        SPEC + 'cache-to = ["type=local,dest=cache"]\n',
        {"cache/x": ""},
        {"cache/blobs": "{away}"},
        "fs.write={away}",
    ),
    "a directory above": (SPEC.replace("type=cacheonly", "../away/out"), {}, {}, "fs.write={away}/out"),
    "the directory of git": (SPEC.replace("type=cacheonly", ".git/hooks"), {}, {}, "fs.write={repo}/.git/hooks"),
    "over the directory of git": (SPEC.replace("type=cacheonly", "."), {}, {}, "fs.write={repo}/.git"),
}


@pytest.mark.corpus
@pytest.mark.parametrize("what", [*READS, *WRITES])
def test_what_leads_outside_takes_the_exact_allow(ground: Ground, say: Say, one_node: str, what: str) -> None:
    spec, files, links, value = {**READS, **WRITES}[what]
    spec = spec.replace("{away}", str(ground.away)).replace("{repo}", str(ground.repo))
    ground.write(spec, {"Dockerfile": "FROM busybox\nRUN mkdir /hooks\n", **files} | files, {})
    for name in links:
        (ground.repo / name).unlink(missing_ok=True)
    ground.write(spec, {}, links)
    value = value.format(away=ground.away, repo=ground.repo)
    refused = say("apply", "--builder", one_node, "--log-dir", "logs")
    assert refused.returncode == 2, refused.stderr
    assert f"--allow={value}" in refused.stderr
    ground.is_untouched(refused)


@pytest.mark.parametrize("style", ["rawjson", "plain"])
def test_every_style_of_progress_is_refused_alike(ground: Ground, say: Say, one_node: str, style: str) -> None:
    ground.write(INLINE + 'contexts.x = "link"\n', {}, LINK)
    assert f"--allow=fs.read={ground.away}" in say("plan").stdout
    refused = say("apply", "--builder", one_node, "--progress", style)
    assert (refused.returncode, f"--allow=fs.read={ground.away}" in refused.stderr) == (2, True)
    ground.is_untouched(refused)


def test_what_is_allowed_is_handed_to_bake(ground: Ground, say: Say, one_node: str) -> None:
    """Its own check acts with plain progress."""
    spec = INLINE + 'contexts.x = "link"\nnetwork = "host"\nsecret = ["id=s,src=link/secret"]\n'
    ground.write(spec, {}, LINK)
    allow = ["--allow", "network.host", "--allow", f"fs.read={ground.away}"]
    for style in ("plain", "auto"):
        done = say("apply", "--builder", one_node, "--progress", style, "--no-cache", "--log-dir", "logs", *allow)
        assert done.returncode == 0, done.stderr
    assert ground.canary in (ground.repo / "logs" / "app.log").read_text()


@pytest.mark.parametrize(
    ("settings", "value"),
    [
        ('network = "host"', "network.host"),
        ('entitlements = ["security.insecure"]', "security.insecure"),
        ('ssh = [{ id = "default", paths = [""] }]', "ssh"),
    ],
)
def test_a_privilege_takes_the_exact_allow(ground: Ground, say: Say, one_node: str, settings: str, value: str) -> None:
    ground.write(SPEC + settings + "\n", {"Dockerfile": "FROM busybox\nRUN true\n"}, {})
    refused = say("apply", "--builder", one_node, "--progress", "rawjson", SSH_AUTH_SOCK="/nowhere")
    assert (refused.returncode, f"--allow={value}" in refused.stderr) == (2, True), refused.stderr


def test_a_link_that_an_earlier_target_writes_is_not_followed(ground: Ground, say: Say, one_node: str) -> None:
    """The plan cannot know of it: the paths are looked at again before each call."""
    spec = f'''[target.made]
dockerfile-inline = "FROM busybox AS b\\nRUN mkdir /o && ln -s {ground.away} /o/x\\nFROM scratch\\nCOPY --from=b /o /"
output = ["out"]
[target.app]
needs = ["made"]
contexts.x = "out/x"
output = ["type=cacheonly"]
dockerfile-inline = """
{SEES}"""
'''
    ground.write(spec, {}, {})
    done = say("apply", "--builder", one_node, "--log-dir", "logs")
    assert (ground.repo / "out" / "x").is_symlink()
    assert done.returncode == 2, done.stderr
    assert f"--allow=fs.read={ground.away}" in done.stderr
    ground.is_untouched(done)


def test_a_context_that_a_needed_target_writes_is_built_in_a_clean_checkout(
    ground: Ground, say: Say, one_node: str
) -> None:
    spec = """[target.rootfs]
dockerfile-inline = "FROM busybox\\nRUN mkdir -p /made && echo 'FROM scratch' >/made/Dockerfile && echo t >/made/token"
output = ["build/rootfs"]
[target.app]
needs = ["rootfs"]
context = "build/rootfs/made"
secret = ["id=t,src=build/rootfs/made/token"]
output = ["type=cacheonly"]
"""
    ground.write(spec, {}, {})
    assert say("plan").returncode == 0
    done = say("apply", "--builder", one_node)
    assert done.returncode == 0, done.stderr


# --- what we write ourselves ------------------------------------------------------------------------------------------


def test_logs_reports_and_results_go_through_no_link(ground: Ground, say: Say, one_node: str) -> None:
    links = {"logs/app.log": "{away}/secret", ".buildmatrix": "{away}"}
    ground.write(SPEC, {"Dockerfile": "FROM busybox\nRUN echo hello\n"}, links)
    done = say("apply", "--builder", one_node, "--no-cache", "--log-dir", "logs", "--report", "r.json")
    assert done.returncode == 0, done.stderr
    assert "hello" in (ground.repo / "logs" / "app.log").read_text()
    assert ".buildmatrix is not a directory of its own" in done.stderr
    assert (ground.repo / ".buildmatrix").is_symlink()
    ground.is_untouched(done)


@pytest.mark.parametrize("option", ["--report", "--metadata"])
def test_a_report_that_is_a_link_is_refused_before_anything_is_built(
    ground: Ground, say: Say, one_node: str, option: str
) -> None:
    ground.write(SPEC, {"Dockerfile": "FROM busybox\nRUN echo hello\n"}, {"r.json": "{away}/secret"})
    done = say("apply", "--builder", one_node, option, "r.json")
    assert done.returncode == 2
    assert "it is a link" in done.stderr
    assert not (ground.repo / ".buildmatrix").exists()
    ground.is_untouched(done)


def test_a_report_whose_folder_a_build_made_a_link_is_not_written(ground: Ground, say: Say, one_node: str) -> None:
    text = f"FROM busybox AS b\\nRUN mkdir /o && ln -s {ground.away} /o/r\\nFROM scratch\\nCOPY --from=b /o /"
    ground.write(f'[target.app]\ndockerfile-inline = "{text}"\noutput = ["out"]\n', {"out/r/x": ""}, {})
    done = say("apply", "--builder", one_node, "--report", "out/r/report.json")
    assert done.returncode == 2, done.stderr
    assert "leads out of the repository" in done.stderr
    ground.is_untouched(done)


# --- what nobody reads to plan ----------------------------------------------------------------------------------------


@contextmanager
def odd(ground: Ground, kind: str) -> Iterator[str]:
    """A path that must not be read: outside, or no regular file."""
    path = ground.repo / "odd.toml"
    match kind:
        case "outside":
            yield str(ground.away / "secret")
        case "link":
            path.symlink_to(ground.away / "secret")
            yield path.name
        case "pipe":
            os.mkfifo(path)
            yield path.name
        case "socket":
            with socket.socket(socket.AF_UNIX) as bound:
                bound.bind(str(path))
                yield path.name
        case _:
            yield kind


@pytest.mark.parametrize("kind", ["outside", "link", "pipe", "socket", "/proc/self/environ", "/dev/zero", "/dev/stdin"])
def test_what_a_spec_may_not_read_is_not_read(ground: Ground, say: Say, kind: str) -> None:
    with odd(ground, kind) as path:
        ground.write(
            f'include = ["{path}"]\nvariable.v = {{ file = "{path}" }}\n' + SPEC, {"Dockerfile": "FROM a\n"}, {}
        )
        done = say("validate", ENVIRONMENT_CANARY="canary-of-the-environment")
    assert done.returncode == 2, done.stdout
    assert "error: 2 problems" in done.stderr
    assert "canary-of-the-environment" not in done.stdout + done.stderr
    ground.is_untouched(done)
