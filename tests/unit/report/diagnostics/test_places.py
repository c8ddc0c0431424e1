"""Where a place is, as seen from the working directory."""

from pathlib import Path

import pytest

from buildmatrix.errors import Place
from buildmatrix.report.diagnostics.places import Places
from buildmatrix.spec.toml.source import Sources


@pytest.mark.parametrize(
    ("prefix", "file", "seen"),
    [
        ("../../", "images/app/a.toml", "a.toml"),
        ("../../", "images/app/sub/a.toml", "sub/a.toml"),
        ("../../", "images/db/a.toml", "../db/a.toml"),
        ("../../", "images/a.toml", "../a.toml"),
        ("../../", "a.toml", "../../a.toml"),
        ("../../", "app/a.toml", "../../app/a.toml"),
        ("../../", "linked/app/a.toml", "../../linked/app/a.toml"),
        ("../", "app/app/a.toml", "app/a.toml"),
        ("", "images/app/a.toml", "images/app/a.toml"),
        ("../../../root/", "images/app/a.toml", "../../../root/images/app/a.toml"),
        ("/root/", "images/app/a.toml", "/root/images/app/a.toml"),
    ],
)
@pytest.mark.parametrize("is_read", [True, False])
def test_a_way_does_not_lead_up_and_down_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prefix: str, file: str, seen: str, *, is_read: bool
) -> None:
    (tmp_path / "images/app").mkdir(parents=True)
    (tmp_path / "linked").symlink_to("images")
    monkeypatch.chdir(tmp_path / "images/app")
    sources = Sources(tmp_path)
    sources.texts.update({file: "a = 1\n"} if is_read else {})
    spot = Places(sources, prefix).spot(Place(file=file, pointer=("a",)))
    assert spot is not None
    assert spot.file == seen
    assert spot.line == is_read
