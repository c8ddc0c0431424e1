"""The filters: what they give, and what they refuse in words."""

import locale
import re
from decimal import Decimal
from typing import Any

import pytest

from buildmatrix.template.sandbox.environment import Engine, _environment
from buildmatrix.template.sandbox.filters import FILTERS
from buildmatrix.template.sandbox.mistakes import filter_hint, function_hint
from buildmatrix.template.sandbox.texts import OF_JINJA, FilterError
from buildmatrix.template.scope import OMITTED, BadTemplateError
from tests.bake_functions import rows

ENGINE = Engine()
TIME = "2026-01-31T09:05:07Z"
DEEP: list[Any] = []
for _ in range(20):
    DEEP = [DEEP or "x"] * 10


def value(expression: str, **scope: Any) -> Any:
    return ENGINE.compile(f"{{{{ {expression} }}}}").evaluate(scope)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("'abc' | sha1", "a9993e364706816aba3e25717850c26c9cd0d89d"),
        ("'abc' | md5", "900150983cd24fb0d6963f7d28e17f72"),
        ("'abc' | sha256", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        ("('abc' | sha512)[:16]", "ddaf35a193617aba"),
        ("(true | sha1) == ('true' | sha1)", True),
        ("(3.10 | sha1) == ('3.1' | sha1)", True),
        ("'día' | base64encode", "ZMOtYQ=="),
        ("'ZMOtYQ==' | base64decode", "día"),
        ("'' | base64decode", ""),
        ("'3.12.1' | split('.')", ["3", "12", "1"]),
        ("'' | split(',')", [""]),
        ("' a  b ' | split", ["a", "b"]),
        ("3.12 | split('.')", ["3", "12"]),
        ("'a1b22' | regex_findall('[0-9]+')", ["1", "22"]),
        ("'a1' | regex_findall('([a-z])([0-9])(x)?')", [["a", "1", None]]),
        ("'a1' | regex_findall('([a-z])')", [["a"]]),
        ("'a1' | regex_findall('(?P<letter>[a-z])(?P<digit>.)')", [{"letter": "a", "digit": "1"}]),
        ("'a' | regex_findall('x')", []),
        ("[['a'], ['b', ['c', []]], 'd'] | flatten", ["a", "b", "c", "d"]),
        ("[1, 2] | map('string') | flatten", ["1", "2"]),
        ("'3.12' | semver_matches('>=3.9')", True),
        ("'3.12' | semver_matches('>=3.9, <3.12')", False),
        ("'v1.2.5' | semver_matches('1.2')", True),
        ("'1.2.5' | semver_matches('>1.2')", False),
        ("'1.3.0' | semver_matches('> 1.2')", True),
        ("'1.2.5' | semver_matches('<=1.2')", True),
        ("'1.2.5' | semver_matches('!=1.2.5')", False),
        ("'2.0.0-rc.1' | semver_matches('>=1.0')", False),
        ("'2.0.0-rc.10' | semver_matches('>2.0.0-rc.9')", True),
        ("'2.0.0-rc.1' | semver_matches('>2.0.0-1')", True),
        ("'2.0.0' | semver_matches('>2.0.0-rc.1')", True),
    ],
)
def test_values(expression: str, expected: object) -> None:
    assert value(expression) == expected


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("%Y%m%d", "20260131"),
        ("%FT%TZ", TIME),
        ("%-d.%-m.%y %-H:%M:%S.%f", "31.1.26 9:05:07.000000"),
        ("%a %A %b %B %p %I", "Sat Saturday Jan January AM 09"),
        ("%j %u %w %G-W%V", "031 6 6 2026-W05"),
        ("%s %z %Z 100%%", "1769850307 +0000 UTC 100%"),
        ("", ""),
    ],
)
def test_dates(form: str, expected: str) -> None:
    assert FILTERS["date"](TIME, form) == expected


