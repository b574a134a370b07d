"""Packets become files that decode to the end, codec by codec, whatever the line did to them."""

import errno
import itertools
import random
from pathlib import Path
from typing import Any

import av
import hypothesis
import pytest
from hypothesis import strategies as st

from rtc.recording import matroska
from rtc.recording.clock import SenderClock, StreamClock
from rtc.recording.frames import assembler_for
from rtc.recording.jitter import JitterBuffer, Lost
from rtc.recording.spool import SetFolder
from rtc.recording.tests.media import FPS, Rtp, opus_packets, packetize, video_frames
from rtc.recording.track import Limits, TrackRecorder

pytestmark = pytest.mark.unit

VIDEO = ("vp8", "vp9", "h264", "av1")


class Bench:
    """A track recorder on a folder of its own."""

    def __init__(self, root: Path, codec: str, limits: Limits | None = None) -> None:
        self.folder = SetFolder.create(root, "set", "recording", "room", 0)
        self.asked = 0
        self.codec = codec
        self.track = TrackRecorder(
            self.folder,
            "somebody",
            "microphone" if codec == "opus" else "camera",
            codec,
            SenderClock(),
            limits or Limits(),
            lambda at_s: at_s * 1000,
            self._ask,
            lambda: None,
        )

    def _ask(self) -> None:
        self.asked += 1

    def play(self, packets: list[Rtp], stream: int = 1) -> None:
        for one in packets:
            self.track.packet(stream, one.sequence, one.marker, one.timestamp, one.payload, one.at_s)
            self.track.tick(one.at_s)

    @property
    def segments(self) -> list[Any]:
        return self.folder.manifest["tracks"][0]["segments"]

    @property
    def writer(self) -> matroska.Writer:
        """Of the segment under way."""
        segment = self.track._segment  # pyright: ignore[reportPrivateUsage]
        assert segment is not None
        return segment.writer

    def decode(self, segment: Any) -> list[float]:
        """Times of all frames, s; raises when one of them does not decode."""
        path = self.folder.folder / segment["file"]
        with av.open(str(path)) as container:
            return [_time(frame) for frame in container.decode(container.streams[0])]


def _time(frame: object) -> float:
    assert isinstance(frame, av.VideoFrame | av.AudioFrame)
    return float(frame.time or 0.0)


def frames_of(codec: str, seconds: int) -> list[bytes]:
    return opus_packets(50 * seconds) if codec == "opus" else video_frames(codec, FPS * seconds)


@pytest.mark.parametrize("codec", [*VIDEO, "opus"])
def test_every_frame_is_in_the_file(tmp_path: Path, codec: str) -> None:
    bench = Bench(tmp_path, codec)
    frames = frames_of(codec, 3)
    bench.play(packetize(codec, frames))
    bench.track.close()
    (segment,) = bench.segments
    times = bench.decode(segment)
    assert len(times) == len(frames)
    assert times == sorted(times)
    assert abs(segment["duration_ms"] - 3000) <= 40 and segment["offset_ms"] == 100_000
    assert segment["gaps"] == [] and segment["sha256"]


@pytest.mark.parametrize("codec", [*VIDEO, "opus"])
def test_reordered_and_repaired_packets_find_their_place(tmp_path: Path, codec: str) -> None:
    bench = Bench(tmp_path, codec)
    frames = frames_of(codec, 3)
    packets = packetize(codec, frames)
    shuffled = packets[:1]
    for at in range(1, len(packets), 8):
        part = packets[at : at + 8]
        random.Random(at).shuffle(part)
        shuffled += part
    bench.play(
        [Rtp(o.sequence, o.marker, o.timestamp, o.payload, packets[n].at_s) for n, o in enumerate(shuffled)]
    )
    bench.track.close()
    assert len(bench.decode(bench.segments[0])) == len(frames)
    assert bench.segments[0]["gaps"] == []


@pytest.mark.parametrize("codec", VIDEO)
def test_a_hole_drops_frames_until_the_next_keyframe(tmp_path: Path, codec: str) -> None:
    bench = Bench(tmp_path, codec)
    frames = frames_of(codec, 4)
    packets = packetize(codec, frames)
    stamps = sorted({one.timestamp for one in packets}, key=[one.timestamp for one in packets].index)
    victim = next(one for one in packets if one.timestamp == stamps[FPS + 5] and not one.marker)
    bench.play([one for one in packets if one is not victim])
    bench.track.close()
    (segment,) = bench.segments
    times = bench.decode(segment)
    assert len(times) == len(frames) - (FPS - 5), "from the broken frame to the keyframe after it"
    (gap,) = segment["gaps"]
    assert gap["reason"] == "lost" and 700 <= gap["to_ms"] - gap["from_ms"] <= 900
    assert bench.asked


