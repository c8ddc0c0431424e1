"""The project's own buildmatrix.toml: the image of buildmatrix, with docker and buildx inside, built and run."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.long
def test_own_image(run_engine: Callable[..., None], registry: str, tmp_path: Path) -> None:
    run_engine("seed-python")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    (tmp_path / "wheels").mkdir()
    call([*pip, "wheel", "--no-deps", "-w", str(tmp_path / "wheels"), "."])
    wanted = ["download", "--only-binary", ":all:", "--python-version", "3.13", "--dest", str(tmp_path / "wheels")]
    call([*pip, *wanted, *map(str, (tmp_path / "wheels").glob("*.whl"))])
    context = f"image.contexts.wheels={tmp_path / 'wheels'}"
    allow = f"fs.read={tmp_path / 'wheels'}"
    variables = ["--var", f"registry={registry}", "--var", "release=0.1.0", "--var", "packages="]
    call([sys.executable, "-m", "buildmatrix", "apply", *variables, "--set", context, "--allow", allow])
    image = f"{registry}/buildmatrix:0.1.0"
    example = ROOT / "examples" / "hello"
    spec = (example / "buildmatrix.toml").read_text()
    said = call(["docker", "run", "--rm", "--network=host", "-i", image, "validate", "-"], spec)
    assert said.strip() == "<stdin> is valid"
    run = ["docker", "run", "--rm", "--user", f"{os.getuid()}:{os.getgid()}", "-v", f"{example}:/work", image]
    assert "localhost:5000/hello:latest" in call([*run, "plan"])
    assert "buildx" in call(["docker", "run", "--rm", "--entrypoint", "docker", image, "buildx", "version"])


def call(command: list[str], text: str | None = None) -> str:
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "NO_COLOR": "1"}, input=text, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
