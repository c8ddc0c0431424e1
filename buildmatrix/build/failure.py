"""From bake's last words to a problem with an exit code: whose fault it is, and what to do next."""

import re

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
    r"|error writing (manifest|layer) blob",
    re.IGNORECASE,
)
_ENGINE = re.compile(
    r"Cannot connect to the Docker daemon|code = Unavailable|transport is closing|error reading from server"
    r"|no builder .* found|failed to list workers|connection error: desc|failed to find driver|closing transport"
    r"|Multi-platform build is not supported|not supported for the docker driver|context deadline exceeded: rpc",
    re.IGNORECASE,
)
_FOREIGN = re.compile(r"exec format error")


def explain(progress: Progress, plan: Plan, *, said: bool) -> tuple[str, BuildmatrixError]:
    """Return which target failed ("" if none is known) and the problem.

    `said` is whether bake's words were gathered; else the terminal has shown them already.
    """
    words = [line for line in progress.words if line.strip()]
    last = next((line for line in reversed(words) if line.startswith("ERROR")), words[-1] if words else "")
    failed = _failed_target(last, progress)
    log = "\n".join(progress.tracks[failed].log) if failed else ""
    if failed:
        progress.tracks[failed].log += [line for line in words if line != last and not line.startswith("WARNING")]
    return failed, _problem(last.removeprefix("ERROR: "), words, log, failed, plan, said=said)


def _failed_target(last: str, progress: Progress) -> str:
    found = _TARGET.match(last)
    if found and found[1] in progress.tracks:
        return found[1]
    failed = [name for name, track in progress.tracks.items() if track.failed_step]
    return failed[0] if failed else next(iter(progress.tracks)) if len(progress.tracks) == 1 and last else ""


def _problem(last: str, words: list[str], log: str, failed: str, plan: Plan, *, said: bool) -> BuildmatrixError:
    place = plan.by_name[failed].place if failed else None
    message = f"{failed} failed: {_short(last, failed)}" if failed else last or "bake failed"
    if not said:
        return BuildFailedError(Diagnostic(message="the build failed", code="failed", hint="its words are above"))
    if "additional privileges requested" in last:
        return UsageError(Diagnostic(message=message, code="allow", place=place, hint=_privileges(words)))
    if _REGISTRY.search(last):
        return RegistryError(Diagnostic(message=message, code="registry", place=place, hint=_registry_hint(last)))
    if _ENGINE.search(last):
        hint = "see docker buildx ls and docker buildx inspect"
        return EngineError(Diagnostic(message=message, code="engine", place=place, hint=hint))
    if _FOREIGN.search(log) or _FOREIGN.search(last):
        hint = "the builder has no QEMU for this platform: docker run --privileged --rm tonistiigi/binfmt --install all"
        return EngineError(Diagnostic(message=message, code="platform", place=place, hint=hint))
    return BuildFailedError(Diagnostic(message=message, code="failed", place=place, hint=""))


def _short(last: str, failed: str) -> str:
    return last.removeprefix(f"target {failed}: ").removeprefix("failed to solve: ").strip()


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
