"""What bad input gets: dropped or refused with an error kind, in bounded memory, while a healthy pair goes on."""

import asyncio
import contextlib
import random
import secrets
import socket
import struct
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
import pytest_asyncio
from OpenSSL import SSL

from bench import _media_peer
from bench._media_peer import Peer, video_payload
from core.config import Settings
from rtc import rtcp, rtp, sdp, stun
from rtc.errors import Malformed, Refused
from rtc.limits import Budget, Limits
from rtc.node import Node
from rtc.tests.conftest import KEY, eventually
from rtc.tests.house import RIGHTS, House

pytestmark = pytest.mark.media


@pytest_asyncio.fixture
async def house() -> AsyncIterator[House]:
    limits = Limits(rooms=2, participants=4, uplink_hard_bps=2_000_000, messages_per_s=20)
    node = Node(["127.0.0.1"], 0, KEY, limits=limits)
    await node.start("127.0.0.1", 0)
    made = House(node)
    try:
        await made.pair()
        await made.healthy()
        yield made
    finally:
        for peer in made.peers:
            peer.close()
        await node.close()


def noise(count: int, seed: int) -> Iterator[bytes]:
    """Datagrams that look like STUN, DTLS, RTP and RTCP at their beginning."""
    chance = random.Random(seed)
    check = stun.build_request("nobody:else", "password", bytes(12), True)
    heads = (b"\x00\x01", b"\x16\xfe\xfd", b"\x80\x60", b"\x80\xc8", b"\x81\xcd\xff\xff", b"\xff", b"")
    for at in range(count):
        if at % 8 == 7:
            cut = bytearray(check)
            cut[chance.randrange(len(cut))] ^= 1 << chance.randrange(8)
            yield bytes(cut[: chance.randrange(1, len(cut) + 1)])
        else:
            yield heads[at % 8 % len(heads)] + chance.randbytes(chance.randrange(0, 300))


async def pour(sock: socket.socket, datagrams: Iterator[bytes], address: Any = None) -> int:
    """Send without waiting for anything, letting the node's loop run now and then."""
    count = 0
    for data in datagrams:
        try:
            if address is None:
                sock.send(data)
            else:
                sock.sendto(data, address)
        except (BlockingIOError, ConnectionRefusedError):
            await asyncio.sleep(0.001)
        count += 1
        if count % 200 == 0:
            await asyncio.sleep(0)
    await asyncio.sleep(0.05)
    return count


async def test_a_flood_from_strangers_is_dropped(house: House) -> None:
    before, port = house.held(), house.node.endpoint.port
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.setblocking(False)
        await pour(stranger, noise(8_000, 1), ("127.0.0.1", port.port))
        await house.healthy()
        with pytest.raises(BlockingIOError):
            stranger.recv(2048)  # no answer at all
    assert house.held() == before
    assert port.counters.dropped_in >= 6_000


async def test_noise_of_somebody_inside_is_dropped(house: House) -> None:
    attacker = await house.join("attacker", ["audio", "video"], True)
    before = house.held()
    await pour(attacker.socket, noise(8_000, 2))
    await house.healthy()
    assert house.held() == before


async def test_malformed_packets_under_good_keys_are_dropped(house: House) -> None:
    attacker = await house.join("attacker", ["audio", "video"], True)
    watcher = await house.join("watcher", ["audio", "video", "audio", "video"], False)
    chance = random.Random(3)
    sent: list[bytes] = []
    for peer in (attacker, watcher):
        media, control = peer._media, peer._srtp  # pyright: ignore[reportPrivateUsage]
        assert media is not None and control is not None
        for at in range(1_500):
            kind = (200, 201, 202, 205, 206)[at % 5]
            body = chance.randbytes(4 * chance.randrange(1, 40))
            head = struct.pack("!BBH", 0x80 | chance.randrange(32), kind, chance.randrange(0, 60))
            packet = control.protect_rtcp(head + struct.pack("!L", 7) + body)
            if packet is not None:
                peer.socket.setblocking(False)
                sent.append(packet)
                await pour(peer.socket, iter([packet])) if at % 500 == 0 else peer.socket.send(packet)
            ssrc = peer.streams["video"].ssrc
            header = struct.pack("!BBHLL", 0x80, 96, at & 0xFFFF, at * 3000, ssrc)
            peer.socket.send(media.protect(header + chance.randbytes(chance.randrange(0, 60))))
    await asyncio.sleep(0.1)
    await house.healthy()
    assert len(sent) > 2_000


async def test_another_persons_ssrcs_are_no_collision(house: House) -> None:
    """SSRCs are unique in a connection only: two people may have the same, by chance or on purpose."""
    house.node.join("r", "twin", RIGHTS)
    twin = Peer("127.0.0.1")
    house.peers.append(twin)
    for kind, stream in twin.streams.items():
        stream.ssrc = house.speaker.streams[kind].ssrc
    await asyncio.to_thread(twin.connect, house.offer("twin", twin, ["audio", "video"], True)["sdp"])
    watcher = await house.join("watcher", ["audio", "video", "audio", "video"], False)
    for at in range(60):
        for peer in (twin, house.speaker):
            peer.send("audio", bytes(80), 0)
            peer.send("video", video_payload(at, True, True), 1)
        await asyncio.sleep(0.002)
    ssrcs: set[int] = set()
    while True:
        try:
            data = watcher.socket.recv(2048)
        except BlockingIOError:
            break
        if data[0] >= 128 and data[1] & 0x7F in (96, 111):
            ssrcs.add(int.from_bytes(data[8:12], "big"))
    assert len(ssrcs) == 4
    await house.healthy()


