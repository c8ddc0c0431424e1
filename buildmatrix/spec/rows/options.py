"""What `apply` can be told: one row for each option, in the order of `apply --help`.

From a row follow its flag, its environment variable, its key in `[apply]`, the target's setting of the same name, which
of them wins (`settled`), the help, the schema and the reference. One without a flag is said in files alone. Adding an
option is adding one row here, and `make generate`.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

from buildmatrix.spec.rows.markers import NoInput, OfImage
from buildmatrix.spec.rows.shapes import Doc, Examples, Expected, Keyword, NotInBake, Row, Table, row_of, rows

M = TypeVar("M")
DURATION_PATTERN = r"^(?=[0-9hm]*[1-9])([0-9]+h)?([0-9]+m)?([0-9]+s)?$"
DURATION = Keyword("pattern", DURATION_PATTERN)
AGE = Keyword("pattern", DURATION_PATTERN.replace("[0-9hm]", "[0-9dhm]").replace("([0-9]+h)?", "([0-9]+d)?([0-9]+h)?"))
"""A duration that may have days, too."""

BUILDER_PATTERN = r"^([A-Za-z0-9][A-Za-z0-9_.+-]*)?$"
"""What buildx takes for a builder, and docker for a context, which is a builder too (found with 0.29 and 28.5).

