"""All checks are made, whatever is wrong: what becomes of each."""

from typing import Literal

from buildmatrix.engine.alone import as_spoken, spoken
from buildmatrix.engine.checks.every import CHECKS
from buildmatrix.engine.checks.model import Check, Scene, Verdict
from buildmatrix.errors import BuildmatrixError, Diagnostic, EngineError
from buildmatrix.records import dataclass

Status = Literal["ok", "warning", "error", "unknown", "skipped"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What became of a check; `exit_code` is what an error of it ends the program with."""

    name: str
    status: Status
    words: str
    problems: tuple[Diagnostic, ...] = ()
    exit_code: int = 0


@dataclass(frozen=True, kw_only=True)
class Examined:
    """All findings, in their order."""

    findings: tuple[Finding, ...]

    @property
    def exit_code(self) -> int:
        """That of the first error; 0 where nothing is known to be in the way."""
        return next((one.exit_code for one in self.findings if one.status == "error"), 0)


def examined(scene: Scene, without: str = "") -> Examined:
    """Return what each check found; nothing is raised for what is wrong. `without` says why there is no plan."""
    return Examined(findings=tuple(_finding(check, scene, without) for check in CHECKS))


def _finding(check: Check, scene: Scene, without: str) -> Finding:
    if check.of_plan and scene.plan is None:
        return Finding(name=check.name, status="skipped", words=f"not looked at: {without}")
    found = _looked(check, scene)
    status: Status = "error" if found.errors else "unknown" if found.unknown else "warning" if found.warnings else "ok"
    return Finding(
        name=check.name,
        status=status,
        words=spoken(found.unknown or found.words, scene.programs),
        problems=as_spoken(found.problems, scene.programs),
        exit_code=check.fails.exit_code if found.errors else 0,
    )


def _looked(check: Check, scene: Scene) -> Verdict:
    """Return the verdict of a check; what rests on a builder that does not answer is not known."""
    try:
        return check.look(scene)
    except EngineError as error:
        return Verdict(unknown=_unasked(error.diagnostics[0]))
    except BuildmatrixError as error:
        return Verdict(problems=error.diagnostics)


def _unasked(one: Diagnostic) -> str:
    """Return why the builder was not asked."""
    if one.code == "builder":
        return one.message
    if one.code == "disk":
        return "buildx cannot use its own directory"
    return "there is no buildx to ask" if one.code in {"missing", "buildx"} else "the builder does not answer"
