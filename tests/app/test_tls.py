import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from imload.certificates import make_certificate
from imserver.app.errors import CannotServe
from imserver.app.tls import server_context


def test_a_context_speaks_tls_1_3_only(tmp_path: Path) -> None:
    assert server_context(*make_certificate(tmp_path), "tls").minimum_version == ssl.TLSVersion.TLSv1_3


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path)
    with pytest.raises(CannotServe, match=r"^cannot read tls_certificate .*/no: No such file"):
        server_context(tmp_path / "no", key, "tls")
    with pytest.raises(CannotServe, match=r"^cannot read tls_key .*/no: No such file"):
        server_context(certificate, tmp_path / "no", "tls")


def test_files_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    certificate, _ = make_certificate(tmp_path)
    (tmp_path / "other").mkdir()
    _, key = make_certificate(tmp_path / "other")
    with pytest.raises(CannotServe, match=r"cannot use .* \(key values mismatch\)"):
        server_context(certificate, key, "tls")


def test_a_key_with_a_password_is_refused_without_asking_on_the_terminal(tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path)
    plain = load_pem_private_key(key.read_bytes(), password=None)
    encryption = BestAvailableEncryption(b"secret")
    key.write_bytes(plain.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))
    with pytest.raises(CannotServe, match="the key is encrypted"):
        server_context(certificate, key, "tls")


def test_what_is_no_pem_is_refused(tmp_path: Path) -> None:
    _, key = make_certificate(tmp_path)
    (tmp_path / "junk").write_bytes(b"\x00\xff")
    with pytest.raises(CannotServe, match="both must be PEM"):
        server_context(tmp_path / "junk", key, "tls")