def test_dates_of_all_kinds() -> None:
    for given in (TIME, "2026-01-31T10:05:07+01:00", "2026-01-31t09:05:07.25z", 1769850307):
        assert value("x | date('%F %T')", x=given) == "2026-01-31 09:05:07"
    assert value("x | date('%F %H %z %Z', 'Europe/Berlin')", x="2026-07-31T23:00:00Z") == "2026-08-01 01 +0200 CEST"
    assert value("0 | date('%F')") == "1970-01-01"
    assert value("'1970-01-01T00:00:00Z' | date('%-H')") == "0"
    assert value("x | date('%s')", x="1969-12-31T23:59:59.5Z") == "-1"


def test_dates_are_english_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """No part asks the locale, whichever this machine has."""
    monkeypatch.setattr(locale, "nl_langinfo", lambda _: pytest.fail("the locale was asked"), raising=False)
    assert FILTERS["date"]("2026-05-01T00:00:00Z", "%A %B") == "Friday May"


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("x | date('%Q')", 'date: the format "%Q" has %Q, which is none of %Y, '),
        ("x | date('%')", 'date: the format "%" has %, which is none of '),
        ("'yesterday' | date('%Y')", 'date: "yesterday" is not a time such as 2026-01-31T12:00:00Z'),
        ("'1769850307' | date('%Y')", 'date: "1769850307" is not a time such as 2026-01-31T12:00:00Z; a number'),
        ("'2026-02-30T00:00:00Z' | date('%Y')", 'date: "2026-02-30T00:00:00Z" is not a time such as '),
        ("'2026-01-31' | date('%Y')", 'date: "2026-01-31" is not a time such as '),
        ("(10 ** 15) | date('%Y')", 'date: "1000000000000000" is not a time such as '),
        ("true | date('%Y')", 'date: "true" is not a time such as '),
        ("none | date('%Y')", "date: this is none, not a text"),
        ("x | date('%Y', 'Europe/Nowhere')", 'date: "Europe/Nowhere" is not a time zone that is known here'),
        ("x | date('%Y', '../../etc/passwd')", 'date: "../../etc/passwd" is not a time zone that is known here'),
        ("x | date('%Y', 'Europe')", 'date: "Europe" is not a time zone that is known here'),
        ("x | date('%Y', '')", 'date: "" is not a time zone that is known here'),
        ("'0001-01-01T00:00:00Z' | date('%Y', 'America/Lima')", "date: the time is outside of the years 1 to 9999"),
        ("'a' | split('')", "split: the separator is an empty text"),
        ("['a'] | split(',')", "split: this is a list, not a text"),
        ("{'a': 1} | sha1", "sha1: this is a table, not a text"),
        ("none | md5", "md5: this is none, not a text"),
        ("none ~ 'b'", "~: this is none, not a text"),
        ("'a' ~ [1]", "~: this is a list, not a text"),
        ("omit ~ 'b'", "omit stands for a whole value"),
        ("'v%s' % none", "%: this is none, not a text"),
        ("'%s%s' % ('a', none)", "%: this is none, not a text"),
        ("'v%s' | format(none)", "format: this is none, not a text"),
        ("'%(a)s' | format(a=none)", "format: this is none, not a text"),
        ("'{}'.format(none)", "format: this is none, not a text"),
        ("'{a}'.format(a=none)", "format: this is none, not a text"),
        ("none + 'b'", "+: this is none, not a text"),
        ("1 + none", "+: this is none, not a value"),
        ("'a' + 1", "+: one is a text, the other is not: write a ~ b"),
        ("'a' | regex_findall('(')", 'regex_findall: "(": missing )'),
        ("'a' | flatten", "flatten: this is not a list"),
        ("'?' | base64decode", "base64decode: this is not valid base64"),
        ("'YQ' | base64decode", "base64decode: this is not valid base64"),
        ("'/w==' | base64decode", "base64decode: what it holds is not text (UTF-8)"),
        ("'3.12' | semver('major')", 'semver: "3.12" is not a semantic version such as 1.2.3'),
        ("'x' | semver_matches('>1')", 'semver_matches: "x" is not a version such as 1.2.3 or 1.2'),
        ("'1' | semver_matches('~1.2')", 'semver_matches: "~1.2" is not a constraint such as ">=1.2, <2"'),
        ("'1' | semver_matches('>1, ')", 'semver_matches: ">1, " is not a constraint such as '),
        ("('a' * 900000) | regex_findall('a')", "regex_findall: it matches more than 200,000 times"),
        ("('a' * 99999) | regex_findall('(a)()()')", "regex_findall: it matches more than 200,000 times"),
        ("deep | flatten", "flatten: these are more than 200,000 items"),
    ],
)
def test_refusals(expression: str, message: str) -> None:
    with pytest.raises(BadTemplateError) as caught:
        value(expression, x=TIME, deep=DEEP)
    assert caught.value.message.startswith(message)


