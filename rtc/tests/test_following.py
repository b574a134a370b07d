"""Players that offer once: sections that follow who speaks and what is shown, in one connection, of any codec."""

import asyncio
from typing import Any

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack, VideoStreamTrack
from aiortc.rtcrtpsender import RTCRtpSender
from av import VideoFrame

from core.ports import MediaRights
from rtc.loopback import allow_loopback
from rtc.media_client import MediaClient
from rtc.node import Node
from rtc.tests.conftest import RIGHTS, eventually
from rtc.tests.test_node import Tone

pytestmark = pytest.mark.media

WATCHES = MediaRights(publish=(), subscribe=True)
LUMA = {"dark": 40, "bright": 200}


class Plain(VideoStreamTrack):
    """320 x 240 of one brightness."""

    def __init__(self, shade: str) -> None:
        super().__init__()
        self._luma = LUMA[shade]

    async def recv(self) -> VideoFrame:
        frame = VideoFrame(320, 240, "yuv420p")
        for number, plane in enumerate(frame.planes):
            plane.update(bytes((self._luma if number == 0 else 128,)) * plane.buffer_size)
        frame.pts, frame.time_base = await self.next_timestamp()
        return frame


class Peer:
    """One connection of one participant, straight to the node."""

    def __init__(self, media: MediaClient, participant_id: str, setup: str = "actpass") -> None:
        allow_loopback()
        self.media, self.id, self._setup = media, participant_id, setup
        self.pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))

    async def send(self, codec: str, **tracks: Any) -> None:
        """source=track."""
        await self.media.join("room", self.id, RIGHTS)
        for track in tracks.values():
            transceiver = self.pc.addTransceiver(track, direction="sendonly")
            if track.kind == "video":
                known = RTCRtpSender.getCapabilities("video").codecs
                transceiver.setCodecPreferences([one for one in known if one.mimeType == f"video/{codec}"])
        named = [{"mid": str(mid), "source": source, "muted": False} for mid, source in enumerate(tracks)]
        answer = await self._offer(kind="publisher", tracks=named)
        assert sorted(answer["mids"].values()) == sorted(tracks)

    async def watch(self, *kinds: str) -> dict[str, Any]:
        await self.media.join("room", self.id, WATCHES)
        for kind in kinds:
            self.pc.addTransceiver(kind, direction="recvonly")
        return await self._offer(kind="subscriber", follow=True)

    async def mute(self, source: str, muted: bool) -> None:
        await self.media.signal("room", self.id, {"type": "mute", "source": source, "muted": muted})

    async def _offer(self, **fields: Any) -> dict[str, Any]:
        await self.pc.setLocalDescription(await self.pc.createOffer())
        sdp = self.pc.localDescription.sdp.replace("a=setup:actpass", f"a=setup:{self._setup}")
        offer = {"type": "offer", "connection": self.id, "seq": 1, "sdp": sdp}
        answer = (await self.media.signal("room", self.id, {**offer, **fields}))[0]
        assert answer["type"] == "answer", answer
        await self.pc.setRemoteDescription(RTCSessionDescription(answer["sdp"], "answer"))
        return answer

    async def shows(self, shade: str) -> None:
        """Wait until the picture of the first video section is of this brightness."""
        track: Any = next(one.receiver.track for one in self.pc.getTransceivers() if one.kind == "video")
        async with asyncio.timeout(20):
            while True:
                frame = await track.recv()
                luma = bytes(frame.planes[0])[0]
                if abs(luma - LUMA[shade]) < 30:
                    return


def carried(node: Node, participant_id: str) -> list[tuple[str, str] | None]:
    """(participant, source) in each section of a player."""
    subscriber = node.rooms["room"].participants[participant_id].subscriber
    assert subscriber is not None
    found = [subscriber.slots[mid].publication for mid in sorted(subscriber.slots)]
    return [one and (one.participant.id, one.source) for one in found]


