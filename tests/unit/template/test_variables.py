"""Variables: which of the ways to give a value goes first, and what each becomes."""

import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from buildmatrix.errors import Problems
from buildmatrix.git.facts import Git
from buildmatrix.spec.load import load
from buildmatrix.spec.rows.shapes import text_of
from buildmatrix.spec.toml.source import Sources
from buildmatrix.template.context import Rendering
from buildmatrix.template.request import Request

LARGE = "is too large: an integer has at most 64 bits"


def rendering(tmp_path: Path, declared: str, **request: Any) -> tuple[Rendering, Problems]:
    problems = Problems()
    text = f"version = 1\n[target.app]\n[variable]\n{declared}"
    spec = load("buildmatrix.toml", Sources(tmp_path, {"buildmatrix.toml": text}), problems)
    return Rendering(spec, Request(**request), Git(lambda _: None), problems), problems


def values(tmp_path: Path, declared: str, **request: Any) -> dict[str, Any]:
    found, problems = rendering(tmp_path, declared, **request)
    assert not problems.found
    return {name: item.value for name, item in found.variables.items()}


def test_what_goes_first(tmp_path: Path) -> None:
    (tmp_path / "VERSION").write_text("\ufefffile\nmore\n")
    (tmp_path / "vars.toml").write_text('v = "--var-file"\n')
    declared = 'v = { default = "default", file = "VERSION", env = "V" }'
    everything: dict[str, Any] = {
        "variables": {"v": "--var"},
        "variable_files": (str(tmp_path / "vars.toml"),),
        "environment": {"V": "environment"},
    }
    for way, key in (("--var", "variables"), ("--var-file", "variable_files"), ("environment", "environment")):
        assert values(tmp_path, declared, **everything) == {"v": way}
        del everything[key]
    assert values(tmp_path, declared) == {"v": "file"}
    (tmp_path / "VERSION").unlink()
    assert values(tmp_path, declared) == {"v": "default"}


def test_the_environment_counts_only_where_it_is_asked(tmp_path: Path) -> None:
    assert values(tmp_path, 'v = "x"', environment={"v": "y", "V": "z"}) == {"v": "x"}


def test_the_environment_variable_of_the_same_name(tmp_path: Path) -> None:
    environment = {"GO_VERSION": "1.24", "go_version": "no"}
    assert values(tmp_path, 'go_version = { env = true, default = "x" }', environment=environment) == {
        "go_version": "1.24"
    }
    assert values(tmp_path, 'go_version = { env = false, default = "x" }', environment=environment) == {
        "go_version": "x"
    }


def test_a_whole_file(tmp_path: Path) -> None:
    (tmp_path / "NOTES").write_text("\ufeffone\n\ntwo\r\n\n")
    assert values(tmp_path, 'v = { file = "NOTES", text = true }') == {"v": "one\n\ntwo"}
    assert values(tmp_path, 'v = { file = "NOTES", text = false }') == {"v": "one"}
    _, problems = rendering(tmp_path, 'v = { default = "x", text = true }')
    assert [one.message for one in problems.errors] == ["variable.v: text is how a file is read, and there is no file"]


def test_an_empty_text_is_a_value(tmp_path: Path) -> None:
    assert values(tmp_path, 'v = { env = "V" }', environment={"V": ""}) == {"v": ""}
    assert values(tmp_path, 'v = "x"', variables={"v": ""}) == {"v": ""}


