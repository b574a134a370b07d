"""Frames: what is written is read, and what is not a frame is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.whiteboard import protocol
from plugins.whiteboard.connection import BoardSeat
from plugins.whiteboard.protocol import MalformedFrame
from plugins.whiteboard.room import clean_presence

pytestmark = pytest.mark.unit


@given(st.integers(0, 2**53 - 1))
def test_numbers_survive(value: int) -> None:
    assert protocol.Reader(protocol.var_uint(value)).var_uint() == value


def test_frames_survive() -> None:
    assert protocol.read_sync(protocol.sync_frame(2, b"abc")) == (2, b"abc")
    frame = protocol.awareness_frame([(7, 3, '{"a":"ü"}'), (9, 4, "null")])
    assert protocol.read_awareness(frame, 10, 100) == [(7, 3, {"a": "ü"}), (9, 4, None)]


@pytest.mark.parametrize(
    "frame",
    [
        b"\x00",
        b"\x00\x03\x00",
        b"\x00\x02\x05ab",
        b"\x00\x02" + b"\xff" * 20,
        b"\x00\x00\xff\xff\xff\xff\x0f",
    ],
)
def test_torn_sync_frames_are_refused(frame: bytes) -> None:
    with pytest.raises(MalformedFrame):
        protocol.read_sync(frame)


@pytest.mark.parametrize(
    "states",
    [
        [(1, 1, "{x")],
        [(1, 1, '{"a":NaN}')],
        [(1, 1, "[" * 600 + "]" * 600)],
        [(2**40, 1, "{}")],
        [(1, 1, '"' + "x" * 200 + '"')],
        [(n, 1, "{}") for n in range(11)],
    ],
)
def test_hostile_presence_is_refused(states: list[tuple[int, int, str]]) -> None:
    with pytest.raises(MalformedFrame):
        protocol.read_awareness(protocol.awareness_frame(states), 10, 100)


@given(st.binary(max_size=200))
def test_no_bytes_make_the_reader_fail_otherwise(data: bytes) -> None:
    for read in (protocol.read_sync, lambda frame: protocol.read_awareness(frame, 10, 100)):
        try:
            read(data)
        except MalformedFrame:
            continue


def test_presence_is_cleaned() -> None:
    seat = BoardSeat("lesson", "p1", "Ada", "student")
    state = {
        "user": {"name": "the teacher"},
        "p": [1.4, -2.6, True],
        "t": "laser",
        "sel": ["a", "<b>", 5],
        "did": [3, "freedraw"],
        "more": "x",
    }
    assert clean_presence(state, seat) == {
        "user": {"id": "p1", "name": "Ada", "role": "student"},
        "p": [1, -3, 1],
        "t": "laser",
        "sel": ["a"],
        "did": [3, "freedraw"],
    }
    odd = {"p": ["x", 1, 1], "t": ["laser"], "sel": {"a": 1}, "did": [1, ["x"]]}
    assert set(clean_presence(odd, seat)) == {"user"}
    with pytest.raises(MalformedFrame):
        clean_presence([1], seat)
