"""What goes into a fingerprint and what does not, and what nobody can know."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from buildmatrix.dockerfile.links import Config
from buildmatrix.inputs.fingerprint import Fingerprints
from buildmatrix.inputs.known import Known
from buildmatrix.plan.model import PlannedTarget
from buildmatrix.spec.rows.settings import LocalOutput, RegistryOutput, Secret, Settings
from tests import plans

AMD, ARM = "linux/amd64", "linux/arm64"
BUSYBOX = "docker.io/library/busybox:latest"
DIGEST, OTHER = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"
TEXT = "FROM busybox\nARG A\nCOPY src /src\n"


class Folder:
    """A directory with a context, and the fingerprints of targets that are built in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        (path / "src").mkdir(parents=True)
        (path / "src" / "a").write_text("1")

    def known(self, *targets: PlannedTarget, name: str = "app", **more: Any) -> Known:
        plan = plans.plan(*targets, directory=str(self.path))
        given: dict[str, Any] = {"digest": DIGEST, "configs": {BUSYBOX: Config()}, "environment": {}, **more}
        digests = {one.name: {"busybox:latest": given["digest"]} if given["digest"] else {} for one in targets}
        made = Fingerprints(plan, digests, given["configs"], given["environment"], AMD, given.get("written", ()))
        return made.of(name)

    def of(
        self, volatile: frozenset[Any] = frozenset(), environment: Mapping[str, str] | None = None, **more: Any
    ) -> str:
        target = app(volatile=volatile, **more)
        known = self.known(target, environment=environment or {})
        assert known.doubt == ""
        return known.fingerprints[AMD]

    def doubt(self, **more: Any) -> str:
        return self.known(app(**more)).doubt


def text(dockerfile: str) -> dict[str, Any]:
    return {"dockerfile_inline": dockerfile}


FROM_X = text(f"{TEXT}COPY --from=x / /")


def app(
    name: str = "app", *, upon: tuple[str, ...] = (), needs: tuple[str, ...] = (), **settings: Any
) -> PlannedTarget:
    volatile = settings.pop("volatile", frozenset())
    values = {"dockerfile_inline": TEXT, "platforms": (AMD,), **settings}
    return plans.target(name, Settings(**values), depends_on=upon, needs=needs, volatile=volatile)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "one")


