"""What a run was of: for reports, which are read later and elsewhere."""

import os
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from urllib.parse import quote

from buildmatrix.plan.model import Plan
from buildmatrix.records import dataclass
from buildmatrix.report.diagnostics.places import Places, Spot


@dataclass(frozen=True, kw_only=True)
class About:
    """The command line without its secrets, the commit and the branch ("" where unknown).

    `declared` are the places of the targets in the file, by their names, from the repository's root. `page` is the path
    that the report is written to, for links to logs that lie beside it.
    """

    command: str = ""
    commit: str = ""
    branch: str = ""
    declared: Mapping[str, Spot] = field(default_factory=dict)
    page: str = ""

    @property
    def program(self) -> str:
        """What ran: `buildmatrix apply`, or `buildmatrix merge`."""
        return "buildmatrix merge" if self.command.startswith("buildmatrix merge ") else "buildmatrix apply"


NOTHING = About()


def declared_in(plan: Plan, places: Places) -> dict[str, Spot]:
    """Return where the file declares each target of a plan."""
    spots = {target.name: places.spot(target.place) for target in plan.targets}
    return {name: spot for name, spot in spots.items() if spot}


def link_from(page: str, file: str) -> str:
    """Return the URL of a file that lies beside a page or in a directory there; "" for others, and without a page."""
    if not page or not file:
        return ""
    way = os.path.relpath(file, Path(page).parent)
    try:
        return "" if way == ".." or way.startswith("../") else quote(os.fsencode(way))
    except UnicodeEncodeError:  # no file has such a name
        return ""
