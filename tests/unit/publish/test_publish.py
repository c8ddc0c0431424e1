"""Tags that move last: which are ready, what is said and left behind where they do not move, what metadata names."""

import signal
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from buildmatrix import ENDING
from buildmatrix.engine.outcome import BuildOutcome, Leftover
from buildmatrix.engine.registry import Registry
from buildmatrix.errors import BuildmatrixError, Diagnostic, Place, RegistryError, StoppedError
from buildmatrix.oci.image import Image
from buildmatrix.plan.builds import builds_of
from buildmatrix.process import Programs
from buildmatrix.publish.publish import Published, Publisher, published_metadata
from buildmatrix.publish.staging import FirstTags, StagedImage
from tests import plans
from tests.registry import Server

HELD_BACK = 'Tags were left as they were (publish = "together").'
BOTH = ("linux/amd64", "linux/arm64")


class Run:
    """A run that has pushed `app` and `web` under staging tags, and is about to publish."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.server, self.host = server, server.host
        self.registry = Registry(Programs({"DOCKER_CONFIG": str(folder)}))
        self.before = dict[str, Any]()
        self.built = {name: self.push(name, f"staging-{name}") for name in ("app", "web")}
        self.images = [self.image("app", "1", "2"), self.image("web", "3")]

    def push(self, name: str, tag: str, *platforms: str) -> str:
        digest = self.server.add(*(platforms or ("amd64",)), note=name)
        self.server.tags[tag] = digest
        return digest

    def tag(self, name: str) -> str:
        return f"{self.host}/app:{name}"

    def image(self, name: str, *tags: str, keys: tuple[str, ...] = (), **values: Any) -> StagedImage:
        builds = keys or (name,)
        staged = {key: (self.tag(f"staging-{key}"),) for key in builds}
        defaults: dict[str, Any] = {"together": True, "staged_as": staged}
        named = {f"{self.host}/app": tuple(self.tag(tag) for tag in tags)}
        return StagedImage(name=name, builds=builds, tags=named, **(defaults | values))

    def began(self, **tags: str) -> None:
        """What the registry held when the run began."""
        self.server.tags |= tags
        self.before = {self.tag(name): self.registry.look(self.tag(name)) for name in tags}

    def publish(
        self,
        built: Mapping[str, str] | None = None,
        *,
        blindly: bool = False,
        refused: bool = False,
        apart: bool = False,
        **how: Any,
    ) -> Published:
        publisher = self.publisher(blindly=blindly, refused=refused, apart=apart)
        return publisher.publish(self.built if built is None else built, **{"complete": True, **how})

    def publisher(self, *, blindly: bool = False, refused: bool = False, apart: bool = False) -> Publisher:
        parts = [plans.target(image.name, file="spec") for image in self.images]
        tags = cast("Any", Held(self.registry, self.before))
        first = FirstTags({image.name: image for image in self.images})
        assert first.are_refused(["push x/buildmatrix-staging-app: 409 Conflict"] if refused else []) is refused
        plan = builds_of(plans.plan(*parts))
        return Publisher(plan, self.images, tags, first, blindly=blindly, apart=apart)


class Held:
    """Stands for `Tags`, whose run began when the test said so."""

    def __init__(self, registry: Registry, before: Mapping[str, Any]) -> None:
        self.registry, self.of = registry, before.get


@pytest.fixture
def run(server: Server, tmp_path: Path) -> Run:
    return Run(server, tmp_path)


def problem(found: Published) -> Diagnostic:
    assert isinstance(found.problem, BuildmatrixError)
    return found.problem.diagnostics[0]


# --- what is ready ----------------------------------------------------------------------------------------------------


def test_when_everything_is_there_all_tags_move_and_nothing_else_is_left(run: Run) -> None:
    found = run.publish()
    app, web = run.built["app"], run.built["web"]
    assert run.server.tags == {"1": app, "2": app, "3": web}
    assert found.moved == {"app": (run.tag("1"), run.tag("2")), "web": (run.tag("3"),)}
    assert {tag: image.digest for tag, image in found.indexes.items()} == {
        run.tag("1"): app, run.tag("2"): app, run.tag("3"): web,
    }  # fmt: skip
    assert (found.words, found.left_behind, found.problem) == ("3 tags moved when everything was there.", (), None)
    assert (found.digest_of("app"), found.digest_of("web"), found.digest_of("x")) == (app, web, "")


def test_one_tag_is_one_tag(run: Run) -> None:
    run.images = run.images[1:]
    assert run.publish().words == "1 tag moved when everything was there."


def test_only_what_held_something_else_has_moved(run: Run) -> None:
    run.began(**{"1": run.built["app"], "2": run.built["web"]})
    found = run.publish()
    assert found.words == "2 tags moved when everything was there."
    assert (found.changed, found.moved["app"]) == ((run.tag("2"), run.tag("3")), (run.tag("1"), run.tag("2")))
    run.server.tags |= {f"staging-{name}": digest for name, digest in run.built.items()}
    run.began(**{"1": run.built["app"], "2": run.built["app"], "3": run.built["web"]})
    assert run.publish().words == "", "all of them were there"


def test_without_staged_images_there_is_nothing_to_say(run: Run) -> None:
    run.images = []
    assert run.publish() == Published()


def test_what_failed_holds_the_others_back(run: Run) -> None:
    """What was pushed for nothing goes; what is not known to be ours stays."""
    theirs = run.server.tags["staging-web"]
    found = run.publish({"app": run.built["app"]}, complete=False)
    assert run.server.tags == {"staging-web": theirs}
    assert (found.moved, found.words, found.left_behind, found.problem) == ({}, HELD_BACK, (), None)


def test_what_waits_for_nobody_moves_beside_a_failure(run: Run) -> None:
    run.images[0] = run.image("app", "1", together=False)
    found = run.publish({"app": run.built["app"]}, complete=False)
    assert run.server.tags["1"] == run.built["app"]
    assert "3" not in run.server.tags
    assert (found.moved, found.words) == ({"app": (run.tag("1"),)}, HELD_BACK)


def test_images_apart_do_not_wait_for_one_that_cannot_move(run: Run) -> None:
    run.images = [run.image("app", "1", together=False), run.image("web", "3", together=False)]
    run.began(**{"1": run.push("old", "1")})
    theirs = run.push("theirs", "1")
    together = run.publish()
    assert (together.moved, "3" in run.server.tags) == ({}, False)
    found = run.publish(apart=True)
    assert found.moved == {"web": (run.tag("3"),)}
    assert run.server.tags == {"1": theirs, "3": run.built["web"]}
    assert (
        problem(found).message
        == f"{run.tag('1')} of app could not be moved: another run moved it while this one was building"
    )
    assert found.words == "Tags were left as they were. 1 tag moved: all parts of its image were there."


def test_images_that_wait_for_all_stay_where_one_apart_could_not_move(run: Run) -> None:
    run.images[0] = run.image("app", "1", together=False)
    run.began(**{"1": run.push("old", "1")})
    run.push("theirs", "1")
    found = run.publish(apart=True)
    assert (found.moved, "3" in run.server.tags) == ({}, False)


def test_of_images_apart_those_that_are_there_move_and_only_what_waits_is_said_to_wait(run: Run) -> None:
    run.images = [run.image("app", "1", together=False), run.image("web", "3", together=False)]
    found = run.publish({"app": run.built["app"]}, complete=False, apart=True)
    assert (found.moved, found.words) == ({"app": (run.tag("1"),)}, "1 tag moved: all parts of its image were there.")
    run.images = [run.image("app", "2", together=False), run.image("web", "3")]
    held = run.publish({"app": run.built["app"]}, complete=False, apart=True)
    assert held.words == f"1 tag moved: all parts of its image were there. {HELD_BACK}"


def test_an_interrupted_run_moves_nothing_and_cleans_up(run: Run) -> None:
    run.images[0] = run.image("app", "1", together=False)
    found = run.publish(interrupted=True)
    assert run.server.tags == {}
    assert (found.moved, found.words, found.problem) == ({}, HELD_BACK, None)


def test_a_digest_that_buildx_did_not_tell_keeps_all_tags(run: Run) -> None:
    found = run.publish({"app": run.built["app"]})
    assert set(run.server.tags) == {"staging-web"}
    told = problem(found)
    assert (told.message, told.code) == ("buildx gave no digest for web: no tag was moved", "publish")
    assert told.hint == "update the docker-buildx plugin"
    assert isinstance(found.problem, RegistryError)


# --- an image of several Builds ---------------------------------------------------------------------------------------


def split(run: Run) -> dict[str, str]:
    keys = tuple(f"app@{platform}" for platform in BOTH)
    run.images = [run.image("app", "1", keys=keys, together=False, staged_as={}, annotations={"a": "b"})]
    return {key: run.push(key, f"pushed-{number}", key[-5:]) for number, key in enumerate(keys)}


def test_parts_are_joined_into_one_index(run: Run) -> None:
    built = split(run)
    found = run.publish(built)
    assert set(run.server.platforms("1")) == {"amd64", "arm64"}
    index = found.indexes[run.tag("1")]
    assert run.server.tags["1"] == found.digest_of("app") == index.digest not in built.values()
    assert index.index.annotations == {"a": "b"}


def test_an_image_of_which_a_part_is_missing_is_not_ready(run: Run) -> None:
    built = split(run)
    found = run.publish(dict(list(built.items())[:1]), complete=False)
    assert "1" not in run.server.tags
    assert (found.moved, found.words) == ({}, HELD_BACK)


def test_parts_that_have_a_platform_in_common_are_not_joined(run: Run) -> None:
    built = split(run)
    found = run.publish(dict.fromkeys(built, next(iter(built.values()))))
    assert "1" not in run.server.tags
    assert problem(found).message.endswith(" could not be moved: it would have linux/amd64 from two images")


def test_what_a_tag_holds_is_completed_not_replaced(run: Run) -> None:
    run.began(**{"1": run.server.add(*("amd64", "arm64"), note="old")})
    run.images = [run.image("app", "1", together=False, carried_over=BOTH[1:])]
    old = run.server.platforms("1")
    found = run.publish()
    assert set(run.server.platforms("1")) == {"amd64", "arm64"}
    assert run.server.platforms("1")["arm64"] == old["arm64"]
    assert run.server.platforms("1")["amd64"] != old["amd64"]
    assert found.digest_of("app") == run.server.tags["1"] != run.built["app"]
    assert found.platforms_of("app") == {"linux/amd64", "linux/arm64"}


# --- tags that cannot move --------------------------------------------------------------------------------------------


def test_a_tag_that_somebody_moved_meanwhile_is_theirs(run: Run) -> None:
    run.began(**{"1": run.server.add("amd64", note="old")})
    run.server.tags["1"] = theirs = run.server.add("amd64", note="theirs")
    found = run.publish()
    assert run.server.tags == {"1": theirs}
    told = problem(found)
    assert told.message == f"{run.tag('1')} of app could not be moved: another run moved it while this one was building"
    assert (told.code, told.place) == ("tag-moved", Place(file="spec", pointer=("target", "app")))
    assert told.hint == "see what it holds now; run apply again if this run's images are to take its place"
    assert (found.moved, found.words, found.left_behind) == ({}, "Tags were left as they were.", ())


def test_a_refusal_leaves_all_tags_as_they_were(run: Run) -> None:
    run.server.before = lambda method, name: 403 if (method, name) == ("PUT", "3") else None
    found = run.publish()
    assert run.server.tags == {}
    told = problem(found)
    assert told.message.startswith(f"{run.tag('3')} of web could not be moved: {run.host} answered 403")
    assert (told.code, told.hint) == ("publish", "nothing is lost: run apply again")
    assert (found.moved, found.words) == ({}, "Tags were left as they were.")


def test_tags_that_stay_wrong_are_named(run: Run) -> None:
    run.server.can_delete = False
    run.server.before = lambda method, name: 403 if (method, name) == ("PUT", "3") else None
    run.images = [run.image("app", "1", staged_as={}), run.image("web", "3", staged_as={})]
    found = run.publish()
    stuck = Leftover(tag=run.tag("1"), kind="stuck")
    assert found.words == f"Tags that could not be moved back: {stuck}."
    assert found.left_behind == (stuck,)


def test_a_tag_that_another_run_took_afterwards_is_left_to_it(run: Run) -> None:
    theirs = run.server.add("amd64", note="theirs")

    def before(method: str, name: str) -> int | None:
        if (method, name) != ("PUT", "3"):
            return None
        run.server.tags["1"] = theirs
        return 403

    run.server.before = before
    found = run.publish()
    assert run.server.tags == {"1": theirs}
    assert found.words == f"Another run moved {run.tag('1')}: left to it. Tags were left as they were."


def test_what_nobody_can_read_is_moved_only_blindly(run: Run) -> None:
    run.server.before = lambda method, name: 401 if (method, name) == ("HEAD", "1") else None
    reads = "nobody can say what the tag holds now: "
    assert f"could not be moved: {reads}{run.host} answered 401" in problem(run.publish()).message
    assert set(run.server.tags) == set()
    run.built = {name: run.push(name, f"staging-{name}") for name in run.built}
    assert run.publish(blindly=True).problem is None
    assert run.server.tags == {"1": run.built["app"], "2": run.built["app"], "3": run.built["web"]}


@pytest.fixture
def handlers() -> Iterator[None]:
    before = {signum: signal.getsignal(signum) for signum in ENDING}
    yield
    for signum, handler in before.items():
        signal.signal(signum, handler)


@pytest.mark.usefixtures("handlers")
def test_who_is_stopped_while_tags_move_moves_them_back(run: Run) -> None:
    def before(method: str, name: str) -> int | None:
        if (method, name) == ("PUT", "1"):
            signal.raise_signal(signal.SIGINT)
        return None

    run.server.before = before
    found = run.publish()
    assert run.server.tags == {}
    assert isinstance(found.problem, StoppedError)
    assert (problem(found).message, problem(found).code) == ("stopped", "stopped")
    assert found.words == "Tags were left as they were."


# --- staging tags that stay -------------------------------------------------------------------------------------------


def test_staging_tags_that_cannot_be_deleted_are_named(run: Run) -> None:
    run.server.can_delete = False
    because = "the registry refuses to delete tags"
    app, web = run.publish().left_behind
    assert app == Leftover(tag=run.tag("staging-app"), kind="reused", because=because)
    assert str(web) == f"{run.tag('staging-web')} (a staging tag, which the next run uses again)"


def test_fresh_staging_tags_are_used_by_nobody_again(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("secrets.token_hex", lambda _: "1f2e3d4c")
    run.server.can_delete = False
    fresh = {name: f"staging-{name}-1f2e3d4c" for name in run.built}
    run.built = {name: run.push(name, tag) for name, tag in fresh.items()}
    left = run.publish(refused=True).left_behind
    assert [str(one) for one in left] == [f"{run.tag(tag)} (a staging tag)" for tag in fresh.values()]


def test_a_staging_tag_that_another_run_uses_by_now_is_not_ours(run: Run) -> None:
    theirs = run.push("theirs", "staging-web")
    assert run.publish().left_behind == ()
    assert run.server.tags["staging-web"] == theirs
    assert "staging-app" not in run.server.tags


def test_a_staging_tag_of_which_nobody_can_tell_is_deleted(run: Run) -> None:
    run.server.before = lambda method, name: 401 if (method, name) == ("HEAD", "staging-app") else None
    assert run.publish().left_behind == ()
    assert "staging-app" not in run.server.tags


# --- metadata ---------------------------------------------------------------------------------------------------------

OLD, NEW, OTHER = (Image(digest=f"sha256:{sign * 64}", media_type=f"m/{sign}", body=b"12345") for sign in "abc")
STAGED = {
    "buildx.build.ref": "b/n/1",
    "containerimage.digest": OLD.digest,
    "containerimage.config.digest": "sha256:config",
    "containerimage.descriptor": {"digest": OLD.digest, "size": 9, "mediaType": "m", "annotations": {}},
    "image.name": "r/app:buildmatrix-staging-app",
}


def staged_image(*keys: str) -> StagedImage:
    return StagedImage(name="app", builds=keys or ("app",), tags={"r/app": ("r/app:1", "r/app:2")}, together=True)


def published(*images: Image) -> Published:
    tags = tuple(f"r/app:{number}" for number in range(1, len(images) + 1))
    return Published(moved={"app": tags}, indexes=dict(zip(tags, images, strict=True)))


def named(result: Published, *keys: str, told: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
    return published_metadata({"app": STAGED} if told is None else told, result, [staged_image(*keys)], [])


def test_what_is_published_has_its_own_names() -> None:
    assert named(published(OLD, OLD)) == {"app": {**STAGED, "image.name": "r/app:1,r/app:2"}}


def test_of_tags_that_did_not_move_nothing_is_named() -> None:
    told = {"app": STAGED, "other": {"image.name": "r/other:1"}, "buildx.build.warnings": []}
    assert named(Published(), told=told) == {**told, "app": {"buildx.build.ref": "b/n/1"}}


def test_what_was_completed_is_not_what_was_staged() -> None:
    assert named(published(NEW, NEW))["app"] == {
        "buildx.build.ref": "b/n/1",
        "containerimage.digest": NEW.digest,
        "containerimage.descriptor": {"mediaType": "m/b", "digest": NEW.digest, "size": 5},
        "image.name": "r/app:1,r/app:2",
    }


def test_names_that_hold_another_digest_stand_apart() -> None:
    found = named(published(NEW, OTHER))["app"]
    assert (found["image.name"], found["buildmatrix.others"]) == ("r/app:1", {"r/app:2": OTHER.digest})


def test_parts_name_no_image_and_their_target_does() -> None:
    keys = ("app@linux/amd64", "app@linux/arm64")
    found = named(published(NEW), *keys, told=dict.fromkeys(keys, STAGED))
    assert {key: found[key] for key in keys} == {key: {"buildx.build.ref": "b/n/1"} for key in keys}
    assert (found["app"]["containerimage.digest"], found["app"]["image.name"]) == (NEW.digest, "r/app:1")


def outcome(name: str, **values: Any) -> BuildOutcome:
    given = {"tags": (f"r/{name}:1", f"r/{name}:2"), "digest": NEW.digest, **values}
    return BuildOutcome(name=name, target=name, declared=name, status="unchanged", exported=True, platforms=(), **given)


@pytest.mark.parametrize(
    ("target", "entry"),
    [
        (outcome("kept"), {"containerimage.digest": NEW.digest, "image.name": "r/kept:1,r/kept:2"}),
        (outcome("kept", tags=()), None),
        (outcome("kept", digest=""), None),
        (outcome("kept", index=OTHER.digest), None),
    ],
)
def test_images_that_bake_told_nothing_of_are_named(target: BuildOutcome, entry: Mapping[str, str] | None) -> None:
    found = published_metadata({}, Published(), [], [target])
    assert found == ({"kept": entry} if entry else {})


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ({"containerimage.digest": OLD.digest}, {"containerimage.digest": OLD.digest}),
        ({"a": 1}, {"a": 1, "containerimage.digest": NEW.digest, "image.name": "r/kept:1,r/kept:2"}),
        ("odd", {"containerimage.digest": NEW.digest, "image.name": "r/kept:1,r/kept:2"}),
    ],
)
def test_what_bake_told_is_kept(told: Any, kept: Mapping[str, Any]) -> None:
    assert published_metadata({"kept": told}, Published(), [], [outcome("kept")]) == {"kept": kept}


def early(run: Run) -> Publisher:
    """Return who has moved the tags of `app` before the end, which joins nothing."""
    run.images = [run.image("app", "1", "2", together=False), run.image("web", "3", together=False)]
    publisher = run.publisher()
    done = publisher.publish_early("app", run.built)
    assert done.moved == {"app": (run.tag("1"), run.tag("2"))}
    assert run.server.tags["1"] == run.server.tags["2"] == run.built["app"]
    assert "3" not in run.server.tags
    return publisher


def test_tags_that_moved_early_are_left_as_they_are_at_the_end(run: Run) -> None:
    publisher = early(run)
    other = run.push("app", "1", "arm64")  # another run's by now
    found = publisher.publish(run.built, complete=True)
    assert run.server.tags["1"] == other
    assert {tag for tags in found.moved.values() for tag in tags} == {run.tag(name) for name in ("1", "2", "3")}
    assert found.problem is None
    assert found.words == "2 tags moved before what needs them was built. 1 tag moved when everything was there."
    assert found.digest_of("app") == run.built["app"]


def test_tags_that_moved_early_move_again_to_an_image_that_was_built_again(run: Run) -> None:
    publisher = early(run)
    again = run.push("app", "again", "arm64")
    found = publisher.publish(run.built | {"app": again}, complete=True)
    assert found.problem is None
    assert run.server.tags["1"] == run.server.tags["2"] == again == found.digest_of("app")


def test_tags_that_moved_early_are_told_of_a_run_that_failed_or_was_stopped(run: Run) -> None:
    publisher = early(run)
    found = publisher.publish(run.built, complete=False, interrupted=True)
    assert found.moved == {"app": (run.tag("1"), run.tag("2"))}
    assert "3" not in run.server.tags


def test_tags_that_cannot_be_moved_early_are_not_tried_again(run: Run) -> None:
    run.images = [run.image("app", "1", together=False), run.image("web", "3", together=False)]
    run.began(**{"1": run.push("app", "1")})
    theirs = run.push("app", "1", "arm64")
    publisher = run.publisher()
    done = publisher.publish_early("app", run.built)
    assert done.problem
    assert not done.moved
    found = publisher.publish(run.built, complete=False)
    assert found.problem
    assert found.problem.diagnostics == done.problem.diagnostics
    assert run.server.tags["1"] == theirs
    assert run.server.tags["3"] == run.built["web"]


def test_without_a_digest_no_tag_moves_early(run: Run) -> None:
    done = run.publisher().publish_early("app", {"app": ""})
    assert done.problem
    assert done.problem.diagnostics[0].message == "buildx gave no digest for app: no tag was moved"
    assert not {"1", "2"} & run.server.tags.keys()


def test_nothing_moves_early_once_a_run_is_stopped(run: Run) -> None:
    publisher = run.publisher()
    publisher.stop()
    done = publisher.publish_early("app", run.built)
    assert isinstance(done.problem, StoppedError)
    assert not {"1", "2"} & run.server.tags.keys()
