"""Secrets that a build may do without: which of them are there, and what becomes of those that are not."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from buildmatrix.plan.access.absent import absent_secrets, as_saved, left_out, without_absent
from buildmatrix.plan.builds import builds_of
from buildmatrix.plan.model import AbsentSecret, PlannedTarget
from buildmatrix.spec.rows.outputs import LocalOutput
from buildmatrix.spec.rows.settings import Secret, Settings
from tests.plans import plan, target


def made(name: str, *secrets: Secret, **more: Any) -> PlannedTarget:
    return target(name, Settings(secret=secrets, **more))


def optional(name: str, **more: Any) -> Secret:
    return Secret(id=name, optional=True, **more)


def reasons(folder: Path, *targets: PlannedTarget, **environment: str) -> list[str]:
    return [f"{one.target} {one.id}: {one.reason}" for one in absent_secrets(targets, str(folder), environment)]


UNSET = "the environment variable TOKEN is not set"


@pytest.mark.parametrize(
    ("secret", "reason"),
    [
        (optional("x", env="TOKEN"), UNSET),
        (optional("TOKEN"), UNSET),
        (optional("x", type="env", src="TOKEN"), UNSET),
        (optional("x", src=".npmrc"), "there is no file .npmrc"),
        (optional("x", src="folder"), "there is no file folder"),
        (optional("x", src="x" * 300), f"there is no file {'x' * 300}"),
        (optional("x", src="there"), ""),
        (Secret(id="x", env="TOKEN"), ""),
        (Secret(id="x", env="TOKEN", optional=False), ""),
    ],
)
def test_what_is_not_there(secret: Secret, reason: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "there").touch()
    one = made("app", secret)
    assert reasons(tmp_path, one) == ([f"app {secret.id}: {reason}"] if reason else [])
    assert reasons(tmp_path, one, TOKEN="") == ([] if reason == UNSET or not reason else [f"app x: {reason}"])


def test_what_another_target_writes_will_be_there(tmp_path: Path) -> None:
    first = target("first", Settings(output=(LocalOutput(type="local", dest="made"),)))
    secret = optional("x", src="made/token")
    assert reasons(tmp_path, first, target("app", Settings(secret=(secret,)), needs=("first",))) == []
    assert reasons(tmp_path, first, made("app", secret)) == ["app x: there is no file made/token"]


def test_outside_of_the_repository_nobody_looks_before_it_is_allowed(tmp_path: Path) -> None:
    (tmp_path / "repository/.git").mkdir(parents=True)
    one = made("app", optional("x", src="../nothing"))
    assert reasons(tmp_path / "repository", one) == []
    planned = plan(one, directory=str(tmp_path / "repository"))
    assert without_absent(planned, {}, outside=False).targets == (one,)
    assert without_absent(planned, {}, outside=True).targets[0].settings.secret is None


def test_what_is_absent_is_left_out_of_the_target_and_of_its_builds(tmp_path: Path) -> None:
    kept, gone = Secret(id="kept", env="KEPT"), optional("x", env="TOKEN")
    planned = plan(made("app", gone, kept), made("other", gone), made("plain", kept), directory=str(tmp_path))
    for found in (without_absent(planned, {}, outside=True), without_absent(builds_of(planned), {}, outside=True)):
        assert [one.settings.secret for one in found.targets] == [(kept,), None, (kept,)]
        assert found.targets[2] is found.by_name["plain"]
    told = (AbsentSecret(target="app", id="x", reason=UNSET), AbsentSecret(target="other", id="x", reason=UNSET))
    assert without_absent(planned, {}, outside=True).absent_secrets == told
    place = planned.targets[0].place
    app = target("app", without_absent(planned, {}, outside=True).targets[0].settings, origins={("secret", 1): place})
    assert app.place_of("secret", 0) is place
    assert without_absent(planned, {"TOKEN": "t"}, outside=True).targets == planned.targets


def test_a_plan_without_any_is_itself(tmp_path: Path) -> None:
    planned = plan(made("app", Secret(id="x", env="TOKEN")), directory=str(tmp_path))
    assert without_absent(planned, {}, outside=True) is planned


def test_each_is_told_once() -> None:
    absent = [AbsentSecret(target=name, id="x", reason=UNSET) for name in ("a", "a", "b", "c")]  # a in two parts
    absent.append(AbsentSecret(target="a", id="y", reason="there is no file y"))
    assert list(left_out(absent)) == [
        f'secret "x" of a (and 2 more targets) is left out: {UNSET}',
        'secret "y" of a is left out: there is no file y',
    ]


def test_a_plan_is_as_it_was_saved_whatever_is_there_now() -> None:
    one = made("app", optional("a"), optional("b"), Secret(id="c"))
    varied = replace(made("by"), variants=(made("by", optional("a")), made("by", optional("b"))))
    then = [AbsentSecret(target="app", id="b", reason=""), AbsentSecret(target="by", id="a", reason="")]
    found = as_saved(plan(one, varied), then)
    assert found.by_name["app"].settings.secret == (optional("a"), Secret(id="c"))
    assert [target.settings.secret for target in found.by_name["by"].variants] == [None, (optional("b"),)]
    assert as_saved(plan(one), []) == plan(one)