def test_a_hole_in_sound_keeps_its_length(tmp_path: Path) -> None:
    bench = Bench(tmp_path, "opus")
    packets = packetize("opus", opus_packets(150))
    bench.play(packets[:50] + packets[60:])
    bench.track.close()
    (segment,) = bench.segments
    assert segment["duration_ms"] == 3000
    assert segment["gaps"] == [{"from_ms": 1000, "to_ms": 1200, "reason": "lost"}]
    assert len(bench.decode(segment)) == 150, "concealed, so that players keep the time"


def test_silence_that_is_not_sent_is_no_gap(tmp_path: Path) -> None:
    """DTX: timestamps go on, numbers do not jump."""
    bench = Bench(tmp_path, "opus")
    packets = packetize("opus", opus_packets(100))
    later = [Rtp((one.sequence - 40) & 0xFFFF, *_rest(one)) for one in packets[60:]]
    bench.play(packets[:20] + later)
    bench.track.close()
    (segment,) = bench.segments
    assert segment["gaps"] == [] and segment["duration_ms"] == 2000


def _rest(one: Rtp) -> tuple[bool, int, bytes, float]:
    return one.marker, one.timestamp, one.payload, one.at_s


@pytest.mark.parametrize("codec", ["vp8", "opus"])
def test_a_long_hole_begins_a_new_segment(tmp_path: Path, codec: str) -> None:
    bench = Bench(tmp_path, codec)
    frames = frames_of(codec, 6)
    packets = packetize(codec, frames)
    start = packets[0].at_s
    bench.play([one for one in packets if not 1.5 <= one.at_s - start < 4.0])
    bench.track.close()
    first, second = bench.segments
    assert first["file"] != second["file"]
    assert 1400 <= first["duration_ms"] <= 1500
    assert abs(second["offset_ms"] - first["offset_ms"] - 4000) <= 40
    for segment in (first, second):
        assert bench.decode(segment)


def test_muted_then_back_is_a_new_segment_and_another_ssrc_is_not(tmp_path: Path) -> None:
    bench = Bench(tmp_path, "vp8")
    frames = video_frames("vp8", 3 * FPS)
    bench.play(packetize("vp8", frames, start_s=10.0))
    bench.play(packetize("vp8", frames, sequence=7, timestamp=5000, start_s=13.0), stream=2)
    bench.track.pause()
    bench.play(packetize("vp8", frames, sequence=900, timestamp=77, start_s=30.0), stream=3)
    bench.track.close()
    first, second = bench.segments
    assert first["offset_ms"] == 10_000 and abs(first["duration_ms"] - 6000) <= 80
    assert second["offset_ms"] == 30_000
    assert len(bench.decode(first)) == 2 * len(frames)


def test_other_parameters_begin_a_new_file(tmp_path: Path) -> None:
    bench = Bench(tmp_path, "h264")
    bench.play(packetize("h264", video_frames("h264", FPS)))
    bench.play(packetize("h264", video_frames("h264", FPS, (320, 192)), start_s=101.0), stream=2)
    bench.track.close()
    assert [(one["width"], one["height"]) for one in bench.segments] == [(160, 96), (320, 192)]
    for segment in bench.segments:
        assert len(bench.decode(segment)) == FPS


def test_files_end_by_length(tmp_path: Path) -> None:
    bench = Bench(tmp_path, "opus", Limits(segment_s=1.0))
    bench.play(packetize("opus", opus_packets(150)))
    bench.track.close()
    assert [one["duration_ms"] for one in bench.segments] == [1000, 1000, 1000]
    assert [one["offset_ms"] for one in bench.segments] == [100_000, 101_000, 102_000]


def test_sender_reports_tie_sound_and_picture(tmp_path: Path) -> None:
    """The picture is 180 ms longer on its way than the sound; the reports say when it was taken."""
    sender = SenderClock()
    sound, picture = StreamClock(48_000, sender), StreamClock(90_000, sender)
    for number in range(250):
        at = 50.0 + number * 0.02
        sound.received((9_000 + 960 * number) & 0xFFFFFFFF, at + 0.01)
        picture.received((0xFFFFFF00 + 1800 * number) & 0xFFFFFFFF, at + 0.19)
        if number == 100:
            ntp = int((3_900_000_000 + at) * 4294967296)
            sound.reported(ntp, 9_000 + 960 * number, at + 0.01)
            picture.reported(ntp, (0xFFFFFF00 + 1800 * number) & 0xFFFFFFFF, at + 0.02)
    apart = sound.at_s(sound.extend(9_000 + 960 * 200)) - picture.at_s(
        picture.extend((0xFFFFFF00 + 1800 * 200) & 0xFFFFFFFF)
    )
    assert abs(apart) < 0.001


