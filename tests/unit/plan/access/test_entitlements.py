"""What `apply` has to be allowed: privileges, and paths that lead out of the repository."""

from itertools import pairwise
from pathlib import Path

import pytest

from buildmatrix.build.calls.batches import Call, command_of
from buildmatrix.errors import SpecError
from buildmatrix.git.facts import Git
from buildmatrix.pipeline import plan as make_plan
from buildmatrix.plan.access.entitlements import is_allowed
from buildmatrix.plan.model import Plan
from buildmatrix.plan.policy import Policy
from buildmatrix.spec.rows.options import Options
from buildmatrix.spec.toml.source import Sources
from buildmatrix.template.request import Request

APP = 'version = 1\n[target.app]\ndockerfile-inline = "FROM scratch"\n'


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    (tmp_path / "away").mkdir()
    (tmp_path / "repo" / ".git").mkdir(parents=True)
    (tmp_path / "repo" / "sub" / "inner").mkdir(parents=True)
    (tmp_path / "repo" / "link").symlink_to("../away")
    return tmp_path / "repo"


def planned(folder: Path, settings: str) -> Plan:
    return make_plan("f.toml", Sources(folder, {"f.toml": APP + settings}), Request(), Git(lambda _: None))


def asked(folder: Path, settings: str) -> list[str]:
    return [entitlement.value for entitlement in planned(folder, settings).entitlements if not entitlement.automatic]


def given(folder: Path, settings: str) -> list[str]:
    return [entitlement.value for entitlement in planned(folder, settings).entitlements if entitlement.automatic]


@pytest.mark.parametrize(
    ("settings", "value"),
    [
        ('output = ["type=tar,dest=../x.tar"]', "fs.write={top}/x.tar"),
        ('output = ["."]', "fs.write={top}/repo/.git"),
        ('output = [".git/hooks"]', "fs.write={top}/repo/.git/hooks"),
        ('output = ["type=tar,dest=sub/.git/config"]', "fs.write={top}/repo/sub/.git/config"),
        ('contexts.x = "link/../x"', "fs.read={top}/x"),
        ('contexts.x = "./link"', "fs.read={top}/away"),
        ('cache-from = ["type=local,src=link/x"]', "fs.read={top}/away/x"),
        ('secret = ["id=x,src=sub/../link/s"]', "fs.read={top}/away/s"),
    ],
)
def test_what_leads_outside_is_asked_for_by_its_real_path(repo: Path, settings: str, value: str) -> None:
    assert asked(repo, settings) == [value.format(top=repo.parent)]


@pytest.mark.parametrize(
    "settings",
    [
        'output = ["out"]',
        'output = ["sub"]',
        'context = "sub/inner"\ncontexts.x = "sub/../sub"',
        'context = "https://example.com/acme/app.git#main"',
        'contexts.x = "docker-image://busybox"\ncontexts.y = "target:o"\n[target.o]\ndockerfile-inline = "FROM a"',
        'secret = ["type=env,id=x,src=HOME", "id=y,env=HOME"]',
        'output = [{ type = "docker", context = "default" }]',
        'ssh = ["default=sub/key"]',
    ],
)
def test_what_stays_inside_is_free(repo: Path, settings: str) -> None:
    assert planned(repo, settings).entitlements == ()


def test_what_lies_beside_the_file_is_given(repo: Path) -> None:
    (repo / "shared").mkdir()
    (repo / "sub" / "up").symlink_to("../shared")
    assert given(repo / "sub", 'contexts.x = "../shared"\noutput = ["../out"]') == [
        "fs.read=../shared",
        "fs.write=../out",
    ]
    assert given(repo / "sub", 'contexts.x = "up"') == ["fs.read=../shared"]


def test_an_output_over_a_repository_within_is_asked_for(repo: Path) -> None:
    (repo / "sub" / ".git").write_text("gitdir: ../.git/modules/sub\n")
    assert asked(repo, 'output = ["sub"]') == [f"fs.write={repo}/sub/.git"]


def test_a_folder_that_looks_like_a_url_is_one(repo: Path) -> None:
    """Buildx looks for a directory before it takes a context for a URL."""
    assert asked(repo, 'context = "https://x/d"') == []
    (repo / "https:").mkdir()
    (repo / "https:" / "x").symlink_to("../../away")
    assert asked(repo, 'context = "https://x/d"') == [f"fs.read={repo.parent}/away/d"]


@pytest.mark.parametrize(
    ("value", "allowed", "expected"),
    [
        ("fs.read=/a/b", ["fs.read=/a"], True),
        ("fs.read=/a/b", ["fs.read=/a/b/c"], False),
        ("fs.read=/a/b", ["fs.read=/a/bc"], False),
        ("fs.read=/a/b", ["fs.write=/a"], False),
        ("fs.read=/a/b", ["fs=/a"], True),
        ("fs.read=/a/b", ["fs=*"], True),
        ("fs.read=/a/b", ["fs.read"], False),
        ("fs.read=/a/b", ["fs.read="], False),
        ("fs.read=/proc/self/cwd", ["fs.read=/tmp"], False),
        ("device=/dev/fuse", ["device"], True),
        ("docker.context=a", ["docker.context=b"], False),
        ("network.host", ["network.host"], True),
    ],
)
def test_what_the_command_line_allows(value: str, allowed: list[str], *, expected: bool) -> None:
    assert is_allowed(value, allowed) is expected


def test_bake_is_told_what_it_would_ask_for(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own check acts with other styles of progress; it runs elsewhere, and does not know our words."""
    monkeypatch.chdir(repo / "sub")
    (repo / "sub2").mkdir()
    loads = 'output = [{ type = "docker", context = "far" }]'
    plan = planned(repo / "sub", f'contexts.x = "../sub2"\nnetwork = "host"\n{loads}')
    options = Options(allow=("network.host", "docker.context=far", "fs.write=../../away", "fs=*"))
    command = command_of(plan, Call(names=("app",), within=("app",)), Policy(plan=plan, options=options), None)
    allowed = [value for flag, value in pairwise(command) if flag == "--allow"]
    assert allowed == ["network.host", "fs.read=../sub2", f"fs.write={repo.parent}/away", "fs=*"]


def test_a_secret_in_a_folder_that_another_target_writes_is_refused(repo: Path) -> None:
    """The directory may hold a link in its place by the time that it is read."""
    made = '[target.made]\ndockerfile-inline = "FROM scratch"\noutput = ["out"]'
    with pytest.raises(SpecError, match="made writes into out at the same time"):
        planned(repo, f'secret = ["id=x,src=out/s"]\n{made}')
    planned(repo, f'secret = ["id=x,src=out/s"]\nneeds = ["made"]\n{made}')
    planned(repo, f'secret = ["id=x,src=out/s"]\n{made}\nneeds = ["app"]')