"" on the command line is the current one.
"""

LONG = Expected("a duration such as 90s, 20m or 1h30m")
OLD = Expected("a duration such as 7d, 36h or 1d12h")
Publish = Literal["direct", "together"]
ProgressStyle = Literal["auto", "plain", "tty", "quiet", "rawjson"]


class Flag:
    """How the command line takes an option: its flags, what the help says, and the environment variables that give it.

    `completes` is what a shell is offered: the name of a function `complete_…` of the command line. `commands` have the
    option. `refusal` is what a value is that the row's pattern refuses, and what to write instead.
    """

    def __init__(
        self,
        *names: str,
        help: str,  # noqa: A002 as the command line calls it
        metavar: str | None = None,
        env: tuple[str, ...] = (),
        completes: str = "",
        commands: tuple[str, ...] = ("apply",),
        refusal: tuple[str, str] = ("", ""),
    ) -> None:
        self.names, self.help, self.metavar, self.env = names, help, metavar, env
        self.completes, self.commands, self.refusal = completes, commands, refusal


class InFile:
    """The option is a key of `[apply]`, too, in the order of the rows; or `after` the key of another attribute."""

    def __init__(self, after: str = "") -> None:
        self.after = after


class OfTarget:
    """The option is a setting of a target, too, which the reference describes by `text`."""

    def __init__(self, text: str) -> None:
        self.text = text


class Otherwise:
    """What holds where nobody says anything."""

    def __init__(self, value: object) -> None:
        self.value = value


class Options(Table):
    """What the command line asks of `apply`; None where it says nothing."""

    templated = False

    builder: Annotated[
        str | None,
        Flag(
            "--builder",
            metavar="NAME",
            help="The builder to use.",
            env=("BUILDMATRIX_BUILDER", "BUILDX_BUILDER"),
            completes="builders",
            commands=("apply", "plan", "doctor", "merge"),
            refusal=("is no builder's name", "see docker buildx ls: letters, digits and ._+- after a letter or digit"),
        ),
        InFile(after="timeout"),
        Keyword("minLength", 1),
        Keyword("pattern", BUILDER_PATTERN),
        Expected("the name of a builder (docker buildx ls)"),
        Doc("The builder to use."),
        Examples("many"),
    ] = None
    no_cache: Annotated[bool, Flag("--no-cache", help="Build without the cache.")] = False
    pull: Annotated[bool, Flag("--pull", help="Ask the registry for newer base images.")] = False
    progress: Annotated[
        ProgressStyle,
        Flag("--progress", help="auto, or one of buildx's own.", env=("BUILDMATRIX_PROGRESS",)),
    ] = "auto"
    jobs: Annotated[
        int | None,
        Flag("--jobs", "-j", metavar="N", help="Build at most N targets at once.", env=("BUILDMATRIX_JOBS",)),
        InFile(),
        Keyword("minimum", 1),
        Expected("1 or more"),
        Doc("How many targets build at once."),
        Examples(4),
    ] = None
    keep_going: Annotated[
        bool | None,
        Flag(
            "--keep-going/--no-keep-going",
            "-k",
            help="Build all that does not depend on a failure; still exit 1.",
            env=("BUILDMATRIX_KEEP_GOING",),
        ),
        InFile(),
        Doc("Build all that does not depend on a failure, instead of starting nothing more."),
        Otherwise(value=False),
    ] = None
    fail_fast: Annotated[bool, Flag("--fail-fast", help="Stop everything at the first failure.")] = False
    retries: Annotated[
        int | None,
        Flag(
            "--retries",
            metavar="N",
            help="Retry failures of the network, a registry or the engine up to N times.",
            env=("BUILDMATRIX_RETRIES",),
        ),
        InFile(),
        OfTarget("How often a failure of the network, a registry or the engine is tried again."),
        Keyword("minimum", 0),
        Expected("a number of retries"),
        Doc("How often a failure of the network, a registry or the engine is tried again."),
        Examples(2),
        Otherwise(0),
    ] = None
    timeout: Annotated[
        str | None,
        Flag(
            "--timeout",
            metavar="DURATION",
            help="Stop a target that takes longer, such as 20m.",
            env=("BUILDMATRIX_TIMEOUT",),
            refusal=("is not a valid duration", "write 90s, 20m or 1h30m"),
        ),
        InFile(),
        OfTarget("How long it may take, from its first step."),
        DURATION,
        LONG,
        Doc("How long a target may take, from its first step."),
        Examples("20m"),
    ] = None
    max_age: Annotated[
        str | None,
        InFile(),
        OfImage(),
        OfTarget("How old its image may be: an older one is built again by `--incremental`, without the cache."),
        AGE,
        OLD,
        Doc("How old an image may be: an older one is built again by `--incremental`, without the cache."),
        Examples("7d"),
    ] = None
    publish: Annotated[
        Publish | None,
        Flag(
            "--publish",
            help="direct: each image is pushed with its tags; together: tags move when every image is pushed.",
            env=("BUILDMATRIX_PUBLISH",),
            commands=("apply", "merge"),
        ),
        InFile(),
        OfImage(),
        OfTarget("When its tags move: `direct` with the image, `together` when every image of the run is there."),
        Doc("When tags move: `direct` with each image, `together` when every image of the run is there."),
        Otherwise("direct"),
    ] = None
    platforms_may_shrink: Annotated[
        bool | None,
        Flag(
            "--platforms-may-shrink/--no-platforms-may-shrink",
            help="Push a tag even if it loses platforms that it has.",
            env=("BUILDMATRIX_PLATFORMS_MAY_SHRINK",),
            commands=("apply", "merge"),
        ),
        InFile(),
        Doc(
            "Push a tag also where it has platforms now that this run does not write, or where its registry does not "
            "tell; else that is refused."
        ),
        Otherwise(value=False),
    ] = None
    locked: Annotated[
        bool | None,
        Flag(
            "--locked/--no-locked",
            help="Refuse external images that are not in buildmatrix.lock.",
            env=("BUILDMATRIX_LOCKED",),
            commands=("apply", "plan"),
        ),
        InFile(),
        Doc("Refuse external images that are not in `buildmatrix.lock`."),
        Otherwise(value=False),
    ] = None
    allow: Annotated[
        tuple[str, ...],
        Flag(
            "--allow",
            metavar="ENTITLEMENT",
            help="Allow what the plan says it needs; may be repeated.",
            completes="allowances",
            commands=("apply", "plan"),
        ),
    ] = ()
    dry_run: Annotated[
        bool, Flag("--dry-run", help="Show the command and the bake file, as text; run nothing. No --format json.")
    ] = False
    summary: Annotated[
        Literal["text", "json"], Flag("--format", help="The summary: text or json.", commands=("apply", "merge"))
    ] = "text"
    metadata: Annotated[
        str | None,
        Flag(
            "--metadata",
            metavar="FILE",
            help="Write bake's metadata (digests, provenance) to FILE.",
            commands=("apply", "merge"),
        ),
    ] = None
    resume: Annotated[
        bool,
        Flag(
            "--resume",
            help="Build only what the last run on this machine did not build, or what changed since. With "
            "--incremental: keep what either of them keeps.",
        ),
    ] = False
    incremental: Annotated[
        bool | None,
        Flag(
            "--incremental/--no-incremental",
            help="Build only what is not in the registry, or here where it is not pushed, as it would be built now.",
            env=("BUILDMATRIX_INCREMENTAL",),
            commands=("apply", "plan"),
        ),
        InFile(),
        Doc("Build only what is not in the registry, or here, as it would be built now, and say why."),
        Otherwise(value=False),
    ] = None
    content_tag: Annotated[
        bool | None,
        Flag(
            "--content-tag/--no-content-tag",
            help="With --incremental: push and look for images also under a tag named by what goes into them.",
            env=("BUILDMATRIX_CONTENT_TAG",),
            commands=("apply", "plan"),
        ),
        InFile(),
        Doc(
            "With `--incremental`: push each image also as `REPOSITORY:bm-…`, named by what went into it, and look for "
            "it there, so that another branch or a release need not build it."
        ),
        Otherwise(value=False),
    ] = None
    everything: Annotated[
        bool, Flag("--all", help="With --incremental: build also what is up to date, and mark it.")
    ] = False
    build: Annotated[
        tuple[str, ...],
        Flag(
            "--build",
            metavar="KEY[,KEY…]",
            help="Build only these of a saved plan, as ci lists them, by digest and without tags; may be repeated.",
        ),
    ] = ()
    record: Annotated[
        str | None,
        Flag(
            "--record",
            metavar="DIR",
            help="With --build: write a record of each to DIR, for merge; those of others are read there.",
        ),
    ] = None
    log_dir: Annotated[
        str | None,
        Flag(
            "--log-dir",
            metavar="DIR",
            help="Write the full log of each target to DIR.",
            env=("BUILDMATRIX_LOG_DIR",),
        ),
    ] = None
    report: Annotated[
        tuple[str, ...],
        Flag(
            "--report",
            metavar="FILE",
            help="Write a report: .json, .xml, .md or .html; may be repeated.",
            commands=("apply", "merge"),
        ),
    ] = ()


def in_file(options: type[Table]) -> Any:
    """Return the table `[apply]`: the options that it may give."""
    chosen = _said_elsewhere(options, InFile)
    order = [name for name, found in chosen.items() if not found.after]
    for name, found in chosen.items():
        if found.after:
            order.insert(order.index(found.after) + 1, name)
    hints = {name: _hint(row_of(options, name)) for name in order}
    return _table("Apply", "How `apply` runs.", hints, templated=False)


def of_target(options: type[Table]) -> Any:
    """Return a table of the options that a target may have as settings of its own."""
    found = _said_elsewhere(options, OfTarget)
    hints = {name: _hint(row_of(options, name), NotInBake(), NoInput(), Doc(own.text)) for name, own in found.items()}
    return _table("OfApply", "How `apply` builds a target.", hints, templated=True)


def _said_elsewhere(options: type[Table], kind: type[M]) -> dict[str, M]:
    """Return the options that have a marker of this kind; TypeError for one that the command line always says."""
    found = {row.attribute: marker for row in rows(options) if (marker := row.marker(kind))}
    if said := [name for name in found if getattr(options, name) is not None]:
        raise TypeError(f"the default of {said[0]} is not None: it would win over the file, which may say it, too")
    return found


def _hint(row: Row, *first: object) -> Any:
    """Return what declares a row in another table: with these markers first, which therefore count."""
    return hinted(row.shape | None, *first, *row.markers)


def hinted(shape: Any, *markers: object) -> Any:
    """Return the type hint of a shape with markers."""
    form: Any = Annotated
    return form[(shape, *markers)]


def _table(name: str, doc: str, hints: Mapping[str, Any], *, templated: bool) -> Any:
    body = {"__doc__": doc, "__annotations__": dict(hints), "__module__": __name__, "templated": templated}
    return type(name, (Table,), body | dict.fromkeys(hints))


Apply: Any = in_file(Options)


def settled(row: Row, *said: Table | None) -> Any:
    """Return what holds of an option, the tables being those that may say it, first the one that wins.

    An empty text says nothing: `--builder "$BUILDER"`.
    """
    found = (getattr(table, row.attribute, None) for table in said)
    otherwise = row.marker(Otherwise)
    return next((value for value in found if value not in (None, "")), otherwise.value if otherwise else None)
