"""The directory of a run: the files of its calls, and of the programs that it starts, all gone with the run."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from buildmatrix.build.calls.ahead import Ahead, may_be_ahead
from buildmatrix.engine.buildx import Probe
from buildmatrix.lock import FILE
from buildmatrix.lock.named import takes_images
from buildmatrix.lock.policy import pointed
from buildmatrix.plan.policy import Policy
from buildmatrix.process import Programs, written_in
from buildmatrix.records import dataclass


@dataclass(frozen=True, kw_only=True)
class RunDirectory:
    """A directory that a run writes to, and the bake call that waits in it, None where none could be started yet."""

    path: Path
    ahead: Ahead | None = None

    def writing(self, programs: Programs) -> Programs:
        """Return programs that write their temporary files to it: buildx leaves some where it is killed.

        It is made again where somebody has cleaned up while registries were asked; EngineError where that cannot be.
        """
        with written_in(self.path):
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        return programs.with_variable("TMPDIR", str(self.path))


@contextmanager
def run_directory(policy: Policy, programs: Programs, probe: Probe, *, whole: bool) -> Iterator[RunDirectory]:
    """Make the directory of a run, and start the first call of a `whole` plan ahead if it is known which one it is."""
    with tempfile.TemporaryDirectory(prefix="buildmatrix-", ignore_cleanup_errors=True) as name, ExitStack() as stack:
        found = RunDirectory(path=Path(name))
        ahead = None
        buildx = probe.remembered() if whole and may_be_ahead(policy) else None
        if buildx:
            with suppress(OSError):  # the disk is full: whoever starts the call otherwise says so
                likely = found.writing(programs)
                likely = pointed(likely, found.path) if _has_source_policy(policy) else likely
                ahead = stack.enter_context(Ahead(policy, buildx, likely, found.path / "first"))
        yield RunDirectory(path=found.path, ahead=ahead)


def _has_source_policy(policy: Policy) -> bool:
    """Tell whether a run is likely to have a source policy."""
    return os.path.lexists(os.path.join(policy.plan.directory, FILE)) or takes_images(policy.plan)  # noqa: PTH118
