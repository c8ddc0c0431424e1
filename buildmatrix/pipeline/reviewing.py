"""What a saved plan says of what goes in: found out when it is saved, held against what is there when it is applied.

plan --out: Looked ─ reviewed ─► Reviewed      apply PLAN.json: Reviewed ─ refuse_other_inputs, refuse_other_decisions
"""

import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from buildmatrix import __version__
from buildmatrix.engine.outcome import BuildOutcome
from buildmatrix.engine.registry import Registry
from buildmatrix.errors import Diagnostic, UsageError, and_more
from buildmatrix.inputs.fingerprint import ENVIRONMENT, FORMAT, Fingerprints
from buildmatrix.inputs.local import Aside
from buildmatrix.pipeline.pinning import Pinning
from buildmatrix.pipeline.run.fingerprints import fingerprints_of
from buildmatrix.pipeline.run.incremental import Looked, own_platform
from buildmatrix.plan.access.absent import as_saved
from buildmatrix.plan.builds import builds_of
from buildmatrix.plan.document.reviewed import Claim, Inputs, Reviewed
from buildmatrix.plan.document.verify import LEAVE_GIT_OUT, MAKE, MOST_SHOWN, is_of_git, stale
from buildmatrix.plan.model import Plan
from buildmatrix.plan.policy import Policy
from buildmatrix.plan.publishing import insecure_registries
from buildmatrix.process import Programs
from buildmatrix.spec.rows.options import Options
from buildmatrix.spec.rows.settings import Secret
from buildmatrix.state.decisions.decision import Decision
from buildmatrix.state.images.contents import is_private
from buildmatrix.state.record import ResultFile
from buildmatrix.text import redacted

if TYPE_CHECKING:
    from buildmatrix.pipeline.run.apply import Built


def reviewed(looked: Looked, policy: Policy, environment: Mapping[str, str]) -> Reviewed:
    """Return what is known of a plan that is being saved."""
    inputs = {}
    for target in looked.plan.targets:
        known, decision = looked.fingerprints.of(target.name), looked.decisions.get(target.name)
        inputs[target.name] = Inputs(
            fingerprints=known.fingerprints,
            doubt=known.doubt,
            built_for=_built_for(decision, target.platforms or (own_platform(),)) if decision else (),
            moves=decision.moves if decision else (),
        )
    looked.fingerprints.keep()
    return Reviewed(
        version=__version__,
        format=FORMAT,
        platform=own_platform(),
        incremental=policy.incremental,
        everything=policy.options.everything,
        content_tag=policy.content_tag,
        environment=_heeded(environment),
        inputs=inputs,
        files=looked.fingerprints.files(),
    )


def in_the_open(plan: Plan) -> Iterator[str]:
    """Yield the build arguments with values that are called like credentials: the plan holds them as they are."""
    names: dict[str, list[str]] = {}
    for target in plan.targets:
        for name, value in (target.settings.args or {}).items():
            if value and value == redacted(value) and is_private(name, value):
                names.setdefault(name, []).append(target.name)
    yield from (f"args.{name} of {targets[0]}{and_more(len(targets), 'target')}" for name, targets in names.items())


def with_git(saved: Reviewed) -> Iterator[Diagnostic]:
    """Yield a warning for each context of which a plan that is being saved reads git's own directory."""
    for folder in (folder for folder, paths in saved.files.items() if any(map(is_of_git, paths))):
        message = f"the context {folder} has .git in it: the plan is stale in any other checkout, and after a commit"
        yield Diagnostic(message=message, code="context", hint=LEAVE_GIT_OUT, severity="warning")


def _built_for(decision: Decision, platforms: tuple[str, ...]) -> tuple[str, ...]:
    """Return the platforms for which a target is to be built; none where it is not."""
    if decision.action == "skip":
        return ()
    return decision.platforms or platforms


def _heeded(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: environment[name] for name in ENVIRONMENT if name in environment}


