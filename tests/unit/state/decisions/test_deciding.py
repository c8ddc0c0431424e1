"""Deciding about the targets of a plan: content tags are asked for once, and only where they can help."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from buildmatrix.inputs.known import Known
from buildmatrix.oci.answers import Absent, Answer, Descriptor, Found
from buildmatrix.oci.image import Held, Image
from buildmatrix.plan.model import PlannedTarget
from buildmatrix.plan.policy import Policy
from buildmatrix.spec.rows.options import Options
from buildmatrix.spec.rows.outputs import ImageOutput, RegistryOutput
from buildmatrix.spec.rows.settings import Settings
from buildmatrix.state.decisions.deciding import Deciding
from buildmatrix.state.decisions.decision import Decision
from buildmatrix.state.images import marks
from buildmatrix.state.images.ages import ANNOTATION, Built
from buildmatrix.state.images.content_tags import content_name
from buildmatrix.state.images.marks import mark_of
from tests import plans
from tests.unit.state.decisions.test_decision import AMD, ARM, NOW, OLD, attested, image

NAME = content_name(NOW)
TIME = datetime(2026, 1, 31, tzinfo=UTC)


GONE = f"r:5/app@att:{ARM}"


class Asked:
    """Stands for the way to registries, and remembers what was asked."""

    def __init__(self, held: dict[str, Held]) -> None:
        self.held, self.looked, self.headed = held, list[str](), list[str]()

    def look(self, reference: str) -> Held:
        self.looked.append(reference)
        return self.held.get(reference, Absent())

    def head(self, reference: str) -> Answer:
        self.headed.append(reference)
        return Absent() if reference == GONE else Found(descriptor=Descriptor(digest=reference, media_type=""))


def target(
    name: str, *, needs: tuple[str, ...] = (), upon: tuple[str, ...] = (), age: str | None = None
) -> PlannedTarget:
    output = (RegistryOutput(type="registry"),)
    given: dict[str, Any] = {"platforms": (AMD, ARM), "output": output, "tags": (f"r:5/{name}:1",), "max_age": age}
    return plans.target(name, Settings(**given), needs=needs, depends_on=upon)


def decide(
    held: dict[str, Held], *targets: PlannedTarget, doubt: str = "", **options: Any
) -> tuple[dict[str, Decision], list[str]]:
    plan = plans.plan(*(targets or (target("app"),)))
    policy = Policy(plan=plan, options=Options(**{"incremental": True, "content_tag": True, **options}))
    asked, known = Asked(held), Known(fingerprints={} if doubt else NOW, parts={}, doubt=doubt)
    registry = cast("Any", asked)
    found = Deciding(
        plan, policy, lambda _: known, lambda tag: held.get(tag, Absent()), registry, registry.head
    ).decide(TIME)
    return found, asked.looked


def test_what_its_content_tag_holds_is_kept_and_its_tags_move() -> None:
    found, asked = decide({f"r:5/app:{NAME}": image(NOW)})
    assert (found["app"].action, found["app"].moves) == ("skip", ("r:5/app:1",))
    assert asked == [f"r:5/app:{NAME}"]


@pytest.mark.parametrize(
    ("held", "options"),
    [
        ({"r:5/app:1": image(NOW)}, {}),
        ({}, {"everything": True}),
        ({}, {"content_tag": False}),
        ({}, {"content_tag": None}),
        ({}, {"doubt": "nobody knows"}),
        ({}, {"incremental": False}),
    ],
)
def test_it_is_not_asked_for_where_it_does_not_help(held: dict[str, Held], options: dict[str, Any]) -> None:
    _, asked = decide({**held, f"r:5/app:{NAME}": image(NOW)}, **options)
    assert asked == []


def test_what_needs_it_does_not_wait_for_tags_that_move_at_the_end() -> None:
    targets = target("lib"), target("app", needs=("lib",))
    held = {f"r:5/lib:{NAME}": image(NOW)}
    found, _ = decide({**held, "r:5/app:1": image(OLD)}, *targets)
    assert found["lib"].because == ("app, which is built, needs it first, and its tags would move later",)
    assert (found["lib"].action, found["lib"].moves) == ("build", ())
    found, _ = decide({**held, "r:5/app:1": image(NOW)}, *targets)
    assert (found["lib"].action, found["lib"].moves) == ("skip", ("r:5/lib:1",))


def test_what_is_built_for_another_is_needed_in_time_too() -> None:
    targets = target("base"), target("lib", needs=("base",)), target("app", needs=("lib",))
    held: dict[str, Held] = {f"r:5/{name}:{NAME}": image(NOW) for name in ("base", "lib")}
    found, _ = decide({**held, "r:5/app:1": image(OLD)}, *targets)
    assert [found[name].action for name in ("base", "lib", "app")] == ["build", "build", "build"]


def test_attestations_are_asked_for_only_where_they_are_carried_over() -> None:
    def asked(marks: dict[str, str]) -> tuple[Decision, list[str]]:
        held: dict[str, Held] = {"r:5/app:1": attested(marks)}
        plan = plans.plan(target("app"))
        registry = Asked(held)
        known = Known(fingerprints=NOW, parts={}, doubt="")
        policy = Policy(plan=plan, options=Options(incremental=True))
        found = Deciding(plan, policy, lambda _: known, held.get, cast("Any", registry), registry.head).decide(TIME)
        return found["app"], [one for one in registry.headed if "att" in one]

    assert asked(NOW)[1] == asked(OLD)[1] == []
    found, attestations = asked({AMD: NOW[AMD], ARM: OLD[ARM]})
    assert (found.platforms, attestations) == ((ARM,), [f"r:5/app@att:{AMD}"])
    found, attestations = asked({AMD: OLD[AMD], ARM: NOW[ARM]})
    assert (found.platforms, attestations) == ((), [GONE])
    assert found.because == ("linux/amd64 changed", "the attestation of linux/arm64 is gone from the registry")


def test_no_tag_is_moved_to_an_image_that_lost_an_attestation() -> None:
    found, _ = decide({f"r:5/app:{NAME}": attested(NOW)})
    assert (found["app"].action, found["app"].because) == ("build", ("its tag is not there",))
    two = plans.target(
        "app",
        Settings(platforms=(AMD, ARM), output=(RegistryOutput(type="registry"),), tags=("r:5/app:1", "r:5/app:2")),
    )
    found, _ = decide({"r:5/app:1": attested(NOW)}, two)
    assert (found["app"].action, found["app"].platforms) == ("build", ())
    assert found["app"].because == ("the attestation of linux/arm64 is gone from the registry",)
    found, _ = decide({"r:5/app:1": attested(NOW), "r:5/app:2": attested(NOW)}, two)
    assert (found["app"].action, found["app"].because) == ("skip", ("up to date",))


def test_outputs_that_push_different_images_are_decided_apart() -> None:
    def of(**options: Any) -> Decision:
        outputs = (
            ImageOutput(type="image", push=True, name="r:5/app:gz", compression="gzip"),
            ImageOutput(type="image", push=True, name="r:5/app:zst", **options),
        )
        apart = plans.target("app", Settings(platforms=(AMD, ARM), output=outputs))
        return decide({"r:5/app:gz": image(NOW)}, apart)[0]["app"]

    assert (of(compression="gzip").action, of(compression="gzip").moves) == ("skip", ("r:5/app:zst",))
    assert (of(compression="zstd").action, of(compression="zstd").because) == ("build", ("its tag is not there",))


def aged(at: datetime, **upon: datetime) -> Image:
    made = image(NOW)
    notes = {**made.index.annotations, ANNOTATION: Built(at, upon).text}
    return replace(made, index=replace(made.index, annotations=notes))


UNCACHED = "it is built without the cache"


@pytest.mark.parametrize(
    ("days", "because"), [(6, ("up to date",)), (8, ("older than max-age: built 2026-01-23 00:00 UTC", UNCACHED))]
)
def test_how_old_an_image_is_says_its_annotation(days: int, because: tuple[str, ...]) -> None:
    """Nobody is asked for its configuration: what that says is the cache's."""
    held: dict[str, Held] = {"r:5/app:1": aged(TIME - timedelta(days=days))}
    found, asked = decide(held, max_age="7d")
    assert (found["app"].because, asked) == (because, [])
    assert found["app"].afresh == (() if days == 6 else ("app",))
    assert found["app"].renewed == (days == 8)


