"""Templates: what they render to, that nothing gets out of the sandbox, and that bombs do not go off."""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from buildmatrix import child
from buildmatrix.git.facts import Git
from buildmatrix.template.render import Templates
from buildmatrix.template.sandbox import serving
from buildmatrix.template.sandbox.environment import Engine
from buildmatrix.template.scope import FOLLOWS, BadTemplateError, Lazy, Missing

SCOPE: dict[str, Any] = {
    "python": "3.12",
    "port": 8080,
    "latest": True,
    "ratio": Decimal("3.10"),
    "none": None,
    "tags": ["a", "b"],
    "item": {"id": "web", "port": 80, "debug": False},
    "sha": Missing("give it with --var sha=…"),
    "huge": Decimal("1e999999999"),
    "git": Lazy(lambda: {"sha": "0123abc"}),
}


@pytest.fixture
def templates() -> Iterator[Templates]:
    made = Templates()
    yield made
    made.close()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain { text }", "plain { text }"),
        ("py{{ python }}-{{ python }}", "py3.12-3.12"),
        ("{{ port }} {{ latest }} {{ ratio }}", "8080 true 3.10"),
        ("[{{ none }}]", "[]"),
        ("{{ item.port }} {{ item['id'] }} {{ item.debug }}", "80 web false"),
        ("{{ tags }}", "a\nb"),
        ("{{ tags | map('upper') }}", "A\nB"),
        ("{{ [true, 1, none] }}", "true\n1\n"),
        ("{{ item | tojson }}", '{"debug": false, "id": "web", "port": 80}'),
        ("{% if latest %}x{% endif %}", "x"),
        ("{% for tag in tags %}{{ loop.index }}{{ tag }}{% endfor %}", "1a2b"),
        ("{{ git.sha[:4] }}", "0123"),
        ("{{ nothing | default('x') }}", "x"),
        ("{{ sha | default('x') }}", "x"),
        ("{{ sha is defined }}", "false"),
        ("trailing\n", "trailing\n"),
        ("{{ [1, 2.5] | sum }} {{ [item] | sum('port') }}", "3.5 80"),
        ("{{ '{{' }}", "{{"),
    ],
)
def test_rendering(templates: Templates, text: str, expected: str) -> None:
    assert templates[text].render(SCOPE) == expected


@pytest.mark.parametrize(
    ("text", "value"),
    [("{{ tags }}", ["a", "b"]), (" {{ port + 1 }} ", 8081), ("x{{ port }}", "x8080"), ("{{ 1 }}{{ 2 }}", "12")],
)
def test_a_whole_expression_keeps_its_value(templates: Templates, text: str, value: object) -> None:
    assert templates[text].evaluate(SCOPE) == value


ENGINE, TEMPLATES = Engine(), Templates()
PIECES = ["{", "}", "{{", "}}", "{{ python }}", "{{port}}", "{%", "{#", "-", " ", "\n", "\r", "$", "x", "{{ latest }}"]


@settings(deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=6).map("".join))
def test_the_short_way_is_the_engines_way(text: str) -> None:
    """What is only text and names is joined without jinja, and comes out as jinja would have it."""

    def outcome(make: Callable[[], str]) -> str:
        try:
            return make()
        except BadTemplateError as error:
            return error.message

    assert outcome(lambda: TEMPLATES[text].render(SCOPE)) == outcome(lambda: ENGINE.compile(text).render(SCOPE))


@pytest.mark.parametrize("text", ["{{ python }}", "{{ python | upper }}"])
def test_jinja_is_only_imported_by_the_process_beside(text: str) -> None:
    code = "import sys\nfrom buildmatrix.template.render import Templates\n"
    code += "print(Templates()[sys.argv[1]].render({'python': 'py'}), 'jinja2' in sys.modules)"
    shown = subprocess.check_output([sys.executable, "-c", code, text], text=True)
    assert shown == f"{'PY' if 'upper' in text else 'py'} False\n"


