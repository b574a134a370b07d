"""TLS for `hilink run --lan`: a certificate authority of this machine and a server certificate from it.

Browsers give camera and microphone to secure origins alone, so a phone in the same network needs https.
People install the authority's certificate once; the server certificate is renewed by itself.
"""

import datetime
import ipaddress
import os
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY_DAYS = 3650
SERVER_DAYS = 397
"""Browsers refuse longer ones (CA/Browser Forum baseline requirements)."""

RENEW_DAYS = 30


@dataclass(frozen=True)
class Certificate:
    """Files for a server, and what people check before they trust the authority."""

    cert: Path
    key: Path
    authority: Path
    bundle: Path
    """The usual authorities and ours: what sibling roles verify the web role with (SSL_CERT_FILE)."""
    fingerprint: str
    """SHA-256 of the authority, colon-separated hex."""


def ensure(folder: Path, addresses: list[str]) -> Certificate:
    """Certificates in `folder` that are valid for `addresses` (IPs and names), made where missing or old."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    authority, authority_key = _authority(folder)
    names = [*dict.fromkeys([*addresses, socket.gethostname(), "localhost", "127.0.0.1"])]
    cert, key = folder / "server.pem", folder / "server.key"
    if not (key.exists() and _still_good(cert, authority, names)):
        _write_server(cert, key, authority, authority_key, names)
    digest = authority.fingerprint(hashes.SHA256()).hex(":")
    bundle = folder / "bundle.pem"
    bundle.write_bytes(_usual_authorities() + (folder / "authority.pem").read_bytes())
    return Certificate(cert, key, folder / "authority.pem", bundle, digest)


def _usual_authorities() -> bytes:
    import certifi

    # An operator behind an inspecting proxy names their own bundle; keep what they trust.
    known = os.environ.get("SSL_CERT_FILE") or ssl.get_default_verify_paths().cafile or certifi.where()
    return Path(known).read_bytes().rstrip() + b"\n"


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def _authority(folder: Path) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    path, key_path = folder / "authority.pem", folder / "authority.key"
    if path.exists() and key_path.exists():
        cert = x509.load_pem_x509_certificate(path.read_bytes())
        key = serialization.load_pem_private_key(key_path.read_bytes(), None)
        if isinstance(key, ec.EllipticCurvePrivateKey) and cert.not_valid_after_utc > _now():
            return cert, key
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name(
        [x509.NameAttribute(NameOID.COMMON_NAME, f"HiLink local authority ({socket.gethostname()})")]
    )
    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    cert = (
        _builder(name, name, key, AUTHORITY_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .sign(key, hashes.SHA256())
    )
    _write_key(key_path, key)
    path.write_bytes(cert.public_bytes(serialization.Encoding.PEM))
    return cert, key


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, days: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_now() - datetime.timedelta(hours=1))
        .not_valid_after(_now() + datetime.timedelta(days=days))
    )


def _write_server(
    cert_path: Path,
    key_path: Path,
    authority: x509.Certificate,
    authority_key: ec.EllipticCurvePrivateKey,
    names: list[str],
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    cert = (
        _builder(subject, authority.subject, key, SERVER_DAYS)
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    _write_key(key_path, key)
    cert_path.write_bytes(b"".join(c.public_bytes(serialization.Encoding.PEM) for c in (cert, authority)))


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _still_good(path: Path, authority: x509.Certificate, names: list[str]) -> bool:
    if not path.exists():
        return False
    cert = x509.load_pem_x509_certificate(path.read_bytes())
    if cert.issuer != authority.subject or cert.not_valid_after_utc < _now() + datetime.timedelta(
        days=RENEW_DAYS
    ):
        return False
    san = cert.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {_general_name(name) for name in names} <= set(san)


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
