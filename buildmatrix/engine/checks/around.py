"""What is looked at around a build: git, proxies, and variables that change what it means."""

import socket
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from buildmatrix.engine.checks.model import Scene, Verdict, verdict
from buildmatrix.errors import Diagnostic
from buildmatrix.git.ci import told
from buildmatrix.git.repository import GitFolder, NoFolderError, UnansweredError

# --- git --------------------------------------------------------------------------------------------------------------


def git(scene: Scene) -> Verdict:
    """Tell whether git can be asked, whether all of its history is here, and whether a branch is checked out."""
    folder = GitFolder(scene.programs, Path(scene.directory))
    try:
        root = folder.root
    except NoFolderError:
        return Verdict(words="not a repository")
    except UnansweredError as error:
        return verdict([_warning(str(error), "templates have no value of git", error.command)])
    try:
        commit = (folder.ask(("rev-parse", "--verify", "--quiet", "HEAD^{commit}")) or "").strip()
        branch = (folder.ask(("symbolic-ref", "--quiet", "--short", "HEAD")) or "").strip()
        shallow = (folder.ask(("rev-parse", "--is-shallow-repository")) or "").strip() == "true"
        found = [*_shallow(shallow=shallow), *(_detached(folder, commit, scene) if commit and not branch else ())]
    except UnansweredError as error:
        return verdict([_warning(str(error), "templates have no value of git", error.command)])
    what = f"branch {branch}" if branch else f"detached at {commit[:7]}"
    return verdict(found, words=f"{root}, {what}" if commit else f"{root}, no commit yet")


def _warning(message: str, hint: str, command: str = "") -> Diagnostic:
    return Diagnostic(message=message, code="no-repository", hint=hint, command=command, severity="warning")


def _shallow(*, shallow: bool) -> Iterator[Diagnostic]:
    if shallow:
        hint = "tags, --changed-since and --against may lack commits (actions/checkout has fetch-depth: 0)"
        yield _warning("the clone is shallow", hint, "git fetch --unshallow --tags")


def _detached(folder: GitFolder, commit: str, scene: Scene) -> Iterator[Diagnostic]:
    """Yield that no branch is checked out, unless a CI system tells for which one it runs."""
    if told(scene.programs.environment, commit, lambda _: "").kind:
        return
    asked = ("for-each-ref", "--points-at=HEAD", "--count=1", "--format=%(refname:strip=2)", "refs/heads")
    here = (folder.ask(asked) or "").strip()
    command = f"git switch {here}" if here else ""
    yield _warning("no branch is checked out", "git.branch is empty: tags that ask for it are left out", command)


# --- proxies ----------------------------------------------------------------------------------------------------------

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}
SECONDS = 5.0
"""How long a proxy may take to take a connection."""


def proxy(scene: Scene) -> Verdict:
    """Tell whether the proxies of the environment answer."""
    environment = scene.programs.environment
    named = {name: environment[name] for both in PROXIES for name in (both, both.lower()) if environment.get(name)}
    without = environment.get("NO_PROXY") or environment.get("no_proxy") or ""
    silent = {value: _silent(value) for value in dict.fromkeys(named.values())}
    problems = [_dead(name, value, silent[value]) for name, value in named.items() if silent[value]]
    words = ", ".join(f"{name} {_bare(value)}" for name, value in named.items())
    return verdict(
        problems, _at_odds(named), words=f"{words}{f'; none for {without}' if without else ''}" if words else "none"
    )


def _bare(value: str) -> str:
    """Return a proxy without whoever is named before it: that may be a password."""
    return value.rpartition("@")[2]


def _dead(name: str, value: str, why: str) -> Diagnostic:
    message = f"{name} is {_bare(value)}, which {why}"
    hint = "registries cannot be asked through it: correct it, or unset it"
    return Diagnostic(message=message, code="registry", hint=hint, command=f"unset {name}")


def _at_odds(named: Mapping[str, str]) -> Iterator[Diagnostic]:
    """Yield variables that say something else in capitals than in small letters: programs differ in which they take."""
    for name in PROXIES:
        if name in named and named.get(name.lower(), named[name]) != named[name]:
            message = f"{name} and {name.lower()} differ, and programs differ in which of them they obey"
            command = f"unset {name.lower()}"
            yield Diagnostic(message=message, code="registry", command=command, severity="warning")


def _silent(value: str) -> str:
    """Return why a proxy is of no use, "" where it takes connections."""
    try:
        parts = urlsplit(value if "//" in value else f"http://{value}")
        host, port = parts.hostname, parts.port or PORTS.get(parts.scheme, 0)
    except ValueError:
        return "is not a valid address"
    if not host or not port:
        return "is not a valid address"
    said: list[str] = []
    asking = threading.Thread(target=_connect, args=[host, port, said], daemon=True)  # a name may take any time
    asking.start()
    asking.join(SECONDS)
    return said[0] if said else f"does not answer within {SECONDS:.0f} s"


