"""The workflow for GitHub: a job that plans, one for each wave of Builds, and one that joins what they have built.

What the file says reaches the shell through the environment alone: a name could be a command.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from buildmatrix.ci.matrices import LABELS
from buildmatrix.ci.names import secret_names
from buildmatrix.ci.setup import Setup
from buildmatrix.ci.writing import expression_free, filled, labels, scalar, written_by
from buildmatrix.patterns import regex

OWN_REGISTRY = "ghcr.io"
"""The registry that knows a job by GitHub's own token."""

OWN_VARIABLES = regex(
    "BUILD|PATH|HOME|BUILDMATRIX_FILE|DOCKER_(HOST|CONFIG|CONTEXT)|(RUNNER|ACTIONS)_.*|GITHUB_(?!TOKEN$).*",
    re.IGNORECASE,
)
"""What the steps of a job know by the environment; a secret of that name would be written over it."""

PATH = ".github/workflows/images.yml"
"""Where a workflow is committed, if nobody says where."""

_WORKFLOW = """\
# Written by: <command>
# As long as it is left as written, the same command with --check tells when it is out of date. Changed, it is yours,
# and so is from the beginning the line that brings buildmatrix to its jobs: it is kept, and not compared.
# A step stands where it is first: `&name` gives it a name, and `*name` is the same step again.
name: images
on: { push: { branches: [main] }, workflow_dispatch: {} }
permissions: { contents: read }
concurrency: { group: "${{ github.workflow }}-${{ github.ref }}" }
defaults: { run: { shell: bash } }
<environment>

jobs:
  plan:
    runs-on: <runner>
    <reads>
    outputs:
      plan: ${{ steps.ci.outputs.plan }}
      merge: ${{ steps.ci.outputs.merge }}
      <outputs>
    <planning>
    - id: ci
      <values>
      run: |
        <valueless>
        buildmatrix plan --out "$RUNNER_TEMP/plan.json"
        buildmatrix show "$RUNNER_TEMP/plan.json" --format markdown >> "$GITHUB_STEP_SUMMARY"
        buildmatrix ci github "$RUNNER_TEMP/plan.json" --waves <waves>
    - if: ${{ steps.ci.outputs.merge == 'true' }}
      uses: actions/upload-artifact@v7
      with: { name: "plan-${{ steps.ci.outputs.plan }}", path: "${{ runner.temp }}/plan.json", overwrite: true }
<jobs>

  merge:
    needs: [<needs>]
    if: ${{ !cancelled() && needs.plan.outputs.merge == 'true' }}
    runs-on: <runner>
    <writes>
    <merging>
    - run: buildmatrix merge "$RUNNER_TEMP/plan.json" "$RUNNER_TEMP/records"
"""

_WAVE = """\

  wave-<number>:
    needs: [<needs>]
    if: ${{ !cancelled() && needs.plan.outputs.wave-<number> }}
    name: ${{ matrix.name }}
    strategy: { fail-fast: false, matrix: "${{ fromJSON(needs.plan.outputs.wave-<number>) }}" }
    runs-on: ${{ matrix.runner }}
    <writes>
    <building>
"""

_CHECKOUT = """\
uses: actions/checkout@v5
with: { persist-credentials: false }
"""

_INSTALL = "pip install ./tools/buildmatrix         # a checkout; or buildmatrix-bake, where your package index has it"

INSTALLED = regex(r"^ *- &install\n +run: (?![|>])(.+)$", re.MULTILINE)
"""What brings buildmatrix to a job of a text that was written: its owner may have changed it."""

_PLAN = """\
uses: actions/download-artifact@v8
with: { name: "plan-${{ needs.plan.outputs.plan }}", path: "${{ runner.temp }}" }
"""

_RECORDS = """\
uses: actions/download-artifact@v8
with: { pattern: "records-${{ needs.plan.outputs.plan }}-*", path: "${{ runner.temp }}/records/jobs" }
"""

_BUILD = """\
run: <apply>
env:
  BUILD: ${{ matrix.build }}
  BUILDX_BUILDER: ${{ steps.buildx.outputs.name }}
  <secrets>
"""

_APPLY = 'buildmatrix apply "$RUNNER_TEMP/plan.json" --build "$BUILD" --record "$RUNNER_TEMP/records" --keep-going'

_RECORD = """\
if: ${{ !cancelled() }}
uses: actions/upload-artifact@v7
with:
  name: records-${{ needs.plan.outputs.plan }}-${{ matrix.id }}
  path: ${{ runner.temp }}/records/*.json
  overwrite: true                            # when a failed job is run again
"""

Steps = Mapping[str, str]
"""What steps do, by their names."""


def github_workflow(setup: Setup) -> str:
    """Return the workflow's text."""
    waves = range(1, setup.waves + 1)
    logins, tools = dict(_logins(setup)), dict(_tools(setup))
    planning = ["checkout", *logins, "install"]
    building = [_building(number, [*logins, *tools]) for number in waves]
    merging = [*planning, "plan", "records"]
    write = _Writer({**_own(setup), **logins, **tools}, [planning, *building, merging])
    parts: dict[str, str | list[str]] = {
        "command": written_by("github", setup.path),
        "environment": _environment(setup),
        "runner": labels(setup.runner or LABELS),
        "reads": _permissions(setup, "read"),
        "writes": _permissions(setup, "write"),
        "outputs": [f"wave-{number}: ${{{{ steps.ci.outputs.wave-{number} }}}}" for number in waves],
        "values": _values(setup),
        "valueless": _without_value((*setup.values, *_looked_for(setup))),
        "waves": str(setup.waves),
        "needs": _needs(setup.waves),
    }
    parts["planning"] = write.steps(planning)
    parts["jobs"] = [line for number in waves for line in _wave(number, parts, write.steps(building[number - 1]))]
    parts["merging"] = write.steps(merging, and_more=True)
    return filled(_WORKFLOW, parts)


