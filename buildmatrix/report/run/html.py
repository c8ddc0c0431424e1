"""What became of a run as one page: nothing else is loaded, and all that matters is there without JavaScript."""

from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from buildmatrix.engine.outcome import Attempt, BuildOutcome, Outcome, Status, StepOutcome
from buildmatrix.records import dataclass
from buildmatrix.report.run.about import NOTHING, About, link_from
from buildmatrix.report.run.graph import graph_of
from buildmatrix.report.run.timeline import longest_text, most_steps, picked, timeline_of
from buildmatrix.report.run.words import (
    STATUSES,
    asked,
    cause,
    count_of,
    counted,
    counts,
    duration,
    last_lines,
    left_behind,
    left_to_others,
    platforms_of,
    problems,
    size,
    where_of,
)
from buildmatrix.text import clean

MOST_FAILURES, ALL_EXCERPTS, LONGEST_EXCERPT = 50, 150_000, 20_000
"""Failures that are shown with their logs, characters of all these logs, and of one."""

MARKS = {"built": "●", "cached": "○", "unchanged": "◌", "checked": "✓", "failed": "✕", "stopped": "■", "skipped": "–"}


def run_html(outcome: Outcome, about: About = NOTHING) -> str:
    """Return the page."""
    targets = outcome.targets
    return _template().render(
        run=outcome,
        about=about,
        left=left_to_others(targets),
        left_behind=left_behind(outcome),
        log_links={target.name: link for target in targets if (link := link_from(about.page, target.log))},
        title=counts(outcome),
        verdict=_verdict(outcome),
        totals=[(status, number) for status, number in count_of(targets).items() if number],
        ids={target.name: f"t{number}" for number, target in enumerate(targets)},
        problems=problems(outcome),
        failed=[target for target in targets if target.status == "failed"],
        most_failures=MOST_FAILURES,
        longest_excerpt=_longest_excerpt(targets),
        graph=graph_of(targets),
        groups=_groups(targets),
        timeline=timeline_of(outcome),
        most_steps=most_steps(outcome),
        longest_text=longest_text(outcome),
    )


@cache
def _template() -> Template:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=_finalized
    )
    environment.filters |= {
        "duration": duration,
        "size": size,
        "asked": asked,
        "cause": cause,
        "counted": counted,
        "where_of": where_of,
        "platforms_of": platforms_of,
        "last_lines": last_lines,
        "picked": picked,
        "steps_text": _steps_text,
        "attempt_text": _attempt_text,
        "breakable": _breakable,
    }
    environment.globals |= {"marks": MARKS}
    return environment.from_string(files(__package__).joinpath("page.html.jinja").read_text(encoding="utf-8"))


def _finalized(value: Any) -> Any:
    """Clean whatever the template writes."""
    return clean(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _breakable(tag: str) -> Markup:
    """Return a tag that rather breaks behind a slash than within a word."""
    return Markup("/<wbr>").join(clean(tag).split("/"))


def _verdict(outcome: Outcome) -> tuple[Status, str]:
    """Return the run in a few words, and the status whose colour they have."""
    numbers, everything = count_of(outcome.targets), len(outcome.targets)
    if numbers["failed"]:
        return "failed", f"{numbers['failed']:,} of {everything:,} targets failed"
    if outcome.problem:
        return "failed", "The run failed"
    if numbers["stopped"] or numbers["skipped"]:
        return "stopped", f"{numbers['stopped'] + numbers['skipped']:,} of {everything:,} targets were not built"
    if everything == 1:
        return "built", "1 target is done"
    return (
        ("built", f"All {everything:,} targets are done") if everything else ("skipped", "There was nothing to build")
    )


def _longest_excerpt(targets: Sequence[BuildOutcome]) -> int:
    many = min(MOST_FAILURES, sum(bool(target.excerpt) for target in targets))
    return min(LONGEST_EXCERPT, ALL_EXCERPTS // max(1, many))


@dataclass(frozen=True, kw_only=True)
class Group:
    """All targets of one name in the file."""

    name: str
    targets: tuple[BuildOutcome, ...]
    counts: Mapping[Status, int]
    upon: tuple[str, ...]


def _groups(targets: Sequence[BuildOutcome]) -> list[Group]:
    members: dict[str, list[BuildOutcome]] = {}
    for target in targets:
        members.setdefault(target.declared, []).append(target)
    declared = {target.name: target.declared for target in targets}
    return [_group(name, few, declared) for name, few in members.items()]


def _group(name: str, targets: Sequence[BuildOutcome], declared: Mapping[str, str]) -> Group:
    upon = {declared.get(first, first): None for target in targets for first in (*target.depends_on, *target.needs)}
    numbers = count_of(targets)
    return Group(
        name=name,
        targets=tuple(targets),
        counts={status: numbers[status] for status in STATUSES if numbers[status]},
        upon=tuple(first for first in upon if first != name),
    )


def _steps_text(steps: Sequence[StepOutcome]) -> str:
    """Return `12 steps, 5 cached`."""
    cached = sum(step.cached for step in steps)
    text = f"{len(steps):,} step{'' if len(steps) == 1 else 's'}"
    return f"{text}, {cached:,} cached" if cached else text


def _attempt_text(attempt: Attempt) -> str:
    kind = f" ({attempt.kind})" if attempt.kind else ""
    again = f"; tried again in {duration(attempt.retried_in)}" if attempt.retried_in else ""
    return f"{attempt.problem}{kind}{again}" if attempt.problem else "worked"
