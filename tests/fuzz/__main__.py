"""Fuzz the program: `python -m tests.fuzz [--count N] [--seed N] [--bake-every N] [--only SEED-NUMBER]`.

Exit 1 if anything was found; each finding is written to .fuzz/SEED-NUMBER/.
"""

import argparse
import random
import sys
import time
from pathlib import Path

from tests.fuzz.mutations import case, cases, corpus
from tests.fuzz.running import failing, run_case


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main() -> int:
    """Run, and say what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))  # noqa: S311 no secret
    parser.add_argument("--commands", type=int, default=4)
    parser.add_argument("--bake-every", type=int, default=20)
    parser.add_argument("--only", default="")
    asked = parser.parse_args()
    made = (
        [case(asked.only, corpus(), asked.commands)] if asked.only else cases(asked.seed, asked.count, asked.commands)
    )
    say(f"seed {asked.seed}, {asked.count} specs")
    bad, began = 0, time.monotonic()
    for number, one in enumerate(made):
        is_baked = asked.bake_every and number % asked.bake_every == 0
        if found := run_case(one, ("docker", "buildx") if is_baked else ()):
            bad += 1
            say(f"{failing(one, found, Path('.fuzz'))}: {found[0][:400]}")
        if number % 500 == 499:
            say(f"{number + 1} specs, {bad} failed, {time.monotonic() - began:.0f} s")
    say(f"{bad} failed")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