def options_of(claim: Claim, options: Options) -> Options:
    """Return the options with those of the plan; UsageError for one that would build more, or less, than it says."""
    then = claim.reviewed
    others = {
        "--all": options.everything and not then.everything,
        "--no-incremental": options.incremental is False and then.incremental,
        "--content-tag": options.content_tag is True and not then.content_tag,
        "--no-content-tag": options.content_tag is False and then.content_tag,
    }
    if flag := next((flag for flag, differs in others.items() if differs), ""):
        hint = (
            f"give {flag} to plan" if flag != "--all" else "save it with plan --no-incremental: that builds all of it"
        )
        raise UsageError(Diagnostic(message=f"a saved plan is applied as it is: {flag}", code="usage", hint=hint))
    if not then.incremental:
        return options if options.incremental else options.but({"incremental": False})
    return options.but({"incremental": True, "everything": then.everything, "content_tag": then.content_tag})


def refuse_other_inputs(claim: Claim, policy: Policy, programs: Programs, written: Collection[str]) -> None:
    """Raise StaleError that names what goes into targets now and did not then, or the other way round.

    What the command writes itself may have been there when the plan was saved, or not. Whether optional secrets are
    there is asked anew where it is applied.
    """
    then, plan = claim.reviewed, as_saved(policy.plan, claim.absent_secrets)
    _refuse_other_terms(then, programs.environment)
    registry = Registry(programs, insecure_registries(plan))
    pinning = Pinning(plan, policy, programs.environment, registry, claim.pins)
    pins = pinning.settle(registry, own_images=False)
    ways = [[*written, claim.name], [claim.name]] if written else [[claim.name]]
    found: list[str] = []
    for left_out in ways:
        aside = Aside(left_out, ResultFile(builds_of(plan)).made)
        made = fingerprints_of(plan, pins, registry, programs.environment, then.platform, aside)
        if not (found := list(_differences(then, plan, made))):
            made.keep()
            return
    raise stale(found)


def refuse_other_secrets(then: Plan, now: Plan, names: Collection[str]) -> None:
    """Raise StaleError for an optional secret that is there for one of two plans alone, of some targets.

    What fingerprints say of a plan, every machine that builds a part of it has to come to.
    """
    before, here = (set(_secrets(plan, names)) for plan in (then, now))
    ways = ((here - before, "is there, and was not"), (before - here, "is not there, and was"))
    found = [
        f'secret "{id_}" of {name} {way} when the plan was saved' for some, way in ways for name, id_ in sorted(some)
    ]
    if found:
        raise stale(found, "let it be there for plan and for its jobs, or for neither; plan takes any word for it")


def _secrets(plan: Plan, names: Collection[str]) -> Iterator[tuple[str, str]]:
    for target in (one for one in plan.targets if one.name in names):
        every = (secret for one in target.each for secret in one.settings.secret or ())
        yield from ((target.name, secret.id) for secret in every if isinstance(secret, Secret))


def _refuse_other_terms(then: Reviewed, environment: Mapping[str, str]) -> None:
    if then.format != FORMAT:
        raise stale([f"buildmatrix {then.version} saved it, and {__version__} makes other fingerprints"])
    now = _heeded(environment)
    found = [name for name in ENVIRONMENT if then.environment.get(name) != now.get(name)]
    if found:
        raise stale([f"environment variable {name} {_was(name, then.environment, now)}" for name in found])


def _was(name: str, then: Mapping[str, str], now: Mapping[str, str]) -> str:
    if name in then and name in now:
        return f'was "{then[name]}", and is "{now[name]}"'
    return "is set here, and was not" if name in now else "was set, and is not set here"


