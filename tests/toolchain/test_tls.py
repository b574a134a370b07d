"""Certificates for the local network are accepted by a client that trusts the authority, and only then."""

import asyncio
import ssl
from pathlib import Path

import pytest

from hilink_app.toolchain import tls

pytestmark = pytest.mark.unit


async def handshake(certificate: tls.Certificate, trust: Path | None, name: str) -> None:
    server_context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server_context.load_cert_chain(certificate.cert, certificate.key)

    async def close(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(close, "127.0.0.1", 0, ssl=server_context)
    port = server.sockets[0].getsockname()[1]
    context = ssl.create_default_context(cafile=str(trust) if trust else None)
    async with server:
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=name)
        writer.close()
        try:
            await writer.wait_closed()
        except ssl.SSLError as error:
            # The server may have closed first; the handshake itself was fine.
            assert "CLOSE_NOTIFY" in str(error)


@pytest.mark.parametrize("name", ["192.168.7.7", "localhost", "127.0.0.1"])
async def test_a_client_that_trusts_the_authority_connects(tmp_path: Path, name: str) -> None:
    certificate = tls.ensure(tmp_path, ["192.168.7.7"])
    await handshake(certificate, certificate.authority, name)
    await handshake(certificate, certificate.bundle, name)


async def test_a_client_that_does_not_is_refused(tmp_path: Path) -> None:
    certificate = tls.ensure(tmp_path, ["192.168.7.7"])
    with pytest.raises(ssl.SSLCertVerificationError):
        await handshake(certificate, None, "localhost")


def test_keys_are_the_owners_alone_and_certificates_are_kept(tmp_path: Path) -> None:
    first = tls.ensure(tmp_path, ["192.168.7.7"])
    content = first.cert.read_bytes()
    assert first.key.stat().st_mode & 0o077 == 0
    assert (tmp_path / "authority.key").stat().st_mode & 0o077 == 0
    assert tls.ensure(tmp_path, ["192.168.7.7"]).cert.read_bytes() == content


def test_another_address_gets_a_new_certificate_from_the_same_authority(tmp_path: Path) -> None:
    first = tls.ensure(tmp_path, ["192.168.7.7"])
    content = first.cert.read_bytes()
    second = tls.ensure(tmp_path, ["192.168.7.8"])
    assert second.cert.read_bytes() != content
    assert second.fingerprint == first.fingerprint
