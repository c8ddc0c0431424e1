"""What the tests on a real engine share: to run buildmatrix as a user would, and to look at a registry."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]
Project = Callable[..., Path]
BASE = "FROM busybox\nRUN uname -m > /machine\n"


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "buildmatrix", *arguments]


def write(folder: Path, spec: str, files: Mapping[str, str] | None = None) -> Path:
    for name, text in {"buildmatrix.toml": "version = 1\n" + spec, "Dockerfile": BASE, **(files or {})}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def start(folder: Path, *arguments: str, **more: str) -> "subprocess.Popen[str]":
    """Start buildmatrix in a folder and go on."""
    return subprocess.Popen(
        command(*arguments),
        cwd=folder,
        env={**os.environ, "NO_COLOR": "1", **more},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def succeeded(done: subprocess.CompletedProcess[str]) -> dict[str, dict[str, Any]]:
    assert done.returncode == 0, done.stderr
    return outcomes(done)


def outcomes(done: subprocess.CompletedProcess[str]) -> dict[str, dict[str, Any]]:
    """The targets of `apply --format json`, whatever became of them."""
    assert "Traceback" not in done.stderr
    assert "bug in buildmatrix" not in done.stderr
    return {target["name"]: target for target in json.loads(done.stdout)["targets"]}


def statuses(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    return {name: target["status"] for name, target in outcomes(done).items()}


def raw(reference: str) -> dict[str, Any]:
    """The index or manifest of a reference, {} if the registry has none."""
    command = ["docker", "buildx", "imagetools", "inspect", "--raw", reference]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found: dict[str, Any] = json.loads(done.stdout) if done.returncode == 0 else {}
    return found


def digest(reference: str) -> str:
    """The digest of a reference, "" if the registry has none."""
    command = ["docker", "buildx", "imagetools", "inspect", "--format", "{{json .Manifest}}", reference]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return str(json.loads(done.stdout)["digest"]) if done.returncode == 0 else ""


def inspected(tag: str) -> list[dict[str, Any]]:
    """The manifests of an index, without attestations."""
    return [row for row in raw(tag)["manifests"] if row["platform"]["os"] != "unknown"]


def platforms(tag: str) -> list[str]:
    keys = ("os", "architecture", "variant")
    return ["/".join(row["platform"][key] for key in keys if key in row["platform"]) for row in inspected(tag)]


def running(text: str) -> bool:
    """Whether a process has this text in its command line."""
    return subprocess.run(["pgrep", "-f", "--", text], capture_output=True, check=False).returncode == 0


def until(true: Callable[[], bool], seconds: float = 30.0) -> None:
    for _ in range(int(seconds * 10)):
        if true():
            return
        time.sleep(0.1)
    pytest.fail(f"it did not come to that within {seconds:.0f} s")
