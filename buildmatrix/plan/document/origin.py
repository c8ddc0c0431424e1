"""What a plan was made from, beside the contents of files: what a saved plan holds of the request."""

import os
from collections.abc import Iterable, Iterator

from buildmatrix.files import Repository
from buildmatrix.git.facts import Git
from buildmatrix.plan.cells.overrides import is_unset
from buildmatrix.plan.model import Given, Made
from buildmatrix.spec.rows.shapes import text_of
from buildmatrix.spec.rows.tables import Spec
from buildmatrix.template.context import Rendering
from buildmatrix.template.machine import EPOCH
from buildmatrix.template.request import Request
from buildmatrix.template.variables import reached
from buildmatrix.text import redacted


def made_of(spec: Spec, request: Request, rendering: Rendering, git: Git) -> Made:
    """Return what a plan was made from, beside its spec."""
    secret = reached(spec, spec.confidential)
    given, unset = {}, set()
    for name in sorted(reached(spec, rendering.used)):
        found, variable = rendering.variables[name], spec.variables[name]
        volatile = bool(variable.table.volatile)
        if found.origin not in {"--var", "--var-file", "environment"}:
            unset |= {variable.env} - {"", *request.environment} if not volatile else set()
            continue
        hidden = name in secret or _is_hidden(found.given)
        given[name] = Given(value=found.given, origin=found.origin, env=variable.env, secret=hidden, volatile=volatile)
    return Made(
        home=spec.home.file if spec.home else "",
        set_options=tuple(text for text in request.set_options if not is_unset(text)),
        output=request.output,
        given=given,
        facts=git.known(),
        epoch=request.environment.get(EPOCH),
        machine=rendering.machine.asked(),
        files=tuple(dict.fromkeys((*_files(spec, rendering), *request.files, *_within(spec, request.variable_files)))),
        only=request.only,
        bake_files=spec.bake_files,
        unset=tuple(sorted(unset)),
    )


def _is_hidden(value: object) -> bool:
    items = value if isinstance(value, list | tuple) else (value,)
    return any(redacted(text) != text for text in map(text_of, items))


def _files(spec: Spec, rendering: Rendering) -> Iterator[str]:
    """Yield the files whose first line gives a variable its value."""
    for name, variable in spec.variables.items():
        if rendering.variables[name].origin == "file" and variable.table.file:
            yield os.path.normpath(os.path.join(os.path.dirname(variable.place.file), variable.table.file))  # noqa: PTH118, PTH120


def _within(spec: Spec, paths: Iterable[str]) -> Iterator[str]:
    """Yield variable files that lie in the repository; what others gave is kept by its values alone."""
    repository = Repository.around(spec.directory)
    for path in map(os.path.realpath, paths):
        if repository.holds(path):
            yield os.path.relpath(path, repository.folder)
