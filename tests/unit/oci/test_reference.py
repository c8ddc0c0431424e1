"""Tags are references by the grammar of the distribution project."""

import pytest

from buildmatrix.oci.reference import Reference, fault, parse

DIGEST = "sha256:" + "0" * 64


@pytest.mark.parametrize(
    ("text", "full"),
    [
        ("app", "docker.io/library/app:latest"),
        ("acme/app:1.2.3", "docker.io/acme/app:1.2.3"),
        ("docker.io/app", "docker.io/library/app:latest"),
        ("index.docker.io/acme/app", "docker.io/acme/app:latest"),
        ("localhost/app", "localhost/app:latest"),
        ("localhost:5000/app:x", "localhost:5000/app:x"),
        ("app:5000", "docker.io/library/app:5000"),
        ("ghcr.io/a/b/c__d-e.f:A_b-c.1", "ghcr.io/a/b/c__d-e.f:A_b-c.1"),
        ("[::1]:5000/app", "[::1]:5000/app:latest"),
        ("Reg.Example.com/app", "Reg.Example.com/app:latest"),
        ("app:" + "x" * 128, "docker.io/library/app:" + "x" * 128),
    ],
)
def test_valid(text: str, full: str) -> None:
    assert fault(text) == ""
    assert parse(text).full == full
    assert parse(full).full == full
    assert str(parse(text)) == text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "the tag is empty"),
        ("ACME/app", "repository names are lowercase"),
        ("acme/App:x", "repository names are lowercase"),
        ("acme/app:a b", "tags hold no spaces"),
        (" acme/app", "names hold no spaces"),
        ("https://acme/app", "a reference has no scheme such as https://"),
        ("acme/app:", "a tag is letters"),
        ("acme/app:-x", "a tag is letters"),
        ("acme/app:1.0+meta", "a tag is letters"),
        ("app:" + "x" * 129, "a tag is letters"),
        ("acme//app", "names are lowercase letters and digits"),
        ("a/b:1:2", "a tag holds no `:`, and there are two colons behind the name"),
        ("localhost:5000/a/b:1:2:3", "a tag holds no `:`"),
        ("app::1", "a tag holds no `:`"),
        ("localhost:5000/a//b:1", "names are lowercase letters and digits"),
        ("-acme/app", "names are lowercase letters and digits"),
        ("acme/app@sha256:" + "0" * 64, "a digest cannot be given"),
        ("a" * 256, "the repository's name is longer than 255 characters"),
        ("0" * 64, "64 hexadecimal digits are an image's id"),
    ],
)
def test_invalid(text: str, reason: str) -> None:
    assert fault(text).startswith(reason)


@pytest.mark.parametrize(
    ("text", "host", "path", "name"),
    [
        ("app", "docker.io", "library/app", "latest"),
        ("localhost:5000/a/b:x", "localhost:5000", "a/b", "x"),
        (f"ghcr.io/acme/app@{DIGEST}", "ghcr.io", "acme/app", DIGEST),
        (f"ghcr.io/acme/app:1@{DIGEST}", "ghcr.io", "acme/app", DIGEST),
    ],
)
def test_taken_apart(text: str, host: str, path: str, name: str) -> None:
    found = parse(text)
    assert (found.host, found.path, found.name, str(found)) == (host, path, name, text)
    assert str(found.tagged("new")) == f"{found.repository}:new"
    assert parse(str(found.at(DIGEST))) == Reference(found.repository, digest=DIGEST)
    assert found.at(DIGEST).full == f"{host}/{path}@{DIGEST}"
