"""The secrets, keys and agents that a plan uses: whether this machine has them, and in a form that buildx takes."""

import base64
import binascii
from collections.abc import Iterable
from pathlib import Path

from buildmatrix.errors import Diagnostic, Pointer
from buildmatrix.files import kept_from_us, kind_at, read_regular
from buildmatrix.plan.access.absent import why_absent
from buildmatrix.plan.access.reach import is_written, key_paths, secret_file, written_before
from buildmatrix.plan.model import Plan, PlannedTarget
from buildmatrix.process import Programs
from buildmatrix.spec.rows.settings import Secret, Ssh

LARGEST = 500 * 1024
"""Bytes that a secret may have: BuildKit's own limit."""

_PEM = b"-----BEGIN "
_OPENSSH = b"openssh-key-v1\0\0\0\0\4none"
"""The start of an OpenSSH key without a passphrase, decoded."""


def secrets_of(plan: Plan, programs: Programs) -> list[Diagnostic]:
    """Return what is missing or of no use, each once; what a target that comes before writes is not looked for."""
    found: dict[str, Diagnostic] = {}
    written = written_before(plan.targets)
    for target in plan.each:
        before = written.get(target.name, frozenset())
        for index, secret in enumerate(target.settings.secret or ()):
            if not isinstance(secret, str):
                missing, hint = _missing(secret, before, plan, programs)
                _add(found, f'secret "{secret.id}" of {target.name}', missing, target, ("secret", index), hint)
        for index, ssh in enumerate(target.settings.ssh or ()):
            if not isinstance(ssh, str):
                missing, hint = _unusable(ssh, before, plan, programs)
                _add(found, f'ssh "{ssh.id}" of {target.name}', missing, target, ("ssh", index), hint)
    return list(found.values())


def _add(
    found: dict[str, Diagnostic], whose: str, missing: str, target: PlannedTarget, path: Pointer, hint: str = ""
) -> None:
    if missing and missing not in found:
        place, code = target.place_of(*path), str(path[0])
        found[missing] = Diagnostic(message=f"{whose}: {missing}", code=code, place=place, hint=hint)


def _missing(secret: Secret, written: Iterable[str], plan: Plan, programs: Programs) -> tuple[str, str]:
    """Return why a secret is missing or of no use, and what to do."""
    src = secret_file(secret)
    if reason := why_absent(secret, plan.directory, programs.environment):
        is_fine = secret.optional or (src is not None and is_written(src, written))
        return (
            ("", "")
            if is_fine
            else (reason, "give it, or write optional = true in the secret if the build can do without it")
        )
    is_large = src is not None and _size(Path(plan.directory, src)) > LARGEST
    return (f"{src} has more than {LARGEST // 1024} KiB, the most that a secret may have" if is_large else ""), ""


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _unusable(ssh: Ssh, written: Iterable[str], plan: Plan, programs: Programs) -> tuple[str, str]:
    """Return what is wrong with an agent or keys, and what to do."""
    paths = key_paths(ssh)
    if not paths and not programs.environment.get("SSH_AUTH_SOCK"):
        hint = "start one with eval $(ssh-agent) and ssh-add, or give `paths` of keys"
        return "no agent is running (SSH_AUTH_SOCK is not set)", hint
    for path in paths:
        wrong = "" if is_written(path, written) else key_fault(Path(plan.directory, path))
        if wrong:
            return f"{path} {wrong}", "name a socket of an agent, or a private key without a passphrase"
    return "", ""


def key_fault(path: Path) -> str:
    """Return what is wrong with a socket or a private key, "" if nothing is; what cannot be read is left to buildx."""
    if (kind := kind_at(path)) == "other":
        return "" if path.is_socket() else "is not a regular file"
    if kind != "file":
        why = kept_from_us(path)
        return "is a directory" if kind else f"cannot be read: {why}" if why else "does not exist"
    try:
        text = read_regular(path)
    except OSError:
        return ""
    if _PEM not in text or b"PRIVATE KEY-----" not in text:
        return "is a public key" if text.startswith((b"ssh-", b"ecdsa-")) else "is not a private key"
    return "is protected by a passphrase: add it to an agent with ssh-add" if _is_locked(text) else ""


def _is_locked(text: bytes) -> bool:
    if b"BEGIN OPENSSH PRIVATE KEY" not in text:
        return b"ENCRYPTED" in text
    lines = text.partition(b"PRIVATE KEY-----")[2].split()
    try:
        return not base64.b64decode(b"".join(lines[:2])[:64]).startswith(_OPENSSH)
    except (ValueError, binascii.Error):
        return False