def _own(setup: Setup) -> Steps:
    """Return the steps that each workflow has."""
    secrets = [f"{name}: ${{{{ secrets.{name} }}}}" for name in setup.secrets]
    return {
        "checkout": _CHECKOUT,
        "install": f"run: {setup.install or _INSTALL}",
        "plan": _PLAN,
        "records": _RECORDS,
        "build": filled(_BUILD, {"apply": _applying(setup), "secrets": secrets}),
        "record": _RECORD,
    }


def _applying(setup: Setup) -> str:
    """Return the command that builds. GitHub sets what a repository does not have to nothing: it is to be not there."""
    lacking = _without_value(setup.optional)
    return "\n  ".join(["|", *lacking, _APPLY]) if lacking else _APPLY


def _without_value(names: Iterable[str]) -> list[str]:
    return [f'test "${name}" || unset {name}' for name in names]


def _values(setup: Setup) -> list[str]:
    """Return the environment of what plans: values, and of optional secrets whether they are there."""
    values = [f"  {name}: ${{{{ vars.{name} }}}}" for name in setup.values]
    there = [f"  {name}: ${{{{ secrets.{name} && 'is there' }}}}" for name in _looked_for(setup)]
    return ["env:", *values, *there] if values or there else []


def _looked_for(setup: Setup) -> list[str]:
    """Return the secrets that a plan looks for: a build without them is another one, so that fingerprints differ."""
    return [name for name in setup.optional if name not in setup.values]


def _building(number: int, own: Iterable[str]) -> list[str]:
    earlier = ["records"] if number > 1 else []
    return ["checkout", *own, "install", "plan", *earlier, "build", "record"]


def _wave(number: int, parts: Mapping[str, str | list[str]], steps: list[str]) -> list[str]:
    more = {"number": str(number), "needs": _needs(number - 1), "building": steps}
    return filled(_WAVE, {**parts, **more}).splitlines()


class _Writer:
    """Writes the steps of jobs: each whole where it is first, and by its name from then on, if it comes again."""

    def __init__(self, steps: Steps, jobs: Iterable[Sequence[str]]) -> None:
        self._steps, self._written = steps, set[str]()
        self._times = Counter(name for job in jobs for name in job)

    def steps(self, names: Sequence[str], *, and_more: bool = False) -> list[str]:
        """Return the lines of a job's steps; `and_more` follow."""
        if self._written.issuperset(names) and not and_more:
            return [f"steps: [{', '.join(f'*{name}' for name in names)}]"]
        return ["steps:", *(line for name in names for line in self._step(name))]

    def _step(self, name: str) -> Iterator[str]:
        if name in self._written:
            yield f"- *{name}"
            return
        self._written.add(name)
        first, *others = self._steps[name].splitlines()
        yield from [f"- &{name}", f"  {first}"] if self._times[name] > 1 else [f"- {first}"]
        yield from (f"  {line}" for line in others)


def _needs(waves: int) -> str:
    return ", ".join(["plan", *(f"wave-{number}" for number in range(1, waves + 1))])


def _environment(setup: Setup) -> list[str]:
    return [f"env: {{ BUILDMATRIX_FILE: {scalar(expression_free(setup.file))} }}"] if setup.file else []


def _permissions(setup: Setup, right: str) -> list[str]:
    """Return what GitHub's own registry takes; nothing more is needed anywhere else."""
    return [f"permissions: {{ contents: read, packages: {right} }}"] if OWN_REGISTRY in setup.registries else []


def _tools(setup: Setup) -> Iterator[tuple[str, str]]:
    if setup.emulates:
        yield "qemu", "uses: docker/setup-qemu-action@v4"
    yield "buildx", "id: buildx\nuses: docker/setup-buildx-action@v4"
    if setup.caches_in_github:
        yield "cache", "uses: crazy-max/ghaction-github-runtime@v4"


def _logins(setup: Setup) -> Iterator[tuple[str, str]]:
    """Yield a step for each registry that is pushed to: GitHub's own knows the job, others want secrets."""
    names = secret_names(setup.registries)
    for number, host in enumerate(setup.registries, start=1):
        user, password = f"vars.{names[host]}_USERNAME", f"secrets.{names[host]}_PASSWORD"
        if host == OWN_REGISTRY:
            user, password = "github.actor", "secrets.GITHUB_TOKEN"
        registry = [f"  registry: {scalar(host)}"] if host != "docker.io" else []
        given = [f"  username: ${{{{ {user} }}}}", f"  password: ${{{{ {password} }}}}"]
        name = "login" if len(setup.registries) == 1 else f"login-{number}"
        yield name, "\n".join(["uses: docker/login-action@v4", "with:", *registry, *given])


def taken(setup: Setup) -> Iterator[tuple[str, list[str]]]:
    """Yield what the workflow takes from GitHub beside its own token: where it stands, and the names.

    A user's name is no secret: GitHub hands on no output that has one in it, and a target may be called like a user.
    """
    logins = [name for host, name in secret_names(setup.registries).items() if host != OWN_REGISTRY]
    of_builds = [setup.told(name) for name in setup.secrets if name != "GITHUB_TOKEN"]
    yield "variables of the repository", [*(f"{name}_USERNAME" for name in logins), *setup.values]
    yield "secrets of the repository", [*(f"{name}_PASSWORD" for name in logins), *of_builds]
