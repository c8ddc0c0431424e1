"""What is wrong with a template, in the words of who wrote it."""

import pytest

from buildmatrix.template.sandbox.mistakes import omit_hint


@pytest.mark.parametrize(
    ("text", "instead"),
    [
        ("{{ x | default(omit) | replace('a', 'b') }}", "{{ x | replace('a', 'b') if x is defined else omit }}"),
        ("{{ x.y[0]|d( omit, true)|upper }}\n", "{{ x.y[0]|upper if x.y[0] else omit }}"),
        ("{{ x | default(omit, boolean=True) ~ 'a' }}", "{{ … if x else omit }}"),
        ("a{{ x | default(omit) }}", "{{ … if x is defined else omit }}"),
        ("{{ x | default(omit) | upper }}{{ y }}", "{{ … if x is defined else omit }}"),
        ("a{{ x or omit }}", "{{ 'a' ~ x if x else omit }}"),
        ("a{{ b if c == 1 else omit }}", "{{ … if c == 1 else omit }}"),
        ("{{ [omit] }}", "{{ … if x else omit }}"),
    ],
)
def test_where_omit_is_a_part_of_a_value(text: str, instead: str) -> None:
    assert omit_hint(text) == f"write {instead}"
