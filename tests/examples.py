"""How many examples a property is tried with: a share of what it asks for, the same in `make test` and at hand.

`make fuzz` tries all properties with many more: `EXAMPLES` is the share, 1 for as many as a property asks for.
"""

import os

from hypothesis import settings

SHARE = float(os.environ.get("EXAMPLES", "0.35"))
FEWEST = 5


def examples(count: int) -> settings:
    """Return the settings of a property that asks for so many examples."""
    return settings(max_examples=max(FEWEST, round(count * SHARE)))
