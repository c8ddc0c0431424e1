"""`make dist`: what is built, and that what is wrong with it is found."""

import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from tools.dist import ROOT, STEM, build, of_changelog, of_sdist, of_wheel

pytestmark = pytest.mark.corpus


def test_the_wheel_comes_from_the_sdist(tmp_path: Path) -> None:
    sdist = build("sdist", ROOT, tmp_path)
    assert not [text for text in of_sdist(sdist) if "lacks" in text]
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    assert list(of_wheel(build("wheel", tmp_path / STEM, tmp_path))) == []


def test_what_is_not_committed_or_left_out_is_told(tmp_path: Path) -> None:
    path = tmp_path / f"{STEM}.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name in ("PKG-INFO", "LICENSE", "notes.txt"):
            archive.addfile(tarfile.TarInfo(f"{STEM}/{name}"), io.BytesIO())
    found = list(of_sdist(path))
    assert found[0] == f"{path.name} holds notes.txt, which is not committed"
    assert f"{path.name} lacks pyproject.toml" in found
    assert not [text for text in found if "LICENSE" in text or ".ci/" in text or "PKG-INFO" in text]


def test_a_wheel_of_other_things_is_told(tmp_path: Path) -> None:
    path = tmp_path / f"{STEM}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("tests/test_x.py", "")
        archive.writestr("buildmatrix/py.typed", "")
    assert list(of_wheel(path)) == [
        f"{path.name} holds tests/test_x.py",
        f"{path.name} lacks {STEM}.dist-info/entry_points.txt",
        f"{path.name} lacks {STEM}.dist-info/licenses/LICENSE",
    ]


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("# Changelog\n\n## Unreleased\n\n## {} (2026-01-02)\n\n- x\n", ""),
        ("# Changelog\n\n## {}\n\n- x\n", ""),
        ("# Changelog\n\n## Unreleased\n\n- y\n\n## {}\n\n- x\n", "CHANGELOG.md has unreleased changes"),
        ("# Changelog\n\n## 0.0.1\n\n- x\n", "CHANGELOG.md has no section"),
    ],
)
def test_the_changelog_has_the_version_and_nothing_after_it(text: str, wrong: str) -> None:
    found = list(of_changelog(text.format(STEM.rpartition("-")[2])))
    assert len(found) == bool(wrong)
    assert not wrong or found[0].startswith(wrong)
