"""From bake's last words to a problem with an exit code: whose fault it is, and what to do next."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from buildmatrix.build.bake import with_links
from buildmatrix.build.progress import Progress
from buildmatrix.errors import BuildFailedError, BuildmatrixError, Diagnostic, EngineError, RegistryError, UsageError
from buildmatrix.plan.model import Plan

_TARGET = re.compile(r"^ERROR: target ([A-Za-z0-9_-]+): ")
_HOST = re.compile(
    r'(?:Head|Get|Put|Post|Patch|fetch|authorize|token:?) "?https?://([^/"\s]+)|failed to push ([^/\s]+)/'
)

_REGISTRY = re.compile(
    r"failed to push|failed to authorize|unauthorized|access denied|insufficient_scope|403 Forbidden|401 Unauthorized"
    r"|429 Too Many Requests|toomanyrequests|denied: |http: server gave HTTP response to HTTPS client"
    r"|failed to do request|unexpected status from (HEAD|GET|PUT|POST|PATCH) request"
    r"|error writing (manifest|layer) blob|failed commit on ref|httpReadSeeker: failed open",
    re.IGNORECASE,
)
_ENGINE = re.compile(
    r"Cannot connect to the Docker daemon|code = Unavailable|transport is closing|error reading from server"
    r"|no such job|no builder .* found|failed to list workers|connection error: desc|failed to find driver"
    r"|closing transport"
    r"|Multi-platform build is not supported|not supported for the docker driver|context deadline exceeded",
    re.IGNORECASE,
)
_PASSING = re.compile(
    r"failed to push [^ ]+: (unknown|unavailable)|use of closed network connection"
    r"|429 Too Many Requests|toomanyrequests|\b50[0234] [A-Z]|Internal Server Error|Bad Gateway|Service Unavailable"
    r"|Gateway Time-?out|connection re(fused|set)|broken pipe|unexpected EOF|: EOF|no such host|i/o timeout"
    r"|TLS handshake timeout|network is unreachable|no route to host|server closed idle connection"
    r"|context deadline exceeded|temporary failure in name resolution|connection timed out|unexpected status.*: 5\d\d",
    re.IGNORECASE,
)
_DENIED = re.compile(r"unauthorized|access denied|insufficient_scope|\b40[13] ", re.IGNORECASE)
_RETRY_AFTER = re.compile(r"retry[- ]after:? *(\d+(?:\.\d+)?)", re.IGNORECASE)
_PROCESS = re.compile(r'failed to solve: process "')
_FOREIGN = re.compile(r"exec format error")


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why a bake call failed: which target ("" if none is known), the problem, and its class.

    `kind` is one of `build`, `network`, `registry`, `engine`, `usage`, `timeout`. `wait` are the seconds that a
    registry asked to wait, 0 where it said nothing.
    """

    target: str
    problem: BuildmatrixError
    kind: str
    wait: float = 0.0

    @property
    def is_hiccup(self) -> bool:
        """Whether the engine forgot the build before it began, as it does under load: it is always tried again."""
        return self.kind == "engine" and "no such job" in self.problem.diagnostics[0].message

    @property
    def may_pass(self) -> bool:
        """Whether another attempt may work: the network's and the engine's troubles pass, a Dockerfile's do not."""
        return self.kind in {"network", "engine"}


def explain(progress: Progress, plan: Plan, *, said: bool) -> Failure:
    """Return what failed.

    `said` is whether bake's words were gathered; else the terminal has shown them already.
    """
    words = [line for line in progress.words if line.strip()]
    last = _last_words(words)
    failed = _failed_target(last, progress, plan)
    log = "\n".join(progress.tracks[failed].log) if failed else ""
    if failed:
        progress.tracks[failed].log += [line for line in words if line not in last and not line.startswith("WARNING")]
    problem = _problem(last.removeprefix("ERROR: "), words, log, failed, plan, said=said)
    return Failure(target=failed, problem=problem, kind=_kind(last, problem), wait=_asked_wait(" ".join(words)))


