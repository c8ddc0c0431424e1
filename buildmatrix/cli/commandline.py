"""The command line that runs, as it is shown to be written once more: quoted for a shell, without its secrets."""

import shlex
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import typer

from buildmatrix.cli.options import Adjustments, Changed, Outputs, Selection, rows_of
from buildmatrix.plan.model import Plan
from buildmatrix.spec.credentials import assignment
from buildmatrix.spec.rows.options import Options
from buildmatrix.spec.rows.shapes import rows
from buildmatrix.text import HIDDEN, one_line, redacted

RESUME = "--resume"


def command_line(plan: Plan) -> str:
    """Return the command line of this run; `plan` says which of its variables are secret."""
    return _shown(sys.argv[1:], plan)


def resuming(plan: Plan) -> str:
    """Return the command line of this run of `apply` with `--resume`, which it may have already."""
    command, *words = sys.argv[1:]
    more = [] if RESUME in words else [RESUME]
    return _shown([command, *more, *words], plan)  # ahead of a "--", behind which words are selectors


def applying(context: typer.Context, plan: Plan, saved: str = "") -> str:
    """Return the command line of `apply` that does what this one of `plan` shows, by the plan that it has `saved`.

    It has what was given here and means the same there, but for what a saved plan holds. Options are matched by their
    parameters, since `--all` and `--format` mean something else there. What the environment gives, it gives there, too.
    """
    wanted = of_apply() - (_held() if saved else set())
    given = [one for one in context.command.params if one.name in wanted and is_given(context, str(one.name))]
    words = [word for one in given for word in _words(one, context.params[str(one.name)])]
    return _shown(["apply", *([as_path(saved)] if saved else []), *words], plan)


def of_apply() -> set[str]:
    """Return the names of the parameters of `apply`, whose command is not imported for that."""
    tables = (Selection, Adjustments, Outputs, Changed, Options)
    return {"color", *(name for table in tables for name, _ in rows_of(table, "apply"))}


def _held() -> set[str]:
    """Return the parameters whose values a saved plan holds: what is asked for, and what may be kept."""
    kept = {"incremental", "everything", "content_tag"}
    return {"selectors"} | kept | {row.attribute for table in (Adjustments, Outputs, Changed) for row in rows(table)}


def is_given(context: typer.Context, name: str) -> bool:
    """Tell whether a parameter was given on the command line, and not by the environment."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _words(parameter: Any, value: Any) -> Iterator[str]:
    """Yield the words that give a parameter this value."""
    if isinstance(value, bool):
        yield (parameter.opts if value else parameter.secondary_opts)[0]
        return
    option = [parameter.opts[0]] if parameter.param_type_name == "option" else []
    for one in value if isinstance(value, list | tuple) else [value]:
        yield from (*option, str(one))


def _shown(words: Iterable[str], plan: Plan) -> str:
    secret = {name for name, given in plan.made.given.items() if given.secret}
    clean = [redacted(word, assignment()) for word in _hidden(list(words), secret)]
    return " ".join(map(quoted, ["buildmatrix", *clean]))


def as_path(name: str) -> str:
    """Return a file's name as no command takes it for an option."""
    return f"./{name}" if name.startswith("-") else name


def quoted(word: str) -> str:
    """Return a word for a shell; what hides a secret stands outside the quotes."""
    return HIDDEN.join(part and _quoted(part) for part in word.split(HIDDEN)) or _quoted(word)


def _quoted(text: str) -> str:
    """Return a text in quotes if it needs any; with signs that are obeyed or not seen, as bash and zsh write those."""
    if one_line(text) == text:
        return shlex.quote(text)
    written = (f"\\u{ord(sign):04x}" if ord(sign) < 1 << 16 else f"\\U{ord(sign):08x}" for sign in text)
    signs = (
        f"\\{sign}" if sign in "\\'" else sign if one_line(sign) == sign else code
        for sign, code in zip(text, written, strict=True)
    )
    return f"$'{''.join(signs)}'"


def _hidden(words: Sequence[str], secret: set[str]) -> Iterator[str]:
    """Yield the words of a command line without the values of variables that are part of a credential."""
    for before, word in zip(["", *words], words, strict=False):
        option = "--var=" if word.startswith("--var=") else ""
        name, sign, _ = word.removeprefix(option).partition("=")
        is_hidden = sign and name in secret and (option or before == "--var")
        yield f"{option}{name}={HIDDEN}" if is_hidden else word
