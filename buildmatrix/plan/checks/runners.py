"""Machines in `[runner]` for platforms that nothing is built for: perhaps the platform is misspelt."""

from collections.abc import Iterable

from buildmatrix.errors import Place, Problems, did_you_mean, some
from buildmatrix.plan.model import PlannedTarget
from buildmatrix.plan.runners import fits_runner
from buildmatrix.soundness import FILE
from buildmatrix.spec.rows.platforms import AUTO
from buildmatrix.spec.rows.tables import OTHERS, Spec


def warn_of_runners(spec: Spec, targets: Iterable[PlannedTarget], problems: Problems) -> None:
    """Warn of keys of `[runner]` that match no platform; `targets` are all, and nothing is said where one is "auto"."""
    platforms = dict.fromkeys(platform for target in targets for platform in target.platforms) if spec.runners else {}
    if AUTO in platforms:
        return
    for key in spec.runners:
        if key != OTHERS and not any(fits_runner(key, platform) for platform in platforms):
            message = f'[runner] "{key}" matches no platform of any target'
            hint = did_you_mean(key, platforms) or f"targets are built for {some(platforms)}"
            hint = hint if platforms else "no target says its platforms: write platforms = [ … ]"
            place = Place(file=spec.file, pointer=("runner", key), part="key")
            problems.warn("runner", message, place, hint=hint, rests_on=[FILE])
