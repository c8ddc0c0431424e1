"""What several targets may write, and what not."""

from collections.abc import Mapping
from typing import Any

import pytest

from buildmatrix.errors import Problems
from buildmatrix.plan.checks.collisions import collisions
from buildmatrix.spec.rows.caches import RegistryCacheTo
from buildmatrix.spec.rows.outputs import LocalOutput, RegistryOutput, TarOutput
from buildmatrix.spec.rows.settings import Settings
from buildmatrix.spec.rows.tables import Checks
from tests.plans import target

PUSH = (RegistryOutput(type="registry"),)
A = "acme/a:c"
LOCAL, TAR = LocalOutput(type="local", dest="out"), TarOutput(type="tar", dest="out")


def found(*settings: Mapping[str, Any], duplicates: Any = None, caches: Any = None) -> tuple[frozenset[str], list[str]]:
    problems = Problems()
    targets = [target(f"t{number}", Settings(**given)) for number, given in enumerate(settings)]
    shared = collisions(targets, "/somewhere", problems, Checks(duplicate_tags=duplicates, duplicate_caches=caches))
    return shared, [f"{one.severity}: {one.message}" for one in problems.found]


def pushed(*shared: str, tag: str = "acme/app:1") -> dict[str, Any]:
    return {"output": PUSH, "tags": (tag,), "shared_tags": shared or None}


@pytest.mark.parametrize(
    "patterns",
    [("acme/app:1",), ("docker.io/acme/app:1",), ("*",), ("acme/*",), ("docker.io/*",), ("x", "acme/app:?")],
)
def test_a_tag_is_shared_by_its_name_or_by_a_glob(patterns: tuple[str, ...]) -> None:
    assert found(pushed(*patterns), pushed("*")) == (frozenset({"docker.io/acme/app:1"}), [])


def test_latest_need_not_be_written() -> None:
    for pattern in ("app", "app:latest", "library/app:*", "docker.io/library/app:latest"):
        assert found(pushed(pattern, tag="app"), pushed(pattern, tag="app:latest"))[1] == []


@pytest.mark.parametrize("patterns", [("acme/app",), ("acme/app:2",), ("ACME/app:1",), ("other/*",), ()])
def test_a_glob_that_does_not_match_shares_nothing(patterns: tuple[str, ...]) -> None:
    for pair in ((pushed(*patterns), pushed("*")), (pushed("*"), pushed(*patterns))):
        assert found(*pair) == (frozenset(), ["error: t0 and t1 both write the tag docker.io/acme/app:1"])


def test_everybody_has_to_share() -> None:
    assert found(pushed("*"), pushed("*"), pushed())[1] == ["error: t0 and t2 both write the tag docker.io/acme/app:1"]


def test_the_file_may_let_everybody_share() -> None:
    assert found(pushed(), pushed(), duplicates="error")[1]
    assert found(pushed(), pushed("*"), pushed(), duplicates="allow") == (frozenset({"docker.io/acme/app:1"}), [])
    found_by_warning = found(pushed(), pushed("*"), pushed(), duplicates="warn")
    text = "warning: t0 (and 1 more target) and t2 write the tag docker.io/acme/app:1: the last one gets it"
    assert found_by_warning == (frozenset({"docker.io/acme/app:1"}), [text])
    assert found(pushed("*"), pushed("*"), duplicates="warn")[1] == []


def cached(*places: str) -> dict[str, Any]:
    return {"output": PUSH, "cache_to": tuple(RegistryCacheTo(type="registry", ref=ref) for ref in places)}


def test_the_file_may_let_everybody_write_a_cache() -> None:
    pair = (cached(A), cached("docker.io/acme/a:c"), cached(A))
    refused = [f"error: t0 and t{one} both write the cache {ref}" for one, ref in ((1, f"docker.io/{A}"), (2, A))]
    assert found(*pair) == found(*pair, caches="error", duplicates="allow") == (frozenset(), refused)
    assert found(*pair, caches="allow") == (frozenset(), [])
    said = "t0 (and 1 more target) and t2 write the cache acme/a:c: the one that ends last leaves its own"
    assert found(*pair, caches="warn") == (frozenset(), [f"warning: {said}"])
    assert found(cached(A), cached("acme/b:c"), caches="warn") == (frozenset(), [])


def test_what_holds_for_caches_does_not_for_tags() -> None:
    both = [one | {"tags": ("acme/app:1",)} for one in (cached(A), cached(A))]
    assert found(*both, caches="allow")[1] == ["error: t0 and t1 both write the tag docker.io/acme/app:1"]
    assert found(*both, duplicates="allow", caches="warn")[0] == frozenset({"docker.io/acme/app:1"})
    over = [cached("acme/app:1") | {"tags": ("acme/app:1",)}, cached("acme/app:1")]
    assert ["would write its cache over" in one for one in found(*over, caches="allow")[1]] == [True, True]


def test_a_directory_may_be_written_by_several() -> None:
    one, other = {"output": (LOCAL,)}, {"output": (LOCAL.but({"dest": "./out/"}),)}
    assert found(one, other, one) == (frozenset(), [])


@pytest.mark.parametrize("outputs", [(LOCAL, TAR), (TAR, LOCAL), (TAR, TAR)])
def test_an_archive_is_written_by_one_only(outputs: tuple[Any, Any]) -> None:
    for duplicates in ("error", "allow"):
        said = found(*({"output": (one,), "shared_tags": ("*",)} for one in outputs), duplicates=duplicates)[1]
        assert said == ["error: t0 and t1 both write the output out"]


def test_one_target_writes_a_directory_once() -> None:
    assert found({"output": (LOCAL, LOCAL)})[1] == ["error: target.t0.output writes out twice"]