def test_numbers_stay_as_they_are_written() -> None:
    assert FILTERS["split"](Decimal("3.10"), ".") == ["3", "10"]
    with pytest.raises(FilterError):
        FILTERS["sha256"]([1])


OF_TEXTS = sorted({*OF_JINJA, *FILTERS} - {"flatten", "tojson"})
NO_TEXTS = [
    ("none", "none"), ("[1, 2]", "a list"), ("range(2)", "a list"), ("{'a': 1}", "a table"),
    ("{'a': 1}.items()", "a list"), ("[1] | map('int')", "a list"), ("joiner()", "a joiner"),
]  # fmt: skip
ARGUMENTS = {"date": "('%Y')", "regex_replace": "('a')", "regex_findall": "('a')", "replace": "('a', 'b')"}


@pytest.mark.parametrize(("given", "kind"), NO_TEXTS)
def test_what_is_no_text_is_refused(given: str, kind: str) -> None:
    """By every filter of texts, jinja's among them: Python's text of a list is never part of a tag."""
    for name in OF_TEXTS:
        with pytest.raises(BadTemplateError) as caught:
            value(f"({given}) | {name}{ARGUMENTS.get(name, '') or '(1)' * (name == 'semver_matches')}")
        assert caught.value.message == f"{name}: this is {kind}, not a text"


@pytest.mark.parametrize("name", sorted({*OF_JINJA} - {"wordcount"}))
def test_numbers_and_booleans_are_texts(name: str) -> None:
    number, boolean = (f"{{}} | {name}{ARGUMENTS.get(name, '')}".format(given) for given in ("x", "true"))
    assert str(value(number, x=Decimal("3.10"))).strip() == "3.10"
    assert str(value(boolean)).strip().lower() == "true"


def test_what_answers_for_itself() -> None:
    assert value("('x' if false) | upper") == ""
    for expression, message in (("nothing | slug", "nothing"), ("omit | slug", "slug: omit stands for")):
        with pytest.raises(BadTemplateError, match=message):
            value(expression)


PASSES = {"default", "d"}


@pytest.mark.parametrize(
    "name", sorted(name for name in _environment().filters if name.isidentifier() and name[0] != "_")
)
def test_every_filter_refuses_omit_alike(name: str) -> None:
    with pytest.raises(BadTemplateError) as caught:
        value(f"omit | {name}")
    assert (caught.value.code == OMITTED) == (name in PASSES)
    if name not in PASSES:
        assert caught.value.message == f"{name}: omit stands for a whole value, and is only a part of one here"
        assert caught.value.hint == "write {{ … if x else omit }}"
        with pytest.raises(BadTemplateError, match=f"^{name}: omit stands"):
            value(f"[omit] | map('{name}') | list")


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("true ~ '-' ~ x ~ '-' ~ 1", "true-3.10-1"),
        ("'%s-%s-%d' % (true, x, 2)", "true-3.10-2"),
        ("'%s' % false", "false"),
        ("'%s-%s' | format(true, x)", "true-3.10"),
        ("'%(a)s' | format(a=true)", "true"),
        ("'{}-{a}'.format(true, a=x)", "true-3.10"),
        ("1 + 2 + x", Decimal("6.10")),
        ("'a' + 'b'", "ab"),
        ("['a'] + ['b']", ["a", "b"]),
    ],
)
def test_what_is_joined_and_formatted_has_the_texts_of_values(expression: str, expected: object) -> None:
    """Python's words for true, false and none never come into a tag."""
    assert value(expression, x=Decimal("3.10")) == expected


