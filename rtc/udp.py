"""The node's UDP port: sockets, and telling STUN, DTLS and SRTP apart (RFC 7983)."""

import asyncio
import logging
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from rtc import stun
from rtc.errors import Malformed
from rtc.inbox import Inbox
from rtc.migration import Strays
from rtc.outbox import Counters, Outbox
from rtc.turns import Turns, Work

if TYPE_CHECKING:
    from rtc.transport import Transport

logger = logging.getLogger(__name__)

RECEIVE_BUFFER = 16 << 20
SEND_BUFFER = 32 << 20
_LATER_AT_ONCE = 2
"""Feedback and checks that are handled before media has its turn again."""
_SO_SNDBUFFORCE = 32
_SO_RCVBUFFORCE = 33


@dataclass(slots=True)
class UdpSocket:
    """One bound socket, and which connection each authenticated remote address belongs to."""

    sock: socket.socket
    inbox: Inbox
    outbox: Outbox
    by_address: dict[stun.Address, "Transport"] = field(default_factory=dict["stun.Address", "Transport"])


class UdpPort:
    """All sockets of the node: the same port on every address it listens on.

    hosts: addresses to bind. port: 0 picks one (tests). public: addresses to write into candidates instead of
    the bound ones (1:1 NAT); empty means the bound ones.
    """

    def __init__(self, hosts: list[str], port: int, public: list[str] | None = None) -> None:
        self.counters = Counters()
        self.by_ufrag: dict[str, Transport] = {}
        self._strays = Strays()
        self.sockets: list[UdpSocket] = []
        self._loop = asyncio.get_running_loop()
        self._receiving = False
        self._filled: list[Outbox] = []
        self._later = Turns()
        """Feedback and checks of those who are here: they wait for media, which is what people hear and see."""
        for host in hosts:
            sock = _open(host, port)
            port = sock.getsockname()[1]
            self.sockets.append(UdpSocket(sock, Inbox(sock), Outbox(sock, self.counters, self._began)))
        self.port = port
        bound = [str(one.sock.getsockname()[0]) for one in self.sockets]
        self.addresses = public or [host for host in bound if host not in ("0.0.0.0", "::")]
        if not self.addresses:
            self.addresses = ["127.0.0.1"]
        for one in self.sockets:
            self._loop.add_reader(one.sock.fileno(), self._readable, one)

    def send(self, socket_: UdpSocket, datagram: bytes, address: stun.Address) -> None:
        """Send now or drop: a full buffer is congestion, and late media is worth nothing."""
        try:
            socket_.sock.sendto(datagram, address)
            self.counters.packets_out += 1
        except OSError:
            self.counters.not_sent += 1

    def buffers(self) -> tuple[int, int]:
        """Effective receive and send buffer of the first socket, bytes."""
        sock = self.sockets[0].sock
        return (
            sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF),
            sock.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF),
        )

    def close(self) -> None:
        for one in self.sockets:
            self._loop.remove_reader(one.sock.fileno())
            one.sock.close()

    def _began(self, outbox: Outbox) -> None:
        if self._receiving:
            self._filled.append(outbox)
        else:
            self._loop.call_soon(outbox.flush)

    def _readable(self, socket_: UdpSocket) -> None:
        self._receiving = True
        try:
            self._receive(socket_, socket_.inbox.take())
        finally:
            self._receiving = False
            for outbox in self._filled:
                outbox.flush()
            self._filled.clear()

    def _catch_up(self) -> None:
        """A little of what waits, then look whether media came."""
        try:
            for _ in range(_LATER_AT_ONCE):
                if self._later:
                    self._later.take()()
        finally:
            if self._later:
                self._loop.call_soon(self._catch_up)

    def _postpone(self, who: "Transport", work: Work) -> None:
        if not self._later:
            self._loop.call_soon(self._catch_up)
        if not self._later.add(who, work):
            self.counters.over_limit += 1

    def _receive(self, socket_: UdpSocket, taken: Sequence[tuple[bytes, stun.Address]]) -> None:
        by_address, counters = socket_.by_address, self.counters
        for data, address in taken:
            counters.packets_in += 1
            first = data[0] if data else 255
            if 127 < first < 192:
                transport = by_address.get(address)
                if len(data) < 12:
                    counters.malformed += 1
                elif transport is None:
                    if not self._strays.adopt(self.by_ufrag, data, socket_, address):
                        counters.unknown += 1
                elif 192 <= data[1] <= 223:
                    self._postpone(transport, partial(transport.receive_media, data))
                else:
                    transport.receive_media(data)
            elif first < 4 and address in by_address:
                self._postpone(by_address[address], partial(self._receive_stun, socket_, data, address))
            elif first < 4:
                self._receive_stun(socket_, data, address)
            elif 19 < first < 64 and address in by_address:
                by_address[address].receive_dtls(data, socket_, address)
            else:
                counters.unknown += 1

    def _receive_stun(self, socket_: UdpSocket, data: bytes, address: stun.Address) -> None:
        try:
            request = stun.parse_request(data)
        except Malformed:
            self.counters.malformed += 1
            return
        transport = self.by_ufrag.get(request.username.partition(":")[0])
        if transport is None or not transport.receive_check(request, socket_, address):
            # No answer at all: an unknown sender learns nothing and cannot use us to flood somebody.
            self.counters.unknown += 1


def _open(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    sock.setblocking(False)
    for option, forced, size in (
        (socket.SO_RCVBUF, _SO_RCVBUFFORCE, RECEIVE_BUFFER),
        (socket.SO_SNDBUF, _SO_SNDBUFFORCE, SEND_BUFFER),
    ):
        try:
            sock.setsockopt(socket.SOL_SOCKET, forced, size)
        except OSError:
            # Only root may go past the system's limit; everybody else gets what the limit allows.
            sock.setsockopt(socket.SOL_SOCKET, option, size)
        got = sock.getsockopt(socket.SOL_SOCKET, option)
        if got < 1 << 20:
            logger.warning("small socket buffer", extra={"option": option, "bytes": got})
    try:
        sock.bind((host, port))
    except OSError:
        sock.close()
        raise
    return sock
