"""What changes, as text, as markdown and as JSON: all is told, briefly, and nothing in it is obeyed."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from buildmatrix.report.documents import schemas
from buildmatrix.report.review.json import review_json
from buildmatrix.report.review.markdown import LONGEST, review_markdown
from buildmatrix.report.review.text import review_short, review_text
from buildmatrix.report.review.words import groups
from buildmatrix.report.style import Style
from buildmatrix.review.model import Changes, LostTag, MovedTag, Need, Setting, Target, Touched

PLAIN = Style()
ALL = Changes(
    against="main (0123456789ab)",
    commit="0123456789ab",
    targets=(
        Target(name="base", declared="base", status="changed", files=(Touched.of("context", ["a", "b"]),)),
        Target(name="app-1", declared="app", status="changed", settings=(Setting("args.V", "1", "1x"),)),
        Target(name="app-2", declared="app", status="changed", settings=(Setting("args.V", "2", "2x"),)),
        Target(name="new", declared="new", status="added", settings=(Setting("tags", None, "n:1"),)),
        Target(name="now", declared="now", status="renamed", before="was"),
        Target(name="web", declared="web", status="affected", through=("base",)),
        Target(name="same", declared="same", status="unchanged"),
        Target(name="gone", declared="gone", status="removed"),
    ),
    run=(Setting("apply.jobs", None, "2"),),
    lost_tags=(LostTag("x/gone:1", "gone"),),
    moved_tags=(MovedTag("x/a:1", "a", "b"),),
    needs=(Need("fs.read=/srv", "base"),),
    expected=("labels.rev",),
    unseen=("app: https://example.com/a.git",),
    wide=("debian:12",),
)

TEXT = """\
buildmatrix plan --against main (0123456789ab) · 1 new, 1 removed, 1 renamed, 3 changed, 1 depending on what changed, \
1 unchanged

+ new
    tags  + n:1
- gone
> now, which was was
~ base
    context  a, b
~ app-1, app-2
    args.V  1 → 1x
            2 → 2x
^ web  since base changed

tags that nothing would write any longer:
    x/gone:1 (was written by gone)

tags that another target would write:
    x/a:1: b, which was a

apply would have to be allowed:
    --allow=fs.read=/srv (base)

how it runs:
    apply.jobs + 2

