"""What is worth saying of a planned target, as short lines; alike in text, markdown and lists."""

from collections.abc import Iterable, Mapping
from typing import Any

from buildmatrix.errors import and_more
from buildmatrix.patterns import regex
from buildmatrix.plan.model import PlannedTarget, each_of
from buildmatrix.spec.credentials import without_credentials
from buildmatrix.spec.rows.settings import Settings
from buildmatrix.spec.rows.shapes import Table, plain_table, rows, text_of
from buildmatrix.text import one_line

UNSAID = {"description", "platforms", "tags", "needs", "dockerfile_inline"}
"""Settings that have a place of their own."""

OWN_PLATFORM = "the builder's own platform"
"""What no platforms mean."""

Detail = tuple[str, str]
"""A label, and the key within it where the setting is a table; else ""."""


def details_of(target: PlannedTarget) -> dict[Detail, str]:
    """Return what is worth saying of a target, in the order of the rows.

    Of a target that is not exported, the tags and outputs are not: nothing is written there.
    """
    found: dict[Detail, str] = {("platforms", ""): platforms_text(target)}
    if target.exported:
        found["tags", ""] = "\n".join(map(one_line, target.tags))
    each = [_settings(one, exported=target.exported) | _own_dockerfile(one, target) for one in target.each]
    found |= {detail: text for detail, text in each[0].items() if all(one.get(detail) == text for one in each)}
    for variant, own in zip(target.variants, each, strict=False):
        others = labelled({detail: text for detail, text in own.items() if detail not in found})
        lines = [f"{label}{':' if ' ' in label else ''} {text}" for label, text in others.items()]
        found[f"on {' '.join(variant.platforms)}", ""] = "\n".join(lines) or "nothing more"
    if target.decision:
        found[target.decision, ""] = "\n".join(map(one_line, target.because))
    found["carried over", ""] = f"{' '.join(target.carried_over)} as the registry has it" if target.carried_over else ""
    found["left to others", ""] = "\n".join(
        f"{one_line(tag)} is written by {one_line(other)}, which comes later"
        for tag, other in target.tags_left_to.items()
    )
    found["needs", ""] = ", ".join(target.needs)
    found["why", ""] = why(target)
    return {detail: text for detail, text in found.items() if text}


def _settings(target: PlannedTarget, *, exported: bool) -> dict[Detail, str]:
    """Return what is to be said of settings, in the order of the rows."""
    found: dict[Detail, str] = {}
    settings = without_credentials(target.settings)
    for row in rows(Settings):
        value = getattr(settings, row.attribute)
        if value is None or row.attribute in UNSAID or (row.attribute == "output" and not exported):
            continue
        if isinstance(value, Mapping):
            found |= {(row.key, key): f"{quoted(key)}={quoted(item)}" for key, item in value.items()}
        else:
            found[row.key, ""] = setting_text(value)
    if settings.dockerfile_inline is not None:
        found["dockerfile", ""] = "inline"
    return found


def _own_dockerfile(variant: PlannedTarget, target: PlannedTarget) -> dict[Detail, str]:
    """Return what the inline Dockerfile of some platforms has and those of others have not; {} where all are alike."""
    texts = [one.settings.dockerfile_inline for one in target.each]
    text = variant.settings.dockerfile_inline
    if text is None or len(set(texts)) == 1:
        return {}
    others = [(other or "").splitlines() for other in texts if other != text]
    own = [line for line in text.splitlines() if line.strip() and not all(line in lines for lines in others)]
    first = f", with {quoted(own[0].strip())}{and_more(len(own), 'line')}" if own else ", without lines of the others"
    return {("dockerfile", ""): f"inline{first}"}


def labelled(details: Mapping[Detail, str]) -> dict[str, str]:
    """Return the details by label, the keys of a table side by side."""
    found: dict[str, str] = {}
    for (label, _), text in details.items():
        found[label] = f"{found[label]}  {text}" if label in found else text
    return found


def platforms_text(target: PlannedTarget) -> str:
    """Return the platforms with spaces between; what no platform means is said."""
    return one_line(" ".join(target.platforms)) or OWN_PLATFORM


def setting_text(value: Any) -> str:
    """Return a setting's value on one line."""
    if isinstance(value, Table):
        return table_text(value)
    if isinstance(value, tuple):
        return "  ".join(map(setting_text, value))
    return value_text(value)


_BARE = regex(r"""[^\s"'\[{(][^\s"]*""")
_ENDS = regex(r"[,\]})]")


def quoted(text: str, *, within: bool = False) -> str:
    """Return a text as it is, or in quotes, as TOML has them, where it would not be clear what belongs to it.

    `within` a list or table a comma or bracket would end it.
    """
    if _BARE.fullmatch(text) and one_line(text) == text and not (within and _ENDS.search(text)):
        return text
    shown = one_line(text.replace("\\", "\\\\").replace('"', '\\"'))
    return f'"{shown}"'


def value_text(value: Any, *, within: bool = False) -> str:
    """Return a value: `text`, `"two words"`, `[a, b]` or `{a=b, c=d}`."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(value_text(item, within=True) for item in value)}]"
    if isinstance(value, Mapping):
        return f"{{{_pairs(value)}}}"
    return quoted(text_of(value), within=within)


def _pairs(items: Mapping[str, Any]) -> str:
    return ", ".join(f"{quoted(key, within=True)}={value_text(item, within=True)}" for key, item in items.items())


def table_text(table: Table) -> str:
    """Return an output, cache or secret in short: `local out`, `registry ghcr.io/acme/app:cache (mode=max)`.

    Of what is true the key says it all: `token API_TOKEN (optional)`.
    """
    items = {key: item for key, item in plain_table(table).items() if item != []}
    main = [value_text(items.pop(key)) for key in ("type", "id", "dest", "src", "ref", "env") if key in items]
    more = ", ".join(quoted(key, within=True) if item is True else _pairs({key: item}) for key, item in items.items())
    return " ".join(main) + (f" ({more})" if more else "")


def written_out(targets: Iterable[PlannedTarget]) -> list[str]:
    """Return `app: args, description` for each declared target that has signs which are obeyed or not seen."""
    found: dict[str, dict[str, None]] = {}
    for target in each_of(targets):
        for row in rows(Settings):
            value = getattr(target.settings, row.attribute)
            if value is not None and _has_unseen(value):
                found.setdefault(target.declared, {})[row.key] = None
    return [f"{name}: {', '.join(keys)}" for name, keys in found.items()]


def _has_unseen(value: Any) -> bool:
    if isinstance(value, str):
        return not value.isprintable() and one_line(_seen(value)) != _seen(value)
    if isinstance(value, Table):
        value = plain_table(value)
    if isinstance(value, Mapping):
        return any(map(_has_unseen, (*value, *value.values())))
    return isinstance(value, list | tuple) and any(map(_has_unseen, value))


def _seen(text: str) -> str:
    """Return a text without the signs that everybody uses, and that are no trick."""
    return text.replace("\n", " ").replace("\t", " ")


def why(target: PlannedTarget) -> str:
    """Return why a target is in the plan; "" where it was simply selected."""
    reason, by = target.reason, one_line(target.reason.by)
    if reason.kind == "context":
        said = f"{by} depends on it"
        return said if target.exported else f"{said}; not exported"
    if reason.kind == "needs":
        return f"{by} needs it first"
    return "" if reason.by in {"", target.declared, target.name} else f"selected by {by}"
