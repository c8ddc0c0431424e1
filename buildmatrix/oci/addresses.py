"""Addresses that a registry answers: where it sends for tokens and for content. They may be anything."""

import re
from urllib.parse import urljoin, urlsplit

from buildmatrix.patterns import regex

_SHOWN = 60
_USER = regex(r"^([^/?#]*//)[^/?#]*@")


def host_of(url: str) -> str:
    """Return the host of a URL, with its port and without whoever is named before it; "" for what is no URL."""
    try:
        parts = urlsplit(url)
        return parts.netloc.rpartition("@")[2] if parts.hostname and parts.port != 0 else ""
    except ValueError:  # a bracket that nothing closes, a port of letters
        return ""


def followed(url: str, location: str) -> str:
    """Return where a URL's answer sends; "" for nowhere."""
    try:
        there = urljoin(url, location) if location else ""
    except ValueError:
        return ""
    names_a_host = re.match(r"([\w+.-]+:)?//", location) is not None
    return there if host_of(there) and (host_of(location) or not names_a_host) else ""


def is_same_place(one: str, other: str) -> bool:
    """Tell whether two sound URLs have one scheme and one host."""
    return urlsplit(one)[:2] == urlsplit(other)[:2]


def shown(url: str) -> str:
    """Return a URL fit to be shown: the start of it, and no password."""
    return repr(_USER.sub(r"\1", url)[:_SHOWN])
