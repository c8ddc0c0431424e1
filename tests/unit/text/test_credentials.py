"""Credentials: every row that holds one, in every command and format; shown nowhere but to bake."""

import base64
import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buildmatrix.cli.application import COMMANDS
from buildmatrix.oci.http.credentials import Credentials
from buildmatrix.process import Programs
from buildmatrix.spec.credentials import assignment, holders, rows_of
from buildmatrix.spec.rows.markers import Credential
from buildmatrix.spec.rows.settings import Settings
from buildmatrix.spec.rows.shapes import arms, discriminator, item_of, row_of
from buildmatrix.text import forget, hidden, hide, hide_in_url, redacted
from tests.terminal import on_a_terminal

MARKED = {
    ("s3", "access_key_id"), ("s3", "secret_access_key"), ("s3", "session_token"), ("azblob", "secret_access_key"),
    ("gha", "token"), ("gha", "ghtoken"),
}  # fmt: skip
URLS = {("s3", "endpoint_url"), ("azblob", "account_url"), ("gha", "url"), ("gha", "url_v2"), ("registry", "ref")}


def tables() -> Iterator[tuple[str, Any]]:
    for attribute, keys in holders().items():
        for arm in arms(item_of(row_of(Settings, attribute).shape)) if keys else ():
            if rows := rows_of(arm) if isinstance(arm, type) and arm is not str else ():
                yield attribute.replace("_", "-"), (discriminator(arm), rows)


def test_the_rows_are_marked() -> None:
    found = {(kind, row.key, row.marker(Credential).url) for _, (kind, rows) in tables() for row in rows}
    assert {(kind, key) for kind, key, url in found if not url} == MARKED
    assert {(kind, key) for kind, key, url in found if url} == URLS
    assert {row.key for row in rows_of(Settings)} == {"context", "contexts"}


def spec() -> tuple[str, list[str]]:
    """A file with a credential in every row, each a canary of its own, once as a table and once as CSV."""
    canaries: list[str] = []

    def canary() -> str:
        canaries.append(f"CANARY-{len(canaries):03}")
        return canaries[-1]

    def value(row: Any) -> str:
        if not row.marker(Credential).url:
            return canary()
        return (
            f"https://user:{canary()}@127.0.0.1/x?sv=1&sig={canary()}" if row.key != "ref" else "localhost:5000/cache"
        )

    lines = ["version = 1", 'variable.plain = "CANARY-OF-A-VARIABLE"', 'variable.made = "{{ plain }}-2"']
    for number, (setting, (kind, rows)) in enumerate(tables()):
        more = {
            "s3": {"region": "r", "bucket": f"b{number}"},
            "azblob": {"name": f"n{number}"},
            "gha": {"scope": f"s{number}"},
            "registry": {"ref": f"localhost:5000/r{number}"},
        }[kind]
        lines += [f"[target.t{number}]", 'dockerfile-inline = "FROM scratch"', "output = [{ type = 'cacheonly' }]"]
        fields = {"type": kind, **more, **{row.key: value(row) for row in rows if row.key != "ref"}}
        lines.append(f"{setting} = [{{ {', '.join(f'{key} = {json.dumps(text)}' for key, text in fields.items())} }}]")
        fields |= {row.key: value(row) for row in rows if row.key != "ref"} | {
            key: f"{text}-csv" for key, text in more.items()
        }
        lines += [f"[target.c{number}]", 'dockerfile-inline = "FROM scratch"', "output = [{ type = 'cacheonly' }]"]
        lines.append(f"{setting} = [{json.dumps(','.join(f'{key}={text}' for key, text in fields.items()))}]")
    lines += [
        "[target.git]",
        f'context = "https://{canary()}@127.0.0.1/x.git"',
        f'contexts.src = "https://x:{canary()}@127.0.0.1/y.git"',
        f'labels.told = "{canaries[0]}"',
        'cache-from = [{ type = "gha", token = "{{ made }}" }]',
        'output = ["type=cacheonly"]',
    ]
    lines.append(f"[builder.many]\ndriver-opts = {{ {OF_A_BUILDER} }}")
    return "\n".join(lines) + "\n", [*canaries, "CANARY-OF-A-VARIABLE"]


OF_A_BUILDER = '"env.HTTP_PROXY" = "http://user:CANARY-P@proxy:3128", "env.X_TOKEN" = "CANARY-T"'


