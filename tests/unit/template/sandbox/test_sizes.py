"""Sizes in templates: what would fill the memory is refused, and long numbers in texts are values."""

from collections.abc import Iterator

import pytest

from buildmatrix.template.render import Templates
from buildmatrix.template.scope import BadTemplateError


@pytest.fixture
def templates() -> Iterator[Templates]:
    made = Templates()
    yield made
    made.close()


JSON = '{"org.opencontainers.image.revision":"1234567890abcdef"}'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ (json | from_json).values() | first }}", "1234567890abcdef"),
        ("{{ '{1234567}' | upper }}", "{1234567}"),
        ("{{ 'a%201234567' | replace('a', 'b') }}", "b%201234567"),
        ("{{ json.startswith('{') }}", "true"),
        ("{{ {'rev': '12345678'} | tojson }}", '{"rev": "12345678"}'),
        ("{{ 'x' | default('{1234567}') }}", "x"),
        ("{{ 12345678 | string }} {{ 12345678 % 10 }} {{ [1] | map('default', 12345678) | first }}", "12345678 8 1"),
        ("{{ '%s' % '{1234567}' }} {{ '{}'.format('%1234567d') }}", "{1234567} %1234567d"),
        ("{{ '%%1234567 %d' % 12345678 }} {{ '%d' | format(12345678) }}", "%1234567 12345678 12345678"),
        ("{{ '{:d} 1234567'.format(12345678) }}", "12345678 1234567"),
        ("{{ range(20260102, 20260100, -1) | list }}", "20260102\n20260101"),
        ("{{ [12345678].index(12345678) }}{{ dict(a=12345678).a }}", "012345678"),
    ],
)
def test_long_numbers_are_values(templates: Templates, text: str, expected: str) -> None:
    assert templates[text].render({"json": JSON}) == expected


@pytest.mark.parametrize(
    "text",
    [
        "{{ '%9999999d' % 1 }}",
        "{{ '%-9999999d' | format(1) }}",
        "{{ '%.9999999f' | format(1) }}",
        "{{ '%(a)9999999d' | format(a=1) }}",
        "{{ '%*d' % (9999999, 1) }}",
        "{{ '%.*f' | format(9999999, 1) }}",
        "{{ '{:9999999}'.format(1) }}",
        "{{ '{a:>9999999}'.format_map({'a': 1}) }}",
        "{{ '{:{}}'.format(1, 9999999) }}",
        "{{ '{a:{w}}'.format_map({'a': 1, 'w': 9999999}) }}",
        "{{ 'x'.encode().ljust(9999999) | length }}",
        "{{ (1).to_bytes(9999999) | length }}",
        "{{ 'x' | indent(9999999) }}",
        "{{ 'x' | wordwrap(width=9999999) }}",
        "{{ ['x'] | batch(9999999, 1) | list }}",
        "{{ ['x'] | slice(9999999) | list }}",
        "{{ 1.5 | round(9999999, 'ceil') }}",
        "{{ range(100002) }}",
        "{{ range(1, 10 ** 20, 2) }}",
        "{{ range(10 ** 20, 1, -2) }}",
        "{{ ['x'] | map('center', 9999999) | list }}",
    ],
)
def test_sizes_are_refused(templates: Templates, text: str) -> None:
    with pytest.raises(BadTemplateError, match=r"such a width|more than templates may use"):
        templates[text].render({})
