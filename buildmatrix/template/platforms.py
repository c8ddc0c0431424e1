"""What templates see as `platform`, where settings are rendered for one."""

from functools import cache

from buildmatrix.spec.rows.platforms import PLATFORM_NAME as PLATFORM

__all__ = ["PLATFORM", "PlatformName", "platform_name"]


class PlatformName(str):
    """A platform's name, `linux/arm/v7`, with its parts: `os`, `arch` and `variant` ("" where it has none)."""

    __slots__ = ()

    @property
    def os(self) -> str:
        """The system: `linux`."""
        return self.split("/")[0]

    @property
    def arch(self) -> str:
        """The architecture: `arm`; "" of a name without one."""
        return self._part(1)

    @property
    def variant(self) -> str:
        """The variant of the architecture: `v7`; "" of a name without one."""
        return self._part(2)

    def _part(self, number: int) -> str:
        return [*self.split("/"), "", ""][number]


@cache
def platform_name(name: str) -> PlatformName:
    """Return the one object for a name: what templates made is known by the identity of their values."""
    return PlatformName(name)
