"""A saved plan is a claim: it is made again from the files that are here, and applied only if it is the same.

So nothing that it says is believed: what is built, and what that needs to be allowed, is what the files say now.
"""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from buildmatrix.errors import BuildmatrixError, Diagnostic, StaleError, UsageError
from buildmatrix.files import Repository
from buildmatrix.patterns import regex
from buildmatrix.plan.document.fields import FORMAT_VERSION, plan_schema
from buildmatrix.spec.rows.tables import BakeFiles
from buildmatrix.spec.toml.plain import BadDataError, json_of, oddities
from buildmatrix.template.machine import EPOCH
from buildmatrix.template.request import Request
from buildmatrix.text import HIDDEN

MAKE = "make it with: buildmatrix plan --out plan.json"
AGAIN = f"{MAKE} (and the selectors and options that it had)"
LEAVE_GIT_OUT = "git changes .git, and no checkout has the same: leave it out, by a line .git in the .dockerignore"
MOST_SHOWN = 8
_OF_GIT = regex(r"(^|/)\.git(/| (has changed|is gone|is new)|$)")

Document = Mapping[str, Any]


def made_with(file: str) -> str:
    """Return the command that makes a saved plan of this name."""
    return MAKE.replace("plan.json", shlex.quote(file))


@contextmanager
def naming(file: str) -> Iterator[None]:
    """Let hints name the file of a saved plan, as the command line does, in the command that makes it."""
    try:
        yield
    except BuildmatrixError as error:
        found = (replace(one, hint=one.hint.replace(MAKE, made_with(file))) for one in error.diagnostics)
        raise type(error)(*found) from None


def is_of_git(path: str) -> bool:
    """Tell whether a path, or what begins with one and says what became of it, is of git's own directory."""
    return _OF_GIT.search(path) is not None


def stale(found: Sequence[str], hint: str = "") -> StaleError:
    """Return the error of a saved plan that is not what it was: it names the first of what was found."""
    hint = hint or (f"{LEAVE_GIT_OUT}; then {AGAIN}" if any(map(is_of_git, found)) else AGAIN)
    more = f"; and {len(found) - MOST_SHOWN} more" if len(found) > MOST_SHOWN else ""
    message = f"the plan is stale: {'; '.join(found[:MOST_SHOWN])}{more}"
    return StaleError(Diagnostic(message=message, code="stale", hint=hint))


def document_of(text: str, name: str) -> Document:
    """Return the document that a text holds; UsageError if it is not a plan, StaleError for another format."""
    try:
        document = json_of(text)
    except BadDataError as error:
        raise _no_plan(name, str(error)) from None
    version = version_in(document, name)
    if version != FORMAT_VERSION:
        message = f"{name} has format {version}, and this buildmatrix reads {FORMAT_VERSION}"
        raise StaleError(Diagnostic(message=message, code="stale", hint=MAKE))
    checked(document, name)
    found: Document = document
    return found


def version_in(document: Any, name: str) -> int:
    """Return the format's version of what may be a plan; UsageError where it has none."""
    version = document.get("format_version") if isinstance(document, dict) else None
    if not isinstance(version, int) or isinstance(version, bool):
        raise _no_plan(name, "it has no format_version")
    return version


def checked(document: Document, name: str) -> None:
    """Raise UsageError where a document of this format is not valid."""
    from buildmatrix.spec.checks.data import problems

    if (odd := next(oddities(document), None)) is not None:
        raise _no_plan(name, odd[1])
    if found := problems(plan_schema(), document):
        raise _no_plan(name, found[0].message)


def _no_plan(name: str, why: str) -> UsageError:
    return UsageError(Diagnostic(message=f"{name} is not a valid plan of buildmatrix: {why}", code="plan", hint=MAKE))


def request_of(document: Document, given: Mapping[str, str], environment: Mapping[str, str]) -> Request:
    """Return what a saved plan was asked for. `given` are `--var`s, for what it withholds.

    UsageError for what is withheld and not given here; StaleError for another environment: SOURCE_DATE_EPOCH, which
    builds heed, or a variable that gave the plan a value, or would have.
    """
    asked = document["request"]
    _refuse_epoch(asked["source_date_epoch"], environment.get(EPOCH))
    _refuse_environment(asked, environment)
    _refuse_withheld(asked, given, environment)
    values = asked["variables"]
    here = {name: environment[name] for name in (*asked["withheld"].values(), EPOCH) if name in environment}
    return Request(
        selectors=tuple(document["selectors"]),
        platforms=tuple(document["platforms"]),
        variables={**_from(values, "--var"), **given},
        file_values={name: _value(name, text) for name, text in _from(values, "--var-file").items()},
        files=tuple(asked["files"]),
        only=frozenset(asked["only"]) if "only" in asked else None,
        bake_files=BakeFiles(kept=asked["bake_files"]),
        set_options=tuple(asked["set"]),
        output=asked["output"],
        machine={name: asked[key] for name, key in (("now", "now"), ("platform", "host_platform")) if asked[key]},
        environment={**here, **{values[name]["env"]: text for name, text in _from(values, "environment").items()}},
    )


def _from(values: Mapping[str, Mapping[str, str]], origin: str) -> dict[str, str]:
    return {name: value["text"] for name, value in values.items() if value["from"] == origin}


def _value(name: str, text: str) -> Any:
    try:
        return json_of(text)
    except BadDataError as error:
        raise _no_plan(f"the value of variable {name}", str(error)) from None


