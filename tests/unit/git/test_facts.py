"""git is asked about a repository, and nothing that the repository says is run, read or believed."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from buildmatrix.git.ci import SYSTEMS
from buildmatrix.git.facts import Git, NoRepositoryError, created
from buildmatrix.git.repository import GitFolder
from buildmatrix.process import Programs

FACTS = ("sha", "short", "branch", "tag", "dirty", "timestamp")
NOBODY = 65534


def words(text: str) -> list[str]:
    return text.split()


PROGRAMS = words("""
alias.rev-parse alias.status alias.rev-list alias.for-each-ref alias.symbolic-ref alias.config alias.cat-file
browser.x.cmd browser.x.path core.alternateRefsCommand core.askPass core.editor core.fsmonitor core.gitProxy core.pager
core.sshCommand credential.helper credential.https://x.helper diff.external diff.x.command diff.x.textconv
difftool.x.cmd difftool.x.path filter.x.clean filter.x.process filter.x.smudge filter.lfs.clean filter.lfs.process
gpg.openpgp.program gpg.program gpg.ssh.defaultKeyCommand gpg.ssh.program gpg.x509.program guitool.x.cmd
hook.x.command imap.tunnel instaweb.httpd interactive.diffFilter lfs.extension.x.clean man.x.cmd man.x.path
merge.x.driver mergetool.x.cmd mergetool.x.path pager.config pager.log pager.rev-list pager.rev-parse pager.status
pager.tag receive.procReceiveRefs remote.origin.receivepack remote.origin.uploadpack remote.origin.vcs
sendemail.cccmd sendemail.headerCmd sendemail.sendmailCmd sendemail.smtpServer sendemail.toCmd sequence.editor
submodule.sub.update tar.x.command trailer.x.cmd trailer.x.command uploadpack.packObjectsHook web.browser
""")
"""Every setting of git that names a program."""

STEERING = {
    "commit.gpgSign": "true",
    "core.bare": "true",
    "core.preloadIndex": "true",
    "core.untrackedCache": "true",
    "core.worktree": "/",
    "diff.ignoreSubmodules": "none",
    "diff.submodule": "log",
    "extensions.partialClone": "origin",
    "extensions.worktreeConfig": "true",
    "fetch.recurseSubmodules": "true",
    "filter.lfs.required": "true",
    "filter.x.required": "true",
    "gc.auto": "1",
    "hook.x.event": "post-index-change",
    "log.showSignature": "true",
    "maintenance.auto": "true",
    "protocol.ext.allow": "always",
    "protocol.file.allow": "always",
    "remote.origin.promisor": "true",
    "remote.origin.url": "ext::CANARY",
    "status.submoduleSummary": "true",
    "submodule.recurse": "true",
    "tag.gpgSign": "true",
}
"""Settings that make git start what others name."""

VARIABLES = words(
    "EDITOR GIT_ASKPASS GIT_EDITOR GIT_EXTERNAL_DIFF GIT_PAGER GIT_PROXY_COMMAND GIT_SEQUENCE_EDITOR GIT_SSH "
    "GIT_SSH_COMMAND PAGER SSH_ASKPASS VISUAL"
)
HOOKS = words(
    "post-index-change reference-transaction fsmonitor-watchman query-watchman post-checkout pre-auto-gc pre-commit"
)


def run_git(folder: Path, *arguments: str, given: str = "", more: Mapping[str, str] | None = None) -> str:
    fixed = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1", "GIT_COMMITTER_DATE": "1700000000 +0100"}
    name = ("-c", "user.name=x", "-c", "user.email=x", "-c", "protocol.file.allow=always")
    command = ["git", *name, "-C", str(folder), *arguments]
    done = subprocess.run(
        command, env={**os.environ, **fixed, **(more or {})}, input=given, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def committed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return repository(tmp_path_factory.mktemp("committed"))


def repository(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    run_git(folder, "init", "--quiet", "--initial-branch=main", "--template=")
    (folder / "file").write_text("contents\n")
    run_git(folder, "add", ".")
    run_git(folder, "commit", "--quiet", "--message=x")
    return folder


def facts(folder: Path, environment: Mapping[str, str] | None = None) -> dict[str, object]:
    git = Git.of(GitFolder(Programs(environment or os.environ), folder))
    return {name: getattr(git, name) for name in FACTS}


def refusal(folder: Path, environment: Mapping[str, str] | None = None, fact: str = "sha") -> str:
    git = Git.of(GitFolder(Programs(environment or os.environ), folder))
    with pytest.raises(NoRepositoryError) as caught:
        getattr(git, fact)
    return str(caught.value)


@pytest.fixture(autouse=True)
def no_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    for mark in (mark for system in SYSTEMS for mark in system.marks):
        monkeypatch.delenv(mark, raising=False)


@pytest.fixture
def repo(committed: Path, tmp_path: Path) -> Path:
    return shutil.copytree(committed, tmp_path / "repo")


def test_the_facts(repo: Path) -> None:
    for tag in ("v1.9", "v1.10", "main"):
        run_git(repo, "tag", tag)
    (repo / "sub").mkdir()
    found = facts(repo / "sub")
    assert found == {
        "sha": run_git(repo, "rev-parse", "HEAD"),
        "short": run_git(repo, "rev-parse", "HEAD")[:7],
        "branch": "main",
        "tag": "v1.10",
        "dirty": False,
        "timestamp": "2023-11-14T22:13:20Z",
    }
    run_git(repo, "checkout", "--quiet", "--detach")
    assert facts(repo)["branch"] == ""


def test_a_shallow_clone_and_sha256(repo: Path, tmp_path: Path) -> None:
    run_git(repo, "commit", "--quiet", "--allow-empty", "--message=y")
    run_git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{repo}", "shallow")
    assert facts(tmp_path / "shallow") == facts(repo)
    other = tmp_path / "other"
    run_git(tmp_path, "init", "--quiet", "--object-format=sha256", "other")
    run_git(other, "commit", "--quiet", "--allow-empty", "--message=x")
    assert len(str(facts(other)["sha"])) == 64


# --- what a CI system runs for ----------------------------------------------------------------------------------------

HERE = "the commit that is checked out"
GITHUB = {"GITHUB_ACTIONS": "true", "GITHUB_SHA": HERE}
GITLAB = {"GITLAB_CI": "true", "CI_COMMIT_SHA": HERE}
JENKINS = {"JENKINS_URL": "https://ci", "GIT_COMMIT": HERE}
AZURE = {"TF_BUILD": "True", "BUILD_SOURCEVERSION": HERE}
BITBUCKET = {"BITBUCKET_BUILD_NUMBER": "7", "BITBUCKET_COMMIT": HERE}
CIRCLE = {"CIRCLECI": "true", "CIRCLE_SHA1": HERE}
BUILDKITE = {"BUILDKITE": "true", "BUILDKITE_COMMIT": HERE, "BUILDKITE_PULL_REQUEST": "false"}


def seen(repo: Path, variables: Mapping[str, str], *, detached: bool = True) -> tuple[str, str, bool]:
    """The branch, the tag, and whether a branch that nobody knows is warned of."""
    if detached:
        run_git(repo, "checkout", "--quiet", "--detach")
    here = run_git(repo, "rev-parse", "HEAD")
    told = {name: here if value == HERE else value for name, value in variables.items()}
    git = Git.of(GitFolder(Programs({**os.environ, **told}), repo))
    return git.branch, git.tag, bool(git.lost_branch)


@pytest.mark.parametrize(
    "variables",
    [
        {**GITHUB, "GITHUB_REF": "refs/heads/main"},
        {**GITLAB, "CI_COMMIT_BRANCH": "main"},
        {**JENKINS, "BRANCH_NAME": "main"},
        {**JENKINS, "GIT_BRANCH": "origin/main"},
        {**AZURE, "BUILD_SOURCEBRANCH": "refs/heads/main"},
        {**BITBUCKET, "BITBUCKET_BRANCH": "main"},
        {**CIRCLE, "CIRCLE_BRANCH": "main"},
        {**BUILDKITE, "BUILDKITE_BRANCH": "main"},
    ],
    ids=str,
)
def test_the_branch_that_a_ci_system_runs_for(repo: Path, variables: dict[str, str]) -> None:
    assert seen(repo, variables) == ("main", "", False)
    other = {name: "f" * 40 if value == HERE else value for name, value in variables.items()}
    assert seen(repo, other) == ("", "", True)


@pytest.mark.parametrize(
    "variables",
    [
        {**GITHUB, "GITHUB_REF": "refs/tags/v1"},
        {**GITLAB, "CI_COMMIT_TAG": "v1"},
        {**JENKINS, "TAG_NAME": "v1", "BRANCH_NAME": "v1"},
        {**AZURE, "BUILD_SOURCEBRANCH": "refs/tags/v1"},
        {**BITBUCKET, "BITBUCKET_TAG": "v1"},
        {**CIRCLE, "CIRCLE_TAG": "v1"},
        {**BUILDKITE, "BUILDKITE_TAG": "v1", "BUILDKITE_BRANCH": "v1"},
    ],
    ids=str,
)
def test_the_tag_that_a_ci_system_runs_for(repo: Path, variables: dict[str, str]) -> None:
    assert seen(repo, variables) == ("", "v1", False)
    run_git(repo, "tag", "v2")
    assert seen(repo, variables) == ("", "v2", False)


@pytest.mark.parametrize(
    "variables",
    [
        {**GITHUB, "GITHUB_REF": "refs/pull/7/merge", "GITHUB_HEAD_REF": "main"},
        {**GITHUB, "GITHUB_REF": "refs/heads/main", "GITHUB_HEAD_REF": "main"},  # pull_request_target
        {**GITHUB, "GITHUB_REF": "refs/pull/7/merge"},  # pull_request_review
        {**GITLAB, "CI_MERGE_REQUEST_IID": "7", "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME": "main"},
        {**JENKINS, "CHANGE_ID": "7", "BRANCH_NAME": "PR-7", "CHANGE_BRANCH": "main"},
        {**JENKINS, "ghprbPullId": "7", "GIT_BRANCH": "origin/main"},
        {**AZURE, "BUILD_SOURCEBRANCH": "refs/pull/7/merge"},
        {**AZURE, "BUILD_SOURCEBRANCH": "refs/pull/7/merge", "SYSTEM_PULLREQUEST_PULLREQUESTID": "7"},
        {**BITBUCKET, "BITBUCKET_BRANCH": "main", "BITBUCKET_PR_ID": "7"},
        {**CIRCLE, "CIRCLE_BRANCH": "main", "CIRCLE_PR_NUMBER": "7"},
        {**BUILDKITE, "BUILDKITE_BRANCH": "main", "BUILDKITE_PULL_REQUEST": "7"},
    ],
    ids=str,
)
def test_a_pull_request_is_of_no_branch(repo: Path, variables: dict[str, str]) -> None:
    """A fork's branch may be called `main`, and is not ours; nor is it where that is checked out."""
    assert seen(repo, variables, detached=False) == ("", "", False)
    assert seen(repo, variables) == ("", "", False)