@pytest.fixture
def say(say: Callable[..., tuple[str, str, int]]) -> Callable[..., tuple[str, int]]:
    """Run a command in a directory with a file; all that it printed, and its exit code."""

    def go(text: str, *arguments: str) -> tuple[str, int]:
        out, err, code = say(text, *arguments)
        return out + err, code

    return go


FORMS = {
    "plan": ["", "--all --color always", "--format json", "--format markdown"],
    "validate": ["", "--format json"],
    "list": ["targets", "variables", "variables --format json", "tags --format json", "groups"],
    "graph": ["", "--format dot", "--format mermaid", "--format json"],
    "apply": ["--dry-run", "--dry-run -j 1"],
    "render": ["--check --output other.json"],
    "builder": ["create many --dry-run"],
    "show": ["plan.json", "plan.json --format json", "plan.json --format markdown"],
    "ci": ["github", "gitlab", "github --workflow -", "gitlab --workflow -"],
    "doctor": ["", "--format json"],
    "merge": ["plan.json records", "plan.json records --format json"],
}
ENDS = {
    "render --check --output other.json": (10,),
    **dict.fromkeys(["doctor ", "doctor --format json"], (0, 1, 3, 5)),
    **dict.fromkeys(["merge plan.json records", "merge plan.json records --format json"], (1,)),
}
"""Exit codes other than 0: of a comparison, of a machine that may have no docker, and of records that are not there."""


@pytest.mark.parametrize("words", [f"{name} {form}" for name in COMMANDS for form in FORMS.get(name, [""])])
def test_no_command_shows_a_credential(words: str, say: Callable[..., tuple[str, int]], tmp_path: Path) -> None:
    text, canaries = spec()
    (tmp_path / "other.json").write_text(f'"cache-to": ["type=gha,token={canaries[0]}-of-yesterday"]\n')
    if "records" in words:
        (tmp_path / "records").mkdir()
    if "plan.json" in words:
        say(text, "plan", "--out", "plan.json")
        assert "CANARY" not in (tmp_path / "plan.json").read_text()
    shown, code = say(text, *words.split())
    assert code in ENDS.get(words, (0,)), shown
    assert "CANARY" not in shown
    assert [canary for canary in canaries if canary in shown] == []


def test_bake_gets_them(say: Callable[..., tuple[str, int]], tmp_path: Path) -> None:
    text, canaries = spec()
    piped, _ = say(text, "render")
    say(text, "render", "--output", "bake.json")
    written = (tmp_path / "bake.json").read_text()
    assert [canary for canary in canaries if canary not in piped or canary not in written] == []
    assert "***" not in piped + written


def test_a_terminal_does_not(tmp_path: Path) -> None:
    text, canaries = spec()
    (tmp_path / "buildmatrix.toml").write_text(text)
    shown = on_a_terminal([sys.executable, "-m", "buildmatrix", "render"], tmp_path)
    assert '"target"' in shown
    assert "***" in shown
    assert [canary for canary in canaries if canary in shown] == []


WRONG = [
    'cache-to = [{ type = "s3", secret_access_key = "CANARY-1", bogus = "x" }]',
    'cache-to = [{ type = "s3", secret_acces_key = "CANARY-1" }]',
    'cache-to = [{ type = "s3", secret_access_key = ["CANARY-1"] }]',
    'cache-to = [{ type = "s3", "secret_access_key" = "CANARY-1 and no end }]',
    "cache-to = [{ type = 's3', session_token = 'CANARY-1', mode = 'no' }]",
    'cache-to = ["type=s3,secret_access_key=CANARY-1,mode=no"]',
    'cache-to = ["type=s3,secret_access_key=CANARY-1,oops"]',
    'cache-to = ["type=gha,token=CANARY-1-which-is-long-enough-for-a-message-to-be-cut,x=y"]',
    'cache-to = [{ type = "gha", token = "{{ CANARY_1 }}" }]\ntoken = "CANARY-1"',
    'cache-to = [{ type = "gha", token = "{{ key }}" }]\nnetwork = "{{ key }}"',
    'context = "https://x:CANARY-1@h/{{ nothing }}"',
    'contexts.a = "https://CANARY-1@127.0.0.1/x.git"\ncontexts.b = 3',
]


