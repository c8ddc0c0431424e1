"""How BuildKit tells the steps of a Dockerfile: `[app 2/5] RUN make`; by its dockerfile2llb, tried with 0.25."""

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from buildmatrix.dockerfile.reader import known, read
from buildmatrix.patterns import regex

if TYPE_CHECKING:
    from buildmatrix.dockerfile.graph import Graph
    from buildmatrix.dockerfile.model import Instruction, Stage

_STEPS = frozenset({"RUN", "COPY", "ADD", "WORKDIR"})
_ALONE = regex(r"\d*<<-?[ \t]*[^<\s]+")
"""All that a RUN has where its here-document is what is run."""


class Last(NamedTuple):
    """The last step of what is built: under which `names` its stage may be told, and how many numbers do not show."""

    names: tuple[str, ...]
    hidden: int
    instruction: str


def last_step(
    text: str, target: str | None, contexts: Collection[str] = (), args: Mapping[str, str] | None = None
) -> Last | None:
    """Return the last step of the stage that a target builds; None where that cannot be known.

    The steps of a Dockerfile's only stage have no name, unless something is mounted or copied from elsewhere: BuildKit
    counts that as a stage. Those of a stage without a name are called `stage-1`. A FROM of another context is counted
    and not shown, as is `WORKDIR /`; a FROM of a stage is not counted.
    """
    file = known(text)
    stage = None if file is None else file.stage(target)
    if file is None or stage is None:
        return None
    from buildmatrix.dockerfile.graph import graph_of

    graph = graph_of(file, args, contexts=contexts)
    steps = [one for one in graph.instructions(stage) if one.keyword in _STEPS]
    shown = [one for one in steps if not _is_hidden(one)]
    name = stage.name or f"stage-{stage.number}"
    return Last(
        names=("", name) if len(file.stages) == 1 else (name,),
        hidden=len(steps) - len(shown) + graph.context_below(stage),
        instruction=told(shown[-1]) if shown else _from(graph, stage),
    )


def _is_hidden(one: "Instruction") -> bool:
    """Tell whether a step is counted and not shown: the root need not be made, unless it is written otherwise."""
    return one.keyword == "WORKDIR" and one.args == ("/",)


def _from(graph: "Graph", stage: "Stage") -> str:
    """Return the FROM of a stage where it is a step."""
    return "" if graph.parent(stage) or graph.bases[stage.number] == "scratch" else stage.head.text


def told(one: "Instruction") -> str:
    """Return an instruction as BuildKit tells it, but for its variables: a script with the beginning of its text."""
    if one.keyword != "RUN" or not one.heredocs or not _ALONE.fullmatch("".join(one.args)):
        return one.text
    first, _, more = one.heredocs[0].content.strip().replace("\r\n", "\n").partition("\n")
    return f"{one.text} ({first}{'...' if more else ''})"


def numbered(text: str) -> Iterator[tuple[int, str]]:
    """Yield each instruction as it is told, with the line on which it begins, from 1."""
    file = read(text)
    for stage in () if file is None else file.stages:
        yield from ((one.line, told(one)) for one in (stage.head, *stage.instructions))


def pulls(text: str, contexts: Collection[str], args: Mapping[str, str] | None = None) -> bool:
    """Tell whether a Dockerfile has a FROM of an image, and not only of its own stages and of other contexts."""
    file = read(text)
    if file is None:
        return False
    from buildmatrix.dockerfile.graph import graph_of

    graph = graph_of(file, args, contexts=contexts)
    outside = (stage for stage in file.stages if not graph.parent(stage) and not graph.context_below(stage))
    return any(graph.bases[stage.number] != "scratch" for stage in outside)
