"""`--set`: what can be set and how a key is written; without a value, what the environment has for an argument."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buildmatrix.errors import Problems
from buildmatrix.plan.cells.overrides import is_unset, parse_sets, with_environment
from buildmatrix.spec.rows.shapes import is_template
from buildmatrix.template.sandbox.environment import Engine


@pytest.mark.parametrize("selector", ["app", "*", "app[python=3.13]", "app[a=1, b=2]"])
def test_an_argument_takes_what_the_environment_has(selector: str) -> None:
    text = f"{selector}.args.FOO"
    assert with_environment([text], {"FOO": "a=b"}) == (f"{text}=a=b",)
    assert with_environment([text], {"FOO": ""}) == (f"{text}=",)
    assert with_environment([text, "x.arg.A.B"], {"A.B": "1"}) == (text, "x.arg.A.B=1")
    assert [is_unset(one) for one in (text, f"{text}=", f"{text}+=1")] == [True, False, False]


@pytest.mark.parametrize("text", ["app.args.FOO=1", "app.args.FOO+=1", "app.labels.FOO", "app.args", "app.FOO", "FOO"])
def test_nothing_else_does(text: str) -> None:
    assert with_environment([text], {"FOO": "x"}) == (text,)
    assert not is_unset(text)


def test_what_is_not_set_there_sets_nothing() -> None:
    problems = Problems()
    (setting,) = parse_sets(("app.args.FOO",), problems)
    assert (setting.selector, setting.layer.settings.args) == ("app", None)
    assert [one.message for one in problems.warnings] == ["FOO is not set in the environment: nothing is set"]
    assert not problems.errors


def test_a_list_that_is_set_again_behind_it_is_not_added_to() -> None:
    settings = parse_sets(("app.args.FOO", "app.tags=a", "app.args.FOO", "app.tags=b"), Problems())
    assert [one.layer.extend for one in settings] == [False, False, False, True]


PRINTED = st.characters(exclude_categories=["Cc", "Cs"])
"""A template may make no control character."""


@given(st.text(st.sampled_from("{}%#\"'\\ax7b \n\r\té€"), max_size=12) | st.text(PRINTED, max_size=8))
def test_a_value_of_the_environment_is_no_template(value: str) -> None:
    (text,) = with_environment(["app.args.FOO"], {"FOO": value})
    taken = text.removeprefix("app.args.FOO=")
    assert (Engine().compile(taken).render({}) if is_template(taken) else taken) == value


@pytest.mark.parametrize("key", ["inherits", "let.q", "matrix.x", "name", "override", "extend.tags"])
def test_what_cannot_be_set(key: str) -> None:
    problems = Problems()
    assert not parse_sets((f"app.{key}=x",), problems)
    (error,) = problems.errors
    assert error.message.startswith(f"{key.partition('.')[0]} cannot be set")
    assert "--var" in error.hint or "--set" in error.hint


@pytest.mark.parametrize(("text", "name"), [('"x.y"', "x.y"), ("'x.y'", "x.y"), ("x.y", "x.y"), ('"x', '"x')])
def test_a_key_in_quotes(text: str, name: str) -> None:
    (setting,) = parse_sets((f"app.args.{text}=1",), Problems())
    assert setting.layer.settings.args == {name: "1"}


@pytest.mark.parametrize("text", ["app.args.A=x\x1b", "app.args.A\x01=x", "app.tags=a\0", "app.args.A=\udcff"])
def test_what_toml_would_refuse(text: str) -> None:
    problems = Problems()
    assert not parse_sets((text,), problems)
    assert [one.message.partition(" holds ")[0] for one in problems.errors] == ["this"]