MISSPELT = [
    'cache-to = ["type=s3,region=x,bucket=b,session_tken=CANARY-1"]',
    'cache-to = ["type=s3,session_tken=CANARY-2,sesion_tken=CANARY-1,session_tken=CANARY-1"]',
    "cache-from = ['type=s3,\"pasword=x,CANARY-1\"']",
    'cache-from = ["type=s3,TKN=CANARY-1"]',
    'cache-from = ["type=S3,tokn=CANARY-1"]',
    'cache-from = ["type=registry,ref=localhost/x,sas=CANARY-1"]',
    'cache-to = ["type=gha,tken={{ key }}"]',
    'cache-to = ["{{ whole }}"]',
    'cache-to = [{ type = "s3", "session-token" = "CANARY-1" }]',
    'cache-to = [{ type = "inline", key = { it = ["CANARY-1"] } }]',
    'cache-to = [{ type = "s3", sesion_token = "CANARY-1 and no end }]',
]


@pytest.mark.parametrize("line", WRONG + MISSPELT)
@pytest.mark.parametrize("words", ["plan", "validate", "validate --format json", "render", "list targets"])
def test_no_error_shows_a_credential(line: str, words: str, say: Callable[..., tuple[str, int]]) -> None:
    text = (
        'version = 1\nvariable.key = { default = "CANARY-1" }\nvariable.whole = "type=s3,sesn_tok=CANARY-1"\n'
        f"[target.app]\n{line}\n"
    )
    shown, code = say(text, *words.split())
    assert code == 2
    assert "CANARY-1" not in shown
    assert "CANARY_1-" not in shown


@pytest.mark.parametrize(
    "words",
    [
        ["--set", "app.cache-to=type=s3,secret_access_key=CANARY-1,bogus=x"],
        ["--set", 'app.cache-to=[{ type = "s3", secret_access_key = "CANARY-1", bogus = 1 }]'],
        ["--set", "app.cache-to.token=CANARY-1"],
        ["--set", "app.cache-to=type=s3,sesn_tok=CANARY-1"],
        ["--set", 'app.cache-to=[{ type = "s3", sesn_tok = "CANARY-1" }]'],
        ["--set", "app.context=https://CANARY-1@h/x", "--set", "app.nothing=https://u:CANARY-1@h"],
        ["--var", "key=CANARY-1"],
    ],
)
def test_no_argument_shows_a_credential(words: list[str], say: Callable[..., tuple[str, int]]) -> None:
    text = (
        'version = 1\nvariable.key = { default = "good", pattern = "^g" }\n[target.app]\ndockerfile-inline = "FROM x"\n'
        'cache-from = [{ type = "gha", token = "{{ key }}" }]\n'
    )
    shown, code = say(text, "plan", *words)
    assert code == 2
    assert "CANARY-1" not in shown


def test_a_plan_that_is_saved_holds_none(say: Callable[..., tuple[str, int]]) -> None:
    text, canaries = spec()
    shown, _ = say(text, "plan", "--format", "json")
    document = json.loads(shown[: shown.rindex("}") + 1])
    cached = [row for target in document["targets"] for row in target["settings"].get("cache-to", ())]
    assert {row["secret_access_key"] for row in cached if row["type"] == "s3"} == {"***"}
    assert [canary for canary in canaries if canary in shown] == []


def test_a_short_one_is_masked_where_it_stands(say: Callable[..., tuple[str, int]]) -> None:
    line = 'cache-to = [{ type = "gha", token = "zq" }]'
    shown, _ = say(f'version = 1\n[target.app]\ndockerfile-inline = "FROM x"\n{line}\n', "plan", "--format", "json")
    assert '"token": "***"' in shown
    assert "zq" not in shown


@pytest.mark.parametrize(
    "line",
    ['["type=s3,pw=zq"]', '[{ type = "s3", pw = "zq" }]', '[{type="s3",pw="zq"}]', '["type=s3,sesion_token=zq"]'],
)
def test_a_short_one_is_masked_where_its_key_is_misspelt(line: str, say: Callable[..., tuple[str, int]]) -> None:
    shown, code = say(f"version = 1\n[target.app]\ncache-to = {line}\n", "plan")
    assert code == 2
    assert "zq" not in shown
    assert "***" in shown


# What is hidden in a text


