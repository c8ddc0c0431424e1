"""From bake's last words to a problem with an exit code: whose fault it is, and what to do next."""

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from buildmatrix.engine.failures.handed import not_handed_on
from buildmatrix.engine.failures.places import line_told, place_in
from buildmatrix.engine.failures.registry import LOST_LAYER, UNKNOWN_TROUBLE, registry_hint
from buildmatrix.engine.progress.dockerfiles import line_of
from buildmatrix.engine.progress.reader import Progress
from buildmatrix.engine.progress.tracks import QUOTED, Track, is_canceled, outside_quotes
from buildmatrix.errors import BuildFailedError, BuildmatrixError, Diagnostic, EngineError, RegistryError, UsageError
from buildmatrix.patterns import regex
from buildmatrix.plan.bakefile import with_links
from buildmatrix.plan.model import Plan
from buildmatrix.plan.outputs import is_archive
from buildmatrix.records import dataclass

_TARGET = regex(r"^ERROR: target ([A-Za-z0-9_-]+): ")
FULL = 4 * 1024 * 1024
"""Bytes that are free on a disk that counts as full."""

_REGISTRY = regex(
    r"failed to push|failed to authorize|unauthorized|access denied|insufficient_scope|403 Forbidden|401 Unauthorized"
    r"|429 Too Many Requests|toomanyrequests|denied: |http: server gave HTTP response to HTTPS client"
    r"|failed to do request|unexpected status from (HEAD|GET|PUT|POST|PATCH) request"
    r"|error writing (manifest|layer) blob|failed commit on ref|httpReadSeeker: failed open",
    re.IGNORECASE,
)
_ENGINE = regex(
    r"Cannot connect to the Docker daemon|code = (Unavailable|Canceled|Aborted|Internal)\b|\bUnavailable: "
    r"|transport is closing|closing transport|error reading from server|connection error: desc|keepalive ping failed"
    r"|RST_STREAM|goaway|http2: |no active sessions?\b|is shutting down"
    r"|no such job|no builder .* found|failed to list workers|failed to find driver"
    r"|context canceled|context deadline exceeded|(^|: )EOF$|unexpected EOF"
    r"|already exists|failed to commit|failed to prepare|\blocked for [0-9.]+m?s|database is locked"
    r"|(snapshot|lease) \S+ (does not exist|not found)|\blease \S*: not found|content digest \S+: not found"
    r"|failed to get record|failed to mount |failed to create temp dir"
    r"|resource temporarily unavailable|cannot allocate memory|too many open files"
    r"|Multi-platform build is not supported|not supported for the docker driver",
    re.IGNORECASE,
)
_BROKEN = regex(r"snapshot \S+ (does not exist|not found)|content digest \S+: not found", re.IGNORECASE)
"""What BuildKit says of its cache where it was killed: of what it has recorded something is gone, and stays so."""

_LOCAL_CACHE = regex(r"desc = (mkdir|open|rename|remove|unlinkat|l?stat|read|write|f?sync|truncate|close) ")
"""What buildx says of a directory of this machine that BuildKit asks it to write a cache to, or to read one from."""

_DISK = regex(r"no space left on device|disk quota exceeded|read-only file system|input/output error")
_READ_ONLY = regex(r"read-only file system", re.IGNORECASE)
_PASSING = regex(
    rf"{UNKNOWN_TROUBLE}|{LOST_LAYER}|use of closed network connection"
    r"|429 Too Many Requests|toomanyrequests|\b50[0234] [A-Z]|Internal Server Error|Bad Gateway|Service Unavailable"
    r"|Gateway Time-?out|connection re(fused|set)|broken pipe|unexpected EOF|\bEOF\b|no such host|i/o timeout"
    r"|TLS handshake timeout|network is unreachable|no route to host|server closed idle connection"
    r"|context deadline exceeded|temporary failure in name resolution|connection timed out|unexpected status.*: 5\d\d",
    re.IGNORECASE,
)
_DENIED = regex(r"unauthorized|denied: |access denied|insufficient_scope|\b40[13] ", re.IGNORECASE)
_RETRY_AFTER = regex(r"retry[- ]after:? *(\d+(?:\.\d+)?)", re.IGNORECASE)
_PROCESS = regex(
    rf"^(?:[A-Z][A-Za-z]+: )?process (?P<command>{QUOTED}) did not complete(?: successfully)?:? ?(?P<how>.*)$"
)
"""A step that failed: its command stands in quotes, what became of it behind them."""

