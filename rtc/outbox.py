"""Packets that leave one socket together: one system call for many (sendmmsg), where the system has it.

Elsewhere each packet is sent by itself (rtc.libc).
"""

import errno
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rtc import srtp_fast
from rtc.libc import DONT_WAIT, Destination, Libc, libc, name_size

COUNT = 32
SLOT = srtp_fast.MAX_DATAGRAM + srtp_fast.ROOM
"""Bytes a packet has, and what protecting it may need."""
MEDIA_HEAD = 20
"""Bytes before the payload in `put_media`: RTP with one extension element of up to three bytes (RFC 8285)."""
_SHAPES = [struct.Struct(f"!HHLQL{size}s") for size in range(srtp_fast.MAX_DATAGRAM - MEDIA_HEAD)]
"""Head and payload by the payload's size: one call then writes a packet, and nothing is made for it."""
_PICTURE = struct.Struct("!H")


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
        "_protect_rtcp",
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
        self._protect, self._protect_rtcp = engine.protect, engine.protect_rtcp
        self._most = engine.max_packet
        self._view = memoryview(bytearray(COUNT * SLOT))
        self._pointers = [engine.pointer(self._view[at * SLOT : (at + 1) * SLOT]) for at in range(COUNT)]
        self._size = engine.length()
        # What is kept here cannot go away before its packet went.
        self._destinations: list[Destination | None] = [None] * COUNT
        self._libc = libc
        self._headers: Any = None
        self._keep: Any = None
        # Pairs of (base, size) as the iovec array has them; without sendmmsg only our own record of sizes.
        self._sizes = memoryview(bytearray(COUNT * 16)).cast("Q")
        # The array of mmsghdr, 8 numbers each, of which the first says where the address is.
        self._names = memoryview(bytearray(COUNT * 64)).cast("Q")
        if self._libc is not None:
            self._headers, self._keep = self._libc.describe(self._names, self._sizes, self._view, SLOT)
            for at in range(COUNT):
                self._names[8 * at + 1] = name_size(sock.family)

    def put(self, stream: srtp_fast.Stream, packet: bytes, destination: Destination) -> None:
        """Protect a packet with a stream and have it sent."""
        if self._write(packet):
            self._send(self._protect, stream, len(packet), destination)

    def put_rtcp(self, stream: srtp_fast.Stream, packet: bytes, destination: Destination) -> None:
        """`put` for a compound RTCP packet."""
        if self._write(packet):
            self._send(self._protect_rtcp, stream, len(packet), destination)

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
        self._send(self._protect, stream, size, destination)

    def _write(self, packet: bytes) -> bool:
        size = len(packet)
        if size > self._most:
            self._counters.too_large += 1
            return False
        at = self.count * SLOT
        self._view[at : at + size] = packet
        return True

    def _send(
        self, protect: srtp_fast.Transform, stream: srtp_fast.Stream, size: int, destination: Destination
    ) -> None:
        index, length = self.count, self._size
        length[0] = size
        if protect(stream.handle, self._pointers[index], length):
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
            result = libc.send_many(number, self._headers + done, count - done, DONT_WAIT)
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