@pytest.mark.parametrize("base", [TIME, TIME + timedelta(days=300)])
def test_what_says_that_it_was_built_in_the_future_is_built(base: datetime) -> None:
    """Its age is not known, so that max-age would never come; its configuration does not tell it better."""
    moment = TIME if base > TIME else TIME + timedelta(days=300)
    held: dict[str, Held] = {"r:5/app:1": aged(moment, base=base)}
    found, asked = decide(held, max_age="7d")
    why = "nobody knows how old it is: built 2026-11-27 00:00 UTC, ahead of this clock"
    assert (found["app"].because, asked) == ((why, UNCACHED), [])
    assert found["app"].renewed
    assert decide(held)[0]["app"].action == "skip", "without max-age its age makes no difference"


def test_of_several_images_one_of_the_future_counts() -> None:
    old = aged(TIME - timedelta(days=1))
    strange = replace(aged(TIME + timedelta(days=1)), digest="sha256:2")
    found, _ = decide({"r:5/app:1": old, f"r:5/app:{NAME}": strange}, max_age="7d")
    assert found["app"].action == "skip", "the other is not looked at"
    both = replace(target("app", age="7d"), settings=target("app").settings.but({"tags": ("r:5/app:1", "r:5/app:2")}))
    found, _ = decide({"r:5/app:1": old, "r:5/app:2": strange}, both, max_age="7d")
    assert found["app"].renewed


