"""Authorities and client certificates of registries, where docker's configuration has them (`certs.d/HOST[:PORT]`).

As for docker, `*.crt` are authorities beside those of the system, and `*.cert` with the `*.key` of the same name say
who we are. The authorities of the system are OpenSSL's, which `SSL_CERT_FILE` and `SSL_CERT_DIR` replace, as they do
for docker.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from buildmatrix.oci.errors import CertificateError
from buildmatrix.process import docker_directory
from buildmatrix.records import dataclass

if TYPE_CHECKING:
    from ssl import SSLContext


@dataclass(frozen=True, kw_only=True)
class Certificates:
    """Authorities that are trusted, and client certificates with their keys."""

    authorities: tuple[Path, ...] = ()
    pairs: tuple[tuple[Path, Path], ...] = ()

    def context(self, *, insecure: bool) -> "SSLContext":
        """Return a TLS context; with `insecure` it looks at no certificate of the other side."""
        import ssl

        if insecure:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        else:
            context = ssl.create_default_context()
            for path in self.authorities:
                with suppress(
                    OSError
                ):  # docker passes over what is not a certificate; what only root may read is root's
                    context.load_verify_locations(path)
        for certificate, key in self.pairs:
            _load(context, certificate, key)
        return context


def certificates_of(host: str, registry: str, environment: Mapping[str, str]) -> Certificates:
    """Return what counts for a host to which a registry has sent us, or for the registry itself.

    As for docker, the registry's authorities count for the server of its tokens and for its storage, too: often all
    have one owner. A client certificate is shown to nobody but the host that it lies there for.
    """
    own = list(_files(host, environment))
    others = [] if host == registry else list(_files(registry, environment))
    return Certificates(
        authorities=tuple(path for path in (*own, *others) if path.suffix == ".crt"),
        pairs=tuple((path, path.with_suffix(".key")) for path in own if path.suffix == ".cert"),
    )


def _files(host: str, environment: Mapping[str, str]) -> Iterator[Path]:
    """Yield the files for one host; of directories that we may not read, none."""
    home = Path(environment.get("HOME") or Path.home())
    rootless = Path(environment.get("XDG_CONFIG_HOME") or home / ".config", "docker")
    for directory in (Path("/etc/docker"), rootless, docker_directory(environment)):
        if host.strip("."):
            with suppress(OSError):
                yield from sorted((directory / "certs.d" / host).iterdir())


def _load(context: "SSLContext", certificate: Path, key: Path) -> None:
    try:  # with an empty password: OpenSSL would ask the terminal for one
        context.load_cert_chain(certificate, key, password="")
    except PermissionError:  # it is the engine's, which pushes as root; the registry may do without, or says so
        return
    except FileNotFoundError:
        raise CertificateError(f"the client certificate {certificate} has no key {key}") from None
    except (OSError, ValueError):
        raise CertificateError(f"the client certificate {certificate} and its key cannot be read") from None
