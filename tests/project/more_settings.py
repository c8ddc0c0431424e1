"""buildmatrix with a few more rows: each is all that a new setting is. A program for `test_house.py`.

python more_settings.py COMMAND...           as `buildmatrix COMMAND...`
python more_settings.py fingerprint TARGET   what tells whether a target is what it was
python more_settings.py reference            the reference of the file
python more_settings.py                      each that is asked for on standard input, by a fork: that starts sooner

There a line is JSON: `words`, `directory`, and the files for `stdout` and `stderr`. It is answered with the exit code.
"""

import importlib
import json
import os
import pkgutil
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
    from buildmatrix.inputs.fingerprint import Fingerprints
    from buildmatrix.pipeline import plan
    from buildmatrix.spec.toml.source import Sources
    from buildmatrix.template.request import Request

    made = plan("buildmatrix.toml", Sources(Path.cwd()), Request(), Git(lambda _: None))
    return "".join(Fingerprints(made, {}, {}, {}, "linux/amd64").of(target).fingerprints.values())


def reference() -> str:
    """Return the reference of the settings."""
    from buildmatrix.report.reference import table_markdown
    from buildmatrix.spec.rows.settings import Settings

    return table_markdown("", Settings, "")


def serve() -> None:
    """Answer who asks until nobody does; return in a process that is to be the program."""
    import buildmatrix

    for module in pkgutil.walk_packages(buildmatrix.__path__, "buildmatrix."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    while line := sys.stdin.readline():
        asked = json.loads(line)
        if (pid := os.fork()) == 0:
            for number, name in ((1, "stdout"), (2, "stderr")):
                os.dup2(os.open(asked[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
            os.chdir(asked["directory"])
            os.environ["HOME"] = asked["directory"]
            sys.argv[1:] = asked["words"]
            return
        sys.stdout.write(f"{os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}\n")
        sys.stdout.flush()
    sys.exit()


if __name__ == "__main__":
    if not sys.argv[1:]:
        serve()
    if sys.argv[1] == "fingerprint":
        sys.stdout.write(fingerprint(sys.argv[2]))
    elif sys.argv[1] == "reference":
        sys.stdout.write(reference())
    else:
        from buildmatrix.cli.main import run

        run()