def _differences(then: Reviewed, plan: Plan, made: Fingerprints) -> Iterator[str]:
    """Yield what is not as it was: files where those tell, else targets.

    Of what nobody could know when the plan was saved, contexts have been compared as a whole.
    """
    names = [target.name for target in plan.targets]
    yield from (f"target {name} is new" for name in names if name not in then.inputs)
    known = [name for name in names if name in then.inputs and not then.inputs[name].doubt]
    doubts = {name: doubt for name in known if (doubt := made.of(name).doubt)}
    yield from (f"whether {name} is what was planned cannot be told: {doubt}" for name, doubt in doubts.items())
    other = [name for name in known if made.of(name).fingerprints != then.inputs[name].fingerprints]
    if other and not doubts:
        files = list(islice(_files(plan.directory, then.files, made.files()), MOST_SHOWN + 1))
        yield from files or (f"what goes into {name} has changed" for name in other)


def _files(root: str, then: Mapping[str, Mapping[str, str]], now: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    """Yield what became of files. One that is there and was not read now may be another target's, or left out."""
    for folder in sorted({*then, *now}):
        before, here = then.get(folder, {}), now.get(folder, {})
        for path in sorted({*before, *here}):
            is_there = os.path.lexists(os.path.join(root, folder, path))  # noqa: PTH118 as it is written
            if before.get(path) != here.get(path) and (path in here or not is_there):
                name = os.path.normpath(os.path.join(folder, path))  # noqa: PTH118 as it is written
                yield f"{name} {'is gone' if path not in here else 'is new' if path not in before else 'has changed'}"


def refuse_other_decisions(then: Reviewed, decisions: Mapping[str, Decision], plan: Plan) -> None:
    """Raise StaleError where what was to be kept would be built now, or would have a tag moved of which nobody knew.

    What need not be built any more is fine: the tags of what was to be built were to be pushed.
    """
    if not then.incremental:
        return  # all of it was going to be built
    found = []
    for name, decision in decisions.items():
        was = then.inputs[name].built_for if name in then.inputs else ()
        now = _built_for(decision, plan.by_name[name].platforms or (then.platform,))
        if more := [platform for platform in now if platform not in was]:
            kept = f"kept for {', '.join(more)}" if was else "kept"
            found.append(f"{name} was to be {kept}, and has to be built now: {'; '.join(decision.because)}")
        planned = then.inputs[name].moves if name in then.inputs else ()
        if not was and (moves := [tag for tag in decision.moves if tag not in planned]):
            tags = f"tag {moves[0]}{and_more(len(moves), 'tag')}"
            found.append(f"{name} was to be kept, and {tags} would be moved now: {'; '.join(decision.because)}")
    if found:
        raise stale(found)


def held(built: "Built", overtaken: Mapping[str, str]) -> "Built":
    """Return how building ended, where only what was reviewed may be built: what another file went into has failed.

    `overtaken` are the targets of whose files one changed while they were built, with words for it.
    """
    ended = [one for one in built.outcomes.values() if one.exported and one.status in {"built", "cached"}]
    late = {one.name: overtaken[one.target] for one in ended if one.target in overtaken}
    if not late:
        return built
    outcomes = {
        name: replace(one, status="failed", reason=late[name]) if name in late else one
        for name, one in built.outcomes.items()
    }
    problem = stale([words + _pushed(built.outcomes[name]) for name, words in late.items()])
    before = built.problem
    return replace(
        built, outcomes=outcomes, problem=type(before)(*before.diagnostics, *problem.diagnostics) if before else problem
    )


def _pushed(outcome: BuildOutcome) -> str:
    return f" of {outcome.tags[0]}{and_more(len(outcome.tags), 'tag')}, which was pushed" if outcome.tags else ""


def refuse_other_platform(then: Reviewed, platform: str, plan: Plan) -> None:
    """Raise StaleError where targets that declare no platforms would be built for another one than was planned."""
    bare = next((target.name for target in plan.targets if not target.platforms), "")
    if bare and platform != then.platform:
        text = f"{bare} declares no platforms: it was planned for {then.platform}, and this builder is {platform}"
        raise stale([text], f'write platforms = ["{then.platform}"], or {MAKE}, on a machine like the builder')
