"""The recorder's process: reads the node's pipe, keeps the sets, hands them in. Started by rtc.recording.recorder.

It lives as long as the pipe: when the node dies, every file is completed as if recording had been stopped.
"""

import contextlib
import json
import logging
import os
import select
import shutil
import signal
import socket
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rtc.errors import Malformed
from rtc.recording import spool, wire
from rtc.recording.clock import SenderClock
from rtc.recording.spool import SetFolder
from rtc.recording.track import Limits, TrackRecorder
from rtc.recording.upload import Uploader

logger = logging.getLogger(__name__)

TICK_S = 0.25
SPACE_EVERY_S = 5.0
RECEIVE_BYTES = 1 << 20
LAST_UPLOAD_S = 5.0
NICENESS = 5
"""Recording gives way to forwarding."""
DISK_FULL, DISK_ERROR = "disk_full", "disk_error"


@dataclass(slots=True)
class _Set:
    folder: SetFolder
    clocks: dict[str, SenderClock] = field(default_factory=dict[str, SenderClock])
    tracks: set[int] = field(default_factory=set[int])


class Worker:
    """One thread reads and writes; another uploads."""

    def __init__(self, pipe: socket.socket, configuration: Mapping[str, Any]) -> None:
        self._pipe = pipe
        self._root = Path(configuration["folder"])
        self._min_free = int(configuration["min_free"])
        self._limits = Limits(float(configuration["segment_s"]), int(configuration["segment_bytes"]))
        self._uploader: Uploader | None = None
        if configuration["upload_url"]:
            self._uploader = Uploader(configuration["upload_url"], bytes.fromhex(configuration["upload_key"]))
        self._reader = wire.Reader()
        self._sets: dict[str, _Set] = {}
        self._tracks: dict[int, tuple[_Set, TrackRecorder]] = {}
        # One reading for the whole life: a clock that is set right must not tear sound and picture apart.
        self._epoch_s = time.time() - time.monotonic()
        self._space_at = 0.0
        self.tick_at = 0.0

    def run(self) -> None:
        """Until the node closes the pipe."""
        self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
        if self._uploader is not None:
            self._uploader.start()
        for folder in spool.leftovers(self._root):
            adopted = SetFolder.adopt(folder)
            if adopted is None:
                continue
            if self._uploader is not None:
                self._uploader.add(adopted)
            else:
                adopted.release()
        while True:
            ready, _, _ = select.select((self._pipe,), (), (), TICK_S)
            now = time.monotonic()
            if ready:
                data = self._pipe.recv(RECEIVE_BYTES)
                if not data:
                    break
                self._receive(data)
            if now - self.tick_at >= TICK_S:
                self.tick_at = now
                self._tick(now)
        for set_id in list(self._sets):
            self._stop(set_id)
        if self._uploader is not None:
            self._uploader.stop(LAST_UPLOAD_S)

    def _receive(self, data: bytes) -> None:
        tracks = self._tracks
        for kind, buffer, at, end in self._reader.feed(data):
            if kind == wire.PACKET:
                _, _, number, stream, marker, sequence, timestamp, at_s = wire.PACKET_HEAD.unpack_from(
                    buffer, at
                )
                known = tracks.get(number)
                if known is not None:
                    payload = buffer[at + wire.PACKET_HEAD.size : end]
                    try:
                        known[1].packet(stream, sequence, bool(marker), timestamp, payload, at_s)
                    except OSError as error:
                        self._failed(known[0], error)
            elif kind == wire.REPORT:
                _, _, number, stream, ntp, timestamp, at_s = wire.REPORT_HEAD.unpack_from(buffer, at)
                known = tracks.get(number)
                if known is not None:
                    known[1].report(stream, ntp, timestamp, at_s)
            elif kind == wire.JSON:
                self._command(json.loads(buffer[at + 5 : end]))

    def _command(self, message: Mapping[str, Any]) -> None:
        match message["do"]:
            case "start":
                self._start(message)
            case "stop":
                self._stop(message["set"])
            case "track":
                self._open_track(message)
            case "pause" | "close":
                known = self._tracks.get(message["track"])
                if known is not None:
                    try:
                        self._end_track(message["track"], known, message["do"] == "close")
                    except OSError as error:
                        self._failed(known[0], error)
            case _:
                raise ValueError("unknown command")

    def _start(self, message: Mapping[str, Any]) -> None:
        try:
            self._check_space()
            folder = SetFolder.create(
                self._root, message["set"], message["recording_id"], message["room_id"], self._now_ms()
            )
        except OSError as error:
            self._say({"event": "failed", "set": message["set"], "reason": _reason(error)})
            return
        self._sets[message["set"]] = _Set(folder)
        if self._uploader is not None:
            self._uploader.add(folder)

    def _stop(self, set_id: str, failed: str | None = None) -> None:
        ending = self._sets.pop(set_id, None)
        if ending is None:
            return
        for number in ending.tracks:
            known = self._tracks.pop(number, None)
            if known is None:
                continue
            if failed is not None:
                known[1].abandon()
                continue
            try:
                known[1].close()
            except OSError as error:
                failed = _reason(error)
                known[1].abandon()
        with contextlib.suppress(OSError):
            ending.folder.end(self._now_ms(), failed)
        self._say({"event": "ended", "set": set_id, "failed": failed})
        if self._uploader is not None:
            self._uploader.wake()
        else:
            ending.folder.release()

    def _open_track(self, message: Mapping[str, Any]) -> None:
        owner = self._sets.get(message["set"])
        if owner is None:
            return
        participant_id, number = message["participant_id"], message["track"]
        started_ms = owner.folder.manifest["started_at_ms"]
        try:
            recorder = TrackRecorder(
                owner.folder,
                participant_id,
                message["source"],
                message["codec"],
                owner.clocks.setdefault(message["clock"], SenderClock()),
                self._limits,
                lambda at_s: (at_s + self._epoch_s) * 1000 - started_ms,
                lambda: self._say({"event": "keyframe", "track": number}),
                self._finished,
            )
        except Malformed:
            logger.info("a track of this codec is not recorded", extra={"codec": message["codec"]})
            return
        owner.tracks.add(number)
        self._tracks[number] = (owner, recorder)

    def _end_track(self, number: int, known: tuple[_Set, TrackRecorder], close: bool) -> None:
        if not close:
            known[1].pause()
            return
        known[1].close()
        known[0].tracks.discard(number)
        del self._tracks[number]

    def _failed(self, owner: _Set, error: OSError) -> None:
        """The disk does not take it. Keep what there is, tell the node, forget the rest."""
        logger.warning("recording failed", extra={"errno": error.errno})
        self._stop(owner.folder.id, _reason(error))

    def _tick(self, now: float) -> None:
        for owner, recorder in list(self._tracks.values()):
            try:
                recorder.tick(now)
            except OSError as error:
                self._failed(owner, error)
        if self._sets and now - self._space_at >= SPACE_EVERY_S:
            self._space_at = now
            try:
                self._check_space()
            except OSError as error:
                for set_id in list(self._sets):
                    self._stop(set_id, _reason(error))

    def _check_space(self) -> None:
        """A disk is left with room for the others on it."""
        if shutil.disk_usage(self._root).free < self._min_free:
            raise OSError(28, "too little room for recordings")

    def _finished(self) -> None:
        if self._uploader is not None:
            self._uploader.wake()

    def _now_ms(self) -> int:
        return round((time.monotonic() + self._epoch_s) * 1000)

    def _say(self, message: Mapping[str, Any]) -> None:
        with contextlib.suppress(OSError):
            self._pipe.sendall(json.dumps(message).encode() + b"\n")


def _reason(error: OSError) -> str:
    """ENOSPC and EDQUOT are a full disk; the rest is a broken one."""
    return DISK_FULL if error.errno in (28, 122) else DISK_ERROR


def main() -> None:
    """`python -m rtc.recording.worker FD`: the configuration is the first line of the pipe."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    # The node ends us by closing the pipe; a Ctrl-C in its terminal is not ours.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with contextlib.suppress(OSError):
        os.nice(NICENESS)
    pipe = socket.socket(fileno=int(sys.argv[1]))
    pipe.setblocking(True)
    line = b""
    while not line.endswith(b"\n"):
        byte = pipe.recv(1)
        if not byte:
            return
        line += byte
    Worker(pipe, json.loads(line)).run()


if __name__ == "__main__":
    main()
