"""What the builder answers to a target's `call`: findings of a check, or what a Dockerfile offers; nothing is built.

Bake writes the answers into its metadata, also where a check found something and bake therefore ends with exit code 1
(found with 0.29): `result.statuscode`, `result.txt`, and `result.json` with warnings and their ranges of lines.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from buildmatrix.engine.failures.classify import Failure
from buildmatrix.engine.failures.places import place_in
from buildmatrix.engine.outcome import Finding
from buildmatrix.errors import BuildFailedError, Diagnostic
from buildmatrix.plan.model import PlannedTarget
from buildmatrix.records import dataclass


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An answer: `text` is what describes the Dockerfile, "" for a check; `passed` is false if a check failed."""

    passed: bool
    findings: tuple[Finding, ...] = ()
    text: str = ""

    @property
    def lines(self) -> list[str]:
        """All that was answered."""
        return [finding.text for finding in self.findings] or self.text.splitlines() or ["no warnings"]

    @property
    def reason(self) -> str:
        """What a check found, in short: `2 warnings`."""
        errors = sum(not finding.rule for finding in self.findings)
        warnings = len(self.findings) - errors
        counts = ((errors, "error"), (warnings, "warning"))
        return ", ".join(f"{count} {word}{'s' if count != 1 else ''}" for count, word in counts if count)


def answer_of(target: PlannedTarget, directory: str, found: Mapping[str, Any]) -> Answer | None:
    """Return the answer that bake's metadata of a target holds, whose plan is of `directory`; None if there is none."""
    if "result.txt" not in found and "result.json" not in found:
        return None
    passed = found.get("result.statuscode") in {None, "", "0"}
    if target.settings.call != "check":
        return Answer(passed=passed, text=str(found.get("result.txt") or "").strip("\n"))
    findings = sorted(_findings(found.get("result.json")), key=lambda one: (bool(one.rule), one.line))
    placed = (replace(one, place=place_in(target, directory, one.line)) for one in findings)
    return Answer(passed=passed, findings=tuple(placed))


def failure_of(target: PlannedTarget, answer: Answer) -> Failure:
    """Return the failure of a target whose check did not pass."""
    message = f"{target.name} failed: its {target.settings.call} found {answer.reason or 'something'}"
    places = [finding.place for finding in answer.findings]
    place = places[0] if places else target.place_of("call")
    problem = BuildFailedError(Diagnostic(message=message, code="check", place=place))
    return Failure(target=target.name, problem=problem, kind="check")


def _findings(document: Any) -> Iterator[Finding]:
    document = document if isinstance(document, Mapping) else {}
    if isinstance(error := document.get("buildError"), Mapping) and error.get("message"):
        yield Finding(rule="", message=str(error["message"]), line=_line(error))
    warnings = document.get("warnings")
    for warning in warnings if isinstance(warnings, list) else ():
        if isinstance(warning, Mapping):
            yield Finding(
                rule=str(warning.get("ruleName") or "warning"),
                message=str(warning.get("detail") or warning.get("description") or ""),
                url=str(warning.get("url") or ""),
                line=_line(warning),
            )


def _line(found: Mapping[str, Any]) -> int:
    """Return the first line of a place, 0 where none is told."""
    try:
        line = found["location"]["ranges"][0]["start"]["line"]
    except (KeyError, IndexError, TypeError):
        return 0
    return line if isinstance(line, int) and line > 0 else 0
