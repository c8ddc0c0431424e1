"""What the variables of a stage are at each of its instructions: those of the base, ARG and ENV.

By dispatchEnv and dispatchArg of BuildKit, where each replaces what was there before: read in 0.9 to 0.25, tried with
the last.
"""

from collections.abc import Mapping
from typing import NamedTuple

from buildmatrix.dockerfile.arguments import Scope
from buildmatrix.dockerfile.library import expanded, is_plain
from buildmatrix.dockerfile.model import Instruction

SCANS = frozenset({"BUILDKIT_SBOM_SCAN_CONTEXT", "BUILDKIT_SBOM_SCAN_STAGE"})
"""Arguments that are no variables: they say what an SBOM is made of, stages by their names."""

_PROXIED = ("HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY")
PROXIES = frozenset({*_PROXIED, *map(str.lower, _PROXIED)})
"""Arguments that docker's own configuration may give: whatever the file says, the value is the machine's."""


_LATER = "TARGETSTAGE"
"""An argument that BuildKit 0.11 does not set: a path that depends on it may be any."""


class Argument(NamedTuple):
    """A variable of an ARG, and how it has its value.

    `=`: it is `value`. `default`: it is what `value`, as the file has it, makes of the variables before it. `host`: the
    builder's machine says. `unset`: nothing gives it one.
    """

    name: str
    how: str
    value: str


def arguments_of(one: Instruction, given: Mapping[str, str], scope: Scope) -> tuple[Argument, ...]:
    """Return what an ARG of a stage declares, with the arguments of the build and what stands before the first FROM."""
    return tuple(_argument(*word.partition("="), given, scope) for word in one.args)


def _argument(name: str, sign: str, default: str, given: Mapping[str, str], scope: Scope) -> Argument:
    if name in given:
        return Argument(name, "=", given[name])
    if name in PROXIES:
        return Argument(name, "host", default)
    if sign:
        return Argument(name, "=" if is_plain(default) else "default", default)
    if name in scope.unknown:
        return Argument(name, "host", "")
    return Argument(name, "=", scope.values[name]) if name in scope.values else Argument(name, "unset", "")


class Variables:
    """Variables of a stage by name, None where a value is not known; and those that its image has.

    `is_open` where others may be set: those of a base of which nothing is known.
    """

    def __init__(self, escape: str, image: Mapping[str, str | None] | None) -> None:
        self.escape = escape
        self.is_open = image is None
        self.image: dict[str, str | None] = {"PATH": None, **(image or {})}
        self.values: dict[str, str | None] = dict(self.image)
        self._known: tuple[dict[str, str], frozenset[str] | None] | None = None

    def copy(self) -> "Variables":
        """Return the same for a stage that is made from this one."""
        other = Variables(self.escape, None if self.is_open else self.image)
        other.image, other.values = dict(self.image), dict(self.values)
        return other

    def expanded(self, word: str, but: frozenset[str] = frozenset()) -> str | None:
        """Return a word with its variables replaced, None where that cannot be known, or asks for one of `but`."""
        if is_plain(word):
            return word
        if self._known is None:
            values = {name: value for name, value in self.values.items() if value is not None}
            self._known = values, None if self.is_open else frozenset(self.values.keys() - values.keys())
        values, unknown = self._known
        if but:
            values = {name: value for name, value in values.items() if name not in but}
            unknown = None if unknown is None else unknown | but
        return expanded(word, self.escape, values, unknown)

    def after(self, one: Instruction, given: Mapping[str, str], scope: Scope) -> None:
        """Take over what an instruction sets."""
        if one.keyword == "ENV":
            self._env(one)
        elif one.keyword == "ARG":
            self._arg(arguments_of(one, given, scope))

    def _env(self, one: Instruction) -> None:
        """Set pairs: each sees what was before the instruction."""
        pairs = [
            (self.expanded(key), self.expanded(value))
            for key, value in zip(one.args[::3], one.args[1::3], strict=False)
        ]
        for key, value in pairs:
            if key is None:
                self._forget()
            else:
                self.image[key] = self.values[key] = value
        self._known = None

    def _arg(self, found: tuple[Argument, ...]) -> None:
        """Set arguments: whether one sees another of its instruction differs by BuildKit's version."""
        own = frozenset(one.name for one in found) if len(found) > 1 else frozenset()
        values = [(one.name, self._value(one, own)) for one in found if one.how != "unset" and one.name not in SCANS]
        self.values |= values
        self._known = None

    def _value(self, one: Argument, own: frozenset[str]) -> str | None:
        if one.how == "default":
            return self.expanded(one.value, own)
        return one.value if one.how == "=" and one.name != _LATER else None

    def _forget(self) -> None:
        """Know nothing more: a variable of any name may have been set."""
        self.is_open = True
        self.values = dict.fromkeys(self.values)
        self.image = dict.fromkeys(self.image)
