"""Names of secrets and variables: no two registries share any, and what a job has for itself is nobody's secret."""

import re
from itertools import permutations
from typing import Any

import pytest

from buildmatrix.ci import github, gitlab
from buildmatrix.ci.names import refused_variables, secret_names
from buildmatrix.ci.setup import setup_of
from buildmatrix.plan.runners import builds_for_runners
from buildmatrix.spec.rows.caches import RegistryCacheTo
from buildmatrix.spec.rows.outputs import RegistryOutput
from buildmatrix.spec.rows.settings import Secret, Settings
from tests import plans

BOTH = ["reg.example.com:5000", "reg-example.com:5000"]


def test_each_registry_has_secrets_of_its_own_whatever_else_there_is() -> None:
    assert dict(secret_names(["ghcr.io", BOTH[0], "1.2.3.4", "github.example.com", "ci.registry"])) == {
        "ghcr.io": "GHCR_IO",
        BOTH[0]: "REG_EXAMPLE_COM_5000",
        "1.2.3.4": "REGISTRY_1_2_3_4",
        "github.example.com": "REGISTRY_GITHUB_EXAMPLE_COM",
        "ci.registry": "REGISTRY_CI_REGISTRY",
    }


def test_registries_whose_names_are_alike_do_not_share_a_password() -> None:
    found = [dict(secret_names(hosts)) for hosts in permutations([*BOTH, "ghcr.io"])]
    assert all(one == found[0] for one in found)
    assert found[0]["ghcr.io"] == "GHCR_IO"
    assert all(re.fullmatch("REG_EXAMPLE_COM_5000_[0-9A-F]{6}", found[0][host]) for host in BOTH)
    assert found[0][BOTH[0]] != found[0][BOTH[1]]


@pytest.mark.parametrize(
    ("own", "refused", "taken"),
    [
        (
            github.OWN_VARIABLES,
            ["BUILD", "build", "PATH", "RUNNER_TEMP", "GITHUB_OUTPUT", "GITHUB_TOKEN_2", "BUILDMATRIX_FILE"],
            ["GITHUB_TOKEN", "NPM_TOKEN", "BUILD_TOKEN", "DOCKER_TOKEN"],
        ),
        (
            gitlab.OWN_VARIABLES,
            ["BUILD", "PLAN_PIPELINE", "WORKFLOW", "CI", "CI_PIPELINE_ID", "DOCKER_HOST", "PATH"],
            ["CI_JOB_TOKEN", "CI_REGISTRY_PASSWORD", "GITLAB_TOKEN", "NPM_TOKEN", "GIT_AUTH_TOKEN"],
        ),
    ],
)
def test_a_secret_in_a_variable_of_the_job_is_refused(own: Any, refused: list[str], taken: list[str]) -> None:
    secrets = tuple(Secret(id=name, env=name, optional=name == refused[-1]) for name in [*refused, *taken])
    plan = plans.plan(plans.target("app", Settings(secret=secrets)))
    found = [one.message for one in refused_variables(plan, own, "X")]
    assert found == [f"app has a secret in {name}, which jobs of X have for themselves" for name in refused]


def test_every_registry_that_is_written_to_is_logged_in_to() -> None:
    by_digest = RegistryOutput(type="registry", name="ghcr.io/a/b", push_by_digest=True)
    cache = RegistryCacheTo(type="registry", ref="cache.example.com/a:c")
    settings = Settings(output=(by_digest,), cache_to=(cache,))
    builds = builds_for_runners(plans.plan(plans.target("app", settings)))
    setup = setup_of(builds, "x.yml", "")
    assert setup.registries == ("cache.example.com", "ghcr.io")
    text = github.github_workflow(setup)
    assert "packages: write" in text
    assert "registry: cache.example.com" in text