def _last_words(words: list[str]) -> str:
    """Return bake's error, of several lines where a registry's own words are in it; else its last line."""
    starts = [place for place, line in enumerate(words) if line.startswith("ERROR")]
    return " ".join(words[starts[-1] :]) if starts else words[-1] if words else ""


def _kind(last: str, problem: BuildmatrixError) -> str:
    text = _short(last).partition("failed to solve: ")
    if (text[2] or text[0]).startswith(("process ", "dockerfile parse error")):
        return "build"
    if isinstance(problem, UsageError):
        return "usage"
    if is_passing(last):
        return "network"
    if isinstance(problem, EngineError):
        return "engine" if problem.diagnostics[0].code == "engine" else "usage"
    return "registry" if isinstance(problem, RegistryError) else "build"


def is_passing(said: str) -> bool:
    """Tell whether what buildx said is a trouble of network or registry that may pass."""
    return _PASSING.search(said) is not None and _DENIED.search(said) is None


def _asked_wait(text: str) -> float:
    found = _RETRY_AFTER.search(text)
    return float(found[1]) if found else 0.0


def _failed_target(last: str, progress: Progress, plan: Plan) -> str:
    """Return whose step failed: bake may name one that builds upon it."""
    found = _TARGET.match(last)
    named = found[1] if found and found[1] in progress.tracks else ""
    failed = [name for name, track in progress.tracks.items() if track.failed_step]
    if named and named not in failed:
        within = {target.name for target in with_links(plan, [named])} if named in plan.by_name else {named}
        return next((name for name in failed if name in within), named)
    only = next(iter(progress.tracks)) if len(progress.tracks) == 1 and last else ""
    return named or next(iter(failed), only)


def _problem(last: str, words: list[str], log: str, failed: str, plan: Plan, *, said: bool) -> BuildmatrixError:
    place = plan.by_name[failed].place if failed else None
    message = f"{failed} failed: {_short(last)}" if failed else last or "bake failed"
    if not said:
        return BuildFailedError(Diagnostic(message="the build failed", code="failed", hint="its words are above"))
    for kind, code, holds, hint in _classes(last, words, log):
        if holds:
            return kind(Diagnostic(message=message, code=code, place=place, hint=hint()))
    return BuildFailedError(Diagnostic(message=message, code="failed", place=place))


_Class = tuple[type[BuildmatrixError], str, object, Callable[[], str]]


def _classes(last: str, words: list[str], log: str) -> Iterator[_Class]:
    """Yield the classes of problems, the surest first: error, code, whether it is one, and what to do."""
    qemu = "the builder has no QEMU for this platform: docker run --privileged --rm tonistiigi/binfmt --install all"
    yield UsageError, "allow", "additional privileges requested" in last, lambda: _privileges(words)
    yield EngineError, "platform", _FOREIGN.search(log) or _FOREIGN.search(last), lambda: qemu
    yield BuildFailedError, "failed", _PROCESS.search(last), str
    yield RegistryError, "registry", _REGISTRY.search(last), lambda: _registry_hint(last)
    yield EngineError, "engine", _ENGINE.search(last), lambda: "see docker buildx ls and docker buildx inspect"


def _short(last: str) -> str:
    words = _TARGET.sub("", "ERROR: " + last.removeprefix("ERROR: "))
    return words.removeprefix("ERROR: ").removeprefix("failed to solve: ").strip()


def _privileges(words: list[str]) -> str:
    return "\n".join(line.strip() for line in words if line.strip().startswith(("- ", "Pass ")))


def _registry_hint(last: str) -> str:
    found = _HOST.search(last)
    host = next((group for group in found.groups() if group), "") if found else ""
    if re.search("connection refused|no such host|timeout|i/o", last):
        return f"is {host or 'the registry'} there, and can the builder reach it?"
    if re.search("429|toomanyrequests", last, re.IGNORECASE):
        return "the registry limits how much you may ask: log in, or wait"
    if "HTTP response to HTTPS" in last:
        return f"{host or 'the registry'} speaks no TLS: add it to the engine's insecure-registries"
    return f"log in: docker login {host}".rstrip() + ", and check that you may push there"
