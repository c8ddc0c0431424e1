"""The platforms of the external images of a target, for `platforms = "auto"`: by the lock file, else by registries."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from buildmatrix.dockerfile.images import bases_for_any
from buildmatrix.dockerfile.links import full
from buildmatrix.engine.registry import Registry
from buildmatrix.lock.bases import KeptPlatforms
from buildmatrix.lock.file import Lock
from buildmatrix.lock.named import short_name
from buildmatrix.lock.policy import SCHEME
from buildmatrix.oci.answers import Absent, Unknown
from buildmatrix.oci.http.parallel import all_of
from buildmatrix.oci.image import Image
from buildmatrix.oci.reference import parse
from buildmatrix.plan.access.reach import text_of
from buildmatrix.plan.auto import Doubt, Named
from buildmatrix.plan.model import PlannedTarget
from buildmatrix.plan.publishing import insecure_outputs

HINT = 'run buildmatrix lock, which asks registries and keeps what they say, or write platforms = ["linux/amd64", …]'


class BasePlatforms:
    """Tells the platforms of external images, each asked once (`plan.auto.Bases`)."""

    def __init__(
        self,
        directory: str,
        lock: Lock,
        environment: Mapping[str, str],
        registry: Callable[[frozenset[str]], Registry] | None,
        digests: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Take what makes the way to registries that may do without TLS; None where nobody is asked.

        `digests` are those of images that are known already, by short name.
        """
        self._directory, self._lock, self._registry = directory, lock, registry
        self._digests = digests
        self._kept = KeptPlatforms(environment)
        self._known: dict[str, tuple[str, ...] | Doubt] = {}

    def __call__(self, target: PlannedTarget, written: Named) -> Named | Doubt:
        """Return the platforms of each image that a target is made from; or why that is not known."""
        settings = target.settings
        if not (text := text_of(target, self._directory)):
            return Doubt("its Dockerfile cannot be read here")
        contexts = settings.contexts or {}
        bases = bases_for_any(text, target=settings.target, args=settings.args or {}, contexts=contexts)
        if bases.doubt:
            return Doubt(bases.doubt)
        places = [contexts[name] for name in sorted(bases.contexts)]
        if strange := next((one for one in places if "://" in one and not one.startswith(SCHEME)), ""):
            return Doubt(f"it is made from {strange}, whose platforms are not known")
        names = {*bases.images, *(full(one.removeprefix(SCHEME)) for one in places if one.startswith(SCHEME))}
        return self._of(sorted(names), written, insecure_outputs(target))

    def _of(self, names: list[str], written: Named, insecure: frozenset[str]) -> Named | Doubt:
        new = [name for name in names if name not in written and name not in self._known]
        registry = self._registry(insecure) if self._registry is not None else None
        self._known |= all_of(lambda name: self._asked(name, registry), new)
        found = {name: written.get(name) or self._known[name] for name in names}
        if doubts := [have for have in found.values() if isinstance(have, Doubt)]:
            return doubts[0]
        return {short_name(name): have for name, have in found.items() if not isinstance(have, Doubt)}

    def _asked(self, name: str, registry: Registry | None) -> tuple[str, ...] | Doubt:
        short = short_name(name)
        if (locked := self._lock.images.get(short)) is not None:
            return locked.platforms
        if registry is None:
            return Doubt(f"nobody knows here which platforms {short} has", HINT)
        digest = parse(name).digest or self._digests.get(short, "")
        if not digest:
            answer = registry.head(name)
            if isinstance(answer, Unknown | Absent):
                return Doubt(f"nobody knows which platforms {short} has: {_why(answer, name)}")
            digest = answer.digest
        return self._kept.known.get(digest) or self._read(name, digest, registry)

    def _read(self, name: str, digest: str, registry: Registry) -> tuple[str, ...] | Doubt:
        held = registry.content(parse(name).repository, digest)
        if not isinstance(held, Image):
            return Doubt(f"nobody knows which platforms {short_name(name)} has: {_why(held, name)}")
        if held.kind != "image" or not held.platforms:
            return Doubt(f"{short_name(name)} is not an image with platforms")
        return tuple(sorted(held.platforms))


def _why(answer: Absent | Unknown, name: str) -> str:
    return answer.reason if isinstance(answer, Unknown) else f"{parse(name).host} does not have it"
