"""A node with aiortc publishers, agents and the control API: rights, consent, bad input, restarts."""

import asyncio
import json
import os
import socket
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack, VideoStreamTrack
from av import AudioFrame
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from core.config import Settings
from core.errors import MediaError
from core.ports import MediaRights
from rtc import stun
from rtc.agent import RoomAgent, Samples, Timeline
from rtc.control import authorization
from rtc.loopback import allow_loopback
from rtc.media_client import MediaClient
from rtc.node import Node
from rtc.tests.conftest import KEY, RIGHTS, RoomServer, eventually

pytestmark = pytest.mark.media


class Tone(AudioStreamTrack):
    """440 Hz, 48 kHz mono."""

    async def recv(self) -> AudioFrame:
        silence = await super().recv()
        assert isinstance(silence, AudioFrame) and silence.pts is not None
        at = np.arange(silence.samples) + silence.pts
        wave = (8000 * np.sin(2 * np.pi * 440 * at / silence.sample_rate)).astype(np.int16)
        frame = AudioFrame.from_ndarray(wave.reshape(1, -1), format="s16", layout="mono")
        frame.pts, frame.sample_rate, frame.time_base = silence.pts, silence.sample_rate, silence.time_base
        return frame


class Client:
    """An aiortc participant that signals straight to the room server's MediaServer."""

    def __init__(self, media: MediaClient, participant_id: str, room: str = "room") -> None:
        allow_loopback()
        self.media, self.id, self.room = media, participant_id, room
        self.pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.kind = ""
        self.seq = 0

    async def join(self, rights: MediaRights = RIGHTS) -> None:
        await self.media.join(self.room, self.id, rights)

    async def say(self, message: Mapping[str, Any]) -> dict[str, Any]:
        answers = await self.media.signal(self.room, self.id, message)
        return answers[0] if answers else {}

    async def offer(self, kind: str, tracks: list[dict[str, Any]] | None = None) -> dict[str, Any]:
        self.seq += 1
        await self.pc.setLocalDescription(await self.pc.createOffer())
        message: dict[str, Any] = {"type": "offer", "kind": kind, "connection": "c" + kind, "seq": self.seq}
        message["sdp"] = self.pc.localDescription.sdp
        if tracks is not None:
            message["tracks"] = tracks
        answer = await self.say(message)
        if answer["type"] == "answer":
            await self.pc.setRemoteDescription(RTCSessionDescription(answer["sdp"], "answer"))
        return answer

    async def publish(self, source: str = "microphone") -> dict[str, Any]:
        self.pc.addTransceiver(Tone() if source == "microphone" else VideoStreamTrack(), direction="sendonly")
        await self.pc.createOffer()
        return await self.offer("publisher", [{"mid": "0", "source": source, "muted": False}])

    async def subscribe(self, *kinds: str) -> dict[str, Any]:
        for kind in kinds:
            self.pc.addTransceiver(kind, direction="recvonly")
        return await self.offer("subscriber")


async def test_aiortc_peers_exchange_pictures(hot_path: str, media: MediaClient, node: Node) -> None:
    ann, bob = Client(media, "ann"), Client(media, "bob")
    await ann.join()
    await bob.join()
    assert (await ann.publish("camera"))["mids"] == {"0": "camera"}
    answer = await bob.subscribe("video")
    assert answer["mids"] == {"0": {"participant_id": "ann", "source": "camera", "muted": False}}
    track: Any = bob.pc.getReceivers()[0].track
    frame = await asyncio.wait_for(track.recv(), 15)
    assert (frame.width, frame.height) == (640, 480)
    health = await media.health()
    assert health["participants"] == 2 and health["packets_out"] > 0
    await asyncio.gather(ann.pc.close(), bob.pc.close())


async def test_what_rights_do_not_cover_is_refused(media: MediaClient) -> None:
    ann = Client(media, "ann")
    await ann.join(MediaRights(publish=(), subscribe=False))
    assert (await ann.publish())["mids"] == {}
    listener = Client(media, "ann")
    assert (await listener.subscribe("audio"))["kind"] == "not_allowed"
    await asyncio.gather(ann.pc.close(), listener.pc.close())


