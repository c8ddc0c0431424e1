"""buildmatrix with a few more rows: each is all that a new setting is. A program for `test_house.py`.

python more_settings.py COMMAND...           as `buildmatrix COMMAND...`
python more_settings.py fingerprint TARGET   what tells whether a target is what it was
python more_settings.py reference            the reference of the file
"""

import sys
from pathlib import Path
from typing import Annotated, Any, Literal

from buildmatrix.spec.rows.markers import FreeText, ImageRef, Local, OfResult, Privilege
from buildmatrix.spec.rows.settings import Declared
from buildmatrix.spec.rows.shapes import Doc, Since

ROWS: dict[str, Any] = {
    "colour": Annotated[Literal["red", "blue"] | None, Doc("What colour it has."), Since("0.30")],
    "notes_file": Annotated[str | None, Local(), Doc("What is to be noted.")],
    "debug_dir": Annotated[str | None, Local("result", writes=True), OfResult(), Doc("Where to write more.")],
    "base_image": Annotated[str | None, ImageRef(), Doc("What it is a dependency.")],
    "mirrors": Annotated[tuple[Annotated[str, ImageRef()], ...] | None, Doc("Where it is, too.")],
    "motto": Annotated[str | None, FreeText(), Doc("What its people say.")],
    "power": Annotated[Literal["none", "all"] | None, Privilege({"all": "security.insecure"}), Doc("What it may do.")],
}
Declared.__annotations__.update(ROWS)
for name in ROWS:
    setattr(Declared, name, None)


def fingerprint(target: str) -> str:
    """Return what tells whether a target is what it was."""
    from buildmatrix.git.facts import Git
    from buildmatrix.pipeline import plan
    from buildmatrix.spec.toml.source import Sources
    from buildmatrix.state.fingerprint import Fingerprints
    from buildmatrix.template.request import Request

    made = plan("buildmatrix.toml", Sources(Path.cwd()), Request(), Git(lambda _: None))
    return Fingerprints(made, []).of(target)


def reference() -> str:
    """Return the reference of the settings."""
    from buildmatrix.report.reference import table_markdown
    from buildmatrix.spec.rows.settings import Settings

    return table_markdown("", Settings, "")


if __name__ == "__main__":
    if sys.argv[1] == "fingerprint":
        sys.stdout.write(fingerprint(sys.argv[2]))
    elif sys.argv[1] == "reference":
        sys.stdout.write(reference())
    else:
        from buildmatrix.cli.main import run

        run()
