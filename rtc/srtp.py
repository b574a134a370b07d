"""SRTP and SRTCP of one connection (RFC 3711, RFC 7714) by libsrtp."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pylibsrtp's constants come out of a C binding that has no types.

from pylibsrtp import Policy

from rtc import srtp_fast
from rtc.dtls import SrtpKeys

MAX_INBOUND_SSRCS = 64
"""libsrtp keeps state for every SSRC it has seen, so a publisher may not invent them without end."""
REPLAY_WINDOW = 1024
SEND_WINDOW = 512
"""Forwarders repeat packets of their last 512 only (rtc.forwarder.RING); moving it on costs by its length."""
MAX_PACKET = 2048
_PROFILES = {
    b"SRTP_AEAD_AES_128_GCM": Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
    b"SRTP_AES128_CM_SHA1_80": Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
}


class Srtp:
    """Protects what leaves and opens what arrives. `None` means: drop the packet.

    For one thread: packets are opened, and reports protected, in memory of its own.
    """

    def __init__(self, keys: SrtpKeys) -> None:
        profile = _PROFILES[keys.profile]
        engine = self._engine = srtp_fast.engine
        self._send_policy = _policy(keys.send, Policy.SSRC_ANY_OUTBOUND, profile, SEND_WINDOW)
        self._receive = engine.open(_policy(keys.receive, Policy.SSRC_ANY_INBOUND, profile, REPLAY_WINDOW))
        self.reports = engine.open(self._send_policy)
        """What outgoing RTCP is protected with, whatever its SSRC."""
        self._memory = memoryview(bytearray(MAX_PACKET + srtp_fast.ROOM))
        self._pointer, self._length = engine.pointer(self._memory), engine.length()
        self._streams: dict[bytes, srtp_fast.Stream] = {}
        self._inbound: set[bytes] = set()

    @property
    def heard(self) -> frozenset[bytes]:
        """All SSRCs (4 bytes each) that `hears` knows."""
        return frozenset(self._inbound)

    def hears(self, ssrc: bytes) -> bool:
        """Whether something genuine with this SSRC (4 bytes) has come before."""
        return ssrc in self._inbound

    def unprotect(self, packet: bytes) -> bytes | None:
        """An RTP packet in the clear; None when forged, replayed, oversized, or of one SSRC too many."""
        ssrc = packet[8:12]
        known = ssrc in self._inbound
        if not known and len(self._inbound) >= MAX_INBOUND_SSRCS:
            return None
        clear = self._transform(self._engine.unprotect, self._receive, packet)
        if clear is not None and not known:
            self._inbound.add(ssrc)
        return clear

    def unprotect_rtcp(self, packet: bytes) -> bytes | None:
        """A compound RTCP packet in the clear, or None."""
        ssrc = packet[4:8]
        if ssrc not in self._inbound and len(self._inbound) >= 2 * MAX_INBOUND_SSRCS:
            return None
        clear = self._transform(self._engine.unprotect_rtcp, self._receive, packet)
        if clear is not None:
            self._inbound.add(ssrc)
        return clear

    def stream(self, ssrc: bytes) -> srtp_fast.Stream:
        """The state of one outgoing SSRC, made when it is first asked for.

        One libsrtp session each: a session finds its streams by walking through them all.
        """
        stream = self._streams.get(ssrc)
        if stream is None:
            stream = self._streams[ssrc] = self._engine.open(self._send_policy)
        return stream

    def forget(self, ssrc: bytes) -> None:
        """Of an SSRC that will never be sent again: repeating its packet numbers would betray the key stream."""
        self._streams.pop(ssrc, None)

    def protect_rtcp(self, packet: bytes) -> bytes | None:
        """A compound RTCP packet for the network, or None."""
        return self._transform(self._engine.protect_rtcp, self.reports, packet)

    def _transform(
        self, function: srtp_fast.Transform, stream: srtp_fast.Stream, packet: bytes
    ) -> bytes | None:
        size, memory, length = len(packet), self._memory, self._length
        if size > MAX_PACKET:
            return None
        memory[:size] = packet
        length[0] = size
        if function(stream.handle, self._pointer, length):
            return None
        return bytes(memory[: length[0]])


def _policy(key: bytes, ssrc_type: int, profile: int, window: int) -> Policy:
    policy = Policy(key=key, ssrc_type=ssrc_type, srtp_profile=profile)
    # A retransmission without RTX repeats a sequence number on purpose.
    policy.allow_repeat_tx = True
    policy.window_size = window
    return policy
