"""A WebRTC peer without media: ICE, DTLS and SRTP by hand, so that load costs as little as it can.

It publishes packets that look like a camera's and a microphone's, or subscribes and counts what comes; one
datagram in SAMPLED is opened, for its age. It offers one SRTP profile only, so that all servers use the same.
"""

import fcntl
import re
import secrets
import socket
import struct
import sys
import time
from dataclasses import dataclass, field

from OpenSSL import SSL
from pylibsrtp import Policy, Session

from rtc import rtcp, rtp, stun
from rtc.dtls import PROFILES, DtlsContext, SrtpKeys
from rtc.errors import Malformed
from rtc.srtp import Srtp

SRTP_PROFILE = b"SRTP_AEAD_AES_128_GCM"
SAMPLED = 16
VIDEO_BYTES, AUDIO_BYTES = 1000, 80
BUFFER = 8 << 20
HANDSHAKE_S = 15.0
ESTIMATE_BPS = 50_000_000
_RTP_MAPS = {
    "audio": ("111", ["a=rtpmap:111 opus/48000/2", "a=fmtp:111 minptime=10;useinbandfec=1"]),
    "video": (
        "96 97",
        [
            "a=rtpmap:96 VP8/90000",
            "a=rtcp-fb:96 nack",
            "a=rtcp-fb:96 nack pli",
            "a=rtcp-fb:96 goog-remb",
            "a=rtpmap:97 rtx/90000",
            "a=fmtp:97 apt=96",
        ],
    ),
}
_EXTMAP = f"a=extmap:2 {rtp.EXT_ABS_SEND_TIME}"
_SO_RCVBUFFORCE = 33
_SIOCGSTAMPNS = 0x8907
_TIMESPEC = struct.Struct("qq")
_MID = r"a=mid:(\S+)"
_LABEL = b"EXTRACTOR-dtls_srtp"


@dataclass
class Stream:
    """What a publisher sends of one kind."""

    payload_type: int
    clock_hz: int
    ssrc: int = field(default_factory=lambda: secrets.randbits(31) | 1)
    sequence: int = 0
    packets: int = 0
    octets: int = 0


