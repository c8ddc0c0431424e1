"""Words that all run reports share: counts, durations, sizes."""

from collections.abc import Iterable

from buildmatrix.engine.outcome import BuildOutcome, Kind, Leftover, Outcome, Status
from buildmatrix.errors import Diagnostic, and_more
from buildmatrix.oci.reference import parse
from buildmatrix.report.layout import in_a_line

STATUSES: tuple[Status, ...] = ("built", "cached", "unchanged", "checked", "failed", "stopped", "skipped")
"""In the order in which they are counted."""

DIGEST = len("sha256:") + 12
"""Characters of a digest that are shown."""

FEW = 3
"""Tags of a registry that are left behind and named one by one."""


def last_lines(text: str, longest: int) -> str:
    """Return the end of a text in at most `longest` characters, from a line's start; that it was cut is said."""
    text = text.rstrip()
    if len(text) <= longest:
        return text
    end = text[-longest:]
    return "…\n" + (end.partition("\n")[2] or end)


def count_of(targets: Iterable[BuildOutcome]) -> dict[Status, int]:
    """Return how many targets have each status."""
    found: dict[Status, int] = dict.fromkeys(STATUSES, 0)
    for target in targets:
        found[target.status] += 1
    return found


def counts(outcome: Outcome) -> str:
    """Return `4 built, 1 cached, 1 failed`."""
    numbers = count_of(outcome.targets).items()
    return ", ".join(f"{number} {status}" for status, number in numbers if number) or "nothing built"


def counts_in_time(outcome: Outcome) -> str:
    """Return the same with how long it took; where nothing ran, nothing was timed."""
    ran = any(target.status != "unchanged" for target in outcome.targets)
    return f"{counts(outcome)} in {duration(outcome.seconds)}" if ran else counts(outcome)


def counted(number: int, thing: str) -> str:
    """Return `1 warning` or `12 warnings`."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def duration(seconds: float) -> str:
    """Return `12.4s`, `1:05` or `1:00:05`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes_left = divmod(minutes, 60)
    if hours:
        return f"{hours}:{minutes_left:02}:{rest:02}"
    return f"{minutes}:{rest:02}" if minutes else f"{seconds:.1f}s"


def size(number: int) -> str:
    """Return bytes as docker shows them: `12.3 MB`; "" for 0, which is not known."""
    if not number:
        return ""
    amount = float(number)
    for unit in ("B", "kB", "MB", "GB"):
        if round(amount, 1) < 1000:  # noqa: PLR2004
            return f"{amount:.0f} B" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


def problems(outcome: Outcome) -> list[str]:
    """Return what ended the run and what to do about it, except what only says again that a target failed."""
    found = outcome.problem.diagnostics if outcome.problem else ()
    is_told = any(target.status == "failed" for target in outcome.targets)
    said = told(outcome)
    left = [one for one in found if one not in said and (one.hint or not is_told or len(found) > 1)]
    return [f"{one.message}: {in_a_line(one.hint)}" if one.hint else one.message for one in left]


def told(outcome: Outcome) -> frozenset[Diagnostic]:
    """Return the problems of which all is said with the targets that failed."""
    return frozenset(target.problem for target in outcome.targets if target.problem)


def left_behind(outcome: Outcome) -> list[str]:
    """Return what stays in registries, and why: a line for each tag that is wrong, and one for those of a registry."""
    groups: dict[tuple[str, Kind], list[Leftover]] = {}
    for left in outcome.left_behind:
        groups.setdefault((parse(left.tag).host, left.kind), []).append(left)
    return [line for (host, kind), found in groups.items() for line in _left_behind(host, kind, found)]


def _left_behind(host: str, kind: Kind, found: list[Leftover]) -> list[str]:
    reasons = list(dict.fromkeys(left.because for left in found if left.because))
    because = f": {reasons[0]}{and_more(len(reasons), 'reason')}" if reasons else ""
    if kind == "stuck" or len(found) == 1:
        return [f"left behind: {left}{because}" for left in found]
    again = ", which the next run uses again" if kind == "reused" else ""
    if len(found) <= FEW:
        return [f"left behind: {', '.join(left.tag for left in found)} (staging tags{again}){because}"]
    return [f"left behind in {host}: {counted(len(found), 'staging tag')}{again}{because}"]


def left_to_others(targets: Iterable[BuildOutcome]) -> dict[str, list[str]]:
    """Return by the name of a target what is said of the tags that it leaves to others, for each that is there."""
    found = list(targets)
    lost = {one.target: one.status for one in found if one.status in {"failed", "stopped", "skipped"}}
    return {
        target.name: [_left(tag, other, lost.get(other)) for tag, other in target.tags_left_to.items()]
        for target in found
        if target.name not in lost
    }


def _left(tag: str, other: str, lost: Status | None) -> str:
    why = "" if lost is None else f", which {'failed' if lost == 'failed' else f'was {lost}'}"
    return f"{tag} is left to {other}{why}"


def platforms_of(target: BuildOutcome) -> str:
    """Return the platforms of what a target left: `linux/arm64, carried over linux/amd64`."""
    built, carried_over = " ".join(target.platforms), " ".join(target.carried_over)
    return f"{built}, carried over {carried_over}" if carried_over else built


def where_of(target: BuildOutcome) -> str:
    """Return `FILE:LINE` of the step that failed; "" where that is not known."""
    return f"{target.failed_file}:{target.failed_line}" if target.failed_line else ""


def asked(target: BuildOutcome) -> str:
    """Return what came of a target's `call`, in short: `check: no warnings`; "" where it was built."""
    if not target.call or target.status != "checked":
        return ""
    return "check: no warnings" if target.call == "check" and not target.findings else target.call


def cause(target: BuildOutcome) -> str:
    """Return why a target did not get built: the step that failed, else the last attempt's problem or the reason."""
    problem = target.attempts[-1].problem if target.attempts else ""
    return target.failed_step or target.reason or problem
