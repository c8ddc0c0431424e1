"""What is too old, or is to be built again, is built without the cache; what is built upon it follows."""

import time
from pathlib import Path

import pytest

from tests.e2e.test_incremental import applied, planned, statuses
from tests.e2e.tools import Project, Run, raw

pytestmark = pytest.mark.corpus

AGED = "dev.buildmatrix.built"
UNCACHED = "it is built without the cache"


@pytest.fixture
def base(registry: str) -> str:
    """An image whose digest the registry tells."""
    return f"{registry}/library/busybox"


def layers(reference: str) -> list[str]:
    """Return the layers of an image for the first of its platforms: what ran again made another one."""
    child = raw(reference)["manifests"][0]["digest"]
    return [one["digest"] for one in raw(f"{reference.rpartition(':')[0]}@{child}")["layers"]]


def alone(repository: str, base: str, more: str) -> str:
    return f"""
[target.app]
dockerfile-inline = "FROM {base}\\nCOPY a /a\\nRUN head -c 8 /dev/urandom > /stamp"
tags = ["{repository}/app:1"]
output = [{{ type = "registry" }}]
{more}
"""


def two(repository: str, base: str, age: str, more: str = "") -> str:
    """Two targets, of which the first may be so old, and the second fails where it is told to."""
    return f'''
[target.base]
dockerfile-inline = "FROM {base}\\nCOPY a /a\\nRUN head -c 8 /dev/urandom > /stamp"
tags = ["{repository}/base:1"]
output = [{{ type = "registry" }}]
max-age = "{age}"
{more}

[target.app]
contexts.base = "target:base"
dockerfile-inline = """
FROM base
RUN --mount=type=secret,id=s test "$(cat /run/secrets/s)" != fail
RUN cp /stamp /mine
"""
secret = [{{ id = "s", env = "S" }}]
tags = ["{repository}/app:1"]
output = [{{ type = "registry" }}]
'''


def stamped(folder: Path) -> None:
    """Let the cache of another test's run not be taken for that of this one."""
    (folder / "a").write_text(str(time.time_ns()))


def test_what_is_too_old_is_not_taken_from_the_cache_and_is_young_then(
    project: Project, run: Run, repository: str, base: str
) -> None:
    stamped(project(alone(repository, base, 'max-age = "4s"'), {}))
    epoch = {"SOURCE_DATE_EPOCH": "978307200"}  # as old as it makes an image look, that is not when it was built
    applied(run, **epoch)
    first = layers(f"{repository}/app:1")
    time.sleep(5)
    found = applied(run, **epoch)["app"]
    assert found["status"] == "built"
    assert found["reason"].startswith("older than max-age: built 20")
    assert found["reason"].endswith(f"; {UNCACHED}")
    assert layers(f"{repository}/app:1")[-1] != first[-1]
    project(alone(repository, base, 'max-age = "1h"'), {})
    assert applied(run, **epoch)["app"]["status"] == "unchanged"


def test_what_was_taken_from_the_cache_is_as_old_as_that(
    project: Project, run: Run, repository: str, base: str
) -> None:
    stamped(project(alone(repository, base, 'max-age = "1h"'), {}))
    applied(run)
    told = raw(f"{repository}/app:1")["annotations"][AGED]
    project(alone(repository, base, 'max-age = "1h"\nlabels.a = "1"'), {})
    time.sleep(1)
    assert applied(run)["app"]["status"] != "unchanged"
    assert raw(f"{repository}/app:1")["annotations"][AGED] == told


def test_another_rebuild_is_not_taken_from_the_cache(project: Project, run: Run, repository: str, base: str) -> None:
    folder = project(alone(repository, base, 'rebuild = "1"'), {})
    stamped(folder)
    applied(run)
    assert AGED not in raw(f"{repository}/app:1")["annotations"]
    first = layers(f"{repository}/app:1")
    project(alone(repository, base, 'rebuild = "the mirror was broken"'), {})
    found = applied(run)["app"]
    assert found["reason"].endswith(f"; {UNCACHED}")
    assert layers(f"{repository}/app:1")[-1] != first[-1]
    project(alone(repository, base, 'rebuild = "the mirror was broken"\nlabels.a = "1"'), {})
    second = layers(f"{repository}/app:1")
    assert applied(run)["app"]["reason"] == "label a added"
    assert layers(f"{repository}/app:1") == second


def test_a_secret_that_is_new_is_not_answered_by_the_cache(
    project: Project, run: Run, repository: str, base: str
) -> None:
    spec = alone(repository, base, "").replace("RUN head", "RUN --mount=type=secret,id=s cat /run/secrets/s; head")
    spec = spec.replace("cat /run/secrets/s;", "test -e /run/secrets/s || true;")
    stamped(project(spec, {}))
    applied(run)
    first = layers(f"{repository}/app:1")
    project(f'{spec}\nsecret = [{{ id = "s", env = "S" }}]', {})
    assert applied(run, S="1")["app"]["reason"] == f"secret added; {UNCACHED}"
    assert layers(f"{repository}/app:1")[-1] != first[-1]


@pytest.mark.corpus
@pytest.mark.parametrize("more", ["", "no-cache = true"])
def test_what_failed_upon_a_base_that_was_renewed_is_built_by_the_next_run(
    project: Project, run: Run, repository: str, base: str, more: str
) -> None:
    stamped(project(two(repository, base, "4s", more), {}))
    applied(run, S="ok")
    time.sleep(5)
    assert run("apply", "--incremental", "--jobs", "1", S="fail").returncode == 1
    project(two(repository, base, "1h", more), {})
    assert planned(run) == {
        "base": ("skip", ["up to date"]),
        "app": ("build", ["base, which it depends on, was built again since"]),
    }
    applied(run, S="ok")
    there = layers(f"{repository}/base:1")
    assert layers(f"{repository}/app:1")[: len(there)] == there
    assert statuses(applied(run, S="ok")) == {"base": "unchanged", "app": "unchanged"}


def test_a_base_that_is_built_by_itself_is_followed(project: Project, run: Run, repository: str, base: str) -> None:
    stamped(project(two(repository, base, "4s"), {}))
    applied(run, S="ok")
    time.sleep(5)
    applied(run, "base", S="ok")
    assert applied(run, "app", S="ok")["app"]["status"] == "built"
    project(two(repository, base, "1h"), {})
    applied(run, S="ok")
    assert statuses(applied(run, S="ok")) == {"base": "unchanged", "app": "unchanged"}
