"""The pipelines for GitLab: one that plans, and the child that it starts, whose jobs are those of the plan.

GitLab makes no matrix of what a job has found out; it starts a pipeline that a job has written. So the child is written
when a plan is there, in JSON, which is YAML too; what its jobs do stands in the file that a person owns.
"""

import json
import re
import shlex
from collections.abc import Iterator
from typing import Any

from buildmatrix.ci.jobs import Job, Jobs, Labels
from buildmatrix.ci.names import secret_names
from buildmatrix.ci.setup import Setup
from buildmatrix.ci.writing import filled, scalar, written_by
from buildmatrix.patterns import regex
from buildmatrix.text import json_safe

OWN_REGISTRY = "registry.gitlab.com"
"""The registry that knows a job by GitLab's own variables."""

OWN_VARIABLES = regex(
    "BUILD|PATH|HOME|WORKFLOW|PLAN_PIPELINE|BUILDMATRIX_FILE|DOCKER_(HOST|CONFIG|CONTEXT|TLS_CERTDIR)"
    "|CI|CI_(?!JOB_TOKEN$|REGISTRY_PASSWORD$|DEPENDENCY_PROXY_PASSWORD$|DEPLOY_PASSWORD$).*"
)
"""What jobs know by the environment: a variable of the project by that name counts more than that of a job."""

PATH = ".gitlab/images.yml"
"""Where the file is committed, if nobody says where."""

LONGEST = 200
"""Characters of a job's name, of which GitLab takes 255."""

_WORKFLOW = """\
# Written by: <command>
# As long as it is left as written, the same command with --check tells when it is out of date. Changed, it is yours,
# and so is from the beginning the line that brings buildmatrix to its jobs: it is kept, and not compared.
# In .gitlab-ci.yml:  include: [{ local: <local> }], with `plan` and `build` among its stages.
# .buildmatrix holds the plan and records: list it in the .dockerignore of a context that is the whole repository.
stages: [plan, build]

.buildmatrix:
  image: <image>
  services: ["docker:dind"]
  <tags>
  variables:
    DOCKER_HOST: "tcp://docker:2375"
    DOCKER_TLS_CERTDIR: ""
    <environment>
  <login>

plan:
  extends: .buildmatrix
  stage: plan
  rules: [{ if: "$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH && $PLAN_PIPELINE == null" }]
  variables: { WORKFLOW: <local> }
  script:
  - mkdir -p .buildmatrix
  - buildmatrix plan --out .buildmatrix/plan.json
  - buildmatrix ci gitlab .buildmatrix/plan.json --include "$WORKFLOW" > .buildmatrix/jobs.yml
  artifacts: { paths: [.buildmatrix/plan.json, .buildmatrix/jobs.yml] }

images:
  stage: build
  needs: [plan]
  rules: [{ if: "$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH && $PLAN_PIPELINE == null" }]
  variables: { PLAN_PIPELINE: $CI_PIPELINE_ID }
  trigger:
    include: [{ artifact: .buildmatrix/jobs.yml, job: plan }]
    strategy: depend

# What the jobs of the plan do: .planned hands it on, .build builds some of it, .merge joins what was built.
# The records of other jobs are put aside, so that each job uploads those alone that it has made itself: which artifact
# is unpacked last is not defined, and an old copy would take the place of the record of a job that was run again.

.planned:
  extends: .buildmatrix
  needs: [{ pipeline: $PLAN_PIPELINE, job: plan }]
  before_script: []
  script: [test -f .buildmatrix/plan.json]
  artifacts: { paths: [.buildmatrix/plan.json] }

.build:
  extends: .buildmatrix
  when: always
  script:
  <emulation>
  - docker buildx create --name ci --driver docker-container --use
  - mkdir -p .buildmatrix/records/jobs
  - find .buildmatrix/records -maxdepth 1 -name "*.json" -exec mv {} .buildmatrix/records/jobs ";"
  - buildmatrix apply .buildmatrix/plan.json --builder ci --build "$BUILD" --record .buildmatrix/records --keep-going
  artifacts: { paths: [".buildmatrix/records/*.json"], when: always }

.merge:
  extends: .buildmatrix
  when: always
  script: [buildmatrix merge .buildmatrix/plan.json .buildmatrix/records]
"""


