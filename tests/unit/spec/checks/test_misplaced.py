"""Settings that TOML's table order put into an inner table, and those that stand there by right."""

import pytest
import tomli

from buildmatrix.spec.checks.misplaced import strays


def found(text: str) -> list[tuple[str, str]]:
    return [(".".join(map(str, stray.pointer)), stray.header) for stray in strays(tomli.loads(text), text)]


@pytest.mark.parametrize(
    ("header", "line"),
    [
        ("[target.app.args]", 'dockerfile = "x"'),
        ("[target.app.args]", "no-cache = true"),
        ("[target.app.args]", "no_cache = true"),
        ("[target.app.labels]", 'tags = ["a:1"]'),
        ("[target.app.contexts]", 'context = "."'),
        ("[target.app.matrix]", 'platforms = ["linux/amd64"]'),
        ("[target.app.extra-hosts]", "pull = true"),
        ("[ target . app . args ]  # of the build", 'target = "x"'),
        ("[defaults.args]", 'context = "."'),
        ("[group]", 'include = ["x.toml"]'),
        ("[target.app.args]", 'tags = "a:b"'),
        ("[target.app.args]", 'no-cache = "true"'),
        ("[target.app.args]", "pull = 1"),
        ("[target.app.matrix]", 'platforms = "linux/amd64"'),
        ("[[target.app.matrix.include]]", "no-cache = true"),
        ("[[target.app.matrix.exclude]]", 'tags = ["a:1"]'),
    ],
)
def test_below_a_header(header: str, line: str) -> None:
    ((pointer, said),) = found(f"version = 1\n{header}\nA = '1'\n{line}\n")
    assert pointer.endswith(f".{line.split(maxsplit=1)[0]}")
    assert said == header.partition("  #")[0]


@pytest.mark.parametrize(
    "text",
    [
        '[target.app.args]\n"dockerfile" = "x"',
        "[target.app.args]\n'dockerfile' = 'x'",
        '[target.app]\nargs = { dockerfile = "x" }',
        '[target.app]\nargs.A = "1"\nargs.dockerfile = "x"',
        '[target]\napp.args.dockerfile = "x"',
        '[target.app.args]\nDOCKERFILE = "x"',
        '[target.app.contexts]\nssh = "ssh://git@example.com/x"',
        '[target.app.contexts]\ncontexts = "https://example.com/x"',
        '[target.app.labels]\ndescription = "an app"\nname = "app"',
        '[target.app.matrix]\nexclude = [{ os = "a" }]\nos = ["a", "b"]',
        '[target.app.matrix]\ncontext = ["a", "b"]\n[[target.app.matrix.include]]\ncontext = "c"',
        '[target.app.matrix]\n"pull" = "{{ pulls }}"\n[[target.app.matrix.exclude]]\npull = "c"',
        '[[target.app.matrix.include]]\npull = "a"\n[[target.app.matrix.include]]\npull = "b"',
        '[target.app.extra-hosts]\noutput = "10.0.0.5"\nsecret = "::1"\nssh = "host-gateway"',
        '[variable]\ninclude = "x"',
        '[target.app]\ndockerfile = "x"',
        "[target]\napp = 1",
        "target = 1",
        "[target.app]\noverride = 1\nargs = 1",
    ],
)
def test_by_right(text: str) -> None:
    assert found(text) == []
