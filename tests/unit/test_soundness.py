"""What merely follows from an error is not said: a case for each subject, of which more is said without that."""

from pathlib import Path

import pytest

from buildmatrix.errors import BuildmatrixError, Problems
from buildmatrix.git.facts import Git
from buildmatrix.pipeline import plan
from buildmatrix.soundness import (
    ANY_SETTING,
    FILE,
    NAMES,
    REPORTED,
    Soundness,
    expansion_of,
    inheritance_of,
    settings_of,
    shape_of,
    value_of,
)
from buildmatrix.spec.toml.source import Sources
from buildmatrix.template.request import Request

FOLLOWING = {
    "names: a file is missing, and with it a parent": (
        'include = ["gone/*.toml"]\n[target.app]\ninherits = ["elsewhere"]\noutput = ["type=docker"]',
        ["include"],
    ),
    "names: a file is missing, and with it what a template uses": (
        'include = ["gone/*.toml"]\n[target.app]\ntags = ["app:{{ elsewhere }}"]\noutput = ["type=docker"]',
        ["include"],
    ),
    "file: a target was dropped, so that there is none": ("target.app = 5", ["schema"]),
    "reported: groups in a cycle, and a target that needs one": (
        'group = { a = ["b"], b = ["a"] }\n[target.app]\nneeds = ["a"]\noutput = ["type=docker"]',
        ["cycle"],
    ),
    "value: variables in a cycle, and a target that uses one": (
        'variable = { a = "{{ b }}", b = "{{ a }}" }\n[target.app]\ntags = ["x:{{ a }}"]\noutput = ["type=docker"]',
        ["cycle"],
    ),
    "value: a variable without its table, and a target that uses it": (
        (
            'variable = { a = { defualt = "1", pattern = "(" } }\n[target.app]\ntags = ["x:{{ a }}"]\n'
            'output = ["type=docker"]'
        ),
        ["schema", "pattern"],
    ),
    "omitted: a group without its only member": (
        'group = { some = [5] }\n[target.app]\noutput = ["type=docker"]',
        ["schema"],
    ),
    "shape: an override of an axis that was dropped": (
        (
            '[target.app]\noutput = ["type=docker"]\nmatrix = { os = 5, python = ["3"] }\n'
            'override = [{ select = { os = "a" }, tags = ["x"] }]'
        ),
        ["schema"],
    ),
    "shape: axes in the defaults, and a template that uses one": (
        (
            'defaults = { pull = true, matrix = { os = ["a"] } }\n[target.app]\ntags = ["x:{{ os }}"]\n'
            'output = ["type=docker"]'
        ),
        ["schema"],
    ),
    "cells: the template of an axis is wrong, so that it has no values": (
        '[target.app]\noutput = ["type=docker"]\nmatrix = { os = "{{ nope }}" }',
        ["unknown-name"],
    ),
    "cells: the template of a value is wrong, so that it is none": (
        '[target.app]\noutput = ["type=docker"]\nmatrix = { os = ["{{ nope }}"] }',
        ["unknown-name"],
    ),
    "cell names: the template of a name is wrong, and what stands for it is taken": (
        (
            '[target.app-a]\noutput = ["type=docker"]\n[target.app]\noutput = ["type=docker"]\nname = "{{ nope }}"\n'
            'matrix = { os = ["a"] }'
        ),
        ["unknown-name"],
    ),
    "settings: a misspelt setting is missing": ('[target.app]\ntagz = ["x"]\noutput = ["type=registry"]', ["schema"]),
    "settings: a misspelt setting of a parent is missing": (
        (
            '[target._base]\ntagz = ["x"]\n[target._more]\ninherits = ["_base"]\n'
            '[target.app]\ninherits = ["_more"]\noutput = ["type=registry"]'
        ),
        ["schema"],
    ),
    "settings: a misspelt setting of the defaults is missing": (
        'defaults = { pull = true, tagz = ["x"] }\n[target.app]\noutput = ["type=registry"]',
        ["schema"],
    ),
    "settings: what a template should make is missing": (
        '[target.app]\ntags = ["x:{{ nope }}"]\noutput = ["type=registry"]',
        ["unknown-name"],
    ),
    "settings: what a template should make for one cell is missing": (
        '[target.app]\nmatrix = { os = [{ id = "a" }] }\ntags = ["x:{{ os.nope }}"]\noutput = ["type=registry"]',
        ["template"],
    ),
}


