"""What is wrong with the parents of cells, told once."""

from pathlib import Path

import pytest

from buildmatrix.git.facts import Git
from buildmatrix.pipeline import plan, validate
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


MIXED = """
[target.mixed]
platforms = ["linux/amd64", "linux/arm64"]
matrix.v = ["1", "2"]
override = [
  { select = { platform = "linux/arm64" }, labels.arm = "yes" },
  { select = { v = "2", platform = "linux/arm64" }, labels.both = "yes" },
]
"""


@pytest.mark.parametrize(
    ("parent", "labels"),
    [
        ("mixed[v=1]", {"arm": "yes"}),
        ("mixed[v=2]", {"arm": "yes", "both": "yes"}),
        ("{{ 'mixed[v=2]' }}", {"arm": "yes", "both": "yes"}),
        ("{{ 'plain' }}", {"arm": "yes", "both": "yes"}),
    ],
)
def test_what_a_parent_has_by_platform_comes_along(parent: str, labels: dict[str, str]) -> None:
    plain = '[target.plain]\ninherits = ["mixed[v=2]"]\n'
    text = f'version = 1\n{MIXED}{plain}[target.heir]\ninherits = ["{parent}"]\n'
    sources, asked = Sources(Path("/"), {"f": text}), Request(selectors=("heir",))
    found = plan("f", sources, asked, Git(lambda _: None), files=False).targets[0]
    assert found.on("linux/amd64").settings.labels is None
    assert found.on("linux/arm64").settings.labels == labels
