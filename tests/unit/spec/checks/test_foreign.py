"""Variables in the words of other tools, and texts that only look like them."""

import pytest

from buildmatrix.spec.checks.foreign import foreign_in, unknown_name_hint

VARIABLES = {"tag": "1"}


def texts(value: str, key: str = "args") -> list[str]:
    data = {"variable": VARIABLES, "target": {"app": {key: {"A": value}, "matrix": {"os": ["a"]}}}}
    return [found.text for found in foreign_in(data, {"$ORIGIN"})]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("$TAG", "$TAG"),
        ("v$TAG-x", "$TAG"),
        ("${TAG}", "${TAG}"),
        ("${TAG:-dev}", "${TAG:-dev}"),
        ("$(git rev-parse HEAD)", "$(git rev-parse HEAD)"),
        ("${{ tag }}", "${{ tag }}"),
        ("${{ os }}", "${{ os }}"),
        ("{{ tag }}-$TAG", "$TAG"),
    ],
)
def test_told(value: str, text: str) -> None:
    assert texts(value) == [text]


@pytest.mark.parametrize(
    "value",
    [
        "$ORIGIN/lib",
        "$${TAG}",
        "$$TAG",
        r"\$TAG",
        "$5",
        "a$",
        "$ {x}",
        "{{ tag }}",
        "{{ '$TAG' }}",
        "{% if '$x' %}y{% endif %}",
        "${{ github.sha }}",  # an error of its own
        "100%",
    ],
)
def test_not_told(value: str) -> None:
    assert texts(value) == []


def test_settings_whose_dollar_is_their_own() -> None:
    target = {"dockerfile-inline": "RUN echo $A", "description": "costs $A", "tags": ["a:$A"]}
    variable = {"x": {"default": "1", "pattern": "^$A", "description": "$A"}, "tags": "$A"}
    found = list(foreign_in({"target": {"app": target}, "variable": variable}, ()))
    assert [one.pointer for one in found] == [("variable", "tags")]


@pytest.mark.parametrize(
    "data", [{}, {"target": 1}, {"target": {"app": 1}}, {"variable": [1, "$A"]}, {"defaults": "$A"}]
)
def test_data_of_any_shape(data: dict[str, object]) -> None:
    assert len(list(foreign_in(data, ()))) <= 1


@pytest.mark.parametrize(
    ("name", "template", "hint"),
    [
        ("env", "{{ env.TAG }}", "write {{ tag }}"),
        ("env", "{{ env['X_Y'] }}", 'write {{ x_y }}, and declare x_y = { env = "X_Y" } under [variable]'),
        ("GITHUB_SHA", "{{ GITHUB_SHA }}", 'declare GITHUB_SHA = { env = "GITHUB_SHA" } under [variable]'),
        ("github", "{{ github.ref }}", 'write {{ ref }}, and declare ref = { env = "GITHUB_REF" } under [variable]'),
        ("matrix", "{{ matrix.os }}", "write {{ os }}: an axis is named by itself"),
        ("nothing", "{{ nothing }}", ""),
    ],
)  # fmt: skip
def test_names_of_others(name: str, template: str, hint: str) -> None:
    assert unknown_name_hint(name, template, VARIABLES) == hint
