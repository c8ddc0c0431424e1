"""Templates and regular expressions by the process beside, which can be ended: the one budget of a whole planning."""

from collections.abc import Mapping, Sequence
from typing import Any

from buildmatrix.child import Beside, EndedError, SpentError
from buildmatrix.git.facts import GIT_NAMES, Git, NoRepositoryError
from buildmatrix.template.sandbox.serving import Known, serve
from buildmatrix.template.scope import FOLLOWS, NO_REPOSITORY, BadTemplateError, GitStandIn, Lazy

LONG = 200
"""Characters of a text beyond which it is given to the process beside once, and then only named."""


class Worker:
    """Asks the process beside. What it is ended over is not asked again, for whichever cell."""

    def __init__(self) -> None:
        self._beside = Beside(serve)
        self._names: dict[str, tuple[str, ...] | BadTemplateError] = {}
        self._hopeless: dict[Any, BadTemplateError] = {}
        self._tokens: dict[int, tuple[int, Any]] = {}
        self._start = 0
        self._git: Git | None = None

    def names(self, text: str) -> tuple[str, ...]:
        """Return the names that a template uses, in a stable order; BadTemplateError where it is wrong."""
        if text not in self._names:
            try:
                worked, said = self._asked(text, ("names", text))
                self._names[text] = said if worked else BadTemplateError(*said)
            except BadTemplateError as error:
                self._names[text] = error
        found = self._names[text]
        if isinstance(found, BadTemplateError):
            raise found
        return found

    def render(self, text: str, every: Sequence[Mapping[str, Any]]) -> list[str | BadTemplateError]:
        """Return the texts for several scopes, or in their place what is wrong with each."""
        return self._made("render", text, every)

    def evaluate(self, text: str, scope: Mapping[str, Any]) -> Any:
        """Return the value itself where the whole template is one `{{ … }}`, else the rendered text."""
        (found,) = self._made("evaluate", text, [scope])
        if isinstance(found, BadTemplateError):
            raise found
        return found

    def matches(self, pattern: str, texts: Sequence[str]) -> tuple[bool | None, ...]:
        """Tell for each text whether the pattern is found in it; None where that takes too long."""
        try:
            found: tuple[bool | None, ...] = self._asked(("pattern", pattern), ("match", pattern, list(texts)))
        except BadTemplateError:
            return (None,) * len(texts)
        return found

    def _made(self, kind: str, text: str, every: Sequence[Mapping[str, Any]]) -> list[Any]:
        """Return what becomes of each scope: a value, or the BadTemplateError in its place."""
        names = self.names(text)
        found: list[Any] = []
        for scope in every:
            try:
                found.append({name: _computed(scope[name]) for name in names if name in scope})
            except BadTemplateError as error:
                found.append(error)
        asked = [place for place, one in enumerate(found) if not isinstance(one, BadTemplateError)]
        try:
            answers = self._asked(text, (kind, text), [found[place] for place in asked])
        except BadTemplateError as error:
            answers = [(False, error.parts)] * len(asked)
        for place, (worked, said) in zip(asked, answers, strict=True):
            found[place] = said if worked else BadTemplateError(*said)
        return found

    def _asked(self, key: Any, question: tuple[Any, ...], prepare: list[dict[str, Any]] | None = None) -> Any:
        if key in self._hopeless:
            raise self._hopeless[key]
        try:
            return self._beside.ask(question if prepare is None else (*question, *self._prepared(prepare)), self._fact)
        except EndedError as error:
            self._hopeless[key] = BadTemplateError(f"the template takes too much {error}")
            raise self._hopeless[key] from None
        except SpentError:
            raise BadTemplateError("no time is left for it", code=FOLLOWS) from None

    def _prepared(self, every: list[dict[str, Any]]) -> tuple[dict[int, Any], list[dict[str, Any]]]:
        """Return the values as they are sent: what is large is sent once, and only named after that."""
        if (start := self._beside.start()) != self._start:
            self._start, self._tokens = start, {}
        news: dict[int, Any] = {}
        return news, [{name: self._sent(value, news) for name, value in values.items()} for values in every]

    def _sent(self, value: Any, news: dict[int, Any]) -> Any:
        if isinstance(value, Git):
            self._git = value
            return GitStandIn()
        if not isinstance(value, list | tuple | Mapping) and not (isinstance(value, str) and len(value) > LONG):
            return value
        if id(value) not in self._tokens:
            self._tokens[id(value)] = (len(self._tokens), value)
            news[self._tokens[id(value)][0]] = value
        return Known(self._tokens[id(value)][0])

    def _fact(self, name: Any) -> tuple[bool, Any]:
        """Return a fact of the repository, or what is wrong with it, since the process beside does not run git."""
        try:
            return True, getattr(self._git, name) if name in GIT_NAMES else None
        except NoRepositoryError as error:
            return False, (str(error), error.hint, NO_REPOSITORY)

    def close(self) -> None:
        """End the process beside."""
        self._beside.close()


def _computed(value: Any) -> Any:
    if not isinstance(value, Lazy):
        return value
    try:
        return value.compute()
    except NoRepositoryError as error:
        raise BadTemplateError(str(error), error.hint, NO_REPOSITORY) from None
