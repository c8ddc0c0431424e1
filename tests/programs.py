"""A docker that answers from a table, in place of `Programs`."""

from collections.abc import Sequence
from typing import Self

from buildmatrix.errors import Diagnostic, EngineError
from buildmatrix.process import Answer, Completed, Programs


def said(stdout: str = "", stderr: str = "", code: int = 0) -> Completed:
    return Completed(code=code, stdout=stdout, stderr=stderr)


SILENT = EngineError(Diagnostic(message="it did not answer", code="timeout"))


class Scripted(Programs):
    """Answers by the longest beginning of a command; what is not in the table fails the test.

    `plugin` is where a plugin of docker seems to be; `path` where docker itself does, None for where PATH has it.
    """

    def __init__(
        self,
        answers: dict[str, Completed | EngineError],
        environment: dict[str, str] | None = None,
        *,
        plugin: str = "",
        path: str | None = None,
    ) -> None:
        super().__init__(environment or {})
        self.answers, self.asked, self.plugin, self.path = answers, list[str](), plugin, path

    def docker(self) -> str:
        return super().docker() if self.path is None else self.path

    def docker_plugin(self, name: str) -> str:
        del name
        return self.plugin

    def begin(self, command: Sequence[str], *, reads: bool = False) -> "ScriptedAnswer":
        del reads
        words = " ".join(command)
        self.asked.append(words)
        known = [key for key in self.answers if f"{words} ".startswith(f"{key} ")]
        assert known, f"nobody expected: {words}"
        return ScriptedAnswer(self.answers[max(known, key=len)])


class ScriptedAnswer(Answer):
    """What the table says; EngineError is raised when it is waited for."""

    def __init__(self, answer: Completed | EngineError) -> None:
        self._answer = answer

    def result(self, timeout: float = 60.0, given: str = "") -> Completed:
        del timeout, given
        if isinstance(self._answer, EngineError):
            raise self._answer
        return self._answer

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing was started."""