def test_joined_items_are_texts() -> None:
    assert value("[1, 'a', true, x] | join('-')", x=Decimal("3.10")) == "1-a-true-3.10"
    assert value("[{'a': 1}, {'a': 2}] | join(',', 'a')") == "1,2"
    assert value("'abc' | join(' ')") == "a b c"
    for given, kind in (("[none]", "none"), ("[[1]]", "a list"), ("[{}]", "a table")):
        with pytest.raises(BadTemplateError, match=f"join: this is {kind}, not a text"):
            value(f"{given} | join(',')")


def test_what_a_user_of_bake_types_is_answered() -> None:
    """Called as bake's functions are; and as a filter, unless it is one."""
    known = ENGINE._environment.filters
    for name in sorted({row.function for row in rows()} - {"range"}):
        assert function_hint(name), name
        assert name in known or filter_hint(name, known), name


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("replace_all", 'did you mean "replace"?'),
        ("regex", "write {{ x | regex_findall('[0-9]+') | first }}"),
        ("strlen", 'did you mean "length"?'),
        ("formatdate", "write {{ now | date('%Y%m%d') }}; {{ created }} is the commit's time"),
    ],
)
def test_hints_of_filters(name: str, hint: str) -> None:
    assert filter_hint(name, FILTERS) == hint


def test_hints_of_functions() -> None:
    assert function_hint("upper") == "it is a filter: write {{ x | upper }}, with further arguments in ( )"
    assert function_hint("jsonencode") == "it is a filter: write {{ x | tojson }}, with further arguments in ( )"
    assert function_hint("join") == "write {{ x | join(',') }}"


def test_numbers_of_json_keep_their_digits() -> None:
    made = Engine().compile("{% set found = text | from_json %}{{ found.P }} {{ found | tojson }} {{ found.P + 1 }}")
    assert made.render({"text": '{"P": 3.10, "N": 1e3}'}) == '3.10 {"N": 1E+3, "P": 3.10} 4.10'


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("now | date", "date lacks an argument: 'form'"),
        ("'x' | sha1(1)", "sha1 takes fewer arguments"),
        ("'x' | sha1(salt=1)", "sha1 has no argument 'salt'"),
        ("'x' | replace", "replace lacks an argument: 'old' and 'new'"),
        ("'x' | first(1)", "first takes fewer arguments"),
        ("'x' - 1", "no such kinds for -: text and integer"),
        ("none < 1", "'<' not supported between instances of none and integer"),
        ("5 | length", "object of type integer has no len()"),
        ("{}[[]]", "no element"),
        ("'x'.index('y')", "substring not found"),
    ],
)
def test_no_error_speaks_of_python(expression: str, said: str) -> None:
    with pytest.raises(BadTemplateError) as refused:
        Engine().compile(f"{{{{ {expression} }}}}").render({"now": "2026-01-31T12:00:00Z"})
    assert said in refused.value.message
    assert not re.search(r"Error|NoneType|__|\bstr\b|\bint\b", refused.value.message)


def test_arguments_of_filters_are_texts_as_their_values_are() -> None:
    text = "{{ 'a1b' | split(1) | join('+') }} {{ 'a1' | regex_replace(1, 2) }} {{ '1' | regex_findall(1) | first }}"
    assert Engine().compile(text).render({}) == "a+b a2 1"