def _refuse_epoch(then: str | None, now: str | None) -> None:
    if then != now:
        was, is_ = (f"is {text}" if text is not None else "is not set" for text in (then, now))
        message = f"the plan is stale: {EPOCH} {is_}, and the plan was made where it {was}"
        raise StaleError(Diagnostic(message=message, code="stale", hint=MAKE))


def _refuse_environment(asked: Document, environment: Mapping[str, str]) -> None:
    """Refuse a variable that has another value here: which of the two is meant, nobody can say.

    One that is not set here says nothing, and the plan's value holds. One that differs from run to run is expected to.
    """
    then = {
        value["env"]: value["text"]
        for value in asked["variables"].values()
        if value["from"] == "environment" and not value.get("volatile")
    }
    found = [name for name, text in then.items() if environment.get(name, text) != text]
    found += [name for name in asked.get("unset", ()) if name in environment]
    if found:
        ways = " and ".join(f"environment variable {name} {_was(name, then)}" for name in found[:MOST_SHOWN])
        hint = f"unset {found[0]} here: the plan's value is used; or {MAKE}"
        raise StaleError(Diagnostic(message=f"the plan is stale: {ways}", code="stale", hint=hint))


def _was(name: str, then: Mapping[str, str]) -> str:
    return "has another value here than it had" if name in then else "is set here, and was not"


def _refuse_withheld(asked: Document, given: Mapping[str, str], environment: Mapping[str, str]) -> None:
    withheld: Mapping[str, str] = asked["withheld"]
    if other := [name for name in given if name not in withheld]:
        message = f"a saved plan is applied as it is: --var {other[0]} is for plan"
        raise UsageError(Diagnostic(message=message, code="usage", hint="give it there"))
    for name, env in withheld.items():
        if name not in given and env not in environment:
            ways = f"--var {name}=…" + (f" or the environment variable {env}" if env else "")
            message = f'variable "{name}" is part of a credential, which no saved plan holds'
            raise UsageError(Diagnostic(message=message, code="missing-variable", hint=f"give it again with {ways}"))
    if any(HIDDEN in text for text in asked["set"]):
        message = "the plan was made with a credential in --set, which no saved plan holds"
        raise UsageError(Diagnostic(message=message, code="plan", hint="give it by a variable, in the file"))


# --- what differs -----------------------------------------------------------------------------------------------------


def refuse_changed(document: Document, fresh: Document) -> None:
    """Raise StaleError that names what differs between a plan and the same one made again."""
    if found := list(_differences(document, fresh)):
        raise stale(found)


def refuse_moved(document: Document, directory: str, git: Mapping[str, Any]) -> None:
    """Raise StaleError where files changed, or what git says: then it is no wonder that a plan cannot be made again.

    `git` are the facts that were asked for until it failed.
    """
    moved = _facts({name: value for name, value in document["git"].items() if name in git}, git)
    if found := [*_changed_files(document, directory), *moved]:
        raise stale(found)


def _changed_files(document: Document, directory: str) -> Iterator[str]:
    from hashlib import sha256

    repository = Repository.around(directory)
    for name, digest in document["sources"].items():
        try:
            now = sha256(repository.read(name)).hexdigest()
        except (OSError, ValueError):
            now = ""
        if now != digest:
            yield f"{name} {'has changed' if now else 'is gone'}"


def _differences(then: Document, now: Document) -> Iterator[str]:
    found = [*_of_table(then["sources"], now["sources"]), *_of_table(then["contexts"], now["contexts"], "the context ")]
    found += _of_table(_pins(then, now), _pins(now, now), "the digest of ")
    found += _facts(then["git"], now["git"])
    yield from found
    if not found:
        yield from _of_plans(then, now)


def _pins(document: Document, now: Document) -> dict[str, Any]:
    """Return the digests of external images that the files tell `now`; others are those of the saved plan."""
    told = {one["name"] for one in now.get("pins", ()) if one["digest"]}
    return {one["name"]: one["digest"] for one in document.get("pins", ()) if one["name"] in told}


def _facts(then: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    names = {**dict.fromkeys(now), **then}
    return (_moved(name, then.get(name), now.get(name)) for name in names if then.get(name) != now.get(name))


def _moved(name: str, then: Any, now: Any) -> str:
    if name == "sha" and then and now:
        return f"it was made at commit {then[:12]}, and this is {now[:12]}"
    return f"git.{name} was {_shown(then)} and is {_shown(now)}"


def _of_table(then: Mapping[str, Any], now: Mapping[str, Any], what: str = "") -> Iterator[str]:
    for name in sorted({*then, *now}):
        if name not in now:
            yield f"{what}{name} is gone"
        elif name not in then:
            yield f"{what}{name} is new"
        elif then[name] != now[name]:
            yield f"{what}{name} has changed"


def _shown(value: Any) -> str:
    return "unknown" if value in {None, ""} else str(value).lower() if isinstance(value, bool) else str(value)


def _declared(target: Document) -> dict[str, Any]:
    """Return a target without what was decided of it: that is looked at again."""
    return {key: value for key, value in target.items() if key not in {"decision", "because", "moves"}}


def _of_plans(then: Document, now: Document) -> Iterator[str]:
    """Yield what differs though no file did: another buildmatrix made the plan, or it was edited."""
    targets = [{target["name"]: _declared(target) for target in plan["targets"]} for plan in (then, now)]
    yield from _of_table(targets[0], targets[1], "target ")
    for key in ("requires_buildx", "totals", "stages", "matrices", "apply", "runner"):
        if then.get(key) != now.get(key):
            yield f"its {key} {'are' if key.endswith('s') else 'is'} not what the files give"
