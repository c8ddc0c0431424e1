"""An image of another base than its fingerprint says is built again: with a docker that takes no pins."""

import os
import shutil
from pathlib import Path

from buildmatrix.state.images.marks import ANNOTATION
from tests.e2e.test_pins import VARIABLE, Base, base  # noqa: F401 a fixture
from tests.e2e.tools import Project, Run, digest, raw, succeeded


def without_policy(folder: Path) -> str:
    """Return a PATH with a docker that hands no source policy on."""
    folder.mkdir()
    docker = shutil.which("docker")
    (folder / "docker").write_text(f'#!/bin/sh\nunset {VARIABLE}\nexec {docker} "$@"\n')
    (folder / "docker").chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


def test_a_base_that_was_not_pinned_takes_the_mark_away(
    project: Project,
    run: Run,
    base: Base,  # noqa: F811
    repository: str,
    one_node: str,
    tmp_path: Path,
) -> None:
    project(
        f'[target.app]\ndockerfile-inline = "FROM {base.tag}\\nCOPY buildmatrix.toml /"\nplatforms = ["linux/amd64"]\n'
        f'tags = ["{repository}:app"]\noutput = ["type=registry"]\n'
    )
    assert run("lock").returncode == 0
    base.move(base.two)
    flags = ("--incremental", "--builder", one_node, "--format", "json")
    done = run("apply", *flags, PATH=without_policy(tmp_path / "bin"))
    built = succeeded(done)["app"]["digest"]
    assert f"app was built on {base.tag}@{base.two[:19]}…, of which its fingerprint knows nothing" in done.stderr
    assert digest(f"{repository}:app") == built
    assert ANNOTATION not in raw(f"{repository}:app").get("annotations", {})
    assert succeeded(run("apply", *flags))["app"]["status"] in {"built", "cached"}
    assert ANNOTATION in raw(f"{repository}:app")["annotations"]
    assert succeeded(run("apply", *flags))["app"]["status"] == "unchanged"
