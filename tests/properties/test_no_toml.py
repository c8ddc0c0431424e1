"""Text that is not TOML, of any kind: always one error, at a place of the text, in few words."""

from hypothesis import given
from hypothesis import strategies as st

from buildmatrix.errors import SpecError
from buildmatrix.spec.checks.foreign import foreign_hint
from buildmatrix.spec.load import parse
from buildmatrix.spec.rows.platforms import platform_hint
from buildmatrix.template.sandbox.mistakes import syntax_hint
from tests.examples import examples

PIECES = [
    *"[]{}\"'=,:.#$%+-~?;|\\ \t\n\u00a0“”",
    "[target.app]\n", "[[target.app.override]]\n", "version = 1\n", '"""', "'''",
    "key = ", "tags = [", '"a"', "{{ tag }}", "{% if", "${", "$(", "true", "null", "1.2.3", 'target "app" {\n', "- x\n",
    "services:\n", "FROM x\n", "ARG A\n", "<<<<<<< HEAD\n", "//", "<<EOF", "yes", "a.b", "=>", "+=",
]  # fmt: skip
TEXT = st.lists(st.sampled_from(PIECES), max_size=14).map("".join)


@examples(400)
@given(TEXT)
def test_one_error_at_a_place_of_the_text(text: str) -> None:
    try:
        parse("buildmatrix.toml", text)
    except SpecError as error:
        (found,) = error.diagnostics
        assert found.place is not None
        lines = text.split("\n")
        assert 1 <= found.place.line <= len(lines)
        assert 1 <= found.place.column <= len(lines[found.place.line - 1]) + 1
        assert len(found.message) < 300
        assert len(found.hint) < 300


@examples(200)
@given(TEXT)
def test_hints_of_any_text(text: str) -> None:
    for hint in (platform_hint(text), foreign_hint(text, ["tag"]), syntax_hint("unexpected end of template", text)):
        assert "\n" not in hint or "\n" in text