BAD_MESSAGES: list[tuple[Any, str]] = [
    ({"type": "hello", "version": 2}, "version"),
    ({"type": "dance"}, "malformed"),
    ({}, "malformed"),
    ({"type": ["offer"]}, "malformed"),
    ({"type": "offer", "kind": "publisher"}, "malformed"),
    ({"type": "offer", "kind": "both", "connection": "x", "seq": 1, "sdp": ""}, "malformed"),
    ({"type": "offer", "kind": "subscriber", "connection": "x", "seq": 1, "sdp": "v=0"}, "malformed"),
    ({"type": "offer", "kind": "subscriber", "connection": "x", "seq": True, "sdp": "v=0"}, "malformed"),
    (
        {"type": "offer", "kind": "subscriber", "connection": "x", "seq": 1, "sdp": "v=0" + " " * 600_000},
        "too_large",
    ),
    ({"type": "mute", "source": "nose", "muted": True}, "malformed"),
    ({"type": "mute", "source": ["camera"], "muted": True}, "malformed"),
    ({"type": "visible", "tracks": [{"source": "camera", "width": -1, "height": 1}]}, "malformed"),
    ({"type": "visible", "tracks": [7] * 10}, "malformed"),
    ({"type": "visible", "tracks": "all"}, "malformed"),
]


@pytest.mark.parametrize(("message", "kind"), BAD_MESSAGES)
async def test_bad_messages_get_an_error_kind(media: MediaClient, message: dict[str, Any], kind: str) -> None:
    await media.join("room", "ann", RIGHTS)
    (answer,) = await media.signal("room", "ann", message)
    assert (answer["type"], answer["kind"]) == ("error", kind)


async def test_offers_have_limits_and_an_order(media: MediaClient, node: Node) -> None:
    ann = Client(media, "ann")
    await ann.join()
    await ann.publish()
    assert ann.pc.localDescription is not None
    text = ann.pc.localDescription.sdp
    offer: dict[str, Any] = {"type": "offer", "kind": "publisher", "connection": "cpublisher", "tracks": []}
    assert (await ann.say({**offer, "seq": 1, "sdp": text}))["kind"] == "stale"
    section = text[text.index("m=audio") :]
    many = text + "".join(section.replace("a=mid:0", f"a=mid:{one}") for one in range(1, 100))
    assert (await ann.say({**offer, "seq": 9, "sdp": many}))["kind"] == "too_many"
    twice = [{"mid": "0", "source": "microphone"}] * 2
    assert (await ann.say({**offer, "seq": 9, "sdp": text, "tracks": twice}))["kind"] == "malformed"
    answers = await media.signal("room", "nobody", {"type": "hello", "version": 1})
    assert answers[0]["kind"] == "unknown_participant"
    assert list(node.rooms["room"].participants["ann"].publications) == ["microphone"]
    await ann.pc.close()


async def test_a_foreign_certificate_gets_no_keys(media: MediaClient, room_server: RoomServer) -> None:
    """The fingerprint in the offer is not the one of the certificate that then shows up."""
    ann = Client(media, "ann")
    await ann.join()
    signal = media.signal

    async def forged(room_id: str, participant_id: str, message: Mapping[str, Any]) -> list[dict[str, Any]]:
        lines = [
            line[:-1] + ("0" if line[-1] != "0" else "1") if line.startswith("a=fingerprint:") else line
            for line in message["sdp"].splitlines()
        ]
        return await signal(room_id, participant_id, {**message, "sdp": "\r\n".join(lines) + "\r\n"})

    media.signal = forged  # type: ignore[method-assign]
    await ann.publish()

    async def refused() -> bool:
        return any(one.data["reason"] == "dtls" for one in room_server.of_kind("disconnected"))

    await eventually(refused)
    assert not room_server.of_kind("connected")
    await ann.pc.close()


