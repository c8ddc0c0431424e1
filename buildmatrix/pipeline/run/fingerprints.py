"""The fingerprints of a plan, with what registries tell of its external images."""

from collections.abc import Mapping

from buildmatrix.dockerfile.images import platforms_in
from buildmatrix.engine.registry import Registry
from buildmatrix.inputs.fingerprint import Fingerprints, Locked
from buildmatrix.inputs.local import Aside
from buildmatrix.lock.bases import COUNTS
from buildmatrix.lock.configs import configs
from buildmatrix.lock.pins import Pins
from buildmatrix.plan.access.reach import dockerfile_of, text_of
from buildmatrix.plan.model import Plan


def fingerprints_of(
    plan: Plan,
    pins: Pins,
    registry: Registry,
    environment: Mapping[str, str],
    own: str,
    aside: Aside,
    *,
    wanted: bool = True,
) -> Fingerprints:
    """Return what makes the fingerprints of a plan; `own` is the platform of what declares none.

    `aside` is what runs write themselves. Where nobody has `wanted` them, and a machine of a CI service is
    gone tomorrow with what it remembers, Docker Hub, which counts such questions as pulls, is not asked for them.
    """
    spared = () if wanted or not environment.get("CI") else (COUNTS,)
    texts = {target.settings.dockerfile_inline or dockerfile_of(target.settings): target for target in plan.each}
    named = (platforms_in(text_of(target, plan.directory)) for target in texts.values())
    platforms = {own, *(name for target in plan.targets for name in target.platforms)}.union(*named)
    digests = {target.name: pins.of([target.name]) for target in plan.targets}
    known = configs(pins, registry, environment, platforms, spared)
    locked = Locked([pin.name for pin in pins.pins if pin.origin == "lock"], pins.fetched)
    return Fingerprints(plan, digests, known, environment, own, aside, locked)
