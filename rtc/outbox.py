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
MEDIA_HEAD = 20
"""Bytes before the payload in `put_media`: RTP with one extension element of up to three bytes (RFC 8285)."""
_SHAPES = [struct.Struct(f"!HHLQL{size}s") for size in range(srtp_fast.MAX_DATAGRAM - MEDIA_HEAD)]
"""Head and payload by the payload's size: one call then writes a packet, and nothing is made for it."""
_PICTURE = struct.Struct("!H")
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

    def pointer(self, memory: bytes) -> int:
        """Where it lies, as long as somebody keeps it."""
        return int(self.ffi.cast("size_t", self.ffi.from_buffer(memory)))


def _find() -> Libc | None:
    if sys.platform != "linux":
        return None
    try:
        return Libc()
    except (OSError, AttributeError, cffi.FFIError):
        logger.info("no sendmmsg: packets are sent one by one")
        return None


libc: Libc | None = _find()


class Destination:
    """Where packets go. memory: the address as the system has it; pointer: where that is, 0 without sendmmsg."""

    __slots__ = ("address", "memory", "pointer")

    def __init__(self, address: Address, family: int) -> None:
        self.address = address
        self.memory = pack_address(address, family)
        self.pointer = 0 if libc is None else libc.pointer(self.memory)


def pack_address(address: Address, family: int) -> bytes:
    """A Linux sockaddr_in or sockaddr_in6."""
    packed = socket.inet_pton(family, address[0].partition("%")[0])
    head = struct.pack("=H", family) + struct.pack("!H", address[1])
    if family == socket.AF_INET:
        return head + packed + bytes(8)
    flow, scope = (address[2], address[3]) if len(address) == 4 else (0, 0)
    return head + struct.pack("!L", flow) + packed + struct.pack("=L", scope)


def media_packet(
    start: int,
    sequence: int,
    timestamp: int,
    source: int,
    element: int,
    payload: bytes,
    picture_at: int,
    picture: int,
) -> bytes:
    """The packet that `Outbox.put_media` writes, by itself."""
    packet = bytearray(_SHAPES[len(payload)].pack(start, sequence, timestamp, source, element, payload))
    if picture_at:
        _PICTURE.pack_into(packet, MEDIA_HEAD + picture_at, picture)
    return bytes(packet)


class Outbox:
    """Fixed memory for COUNT packets: protected where they lie, sent by `flush`, dropped when there is no room.

    began: told when the first packet is in, so that somebody calls `flush` soon. Packets keep their order.
    """

    __slots__ = (
        "_began",
        "_counters",
        "_destinations",
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
        # What is kept here cannot go away before its packet went.
        self._destinations: list[Destination | None] = [None] * COUNT
        self._libc = libc
        self._headers: Any = None
        self._keep: tuple[Any, ...] = ()
        # Pairs of (base, size) as the iovec array has them; without sendmmsg only our own record of sizes.
        self._sizes = memoryview(bytearray(COUNT * 16)).cast("Q")
        # The array of mmsghdr, 8 numbers each, of which the first says where the address is.
        self._names = memoryview(bytearray(COUNT * 64)).cast("Q")
        if self._libc is not None:
            self._prepare(self._libc, 16 if sock.family == socket.AF_INET else 28)

    def put(self, stream: srtp_fast.Stream, packet: bytes, destination: Destination) -> None:
        """Protect a packet with a stream and have it sent."""
        size = len(packet)
        if size > self._most:
            self._counters.too_large += 1
            return
        at = self.count * SLOT
        self._view[at : at + size] = packet
        self._send(stream, size, destination)

    def put_media(
        self,
        stream: srtp_fast.Stream,
        destination: Destination,
        start: int,
        sequence: int,
        timestamp: int,
        source: int,
        element: int,
        payload: bytes,
        picture_at: int,
        picture: int,
    ) -> None:
        """`put` for the many: head and payload are written where they will be protected, nothing is made for them.

        start: the first two bytes. source: SSRC and what begins an extension block of one word, 64 bits. element:
        that word. picture_at: where in the payload the 16 bits of `picture` belong; 0: nowhere.
        """
        size = len(payload) + MEDIA_HEAD
        if size > self._most:
            self._counters.too_large += 1
            return
        at = self.count * SLOT
        _SHAPES[size - MEDIA_HEAD].pack_into(
            self._view, at, start, sequence, timestamp, source, element, payload
        )
        if picture_at:
            _PICTURE.pack_into(self._view, at + MEDIA_HEAD + picture_at, picture)
        self._send(stream, size, destination)

    def _send(self, stream: srtp_fast.Stream, size: int, destination: Destination) -> None:
        index, length = self.count, self._size
        length[0] = size
        if self._protect(stream.handle, self._pointers[index], length):
            self._counters.not_protected += 1
            return
        self._sizes[2 * index + 1] = length[0]
        self._names[8 * index] = destination.pointer
        self._destinations[index] = destination
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
        for index, destination in enumerate(self._destinations[:count]):
            at = index * SLOT
            assert destination is not None
            try:
                self._sock.sendto(self._view[at : at + self._sizes[2 * index + 1]], destination.address)
                sent += 1
            except BlockingIOError:
                break
            except OSError:
                continue
        return sent

    def _prepare(self, libc: Libc, name_size: int) -> None:
        ffi = libc.ffi
        data = ffi.from_buffer(self._view)
        iovecs = ffi.from_buffer("struct iovec[]", self._sizes)
        headers: Any = ffi.from_buffer("struct mmsghdr[]", self._names)
        for at in range(COUNT):
            iovecs[at].base = data + at * SLOT
            header = headers[at].header
            header.namelen = name_size
            header.iov, header.iovlen = iovecs + at, 1
        self._headers = headers
        self._keep = (data, iovecs)