_SHELL = "/bin/sh -c "

_FOREIGN = regex(r"exec \S+: exec format error")
"""All that a step says which the engine could not start."""

_NOISE = regex(r"^failed to compute cache key: (failed to calculate checksum of ref \S+: )?(?=.)")
"""What BuildKit was about when a file was not there; its names are of this build only."""

_OF_THE_FILE = regex(r"the Dockerfile cannot be empty|dockerfile parse error|file with no instructions")
"""What is wrong with a whole Dockerfile: BuildKit shows no line of it, and does not name it."""

_HICCUP = regex(r"no such job|already exists")
_ENTITLED = regex(r"(network\.host|security\.insecure|device\b\S*) is not allowed(?P<ever> by the build daemon)?")
"""A privilege that a step asks for and its target does not, or that this builder never gives."""

_CRASH = regex(r"^(panic|fatal error|SIG[A-Z]+): .*")
_LOST = {255: "its plugin was killed", 129: "it was hung up", 130: "it was interrupted", 137: "it was killed"}
_LOST |= {143: "it was terminated"}


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why a bake call failed: which target ("" if none is known), the problem, and its class.

    `kind` is one of `build`, `network`, `registry`, `engine`, `usage`, `timeout`. `wait` are the seconds that a
    registry asked to wait, 0 where it said nothing. `refused` says that bake built nothing, for something in one of the
    targets, which it does not name. `is_hiccup` says that the engine forgot the build, or fell over its own feet, as
    under load: it is always tried again.
    """

    target: str
    problem: BuildmatrixError
    kind: str
    wait: float = 0.0
    refused: bool = False
    is_hiccup: bool = False

    @property
    def may_pass(self) -> bool:
        """Whether another attempt may work: the network's and the engine's troubles pass, a Dockerfile's do not."""
        return self.kind in {"network", "engine"}


def explain(progress: Progress, plan: Plan, asked: Sequence[str] = (), *, said: bool, code: int = 1) -> Failure:
    """Return what failed of the call that was to build what is `asked`.

    `said` is whether bake's words were gathered; else the terminal has shown them already. `code` is how docker ended.
    """
    words = [line for line in progress.words if line.strip()]
    last = _last_words(words)
    first = _first_failed(last, progress)
    if not first and (death := _death(code, words)):
        return Failure(
            target="", problem=_engine(f"docker buildx did not end by itself: {death}", _DEATH_HINT), kind="engine"
        )
    if first:
        last = progress.tracks[first].error
    culprit = first or _failed_target(last, progress, plan)
    failed = culprit or (asked[0] if len(asked) == 1 and last else "")
    log = "\n".join(progress.tracks[failed].log) if failed else ""
    if failed:
        progress.tracks[failed].log += [line for line in words if line not in last and not line.startswith("WARNING")]
    found = _class_of(_short(last), words, log)
    step = (progress.tracks[failed].failed_step if failed else "") or _step_in(_short(last))
    line = _line(plan, failed, words, step) if failed in plan.by_name else 0
    if failed in plan.by_name and (why := not_handed_on(plan, failed, _short(last))):
        found = found._replace(hint=why)
    if failed and (left := incomplete(plan, failed, progress.tracks[failed])):
        found = found._replace(hint="\n".join(part for part in (found.hint, left) if part))
    problem = _problem(found, last.removeprefix("ERROR: "), failed, plan, line=line if said else -1)
    refused = said and not culprit and not progress.began and found.kind in {"build", "usage"}
    wait = _asked_wait(" ".join(words))
    hiccup = said and found.kind == "engine" and _HICCUP.search(_cause(last) if failed else last) is not None
    return Failure(target=failed, problem=problem, kind=found.kind, wait=wait, refused=refused, is_hiccup=hiccup)


