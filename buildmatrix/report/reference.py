"""The reference of the file and of what programs read, made from the rows."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, get_args, get_origin

from buildmatrix import errors
from buildmatrix.codes import CODES
from buildmatrix.report.documents import DOCUMENTS, tables_of
from buildmatrix.spec.rows import builders, caches, options, outputs, settings
from buildmatrix.spec.rows import tables as model
from buildmatrix.spec.rows.document import Version
from buildmatrix.spec.rows.markers import Credential
from buildmatrix.spec.rows.shapes import (
    Doc,
    Examples,
    Rest,
    Row,
    Since,
    Table,
    arms,
    discriminator,
    is_list,
    is_map,
    is_table,
    item_of,
    rows,
    unwrap,
)
from buildmatrix.template.sandbox.filters import FILTERS

TABLES: tuple[tuple[str, type[Table], str], ...] = (
    ("The file", model.File, "The keys at the top of a `buildmatrix.toml`."),
    ("[apply]", options.Apply, "What `apply` does unless its flags say otherwise."),
    ("[checks]", model.Checks, "How strictly targets are checked together."),
    ("[builder.NAME]", builders.Builder, "A builder of buildx, of one node or several."),
    ("[[builder.NAME.node]]", builders.BuilderNode, "What it does not say holds as the builder says it."),
    ("[variable.NAME]", model.Variable, "Given as a bare value, it is the default."),
    ("[target.NAME]: settings", model.CellSettings, "Also in `[defaults]` and `[[target.NAME.override]]`."),
    ("[target.NAME]: more keys", model.Target, "Beside the settings."),
    ("[target.NAME.matrix]", model.Matrix, "Every other key is an axis."),
    ("[[target.NAME.override]]", model.Override, "Beside the settings."),
)

BESIDE = (model.Target, model.Override)
"""Tables that have the settings, too."""

ARMS: tuple[tuple[str, Any], ...] = (
    ("output", outputs.Output),
    ("cache-from", caches.CacheFrom),
    ("cache-to", caches.CacheTo),
    ("secret", settings.Secret),
    ("ssh", settings.Ssh),
    ("attest", settings.Attest),
)


def reference_markdown() -> str:
    """Return the reference as markdown."""
    parts = ["# Reference\n\nMade from the code by `make generate`; do not edit.\n"]
    parts += [table_markdown(title, table, text) for title, table, text in TABLES]
    parts += [_tables_of(key, shape) for key, shape in ARMS]
    return "".join([*parts, _driver_opts(), _filters(), _scope(), _exit_codes(), _documents(), _codes()])


def table_markdown(title: str, table: type[Table], text: str) -> str:
    """Return a table of the file with all of its rows."""
    inherited = {row.attribute for base in table.__bases__ for row in rows(base)} if table in BESIDE else set()
    return f"\n## {title}\n\n{text}\n" + _rows([row for row in rows(table) if row.attribute not in inherited])


def _rows(shown: Iterable[Row], *, needed: bool = True) -> str:
    lines = ["", "| key | type | what it is |", "| --- | --- | --- |"]
    for row in shown:
        key = "any other" if row.marker(Rest) else row.key
        kind = f"{_type(row.shape)}{' or null' if row.nullable else ''}"
        lines.append(f"| `{key}`{' (required)' if row.required and needed else ''} | {kind} | {_cell(_words(row))} |")
    return "\n".join(lines) + "\n"


def _words(row: Row) -> str:
    since = row.marker(Since)
    found = row.marker(Examples)
    examples = f" For example `{json.dumps(found.values[0])}`." if found else ""
    credential = row.marker(Credential)
    hidden = " Never shown." if credential and not credential.url else ""
    return f"{row.doc}{examples}{hidden}" + (f" Needs buildx {since.version}." if since else "")


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _type(shape: Any) -> str:
    bare, _ = unwrap(shape)
    if is_list(bare):
        return f"list of {_type(item_of(bare))}"
    if is_map(bare):
        return f"table of {_type(item_of(bare))}"
    if is_table(bare):
        return "table"
    if len(arms(bare)) > 1:
        return " or ".join(dict.fromkeys(_type(arm) for arm in arms(bare)))
    if str(get_origin(bare)) == "typing.Literal":
        return ", ".join(f"`{json.dumps(value)}`" for value in get_args(bare))
    return {str: "string", bool: "boolean", int: "integer", float: "number"}.get(bare, "any")


def _tables_of(key: str, shape: Any) -> str:
    text = f"\n## Tables of `{key}`\n\nOr bake's CSV string with the same keys.\n"
    for arm in arms(shape):
        kind = discriminator(unwrap(arm)[0])
        title = f'\n### `type = "{kind}"`\n' if kind else ""
        doc = (unwrap(arm)[0].__doc__ or "").strip()
        text += f"{title}\n{doc}\n" + _rows([row for row in rows(unwrap(arm)[0]) if row.key != "type" or not kind])
    return text


def _driver_opts() -> str:
    lines = ["", "## Options of a builder's driver", "", "Keys of `driver-opts`.", ""]
    lines += ["| option | drivers | what it is |", "| --- | --- | --- |"]
    for name, option in builders.DRIVER_OPTS.items():
        lines.append(f"| `{name}` | {', '.join(option.drivers)} | {_cell(option.doc)} |")
    return "\n".join(lines) + "\n"


def _filters() -> str:
    lines = [
        "",
        "## Filters",
        "",
        "Beside those of jinja2, without `random`.",
        "",
        "| filter | what it gives |",
        "| --- | --- |",
    ]
    lines += [f"| `{name}` | {_cell((function.__doc__ or '').splitlines()[0])} |" for name, function in FILTERS.items()]
    return "\n".join(lines) + "\n"


def _scope() -> str:
    return (
        "\n## Names in templates\n\n| name | what it is |\n| --- | --- |\n"
        "| a variable's, an axis's | its value |\n"
        "| `target` | the target's declared name |\n"
        "| `name` | the cell's name |\n"
        "| `git.sha`, `git.short`, `git.branch`, `git.tag`, `git.dirty`, `git.timestamp` "
        "| facts of the repository, read only if used; the branch and the tag as a CI system says, "
        "where git has none |\n"
        "| `created` | SOURCE_DATE_EPOCH, else the commit's time (RFC 3339): never the clock |\n"
        "| `now` | SOURCE_DATE_EPOCH, else the time of the run, taken once and kept in a saved plan (RFC 3339, UTC) |\n"
        "| `host.platform` | the platform of the machine that plans, such as linux/amd64; kept in a saved plan |\n"
        "| `platform` | in settings and `let`: that for which they are rendered, with `.os`, `.arch` and `.variant` |\n"
    )


def _exit_codes() -> str:
    return f"\n## Exit codes\n\n{exit_codes()}"


def _documents() -> str:
    text = "\n## Documents for programs\n\n"
    text += "JSON; `buildmatrix schema NAME` writes the JSON Schema of each. Every key is always there, but for those\n"
    text += "that are marked as left out; null is what is not known, or not there.\n"
    return text + "".join(document_markdown(name, shape) for name, shape in DOCUMENTS.items())


def document_markdown(name: str, shape: Any) -> str:
    """Return a document with all rows of its tables."""
    text = ""
    for way, kind in tables_of(shape):
        head = f"`{name}`" + (f": `{way}`" if way else "")
        text += f"\n### {head}\n\n{(kind.__doc__ or '').strip()}\n{_rows(_as_document(kind), needed=False)}"
    return text


def _as_document(kind: type[Table]) -> Iterator[Row]:
    """Yield the rows; those that may be left out say so, and `format_version` says which it is."""
    for row in rows(kind):
        version = row.marker(Version)
        more = f"{row.doc} Here it is {version.number}." if version else f"{row.doc} May be left out."
        yield replace(row, markers=(Doc(more), *row.markers)) if version or not row.required else row


def _codes() -> str:
    lines = [f"| `{code}` | {_cell(meaning)} |\n" for code, meaning in CODES.items()]
    head = "\n## Codes of diagnostics\n\nWhat `code` says in `validate --format json`.\n\n| code | what it is of |\n"
    return f"{head}| --- | --- |\n{''.join(lines)}"


def exit_codes() -> str:
    """Return the table of exit codes."""
    lines = [f"| {code} | {text} |\n" for code, text in errors.EXIT_CODES.items()]
    return f"| code | meaning |\n| --- | --- |\n{''.join(lines)}"
