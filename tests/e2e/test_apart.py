"""What is kept of an image has to be there with all that belongs to it, and be no other output's."""

from pathlib import Path

import pytest

from tests.e2e.test_incremental import AMD, ARM, applied, deleted, planned, platforms
from tests.e2e.tools import Project, Run, digest, raw, tagged

pytestmark = pytest.mark.corpus

SPEC = """
[target.app]
platforms = ["linux/amd64", "linux/arm64"]
dockerfile-inline = "FROM scratch\\nARG TARGETARCH\\nCOPY $TARGETARCH /f"
tags = ["{repository}/app:1"]
output = [{{ type = "registry" }}]
"""
FILES = {"amd64": "1", "arm64": "1"}


def attestations_deleted(repository: str) -> None:
    """Do what a clean-up does that takes what has no tag."""
    gone = [one["digest"] for one in raw(f"{repository}:1")["manifests"] if one["platform"]["os"] == "unknown"]
    assert len(gone) == 2
    for one in gone:
        deleted(repository, one)


def test_a_platform_whose_attestation_is_gone_is_built_again_and_not_carried_over(
    project: Project, run: Run, repository: str
) -> None:
    folder = project(SPEC.format(repository=repository), FILES)
    applied(run)
    attestations_deleted(f"{repository}/app")
    assert planned(run)["app"] == ("skip", ["up to date"])
    (folder / "amd64").write_text("2")
    because = [f"{AMD}: context: amd64 changed", f"the attestation of {ARM} is gone from the registry"]
    assert planned(run)["app"] == ("build", because)
    assert applied(run)["app"]["status"] != "unchanged"
    (folder / "amd64").write_text("3")
    assert planned(run)["app"] == ("build", because[:1])
    applied(run)
    assert planned(run)["app"] == ("skip", ["up to date"])


def test_no_tag_is_moved_to_what_lost_its_attestations(project: Project, run: Run, repository: str) -> None:
    spec = SPEC.format(repository=repository)
    project(spec, FILES)
    applied(run)
    attestation = next(one for one in raw(f"{repository}/app:1")["manifests"] if one["platform"]["os"] == "unknown")
    about = {
        one["digest"]: f"linux/{one['platform']['architecture']}" for one in raw(f"{repository}/app:1")["manifests"]
    }
    platform = about[attestation["annotations"]["vnd.docker.reference.digest"]]
    deleted(f"{repository}/app", attestation["digest"])
    project(spec.replace('app:1"', f'app:1", "{repository}/app:2"'), FILES)
    assert planned(run)["app"] == ("build", [f"the attestation of {platform} is gone from the registry"])
    applied(run)
    assert planned(run)["app"] == ("skip", ["up to date"])
    assert digest(f"{repository}/app:1") == digest(f"{repository}/app:2")


def test_a_new_tag_beside_a_change_of_one_platform_gets_the_whole_image(
    project: Project, run: Run, repository: str
) -> None:
    spec = SPEC.format(repository=repository)
    folder = project(spec, FILES)
    applied(run)
    (folder / "amd64").write_text("2")
    project(spec.replace('app:1"', f'app:1", "{repository}/app:2"'))
    assert applied(run)["app"]["status"] != "unchanged"
    assert platforms(f"{repository}/app:2") == [AMD, ARM]
    assert planned(run)["app"] == ("skip", ["up to date"])


def test_a_tag_that_is_completed_by_what_lost_its_attestation_is_refused(
    project: Project, run: Run, repository: str
) -> None:
    project(SPEC.format(repository=repository), FILES)
    assert run("apply").returncode == 0
    attestations_deleted(f"{repository}/app")
    before = digest(f"{repository}/app:1")
    done = run("apply", "--platform", AMD)
    assert done.returncode == 5
    message = f"app would take over what {repository}/app:1 has, and the attestation of {ARM} is gone from the registry"
    assert message in done.stderr
    assert "build all its platforms once, without --platform" in done.stderr
    assert digest(f"{repository}/app:1") == before
    assert run("apply").returncode == run("apply", "--platform", AMD).returncode == 0


def test_a_platform_that_is_no_longer_declared_is_dropped_if_that_is_allowed(
    project: Project, run: Run, repository: str
) -> None:
    spec = SPEC.format(repository=repository)
    project(spec, FILES)
    applied(run)
    project(spec.replace(', "linux/arm64"', ""), FILES)
    assert planned(run)["app"] == ("build", [f"{ARM} is no longer declared"])
    done = run("apply", "--incremental")
    assert done.returncode == 5
    assert f"without {ARM}, which the tag has now" in done.stderr
    assert platforms(f"{repository}/app:1") == [AMD, ARM]
    applied(run, "--platforms-may-shrink")
    assert platforms(f"{repository}/app:1") == [AMD]
    assert planned(run)["app"] == ("skip", ["up to date"])


def compressions(repository: str) -> list[str]:
    """Return how the layers are compressed under both tags."""

    def of(tag: str) -> str:
        child = raw(f"{repository}:{tag}")["manifests"][0]["digest"]
        manifest = raw(f"{repository}@{child}")
        return str(manifest["layers"][0]["mediaType"]).rpartition("+")[2]

    return [of("gz"), of("zst")]


def test_each_tag_holds_the_image_of_its_own_output(project: Project, run: Run, repository: str, one_node: str) -> None:
    image = 'type = "image", push = true, force-compression = true, oci-mediatypes = true'
    spec = f"""
[target.app]
dockerfile-inline = "FROM scratch\\nCOPY amd64 /f"
output = [
  {{ {image}, name = "{repository}/app:gz", compression = "gzip" }},
  {{ {image}, name = "{repository}/app:zst", compression = "zstd" }},
]
"""
    builder = ("--builder", one_node)
    folder = project(spec, FILES)
    applied(run, *builder)
    assert compressions(f"{repository}/app") == ["gzip", "zstd"]
    assert planned(run, *builder)["app"] == ("skip", ["up to date"])
    assert applied(run, *builder)["app"]["status"] == "unchanged"
    assert compressions(f"{repository}/app") == ["gzip", "zstd"]
    tagged(f"{repository}/app:zst", f"{repository}/app:gz")
    because = "its outputs push different images, and their tags hold the same one"
    assert planned(run, *builder)["app"] == ("build", [because])
    applied(run, *builder)
    assert compressions(f"{repository}/app") == ["gzip", "zstd"]
    _swap(folder / "buildmatrix.toml")
    assert planned(run, *builder)["app"][0] == "build"
    applied(run, *builder)
    assert compressions(f"{repository}/app") == ["zstd", "gzip"]
    done = run("apply", "--publish", "together", *builder)
    assert done.returncode == 2
    assert "the outputs of app push different images, and its tags cannot be moved last" in done.stderr


def _swap(spec: Path) -> None:
    text = spec.read_text().replace(":gz", ":X").replace(":zst", ":gz").replace(":X", ":zst")
    spec.write_text(text)