def test_without_a_commit_the_branch_has_to_be_here(repo: Path) -> None:
    """A scripted pipeline of Jenkins names no commit, a build that was started by hand on Buildkite `HEAD`."""
    jenkins = {"JENKINS_URL": "https://ci", "BRANCH_NAME": "main"}
    buildkite = {**BUILDKITE, "BUILDKITE_COMMIT": "HEAD", "BUILDKITE_BRANCH": "main"}
    for variables in (jenkins, buildkite):
        assert seen(repo, variables) == ("", "", True)
    run_git(repo, "update-ref", "refs/remotes/origin/main", "HEAD")
    for variables in (jenkins, buildkite):
        assert seen(repo, variables) == ("main", "", False)
    run_git(repo, "commit", "--quiet", "--allow-empty", "--message=y")
    assert seen(repo, jenkins) == ("", "", True)
    assert seen(repo, {**jenkins, "BRANCH_NAME": "a b..^{x}\n"}) == ("", "", True)


@pytest.mark.parametrize("reference", ["refs/heads/main", "refs/tags/v1"])
def test_a_branch_of_another_commit_is_not_the_one_that_a_run_is_for(repo: Path, reference: str) -> None:
    """A workflow for comments, or after another one, may have checked out a fork's `main`."""
    variables = {"GITHUB_ACTIONS": "true", "GITHUB_SHA": "0" * 40, "GITHUB_REF": reference}
    assert seen(repo, variables, detached=False) == ("", "", True)


