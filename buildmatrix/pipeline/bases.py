"""Who tells which platforms external images have, for `platforms = "auto"`; nothing is imported before it is asked."""

from collections.abc import Callable, Mapping
from dataclasses import field, replace
from typing import TYPE_CHECKING

from buildmatrix.plan.auto import Bases, Doubt, Named
from buildmatrix.plan.model import PlannedTarget
from buildmatrix.process import Programs
from buildmatrix.records import dataclass
from buildmatrix.spec.rows.options import Apply

if TYPE_CHECKING:
    from buildmatrix.lock.auto import BasePlatforms


@dataclass(frozen=True, kw_only=True)
class Asking:
    """What is known beside the lock file, and whether registries are asked: with `programs` only.

    `asks` says of what a file tells of running it whether the run asks any. `digests` are those of images, by short
    name, that a saved plan has. Unless it is `strict`, what is not known stays open. `beside` is the directory
    of another lock file, for what that of the plan lacks; "" for none.
    """

    programs: Programs | None = None
    asks: Callable[[Apply], bool] = lambda _: True
    digests: Mapping[str, str] = field(default_factory=dict)
    strict: bool = True
    beside: str = ""

    def bases(self, directory: str, environment: Mapping[str, str], said: Apply | None = None) -> Bases:
        """Return who tells the platforms of external images: the lock file of a directory, then registries."""
        made: list[BasePlatforms] = []
        programs = self.programs if said is None or self.asks(said) else None

        def asked(target: PlannedTarget, written: Named) -> Named | Doubt | None:
            if not made:
                made.append(_made(directory, environment, programs, self))
            found = made[0](target, written)
            return None if isinstance(found, Doubt) and not self.strict else found

        return asked


NOBODY = Asking()
OPEN = Asking(strict=False)


def _made(directory: str, environment: Mapping[str, str], programs: Programs | None, asking: Asking) -> "BasePlatforms":
    from buildmatrix.engine.registry import Registry
    from buildmatrix.lock.auto import BasePlatforms
    from buildmatrix.lock.file import read_lock

    lock = read_lock(directory)
    if asking.beside:
        lock = replace(lock, images={**read_lock(asking.beside).images, **lock.images})
    if programs is None:
        return BasePlatforms(directory, lock, environment, None)
    known: dict[frozenset[str], Registry] = {}

    def registry(insecure: frozenset[str]) -> Registry:
        if insecure not in known:
            known[insecure] = Registry(programs, insecure)
        return known[insecure]

    return BasePlatforms(directory, lock, environment, registry, asking.digests)
