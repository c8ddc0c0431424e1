"""The standard library's dataclass, with nothing that is compiled before it is used.

The standard library compiles six methods of each frozen class, which takes 0.7 ms; a start has 120 to 200 classes, of
which a third ever have an instance. Here only the initializer is compiled, in 0.1 ms, at the first instance. Being
frozen is what type checkers see to (at run time it would also cost each instance a call for every field); comparing,
hashing and showing are done by functions that are there already. An instance has a hash, as a frozen one has.
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
            cls.__doc__ = cls.__doc__ or cls.__qualname__  # else its signature is worked out for that, in 0.5 ms
            made = dataclasses.dataclass(eq=False, repr=False, init=False, **options)(cls)
            if "__init__" not in own:
                made.__init__ = _starting(made)
            found = {"__repr__": _shown} if repr else {}
            if eq:
                found |= _compared(made, hashed=frozen)
            for name, method in found.items():
                if name not in own:
                    setattr(made, name, method)
            return made

        return decorated

    def _starting(made: type) -> Callable[..., None]:
        """Return an initializer that puts the compiled one in its own place when it is first called.

        Two threads may both compile it: one and the same initializer is there at each moment, before and after.
        """

        def first(self: Any, *given: Any, **named: Any) -> None:
            made.__init__ = found = _initializer(made)
            found(self, *given, **named)

        first.__name__, first.__qualname__ = "__init__", f"{made.__qualname__}.__init__"
        return first

    def _initializer(made: type) -> Callable[..., None]:
        """Return what the standard library compiles for such fields; its own way takes a second class, and 0.2 ms."""
        known, placed, named, lines = {"_NOTHING": dataclasses.MISSING}, ["self"], [], []
        for one in dataclasses.fields(made):
            makes = one.default_factory is not dataclasses.MISSING
            has_default = makes or one.default is not dataclasses.MISSING
            own = f"_default_of_{one.name}"
            known[own] = one.default_factory if makes else one.default
            if one.init:
                parameter = f"{one.name}={'_NOTHING' if makes else own}" if has_default else one.name
                (named if one.kw_only else placed).append(parameter)
                value = f"{own}() if {one.name} is _NOTHING else {one.name}" if makes else one.name
                lines.append(f"self.{one.name} = {value}")
            elif has_default:
                lines.append(f"self.{one.name} = {own}{'()' if makes else ''}")
        if hasattr(made, "__post_init__"):
            lines.append("self.__post_init__()")
        head = ", ".join([*placed, *(["*", *named] if named else [])])
        exec("\n ".join([f"def __init__({head}):", *(lines or ["pass"])]), known)  # noqa: S102 only names of fields are in it
        found: Any = known["__init__"]
        found.__qualname__, found.__module__ = f"{made.__qualname__}.__init__", made.__module__
        return found

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