def refused(templates: Templates, text: str) -> BadTemplateError:
    with pytest.raises(BadTemplateError) as caught:
        templates[text].render(SCOPE)
    return caught.value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{ sha }}", 'variable "sha" has no value'),
        ("{{ item.prot }}", 'the template asks for "prot", which the value does not have'),
        ("{{ python | sulg }}", 'the template uses filter "sulg", which does not exist'),
        ("{{ python is evenn }}", 'the template uses test "evenn", which does not exist'),
        ("{{ item }}", "the template gives a table, not a text: write {{ x.key }}, or {{ x | tojson }}"),
        ("{{ range }}", "the template gives a function, not a text"),
        ("{{ joiner() }}", "the template gives a joiner, not a text"),
        ("a\n{{ b +", "the template is wrong: unexpected 'end of template' (line 2 of it)"),
        ("{% include 'x' %}", "a template cannot include, import or extend another"),
        ("{% from 'x' import y %}", "a template cannot include, import or extend another"),
        ("{{ '\\ud800' }}", "the template makes half a character (a surrogate)"),
        ("{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}", "the template is nested too deeply"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_words(templates: Templates, text: str, message: str) -> None:
    assert refused(templates, text).message == message


@pytest.mark.parametrize(("text", "line"), [("a\n{{ b +", 2), ("a\n\n{% if %}\nb", 3), ("{{ b +", 0), ("{{ sha }}", 0)])
def test_an_error_has_its_line_in_a_template_of_several(templates: Templates, text: str, line: int) -> None:
    assert refused(templates, text).line == line


def test_a_name_that_nothing_has_is_found_on_its_line(templates: Templates) -> None:
    with pytest.raises(BadTemplateError) as caught:
        templates.check_names(templates["a\n{{ pyton }}"], SCOPE)
    assert (caught.value.line, BadTemplateError(*caught.value.parts).line) == (2, 2)


def test_hints(templates: Templates) -> None:
    assert refused(templates, "{{ sha }}").hint == "give it with --var sha=…"
    assert refused(templates, "{{ sha }}").code == "missing-variable"
    assert refused(templates, "{{ python | sulg }}").hint == 'did you mean "slug"?'


def test_what_a_bake_file_takes_from_another_target(templates: Templates) -> None:
    named = {**SCOPE, "target": "app"}
    with pytest.raises(BadTemplateError) as caught:
        templates["{{ target.base.tags }}"].render(named)
    hint = caught.value.hint
    assert (
        hint == "target is the name of this target, and of others no setting is read: keep in a variable what both use"
    )
    text = "{% for tag in target.docker-metadata-action.tags %}{{ tag }}{% endfor %}"
    with pytest.raises(BadTemplateError, match='uses "action"') as caught:
        templates.check_names(templates[text], named)
    assert caught.value.hint == f"{hint}; metadata-action's are in the environment variable DOCKER_METADATA_OUTPUT_JSON"
    with pytest.raises(BadTemplateError, match="base") as caught:
        templates["{{ item.base.tags }}"].render(named)
    assert "is defined" in caught.value.hint


def test_names_are_checked_before_rendering(templates: Templates) -> None:
    template = templates["{% if false %}{{ pyton }}{% endif %}"]
    with pytest.raises(BadTemplateError, match="which is neither a variable nor an axis") as caught:
        templates.check_names(template, SCOPE)
    assert caught.value.hint == 'did you mean "python"?'
    templates.check_names(templates["{% set x = range(3) %}{{ x }}{{ python }}"], SCOPE)


@pytest.mark.parametrize(
    "text",
    [
        "{{ ''.__class__ }}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ '' | attr('__class__') }}",
        "{{ self.__init__.__globals__ }}",
        "{{ cycler.__init__.__globals__.os.system('true') }}",
        "{{ range.__globals__ }}",
        "{{ '{0.__class__}'.format(1) }}",
        "{{ '{a.__class__}'.format_map({'a': 1}) }}",
        "{{ (tags | map(attribute='__class__')) | list }}",
        "{{ tags | map('attr', '__class__') | list }}",
        "{{ tags.append('c') }}",
        "{{ item.update(a=1) }}",
        "{{ item.pop('id') }}",
        "{{ lipsum() }}",
        "{{ [1, 2] | random }}",
        "{% set item.id = 'x' %}",
    ],
)
def test_nothing_gets_out_of_the_sandbox(templates: Templates, text: str) -> None:
    before = repr(SCOPE["tags"]), repr(SCOPE["item"])
    refused(templates, text)
    assert (repr(SCOPE["tags"]), repr(SCOPE["item"])) == before


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("x:{{ nothing or omit }}", "write {{ 'x:' ~ nothing if nothing else omit }}"),
        ("{{ [omit] }}", "leave it out of a list or an inner table"),
        ("{{ {'a': {'b': omit}} }}", "leave it out of a list or an inner table"),
    ],
)
def test_what_to_write_for_a_part_that_is_omitted(text: str, hint: str) -> None:
    with pytest.raises(BadTemplateError, match="omit stands for a whole value") as refused_with:
        Engine().compile(text).evaluate({"nothing": None})
    assert refused_with.value.hint.startswith(hint)