def test_what_is_checked_out_comes_first_and_what_nobody_knows_is_said(repo: Path) -> None:
    assert seen(repo, {**GITHUB, "GITHUB_REF": "refs/heads/other"}, detached=False) == ("main", "", False)
    assert seen(repo, {"GITHUB_REF": "refs/heads/main"}) == ("", "", True)
    assert seen(repo, {}) == ("", "", True)


# --- what differs -----------------------------------------------------------------------------------------------------


def test_what_counts_as_dirty(repo: Path) -> None:
    (repo / "new").write_text("untracked")
    (repo / "file").touch()
    assert not facts(repo)["dirty"]
    (repo / "file").chmod(0o755)
    assert facts(repo)["dirty"]
    (repo / "file").chmod(0o644)
    assert not facts(repo)["dirty"]
    run_git(repo, "add", "new")
    assert facts(repo)["dirty"]
    run_git(repo, "reset", "--quiet")
    (repo / "file").unlink()
    assert facts(repo)["dirty"]


def test_a_sparse_checkout_and_a_split_index_are_not_dirty(repo: Path) -> None:
    (repo / "a").mkdir()
    (repo / "a" / "one").write_text("1")
    run_git(repo, "add", ".")
    run_git(repo, "commit", "--quiet", "--message=y")
    run_git(repo, "update-index", "--split-index")
    assert not facts(repo)["dirty"]
    run_git(repo, "update-index", "--no-split-index")
    run_git(repo, "sparse-checkout", "set", "--cone", "--sparse-index", "none")
    assert not (repo / "a").exists()
    assert not facts(repo)["dirty"]


