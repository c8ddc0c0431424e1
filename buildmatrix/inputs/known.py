"""What is known of the inputs of a target."""

from collections.abc import Mapping

from buildmatrix.inputs.settings import Part
from buildmatrix.records import dataclass


@dataclass(frozen=True, kw_only=True)
class Known:
    """The fingerprints of a target by platform, and what went into each; or `doubt`, why nobody can know them."""

    fingerprints: Mapping[str, str]
    parts: Mapping[str, tuple[Part, ...]]
    doubt: str = ""
