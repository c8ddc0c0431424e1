"""Keys that buildx can use are told from what it would refuse for all of a call."""

import socket
import subprocess
from pathlib import Path

import pytest

from buildmatrix.engine.secrets import key_fault

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
