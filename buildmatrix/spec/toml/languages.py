"""Files of other tools that are given in the place of a buildmatrix.toml: which language one is in, and the way on."""

import re

from buildmatrix.patterns import regex
from buildmatrix.records import dataclass


@dataclass(frozen=True, kw_only=True)
class Language:
    """What a text is, where that is seen (an offset), and what to do about it."""

    name: str
    at: int
    cure: str


JSON = "JSON"

_HCL = regex(r"^[ \t]*(?:target|group|variable|function|matrix)[ \t]+\"[^\"\n]*\"[ \t]*\{", re.MULTILINE)
_TOML = regex(r"^[ \t]*(?:\[+[ \t]*[\w.\"-]+[ \t]*\]+|[\w.\"-]+[ \t]*=)", re.MULTILINE)
_YAML = regex(r"^(?:---|[A-Za-z_][\w.-]*:(?:[ \t].*)?)$", re.MULTILINE)
_COMPOSE = regex(r"^services:", re.MULTILINE)
_WORKFLOW = regex(r"^(?:on|jobs):", re.MULTILINE)
_DOCKERFILE = regex(
    r"^(?:FROM[ \t]+\S+|ARG[ \t]+\w+(?:=\S*)?[ \t]*\n(?:.*\n)*?FROM[ \t])", re.MULTILINE | re.IGNORECASE
)


def language_of(name: str, text: str) -> Language | None:
    """Return which other language a text is written in, as its name and its lines tell; None if it looks like TOML."""
    ending = name.rpartition(".")[2].lower()
    first = re.search(r"^[ \t]*(?!#|//)\S.*$", text, re.MULTILINE)
    begin = first.start() if first else 0
    line = first[0].strip() if first else ""
    if line.startswith("{") and not line.startswith(("{{", "{%")):
        return Language(name=JSON, at=begin, cure=_of_json(text))
    if ending == "hcl" or ((found := _HCL.search(text)) and not _is_toml(text[: found.start()])):
        found = _HCL.search(text)
        return Language(name="HCL, a bake file", at=found.start() if found else begin, cure=_of_hcl())
    if ending in {"yml", "yaml"} or (_YAML.match(line) and not is_toml(text)):
        return Language(name=_yaml(text), at=begin, cure=_of_yaml(text))
    if _DOCKERFILE.match(text, begin):
        cure = '--file names the buildmatrix.toml; in it stands dockerfile = "…" for a target'
        return Language(name="a Dockerfile", at=begin, cure=cure)
    return None


def is_toml(text: str) -> bool:
    """Tell whether a line of a text is a header or an assignment, as in TOML."""
    return _TOML.search(text) is not None


def _is_toml(text: str) -> bool:
    return re.search(r"^[ \t]*\[", text, re.MULTILINE) is not None or re.match(r"\s*version\s*=", text) is not None


def _of_hcl() -> str:
    return (
        'write [target.app] for target "app" { }, with its settings below it; [variable] and TAG = { default = "dev", '
        'env = "TAG" } for variable "TAG" { }, and {{ TAG }} for ${TAG}; [group] and default = ["app"] for groups'
    )


def _of_json(text: str) -> str:
    if '"docker-metadata-action"' in text:
        return "give it with --bake-file, beside the spec that --file names"
    if '"target"' in text:
        return 'write version = 1, and for each target [target.NAME] with key = value below it, such as tags = ["a:1"]'
    return "write version = 1, [target.NAME], and key = value below it"


def _yaml(text: str) -> str:
    if _COMPOSE.search(text):
        return "YAML, a compose file"
    return "YAML, a workflow" if _WORKFLOW.search(text) else "YAML"


def _of_yaml(text: str) -> str:
    if _COMPOSE.search(text):
        return "write [target.NAME] for each service, and the keys of its `build` below it: image becomes tags"
    return 'write key = value, [target.NAME] for a nested table, and lists as ["a", "b"]'
