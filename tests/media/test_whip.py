"""WHIP and WHEP with real packets: aiortc clients and FFmpeg over HTTP, the real room server, a real node."""

import asyncio
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamTrack

import plugins.classroom
from core import services as installed
from core.lifecycle import wiring
from core.testing import seed, services
from hilink_app.toolchain import tls
from plugins.classroom.tests.conftest import House, School, serving
from rtc.loopback import allow_loopback
from rtc.media_client import MediaClient
from rtc.node import Node
from rtc.tests.conftest import KEY, eventually
from rtc.tests.test_following import LUMA, Plain
from rtc.tests.test_node import Tone
from tests.media import ffmpeg_program

pytestmark = pytest.mark.media


@dataclass
class Lesson:
    """A room server in front of a node, with a lesson that is open."""

    house: House
    node: Node

    @property
    def school(self) -> School:
        return self.house.school

    def participants(self) -> list[str]:
        room = self.node.rooms.get(self.school.session_id)
        return list(room.participants) if room is not None else []

    async def program(self, person_id: str, kind: str) -> "Program":
        async with httpx.AsyncClient(
            base_url=self.house.base, headers=self.school.login(person_id), trust_env=False
        ) as client:
            path = f"/api/v1/rooms/{self.school.session_id}/{kind}"
            answer = await client.post(f"{path}-token", json={})
            return Program(self.house.base, path, answer.json()["token"])


class Program:
    """What OBS or GStreamer does: one offer over HTTP."""

    def __init__(self, base: str, path: str, token: str) -> None:
        allow_loopback()
        self._base, self._path, self.token = base, path, token
        self.location = self.tag = ""
        self.pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))

    @property
    def address(self) -> str:
        """What people paste into other programs."""
        return self._base + self._path

    async def ask(self, method: str, path: str, body: str = "", **headers: str) -> httpx.Response:
        given = {"authorization": f"Bearer {self.token}", **headers}
        async with httpx.AsyncClient(base_url=self._base, trust_env=False) as client:
            return await client.request(method, path, content=body, headers=given)

    async def connect(self, query: str = "") -> None:
        await self.pc.setLocalDescription(await self.pc.createOffer())
        offer = self.pc.localDescription.sdp
        made = await self.ask("POST", self._path + query, offer, **{"content-type": "application/sdp"})
        assert made.status_code == 201, made.text
        self.location, self.tag = made.headers["location"], made.headers["etag"]
        await self.pc.setRemoteDescription(RTCSessionDescription(made.text, "answer"))

    async def publish(self, *tracks: MediaStreamTrack, query: str = "") -> None:
        for track in tracks:
            self.pc.addTransceiver(track, direction="sendonly")
        await self.connect(query)

    async def watch(self) -> None:
        for kind in ("audio", "video"):
            self.pc.addTransceiver(kind, direction="recvonly")
        await self.connect()

    def received(self, kind: str) -> Any:
        return next(one.receiver.track for one in self.pc.getTransceivers() if one.kind == kind)

    async def shows(self, shade: str) -> None:
        track = self.received("video")
        async with asyncio.timeout(30):
            while True:
                frame = await track.recv()
                if abs(bytes(frame.planes[0])[0] - LUMA[shade]) < 30:
                    return

    async def close(self) -> None:
        await self.pc.close()


@pytest.fixture
def school(tmp_path: Path) -> Iterator[School]:
    with services(tmp_path, plugins={"classroom": plugins.classroom}) as app:
        wiring.wire()
        installed.install(app)
        try:
            with app.store.write() as db:
                lesson = seed.lesson(db, students=1, starts_in_s=300)
            yield School(app, lesson)
        finally:
            installed.install(None)


@pytest_asyncio.fixture
async def lesson(school: School) -> AsyncIterator[Lesson]:
    node = Node(["127.0.0.1"], 0, KEY)
    await node.start("127.0.0.1", 0)
    media = MediaClient(f"ws://127.0.0.1:{node.control_port}/control", KEY)
    await media.wait_connected()
    async with serving(school, media=media) as house:
        yield Lesson(house, node)
    await media.close()
    await node.close()


@pytest_asyncio.fixture
async def programs(lesson: Lesson) -> AsyncIterator[list[Program]]:
    """What a test opens is closed before the server stops."""
    opened: list[Program] = []
    yield opened
    for one in opened:
        with suppress(ConnectionError):
            await one.close()


