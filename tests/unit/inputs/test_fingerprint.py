"""What goes into a fingerprint and what does not, and what nobody can know."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from buildmatrix.dockerfile.links import Config
from buildmatrix.inputs.fingerprint import Fingerprints, Locked
from buildmatrix.inputs.known import Known
from buildmatrix.inputs.local import Aside
from buildmatrix.plan.model import PlannedTarget
from buildmatrix.spec.rows.outputs import LocalOutput, RegistryOutput
from buildmatrix.spec.rows.settings import Secret, Settings
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
        outputs = {str(self.path / one) for one in given.get("made", ())}
        aside = Aside(given.get("written", ()), outputs.__contains__)
        made = Fingerprints(plan, digests, given["configs"], given["environment"], AMD, aside)
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


def test_of_a_directory_that_logs_are_written_to_the_rest_counts(folder: Folder) -> None:
    whole: dict[str, Any] = {"dockerfile_inline": "FROM busybox\nCOPY . /\n"}
    logs = ("app.log", "logs/deep/app.log")

    def now() -> str:
        return folder.known(app(**whole), written=logs).fingerprints[AMD]

    before = now()
    (folder.path / "logs" / "deep").mkdir(parents=True)
    for name in logs:
        (folder.path / name).write_text("1")
    assert now() == before, "nor do directories that are there for the logs alone"
    (folder.path / "logs" / "kept").write_text("1")
    assert now() != before
    (folder.path / "logs" / "kept").unlink()
    (folder.path / "src" / "a").write_text("2")
    assert now() != before


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
    doubt = folder.known(app(), configs={}).doubt
    assert doubt.startswith(f"no registry told what {BUSYBOX} is, which may have ONBUILD triggers")


def test_platforms_have_each_their_own(folder: Folder) -> None:
    found = folder.known(app(platforms=(AMD, ARM))).fingerprints
    assert set(found) == {AMD, ARM}
    assert len(set(found.values())) == 2


def test_what_declares_no_platform_is_built_for_the_builders_own(folder: Folder) -> None:
    assert set(folder.known(app(platforms=None)).fingerprints) == {AMD}


ON_BASE: dict[str, Any] = {"contexts": {"base": "target:base"}, "dockerfile_inline": "FROM base\nRUN true\n"}


def test_a_stage_by_the_platform_is_known_where_none_is_declared(folder: Folder) -> None:
    """The builder's own is built, and the fingerprint is for that."""
    lines = "FROM scratch AS for-amd64\nCOPY src/a /\nFROM scratch AS for-arm64\nCOPY other /\nFROM for-${TARGETARCH}\n"
    target = app(platforms=None, **text(lines))
    before = folder.known(target)
    assert list(before.fingerprints) == [AMD]
    (folder.path / "other").write_text("1")
    assert folder.known(target) == before
    (folder.path / "src" / "a").write_text("2")
    assert folder.known(target).fingerprints != before.fingerprints


def test_what_a_base_brings_along_for_a_platform_that_nobody_asked_of_is_a_doubt(folder: Folder) -> None:
    """Its ONBUILDs may be others there: those of the plan's platforms were asked for, and those that a text names."""
    lines = "ARG P=linux/arm64\nFROM --platform={} busybox\nCOPY src /\n"
    assert "linux/arm64 is not known" in folder.doubt(**text(lines.format("$P")))
    assert folder.doubt(**text(lines.format("linux/arm64"))) == ""
    assert folder.doubt(**text(lines.format("$P")), args={"P": "linux/amd64"}) == ""


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


def test_a_file_that_what_it_needs_has_made_is_told_by_that(folder: Folder) -> None:
    """Into the directory people may write as well: their files count."""
    written: dict[str, Any] = {"output": (LocalOutput(type="local", dest="src/gen"),), **text("FROM busybox\nARG A\n")}
    here: dict[str, Any] = {}

    def known(**more: Any) -> Any:
        return folder.known(app("gen", **written, **more), app(needs=("gen",)), **here).fingerprints

    def by_another() -> Any:
        mid = app("mid", needs=("gen",), **text("FROM busybox\n"))
        upon = app(upon=("mid",), contexts={"mid": "target:mid"}, **text("FROM mid\nCOPY src /src\n"))
        return folder.known(app("gen", **written), mid, upon, **here).fingerprints

    before, of_another = known(), by_another()
    (folder.path / "src" / "gen" / "deep").mkdir(parents=True)
    (folder.path / "src" / "gen" / "deep" / "x").write_text("1")
    assert known() != before, "nobody knows who wrote it"
    here["made"] = ("src/gen/deep/x",)
    assert known() == before
    assert by_another() == of_another, "what that one depends on may need it"
    assert known(args={"A": "1"}) != before
    (folder.path / "src" / "gen" / "by-hand").write_text("1")
    assert known() != before


def test_a_context_that_what_it_needs_writes_need_not_be_there(folder: Folder) -> None:
    gen = app("gen", output=(LocalOutput(type="local", dest="gen/out"),), **text("FROM scratch\n"))
    upon = app(needs=("gen",), context="gen/out", **text("FROM scratch\nCOPY . /\n"))
    before = folder.known(gen, upon)
    assert before.doubt == ""
    (folder.path / "gen" / "out").mkdir(parents=True)
    (folder.path / "gen" / "out" / "x").write_text("1")
    assert folder.known(gen, upon, made=("gen/out/x",)).fingerprints == before.fingerprints
    assert folder.known(gen, upon).fingerprints != before.fingerprints


