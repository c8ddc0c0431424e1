"""What became of a run as JUnit XML, which Jenkins, GitLab and others show as tests."""

from xml.etree import ElementTree as ET

from buildmatrix.engine.outcome import Attempt, BuildOutcome, Outcome
from buildmatrix.report.diagnostics.places import Spot
from buildmatrix.report.run.about import NOTHING, About
from buildmatrix.report.run.words import cause, duration, platforms_of, where_of
from buildmatrix.text import clean


def run_junit(outcome: Outcome, about: About = NOTHING) -> str:
    """Return a test case for each target; a run that failed without a failed target has one of its own."""
    root = ET.Element("testsuites")
    suite = ET.SubElement(root, "testsuite", name=about.program)
    _properties(suite, _run_facts(outcome, about))
    for target in outcome.targets:
        _case(suite, target, about.declared.get(target.name))
    if outcome.problem and not any(target.status == "failed" for target in outcome.targets):
        _case_of_run(suite, [diagnostic.message for diagnostic in outcome.problem.diagnostics])
    _totals(root, suite, outcome)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _run_facts(outcome: Outcome, about: About) -> list[tuple[str, str]]:
    facts = [("command", about.command), ("commit", about.commit), ("branch", about.branch)]
    facts += [("builder", outcome.builder), *(("node", node) for node in outcome.nodes), ("publish", outcome.publish)]
    facts += [("left_behind", str(left)) for left in outcome.left_behind]
    return [*facts, *(("warning", finding.text) for finding in outcome.warnings)]


def _properties(parent: ET.Element, facts: list[tuple[str, str]]) -> None:
    known = [(name, value) for name, value in facts if value]
    if known:
        properties = ET.SubElement(parent, "properties")
        for name, value in known:
            ET.SubElement(properties, "property", name=name, value=clean(value))


def _totals(root: ET.Element, suite: ET.Element, outcome: Outcome) -> None:
    for element in (root, suite):
        element.set("tests", str(len(suite.findall("testcase"))))
        element.set("failures", str(len(suite.findall("testcase/failure"))))
        element.set("errors", str(len(suite.findall("testcase/error"))))
        element.set("skipped", str(len(suite.findall("testcase/skipped"))))
        element.set("time", f"{outcome.seconds:.3f}")
    if outcome.started:
        suite.set("timestamp", clean(outcome.started[: len("2026-01-02T03:04:05")]))  # the schema wants no zone


def _case(suite: ET.Element, target: BuildOutcome, spot: Spot | None) -> None:
    case = ET.SubElement(
        suite, "testcase", classname=clean(_class(target, spot)), name=clean(target.name), time=f"{target.seconds:.3f}"
    )
    if spot:
        case.set("file", clean(spot.file))
    if spot and spot.line:
        case.set("line", str(spot.line))
    _properties(case, _facts(target))
    if target.status == "failed":
        _failure(case, target)
    elif target.status in {"stopped", "skipped"}:
        ET.SubElement(case, "skipped", message=clean(target.reason or target.status))
    if target.answer:
        ET.SubElement(case, "system-out").text = clean(target.answer)
    elif target.attempts:
        ET.SubElement(case, "system-out").text = clean("\n".join(map(_attempt, target.attempts)))


def _class(target: BuildOutcome, spot: Spot | None) -> str:
    """Return `buildmatrix.images.app.app`: before the last dot is what servers show as a package: the directory."""
    folders = [part.replace(".", "_") for part in (spot.file if spot else "").split("/")[:-1] if part not in {"", ".."}]
    return ".".join(["buildmatrix", *folders, target.declared])


def _facts(target: BuildOutcome) -> list[tuple[str, str]]:
    return [
        ("status", target.status),
        ("call", target.call),
        ("digest", target.digest),
        ("size", str(target.size or "")),
        *(("tag", tag) for tag in target.tags),
        ("platforms", platforms_of(target)),
        ("log", target.log),
    ]


def _failure(case: ET.Element, target: BuildOutcome) -> None:
    kind = (target.attempts[-1].kind if target.attempts else "") or "build"
    element = ET.SubElement(
        case,
        "failure" if kind in {"build", "check"} else "error",
        message=clean(cause(target) or "failed"),
        type=clean(kind),
    )
    log = f"full log: {target.log}" if target.log else ""
    texts = (where_of(target), target.failed_step, target.excerpt, target.hint, log)
    element.text = clean("\n".join(filter(None, texts)))


def _attempt(attempt: Attempt) -> str:
    start = f"attempt {attempt.number}, {duration(attempt.seconds)}: "
    again = f"; tried again in {duration(attempt.retried_in)}" if attempt.retried_in else ""
    kind = f" ({attempt.kind})" if attempt.kind else ""
    return f"{start}{attempt.problem}{kind}{again}" if attempt.problem else f"{start}worked"


def _case_of_run(suite: ET.Element, messages: list[str]) -> None:
    case = ET.SubElement(suite, "testcase", classname="buildmatrix", name="apply", time="0.000")
    ET.SubElement(case, "error", message=clean(messages[0]), type="run").text = clean("\n".join(messages))
