"""What a target reads and writes on this machine: every path that buildx opens for it, however the file says it.

The rules are those of buildx 0.13 to 0.37 (build/opt.go, bake/bake.go), found by reading and by running:
- A context is a directory wherever there is one of that name, whatever it looks like: with a directory `https:` in the
  repository, `https://x` is one. Of a named context, all that is not a URL, image, target or layout is a path.
- `dockerfile` is relative to a context that is a path, else to where bake runs, and never a URL; buildx reads `.rego`
  beside it, and follows links there.
- A directory of a local cache or of an image layout is read and written by fixed names, and links are followed; an
  `index.json` that cannot be read is printed as a whole.
- A cache at GitHub or S3 that has no credentials is given those of the environment (S3: of the user's files, too),
  whatever server it names.
- Paths of ssh are one list: each may hold commas. An empty one is the agent, as is a Git address over ssh.
"""

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

from buildmatrix.errors import Pointer
from buildmatrix.files import Repository, is_within
from buildmatrix.patterns import regex
from buildmatrix.plan.access.paths import is_local
from buildmatrix.plan.merging.shared import shared
from buildmatrix.plan.model import PlannedTarget
from buildmatrix.records import dataclass
from buildmatrix.spec.rows.marked import holding, marked, says, tables_of
from buildmatrix.spec.rows.markers import Local, Part, Privilege
from buildmatrix.spec.rows.outputs import DockerOutput, OciOutput
from buildmatrix.spec.rows.settings import Secret, Settings, Ssh
from buildmatrix.spec.rows.shapes import Row, rows

_HERE = "cwd://"
_LAYOUT = "oci-layout://"
_SSH = regex(r"^(ssh://|[A-Za-z0-9_.-]+@[^/:]+:)")
_STORE = ("index.json", "index.json.lock", "oci-layout", "ingest", "blobs", "blobs/sha256")
_BESIDE = (".dockerignore", ".rego")


Access = Literal["read", "write"]


@dataclass(frozen=True, slots=True)
class Reach:
    """A path that a target reads or writes, as it is written down: relative to the plan's directory, or absolute.

    `part` is what it is to the build, as its row's marker says. `more` are files that are read or written with it,
    whoever names them; with `tree` any file below may be written. `maybe` says that it is a path only where its first
    part is there.
    """

    access: Access
    path: str
    pointer: Pointer
    part: Part
    more: tuple[str, ...] = ()
    maybe: bool = False
    tree: bool = False


def reaches(target: PlannedTarget) -> tuple[Reach, ...]:
    """Return what a target reads and writes on this machine; targets that share it have the very same tuple."""
    return _reaches(target.settings)


LOCAL = tuple(row.attribute for row in holding(Settings, Local))
BUILT_FROM: frozenset[Part] = frozenset({"context", "source"})
"""What a target is built from, secrets aside."""


@shared(*LOCAL, "dockerfile_inline")
def _reaches(settings: Settings) -> Iterator[Reach]:
    """Yield first what a target is built from, then what it writes, then what else it reads."""
    if not settings.context:
        yield from _context(".", ("context",))
    written: list[Reach] = []
    others: list[Reach] = []
    for one in _said(settings):
        if one.part in BUILT_FROM:
            yield one
        else:
            (written if one.access == "write" else others).append(one)
    yield from (*_dockerfile(settings), *written, *others)


def _said(settings: Settings) -> Iterator[Reach]:
    """Yield the paths that settings name by themselves, as the markers of their rows tell."""
    for pointer, text, marker in marked(settings, Local, Settings):
        table = _table_at(settings, pointer)
        if marker.beside or not text or (isinstance(table, Secret) and secret_file(table) is None):
            continue
        if marker.part == "context":
            yield from _context(text, pointer)
            continue
        access: Access = "write" if marker.writes else "read"
        layout = isinstance(table, OciOutput | DockerOutput) and table.tar is False
        more = _STORE if layout or marker.part == "cache" else ()
        for path in filter(None, text.split(marker.several)) if marker.several else (text,):
            yield Reach(access, path, pointer, marker.part, _inside(path, more), tree=marker.tree)


