"""The standard library's dataclass, with less that is compiled at every start.

The standard library compiles six methods of each frozen class, which takes 0.7 ms; a start has 60 to 160 classes. Here
the initializer alone is compiled, in 0.1 ms. Being frozen is what type checkers see to (at run time it would also cost
each instance a call for every field); comparing, hashing and showing are done by functions that are there already. An
instance has a hash, as a frozen one has.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass  # noqa: PLC0414 that is how a name is exported
else:
    import dataclasses
    from collections.abc import Callable
    from operator import attrgetter

    def dataclass(*, frozen: bool = False, eq: bool = True, repr: bool = True, **options: Any) -> Any:  # noqa: A002 its name
        """Return a decorator: `dataclasses.dataclass` with the same options."""

        def decorated(cls: type) -> type:
            own = set(vars(cls))  # what a class says itself stays
            made = dataclasses.dataclass(eq=False, repr=False, **options)(cls)
            found = {"__repr__": _shown} if repr else {}
            if eq:
                found |= _compared(made, hashed=frozen)
            for name, method in found.items():
                if name not in own:
                    setattr(made, name, method)
            return made

        return decorated

    def _compared(made: type, *, hashed: bool) -> dict[str, Any]:
        fields = dataclasses.fields(made)
        key = _values([one.name for one in fields if one.compare])

        def equal(self: Any, other: Any) -> Any:
            return key(self) == key(other) if other.__class__ is self.__class__ else NotImplemented

        if not hashed:
            return {"__eq__": equal, "__hash__": None}
        kept = _values([one.name for one in fields if (one.compare if one.hash is None else one.hash)])
        return {"__eq__": equal, "__hash__": lambda self: hash(kept(self))}

    def _values(names: list[str]) -> Callable[[Any], Any]:
        return attrgetter(*names) if names else lambda _: ()

    def _shown(self: Any) -> str:
        pairs = (f"{one.name}={getattr(self, one.name)!r}" for one in dataclasses.fields(self) if one.repr)
        return f"{self.__class__.__qualname__}({', '.join(pairs)})"
