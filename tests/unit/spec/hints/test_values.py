"""What a hint says to write is accepted: each is taken at its word."""

import re
from typing import Any

import pytest
import tomli

from buildmatrix.spec.checks.data import problems
from buildmatrix.spec.rows.schema import file_schema

SETTINGS: list[tuple[str, Any]] = [
    ("platforms", "linux/amd64,linux/arm64"),
    ("platforms", "linux/amd64"),
    ("tags", "acme/app:1, acme/app:latest"),
    ("tags", "{{ image }}:{{ tag }}, x"),
    ("args", ["A=1", "B=x=y"]),
    ("args", ["A"]),
    ("args", "A=1"),
    ("labels", ["org.acme.team=web"]),
    ("annotations", {"org.acme.team": "web"}),
    ("annotations", ["org.acme.team: web"]),
    ("ulimits", {"nofile": {"soft": 1024, "hard": 2048}, "nproc": 64}),
    ("ulimits", ["nofile:1024"]),
    ("extra-hosts", ["db:10.0.0.5"]),
    ("contexts", ["src=../src"]),
    ("needs", {"base": {"condition": "service_started"}}),
    ("inherits", "_a,_b"),
    ("pull", "always"),
    ("no-cache", "yes"),
    ("no-cache", "False"),
    ("attest", True),
    ("ssh", True),
    ("output", True),
    ("retries", "2"),
    ("network", "bridge"),
    ("call", "lint"),
    ("timeout", "20 min"),
    ("timeout", "1d"),
    ("timeout", "90"),
    ("timeout", 90),
    ("shm-size", "64 megabytes"),
    ("dockerfile", ["Dockerfile"]),
    ("push", True),
    ("load", True),
    ("provenance", True),
    ("sbom", True),
]


@pytest.mark.parametrize(("key", "value"), SETTINGS, ids=[f"{key}={value!r}" for key, value in SETTINGS])
def test_what_is_to_be_written_instead_is_accepted(key: str, value: Any) -> None:
    (found,) = problems(file_schema(), {"version": 1, "target": {"app": {key: value}}})
    said = re.fullmatch(r'write (?P<line>[\w-]+ = .+?|"[^"]+")(, and declare .*|, or .*|, without quotes)?', found.hint)
    assert said, found.hint
    line = said["line"] if "=" in said["line"].partition('"')[0] else f"{key} = [{said['line']}]"
    assert problems(file_schema(), {"version": 1, "target": {"app": tomli.loads(line)}}) == []


@pytest.mark.parametrize(
    ("written", "hint"),
    [
        ({"build-args": {"A": "1"}}, 'did you mean "args"?'),
        ({"cache_from": []}, 'did you mean "cache-from"?'),
        ({"platfroms": []}, 'did you mean "platforms"?'),
        (
            {"requires-buildx": ">=0.20"},
            "requires-buildx belongs to the file itself: write it above the first [header]",
        ),
        ({"include": ["x.toml"]}, "include belongs to the file itself: write it above the first [header]"),
        ({"include": [{"os": "a"}]}, "write it under the matrix: matrix.include = [{ … }]"),
        ({"v2": {"context": "v2"}}, "a name holds no point: call the target app-v2"),
    ],
)
def test_keys_of_others(written: dict[str, Any], hint: str) -> None:
    (found,) = problems(file_schema(), {"version": 1, "target": {"app": written}})
    assert found.hint == hint


def test_what_is_there_under_another_name_is_not_missing_too() -> None:
    secret = [{"name": "token", "environment": "TOKEN"}]
    found = problems(file_schema(), {"version": 1, "target": {"app": {"secret": secret}}})
    assert [(one.message, one.hint) for one in found] == [
        ('unknown key "name" in target.app.secret[0]', 'did you mean "id"?'),
        ('unknown key "environment" in target.app.secret[0]', 'did you mean "env"?'),
    ]


@pytest.mark.parametrize("value", ["1", 1.0, True, [], {}, "3.8", 2, None])
def test_a_version_of_another_kind_is_refused(value: Any) -> None:
    (found,) = problems(file_schema(), {"version": value})
    assert found.pointer == ("version",)
    assert "version" in found.hint