def codes(text: str) -> list[str]:
    sources = Sources(Path("/nowhere"), {"buildmatrix.toml": f"version = 1\n{text}\n"})
    with pytest.raises(BuildmatrixError) as caught:
        plan("buildmatrix.toml", sources, Request(), Git(lambda _: None), files=False)
    return [one.code for one in caught.value.diagnostics]


@pytest.mark.parametrize("case", FOLLOWING)
def test_what_follows_is_not_said(case: str) -> None:
    text, said = FOLLOWING[case]
    assert codes(text) == said


@pytest.mark.parametrize("case", FOLLOWING)
def test_without_the_mechanism_it_would_be_said(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Soundness, "is_sound", lambda *_: True)
    text, said = FOLLOWING[case]
    assert len(codes(text)) > len(said)


def test_without_targets_no_selector_is_said_to_match_none() -> None:
    sources = Sources(Path("/nowhere"), {"buildmatrix.toml": "version = 1\n"})
    with pytest.raises(BuildmatrixError) as caught:
        plan("buildmatrix.toml", sources, Request(selectors=("app",)), Git(lambda _: None))
    assert [one.code for one in caught.value.diagnostics] == ["no-target"]


@pytest.mark.parametrize(
    "text",
    [
        'group = { default = ["nope"] }\n[target.app]\noutput = ["type=docker"]',
        'group = { app = ["nope"], default = ["app"] }\n[target.app]\noutput = ["type=docker"]',
    ],
)
def test_a_group_that_is_wrong_is_not_asked_for(text: str) -> None:
    assert len(codes(text)) == 1


def test_what_inherits_from_a_cycle_is_not_expanded() -> None:
    cycle = '[target._a]\ninherits = ["_b"]\n[target._b]\ninherits = ["_a"]\n[target.app]\ninherits = ["_a"]'
    assert codes(cycle) == ["cycle"]


# --- the module -------------------------------------------------------------------------------------------------------


def test_an_error_that_follows_invalidates_its_subject_too() -> None:
    problems = Problems()
    problems.error("schema", "wrong", invalidates=[settings_of("app", "", "tags")])
    problems.error("tag", "follows", invalidates=[value_of("x")], rests_on=[settings_of("app", "app-1", "tags")])
    problems.error("template", "follows from that", rests_on=[value_of("x")])
    problems.warn("no-output", "follows as well", rests_on=[FILE])
    assert [one.message for one in problems.found] == ["wrong"]


def test_what_is_said_once() -> None:
    problems = Problems()
    for text in ("first", "second"):
        problems.error("schema", text, once="this")
    problems.warn("suspicious", "third", once="this")
    assert [one.message for one in problems.found] == ["first"]


def test_what_was_found_elsewhere_invalidates_the_file() -> None:
    problems, other = Problems(), Problems()
    other.warn("suspicious", "a warning")
    problems.take(other.found)
    assert problems.is_sound(FILE)
    other.error("schema", "an error")
    problems.take(other.found)
    assert not problems.is_sound(FILE)


def test_what_is_unsound() -> None:
    soundness = Soundness()
    assert soundness.is_sound(NAMES)
    assert not soundness.is_sound(REPORTED)
    soundness.invalidate(
        [settings_of("app", "app-1", "tags"), settings_of("app", "", ANY_SETTING), inheritance_of("lib")]
    )
    assert not soundness.is_sound(REPORTED)
    assert not soundness.is_sound(settings_of("app", "app-1", "tags", "output"))
    assert soundness.is_sound(settings_of("app", "app-2", "tags", "output"))
    assert not soundness.is_sound(settings_of("app", "app-2", "tags", ANY_SETTING))
    assert not soundness.is_sound(settings_of("app", "app-2"))
    assert soundness.is_sound(settings_of("lib"))
    assert not soundness.is_sound(expansion_of("lib"))
    assert soundness.is_sound(expansion_of("app"))


def test_the_whole_invalidates_each_part() -> None:
    soundness = Soundness()
    soundness.invalidate([settings_of("app"), inheritance_of("lib")])
    assert not soundness.is_sound(settings_of("app", "app-1", "tags"))
    assert not soundness.is_sound(expansion_of("lib", "values"))


def test_a_part_invalidates_what_is_made_of_the_whole() -> None:
    soundness = Soundness()
    soundness.invalidate([shape_of("app", "other")])
    assert soundness.is_sound(shape_of("app", "axes"))
    assert not soundness.is_sound(shape_of("app"))
    assert not soundness.is_sound(expansion_of("app"))
