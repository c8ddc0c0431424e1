"""What became of a run: one outcome for each target of the plan, with its attempts and steps."""

from collections.abc import Mapping
from dataclasses import field
from typing import Any, Literal

from buildmatrix.errors import BuildmatrixError, Diagnostic, Place
from buildmatrix.records import dataclass

Status = Literal["built", "cached", "unchanged", "checked", "failed", "stopped", "skipped"]
"""`unchanged`: an earlier run built it, and nothing changed since (`--resume`). `checked`: its `call` was answered, and
nothing was built. `stopped`: it was running when the run was ended. `skipped`: it was not started."""


Origin = Literal["registry", "lock", "plan", "name", ""]
"""Who knows the digest of an image."""


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One try at a target. `started` are seconds from the run's start; `problem` is "" if it worked.

    `kind` is the class of the problem: `build` (its Dockerfile), `check`, `network`, `registry`, `engine`, `timeout`,
    `usage`; `retried_in` are the seconds that were waited for the next attempt, 0 if there was none.
    """

    number: int
    started: float
    seconds: float
    problem: str = ""
    kind: str = ""
    retried_in: float = 0.0


@dataclass(frozen=True, kw_only=True)
class StepOutcome:
    """A step that has ended: `at` as in `linux/amd64 2/5`, `text` as in `RUN make`.

    `started` are seconds from the run's start. `node` is the builder's node that ran it, "" where that is not known.
    """

    at: str
    text: str
    started: float
    seconds: float
    cached: bool = False
    error: str = ""
    node: str = ""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something that a check found, or that a build warned of: `rule` is "" for an error.

    `place` is in the Dockerfile, or in the spec that holds it; `file`, from the repository's root, and `line`, from 1,
    say the same: the reports fill them in. `line` is 0 where none is known.
    """

    rule: str
    message: str
    place: Place | None = None
    url: str = ""
    file: str = ""
    line: int = 0

    @property
    def where(self) -> str:
        """`Dockerfile:2`, as far as it is known."""
        return f"{self.file or 'line '}{':' if self.file else ''}{self.line}" if self.line else self.file

    @property
    def text(self) -> str:
        """The finding on one line: `Dockerfile:2: what is wrong (Rule, URL)`."""
        rule = ", ".join(part for part in (self.rule, self.url) if part)
        parts = (self.where, " ".join(self.message.split()))
        return ": ".join(filter(None, parts)) + (f" ({rule})" if rule else "")


@dataclass(frozen=True, kw_only=True)
class Pin:
    """An external image by its short name (`busybox:latest`), the digest that a run takes it by, and for which targets.

    `origin` says who knows the digest: the registry when the run began, the lock file, a saved plan, or the name
    itself. Where nobody does, `digest` and `origin` are "", and `reason` says why. `instead` is what the user's own
    source policy takes in its place, "" for the image itself.
    """

    name: str
    targets: tuple[str, ...]
    digest: str = ""
    origin: Origin = ""
    instead: str = ""
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class BuildOutcome:
    """What became of one Build: `name` is its key, `target` the name of its target.

    `started` are seconds from the run's start, `seconds` those from its first step to its last, 0 if it did not
    start. `digest` is that of the image or index, "" if nothing was written that has one; `index` that of the index
    which several Builds were joined into, "" for a target that is one Build. `tags` are those that point at it now:
    none where publishing was held back; they have the `carried_over` platforms as well, which were not built but taken
    over from what the tags held; `tags_left_to` are those, in full, that a later target writes in its place, which is
    named. `size` are the bytes of all that a registry holds of it, or of the archive; 0 where it is not known. `reason`
    says why it failed, was skipped, or stopped. `log` is the path of its full log, "" if none was asked for. `call` is
    what was asked instead of a build, "" for a build; `findings` are a check's, `answer` is the text of any other.
    `depends_on` and `needs` are the Builds of the plan that it depends on, and that come first.

    Only a failed target has a `failed_step`, an `excerpt` (the last lines of the log, then the Dockerfile's), a `hint`
    of what to do, and a `place`: in its Dockerfile, or in the spec. `failed_file`, from the repository's root, and
    `failed_line` say the same of a Dockerfile; the reports fill them in. `problem` is that of the run's problems of
    which all is said with the target; None where it failed for another one's.
    """

    name: str
    target: str
    declared: str
    status: Status
    exported: bool
    platforms: tuple[str, ...]
    tags: tuple[str, ...]
    depends_on: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    started: float = 0.0
    seconds: float = 0.0
    digest: str = ""
    index: str = ""
    carried_over: tuple[str, ...] = ()
    tags_left_to: Mapping[str, str] = field(default_factory=dict)
    size: int = 0
    failed_step: str = ""
    excerpt: str = ""
    place: Place | None = None
    failed_file: str = ""
    failed_line: int = 0
    reason: str = ""
    hint: str = ""
    problem: Diagnostic | None = None

    @property
    def published(self) -> str:
        """The digest of what its tags point at, which for one of several Builds is their index; else its own."""
        return (self.tags and self.index) or self.digest

    log: str = ""
    call: str = ""
    findings: tuple[Finding, ...] = ()
    answer: str = ""
    attempts: tuple[Attempt, ...] = ()
    steps: tuple[StepOutcome, ...] = ()


Kind = Literal["reused", "staging", "stuck"]
"""`reused`: a staging tag that the next run uses again. `stuck`: a tag that was moved, and not back."""

_CALLED: Mapping[Kind, str] = {
    "reused": "a staging tag, which the next run uses again",
    "staging": "a staging tag",
    "stuck": "moved, and could not be moved back",
}


@dataclass(frozen=True, kw_only=True)
class Leftover:
    """A tag in a registry that nobody asked for and that could not be removed; `because` is "" where that is told.

    As text: `localhost:5000/app:buildmatrix-1f2e (a staging tag)`.
    """

    tag: str
    kind: Kind
    because: str = ""

    def __str__(self) -> str:
        return f"{self.tag} ({_CALLED[self.kind]})"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a run.

    `started` is the wall clock's time (RFC 3339, UTC), `seconds` are those of the whole run, by a clock that does not
    jump. `metadata` is bake's own, by target; `problem` is what ended the run early, or made it fail. `publish` says
    what became of the tags, "" where they were pushed with the images.
    `warnings` are BuildKit's about Dockerfiles, each once, however many targets share the file. `pins` are the digests
    that external images were taken by.
    """

    targets: tuple[BuildOutcome, ...]
    seconds: float
    started: str = ""
    builder: str = ""
    nodes: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    problem: BuildmatrixError | None = None
    publish: str = ""
    left_behind: tuple[Leftover, ...] = ()
    warnings: tuple[Finding, ...] = ()
    pins: tuple[Pin, ...] = ()
