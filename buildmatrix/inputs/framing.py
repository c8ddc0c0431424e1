"""One digest of many values: each is written with its length before it, so that none runs into the next."""

import hashlib
from collections.abc import Iterable

Value = str | bool | int | None | tuple["Value", ...]
"""What is digested: texts, numbers, and tuples of such. None, "" and () are three values."""

DIGITS = 32
"""Hexadecimal digits that a fingerprint has: 128 bits."""


def digest_of(value: Value) -> str:
    """Return the SHA-256 of a value in hexadecimal digits."""
    digest = hashlib.sha256()
    for piece in _pieces(value):
        digest.update(piece)
    return digest.hexdigest()


def fingerprint_of(value: Value) -> str:
    """Return the fingerprint of a value: the first 128 bits of its digest."""
    return digest_of(value)[:DIGITS]


def _pieces(value: Value) -> Iterable[bytes]:
    """Yield the bytes of a value, in a loop: a recipe may be nested by what somebody wrote."""
    pending: list[Value] = [value]
    while pending:
        one = pending.pop()
        if isinstance(one, tuple):
            yield b"(%d:" % len(one)
            pending += reversed(one)
        elif one is None:
            yield b"n:"
        elif isinstance(one, str):
            text = one.encode("utf-8", "surrogatepass")
            yield b"t%d:" % len(text)
            yield text
        else:
            yield b"%s%d:" % (b"b" if isinstance(one, bool) else b"i", one)
