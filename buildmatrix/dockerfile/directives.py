"""Which frontend reads a Dockerfile: `# syntax=…` at its top may name another than docker's own."""

import re

SYNTAX = "BUILDKIT_SYNTAX"
"""The build argument that names a frontend, whatever the Dockerfile asks for."""

_LINE = re.compile(r"\s*(?:#|//)\s*(\w+)\s*=\s*(\S+)")
_DOCKERS = re.compile(r"((index\.)?docker\.io/)?docker/dockerfile(-upstream)?([:@]|$)")


def syntax_of(text: str) -> str:
    """Return the frontend that a Dockerfile asks for; "" where it asks for none, "{" where its text is JSON."""
    lines = text.removeprefix("\ufeff").split("\n")
    for line in lines[lines[0].startswith("#!") :]:
        found = _LINE.match(line)
        if found is None:
            return "{" if line.startswith("{") else ""
        if found[1].lower() == "syntax":
            return found[2]
    return ""


def is_dockers(text: str) -> bool:
    """Tell whether a Dockerfile is read by docker's own frontend: of another nobody knows what it makes of a text."""
    syntax = syntax_of(text)
    return not syntax or _DOCKERS.match(syntax) is not None
