"""Whose frontend reads a Dockerfile: of another one nothing is known."""

import pytest

from buildmatrix.dockerfile.directives import is_dockers, syntax_of

DIGEST = "sha256:9ae97d36d26566ff84e8893c64a6dc4fe8ca6d1144bf5b87b2b85a32def253c7"


@pytest.mark.parametrize(
    ("dockerfile", "expected"),
    [
        ("", True),
        ("FROM scratch", True),
        ("# a comment\nFROM scratch", True),
        ("# a comment\n# syntax=other/frontend\nFROM scratch", True),
        ("\n# syntax=other/frontend\nFROM scratch", True),
        ("# syntax=docker/dockerfile:1\nFROM scratch", True),
        (f"# syntax=docker/dockerfile@{DIGEST}\nFROM scratch", True),
        ("#syntax = docker.io/docker/dockerfile:1.7-labs\n", True),
        ("# syntax=docker/dockerfile-upstream:master\r\n", True),
        ("\ufeff# SYNTAX=docker/dockerfile\n", True),
        ("#!/usr/bin/env x\n# syntax=docker/dockerfile:1\n", True),
        ("# escape=`\n# syntax=example.com/other\n", False),
        ("\ufeff# syntax=example.com/docker/dockerfile:1\n", False),
        ("# syntax=docker/dockerfile.evil/x\n", False),
        ("// syntax=other\n", False),
        ("#!/usr/bin/env\n# syntax=x\n", False),
        ('{"syntax": "x"}', False),
    ],
)
def test_whose_frontend_reads_it(dockerfile: str, expected: bool) -> None:
    assert is_dockers(dockerfile) is expected


def test_the_frontend_that_is_asked_for() -> None:
    assert syntax_of("# check=skip=all\n# syntax = docker/dockerfile:1 --flag\nFROM x") == "docker/dockerfile:1"
    assert syntax_of("FROM x") == ""