@pytest.mark.parametrize("codec", ["vp8", "opus"])
def test_a_file_nobody_closed_is_completed(tmp_path: Path, codec: str) -> None:
    bench = Bench(tmp_path, codec)
    frames = frames_of(codec, 4)
    bench.play(packetize(codec, frames))
    part = bench.folder.part(bench.segments[0])
    with part.open("ab") as file:
        file.write(b"\x1f\x43\xb6\x75\x40")  # a cluster that was being written
    bench.writer.abandon()
    bench.folder.release()
    adopted = SetFolder.adopt(bench.folder.folder)
    assert adopted is not None and adopted.manifest["complete"]
    (segment,) = adopted.manifest["tracks"][0]["segments"]
    bench.folder = adopted
    times = bench.decode(segment)
    assert len(times) >= len(frames) * 0.7, "all but the last second"
    assert 2500 <= segment["duration_ms"] <= 4000


def test_a_set_somebody_writes_is_not_adopted(tmp_path: Path) -> None:
    bench = Bench(tmp_path, "opus")
    assert SetFolder.adopt(bench.folder.folder) is None


def test_a_folder_without_a_manifest_is_dropped(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    assert SetFolder.adopt(tmp_path / "old") is None
    assert not (tmp_path / "old").exists()


class FullDisk:
    """Takes so many bytes and then says ENOSPC, after a part of the last ones as file systems do."""

    def __init__(self, file: Any, room: int) -> None:
        self._file = file
        self.room = room

    def write(self, data: Any) -> int:
        take = bytes(data)[: self.room]
        self.room -= len(take)
        if not take:
            raise OSError(errno.ENOSPC, "No space left on device")
        return self._file.write(take)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def test_a_full_disk_keeps_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "full.mka"
    file: Any = FullDisk(path.open("w+b", buffering=0), 20_000)
    writer = matroska.Writer(file, matroska.Format("opus", b""))
    packets = opus_packets(200)
    with pytest.raises(OSError):
        for number, packet in enumerate(packets):
            writer.write(20 * number, packet, True, 20)
        writer.flush()
    writer.abandon()
    assert matroska.repair(path) > 0
    with av.open(str(path)) as container:
        assert sum(1 for _ in container.decode(container.streams[0])) > 40


def test_a_full_disk_reaches_the_worker_as_oserror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(tmp_path, "opus")
    packets = packetize("opus", opus_packets(200))
    bench.play(packets[:100])
    writer = bench.writer
    monkeypatch.setattr(writer, "_file", FullDisk(writer._file, 0))  # pyright: ignore[reportPrivateUsage]
    with pytest.raises(OSError):
        bench.play(packets[100:])
    bench.track.abandon()
    (kept,) = bench.segments
    assert kept["sha256"] and len(bench.decode(kept)) >= 49


@hypothesis.given(st.lists(st.integers(0, 0xFFFF), max_size=60), st.integers(0, 0xFFFF))
@hypothesis.settings(deadline=None)
def test_the_jitter_buffer_gives_everything_once_and_in_order(order: list[int], start: int) -> None:
    buffer: JitterBuffer[int] = JitterBuffer(1.0)
    got: list[int | Lost] = []
    for number, step in enumerate(order):
        sequence = (start + step % 40 + number) & 0xFFFF
        got += buffer.push(sequence, sequence, float(number) / 100)
        got += buffer.expire(float(number) / 100)
    got += buffer.drain()
    items = [one for one in got if not isinstance(one, Lost)]
    assert len(items) == len(set(items))
    assert all(((b - a) & 0xFFFF) < 0x8000 for a, b in itertools.pairwise(items))


@pytest.mark.parametrize("codec", [*VIDEO, "opus"])
@hypothesis.given(payloads=st.lists(st.binary(max_size=60), max_size=12))
@hypothesis.settings(deadline=None, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture])
def test_no_payload_breaks_an_assembler(codec: str, payloads: list[bytes]) -> None:
    assembler = assembler_for(codec)
    for number, payload in enumerate(payloads):
        assembler.push(number // 3, number % 3 == 2, payload)


@pytest.mark.parametrize("codec", VIDEO)
@hypothesis.given(noise=st.data())
@hypothesis.settings(deadline=None, max_examples=30)
def test_bent_packets_break_nothing(codec: str, noise: st.DataObject) -> None:
    packets = _PACKETS[codec]
    assembler = assembler_for(codec)
    for one in packets:
        payload = bytearray(one.payload)
        if noise.draw(st.booleans()):
            at = noise.draw(st.integers(0, min(len(payload), 24) - 1))
            payload[at] = noise.draw(st.integers(0, 255))
        assembler.push(one.timestamp, one.marker, bytes(payload))


_PACKETS = {codec: packetize(codec, video_frames(codec, 6))[:24] for codec in VIDEO}


def test_a_finished_file_can_be_sought_in(tmp_path: Path) -> None:
    bench = Bench(tmp_path, "vp8")
    bench.play(packetize("vp8", video_frames("vp8", 2 * FPS)))
    bench.track.close()
    path = bench.folder.folder / bench.segments[0]["file"]
    with av.open(str(path)) as container:
        assert container.duration is not None and abs(container.duration / 1e6 - 2.0) < 0.1
        container.seek(1_500_000)
        frame = next(container.decode(container.streams[0]))
        assert _time(frame) == 1.0, "the keyframe before"
