"""What became of a run as a document: `apply --format json`, and the report that ends in .json."""

from collections.abc import Mapping
from typing import Annotated, Literal

from buildmatrix.engine.outcome import BuildOutcome, Outcome, Status
from buildmatrix.report.diagnostics.places import Spot
from buildmatrix.report.run.about import NOTHING, About
from buildmatrix.report.run.words import count_of
from buildmatrix.spec.rows.document import FORMAT, Document, Of, Version, to_json
from buildmatrix.spec.rows.shapes import Doc, Keyword

_AT_LEAST_0, _AT_LEAST_1 = Keyword("minimum", 0), Keyword("minimum", 1)
_STARTED = Doc("Seconds from the run's start.")
_DOCKERFILE = Doc("The Dockerfile, or what holds it, from the repository's root.")


def _spot(target: BuildOutcome, about: About) -> Spot:
    return about.declared.get(target.name, Spot(file=""))


class FindingOfRun(Document):
    """What a check found, or what BuildKit warns of."""

    rule: Annotated[str | None, Doc("The rule that it breaks; null: an error.")]
    message: Annotated[str | None, Doc("What is wrong.")]
    file: Annotated[str | None, _DOCKERFILE]
    line: Annotated[int | None, _AT_LEAST_1, Doc("From 1.")]
    url: Annotated[str | None, Doc("Where the rule is explained.")]


class AttemptOfRun(Document):
    """One try at a target."""

    number: Annotated[int, _AT_LEAST_1, Doc("From 1.")]
    started: Annotated[float, _AT_LEAST_0, _STARTED]
    seconds: Annotated[float, _AT_LEAST_0, Doc("How long it took.")]
    problem: Annotated[str | None, Doc("Why it failed; null: it worked.")]
    kind: Annotated[str | None, Doc("Whose failure it was: build, check, network, registry, engine, timeout or usage.")]
    retried_in: Annotated[float | None, _AT_LEAST_0, Doc("Seconds until the next attempt; null: there was none.")]


class StepOfRun(Document):
    """A step of a Dockerfile, or of what BuildKit does beside it."""

    at: Annotated[str | None, Doc("As in linux/amd64 2/5.")]
    text: Annotated[str, Doc("As in RUN make.")]
    started: Annotated[float, _AT_LEAST_0, _STARTED]
    seconds: Annotated[float, _AT_LEAST_0, Doc("How long it took.")]
    cached: Annotated[bool, Doc("It came from the cache.")]
    error: Annotated[str | None, Doc("Why it failed.")]
    node: Annotated[str | None, Doc("The builder's node that ran it.")]


class TargetOfRun(Document):
    """What became of a target, or of a part of it that was built apart."""

    name: Annotated[str, Doc("Unique in the run: the image's name, with @PLATFORM for a part of it.")]
    image: Annotated[str, Of("target"), Doc("The target or cell whose image it is, or is a part of.")]
    target: Annotated[str, Of("declared"), Doc("The name in the file.")]
    file: Annotated[
        str | None,
        Of(lambda one, about: _spot(one, about).file or None),
        Doc("The file that declares it, from the repository's root."),
    ]
    line: Annotated[
        int | None, _AT_LEAST_1, Of(lambda one, about: _spot(one, about).line or None), Doc("The line where it does.")
    ]
    status: Annotated[
        Status,
        Doc(
            "unchanged: an earlier run built it, and nothing changed since; checked: nothing was built, its call was "
            "answered; stopped: it was running when the run was ended; skipped: it was not started."
        ),
    ]
    exported: Annotated[bool, Doc("false: only built because others depend on it.")]
    platforms: Annotated[tuple[str, ...], Doc("Those that it was built for; empty for the builder's own.")]
    carried_over: Annotated[
        tuple[str, ...], Doc("Platforms that were not built, but taken over from what its tags held.")
    ]
    tags: Annotated[tuple[str, ...], Doc("Those that point at it now.")]
    tags_left_to: Annotated[
        Mapping[str, str], Doc("Tags, in full, that it does not write since a later target does: tag to target.")
    ]
    depends_on: Annotated[tuple[str, ...], Doc("What its image is built from, by `contexts`.")]
    needs: Annotated[tuple[str, ...], Doc("What is built first, for order only.")]
    started: Annotated[
        float | None,
        _AT_LEAST_0,
        Of(lambda one, _: one.started if one.attempts or one.steps or one.seconds else None),
        Doc("Seconds from the run's start; null: it did not start."),
    ]
    seconds: Annotated[float, _AT_LEAST_0, Doc("From its first step to its last; 0 if it did not start.")]
    digest: Annotated[str | None, Doc("That of the image or index.")]
    index: Annotated[str | None, Doc("That of the index into which the image's parts were joined.")]
    size: Annotated[int | None, _AT_LEAST_0, Doc("Bytes.")]
    failed_step: Annotated[str | None, Doc("The step that failed.")]
    failed_file: Annotated[str | None, _DOCKERFILE]
    failed_line: Annotated[int | None, _AT_LEAST_1, Doc("From 1.")]
    excerpt: Annotated[str | None, Doc("The last lines of the failed step's log.")]
    reason: Annotated[str | None, Doc("Why it failed, is unchanged, or was built again, skipped or stopped.")]
    hint: Annotated[str | None, Doc("What to do about its failure.")]
    log: Annotated[str | None, Doc("The path of its full log.")]
    call: Annotated[str | None, Doc("What was asked instead of a build: check, outline or targets.")]
    findings: Annotated[tuple[FindingOfRun, ...], Doc("What a check found.")]
    answer: Annotated[str | None, Doc("The text that answers an outline or targets.")]
    attempts: Annotated[tuple[AttemptOfRun, ...], Doc("Each try at it.")]
    steps: Annotated[tuple[StepOfRun, ...], Doc("The steps that ended.")]