"""


def cells(number: int) -> Changes:
    targets = (
        Target(
            name=f"app-{cell}", declared="app", status="changed", settings=(Setting("tags", f"a:{cell}", f"b:{cell}"),)
        )
        for cell in range(number)
    )
    return Changes(against="main", targets=tuple(targets))


def test_text() -> None:
    found = review_text(ALL, PLAIN)
    assert found.startswith(TEXT)
    assert "Not seen: app: https://example.com/a.git." in found
    assert "nobody knows whether debian:12 has ONBUILDs" in found
    assert "Other with each run, and not shown: labels.rev." in found


def test_no_line_is_wider_than_the_terminal() -> None:
    assert max(map(len, review_text(ALL, PLAIN, width=40).splitlines())) <= 40


def test_short() -> None:
    assert review_short(ALL, PLAIN).splitlines() == [
        "+ new  tags",
        "- gone",
        "> now  was was",
        "~ base  context",
        "~ app-1  args.V",
        "~ app-2  args.V",
        "^ web  depends on base",
    ]


def test_many_cells_are_told_together() -> None:
    text = review_text(cells(1000), PLAIN)
    assert len(text.splitlines()) < 20
    assert "and 992 more" in text
    assert "… 997 more like these" in text
    assert len(review_text(cells(1000), PLAIN, every=True).splitlines()) > 1000
    assert len(review_markdown(cells(1000)).splitlines()) < 20


def moved(name: str, *settings: Setting, declared: str = "", through: tuple[str, ...] = ()) -> Target:
    return Target(name=name, declared=declared or name, status="changed", settings=settings, through=through)


BASE = Setting("base busybox:1", "sha256:" + "a" * 64, "sha256:" + "b" * 64)


def test_targets_that_changed_alike_are_told_together() -> None:
    targets = [moved("base", BASE), *(moved(f"lang-{n}", BASE, declared="lang") for n in range(3)), moved("docs", BASE)]
    found = Changes(against="main", targets=(*targets, moved("on", BASE, through=("base",)), moved("x", BASE, BASE)))
    assert review_markdown(found).splitlines()[4:11] == [
        "- changed: `base`, `lang-0`, `lang-1`, `lang-2`, `docs`",
        "  - `base busybox:1`: `sha256:aaaaaaaaaaaa` → `sha256:bbbbbbbbbbbb`",
        "- changed: `on`, depending on `base`",
        "  - `base busybox:1`: `sha256:aaaaaaaaaaaa` → `sha256:bbbbbbbbbbbb`",
        "- changed: `x`",
        "  - `base busybox:1`: `sha256:aaaaaaaaaaaa` → `sha256:bbbbbbbbbbbb`",
        "",
    ]
    assert "~ base, lang-0, lang-1, lang-2, docs\n    base busybox:1  sha256:a" in review_text(found, PLAIN)


def test_a_release_is_told_by_what_is_after_the_repositories() -> None:
    version = Setting("labels.version", "1.0", "1.1")
    found = Changes(
        against="main",
        targets=(
            *(moved(name, Setting("tags", f"r/{name}:1.0", f"r/{name}:1.1"), version) for name in ("a", "b")),
            moved("c", Setting("tags", "r/c:1.0", "r/c:1.2"), version),
            moved("d", Setting("tags", "r/d:1.0", "s/d:1.1"), version),
            moved("e", Setting("tags", "localhost:1/e", "localhost:1/f"), version),
            moved("f", Setting("tags", None, "r/f:1.1"), version),
        ),
    )
    text = review_text(found, PLAIN)
    assert "~ a, b\n    tags            …:1.0 → …:1.1\n    labels.version  1.0 → 1.1\n~ c\n" in text
    for words in ("r/c:1.0 → r/c:1.2", "r/d:1.0 → s/d:1.1", "localhost:1/e → localhost:1/f", "+ r/f:1.1"):
        assert words in text
    assert "r/a:1.0 → r/a:1.1" in review_text(found, PLAIN, every=True)


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 1), st.booleans()), max_size=20))
def test_every_target_is_in_one_group(kinds: list[tuple[int, int, int, bool]]) -> None:
    """And what is told of a group is told of each of its targets, as it is or without the repository."""
    targets = [
        moved(f"t{number}", Setting("args.A", None, str(value)), Setting("tags", f"r/{name}:1", f"r/{name}:{tag}"))
        for number, (name, value, tag, _) in enumerate(kinds)
    ]
    targets = [one if kind[3] else replace(one, declared="m") for one, kind in zip(targets, kinds, strict=True)]
    for every in (False, True):
        found = groups(Changes(against="", targets=tuple(targets)), every=every)
        assert sorted(name for group in found for name in group.names) == sorted(one.name for one in targets)
        for group in found:
            told = {one for _, values in group.settings() for one in values}
            for target in group.targets:
                tag = target.settings[1]
                short = Setting("tags", "…:1", f"…:{(tag.after or '').rpartition(':')[2]}")
                assert {target.settings[0], short if group.briefly else tag} <= told
            assert not (every and group.briefly)


def test_markdown_has_all_of_it() -> None:
    found = review_markdown(ALL)
    for words in ("new: `new`", "removed: `gone`", "renamed: `now`, which was `was`", "since `base` changed: `web`"):
        assert words in found
    for words in ("`x/gone:1`", "`x/a:1` (`b`, which was `a`)", "`--allow=fs.read=/srv`", "`apply.jobs`: + `2`"):
        assert words in found


def test_nothing_is_one_sentence() -> None:
    same = Changes(against="main", targets=(Target(name="a", declared="a", status="unchanged"),))
    lines = [line for line in review_markdown(same).splitlines() if line]
    assert lines[1] == "Nothing changes: 1 target is as it was."
    assert len(lines) == 3
    assert "Nothing changes: 1 target is as it was.\n" in review_text(same, PLAIN)
    assert review_short(same, PLAIN) == ""


def test_there_is_nothing_to_compare_with() -> None:
    lost = Changes(against="main", trouble=("x.toml:1: [bad](http://x) @you",))
    assert "Nothing to compare with at main: x.toml:1: [bad](http://x) @you." in review_text(lost, PLAIN)
    assert "[bad](" not in review_markdown(lost)


def test_a_value_of_several_lines_is_told_by_its_lines() -> None:
    one = Setting("dockerfile-inline", "FROM a\nRUN x\n", "FROM a\nRUN y\n")
    found = Changes(against="main", targets=(Target(name="a", declared="a", status="changed", settings=(one,)),))
    assert "    dockerfile-inline  - RUN x\n                       + RUN y\n" in review_text(found, PLAIN)
    assert "    ```text\n    - RUN x\n    + RUN y\n    ```" in review_markdown(found)
    long = Setting("d", "", "\n".join(map(str, range(50))))
    found = Changes(against="main", targets=(Target(name="a", declared="a", status="changed", settings=(long,)),))
    assert "… 38 more lines" in review_text(found, PLAIN)


def test_many_paths_are_counted() -> None:
    touched = Touched.of("context", [f"f{number:03}" for number in range(30)])
    assert (len(touched.paths), touched.more) == (20, 10)
    found = Changes(against="m", targets=(Target(name="a", declared="a", status="changed", files=(touched,)),))
    assert "f006, f007, 22 more paths" in review_text(found, PLAIN)
    assert "`f007`, 22 more paths" in review_markdown(found)


@pytest.mark.parametrize("hostile", ["\x1b[31m", "a\nb", "`code`", "<b>", "@you", "a|b", "::error::x", "\u202e"])
def test_what_others_wrote_is_text(hostile: str) -> None:
    one = Target(
        name=hostile,
        declared=hostile,
        status="changed",
        settings=(Setting(f"args.{hostile}", hostile.replace("\n", " "), None),),
        files=(Touched.of("context", [hostile]),),
        through=(hostile,),
    )
    found = Changes(against=hostile, targets=(one,), lost_tags=(LostTag(hostile, hostile),), unseen=(hostile,))
    for text in (review_text(found, PLAIN), review_short(found, PLAIN), review_markdown(found)):
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert not any(line.startswith("b") and "buildmatrix" not in line for line in text.splitlines())
    outside_code = "".join(review_markdown(found).split("`")[::2]) if "`" not in hostile else ""
    assert "<b>" not in outside_code
    assert "@you" not in outside_code


def test_a_comment_has_an_end() -> None:
    targets = [
        Target(name=f"t{n}", declared=f"t{n}", status="changed", settings=(Setting("args.A", f"{n}" * 500, None),))
        for n in range(500)
    ]
    found = review_markdown(Changes(against="main", targets=tuple(targets)))
    assert len(found) < LONGEST
    assert "more groups of targets" in found
    assert found.count("<details>") == found.count("</details>") == 1


def test_json_has_its_schema() -> None:
    document = json.loads(review_json(ALL))
    Draft202012Validator(schemas()["changes"]).validate(document)
    assert document["totals"] == {
        "added": 1, "removed": 1, "renamed": 1, "changed": 3, "affected": 1, "unchanged": 1,
    }  # fmt: skip
    assert [one["name"] for one in document["targets"]][-1] == "gone"
    assert "same" not in {one["name"] for one in document["targets"]}
