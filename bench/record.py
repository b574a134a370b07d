"""What recording costs, and whether what comes out is in step after a bad line.

`core_share`: the CPU time of node and recorder with recording, less the node's without, per speaker (VP8 360p30 and
Opus, encoded live by aiortc), per cent of a core; rounds interleaved. Its peer is aiortc's MediaRecorder, which
decodes and encodes, in a process of its own. `av_offset_ms`: a publisher flashes and beeps at the same moments
through a proxy that loses 5 % of its media; the distance of both in the recorded files, p95.
"""

import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import psutil
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamTrack
from av import AudioFrame, VideoFrame

from bench._record_child import KEY
from bench.harness import Context, Result, median, p95
from core.ports import MediaRights
from rtc.loopback import allow_loopback
from rtc.media_client import MediaClient
from rtc.tests.proxy import UdpProxy

ROUNDS = 5
SPEAKERS = 3
WINDOW_S = 6.0
SETTLE_S = 3.0
LOSS = 0.05
LOSS_RUN_S = 32.0
FLASH_S = 0.1
FPS, WIDTH, HEIGHT = 30, 640, 360
RIGHTS = MediaRights(recording_allowed=True)


class Flash(MediaStreamTrack):
    """White for FLASH_S at each full second, a moving bar on grey otherwise. `origin` is shared with the beep."""

    kind = "video"

    def __init__(self, origin: float) -> None:
        super().__init__()
        self._origin, self._number = origin, 0

    async def recv(self) -> VideoFrame:
        number = self._number = max(self._number + 1, int((time.monotonic() - self._origin) * FPS))
        await asyncio.sleep(max(0.0, self._origin + number / FPS - time.monotonic()))
        white = number % FPS < FLASH_S * FPS
        picture = np.full((HEIGHT * 3 // 2, WIDTH), 128, np.uint8)
        picture[:HEIGHT] = 235 if white else 60
        picture[:HEIGHT, (number * 8) % (WIDTH - 40) :][:, :40] = 150
        frame = VideoFrame.from_ndarray(picture, format="yuv420p")
        frame.pts, frame.time_base = number * 90_000 // FPS, Fraction(1, 90_000)
        return frame


class Beep(MediaStreamTrack):
    """1 kHz for FLASH_S at each full second."""

    kind = "audio"

    def __init__(self, origin: float) -> None:
        super().__init__()
        self._origin, self._number = origin, 0

    async def recv(self) -> AudioFrame:
        number = self._number
        self._number += 1
        await asyncio.sleep(max(0.0, self._origin + number * 0.02 - time.monotonic()))
        at = (np.arange(960) + 960 * number) / 48_000
        wave = np.where(at % 1 < FLASH_S, 12_000 * np.sin(2 * np.pi * 1_000 * at), 0).astype(np.int16)
        frame = AudioFrame.from_ndarray(wave.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 48_000, 960 * number, Fraction(1, 48_000)
        return frame


class Child:
    """A measured process."""

    def __init__(self, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench._record_child", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    async def line(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        return json.loads(await asyncio.to_thread(self._process.stdout.readline))

    def send(self, **message: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message) + "\n")
        self._process.stdin.flush()

    def cpu_s(self) -> float:
        """Of the process and its children."""
        own = psutil.Process(self._process.pid)
        return sum(sum(one.cpu_times()[:2]) for one in [own, *own.children(recursive=True)])

    async def close(self) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        await asyncio.to_thread(self._process.wait, 60)
        self._process.stdout.close()


async def publish(offer_to: Any) -> RTCPeerConnection:
    """A speaker with camera and microphone. offer_to: (sdp, {mid: source}) -> the answer's SDP."""
    allow_loopback()
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    origin = time.monotonic()
    connection.addTransceiver(Beep(origin), direction="sendonly")
    connection.addTransceiver(Flash(origin), direction="sendonly")
    await connection.setLocalDescription(await connection.createOffer())
    audio, video = (one.mid for one in connection.getTransceivers())
    answer = await offer_to(connection.localDescription.sdp, {audio: "microphone", video: "camera"})
    await connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
    return connection


def through(media: MediaClient, name: str, media_port: int = 0, proxy_port: int = 0) -> Any:
    """Publish to the node as `name`; with a proxy, its port takes the node's place in the answer."""

    async def offer(sdp: str, mids: dict[str, str]) -> str:
        await media.join("room", name, RIGHTS)
        tracks = [{"mid": mid, "source": source, "muted": False} for mid, source in mids.items()]
        message = {"type": "offer", "kind": "publisher", "connection": "c", "seq": 1, "sdp": sdp}
        (answer,) = await media.signal("room", name, {**message, "tracks": tracks})
        text = str(answer["sdp"])
        return text.replace(f" {media_port} typ", f" {proxy_port} typ") if proxy_port else text

    return offer


@asynccontextmanager
async def node(folder: Path) -> AsyncIterator[tuple[Child, MediaClient, int]]:
    child = Child("node", str(folder))
    where = await child.line()
    media = MediaClient(f"ws://127.0.0.1:{where['control']}/control", KEY)
    await media.wait_connected()
    try:
        yield child, media, where["media"]
    finally:
        await media.close()
        await child.close()


async def measure_cost(ctx: Context, folder: Path) -> dict[str, list[float]]:
    """Per cent of a core: the node alone, with recording, and their difference per speaker."""
    samples: dict[str, list[float]] = {"node_share": [], "recording_share": [], "core_share": []}
    async with node(folder) as (child, media, _):
        speakers = [await publish(through(media, f"speaker{number}")) for number in range(SPEAKERS)]
        # The recorder's process begins with the first recording; that is no cost of a speaker.
        await media.record("room", "first")
        await asyncio.sleep(2 * SETTLE_S)
        for number in range(ROUNDS):
            shares: list[float] = []
            for recording in (None, f"recording{number}"):
                await media.record("room", recording)
                await asyncio.sleep(SETTLE_S)
                before, since = child.cpu_s(), time.monotonic()
                await asyncio.sleep(WINDOW_S)
                shares.append(100 * (child.cpu_s() - before) / (time.monotonic() - since))
            samples["node_share"].append(shares[0])
            samples["recording_share"].append(shares[1])
            samples["core_share"].append((shares[1] - shares[0]) / SPEAKERS)
            ctx.say(f"round {number + 1}: node {shares[0]:.2f} %, recording {shares[1]:.2f} %")
        await media.record("room", None)
        for one in speakers:
            await one.close()
    return samples


async def measure_peer(ctx: Context, folder: Path) -> list[float]:
    """Per cent of a core for one speaker by aiortc's MediaRecorder."""
    child = Child("peer", str(folder / "peer.webm"))

    async def offer(sdp: str, mids: dict[str, str]) -> str:
        child.send(sdp=sdp)
        return str((await child.line())["sdp"])

    speaker = await publish(offer)
    await asyncio.sleep(SETTLE_S)
    shares: list[float] = []
    for _ in range(ROUNDS):
        before, since = child.cpu_s(), time.monotonic()
        await asyncio.sleep(WINDOW_S / 2)
        shares.append(100 * (child.cpu_s() - before) / (time.monotonic() - since))
    await speaker.close()
    await child.close()
    ctx.say(f"MediaRecorder: {[round(one, 1) for one in shares]} %")
    return shares


async def measure_offset(ctx: Context, folder: Path) -> tuple[list[float], float]:
    """ms between flash and beep in the files of a lossy run; the share of files ffprobe reads to the end."""
    async with node(folder) as (_, media, port):
        proxy = UdpProxy(port)
        await proxy.start()
        proxy.loss_up = LOSS
        await media.record("room", "lossy")
        speaker = await publish(through(media, "speaker", port, proxy.port))
        await asyncio.sleep(LOSS_RUN_S)
        await media.record("room", None)
        await asyncio.sleep(SETTLE_S)
        await speaker.close()
        proxy.close()
    manifest_file, manifest = await asyncio.to_thread(_manifest, folder)
    onsets: dict[str, list[float]] = {"camera": [], "microphone": []}
    whole = count = 0
    for track in manifest["tracks"]:
        for segment in track["segments"]:
            path = manifest_file.parent / segment["file"]
            count += 1
            whole += probe(path)
            found = flashes(path) if track["source"] == "camera" else beeps(path)
            onsets[track["source"]] += [segment["offset_ms"] + one for one in found]
            ctx.say(
                f"{segment['file']}: {segment['duration_ms']} ms, {len(segment['gaps'])} gaps, {len(found)} marks"
            )
    pairs: list[float] = []
    for flash in onsets["camera"]:
        nearest = min(onsets["microphone"], key=lambda beep: abs(beep - flash))
        if abs(nearest - flash) < 400:
            pairs.append(abs(nearest - flash))
    return pairs, whole / max(1, count)


def _manifest(folder: Path) -> tuple[Path, dict[str, Any]]:
    (file,) = folder.glob("lossy-*/manifest.json")
    return file, json.loads(file.read_text())


def probe(path: Path) -> bool:
    """Whether ffprobe decodes it to the end without a word."""
    done = subprocess.run(
        ["ffprobe", "-v", "error", "-count_frames", "-show_entries", "stream=nb_read_frames", str(path)],
        capture_output=True,
        check=False,
    )
    return done.returncode == 0 and not done.stderr.strip()


def flashes(path: Path) -> list[float]:
    """ms of dark-to-white changes between frames that follow each other; one after a hole says nothing."""
    found: list[float] = []
    before: tuple[float, bool] | None = None
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            at = 1000 * float(frame.time or 0.0)
            white = float(frame.to_ndarray(format="gray").mean()) > 150
            if before is not None and white and not before[1] and at - before[0] < 60:
                found.append(at)
            before = (at, white)
    return found


def beeps(path: Path) -> list[float]:
    """ms where silence ends."""
    found: list[float] = []
    quiet_since = 0.0
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            start = 1000 * float(frame.time or 0.0)
            wave = np.abs(frame.to_ndarray().astype(np.float64)).mean(axis=0)
            loud = np.flatnonzero(wave > wave.max() / 4) if wave.max() > 0.03 else np.array([])
            if loud.size:
                at = start + 1000 * float(loud[0]) / frame.sample_rate
                if at - quiet_since > 300:
                    found.append(at)
                quiet_since = start + 1000 * frame.samples / frame.sample_rate
    return found


def run(ctx: Context) -> Result:
    """RuntimeError without ffprobe (Debian package ffmpeg)."""
    if shutil.which("ffprobe") is None:
        raise RuntimeError("ffprobe is missing: install the package ffmpeg")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)

        async def all_of_it() -> Result:
            cost = await measure_cost(ctx, folder / "cost")
            peer = await measure_peer(ctx, folder)
            pairs, whole = await measure_offset(ctx, folder / "lossy")
            figures = {
                "core_share": median(cost["core_share"]),
                "peer_share": median(peer),
                "av_offset_ms": p95(pairs),
                "files_whole": whole,
            }
            return Result(
                {**cost, "peer_share": peer, "av_offset_ms": pairs},
                figures,
                {"core_share": ("<=", 0.5), "av_offset_ms": ("<=", 80.0), "files_whole": ("==", 1.0)},
                {"speakers": SPEAKERS, "video": f"VP8 {WIDTH}x{HEIGHT} at {FPS}", "loss": LOSS},
            )

        return asyncio.run(all_of_it())
