"""A node that records: aiortc publishers through a lossy line, consent given and withdrawn, seats that come back."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import pytest
import pytest_asyncio

from rtc.media_client import MediaClient
from rtc.node import Node
from rtc.recording.recorder import Options
from rtc.tests.conftest import KEY, RIGHTS, eventually
from rtc.tests.proxy import UdpProxy
from rtc.tests.test_node import Client

pytestmark = pytest.mark.media

CONSENTING = replace(RIGHTS, recording_allowed=True)


@pytest_asyncio.fixture
async def node(tmp_path: Path) -> AsyncIterator[Node]:
    node = Node(["127.0.0.1"], 0, KEY, recording=Options(tmp_path / "spool"))
    await node.start("127.0.0.1", 0)
    yield node
    await node.close()


class Spool:
    """What the recorder has written."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def manifests(self) -> list[dict[str, Any]]:
        found = [json.loads(one.read_text()) for one in self.root.glob("*/manifest.json")]
        return sorted(found, key=lambda one: one["started_at_ms"])

    async def ended(self, count: int = 1) -> list[dict[str, Any]]:
        async def check() -> list[dict[str, Any]]:
            done = [one for one in self.manifests() if one["complete"]]
            return done if len(done) >= count else []

        return await eventually(check, 30.0)

    async def writing(self, participant_id: str, source: str, segments: int = 1) -> None:
        """Wait until this source has that many segments, the last with something in it."""

        async def check() -> bool:
            for manifest in self.manifests():
                for track in manifest["tracks"]:
                    if (track["participant_id"], track["source"]) != (participant_id, source):
                        continue
                    if len(track["segments"]) < segments:
                        continue
                    last = track["segments"][-1]["file"]
                    files = list(self.root.glob(f"*/{last}*"))
                    if files and files[0].stat().st_size > 3_000:
                        return True
            return False

        await eventually(check, 40.0)

    def frames(self, manifest: dict[str, Any], segment: dict[str, Any]) -> int:
        """How many frames decode; raises when one does not."""
        with av.open(str(self.root / manifest["set_id"] / segment["file"])) as container:
            return sum(1 for _ in container.decode(container.streams[0]))


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool")


def tracks(manifest: dict[str, Any]) -> set[tuple[str, str]]:
    """With something in them."""
    return {(one["participant_id"], one["source"]) for one in manifest["tracks"] if one["segments"]}


async def test_only_those_who_consented_are_in_a_file(media: MediaClient, spool: Spool) -> None:
    one, two = Client(media, "one"), Client(media, "two")
    try:
        await media.record("room", "recording")
        await one.join(CONSENTING)
        await two.join(RIGHTS)
        await one.publish()
        await two.publish()
        await spool.writing("one", "microphone")
        await media.record("room", "recording")  # again changes nothing
        await media.record("room", None)
        (manifest,) = await spool.ended()
        assert manifest["recording_id"] == "recording" and manifest["room_id"] == "room"
        assert tracks(manifest) == {("one", "microphone")}
        (segment,) = manifest["tracks"][0]["segments"]
        assert spool.frames(manifest, segment) > 10
    finally:
        await one.pc.close()
        await two.pc.close()


async def test_a_withdrawn_consent_ends_that_persons_files_at_once(
    media: MediaClient, node: Node, spool: Spool
) -> None:
    one, two = Client(media, "one"), Client(media, "two")
    try:
        for client in (one, two):
            await client.join(CONSENTING)
            await client.publish()
        await media.record("room", "recording")
        await spool.writing("one", "microphone")
        await spool.writing("two", "microphone")
        taps = node.rooms["room"].recording
        assert taps is not None
        withdrawn_ms = time.time() * 1000
        await one.join(RIGHTS)
        assert {tap.publication.participant.id for tap in taps.taps.values()} == {"two"}
        await asyncio.sleep(1.0)
        await media.record("room", None)
        (manifest,) = await spool.ended()
        ends = {
            track["participant_id"]: manifest["started_at_ms"]
            + track["segments"][-1]["offset_ms"]
            + track["segments"][-1]["duration_ms"]
            for track in manifest["tracks"]
        }
        assert ends["one"] <= withdrawn_ms + 100, "not a packet after it"
        assert ends["two"] > ends["one"]
        for track in manifest["tracks"]:
            assert spool.frames(manifest, track["segments"][-1]) > 10
    finally:
        await one.pc.close()
        await two.pc.close()


