"""What a run asks of the spec: the command line, as data."""

from collections.abc import Mapping
from dataclasses import field
from typing import Any, Literal

from buildmatrix.records import dataclass
from buildmatrix.spec.rows.tables import NO_FILES, BakeFiles

OutputMode = Literal["declared", "push", "load", "none"]


@dataclass(frozen=True, kw_only=True)
class Request:
    """A selection, filters, and values laid over the file.

    `selectors` are names, groups, globs, `name[axis=value]` and `!selector`; none means the group `default`, else every
    target. `platforms` keeps only these. `variables` are `--var`, `variable_files` paths of `--var-file` (TOML or JSON,
    relative to the working directory), `set_options` the texts of `--set`. `output` replaces what the file says: push
    to a registry, load into the engine, or export nothing. `environment` is what `env` variables are read from.
    `file_values` are those of variable files that were read when a plan was saved, and `files` those of them that lie
    in the repository, relative to the root file's directory. `machine` is what a saved plan took from the machine that
    it was made on: `now` and `platform`. `bake_files` are those of `--bake-file`. `only` are the names that are kept of
    what is selected, None for all. One that is `forgiving` passes over what selectors, `--set` and values name and an
    earlier revision of the file does not have.
    """

    selectors: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    variable_files: tuple[str, ...] = ()
    file_values: Mapping[str, Any] = field(default_factory=dict)
    files: tuple[str, ...] = ()
    bake_files: BakeFiles = NO_FILES
    set_options: tuple[str, ...] = ()
    output: OutputMode = "declared"
    environment: Mapping[str, str] = field(default_factory=dict)
    machine: Mapping[str, str] = field(default_factory=dict)
    only: frozenset[str] | None = None
    forgiving: bool = False
