"""What a saved plan says beyond its request: what went into each target, the digests of its images, what was decided.

`plan --out` finds it out, and `apply PLAN.json` holds what it finds against it.
"""

import json
from collections.abc import Mapping
from dataclasses import field
from hashlib import sha256
from typing import Any

from buildmatrix.plan.model import AbsentSecret
from buildmatrix.records import dataclass


@dataclass(frozen=True, kw_only=True)
class Reviewed:
    """What is known of a plan when it is saved.

    `version` is buildmatrix's, `format` that of the fingerprints. `platform` is that of targets that declare none.
    `environment` has the variables that builds heed and no setting says, as far as they are set. `inputs` are by
    target. `files` are the files of contexts that targets read, by directory and path, each with a short digest;
    a directory of very many has none. `incremental`, `everything` and `content_tag` are the options of those names.
    """

    version: str
    format: str
    platform: str
    incremental: bool = False
    everything: bool = False
    content_tag: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)
    inputs: Mapping[str, "Inputs"] = field(default_factory=dict)
    files: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """The fingerprints of a target by platform; or `doubt`, why nobody can know them.

    `built_for` are the platforms for which an incremental run was going to build it: none where it was to be skipped,
    with `moves`, the tags that were to be moved then.
    """

    fingerprints: Mapping[str, str]
    doubt: str = ""
    built_for: tuple[str, ...] = ()
    moves: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class PlannedPin:
    """The digest by which a saved plan takes an external image, and what a source policy took in its place, or ""."""

    digest: str
    instead: str = ""


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A saved plan that is being applied: its file and digest, what it says of what goes in, and its pins by image.

    `absent_secrets` were not there when it was saved.
    """

    name: str
    digest: str
    reviewed: Reviewed
    pins: Mapping[str, PlannedPin]
    absent_secrets: tuple[AbsentSecret, ...] = ()


def plan_digest(document: Mapping[str, Any]) -> str:
    """Return the digest of a saved plan, however its file is laid out: `sha256:…`."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return f"sha256:{sha256(text.encode()).hexdigest()}"


def absent_secrets_of(document: Mapping[str, Any]) -> tuple[AbsentSecret, ...]:
    """Return the optional secrets that were not there when a plan was saved."""
    found = document.get("absent_secrets", ())
    return tuple(AbsentSecret(target=one["target"], id=one["id"], reason=one["reason"]) for one in found)


def reviewed_of(document: Mapping[str, Any]) -> Reviewed | None:
    """Return what a checked document of a plan says; None for one that was made without `--out`."""
    saved = document.get("saved")
    if saved is None:
        return None
    inputs = {
        name: Inputs(
            fingerprints=one["fingerprints"],
            doubt=one["doubt"] or "",
            built_for=tuple(one.get("built_for", ())),
            moves=tuple(one.get("moves", ())),
        )
        for name, one in saved["inputs"].items()
    }
    return Reviewed(
        version=saved["version"],
        format=saved["fingerprint_format"],
        platform=saved["platform"],
        incremental=saved["incremental"],
        everything=saved["all"],
        content_tag=saved["content_tag"],
        environment=saved["environment"],
        inputs=inputs,
        files=saved["files"],
    )


def pins_of(document: Mapping[str, Any]) -> dict[str, PlannedPin]:
    """Return the digests that a checked document of a plan has of external images, by name."""
    return {
        one["name"]: PlannedPin(digest=one["digest"], instead=one.get("instead", ""))
        for one in document.get("pins", ())
        if one["digest"]
    }