@pytest.mark.parametrize(
    ("declared", "text", "value"),
    [
        ("false", "true", True),
        ('{ type = "boolean" }', "false", False),
        ("3", "-4", -4),
        ('["a"]', "x, y,", ["x", "y"]),
        ('["a"]', '["x,y", "z"]', ["x,y", "z"]),
        ('["a"]', "x\ny\n", ["x", "y"]),
        ("[17, 21]", "17, 25", [17, 25]),
        ("[true, false]", "false,T", [False, True]),
        ('{ type = "list", choices = [17, 21] }', "21", [21]),
        ('{ type = "list", default = "{{ [17] }}", choices = [17, 21] }', "21", [21]),
        ('[17, "21"]', "17,21", ["17", "21"]),
        ('[17, "3.10"]', "3.20", ["3.20"]),
        ("[3.10]", "3.20,4", [Decimal("3.20"), 4]),
        ("1.5", "2.5", Decimal("2.5")),
        ("1.5", "2", 2),
        ("3", "2.50", Decimal("2.50")),
        ('{ type = "number" }', "2.50", Decimal("2.50")),
        ('{ type = "integer", default = 3 }', "9223372036854775807", 9223372036854775807),
        ("{ choices = [17, 21] }", "21", 21),
        ('{ choices = ["17", "21"] }', "21", "21"),
        ("[]", "1,true", ["1", "true"]),
        ("[17]", '["17"]', ["17"]),
        ('[{ id = "a" }]', '[{"id": "b"}]', [{"id": "b"}]),
        ('"s"', "3", "3"),
    ],
)
def test_texts_become_what_the_variable_is(tmp_path: Path, declared: str, text: str, value: object) -> None:
    found = values(tmp_path, f"v = {declared}", variables={"v": text})["v"]
    assert found == value
    assert type(found) is type(value)
    assert text_of(found) == text or not isinstance(value, Decimal)


@pytest.mark.parametrize(
    ("declared", "hint"),
    [
        ("3", "where it may be another text, quote the default"),
        ("{ default = 3, choices = [3, 4] }", "where it may be another text, quote the default and the choices"),
        ("{ choices = [3, 4] }", "where it may be another text, quote the choices"),
        ('"{{ 1 + 2 }}"', 'where it may be another text, write type = "string"'),
        ('{ type = "integer" }', 'where it may have a point, write type = "number"'),
        ('{ type = "number" }', ""),
        ("[3]", "where items may be other texts, quote those of the default and the choices"),
    ],
)
def test_the_way_out_of_what_is_refused(tmp_path: Path, declared: str, hint: str) -> None:
    text = "1.5" if "integer" in declared else "x"
    _, problems = rendering(tmp_path, f"v = {declared}", variables={"v": text})
    assert [one.hint for one in problems.errors] == [hint]


def test_a_given_number_is_reckoned_with(tmp_path: Path) -> None:
    declared = "v = { env = true, default = 1.5 }\nmore = '{{ v + 1 }}'"
    assert values(tmp_path, declared, environment={"V": "2.5"})["more"] == Decimal("3.5")


@pytest.mark.parametrize(
    ("declared", "text", "said"),
    [
        ("[17, 21]", "17,22-ea", 'holds "22-ea" (--var), which is not a number'),
        ("[3.10]", "3.12.1", 'holds "3.12.1" (--var), which is not a number'),
        ("1.5", "x", 'is "x" (--var), which is not a number'),
        ("3", "1.2.3", 'is "1.2.3" (--var), which is not a number'),
        ('{ type = "integer", default = 3 }', "2.50", 'is "2.50" (--var), which is not an integer'),
        ('{ type = "integer" }', "1" * 20, f'is "{"1" * 20}" (--var), which {LARGE}'),
        ("3", "-" + "9" * 19, f'is "-{"9" * 19}" (--var), which {LARGE}'),
        ("[3]", "9" * 19, f'holds "{"9" * 19}" (--var), which {LARGE}'),
        ("[true]", "true,no", 'holds "no" (--var), which is not true or false'),
        ("true", "no", 'is "no" (--var), which is not true or false'),
    ],
)
def test_texts_that_are_not_what_the_variable_is(tmp_path: Path, declared: str, text: str, said: str) -> None:
    _, problems = rendering(tmp_path, f"v = {declared}", variables={"v": text})
    assert [one.message for one in problems.errors] == [f'variable "v" {said}']