def test_a_key_of_a_whole_table_may_be_omitted() -> None:
    assert Engine().compile("{{ {'a': omit, 'b': none} }}").evaluate({}) == {"b": None}


DOUBLING = "{% set n = namespace(x='0123456789') %}{% for i in range(60) %}{% set n.x = n.x OP n.x %}{% endfor %}"
LARGE, MORE = "would make a value that is too large", "1,000,000,000 is more than templates may use"
TIME, DEEP = "takes too much time", "is nested too deeply"
EITHER = "takes too much (time|memory)"
"""Of what would take much of both; under load the time may end first."""
BOMBS = {
    "{{ 'a' * 1000000000 }}": LARGE,
    "{{ 1000000000 * 'a' }}": LARGE,
    "{{ [1] * 1000000000 }}": LARGE,
    "{{ 9 ** 999999999 }}": LARGE,
    "{{ range(1000000000) | list }}": MORE,
    "{{ 'a' | center(1000000000) }}": MORE,
    "{{ 'a'.zfill(1000000000) }}": MORE,
    "{{ '%999999999d' % 1 }}": "a format with such a width",
    "{{ '{:999999999}'.format(1) }}": "a format with such a width",
    "{{ [1] | batch(1000000000, 'x') | list }}": MORE,
    "{{ [1] | slice(1000000000) | list }}": MORE,
    "{{ ([[1] * 100000] * 10000) | sum(start=[]) | length }}": "these are not all numbers",
    DOUBLING.replace("OP", "~"): EITHER,
    DOUBLING.replace("OP", "+"): EITHER,
    "{{ ('a' * 1000000) | replace('a', 'a' * 1000000) }}": EITHER,
    "{{ ('a' * 1000000).replace('a', 'a' * 1000000) }}": EITHER,
    "{{ ('a' * 1000000) | regex_replace('a', 'a' * 1000000) }}": EITHER,
    "{{ range(100000) | join('a' * 1000000) }}": EITHER,
    "{{ ('\\t' * 1000000).expandtabs(1000000) }}": EITHER,
    "{{ ('a' * 40 ~ 'b') | regex_replace('(a+)+$', '') }}": TIME,
    "{{ 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab' | regex_replace('(a+)+$', '') }}": TIME,
    "{{ ('a' * 40 ~ 'b') | regex_findall('(a+)+$') }}": TIME,
    "{{ ('a' * 300000) | regex_findall('') }}": "it matches more than 200,000 times",
    "{% set a = [1] * 1000 %}{% set b = [a] * 1000 %}{{ ([b] * 1000) | flatten | length }}": "more than 200,000 items",
    "{% set a = [[]] * 1000 %}{% set b = [a] * 1000 %}{{ ([b] * 1000) | flatten | length }}": TIME,
    "{{ '2026-01-31T12:00:00Z' | date('%9999999d') }}": "has %9, which is none of",
    "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}": TIME,
    "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(60) }}": TIME,
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}": DEEP,
    "{{ ('[' * 100000) | from_json }}": DEEP,
    "{% for a in range(99999) %}0123456789abcdef{% endfor %}": "makes 1,599,984 characters, more than 1,000,000",
    "{{ '1e999999999' | float | int }}": "cannot be rendered",
    "{{ huge | round }}": "cannot be rendered",
    "{{ ((9 ** 64) ** 64) ** 64 }}": "4300 digits",
}


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Less time than a run has: that it has so much is for tests/golden, whose program nobody hurries."""
    monkeypatch.setattr(serving, "SECONDS", 0.2)
    monkeypatch.setattr(child, "AT_ONCE", 1)


@pytest.mark.parametrize("text", BOMBS)
def test_bombs_are_refused(templates: Templates, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What ends for another reason has all the time that it takes where much else runs."""
    monkeypatch.setattr(serving, "SECONDS", 0.2 if "time" in BOMBS[text] else 60)
    monkeypatch.setattr(child, "AT_ONCE", 1)
    assert re.search(BOMBS[text], refused(templates, text).message)


