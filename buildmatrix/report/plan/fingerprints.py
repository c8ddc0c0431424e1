"""Fingerprints of a plan's targets, and what went into each, as text and as JSON."""

from collections.abc import Iterator
from typing import Annotated

from buildmatrix.records import dataclass
from buildmatrix.report.style import Style
from buildmatrix.spec.rows.document import FORMAT, Document, Of, Version, to_json
from buildmatrix.spec.rows.shapes import Doc
from buildmatrix.text import one_line, redacted


@dataclass(frozen=True, kw_only=True)
class Part:
    """What went into a fingerprint: a name, what tells it from another, and what it stands for."""

    name: str
    value: str
    within: tuple["Part", ...] = ()


@dataclass(frozen=True, kw_only=True)
class Fingerprint:
    """The fingerprint of a target for a platform; or `doubt`, why nobody can know it, for all its platforms."""

    target: str
    platform: str
    fingerprint: str
    doubt: str = ""
    parts: tuple[Part, ...] = ()


class WithinPart(Document):
    """A file of a context, or a step of a Dockerfile."""

    name: Annotated[str, Doc('A path in the context; "step" for one of the Dockerfile.')]
    value: Annotated[str, Doc("What it is, with a digest of its contents; or what the step does.")]


class PartOfFingerprint(Document):
    """What went into a fingerprint."""

    name: Annotated[str, Doc("A setting, `dockerfile`, `image NAME`, `context`, `context NAME` or `needs TARGET`.")]
    value: Annotated[str, Doc("Its value, or a digest.")]
    within: Annotated[tuple[WithinPart, ...], Doc("Files and steps, with --explain.")]


class FingerprintOfTarget(Document):
    """The fingerprint of a target for one platform."""

    target: Annotated[str, Doc("The target's name in the plan.")]
    platform: Annotated[str, Doc('The platform; "" where nobody can know.')]
    fingerprint: Annotated[str, Doc('32 hexadecimal digits; "" where nobody can know.')]
    doubt: Annotated[str, Doc('Why nobody can know, "" where it is known: then --incremental builds it.')]
    parts: Annotated[tuple[PartOfFingerprint, ...], Doc("What went into it, with --explain.")]


class FingerprintsDocument(Document):
    """`fingerprint --format json`."""

    format_version: Annotated[int, Version(1), FORMAT]
    items: Annotated[tuple[FingerprintOfTarget, ...], Of(lambda found, _: found), Doc("In the order of the plan.")]


def fingerprints_json(found: tuple[Fingerprint, ...]) -> str:
    """Return them as the document."""
    return to_json(FingerprintsDocument, found)


def fingerprints_text(found: tuple[Fingerprint, ...], style: Style) -> str:
    """Return a line for each target and platform, with what went into it below."""
    longest = max((len(one.target) for one in found), default=0)
    platforms = max((len(one.platform) for one in found), default=0)
    return "".join(line for one in found for line in _lines(one, longest, platforms, style))


def _lines(one: Fingerprint, longest: int, platforms: int, style: Style) -> Iterator[str]:
    head = f"{style.name(one.target.ljust(longest))}  {one.platform.ljust(platforms)}"
    yield f"{head}  {one.fingerprint}\n" if not one.doubt else f"{head}  cannot know: {one_line(one.doubt)}\n"
    for part in one.parts:
        yield f"    {_line(part)}\n"
        for inner in part.within:
            yield f"        {_line(inner)}\n"


def _line(part: Part) -> str:
    return f"{one_line(part.name)}  {one_line(redacted(part.value))}"