KINDS = """
yes = true
three = 3
half = 0.5
word = "x"
nothing = { env = "NOTHING", optional = true }
lacks = { env = "LACKS" }
circle = "{{ v }}"
"""


@pytest.mark.parametrize(
    ("default", "text", "value"),
    [
        ("'{{ yes }}'", "false", False),
        ("'{{ not yes }}'", "T", True),
        ("'{{ git.dirty }}'", "false", False),
        ("'{{ git.branch == word }}'", "false", False),
        ("'{{ host.platform }}'", "1", "1"),
        ("'{{ now }}'", "1", "1"),
        ("'{{ three + 1 }}'", "5", 5),
        ("'{{ half }}'", "2.50", Decimal("2.50")),
        ("'{{ three / 2 }}'", "2.50", Decimal("2.50")),
        ("'{{ [17, three] }}'", "17,21", [17, 21]),
        ("'{{ [word] }}'", "17,21", ["17", "21"]),
        ("['{{ yes }}']", "false,true", [False, True]),
        ("['{{ yes }}', 'x']", "false,true", ["false", "true"]),
        ("'{{ word }}'", "false", "false"),
        ("'{{ yes }}{{ yes }}'", "false", "false"),
        ("'{{ {} }}'", "false", "false"),
        ("'{{ nothing }}'", "false", "false"),
        ("'{{ omit }}'", "false", "false"),
        # what cannot be rendered, of which nothing is said
        ("'{{ lacks }}'", "false", "false"),
        ("'{{ lacks == 1 }}'", "false", "false"),
        ("'{{ unknown }}'", "false", "false"),
        ("'{{ yes. }}'", "false", "false"),
        ("'{{ word.x }}'", "false", "false"),
        ("'{{ circle }}'", "false", "false"),
        ("'{{ circle == v }}'", "false", "false"),
    ],
)
@pytest.mark.parametrize("way", ["--var", "environment", "--var-file", "file"])
def test_what_is_given_is_what_the_rendered_default_is(
    tmp_path: Path, default: str, text: str, value: object, way: str
) -> None:
    (tmp_path / "vars.toml").write_text(f'v = "{text}"\n')
    (tmp_path / "V").write_text(text)
    ways: dict[str, dict[str, Any]] = {
        "--var": {"variables": {"v": text}},
        "environment": {"environment": {"V": text}},
        "--var-file": {"variable_files": (str(tmp_path / "vars.toml"),)},
        "file": {},
    }
    file = 'file = "V", ' if way == "file" else ""
    found, problems = rendering(tmp_path, f"{KINDS}v = {{ env = true, {file}default = {default} }}", **ways[way])
    assert not problems.found
    assert found.variables["v"].value == value
    assert type(found.variables["v"].value) is type(value)
    assert found.variables["v"].origin == way
    assert found.variables["v"].given == text
    assert found.variables["circle"].value == value
    assert found.scope["v"] == value


def test_a_default_that_is_only_tried_asks_for_nothing(tmp_path: Path) -> None:
    declared = 'v = { env = true, default = "{{ [git.branch, git.dirty, now, created, host.platform] }}" }'
    made, problems = rendering(tmp_path, declared, environment={"V": "a,b"})
    assert (made.variables["v"].value, problems.found) == (["a", "b"], [])
    assert made.machine.asked() == {}
    assert made.scope["git"].known() == {}


@pytest.mark.parametrize(
    ("default", "said"), [("{{ yes }}", "true or false"), ("{{ three }}", "a number"), ("{{ [three] }}", "a number")]
)
def test_what_is_given_is_refused_where_it_is_not_what_the_rendered_default_is(
    tmp_path: Path, default: str, said: str
) -> None:
    _, problems = rendering(tmp_path, f'{KINDS}v = {{ env = true, default = "{default}" }}', environment={"V": "x"})
    verb = "holds" if "[" in default else "is"
    assert [one.message for one in problems.errors] == [f'variable "v" {verb} "x" (environment), which is not {said}']


