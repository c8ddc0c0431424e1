"""The standard library's dataclass, in which being frozen is what type checkers see to.

At run time each frozen class costs two more methods that are compiled at every start, and each of its instances a call
for every field: of a hundred classes that was 20 ms, a tenth of a start. An instance has a hash, as a frozen one has.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass  # noqa: PLC0414 that is how a name is exported
else:
    import dataclasses

    def dataclass(*, frozen: bool = False, eq: bool = True, **options: Any) -> Any:
        """Return a decorator: `dataclasses.dataclass` with the same options."""
        return dataclasses.dataclass(eq=eq, unsafe_hash=frozen and eq, **options)
