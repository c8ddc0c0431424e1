"""An outcome whose places are files and lines: what the reports of a run show."""

from dataclasses import replace

from buildmatrix.engine.failures.places import told_at
from buildmatrix.engine.outcome import BuildOutcome, Finding, Outcome
from buildmatrix.report.diagnostics.places import Places


def located(outcome: Outcome, places: Places) -> Outcome:
    """Return an outcome with the files, from the repository's root, and the lines of its failures and warnings."""
    targets = tuple(_target(target, places) for target in outcome.targets)
    warnings = sorted((_finding(one, places) for one in outcome.warnings), key=lambda one: (one.file, one.line))
    return replace(outcome, targets=targets, warnings=tuple(warnings))


def _target(target: BuildOutcome, places: Places) -> BuildOutcome:
    if target.place is None and not target.findings:
        return target
    is_of_dockerfile = target.place is not None and (target.place.within or target.place.line)
    spot = places.spot(target.place) if is_of_dockerfile else None
    findings = tuple(_finding(one, places) for one in target.findings)
    within = target.place.within if target.place else 0
    where = f"{spot.file}:{spot.line}" if spot and spot.line else ""
    inline = f" (line {within} of dockerfile-inline)" if within else ""
    excerpt = told_at(target.excerpt, where + inline) if where else target.excerpt
    if target.status == "failed":
        excerpt = "\n".join(filter(None, (excerpt, *(one.text for one in findings))))
    file, line = (spot.file, spot.line) if spot else ("", 0)
    return replace(target, findings=findings, excerpt=excerpt, failed_file=file, failed_line=line)


def _finding(finding: Finding, places: Places) -> Finding:
    spot = places.spot(finding.place)
    return replace(finding, file=spot.file, line=spot.line) if spot else finding