async def test_floods_from_strangers_leave_no_trace(node: Node) -> None:
    port = node.endpoint.port
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.setblocking(False)
        target = ("127.0.0.1", port.port)
        for number in range(300):
            stranger.sendto(bytes((number % 256,)) * (number % 90), target)
            stranger.sendto(stun.build_request("no:body", "guess", b"123456789012"), target)
        await eventually(lambda: asyncio.sleep(0, port.counters.packets_in >= 600))
        assert port.counters.packets_out == 0
        assert not port.by_ufrag and not port.sockets[0].by_address


class Listener(RoomAgent):
    """Keeps what it hears."""

    def __init__(self, address: str) -> None:
        super().__init__(self._open)
        self.address = address
        self.heard: dict[str, list[Samples]] = {}
        self.times: list[int] = []
        self.present: list[tuple[str, bool]] = []

    async def _open(self) -> str:
        return self.address

    def on_audio(self, participant_id: str, samples: Samples, at_ms: int) -> None:
        self.heard.setdefault(participant_id, []).append(samples)
        self.times.append(at_ms)

    def on_speaker(self, participant_id: str, present: bool) -> None:
        self.present.append((participant_id, present))


async def test_an_agent_hears_consenting_speakers_only(media: MediaClient, room_server: RoomServer) -> None:
    room_server.rights["agent"] = MediaRights(publish=(), agent=True)
    agent = Listener(f"ws://127.0.0.1:{room_server.port}/room/room/agent")
    ann, bob = Client(media, "ann"), Client(media, "bob")
    await ann.join(RIGHTS)
    await bob.join(replace(RIGHTS, agents_allowed=False))
    await asyncio.gather(ann.publish(), bob.publish())
    visit = asyncio.create_task(agent.run())
    await eventually(lambda: asyncio.sleep(0, len(agent.heard.get("ann", ())) > 60), 15)
    assert set(agent.heard) == {"ann"}
    sound = np.concatenate(agent.heard["ann"][-25:])
    assert sound.dtype == np.int16
    spectrum = np.abs(np.fft.rfft(sound))
    assert abs(np.argmax(spectrum) * 16_000 / len(sound) - 440) < 10
    assert abs(agent.times[-1] - time.time() * 1000) < 1_000
    assert all(15 <= b - a <= 25 for a, b in zip(agent.times[-20:], agent.times[-19:], strict=False))

    await ann.join(replace(RIGHTS, agents_allowed=False))
    await eventually(lambda: asyncio.sleep(0, ("ann", False) in agent.present))
    await asyncio.sleep(0.3)
    count = len(agent.heard["ann"])
    await asyncio.sleep(0.4)
    assert len(agent.heard["ann"]) == count

    await bob.join(RIGHTS)
    await eventually(lambda: asyncio.sleep(0, len(agent.heard.get("bob", ())) > 10), 10)
    await agent.close()
    assert await asyncio.wait_for(visit, 5) in ("ended", "closed")
    await asyncio.gather(ann.pc.close(), bob.pc.close())


async def test_an_agent_comes_back_after_its_connections_broke(
    media: MediaClient, node: Node, room_server: RoomServer
) -> None:
    room_server.rights["agent"] = MediaRights(publish=(), agent=True)
    agent = Listener(f"ws://127.0.0.1:{room_server.port}/room/room/agent")
    ann = Client(media, "ann")
    await ann.join()
    await ann.publish()
    visit = asyncio.create_task(agent.run())
    await eventually(lambda: asyncio.sleep(0, len(agent.heard.get("ann", ())) > 10), 15)
    subscriber = node.rooms["room"].participants["agent"].subscriber
    assert subscriber is not None
    subscriber.transport.close("lost")
    count = len(agent.heard["ann"])
    await eventually(lambda: asyncio.sleep(0, len(agent.heard["ann"]) > count + 20), 10)
    room_server.sockets["room", "agent"].transport.abort()
    await asyncio.sleep(1.0)
    count = len(agent.heard["ann"])
    await eventually(lambda: asyncio.sleep(0, len(agent.heard["ann"]) > count + 20), 10)
    await eventually(lambda: asyncio.sleep(0, ("room", "agent") in room_server.sockets))
    await agent.close()
    await asyncio.wait_for(visit, 5)
    await ann.pc.close()


