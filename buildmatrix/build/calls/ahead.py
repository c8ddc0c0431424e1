"""The first bake call, started ahead: bake is loaded, and looks at its builder, while it is not known what it builds.

That takes bake 0.05 s. It reads its file then (found with 0.13 and 0.29): a link to its standard input, so that it goes
by the same name as that of any other call, and waits until the file is written. A call that turns out to need another
command or another environment is started as any other one is, and what waits is ended.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Self

from buildmatrix.build.calls.batches import BAKE_FILE, Call, command_of, is_cut, variables_of
from buildmatrix.engine.buildx import Buildx
from buildmatrix.files import kind_at
from buildmatrix.plan.outputs import builds
from buildmatrix.plan.policy import Policy
from buildmatrix.process import Programs, Waiting, Watched

Take = Callable[[str], None]

STANDARD_INPUT = "/dev/stdin"


class Ahead:
    """A bake call that waits for its file in a directory of its own; leaving the context ends it if nobody took it."""

    def __init__(self, policy: Policy, buildx: Buildx, programs: Programs, folder: Path) -> None:
        """Start the likely first call of the policy's plan in `folder`, which is made; OSError if it cannot be."""
        folder.mkdir()
        (folder / BAKE_FILE).symlink_to(STANDARD_INPUT)
        likely = Call(names=(), within=(), alone=is_cut(policy, buildx))
        self.folder = folder
        self._command = command_of(policy.plan, likely, policy, buildx, str(folder))
        self._more = variables_of(policy)
        self._waiting: Waiting = programs.ahead(self._command, cwd=policy.plan.directory, more=self._more)

    def taken(
        self, command: tuple[str, ...], programs: Programs, text: str, *, to: tuple[Take, Take]
    ) -> Watched | None:
        """Give bake its file and return it; None if it would have been started otherwise, or cannot read it any more.

        Lines of its standard error go to the first of `to`, those of its standard output to the second one.
        """
        is_there = os.path.lexists(self.folder / BAKE_FILE)  # temporary directories are cleaned, by some at any time
        is_same = is_there and command == self._command and programs.would_be(self._waiting, self._more)
        return self._waiting.take(text, *to) if is_same else None

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End bake if nobody took it."""
        self._waiting.__exit__()


def may_be_ahead(policy: Policy) -> bool:
    """Tell whether it is likely that a plan's first call is known before what is up to date has been looked for."""
    if policy.incremental or policy.options.resume or policy.progress != "auto":
        return False
    return all(builds(target.settings) for target in policy.plan.targets) and bool(kind_at(STANDARD_INPUT))