def test_line_ends_as_the_user_has_them(repo: Path, tmp_path: Path) -> None:
    settings = tmp_path / "gitconfig"
    settings.write_text("[core]\n\tautocrlf = true\n")
    (repo / "file").unlink()
    run_git(repo, "-c", "core.autocrlf=true", "checkout", "file")
    assert (repo / "file").read_bytes() == b"contents\r\n"
    os.utime(repo / "file", (1, 1))
    assert facts(repo)["dirty"]
    assert not facts(repo, {**os.environ, "GIT_CONFIG_GLOBAL": str(settings)})["dirty"]


def test_a_file_of_lfs_is_compared_with_its_pointer(repo: Path) -> None:
    digest = subprocess.run(["sha256sum"], input="big\n", capture_output=True, text=True, check=True).stdout.split()[0]
    (repo / "big").write_text(f"version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize 4\n")
    (repo / ".gitattributes").write_text("big filter=lfs diff=lfs merge=lfs -text\n")
    run_git(repo, "add", ".")
    run_git(repo, "commit", "--quiet", "--message=y")
    (repo / "big").write_text("big\n")
    assert not facts(repo)["dirty"]
    (repo / "big").write_text("bag\n")
    assert facts(repo)["dirty"]


def test_what_another_filter_changed_counts_as_dirty_unless_untouched(repo: Path) -> None:
    (repo / ".gitattributes").write_text("file filter=x\n")
    run_git(repo, "add", ".")
    run_git(repo, "commit", "--quiet", "--message=y")
    assert not facts(repo)["dirty"]
    (repo / "file").write_text("smudged contents\n")
    assert facts(repo)["dirty"]