def test_a_timeline_follows_the_least_delayed_packet() -> None:
    now = 1_000.0
    timeline = Timeline(lambda: now)
    assert timeline.place(0, 20) == 980
    now = 1_060.0
    assert timeline.place(20, 20) == 1_000
    now = 1_055.0
    assert timeline.place(60, 20) == 1_035
    now = 9_000.0
    assert timeline.place(80, 20) == 8_980


async def test_the_control_door(node: Node) -> None:
    url = f"ws://127.0.0.1:{node.control_port}/control"
    good, _ = authorization(KEY)
    old, _ = authorization(KEY, time.time() - 600)
    foreign, _ = authorization(b"x" * 32)
    async with connect(url, additional_headers={"Authorization": good}, proxy=None) as control:
        for frame in (
            "{",
            "[]",
            "[" * 20_000,
            '{"id": 1, "method": "dance", "params": {"room_id": "r", "participant_id": "p"}}',
            '{"id": 1, "method": "join", "params": {"room_id": "r/../x", "participant_id": "p"}}',
            '{"id": 1, "method": "join", "params": {"room_id": "r", "participant_id": "p"}}',
        ):
            await control.send(frame)
            assert json.loads(await control.recv())["error"]["kind"] == "malformed"
    for header in (good, old, foreign, "HiLink x", ""):
        with pytest.raises(InvalidStatus):
            await connect(url, additional_headers={"Authorization": header}, proxy=None)
    assert not node.rooms


async def test_a_node_without_the_key_is_not_believed(node: Node) -> None:
    client = MediaClient(f"ws://127.0.0.1:{node.control_port}/control", b"y" * 32)
    with pytest.raises(MediaError) as caught:
        await client.wait_connected(0.5)
    assert caught.value.kind == "unavailable"
    (answer,) = await client.signal("room", "ann", {"type": "hello", "version": 1})
    assert answer["kind"] == "unavailable"
    await client.close()


async def test_rights_may_say_how_little_somebody_sends(media: MediaClient, node: Node) -> None:
    ann, bob = Client(media, "ann"), Client(media, "bob")
    await ann.join(replace(RIGHTS, uplink_bps=100_000))
    await bob.join()
    await ann.publish()
    await bob.publish()
    little, much = (node.rooms["room"].participants[one].publisher for one in ("ann", "bob"))
    assert little is not None and much is not None
    assert (little.uplink_bps, little.window_limit) == (100_000, 25_000)
    assert (much.uplink_bps, much.window_limit) == (4_000_000, 2_000_000)
    with pytest.raises(MediaError):
        await media.join("room", "cat", replace(RIGHTS, uplink_bps=-1))
    await asyncio.gather(ann.pc.close(), bob.pc.close())


async def test_a_scrape_reads_what_the_node_keeps(media: MediaClient, node: Node) -> None:
    ann, bob = Client(media, "ann"), Client(media, "bob")
    await ann.join()
    await bob.join()
    await ann.publish()
    await bob.subscribe("audio")
    url = f"http://127.0.0.1:{node.control_port}/metrics"
    async with httpx.AsyncClient(trust_env=False) as client:

        async def read() -> dict[str, float]:
            answer = await client.get(url, headers={"Authorization": authorization(KEY)[0]})
            assert answer.status_code == 200
            assert answer.headers["content-type"].startswith("text/plain; version=")
            lines = (line.rsplit(" ", 1) for line in answer.text.splitlines() if line[0] != "#")
            return {name: float(value) for name, value in lines}

        async def flowing() -> dict[str, float]:
            found = await read()
            both = found["hilink_media_bytes_in_total"] and found["hilink_media_bytes_out_total"]
            return found if both else {}

        found = await eventually(flowing)
        assert found["hilink_media_rooms"] == 1 and found["hilink_media_participants"] == 2
        assert found['hilink_media_tracks{source="microphone"}'] == 1
        assert found['hilink_media_connections{kind="subscriber"}'] == 1
        await media.leave("room", "bob")
        after = await read()
        assert after["hilink_media_bytes_out_total"] >= found["hilink_media_bytes_out_total"], "kept"
        assert not any("room=" in name or "bob" in name for name in after), "nobody is named"
        once = {"Authorization": authorization(KEY)[0]}
        given: tuple[tuple[dict[str, str], int], ...] = (
            ({}, 401),
            ({"Authorization": "Bearer guess"}, 401),
            (once, 200),
            (once, 401),
        )
        for headers, status in given:
            assert (await client.get(url, headers=headers)).status_code == status
    await asyncio.gather(ann.pc.close(), bob.pc.close())


