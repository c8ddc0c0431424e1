"""Running a plan: as few bake calls as its order allows, watched until they end."""

import json
import shlex
import tempfile
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from buildmatrix.build.bake import bake_document, bake_text
from buildmatrix.build.failure import explain
from buildmatrix.build.outcome import Outcome, Status, TargetOutcome
from buildmatrix.build.preflight import Facts
from buildmatrix.build.process import Programs
from buildmatrix.build.progress import Listener, Progress, Track
from buildmatrix.errors import BuildmatrixError, Diagnostic, StoppedError
from buildmatrix.plan.model import Plan, PlannedTarget
from buildmatrix.plan.outputs import writes_tags

ProgressStyle = Literal["auto", "plain", "tty", "quiet", "rawjson"]
BAKE_FILE, METADATA_FILE = "docker-bake.json", "metadata.json"


@dataclass(frozen=True, kw_only=True)
class ApplyOptions:
    """How to run the plan; the flags of bake, by their names."""

    builder: str | None = None
    no_cache: bool = False
    pull: bool = False
    progress: ProgressStyle = "auto"
    allow: tuple[str, ...] = ()
    provenance_in_metadata: bool = False


@dataclass(frozen=True, kw_only=True)
class Call:
    """One bake call: what it builds, its bake file, and the command (run in the plan's directory).

    The names are the bake file's group `default`, so that the command stays short with thousands of targets.
    """

    names: tuple[str, ...]
    within: tuple[str, ...]
    """All targets in the bake file: the names, and what they build upon."""

    folder: Path
    bake: str
    command: tuple[str, ...]


def calls(plan: Plan, options: ApplyOptions, facts: Facts | None, folder: str = "") -> list[Call]:
    """Return the calls that build a plan in order: one, unless `needs` asks for something to be finished first.

    `folder` is put before the names of the bake file and the metadata file. Without `facts` every flag is given.
    """
    found = []
    for number, names in enumerate(_waves(plan), start=1):
        sub = Path(folder, str(number)) if folder else Path()
        files = ["-f", str(sub / BAKE_FILE), "--metadata-file", str(sub / METADATA_FILE)]
        document = bake_document(plan, names)
        call = Call(
            names=names,
            within=tuple(document["target"]),
            folder=sub,
            bake=bake_text(document),
            command=("docker", "buildx", "bake", *files, *_flags(plan, options, facts)),
        )
        found.append(call)
    return found


def _waves(plan: Plan) -> list[tuple[str, ...]]:
    """Return the exported targets by call: one call later than what they need, no earlier than what they build upon."""
    level: dict[str, int] = {}
    for target in plan.targets:
        upon = [level[name] for name in target.links if name in level]
        after = [level[name] + 1 for name in target.needs if name in level]
        level[target.name] = max([0, *upon, *after])
    waves: dict[int, list[str]] = {}
    for target in plan.targets:
        if target.exported:
            waves.setdefault(level[target.name], []).append(target.name)
    return [tuple(waves[number]) for number in sorted(waves)]


def _flags(plan: Plan, options: ApplyOptions, facts: Facts | None) -> list[str]:
    flags = ["--progress", "rawjson" if options.progress == "auto" else options.progress]
    if options.builder:
        flags += ["--builder", options.builder]
    flags += ["--no-cache"] if options.no_cache else []
    flags += ["--pull"] if options.pull else []
    minor = facts.buildx.release[1] if facts and facts.buildx.major == 0 else 99
    wanted = dict.fromkeys([*(grant.value for grant in plan.grants), *options.allow])
    for value in wanted:
        if minor >= (20 if value.startswith("fs") else 17):
            flags += ["--allow", value]
    return flags


def dry_run(plan: Plan, options: ApplyOptions) -> str:
    """Return the commands and the bake files that `apply` would use, as text."""
    planned = calls(plan, options, None)
    parts = []
    for number, call in enumerate(planned, start=1):
        head = f"# call {number} of {len(planned)}\n" if len(planned) > 1 else ""
        parts.append(f"{head}{shlex.join(call.command)}\n\n# {BAKE_FILE}\n{call.bake}")
    return "\n".join(parts)


