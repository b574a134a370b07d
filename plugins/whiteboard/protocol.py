"""The board's wire format: y-protocols frames plus one of our own.

A frame is binary. Its first byte is the kind:

    0 sync        0 step 1 (state vector) | 1 step 2 (the difference) | 2 update; then a length-prefixed body
    1 awareness   length-prefixed list of (client id, clock, JSON state)
    3 awareness query
    8 notice      server to browser only: UTF-8 JSON, the rest of the frame (see README, "The protocol")

Lengths and ids are unsigned LEB128 (`lib0/encoding.writeVarUint`). Everything here raises
`MalformedFrame` for bytes that do not follow this.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final, NoReturn

SYNC: Final = 0
AWARENESS: Final = 1
AWARENESS_QUERY: Final = 3
NOTICE: Final = 8

STEP_1: Final = 0
STEP_2: Final = 1
UPDATE: Final = 2

EMPTY_UPDATE: Final = b"\x00\x00"
EMPTY_STATE: Final = b"\x00"

CLOSE_TEXT_FRAME: Final = 1003
CLOSE_MALFORMED: Final = 1007
CLOSE_TOO_BIG: Final = 1009
CLOSE_TOO_SLOW: Final = 1013
CLOSE_BAD_PAGE: Final = 4400
CLOSE_NO_TICKET: Final = 4401
CLOSE_NOT_ALLOWED: Final = 4403
CLOSE_TOO_MANY: Final = 4429

_MAX_VAR_UINT: Final = 2**53
_MAX_JSON_DEPTH: Final = 8


class MalformedFrame(ValueError):
    """A client sent bytes that are not this protocol. Not our error: the socket is closed with 1007."""


class Reader:
    """Reads one frame from left to right."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def byte(self) -> int:
        if self._at >= len(self._data):
            raise MalformedFrame("frame ends early")
        self._at += 1
        return self._data[self._at - 1]

    def var_uint(self) -> int:
        value, shift = 0, 0
        while True:
            part = self.byte()
            value |= (part & 127) << shift
            if value > _MAX_VAR_UINT:
                raise MalformedFrame("number too large")
            if part < 128:
                return value
            shift += 7

    def var_bytes(self) -> bytes:
        length = self.var_uint()
        if self._at + length > len(self._data):
            raise MalformedFrame("length beyond the frame")
        start, self._at = self._at, self._at + length
        return self._data[start : self._at]


def var_uint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(128 | value & 127)
        value >>= 7
    out.append(value)
    return bytes(out)


def var_bytes(body: bytes) -> bytes:
    return var_uint(len(body)) + body


def sync_frame(step: int, body: bytes) -> bytes:
    return bytes((SYNC, step)) + var_bytes(body)


def awareness_frame(states: Iterable[tuple[int, int, str]]) -> bytes:
    """states: (client id, clock, JSON state or "null")."""
    entries = [
        var_uint(client) + var_uint(clock) + var_bytes(state.encode()) for client, clock, state in states
    ]
    return bytes((AWARENESS,)) + var_bytes(var_uint(len(entries)) + b"".join(entries))


def notice_frame(kind: str, facts: Mapping[str, Any]) -> bytes:
    return bytes((NOTICE,)) + json.dumps({"type": kind, **facts}, separators=(",", ":")).encode()


def read_sync(frame: bytes) -> tuple[int, bytes]:
    """(step, body) of a sync frame, the kind byte included."""
    reader = Reader(frame)
    reader.byte()
    step = reader.byte()
    if step not in (STEP_1, STEP_2, UPDATE):
        raise MalformedFrame("unknown sync step")
    return step, reader.var_bytes()


def read_awareness(frame: bytes, max_states: int, max_state_bytes: int) -> list[tuple[int, int, Any]]:
    """(client id, clock, decoded state or None) for each entry of an awareness frame."""
    outer = Reader(frame)
    outer.byte()
    reader = Reader(outer.var_bytes())
    count = reader.var_uint()
    if count > max_states:
        raise MalformedFrame("too many awareness states")
    states: list[tuple[int, int, Any]] = []
    for _ in range(count):
        client, clock, raw = reader.var_uint(), reader.var_uint(), reader.var_bytes()
        if client >= 2**32 or clock >= 2**32 or len(raw) > max_state_bytes:
            raise MalformedFrame("awareness out of bounds")
        states.append((client, clock, _json(raw)))
    return states


def _json(raw: bytes) -> Any:
    def refuse(name: str) -> NoReturn:
        raise MalformedFrame(f"{name} is not JSON")

    if max(raw.count(b"["), raw.count(b"{")) > 64 * _MAX_JSON_DEPTH:
        raise MalformedFrame("JSON too deep")
    try:
        return json.loads(raw, parse_constant=refuse)
    except ValueError as error:
        raise MalformedFrame("awareness is not JSON") from error