_IMAGE = (
    '{ name: "registry.example.com/buildmatrix:0.1.0", entrypoint: [""] }   # of buildmatrix\'s own buildmatrix.toml'
)

INSTALLED = regex(r"^\.buildmatrix:\n  image: (.+)$", re.MULTILINE)
"""What brings buildmatrix to a job of a text that was written: its owner may have changed it."""

_EMULATION = "docker run --privileged --rm tonistiigi/binfmt --install all"


def gitlab_workflow(setup: Setup) -> str:
    """Return the file's text."""
    return filled(
        _WORKFLOW,
        {
            "command": written_by("gitlab", setup.path),
            "image": setup.install or _IMAGE,
            "local": _value(setup.path),
            "tags": [f"tags: [{', '.join(map(_value, setup.runner))}]"] if setup.runner else [],
            "environment": [f"BUILDMATRIX_FILE: {_value(setup.file)}"] if setup.file else [],
            "login": list(_login(setup)),
            "emulation": [f"- {_EMULATION}"] if setup.emulates else [],
        },
    )


def taken(setup: Setup) -> Iterator[tuple[str, list[str]]]:
    """Yield what the jobs take from GitLab beside its own variables: where it stands, and the names."""
    logins = [name for host, name in secret_names(setup.registries).items() if host != OWN_REGISTRY]
    of_logins = [f"{name}_{what}" for name in logins for what in ("USERNAME", "PASSWORD")]
    of_builds = [setup.told(name) for name in setup.secrets if not name.startswith("CI_")]
    yield "CI/CD variables of the project", [*of_logins, *setup.values, *of_builds]


def _value(text: str) -> str:
    """Return a text as YAML in which GitLab replaces no variable."""
    return scalar(text.replace("$", "$$"))


def _login(setup: Setup) -> Iterator[str]:
    """Yield a command for each registry that is pushed to: that of gitlab.com knows the job, others want variables."""
    yield from ["before_script:"] if setup.registries else []
    for host, own in secret_names(setup.registries).items():
        name = "CI_REGISTRY" if host == OWN_REGISTRY else own
        user = "$CI_REGISTRY_USER" if name == "CI_REGISTRY" else f"${name}_USERNAME"
        command = f'echo "${name}_PASSWORD" | docker login --username "{user}" --password-stdin {shlex.quote(host)}'
        yield f"- {command}"


def pipeline_json(jobs: Jobs, local: str) -> str:
    """Return the child pipeline of a plan; `local` is the file that says what its jobs do, "" for none."""
    return json_safe(json.dumps(pipeline_of(jobs, local), indent=2, ensure_ascii=False)) + "\n"


def pipeline_of(jobs: Jobs, local: str) -> dict[str, Any]:
    """Return the same as data; where there is nothing to do with a job that does nothing, since none is an error."""
    waves = jobs.waves
    if not jobs.ends_in_merge:
        return {"nothing to build": {**_tags(jobs.runner), "script": ["true"], "variables": {"GIT_STRATEGY": "none"}}}
    stages = [f"wave-{number}" for number in range(1, len(waves) + 1)]
    return {
        **({"include": [{"local": local}]} if local else {}),
        "stages": ["plan", "build", *stages, "merge"],
        "planned": {"extends": ".planned", "stage": "plan"},
        **{_name(job): _job(job) for wave in waves for job in wave},
        "merge": {"extends": ".merge", "stage": "merge"},
    }


def _name(job: Job) -> str:
    """Return what a job is called: by its Build, or by its number where it has several, or one of a long name."""
    name = f"build {job.builds[0]}"
    return name if len(job.builds) == 1 and len(name) <= LONGEST else f"build {job.id}: {len(job.builds)} Builds"


def _job(job: Job) -> dict[str, Any]:
    own = {"extends": ".build", "stage": f"wave-{job.wave}", **_tags(job.runner)}
    return {**own, "variables": {"BUILD": ",".join(job.builds)}}


def _tags(runner: Labels) -> dict[str, Any]:
    """Return what tells which machines take a job; those of a project may take none that does not say so."""
    return {"tags": [label.replace("$", "$$") for label in runner]} if runner else {}
