"""The same work by buildmatrix and by plain `docker buildx bake`, in one run, as ratios.

    python benchmarks/run.py            print the table
    python benchmarks/run.py --write    also write docs/benchmarks.md

Needs buildx; for `apply` an engine and, in $ENGINE_REGISTRY, a registry (`make bench` brings both).
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path

ROOT = Path(__file__).parent.parent
BUILDMATRIX = [str(Path(sys.executable).parent / "buildmatrix")]
BAKE = ["docker", "buildx", "bake"]
Row = tuple[str, str, str, str, str]
HEAD: Row = ("what", "buildmatrix", "the other", "ratio", "wanted")


def run(command: list[str], folder: Path) -> float:
    """Run a command and return the seconds it took."""
    start = time.perf_counter()
    subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


def alternating(times: int, *works: Callable[[], float]) -> list[float]:
    """Return the best of so many runs of each work, run in turn so that both see the same machine."""
    found = [[work() for work in works] for _ in range(times)]
    return [min(column) for column in zip(*found, strict=True)]


def write(folder: Path, cells: int) -> None:
    """Write a matrix of so many cells, for both."""
    values = ", ".join(f'"{number}"' for number in range(cells))
    (folder / "Dockerfile").write_text("FROM scratch\n")
    (folder / "buildmatrix.toml").write_text(
        f"""version = 1
[target.t]
args.I = "{{{{ i }}}}"
tags = ["localhost:5000/bench/t:{{{{ i }}}}"]
platforms = ["linux/amd64", "linux/arm64"]
output = [{{ type = "registry" }}]
[target.t.matrix]
i = [{values}]
"""
    )
    (folder / "docker-bake.hcl").write_text(
        f"""target "t" {{
  name = "t-${{i}}"
  matrix = {{ i = [{values}] }}
  context = "."
  args = {{ I = "${{i}}" }}
  tags = ["localhost:5000/bench/t:${{i}}"]
  platforms = ["linux/amd64", "linux/arm64"]
  output = ["type=registry"]
}}
group "default" {{ targets = ["t"] }}
"""
    )


def start(folder: Path) -> Iterator[Row]:
    """`plan --format json` of one target against `--print` of the equivalent file."""
    write(folder, 1)
    ours, bakes = alternating(
        10,
        lambda: run([*BUILDMATRIX, "plan", "--format", "json"], folder),
        lambda: run([*BAKE, "-f", "docker-bake.hcl", "--print"], folder),
    )
    yield row("start: plan one target", ours, bakes, "2")


def scale(folder: Path) -> Iterator[Row]:
    """`render` of a matrix against bake's own `--print`; then 10,000 cells against 1,000, and the memory."""
    seconds = {}
    for cells, target, times in ((1_000, "0.5", 5), (5_000, "0.06", 2)):
        write(folder, cells)
        seconds[cells], bakes = alternating(
            times,
            lambda: run([*BUILDMATRIX, "render"], folder),
            lambda: run([*BAKE, "-f", "docker-bake.hcl", "--print"], folder),
        )
        yield row(f"render {cells:,} cells", seconds[cells], bakes, target)
    write(folder, 10_000)
    (ten,) = alternating(3, lambda: run([*BUILDMATRIX, "render"], folder))
    yield row("render 10,000 cells against 1,000", ten, seconds[1_000], "12")
    yield ("memory of 10,000 cells", f"{peak(folder):.0f} MiB", "", "", "≤ 300 MiB")


def peak(folder: Path) -> float:
    """Return the largest memory of a run, in MiB."""
    code = (
        "import resource, subprocess, sys; "
        "subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True); "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *BUILDMATRIX, "render"], cwd=folder, capture_output=True, text=True, check=True
    )
    return float(done.stdout)


def building(folder: Path) -> Iterator[Row]:
    """`apply` of 100 small targets against plain bake with the very file that `render` writes."""
    registry = os.environ.get("ENGINE_REGISTRY", "")
    outputs = [("cacheonly", 'output = ["type=cacheonly"]')]
    if registry:
        outputs.append(("registry", 'output = ["type=registry"]'))
    for kind, output in outputs:
        (folder / "Dockerfile").write_text("FROM scratch\nARG I\nLABEL i=$I\nCOPY Dockerfile /\n")
        (folder / "buildmatrix.toml").write_text(
            f"""version = 1
[target.t]
args.I = "{{{{ i }}}}"
tags = ["{registry or "bench"}/bench/t:{{{{ i }}}}"]
{output}
[target.t.matrix]
i = {json.dumps([str(number) for number in range(100)])}
"""
        )
        run([*BUILDMATRIX, "render", "--output", "docker-bake.json"], folder)
        run([*BAKE, "-f", "docker-bake.json"], folder)
        ours, bakes = alternating(
            4, lambda: run([*BUILDMATRIX, "apply"], folder), lambda: run([*BAKE, "-f", "docker-bake.json"], folder)
        )
        yield row(f"apply 100 targets, {kind}", ours, bakes, "1.05")


def row(what: str, ours: float, others: float, target: str) -> Row:
    """Return a line of the table."""
    return (what, f"{ours:.2f} s", f"{others:.2f} s", f"{ours / others:.3f}", f"≤ {target}")


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lines = []
        for line in chain((HEAD, ("---",) * len(HEAD)), start(folder), scale(folder), building(folder)):
            lines.append(f"| {' | '.join(line)} |")
            print(lines[-1], flush=True)
    if "--write" in sys.argv:
        version = subprocess.run([*BAKE[:2], "version"], capture_output=True, text=True, check=True).stdout.split()[1]
        head_text = (
            "# Benchmarks\n\nWritten by `benchmarks/run.py --write`: the best of several runs, in turn, in one run,\n"
            f"on {os.cpu_count()} cores, against buildx {version}. `make bench` prints the same.\n\n"
        )
        text = head_text + "\n".join([*lines, ""])
        (ROOT / "docs" / "benchmarks.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
