"""What a file declares, for those that plan nothing."""

from pathlib import Path

from buildmatrix.git.facts import Git
from buildmatrix.git.repository import UnansweredError
from buildmatrix.pipeline import catalog
from buildmatrix.plan.cells.catalog import Catalog, KnownGroup
from buildmatrix.spec.toml.source import Sources
from buildmatrix.template.request import Request

SPEC = """version = 1
[variable]
mode = { default = "dev", choices = ["dev", "stable"] }
debug = false
sha = { env = "NO_SUCH_VARIABLE" }
[group]
all = ["app", "!app-3-12"]
[target._base]
[target.app]
inherits = ["_base"]
matrix.python = ["3.12", "3.13"]
dockerfile-inline = "FROM scratch"
tags = ["r.example/app:{{ sha }}"]
"""


def no_repository(_: tuple[str, ...]) -> str:
    raise UnansweredError("there is no git repository around the file")


def test_a_catalog_is_data_after_everything_else_is_closed(tmp_path: Path) -> None:
    (tmp_path / "buildmatrix.toml").write_text(SPEC)
    known, lacking = catalog("buildmatrix.toml", Sources(tmp_path), Request(), Git(no_repository))
    assert known == Catalog(
        groups=(KnownGroup(name="all", members=("app", "!app-3-12"), targets=("app-3-13",)),),
        targets=("app",),
        cells=("app-3-12", "app-3-13"),
        variables=known.variables,
        choices={"mode": ("dev", "stable"), "debug": ("true", "false"), "sha": ()},
    )
    assert [(one.name, one.value, one.origin) for one in known.variables] == [
        ("mode", "dev", "default"),
        ("debug", False, "default"),
        ("sha", None, "nothing"),
    ]
    assert known.names == ("all", "app", "app-3-12", "app-3-13")
    assert {one.severity for one in lacking} <= {"warning"}