def test_variables_use_variables(tmp_path: Path) -> None:
    declared = """
c = "{{ b }}!"
b = "{{ a }}{{ a }}"
a = "x"
lines = { type = "list", default = "{% for n in range(2) %}{{ b }}{{ n }}\\n{% endfor %}" }
table = [{ id = "{{ c }}" }]
"""
    assert values(tmp_path, declared, variables={"a": "y"}) == {
        "c": "yy!",
        "b": "yy",
        "a": "y",
        "lines": ["yy0", "yy1"],
        "table": [{"id": "yy!"}],
    }


def test_a_list_is_one_wherever_it_comes_from(tmp_path: Path) -> None:
    declared = 'l = ["a", "b"]\nmore = "{{ l + [1] == [\'a\', \'b\', 1] }}"'
    assert values(tmp_path, declared) == {"l": ["a", "b"], "more": True}
    assert values(tmp_path, declared, variables={"l": "a,b"}) == {"l": ["a", "b"], "more": True}


@pytest.mark.parametrize("name", ["namespace", "cycler", "joiner"])
def test_a_variable_hides_what_jinja_has_and_hardly_anybody_calls(tmp_path: Path, name: str) -> None:
    declared = f'{name} = "acme"\nv = "{{{{ {name} }}}}/{{{{ {name} | upper }}}}"'
    assert values(tmp_path, declared)["v"] == "acme/ACME"
    assert values(tmp_path, f"{name} = {{ env = true, optional = true }}\nv = '{{{{ {name} is none }}}}'")["v"] is True
    lacking = f"{name} = {{ env = true }}\nv = '{{{{ {name} | default(5) }}}}'"
    assert rendering(tmp_path, lacking)[0].variables["v"].value == 5


def test_functions_that_no_variable_hides(tmp_path: Path) -> None:
    declared = (
        """v = "{% set n = namespace(x=1) %}{% for i in [2, 3] %}{% set n.x = n.x + i %}{% endfor %}{{ n.x }}" """
    )
    assert values(tmp_path, declared) == {"v": "6"}
    _, problems = rendering(tmp_path, f'namespace = "acme"\n{declared}')
    assert ["calls a value that is not a function" in one.message for one in problems.errors] == [True]


@pytest.mark.parametrize("name", ["range", "dict", "omit", "git"])
def test_a_variable_hides_nothing_else(tmp_path: Path, name: str) -> None:
    _, problems = rendering(tmp_path, f'{name} = "acme"')
    assert [one.message for one in problems.errors] == [f'variable "{name}" hides a built-in name of templates']


def test_what_is_given_is_no_template(tmp_path: Path) -> None:
    assert values(tmp_path, 'v = "x"', variables={"v": "{{ w }}"}) == {"v": "{{ w }}"}


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ('v = { default = "x", pattern = "^[0-9]+$" }', "which does not match its pattern"),
        ('v = { default = "x", choices = ["y"] }', "which is not among its choices"),
        ('v = { type = "integer", default = "x" }', 'is of type integer, but its default is "x"'),
        ('v = { type = "integer", default = 1.5 }', "is of type integer, but its default is 1.5"),
        ('v = { type = "number", default = true }', "is of type number, but its default is true"),
        ('v = "{{ w }}"', 'the template uses "w"'),
        ('v = "{{ v }}"', "variables use each other in a cycle: v → v"),
    ],
)
def test_what_is_refused(tmp_path: Path, declared: str, message: str) -> None:
    _, problems = rendering(tmp_path, declared)
    (found,) = problems.errors
    assert message in found.message
    assert found.place is not None
    assert found.place.pointer[:2] == ("variable", "v")


