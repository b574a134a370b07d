"""STUN binding requests and responses (RFC 8489), as ICE uses them (RFC 8445)."""

import hmac
import struct
from binascii import crc32
from dataclasses import dataclass
from ipaddress import ip_address

from rtc.errors import Malformed

MAGIC_COOKIE = 0x2112A442
BINDING_REQUEST = 0x0001
BINDING_RESPONSE = 0x0101
USERNAME = 0x0006
MESSAGE_INTEGRITY = 0x0008
XOR_MAPPED_ADDRESS = 0x0020
PRIORITY = 0x0024
USE_CANDIDATE = 0x0025
FINGERPRINT = 0x8028
ICE_CONTROLLING = 0x802A
_FINGERPRINT_XOR = 0x5354554E
_HEADER = struct.Struct("!HHL12s")
_MAX_SIZE = 1500
_KNOWN_REQUIRED = frozenset({USERNAME, MESSAGE_INTEGRITY, PRIORITY, USE_CANDIDATE})

Address = tuple[str, int] | tuple[str, int, int, int]
"""A socket address as the socket module gives it: two parts for IPv4, four for IPv6."""


@dataclass(frozen=True, slots=True)
class Request:
    """A well-formed binding request. `integrity_at` is the offset of its MESSAGE-INTEGRITY attribute."""

    raw: bytes
    transaction_id: bytes
    username: str
    use_candidate: bool
    integrity_at: int

    def verify(self, password: str) -> bool:
        """Whether MESSAGE-INTEGRITY was made with this short-term password (constant time)."""
        at = self.integrity_at
        # The length field counts up to and including MESSAGE-INTEGRITY, whatever follows (RFC 8489, 14.5).
        signed = self.raw[:2] + struct.pack("!H", at + 24 - 20) + self.raw[4:at]
        return hmac.compare_digest(hmac.digest(password.encode(), signed, "sha1"), self.raw[at + 4 : at + 24])


def parse_request(data: bytes) -> Request:
    """Read a binding request; Malformed for anything else. ICE demands a right FINGERPRINT."""
    if not 20 <= len(data) <= _MAX_SIZE:
        raise Malformed("STUN size")
    kind, length, cookie, transaction_id = _HEADER.unpack_from(data)
    if cookie != MAGIC_COOKIE or kind != BINDING_REQUEST or length % 4 or length != len(data) - 20:
        raise Malformed("STUN header")
    username: str | None = None
    use_candidate = False
    integrity_at = 0
    at = 20
    while at < len(data):
        if at + 4 > len(data):
            raise Malformed("STUN attribute header")
        attribute, size = struct.unpack_from("!HH", data, at)
        value = data[at + 4 : at + 4 + size]
        if len(value) != size:
            raise Malformed("STUN attribute length")
        if attribute == FINGERPRINT:
            if size != 4 or at + 8 != len(data):
                raise Malformed("STUN FINGERPRINT place")
            if struct.unpack("!L", value)[0] != crc32(data[:at]) ^ _FINGERPRINT_XOR:
                raise Malformed("STUN FINGERPRINT value")
            if not integrity_at or username is None:
                raise Malformed("STUN without credentials")
            return Request(data, transaction_id, username, use_candidate, integrity_at)
        if not integrity_at:
            # What stands behind MESSAGE-INTEGRITY is not covered by it, so it is ignored (RFC 8489, 14.5).
            if attribute == MESSAGE_INTEGRITY:
                if size != 20:
                    raise Malformed("STUN MESSAGE-INTEGRITY size")
                integrity_at = at
            elif attribute == USERNAME:
                username = _username(value)
            elif attribute == USE_CANDIDATE:
                use_candidate = True
            elif attribute < 0x8000 and attribute not in _KNOWN_REQUIRED:
                raise Malformed("STUN attribute that must be understood")
        at += 4 + ((size + 3) & ~3)
    raise Malformed("STUN without FINGERPRINT")


def _username(value: bytes) -> str:
    if len(value) > 512:
        raise Malformed("STUN USERNAME size")
    try:
        return value.decode("ascii")
    except UnicodeDecodeError as error:
        raise Malformed("STUN USERNAME") from error


def build_response(request: Request, address: Address, password: str) -> bytes:
    """The success response that tells the sender its address, signed with our password."""
    mapped = _xor_mapped_address(address, request.transaction_id)
    body = struct.pack("!HH", XOR_MAPPED_ADDRESS, len(mapped)) + mapped
    message = _HEADER.pack(BINDING_RESPONSE, len(body) + 24, MAGIC_COOKIE, request.transaction_id) + body
    message += struct.pack("!HH", MESSAGE_INTEGRITY, 20) + hmac.digest(password.encode(), message, "sha1")
    return _with_fingerprint(message)


def build_request(username: str, password: str, transaction_id: bytes, use_candidate: bool = False) -> bytes:
    """A binding request of a controlling agent; used by tests and load generators."""
    name = username.encode()
    body = struct.pack("!HH", USERNAME, len(name)) + name + b"\0" * (-len(name) % 4)
    body += struct.pack("!HHL", PRIORITY, 4, 1845501695)
    body += struct.pack("!HHQ", ICE_CONTROLLING, 8, 1)
    if use_candidate:
        body += struct.pack("!HH", USE_CANDIDATE, 0)
    message = _HEADER.pack(BINDING_REQUEST, len(body) + 24, MAGIC_COOKIE, transaction_id) + body
    message += struct.pack("!HH", MESSAGE_INTEGRITY, 20) + hmac.digest(password.encode(), message, "sha1")
    return _with_fingerprint(message)


def _with_fingerprint(message: bytes) -> bytes:
    message = message[:2] + struct.pack("!H", len(message) + 8 - 20) + message[4:]
    return message + struct.pack("!HHL", FINGERPRINT, 4, crc32(message) ^ _FINGERPRINT_XOR)


def _xor_mapped_address(address: Address, transaction_id: bytes) -> bytes:
    ip = ip_address(address[0])
    port = address[1] ^ (MAGIC_COOKIE >> 16)
    key = struct.pack("!L", MAGIC_COOKIE) + (transaction_id if ip.version == 6 else b"")
    xored = bytes(a ^ b for a, b in zip(ip.packed, key, strict=True))
    return struct.pack("!BBH", 0, 2 if ip.version == 6 else 1, port) + xored
