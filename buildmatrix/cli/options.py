"""The options that several commands have, each declared once."""

from typing import Annotated, Literal

import typer

from buildmatrix.cli.completion import (
    complete_allowances,
    complete_builders,
    complete_platforms,
    complete_sets,
    complete_targets,
    complete_variables,
)

Selectors = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[SELECTOR]...",
        help="A target, a group, a glob (app-*), cells (app[python=3.12]), or !SELECTOR to take away.",
        autocompletion=complete_targets,
    ),
]
File = Annotated[
    str | None,
    typer.Option(
        "--file",
        "-f",
        envvar="BUILDMATRIX_FILE",
        metavar="FILE",
        help="The file; else buildmatrix.toml here or in a parent. - is standard input.",
    ),
]
Platform = Annotated[
    list[str] | None,
    typer.Option(
        "--platform",
        metavar="PLATFORM",
        help="Keep only this platform; may be repeated.",
        autocompletion=complete_platforms,
        envvar="BUILDMATRIX_PLATFORM",
    ),
]
Var = Annotated[
    list[str] | None,
    typer.Option(
        "--var",
        metavar="NAME=VALUE",
        help="Give a variable its value; may be repeated.",
        autocompletion=complete_variables,
    ),
]
VarFile = Annotated[
    list[str] | None,
    typer.Option("--var-file", metavar="FILE", help="Variables from a TOML or JSON file; may be repeated."),
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="SELECTOR.KEY=VALUE",
        help="Lay a setting over the file's; += appends to a list. May be repeated.",
        autocompletion=complete_sets,
    ),
]
Push = Annotated[bool, typer.Option("--push", help="Push to the registry that the tags name.")]
Load = Annotated[bool, typer.Option("--load", help="Load into the engine's image store.")]
NoOutput = Annotated[bool, typer.Option("--no-output", help="Build, but export nothing (pull requests).")]
Colour = Annotated[
    Literal["auto", "always", "never"],
    typer.Option("--color", help="Colours: auto, always or never.", envvar="BUILDMATRIX_COLOR"),
]
Builder = Annotated[
    str | None,
    typer.Option(
        "--builder",
        metavar="NAME",
        help="The builder to use.",
        envvar=["BUILDMATRIX_BUILDER", "BUILDX_BUILDER"],
        autocompletion=complete_builders,
    ),
]
Allow = Annotated[
    list[str] | None,
    typer.Option(
        "--allow",
        metavar="ENTITLEMENT",
        help="Allow what the plan says it needs; may be repeated.",
        autocompletion=complete_allowances,
    ),
]

# --- how apply runs ---------------------------------------------------------------------------------------------------

Jobs = Annotated[
    int | None,
    typer.Option("--jobs", "-j", min=1, metavar="N", help="Build so many targets at once.", envvar="BUILDMATRIX_JOBS"),
]
KeepGoing = Annotated[
    bool | None,
    typer.Option(
        "--keep-going/--no-keep-going",
        "-k",
        help="Build all that does not depend on a failure; still exit 1.",
        envvar="BUILDMATRIX_KEEP_GOING",
    ),
]
FailFast = Annotated[bool, typer.Option("--fail-fast", help="End what is running at the first failure.")]
Retries = Annotated[
    int | None,
    typer.Option(
        "--retries",
        min=0,
        metavar="N",
        help="Try so often again what the network, a registry or the engine failed.",
        envvar="BUILDMATRIX_RETRIES",
    ),
]
Timeout = Annotated[
    str | None,
    typer.Option(
        "--timeout",
        metavar="DURATION",
        help="End a target that takes longer, such as 20m.",
        envvar="BUILDMATRIX_TIMEOUT",
    ),
]
PlatformsMayShrink = Annotated[
    bool | None,
    typer.Option(
        "--platforms-may-shrink/--no-platforms-may-shrink",
        help="Push tags also where they lose platforms that they have.",
        envvar="BUILDMATRIX_PLATFORMS_MAY_SHRINK",
    ),
]
Publish = Annotated[
    Literal["direct", "together"] | None,
    typer.Option(
        "--publish",
        help="direct: tags come with each image; together: they move when every image is there.",
        envvar="BUILDMATRIX_PUBLISH",
    ),
]
