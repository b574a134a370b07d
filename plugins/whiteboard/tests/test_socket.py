"""The hub behind a real server, with real Yjs clients on real sockets."""

import asyncio
from typing import Any

import pytest
import websockets

from plugins.whiteboard.protocol import STEP_2, UPDATE, sync_frame
from plugins.whiteboard.settings import WhiteboardSettings
from plugins.whiteboard.tests.clients import Drawer, joined, rectangle, stroke
from plugins.whiteboard.tests.conftest import Board, eventually, serving

pytestmark = pytest.mark.e2e


async def test_what_one_draws_the_others_see(board: Board) -> None:
    async with joined(board.url("ada")) as ada, joined(board.url("leo")) as leo:
        await ada.draw("r1", rectangle("r1"))
        await leo.until(lambda: "r1" in leo.elements)
        assert leo.elements["r1"]["g"]["x"] == 10.5


async def test_ten_people_draw_at_once_and_all_boards_are_the_same(board: Board) -> None:
    async with asyncio.TaskGroup() as group:
        drawing = [group.create_task(_draw_strokes(board, f"p{n}")) for n in range(10)]
    pictures = [task.result() for task in drawing]
    assert all(picture == pictures[0] for picture in pictures)
    assert len(pictures[0]) == 10 and all(len(points) == 42 for points in pictures[0].values())


async def _draw_strokes(board: Board, name: str) -> dict[str, list[int]]:
    async with joined(board.url(name)) as client:
        await client.draw(name, stroke(name, 0, 0))
        for n in range(20):
            client.elements[name]["p"].extend([n, n])
            await client.send()
            await asyncio.sleep(0.005)

        def complete() -> bool:
            lengths = [len(client.elements[key]["p"]) for key in client.elements.keys()]
            return lengths == [42] * 10

        await client.until(complete, 20)
        return {key: client.elements[key]["p"].to_py() for key in sorted(client.elements.keys())}


async def test_a_lone_drawer_hears_no_echo(board: Board) -> None:
    async with joined(board.url("ada")) as ada, joined(board.url("leo")) as leo:
        for n in range(5):
            await ada.draw(f"r{n}", rectangle(f"r{n}"))
        await leo.until(lambda: len(leo.elements) == 5)
        await leo.draw("mine", rectangle("mine"))
        await ada.until(lambda: "mine" in ada.elements)
        assert len(ada.updates) == 1


async def test_changes_of_one_tick_leave_as_one_frame(database: Any) -> None:
    async with (
        serving(database, WhiteboardSettings(tick_s=0.3)) as slow,
        joined(slow.url("ada")) as ada,
        joined(slow.url("leo")) as leo,
    ):
        for n in range(20):
            await ada.draw(f"r{n}", rectangle(f"r{n}"))
        await leo.until(lambda: len(leo.elements) == 20)
        assert len(leo.updates) <= 2


async def test_a_late_joiner_gets_the_page_and_who_is_there(board: Board) -> None:
    async with joined(board.url("ada")) as ada:
        await ada.aware({"p": [3, 4, 0]})
        await ada.draw("r1", rectangle("r1"))
        async with joined(board.url("leo")) as leo:
            assert "r1" in leo.elements
            await leo.until(lambda: leo.people)
            (state,) = leo.people.values()
            assert state["user"]["name"] == "ada" and state["p"] == [3, 4, 0]


async def test_nobody_can_speak_under_another_name(board: Board) -> None:
    async with joined(board.url("ada")) as ada, joined(board.url("leo")) as leo:
        await ada.aware({"user": {"name": "the teacher"}, "secret": 1}, key=5)
        await leo.until(lambda: 5 in leo.people)
        assert leo.people[5] == {"user": {"id": "id-ada", "name": "ada", "role": "student"}}
        await leo.aware({"p": [1, 1, 0]}, key=6)
        await leo.aware({"p": [9, 9, 0]}, clock=9, key=5)
        await ada.until(lambda: 6 in ada.people)
        assert leo.people[5]["user"]["name"] == "ada" and "p" not in leo.people[5]


async def test_who_leaves_is_gone_for_the_others(board: Board) -> None:
    async with joined(board.url("ada")) as ada:
        async with joined(board.url("leo")) as leo:
            await leo.aware({}, key=7)
            await ada.until(lambda: ada.people.get(7))
        await ada.until(lambda: ada.people[7] is None)


