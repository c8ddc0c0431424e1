"""Prove that nothing stale is kept: `python -m tests.prove [--count N] [--seed N] [--only SEED-NUMBER]`.

Exit 1 if anything was wrong; what is wrong stays in .prove/SEED-NUMBER/, with the two images that should be one.
"""

import argparse
import fcntl
import json
import os
import random
import sys
import time
import traceback
import uuid
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path

from tests.prove.bases import bases_in
from tests.prove.images import Store
from tests.prove.proving import Place, Proof, prove

EACH, APPLIES = 20, 2
"""Mutations of one project, and how often its registry is looked at behind `apply --incremental`."""

FOLDER = Path(".prove").absolute()


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main() -> int:
    """Run, and say what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))  # noqa: S311 no secret
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", default="")
    asked = parser.parse_args()
    host = os.environ["ENGINE_REGISTRY"]
    own = f"prove-{uuid.uuid4().hex[:12]}"
    place = Place(FOLDER, bases_in(host, f"{own}/bases", "one-node"), own)
    seeds = [asked.only] if asked.only else [f"{asked.seed}-{number}" for number in range(-(-asked.count // EACH))]
    say(f"seed {asked.seed}, {len(seeds)} projects, {EACH} mutations each")
    began, proofs = time.monotonic(), list[Proof]()
    with ProcessPoolExecutor(asked.workers) as pool, suppress(KeyboardInterrupt):
        for proof in pool.map(partial(proved, place=place), seeds):
            proofs.append(proof)
            (FOLDER / "last.json").write_text(json.dumps([vars(proof) for proof in proofs], indent=1))
            for text in proof.wrong:
                say(f"WRONG {proof.seed}: {text}\n  again: python -m tests.prove --only {proof.seed}")
            if len(proofs) % 10 == 0:
                say(f"{len(proofs)} projects, {time.monotonic() - began:.0f} s")
        say(told(proofs, time.monotonic() - began))
        return 1 if any(proof.wrong for proof in proofs) else 0
    say(told(proofs, time.monotonic() - began))
    return 130


def proved(seed: str, place: Place) -> Proof:
    """Prove one project, in a process of its own; meanwhile no test may kill the engines."""
    with Path(os.environ["ENGINE_HOME"], "tests.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        try:
            return _proved(seed, place)
        except Exception:  # noqa: BLE001 the others go on
            return Proof(seed, wrong=[traceback.format_exc()])


def _proved(seed: str, place: Place) -> Proof:
    return prove(seed, EACH, place, Store(), applies=APPLIES)


def told(proofs: list[Proof], seconds: float) -> str:
    """Return the figures."""
    every, same, needless, failed = (
        sum((getattr(proof, name) for proof in proofs), Counter[str]())
        for name in ("mutations", "same", "needless", "unbuildable")
    )
    rows = [f"{'mutation':42} {'number':>6} {'same':>6} {'needless':>8} {'did not build':>14}"]
    rows += [
        f"{name:42} {every[name]:6} {same[name]:6} {needless[name]:8} {failed[name]:14}"
        for name in sorted({*every, *failed})
    ]
    total = {name: sum(getattr(proof, name) for proof in proofs) for name in NUMBERS}
    wrong, number = sum(len(proof.wrong) for proof in proofs), sum(needless.values())
    silent = sum(same.values())
    rows.append(f"{sum(every.values())} mutations in {seconds:.0f} s: {wrong} wrong")
    rows.append(f"pairs of equal fingerprints that were compared: {total['pairs']}")
    rows.append(f"runs of apply: {total['applies']}, targets that were kept in them: {total['kept']}")
    rows.append(
        f"mutations with a needless build: {number}, {_percent(number, sum(every.values()))} of all; "
        f"{_percent(number, silent)} of the {silent} that changed no image"
    )
    again, builds, unchanged = total["builds_needless"], total["builds"], total["builds_same"]
    rows.append(
        f"needless builds: {again}, {_percent(again, builds)} of all {builds}; "
        f"{_percent(again, unchanged)} of the {unchanged} whose image stayed the same"
    )
    return "\n".join(rows)


NUMBERS = ("pairs", "applies", "kept", "builds", "builds_same", "builds_needless")


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / max(whole, 1):.1f} %"


if __name__ == "__main__":
    sys.exit(main())