def test_what_is_too_old_and_changed_is_not_taken_from_the_cache() -> None:
    old = aged(TIME - timedelta(days=8))
    notes = {**old.index.annotations, marks.ANNOTATION: mark_of(OLD)}
    changed = replace(old, index=replace(old.index, annotations=notes))
    found, _ = decide({"r:5/app:1": changed}, max_age="7d")
    assert found["app"].because == ("what goes into it changed", UNCACHED)
    assert (found["app"].afresh, found["app"].renewed) == (("app",), True)


def test_what_is_upon_a_base_that_another_run_renewed_is_built() -> None:
    base, app = target("base", age="7d"), target("app", upon=("base",))
    day = timedelta(days=1)
    held: dict[str, Held] = {"r:5/base:1": aged(TIME - day), "r:5/app:1": aged(TIME - 8 * day, base=TIME - 8 * day)}
    found, _ = decide(held, base, app)
    assert found["base"].action == "skip"
    assert found["app"].because == ("base, which it depends on, was built again since",)
    assert found["app"].afresh == ()
    held["r:5/app:1"] = aged(TIME - 8 * day, base=TIME - day)
    assert decide(held, base, app)[0]["app"].action == "skip"


def test_what_is_upon_a_base_that_is_renewed_now_is_built_with_it() -> None:
    between = plans.target("mid", Settings(), depends_on=("base",), exported=False)
    held: dict[str, Held] = {name: aged(TIME - timedelta(days=8), base=TIME) for name in ("r:5/base:1", "r:5/app:1")}
    found, _ = decide(held, target("base", age="7d"), between, target("app", upon=("mid",)))
    assert found["app"].because == ("base, which it depends on, is built again",)


class Rebuilding:
    """Stands for `Telling`: one target's `rebuild` is another."""

    def __init__(self, name: str) -> None:
        self.name = name

    def told(self, *_: object) -> tuple[str, ...]:
        return ("rebuild changed",)

    def afresh(self, name: str, *_: object) -> list[str]:
        return [name] if name == self.name else []


def test_what_is_built_upon_what_is_built_anew_for_more_platforms_follows() -> None:
    """Where something needs all of its base, no platform is kept of what was built upon the images before."""

    def decided(*more: PlannedTarget) -> dict[str, Decision]:
        half, targets = image({AMD: NOW[AMD], ARM: OLD[ARM]}), (target("base"), target("app", upon=("base",)), *more)
        last = target("last", upon=("app",))
        held: dict[str, Held] = {f"r:5/{name}:1": half for name in ("base", "app", "last", "other")}
        plan = plans.plan(*targets, last)
        known, asked = Known(fingerprints=NOW, parts={}, doubt=""), Asked(held)
        policy, registry, told = (
            Policy(plan=plan, options=Options(incremental=True)),
            cast("Any", asked),
            Rebuilding("base"),
        )
        made = Deciding(plan, policy, lambda _: known, held.get, registry, registry.head, cast("Any", told))
        return made.decide(TIME)

    found = decided()
    assert [found[name].platforms for name in ("base", "app", "last")] == [(ARM,)] * 3
    found = decided(target("other", needs=("base",)))
    why = "base, which it depends on, is built again for all platforms"
    assert [found[name].because for name in ("app", "other")] == [(why,), (why,)]
    assert found["last"].because[0] in {"app, which it depends on, is built again", why}
    assert not any(found[name].platforms for name in ("app", "other", "last"))
    assert found["base"].because_of((AMD,)) == (
        f"{AMD}: other, which is built, needs it",
        "it is built without the cache",
    )
