"""The Plan: every target expanded, rendered, checked and ordered. What comes after only reads it."""

from collections.abc import Iterable, Mapping
from dataclasses import field
from functools import cached_property
from typing import Any, Literal

from buildmatrix.errors import Diagnostic, Place, Pointer
from buildmatrix.records import dataclass
from buildmatrix.soundness import Subject, settings_of
from buildmatrix.spec.rows.builders import DeclaredBuilder
from buildmatrix.spec.rows.options import Apply
from buildmatrix.spec.rows.settings import Settings
from buildmatrix.spec.rows.shapes import row_of
from buildmatrix.spec.rows.tables import Said
from buildmatrix.spec.toml.placed import source_of
from buildmatrix.template.request import OutputMode
from buildmatrix.template.scope import Cell


@dataclass(frozen=True, kw_only=True)
class Reason:
    """Why a target is in the plan: somebody selected it, or `by` (a target) depends on it or needs it first."""

    kind: Literal["selected", "context", "needs"]
    by: str
    """The selector for `selected` ("" where nothing was named), else the name of the dependent target."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedTarget:
    """One target to build, or one cell of a matrix.

    `name` is unique in the plan and is the target's name in the bake file; `declared` is the name in the file.
    `settings` are rendered and checked; `output`, `cache_from`, `cache_to`, `secret`, `ssh` and `attest` hold tables
    and no CSV strings; platforms are normalized; paths are relative to the plan's directory, or absolute.
    `depends_on` are the targets that `contexts` name, `needs` those that only have to come first. A target that is not
    `exported` is built because another one depends on it, and leaves nothing but that. `stage` counts from 1.
    """

    name: str
    declared: str
    cell: Cell
    settings: Settings
    depends_on: tuple[str, ...]
    needs: tuple[str, ...]
    reason: Reason
    exported: bool
    stage: int
    place: Place
    origins: Mapping[Pointer, Place]
    """Where each setting was declared, by attribute and then key or index: `("tags", 0)`."""
    carried_over: tuple[str, ...] = ()
    """The declared platforms that `--platform` leaves out and that its tags nevertheless have to have."""
    left_out: tuple[str, ...] = ()
    """All declared platforms that `--platform` leaves out."""
    parts: tuple[tuple[str, ...], ...] = ()
    """The platforms that are built apart from each other (see `plan/builds.py`); empty where all are built together."""
    variants: tuple["PlannedTarget", ...] = ()
    """The target as it is for some of its platforms each, where its settings differ by platform.

    What is of the whole image (tags, outputs) is in `settings`, which are those of the first variant otherwise.
    """
    bake: str = ""
    tags_left_to: Mapping[str, str] = field(default_factory=dict)
    """The tags, in full, that it does not write since a later target of the plan does, which is named."""
    decision: Literal["build", "skip"] | None = None
    """Whether it is built, where that was decided by what registries hold."""
    because: tuple[str, ...] = ()
    """Why that was decided."""
    moves: tuple[str, ...] = ()
    """The tags that have to be moved to its image, where nothing else is done."""
    volatile: frozenset[Pointer] = frozenset()
    """What of `settings` changes from run to run, whatever the files say: `("labels", KEY)`, `("annotations", 3)`.

    By attribute, then key or index, `("pull",)` for a value that is neither list nor table; in a table of a list also
    by its key, as the file has it: `("output", 0, "annotation.KEY")`. It goes by where a value comes from: see
    `plan/merging/volatile.py`.
    """

    @property
    def each(self) -> tuple["PlannedTarget", ...]:
        """The target as it is built: its variants, or itself."""
        return self.variants or (self,)

    def on(self, platform: str) -> "PlannedTarget":
        """Return the target as it is built for a platform."""
        return next((one for one in self.variants if platform in one.platforms), self)

    @property
    def bake_name(self) -> str:
        """What it is called in a bake file, whose names have few characters."""
        return self.bake or self.name

    @property
    def platforms(self) -> tuple[str, ...]:
        """The declared platforms; empty for the builder's own."""
        return self.settings.platforms or ()

    @property
    def tags(self) -> tuple[str, ...]:
        """The names of the image."""
        return self.settings.tags or ()

    @property
    def leaves_nothing(self) -> bool:
        """Whether it is built for its result, and yet has no output and fills no cache."""
        left = self.settings.output or self.settings.cache_to
        return self.exported and not left and self.settings.call in {None, "build"}

    def place_of(self, *path: str | int) -> Place:
        """Return where a setting was declared: the nearest known place on the path, at last the target's own."""
        if path[1:] and isinstance(path[1], int):
            items = getattr(self.settings, str(path[0]), None)
            path = (path[0], source_of(items, path[1]), *path[2:])
        for length in range(len(path), 0, -1):
            if path[:length] in self.origins:
                return self.origins[path[:length]]
        return self.place

    def basis(self, *attributes: str) -> Subject:
        """Return what is said of these settings, or of any of them, rests on."""
        return settings_of(self.declared, self.name, *attributes)

    def spoken(self, attribute: str) -> str:
        """Return a setting as people write it: `target.app.cache-to`."""
        return f"target.{self.declared}.{row_of(Settings, attribute).key}"


