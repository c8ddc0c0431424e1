"""Names of variables of the environment, in the words of other tools."""

import pytest

from buildmatrix.spec.checks.envnames import env_name, names_a_variable


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("$TAG", "TAG"),
        ("${TAG:-x}", "TAG"),
        ("$env:TAG", "TAG"),
        ("%TAG%", "TAG"),
        ("${{ secrets.TOKEN }}", "TOKEN"),
        ("{{ tag }}", "TAG"),
        ("a secret = of its own", ""),
        ("$", ""),
    ],
)
def test_the_name_that_is_meant(text: str, name: str) -> None:
    assert env_name(text) == name


@pytest.mark.parametrize(
    ("secret", "key", "is_name"),
    [
        ({"env": "$A"}, "env", True),
        ({"type": "env", "src": "$A"}, "src", True),
        ({"src": "$HOME/x"}, "src", False),
        ({"id": "$A"}, "id", False),
    ],
)
def test_in_tables(secret: dict[str, str], key: str, is_name: bool) -> None:
    pointer = ("target", "app", "secret", 0, key)
    data = {"target": {"app": {"secret": [secret]}}}
    assert names_a_variable(data, pointer, secret[key]) is is_name


@pytest.mark.parametrize(
    ("text", "is_name"), [("id=a,env=$A", True), ("id=a,type=env,src=$A", True), ("id=a,src=$A", False)]
)
def test_in_csv(text: str, is_name: bool) -> None:
    assert names_a_variable({}, ("target", "app", "secret", 0), text) is is_name
