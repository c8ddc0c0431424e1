"""A mistake that many heirs and cells render is one; what is not the same mistake is told beside it."""

from pathlib import Path

import pytest

from buildmatrix.git.facts import Git
from buildmatrix.pipeline import validate
from buildmatrix.spec.toml.source import Sources
from buildmatrix.template.request import Request

HEIRS = "".join(f'[target.t{number}]\ninherits = ["_base"]\n' for number in range(30))
MATRIX = '[target.m]\ninherits = ["_base"]\nmatrix.os = ["a", "b", "c"]\n'


def said(setting: str) -> list[str]:
    text = f'version = 1\n[target._base]\ndockerfile-inline = "FROM scratch"\n{setting}\n{HEIRS}{MATRIX}'
    found = validate("f", Sources(Path("/"), {"f": text}), Request(), Git(lambda _: None))
    return [one.message for one in found if one.severity == "error"]


@pytest.mark.parametrize(
    ("setting", "number"),
    [
        ('secret = ["id={{ name }},bogus=1"]', 1),
        ('secret = ["id={{ name }},bogus=1,other=2"]', 2),
        ('secret = ["id={{ name }},bogus=1", "id={{ target }},bogus=1"]', 2),
        ('cache-to = ["type=local,dest={{ name }},mode=zzzz{{ name }}"]', 1),
        ('cache-from = ["{{ name }} {{ name }}=1"]', 1),
        ('ssh = ["{{ name }},x"]', 1),
        ('network = "{{ name }}"', 1),
        ('pull = "{{ name }}"', 1),
        ('annotations = ["{{ name }}"]', 1),
        ('args."{{ name }}=" = "x"', 1),
        ('labels.a = "{{ nobody }}"', 1),
        ('labels = { a = "{{ nobody }}", b = "{{ noone }}" }', 2),
        ('tags = ["{{ name }}:A B"]', 1),
    ],
)
def test_one_mistake_is_told_once(setting: str, number: int) -> None:
    assert len(said(setting)) == number


def test_what_is_written_instead_tells_mistakes_apart() -> None:
    """They come out of one template, but of different values, each with an answer of its own."""
    text = """
version = 1
[target.app]
platforms = ["linux/{{ arch }}"]
matrix.arch = ["x64", "armv8", "x64_", "amd64"]
"""
    found = validate("f", Sources(Path("/"), {"f": text}), Request(), Git(lambda _: None))
    hints = [one.hint for one in found if one.code == "rendered"]
    assert len(hints) == len(set(hints)) > 1


@pytest.mark.parametrize(
    ("key", "value"), [("args", "1"), ("labels", "1"), ("contexts", "docker-image://x"), ("extra-hosts", "1.2.3.4")]
)
def test_keys_stand_in_one_line(key: str, value: str) -> None:
    for name in (r'"{{ [\"b\", \"c\"] }}"', r'"{{ \"b\\nc\" }}"', r'"b\nc"'):
        assert any('"b\\nc" is not a name' in one for one in said(f"{key} = {{ {name} = '{value}' }}")), name
    assert f"target._base.{key}: a key is empty" in said(f"{key} = {{ '' = '{value}' }}")
    assert any("a key is empty" in one for one in said(f"""{key} = {{ "{{{{ '' }}}}" = '{value}' }}"""))


def test_annotations_have_such_keys_too() -> None:
    assert any("annotations[0]" in one for one in said(r'annotations = ["a\nb=4"]'))