def _line(plan: Plan, failed: str, words: list[str], step: str) -> int:
    """Return the line of the Dockerfile that failed, 0 if none is known.

    Of a step that several builds wait for, BuildKit shows its lines to one of them only.
    """
    target = plan.by_name[failed]
    return line_told(words, target) or (line_of(target, plan.directory, step) if step else 0)


def _step_in(said: str) -> str:
    """Return the RUN whose command stands in an error: nothing else names the step where no progress is told."""
    found = _PROCESS.match(said)
    try:
        return f"RUN {json.loads(found['command']).removeprefix(_SHELL)}" if found else ""
    except ValueError:  # Go quotes some characters as JSON does not
        return ""


_DEATH_HINT = "nothing is wrong with the build: was this machine short of memory (dmesg), or did somebody end docker?"


def _engine(message: str, hint: str) -> EngineError:
    return EngineError(Diagnostic(message=message, code="engine", hint=hint))


def _death(code: int, words: list[str]) -> str:
    """Return how docker or its plugin died, "" if it ended by itself."""
    if crash := next((found[0] for line in words if (found := _CRASH.match(line))), ""):
        return f"it crashed ({crash})" if any(line.startswith("goroutine ") for line in words) else ""
    if code < 0:
        return f"killed by signal {-code}"
    return _LOST.get(code, "")


def _last_words(words: list[str]) -> str:
    """Return bake's error, of several lines where a registry's own words are in it; else its last line."""
    starts = [place for place, line in enumerate(words) if line.startswith("ERROR")]
    return " ".join(words[starts[-1] :]) if starts else words[-1] if words else ""


def is_passing(said: str) -> bool:
    """Tell whether what buildx said is a trouble of network or registry that may pass."""
    return _PASSING.search(said) is not None and _DENIED.search(said) is None


def _asked_wait(text: str) -> float:
    found = _RETRY_AFTER.search(text)
    return float(found[1]) if found else 0.0


def _first_failed(last: str, progress: Progress) -> str:
    """Return whose step failed where bake's last words are of what that ended, "" if they are the failure's own.

    A step's failure ends all else in the call, and with much to do the word of another one's end may come first.
    """
    found = _TARGET.match(last)
    named = progress.known(found[1]) if found else ""
    track = progress.tracks[named] if named else Track()
    if not is_canceled(last) and (track.error or not track.failed_step):
        return ""
    failed = (name for name, track in progress.tracks.items() if track.error)
    return named if track.error else next(failed, "")


def _failed_target(last: str, progress: Progress, plan: Plan) -> str:
    """Return whose step failed: bake may name one that depends on it."""
    found = _TARGET.match(last)
    named = progress.known(found[1]) if found else ""
    failed = [name for name, track in progress.tracks.items() if track.failed_step]
    if named and named not in failed:
        within = {target.name for target in with_links(plan, [named])} if named in plan.by_name else {named}
        return next((name for name in failed if name in within), named)
    only = next(iter(progress.tracks)) if len(progress.tracks) == 1 and last else ""
    return named or next(iter(failed), only)


def _problem(found: "_Class", last: str, failed: str, plan: Plan, *, line: int) -> BuildmatrixError:
    """Return the problem; `line` is that of the Dockerfile, 0 where none is known, -1 where bake's words are not."""
    if line < 0:
        message = f"{failed} failed: its words are above" if failed else "the build failed: its words are above"
        return BuildFailedError(Diagnostic(message=message, code="failed"))
    place = plan.by_name[failed].place if failed else None
    line = line or (1 if failed and _OF_THE_FILE.match(_short(last)) else 0)
    if line:
        place = place_in(plan.by_name[failed], plan.directory, line)
    message = f"{failed} failed: {_cause(last)}" if failed else last or "bake failed"
    return found.error(Diagnostic(message=message, code=found.code, place=place, hint=found.hint))


def _cause(last: str) -> str:
    """Return what became of a step, without its command; else all that BuildKit says of a failure."""
    step = _PROCESS.match(_short(last))
    return (step["how"] if step else "") or _NOISE.sub("", _short(last))


class _Class(NamedTuple):
    """A class of problems: its error, its code, the kind of the failure, and what to do."""

    error: type[BuildmatrixError]
    code: str
    kind: str
    hint: str = ""


