"""The recorder's process beside a node: consent, failures, kill -9, handing in."""

import asyncio
import hashlib
import json
import os
import signal
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import av
import pytest
import pytest_asyncio

from core.internal import sign_internal
from rtc.recording import recorder as recorder_module
from rtc.recording.recorder import Options, Recorder
from rtc.recording.tests.media import FPS, opus_packets, packetize, video_frames

pytestmark = pytest.mark.media

KEY = b"0123456789abcdef0123456789abcdef"


class Web:
    """Stands for the web role: takes parts as rtc/PROTOCOL.md says. refuse: statuses to answer with first."""

    def __init__(self) -> None:
        self.files: dict[str, bytearray] = {}
        self.heads: dict[str, dict[str, Any]] = {}
        self.manifests: list[dict[str, Any]] = []
        self.refuse: list[int] = []
        self.unsigned = self.cut = 0
        web = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                at = int(self.headers["x-hilink-time"])
                if self.headers["x-hilink-signature"] != sign_internal(KEY, at, body):
                    web.unsigned += 1
                status = web.refuse.pop(0) if web.refuse else 200
                if web.cut:
                    # What came so far is kept, the connection is not.
                    web.take(self.path, body[: body.index(b"\n") + web.cut])
                    web.cut, status = 0, 503
                answer = web.take(self.path, body) if status == 200 else {}
                data = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: Any) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def take(self, path: str, body: bytes) -> dict[str, Any]:
        if path.endswith("/manifest"):
            self.manifests.append(json.loads(body))
            return {}
        line, _, part = body.partition(b"\n")
        head = json.loads(line)
        file = self.files.setdefault(head["file"], bytearray())
        self.heads[head["file"]] = head
        if head["at"] == len(file):
            file += part
        done = len(file) == head["bytes"] and hashlib.sha256(file).hexdigest() == head["sha256"]
        return {"received": len(file), "done": done}

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def web() -> Iterator[Web]:
    web = Web()
    yield web
    web.close()


class Machine:
    """A recorder as a node has it, fed with packets by the test."""

    def __init__(self, options: Options) -> None:
        self.reports: list[dict[str, Any]] = []
        self.options = options
        self.recorder = Recorder(options, self.reports.append)

    def feed(
        self, track: int, codec: str, seconds: int, keep: Callable[[int], bool] = lambda n: True
    ) -> None:
        frames = opus_packets(50 * seconds) if codec == "opus" else video_frames(codec, FPS * seconds)
        packets = packetize(codec, frames, start_s=time.monotonic() - seconds)
        for number, one in enumerate(packets):
            if keep(number):
                marker = 0x80 if one.marker else 0
                self.recorder.packet(track, 1, marker, one.sequence, one.timestamp, one.payload, one.at_s)
        self.recorder.flush()

    async def wait(self, check: Callable[[], Any], timeout_s: float = 30.0) -> Any:
        async with asyncio.timeout(timeout_s):
            while not (value := check()):
                self.recorder.flush()
                await asyncio.sleep(0.05)
        return value


@pytest_asyncio.fixture
async def machines(tmp_path: Path, web: Web) -> AsyncIterator[Callable[..., Machine]]:
    made: list[Machine] = []

    def make(**options: Any) -> Machine:
        values: dict[str, Any] = {
            "folder": tmp_path / "spool",
            "upload_url": web.url,
            "upload_key": KEY,
            **options,
        }
        made.append(Machine(Options(**values)))
        return made[-1]

    yield make
    for one in made:
        await one.recorder.close()


def plays(path: Path) -> int:
    """How many frames decode."""
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(container.streams[0]))


async def test_files_reach_the_web_side_and_leave_the_spool(
    machines: Callable[..., Machine], web: Web, tmp_path: Path
) -> None:
    machine = machines()
    web.refuse = [503, 503]
    set_id = machine.recorder.start("recording", "room")
    sound = machine.recorder.track(set_id, "somebody", "microphone", "opus", "somebody")
    picture = machine.recorder.track(set_id, "somebody", "camera", "vp8", "somebody")
    machine.feed(sound, "opus", 2)
    machine.feed(picture, "vp8", 2)
    machine.recorder.stop(set_id)
    await machine.wait(lambda: web.manifests)
    await machine.wait(lambda: not list((tmp_path / "spool").iterdir()))
    assert sorted(web.files) == ["t001-0001.mka", "t002-0001.webm"]
    for name, frames in (("t001-0001.mka", 100), ("t002-0001.webm", 2 * FPS)):
        (tmp_path / name).write_bytes(web.files[name])
        assert plays(tmp_path / name) == frames
    manifest = web.manifests[0]
    assert manifest["complete"] and manifest["failed"] is None and manifest["recording_id"] == "recording"
    assert [one["participant_id"] for one in manifest["tracks"]] == ["somebody", "somebody"]
    head = web.heads["t001-0001.mka"]
    assert abs(head["started_at_ms"] / 1000 - time.time()) < 60 and head["session_id"] == "room"
    assert web.unsigned == 0


