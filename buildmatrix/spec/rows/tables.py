"""The file as it is written (tables, one row a key), and the Spec that loading makes of all files."""

from collections.abc import Mapping
from dataclasses import field
from typing import Annotated, Any, Literal

from buildmatrix.errors import Place, Pointer
from buildmatrix.records import dataclass
from buildmatrix.soundness import Subject, members_of
from buildmatrix.spec.rows.builders import BUILDER_NAME, BUILDER_WORDS, Builder, DeclaredBuilder
from buildmatrix.spec.rows.markers import FreeText, MakesCells, NameOf
from buildmatrix.spec.rows.options import Apply
from buildmatrix.spec.rows.platforms import PLATFORM
from buildmatrix.spec.rows.settings import ENV_NAME, NAME, Settings
from buildmatrix.spec.rows.shapes import TEMPLATE, Doc, Examples, Expected, Keys, Keyword, Rest, Table, is_list, rows

PARENT = r"^[A-Za-z0-9_-]+(\[[^\[\]]*\])?$"
_PARENT = "the name of a target (letters, digits, `-` and `_`), or of a cell: NAME[AXIS=VALUE]"
OTHERS = "default"
"""The key of `[runner]` for platforms that no other one names."""

IDENTIFIER = "^[A-Za-z][A-Za-z0-9_]*$"
RUNNER = rf"^({OTHERS}|[^\s,]*[*?\[][^\s,]*|{PLATFORM[2:-2]})$"
_RUNNER = f'"{OTHERS}", or a platform, or a glob of platforms: "linux/arm64", "linux/arm*"'
Selector = Annotated[str, Keyword("minLength", 1)]
Scalar = str | int | float | bool
AxisTemplate = Annotated[str, Keyword("pattern", TEMPLATE), Expected("a list, or a template that gives one")]
CellTable = Annotated[Mapping[str, Any], Keyword("minProperties", 1)]
"""Axis to value (exclude, include) or to glob, list of globs, or table (select)."""


class Variable(Table):
    """A variable with all that can be said of it."""

    templated = False

    default: Annotated[Any, Doc("The value if nothing else gives one; a string may be a template.")] = None
    env: Annotated[
        bool | Annotated[str, *ENV_NAME] | None,
        Doc("The environment variable that gives it: its name, or true for the variable's own name in capitals."),
        Examples("GITHUB_SHA"),
    ] = None
    file: Annotated[
        str | None, Keyword("minLength", 1), Doc("The file whose first line gives it."), Examples("VERSION")
    ] = None
    text: Annotated[
        bool | None, Doc("Take the whole text of `file`, without line breaks at its end, not only its first line.")
    ] = None
    type: Annotated[
        Literal["string", "integer", "number", "boolean", "list"] | None,
        Doc("What it is; taken from the default, else the choices, if unset. A number may have a point."),
    ] = None
    pattern: Annotated[
        str | None, FreeText(), Doc("A regular expression that the value must match."), Examples(r"^\d+\.\d+$")
    ] = None
    choices: Annotated[tuple[Any, ...] | None, Keyword("minItems", 1), Doc("The values that are allowed.")] = None
    optional: Annotated[
        bool | None,
        Doc("It may have no value: what renders to it alone is then as if it were not written."),
    ] = None
    volatile: Annotated[
        bool | None,
        Doc(
            "It changes from run to run, as `git.sha` does: labels and annotations that are made with it, and nothing "
            "else, are not part of the fingerprint."
        ),
    ] = None
    description: Annotated[str | None, Doc("What it is for.")] = None


def _extend_rows() -> dict[str, Any]:
    return {row.attribute: Annotated[row.shape | None, *row.markers] for row in rows(Settings) if is_list(row.shape)}


Extend: Any = type(
    "Extend",
    (Table,),
    {"__doc__": "Lists to append to.", "__annotations__": _extend_rows(), **dict.fromkeys(_extend_rows())},
)


class Matrix(Table):
    """Axes; a target is built once for each combination of their values."""

    exclude: Annotated[
        tuple[CellTable, ...] | None,
        Doc("Combinations to leave out."),
        Examples([{"python": "3.12", "os": "alpine"}]),
    ] = None
    include: Annotated[
        tuple[CellTable, ...] | None,
        Doc("Values to add to the combinations that match; where none matches, a combination to add."),
        Examples([{"python": "3.14", "os": "trixie"}]),
    ] = None
    axes: Annotated[
        Mapping[
            str,
            Annotated[tuple[Any, ...] | AxisTemplate, Doc("The axis's values: a list, or a template that gives one.")],
        ]
        | None,
        Rest(),
    ] = None


class CellSettings(Settings):
    """Settings, and values for their templates."""

    let: Annotated[
        Mapping[str, Any] | None,
        Keys(IDENTIFIER, "a name of letters, digits and _"),
        Doc("Values for the templates of the target, worked out for each cell; a string may be a template."),
        Examples({"distro": "{{ base.split('-')[0] }}"}),
    ] = None


