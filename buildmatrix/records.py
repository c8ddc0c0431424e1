"""The standard library's dataclass, made when its first instance is.

The decorator of the standard library compiles six methods for each class: for the hundred classes of a run that is
40 ms at every start, a quarter of it, and half of them have no instance in that run. Type checkers see the original.
"""

from threading import RLock
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass  # noqa: PLC0414 that is how a name is exported
else:

    def dataclass(**options: Any) -> Any:
        """Return a decorator: `dataclasses.dataclass` with the same options, but for those that make another class."""

        def later(cls: type) -> type:
            def first(self: Any, *arguments: Any, **given: Any) -> None:
                made(cls)
                self.__init__(*arguments, **given)

            first.options = options
            cls.__init__ = first
            return cls

        return later


_LOCK = RLock()


def made(cls: type) -> None:
    """Make a class that waits for it, and those that it is made from."""
    import dataclasses

    with _LOCK:
        for one in reversed(cls.__mro__):
            if options := getattr(vars(one).get("__init__"), "options", None):
                delattr(one, "__init__")  # the original leaves a method that is there as it is
                dataclasses.dataclass(**options)(one)
