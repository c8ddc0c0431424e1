"""What the process beside does: it keeps the engine of templates, renders, and tries regular expressions."""

import re
import warnings
from collections.abc import Mapping
from functools import cache, cached_property
from typing import Any

from buildmatrix.child import Pipe, piece
from buildmatrix.git.facts import GIT_NAMES
from buildmatrix.limits import TooMuchError
from buildmatrix.template.scope import BadTemplateError, GitStandIn

SECONDS = 1.0
"""Processor time of one template, or of one pattern with all that it is tried on."""


def serve(pipe: Pipe) -> None:
    """Answer what `template.sandbox.worker` asks, until nobody asks any more."""
    desk = _Desk(pipe)
    while True:
        kind, *said = pipe.take()
        pipe.give((True, desk.answer(kind, said)))


class _Desk:
    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe
        self._given: dict[int, Any] = {}
        """Values that were given once, and are only named since."""
        self._git = _git(self._fact)

    @cached_property
    def _engine(self) -> Any:
        from buildmatrix.template.sandbox.environment import Engine

        return Engine(lambda: piece(SECONDS))

    def answer(self, kind: str, said: list[Any]) -> Any:
        if kind == "match":
            return _matches(*said)
        if kind == "names":
            return self._careful(lambda: self._template(said[0]).names)
        text, news, every = said
        self._given |= news
        return [self._careful(lambda: self._made(kind, text, values)) for values in every]  # noqa: B023 called at once

    def _template(self, text: str) -> Any:
        return self._compiled(text)

    @cached_property
    def _compiled(self) -> Any:
        return cache(self._engine.compile)

    def _made(self, kind: str, text: str, values: Mapping[str, Any]) -> Any:
        scope = {name: self._value(value) for name, value in values.items()}
        template = self._template(text)
        return template.render(scope) if kind == "render" else template.evaluate(scope)

    def _value(self, value: Any) -> Any:
        if isinstance(value, Known):
            return self._given[value.token]
        return self._git if isinstance(value, GitStandIn) else value

    def _careful(self, run: Any) -> tuple[bool, Any]:
        try:
            return True, run()
        except BadTemplateError as error:
            return False, error.parts

    def _fact(self, name: str) -> Any:
        self._pipe.give((False, name))
        worked, value = self._pipe.take()
        if not worked:
            raise BadTemplateError(*value)
        return value


class Known:
    """Stands for a value that the process beside was given before."""

    def __init__(self, token: int) -> None:
        self.token = token


def _git(ask: Any) -> Any:
    """Return what templates see as `git`: each fact is asked for where a template uses it, once."""

    def fact(name: str) -> Any:
        return cached_property(lambda _: ask(name))

    return type("Git", (), {name: fact(name) for name in GIT_NAMES})()


def _matches(pattern: str, texts: list[str]) -> tuple[bool | None, ...]:
    """Return, for each text, whether the pattern is found in it; None from the first on that takes too long."""
    found: list[bool | None] = []
    try:
        with piece(SECONDS), warnings.catch_warnings(action="ignore"):
            tried = re.compile(pattern)
            found += (tried.search(text) is not None for text in texts)
    except (re.error, OverflowError, RecursionError):
        return (True,) * len(texts)  # it is reported where it is declared
    except (TooMuchError, MemoryError):
        pass
    return (*found, *[None] * (len(texts) - len(found)))