def test_a_text_is_hidden_however_it_is_spelled() -> None:
    hide('a"b\\c&<é')
    spelled = [
        'a"b\\c&<é',
        r"a\"b\\c&<é",
        r"a\"b\\c&<\u00e9",
        "a&quot;b\\c&amp;&lt;é",
        "a%22b%5Cc%26%3C%C3%A9",
        'a""b\\c&<é',
    ]
    assert redacted(" ".join(spelled)) == " ".join(["***"] * len(spelled))


def test_what_is_cut_short_is_hidden() -> None:
    hide("abcdefghijkl")
    assert redacted("x abcdefgh… …fghijkl abcde… xabcdef…l") == "x ***… …*** abcde… x***…l"


def test_lines_are_hidden_each() -> None:
    hide("first line\nsecond line\nx")
    assert redacted("1| first line\n2| second line\nx") == "1| ***\n2| ***\nx"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://user:word@host/x", "https://***@host/x"),
        ("https://token@host", "https://***@host"),
        ("ssh://git@host/x", "ssh://git@host/x"),
        ("tcp://u:p4ssword@host", "tcp://u:***@host"),
        ("https://host/@x?a=b@c", "https://host/@x?a=b@c"),
        ("https://h/c?sv=2&sig=abc%3D&se=3", "https://h/c?sv=2&sig=***&se=3"),
        ("docker-image://alpine@sha256:1", "docker-image://alpine@sha256:1"),
        ("localhost:5000/x:1", "localhost:5000/x:1"),
    ],
)
def test_urls(text: str, shown: str) -> None:
    assert redacted(text) == shown


def test_a_password_of_a_url_is_hidden_by_itself() -> None:
    hide_in_url("https://user:p%40ssword@host/?sig=a-signature")
    assert redacted("p@ssword p%40ssword a-signature") == "*** *** ***"


def test_what_is_too_short_is_everywhere() -> None:
    hide("abc", "***", "******", "")
    assert hidden() == frozenset()


SOLID = st.characters(exclude_categories=["Z", "C"], exclude_characters="*")


@given(st.text(SOLID, min_size=6, max_size=30), st.text(max_size=30), st.text(max_size=30))
def test_no_text_holds_what_is_hidden(secret: str, before: str, after: str) -> None:
    forget()
    hide(secret)
    assert secret not in redacted(before + secret + after)


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ('token = "abc"', 'token = "***"'),
        ("x = { aws_secret = 'abc', y = 1 }", "x = { aws_secret = '***', y = 1 }"),
        ("type=gha,token=abc,scope=x", "type=gha,token=***,scope=x"),
        ('x = { sesion_token = "abc", acess_key_id = "d" }', 'x = { sesion_token = "***", acess_key_id = "***" }'),
        ("tken=abc otken=abc tokenn=abc broken=abc", "tken=*** otken=*** tokenn=*** broken=abc"),
        ('secret = [{ id = "token", env = "TOKEN" }]', 'secret = [{ id = "token", env = "TOKEN" }]'),
        ('tags = ["token:1"]', 'tags = ["token:1"]'),
    ],
)
def test_source_lines(line: str, shown: str) -> None:
    assert redacted(line, assignment()) == shown


def test_what_logs_in_at_a_registry_is_hidden(tmp_path: Path) -> None:
    pair = base64.b64encode(b"user:pass-word").decode()
    auths = {"r.example": {"auth": pair}, "s.example": {"identitytoken": "mine-own"}}
    (tmp_path / "config.json").write_text(json.dumps({"auths": auths}))
    asked = Credentials(Programs({"DOCKER_CONFIG": str(tmp_path)}))
    assert (asked.of("r.example").secret, asked.of("s.example").identity) == ("pass-word", "mine-own")
    said = f"the registry says: Basic {pair} is pass-word, and not mine-own"
    assert redacted(said) == "the registry says: Basic *** is ***, and not ***"


@pytest.mark.parametrize("part", ["a.", "a-", "http.", "http://", "a:", "?sig=", "token=", "x://a", "secret."])
def test_a_long_line_is_looked_through_in_no_time(part: str) -> None:
    line = f"{part * 30_000} git+ssh://user:pass-word@h"
    began = time.process_time()
    assert "pass-word" not in redacted(line, assignment())
    assert time.process_time() - began < 5
