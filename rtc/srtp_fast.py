"""libsrtp on our own memory. The one file that uses something private of a library.

Why: pylibsrtp's public `Session.protect` copies a packet into its buffer and out again and makes three objects
for it, which costs more than the encryption. Its compiled binding has the function that works in place. When
the binding is not as expected, or does not give the very bytes the public API gives, `Copying` is used: the same
results by the public API alone. rtc/tests/test_srtp.py compares the two.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# The binding is made by cffi and has no types.

import importlib
import logging
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from pylibsrtp import Error, Policy, Session

logger = logging.getLogger(__name__)

ROOM = 160
"""Bytes behind a packet that protecting it may need (SRTP_MAX_TRAILER_LEN is 144)."""
TAG = 16
"""What it needs with the profiles we offer."""
MAX_DATAGRAM = 1472
"""UDP over IPv4 over Ethernet. Browsers stay below 1,250; GStreamer's payloaders make RTP packets of 1,400."""

Transform = Callable[[Any, Any, Any], int]
"""(Stream.handle, a `pointer`, a `length`): transforms the packet there, sets length[0]; 0 when that went well."""


@dataclass(frozen=True, slots=True)
class Stream:
    """SRTP state. handle: what the functions take; owner: keeps its memory."""

    handle: Any
    owner: Any


class Engine(Protocol):
    """What InPlace and Copying have in common. max_packet: bytes of the longest packet that can be protected."""

    max_packet: int
    protect: Transform
    unprotect: Transform
    protect_rtcp: Transform
    unprotect_rtcp: Transform

    def open(self, policy: Policy) -> Stream: ...

    def pointer(self, memory: memoryview) -> Any: ...

    def length(self) -> Any: ...


class InPlace:
    """libsrtp's own functions. AttributeError, TypeError or ImportError when the binding is another."""

    max_packet = MAX_DATAGRAM - TAG

    def __init__(self) -> None:
        binding = importlib.import_module("pylibsrtp._binding")
        self._ffi, self._lib = binding.ffi, binding.lib
        self.protect: Transform = self._lib.srtp_protect
        self.unprotect: Transform = self._lib.srtp_unprotect
        self.protect_rtcp: Transform = self._lib.srtp_protect_rtcp
        self.unprotect_rtcp: Transform = self._lib.srtp_unprotect_rtcp

    def open(self, policy: Policy) -> Stream:
        """A session of its own; pylibsrtp.Error when libsrtp refuses."""
        made = self._ffi.new("srtp_t *")
        if self._lib.srtp_create(made, policy._policy) != self._lib.srtp_err_status_ok:  # pyright: ignore[reportPrivateUsage]
            raise Error("srtp_create")
        return Stream(made[0], self._ffi.gc(made, self._close))

    def _close(self, made: Any) -> None:
        self._lib.srtp_dealloc(made[0])

    def pointer(self, memory: memoryview) -> Any:
        """For the functions; also keeps the memory."""
        return self._ffi.from_buffer("char[]", memory)

    def length(self) -> Any:
        """Something whose [0] is a number the functions read and set."""
        return self._ffi.new("int *")


class Copying:
    """The same by pylibsrtp's public API, whose memory is 1,500 bytes."""

    max_packet = 1500 - ROOM

    def open(self, policy: Policy) -> Stream:
        """A session of its own; pylibsrtp.Error when libsrtp refuses."""
        session = Session(policy)
        return Stream(session, session)

    def pointer(self, memory: memoryview) -> memoryview:
        return memory

    def length(self) -> list[int]:
        return [0]

    def protect(self, session: Session, memory: memoryview, length: list[int]) -> int:
        return _copy(session.protect, memory, length)

    def unprotect(self, session: Session, memory: memoryview, length: list[int]) -> int:
        return _copy(session.unprotect, memory, length)

    def protect_rtcp(self, session: Session, memory: memoryview, length: list[int]) -> int:
        return _copy(session.protect_rtcp, memory, length)

    def unprotect_rtcp(self, session: Session, memory: memoryview, length: list[int]) -> int:
        return _copy(session.unprotect_rtcp, memory, length)


def _copy(transform: Callable[[bytes], bytes], memory: memoryview, length: list[int]) -> int:
    try:
        data = transform(bytes(memory[: length[0]]))
    except (Error, ValueError):
        return 1
    memory[: len(data)] = data
    length[0] = len(data)
    return 0


def choose() -> Engine:
    """InPlace when it gives what the public API gives, for every profile we offer; else Copying, and says so."""
    try:
        fast = InPlace()
        good = all(
            _sample(fast, profile, size) == _sample(Copying(), profile, size)
            for profile, size in (
                (Policy.SRTP_PROFILE_AEAD_AES_128_GCM, 28),
                (Policy.SRTP_PROFILE_AES128_CM_SHA1_80, 30),
            )
        )
    except (ImportError, AttributeError, TypeError, Error) as error:
        logger.warning("pylibsrtp's binding is another", extra={"error": type(error).__name__})
        return Copying()
    if not good:
        logger.warning("libsrtp in place gives other bytes")
        return Copying()
    return fast


def _sample(which: Engine, profile: int, key_size: int) -> list[bytes]:
    """A packet and a report, protected and then opened again."""
    key = bytes(range(key_size))
    ours = which.open(Policy(key, Policy.SSRC_ANY_OUTBOUND, srtp_profile=profile))
    theirs = which.open(Policy(key, Policy.SSRC_ANY_INBOUND, srtp_profile=profile))
    packet = struct.pack("!BBHLL", 0x80, 96, 7, 8, 9).ljust(64, b"x")
    report = struct.pack("!BBHLL", 0x80, 201, 1, 9, 0)
    memory = memoryview(bytearray(64 + ROOM))
    pointer, length = which.pointer(memory), which.length()
    made: list[bytes] = []
    for data, protect, unprotect in (
        (packet, which.protect, which.unprotect),
        (report, which.protect_rtcp, which.unprotect_rtcp),
    ):
        memory[: len(data)] = data
        length[0] = len(data)
        for stream, function in ((ours, protect), (theirs, unprotect)):
            if function(stream.handle, pointer, length):
                raise Error("sample")
            made.append(bytes(memory[: length[0]]))
    return made


engine: Engine = choose()