async def test_a_program_publishes_a_screen_that_another_watches(
    lesson: Lesson, programs: list[Program]
) -> None:
    people = lesson.school.lesson
    teacher = await lesson.house.join(people.instructor.id)
    obs = await lesson.program(people.instructor.id, "whip")
    wall = await lesson.program(people.coordinator.id, "whep")
    programs += [obs, wall]
    await wall.watch()
    await obs.publish(Tone(), Plain("bright"))
    await wall.shows("bright")
    frames = [await asyncio.wait_for(wall.received("audio").recv(), 10) for _ in range(20)]
    assert any(frame.to_ndarray().any() for frame in frames)
    shown = (await teacher.next("person", timeout_s=20))["person"]
    while not shown["screen"]:
        shown = (await teacher.next("person", timeout_s=20))["person"]
    assert shown["person_id"] == people.instructor.id and shown["program"] == obs.location.rpartition("/")[2]

    assert len(lesson.participants()) == 3
    for one in (obs, wall):
        assert (await one.ask("DELETE", one.location)).status_code == 200
    await eventually(lambda: are_there(lesson, 1))
    assert not lesson.node.endpoint.port.by_ufrag
    assert (await obs.ask("DELETE", obs.location)).status_code == 404


async def are_there(lesson: Lesson, count: int) -> bool:
    return len(lesson.participants()) == count


async def test_ffmpeg_sends_and_another_watches(
    lesson: Lesson, programs: list[Program], tmp_path: Path
) -> None:
    people = lesson.school.lesson
    await lesson.house.join(people.instructor.id)
    door = await lesson.program(people.instructor.id, "whip")
    wall = await lesson.program(people.coordinator.id, "whep")
    programs += [door, wall]
    await wall.watch()
    certificate = tls.ensure(tmp_path / "tls", [])
    command = [
        sys.executable,
        ffmpeg_program.__file__,
        door.address,
        door.token,
        str(certificate.cert),
        str(certificate.key),
    ]
    ffmpeg = await asyncio.create_subprocess_exec(*command, stdin=PIPE)
    assert ffmpeg.stdin is not None
    await wall.shows("bright")
    frames = [await asyncio.wait_for(wall.received("audio").recv(), 10) for _ in range(20)]
    assert any(frame.to_ndarray().any() for frame in frames)
    assert len(lesson.participants()) == 3
    ffmpeg.stdin.close()
    assert await asyncio.wait_for(ffmpeg.wait(), 20) == 0
    await eventually(lambda: are_there(lesson, 2))


async def test_an_ice_restart_by_patch_keeps_the_pictures_coming(
    lesson: Lesson, programs: list[Program]
) -> None:
    people = lesson.school.lesson
    await lesson.house.join(people.instructor.id)
    obs = await lesson.program(people.instructor.id, "whip")
    wall = await lesson.program(people.instructor.id, "whep")
    programs += [obs, wall]
    await obs.publish(Plain("bright"), query="?source=camera")
    await wall.watch()
    await wall.shows("bright")
    for one in (obs, wall):
        fragment = "a=ice-ufrag:another\r\na=ice-pwd:0123456789012345678901\r\n"
        headers = {"content-type": "application/trickle-ice-sdpfrag", "if-match": "*"}
        restarted = await one.ask("PATCH", one.location, fragment, **headers)
        assert restarted.status_code == 200 and restarted.headers["etag"] != one.tag
        ufrag = next(line for line in restarted.text.splitlines() if line.startswith("a=ice-ufrag:"))
        assert ufrag.partition(":")[2] in lesson.node.endpoint.port.by_ufrag
        again = await one.ask("PATCH", one.location, fragment, **{**headers, "if-match": one.tag})
        assert again.status_code == 412
    # The old credentials stay good for a while, so the clients that did not really restart go on.
    for _ in range(30):
        await asyncio.wait_for(wall.received("video").recv(), 10)


async def test_a_program_that_dies_is_forgotten_when_its_person_leaves(
    lesson: Lesson, programs: list[Program]
) -> None:
    people = lesson.school.lesson
    teacher = await lesson.house.join(people.instructor.id)
    obs = await lesson.program(people.instructor.id, "whip")
    programs.append(obs)
    await obs.publish(Plain("dark"))
    assert len(lesson.participants()) == 2
    await teacher.send("leave")
    await eventually(lambda: nobody(lesson))


async def nobody(lesson: Lesson) -> bool:
    return not lesson.participants()


async def test_a_program_that_hangs_up_ends_its_connection(lesson: Lesson, programs: list[Program]) -> None:
    people = lesson.school.lesson
    await lesson.house.join(people.instructor.id)
    obs = await lesson.program(people.instructor.id, "whip")
    programs.append(obs)
    await obs.publish(Plain("dark"))
    await eventually(lambda: connected(lesson, obs))
    await obs.close()
    await eventually(lambda: are_there(lesson, 1), timeout_s=20)


async def connected(lesson: Lesson, program: Program) -> bool:
    room = lesson.node.rooms[lesson.school.session_id]
    publisher = room.participants[program.location.rpartition("/")[2]].publisher
    return publisher is not None and publisher.transport.connected
