"""A lone word that is a kind of outputs, caches or attestations: what is to be written instead is accepted."""

import json
import re
from collections.abc import Callable

import pytest

from buildmatrix.spec.checks.suspicious import kinds_of, spelled

KINDS = [(key, kind) for key in ("output", "cache-from", "cache-to", "attest") for kind in sorted(kinds_of(key))]
TARGET = 'version = 1\n[target.app]\ndockerfile-inline = "FROM scratch"\ntags = ["localhost:5000/app"]\n'


@pytest.mark.parametrize(("key", "kind"), KINDS)
def test_what_is_to_be_written_for_a_kind_is_accepted(
    key: str, kind: str, say: Callable[..., tuple[str, str, int]]
) -> None:
    """With the rows that it cannot be without."""
    whole = json.dumps([spelled(key, kind)])
    _, err, code = say(f"{TARGET}{key} = {whole}\n", "validate")
    assert (err, code) == ("", 0)
    _, err, code = say(f'{TARGET}{key} = "{kind}"\n', "validate")
    assert code == 2
    assert f"write {key} = {whole}\n" in err


@pytest.mark.parametrize(("key", "kind"), [one for one in KINDS if one[0] != "attest"])
def test_a_kind_alone_in_a_list_is_a_name(key: str, kind: str, say: Callable[..., tuple[str, str, int]]) -> None:
    _, err, _ = say(f'{TARGET}{key} = ["{kind}"]\n', "validate")
    assert re.search(rf'"{kind}" is taken for .*', err)
    assert f'write "{spelled(key, kind)}"' in err
