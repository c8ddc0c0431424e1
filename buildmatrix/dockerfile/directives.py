"""Which frontend reads a Dockerfile: `# syntax=…` at its top may name another than docker's own."""

from buildmatrix.patterns import regex

SYNTAX = "BUILDKIT_SYNTAX"
"""The build argument that names a frontend, whatever the Dockerfile asks for."""

_LINE = regex(r"\s*(?:#|//)\s*(\w+)\s*=\s*(\S+)")
_DOCKERS = regex(r"((index\.)?docker\.io/)?docker/dockerfile(-upstream)?([:@]|$)")


def syntax_of(text: str) -> str:
    """Return the frontend that a Dockerfile asks for; "" where it asks for none, "{" where its text is JSON."""
    return _syntax(text)[0]


def line_of_syntax(text: str) -> int:
    """Return the line, from 1, on which a Dockerfile asks for its frontend; 0 where it asks for none."""
    return _syntax(text)[1]


def _syntax(text: str) -> tuple[str, int]:
    lines = text.removeprefix("\ufeff").split("\n")
    start = int(lines[0].startswith("#!"))
    for number, line in enumerate(lines[start:], start + 1):
        found = _LINE.match(line)
        if found is None:
            return "{" if line.startswith("{") else "", 0
        if found[1].lower() == "syntax":
            return found[2], number
    return "", 0


def is_dockers(text: str) -> bool:
    """Tell whether a Dockerfile is read by docker's own frontend: of another nobody knows what it makes of a text."""
    syntax = syntax_of(text)
    return not syntax or is_dockers_name(syntax)


def is_dockers_name(frontend: str) -> bool:
    """Tell whether a frontend's name is that of docker's own."""
    return _DOCKERS.match(frontend) is not None