class Override(CellSettings):
    """Settings for some cells of the matrix, or for some platforms."""

    select: Annotated[
        CellTable,
        Doc("Axis or `platform` to value, glob or list; all must match."),
        Examples({"os": "alpine"}),
    ]
    extend: Annotated[Extend | None, Doc("Lists to append to instead of replacing them.")] = None


class Target(CellSettings):
    """A target: its settings, and where they come from."""

    inherits: Annotated[
        tuple[Annotated[str, Keyword("pattern", PARENT), Expected(_PARENT), NameOf("target")], ...] | None,
        Doc(
            "Targets whose settings, matrix, name of cells and overrides are taken; later ones win. Settings alone, "
            "with what they are by platform, are taken of a cell (`NAME[AXIS=VALUE]`, or `NAME[=]` for the own "
            "values), and of what a template names."
        ),
        Examples(["_common"]),
    ] = None
    extend: Annotated[Extend | None, Doc("Lists to append to instead of replacing them.")] = None
    name: Annotated[
        str | None, MakesCells(), Doc("The name of each cell; a template."), Examples("app-{{ python | slug }}")
    ] = None
    matrix: Annotated[
        Matrix | None, MakesCells(), Doc("Axes; the target is built once for each combination of their values.")
    ] = None
    override: Annotated[
        tuple[Override, ...] | None,
        MakesCells(),
        Doc("Settings for some cells of the matrix, or for some platforms: those need no matrix."),
    ] = None


class Checks(Table):
    """How strictly the targets of a run are checked together."""

    templated = False

    duplicate_tags: Annotated[
        Literal["error", "warn", "allow"] | None,
        Doc(
            "What a tag is that several targets or cells of a run write, beyond `shared-tags`: an error (the default), "
            "a warning, or nothing; the last one in the plan's order gets it."
        ),
    ] = None
    duplicate_caches: Annotated[
        Literal["error", "warn", "allow"] | None,
        Doc(
            "What a cache is that several targets or cells of a run write (`cache-to` of one place): an error (the "
            "default), a warning, or nothing; each writes it, and the one that ends last leaves its own."
        ),
    ] = None


class File(Table):
    """A buildmatrix.toml."""

    templated = False

    version: Annotated[Literal[1], Doc("The version of the format: 1.")]
    requires_buildx: Annotated[
        str | None,
        Doc("The versions of buildx that will do: fields newer than the lowest are refused."),
        Examples(">=0.20"),
    ] = None
    include: Annotated[
        tuple[Annotated[str, NameOf("file")], ...] | None,
        Doc("Further files, as globs relative to this one."),
        Examples(["images/*/buildmatrix.toml"]),
    ] = None
    literal: Annotated[
        tuple[str, ...] | None,
        Doc("Variables of other tools (`$NAME`, `${NAME}`, `$(…)`) that are meant as they stand, without a warning."),
        Examples(["$ORIGIN"]),
    ] = None
    apply: Annotated[Apply | None, Doc("How `apply` runs; its flags win. Only in the root file.")] = None
    checks: Annotated[Checks | None, Doc("How strictly targets are checked together. Only in the root file.")] = None
    runner: Annotated[
        Mapping[
            str,
            Annotated[
                Annotated[tuple[Annotated[str, Keyword("minLength", 1)], ...], Keyword("minItems", 1)]
                | Annotated[str, Keyword("minLength", 1)],
                Doc("The label of the machine, or several that it has to have."),
            ],
        ]
        | None,
        Keys(RUNNER, _RUNNER),
        Doc(
            "Which machine of the CI system builds a platform: by the platform, else by the first glob of platforms "
            "that matches; `default` is for all others. A run on one machine builds everything. Only in the root file."
        ),
        Examples({"default": "ubuntu-24.04", "linux/arm*": "ubuntu-24.04-arm"}),
    ] = None
    builder: Annotated[
        Mapping[str, Builder] | None,
        Keys(BUILDER_NAME, BUILDER_WORDS),
        Doc("Builders, for `buildmatrix builder create`, and for `apply` where one is missing. Only in the root file."),
    ] = None
    variable: Annotated[
        Mapping[
            str,
            Annotated[
                Variable | str | int | float | bool | tuple[Any, ...],
                Doc("A value, or a table of what can be said of the variable."),
            ],
        ]
        | None,
        Doc("Values for templates."),
        Examples({"registry": "ghcr.io/acme"}),
    ] = None
    defaults: Annotated[
        CellSettings | None, Doc("Settings laid under those of every target of this file and of the files it includes.")
    ] = None
    target: Annotated[
        Mapping[str, Target] | None, Keys(NAME, "a name of letters, digits, `-` and `_`"), Doc("The images to build.")
    ] = None
    group: Annotated[
        Mapping[str, tuple[Selector, ...]] | None,
        Keys(NAME, "a name of letters, digits, `-` and `_`"),
        Doc(
            "Names for several targets, by selectors, or templates that give some or none; `default` is what is built "
            "when nothing is named. A target may have a group's name: in that group it is the target."
        ),
        Examples({"default": ["app"]}),
    ] = None