async def test_leaving_and_coming_back_is_a_new_segment_of_the_same_track(
    media: MediaClient, spool: Spool
) -> None:
    first, again, other = Client(media, "one"), Client(media, "one"), Client(media, "other")
    try:
        await other.join(CONSENTING)
        await media.record("room", "recording")
        await first.join(CONSENTING)
        await first.publish()
        await spool.writing("one", "microphone")
        await first.pc.close()
        await media.leave("room", "one")
        await again.join(CONSENTING)
        await again.publish()
        await spool.writing("one", "microphone", 2)
        await media.record("room", None)
        (manifest,) = await spool.ended()
        (track,) = manifest["tracks"]
        before, after = track["segments"]
        assert after["offset_ms"] >= before["offset_ms"] + before["duration_ms"]
        assert spool.frames(manifest, before) and spool.frames(manifest, after)
    finally:
        await first.pc.close()
        await again.pc.close()


async def test_a_room_that_empties_ends_its_set_and_begins_another(media: MediaClient, spool: Spool) -> None:
    one, again = Client(media, "one"), Client(media, "one")
    try:
        await media.record("room", "recording")
        await one.join(CONSENTING)
        await one.publish()
        await spool.writing("one", "microphone")
        await one.pc.close()
        await media.leave("room", "one")
        await spool.ended(1)
        await again.join(CONSENTING)
        await again.publish()
        await spool.writing("one", "microphone", 1)
        await media.close_room("room")
        sets = await spool.ended(2)
        assert {one["recording_id"] for one in sets} == {"recording"}
        assert len({one["set_id"] for one in sets}) == 2
    finally:
        await one.pc.close()
        await again.pc.close()


async def test_video_over_a_lossy_line_plays_to_the_end(
    media: MediaClient, network: UdpProxy, spool: Spool, node: Node
) -> None:
    one = Client(media, "one")
    try:
        network.loss_up = 0.05
        await one.join(CONSENTING)
        await media.record("room", "recording")
        await one.publish("camera")
        await spool.writing("one", "camera")
        await asyncio.sleep(6.0)
        await media.record("room", None)
        (manifest,) = await spool.ended()
        (track,) = manifest["tracks"]
        assert track["codec"] == "vp8"
        length_ms = sum(one["duration_ms"] for one in track["segments"])
        gaps_ms = sum(gap["to_ms"] - gap["from_ms"] for one in track["segments"] for gap in one["gaps"])
        frames = sum(spool.frames(manifest, one) for one in track["segments"])
        assert frames > 0 and length_ms > 3_000
        assert gaps_ms < length_ms, "what was lost was asked for again"
    finally:
        await one.pc.close()


async def test_a_failed_recording_is_told_and_the_room_goes_on(
    media: MediaClient, node: Node, spool: Spool, tmp_path: Path
) -> None:
    one = Client(media, "one")
    events: list[Any] = []

    async def pump() -> None:
        stream = media.events()
        while True:
            events.append(await anext(stream))

    reader = asyncio.create_task(pump())
    try:
        (tmp_path / "spool").write_text("a file where the folder should be")
        await one.join(CONSENTING)
        await one.publish()
        await media.record("room", "recording")

        async def failed() -> bool:
            return any(one.kind == "recording" and one.data["state"] == "failed" for one in events)

        await eventually(failed, 20.0)
        packets = node.health()["packets_in"]

        async def goes_on() -> bool:
            return node.health()["packets_in"] > packets + 20

        await eventually(goes_on, 20.0)
        assert node.rooms["room"].recording is None
    finally:
        reader.cancel()
        await one.pc.close()