def sections(count: int, change: Callable[[int], str] = lambda at: "") -> str:
    lines = ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0"]
    for at in range(count):
        lines += [
            "m=video 9 UDP/TLS/RTP/SAVPF 96 97",
            f"a=mid:{at}",
            "a=ice-ufrag:abcd",
            "a=ice-pwd:" + "p" * 24,
        ]
        lines += ["a=fingerprint:sha-256 AA", "a=sendonly", "a=rtpmap:96 VP8/90000", "a=rtpmap:97 rtx/90000"]
        lines += ["a=fmtp:97 apt=96", change(at)]
    return "\r\n".join(line for line in lines if line) + "\r\n"


@pytest.mark.parametrize(
    ("text", "tracks", "kind"),
    [
        (sections(500), [], "too_many"),
        (sections(2), [{"mid": str(at), "source": "camera"} for at in range(500)], "too_many"),
        (sections(2, lambda at: "a=ssrc:77 cname:x"), [], "malformed"),
        (sections(1, lambda at: "a=ssrc-group:FID 5 5\r\na=ssrc:5 cname:x"), [], "malformed"),
        (sections(1, lambda at: "a=ssrc:99999999999 cname:x"), [], "malformed"),
        (sections(1, lambda at: "a=x:" + "y" * 600_000), [], "too_large"),
        ("v=0\r\n" + "m=" * 100_000, [], "malformed"),
        ("\0" * 1_000, [], "malformed"),
        ("", [], "malformed"),
    ],
    ids=[
        "sections",
        "tracks",
        "ssrc-twice",
        "repairs-itself",
        "ssrc-range",
        "long",
        "m-lines",
        "zeros",
        "empty",
    ],
)
async def test_offers_nobody_needs_are_refused(house: House, text: str, tracks: list[Any], kind: str) -> None:
    house.node.join("r", "attacker", RIGHTS)
    message = {
        "type": "offer",
        "kind": "publisher",
        "connection": "c",
        "seq": 1,
        "sdp": text,
        "tracks": tracks,
    }
    (answer,) = house.node.signal("r", "attacker", message)
    assert (answer["type"], answer["kind"]) == ("error", kind)
    assert house.node.rooms["r"].participants["attacker"].publisher is None
    await house.healthy()


async def test_a_flood_of_messages_is_refused(house: House) -> None:
    house.node.join("r", "attacker", RIGHTS)
    answers = [house.node.signal("r", "attacker", {"type": "visible", "tracks": []}) for _ in range(2_000)]
    refused = [one[0]["kind"] for one in answers if one]
    assert set(refused) == {"too_many"} and len(refused) >= 1_800
    await house.healthy()


async def test_rooms_and_people_have_limits(house: House) -> None:
    for name in ("third", "fourth"):
        house.node.join("r", name, RIGHTS)
    for room, name in (("r", "fifth"), ("other", "one")):
        if room == "other":
            house.node.join("second", "one", RIGHTS)
        with pytest.raises(Refused) as refused:
            house.node.join(room, name, RIGHTS)
        assert refused.value.kind == "too_many"
    await house.healthy()


async def test_who_sends_far_too_much_is_cut_off(house: House) -> None:
    """Above the hard limit nothing more is passed on; after some seconds the connection goes, with a reason."""
    attacker = await house.join("attacker", ["audio", "video"], True)
    watcher = await house.join("watcher", ["audio", "video", "audio", "video"], False)
    attacker.socket.setblocking(False)

    async def closed() -> bool:
        for at in range(60):
            attacker.send("video", video_payload(at, at == 0, True), 1)
        watcher.drain(True)
        return ("disconnected", "attacker", {"connection": "publisher", "reason": "too_much"}) in house.said

    await eventually(closed, 40.0, 0.01)
    told = [data for kind, who, data in house.said if kind == "message" and who == "attacker"]
    assert {"type": "closed", "kind": "publisher", "reason": "too_much"} in told
    assert house.node.rooms["r"].participants["attacker"].publisher is None
    await house.healthy()


async def test_another_certificate_gets_no_keys(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_media_peer, "HANDSHAKE_S", 3.0)
    house.node.join("r", "attacker", RIGHTS)
    peer, other = Peer("127.0.0.1"), Peer("127.0.0.1")
    house.peers += [peer, other]
    answer = house.offer("attacker", peer, ["audio"], True)
    other.ufrag, other.password = peer.ufrag, peer.password
    with contextlib.suppress(TimeoutError, SSL.Error):
        await asyncio.to_thread(other.connect, answer["sdp"])
    assert ("disconnected", "attacker", {"connection": "publisher", "reason": "dtls"}) in house.said
    await house.healthy()


# Without a network


def test_a_budget_refills_with_time() -> None:
    now = [0.0]
    budget = Budget(2.0, lambda: now[0])
    assert [budget.take() for _ in range(11)] == [True] * 10 + [False]
    now[0] = 1.0
    assert [budget.take() for _ in range(3)] == [True, True, False]


def test_limits_are_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HILINK_MEDIA_MAX_TRACKS", "3")
    assert Limits.of(Settings()).tracks == 3  # pyright: ignore[reportCallIssue]
    assert Limits.of(Settings(media_max_rooms=7)).rooms == 7  # pyright: ignore[reportCallIssue]


def test_an_offer_is_measured_before_it_is_read() -> None:
    with pytest.raises(Refused) as refused:
        sdp.parse_offer("v=0\r\n" + "a" * 200, 8, 100)
    assert refused.value.kind == "too_large"


def test_the_longest_packets_are_no_trouble() -> None:
    for size in (12, 2048, 65_535):
        data = secrets.token_bytes(size)
        for parse in (rtp.parse, read_rtcp, stun.parse_request):
            with contextlib.suppress(Malformed):
                parse(data)


def read_rtcp(data: bytes) -> list[rtcp.Block]:
    return list(rtcp.split(data))
