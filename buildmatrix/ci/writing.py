"""Writing YAML: a text with places to fill, and values that are always one value, whatever is in them."""

import json
import shlex
from collections.abc import Iterable, Iterator, Mapping

from buildmatrix.patterns import regex
from buildmatrix.text import json_safe

_ALONE = regex(r"( *)<([a-z_]+)>")
_WITHIN = regex(r"<([a-z_]+)>")
_PLAIN = regex(r"[A-Za-z][A-Za-z0-9_./-]*[A-Za-z0-9]")
_MAKER = "buildmatrix ci "
_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off"})


def filled(template: str, parts: Mapping[str, str | Iterable[str]]) -> str:
    """Return a text whose `<name>`s are filled, each once; what is filled in is not looked at again.

    One that stands alone on its line takes any number of lines, each indented as it is, or none.
    """
    return "".join(f"{line}\n" for line in _lines(template, parts))


def _lines(template: str, parts: Mapping[str, str | Iterable[str]]) -> Iterator[str]:
    for line in template.splitlines():
        if alone := _ALONE.fullmatch(line):
            part = parts[alone[2]]
            for inner in part.splitlines() if isinstance(part, str) else part:
                yield f"{alone[1]}{inner}" if inner else ""
        else:
            yield _WITHIN.sub(lambda found: str(parts[found[1]]), line)


def written_by(system: str, path: str) -> str:
    """Return the command that writes the workflow of a CI system, for a shell."""
    return f"{_MAKER}{system} --workflow {shlex.quote(path)}"


def is_written(system: str, text: str) -> bool:
    """Tell whether a workflow has the line that says it was written; who makes it their own may delete that."""
    return any(line.startswith(f"# Written by: {_MAKER}{system} ") for line in text.splitlines())


def scalar(text: str) -> str:
    """Return a text as YAML: bare where that is plain, else in quotes."""
    is_plain = _PLAIN.fullmatch(text) and text.lower() not in _WORDS
    return text if is_plain else json_safe(json.dumps(text, ensure_ascii=False))


def expression_free(text: str) -> str:
    """Return a text that means itself where GitHub evaluates `${{ }}`."""
    return text.replace("${{", "${{ '${{' }}")


def labels(names: Iterable[str]) -> str:
    """Return the labels of a machine, for `runs-on`: one, or a list."""
    found = [scalar(expression_free(name)) for name in names]
    return found[0] if len(found) == 1 else f"[{', '.join(found)}]"