def apply(plan: Plan, options: ApplyOptions, facts: Facts, programs: Programs, listener: Listener) -> Outcome:
    """Build a plan and return what became of each target; a failure is in the outcome's `problem`.

    The bake files live in a temporary directory that is gone when this returns.
    """
    start = time.monotonic()
    found: dict[str, TargetOutcome] = {}
    metadata: dict[str, Any] = {}
    problem: BuildmatrixError | None = None
    with tempfile.TemporaryDirectory(prefix="buildmatrix-") as folder:
        for call in calls(plan, options, facts, folder):
            run = _Run(plan, call, options, programs, listener)
            problem = run.go()
            metadata |= run.metadata()
            found |= {outcome.name: outcome for outcome in run.outcomes(metadata)}
            if problem is not None:
                break
    targets = tuple(found.get(target.name) or _outcome(target, "skipped") for target in plan.targets)
    return Outcome(targets=targets, seconds=time.monotonic() - start, metadata=metadata, problem=problem)


class _Run:
    """One bake call, started, watched and explained."""

    def __init__(self, plan: Plan, call: Call, options: ApplyOptions, programs: Programs, listener: Listener) -> None:
        self._plan, self._call, self._programs = plan, call, programs
        self._watched = options.progress == "auto"
        self._environment = {} if options.provenance_in_metadata else {"BUILDX_METADATA_PROVENANCE": "disabled"}
        self.progress = Progress(call.within, listener)
        self.failed = ""

    def go(self) -> BuildmatrixError | None:
        """Run the call; what went wrong, or None."""
        self._call.folder.mkdir()
        (self._call.folder / BAKE_FILE).write_text(self._call.bake, encoding="utf-8")
        self._make_folders()
        on_line = self.progress.line if self._watched else None
        ended = self._programs.watch(
            self._call.command, cwd=self._plan.directory, on_line=on_line, more=self._environment
        )
        if ended.stopped:
            return StoppedError(Diagnostic(message="stopped", code="stopped"))
        if ended.code == 0:
            return None
        self.failed, problem = explain(self.progress, self._plan, said=self._watched)
        return problem

    def _make_folders(self) -> None:
        """Make the folders that files are written into; buildx makes those of local outputs only."""
        for target in map(self._plan.by_name.__getitem__, self._call.names):
            for output in target.settings.output or ():
                if dest := getattr(output, "dest", None):
                    Path(self._plan.directory, dest).parent.mkdir(parents=True, exist_ok=True)

    def metadata(self) -> dict[str, Any]:
        """Return bake's metadata by target; empty after a failure."""
        try:
            found: dict[str, Any] = json.loads((self._call.folder / METADATA_FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found

    def outcomes(self, metadata: Mapping[str, Any]) -> Iterable[TargetOutcome]:
        """Return the outcome of each target that the call had in hand."""
        succeeded = bool(metadata) or not self._watched
        for name, track in self.progress.tracks.items():
            digest = metadata.get(name, {}).get("containerimage.digest", "")
            status = self._status(name, track, succeeded=succeeded)
            yield _outcome(self._plan.by_name[name], status, track, digest)

    def _status(self, name: str, track: Track, *, succeeded: bool) -> Status:
        if name == self.failed:
            return "failed"
        if not succeeded:
            return "stopped" if track.started else "skipped"
        return "built" if track.ran or not self._watched else "cached"


def _outcome(target: PlannedTarget, status: Status, track: Track | None = None, digest: str = "") -> TargetOutcome:
    failed = status == "failed" and track is not None
    return TargetOutcome(
        name=target.name,
        declared=target.declared,
        status=status,
        exported=target.exported,
        platforms=target.platforms,
        tags=target.tags if target.exported and writes_tags(target.settings) else (),
        seconds=round(track.seconds, 1) if track else 0.0,
        digest=digest,
        failed_step=track.failed_step if failed and track else "",
        excerpt="\n".join(track.log) if failed and track else "",
    )