_BUILD = _Class(BuildFailedError, "failed", "build")
_ENGINES = _Class(EngineError, "engine", "engine", "see docker buildx ls and docker buildx inspect")
_DISKS = _Class(
    EngineError,
    "disk",
    "engine",
    "make room where that is, on this machine or the engine's: docker buildx du, and prune",
)
_CACHES = _Class(
    EngineError,
    "disk",
    "engine",
    "write a local cache to a directory that this run may write, and that nothing else writes or empties meanwhile",
)
_MENDED = (
    "something is gone from the builder's cache, as where a run was killed; if it stays so, empty it:\n"
    "docker buildx prune --all --force --builder NAME (without --all it is not mended)"
)
_QEMU = "the builder has no QEMU for this platform: docker run --privileged --rm tonistiigi/binfmt --install all"


def _class_of(text: str, words: list[str], log: str) -> _Class:
    """Return the class of bake's error, the surest sign first. What people wrote, or a step printed, is not a sign."""
    if "additional privileges requested" in text:
        return _Class(UsageError, "allow", "usage", _privileges(words))
    if step := _PROCESS.match(text):
        return _class_of_step(step["how"], log)
    entitled = _ENTITLED.search(outside_quotes(text))
    if entitled or text.startswith("dockerfile parse error"):
        return _BUILD._replace(hint=_entitlement(entitled[1], ever=bool(entitled["ever"])) if entitled else "")
    bare = outside_quotes(text)
    kind = "network" if is_passing(bare) else ""
    if disk := _class_of_disk(bare):
        return disk
    if _REGISTRY.search(bare):
        return _Class(RegistryError, "registry", "network" if is_passing(text) else "registry", registry_hint(text))
    found = _ENGINES if _ENGINE.search(bare) else _BUILD
    return found._replace(kind=kind or found.kind, hint=_MENDED if _BROKEN.search(bare) else found.hint)


def _class_of_disk(bare: str) -> _Class | None:
    if "builder last activity time" in bare:  # which buildx notes in its own directory
        return _DISKS._replace(hint="set BUILDX_CONFIG to a directory that can be written")
    if _DISK.search(bare):
        read_only = _READ_ONLY.search(bare)
        return _DISKS._replace(hint="what is written to is mounted read-only") if read_only else _DISKS
    return _CACHES if _LOCAL_CACHE.search(bare) else None


def _entitlement(name: str, *, ever: bool) -> str:
    if ever:
        return f"the builder was started without it: buildkitd --allow-insecure-entitlement {name}"
    return f'a RUN asks for it: write entitlements = ["{name}"] in the target, and run apply --allow={name}'


def _class_of_step(how: str, log: str) -> _Class:
    """A step that failed is the Dockerfile's, unless the engine took it away, or could not run it at all."""
    if _FOREIGN.fullmatch(log.strip()):
        return _Class(EngineError, "platform", "usage", _QEMU)
    return _ENGINES if _ENGINE.search(how) else _BUILD


def _short(last: str) -> str:
    words = _TARGET.sub("", "ERROR: " + last.removeprefix("ERROR: "))
    return words.removeprefix("ERROR: ").removeprefix("failed to solve: ").strip()


def _privileges(words: list[str]) -> str:
    return "\n".join(line.strip() for line in words if line.strip().startswith(("- ", "Pass ")))


def incomplete(plan: Plan, name: str, track: Track) -> str:
    """Return in words which directories a target has begun to write and not ended, "" if there are none."""
    outputs: tuple[Any, ...] = plan.by_name[name].settings.output or ()
    begun = track.exports and not all(track.exports.values())
    dests = [output.dest for output in outputs if getattr(output, "dest", None) and not is_archive(output)]
    full = [dest for dest in dests if begun and _is_full(Path(plan.directory, dest))]
    left = f"{' and '.join(dests)} may be incomplete" if dests and begun else ""
    return left + (f": the disk of {full[0]} is full" if full else "")


def _is_full(path: Path) -> bool:
    try:
        disk = os.statvfs(path)
    except OSError:
        return False
    return disk.f_bavail * disk.f_frsize < FULL
