"""What became of a run as a document: `apply --format json`, and the report that ends in .json."""

import json
from dataclasses import asdict
from typing import Any

from buildmatrix.engine.outcome import Attempt, Finding, Outcome, StepOutcome, TargetOutcome
from buildmatrix.report.run.about import NOTHING, About
from buildmatrix.report.run.words import STATUSES, count_of
from buildmatrix.spec.rows.shapes import JsonSchema
from buildmatrix.text import json_safe

FORMAT_VERSION = 1


def run_json(outcome: Outcome, about: About = NOTHING) -> str:
    """Return the outcome as JSON, by the schema of `run_schema`; half surrogates, which are no text, become `�`."""
    return json_safe(json.dumps(_document(outcome, about), indent=2, ensure_ascii=False)) + "\n"


def _document(outcome: Outcome, about: About) -> dict[str, Any]:
    return {
        "format_version": FORMAT_VERSION,
        "command": about.command or None,
        "commit": about.commit or None,
        "branch": about.branch or None,
        "started": outcome.started or None,
        "seconds": round(outcome.seconds, 3),
        "builder": outcome.builder or None,
        "nodes": list(outcome.nodes),
        "publish": outcome.publish or None,
        "left_behind": list(outcome.left_behind),
        "problem": [diagnostic.message for diagnostic in outcome.problem.diagnostics] if outcome.problem else [],
        "totals": {"targets": len(outcome.targets), **count_of(outcome.targets)},
        "warnings": [_finding(finding) for finding in outcome.warnings],
        "targets": [_target(target, about) for target in outcome.targets],
    }


def _target(target: TargetOutcome, about: About) -> dict[str, Any]:
    spot = about.declared.get(target.name)
    ran = target.attempts or target.steps or target.seconds
    return {
        "name": target.name,
        "image": target.target,
        "target": target.declared,
        "file": spot.file if spot else None,
        "line": (spot.line or None) if spot else None,
        "status": target.status,
        "exported": target.exported,
        "platforms": list(target.platforms),
        "carried": list(target.carried),
        "tags": list(target.tags),
        "builds_upon": list(target.links),
        "needs": list(target.needs),
        "started": round(target.started, 3) if ran else None,
        "seconds": round(target.seconds, 3),
        "digest": target.digest or None,
        "index": target.index or None,
        "size": target.size or None,
        "failed_step": target.failed_step or None,
        "failed_file": target.failed_file or None,
        "failed_line": target.failed_line or None,
        "excerpt": target.excerpt or None,
        "reason": target.reason or None,
        "hint": target.hint or None,
        "log": target.log or None,
        "call": target.call or None,
        "findings": [_finding(finding) for finding in target.findings],
        "answer": target.answer or None,
        "attempts": [_attempt(attempt) for attempt in target.attempts],
        "steps": [_step(step) for step in target.steps],
    }


def _finding(finding: Finding) -> dict[str, Any]:
    values = (finding.rule, finding.message, finding.file, finding.line, finding.url)
    return {key: value or None for key, value in zip(_FINDING, values, strict=True)}


_FINDING = ("rule", "message", "file", "line", "url")


def _attempt(attempt: Attempt) -> dict[str, Any]:
    return asdict(attempt) | {
        "started": round(attempt.started, 3),
        "seconds": round(attempt.seconds, 3),
        "problem": attempt.problem or None,
        "kind": attempt.kind or None,
        "retried_in": attempt.retried_in or None,
    }


def _step(step: StepOutcome) -> dict[str, Any]:
    return {
        "at": step.at or None,
        "text": step.text,
        "started": round(step.started, 3),
        "seconds": round(step.seconds, 3),
        "cached": step.cached,
        "error": step.error or None,
        "node": step.node or None,
    }


_TEXT, _SECONDS = {"type": "string"}, {"type": "number", "minimum": 0}
_COUNT, _TRUTH = {"type": "integer", "minimum": 0}, {"type": "boolean"}
_TEXTS = {"type": "array", "items": _TEXT}
_TEXT_OR_NULL, _SECONDS_OR_NULL = {"type": ["string", "null"]}, {"type": ["number", "null"], "minimum": 0}


