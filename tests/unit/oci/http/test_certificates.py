"""Which of docker's certificates count for whom."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from buildmatrix.oci.errors import CertificateError
from buildmatrix.oci.http.certificates import Certificates, certificates_of


def test_a_client_certificate_is_shown_to_its_own_host_only(tmp_path: Path) -> None:
    for name in ("r.example:5000", "tokens.example"):
        folder = tmp_path / "certs.d" / name
        folder.mkdir(parents=True)
        for file in ("ca.crt", "client.cert", "client.key", "README"):
            (folder / file).write_text("")
    own, sent = tmp_path / "certs.d" / "r.example:5000", tmp_path / "certs.d" / "tokens.example"
    environment = {"DOCKER_CONFIG": str(tmp_path), "HOME": "/nowhere"}

    def found(host: str) -> Certificates:
        return certificates_of(host, "r.example:5000", environment)

    assert found("r.example:5000") == Certificates(
        authorities=(own / "ca.crt",), pairs=((own / "client.cert", own / "client.key"),)
    )
    assert found("storage.example") == Certificates(authorities=(own / "ca.crt",))
    assert found("tokens.example") == Certificates(
        authorities=(sent / "ca.crt", own / "ca.crt"), pairs=((sent / "client.cert", sent / "client.key"),)
    )


@pytest.mark.parametrize("host", ["", ".", ".."])
def test_a_host_that_is_a_folder_is_none(tmp_path: Path, host: str) -> None:
    for folder in (tmp_path, tmp_path / "certs.d"):
        folder.mkdir(exist_ok=True)
        (folder / "ca.crt").write_text("")
    assert certificates_of(host, host, {"DOCKER_CONFIG": str(tmp_path), "HOME": "/nowhere"}) == Certificates()


def test_nobody_is_asked_for_the_password_of_a_key(tmp_path: Path, unavailable: Callable[[str], NoReturn]) -> None:
    certificate, key = tmp_path / "client.cert", tmp_path / "client.key"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-passout", "pass:secret", "-subj", "/CN=x"]
    try:
        subprocess.run([*command, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    except FileNotFoundError:
        unavailable("no openssl to make a key with")
    with pytest.raises(CertificateError, match="cannot be read"):
        Certificates(pairs=((certificate, key),)).context(insecure=True)