def _table_at(settings: Settings, pointer: Pointer) -> Any:
    """Return the table of a list that a value stands in; None for a value of no list."""
    items = getattr(settings, str(pointer[0]))
    return items[int(pointer[1])] if isinstance(items, tuple) else None


def _dockerfile(settings: Settings) -> Iterator[Reach]:
    if (dockerfile := dockerfile_of(settings)) is not None:
        beside = tuple(dockerfile + ending for ending in _BESIDE)
        maybe = context_of(settings) is None and not posixpath.isabs(dockerfile)
        yield Reach("read", dockerfile, ("dockerfile",), "source", beside, maybe=maybe)


def _context(text: str, pointer: Pointer) -> Iterator[Reach]:
    if text.startswith(("target:", "docker-image://")):
        return
    if text.startswith(_LAYOUT):
        for path in _layouts(text.removeprefix(_LAYOUT)):
            yield Reach("read", path, pointer, "context", _inside(path, _STORE))
        return
    path = text.removeprefix(_HERE)
    maybe = not is_local(path)
    yield Reach("read", path, pointer, "context", () if maybe else _inside(path, (".dockerignore",)), maybe=maybe)


def _layouts(text: str) -> tuple[str, ...]:
    """Return the directories that `DIR[:TAG][@DIGEST]` may mean: old versions cut at the first sign, new at the last.

    New ones cut only what can be a tag or a digest.
    """
    old = text.partition("@")[0].partition(":")[0]
    bare = re.sub(r"@[a-z0-9]+(?:[+._-][a-z0-9]+)*:[0-9a-fA-F]{32,}$", "", text)
    return tuple(dict.fromkeys((old, bare, re.sub(r":\w[\w.-]{0,127}$", "", bare))))


def _inside(folder: str, names: Iterable[str]) -> tuple[str, ...]:
    return tuple(f"{folder}/{name}" for name in names)


def context_of(settings: Settings) -> str | None:
    """Return the path of a target's own context; None for one that is not a directory of this machine."""
    text = (settings.context or ".").removeprefix(_HERE)
    return text if is_local(text) else None


def dockerfile_of(settings: Settings) -> str | None:
    """Return the path of a target's Dockerfile, where it is one of this machine; None if it cannot be.

    One that is named beside a text of the file's own is a path: buildx looks at it before it takes the text.
    """
    named, context = settings.dockerfile, context_of(settings)
    if named is None and settings.dockerfile_inline is not None:
        return None
    if named is not None and (context is None or named.startswith(_HERE) or posixpath.isabs(named)):
        return named.removeprefix(_HERE)
    return None if context is None else f"{context}/{named or 'Dockerfile'}"


def text_of(target: PlannedTarget, directory: str) -> str:
    """Return the text of a target's Dockerfile; "" where it cannot be read here, or lies outside of the repository."""
    if target.settings.dockerfile_inline is not None:
        return target.settings.dockerfile_inline
    path = dockerfile_of(target.settings)
    if path is None:
        return ""
    try:
        return Repository.around(directory).read(path).decode(errors="replace")
    except OSError:
        return ""


def key_paths(table: Ssh) -> tuple[str, ...]:
    """Return the sockets and keys of an ssh table, as buildx understands them."""
    return tuple(path for path in ",".join(table.paths or ()).split(",") if path)


def secret_file(secret: Secret) -> str | None:
    """Return the file of a secret; None where it is a variable of the environment, which with type=env `src` names."""
    return secret.src if secret.src and (secret.type != "env" or secret.env) else None


def secret_variable(secret: Secret) -> str:
    """Return the variable of a secret that is not a file."""
    return secret.env or secret.src or secret.id


_ASKS = tuple(row.attribute for row in holding(Settings, Privilege))


