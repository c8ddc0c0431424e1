"""What is another is said in short texts: names, and values where they are known here."""

from dataclasses import replace
from typing import Any

import pytest

from buildmatrix.state.images.changes import Now, changes, folded
from buildmatrix.state.images.contents import Contents, Files, Summing

DEBIAN = "image docker.io/library/debian:12"
FROM = ("FROM", "image", "docker.io/library/debian:12", "platform", "linux/amd64")
RUN = ("RUN", "shell", "make all")
ROWS = (FROM, ("ARG", "PYTHON", "=", "3.12"), RUN)
PARTS = (("labels.version", "1"), ("rebuild", "a"), ("dockerfile", "d"), (DEBIAN, "sha256:" + "a" * 64))


def contents(parts: Any = PARTS, rows: Any = ROWS, **files: str) -> Contents:
    made = Summing().contents("f", parts, {"dockerfile": rows})
    digests = {path.replace("__", "/"): digest for path, digest in files.items()}
    return replace(
        made,
        parts={**made.parts, "context": str(sorted(digests.items()))},
        files={"context": Files(depth="files", digests=digests)},
    )


def said(old: Contents, new: Contents, **more: Any) -> list[str]:
    return list(changes(old, Now(contents=new, **{"rows": ROWS, **more})))


def with_part(name: str, value: str | None) -> Any:
    kept = tuple((one, what) for one, what in PARTS if one != name)
    return kept if value is None else (*kept, (name, value))


def test_the_same_is_nothing() -> None:
    assert said(contents(), contents()) == []


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("labels.version", "2", "label version changed"),
        ("labels.version", None, "label version removed"),
        ("labels.new", "1", "label new added"),
        ("rebuild", "b", "rebuild changed"),
        ("network", "none", "network added"),
        ("SOURCE_DATE_EPOCH", "1", "SOURCE_DATE_EPOCH added"),
        (DEBIAN, "sha256:" + "b" * 64, "base debian:12 moved aaaaaaaaaaaa → bbbbbbbbbbbb"),
        (DEBIAN, "the fingerprints of what writes it in this run", "base debian:12 changed"),
        (DEBIAN, None, "base debian:12 removed"),
        ("image ghcr.io/acme/tool:1", "sha256:" + "b" * 64, "image ghcr.io/acme/tool:1 added"),
        ("needs lib", "x", "needs lib, which changed"),
        ("context site", "sha256:" + "b" * 64, "context site added"),
    ],
)
def test_a_part_is_said_by_its_name(name: str, value: str | None, text: str) -> None:
    assert said(contents(), contents(with_part(name, value))) == [text]


def test_an_image_takes_the_place_of_another() -> None:
    parts = (*with_part(DEBIAN, None), ("image docker.io/library/debian:13", "sha256:" + "b" * 64))
    rows = (("FROM", "image", "docker.io/library/debian:13", "platform", "linux/amd64"), *ROWS[1:])
    new = contents((*parts[1:], ("dockerfile", "e"), parts[0]), rows)
    assert said(contents(), new, rows=rows)[0] == "base debian:13 takes the place of debian:12"


@pytest.mark.parametrize(
    ("then", "now", "text"),
    [
        ({}, {}, "arg PYTHON changed"),
        ({"arg PYTHON": "3.12"}, {"arg PYTHON": "3.13"}, "arg PYTHON changed 3.12 → 3.13"),
        ({"arg PYTHON": ""}, {"arg PYTHON": "a b"}, 'arg PYTHON changed "" → "a b"'),
        ({"arg PYTHON": "1\x1b[31m"}, {"arg PYTHON": "x" * 99}, f"arg PYTHON changed 1\\x1b[31m → {'x' * 39}…"),
    ],
)
def test_old_and_new_values_are_said_where_both_are_known(then: Any, now: Any, text: str) -> None:
    rows = (FROM, ("ARG", "PYTHON", "=", "3.13"), RUN)
    new = contents(with_part("dockerfile", "e"), rows)
    assert said(contents(), new, rows=rows, then=then, values=now) == [text]


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        ((*ROWS[:2], ("RUN", "shell", "make most")), "Dockerfile: changed to RUN make most"),
        ((*ROWS, ("ENV", "shell", "A", "1", "="), ("USER", "shell", "me")), "Dockerfile: ENV A=1 and 1 more added"),
        (ROWS[:2], "Dockerfile: steps removed"),
        ((ROWS[1], RUN, FROM), "Dockerfile changed"),
        ((*ROWS, ("RUN", "shell", "x" * 99)), f"Dockerfile: RUN {'x' * 35}… added"),
    ],
)
def test_of_a_dockerfile_the_step_is_said(rows: Any, text: str) -> None:
    assert said(contents(), contents(with_part("dockerfile", "e"), rows), rows=rows) == [text]


