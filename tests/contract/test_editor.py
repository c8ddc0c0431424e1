"""The schema in an editor: taplo, which Even Better TOML is made of, takes what we take and refuses what we refuse.

What it shows at a key and offers for a value is in its language server, which its package lacks: `shown` looks where
that looks (schemas_at_path of taplo 0.9, lookup_keys of its hover), tried once with the server itself, and with tombi.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
TAPLO = str(Path(sys.executable).parent / "taplo")
SCHEMA = (ROOT / "schemas/buildmatrix.schema.json").as_uri()
GOLDEN = ROOT / "tests/golden"


@pytest.mark.parametrize(
    "file",
    [ROOT / "buildmatrix.toml", *sorted((ROOT / "examples").rglob("buildmatrix.toml"))],
    ids=lambda file: str(file.relative_to(ROOT)),
)
def test_examples_name_their_schema(file: Path) -> None:
    named = file.read_text().splitlines()[0].removeprefix("#:schema ")
    assert (file.parent / named).resolve().as_uri() == SCHEMA
    assert lint(file) == ""


@pytest.mark.corpus
@pytest.mark.parametrize("file", sorted(GOLDEN.glob("accepted/*/buildmatrix.toml")), ids=lambda file: file.parent.name)
def test_what_is_accepted_has_no_marks(file: Path) -> None:
    assert lint(file, "--schema", SCHEMA) == ""


@pytest.mark.parametrize(
    ("case", "said"),
    [
        ("unknown-key", "'platfroms'"),
        ("output-tables", '"registy" is not one of ["local","tar","oci","docker","image","registry","cacheonly"]'),
        ("wrong-types", 'is not of type "'),
        ("version-missing", '"version" is a required property'),
    ],
)
def test_mistakes_are_marked(case: str, said: str) -> None:
    assert said in lint(GOLDEN / "rejected" / case / "buildmatrix.toml", "--schema", SCHEMA)


def lint(file: Path, *options: str) -> str:
    """Return taplo's words; none if it has nothing to say."""
    command = [TAPLO, "lint", *options, str(file)]
    done = subprocess.run(command, env={"RUST_LOG": "off"}, capture_output=True, text=True, check=False)
    return done.stderr if done.returncode else ""


# --- what is shown and offered ----------------------------------------------------------------------------------------

PUBLISHED = json.loads((ROOT / "schemas/buildmatrix.schema.json").read_text())


def at(node: Any, path: tuple[str | int, ...]) -> Iterator[dict[str, Any]]:
    """Yield the schemas of a path: behind references and alternatives, but neither behind `if` nor where `allOf` is."""
    if not isinstance(node, dict):
        return
    if "$ref" in node:
        yield from at(PUBLISHED["$defs"][node["$ref"].rpartition("/")[2]], path)
        return
    for several in ("oneOf", "anyOf", "allOf"):
        for one in node.get(several, ()):
            yield from at(one, path)
    if not path:
        if "allOf" not in node:
            yield node
    else:
        for one in below(node, path[0]):
            yield from at(one, path[1:])


def below(node: dict[str, Any], step: str | int) -> list[Any]:
    if isinstance(step, int):
        return [node.get("items")]
    patterns = node.get("patternProperties", {}).items()
    named = [node.get("properties", {}).get(step), node.get("additionalProperties")]
    return [*named, *(one for pattern, one in patterns if re.search(pattern, step))]


def shown(*path: str | int) -> str:
    return "".join(dict.fromkeys(one.get("description", "") for one in at(PUBLISHED, path)))


def offered(*path: str | int) -> list[Any]:
    return [value for one in at(PUBLISHED, path) for value in one.get("enum", ())]


APP = ("target", "app")


@pytest.mark.parametrize(
    ("path", "begin"),
    [
        (("version",), "The version of the format"),
        (("variable", "release"), "A value, or a table"),
        (("variable", "release", "env"), "The environment variable"),
        (("apply", "publish"), "When tags move"),
        ((*APP, "tags"), "Names of the image"),
        ((*APP, "tags", 0), "Names of the image"),
        ((*APP, "platforms"), "The platforms to build for"),
        ((*APP, "output"), "Where the result goes"),
        ((*APP, "output", 0, "type"), "What kind it is"),
        ((*APP, "output", 0, 0, "type"), "What kind it is"),  # as its hover looks for a key within a list
        ((*APP, "output", 0, "dest"), "The directory. (local)\n\nThe file. (tar)\n\n"),
        ((*APP, "output", 0, "annotation.a"), ""),
        ((*APP, "cache-to", 0, "scope"), "The name of the cache"),
        ((*APP, "secret", 0, "id"), "The name in the Dockerfile"),
        ((*APP, "ssh", 0, "paths"), "Sockets or keys"),
        ((*APP, "attest", 0, "mode"), "`max` tells all"),
        ((*APP, "args", "PYTHON"), "Build arguments"),
        ((*APP, "matrix", "python"), "The axis's values"),
        ((*APP, "override", 0, 0, "select"), "Axis or `platform` to value"),
        ((*APP, "extend", "tags"), "Names of the image"),
        (("defaults", "output", 0, "push"), "Push it to its registry"),
    ],
    ids=str,
)
def test_a_key_says_what_it_is(path: tuple[str | int, ...], begin: str) -> None:
    assert shown(*path).startswith(begin)


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ((*APP, "call"), ["build", "check", "outline", "targets"]),
        ((*APP, "no-cache"), [True, False]),
        ((*APP, "network"), ["default", "host", "none"]),
        ((*APP, "entitlements", 0), ["network.host", "security.insecure", "device"]),
        ((*APP, "ulimits", 0), []),
        ((*APP, "output", 0, "type"), ["local", "tar", "oci", "docker", "image", "registry", "cacheonly"]),
        ((*APP, "output", 0, "push"), [True, False]),
        ((*APP, "cache-to", 0, "mode"), ["min", "max"]),
        ((*APP, "attest", 0, "version"), ["v0.2", "v1"]),
        (("apply", "publish"), ["direct", "together"]),
        (("apply", "keep-going"), []),
    ],
    ids=str,
)
def test_a_value_is_offered_where_few_are_known(path: tuple[str | int, ...], values: list[Any]) -> None:
    assert offered(*path) == values


def test_known_platforms_are_offered() -> None:
    assert {"linux/amd64", "linux/arm64", "windows/amd64"} < set(offered(*APP, "platforms", 0))
