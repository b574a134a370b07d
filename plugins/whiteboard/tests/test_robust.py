"""What broken and hostile browsers do to a board: nothing."""

import json
import logging
import random
from collections.abc import Sequence

import pytest
import websockets

from plugins.whiteboard.protocol import AWARENESS, STEP_1, UPDATE, awareness_frame, sync_frame, var_bytes
from plugins.whiteboard.settings import WhiteboardSettings
from plugins.whiteboard.tests.clients import Drawer, joined, rectangle, stroke
from plugins.whiteboard.tests.conftest import Board, serving

pytestmark = pytest.mark.e2e

GARBAGE = random.Random(5).randbytes(200)


def a_stroke() -> bytes:
    drawer = Drawer()
    drawer.elements["s"] = stroke("s", 0, 0, 5, 5)
    (update,) = drawer.take()
    return update


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        ([b""], 1007),
        ([b"\x00"], 1007),
        (["a text frame"], 1003),
        ([b"\x63abc"], 1007),
        ([sync_frame(UPDATE, GARBAGE)], 1007),
        ([sync_frame(UPDATE, a_stroke()[:-3])], 1007),
        ([b"\x00\x02" + b"\xff" * 9 + b"\x01abc"], 1007),
        ([sync_frame(STEP_1, GARBAGE[:5])], 1007),
        ([sync_frame(STEP_1, b"\xff\xff\xff\xff\x0f")], 1007),
        ([bytes((AWARENESS,)) + var_bytes(b"abcde")], 1007),
        ([awareness_frame([(1, 1, "{x")])], 1007),
        ([awareness_frame([(1, 1, json.dumps("x" * 5000))])], 1007),
        ([sync_frame(UPDATE, bytes(5_000_000))], 1009),
        ([b"\x03\x00"] * 900, 4429),
    ],
)
async def test_a_broken_client_is_let_go_and_nobody_notices(
    board: Board, frames: Sequence[str | bytes], code: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with joined(board.url("leo")) as leo:
        async with joined(board.url("eve")) as eve:
            try:
                for frame in frames:
                    await eve.socket.send(frame)
            except websockets.ConnectionClosed:
                pass
            assert await eve.closed() == code
        await leo.draw("r1", rectangle("r1"))
        async with joined(board.url("ada")) as ada:
            assert "r1" in ada.elements
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


async def test_hundreds_of_mangled_frames_leave_the_board_as_it_was(board: Board) -> None:
    chance, good = random.Random(3), sync_frame(UPDATE, a_stroke())
    async with joined(board.url("leo")) as leo:
        await leo.draw("r1", rectangle("r1"))
        for _ in range(150):
            mangled = bytearray(good)
            for _ in range(chance.randint(1, 4)):
                mangled[chance.randrange(2, len(mangled))] = chance.randrange(256)
            async with websockets.connect(board.url("eve")) as eve:
                await eve.send(bytes(mangled))
        await leo.draw("r2", rectangle("r2"))
        async with joined(board.url("ada")) as ada:
            assert {"r1", "r2"} <= set(ada.elements.keys())
        assert leo.close_code is None


async def test_updates_without_their_beginning_cannot_fill_the_memory(board: Board) -> None:
    drawer = Drawer()
    drawer.elements["first"] = rectangle("first")
    drawer.take()
    async with joined(board.url("eve")) as eve:
        try:
            for n in range(40):
                drawer.elements["first"]["g"] = {"x": n, "junk": "x" * 150_000}
                for update in drawer.take():
                    await eve.socket.send(sync_frame(UPDATE, update))
        except websockets.ConnectionClosed:
            pass
        assert await eve.closed() == 1007


async def test_a_browser_that_stops_reading_is_let_go_and_may_return(database: object) -> None:
    settings = WhiteboardSettings(max_queue_bytes=20_000, tick_s=0.001)
    async with serving(database, settings) as board, joined(board.url("ada")) as ada:
        async with joined(board.url("leo")) as leo:
            (connection,) = [
                connection
                for room in board.hub._open_rooms()
                for connection in room.connections
                if connection.seat.name == "leo"
            ]
            connection.put(bytes(30_000))
            assert await leo.closed() == 1013
        async with joined(board.url("leo")) as leo:
            await ada.draw("r1", rectangle("r1"))
            await leo.until(lambda: "r1" in leo.elements)
