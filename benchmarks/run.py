"""The same work by buildmatrix and by plain `docker buildx bake`, in one run, as ratios.

    python benchmarks/run.py [PART]...  print the table, or some parts of it: start, scale, nothing, building,
                                        split, unchanged, unchanged-slow, chain, many, board, inputs, review,
                                        jobs, merge
    python benchmarks/run.py --write    also write docs/benchmarks.md

Needs buildx; for `apply` an engine and, in $ENGINE_REGISTRY, a registry (`make bench` brings both).
"""

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain
from pathlib import Path

ROOT = Path(__file__).parent.parent
BUILDMATRIX = [str(Path(sys.executable).parent / "buildmatrix")]
BAKE = ["docker", "buildx", "bake"]
REST, QUIET = 0.85, 4
"""The machine is at rest when so much of it is idle for so many half seconds."""

WAVE = 50
"""Targets in a wave of jobs."""

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed package has its bytecode

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


def middle(times: int, *works: Callable[[], float]) -> list[float]:
    """Return the median of so many runs of each work, in turn: where an engine works, one run says little."""
    found = [[work() for work in works] for _ in range(times)]
    return [statistics.median(column) for column in zip(*found, strict=True)]


def write(
    folder: Path,
    cells: int,
    registry: str = "localhost:5000",
    *,
    output: str = "registry",
    platforms: Sequence[str] = ("linux/amd64", "linux/arm64"),
    work: str = "",
) -> None:
    """Write a matrix of so many cells, for both."""
    values = ", ".join(f'"{number}"' for number in range(cells))
    base = f"FROM busybox\nARG I\n{work}" if work else "FROM scratch\nARG I"
    (folder / "Dockerfile").write_text(f"{base}\nLABEL i=$I\nCOPY Dockerfile /\n")
    (folder / "buildmatrix.toml").write_text(
        f"""version = 1
[target.t]
args.I = "{{{{ i }}}}"
tags = ["{registry}/bench/t:{{{{ i }}}}"]
platforms = {json.dumps(list(platforms))}
output = [{{ type = "{output}" }}]
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
  tags = ["{registry}/bench/t:${{i}}"]
  platforms = {json.dumps(list(platforms))}
  output = ["type={output}"]
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
    yield row("start: plan one target", ours, bakes, "1.4")


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


def nothing(folder: Path) -> Iterator[Row]:
    """`apply` of one target that is all in the cache and in the registry, against plain bake: medians, in turn."""
    registry = os.environ.get("ENGINE_REGISTRY", "")
    if not registry:
        return
    write(folder, 1, registry)
    run([*BUILDMATRIX, "render", "--output", "docker-bake.json"], folder)
    works = [partial(run, [*BUILDMATRIX, "apply"], folder), partial(run, [*BAKE, "-f", "docker-bake.json"], folder)]
    for work in works:
        work()
    ours, bakes = middle(9, *works)
    yield row("apply: one target, nothing to do", ours, bakes, "1.4")


def building(folder: Path) -> Iterator[Row]:
    """`apply` of 100 targets for two platforms, pushed, against plain bake with the very file that `render` writes.

    The rows are of one series, in turn: plain bake, then apply in its three manners, each on an engine at rest.
    """
    registry = os.environ.get("ENGINE_REGISTRY", "")
    if not registry:
        return
    write(folder, 100, registry)
    run([*BUILDMATRIX, "render", "--output", "docker-bake.json"], folder)
    manners: list[tuple[str, list[str], str]] = [
        ("", [], "1.0"),
        (" --keep-going", ["--keep-going"], "1.25"),
        (" --publish together", ["--publish", "together"], "1.3"),
    ]
    works = [partial(rested, [*BAKE, "-f", "docker-bake.json"], folder)]
    works += [partial(rested, [*BUILDMATRIX, "apply", *flags], folder) for _, flags, _ in manners]
    works[0]()
    bakes, *ours = middle(7, *works)
    for (name, _, target), seconds in zip(manners, ours, strict=True):
        yield row(f"apply{name}: 100 targets × 2 platforms, pushed", seconds, bakes, target)


def unchanged(folder: Path) -> Iterator[Row]:
    """`apply --incremental` of 100 targets that are all in the registry, against plain bake building them again."""
    registry = os.environ.get("ENGINE_REGISTRY", "")
    if not registry:
        return
    write(folder, 100, registry)
    run([*BUILDMATRIX, "render", "--output", "docker-bake.json"], folder)
    works = [partial(rested, [*BUILDMATRIX, "apply", "--incremental"], folder)]
    works.append(partial(rested, [*BAKE, "-f", "docker-bake.json"], folder))
    works[0]()
    ours = middle(3, works[0])[0]  # bake takes the marks off: first all of these, then all of those
    bakes = middle(3, works[1])[0]
    yield row("apply --incremental: 100 targets × 2 platforms, all there", ours, bakes, f"{1 / 30:.3f}")


def unchanged_slow(folder: Path) -> Iterator[Row]:
    """The same in a registry that takes 50 ms for each answer: the number of questions counts, and how many at once."""
    registry = os.environ.get("ENGINE_REGISTRY", "")
    if not registry:
        return
    sys.path.insert(0, str(ROOT))
    from tests.e2e.faulty_registry import Fault, FaultyRegistry

    command = [*BUILDMATRIX, "apply", "--incremental"]
    with FaultyRegistry(registry) as proxy:
        write(folder, 100, proxy.address)
        rested(command, folder)
        proxy.faults = [Fault("GET|HEAD", "", "stall", seconds=0.05)]
        (ours,) = middle(3, partial(rested, command, folder))
    yield ("the same, the registry takes 50 ms an answer", f"{ours:.2f} s", "", "", "≤ 6 s")


def split(folder: Path) -> Iterator[Row]:
    """`apply` of 100 targets in a part for each platform, on a builder of two nodes, against bake building them whole.

    A part has its own platform as an argument, in plain bake both have the same. Bake makes two calls, of 50 targets
    each, and where one ends with `no such job` both are made again, which alone counts: with all targets in one call it
    ends so each time.
    """
    registry = os.environ.get("ENGINE_REGISTRY", "")
    if not registry:
        return
    write(folder, 100, registry)
    spec = folder / "buildmatrix.toml"
    spec.write_text(spec.read_text().replace("args.I = ", 'args.P = "{{ platform.arch }}"\nargs.I = '))
    builder = ["--builder", "two-nodes"]
    halves = [[f"t-{number}" for number in numbers] for numbers in (range(50), range(50, 100))]
    calls = [[*BAKE, "-f", "docker-bake.hcl", *builder, *half] for half in halves]
    works = [partial(working, calls, folder)]
    works += [partial(rested, [*BUILDMATRIX, "apply", *builder], folder)]
    for work in works:
        work()
    bakes, ours = middle(3, *works)
    yield row("apply: 100 targets × 2 platforms in parts, two nodes", ours, bakes, "1.1")


def chained(folder: Path) -> Iterator[Row]:
    """60 targets in a chain, all in the cache: each call of bake solves all that its targets build upon."""
    links = 60
    spec = 'version = 1\n[defaults]\noutput = ["type=cacheonly"]\n'
    for link in range(links):
        upon = f'contexts.before = "target:t{link - 1}"\n' if link else ""
        base = "before" if link else "busybox"
        spec += f'[target.t{link}]\n{upon}dockerfile-inline = "FROM {base}\\nRUN echo {link} of a chain"\n'
    (folder / "buildmatrix.toml").write_text(spec)
    run([*BUILDMATRIX, "render", "--output", "docker-bake.json"], folder)
    works = [partial(rested, [*BAKE, "-f", "docker-bake.json"], folder)]
    works += [partial(rested, [*BUILDMATRIX, "apply", *flags], folder) for flags in (["-k"], ["-j", "2"])]
    works[0]()
    bakes, *ours = middle(3, *works)
    for name, seconds in zip(("--keep-going", "--jobs 2"), ours, strict=True):
        yield row(f"apply {name}: a chain of {links} targets, cached", seconds, bakes, "1.3")


def many(folder: Path) -> Iterator[Row]:
    """2,000 targets that export nothing: plain bake gives them to the engine at once, and may not get through."""
    write(folder, 2_000, "localhost:5000", output="cacheonly", platforms=["linux/amd64"])
    run([*BUILDMATRIX, "render", "--output", "docker-bake.json"], folder)
    others = [attempt([*BAKE, "-f", "docker-bake.json"], folder) for _ in range(2)]
    ours = rested([*BUILDMATRIX, "apply", "--report", "report.json"], folder)
    done = [seconds for seconds, worked in others if worked]
    if done:
        yield row("apply: 2,000 targets, nothing exported", ours, min(done), "1")
    else:
        yield ("apply: 2,000 targets, nothing exported", f"{ours:.1f} s", "fails each time", "", "≤ 1")


def board(folder: Path) -> Iterator[Row]:
    """The board's own processor time: what a run uses with it, less what it uses without, of the run's length."""
    write(folder, 50, "localhost:5000", output="cacheonly", platforms=["linux/amd64"], work="RUN sleep 20")
    with_board = "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]))"
    seconds, used = cpu([sys.executable, "-c", with_board, *BUILDMATRIX, "apply", "--no-cache"], folder)
    _, plain = cpu([*BUILDMATRIX, "apply", "--no-cache"], folder)
    share = max(0.0, used - plain) / seconds
    yield ("the board's processor time, 50 targets", f"{share:.1%} of {seconds:.0f} s", "", "", "≤ 5 %")


def inputs(folder: Path) -> Iterator[Row]:
    """The digest of a context of 10,000 files, 200 MB, against `sha256sum` of the same files."""
    context, cache = folder / "context", folder / "cache"
    for number in range(10_000):
        path = context / f"d{number // 100}" / f"f{number}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(20_000))
    files = sorted(str(path.relative_to(context)) for path in context.rglob("f*"))
    (context / ".dockerignore").write_text("*.log\n**/*.tmp\n.git\n")
    time.sleep(3)  # what is younger than 2 s is not kept
    ask = partial(digests, context, cache)
    cold, sums = alternating(5, partial(ask, cold=True), partial(run, ["sha256sum", *files], context))
    ask()
    warm, cells = alternating(5, ask, partial(ask, times=5_000))
    yield row("inputs: a context of 10,000 files, 200 MB, against sha256sum", cold, sums, "1.5")
    yield ("the same again", f"{warm:.2f} s", "", "", "≤ 0.25 s")
    yield row("the same for 5,000 cells, against one", cells, warm, "2")


def review(folder: Path) -> Iterator[Row]:
    """`plan --against` of 1,000 cells that all changed, settings and files, against `plan` alone."""
    project = folder / "review"
    project.mkdir()
    write(project, 1_000)
    git = ["git", "-c", "user.name=x", "-c", "user.email=x"]
    for words in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message=x"]):
        run([*git, *words], project)
    spec = project / "buildmatrix.toml"
    spec.write_text(spec.read_text().replace('args.I = "', 'labels.x = "1"\nargs.I = "'))
    (project / "Dockerfile").write_text("FROM scratch\nARG I\nLABEL i=$I x=1\nCOPY Dockerfile /\n")
    ours, plan = alternating(
        9,
        partial(run, [*BUILDMATRIX, "plan", "--against", "HEAD"], project),
        partial(run, [*BUILDMATRIX, "plan"], project),
    )
    yield row("plan --against: 1,000 cells, against plan", ours, plan, "2.2")


def jobs(folder: Path) -> Iterator[Row]:
    """`ci github` of a saved plan with 1,000 Builds: ten waves of 50 targets, each for two kinds of machines."""
    project = folder / "jobs"
    project.mkdir()
    (project / "buildmatrix.toml").write_text(
        """version = 1
[runner]
"linux/arm64" = "arm"
[defaults]
platforms = ["linux/amd64", "linux/arm64"]
output = [{ type = "registry" }]
"""
        + "".join(map(linked, range(500)))
    )
    run([*BUILDMATRIX, "plan", "--out", "plan.json"], project)
    for name, words in (("plan", []), ("saved plan", ["plan.json"])):
        (ours,) = alternating(5, partial(run, [*BUILDMATRIX, "ci", "github", *words], project))
        yield (f"ci github: a {name} of 1,000 Builds", f"{ours:.2f} s", "", "", "≤ 1 s")


def linked(number: int) -> str:
    """Return a target that is taken from the one so many before it."""
    link = f'contexts.base = "target:t{number - WAVE}"\n' if number >= WAVE else ""
    base = "base" if link else "scratch"
    return f'[target.t{number}]\ndockerfile-inline = "FROM {base}"\ntags = ["registry.example.com/t{number}"]\n{link}'


def merge(folder: Path) -> Iterator[Row]:
    """`merge` of the records of 100 targets for two platforms, each of which was built apart: all their tags move."""
    registry, builder = os.environ.get("ENGINE_REGISTRY", ""), "one-node"
    if not registry:
        return
    project = folder / "merge"
    project.mkdir()
    write(project, 100, f"{registry}/{time.time_ns()}")
    spec = project / "buildmatrix.toml"
    spec.write_text(f'{spec.read_text()}[runner]\n"linux/arm64" = "arm"\n')
    run([*BUILDMATRIX, "plan", "--out", "plan.json"], project)
    keys = [f"t-{number}@linux/{machine}" for number in range(100) for machine in ("amd64", "arm64")]
    part = ["--build", ",".join(keys), "--record", "records", "--builder", builder]
    run([*BUILDMATRIX, "apply", "plan.json", *part], project)
    seconds = run([*BUILDMATRIX, "merge", "plan.json", "records"], project)
    yield ("merge: 200 records, 100 tags", f"{seconds:.2f} s", "", "", "≤ 10 s")


def digests(context: Path, cache: Path, *, cold: bool = False, times: int = 1) -> float:
    """Return the seconds that it took to learn what a whole context is, as the first ones of a run do."""
    from buildmatrix.inputs.context import Contexts

    if cold:
        shutil.rmtree(cache, ignore_errors=True)
    start = time.perf_counter()
    with Contexts({"XDG_CACHE_HOME": str(cache)}) as contexts:
        doubts = {
            contexts.of(str(context), contexts.ignore_file(str(context), None), ("./",)).doubt for _ in range(times)
        }
    if doubts != {None}:
        raise RuntimeError(doubts)
    return time.perf_counter() - start


def cpu(command: list[str], folder: Path) -> tuple[float, float]:
    """Return the seconds that a command took, and those of processor time that it and its children used."""
    settle()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = run(command, folder)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def working(commands: list[list[str]], folder: Path) -> float:
    """Run commands one after another, from rest, until all of them work; returns the seconds they took then."""
    for _ in range(10):
        settle()
        start = time.perf_counter()
        if all(subprocess.run(one, cwd=folder, capture_output=True, check=False).returncode == 0 for one in commands):
            return time.perf_counter() - start
    raise SystemExit(f"it never works: {' '.join(commands[0])}")


def settle() -> None:
    """Wait until the machine is at rest: an engine cleans up for seconds after a large build."""
    quiet = 0
    for _ in range(240):
        idle, whole = times()
        time.sleep(0.5)
        idle_after, whole_after = times()
        quiet = quiet + 1 if idle_after - idle > REST * max(1, whole_after - whole) else 0
        if quiet == QUIET:
            return


def times() -> tuple[int, int]:
    """Return the idle and all processor time since the machine started, in ticks."""
    found = [int(number) for number in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return found[3] + found[4], sum(found)


def rested(command: list[str], folder: Path) -> float:
    """Run a command on a machine at rest; returns the seconds it took."""
    settle()
    return run(command, folder)


def attempt(command: list[str], folder: Path) -> tuple[float, bool]:
    """Run a command that may fail; returns the seconds it took, and whether it worked."""
    settle()
    start = time.perf_counter()
    done = subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    return time.perf_counter() - start, done.returncode == 0


def row(what: str, ours: float, others: float, target: str) -> Row:
    """Return a line of the table."""
    return (what, f"{ours:.2f} s", f"{others:.2f} s", f"{ours / others:.3f}", f"≤ {target}")


PARTS = {
    "start": start,
    "scale": scale,
    "nothing": nothing,
    "building": building,
    "split": split,
    "unchanged": unchanged,
    "unchanged-slow": unchanged_slow,
    "chain": chained,
    "many": many,
    "board": board,
    "inputs": inputs,
    "review": review,
    "jobs": jobs,
    "merge": merge,
}


def main() -> None:
    """Measure and print; with names of `PARTS`, only those."""
    parser = ArgumentParser(description="Measure the same work by buildmatrix and by others, in turn.")
    parser.add_argument("parts", nargs="*", metavar="part", help=f"all, or some of {', '.join(PARTS)}")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    asked = parser.parse_args()
    if unknown := sorted(set(asked.parts) - set(PARTS)):
        parser.error(f"there is no part {', '.join(unknown)}")
    chosen = [part for name, part in PARTS.items() if name in asked.parts] or list(PARTS.values())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lines = []
        for line in chain((HEAD, ("---",) * len(HEAD)), *(part(folder) for part in chosen)):
            lines.append(f"| {' | '.join(line)} |")
            print(lines[-1], flush=True)
    if asked.write:
        version = subprocess.run([*BAKE[:2], "version"], capture_output=True, text=True, check=True).stdout.split()[1]
        head_text = (
            "# Benchmarks\n\nWritten by `benchmarks/run.py --write`, in one run, in turn, "
            f"on {os.cpu_count()} cores, against buildx {version}.\nOf what only computes, the best of several runs; "
            "of what builds, the median of several, each on an engine at rest.\n`make bench` prints the same.\n\n"
        )
        text = head_text + "\n".join([*lines, ""])
        (ROOT / "docs" / "benchmarks.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
