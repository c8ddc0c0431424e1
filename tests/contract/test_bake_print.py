"""What we send to bake is what bake understands: `docker buildx bake --print` of 0.29 and of 0.13 gives it back."""

import json
import socket
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from packaging.version import Version

from buildmatrix.engine.versions import linked_for_more
from buildmatrix.git.facts import Git
from buildmatrix.pipeline import listed
from buildmatrix.plan.access.absent import without_absent
from buildmatrix.plan.bakefile import bake_document, bake_text
from buildmatrix.plan.builds import builds_of
from buildmatrix.plan.model import Plan
from buildmatrix.spec.rows.caches import GhaCacheTo
from buildmatrix.spec.rows.csv import is_table_list, parsed
from buildmatrix.spec.rows.outputs import LocalOutput
from buildmatrix.spec.rows.settings import Settings
from buildmatrix.spec.rows.shapes import Since, rows, text_of
from buildmatrix.spec.toml.source import Sources
from buildmatrix.template.request import Request
from tests import plans

ROOT = Path(__file__).parents[2]
SPECS = sorted([*ROOT.glob("tests/golden/accepted/*/buildmatrix.toml"), *ROOT.glob("examples/*/buildmatrix.toml")])
SPECS = [spec for spec in SPECS if "[target" in spec.read_text() or "include" in spec.read_text()]
SPECS = [spec for spec in SPECS if 'platforms = "auto"' not in spec.read_text()]
"""Which platforms these have a lock file or a registry says."""
OPENED = (
    "settings.txt",
    "a.txt",
    "images/b/b.txt",
    "d",
    "out/deep",
    ".npm rc",
    "there.txt",
    "GITHUB_TOKEN",
    ".netrc",
    ".npmrc",
    "id_rsa",
)
"""Files of secrets, which `--print` opens, and directories of archives."""
TABLES = {row.key: row.attribute for row in rows(Settings) if is_table_list(row)}
TOO_NEW_FOR_0_13 = {
    row.key for row in rows(Settings) if (since := row.marker(Since)) and Version(since.version) > Version("0.13")
}


@pytest.fixture(params=["0.29", "0.13"])
def bake(request: pytest.FixtureRequest) -> tuple[str, tuple[str, ...]]:
    """The version, and the command of that buildx."""
    fixture = "buildx" if request.param == "0.29" else "old_buildx"
    return request.param, request.getfixturevalue(fixture)


