"""DTLS-SRTP (RFC 5764): the node is the DTLS server unless the other side can only be it; keys exist only after the
fingerprint matched."""

import contextlib
import datetime
import hmac
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from OpenSSL import SSL

from rtc.errors import Refused

MTU = 1200
_EXPORTER = b"EXTRACTOR-dtls_srtp"
_HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha-256": hashes.SHA256(),
    "sha-384": hashes.SHA384(),
    "sha-512": hashes.SHA512(),
}
PROFILES: dict[bytes, tuple[int, int]] = {
    b"SRTP_AEAD_AES_128_GCM": (16, 12),
    b"SRTP_AES128_CM_SHA1_80": (16, 14),
}
"""OpenSSL name of each offered SRTP profile -> (key, salt) length in bytes; the cheaper one first."""


@dataclass(frozen=True, slots=True)
class SrtpKeys:
    """Master key + salt of each direction, and the profile they are for."""

    profile: bytes
    receive: bytes
    send: bytes


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """`a=fingerprint`: the hash a peer's certificate must have."""

    algorithm: str
    value: str

    def matches(self, certificate: x509.Certificate) -> bool:
        algorithm = _HASHES.get(self.algorithm.lower())
        if algorithm is None:
            return False
        wanted = self.value.replace(":", "").lower().encode()
        return hmac.compare_digest(certificate.fingerprint(algorithm).hex().encode(), wanted)


def _accept_any(*_: object) -> bool:
    return True


class DtlsContext:
    """The node's certificate (made anew at each start) and OpenSSL context."""

    def __init__(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hilink-media")])
        now = datetime.datetime.now(datetime.UTC)
        self.certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=365))
            .sign(key, hashes.SHA256())
        )
        digest = self.certificate.fingerprint(hashes.SHA256())
        self.fingerprint = Fingerprint("sha-256", ":".join(f"{byte:02X}" for byte in digest))
        context = SSL.Context(SSL.DTLS_METHOD)
        context.set_options(SSL.OP_NO_TICKET | SSL.OP_NO_QUERY_MTU)
        # The certificate is self-signed by design: _finish checks the fingerprint instead.
        context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, _accept_any)
        context.use_certificate(self.certificate)
        context.use_privatekey(key)
        context.set_cipher_list(
            b"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-SHA"
        )
        context.set_tlsext_use_srtp(b":".join(PROFILES))
        self.context = context


class Dtls:
    """One association. Feed datagrams to `receive`, send what it returns; `retransmit` after `timeout_s`.

    active: we are the client; then `start` has the first datagrams.
    """

    def __init__(
        self, context: DtlsContext, fingerprints: Sequence[Fingerprint], active: bool = False
    ) -> None:
        self._fingerprints = tuple(fingerprints)
        self._ssl = SSL.Connection(context.context)
        self.active = active
        if active:
            self._ssl.set_connect_state()
        else:
            self._ssl.set_accept_state()
        self._ssl.set_ciphertext_mtu(MTU)
        self.keys: SrtpKeys | None = None
        self.closed = False

    def start(self) -> list[bytes]:
        """The client's first flight."""
        with contextlib.suppress(SSL.WantReadError):
            self._ssl.do_handshake()
        return self._pending()

    def receive(self, datagram: bytes) -> list[bytes]:
        """Take one datagram; the datagrams to send back. Refused("dtls") when the peer is not who it said."""
        if self.closed:
            return []
        try:
            self._ssl.bio_write(datagram)
            if self.keys is None:
                self._ssl.do_handshake()
                self._finish()
            else:
                self._ssl.recv(MTU)
        except SSL.WantReadError:
            pass
        except SSL.ZeroReturnError:
            self.closed = True
        except SSL.Error as error:
            if self.keys is None:
                self.closed = True
                raise Refused("dtls", f"handshake failed: {_why(error)}") from error
            # After the handshake a bad record is dropped (RFC 6347, 4.1.2.7); media goes on.
        return self._pending()

    def timeout_s(self) -> float | None:
        """When to call `retransmit`, seconds from now; None when nothing is under way."""
        if self.keys is not None or self.closed:
            return None
        return self._ssl.DTLSv1_get_timeout()

    def retransmit(self) -> list[bytes]:
        """The last flight again."""
        if self.keys is None and not self.closed:
            try:
                self._ssl.DTLSv1_handle_timeout()
            except SSL.Error as error:
                self.closed = True
                raise Refused("dtls", "handshake timed out") from error
        return self._pending()

    def close(self) -> list[bytes]:
        """Say goodbye (close_notify), if there was a handshake."""
        if self.closed:
            return []
        self.closed = True
        try:
            self._ssl.shutdown()
        except SSL.Error:
            return []
        return self._pending()

    def _finish(self) -> None:
        certificate = self._ssl.get_peer_certificate(as_cryptography=True)
        if certificate is None or not any(one.matches(certificate) for one in self._fingerprints):
            self.closed = True
            raise Refused("dtls", "fingerprint does not match")
        profile = self._ssl.get_selected_srtp_profile()
        if profile not in PROFILES:
            self.closed = True
            raise Refused("dtls", "no SRTP profile in common")
        key, salt = PROFILES[profile]
        material = self._ssl.export_keying_material(_EXPORTER, 2 * (key + salt))
        client_key, server_key = material[:key], material[key : 2 * key]
        client_salt, server_salt = material[2 * key : 2 * key + salt], material[2 * key + salt :]
        ours, theirs = server_key + server_salt, client_key + client_salt
        if self.active:
            ours, theirs = theirs, ours
        self.keys = SrtpKeys(profile, receive=theirs, send=ours)

    def _pending(self) -> list[bytes]:
        data = b""
        while True:
            try:
                data += self._ssl.bio_read(65536)
            except SSL.Error:
                break
        return pack_records(data)


def _why(error: SSL.Error) -> str:
    """OpenSSL's own words, as far as it has some."""
    if isinstance(error, SSL.SysCallError) or not error.args:
        return "no reason given"
    queue: list[tuple[str, str, str]] = error.args[0]
    return "; ".join(reason for _, _, reason in queue) or "no reason given"


def pack_records(data: bytes) -> list[bytes]:
    """Put whole DTLS records together into datagrams of at most MTU bytes; a record must never be cut."""
    datagrams: list[bytes] = []
    current = b""
    at = 0
    while at + 13 <= len(data):
        end = at + 13 + int.from_bytes(data[at + 11 : at + 13], "big")
        record = data[at:end]
        if current and len(current) + len(record) > MTU:
            datagrams.append(current)
            current = b""
        current += record
        at = end
    if current:
        datagrams.append(current)
    return datagrams
