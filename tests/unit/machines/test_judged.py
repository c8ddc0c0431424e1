"""Which records count for a plan: by what they say, and by nothing else."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buildmatrix.errors import StaleError
from buildmatrix.machines.folder import Folder, Odd, Read
from buildmatrix.machines.joined import index_notes, left_alone, missing, outcomes_of, outdated
from buildmatrix.machines.judged import Judged, judged, refuse_wrong, strangers
from buildmatrix.machines.record import PushedImage, RecordDocument
from tests.unit.machines.records import AMD, ARM, PLAN, digest, failed, jobs, record, target

OTHER = f"sha256:{'b' * 64}"
BASE, APP = target("base"), target("app", "base")


def judge(*records: RecordDocument, odd: tuple[Odd, ...] = ()) -> Judged:
    read = tuple(Read(f"{number}.json", one) for number, one in enumerate(records))
    return judged(jobs(BASE, APP), PLAN, Folder(records=read, odd=odd))


def changed(one: RecordDocument, **values: Any) -> RecordDocument:
    return one.but(values)


def test_each_build_has_its_record_and_what_failed_is_not_good() -> None:
    found = judge(record(f"app@{AMD}"), failed(f"app@{ARM}"))
    assert list(found.records) == [f"app@{AMD}", f"app@{ARM}"]
    assert list(found.good) == [f"app@{AMD}"]
    assert (found.wrong, found.strange, found.twice) == ((), (), ())


def test_what_is_of_another_plan_or_no_record_is_left_out_and_named() -> None:
    found = judge(record(f"app@{AMD}", plan=OTHER), odd=(Odd("x.json", "it is not a record"),))
    assert (found.records, found.wrong) == ({}, ())
    assert found.strange == (Odd("0.json", "it is of another plan"), Odd("x.json", "it is not a record"))
    (first, _) = strangers(found.strange, "dir")
    assert (first.message, first.severity) == ("dir/0.json is left out: it is of another plan", "warning")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"build": "app"}, "the plan builds no app for itself"),
        ({"build": "app@linux/s390x"}, "the plan builds no app@linux/s390x for itself"),
        ({"platforms": (ARM,)}, f"app@{AMD} is app for {ARM}, and the plan says app for {AMD}"),
        ({"target": "base"}, f"is base for {AMD}, and the plan says app for {AMD}"),
        ({"pushed": ()}, "is in no repository, and the plan says r/app"),
        (
            {"pushed": (PushedImage(repository="evil/app", digest=digest(1), media_type=None, size=None),)},
            "is in evil/app, and the plan says r/app",
        ),
        (
            {"metadata": {"containerimage.digest": digest(2)}},
            f"is {digest(1)[:19]}…, and that bake has pushed {digest(2)[:19]}…",
        ),
        ({"status": "failed"}, "is in r/app, and the plan says "),
    ],
)
def test_a_record_that_says_what_its_plan_does_not_is_refused(values: dict[str, Any], words: str) -> None:
    found = judge(changed(record(f"app@{AMD}"), **values))
    assert found.records == {}
    with pytest.raises(StaleError) as raised:
        refuse_wrong(found, "dir")
    (diagnostic,) = raised.value.diagnostics
    assert diagnostic.message.startswith("dir/0.json: ")
    assert words in diagnostic.message


def test_annotations_that_the_plan_does_not_have_are_refused() -> None:
    base = replace(BASE, settings=BASE.settings.but({"annotations": ("index:a=b",)}))
    plan, mark, age = jobs(base, APP), "dev.buildmatrix.inputs", "dev.buildmatrix.built"

    def fault(key: str, marks: dict[str, str], **notes: str) -> str:
        one = record(key, annotations={name.replace("_", "."): text for name, text in notes.items()})
        found = judged(plan, PLAN, Folder(records=(Read("x", one),)), marks)
        return found.wrong[0].why if found.wrong else ""

    own = {mark.replace(".", "_"): "1 x", age.replace(".", "_"): "t"}
    assert not fault(f"base@{AMD}", {}, a="b")
    assert not fault(f"base@{AMD}", {"base": "1 x"}, a="b", **own)
    assert fault(f"base@{AMD}", {}, a="c") == "it has another annotation a for base than the plan"
    assert fault(f"base@{AMD}", {}, a="b", evil="1") == "it has another annotation evil for base than the plan"
    assert fault(f"app@{AMD}", {}, a="b") == "it has another annotation a for app than the plan"
    assert fault(f"base@{AMD}", {"base": "1 y"}, a="b", **own) == "it has another fingerprint for base than the plan"
    assert fault(f"base@{AMD}", {}, a="b", **own) == "it has another fingerprint for base than the plan"


def test_two_images_in_two_repositories_are_no_image_of_a_build() -> None:
    two = target("two", platforms=(AMD,))
    two = replace(two, settings=two.settings.but({"tags": ("r/two:1", "s/two:1")}))
    images = [PushedImage(repository=name, digest=digest(1), media_type=None, size=None) for name in ("r/two", "s/two")]
    one = record("two", platforms=(AMD,), pushed=tuple(images))
    plan = jobs(two)
    assert judged(plan, PLAN, Folder(records=(Read("a", one),))).wrong == ()
    other = images[1].but({"digest": digest(2)})
    found = judged(plan, PLAN, Folder(records=(Read("a", changed(one, pushed=(images[0], other))),)))
    assert found.wrong == (Odd("a", "it says that two is several images"),)


# --- two records of one Build -----------------------------------------------------------------------------------------

LATER = "2026-11-27T11:00:00.000Z"


def test_of_two_records_that_say_the_same_nothing_is_said() -> None:
    found = judge(record(f"app@{AMD}"), record(f"app@{AMD}", ended=LATER))
    assert found.twice == ()
    assert found.records[f"app@{AMD}"].ended == LATER


def test_of_two_images_the_newer_counts_and_it_is_said() -> None:
    found = judge(record(f"app@{AMD}", 2, ended=LATER), record(f"app@{AMD}", 1))
    assert found.records[f"app@{AMD}"].digest == digest(2)
    assert found.twice == ((f"app@{AMD}", "0.json", "1.json"),)


def test_what_was_built_counts_whatever_failed_after_it() -> None:
    found = judge(record(f"app@{AMD}"), failed(f"app@{AMD}", ended=LATER))
    assert list(found.good) == [f"app@{AMD}"]


@given(st.permutations(range(6)))
def test_the_order_of_the_files_makes_no_difference(order: list[int]) -> None:
    every = [
        record(f"app@{AMD}", 1),
        record(f"app@{AMD}", 2),
        failed(f"app@{AMD}", ended=LATER),
        record(f"app@{ARM}", 3, ended=LATER),
        record(f"base@{AMD}", plan=OTHER),
        failed(f"base@{ARM}"),
    ]
    read = {number: Read(f"{number}.json", every[number]) for number in order}
    found = judged(jobs(BASE, APP), PLAN, Folder(records=tuple(read.values())))
    again = judged(jobs(BASE, APP), PLAN, Folder(records=tuple(read[number] for number in range(6))))
    assert (found.records, found.strange) == (again.records, again.strange)
    assert found.records[f"app@{AMD}"].digest == digest(2)


# --- what they come to ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "file", "line", "within"),
    [({"dockerfile": "web/arm.Dockerfile"}, "web/arm.Dockerfile", 3, 0), ({"dockerfile_inline": "FROM a"}, "f", 0, 3)],
)
def test_a_failure_is_where_its_job_said_it_is(settings: dict[str, str], file: str, line: int, within: int) -> None:
    app = replace(APP, settings=APP.settings.but(settings))
    heading = "arm.Dockerfile:3" if line else "Dockerfile:3"
    broken = failed(f"app@{AMD}", excerpt=f"sh: no\n{heading}\n{'-' * 20}\n   3 | >>> RUN no")
    place = outcomes_of(jobs(BASE, app), judge(broken).records, {})[f"app@{AMD}"].place
    assert place is not None
    assert (place.file.endswith(file), place.line, place.within) == (True, line, within)


def test_what_is_missing_failed_or_gone_is_named_with_the_command_that_builds_it() -> None:
    plan = jobs(BASE, APP)
    found = judge(record(f"base@{AMD}"), record(f"base@{ARM}"), failed(f"app@{AMD}", hint="mend it"))
    outcomes = outcomes_of(plan, found.records, {f"base@{ARM}": "r/base does not have it any more"})
    said = [(one.message, one.hint) for one in missing(plan, outcomes, "apply p --build {}")]
    assert said == [
        (f"base@{ARM} failed: r/base does not have it any more", f"run its job again: apply p --build base@{ARM}"),
        (f"app@{AMD} failed: exit code: 1", f"mend it\nrun its job again: apply p --build app@{AMD}"),
        (
            f"app@{ARM} was not built: there is no record of it",
            f"run its job again: apply p --build app@{ARM}",
        ),
    ]
    assert [(one.status, one.digest) for one in outcomes.values()] == [
        ("built", digest(1)), ("failed", ""), ("failed", ""), ("skipped", ""),
    ]  # fmt: skip


def test_what_was_built_on_another_image_than_there_is_now_is_named_with_all_upon_it() -> None:
    plan = jobs(BASE, APP, target("late", needs=("app",)))
    good = {
        f"base@{AMD}": record(f"base@{AMD}", 1),
        f"base@{ARM}": record(f"base@{ARM}", 2),
        f"app@{AMD}": record(f"app@{AMD}", built_on={f"base@{AMD}": digest(1)}),
        f"app@{ARM}": record(f"app@{ARM}", 3, built_on={f"base@{ARM}": digest(9)}),
        f"late@{AMD}": record(f"late@{AMD}", built_on={f"app@{AMD}": digest(1)}),
        f"late@{ARM}": record(f"late@{ARM}", built_on={f"app@{ARM}": digest(3)}),
    }
    found = outdated(plan, good)
    assert found == {
        f"app@{ARM}": (
            f"it was built on {digest(9)[:19]}… of base@{ARM}, which has been built again since: {digest(2)[:19]}…"
        ),
        f"late@{ARM}": f"app@{ARM}, which it was built on, has to be built again",
    }
    said = [(one.message, one.hint) for one in missing(plan, outcomes_of(plan, good, found), "apply p --build {}")]
    assert said[0] == (
        f"app@{ARM} failed: {found[f'app@{ARM}']}",
        f"run its job again: apply p --build app@{ARM}",
    )
    del good[f"base@{ARM}"]  # the image that it was built on may be there all the same
    assert outdated(plan, good) == {}
    assert list(outdated(plan, good | {f"app@{AMD}": record(f"app@{AMD}")})) == [f"app@{AMD}", f"late@{AMD}"]


def test_tags_that_stay_are_named_with_what_is_missing() -> None:
    parts = {"a": ("a@x", "a@y"), "b": ("b@x",)}
    tags = {"a": ("r/a:1",), "b": ("r/b:1", "r/b:2")}
    assert left_alone(tags, parts, {"a@x", "b@x"}) == "r/a:1 was left as before: a@y is missing."
    assert left_alone(tags, parts, set()).splitlines() == [
        "r/a:1 was left as before: a@x, a@y are missing.",
        "r/b:1, r/b:2 were left as before: b@x is missing.",
    ]


def test_an_index_has_the_annotations_of_its_parts_and_is_as_old_as_the_oldest() -> None:
    built = "dev.buildmatrix.built"
    one, other = {"a": "b", built: "2026-11-27T10:00:00Z"}, {"a": "b", built: "2026-11-27T09:00:00Z"}
    each = [record(f"app@{AMD}", annotations=one), record(f"app@{ARM}", annotations=other)]
    assert index_notes(each) == index_notes(each[::-1]) == other
    assert index_notes(each[:1]) == one
    untold = record(f"app@{ARM}", annotations={"a": "b"})
    assert index_notes([each[0], untold]) == {"a": "b"}
    assert index_notes([]) == {}


def test_two_hundred_records_of_a_hundred_images_are_judged() -> None:
    targets = [target(f"t{number}") for number in range(100)]
    plan = jobs(*targets)
    read = tuple(
        Read(f"{key}.json", failed(key) if number % 50 == 7 else record(key, number))
        for number, key in enumerate(plan.by_name)
    )
    found = judged(plan, PLAN, Folder(records=read))
    outcomes = outcomes_of(plan, found.records, {})
    assert len(found.good) == 196
    assert [one.status for one in outcomes.values()].count("failed") == 4
    assert len(list(missing(plan, outcomes, "{}"))) == 4
