"""What is volatile: another commit, time and machine change that and nothing else, and nothing else is called so."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from buildmatrix.git.facts import Git
from buildmatrix.pipeline import plan
from buildmatrix.plan.model import Plan, PlannedTarget
from buildmatrix.spec.rows.shapes import plain
from buildmatrix.spec.toml.source import Sources
from buildmatrix.template.request import Request
from tests.examples import examples

FACTS: tuple[dict[str, Any], ...] = (
    {"sha": "1" * 40, "branch": "main", "tag": "v1", "dirty": False, "timestamp": "2026-01-02T03:04:05Z"},
    {"sha": "2" * 40, "branch": "dev", "tag": "", "dirty": True, "timestamp": "2026-06-07T08:09:10Z"},
)
MACHINES = (
    {"now": "2026-01-03T00:00:00Z", "platform": "linux/amd64"},
    {"now": "2026-07-01T00:00:00Z", "platform": "linux/arm64"},
)
SOURCES = ["git.sha", "git.branch", "git.tag", "git.dirty", "created", "now", "host.platform"]
FORMS = [
    "{{{{ {} }}}}",
    "x{{{{ {} }}}}",
    "{{% if {} == 'main' %}}p{{% else %}}q{{% endif %}}",
    "{{{{ 'p' if {} else 'q' }}}}",
    "{{{{ 'no ' ~ ({} | string | length) }}}}",
]


def planned(text: str, number: int) -> Plan:
    """Plan at one of two commits, times and machines, with what CI gives there."""
    git = Git(lambda _: None)
    vars(git).update(FACTS[number])
    asked = Request(machine=MACHINES[number], environment={"RUN": f"run-{number}", "KEPT": "kept"})
    return plan("f", Sources(Path("/"), {"f": text}), asked, git, files=False)


@dataclass(frozen=True)
class Name:
    """A name that templates can use; it `varies` in cells where its value stems from something volatile."""

    text: str
    varies: Callable[[str, bool], bool]


Pointer = tuple[Any, ...]
CELLS = [("o1", False), ("o1", True), ("o2", False), ("o2", True)]
"""The cells of a spec: the value of the axis `os`, and whether that of `x` comes out of a template."""


def always(*_: object) -> bool:
    return True


def never(*_: object) -> bool:
    return False


class Writer:
    """Writes a matrix of two axes, and keeps which labels, annotations and arguments of each cell are volatile."""

    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw
        self._names = [Name(source, always) for source in SOURCES] + [Name("'literal'", never)] * 4
        self.lines = ["version = 1"]
        self.volatile: dict[tuple[str, bool], set[Pointer]] = {cell: set() for cell in CELLS}

    def name(self) -> Name:
        return self._draw(st.sampled_from(self._names))

    def template(self, name: Name) -> str:
        return self._draw(st.sampled_from(FORMS)).format(name.text)

    def says(self, pointer: Pointer, varies: Callable[[str, bool], bool]) -> None:
        for cell in CELLS:
            self.volatile[cell].update([pointer] if varies(*cell) else [])

    def write(self) -> "Writer":
        self._variables()
        select = self.name()
        extra, x = self._matrix()
        self._lets(x)
        self._settings()
        self._overrides(extra, x, select)
        return self

    def _variables(self) -> None:
        self.lines += [
            "[variable]",
            'run = { env = "RUN", volatile = true }',
            'kept = { env = true, default = "x", volatile = false }',
        ]
        self._names += [Name("run", always), Name("kept", never)]
        for variable in "abcd":
            name = self.name()
            self.lines.append(f'{variable} = "{self.template(name)}"')
            self._names.append(Name(variable, name.varies))

    def _matrix(self) -> tuple[Name, Name]:
        parent, chosen, axis, extra = (self.name() for _ in range(4))
        self.lines += [
            f'[target._p]\nlabels.over = "{self.template(parent)}"\nlabels.common = "c"',
            '[target._q]\nlabels.q = "q"\ninherits = ["_p"]\n[target._r]\nlabels.q = "r"',
            '[target.t]\ndockerfile-inline = "FROM scratch"\noutput = ["type=cacheonly"]',
            f"inherits = [\"_p\", \"{{{{ '_q' if {chosen.text} == 'main' else '_r' }}}}\"]",
            'name = "t-{{ os }}-{{ x | slug }}"\nmatrix.os = ["o1", "o2"]',
            f'matrix.x = ["k", "v-{self.template(axis)}"]',
            f'matrix.include = [{{ os = "o1", extra = "{self.template(extra)}", plain = "p" }}]',
        ]
        self.says(("labels", "q"), chosen.varies)
        over = self.name()
        self.lines.append(f"labels.over = \"{{{{ omit if os == 'o1' else {over.text} }}}}\"")
        self.says(
            ("labels", "over"), lambda os, is_v: over.varies(os, is_v) or (os == "o1" and parent.varies(os, is_v))
        )
        return extra, Name("x", lambda os, is_v: is_v and axis.varies(os, is_v))

    def _lets(self, x: Name) -> None:
        self._names += [Name("os", never), x, x]
        for let in ("l1", "l2"):
            name = self.name()
            self.lines.append(f'let.{let} = "{self.template(name)}"')
            self._names += [Name(let, name.varies)] * 2

    def _settings(self) -> None:
        for number in range(4):
            name = self.name()
            self.lines.append(f'labels.k{number} = "{self.template(name)}"')
            self.says(("labels", f"k{number}"), name.varies)
        table = self.name()
        self.lines.append(f"args = \"{{{{ {{'A': {table.text} | string, 'B': 'b'}} }}}}\"")
        for key in "AB":
            self.says(("args", key), table.varies)
        notes = [self.name() for _ in range(3)]
        texts = (f'"n{index}=x{{{{ {note.text} }}}}"' for index, note in enumerate(notes))
        self.lines.append(f"annotations = [{', '.join(texts)}]")
        for index, note in enumerate(notes):
            self.says(("annotations", index), note.varies)

    def _overrides(self, extra: Name, x: Name, select: Name) -> None:
        self.lines += [
            '[[target.t.override]]\nselect.os = "o1"\nlabels.extra = "{{ extra }}"\nlabels.plain = "{{ plain }}"',
            '[[target.t.override]]\nselect.x = "v-*"\nlabels.selected = "s"\n[[target.t.override]]\nlabels.made = "m"',
            f"select.os = \"{{{{ 'o1' if {select.text} != 'zzz' else 'o2' }}}}\"",
        ]
        self.says(("labels", "extra"), lambda os, is_v: os == "o1" and extra.varies(os, is_v))
        self.says(("labels", "selected"), x.varies)
        self.says(("labels", "made"), lambda os, is_v: os == "o1" and select.varies(os, is_v))


@st.composite
def specs(draw: st.DrawFn) -> Writer:
    """A spec, and what of it is volatile."""
    return Writer(draw).write()


LOOKED_AT = {"labels", "annotations", "args"}


def differences(one: PlannedTarget, other: PlannedTarget) -> Iterator[Pointer]:
    """Yield pointers to what differs between a target and itself in another run, tags apart."""
    left, right = (plain(target.settings) for target in (one, other))
    for key in sorted({*left, *right} - {"tags"}):
        mine, its = left.get(key), right.get(key)
        if isinstance(mine, Mapping) and isinstance(its, Mapping):
            yield from ((key, inner) for inner in {*mine, *its} if mine.get(inner) != its.get(inner))
        elif isinstance(mine, list) and isinstance(its, list):
            assert len(mine) == len(its)
            yield from ((key, index) for index, item in enumerate(mine) if item != its[index])
        elif mine != its:
            yield (key,)


@examples(30)
@given(specs())
def test_another_run_changes_what_is_volatile_and_nothing_else(made: Writer) -> None:
    plans = [planned("\n".join(made.lines), number) for number in range(2)]
    assert len(plans[0].targets) == len(plans[1].targets) == len(made.volatile)
    for one, other in zip(plans[0].targets, plans[1].targets, strict=True):
        assert one.volatile == other.volatile
        assert {*differences(one, other)} <= one.volatile
        found = {path for path in one.volatile if path[0] in LOOKED_AT}
        assert found == made.volatile[one.cell["os"], str(one.cell["x"]).startswith("v-")]