def test_a_submodule_counts(repo: Path, tmp_path: Path) -> None:
    outer = repository(tmp_path / "outer")
    run_git(outer, "submodule", "--quiet", "add", str(repo), "sub")
    run_git(outer, "commit", "--quiet", "--message=y")
    assert not facts(outer)["dirty"]
    assert facts(outer / "sub") == {**facts(repo)}
    (outer / "sub" / "file").write_text("other")
    assert facts(outer)["dirty"]
    run_git(outer / "sub", "commit", "--quiet", "--all", "--message=z")
    assert facts(outer)["dirty"]


# --- what the repository says is not run ------------------------------------------------------------------------------


@pytest.fixture
def canary(tmp_path: Path) -> Iterator[Callable[[], str]]:
    """A program that leaves a mark; calling it tells, and forgets, what started it."""
    mark = tmp_path / "mark"
    program = tmp_path / "canary"
    program.write_text(f'#!/bin/sh\necho "$0 $*" >> {mark}\ncat 2>/dev/null\nexit 0\n')
    program.chmod(0o755)

    def fired() -> str:
        text = mark.read_text() if mark.exists() else ""
        mark.unlink(missing_ok=True)
        return text

    yield fired
    assert not mark.exists()


def baited(repo: Path, canary: Path) -> str:
    """Lay every bait into a repository; returns its settings as text."""
    commit = run_git(repo, "cat-file", "commit", "HEAD")
    signed = commit.replace("\n\n", "\ngpgsig -----BEGIN PGP SIGNATURE-----\n \n -----END PGP SIGNATURE-----\n\n", 1)
    run_git(
        repo, "reset", "--quiet", run_git(repo, "hash-object", "-t", "commit", "-w", "--stdin", given=signed + "\n")
    )
    (repo / ".gitattributes").write_text("* filter=x diff=x merge=x\n")
    (repo / ".git" / "info").mkdir(exist_ok=True)
    (repo / ".git" / "info" / "attributes").write_text("* filter=x diff=x merge=x\n")
    (repo / "file").write_text("changed\n")
    for folder in (repo / ".git" / "hooks", repo / "hooks"):
        folder.mkdir(exist_ok=True)
        for hook in HOOKS:
            shutil.copy(canary, folder / hook)
    pairs = {**dict.fromkeys(PROGRAMS, str(canary)), **STEERING, "core.hooksPath": str(repo / "hooks")}
    pairs |= {f"alias.{name}": f"!{canary}" for name in ("status", "rev-parse")}
    settings = ""
    for key, value in pairs.items():
        section, _, name = key.rpartition(".")
        head, _, rest = section.partition(".")
        named = f'{head} "{rest}"' if rest else head
        settings += f'[{named}]\n\t{name} = "{value.replace("CANARY", str(canary))}"\n'
    with (repo / ".git" / "config").open("a") as file:
        file.write(settings)
    (repo / ".git" / "config.worktree").write_text(settings)
    return settings


def test_the_bait_is_one(repo: Path, tmp_path: Path, canary: Callable[[], str]) -> None:
    """What plain git starts in such a repository: else the tests below would show nothing."""
    baited(repo, tmp_path / "canary")
    for arguments in (("status", "--porcelain"), ("log", "-1"), ("diff",)):
        explicit = {"GIT_DIR": str(repo / ".git"), "GIT_WORK_TREE": str(repo)}
        subprocess.run(["git", *arguments], env={**os.environ, **explicit}, capture_output=True, check=False)
        assert canary(), arguments


def test_nothing_of_the_repository_is_run(repo: Path, tmp_path: Path, canary: Callable[[], str]) -> None:
    baited(repo, tmp_path / "canary")
    assert facts(repo)["dirty"] is True
    (repo / "file").write_text("contents\n")
    assert facts(repo)["dirty"] is False
    assert canary() == ""