@shared(*_ASKS, "ssh", "context", "cache_from", "cache_to", "output")
def privileges(settings: Settings) -> Iterator[tuple[str, Pointer]]:
    """Return what a target asks for beside paths, by bake's words; those that bake asks nobody for have our own."""
    asked = list(marked(settings, Privilege, Settings))
    yield from ((value, pointer) for pointer, value, marker in asked if marker.meant is None)
    for pointer, value, marker in asked:
        if meant := (marker.meant or {}).get(value):
            yield meant, pointer
    yield from _agents(settings)
    yield from _servers(settings)


def _agents(settings: Settings) -> Iterator[tuple[str, Pointer]]:
    for index, table in enumerate(settings.ssh or ()):
        if isinstance(table, Ssh) and ("" in ",".join(table.paths or ()).split(",")):
            yield "ssh", ("ssh", index)
    if not settings.ssh and _SSH.match(settings.context or ""):
        yield "ssh", ("context",)


def _servers(settings: Settings) -> Iterator[tuple[str, Pointer]]:
    for attribute in ("cache_from", "cache_to"):
        for index, table in enumerate(getattr(settings, attribute) or ()):
            yield from ((f"cache.server={server}", (attribute, index)) for server in _given_credentials(table))
    for index, output in enumerate(settings.output or ()):
        if isinstance(output, DockerOutput) and output.context not in {None, "", "default"}:
            yield f"docker.context={output.context}", ("output", index)


def _given_credentials(cache: Any) -> Iterator[str]:
    """Yield the servers to which buildx takes credentials of ours: GitHub's token of a run, or those for AWS."""
    servers: tuple[str | None, ...] = ()
    if getattr(cache, "type", "") == "gha" and not cache.token:
        servers = (cache.url, cache.url_v2)
    if getattr(cache, "type", "") == "s3" and not (cache.access_key_id and cache.secret_access_key):
        servers = (cache.endpoint_url,)
    yield from filter(None, servers)


# --- what targets write for each other --------------------------------------------------------------------------------


def written_before(targets: Sequence[PlannedTarget]) -> Mapping[str, frozenset[str]]:
    """Return by target the paths that others write before it is built: what it needs, or what it depends on needs."""
    own = {target.name: frozenset(_dests(target)) for target in targets}
    if not any(own.values()):
        return {}
    nothing: frozenset[str] = frozenset()
    beside: dict[str, frozenset[str]] = {}
    ahead: dict[str, frozenset[str]] = {}
    for target in targets:  # in build order
        upon = target.depends_on
        beside[target.name] = own[target.name].union(*(beside.get(name, nothing) for name in upon))
        ahead[target.name] = nothing.union(
            *(ahead.get(name, nothing) for name in (*upon, *target.needs)),
            *(beside.get(name, nothing) for name in target.needs),
        )
    return ahead


def _dests(target: PlannedTarget) -> tuple[str, ...]:
    return _results(target.settings) if target.exported and target.settings.call in {None, "build"} else ()


def _parts(row: Row) -> set[Part]:
    markers = (says(row, Local), *(one.marker(Local) for table in tables_of(row) for one in rows(table)))
    return {marker.part for marker in markers if marker}


_RESULTS = tuple(row.attribute for row in holding(Settings, Local) if "result" in _parts(row))


@shared(*_RESULTS)
def _results(settings: Settings) -> Iterator[str]:
    found = marked(settings, Local, Settings, _RESULTS)
    return (text for _, text, marker in found if marker.part == "result" and text)


def dests_of(target: PlannedTarget) -> Iterator[str]:
    """Yield the paths that a target writes: outputs and caches."""
    return (reach.path for reach in reaches(target) if reach.access == "write")


def is_written(path: str, dests: Iterable[str]) -> bool:
    """Tell whether a path may come to be by what is written: it is one of these, in one, or around one."""
    own, *others = (posixpath.normpath(posixpath.join("/here", one)) for one in (path, *dests))
    return any(is_within(own, other) or is_within(other, own) for other in others)
