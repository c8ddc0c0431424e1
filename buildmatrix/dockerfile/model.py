"""What a Dockerfile is, as BuildKit reads it: stages of instructions, and what these name. All is as written.

Named tuples: their classes cost an eighth of what those of dataclasses do, which a start would have to pay.
"""

from typing import Literal, NamedTuple


class Heredoc(NamedTuple):
    """A here-document: its content as written; whether leading tabs go (`<<-`), and whether variables are replaced."""

    name: str
    content: str
    chomp: bool
    expand: bool


class Instruction(NamedTuple):
    """One instruction. That of an ONBUILD is what the ONBUILD holds, and is marked.

    `text` is all of it on one line without comments, as BuildKit tells it. ENV and LABEL have three `args` for each of
    their pairs, the last of which is `=`, or "" for the old form without one.
    """

    keyword: str
    flags: tuple[str, ...]
    args: tuple[str, ...]
    is_json: bool
    text: str
    heredocs: tuple[Heredoc, ...]
    line: int
    end_line: int
    onbuild: bool

    def values(self, flag: str) -> tuple[str, ...]:
        """Return the values of a flag that may be given several times: `--mount=…`."""
        head = f"--{flag}="
        return tuple(one.removeprefix(head) for one in self.flags if one.startswith(head))


class Arg(NamedTuple):
    """A variable that ARG declares, and its default, None where it has none."""

    name: str
    default: str | None
    line: int


class Reference(NamedTuple):
    """What an instruction takes files from: a stage, a named context or an image, or a URL for `add`.

    Only `copy` knows stages by their numbers. One of an ONBUILD is used by those that depend on the stage.
    """

    kind: Literal["copy", "mount", "add"]
    name: str
    line: int
    onbuild: bool


class Stage(NamedTuple):
    """A stage: `name` is in lower case, as stages are compared, "" where it has none.

    `head` is its FROM; `platform` is the value of the flag, "" without one.
    """

    number: int
    name: str
    base: str
    platform: str
    head: Instruction
    instructions: tuple[Instruction, ...]
    args: tuple[Arg, ...]
    references: tuple[Reference, ...]


class Warned(NamedTuple):
    """What BuildKit would warn of as it reads the file."""

    message: str
    line: int


class Dockerfile(NamedTuple):
    """A Dockerfile. `args` are those before the first FROM; `syntax` is the frontend that it asks for, "" for none."""

    stages: tuple[Stage, ...]
    args: tuple[Arg, ...]
    syntax: str
    escape: str
    warnings: tuple[Warned, ...]

    def stage(self, name: str | None) -> Stage | None:
        """Return the stage that a target of this name builds, None or "": the last; None where there is none."""
        named = (one for one in reversed(self.stages) if not name or one.name == name.lower())
        return next(named, None)
