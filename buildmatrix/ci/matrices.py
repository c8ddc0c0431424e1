"""The jobs of a plan for GitHub: one document, of which each wave is the matrix of a job."""

import json
from typing import Annotated

from buildmatrix.ci.jobs import Jobs
from buildmatrix.spec.rows.document import FORMAT, Document, Of, Version, plain_document
from buildmatrix.spec.rows.shapes import Doc, Keyword
from buildmatrix.text import json_safe

LABELS = ("ubuntu-latest",)
"""The runner where the file names none."""

_AT_LEAST_1 = Keyword("minimum", 1)


class RowOfMatrix(Document):
    """One job."""

    build: Annotated[
        str, Of(lambda job, _: ",".join(job.builds)), Doc("The keys of its Builds, with `,` between: for `--build`.")
    ]
    platform: Annotated[
        str,
        Of(lambda job, _: ",".join(job.platforms)),
        Doc('What it builds for, with `,` between; "" for the platform of the machine.'),
    ]
    runner: Annotated[
        tuple[str, ...],
        Of(lambda job, _: job.runner or LABELS),
        Doc("The labels of its machine, for `runs-on`; `ubuntu-latest` where the file names none."),
    ]
    wave: Annotated[int, _AT_LEAST_1, Doc("Its wave, from 1.")]
    id: Annotated[str, Doc("A name that no other row of the plan has, for artifacts.")]
    name: Annotated[str, Doc("What people read.")]


class WaveOfMatrix(Document):
    """The matrix of a job."""

    include: Annotated[tuple[RowOfMatrix, ...], Of(lambda wave, _: wave), Doc("At most 256 rows, each with every key.")]


class MatricesDocument(Document):
    """The jobs of a plan: `ci github`."""

    format_version: Annotated[int, Version(1), FORMAT]
    plan: Annotated[str | None, Doc("The id of the saved plan; null where it is not saved.")]
    waves: Annotated[
        tuple[WaveOfMatrix, ...], Doc("Matrices, each for a job after that of the one before; empty for nothing to do.")
    ]


def matrices_json(jobs: Jobs) -> str:
    """Return the document on one line."""
    return f"{_line(plain_document(MatricesDocument, jobs))}\n"


def step_outputs(jobs: Jobs) -> str:
    """Return what a step of GitHub says: `plan`, whether there is anything to `merge`, and each wave's matrix.

    That of a wave is called `wave-1` and so on; GitHub loses it where a secret's value stands in it, and `merge` misses
    the records then.
    """
    waves = plain_document(MatricesDocument, jobs)["waves"]
    lines = [
        f"plan={jobs.plan}",
        f"merge={'true' if jobs.ends_in_merge else 'false'}",
        *(f"wave-{number}={_line(wave)}" for number, wave in enumerate(waves, start=1)),
    ]
    return "".join(f"{line}\n" for line in lines)


def _line(value: object) -> str:
    return json_safe(json.dumps(value, ensure_ascii=False, separators=(",", ":")))