async def test_a_new_room_server_finds_the_rooms_again(media: MediaClient, node: Node) -> None:
    ann = Client(media, "ann")
    await ann.join()
    await ann.publish()
    await media.close()
    assert node.rooms["room"].participants["ann"].publications

    again = MediaClient(f"ws://127.0.0.1:{node.control_port}/control", KEY)
    await again.join("room", "ann", RIGHTS)
    await again.wait_connected()
    (welcome,) = await again.signal("room", "ann", {"type": "hello", "version": 1})
    assert welcome["publisher"] == "cpublisher"
    events = again.events()
    told = [await asyncio.wait_for(anext(events), 5) for _ in range(2)]
    found = [(one.participant_id, one.data["source"]) for one in told if one.kind == "published"]
    assert found == [("ann", "microphone")], "what she sends already is news to this one"
    await again.leave("room", "ann")
    await eventually(lambda: asyncio.sleep(0, "room" not in node.rooms))
    await again.close()
    await ann.pc.close()


async def test_a_node_that_restarts_gets_its_seats_back(unused_tcp_port: int) -> None:
    first = Node(["127.0.0.1"], 0, KEY)
    await first.start("127.0.0.1", unused_tcp_port)
    client = MediaClient(f"ws://127.0.0.1:{unused_tcp_port}/control", KEY)
    await client.wait_connected()
    await client.join("room", "ann", RIGHTS)
    await client.join("room", "bob", RIGHTS)
    await first.close()
    await eventually(lambda: asyncio.sleep(0, not client.connected))
    await client.leave("room", "bob")

    second = Node(["127.0.0.1"], 0, KEY)
    await second.start("127.0.0.1", unused_tcp_port)
    await client.wait_connected()
    assert list(second.rooms["room"].participants) == ["ann"]
    kinds = [(await anext(client.events())).kind for _ in range(3)]
    assert kinds == ["node_back", "node_lost", "node_back"]
    await client.close()
    await second.close()


async def test_who_comes_and_goes_while_a_node_is_told_its_seats(unused_tcp_port: int) -> None:
    client = MediaClient(f"ws://127.0.0.1:{unused_tcp_port}/control", KEY)
    for number in range(40):
        await client.join("room", f"p{number}", RIGHTS)
    node = Node(["127.0.0.1"], 0, KEY)
    await node.start("127.0.0.1", unused_tcp_port)
    await eventually(lambda: asyncio.sleep(0, "room" in node.rooms), step_s=0)
    assert not client.connected, "it is told seat after seat"
    await client.join("room", "late", RIGHTS)
    await client.leave("room", "p0")
    await client.join("room", "p1", replace(RIGHTS, audio_only=True))
    await client.wait_connected()
    people = node.rooms["room"].participants
    assert set(people) == {"late", *(f"p{number}" for number in range(1, 40))}
    assert people["p1"].rights.audio_only
    await client.close()
    await node.close()


async def test_the_process_starts_and_stops(tmp_path: Path, unused_tcp_port: int) -> None:
    url = f"ws://127.0.0.1:{unused_tcp_port}/control"
    environment = os.environ | {
        "HILINK_DATA_DIR": str(tmp_path),
        "HILINK_SECRET": "s" * 40,
        "HILINK_MEDIA_PORT": "0",
        "HILINK_MEDIA_CONTROL_URL": url,
    }
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "rtc.node", env=environment)
    settings = Settings(secret="s" * 40, media_control_url=url, data_dir=tmp_path)
    client = MediaClient.of(settings)
    try:
        await client.wait_connected(20)
        assert (await client.health())["rooms"] == 0
    finally:
        await client.close()
        process.terminate()
    assert await asyncio.wait_for(process.wait(), 10) == 0