def run_schema() -> JsonSchema:
    """Return the JSON Schema of the document (draft 2020-12)."""
    ended = "What ended the run early, or made it fail."
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "What became of a run of buildmatrix",
        "description": "null is what is not known, or not there.",
        **_object(
            format_version={"const": FORMAT_VERSION},
            command=_TEXT_OR_NULL | {"description": "The command line, with *** for what is secret."},
            commit=_TEXT_OR_NULL | {"description": "The commit of the repository around the file."},
            branch=_TEXT_OR_NULL,
            started=_TEXT_OR_NULL | {"description": "The wall clock's time, RFC 3339, UTC."},
            seconds=_SECONDS,
            builder=_TEXT_OR_NULL,
            nodes=_TEXTS,
            publish=_TEXT_OR_NULL | {"description": "What became of the tags; null: they were pushed with the images."},
            left_behind=_TEXTS | {"description": "Things in a registry that nobody asked for."},
            problem=_TEXTS | {"description": ended},
            totals=_object(targets=_COUNT, **dict.fromkeys(STATUSES, _COUNT)),
            warnings={
                "type": "array",
                "items": _finding_schema(),
                "description": "BuildKit's about Dockerfiles, each once.",
            },
            targets={"type": "array", "items": _target_schema()},
        ),
    }


def _target_schema() -> JsonSchema:
    return _object(
        name=_TEXT | {"description": "Unique in the run: the image's name, with @PLATFORM for a part of it."},
        image=_TEXT | {"description": "The target or cell whose image it is, or is a part of."},
        target=_TEXT | {"description": "The name in the file."},
        file=_TEXT_OR_NULL | {"description": "The file that declares it, from the repository's root."},
        line={"type": ["integer", "null"], "minimum": 1, "description": "The line where it does."},
        status={
            "enum": list(STATUSES),
            "description": "kept: an earlier run built it, and nothing changed since; checked: nothing was built, "
            "its call was answered.",
        },
        exported=_TRUTH | {"description": "false: only built because others build upon it."},
        platforms=_TEXTS,
        carried=_TEXTS | {"description": "Platforms that were not built, but taken over from what its tags held."},
        tags=_TEXTS | {"description": "Those that point at it now."},
        builds_upon=_TEXTS,
        needs=_TEXTS,
        started=_SECONDS_OR_NULL | {"description": "Seconds from the run's start; null: it did not start."},
        seconds=_SECONDS | {"description": "From its first step to its last; 0 if it did not start."},
        digest=_TEXT_OR_NULL | {"description": "That of the image or index."},
        index=_TEXT_OR_NULL | {"description": "That of the index into which the image's parts were joined."},
        size={"type": ["integer", "null"], "minimum": 0, "description": "Bytes."},
        failed_step=_TEXT_OR_NULL,
        failed_file=_TEXT_OR_NULL | {"description": "The Dockerfile, or what holds it, from the repository's root."},
        failed_line={"type": ["integer", "null"], "minimum": 1},
        excerpt=_TEXT_OR_NULL | {"description": "The last lines of the failed step's log."},
        reason=_TEXT_OR_NULL | {"description": "Why it failed, was kept, built again, skipped or stopped."},
        hint=_TEXT_OR_NULL | {"description": "What to do about its failure."},
        log=_TEXT_OR_NULL | {"description": "The path of its full log."},
        call=_TEXT_OR_NULL | {"description": "What was asked instead of a build: check, outline or targets."},
        findings={"type": "array", "items": _finding_schema(), "description": "What a check found."},
        answer=_TEXT_OR_NULL | {"description": "The text that answers an outline or targets."},
        attempts={"type": "array", "items": _attempt_schema()},
        steps={"type": "array", "items": _step_schema()},
    )


def _finding_schema() -> JsonSchema:
    return _object(
        rule=_TEXT_OR_NULL | {"description": "null: an error."},
        message=_TEXT_OR_NULL,
        file=_TEXT_OR_NULL | {"description": "The Dockerfile, or what holds it, from the repository's root."},
        line={"type": ["integer", "null"], "minimum": 1},
        url=_TEXT_OR_NULL | {"description": "Where the rule is explained."},
    )


def _attempt_schema() -> JsonSchema:
    return _object(
        number={"type": "integer", "minimum": 1},
        started=_SECONDS | {"description": "Seconds from the run's start."},
        seconds=_SECONDS,
        problem=_TEXT_OR_NULL | {"description": "null: it worked."},
        kind=_TEXT_OR_NULL | {"description": "build, check, network, registry, engine, timeout or usage."},
        retried_in=_SECONDS_OR_NULL | {"description": "Seconds until the next attempt; null: there was none."},
    )


def _step_schema() -> JsonSchema:
    return _object(
        at=_TEXT_OR_NULL | {"description": "As in linux/amd64 2/5."},
        text=_TEXT | {"description": "As in RUN make."},
        started=_SECONDS | {"description": "Seconds from the run's start."},
        seconds=_SECONDS,
        cached=_TRUTH,
        error=_TEXT_OR_NULL,
        node=_TEXT_OR_NULL | {"description": "The builder's node that ran it."},
    )


def _object(**properties: JsonSchema) -> JsonSchema:
    return {"type": "object", "required": list(properties), "properties": properties, "additionalProperties": False}
