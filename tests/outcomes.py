"""Outcomes to report on: one as it happens, and one of any number of targets."""

from collections.abc import Iterator
from functools import cache
from typing import Any

from buildmatrix.engine.outcome import Attempt, BuildOutcome, Leftover, Outcome, Status, StepOutcome
from buildmatrix.errors import BuildFailedError, Diagnostic

BOTH = ("linux/amd64", "linux/arm64")
LOG = "collecting\n\x1b[31merror: no Rust compiler\x1b[0m\n```\nERROR: exit code: 1"


def make_target(name: str, status: Status = "built", **more: object) -> BuildOutcome:
    """Make a target's outcome from what matters."""
    values = {"declared": name, "exported": True, "platforms": BOTH, "tags": (), **more}
    return BuildOutcome(name=name, target=name, status=status, **values)  # type: ignore[arg-type]


def two_nodes(start: float, *texts: str, failed: str = "", cached: str = "") -> Iterator[StepOutcome]:
    """Each text as a step of both platforms, of 10 seconds each."""
    for platform, node in zip(BOTH, ("farm0", "farm1"), strict=True):
        for number, text in enumerate(texts):
            is_bad = text == failed and node == "farm1"
            yield StepOutcome(
                at=f"{platform} {number + 1}/{len(texts)}",
                text=text,
                started=start + 10 * number,
                seconds=0 if text == cached else 10,
                cached=text == cached,
                error="exit code: 1" if is_bad else "",
                node=node,
            )
    yield StepOutcome(at="", text="exporting to image", started=start + 10 * len(texts), seconds=2)


@cache
def run() -> Outcome:
    """Seven targets on two nodes: one failed, one skipped for it, one at the second try."""
    tries = (
        Attempt(number=1, started=3, seconds=12, problem="connection reset", kind="network", retried_in=4),
        Attempt(number=2, started=19, seconds=42),
    )
    steps = {
        "base": two_nodes(1, "FROM debian", "RUN apt", cached="RUN apt"),
        "py-312": two_nodes(23, "FROM base", "RUN make", cached="FROM base"),
        "py-313": two_nodes(19, "FROM base", "RUN make", cached="FROM base"),
        "web": two_nodes(62, "FROM py-313", "RUN pip install"),
        "worker": two_nodes(45, "FROM py-312", "RUN pip wheel", failed="RUN pip wheel"),
        "docs": two_nodes(5, "RUN npm ci"),
    }
    done: dict[str, dict[str, Any]] = {name: {"steps": tuple(few), "seconds": 22.0} for name, few in steps.items()}
    targets = (
        make_target("base", "cached", exported=False, started=1, **done["base"]),
        make_target(
            "py-312", declared="py", depends_on=("base",), started=23, digest="sha256:" + "a" * 64, **done["py-312"]
        ),
        make_target("py-313", declared="py", depends_on=("base",), started=3, attempts=tries, **done["py-313"]),
        make_target(
            "web",
            depends_on=("py-313",),
            needs=("base",),
            started=62,
            tags=("r.example/web:1", "r.example/web:latest"),
            digest="sha256:" + "c" * 64,
            size=130_500_000,
            **done["web"],
        ),
        make_target(
            "worker",
            "failed",
            depends_on=("py-312",),
            started=45,
            failed_step="linux/arm64 2/2 RUN pip wheel",
            excerpt=LOG,
            log="build-logs/worker.log",
            attempts=(Attempt(number=1, started=45, seconds=22, problem="exit code: 1", kind="build"),),
            **done["worker"],
        ),
        make_target("beat", "skipped", depends_on=("worker",), reason="worker | failed"),
        make_target("docs", platforms=("linux/amd64",), started=5, **done["docs"]),
    )
    return Outcome(
        targets=targets,
        seconds=161.3,
        started="2026-03-04T09:12:44Z",
        builder="farm",
        nodes=("farm0", "farm1"),
        publish="held back: no tag was moved",
        left_behind=(Leftover(tag="r.example/web:buildmatrix-1f2e", kind="staging", because="r.example answered 403"),),
        problem=BuildFailedError(Diagnostic(message="worker failed", code="failed")),
    )


@cache
def many(number: int) -> Outcome:
    """Make an outcome of so many targets, of 20 steps each; each hundredth failed."""
    text = "RUN --mount=type=cache,target=/root/.cache make -C build all install && rm -rf /var/lib/apt/lists/*"
    targets = []
    for index in range(number):
        start = 10 * (index // 16)
        steps = tuple(
            StepOutcome(at=f"{step}/20", text=text, started=start + step / 2, seconds=step % 3 / 4, node="farm0")
            for step in range(1, 21)
        )
        failed: dict[str, Any] = {"failed_step": f"3/20 {text}", "excerpt": "x" * 5000} if index % 100 == 99 else {}
        targets.append(
            make_target(
                f"app-{index}-debian-{index % 7}",
                "failed" if failed else "built",
                declared=f"app{index % 5}",
                started=start,
                seconds=10.5,
                depends_on=("app-0-debian-0",) if index else (),
                tags=(
                    f"registry.example.com/library/app:{index}",
                    f"registry.example.com/library/app:{index}-slim",
                ),
                digest=f"sha256:{index:064x}",
                size=10**8 + index,
                log=f"build-logs/app-{index}.log",
                steps=steps,
                **failed,
            )
        )
    return Outcome(targets=tuple(targets), seconds=number, builder="farm", nodes=("farm0",))


@cache
def odd() -> Outcome:
    """Texts that would break out of each kind of report."""
    evil = (
        "]]></script><script>document.title='hit'</script><img src=x onerror=alert(1)>|`*\"'&\0\x0b\x1b[1m\ud800\ufffe"
    )
    attempts = (
        Attempt(number=1, started=0, seconds=1, problem=evil, kind=evil, retried_in=1),
        Attempt(number=2, started=2, seconds=1, problem=evil, kind="registry"),
    )
    steps = (StepOutcome(at=evil, text=evil, started=0, seconds=1, error=evil, node=evil),)
    bad = make_target(
        "bad", "failed", declared=evil, excerpt=f"```\n`````\n{evil}", failed_step=f"{evil}\r\n\n</details>", log=evil,
        attempts=attempts, steps=steps, seconds=3,
    )  # fmt: skip
    return Outcome(
        targets=(bad, make_target(evil, "stopped", reason=evil, tags=("r/a:1",), depends_on=("gone", "bad"))),
        seconds=3,
        started=evil,
        builder=evil,
        nodes=(evil,),
        publish=evil,
        left_behind=(Leftover(tag=evil, kind="stuck"), Leftover(tag=evil, kind="staging", because=evil)),
        problem=BuildFailedError(Diagnostic(message=evil, code="failed", hint=evil)),
    )
