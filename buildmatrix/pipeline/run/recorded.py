"""What the last run on this machine left: asked where no registry tells, and with `--resume` of everything."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from buildmatrix.engine.registry import Registry
from buildmatrix.errors import StaleError
from buildmatrix.inputs.fingerprint import Fingerprints
from buildmatrix.oci.image import Image
from buildmatrix.plan.builds import Build, BuildPlan
from buildmatrix.plan.model import Plan
from buildmatrix.plan.outputs import builds, pushes_tags
from buildmatrix.plan.policy import Policy
from buildmatrix.plan.publishing import pushed_tags
from buildmatrix.spec.rows.outputs import CacheonlyOutput
from buildmatrix.state.images.contents import Contents
from buildmatrix.state.images.summary import ANNOTATION, read
from buildmatrix.state.images.telling import Telling
from buildmatrix.state.present import Present
from buildmatrix.state.record import ResultFile
from buildmatrix.state.result import Entry
from buildmatrix.state.resume import Remembered
from buildmatrix.state.values import Kept

OLD = "the last result (.buildmatrix/result.json) is of an older buildmatrix, which kept no fingerprints"
NONE = "there is no last result to go on from (.buildmatrix/result.json)"


def entries_of(result: ResultFile, policy: Policy, tell: Callable[[str], object]) -> Mapping[str, Entry]:
    """Return what the last run left; StaleError if that cannot be used, and nothing else is to be gone by.

    `tell` is told of what is missing.
    """
    try:
        found = result.known()
    except StaleError as error:
        if policy.options.resume:
            raise
        tell(error.diagnostics[0].message)
        return {}
    if result.is_old:
        tell(f"{OLD}: {'everything is built' if not policy.incremental else 'what only it tells of is built'}")
    elif policy.options.resume and not found and not policy.incremental:
        tell(f"{NONE}: everything is built")
    return found


def remembered(
    plan: BuildPlan,
    policy: Policy,
    entries: Mapping[str, Entry],
    fingerprints: Fingerprints,
    present: Present,
    **more: Any,
) -> Remembered:
    """Return what is known of the last run, and of what would be built now; `more` are fields of what is returned."""
    return Remembered(
        plan=plan.of,
        entries=entries,
        known=fingerprints.of,
        present=present,
        max_age=policy.max_age,
        now=time.time(),
        **more,
    )


def telling_of(
    plan: Plan,
    fingerprints: Fingerprints,
    entries: Mapping[str, Entry],
    registry: Registry,
    environment: Mapping[str, str],
) -> Telling:
    """Return who says what changed: by images, by what the last run left, and by values that are kept here."""

    def earlier(name: str) -> Iterator[Mapping[str, Contents]]:
        entry = entries.get(name)
        yield read({ANNOTATION: (entry and entry.record) or ""})
        for tag in pushed_tags(replace(plan.by_name[name], exported=True))[:1]:
            if isinstance(held := registry.look(tag), Image):
                yield read(held.index.annotations)

    return Telling(plan, fingerprints.of, fingerprints.within, Kept(environment), earlier)


def elsewhere(plan: BuildPlan, policy: Policy, last: Remembered) -> dict[str, str]:
    """Return why what targets write beside their tags will not do; what holds is left out."""
    if policy.options.everything:
        return {}
    wanted = {build.name: build for build in plan.targets if _is_asked(build, policy)}
    return {plan.by_name[name].target: why for name, why in last.doubts(wanted, tags=False).items()}


def _is_asked(build: Build, policy: Policy) -> bool:
    """Tell whether a Build pushes tags and writes anything that no registry tells of, or may be too old."""
    if not build.exported or not builds(build.settings):
        return False
    outputs = build.settings.output or ()
    if not any(map(pushes_tags, outputs)):
        return policy.max_age(build) is not None
    return any(not pushes_tags(one) and not isinstance(one, CacheonlyOutput) for one in outputs)


def by_records(policy: Policy, decided: Mapping[str, object]) -> Callable[[Build], bool]:
    """Return what tells of which Builds the records decide: of those that registries do not, with `--resume` of all."""
    options = policy.options
    if options.everything and policy.incremental:
        return lambda _: False
    return lambda build: options.resume or (build.target not in decided and not pushed_tags(build))