async def test_a_viewer_sees_but_cannot_draw(board: Board) -> None:
    async with joined(board.url("ada")) as ada, joined(board.url("eve", draw=False)) as eve:
        await eve.aware({"p": [1, 1, 0]}, key=8)
        await ada.until(lambda: 8 in ada.people)
        assert "p" not in ada.people[8]
        drawn = Drawer()
        drawn.elements["evil"] = rectangle("evil")
        (update,) = drawn.take()
        await eve.socket.send(sync_frame(STEP_2, update))
        await ada.draw("r1", rectangle("r1"))
        await eve.until(lambda: "r1" in eve.elements)
        await eve.socket.send(sync_frame(UPDATE, update))
        assert await eve.closed() == 4403
        assert "evil" not in ada.elements


async def test_a_hostile_element_reaches_nobody_and_its_sender_is_told(board: Board) -> None:
    async with joined(board.url("ada")) as ada, joined(board.url("leo")) as leo:
        await ada.draw("bad", rectangle("bad", link="javascript:alert(1)"))
        await ada.draw("good", rectangle("good"))
        await leo.until(lambda: "good" in leo.elements)
        await ada.until(lambda: "bad" not in ada.elements)
        assert "bad" not in leo.elements
        await ada.until(lambda: any(notice["type"] == "element_refused" for notice in ada.notices))


async def test_a_full_page_says_so(database: Any) -> None:
    async with (
        serving(database, WhiteboardSettings(max_elements=3)) as small,
        joined(small.url("ada")) as ada,
    ):
        for n in range(4):
            await ada.draw(f"r{n}", rectangle(f"r{n}"))
        await ada.until(lambda: any(notice["type"] == "page_full" for notice in ada.notices))
        await ada.until(lambda: len(ada.elements) == 3)


async def test_the_board_is_there_after_a_restart(database: Any, quick: WhiteboardSettings) -> None:
    async with serving(database, quick) as first, joined(first.url("ada")) as ada:
        await ada.draw("s1", stroke("s1", 0, 0, 5, 5))
    async with serving(database, quick) as second, joined(second.url("leo")) as leo:
        assert leo.elements["s1"]["p"].to_py() == [0, 0, 5, 5]


async def test_a_browser_that_was_away_brings_what_it_drew_meanwhile(board: Board) -> None:
    away = Drawer()
    async with joined(board.url("leo")) as leo:
        away.elements["offline"] = rectangle("offline")
        async with joined(board.url("ada")) as ada:
            await ada.socket.send(sync_frame(STEP_2, away.doc.get_update()))
            await leo.until(lambda: "offline" in leo.elements)


async def test_pages_are_apart_and_are_opened_one_after_the_other(board: Board) -> None:
    async with joined(board.url("ada")) as ada:
        await ada.until(lambda: ada.notices)
        assert ada.notices[-1] == {
            "type": "board", "page": 1, "can_draw": True, "pages": 1, "max_pages": 20, "limit": 2000,
        }  # fmt: skip
        await ada.draw("r1", rectangle("r1"))
        async with joined(board.url("ada", page=2)) as second:
            assert len(second.elements) == 0
            await ada.until(lambda: ada.notices[-1]["pages"] == 2)
        for page in (0, 21, 9):
            async with websockets.connect(board.url("ada", page=page)) as socket:
                with pytest.raises(websockets.ConnectionClosed):
                    await asyncio.wait_for(socket.recv(), 5)
                assert socket.close_code == 4400


async def test_a_seat_that_is_taken_away_ends_the_socket(board: Board) -> None:
    async with joined(board.url("ada")) as ada, joined(board.url("leo")) as leo:
        assert board.hub.close_participant("lesson", "id-ada") == 1
        assert await ada.closed() == 4403
        board.revoked.add("id-leo")
        assert await leo.closed() == 4403


async def test_an_empty_page_is_put_away_and_activity_is_counted(board: Board) -> None:
    async with joined(board.url("ada")) as ada:
        await ada.draw("r1", rectangle("r1"))
        await ada.draw("r2", rectangle("r2"))
        ada.elements["r1"]["m"] = {**ada.elements["r1"]["m"], "isDeleted": True}
        await ada.send()
        async with joined(board.url("leo")) as leo:
            await leo.until(lambda: leo.elements["r1"]["m"]["isDeleted"])
    await eventually(lambda: not board.hub.stats()["pages"])
    await eventually(lambda: board.activity.get("lesson", {}).get("id-ada", 0) >= 3)
    async with joined(board.url("leo")) as leo:
        assert sorted(leo.elements.keys()) == ["r2"], "a deleted drawing is purged when the board is put away"


async def test_one_person_has_a_handful_of_sockets(board: Board) -> None:
    async with (
        joined(board.url("ada")),
        joined(board.url("ada")),
        joined(board.url("ada")),
        joined(board.url("ada")),
        websockets.connect(board.url("ada")) as fifth,
    ):
        with pytest.raises(websockets.ConnectionClosed):
            await asyncio.wait_for(fifth.recv(), 5)
        assert fifth.close_code == 4429
