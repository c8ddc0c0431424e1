"""The guide's table of bake's functions, for the tests that run it."""

import re
from pathlib import Path
from typing import NamedTuple

GUIDE = Path(__file__).parents[1] / "docs/guide.md"
CELL = re.compile(r"(?<!\\)\|")


class Row(NamedTuple):
    """A row: an expression of a bake file, what a template has for it ("" where it has nothing), and the note."""

    bake: str
    template: str
    note: str

    @property
    def function(self) -> str:
        """The name of bake's function: the first that is called, in a `for` expression that which gives the list."""
        found = re.search(r"(\w+)\(", self.bake)
        assert found, self.bake
        return found[1]


def rows() -> list[Row]:
    """Every row of the table; what stands between ` ` as it is meant, `\\|` as `|`."""
    section = GUIDE.read_text().partition("## Functions of a bake file\n")[2].partition("\n## ")[0]
    cells = [
        [cell.strip() for cell in CELL.split(line)[1:-1]] for line in section.splitlines() if line.startswith("| `")
    ]
    return [Row(written(bake), "" if here == "*none*" else written(here), note) for bake, here, note in cells]


def written(cell: str) -> str:
    """What a cell has between its first ` and the last of them, or the last that is no remark."""
    found = re.match(r"`([^`]*)`", cell)
    assert found, cell
    return found[1].replace("\\|", "|")


NAMES = frozenset(
    """
    absolute add and base64decode base64encode basename bcrypt byteslen bytesslice can ceil chomp chunklist cidrhost
    cidrnetmask cidrsubnet cidrsubnets coalesce coalescelist compact concat contains convert csvdecode dirname distinct
    divide element equal flatten floor format formatdate formatlist greaterthan greaterthanorequalto hasindex homedir
    indent index indexof int join jsondecode jsonencode keys length lessthan lessthanorequalto log lookup lower max md5
    merge min modulo multiply negate not notequal or parseint pow range regex regex_replace regexall replace reverse
    reverselist rsadecrypt sanitize sethaselement setintersection setproduct setsubtract setsymmetricdifference setunion
    sha1 sha256 sha512 signum slice sort split strlen substr subtract timeadd timestamp title trim trimprefix trimspace
    trimsuffix try upper urlencode uuidv4 uuidv5 values zipmap
    """.split()  # noqa: SIM905 a list of names is read as words
)
"""The functions of bake in buildx 0.29: docs/bake-stdlib.md of docker/buildx lists them."""

NEWER = frozenset({"semvercmp", "formattimestamp", "unixtimestampparse"})
"""What buildx 0.31 (the first) and 0.33 added; up to 0.36 it is all."""