def _connect(host: str, port: int, said: list[str]) -> None:
    try:
        socket.create_connection((host, port), timeout=SECONDS).close()
    except OSError as error:
        said.append(f"does not answer: {error.strerror or error}")
    else:
        said.append("")


# --- variables --------------------------------------------------------------------------------------------------------


class _Variable(NamedTuple):
    """A variable and what it does; `warns` where what is built, or where, is another thing by it."""

    name: str
    does: str
    warns: bool = False


VARIABLES = (
    _Variable("BUILDX_BUILDER", "names the builder, in place of the one that docker buildx use chose"),
    _Variable("BUILDX_CONFIG", "is where buildx keeps its builders"),
    _Variable("BUILDX_BIN", "names buildx where there is no docker"),
    _Variable("BUILDX_BAKE_FILE", "is not handed on: bake is given its file"),
    _Variable("BUILDX_BAKE_FILE_SEPARATOR", "is not handed on: bake is given its file"),
    _Variable("BUILDX_BAKE_FILE_RELATIVE_PATHS", "is not handed on: bake is given its paths"),
    _Variable("BUILDX_BAKE_GIT_AUTH_TOKEN", "is not handed on: bake is given its file"),
    _Variable("BUILDX_BAKE_ENTITLEMENTS_FS", "takes off bake's own check of what it may read", warns=True),
    _Variable("BUILDX_GIT_LABELS", "adds labels of git to each image", warns=True),
    _Variable("BUILDX_GIT_INFO", "decides whether provenance tells of git"),
    _Variable("BUILDX_GIT_CHECK_DIRTY", "is not handed on: git would run what the repository sets up"),
    _Variable("BUILDX_NO_DEFAULT_ATTESTATIONS", "leaves provenance out where the file does not ask for it", warns=True),
    _Variable("BUILDX_NO_DEFAULT_LOAD", "keeps images of the docker driver out of the image store", warns=True),
    _Variable("BUILDX_METADATA_PROVENANCE", "decides what bake's metadata tells of provenance"),
    _Variable("BUILDX_EXPERIMENTAL", "lets buildx do what is not settled yet"),
    _Variable("BUILDX_DEFAULT_POLICY", "is a policy that buildx applies to each build", warns=True),
    _Variable("BUILDKIT_HOST", "is a BuildKit that buildx may take for a builder"),
    _Variable("BUILDKIT_PROGRESS", "is how buildx shows progress where nobody says it"),
    _Variable("EXPERIMENTAL_BUILDKIT_SOURCE_POLICY", "replaces or refuses images, beside our pins", warns=True),
    _Variable("SOURCE_DATE_EPOCH", "is the time that images are said to be created"),
    _Variable("DOCKER_HOST", "names the engine, in place of the docker context"),
    _Variable("DOCKER_CONTEXT", "names the docker context, in place of the one that docker context use chose"),
    _Variable("DOCKER_CONFIG", "is where docker keeps its configuration, logins and plugins"),
    _Variable("DOCKER_AUTH_CONFIG", "holds logins, before those of docker's configuration"),
    _Variable("DOCKER_API_VERSION", "fixes the version in which the engine is asked", warns=True),
    _Variable("DOCKER_TLS_VERIFY", "wants TLS of the engine"),
    _Variable("DOCKER_CERT_PATH", "is where the certificates for the engine are"),
    _Variable("DOCKER_BUILDKIT", "means nothing to bake"),
    _Variable("DOCKER_DEFAULT_PLATFORM", "means nothing to bake: write platforms in the file", warns=True),
    _Variable("DOCKER_CONTENT_TRUST", "means nothing to bake: nothing is signed by it", warns=True),
)
"""What buildx 0.13 to 0.36 and docker 28 read, and what becomes of it here."""


def environment(scene: Scene) -> Verdict:
    """Tell which variables of docker, buildx and BuildKit are set, and warn of those that change what is built."""
    given = scene.environment
    found = [one for one in VARIABLES if given.get(one.name)]
    words = "; ".join(f"{one.name} {one.does}" for one in found if not one.warns)
    return verdict(
        map(_changing, filter(lambda one: one.warns, found)), _overridden(given), words=words or "none that matter"
    )


def _changing(one: _Variable) -> Diagnostic:
    message = f"{one.name} is set: it {one.does}"
    hint = "unset it, unless that is what you want"
    return Diagnostic(message=message, code="engine", hint=hint, command=f"unset {one.name}", severity="warning")


def _overridden(given: Mapping[str, str]) -> Iterator[Diagnostic]:
    if given.get("DOCKER_HOST") and given.get("DOCKER_CONTEXT"):
        message = "DOCKER_HOST and DOCKER_CONTEXT are both set: DOCKER_HOST counts, and the context is passed over"
        yield Diagnostic(message=message, code="engine", command="unset DOCKER_CONTEXT", severity="warning")