async def test_what_is_refused_for_good_is_deleted(
    machines: Callable[..., Machine], web: Web, tmp_path: Path
) -> None:
    machine = machines()
    web.refuse = [403]
    set_id = machine.recorder.start("recording", "room")
    track = machine.recorder.track(set_id, "somebody", "microphone", "opus", "somebody")
    machine.feed(track, "opus", 1)
    machine.recorder.stop(set_id)
    await machine.wait(lambda: web.manifests)
    assert web.files == {}
    await machine.wait(lambda: not list((tmp_path / "spool").iterdir()))


async def test_no_room_on_the_disk_is_said_at_once(machines: Callable[..., Machine], tmp_path: Path) -> None:
    machine = machines(min_free=1 << 60)
    set_id = machine.recorder.start("recording", "room")
    report = (await machine.wait(lambda: machine.reports))[0]
    assert report == {"event": "failed", "set": set_id, "reason": "disk_full"}


async def test_a_recorder_that_hangs_does_not_hold_the_node(
    machines: Callable[..., Machine], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A disk that takes nothing for long: the queue is bounded, the recording fails, a new one works."""
    monkeypatch.setattr(recorder_module, "MAX_WAITING", 200_000)
    machine = machines(upload_url="")
    set_id = machine.recorder.start("recording", "room")
    track = machine.recorder.track(set_id, "somebody", "camera", "vp8", "somebody")
    await machine.wait(lambda: (tmp_path / "spool" / set_id / "manifest.json").exists())
    pid = machine.recorder.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        worst = 0.0
        payload = bytes(1000)
        for number in range(20_000):
            began = time.perf_counter()
            machine.recorder.packet(track, 1, 0x80, number & 0xFFFF, number, payload, 1.0)
            worst = max(worst, time.perf_counter() - began)
            if machine.reports:
                break
        assert machine.reports == [{"event": "failed", "set": set_id, "reason": "disk_slow"}]
        again = machine.recorder.start("another", "room")
        track = machine.recorder.track(again, "somebody", "microphone", "opus", "somebody")
        machine.feed(track, "opus", 1)
        machine.recorder.stop(again)
        await machine.wait(lambda: {"event": "ended", "set": again, "failed": None} in machine.reports)
    finally:
        os.kill(pid, signal.SIGCONT)
    assert plays(tmp_path / "spool" / again / "t001-0001.mka") == 50


async def test_a_killed_recorder_is_reported_and_its_files_are_handed_in_later(
    machines: Callable[..., Machine], web: Web, tmp_path: Path
) -> None:
    machine = machines()
    set_id = machine.recorder.start("recording", "room")
    track = machine.recorder.track(set_id, "somebody", "camera", "vp8", "somebody")
    machine.feed(track, "vp8", 5)
    part = tmp_path / "spool" / set_id / "t001-0001.webm.part"
    await machine.wait(lambda: part.exists() and part.stat().st_size > 40_000)
    pid = machine.recorder.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    lost = {"event": "failed", "set": set_id, "reason": "recorder_lost"}
    await machine.wait(lambda: lost in machine.reports)
    machine.recorder.adopt()
    await machine.wait(lambda: web.manifests)
    (tmp_path / "file.webm").write_bytes(web.files["t001-0001.webm"])
    assert plays(tmp_path / "file.webm") >= 4 * FPS
    assert web.manifests[0]["complete"]


async def test_an_upload_goes_on_where_it_was_cut(
    machines: Callable[..., Machine], web: Web, tmp_path: Path
) -> None:
    machine = machines()
    set_id = machine.recorder.start("recording", "room")
    track = machine.recorder.track(set_id, "somebody", "microphone", "opus", "somebody")
    machine.feed(track, "opus", 1)
    web.cut = 5_000
    machine.recorder.stop(set_id)
    await machine.wait(lambda: web.manifests)
    assert web.heads["t001-0001.mka"]["at"] == 4_999, "the last request went on where the first ended"
    assert hashlib.sha256(web.files["t001-0001.mka"]).hexdigest() == web.heads["t001-0001.mka"]["sha256"]
