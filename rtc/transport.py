"""One connection of a browser: ICE, DTLS and SRTP together, from the first check to the last packet."""

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import Protocol

from rtc import stun
from rtc.dtls import Dtls, DtlsContext, Fingerprint
from rtc.errors import MediaError
from rtc.ice import Credentials, IceLite
from rtc.libc import Destination
from rtc.outbox import Outbox
from rtc.sent import SentPackets
from rtc.srtp import Srtp
from rtc.srtp_fast import Stream
from rtc.udp import UdpPort, UdpSocket

logger = logging.getLogger(__name__)

LOST_AFTER_S = 30.0
TAKEOVER_AFTER_S = 10.0
PROVE_WITHIN_S = 3.0
MAX_PATHS = 4
"""A browser checks from several addresses; only so many are kept per connection."""


class Owner(Protocol):
    """What a connection is for: a Publisher or a Subscriber."""

    def on_rtp(self, packet: bytes) -> None: ...

    def on_rtcp(self, packet: bytes) -> None: ...

    def on_connected(self) -> None: ...

    def on_moved(self) -> None: ...

    def on_closed(self, reason: str) -> None: ...


class Transport:
    """Sends and receives for one RTCPeerConnection; only to addresses that proved themselves."""

    def __init__(
        self,
        port: UdpPort,
        context: DtlsContext,
        remote_ufrag: str,
        fingerprints: Sequence[Fingerprint],
        owner: Owner,
        active: bool = False,
    ) -> None:
        self._port = port
        self._owner = owner
        self._dtls = Dtls(context, fingerprints, active)
        self.setup = "active" if active else "passive"
        """Our DTLS role, as in the answers (RFC 8842)."""
        self._started = False
        self._srtp: Srtp | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._unproven: tuple[UdpSocket, stun.Address] | None = None
        """Where to go back to while the address in use has not been checked."""
        self._proving: asyncio.TimerHandle | None = None
        self._paths: dict[tuple[int, stun.Address], UdpSocket] = {}
        self._socket: UdpSocket | None = None
        self._address: stun.Address | None = None
        self.outbox: Outbox | None = None
        """Where media is put (`put_media` with `stream` and `destination`); None while there is no connection."""
        self.destination: Destination | None = None
        self._streams: dict[bytes, Stream] = {}
        self.fingerprints = tuple(fingerprints)
        self.closed = False
        self.created_at = self.moved_at = time.monotonic()
        self.sent: SentPackets | None = None
        """Set it when transport-wide sequence numbers are negotiated; forwarders then number and record."""
        self.ice = IceLite(Credentials.new(remote_ufrag))
        port.by_ufrag[self.ice.current.ufrag] = self

    @property
    def connected(self) -> bool:
        """Whether media can flow."""
        return self._srtp is not None and not self.closed

    def restart(self, remote_ufrag: str) -> None:
        """ICE restart: new credentials, same DTLS association. No effect when the ufrag is not new."""
        oldest = self.ice.previous
        if self.ice.restart(remote_ufrag) is None:
            return
        if oldest is not None:
            self._port.by_ufrag.pop(oldest.ufrag, None)
        self._port.by_ufrag[self.ice.current.ufrag] = self

    def silent_s(self) -> float:
        """Seconds since the browser was last heard from. Browsers check every 2.5 s or so, media or not."""
        return time.monotonic() - self.ice.heard_at

    def receive_check(self, request: stun.Request, socket_: UdpSocket, address: stun.Address) -> bool:
        """Answer an ICE connectivity check; follow the browser's nomination. False when it is not genuine."""
        credentials = self.ice.accept(request)
        if credentials is None or self.closed:
            return False
        holder = socket_.by_address.get(address)
        if holder is not None and holder is not self and holder.silent_s() < TAKEOVER_AFTER_S:
            # Somebody with a forged source address must not take another connection's packets away.
            return False
        self._add_path(socket_, address)
        if self._unproven is not None and (socket_, address) in (
            (self._socket, self._address),
            self._unproven,
        ):
            # Either way the browser says where it is: here it is, or it never left.
            self._unproven = None
            self._proving = self._stop(self._proving)
            self._follow(socket_, address)
        # Only the newest generation nominates: a late check of the old one must not pull media back.
        if self._address is None or (request.use_candidate and credentials is self.ice.current):
            self._follow(socket_, address)
        self._port.send(socket_, stun.build_response(request, address, credentials.password), address)
        if self._dtls.active and not self._started:
            self._started = True
            for datagram in self._dtls.start():
                self._port.send(socket_, datagram, address)
            self._arm_timer()
        return True

    def receive_dtls(self, data: bytes, socket_: UdpSocket, address: stun.Address) -> None:
        """One DTLS datagram from an address that passed a check."""
        if self.closed:
            return
        try:
            answers = self._dtls.receive(data)
        except MediaError as error:
            logger.info("dtls refused", extra={"kind": error.kind, "detail": str(error)})
            self.close("dtls")
            return
        for datagram in answers:
            self._port.send(socket_, datagram, address)
        if self._dtls.closed:
            self.close("bye")
        elif self._srtp is None and self._dtls.keys is not None:
            self._srtp = Srtp(self._dtls.keys)
            self.outbox = self._socket.outbox if self._socket is not None else None
            self._cancel_timer()
            self._owner.on_connected()
        else:
            self._arm_timer()

    def hears(self, ssrc: bytes) -> bool:
        """Whether packets of this SSRC belong to this connection."""
        return self._srtp is not None and not self.closed and self._srtp.hears(ssrc)

    @property
    def heard_ssrcs(self) -> frozenset[bytes]:
        """SSRCs of genuine packets so far."""
        return self._srtp.heard if self._srtp is not None else frozenset()

    def adopt(self, data: bytes, socket_: UdpSocket, address: stun.Address) -> bool:
        """Go on with a new address when this packet opens with our keys; a check must follow in time."""
        if not self.receive_media(data):
            return False
        if self._socket is not None and self._address is not None and self._unproven is None:
            self._unproven = (self._socket, self._address)
            loop = asyncio.get_running_loop()
            self._proving = loop.call_later(PROVE_WITHIN_S, self._go_back)
        self._add_path(socket_, address)
        self._follow(socket_, address)
        self._owner.on_moved()
        return True

    def _go_back(self) -> None:
        """Nobody at the new address answered for it: somebody else may have sent our packet from there."""
        before, self._unproven = self._unproven, None
        if before is None or self.closed or self._socket is None or self._address is None:
            return
        if self._socket.by_address.get(self._address) is self:
            del self._socket.by_address[self._address]
        self._paths.pop((id(self._socket), self._address), None)
        self._follow(*before)

    def receive_media(self, data: bytes) -> bool:
        """One SRTP or SRTCP packet (RFC 5761 tells them apart); False when it is not genuine."""
        srtp = self._srtp
        if srtp is None:
            return False
        if 192 <= data[1] <= 223:
            packet = srtp.unprotect_rtcp(data)
            if packet is not None:
                self._owner.on_rtcp(packet)
        else:
            packet = srtp.unprotect(data)
            if packet is not None:
                self._owner.on_rtp(packet)
        if packet is None:
            self._port.counters.srtp_failures += 1
            return False
        return True

    def send_rtp(self, packet: bytes) -> None:
        """Protect and send, with the others of this moment; silently dropped while there is no connection."""
        outbox = self.outbox
        if outbox is None:
            return
        assert self.destination is not None
        outbox.put(self.stream(packet[8:12]), packet, self.destination)

    def stream(self, ssrc: bytes) -> Stream:
        """What an outgoing SSRC (4 bytes) is protected with. For a connection that has an outbox."""
        stream = self._streams.get(ssrc)
        if stream is None:
            assert self._srtp is not None
            stream = self._streams[ssrc] = self._srtp.stream(ssrc)
        return stream

    def forget(self, ssrc: int) -> None:
        """An SSRC that will not be used again; see Srtp.forget."""
        key = ssrc.to_bytes(4, "big")
        self._streams.pop(key, None)
        if self._srtp is not None:
            self._srtp.forget(key)

    def send_rtcp(self, packet: bytes) -> None:
        """As send_rtp, for a compound RTCP packet."""
        if self.outbox is not None and self._srtp is not None and self.destination is not None:
            self.outbox.put_rtcp(self._srtp.reports, packet, self.destination)

    def close(self, reason: str) -> None:
        """Idempotent. Tells the browser by DTLS close_notify, and the owner."""
        if self.closed:
            return
        self.closed = True
        self.outbox = None
        self._cancel_timer()
        self._stop(self._proving)
        if self._socket is not None and self._address is not None:
            for datagram in self._dtls.close():
                self._port.send(self._socket, datagram, self._address)
        for credentials in (self.ice.current, self.ice.previous):
            if credentials is not None:
                self._port.by_ufrag.pop(credentials.ufrag, None)
        for (_, address), socket_ in self._paths.items():
            if socket_.by_address.get(address) is self:
                del socket_.by_address[address]
        self._paths.clear()
        self._owner.on_closed(reason)

    def _follow(self, socket_: UdpSocket, address: stun.Address) -> None:
        if (socket_, address) != (self._socket, self._address):
            self.moved_at = time.monotonic()
        self._socket, self._address = socket_, address
        self.destination = Destination(address, socket_.sock.family)
        if self._srtp is not None:
            self.outbox = socket_.outbox

    def _add_path(self, socket_: UdpSocket, address: stun.Address) -> None:
        key = (id(socket_), address)
        if socket_.by_address.get(address) is self and key in self._paths:
            return
        if len(self._paths) >= MAX_PATHS:
            self._forget_oldest_path()
        self._paths[key] = socket_
        socket_.by_address[address] = self

    @staticmethod
    def _stop(timer: asyncio.TimerHandle | None) -> None:
        if timer is not None:
            timer.cancel()

    def _forget_oldest_path(self) -> None:
        for key, socket_ in self._paths.items():
            if key[1] == self._address and socket_ is self._socket:
                continue
            del self._paths[key]
            if socket_.by_address.get(key[1]) is self:
                del socket_.by_address[key[1]]
            return

    def _arm_timer(self) -> None:
        self._cancel_timer()
        timeout = self._dtls.timeout_s()
        if timeout is not None:
            self._timer = asyncio.get_running_loop().call_later(max(timeout, 0.02), self._retransmit)

    def _retransmit(self) -> None:
        if self.closed or self._socket is None or self._address is None:
            return
        try:
            datagrams = self._dtls.retransmit()
        except MediaError:
            self.close("dtls")
            return
        for datagram in datagrams:
            self._port.send(self._socket, datagram, self._address)
        self._arm_timer()

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