class PinOfRun(Document):
    """The digest by which an external image was taken."""

    name: Annotated[str, Doc("The image as people write it, with its tag: busybox:latest.")]
    digest: Annotated[str | None, Doc("That of the index or manifest; null: nobody knew it when the run began.")]
    origin: Annotated[
        Literal["registry", "lock", "name"] | None,
        Doc("Who knew the digest: the registry, the lock file, or the name itself; null: nobody."),
    ]
    instead: Annotated[str | None, Doc("What the user's own source policy takes in its place.")]
    reason: Annotated[str | None, Doc("Why there is no digest.")]
    targets: Annotated[tuple[str, ...], Doc("The targets that name it.")]


class TotalsOfRun(Document):
    """How many targets ended how."""

    targets: Annotated[int, _AT_LEAST_0, Doc("All of them.")]
    built: Annotated[int, _AT_LEAST_0, Doc("Those of which a step ran.")]
    cached: Annotated[int, _AT_LEAST_0, Doc("Those that came from the cache.")]
    unchanged: Annotated[int, _AT_LEAST_0, Doc("Those that an earlier run built.")]
    checked: Annotated[int, _AT_LEAST_0, Doc("Those whose call was answered.")]
    failed: Annotated[int, _AT_LEAST_0, Doc("Those that failed.")]
    stopped: Annotated[int, _AT_LEAST_0, Doc("Those that were running when the run was ended.")]
    skipped: Annotated[int, _AT_LEAST_0, Doc("Those that were not started.")]


class ReportDocument(Document):
    """What became of a run: `apply --format json` and `--report FILE.json`. null is what is not known, or not there."""

    format_version: Annotated[int, Version(2), FORMAT]
    command: Annotated[
        str | None, Of(lambda _, about: about.command or None), Doc("The command line, with *** for what is secret.")
    ]
    commit: Annotated[
        str | None, Of(lambda _, about: about.commit or None), Doc("The commit of the repository around the file.")
    ]
    branch: Annotated[str | None, Of(lambda _, about: about.branch or None), Doc("Its branch.")]
    started: Annotated[str | None, Doc("The wall clock's time, RFC 3339, UTC.")]
    seconds: Annotated[float, _AT_LEAST_0, Doc("How long the run took.")]
    builder: Annotated[str | None, Doc("The builder.")]
    nodes: Annotated[tuple[str, ...], Doc("Its nodes.")]
    publish: Annotated[str | None, Doc("What became of the tags; null: they were pushed with the images.")]
    left_behind: Annotated[
        tuple[str, ...],
        Of(lambda outcome, _: tuple(map(str, outcome.left_behind))),
        Doc("Things in a registry that nobody asked for."),
    ]
    problems: Annotated[
        tuple[str, ...],
        Of(lambda outcome, _: [one.message for one in outcome.problem.diagnostics] if outcome.problem else []),
        Doc("What ended the run early, or made it fail."),
    ]
    totals: Annotated[
        TotalsOfRun,
        Of(lambda outcome, _: TotalsOfRun(targets=len(outcome.targets), **count_of(outcome.targets))),
        Doc("How many targets ended how."),
    ]
    warnings: Annotated[tuple[FindingOfRun, ...], Doc("BuildKit's about Dockerfiles, each once.")]
    pins: Annotated[
        tuple[PinOfRun, ...], Doc("The external images, each with the digest by which every target took it.")
    ]
    targets: Annotated[tuple[TargetOfRun, ...], Doc("In the order of the plan.")]


def run_json(outcome: Outcome, about: About = NOTHING) -> str:
    """Return the outcome as JSON, by the schema of `run_schema`."""
    return to_json(ReportDocument, outcome, about)
