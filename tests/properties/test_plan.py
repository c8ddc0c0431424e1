"""What holds for any spec."""

import copy
import itertools
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import tomlkit
from hypothesis import given
from hypothesis import strategies as st

from buildmatrix.errors import BuildmatrixError, Place, Problems
from buildmatrix.git.facts import Git
from buildmatrix.pipeline import plan, validate
from buildmatrix.plan.bakefile import bake_document, bake_text, csv_of
from buildmatrix.plan.cells.matrix import cells_of
from buildmatrix.plan.document.contents import Contents
from buildmatrix.plan.document.verify import document_of, request_of
from buildmatrix.report.diagnostics.text import diagnostics_text
from buildmatrix.report.plan.graph import graph
from buildmatrix.report.plan.json import plan_json
from buildmatrix.report.plan.markdown import plan_markdown
from buildmatrix.report.plan.text import plan_text
from buildmatrix.report.style import Style
from buildmatrix.spec.inheritance import with_makings
from buildmatrix.spec.load import parse
from buildmatrix.spec.rows.csv import parsed
from buildmatrix.spec.rows.outputs import ImageOutput
from buildmatrix.spec.rows.shapes import plain_table
from buildmatrix.spec.rows.tables import DeclaredTarget, Matrix, Target
from buildmatrix.spec.toml.source import Sources
from buildmatrix.template.request import Request
from tests.examples import examples

GOLDEN = Path(__file__).parents[1] / "golden" / "accepted"
GIT = Git(lambda _: None)

# --- whatever is done to a good spec, the answer is a plan or a message -----------------------------------------------

ODD: list[Any] = [
    "", "x", "{{ x }}", "{{ python }}", "{% for", "target:app", "../..", "a b", "*", "!app", "app[os=alpine]", "é☃",
    0, -1, 3.5, True, [], {}, [[]], [{}], {"type": "local"}, ["type=local,dest=x"], {"select": {}}, "linux/amd64",
    "name", "\n", "~", [""], {"": ""}, "type=registry", "${x}", "1979-05-27",
]  # fmt: skip


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [at] if at else []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        found += places(item, (*at, key))
    return found


@st.composite
def mutated(draw: st.DrawFn, name: str) -> dict[str, Any]:
    """A golden spec with one to three of its nodes deleted, renamed or replaced."""
    data = parse("f", (GOLDEN / name / "buildmatrix.toml").read_text())
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.sampled_from(places(data)))
        inner = data
        for key in at[:-1]:
            inner = inner[key]
        match draw(st.sampled_from(["replace", "delete", "rename"])):
            case "delete":
                del inner[at[-1]]
            case "rename" if isinstance(inner, dict):
                inner[draw(st.sampled_from(["x", "tags", "matrix", "a.b", "é", "app", "", "output"]))] = inner.pop(
                    at[-1]
                )
            case _:
                inner[at[-1]] = copy.deepcopy(draw(st.sampled_from(ODD)))
        if not places(data):
            break
    return data


@pytest.mark.parametrize("name", ["design", "merging", "csv", "matching-cells", "needs-and-reasons"])
@examples(50)
@given(st.data())
def test_a_spec_is_planned_or_refused_in_words(
    tmp_path_factory: pytest.TempPathFactory, name: str, data: st.DataObject
) -> None:
    text = tomlkit.dumps(data.draw(mutated(name)))
    sources = Sources(tmp_path_factory.getbasetemp(), {"buildmatrix.toml": text})
    found = validate("buildmatrix.toml", sources, Request(), GIT)
    shown = diagnostics_text(found, sources, Style(colour=False))
    assert "given schemas" not in shown
    assert len(set(found)) == len(found)
    try:
        planned = plan("buildmatrix.toml", sources, Request(), GIT, files=False)
    except BuildmatrixError:
        return

    for report in (plan_text(planned, Style(), sources=sources), plan_markdown(planned), graph(planned, "text")):
        assert report
    assert bake_text(bake_document(planned))
    text = plan_json(planned, Contents(files=planned.digests), "", sources)
    document = document_of(text, "plan.json")
    again = plan("buildmatrix.toml", sources, request_of(document, {}, {}), GIT, files=False)
    assert plan_json(again, Contents(files=again.digests), "", sources) == text


# --- matrices ---------------------------------------------------------------------------------------------------------

VALUES = st.sampled_from(["a", "b", "c"])
AXES = st.dictionaries(
    st.sampled_from(["x", "y", "z"]), st.lists(VALUES, min_size=1, max_size=3, unique=True), min_size=1
)
ENTRY = st.dictionaries(st.sampled_from(["x", "y", "z", "extra"]), VALUES, min_size=1, max_size=3)


def as_github_does(axes: Mapping[str, list[str]], exclude: list[Any], include: list[Any]) -> list[dict[str, str]]:
    """docs.github.com, "Expanding or adding matrix configurations", written down once more."""
    original = [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]
    original = [cell for cell in original if not any(entry.items() <= cell.items() for entry in exclude)]
    cells = [dict(cell) for cell in original]
    added = []
    for entry in include:
        hits = [
            number
            for number, cell in enumerate(original)
            if all(cell.get(key, value) == value for key, value in entry.items())
        ]
        for number in hits:
            cells[number] |= entry
        if not hits:
            added.append(dict(entry))
    return cells + added


@examples(300)
@given(AXES, st.lists(ENTRY, max_size=3), st.lists(ENTRY, max_size=3))
def test_cells_are_those_of_github(axes: dict[str, list[str]], exclude: list[Any], include: list[Any]) -> None:
    exclude = [{axis: value for axis, value in entry.items() if axis in axes} for entry in exclude]
    exclude = [entry for entry in exclude if entry]
    include = [{axis: value for axis, value in entry.items() if axis in axes or axis == "extra"} for entry in include]
    include = [entry for entry in include if entry]
    matrix = Matrix(
        axes={axis: tuple(values) for axis, values in axes.items()}, exclude=tuple(exclude), include=tuple(include)
    )
    target = DeclaredTarget(name="t", table=Target(matrix=matrix), place=Place(file="f"), defaults=())
    target = with_makings({"t": target})["t"]
    cells, _ = cells_of(target, axes, Problems())
    assert cells == as_github_does(axes, exclude, include)


# --- CSV --------------------------------------------------------------------------------------------------------------


@given(st.text(st.sampled_from("ab,\"'= \n${\\é"), min_size=1), st.booleans())
def test_csv_there_and_back(text: str, push: bool) -> None:
    table = ImageOutput(type="image", name=text, push=push)
    assert parsed("output", csv_of(table)) == plain_table(table)


# --- the same input gives the same bytes ------------------------------------------------------------------------------


@pytest.mark.corpus
@pytest.mark.parametrize(
    "command", ["plan", "plan --format json", "render", "graph", "list tags", "plan --format markdown"]
)
def test_the_same_bytes_with_any_hash_seed(command: str) -> None:
    outputs = {
        subprocess.run(
            [sys.executable, "-m", "buildmatrix", *command.split()],
            cwd=GOLDEN / "design",
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "4242")
    }
    assert len(outputs) == 1
