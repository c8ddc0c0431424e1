"""What a registry said: Found, Absent or Unknown. Nobody takes the third for the second."""

from buildmatrix.records import dataclass


@dataclass(frozen=True, kw_only=True)
class Descriptor:
    """What a digest stands for; `size` is 0 where the registry did not say it."""

    digest: str
    media_type: str
    size: int = 0


@dataclass(frozen=True, kw_only=True)
class Found:
    """The registry has it. `body` are its bytes, whose digest was verified; empty where only the name was asked for."""

    descriptor: Descriptor
    body: bytes = b""

    @property
    def digest(self) -> str:
        """Its digest."""
        return self.descriptor.digest


@dataclass(frozen=True)
class Absent:
    """The registry has answered, as registries do, that it has no such thing."""


@dataclass(frozen=True, kw_only=True)
class Unknown:
    """Nobody can say. `reason` tells what was answered (`localhost:5000 answered 503`), `passes` that it may pass.

    `refused` says that the registry wants to know who we are, or knows it and does not let us. `wait` are the seconds
    that it asks to be left alone, 0 where it said nothing. `silent` says that the time was over before it answered.
    `doubted` says that it answered what cannot be right: where another program takes that for "not found", nobody has
    said so.
    """

    reason: str
    passes: bool = False
    refused: bool = False
    wait: float = 0.0
    doubted: bool = False
    silent: bool = False


Answer = Found | Absent | Unknown
