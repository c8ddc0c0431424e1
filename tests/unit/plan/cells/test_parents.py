"""What is wrong with the parents of cells, told once."""

from pathlib import Path

from buildmatrix.git.facts import Git
from buildmatrix.pipeline import validate
from buildmatrix.spec.toml.source import Sources
from buildmatrix.template.request import Request

RUST = '[target.rust]\nmatrix = { tc = ["stable", "nightly"], arch = ["x", "y"] }\n'


def said(text: str) -> list[tuple[str, str]]:
    found = validate("f", Sources(Path("/"), {"f": f"version = 1\n{text}"}), Request(), Git(lambda _: None))
    return [(one.message, one.hint) for one in found if one.severity == "error"]


def test_a_parent_that_a_template_names_is_refused_once() -> None:
    app = '[target.p]\ninherits = ["rust[tc={{ t }},arch=x]"]\n'
    app += 'matrix = { t = ["stable", "nightly"], arch = ["x", "y"] }\n'
    ((message, _),) = said(f'{RUST}{app}args.Z = "{{{{ tc }}}}"')
    assert message.endswith("has arch = x, and this cell arch = y")
