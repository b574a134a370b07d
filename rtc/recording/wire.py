"""What the node's process tells the recorder's: length-prefixed messages over a socket pair.

`<u32 length of the rest> <u8 kind> <body>`; JSON for what is rare, packed bytes for packets and reports.
Back come JSON lines: {"event": "failed" | "keyframe" | "closed", ...}.
"""

import json
import struct
from collections.abc import Iterator, Mapping
from typing import Any

JSON, PACKET, REPORT = 1, 2, 3
PACKET_HEAD = struct.Struct("<IBIHBHId")
"""length, kind, track, stream, marker, sequence, timestamp, at (s)."""
REPORT_HEAD = struct.Struct("<IBIHQId")
"""length, kind, track, stream, ntp, timestamp, at (s)."""
_HEAD = struct.Struct("<IB")
PACKET_REST = PACKET_HEAD.size - 4
MAX_MESSAGE = 1 << 20


def message(body: Mapping[str, Any]) -> bytes:
    """A JSON message."""
    data = json.dumps(body, separators=(",", ":")).encode()
    return _HEAD.pack(len(data) + 1, JSON) + data


def report(track: int, stream: int, ntp: int, timestamp: int, at_s: float) -> bytes:
    """A sender report."""
    return REPORT_HEAD.pack(REPORT_HEAD.size - 4, REPORT, track, stream, ntp, timestamp, at_s)


class Reader:
    """Cuts the byte stream into messages. ValueError for one that cannot be: the pipe is then of no use."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes, int, int]]:
        """(kind, buffer, where the message begins with its length, where it ends)."""
        buffer = self._rest + data if self._rest else data
        at, end = 0, len(buffer)
        while at + 5 <= end:
            length, kind = _HEAD.unpack_from(buffer, at)
            if not 0 < length <= MAX_MESSAGE:
                raise ValueError("message length")
            if at + 4 + length > end:
                break
            yield kind, buffer, at, at + 4 + length
            at += 4 + length
        self._rest = buffer[at:]