@dataclass(frozen=True, kw_only=True)
class Layer:
    """Settings with the place of the table that says them, and whether they replace or append."""

    settings: Any
    """A `Settings`, or an `Extend` with the list rows of it."""
    place: Place
    extend: bool = False


@dataclass(frozen=True, kw_only=True)
class DeclaredOverride:
    """An override with its place, by which it is known, and the target that declares it."""

    owner: str
    table: Override
    place: Place


@dataclass(frozen=True, kw_only=True)
class Making:
    """What makes a target's cells, with what it inherits of that: matrix, the cells' name, overrides of all parents.

    `places` are those of the parts that there are: `("name",)`, `("matrix",)`, `("matrix", AXIS)`.
    """

    matrix: Matrix | None = None
    name: str | None = None
    overrides: tuple[DeclaredOverride, ...] = ()
    places: Mapping[Pointer, Place] = field(default_factory=dict)

    def place(self, *path: str) -> Place:
        """Return the place of a part; where it would stand, if it is not there but the matrix is."""
        if path in self.places:
            return self.places[path]
        around = self.places["matrix",]
        return Place(file=around.file, pointer=(*around.pointer, *path[1:]))


@dataclass(frozen=True, kw_only=True)
class DeclaredTarget:
    """A target of the spec. `defaults` are the layers under it, outermost first; `overlay` are those over it alone."""

    name: str
    table: Target
    place: Place
    defaults: tuple[Layer, ...]
    overlay: tuple[Layer, ...] = ()
    making: Making = Making()

    @property
    def abstract(self) -> bool:
        """Whether it only serves to be inherited."""
        return self.name.startswith("_")

    def declares(self, place: Place) -> bool:
        """Tell whether a place is in its own table, and not in that of a parent."""
        return place.file == self.place.file and place.pointer[:2] == self.place.pointer[:2]

    def parents_in(self, targets: "Mapping[str, DeclaredTarget]") -> list[str]:
        """Return the names of its parents that there are."""
        return [parent for parent in self.table.inherits or () if parent in targets]


@dataclass(frozen=True, kw_only=True)
class DeclaredVariable:
    """A variable of the spec."""

    name: str
    table: Variable
    place: Place

    @property
    def env(self) -> str:
        """The environment variable that gives its value; "" if none does."""
        given = self.table.env
        return given if isinstance(given, str) else self.name.upper() if given else ""


@dataclass(frozen=True, kw_only=True)
class DeclaredGroup:
    """A group of the spec: selectors. It `varies` where templates give some of them: it may be empty in a run."""

    name: str
    members: tuple[str, ...]
    place: Place
    varies: bool = False

    @property
    def basis(self) -> Subject:
        """What rests on it rests on all that it stands for."""
        return members_of(self.name, self.place.file)

    @property
    def holds_own_name(self) -> bool:
        """Whether one of its members is called as it is: within it, that is the target of this name."""
        return any(member.removeprefix("!").partition("[")[0].strip() == self.name for member in self.members)


Said = Mapping[str, Mapping[str, Any]]
"""What a file of `--bake-file` says of each target that it names, as plain data."""


@dataclass(frozen=True, kw_only=True)
class BakeFiles:
    """The files that a run names: `paths`, from the working directory; `kept` is what a saved plan holds of them."""

    paths: tuple[str, ...] = ()
    kept: Mapping[str, Said] = field(default_factory=dict)


NO_FILES = BakeFiles()


@dataclass(frozen=True, kw_only=True)
class Home:
    """The included file that a command is about: the nearest one to where it was called.

    `targets` are those that it declares, and those of its own includes; `default` tells whether it has that group of
    its own.
    """

    file: str
    targets: frozenset[str]
    default: bool


@dataclass(frozen=True, kw_only=True)
class Spec:
    """All that the files declare, checked.

    `file` and the keys of `digests` (SHA-256 of each source) are relative to `directory`. `confidential` are the
    names in the templates that give credentials.
    """

    file: str
    directory: str
    digests: Mapping[str, str]
    requires_buildx: tuple[tuple[str, Place], ...]
    apply: Apply
    checks: Checks = field(default_factory=Checks)
    runners: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Labels by platform, glob of platforms, or `default`, as `[runner]` has them."""
    builders: Mapping[str, DeclaredBuilder] = field(default_factory=dict)
    variables: Mapping[str, DeclaredVariable]
    targets: Mapping[str, DeclaredTarget]
    groups: Mapping[str, DeclaredGroup]
    folder_defaults: tuple[DeclaredGroup, ...] = ()
    """The groups `default` of images' directories: each is what is meant there, and none is in the root's directory."""
    home: Home | None = None
    confidential: frozenset[str] = frozenset()
    bake_files: Mapping[str, Said] = field(default_factory=dict)
    """What each file of `--bake-file` says."""
