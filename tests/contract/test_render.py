"""A rendered file by itself: every group and declared name is one to plain bake, and paths are right where it runs."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Render = Callable[..., tuple[str, str]]
HERE = Path(__file__).parent
SPEC = (HERE.parent / "golden/accepted/render-of-all/buildmatrix.toml").read_text()


def printed(command: tuple[str, ...], folder: Path, text: str, *names: str) -> Any:
    done = subprocess.run(
        [*command, "bake", "-f", "-", "--print", *names],
        cwd=folder,
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("name", "targets"),
    [
        ("", {"base", "first", "app-debian", "app-alpine"}),
        ("app", {"base", "first", "app-debian", "app-alpine"}),
        ("small", {"base", "first", "app-alpine", "local"}),
        ("release", {"base", "first", "app-debian", "app-alpine", "nightly"}),
        ("every", {"base", "first", "app-debian", "app-alpine", "nightly", "local"}),
        ("base", {"base"}),
        ("upon", {"nightly", "upon"}),
    ],
)
def test_every_name_builds_with_plain_bake(
    each_buildx: tuple[str, ...], render: Render, name: str, targets: set[str], tmp_path: Path
) -> None:
    (tmp_path / "buildmatrix.toml").write_text(SPEC)
    (tmp_path / "not-made-yet").mkdir()
    text, said = render(tmp_path, "--var", "sha=1")
    assert said == ""
    found = printed(each_buildx, tmp_path, text, *([name] if name else []))
    assert set(found["target"]) == targets


def test_what_lacks_a_value_is_left_out_with_the_groups_that_hold_it(
    each_buildx: tuple[str, ...], render: Render, tmp_path: Path
) -> None:
    (tmp_path / "buildmatrix.toml").write_text(SPEC)
    text, said = render(tmp_path)
    assert 'warning: target.nightly.tags: variable "sha" has no value' in said
    assert "warning: the bake file lacks nightly, upon, release, every" in said
    assert "nightly" not in json.dumps(json.loads(text))
    assert set(printed(each_buildx, tmp_path, text)["target"]) == {"base", "first", "app-debian", "app-alpine"}


PATHS = """version = 1
[target.plain]
dockerfile = "other.Dockerfile"
output = ["type=local,dest=out"]
secret = [{ id = "s", src = "secret" }]
cache-to = [{ type = "local", dest = "cache" }]
[target.named]
context = "src"
contexts = { a = "a", url = "https://example.com/x.git", image = "docker-image://busybox", up = "target:plain" }
output = [{ type = "oci", dest = "/tmp/x.tar" }]
"""


@pytest.mark.parametrize("here", ["sub/deep", "."])
def test_paths_are_those_of_where_it_is_rendered(
    each_buildx: tuple[str, ...], render: Render, here: str, tmp_path: Path
) -> None:
    for name, text in (("buildmatrix.toml", PATHS), ("other.Dockerfile", "FROM scratch"), ("secret", "x")):
        (tmp_path / name).write_text(text)
    for name in ("src", "a", "sub/deep"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "src/Dockerfile").write_text("FROM scratch")
    text, said = render(tmp_path / here)
    assert said.startswith("note: bake needs --allow=")
    assert "--allow=fs.write=/tmp/x.tar" in said
    up = "../../" if here != "." else ""
    found = json.loads(text)["target"]
    assert found["plain"].get("context", ".") == (up.rstrip("/") or ".")
    assert found["plain"]["dockerfile"] == "other.Dockerfile"
    assert found["plain"]["output"] == [f"type=local,dest={up}out"]
    assert found["plain"]["secret"] == [f"id=s,src={up}secret"]
    assert found["plain"]["cache-to"] == [f"type=local,dest={up}cache"]
    assert found["named"]["context"] == f"{up}src"
    assert found["named"]["contexts"] == {
        "a": f"{up}a",
        "url": "https://example.com/x.git",
        "image": "docker-image://busybox",
        "up": "target:plain",
    }
    assert found["named"]["output"] == ["type=oci,dest=/tmp/x.tar"]
    assert set(printed(each_buildx, tmp_path / here, text)["target"]) == {"plain", "named"}


def test_a_file_says_where_bake_has_to_run(render: Render, tmp_path: Path) -> None:
    (tmp_path / "buildmatrix.toml").write_text(PATHS)
    for name in ("src", "a", "sub"):
        (tmp_path / name).mkdir()
    for name in ("other.Dockerfile", "src/Dockerfile"):
        (tmp_path / name).write_text("FROM scratch")
    text, said = render(tmp_path / "sub", "--output", "bake.json")
    assert text == ""
    assert "bake takes the paths of bake.json from the directory in which it runs" in said
    assert json.loads((tmp_path / "sub/bake.json").read_text())["target"]["named"]["context"] == "src"


def test_a_tag_that_several_write_is_pushed_by_one(
    each_buildx: tuple[str, ...], render: Render, tmp_path: Path
) -> None:
    """Bake would push it for each of them, in any order; what else they write stays."""
    (tmp_path / "buildmatrix.toml").write_text(
        (HERE.parent / "golden/accepted/shared-tags/buildmatrix.toml").read_text()
    )
    text, said = render(tmp_path)
    assert "ghcr.io/acme/app:latest is written by app-3 only, not by app-1" in said
    found = printed(each_buildx, tmp_path, text)["target"]
    tags = {name: target.get("tags") for name, target in found.items()}
    assert [tags[f"app-{v}"] for v in "123"] == [
        ["ghcr.io/acme/app:1"],
        ["ghcr.io/acme/app:2"],
        ["ghcr.io/acme/app:3", "ghcr.io/acme/app:latest"],
    ]
    assert [name for name, own in tags.items() if own and "acme/tool:latest" in own] == ["loaded", "two"]
    assert "oci" in str(found["loaded"]["output"])
    assert "registry" not in str(found["three"]["output"])


@pytest.mark.parametrize("value", ["from-outside", "", "{{ not }} ours ${nor} theirs", None])
@pytest.mark.parametrize("given", ["app.args.DECLARED", "*.args.NEW"])
def test_an_argument_of_the_environment_is_the_same_to_bake(
    buildx: tuple[str, ...],
    render: Render,
    given: str,
    value: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "buildmatrix.toml").write_text(
        'version = 1\n[target.app]\ndockerfile-inline = "FROM scratch"\nargs.DECLARED = "here"\n[target.other]\n'
        'dockerfile-inline = "FROM scratch"\n'
    )
    theirs, _ = render(tmp_path)
    if value is not None:
        monkeypatch.setenv(given.rpartition(".")[2], value)
    ours, said = render(tmp_path, "--set", given)
    assert ("is not set in the environment" in said) == (value is None)
    (tmp_path / "theirs.json").write_text(theirs)
    command = [*buildx, "bake", "-f", "theirs.json", "--set", given, "--print"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert printed(buildx, tmp_path, ours)["target"] == json.loads(done.stdout)["target"]
