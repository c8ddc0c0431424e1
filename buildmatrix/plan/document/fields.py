"""The plan as a document: what `plan --format json` writes."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from decimal import Decimal
from functools import cache
from typing import Annotated, Any, Literal

from buildmatrix.errors import Place, Pointer
from buildmatrix.plan.document.contents import Contents
from buildmatrix.plan.document.reviewed import Reviewed
from buildmatrix.plan.model import Given, Plan
from buildmatrix.plan.publishing import staging_tags
from buildmatrix.records import dataclass
from buildmatrix.spec.credentials import without_credentials
from buildmatrix.spec.rows.document import FORMAT, Document, Of, Version, document_schema, plain_document, version_of
from buildmatrix.spec.rows.options import Apply
from buildmatrix.spec.rows.settings import Settings
from buildmatrix.spec.rows.shapes import Doc, JsonSchema, Key, Keyword, row_of

Where = Callable[[Place | None], tuple[str | None, int | None]]
"""Which file and line a place is."""


@dataclass(frozen=True, kw_only=True)
class Known:
    """A plan, and what it does not know of itself: digests, the commit, and lines, which only `report` knows.

    `pins` are its external images (`engine.outcome.Pin`), `reviewed` is what `plan --out` found out.
    """

    plan: Plan
    contents: Contents
    commit: str = ""
    pins: tuple[Any, ...] = ()
    reviewed: Reviewed | None = None
    where: Where = field(default=lambda _: (None, None))


_AT_LEAST_0, _AT_LEAST_1 = Keyword("minimum", 0), Keyword("minimum", 1)
File = Annotated[
    str | None, Of(lambda one, known: known.where(one.place)[0]), Doc("Relative to the directory of the root file.")
]
Line = Annotated[int | None, _AT_LEAST_1, Of(lambda one, known: known.where(one.place)[1]), Doc("From 1.")]
"""Where something with a place is declared."""


class Commit(Document):
    """The commit, and the other facts that templates asked for."""

    sha: Annotated[str, Doc('"" where none is known.')]
    short: Annotated[str | None, Doc("The first characters of it.")] = None
    branch: Annotated[str | None, Doc('"" where there is none.')] = None
    tag: Annotated[str | None, Doc('"" where there is none.')] = None
    dirty: Annotated[bool | None, Doc("Whether files differ from the commit.")] = None
    timestamp: Annotated[str | None, Doc("The commit's time.")] = None


class GivenValue(Document):
    """The value of a variable that was given, and by what."""

    given_by: Annotated[
        Literal["--var", "--var-file", "environment"], Key("from"), Of("origin"), Doc("What gave the value.")
    ]
    env: Annotated[str, Doc('The environment variable, "" without one.')]
    text: Annotated[str, Of(lambda given, _: _text(given)), Doc("The value; that of a --var-file as JSON.")]
    volatile: Annotated[
        bool | None, Of(lambda given, _: given.volatile or None), Doc("true: it may be another where it is applied.")
    ] = None


class Asked(Document):
    """What the plan was asked for, so that it can be made again."""

    included_file: Annotated[
        str, Of("home"), Doc('The included file whose targets are meant where nothing is selected; "" for none.')
    ]
    set: Annotated[tuple[str, ...], Of("set_options"), Doc("The --set options.")]
    output: Annotated[Literal["declared", "push", "load", "none"], Doc("What --push, --load and --no-output ask for.")]
    variables: Annotated[
        Mapping[str, GivenValue],
        Of(lambda made, _: {name: given for name, given in made.given.items() if not given.secret}),
        Doc("The values that were given of variables that the plan uses."),
    ]
    withheld: Annotated[
        Mapping[str, str],
        Of(lambda made, _: {name: given.env for name, given in made.given.items() if given.secret}),
        Doc("Variables with credentials, and the environment variable from which `apply` takes each."),
    ]
    unset: Annotated[
        tuple[str, ...] | None,
        Of(lambda made, _: made.unset or None),
        Doc("Environment variables that give values to variables of the plan, and were not set; left out for none."),
    ] = None
    files: Annotated[tuple[str, ...], Doc("Files that gave variables their values.")]
    bake_files: Annotated[
        Mapping[str, Mapping[str, Mapping[str, Any]]], Doc("What each --bake-file says, by file and target.")
    ]
    only: Annotated[
        tuple[str, ...] | None,
        Of(lambda made, _: None if made.only is None else sorted(made.only)),
        Doc("What --changed-since or --changed-files kept of what was selected; left out where neither was given."),
    ] = None
    source_date_epoch: Annotated[
        str | None, Of(lambda made, _: made.epoch), Doc("SOURCE_DATE_EPOCH; null where it is not set.")
    ]
    now: Annotated[
        str | None,
        Of(lambda made, _: made.machine.get("now")),
        Doc("The time that templates asked for as `now`; null where none did."),
    ]
    host_platform: Annotated[
        str | None,
        Of(lambda made, _: made.machine.get("platform")),
        Doc("What templates asked for as `host.platform`; null where none did."),
    ]


class PlanTotals(Document):
    """How much a plan builds."""

    targets: Annotated[int, _AT_LEAST_0, Of(lambda plan, _: len(plan.targets)), Doc("Targets and cells.")]
    platform_builds: Annotated[int, _AT_LEAST_0, Doc("Images of one platform; a target without platforms is one.")]
    stages: Annotated[int, _AT_LEAST_0, Of(lambda plan, _: len(plan.stages)), Doc("Steps of the order.")]


class Why(Document):
    """Why a target is in the plan."""

    kind: Annotated[
        Literal["selected", "context", "needs"], Doc("Selected, or a target depends on it by `contexts` or `needs`.")
    ]
    by: Annotated[str, Doc('The selector ("" where nothing was named), or the target that depends on it.')]


class PartOfPlan(Document):
    """A target for some of its platforms."""

    platforms: Annotated[tuple[str, ...], Doc("Those that are built so.")]
    depends_on: Annotated[tuple[str, ...], Doc("Targets whose images it is built from there.")]
    settings: Annotated[
        Settings, Of(lambda target, _: without_credentials(target.settings)), Doc("Rendered, with *** for secrets.")
    ]


class TargetOfPlan(Document):
    """A target, or a cell of a matrix."""

    name: Annotated[str, Doc("Unique in the plan; the target's name in the bake file.")]
    target: Annotated[str, Of("declared"), Doc("The name in the file.")]
    cell: Annotated[
        Mapping[str, Any], Of(lambda target, _: _plain(target.cell)), Doc("Axis to value; empty without a matrix.")
    ]
    stage: Annotated[int, _AT_LEAST_1, Doc("When it is built; those of a stage may be built at the same time.")]
    why: Annotated[Why, Of("reason"), Doc("Why it is in the plan.")]
    exported: Annotated[bool, Doc("false: only built because others depend on it.")]
    depends_on: Annotated[tuple[str, ...], Doc("Targets whose images it is built from, by `contexts`.")]
    needs: Annotated[tuple[str, ...], Doc("Targets that are built first, for order only.")]
    declared_in: Annotated[str, Of("place.file"), Doc("The file that declares it.")]
    carried_over: Annotated[
        tuple[str, ...],
        Doc("Platforms left out by --platform, which are taken over from what its tags hold."),
    ]
    tags_left_to: Annotated[
        Mapping[str, str],
        Doc("Tags, in full, that it does not write since a later target does: tag to target."),
    ]
    staging_tags: Annotated[
        tuple[str, ...],
        Of(lambda target, known: staging_tags(target, known.plan.apply)),
        Doc("Tags that may carry the push first, where its own move later."),
    ]
    settings: Annotated[
        Settings, Of(lambda target, _: without_credentials(target.settings)), Doc("Rendered, with *** for secrets.")
    ]
    by_platform: Annotated[
        tuple[PartOfPlan, ...] | None,
        Of(lambda target, _: target.variants or None),
        Doc("Where settings differ by platform: what it is for each; left out where they do not."),
    ] = None
    decision: Annotated[Literal["build", "skip"] | None, Doc("With --incremental: whether it is built.")] = None
    because: Annotated[
        tuple[str, ...] | None, Of(lambda target, _: target.because or None), Doc("With --incremental: why.")
    ] = None
    moves: Annotated[
        tuple[str, ...] | None,
        Of(lambda target, _: target.moves or None),
        Doc("With --incremental: tags that only have to be moved to its image; left out where there are none."),
    ] = None
    volatile: Annotated[
        tuple[tuple[str | int, ...], ...] | None,
        Of(lambda target, _: _pointers(target.volatile)),
        Doc(
            "What of its settings changes from run to run, since it is made with `git`, `created`, `now`, `host` or a "
            "volatile variable: the keys and indices that lead there. Where that is so of the key of a label or "
            "annotation alone, or another key of a table, the template of the key comes last."
        ),
    ] = None


class MatrixOfPlan(Document):
    """A matrix as it is declared."""

    axes: Annotated[tuple[str, ...], Doc("The names of its axes.")]
    cells: Annotated[int, _AT_LEAST_0, Doc("How many cells it has, selected or not.")]
    excluded: Annotated[int, _AT_LEAST_0, Doc("How many combinations `exclude` leaves out.")]


class Entitlement(Document):
    """What a build reads, writes or may do beyond the ordinary."""

    value: Annotated[str, Doc("As --allow takes it.")]
    target: Annotated[str, Doc("The target that asks for it.")]
    automatic: Annotated[bool, Doc("true: it stays within the repository, and `apply` allows it by itself.")]
    file: File
    line: Line


class SecretOfPlan(Document):
    """A secret that is optional, and was not there where the plan was made. `apply` looks again."""

    target: Annotated[str, Doc("The target that would get it.")]
    id: Annotated[str, Doc("The name in the Dockerfile.")]
    reason: Annotated[str, Doc("What is not there.")]


class PinOfPlan(Document):
    """An external image. One without a digest gets it from its registry when `apply` begins."""

    name: Annotated[str, Doc("The image with its tag: busybox:latest.")]
    digest: Annotated[
        str | None,
        Keyword("pattern", "^[a-z0-9]+:[0-9a-f]{32,128}$"),
        Doc("That of the lock file, or of the name itself; with --out, that of its registry, by which it is taken."),
    ]
    targets: Annotated[tuple[str, ...], Doc("The targets that name it.")]
    instead: Annotated[
        str | None,
        Of(lambda pin, _: pin.instead or None),
        Doc("What the user's source policy takes in its place; left out for the image itself."),
    ] = None


class InputsOfPlan(Document):
    """What goes into a target."""

    fingerprints: Annotated[Mapping[str, str], Doc("Its fingerprint for each platform; empty where nobody can know.")]
    doubt: Annotated[str | None, Doc("Why nobody can know: then the whole contexts are compared.")]
    built_for: Annotated[
        tuple[str, ...] | None,
        Of(lambda one, _: one.built_for or None),
        Doc("With --incremental: the platforms for which it is built, left out where it is not."),
    ] = None
    moves: Annotated[
        tuple[str, ...] | None,
        Of(lambda one, _: one.moves or None),
        Doc("With --incremental: the tags that only have to be moved, left out where there are none."),
    ] = None


class SavedPlan(Document):
    """What `plan --out` adds, so that `apply` can tell whether it is still the same."""

    version: Annotated[str, Doc("The version of buildmatrix that saved it.")]
    fingerprint_format: Annotated[str, Of("format"), Doc("That of the fingerprints.")]
    incremental: Annotated[bool, Doc("Whether it builds only what registries do not have.")]
    all: Annotated[bool, Of("everything"), Doc("Whether that was overruled by --all.")]
    content_tag: Annotated[bool, Doc("Whether content tags are looked for and written.")]
    platform: Annotated[str, Doc("The platform of targets that declare none.")]
    environment: Annotated[
        Mapping[str, str], Doc("Environment variables that builds heed and no setting says, as far as they are set.")
    ]
    inputs: Annotated[Mapping[str, InputsOfPlan], Doc("What goes into each target.")]
    files: Annotated[
        Mapping[str, Mapping[str, str]],
        Doc("What targets read of contexts: by directory and path, with the start of a digest."),
    ]


class WarningOfPlan(Document):
    """What is right, and may not be meant."""

    code: Annotated[str, Doc("What kind of warning it is.")]
    message: Annotated[str, Doc("What is wrong.")]
    hint: Annotated[str, Doc('What to write instead, "" where nothing is known.')]
    file: File
    line: Line


class PlanDocument(Document):
    """What would be built: `plan --format json`, which `apply` takes as a saved plan."""

    format_version: Annotated[int, Version(3), FORMAT]
    file: Annotated[str, Doc("The root file, relative to the directory in which the plan is applied.")]
    sources: Annotated[
        Mapping[str, str],
        Of(lambda _, known: known.contents.files),
        Doc("SHA-256 of each file that the plan was made from."),
    ]
    contexts: Annotated[
        Mapping[str, str],
        Of(lambda _, known: known.contents.folders),
        Doc("SHA-256 of the contents of each directory of contexts."),
    ]
    git: Annotated[
        Commit,
        Of(lambda plan, known: Commit(**{"sha": known.commit, **plan.made.facts})),
        Doc("The commit, and the other facts that templates asked for."),
    ]
    request: Annotated[Asked, Of("made"), Doc("What the plan was asked for.")]
    requires_buildx: Annotated[tuple[str, ...], Doc("The versions of buildx that will do.")]
    selectors: Annotated[tuple[str, ...], Doc("What was named.")]
    platforms: Annotated[tuple[str, ...], Doc("The --platform filter.")]
    totals: Annotated[PlanTotals, Of(lambda plan, _: plan), Doc("How much it builds.")]
    stages: Annotated[
        tuple[tuple[str, ...], ...],
        Of(lambda plan, _: [[target.name for target in stage] for stage in plan.stages]),
        Doc("Names that can be built at the same time."),
    ]
    targets: Annotated[tuple[TargetOfPlan, ...], Doc("In the order in which they are built.")]
    matrices: Annotated[Mapping[str, MatrixOfPlan], Doc("The matrices by the names of their targets.")]
    allow: Annotated[tuple[Entitlement, ...], Of("entitlements"), Doc("What builds have to be allowed.")]
    absent_secrets: Annotated[
        tuple[SecretOfPlan, ...], Doc("Optional secrets that were not there, without which it would be built here.")
    ]
    pins: Annotated[
        tuple[PinOfPlan, ...] | None,
        Of(lambda _, known: known.pins or None),
        Doc(
            "The external images, and the digests by which they are taken as far as they are known; left out for none."
        ),
    ] = None
    saved: Annotated[
        SavedPlan | None,
        Of(lambda _, known: known.reviewed),
        Doc("What `plan --out` adds; left out without it."),
    ] = None
    warnings: Annotated[tuple[WarningOfPlan, ...], Doc("What may not be meant.")]
    apply: Annotated[Apply, Doc("The file's [apply].")]
    runner: Annotated[
        Mapping[str, tuple[str, ...]] | None,
        Of(lambda plan, _: plan.runners or None),
        Doc("The file's [runner]: labels by platform, glob of platforms, or `default`; left out for none."),
    ] = None


FORMAT_VERSION = version_of(PlanDocument)


def plan_document(known: Known) -> dict[str, Any]:
    """Return a plan as plain data; the same plan gives the same data."""
    return plain_document(PlanDocument, known.plan, known)


@cache
def plan_schema() -> JsonSchema:
    """Return the JSON Schema of the document (draft 2020-12). It is made once, and nobody changes it."""
    return document_schema(PlanDocument)


def _plain(value: Any) -> Any:
    """Return an axis's value; a number with a point as the text that was written, since 3.10 is not 3.1."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def _pointers(volatile: Iterable[Pointer]) -> list[list[str | int]] | None:
    """Return pointers in an order of their own, each with the file's key of its setting; None where there are none."""
    found = sorted(volatile, key=lambda path: [(isinstance(part, str), part) for part in path])
    return [[row_of(Settings, str(path[0])).key, *path[1:]] for path in found] or None


def _text(given: Given) -> str:
    return _json(given.value) if given.origin == "--var-file" else str(given.value)


def _json(value: Any) -> str:
    """Return a value as JSON with its numbers as they are written; no encoder does that."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(key)}: {_json(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_json, value)) + "]"
    return json.dumps(value)
