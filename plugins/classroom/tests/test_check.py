"""The connection check over real sockets: a room of its own, limits, and an end."""

import httpx
import pytest

from core.errors import MediaError
from core.ports import MediaEvent
from plugins.classroom.server.check import LEGS, ROOM, Quota
from plugins.classroom.tests.conftest import Caller, House, School, eventually, serving

pytestmark = pytest.mark.unit


async def ask(house: House, headers: dict[str, str] | None = None) -> httpx.Response:
    async with httpx.AsyncClient(base_url=house.base, headers=headers, trust_env=False) as client:
        return await client.post("/api/v1/check/ticket", json={})


async def begin(house: House) -> Caller:
    student = house.school.lesson.students[0].id
    answer = (await ask(house, house.school.login(student))).json()
    caller = await house.dial(answer["ticket"], path=answer["ws_path"])
    assert (await caller.next("ready"))["seconds"] > 0
    return caller


async def test_a_check_has_a_room_of_its_own_and_leaves_none(house: House) -> None:
    media = house.school.media
    caller = await begin(house)
    media.answers = [{"type": "welcome"}]
    await caller.send("media", leg="up", message={"type": "hello", "version": 1})
    assert (await caller.next("media"))["message"] == {"type": "welcome"}
    await caller.send("media", leg="down", message={"type": "hello", "version": 1})
    await caller.next("media", leg="down")
    (room_id,) = media.rooms
    assert room_id.startswith(ROOM) and set(media.rooms[room_id]) == {"up", "down"}
    rights = media.rooms[room_id]
    assert rights["up"].uplink_bps and not rights["up"].subscribe, "little, and it hears nobody"
    assert rights["down"].publish == () and not rights["up"].recording_allowed
    media.report(MediaEvent("message", room_id, "down", {"type": "tracks"}))
    assert (await caller.next("media", leg="down"))["message"] == {"type": "tracks"}
    await caller.socket.close()
    await eventually(lambda: not media.rooms)


async def test_what_is_no_message_of_a_check_is_dropped(house: House) -> None:
    media = house.school.media
    caller = await begin(house)
    await caller.send("media", leg="other", message={"type": "hello"})
    await caller.send("media", leg=["up"], message={"type": "hello"})
    await caller.send("media", leg="up", message="hello")
    await caller.send("chat", text="hello")
    await caller.socket.send("{")
    await caller.socket.send(b"\x00")
    await caller.send("ping", at=7)
    assert (await caller.next("pong"))["at"] == 7
    assert media.rooms == {} and caller.types() == ["ready", "pong"]


async def test_a_node_that_refuses_is_said_in_the_protocols_words(house: House) -> None:
    caller = await begin(house)
    house.school.media.signal = refuse  # type: ignore[method-assign]
    await caller.send("media", leg="up", message={"type": "offer", "seq": 3})
    answer = (await caller.next("media"))["message"]
    assert (answer["kind"], answer["re"], answer["seq"]) == ("unavailable", "offer", 3)


async def refuse(room_id: str, participant_id: str, message: object) -> list[dict[str, object]]:
    raise MediaError("unavailable")


async def test_a_check_ends_when_its_time_is_over(school: School) -> None:
    async with serving(school, check_s=0.8) as house:
        caller = await begin(house)
        await caller.send("media", leg="up", message={"type": "hello"})
        await eventually(lambda: school.media.rooms)
        assert (await caller.next("over"))["reason"] == "time"
        assert await caller.closed() == 1000
        await eventually(lambda: not school.media.rooms)


async def test_tickets_are_for_people_with_an_account_or_a_seat_and_open_one_socket(house: House) -> None:
    assert (await ask(house)).status_code == 401
    cookie, _ = house.school.seat_cookie(house.school.lesson.students[1].id)
    answer = await ask(house, cookie)
    assert answer.status_code == 200 and answer.headers["cache-control"] == "no-store"
    ticket = answer.json()["ticket"]
    caller = await house.dial(ticket, path="/ws/check")
    await caller.next("ready")
    for used in (ticket, "guess"):
        again = await house.dial(used, path="/ws/check")
        assert (await again.next("error"))["of"] == "ticket" and await again.closed() == 4401
    other = await house.dial(ticket)
    assert (await other.next("error"))["kind"] == "ticket_invalid", "it opens no lesson's room"


async def test_too_many_checks_are_told_to_wait(school: School) -> None:
    async with serving(school, checks_per_person=2, checks_per_address=3, max_checks=2) as house:
        first, second = (school.login(one.id) for one in school.lesson.students)
        assert [(await ask(house, first)).status_code for _ in range(3)] == [200, 200, 429]
        assert (await ask(house, second)).status_code == 429, "the address has had its share"


async def test_only_so_many_run_at_the_same_time(school: School) -> None:
    async with serving(school, max_checks=1) as house:
        await begin(house)
        headers = school.login(school.lesson.students[1].id)
        assert (await ask(house, headers)).status_code == 429


def test_a_quota_forgets_what_is_past_its_window() -> None:
    now = 0.0
    quota = Quota(2, 10, lambda: now)
    assert [quota.take("a"), quota.take("a"), quota.take("a"), quota.take("b")] == [True, True, False, True]
    now = 10.0
    assert quota.take("a") and len(quota._taken) == 1


def test_nobody_hears_a_check_but_its_own_page() -> None:
    assert [leg for leg, rights in LEGS.items() if rights.subscribe] == ["down"]
    assert all(not rights.agent and not rights.agents_allowed for rights in LEGS.values())