@pytest.mark.parametrize("name", ["SOURCE_DATE_EPOCH", "BUILDX_NO_DEFAULT_ATTESTATIONS", "BUILDX_GIT_LABELS"])
def test_what_bake_takes_from_the_environment_counts(folder: Folder, name: str) -> None:
    assert folder.of() != folder.of(environment={name: "1"}) != folder.of(environment={name: "0"})
    assert folder.of() == folder.of(environment={"ANOTHER": "1"})


def test_a_frontend_of_dockers_counts_by_its_name_and_by_its_digest_only_if_that_is_locked(folder: Folder) -> None:
    def known(digest: str, locked: tuple[str, ...] = ()) -> Known:
        target = app(**text(f"# syntax=docker/dockerfile:1\n{TEXT}"))
        digests = {"app": {"busybox:latest": DIGEST, "docker/dockerfile:1": digest}}
        plan = plans.plan(target, directory=str(folder.path))
        made = Fingerprints(plan, digests, {BUSYBOX: Config()}, {}, AMD, locked=Locked(locked))
        return made.of("app")

    assert known(DIGEST).doubt == ""
    assert known(DIGEST) == known(OTHER)
    locked = ("docker/dockerfile:1",)
    assert known(DIGEST, locked) != known(OTHER, locked)
    assert folder.of(**text(f"# syntax=docker/dockerfile:1.7\n{TEXT}")) != known(DIGEST).fingerprints[AMD]


def test_a_directory_may_be_what_a_stage_is_made_from(folder: Folder) -> None:
    assert folder.doubt(contexts={"files": "src"}, **text("FROM files\nRUN true\n")) == ""


def test_pitfall_19_what_a_lock_file_has_is_known(folder: Folder) -> None:
    here = text(f"{TEXT}ADD https://x/y /\nADD https://x/z.git#main /")
    where = {"src": "https://x/w.git", "own": f"https://x/w.git#{'a' * 40}"}
    contexts = {**text(f"{TEXT}COPY --from=src / /\nCOPY --from=own / /"), "contexts": where}

    def found(settings: dict[str, Any], **sources: str) -> Known:
        pins = {"https://x/y": "sha256:1", "https://x/z.git#main": "1", "https://x/w.git": "1", **sources}
        plan = plans.plan(app(**settings), directory=str(folder.path))
        digests = {"app": {"busybox:latest": DIGEST}}
        return Fingerprints(plan, digests, {BUSYBOX: Config()}, {}, AMD, locked=Locked(sources=pins)).of("app")

    for settings, url in ((here, "https://x/y"), (here, "https://x/z.git#main"), (contexts, "https://x/w.git")):
        known, moved = found(settings), found(settings, **{url: "2"})
        assert known.doubt == moved.doubt == ""
        assert known.fingerprints != moved.fingerprints
    assert found(contexts, **{"https://x/w.git": ""}).doubt == "context src is not a local directory"


@pytest.mark.parametrize(
    ("platform", "changed", "seen"),
    [
        ("$BUILDPLATFORM", AMD, {AMD, ARM}),
        ("$BUILDPLATFORM", ARM, {AMD, ARM}),
        (AMD, AMD, {AMD, ARM}),
        (AMD, ARM, {ARM}),
        ("$TARGETPLATFORM", AMD, {AMD}),
    ],
)
def test_what_is_taken_for_another_platform_counts(folder: Folder, platform: str, changed: str, seen: set[str]) -> None:
    """The image for one platform is made with a base for another; of its own it may copy something, too."""
    tools = app("tools", platforms=(AMD, ARM))
    args = {one: {"A": "2"} if one == changed else None for one in (AMD, ARM)}
    parts = (tools.settings.but({"platforms": (one,), "args": args[one]}) for one in (AMD, ARM))
    varied = replace(tools, variants=tuple(replace(tools, settings=one) for one in parts))
    cross = f"FROM --platform={platform} tools AS a\nFROM scratch\nCOPY --from=a / /a\n"
    user = app(upon=("tools",), contexts={"tools": "target:tools"}, dockerfile_inline=cross, platforms=(AMD, ARM))
    before, after = folder.known(tools, user), folder.known(varied, user)
    assert (before.doubt, after.doubt) == ("", "")
    assert {one for one in (AMD, ARM) if before.fingerprints[one] != after.fingerprints[one]} == seen


@pytest.mark.parametrize("platforms", [(), (AMD,), (AMD, "linux/s390x")])
@pytest.mark.parametrize("platform", ["$BUILDPLATFORM", AMD])
def test_what_is_taken_across_need_not_be_built_for_the_platform_that_takes_it(
    folder: Folder, platform: str, platforms: tuple[str, ...]
) -> None:
    """It is known, and counts, for each platform; so it is where the one that is taken declares none."""
    cross = f"FROM --platform={platform} tools AS a\nFROM scratch\nCOPY --from=a / /a\n"
    user = app(upon=("tools",), contexts={"tools": "target:tools"}, dockerfile_inline=cross, platforms=(AMD, ARM))
    before, after = (folder.known(app("tools", platforms=platforms, args={"A": a}), user) for a in "12")
    assert (before.doubt, after.doubt) == ("", "")
    assert all(before.fingerprints[one] != after.fingerprints[one] for one in (AMD, ARM))


def test_what_declares_no_platforms_is_known_for_whichever_it_is_taken(folder: Folder) -> None:
    user = app(upon=("base",), platforms=(AMD, ARM), **ON_BASE)
    assert folder.known(app("base", platforms=()), user).doubt == ""