def test_nothing_of_the_environment_or_the_user_is_run(repo: Path, tmp_path: Path, canary: Callable[[], str]) -> None:
    settings = tmp_path / "gitconfig"
    settings.write_text(baited(repo, tmp_path / "canary"))
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": str(settings), "GIT_DIR": "/nowhere", "GIT_WORK_TREE": "/"}
    environment |= dict.fromkeys(VARIABLES, str(tmp_path / "canary"))
    assert facts(repo, environment)["dirty"] is True
    assert canary() == ""


def test_nothing_of_a_submodule_is_run(repo: Path, tmp_path: Path, canary: Callable[[], str]) -> None:
    outer = repository(tmp_path / "outer")
    run_git(outer, "submodule", "--quiet", "add", str(repo), "sub")
    run_git(outer, "commit", "--quiet", "--message=y")
    with (outer / ".git" / "modules" / "sub" / "config").open("a") as file:
        file.write(f'[core]\n\tfsmonitor = {tmp_path}/canary\n[filter "x"]\n\tclean = {tmp_path}/canary\n')
    (outer / "sub" / ".gitattributes").write_text("* filter=x\n")
    (outer / "sub" / "file").write_text("changed\n")
    assert facts(outer)["dirty"] is True
    assert canary() == ""


def test_a_git_in_the_repository_is_not_the_users(
    repo: Path, tmp_path: Path, canary: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(tmp_path / "canary", repo / "git")
    monkeypatch.chdir(repo)
    facts(repo, {**os.environ, "PATH": f":.:{os.environ['PATH']}"})
    assert canary() == ""


def test_a_bare_repository_in_a_subdirectory_is_no_repository(
    repo: Path, tmp_path: Path, canary: Callable[[], str]
) -> None:
    other = repository(tmp_path / "other")
    run_git(other, "commit", "--quiet", "--allow-empty", "--message=y")
    run_git(repo, "clone", "--quiet", "--bare", str(other), "planted")
    (repo / "planted" / "config").write_text(
        f"[core]\n\trepositoryformatversion = 0\n\tbare = false\n\tworktree = {repo}/planted\n"
        f"\tfsmonitor = {tmp_path}/canary\n[gpg]\n\tprogram = {tmp_path}/canary\n"
    )
    assert facts(repo / "planted") == facts(repo)
    assert canary() == ""


def test_the_questions_leave_nothing_behind(repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    before = {path: path.lstat().st_mtime_ns for path in repo.rglob("*")}
    facts(repo)
    assert not list((tmp_path / "tmp").iterdir())
    assert {path: path.lstat().st_mtime_ns for path in repo.rglob("*")} == before


# --- which repository -------------------------------------------------------------------------------------------------


def test_a_worktree_is_its_own(repo: Path, tmp_path: Path) -> None:
    run_git(repo, "worktree", "add", "--quiet", "-b", "side", str(tmp_path / "tree"))
    run_git(tmp_path / "tree", "commit", "--quiet", "--allow-empty", "--message=y")
    found = facts(tmp_path / "tree")
    assert found["branch"] == "side"
    assert found["sha"] != facts(repo)["sha"]


def test_a_repository_beside_its_working_tree(tmp_path: Path) -> None:
    """As people do who keep several worktrees around a bare repository."""
    source = repository(tmp_path / "source")
    home = tmp_path / "home"
    run_git(tmp_path, "clone", "--quiet", "--bare", str(source), str(home / ".bare"))
    (home / ".git").write_text("gitdir: ./.bare\n")
    run_git(home, "worktree", "add", "--quiet", "main")
    assert facts(home / "main")["sha"] == facts(source)["sha"]


@pytest.mark.parametrize("kind", ["file", "link", "commondir"])
def test_a_git_that_points_elsewhere_is_not_followed(repo: Path, tmp_path: Path, kind: str) -> None:
    here = tmp_path / "here"
    here.mkdir()
    if kind == "file":
        (here / ".git").write_text(f"gitdir: {repo}/.git\n")
    elif kind == "link":
        (here / ".git").symlink_to(repo / ".git")
    else:
        shutil.copytree(repo / ".git", here / ".git")
        (here / ".git" / "commondir").write_text(f"{repo}/.git\n")
    said = refusal(here)
    assert "does not name it in turn" in said
    assert str(facts(repo)["sha"]) not in said


@pytest.mark.parametrize("name", ["HEAD", "refs", "objects", "packed-refs", "config", "index"])
def test_a_link_out_of_the_repository_is_not_followed(repo: Path, tmp_path: Path, name: str) -> None:
    secret = tmp_path / "secret"
    secret.write_text("0123456789012345678901234567890123456789\n")
    path = repo / ".git" / name
    if path.is_dir():
        path.rename(tmp_path / name)
        path.symlink_to(tmp_path / name)
    else:
        path.unlink(missing_ok=True)
        path.symlink_to(secret)
    said = refusal(repo)
    assert "leads out of the repository" in said
    assert "0123456789" not in said


def test_a_ref_that_is_a_link_to_a_token_does_not_show_it(repo: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("0123456789012345678901234567890123456789\n")
    ref = repo / ".git" / "refs" / "heads" / "main"
    ref.unlink()
    ref.symlink_to(secret)
    assert "0123456789" not in refusal(repo)


def test_a_pipe_is_not_waited_for(repo: Path) -> None:
    (repo / ".git" / "HEAD").unlink()
    os.mkfifo(repo / ".git" / "HEAD")
    assert "not a regular file" in refusal(repo)


NO_COMMIT = "the repository has no commit yet"


def test_why_there_is_no_answer(repo: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "there is no git repository" in refusal(empty)
    run_git(empty, "init", "--quiet")
    for fact in FACTS:
        assert refusal(empty, fact=fact) == f"git.{fact} has no value: {NO_COMMIT}"
    with pytest.raises(NoRepositoryError, match=f"^created has no value: {NO_COMMIT}$") as caught:
        created(Git.of(GitFolder(Programs(os.environ), empty)))
    assert caught.value.hint == "commit something first, or set SOURCE_DATE_EPOCH"
    assert "git is not installed" in refusal(repo, {"PATH": "/nowhere"})
    (empty / ".git" / "config").write_text("[nonsense\n")
    assert re.search("git says: fatal: bad config line 1", refusal(empty))
    (repo / ".git" / "packed-refs").write_text("\x1b[31mnonsense\n")
    said = refusal(repo, fact="tag")
    assert "git says:" in said
    assert "\x1b" not in said


def test_a_time_that_is_none(repo: Path) -> None:
    commit = run_git(repo, "cat-file", "commit", "HEAD").replace("1700000000", "99999999999999")
    run_git(
        repo, "reset", "--quiet", run_git(repo, "hash-object", "-t", "commit", "-w", "--stdin", given=commit + "\n")
    )
    assert "which is not a time" in refusal(repo, fact="timestamp")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_repository_of_a_stranger_around_the_file(repo: Path) -> None:
    inner = repo / "mine"
    inner.mkdir()
    os.chown(repo, NOBODY, -1)
    said = refusal(inner)
    assert f"belongs to user nobody ({NOBODY})" in said
    assert f"safe.directory {repo}" in said
    trusting = {**os.environ, "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory"}
    assert facts(inner, {**trusting, "GIT_CONFIG_VALUE_0": str(repo)})["branch"] == "main"
    assert facts(inner, {**trusting, "GIT_CONFIG_VALUE_0": f"{repo.parent}/*"})["branch"] == "main"
    refusal(inner, {**trusting, "GIT_CONFIG_VALUE_0": str(inner)})


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_checkout_of_another_user_as_in_a_container(repo: Path) -> None:
    """Git calls its ownership dubious, lest its settings be obeyed; here they are not."""
    for path in (repo, *repo.rglob("*")):
        os.chown(path, NOBODY, -1, follow_symlinks=False)
    assert facts(repo)["branch"] == "main"