def each_of(targets: Iterable[PlannedTarget]) -> tuple[PlannedTarget, ...]:
    """Return targets as they are built: one whose settings differ by platform several times."""
    return tuple(one for target in targets for one in target.each)


@dataclass(frozen=True, kw_only=True)
class Entitlement:
    """One entitlement that `apply` must allow: bake's `--allow` value, which target asks, and where.

    `automatic` entitlements stay within the repository: buildmatrix gives them to bake by itself. The others reach
    outside or are privileges: `apply` wants them on its command line.
    """

    value: str
    target: str
    place: Place
    automatic: bool


@dataclass(frozen=True, kw_only=True)
class AbsentSecret:
    """An `optional` secret of a target that is not there, and why, on the machine that looked."""

    target: str
    id: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Given:
    """The value of a variable that the command line, a variable file or the environment gave, as it was given.

    With `secret` it is part of a credential, which no saved plan holds; `volatile` says that it is another in each run.
    """

    value: Any
    origin: Literal["--var", "--var-file", "environment"]
    env: str
    secret: bool
    volatile: bool = False


@dataclass(frozen=True, kw_only=True)
class Made:
    """What a plan was made from, beside its files: what is needed to make it again.

    `given` are the variables that it uses, `facts` what templates asked of git, `files` variable files, relative to the
    plan's directory. `home` is the included file whose targets are meant where nothing is selected. `machine` is what
    templates asked of the machine: `now` and `platform`. `bake_files` is what files of `--bake-file` say. `unset` are
    the environment variables that would have given values, and were not set. `only` are the names that were kept of
    what was selected.
    """

    home: str = ""
    set_options: tuple[str, ...] = ()
    output: OutputMode = "declared"
    given: Mapping[str, Given] = field(default_factory=dict)
    facts: Mapping[str, str | bool] = field(default_factory=dict)
    epoch: str | None = None
    machine: Mapping[str, str] = field(default_factory=dict)
    files: tuple[str, ...] = ()
    only: frozenset[str] | None = None
    bake_files: Mapping[str, Said] = field(default_factory=dict)
    unset: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What would be built.

    `directory` is absolute: paths in the plan and the bake file are relative to it. `targets` are in build order:
    by stage, and within a stage as declared. `digests` are the SHA-256 of the files it was made from. `platforms` are
    the `--platform` filter. `excluded` counts the excluded cells of each matrix target, `cells` its cells before
    selection; `axes` are its axes.
    """

    file: str
    directory: str
    digests: Mapping[str, str]
    requires_buildx: tuple[str, ...]
    selectors: tuple[str, ...]
    platforms: tuple[str, ...]
    targets: tuple[PlannedTarget, ...]
    entitlements: tuple[Entitlement, ...]
    matrices: Mapping[str, "MatrixSize"]
    warnings: tuple[Diagnostic, ...]
    apply: Apply = field(default_factory=Apply)
    """What the file says of running it; the command line's flags win."""
    made: Made = field(default_factory=Made)
    absent_secrets: tuple[AbsentSecret, ...] = ()
    """What the plan builds without on this machine; `targets` have these secrets nevertheless."""
    pins: Mapping[str, str] = field(default_factory=dict)
    """The digests of its external images, by short name, as far as somebody has told them."""
    runners: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The labels of the CI system's machines, by platform, glob of platforms, or `default`."""
    builders: Mapping[str, DeclaredBuilder] = field(default_factory=dict)
    """The builders that the file declares."""

    @cached_property
    def stages(self) -> tuple[tuple[PlannedTarget, ...], ...]:
        """The targets by stage: those of a stage can be built at the same time."""
        found: dict[int, list[PlannedTarget]] = {}
        for target in self.targets:
            found.setdefault(target.stage, []).append(target)
        return tuple(tuple(found[stage]) for stage in sorted(found))

    @cached_property
    def each(self) -> tuple[PlannedTarget, ...]:
        """The targets as they are built: one whose settings differ by platform several times."""
        return each_of(self.targets)

    @cached_property
    def by_name(self) -> dict[str, PlannedTarget]:
        """The targets by their names."""
        return {target.name: target for target in self.targets}

    @property
    def skipped(self) -> int:
        """How many targets are not built, since what would be built is there."""
        return sum(target.decision == "skip" for target in self.targets)

    @property
    def moves(self) -> int:
        """How many tags have to move where nothing is built."""
        return sum(len(target.moves) for target in self.targets)

    @property
    def is_done(self) -> bool:
        """Whether there is nothing to do: nothing to build, and no tag to move."""
        return len(self.targets) == self.skipped and not self.moves

    @property
    def platform_builds(self) -> int:
        """How many images of one platform the plan builds; a target without platforms counts as one."""
        return sum(max(1, len(target.platforms)) for target in self.targets)


@dataclass(frozen=True, kw_only=True)
class MatrixSize:
    """A matrix target as declared: its axes' names, its cells, and how many combinations were excluded."""

    axes: tuple[str, ...]
    cells: int
    excluded: int