class Peer:
    """One connection, either publishing a camera and a microphone or subscribing to many.

    address: where it is; remote: the server's candidate to use, by default the one with the same address.
    """

    def __init__(self, address: str, remote: str = "") -> None:
        self._address, self._remote = address, remote or address
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        try:
            self.socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, BUFFER)
        except OSError:
            # Only root may go past the system's limit.
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        self.socket.bind((address, 0))
        self.dtls = DtlsContext()
        self.dtls.context.set_tlsext_use_srtp(SRTP_PROFILE)
        self.ufrag, self.password = secrets.token_hex(4), secrets.token_hex(12)
        self.streams = {"video": Stream(96, 90_000), "audio": Stream(111, 48_000)}
        self.media_types = {96, 111}
        self.profile = ""
        self.taken = self.received = self.repaired = 0
        self.ages_s: list[float] = []
        self._publishes = False
        self._ssrcs: list[int] = []
        self._last: dict[int, int] = {}
        self._wanted: tuple[int, int] | None = None
        self._srtp: Srtp | None = None
        self._media: Session | None = None
        self._check = ("", "")

    @property
    def buffer(self) -> int:
        return self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)

    def offer(self, kinds: list[str], publishes: bool) -> str:
        """One media section per entry ("audio" or "video")."""
        self._publishes = publishes
        lines = _head(len(kinds))
        for at, kind in enumerate(kinds):
            formats, maps = _RTP_MAPS[kind]
            lines += [f"m={kind} 9 UDP/TLS/RTP/SAVPF {formats}", "c=IN IP4 127.0.0.1", f"a=mid:{at}"]
            lines += [*self._credentials("active"), f"a={'sendonly' if publishes else 'recvonly'}", *maps]
            lines.append(_EXTMAP)
            if publishes:
                lines.append(f"a=ssrc:{self.streams[kind].ssrc} cname:bench")
        return "\r\n".join(lines) + "\r\n"

    def answer(self, offer: str) -> str:
        """To a server that offers: take everything."""
        sections = re.split(r"^m=", offer, flags=re.MULTILINE)[1:]
        lines = _head(len(sections), [_find(_MID, one) for one in sections])
        for one in sections:
            kind, formats = _find(r"(\w+) ", one), _find(r"\w+ \d+ \S+ ([\d ]+)", one)
            kept = [
                line for line in one.split("\r\n") if line.startswith(("a=rtpmap", "a=fmtp", "a=rtcp-fb"))
            ]
            lines += [f"m={kind} 9 UDP/TLS/RTP/SAVPF {formats}", "c=IN IP4 127.0.0.1"]
            lines += [
                f"a=mid:{_find(_MID, one)}",
                *self._credentials("active"),
                "a=recvonly",
                *kept,
            ]
            lines += re.findall(r"a=extmap:.*abs-send-time", one)
        return "\r\n".join(lines) + "\r\n"

    def connect(self, remote: str) -> None:
        """ICE, DTLS and keys, with the server's description. TimeoutError when it does not answer."""
        port = int(_find(rf"(?i)a=candidate:\S+ 1 udp \d+ {re.escape(self._remote)} (\d+) typ host", remote))
        ours, theirs = _find(r"a=ice-ufrag:(\S+)", remote), _find(r"a=ice-pwd:(\S+)", remote)
        self._check = (f"{ours}:{self.ufrag}", theirs)
        self._ssrcs = [int(one) for one in re.findall(r"a=ssrc-group:FID (\d+)", remote)]
        self.socket.connect((self._remote, port))
        self.socket.settimeout(0.2)
        self.socket.send(self._stun(True))
        self._handshake()
        self.socket.setblocking(False)

    def send(self, kind: str, payload: bytes, marker: int) -> None:
        """One packet of the given kind, with its time (`time.time`) in the last eight bytes."""
        stream, srtp = self.streams[kind], self._media
        assert srtp is not None
        body = payload[:-8] + struct.pack("!d", time.time())
        timestamp = int(time.monotonic() * stream.clock_hz) & 0xFFFFFFFF
        packet = rtp.build(stream.payload_type, marker << 7, stream.sequence, timestamp, stream.ssrc, body)
        stream.sequence = (stream.sequence + 1) & 0xFFFF
        stream.packets += 1
        stream.octets += len(body)
        self._send(srtp.protect(packet))

    def check(self) -> None:
        """Say that we are still here (RFC 7675)."""
        self._send(self._stun(False))

    def report(self) -> None:
        """Once a second: `check`, and sender reports, or a receiver's reports, estimate and a NACK."""
        self.check()
        if self._publishes:
            ntp = int((time.time() + 2_208_988_800) * 4294967296)
            packets = [
                rtcp.build_sr(one.ssrc, ntp, int(time.monotonic() * one.clock_hz), one.packets, one.octets)
                for one in self.streams.values()
            ]
        else:
            blocks = [rtcp.ReportBlock(ssrc, 0.0, 0, last, 0, 0, 0) for ssrc, last in self._last.items()]
            packets = [rtcp.build_rr(1, blocks) + rtcp.build_remb(1, ESTIMATE_BPS, self._ssrcs or [1])]
            if self._wanted is not None:
                ssrc, lost = self._wanted
                # With a report of the same stream in front, as browsers do: Janus goes by that.
                block = rtcp.ReportBlock(ssrc, 0.0, 0, lost, 0, 0, 0)
                packets.append(rtcp.build_rr(1, [block]) + rtcp.build_nack(1, ssrc, [lost]))
        assert self._srtp is not None
        for packet in packets:
            data = self._srtp.protect_rtcp(packet)
            assert data is not None
            self._send(data)

    def drain(self, counting: bool) -> None:
        """Take what has come; at most as much as keeps the others from waiting."""
        receive, types = self.socket.recv, self.media_types
        for _ in range(64):
            try:
                data = receive(2048)
            except (BlockingIOError, ConnectionRefusedError):  # nothing more; or the server has ended
                return
            if data[0] < 128 or data[1] & 0x7F not in types or 192 <= data[1] <= 223:
                if data[0] < 4:
                    self._answer_check(data)
                self.repaired += data[0] >= 128 and data[1] & 0x7F == 97
                continue
            self.taken += 1
            if counting:
                self.received += 1
            if self.taken % SAMPLED == 0 and self._srtp is not None:
                ssrc, sequence = int.from_bytes(data[8:12], "big"), int.from_bytes(data[2:4], "big")
                self._last[ssrc] = sequence
                if data[1] & 0x7F == 96:
                    self._wanted = ssrc, sequence
                arrived = self._arrived()
                clear = self._srtp.unprotect(data)
                if clear is not None and counting:
                    self.ages_s.append(arrived - struct.unpack("!d", clear[-8:])[0])

    def _arrived(self) -> float:
        """When the packet that was taken last came to its socket: the system's time, not ours (socket(7))."""
        if sys.platform != "linux":
            return time.time()
        stamp = bytearray(_TIMESPEC.size)
        fcntl.ioctl(self.socket.fileno(), _SIOCGSTAMPNS, stamp)
        seconds, nanoseconds = _TIMESPEC.unpack(stamp)
        return seconds + nanoseconds / 1e9

    def close(self) -> None:
        self.socket.close()

    def _send(self, data: bytes) -> None:
        try:
            self.socket.send(data)
        except (BlockingIOError, ConnectionRefusedError):
            # Counted as lost by whoever should have received it.
            return

    def _answer_check(self, data: bytes) -> None:
        """Janus checks too, although it says that it is ICE-lite."""
        try:
            request = stun.parse_request(data)
        except Malformed:
            return
        self._send(stun.build_response(request, self.socket.getpeername(), self.password))

    def _credentials(self, setup: str) -> list[str]:
        fingerprint = self.dtls.fingerprint
        return [
            f"a=ice-ufrag:{self.ufrag}",
            f"a=ice-pwd:{self.password}",
            f"a=fingerprint:{fingerprint.algorithm} {fingerprint.value}",
            f"a=setup:{setup}",
            "a=rtcp-mux",
            f"a=candidate:1 1 udp 2130706431 {self._address} {self.socket.getsockname()[1]} typ host",
            "a=end-of-candidates",
        ]

    def _stun(self, nominate: bool) -> bytes:
        return stun.build_request(*self._check, secrets.token_bytes(12), nominate)

    def _handshake(self) -> None:
        ssl = SSL.Connection(self.dtls.context)
        ssl.set_connect_state()
        ssl.set_ciphertext_mtu(1200)
        until = time.monotonic() + HANDSHAKE_S
        while True:
            try:
                ssl.do_handshake()
                break
            except SSL.WantReadError:
                self._flush(ssl)
                self._await_dtls(ssl, until)
        self._flush(ssl)
        profile = ssl.get_selected_srtp_profile()
        self.profile = profile.decode()
        key, salt = PROFILES[profile]
        material = ssl.export_keying_material(_LABEL, 2 * (key + salt))
        ours = material[:key] + material[2 * key : 2 * key + salt]
        theirs = material[key : 2 * key] + material[2 * key + salt :]
        self._srtp = Srtp(SrtpKeys(profile, receive=theirs, send=ours))
        self._media = Session(
            Policy(ours, Policy.SSRC_ANY_OUTBOUND, srtp_profile=Policy.SRTP_PROFILE_AEAD_AES_128_GCM)
        )

    def _await_dtls(self, ssl: SSL.Connection, until: float) -> None:
        """Until a DTLS datagram came. A server may set itself up after our first check: nominate again."""
        while time.monotonic() < until:
            try:
                data = self.socket.recv(4096)
            except TimeoutError:
                self.socket.send(self._stun(True))
                ssl.DTLSv1_handle_timeout()
                self._flush(ssl)
                continue
            if 19 < data[0] < 64:
                ssl.bio_write(data)
                return
            self._answer_check(data)
        raise TimeoutError("no answer to the DTLS handshake")

    def _flush(self, ssl: SSL.Connection) -> None:
        try:
            self.socket.send(ssl.bio_read(65536))
        except SSL.Error:
            return


def video_payload(number: int, keyframe: bool, first: bool) -> bytes:
    """A VP8 packet with picture id and temporal layers 0 2 1 2; only a frame's first packet says so."""
    layer = 0 if keyframe else (0, 2, 1, 2)[number % 4]
    picture = number & 0x7FFF
    head = bytes((0x90 if first else 0x80, 0xE0, 0x80 | picture >> 8, picture & 255, 0, layer << 6 | 0x20))
    frame = b"\x00\x00\x00\x9d\x01\x2a\x80\x02\xe0\x01" if keyframe else b"\x01" + bytes(9)
    return (head + frame).ljust(VIDEO_BYTES, b"\0")


def _head(sections: int, mids: list[str] | None = None) -> list[str]:
    group = " ".join(mids or map(str, range(sections)))
    return ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0", f"a=group:BUNDLE {group}"]


def _find(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    if found is None:
        raise ValueError(f"no {pattern} in the description")
    return found[1]
