"""The corpus, as ours and as BuildKit's own parser reads it: the package `dockerfile` is that parser, of 0.12."""

from typing import Any

import pytest

from buildmatrix.dockerfile.model import Instruction
from buildmatrix.dockerfile.reader import known, read
from tests.unit.dockerfile.corpus import REFUSED, TAKEN

oracle = pytest.importorskip("dockerfile", reason="there is no wheel of it for this Python or machine")


def ours(one: Instruction) -> tuple[Any, ...]:
    args = one.args
    if one.keyword in {"ENV", "LABEL"}:
        args = tuple(word for place, word in enumerate(one.args) if place % 3 < 2)
    flags = () if one.onbuild else one.flags  # which the package leaves out
    heredocs = tuple((doc.name, doc.content) for doc in one.heredocs if not one.onbuild)
    return one.keyword, one.onbuild, flags, args, one.is_json, one.text, heredocs, one.line, one.end_line


def theirs(one: Any) -> tuple[Any, ...]:
    is_trigger = one.cmd.upper() == "ONBUILD"
    keyword = (one.sub_cmd if is_trigger else one.cmd).upper()
    text = one.original if is_trigger else one.original.partition("\n")[0]
    heredocs = tuple((doc.name, doc.content) for doc in one.heredocs)
    flags = () if is_trigger else one.flags
    return keyword, is_trigger, flags, one.value, one.json, text.strip(), heredocs, one.start_line, one.end_line


@pytest.mark.parametrize("about", [about for about in TAKEN if about != "escape after others"])  # `check` is newer
def test_instructions_are_those_of_buildkit(about: str) -> None:
    file = read(TAKEN[about])
    assert file is not None
    found = [one for stage in file.stages for one in (stage.head, *stage.instructions)]
    expected = [theirs(one) for one in oracle.parse_string(TAKEN[about])]
    before = next(place for place, one in enumerate(expected) if one[0] == "FROM")
    assert [ours(one) for one in found] == expected[before:]
    words = [word for one in expected[:before] for word in one[3]]
    assert [arg.name if arg.default is None else f"{arg.name}={arg.default}" for arg in file.args] == words


@pytest.mark.parametrize("about", REFUSED)
def test_what_buildkit_refuses_is_unknown(about: str) -> None:
    assert read(REFUSED[about]) is None
    assert known(REFUSED[about]) is None
