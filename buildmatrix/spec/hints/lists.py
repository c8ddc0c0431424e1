"""What to write for outputs, caches, secrets and attestations that stand without the list around them."""

import re
from collections.abc import Mapping
from typing import Any

from buildmatrix.spec.checks.data import shown
from buildmatrix.spec.checks.suspicious import kinds_of, spelled
from buildmatrix.spec.rows.settings import Secret
from buildmatrix.spec.rows.shapes import rows


def lone(key: str, text: str) -> str:
    """Return the item that a text alone means: the name of a kind is `type=…`."""
    if key in {"output", "cache-from", "cache-to", "attest"} and text in kinds_of(key):
        return spelled(key, text)
    return text


def listed(key: str, table: Mapping[str, Any]) -> str:
    """Return the list that a table alone stands for."""
    if key == "secret" and table and not {row.key for row in rows(Secret)}.intersection(table):
        return f"[{', '.join(_secret(name, value) for name, value in table.items())}]"
    return f"[{_whole(table)}]"


def _secret(name: str, value: Any) -> str:
    """`token = "GITHUB_TOKEN"` is a variable, and what looks like a path a file; another text is not repeated."""
    text = str(value)
    if re.fullmatch(r"[A-Z][A-Z0-9_]*", text):
        return f'{{ id = "{name}", env = "{text}" }}'
    if re.fullmatch(r"[~.]?/?[\w-]*[./][\w./-]+", text):
        return f'{{ id = "{name}", src = "{text}" }}'
    return secret_of(name)


def secret_of(word: str) -> str:
    """Return the table of a secret that is only named."""
    return f'{{ id = "{word}", env = "{re.sub("[^A-Z0-9]+", "_", word.upper())}" }}'


def _whole(table: Mapping[str, Any]) -> str:
    return f"{{ {', '.join(f'{key} = {shown(item)}' for key, item in table.items())} }}"


def attestation(kind: str, value: Any) -> str:
    """Return what to write for `provenance` and `sbom` as bake's command line and compose have them."""
    if value is False or value == "false":
        more = ",disabled=true"
    elif isinstance(value, str) and "=" in value:
        more = f",{value}"
    else:
        more = ",mode=max" if kind == "provenance" else ""
    return f"write attest = {shown([f'type={kind}{more}'])}"
