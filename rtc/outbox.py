"""Packets that leave one socket together: one system call for many (sendmmsg), where the system has it.

sendmmsg is called through cffi's ABI mode, which needs no compiler. Elsewhere each packet is sent by itself.
"""

import errno
import logging
import socket
import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cffi

from rtc import srtp_fast
from rtc.stun import Address

logger = logging.getLogger(__name__)

COUNT = 32
SLOT = srtp_fast.MAX_DATAGRAM + srtp_fast.ROOM
"""Bytes a packet has, and what protecting it may need."""
_NAME = 32
_DONTWAIT = 0x40

SendMany = Callable[[int, Any, int, int], int]


@dataclass(slots=True)
class Counters:
    """Since the node started: packets, and what was dropped and why. Nothing here is counted for a packet alone
    that goes its way, but packets_in and packets_out.

    malformed, unknown (of nobody here), over_limit: dropped when they came; too_large, not_protected, not_sent: when
    they should have left. bytes_in: as publishers' windows end; bytes_out, resent: of tracks that are gone.
    """

    packets_in: int = 0
    packets_out: int = 0
    malformed: int = 0
    unknown: int = 0
    over_limit: int = 0
    too_large: int = 0
    not_protected: int = 0
    not_sent: int = 0
    srtp_failures: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    resent: int = 0
    nacks_sent: int = 0
    plis: int = 0
    keyframe_requests: int = 0

    @property
    def dropped_in(self) -> int:
        return self.malformed + self.unknown + self.over_limit

    @property
    def dropped_out(self) -> int:
        return self.too_large + self.not_protected + self.not_sent


class Libc:
    """sendmmsg and the structures it takes (64-bit Linux: sendmmsg(2), socket.h)."""

    def __init__(self) -> None:
        self.ffi = cffi.FFI()
        self.ffi.cdef("""
            struct iovec { void *base; size_t size; };
            struct msghdr {
                void *name; unsigned int namelen; struct iovec *iov; size_t iovlen;
                void *control; size_t controllen; int flags;
            };
            struct mmsghdr { struct msghdr header; unsigned int sent; };
            int sendmmsg(int, struct mmsghdr *, unsigned int, int);
        """)
        library: Any = self.ffi.dlopen(None)
        self.send_many: SendMany = library.sendmmsg
        if self.ffi.sizeof("struct mmsghdr") != 64:
            raise OSError("not a 64-bit system")

    @property
    def errno(self) -> int:
        return self.ffi.errno


def _find() -> Libc | None:
    if sys.platform != "linux":
        return None
    try:
        return Libc()
    except (OSError, AttributeError, cffi.FFIError):
        logger.info("no sendmmsg: packets are sent one by one")
        return None


libc: Libc | None = _find()


def pack_address(address: Address, family: int) -> bytes:
    """A Linux sockaddr_in or sockaddr_in6."""
    packed = socket.inet_pton(family, address[0].partition("%")[0])
    head = struct.pack("=H", family) + struct.pack("!H", address[1])
    if family == socket.AF_INET:
        return head + packed + bytes(8)
    flow, scope = (address[2], address[3]) if len(address) == 4 else (0, 0)
    return head + struct.pack("!L", flow) + packed + struct.pack("=L", scope)


class Outbox:
    """Fixed memory for COUNT packets: protected where they lie, sent by `flush`, dropped when there is no room.

    began: told when the first packet is in, so that somebody calls `flush` soon. Packets keep their order.
    """

    __slots__ = (
        "_addresses",
        "_began",
        "_counters",
        "_headers",
        "_keep",
        "_libc",
        "_most",
        "_names",
        "_pointers",
        "_protect",
        "_size",
        "_sizes",
        "_sock",
        "_view",
        "count",
    )

    def __init__(self, sock: socket.socket, counters: Counters, began: Callable[["Outbox"], None]) -> None:
        engine = srtp_fast.engine
        self.count = 0
        self._sock = sock
        self._counters = counters
        self._began = began
        self._protect, self._most = engine.protect, engine.max_packet
        self._view = memoryview(bytearray(COUNT * SLOT))
        self._pointers = [engine.pointer(self._view[at * SLOT : (at + 1) * SLOT]) for at in range(COUNT)]
        self._size = engine.length()
        self._addresses: list[Address] = [("", 0)] * COUNT
        self._names = memoryview(bytearray(COUNT * _NAME))
        self._libc = libc
        self._headers: Any = None
        self._keep: tuple[Any, ...] = ()
        # Pairs of (base, size) as the iovec array has them; without sendmmsg only our own record of sizes.
        self._sizes = memoryview(bytearray(COUNT * 16)).cast("Q")
        if self._libc is not None:
            self._prepare(self._libc, 16 if sock.family == socket.AF_INET else 28)

    def put(self, handle: Any, packet: bytes, address: Address, name: bytes) -> None:
        """Protect a packet with a stream and have it sent. name: `pack_address` of the address."""
        index, size = self.count, len(packet)
        if size > self._most:
            self._counters.too_large += 1
            return
        at = index * SLOT
        self._view[at : at + size] = packet
        length = self._size
        length[0] = size
        if self._protect(handle, self._pointers[index], length):
            self._counters.not_protected += 1
            return
        self._sizes[2 * index + 1] = length[0]
        if self._headers is None:
            self._addresses[index] = address
        else:
            at = index * _NAME
            self._names[at : at + len(name)] = name
        self.count = index + 1
        if index == COUNT - 1:
            self.flush()
        elif not index:
            self._began(self)

    def flush(self) -> None:
        """Send what is there; what the system has no room for is dropped: late media is worth nothing."""
        count, self.count = self.count, 0
        if not count or self._sock.fileno() < 0:
            return
        sent = self._send_each(count) if self._libc is None else self._send_all(self._libc, count)
        self._counters.packets_out += sent
        self._counters.not_sent += count - sent

    def _send_all(self, libc: Libc, count: int) -> int:
        """By sendmmsg, which stops early when a packet fails, and says why only if that one is the first."""
        done = sent = 0
        number = self._sock.fileno()
        while done < count:
            result = libc.send_many(number, self._headers + done, count - done, _DONTWAIT)
            if result > 0:
                done += result
                sent += result
                continue
            if libc.errno in (errno.EAGAIN, errno.ENOBUFS):
                break
            if libc.errno != errno.EINTR:
                # This address cannot be reached; the others can.
                done += 1
        return sent

    def _send_each(self, count: int) -> int:
        sent = 0
        for index in range(count):
            at = index * SLOT
            try:
                self._sock.sendto(self._view[at : at + self._sizes[2 * index + 1]], self._addresses[index])
                sent += 1
            except BlockingIOError:
                break
            except OSError:
                continue
        return sent

    def _prepare(self, libc: Libc, name_size: int) -> None:
        ffi = libc.ffi
        data, names = ffi.from_buffer(self._view), ffi.from_buffer(self._names)
        iovecs = ffi.from_buffer("struct iovec[]", self._sizes)
        headers: Any = ffi.new("struct mmsghdr[]", COUNT)
        for at in range(COUNT):
            iovecs[at].base = data + at * SLOT
            header = headers[at].header
            header.name, header.namelen = names + at * _NAME, name_size
            header.iov, header.iovlen = iovecs + at, 1
        self._headers = headers
        self._keep = (data, names, iovecs)