def printed(command: Iterable[str], text: str, folder: Path, names: Iterable[str] = ()) -> dict[str, Any]:
    file = folder / "docker-bake.json"
    file.write_text(text)
    done = subprocess.run(
        [*command, "bake", "-f", str(file), "--print", *names], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def planned(spec: Path) -> Plan:
    request = Request(selectors=("*",), environment={"COMMIT_SHA": "0123abc"})
    found = listed(spec.name, Sources(spec.parent), request, Git(lambda _: None))[0]
    return without_absent(found, {}, outside=True)


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A socket where an ssh agent would listen: `--print` looks for it."""
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("agent.sock")  # a relative name: the whole path may be too long for a socket
        monkeypatch.setenv("SSH_AUTH_SOCK", "agent.sock")
        yield


def openable(document: Any, folder: Path) -> Any:
    """A document without keys of ssh, which would have to be some, with the other files that `--print` opens."""
    for path in OPENED:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text("x")
    for target in document["target"].values():
        if "ssh" in target:
            target["ssh"] = [one for one in target["ssh"] if "=" not in one] or ["default"]
    return document


@pytest.mark.corpus
@pytest.mark.usefixtures("agent")
@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: f"{spec.parent.parent.name}-{spec.parent.name}")
def test_every_attribute_comes_back(spec: Path, bake: tuple[str, tuple[str, ...]], tmp_path: Path) -> None:
    version, command = bake
    plan = builds_of(planned(spec))
    document = openable(bake_document(plan), tmp_path)
    if [*linked_for_more(plan, Version(version), "")]:
        with pytest.raises(AssertionError, match="because it is defined for different platforms"):
            printed(command, bake_text(document), tmp_path)
        return
    if version == "0.13":
        for target in document["target"].values():
            for key in TOO_NEW_FOR_0_13:
                target.pop(key, None)
    back = printed(command, bake_text(document), tmp_path)
    assert set(back["target"]) == set(document["target"])
    for name, sent in document["target"].items():
        for key, value in sent.items():
            found = comparable(key, back["target"][name].get(key), again=version != "0.13")
            assert found == comparable(key, value), (name, key)


def comparable(key: str, value: Any, *, again: bool = True) -> Any:
    """Tables as tables of strings; other strings without escapes. `--print` escapes values `again` from 0.29 on."""

    def plain(text: Any) -> Any:
        return unescaped(text) if again else text

    if key in TABLES and isinstance(value, list):
        return sorted(repr(sorted(table_of(key, plain(item)).items())) for item in value)
    if isinstance(value, dict):
        return {unescaped(name) if again else name: plain(item) for name, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else plain(value)


def unescaped(value: Any) -> Any:
    return value.replace("$${", "${").replace("%%{", "%{") if isinstance(value, str) else value


def table_of(key: str, item: Any) -> dict[str, str]:
    table = parsed(TABLES[key], item) if isinstance(item, str) else item
    found = {name: ",".join(one) if isinstance(one, list) else text_of(one) for name, one in table.items()}
    if key == "secret" and found.get("type") == "env":
        del found["type"]
    return found


PIECES = [*"${}%\"'\\,\n\r\t =#~|;", "\r\n", "${", "%{", "$${", "%%{", "${~", "a", "é", "☃", "\u2028", "\U0001f600"]
TEXT = st.lists(st.sampled_from(PIECES), min_size=1, max_size=9).map("".join)
BATCH = st.lists(TEXT, min_size=200, max_size=300, unique=True)
LINES = st.lists(TEXT.filter(lambda text: "\r" not in text), min_size=200, max_size=300, unique=True)


@settings(max_examples=3, deadline=None, phases=[Phase.generate])
@given(BATCH)
def test_odd_texts_come_through(
    buildx: tuple[str, ...], old_buildx: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory, texts: list[str]
) -> None:
    """In values and in keys of args and labels; all in one call for each version."""
    values = {f"v{number}": text for number, text in enumerate(texts)}
    keys = {text: text for text in texts if "=" not in text}
    document = bake_document(plan_of(Settings(args=values, labels=keys, context=".", dockerfile_inline=texts[0])))
    folder = tmp_path_factory.mktemp("odd")
    for version, command in (("0.29", buildx), ("0.13", old_buildx)):
        back = printed(command, bake_text(document), folder)["target"]["app"]
        again = escaped_once_more if version == "0.29" else str
        assert back["args"] == {name: again(text) for name, text in values.items()}
        assert back["labels"] == {key: again(text) for key, text in keys.items()}
        assert back["dockerfile-inline"] == again(texts[0])


@settings(max_examples=3, deadline=None, phases=[Phase.generate])
@given(LINES)
def test_odd_texts_come_through_in_tables(
    buildx: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory, texts: list[str]
) -> None:
    r"""A table is sent as CSV, which quotes as Go's reader reads it: commas, quotes, \n, leading spaces; not \r."""
    outputs = tuple(LocalOutput(type="local", dest=text) for text in texts)
    caches = tuple(GhaCacheTo(type="gha", scope=text) for text in texts)
    document = bake_document(plan_of(Settings(output=outputs, cache_to=caches, context=".")))
    back = printed(buildx, bake_text(document), tmp_path_factory.mktemp("odd"))["target"]["app"]
    assert [item["dest"] for item in back["output"]] == texts
    assert {item["scope"] for item in back["cache-to"]} == set(texts)


def escaped_once_more(text: str) -> str:
    return text.replace("${", "$${").replace("%{", "%%{")


def plan_of(values: Settings) -> Plan:
    return plans.plan(plans.target(settings=values), directory=".")


def test_a_target_may_be_called_default(bake: tuple[str, tuple[str, ...]], tmp_path: Path) -> None:
    spec = 'version = 1\n[target.default]\ndockerfile-inline = "FROM scratch"\n[target.other]\ninherits = ["default"]\n'
    (tmp_path / "buildmatrix.toml").write_text(spec)
    back = printed(bake[1], bake_text(bake_document(planned(tmp_path / "buildmatrix.toml"))), tmp_path)
    assert set(back["target"]) == {"default", "other"}