def test_what_is_fetched_moves_as_images_do_and_is_told_once() -> None:
    source, steps = "source https://e/x", (*ROWS, ("ADD", "https://e/x", "/"))
    old, new = (contents(with_part(source, f"sha256:{digit * 64}")) for digit in "ab")
    assert said(old, new) == [f"{source} moved aaaaaaaaaaaa → bbbbbbbbbbbb"]
    parts = (*with_part("dockerfile", "e"), (source, "sha256:" + "a" * 64))
    assert said(contents(), contents(parts, steps), rows=steps) == ["Dockerfile: ADD / added"]


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ({"a": "1", "b": "1"}, {"a": "2", "b": "1"}, "context: a changed"),
        ({"a": "1"}, {"a": "2", "b": "1"}, "context: a changed, b added"),
        ({"a": "1", "b": "1"}, {"c": "1"}, "context: c added, a, b removed"),
        (
            {"src__app": "1", "src__lib__a": "1", "src__lib__b": "1", "src__lib__c": "1"},
            {"src__app": "2", "src__lib__a": "2", "src__lib__b": "2", "src__lib__c": "2"},
            "context: src/app, src/lib/ changed (4 files)",
        ),
        ({}, dict.fromkeys("abcde", "1"), "context: a, b, c and 2 more changed (5 files)"),
    ],
)
def test_files_are_named_or_their_directories(old: dict[str, str], new: dict[str, str], text: str) -> None:
    assert said(contents(**old), contents(**new)) == [text]


@pytest.mark.parametrize(
    ("depth", "text"),
    [
        ("directories", "context: src/lib/ changed"),
        ("top", "context: src/ changed"),
        ("whole", "context changed"),
    ],
)
def test_files_are_named_as_closely_as_they_were_told(depth: Any, text: str) -> None:
    files = {"a": "1", "src__app": "1", "src__lib__a": "1"}
    old = contents(**files)
    old = replace(old, files={"context": old.files["context"].as_far_as(depth)})
    assert said(old, contents(**{**files, "src__lib__a": "2"})) == [text]


def test_names_of_files_obey_nothing() -> None:
    assert said(contents(), contents(**{"a\n\x1b[2J": "1"})) == ["context: a\\n\\x1b[2J added"]


def test_what_a_context_is_made_from_is_said_by_the_target() -> None:
    old, new = (contents((*PARTS, ("context base", value))) for value in "ab")
    links = {"base": "lib"}
    assert said(old, new, links=links) == ["depends on lib, which changed"]
    assert said(old, new, links=links, rebuilt=["lib"]) == ["depends on lib, which is rebuilt"]


def test_of_what_is_pushed_nowhere_it_is_said_what_changed_in_it() -> None:
    lib, then = contents(a="2"), replace(contents(a="1"), fingerprint="0")
    old = replace(contents((*PARTS, ("context base", "a"))), below={"lib": then})
    new = contents((*PARTS, ("context base", "b")))
    below = {"lib": Now(contents=lib, rows=ROWS)}
    assert said(old, new, links={"base": "lib"}, below=below) == ["lib: context: a changed"]


def test_many_reasons_are_counted() -> None:
    parts = tuple((f"labels.{number}", "1") for number in range(9))
    found = said(contents(), contents((*PARTS, *parts)))
    assert found[5:] == ["label 5 added", "and 3 more"]


def test_folding_ends() -> None:
    assert folded([f"{'d/' * number}f" for number in range(40)]) == ["d/d/", "d/f", "f"]
    assert folded(["a", "b/c"]) == ["a", "b/c"]
