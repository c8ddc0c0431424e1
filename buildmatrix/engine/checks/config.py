"""What is looked at of docker's own config.json, where its logins are: docker goes on without a file it cannot read."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from buildmatrix.engine.checks.model import Scene, Verdict, verdict
from buildmatrix.errors import Diagnostic
from buildmatrix.files import kind_at
from buildmatrix.process import Programs, docker_directory

_KINDS = {"auths": dict, "credHelpers": dict, "credsStore": str}
"""What keys hold that name logins: with another kind docker reads nothing of the file."""


def config(scene: Scene) -> Verdict:
    """Tell whether docker can read its config.json, and has the credential helpers that it names."""
    file = _file(scene.programs)
    return verdict(config_faults(scene.programs), fine=str(file) if kind_at(file) else f"there is no {file}")


def config_faults(programs: Programs) -> tuple[Diagnostic, ...]:
    """Return why docker knows no login, or not all of them."""
    return tuple(_faults(programs))


def _file(programs: Programs) -> Path:
    return docker_directory(programs.environment) / "config.json"


def _faults(programs: Programs) -> Iterator[Diagnostic]:
    file = _file(programs)
    try:
        text = file.read_bytes()
        found = json.loads(text) if text.strip() else {}
    except FileNotFoundError:
        return
    except OSError as error:
        yield _unread(file, f"it cannot be read: {error.strerror}")
    except json.JSONDecodeError as error:
        yield _unread(file, f"it is not valid JSON (line {error.lineno}, column {error.colno}: {error.msg})")
    except (ValueError, RecursionError):
        yield _unread(file, "it is not valid JSON")
    else:
        yield from _faults_of(file, found, programs)


def _faults_of(file: Path, found: Any, programs: Programs) -> Iterator[Diagnostic]:
    table = found if isinstance(found, Mapping) else {}
    wrong = [key for key, kind in _KINDS.items() if not isinstance(table.get(key, kind()), (kind, type(None)))]
    if not isinstance(found, Mapping | None):
        yield _unread(file, "it is not a JSON object")
    elif wrong:
        yield _unread(file, f"its {wrong[0]} is not {'a string' if _KINDS[wrong[0]] is str else 'an object'}")
    else:
        yield from (_lost(file, key, name) for key, name in _helpers(table).items() if not programs.which(name))


def _helpers(table: Mapping[str, Any]) -> dict[str, str]:
    """Return the programs that docker asks for logins, by the key that names them."""
    found = {f"credHelpers {host}": name for host, name in (table.get("credHelpers") or {}).items()}
    found["credsStore"] = table.get("credsStore")
    return {key: f"docker-credential-{name}" for key, name in found.items() if name}


def _unread(file: Path, why: str) -> Diagnostic:
    hint = "correct it, or move it away and log in again: docker goes on without the logins and helpers in it"
    return Diagnostic(message=f"docker cannot read {file}: {why}", code="read", hint=hint, severity="warning")


def _lost(file: Path, key: str, program: str) -> Diagnostic:
    message = f"{file} names {program} ({key}), which is not in PATH: docker cannot read or keep logins with it"
    hint = f"install {program}, or take {key.partition(' ')[0]} out of the file and log in again"
    return Diagnostic(message=message, code="missing", hint=hint, severity="warning")
