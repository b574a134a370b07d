"""The node's side of recording: one process for all rooms, a bounded pipe to it, and what it reports.

Nothing here waits: what the pipe does not take at once is kept up to MAX_WAITING bytes; past that the
recordings have failed (the disk is too slow) and the rooms go on as if nothing was.
"""

import asyncio
import contextlib
import json
import logging
import secrets
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.config import Settings
from rtc.recording import spool, wire

logger = logging.getLogger(__name__)

MAX_WAITING = 8 << 20
FLUSH_BYTES = 48 << 10
PIPE_BYTES = 4 << 20
CLOSE_WAIT_S = 10.0
MAX_LINE = 1 << 16


@dataclass(frozen=True, slots=True)
class Options:
    """folder: the spool. upload_url: the web role, "" keeps everything in the spool. min_free: bytes that
    must stay free on its disk."""

    folder: Path
    upload_url: str = ""
    upload_key: bytes = b""
    min_free: int = 0
    segment_s: float = 300.0
    segment_bytes: int = 64_000_000

    @classmethod
    def of(cls, settings: Settings) -> "Options":
        return cls(
            settings.data_dir / "recordings",
            settings.internal_base,
            settings.derived_key("internal"),
            settings.recording_min_free,
            settings.recording_segment_s,
        )


Report = Callable[[dict[str, Any]], None]
"""An event of the recorder's process: `ended` or `failed` with `set`, `keyframe` with `track`."""


class Recorder:
    """Made inside a running event loop; the process begins with the first recording, or when the spool of a
    node that died waits to be handed in."""

    def __init__(self, options: Options, report: Report) -> None:
        self._options, self._report = options, report
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe: socket.socket | None = None
        self._outbox = bytearray()
        self._blocked = False
        self._heard = b""
        self._sets: set[str] = set()
        self._next_track = 0
        self._retired: list[subprocess.Popen[bytes]] = []

    def adopt(self) -> None:
        """Begin at once when something was left behind."""
        if self._options.upload_url and spool.leftovers(self._options.folder):
            self._launch()

    @property
    def pid(self) -> int | None:
        """Of the process, for those who measure it."""
        return self._process.pid if self._process is not None else None

    def start(self, recording_id: str, room_id: str) -> str:
        """A new set; its id. Failures come as a `failed` report."""
        if self._pipe is None:
            self._launch()
        set_id = f"{recording_id}-{secrets.token_hex(6)}"
        self._sets.add(set_id)
        self.command({"do": "start", "set": set_id, "recording_id": recording_id, "room_id": room_id})
        return set_id

    def stop(self, set_id: str) -> None:
        """Idempotent."""
        if set_id in self._sets:
            self._sets.discard(set_id)
            self.command({"do": "stop", "set": set_id})

    def track(self, set_id: str, participant_id: str, source: str, codec: str, clock: str) -> int:
        """A number for the packets of this source. clock: the same for sources that share one NTP clock."""
        self._next_track += 1
        self.command(
            {
                "do": "track",
                "track": self._next_track,
                "set": set_id,
                "participant_id": participant_id,
                "source": source,
                "codec": codec,
                "clock": clock,
            }
        )
        return self._next_track

    def command(self, message: dict[str, Any]) -> None:
        self.put(wire.message(message))
        self.flush()

    def packet(
        self, track: int, stream: int, marker: int, sequence: int, timestamp: int, payload: bytes, at_s: float
    ) -> None:
        """Copied; it leaves with the next flush."""
        outbox = self._outbox
        outbox += wire.PACKET_HEAD.pack(
            wire.PACKET_REST + len(payload), wire.PACKET, track, stream, marker, sequence, timestamp, at_s
        )
        outbox += payload
        if len(outbox) > FLUSH_BYTES:
            self.flush()

    def put(self, data: bytes) -> None:
        self._outbox += data

    def flush(self) -> None:
        """Hand on what is waiting; called every 50 ms."""
        pipe, outbox = self._pipe, self._outbox
        if pipe is None:
            outbox.clear()
            return
        if outbox and not self._blocked:
            self._write()
        if len(outbox) > MAX_WAITING:
            self._fail("disk_slow")

    async def close(self) -> None:
        """Every file is completed; the process may go on handing in for a moment."""
        for set_id in list(self._sets):
            self.stop(set_id)
        for _ in range(int(CLOSE_WAIT_S / 0.05)):
            if not self._outbox or self._pipe is None:
                break
            self.flush()
            await asyncio.sleep(0.05)
        self._hang_up()
        for process in self._retired:
            with contextlib.suppress(subprocess.TimeoutExpired):
                await asyncio.to_thread(process.wait, CLOSE_WAIT_S)
            if process.poll() is None:
                process.kill()
                await asyncio.to_thread(process.wait)
        self._retired.clear()

    def _launch(self) -> None:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with contextlib.suppress(OSError):
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, PIPE_BYTES)
        options = self._options
        configuration = {
            "folder": str(options.folder.resolve()),
            "upload_url": options.upload_url,
            "upload_key": options.upload_key.hex(),
            "min_free": options.min_free,
            "segment_s": options.segment_s,
            "segment_bytes": options.segment_bytes,
        }
        # The key goes through the pipe: command lines and environments are read by others.
        ours.send(json.dumps(configuration).encode() + b"\n")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "rtc.recording.worker", str(theirs.fileno())],
            pass_fds=(theirs.fileno(),),
            stdin=subprocess.DEVNULL,
        )
        theirs.close()
        self._pipe, self._blocked, self._heard = ours, False, b""
        asyncio.get_running_loop().add_reader(ours, self._read)

    def _write(self) -> None:
        assert self._pipe is not None
        try:
            sent = self._pipe.send(self._outbox)
            del self._outbox[:sent]
        except BlockingIOError:
            sent = 0
        except OSError:
            self._fail("recorder_lost")
            return
        loop = asyncio.get_running_loop()
        if self._outbox and not self._blocked:
            self._blocked = True
            loop.add_writer(self._pipe, self._write_more)

    def _write_more(self) -> None:
        assert self._pipe is not None
        self._blocked = False
        asyncio.get_running_loop().remove_writer(self._pipe)
        if self._outbox:
            self._write()

    def _read(self) -> None:
        assert self._pipe is not None
        try:
            data = self._pipe.recv(MAX_LINE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._fail("recorder_lost")
            return
        *lines, self._heard = (self._heard + data).split(b"\n")
        for line in lines:
            message: dict[str, Any] = json.loads(line)
            if message["event"] in ("failed", "ended"):
                self._sets.discard(message["set"])
            self._report(message)

    def _fail(self, reason: str) -> None:
        """Everything that was being recorded has ended here; a new start begins with a new process."""
        failed, self._sets = self._sets, set()
        self._hang_up()
        for set_id in failed:
            self._report({"event": "failed", "set": set_id, "reason": reason})

    def _hang_up(self) -> None:
        pipe, self._pipe = self._pipe, None
        self._outbox.clear()
        if pipe is not None:
            loop = asyncio.get_running_loop()
            loop.remove_reader(pipe)
            loop.remove_writer(pipe)
            pipe.close()
        if self._process is not None:
            self._retired = [one for one in self._retired if one.poll() is None]
            self._retired.append(self._process)
            self._process = None
