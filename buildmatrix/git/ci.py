"""What CI systems say of the commit that they have checked out: they check out no branch, and often fetch no tag."""

from collections.abc import Callable, Mapping
from typing import Literal

from buildmatrix.patterns import regex
from buildmatrix.records import dataclass

Named = tuple[tuple[str, str], ...]
"""Variables, each with what its value begins with; the first that does names it."""


@dataclass(frozen=True, kw_only=True)
class _System:
    """A CI system: the variables that all its runs have, that of the commit, and those of its branch and its tag.

    `asked` are set in a run for a pull request, or for one of a fork where branches are told apart otherwise;
    `requests` say so by what they begin with.
    """

    name: str
    marks: tuple[str, ...]
    commit: str
    branches: Named
    tags: Named
    asked: tuple[str, ...] = ()
    requests: Named = ()


SYSTEMS = (
    _System(
        name="GitHub Actions",
        marks=("GITHUB_ACTIONS",),
        commit="GITHUB_SHA",
        branches=(("GITHUB_REF", "refs/heads/"),),
        tags=(("GITHUB_REF", "refs/tags/"),),
        asked=("GITHUB_HEAD_REF",),
        requests=(("GITHUB_REF", "refs/pull/"),),
    ),
    _System(
        name="GitLab",
        marks=("GITLAB_CI",),
        commit="CI_COMMIT_SHA",
        branches=(("CI_COMMIT_BRANCH", ""),),
        tags=(("CI_COMMIT_TAG", ""),),
        asked=("CI_MERGE_REQUEST_IID", "CI_EXTERNAL_PULL_REQUEST_IID"),
    ),
    _System(
        name="Azure Pipelines",
        marks=("TF_BUILD",),
        commit="BUILD_SOURCEVERSION",
        branches=(("BUILD_SOURCEBRANCH", "refs/heads/"),),
        tags=(("BUILD_SOURCEBRANCH", "refs/tags/"),),
        asked=("SYSTEM_PULLREQUEST_PULLREQUESTID",),
        requests=(("BUILD_SOURCEBRANCH", "refs/pull/"),),
    ),
    _System(
        name="Bitbucket",
        marks=("BITBUCKET_BUILD_NUMBER",),
        commit="BITBUCKET_COMMIT",
        branches=(("BITBUCKET_BRANCH", ""),),
        tags=(("BITBUCKET_TAG", ""),),
        asked=("BITBUCKET_PR_ID",),
    ),
    _System(
        name="CircleCI",
        marks=("CIRCLECI",),
        commit="CIRCLE_SHA1",
        branches=(("CIRCLE_BRANCH", ""),),
        tags=(("CIRCLE_TAG", ""),),
        asked=("CIRCLE_PR_NUMBER", "CIRCLE_PR_REPONAME"),
    ),
    _System(
        name="Buildkite",
        marks=("BUILDKITE",),
        commit="BUILDKITE_COMMIT",
        branches=(("BUILDKITE_BRANCH", ""),),
        tags=(("BUILDKITE_TAG", ""),),
        asked=("BUILDKITE_PULL_REQUEST",),
        requests=(("BUILDKITE_BRANCH", "refs/pull/"), ("BUILDKITE_BRANCH", "pull/")),
    ),
    _System(
        name="Jenkins",
        marks=("JENKINS_URL", "JENKINS_HOME"),
        commit="GIT_COMMIT",
        branches=(("BRANCH_NAME", ""), ("GIT_BRANCH", "origin/")),
        tags=(("TAG_NAME", ""),),
        asked=("CHANGE_ID", "ghprbPullId", "gitlabMergeRequestIid"),
    ),
)
"""Those whose word counts. Jenkins comes last: its agents run within other systems, too."""

_COMMIT = regex(r"[0-9a-f]{40}|[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True)
class Told:
    """What a CI system says: of which `kind` its run is, "" where none says anything of this commit, and its `name`.

    `why` tells why the word of one does not count; `other` that it runs for another commit, by its own word.
    """

    kind: Literal["branch", "tag", "pull request", ""] = ""
    name: str = ""
    why: str = ""
    other: bool = False


def told(environment: Mapping[str, str], commit: str, at: Callable[[str], str]) -> Told:
    """Return what the CI system that runs us says of a commit.

    Its word counts for the commit that it names, and for no other: a workflow may have checked out anything, such as
    what a stranger asks to be pulled. Where it names none, its branch has to be at this commit as far as it was
    fetched: `at` returns the commit of a reference, "" if there is none. A pull request has no branch, since one of a
    fork may be called `main`.
    """
    system = next((one for one in SYSTEMS if any(map(environment.get, one.marks))), None)
    if system is None:
        return Told()
    asked = any(environment.get(name, "") not in {"", "false"} for name in system.asked)
    if asked or _first(environment, system.requests):
        return Told(kind="pull request")
    tag, branch = _first(environment, system.tags), _first(environment, system.branches)
    if not (tag or branch):
        return Told(why=f"{system.name} names no branch")
    named = environment.get(system.commit, "")
    is_said = _COMMIT.fullmatch(named) is not None
    if not is_said:
        named = at(f"refs/tags/{tag}" if tag else f"refs/remotes/origin/{branch}")
    if named != commit:
        return Told(why=f"{system.name} runs for {tag or branch}, of which this is another commit", other=is_said)
    return Told(kind="tag", name=tag) if tag else Told(kind="branch", name=branch)


def _first(environment: Mapping[str, str], named: Named) -> str:
    values = ((environment.get(variable, ""), begin) for variable, begin in named)
    return next((value.removeprefix(begin) for value, begin in values if value.startswith(begin) and value), "")
