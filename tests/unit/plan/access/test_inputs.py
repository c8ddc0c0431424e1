"""Nothing is written over the files that a plan is made of."""

from pathlib import Path

import pytest

from buildmatrix.errors import UsageError
from buildmatrix.lock import FILE
from buildmatrix.plan.access.inputs import LOCK, refuse_overwritten
from buildmatrix.spec.rows.settings import Settings
from tests import plans


def test_the_lock_file_is_one_of_them() -> None:
    assert LOCK == FILE
    plan = plans.plan(plans.target("app"), directory="/project")
    with pytest.raises(UsageError, match=r"--policy /project/buildmatrix\.lock would overwrite the lock file"):
        refuse_overwritten(plan, {f"/project/{LOCK}": "--policy"})
    refuse_overwritten(plan, {"/project/other.lock": "--policy"})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("web/index.html", "web/more/a.txt", "web/b.txt", ".git/config"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def refused(folder: Path, name: str, dockerfile: str) -> str:
    settings = Settings(context="web", dockerfile_inline=f"FROM busybox\n{dockerfile}")
    plan = plans.plan(plans.target("web", settings), directory=str(folder))
    try:
        refuse_overwritten(plan, {f"{folder}/{name}": "--report"})
    except UsageError as error:
        return error.diagnostics[0].message.partition(" would ")[2]
    return ""


@pytest.mark.parametrize(
    ("name", "dockerfile", "said"),
    [
        ("web/index.html", "COPY index.html /www/", "overwrite what web copies"),
        ("web/index.html", "ADD b.txt ./index.html /www/", "overwrite what web copies"),
        ("web/more/a.txt", "COPY more/a.txt /", "overwrite what web copies"),
        ("web/new.html", "COPY new.html /", ""),
        ("web/index.html", "COPY . /", ""),
        ("web/more/a.txt", "COPY more /", ""),
        ("web/b.txt", "COPY index.html /", ""),
        ("web/b.txt", "COPY --from=golang b.txt /", ""),
        ("web/b.txt", 'FROM scratch\nONBUILD COPY ["b.txt", "/"]', "overwrite what web copies"),
        ("web/b.txt", "COPY *.txt /", ""),
        ("web/b.txt", 'COPY "b.txt" /', "overwrite what web copies"),
        (".git/config", "", "overwrite what git obeys: it lies in .git"),
        (".git/hooks/pre-commit", "", "overwrite what git obeys: it lies in .git"),
    ],
)
def test_what_is_copied_by_name_and_what_git_obeys_is_not_written_over(
    folder: Path, name: str, dockerfile: str, said: str
) -> None:
    assert refused(folder, name, dockerfile) == said


def test_each_option_that_names_such_a_file_is_told(folder: Path) -> None:
    plan = plans.plan(plans.target("app"), directory=str(folder))
    with pytest.raises(UsageError) as raised:
        refuse_overwritten(plan, {f"{folder}/{LOCK}": "--metadata", f"{folder}/web/../{LOCK}": "--report"})
    assert [one.message.partition(" ")[0] for one in raised.value.diagnostics] == ["--metadata", "--report"]
