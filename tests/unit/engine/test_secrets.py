"""Keys that buildx can use are told from what it would refuse for all of a call."""

import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from buildmatrix.engine.secrets import LARGEST, key_fault, secrets_of
from buildmatrix.process import Programs
from buildmatrix.spec.rows.settings import Secret, Settings
from tests.plans import plan, target

KEYGEN = ["ssh-keygen", "-q", "-t", "ed25519"]


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    try:
        subprocess.run([*KEYGEN, "-N", "", "-f", tmp_path / "open"], check=True)
        subprocess.run([*KEYGEN, "-N", "secret", "-f", tmp_path / "locked"], check=True)
    except FileNotFoundError:
        pytest.skip("ssh-keygen is not installed")
    return tmp_path


def test_keys_of_openssh(keys: Path) -> None:
    assert not key_fault(keys / "open")
    assert key_fault(keys / "open.pub") == "is a public key"
    assert "passphrase" in key_fault(keys / "locked")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\n", ""),
        ("-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nMIIE\n", "is protected by a passphrase"),
        ("-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIE\n", "is protected by a passphrase"),
        ("-----BEGIN CERTIFICATE-----\nMIIE\n", "is not a private key"),
        ("FROM busybox\n", "is not a private key"),
        ("", "is not a private key"),
    ],
)
def test_other_files(tmp_path: Path, text: str, fault: str) -> None:
    path = tmp_path / "key"
    path.write_text(text)
    assert key_fault(path).startswith(fault)
    assert bool(key_fault(path)) is bool(fault)


def test_sockets_folders_and_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as agent:
        agent.bind("agent")
        assert not key_fault(tmp_path / "agent")
    assert key_fault(tmp_path) == "is a directory"
    assert key_fault(tmp_path / "nothing") == "does not exist"
    assert key_fault(tmp_path / ("x" * 300)) == "does not exist"


def test_what_is_missing_is_told_unless_it_is_optional(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"x" * (LARGEST + 1))

    def told(**secret: Any) -> list[tuple[str, str]]:
        settings = Settings(secret=(Secret(id="x", **secret),))
        found = secrets_of(plan(target("app", settings), directory=str(tmp_path)), Programs({"THERE": ""}))
        return [(one.message, one.hint) for one in found]

    hint = "give it, or write optional = true in the secret if the build can do without it"
    unset = 'secret "x" of app: the environment variable TOKEN is not set'
    assert told(env="TOKEN") == told(env="TOKEN", optional=False) == [(unset, hint)]
    assert told(src="no") == [('secret "x" of app: there is no file no', hint)]
    large = [('secret "x" of app: large has more than 500 KiB, the most that a secret may have', "")]
    assert told(src="large") == told(src="large", optional=True) == large
    for secret in ({"env": "THERE"}, {"env": "TOKEN", "optional": True}, {"src": "no", "optional": True}):
        assert told(**secret) == []
