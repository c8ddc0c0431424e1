"""How old images are is told by the run that built them without the cache, and by nothing that the cache gives."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buildmatrix.oci.image import Image
from buildmatrix.oci.index import Index
from buildmatrix.plan.model import PlannedTarget
from buildmatrix.plan.policy import Policy
from buildmatrix.spec.rows.options import Options
from buildmatrix.spec.rows.outputs import RegistryOutput
from buildmatrix.spec.rows.settings import Settings
from buildmatrix.state.decisions.decision import Decision
from buildmatrix.state.images.ages import ANNOTATION, Ages, Built, built_in, oldest
from tests import plans

NOW = datetime(2026, 11, 27, 15, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
BUILD = Decision(action="build", because=("never built",))
RENEWED = Decision(action="build", because=("",), renewed=True)

moments = st.datetimes(datetime(1000, 1, 1), datetime(9999, 1, 1)).map(  # noqa: DTZ001 the next line has it
    lambda one: one.replace(microsecond=0, tzinfo=UTC)
)
builts = st.builds(Built, moments, st.dictionaries(st.from_regex(r"[A-Za-z0-9_-]+", fullmatch=True), moments))


def image(at: datetime | None, **upon: datetime) -> Image:
    notes = {ANNOTATION: Built(at, upon).text} if at else {}
    return Image(digest="sha256:1", media_type="", body=b"", index=Index(annotations=notes))


def skip(at: datetime | None, **upon: datetime) -> Decision:
    return Decision(action="skip", because=("up to date",), image=image(at, **upon))


def target(name: str, *upon: str, age: str | None = None, exported: bool = True, **settings: Any) -> PlannedTarget:
    given = {"max_age": age, "tags": (f"r:5/{name}:1",), "output": (RegistryOutput(type="registry"),), **settings}
    return plans.target(name, Settings(**given), depends_on=upon, exported=exported)


def ages(*targets: PlannedTarget, **options: Any) -> Ages:
    plan = plans.plan(*targets)
    return Ages(plan, Policy(plan=plan, options=Options(**options)), NOW)


@given(builts)
def test_what_is_written_is_read(built: Built) -> None:
    assert built_in({ANNOTATION: built.text}) == built


@given(builts, builts)
def test_an_image_of_two_is_as_old_as_the_older(new: Built, old: Built) -> None:
    found = built_in(oldest({ANNOTATION: new.text}, {ANNOTATION: old.text}))
    assert found is not None
    assert found.at == min(new.at, old.at)
    assert found.upon.keys() == new.upon.keys() & old.upon.keys()
    assert all(found.upon[one] <= new.upon[one] and found.upon[one] <= old.upon[one] for one in found.upon)


@pytest.mark.parametrize("one", [{}, {ANNOTATION: "x"}])
def test_what_one_of_two_does_not_tell_is_not_known(one: dict[str, str]) -> None:
    other = {ANNOTATION: Built(NOW).text}
    assert oldest(one, other) == oldest(other, one) == {}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "2026-13-27T15:00:00Z",
        "2026-11-27T15:00:00",
        "2026-11-27",
        "٢٠٢٦-11-27T15:00:00Z",
        "2026-11-27T15:00:00Z ",
        "2026-11-27T15:00:00Z base",
        "2026-11-27T15:00:00Z base=",
        "2026-11-27T15:00:00Z =2026-11-27T15:00:00Z",
        "2026-11-27T15:00:00Z base=2026-11-27T15:00:00Z base=2026-11-27T15:00:00Z",
        "2026-11-27T15:00:00Z\n",
        "9999-99-99T99:99:99Z",
    ],
)
def test_what_is_not_as_we_write_it_says_nothing(text: str) -> None:
    assert built_in({ANNOTATION: text}) is None


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    built_in({ANNOTATION: text})


def test_later_times_than_now_are_not_believed() -> None:
    made = ages(target("app", age="7d"))
    assert made.told(image(NOW + HOUR / 6)) is not None
    assert made.told(image(NOW + 2 * HOUR)) is None
    assert made.told(image(NOW, base=NOW + DAY)) is None


def test_what_never_grows_too_old_has_no_annotation() -> None:
    made = ages(target("other"), target("base", age="7d"), target("lib", "base"), target("app", "lib"))
    for name in ("other", "base", "lib", "app"):
        made.settle(name, BUILD, [])
    assert made.note("other") == {}
    time = "2026-11-27T15:00:00Z"
    assert [made.note(name)[ANNOTATION] for name in ("base", "lib", "app")] == [
        time,
        f"{time} base={time}",
        f"{time} lib={time}",
    ]


@pytest.mark.parametrize(
    ("decision", "more", "options", "at"),
    [
        (BUILD, {}, {}, NOW - DAY),
        (RENEWED, {}, {}, NOW),
        (Decision(action="build", because=("",), afresh=("app",)), {}, {}, NOW),
        (BUILD, {"no_cache": True}, {}, NOW),
        (BUILD, {}, {"no_cache": True}, NOW),
    ],
)
def test_what_comes_from_the_cache_is_as_old_as_it_was(
    decision: Decision, more: dict[str, Any], options: dict[str, Any], at: datetime
) -> None:
    made = ages(target("app", age="7d", **more), **options)
    made.settle("app", decision, [image(NOW), image(NOW - DAY), image(None)])
    assert made.note("app") == {ANNOTATION: Built(at).text}


@pytest.mark.parametrize(
    ("base", "app", "why"),
    [
        (skip(NOW), image(NOW, base=NOW), ""),
        (skip(NOW - DAY), image(NOW, base=NOW), ""),
        (skip(NOW), image(NOW, base=NOW - DAY), "base, which it depends on, was built again since"),
        (skip(NOW), image(NOW), "nobody knows how old base was, on which it was built"),
        (skip(NOW), image(None), "nobody knows how old base was, on which it was built"),
        (skip(None), image(None), ""),
    ],
)
def test_what_is_on_an_older_one_is_overtaken(base: Decision, app: Image, why: str) -> None:
    between = target("mid", "base", output=None)
    for made in (
        ages(target("base", age="7d"), target("app", "base")),
        ages(target("base", age="7d"), between, target("app", "mid")),
    ):
        made.settle("base", base, [])
        assert made.overtaken("app", app) == why


def test_what_is_pushed_nowhere_grows_old_within_what_it_is_a_part_of() -> None:
    made = ages(target("base", age="7d", exported=False), target("app", "base"))
    young, old = image(NOW, base=NOW - DAY), image(NOW, base=NOW - 8 * DAY)
    assert made.overtaken("app", young) == ""
    assert made.overtaken("app", old) == "base, from which it was built, is older than max-age: built 2026-11-19"
    assert made.overtaken("app", image(None)) == "nobody knows how old base is, from which it was built"
    assert made.afresh("app", BUILD, [young]) == []
    assert made.afresh("app", BUILD, [old]) == ["base"]
    made.settle("app", BUILD, [young])
    assert made.note("app") == {ANNOTATION: Built(NOW, {"base": NOW - DAY}).text}
    made.settle("app", Decision(action="build", because=("",), renewed=True, afresh=("base",)), [old])
    assert made.note("app") == {ANNOTATION: Built(NOW, {"base": NOW}).text}


def test_what_is_too_old_is_built_afresh_with_all_of_it() -> None:
    made = ages(target("stage", output=None), target("app", "stage", age="7d"))
    assert made.afresh("app", BUILD, [image(NOW - DAY)]) == []
    assert made.afresh("app", BUILD, []) == []
    assert made.afresh("app", BUILD, [image(NOW - 8 * DAY)]) == ["app", "stage"]
    assert made.afresh("app", RENEWED, []) == ["app", "stage"]
    assert ages(target("app")).afresh("app", RENEWED, []) == []
