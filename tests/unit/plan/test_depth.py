"""Whatever is chained in a file, long chains and diamonds of it take loops, and each link is worked out once."""

from pathlib import Path
from typing import get_args

import pytest

from buildmatrix.git.facts import Git
from buildmatrix.pipeline import plan, validate
from buildmatrix.report.plan.graph import GraphFormat, graph
from buildmatrix.report.plan.markdown import plan_markdown
from buildmatrix.report.plan.text import plan_text
from buildmatrix.report.style import Style
from buildmatrix.spec.toml.source import Sources
from buildmatrix.template.request import Request

LINKS = 1_100
"""More than the frames that Python allows."""
TARGET = 'dockerfile-inline = "FROM scratch"\noutput = ["type=cacheonly"]\n'

CHAINS = {
    "inherits": "\n".join(f'[target._t{n}]\ninherits = ["_t{n + 1}"]' for n in range(LINKS))
    + f"\n[target._t{LINKS}]\n{TARGET}[target.app]\ninherits = ['_t0']\n",
    "variables": "[variable]\n"
    + "".join(f'v{n} = "{{{{ v{n + 1} }}}}"\n' for n in range(LINKS))
    + f'v{LINKS} = "x"\n[target.app]\n{TARGET}args.V = "{{{{ v0 }}}}"\n',
    "groups": "[group]\n"
    + "".join(f'g{n} = ["g{n + 1}"]\n' for n in range(LINKS))
    + f'g{LINKS} = ["app"]\ndefault = ["g0"]\n[target.app]\n{TARGET}',
    "contexts": "".join(f'[target.t{n}]\n{TARGET}contexts.b = "target:t{n + 1}"\n' for n in range(LINKS))
    + f"[target.t{LINKS}]\n{TARGET}",
    "diamonds of groups": "[group]\n"
    + "".join(f'g{n} = ["g{n + 1}", "g{n + 1}"]\n' for n in range(60))
    + f'g60 = ["app"]\ndefault = ["g0"]\n[target.app]\n{TARGET}',
    "diamonds of variables": "[variable]\n"
    + "".join(f'v{n} = "{{% if v{n + 1} and v{n + 1} %}}x{{% endif %}}"\n' for n in range(60))
    + f'v60 = "x"\n[target.app]\n{TARGET}args.V = "{{{{ v0 }}}}"\n',
    "a mistake that all inherit": f'[target._t{LINKS}]\nnetwrok = "none"\n'
    + "\n".join(f'[target._t{n}]\ninherits = ["_t{n + 1}"]' for n in range(LINKS))
    + f"\n[target.app]\n{TARGET}inherits = ['_t0']\n",
}


def sources(tmp_path: Path, text: str) -> Sources:
    return Sources(tmp_path, {"f": f"version = 1\n{text}"})


@pytest.mark.parametrize("name", [name for name in CHAINS if name != "a mistake that all inherit"])
def test_long_chains(tmp_path: Path, name: str) -> None:
    made = plan("f", sources(tmp_path, CHAINS[name]), Request(), Git(lambda _: None))
    assert len(made.targets) == (LINKS + 1 if name == "contexts" else 1)
    for form in get_args(GraphFormat):
        assert graph(made, form)
    assert plan_text(made, Style(colour=False))
    assert plan_markdown(made)


def test_a_mistake_at_the_end_of_a_chain_is_said_once(tmp_path: Path) -> None:
    (found,) = validate("f", sources(tmp_path, CHAINS["a mistake that all inherit"]), Request(), Git(lambda _: None))
    assert found.hint == 'did you mean "network"?'


@pytest.mark.parametrize(
    ("text", "joined"),
    [
        ("\n".join(f'[target.t{n}]\ninherits = ["t{(n + 1) % LINKS}"]\n{TARGET}' for n in range(LINKS)), "inherit"),
        (
            "\n".join(f'[target.t{n}]\ncontexts.b = "target:t{(n + 1) % LINKS}"\n{TARGET}' for n in range(LINKS)),
            "depend on",
        ),
        (
            "[group]\n" + "".join(f'g{n} = ["g{(n + 1) % LINKS}"]\n' for n in range(LINKS)) + f"[target.t]\n{TARGET}",
            "contain",
        ),
    ],
    ids=["inherits", "contexts", "groups"],
)
def test_long_cycles(tmp_path: Path, text: str, joined: str) -> None:
    (found,) = validate("f", sources(tmp_path, text), Request(), Git(lambda _: None))
    assert f"{joined} each other in a cycle" in found.message
    assert len(found.notes) == LINKS


def test_files_that_include_each_other_in_a_chain(tmp_path: Path) -> None:
    for number in range(LINKS):
        (tmp_path / f"f{number}").write_text(f'version = 1\ninclude = ["f{number + 1}"]\n')
    (tmp_path / f"f{LINKS}").write_text(f"version = 1\n[target.app]\n{TARGET}")
    made = plan("f0", Sources(tmp_path), Request(), Git(lambda _: None))
    assert [target.name for target in made.targets] == ["app"]


def test_cells_are_counted_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("buildmatrix.plan.cells.expand.LIMIT", 5)
    text = "".join(f"[target.t{n}]\n{TARGET}matrix.a = [1, 2, 3]\n" for n in range(2))
    (found,) = validate("f", sources(tmp_path, text), Request(), Git(lambda _: None))
    assert found.message == "with target.t1 there are 6 cells, more than the limit of 5"