async def test_a_player_follows_the_speaker_and_then_the_screen(media: MediaClient, node: Node) -> None:
    ann, bob, eve = Peer(media, "ann"), Peer(media, "bob"), Peer(media, "eve")
    await ann.send("VP8", microphone=Tone(), camera=Plain("dark"))
    await bob.send("H264", microphone=AudioStreamTrack(), camera=Plain("bright"))
    answer = await eve.watch("audio", "video")
    assert answer["mids"] == {} and "VP8/90000" in answer["sdp"] and "H264/90000" in answer["sdp"]
    ssrcs = [line for line in answer["sdp"].splitlines() if line.startswith("a=ssrc:")]
    await eve.shows("dark")
    await eventually(lambda: is_now(node, [("ann", "microphone"), ("ann", "camera")]))

    node.rooms["room"].loudest = "bob"
    await ann.mute("microphone", True)
    await eve.shows("bright")
    await eventually(lambda: is_now(node, [("bob", "microphone"), ("bob", "camera")]))

    screen = Peer(media, "screen")
    await screen.send("VP8", screen=Plain("dark"))
    await eve.shows("dark")
    await eventually(lambda: is_now(node, [("bob", "microphone"), ("screen", "screen")]))
    await media.leave("room", "screen")
    await eve.shows("bright")
    subscriber = node.rooms["room"].participants["eve"].subscriber
    assert subscriber is not None
    assert {f"a=ssrc:{one.ssrc}" for one in subscriber.slots.values()} <= {
        line.partition(" ")[0] for line in ssrcs
    }
    await asyncio.gather(*(one.pc.close() for one in (ann, bob, eve, screen)))


async def is_now(node: Node, expected: list[tuple[str, str]]) -> bool:
    return carried(node, "eve") == expected


async def test_a_player_in_an_empty_room_gets_what_comes_later(media: MediaClient, node: Node) -> None:
    eve, ann = Peer(media, "eve"), Peer(media, "ann")
    await eve.watch("video", "audio", "audio")
    assert carried(node, "eve") == [None, None, None]
    await ann.send("VP8", microphone=Tone(), camera=Plain("bright"))
    await eve.shows("bright")
    await asyncio.gather(ann.pc.close(), eve.pc.close())


async def test_two_sections_carry_two_voices_and_a_third_takes_no_place(
    media: MediaClient, node: Node
) -> None:
    people = [Peer(media, name) for name in ("ann", "bob", "cem")]
    for one in people:
        await one.send("VP8", microphone=Tone())
    eve = Peer(media, "eve")
    await eve.watch("audio", "audio")

    async def two() -> bool:
        now = carried(node, "eve")
        return None not in now and len(set(now)) == 2

    await eventually(two)
    before = carried(node, "eve")
    first = before[0]
    assert first is not None
    await next(one for one in people if one.id == first[0]).mute("microphone", True)

    async def replaced() -> bool:
        now = carried(node, "eve")
        return first not in now and before[1] in now and None not in now

    await eventually(replaced)
    await asyncio.gather(*(one.pc.close() for one in (*people, eve)))


async def test_a_player_gets_nothing_it_may_not_get(media: MediaClient, node: Node) -> None:
    ann, eve = Peer(media, "ann"), Peer(media, "eve")
    await ann.send("VP8", microphone=Tone(), camera=Plain("bright"))
    await eve.watch("audio", "video")
    await eve.shows("bright")
    await media.join("room", "eve", MediaRights(publish=(), subscribe=True, audio_only=True))
    await eventually(lambda: is_now_only_sound(node))
    await media.join("room", "eve", MediaRights(publish=(), subscribe=False))
    assert carried(node, "eve") == [None, None]
    await asyncio.gather(ann.pc.close(), eve.pc.close())


async def is_now_only_sound(node: Node) -> bool:
    return carried(node, "eve") == [("ann", "microphone"), None]


async def test_who_can_only_wait_for_the_handshake_gets_one(media: MediaClient, node: Node) -> None:
    ann, eve = Peer(media, "ann", setup="passive"), Peer(media, "eve", setup="passive")
    await ann.send("VP8", microphone=Tone(), camera=Plain("bright"))
    assert "a=setup:active" in (await eve.watch("audio", "video"))["sdp"]
    await eve.shows("bright")
    await asyncio.gather(ann.pc.close(), eve.pc.close())


async def test_what_is_no_flag_is_refused(media: MediaClient) -> None:
    await media.join("room", "eve", WATCHES)
    offer = {
        "type": "offer",
        "kind": "subscriber",
        "connection": "c",
        "seq": 1,
        "sdp": "v=0",
        "follow": "yes",
    }
    assert (await media.signal("room", "eve", offer))[0]["kind"] == "malformed"
