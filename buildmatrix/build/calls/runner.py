"""A bake call that runs: its files, its process, and who reads what it says."""

import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import field
from pathlib import Path
from typing import Any, Literal

from buildmatrix.build.calls.archives import Archives
from buildmatrix.build.calls.batches import BAKE_FILE, METADATA_FILE, Call, command_of, text_of, variables_of
from buildmatrix.build.live import Live, Told
from buildmatrix.build.results import Run
from buildmatrix.engine.preflight import not_allowed
from buildmatrix.engine.progress.dockerfiles import Dockerfiles
from buildmatrix.engine.progress.events import Line, Listener
from buildmatrix.engine.progress.rawjson import Documents, passed_on
from buildmatrix.engine.progress.reader import Progress
from buildmatrix.errors import Diagnostic
from buildmatrix.plan.access.entitlements import entitlements_of
from buildmatrix.plan.policy import Policy
from buildmatrix.process import Watched, written_in
from buildmatrix.records import dataclass
from buildmatrix.spec.toml.plain import table_of


@dataclass()
class Unit:
    """A call that is to be made: `attempt` counts from 1; it does not start before `after` (monotonic)."""

    call: Call
    attempt: int = 1
    after: float = 0.0
    resumes: bool = False
    """Whether it goes on with what was begun: it starts even where nothing new does."""


@dataclass()
class Running:
    """A call that runs."""

    unit: Unit
    watched: Watched
    live: Live
    folder: Path
    started: float
    archives: Archives
    ended_for: Literal["", "timeout", "stopped"] = ""
    late: str = ""
    """The target that took too long."""
    merged: dict[str, str] = field(default_factory=dict)
    """The digests of indexes that the registry was asked for, "" where they are not what this call pushed."""
    code: int = 0
    """How docker ended; negative: by that signal."""
    metadata: dict[str, Any] = field(default_factory=dict)

    @property
    def progress(self) -> Progress:
        """What is known of its targets."""
        return self.live.progress


Hand = Callable[[Callable[[str], None], str], None]


class Starter:
    """Starts calls: each in a directory of its own, and with a thread of its own that reads it and decides nothing."""

    def __init__(self, run: Run, policy: Policy, tell: Listener, told: Told, hand: Hand) -> None:
        """Take the run, who is told of what calls say, and what was told already.

        To `hand` a reader of lines is given with each line, by the threads that read the calls.
        """
        self._run, self._policy, self._tell, self._told = run, policy, tell, told
        self._hand = hand
        self.programs = run.programs
        self._files = Dockerfiles(run.plan)
        self._count = 0
        self.opens_archives = policy.progress == "auto"
        """Whether bake is given archives as open files; in other styles it wants what is outside to be allowed."""

    def start(self, unit: Unit, own: Collection[str], ended: Callable[[Running, int], None]) -> Running:
        """Start a call; `own` are the targets that no other one builds.

        `ended` is told its exit code, by the thread that reads it. EngineError if it cannot start.
        """
        archives = Archives()
        text = self._text(unit.call, archives)
        live = Live(self._run.plan, unit.call, self._run.engine.builder, self._tell, self._told, self._files)
        live.owns(own, unit.attempt)
        if self._policy.progress != "auto":
            live.begin_all()
        folder, watched = self._watched(unit.call, text, self._handed(self._reader(live, unit.call)))
        began = time.monotonic() - self._run.start
        running = Running(unit=unit, watched=watched, live=live, folder=folder, started=began, archives=archives)
        threading.Thread(target=_follow, args=[running, ended], daemon=True).start()
        return running

    def _watched(self, made: Call, text: str, on_line: Callable[[str], None] | None) -> tuple[Path, Watched]:
        """Return a call that runs, and the directory of its files: the one that was started ahead, if it is that."""
        run, ahead = self._run, self._run.ahead
        on_output = self._handed(None if made.asks and self._policy.progress == "auto" else self._pass_on)
        if ahead and on_line and on_output:
            command = command_of(run.plan, made, self._policy, run.engine, str(ahead.folder))
            if watched := ahead.taken(command, self.programs, text, to=(on_line, on_output)):
                return ahead.folder, watched
        self._count += 1
        folder = run.folder / str(self._count)
        with written_in(folder):
            folder.mkdir()
            (folder / BAKE_FILE).write_text(text, encoding="utf-8")
        return folder, self.programs.watch(
            command_of(run.plan, made, self._policy, run.engine, str(folder)),
            cwd=run.plan.directory,
            on_line=on_line,
            on_output=on_output,
            more=variables_of(self._policy),
        )

    def refused(self, made: Call) -> list[Diagnostic]:
        """Return what a call may not read or write as the disk is now: a target before it may have written links."""
        within = map(self._run.plan.by_name.__getitem__, made.within)
        return list(not_allowed(entitlements_of(within, self._run.plan.directory), self._policy.options.allow))

    def _text(self, made: Call, archives: Archives) -> str:
        """Return the bake file of a call; what its targets are to be written into is there then."""
        with written_in(self._run.folder):
            self._make_folders(made)
            renamed = self._run.first_tags.renamed(self._run.plan)
            plan = archives.redirected(renamed, made) if self.opens_archives else renamed
        return text_of(plan, made, self._policy.options)

    def _make_folders(self, made: Call) -> None:
        """Make the directories that files are written into; buildx makes those of local outputs only."""
        plan = self._run.plan
        for target in map(plan.by_name.__getitem__, made.names):
            for output in target.settings.output or ():
                if dest := getattr(output, "dest", None):
                    Path(plan.directory, dest).parent.mkdir(parents=True, exist_ok=True)

    def _handed(self, take: Callable[[str], None] | None) -> Callable[[str], None] | None:
        return (lambda line: self._hand(take, line)) if take else None

    def _pass_on(self, line: str) -> None:
        self._tell(Line(text=passed_on(line)))

    def _reader(self, live: Live, made: Call) -> Callable[[str], None] | None:
        """Return what reads a call's lines: buildx's own styles are passed on, and read for its last words.

        Several calls speak at once: each `plain` line says whose it is, and a document of `rawjson` stays in one piece.
        """
        if self._policy.progress == "auto":
            return live.line
        if self._policy.progress == "tty":
            return None
        documents, whose = Documents(), self._whose(made)

        def both(line: str) -> None:
            whole = documents.whole(line) if self._policy.progress == "rawjson" else line and f"{whose}{line}"
            if whole is not None:
                self._pass_on(whole)
            live.progress.line(line)

        return both

    def _whose(self, made: Call) -> str:
        """Return what stands before the lines of a call; "" for one that builds all that is exported."""
        exported = sum(target.exported for target in self._run.plan.targets)
        if self._policy.progress != "plain" or len(made.names) >= exported:
            return ""
        more = f" and {len(made.names) - 1} more" if made.names[1:] else ""
        return f"{made.names[0]}{more} | "


def _follow(running: Running, ended: Callable[[Running, int], None]) -> None:
    code = 1
    try:
        code = running.watched.wait()
    finally:
        ended(running, code)


def metadata_of(running: Running, keys_in_bake: Mapping[str, str]) -> dict[str, Any]:
    """Return bake's metadata by Build; empty where the call failed. `keys_in_bake` tells what bake's names mean."""
    try:
        found = table_of((running.folder / METADATA_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {keys_in_bake.get(name, name): value for name, value in found.items() if isinstance(value, dict)}