@pytest.mark.parametrize(
    ("declared", "value"),
    [
        ('"{{ 1 + 1 }}"', 2),  # a template that uses no name, too
        ('"{{ not no }}"', True),
        ('"{{ no }}"', False),
        ('"{{ more }}"', ["p", "q"]),
        ('"{{ more | first }}-{{ no }}"', "p-false"),
        ('{ type = "string", default = "{{ no }}" }', "false"),
        ('{ type = "boolean", default = "{{ not no }}" }', True),
        ('{ type = "boolean", default = "{% if no %}yes{% else %}0{% endif %}" }', False),
        ('{ type = "integer", default = "{% if no %}1{% else %}2{% endif %}" }', 2),
        ('{ type = "list", default = "{{ more }}" }', ["p", "q"]),
        ("""'{{ "[{\\"a\\": 1}]" | from_json }}'""", [{"a": 1}]),
        ("""'{{ {"a": not no} }}'""", {"a": True}),
        ('["{{ more }}", "r", "{{ no }}"]', ["p", "q", "r", False]),
        ('[{ ok = "{{ not no }}" }]', [{"ok": True}]),
    ],
)
def test_a_default_is_what_its_template_gives(tmp_path: Path, declared: str, value: object) -> None:
    found = values(tmp_path, f'v = {declared}\nno = false\nmore = ["p", "q"]')["v"]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("default", "value"),
    [
        ("\n{{ a }}\n", "x"),
        ("\n{{ a }}:{{ a }}\n", "x:x"),
        ("\n{% if a == 'x' %}\n  one\n{% endif %}\n", "one"),
        ("\nplain\n", "plain\n"),  # no template: as it is written
    ],
)
def test_a_default_over_several_lines_is_without_the_space_around_it(tmp_path: Path, default: str, value: str) -> None:
    assert values(tmp_path, f'a = "x"\nv = """{default}"""')["v"] == value


def test_a_default_holds_no_control_character(tmp_path: Path) -> None:
    _, problems = rendering(tmp_path, """v = "{{ ['a' | regex_replace('(a)', '\\\\1')] }}"\n""")
    assert ["control character" in one.message for one in problems.errors] == [True]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("a\0b", "a NUL character"),
        ("a\x01b", r"a control character \(U\+0001\)"),
        ("a\x1b[31mb", r"a control character \(U\+001B\)"),
        ("caf\udce9", "half a character"),
    ],
)
def test_what_toml_would_refuse(tmp_path: Path, text: str, what: str) -> None:
    (tmp_path / "f").write_bytes(text.encode(errors="surrogateescape"))
    given = {
        "--var": {"variables": {"v": text}},
        "environment": {"environment": {"V": text}},
        "file": {},
    }
    for origin, request in given.items():
        found, problems = rendering(tmp_path, 'v = { env = "V", file = "f", text = true }', **request)
        (error,) = problems.errors
        if "UTF-8" not in error.message:  # which a file has to be
            assert re.match(rf'variable "v" \({origin}\): this holds {what}', error.message)
        assert found.variables["v"].value is None


def test_what_no_list_may_hold(tmp_path: Path) -> None:
    _, problems = rendering(tmp_path, "v = ['a']", variables={"v": r'["\u0000"]'})
    assert [error.message for error in problems.errors] == [
        'variable "v" (--var): this holds a NUL character, which no image, file or argument can'
    ]
    assert values(tmp_path, "v = 'a'", variables={"v": r'["\u0000"]'}) == {"v": r'["\u0000"]'}
    assert values(tmp_path, "v = 'a'", variables={"v": "a\tb\r\nc\u200d"}) == {"v": "a\tb\r\nc\u200d"}


def test_an_optional_file(tmp_path: Path) -> None:
    declared = 'v = { file = "nofile", optional = true }'
    found, problems = rendering(tmp_path, declared)
    assert not problems.found
    assert (found.variables["v"].value, found.variables["v"].may_lack) == (None, True)
    (tmp_path / "nofile").write_bytes(b"caf\xe9")
    _, problems = rendering(tmp_path, declared)
    assert [one.message for one in problems.errors] == ['the file of variable "v" cannot be read: not UTF-8']