def test_it_is_the_same_in_another_directory_with_another_umask(folder: Folder, tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        other = Folder(tmp_path / "two" / "deeper")
    finally:
        os.umask(before)
    os.utime(other.path / "src" / "a", (1, 1))
    assert folder.of() == other.of()


def test_it_stays_what_it_is(folder: Folder) -> None:
    """Images carry it: where it changes, so does its format."""
    assert folder.of() == "8220368a2cddeb0274ed11603587e56f"


@pytest.mark.parametrize(
    "settings",
    [
        {"tags": ("r/app:2",)},
        {"description": "another"},
        {"args": {"UNUSED": "1"}},
        {"no_cache": True},
        {"pull": True},
        {"retries": 3},
        {"output": (LocalOutput(type="local", dest="out"),)},
        {"secret": ()},
        {"dockerfile_inline": f"# a comment\n{TEXT}"},
        {"dockerfile_inline": f"FROM scratch AS other\nCOPY gone /\n{TEXT}"},
        {"labels": {"revision": "abc"}, "volatile": frozenset({("labels", "revision")})},
        {"environment": {"HOME": "/elsewhere"}},
    ],
)
def test_what_does_not_change_the_image_is_no_part_of_it(folder: Folder, settings: dict[str, Any]) -> None:
    assert folder.of(**settings) == folder.of()


@pytest.mark.parametrize(
    "settings",
    [
        {"args": {"A": "1"}},
        {"labels": {"revision": "abc"}},
        {"network": "none"},
        {"rebuild": "2"},
        {"secret": (Secret(id="token", env="TOKEN"),)},
        {"output": (RegistryOutput(type="registry", compression="zstd"),)},
        {"dockerfile_inline": f"{TEXT}RUN <<E\ntrue\nE\n"},
        {"environment": {"SOURCE_DATE_EPOCH": "1"}},
        {"environment": {"BUILDX_NO_DEFAULT_ATTESTATIONS": "1"}},
    ],
)
def test_what_changes_the_image_is_part_of_it(folder: Folder, settings: dict[str, Any]) -> None:
    assert folder.of(**settings) != folder.of()


def test_files_that_are_read_count_and_others_do_not(folder: Folder) -> None:
    before = folder.of()
    (folder.path / "other").write_text("1")
    assert folder.of() == before
    (folder.path / "src" / "a").write_text("2")
    changed = folder.of()
    assert changed != before
    (folder.path / "src" / "b").write_text("2")
    with_another = folder.of()
    assert with_another not in {before, changed}
    (folder.path / ".dockerignore").write_text("src/b")
    assert folder.of() == changed


def test_what_the_run_writes_itself_is_no_part_of_it(folder: Folder) -> None:
    whole: dict[str, Any] = {"dockerfile_inline": "FROM busybox\nCOPY . /\n"}
    before = folder.of(**whole)
    (folder.path / ".buildmatrix").mkdir()
    (folder.path / ".buildmatrix" / "result.json").write_text("1")
    assert folder.of(**whole) == before
    (folder.path / "report.json").write_text("1")
    assert folder.of(**whole) != before
    known = folder.known(app(**whole), written=("report.json",))
    assert known.fingerprints[AMD] == before


def test_the_digest_of_the_base_counts(folder: Folder) -> None:
    one, other = folder.known(app()), folder.known(app(), digest=OTHER)
    assert one.fingerprints != other.fingerprints
    assert (f"image {BUSYBOX}", DIGEST) in one.parts[AMD]


@pytest.mark.parametrize(
    ("settings", "doubt"),
    [
        ({"context": "https://github.com/acme/app.git"}, "its context is not a local directory"),
        ({"dockerfile_inline": None, "dockerfile": "gone"}, "its Dockerfile cannot be read here"),
        ({"contexts": {"x": "https://x/y"}, **FROM_X}, "context x is not a local directory"),
        ({"contexts": {"x": "oci-layout://d"}, **FROM_X}, "context x is a layout without a digest"),
        (text(f"{TEXT}ADD https://x/y /"), "ADD https://x/y has no checksum (line 4 of its Dockerfile)"),
        (text("FROM alpine\n"), "nobody knows the digest of docker.io/library/alpine:latest"),
        (
            text(f"# syntax=acme/front\n{TEXT}"),
            "another frontend reads the Dockerfile: acme/front (line 1 of its Dockerfile)",
        ),
        (text(f"{TEXT}# \ufffd\n"), "its Dockerfile is not UTF-8"),
        ({"target": "gone"}, "the Dockerfile has no stage gone"),
    ],
)
def test_what_nobody_can_know_is_said(folder: Folder, settings: dict[str, Any], doubt: str) -> None:
    assert folder.doubt(**settings) == doubt


def test_a_context_that_nobody_reads_is_no_doubt(folder: Folder) -> None:
    assert folder.of(contexts={"x": "https://x/y"}) == folder.of()


def test_a_base_whose_configuration_nobody_knows_is_a_doubt(folder: Folder) -> None:
    assert folder.known(app(), configs={}).doubt.startswith(f"what ONBUILD of {BUSYBOX} does is not known")


def test_platforms_have_each_their_own(folder: Folder) -> None:
    found = folder.known(app(platforms=(AMD, ARM))).fingerprints
    assert set(found) == {AMD, ARM}
    assert len(set(found.values())) == 2


def test_what_declares_no_platform_is_built_for_the_builders_own(folder: Folder) -> None:
    assert set(folder.known(app(platforms=None)).fingerprints) == {AMD}


ON_BASE: dict[str, Any] = {"contexts": {"base": "target:base"}, "dockerfile_inline": "FROM base\nRUN true\n"}


def test_what_it_depends_on_counts(folder: Folder) -> None:
    def known(args: dict[str, str] | None = None) -> Known:
        return folder.known(app("base", args=args), app(upon=("base",), **ON_BASE))

    assert known().fingerprints != known({"A": "1"}).fingerprints
    assert known().fingerprints == known({"UNUSED": "1"}).fingerprints


def test_a_doubt_is_handed_on(folder: Folder) -> None:
    found = folder.known(app("base", dockerfile_inline=f"{TEXT}ADD https://x/y /"), app(upon=("base",), **ON_BASE))
    assert found.doubt.startswith("of base, which it depends on, nobody knows: ADD https://x/y has no checksum")


def test_what_it_needs_counts_also_as_the_image_under_its_tag(folder: Folder) -> None:
    pushed: dict[str, Any] = {"tags": ("r:5/base:1",), "output": (RegistryOutput(type="registry"),)}
    upon = text("FROM r:5/base:1\nRUN true\n")

    def known(**more: Any) -> Known:
        return folder.known(app("base", **pushed, **more), app(needs=("base",), **upon))

    assert known().doubt == ""
    assert known().fingerprints != known(args={"A": "1"}).fingerprints
    apart = folder.known(app("base", **pushed), app(**upon))
    assert apart.doubt == "base writes r:5/base:1 in the same run, and does not have to come first"


def test_a_directory_that_what_it_needs_writes_is_told_by_that(folder: Folder) -> None:
    written: dict[str, Any] = {"output": (LocalOutput(type="local", dest="src/gen"),), **text("FROM busybox\nARG A\n")}

    def known(**more: Any) -> Known:
        return folder.known(app("gen", **written, **more), app(needs=("gen",)))

    before = known().fingerprints
    (folder.path / "src" / "gen").mkdir()
    (folder.path / "src" / "gen" / "x").write_text("1")
    assert known().fingerprints == before
    assert known(args={"A": "1"}).fingerprints != before


def test_a_frontend_of_dockers_counts_by_its_name_and_by_its_digest_only_if_that_is_locked(folder: Folder) -> None:
    def known(digest: str, locked: tuple[str, ...] = ()) -> Known:
        target = app(**text(f"# syntax=docker/dockerfile:1\n{TEXT}"))
        digests = {"app": {"busybox:latest": DIGEST, "docker/dockerfile:1": digest}}
        plan = plans.plan(target, directory=str(folder.path))
        made = Fingerprints(plan, digests, {BUSYBOX: Config()}, {}, AMD, locked=locked)
        return made.of("app")

    assert known(DIGEST).doubt == ""
    assert known(DIGEST) == known(OTHER)
    locked = ("docker/dockerfile:1",)
    assert known(DIGEST, locked) != known(OTHER, locked)
    assert folder.of(**text(f"# syntax=docker/dockerfile:1.7\n{TEXT}")) != known(DIGEST).fingerprints[AMD]


def test_a_directory_may_be_what_a_stage_is_made_from(folder: Folder) -> None:
    assert folder.doubt(contexts={"files": "src"}, **text("FROM files\nRUN true\n")) == ""