@pytest.mark.usefixtures("hurried")
def test_what_took_too_much_is_not_tried_again(templates: Templates, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither what ends by itself, nor what the system had to end: other cells need not wait for it again."""
    for text in ("{{ huge | int }}", "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"):
        assert refused(templates, text).message == "the template takes too much time"
    with monkeypatch.context() as patched:
        patched.setattr(templates.worker._beside, "ask", lambda *_: pytest.fail("it was asked again"))
        assert refused(templates, "{{ huge | int }}").message == "the template takes too much time"
    assert templates["{{ python | upper }}"].render(SCOPE) == "3.12"


def test_one_budget_for_all(templates: Templates, monkeypatch: pytest.MonkeyPatch) -> None:
    """When it is spent, nothing more is tried, and what needs it has nothing more to say.

    That it is spent by what takes for ever is for tests/unit/test_child.py.
    """
    monkeypatch.setattr(child, "TOTAL", 0)
    assert refused(templates, "{{ python | upper }}").code == FOLLOWS
    assert templates.matches("a", ["a"]) == (None,)
    assert templates["{{ python }}"].render(SCOPE) == "3.12"


@pytest.mark.usefixtures("hurried")
def test_patterns_have_an_end(templates: Templates) -> None:
    found = templates.matches("^(a+)+$", ["aa", "b", *["a" * 40 + "!"] * 1000])
    assert found == (True, False, *[None] * 1000)
    assert templates.matches("[0-9]", ["a", "1"]) == (False, True)
    assert templates.matches("(" * 3000 + ")" * 3000, ["a"]) == (True,)  # reported where it is declared


def test_text_that_doubles_ends(templates: Templates) -> None:
    long = "x" * 600_000
    assert refused_with(templates, "{{ a }}{{ a }}", a=long).message.startswith(
        "the template makes 1,200,000 characters"
    )
    for _ in range(200):
        templates.spend(1_000_000)
    with pytest.raises(BadTemplateError, match="the plan has more than 200 MB of text") as caught:
        templates.spend(1)
    assert caught.value.code == "too-much"
    with pytest.raises(BadTemplateError) as caught:
        templates.spend(1)
    assert caught.value.code == FOLLOWS


def refused_with(templates: Templates, text: str, **scope: Any) -> BadTemplateError:
    with pytest.raises(BadTemplateError) as caught:
        templates[text].render(scope)
    return caught.value


def test_values_of_templates_are_plain_data(templates: Templates) -> None:
    values = {
        "{{ tags | map('upper') }}": ["A", "B"],
        "{{ (1, ratio, none, true) }}": [1, Decimal("3.10"), None, True],
        "{{ item }}": {"id": "web", "port": 80, "debug": False},
        "{{ range(3) }}": [0, 1, 2],
    }
    assert {text: templates[text].evaluate(SCOPE) for text in values} == values
    for text in ("{{ [nothing] }}", "{{ range }}", "{{ [2 ** 64] }}", "{{ 'nan' | float }}", "{{ [joiner()] }}"):
        with pytest.raises(BadTemplateError):
            templates[text].evaluate(SCOPE)
    deep = f"{{{{ {'[' * 80}1{']' * 80} }}}}"
    with pytest.raises(BadTemplateError):
        templates[deep].evaluate(SCOPE)


def test_facts_of_the_repository_are_asked_for_where_they_are_used(templates: Templates) -> None:
    asked: list[tuple[str, ...]] = []

    def run(arguments: tuple[str, ...]) -> str | None:
        asked.append(arguments)
        return "0123456789\n" if arguments[0] == "rev-parse" else None

    scope = {"git": Git(run), "latest": False}
    assert templates["{% if latest %}{{ git.tag }}{% endif %}{{ git.short }}"].render(scope) == "0123456"
    assert {arguments[0] for arguments in asked} == {"rev-parse"}
    assert refused_with(templates, "{{ git.tag | upper }}", **scope).code == "no-repository"
    assert refused_with(templates, "{{ git.nope | upper }}", **scope).message.startswith('the template asks for "nope"')
