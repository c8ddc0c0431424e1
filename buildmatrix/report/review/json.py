"""What changes, as JSON."""

from typing import Annotated, Literal

from buildmatrix.report.review.words import scope
from buildmatrix.review.model import Changes
from buildmatrix.spec.rows.document import FORMAT, Document, Of, Version, to_json
from buildmatrix.spec.rows.shapes import Doc, Keyword

_AT_LEAST_0 = Keyword("minimum", 0)


class ChangedSetting(Document):
    """A setting that is not as it was; each item of a list that came or went for itself."""

    name: Annotated[str, Doc("`args.PYTHON`, `tags`; `base IMAGE` and `source URL` are pins of the lock file.")]
    before: Annotated[str | None, Of(lambda one, _: one.before), Doc("null where there was none.")]
    after: Annotated[str | None, Of(lambda one, _: one.after), Doc("null where there is none now.")]


class ChangedFiles(Document):
    """What changed of the files that a target reads."""

    part: Annotated[str, Doc("Dockerfile, context, or context NAME.")]
    paths: Annotated[tuple[str, ...], Doc("The first 20 by name, relative to the top of the repository.")]
    more: Annotated[int, _AT_LEAST_0, Doc("How many there are beside them.")]


class ChangedTarget(Document):
    """A target that is not as it was."""

    name: Annotated[str, Doc("What it is called in the plan; of one that was removed, what it was called.")]
    target: Annotated[str, Of("declared"), Doc("The name in the file.")]
    status: Annotated[
        Literal["added", "removed", "renamed", "changed", "affected"],
        Doc("renamed: the same settings under another name; affected: as it was, and it depends on one that changed."),
    ]
    before: Annotated[str | None, Doc("What one that was renamed was called.")]
    settings: Annotated[
        tuple[ChangedSetting, ...], Doc("What changed of them; of one that is added, its platforms and tags.")
    ]
    files: Annotated[tuple[ChangedFiles, ...], Doc("What changed of the files that it reads.")]
    through: Annotated[
        tuple[str, ...], Doc("Those that changed and are nearest to it among the targets that it depends on.")
    ]


class LostTag(Document):
    """A tag that nothing would write any longer."""

    name: Annotated[str, Doc("The tag.")]
    by: Annotated[str, Doc("The target that wrote it.")]


class MovedTag(Document):
    """A tag that another target would write."""

    name: Annotated[str, Doc("The tag.")]
    before: Annotated[str, Doc("The target that wrote it.")]
    after: Annotated[str, Doc("The target that would write it.")]


class NewNeed(Document):
    """What apply has to be allowed, and had not to be before."""

    value: Annotated[str, Doc("As --allow takes it.")]
    target: Annotated[str, Doc("The target that asks for it.")]


class ChangeTotals(Document):
    """How many targets there are of each status."""

    added: Annotated[int, _AT_LEAST_0, Of(lambda one, _: len(one.of("added"))), Doc("New.")]
    removed: Annotated[int, _AT_LEAST_0, Of(lambda one, _: len(one.of("removed"))), Doc("Gone.")]
    renamed: Annotated[int, _AT_LEAST_0, Of(lambda one, _: len(one.of("renamed"))), Doc("Called otherwise.")]
    changed: Annotated[int, _AT_LEAST_0, Of(lambda one, _: len(one.of("changed"))), Doc("With changes of their own.")]
    affected: Annotated[int, _AT_LEAST_0, Of(lambda one, _: len(one.of("affected"))), Doc("By what they depend on.")]
    unchanged: Annotated[int, _AT_LEAST_0, Of(lambda one, _: len(one.of("unchanged"))), Doc("All others.")]


class ChangesDocument(Document):
    """What the plan changes: `plan --against REF --format json`."""

    format_version: Annotated[int, Version(1), FORMAT]
    against: Annotated[str, Doc("What it was compared with.")]
    commit: Annotated[str | None, Doc("The commit of that; null where none is known.")]
    trouble: Annotated[
        tuple[str, ...], Doc("Why there is nothing to compare with, so that every target counts as added.")
    ]
    totals: Annotated[ChangeTotals, Of(lambda changes, _: changes), Doc("How many targets there are of each status.")]
    targets: Annotated[
        tuple[ChangedTarget, ...],
        Of(lambda changes, _: changes.of("added", "removed", "renamed", "changed", "affected")),
        Doc("The targets that are not as they were: in build order, then those that were removed."),
    ]
    lost_tags: Annotated[tuple[LostTag, ...], Doc("Tags that nothing would write any longer.")]
    moved_tags: Annotated[tuple[MovedTag, ...], Doc("Tags that another target would write.")]
    run: Annotated[tuple[ChangedSetting, ...], Doc("What changed of [apply] and requires-buildx.")]
    needs: Annotated[tuple[NewNeed, ...], Doc("What apply has to be allowed anew.")]
    expected: Annotated[
        tuple[str, ...], Doc("Settings that change from run to run, and have: they are told nowhere else.")
    ]
    scope: Annotated[tuple[str, ...], Of(lambda changes, _: scope(changes)), Doc("What was compared, for people.")]


def review_json(changes: Changes) -> str:
    """Return what changes as JSON."""
    return to_json(ChangesDocument, changes)
