"""The door: who waits, what they get meanwhile (nothing), and who lets them in."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlmodel import select

from core.domain import Attendance, AuditEntry, Room, Seat
from core.domain.attendance import settle
from core.lifecycle import waiting
from core.lifecycle.end import end_session, finalize_attendance
from plugins.classroom.server.lobby import ALWAYS, OFF, UNTIL_INSTRUCTOR, first_mode
from plugins.classroom.server.outgoing import (
    Audited,
    Close,
    MediaJoin,
    MediaMute,
    Outgoing,
    PresenceStarted,
    RoomEmptied,
    SaveLobby,
    Send,
    WaitEnded,
    WaitStarted,
)
from plugins.classroom.tests.conftest import Caller, House, School, eventually, serving
from plugins.classroom.tests.test_room import LENA, LOOKER, TEACHER, TOM, Bench, errors, frames, of

pytestmark = pytest.mark.unit


def door(mode: str) -> Bench:
    bench = Bench()
    bench.room.lesson = replace(bench.room.lesson, lobby=mode)
    return bench


# The state machine


@pytest.mark.parametrize(
    ("chosen", "students", "mode"),
    [("auto", 1, OFF), ("auto", 2, UNTIL_INSTRUCTOR), ("off", 5, OFF), ("always", 1, ALWAYS)],
)
def test_a_new_room_has_the_mode_that_fits(chosen: str, students: int, mode: str) -> None:
    assert first_mode(chosen, students) == mode


def test_nobody_waits_where_the_door_is_open() -> None:
    bench = door(OFF)
    lena, out = bench.room.join(LENA)
    assert bench.room.get(lena.id) is lena and frames(out, lena, "welcome")


def test_children_wait_for_their_instructor_and_then_come_in_by_themselves() -> None:
    bench = door(UNTIL_INSTRUCTOR)
    lena, out = bench.room.join(LENA)
    assert out == [WaitStarted(lena.id, "lena"), Send(lena.id, bench.room.lobby.frame(lena.id))]
    (frame,) = frames(out)
    assert frame["type"] == "waiting" and frame["by_hand"] is False and frame["instructor_here"] is False
    assert bench.room.get(lena.id) is None and not bench.room.occupied()
    teacher, out = bench.room.join(TEACHER)
    assert of(out, WaitEnded) == [WaitEnded(lena.id, True)]
    assert of(out, PresenceStarted)[-1] == PresenceStarted(lena.id, "lena", "student")
    assert MediaJoin(lena.id) in out and frames(out, lena, "welcome")
    assert frames(out, teacher, "person")[-1]["person"]["person_id"] == "lena"
    assert frames(out, teacher, "lobby")[-1]["waiting"] == []


def test_the_instructor_lets_them_in_one_by_one() -> None:
    bench = door(ALWAYS)
    teacher, lena, tom = bench.join(TEACHER, LENA, TOM)
    people = bench.room.lobby.view()["waiting"]
    assert [(one["name"], one["role"]) for one in people] == [
        ("Lena Sommer", "student"),
        ("Tom Winter", "student"),
    ]
    out = bench.say(teacher, "admit", person_id="lena")
    assert frames(out, lena, "welcome") and not frames(out, tom)
    assert of(out, Audited) == [Audited("teacher", "admit", "lena")]
    bench.room.leave(lena.id, "left")
    again, _ = bench.room.join(LENA)
    assert bench.room.get(again.id) is again, "who was let in once comes in again"
    assert errors(bench.say(teacher, "admit", person_id="lena")) == ["not_found"]
    out = bench.say(teacher, "admit", person_id="all")
    assert frames(out, tom, "welcome") and len(bench.room.lobby) == 0


def test_not_now_is_told_and_the_person_may_go_on_waiting() -> None:
    bench = door(ALWAYS)
    teacher, lena = bench.join(TEACHER, LENA)
    out = bench.say(teacher, "decline", person_id="lena")
    assert frames(out, lena, "waiting")[0]["declined"] is True
    assert frames(out, teacher, "lobby")[0]["waiting"][0]["declined"] is True
    assert errors(bench.say(teacher, "decline", person_id="tom")) == ["not_found"]
    newer, out = bench.room.join(LENA)
    assert of(out, Close) == [Close(lena.id, 4409)]
    assert frames(out, newer, "waiting")[0]["declined"] is True, "a reload is no new question"


@pytest.mark.parametrize(
    "message",
    [
        {"type": "media", "message": {"type": "hello"}},
        {"type": "chat", "text": "hello?"},
        {"type": "hand", "raised": True},
        {"type": "react", "reaction": "clap"},
        {"type": "poll.answer", "poll_id": "x", "option": 0},
        {"type": "page", "page": 2},
        {"type": "admit", "person_id": "lena"},
        {"type": "lobby", "mode": "off"},
    ],
    ids=lambda message: message["type"],
)
def test_who_waits_can_do_nothing(message: dict[str, Any]) -> None:
    bench = door(ALWAYS)
    _, lena = bench.join(TEACHER, LENA)
    out = bench.room.handle(lena, message)
    assert errors(out) == ["waiting"] and len(out) == 1


def test_who_waits_hears_nothing_and_is_known_to_overseers_alone() -> None:
    bench = door(ALWAYS)
    teacher, looker = bench.join(TEACHER, LOOKER)
    bench.join(LENA)
    bench.say(teacher, "admit", person_id="lena")
    lena = bench.room.of_person("lena")
    assert lena is not None
    tom, out = bench.room.join(TOM)
    assert {step.participant_id for step in out if isinstance(step, Send)} == {tom.id, teacher.id, looker.id}
    assert "lobby" not in bench.room.welcome(lena) and "lobby" in bench.room.welcome(looker)
    talk: list[Outgoing] = bench.say(teacher, "chat", text="Welcome")
    talk += bench.say(teacher, "page", page=2)
    talk += bench.say(lena, "hand", raised=True)
    assert tom.id not in {step.participant_id for step in talk if isinstance(step, Send)}
    assert frames(bench.say(tom, "ping", at=1), tom, "pong")
    assert frames(bench.say(tom, "hello"), tom, "waiting")
    left = bench.say(tom, "leave")
    assert WaitEnded(tom.id, False) in left and Close(tom.id, 1000) in left
    assert not of(left, RoomEmptied) and not frames(left, kind="gone")


def test_staff_never_waits() -> None:
    bench = door(ALWAYS)
    for seat in (LOOKER, TEACHER):
        one, _ = bench.room.join(seat)
        assert bench.room.get(one.id) is one


def test_the_mode_changes_while_people_wait() -> None:
    bench = door(OFF)
    teacher, lena = bench.join(TEACHER, LENA)
    out = bench.say(teacher, "lobby", mode=ALWAYS)
    assert of(out, SaveLobby) == [SaveLobby(ALWAYS)] and bench.room.get(lena.id) is lena
    tom, _ = bench.room.join(TOM)
    assert bench.room.lobby.get(tom.id) is tom
    assert frames(bench.say(teacher, "lobby", mode=OFF), tom, "welcome")


def test_a_cut_line_is_no_reason_to_wait_again() -> None:
    bench = door(ALWAYS)
    teacher, lena = bench.join(TEACHER, LENA)
    bench.say(teacher, "admit", person_id="lena")
    bench.room.lobby.admitted.clear()
    bench.room.disconnected(lena.id)
    again, _ = bench.room.join(LENA, lena.id)
    assert again is lena
    tom, _ = bench.room.join(TOM)
    assert bench.room.disconnected(tom.id)[0] == WaitEnded(tom.id, False)
    assert len(bench.room.lobby) == 0


def test_a_seat_taken_away_and_the_end_reach_the_door() -> None:
    bench = door(ALWAYS)
    _, lena, tom = bench.join(TEACHER, LENA, TOM)
    out = bench.room.seats_changed({"teacher": TEACHER, "tom": TOM}, ["teacher", "lena", "tom"])
    assert of(out, Close) == [Close(lena.id, 4403)] and of(out, WaitEnded) == [WaitEnded(lena.id, False)]
    out = bench.room.finish("ended_by_instructor")
    assert frames(out, tom, "ended") and Close(tom.id, 1000) in out and WaitEnded(tom.id, False) in out
    assert bench.room.deserted


def test_who_was_taken_out_asks_to_come_back() -> None:
    bench = door(OFF)
    teacher, lena = bench.join(TEACHER, LENA)
    out = bench.say(teacher, "remove", person_id="lena")
    assert of(out, Audited) == [Audited("teacher", "remove", "lena")]
    assert frames(out, teacher, "lobby")[-1]["removed"][0]["name"] == "Lena Sommer"
    bench.at += timedelta(seconds=121)
    lena, out = bench.room.join(LENA)
    assert frames(out, lena, "waiting")[0]["by_hand"] is True
    assert frames(out, teacher, "lobby")[0]["waiting"][0]["removed"] is True
    assert not frames(bench.say(teacher, "admit", person_id="all"), lena), "not with the others"
    out = bench.say(teacher, "remove", person_id="lena")
    assert of(out, Close) == [Close(lena.id, 4410)], "also from the door"
    assert not errors(bench.say(teacher, "allow", person_id="lena"))
    lena, out = bench.room.join(LENA)
    assert frames(out, lena, "welcome")
    assert errors(bench.say(teacher, "allow", person_id="lena")) == ["not_found"]


def test_allowing_somebody_who_waits_lets_them_in() -> None:
    bench = door(OFF)
    teacher, _ = bench.join(TEACHER, LENA)
    bench.say(teacher, "remove", person_id="lena")
    bench.at += timedelta(seconds=121)
    lena, _ = bench.room.join(LENA)
    assert frames(bench.say(teacher, "allow", person_id="lena"), lena, "welcome")


def test_a_camera_and_a_screen_are_stopped_and_the_person_is_told() -> None:
    bench = door(OFF)
    teacher, lena, looker = bench.join(TEACHER, LENA, LOOKER)
    out = bench.say(teacher, "mute", person_id="lena", source="screen")
    assert of(out, MediaMute) == [MediaMute(lena.id, "screen"), MediaMute(lena.id, "screen_audio")]
    assert frames(out, lena, "muted") == [
        {"type": "muted", "source": "screen", "by": "teacher", "role": "instructor"}
    ]
    out = bench.say(looker, "mute", person_id="teacher", source="camera")
    assert frames(out, teacher, "muted")[0]["role"] == "observer"
    assert of(out, Audited) == [Audited("looker", "mute", "teacher", (("source", "camera"),))]


# Over real sockets, with real rows


def choose(school: School, mode: str) -> None:
    with school.app.store.write() as db:
        room = db.get_one(Room, school.session_id)
        room.settings = {**room.settings, "lobby": mode}
        db.add(room)


async def knock(house: House, person_id: str) -> Caller:
    """Ticket, socket, hello, and the page to wait on."""
    answer = (await house.ticket(house.school.login(person_id))).json()
    assert answer["waiting"] is True and answer["board"]["ticket"] == "" and answer["ice_servers"] == []
    caller = await house.dial(answer["ticket"])
    caller.answer = answer
    await caller.send("hello", version=1, resume=answer["resume"])
    await caller.next("waiting")
    return caller


def audited(school: School) -> list[tuple[str, str | None]]:
    rows: list[AuditEntry] = school.rows(
        lambda db: list(db.exec(select(AuditEntry).order_by(AuditEntry.at)))  # type: ignore[arg-type]
    )
    return [(row.action, row.person_id) for row in rows if row.action.startswith("room.")]


async def test_waiting_being_let_in_and_what_is_kept_of_it(house: House) -> None:
    school = house.school
    choose(school, ALWAYS)
    lena = school.lesson.students[0]
    sam = await knock(house, lena.id)
    await eventually(lambda: [one.role for one in school.intervals()] == ["waiting"])
    assert school.rows(lambda db: waiting.outside(db, school.session_id, lena.id)), "the board is shut"
    assert school.session_id not in school.media.rooms, "no media"
    teacher = await house.join(school.lesson.instructor.id)
    assert [one["name"] for one in teacher.welcome["lobby"]["waiting"]] == ["Sam Student0"]
    assert (await sam.next("waiting"))["instructor_here"] is True
    await sam.send("media", message={"type": "hello"})
    assert (await sam.next("error"))["kind"] == "waiting" and not school.media.signalled
    school.later(120)
    await teacher.send("admit", person_id=lena.id)
    welcome = await sam.next("welcome")
    assert {one["name"] for one in welcome["people"]} == {"Ines Instructor", "Sam Student0"}
    await eventually(lambda: len(school.media.rooms.get(school.session_id, {})) == 2)
    fresh = (await house.ticket(school.login(lena.id))).json()
    assert fresh["waiting"] is False and fresh["board"]["ticket"]
    await eventually(lambda: audited(school) == [("room.admit", lena.id)])
    assert not school.rows(lambda db: waiting.outside(db, school.session_id, lena.id))
    (waited,) = school.events("participant.waited")
    assert waited.payload == {"waited_s": 120, "reason": "admitted"}
    assert {one.role for one in school.intervals()} == {"waiting", "student", "instructor"}


async def test_the_instructors_arrival_opens_the_door(house: House) -> None:
    school = house.school
    choose(school, UNTIL_INSTRUCTOR)
    sam, tim = [await knock(house, one.id) for one in school.lesson.students]
    await house.join(school.lesson.instructor.id)
    await sam.next("welcome")
    await tim.next("welcome")
    assert audited(school) == []


async def test_a_removed_person_is_remembered_over_a_restart(school: School) -> None:
    sam_id = school.lesson.students[0].id
    async with serving(school) as house:
        teacher, sam, _ = await house.everybody()
        await teacher.send("remove", person_id=sam_id)
        assert await sam.closed() == 4410
        await eventually(lambda: audited(school) == [("room.remove", sam_id)])
        assert school.rows(lambda db: waiting.outside(db, school.session_id, sam_id)), "no board either"
    async with serving(school) as house:
        sam = await knock(house, sam_id)
        teacher = await house.join(school.lesson.instructor.id)
        assert teacher.welcome["lobby"]["removed"][0]["person_id"] == sam_id
        await teacher.send("allow", person_id=sam_id)
        await sam.next("welcome")


async def test_a_restart_ends_the_waiting_and_begins_it_again(school: School) -> None:
    choose(school, ALWAYS)
    sam_id = school.lesson.students[0].id
    async with serving(school) as house:
        await knock(house, sam_id)
        await eventually(lambda: len(school.intervals()) == 1)
    async with serving(school) as house:
        assert school.intervals()[0].end_reason in ("server_restart", "left")
        await knock(house, sam_id)


async def test_a_ticket_opens_one_socket(house: House) -> None:
    school = house.school
    answer = (await house.ticket(school.login(school.lesson.instructor.id))).json()
    first = await house.dial(answer["ticket"])
    await first.send("hello", version=1, resume="")
    await first.next("welcome")
    copy = await house.dial(answer["ticket"])
    assert await copy.closed() == 4401 and copy.seen[0]["kind"] == "ticket_used"
    await first.sync()
    forged = await house.dial(answer["ticket"][:-3] + "abc")
    assert await forged.closed() == 4401 and forged.seen[0]["kind"] == "ticket_invalid"


async def test_a_ticket_of_before_the_removal_opens_nothing(house: House) -> None:
    school = house.school
    teacher, _, _ = await house.everybody()
    sam_id = school.lesson.students[0].id
    spare = (await house.ticket(school.login(sam_id))).json()
    await teacher.send("remove", person_id=sam_id)
    await teacher.next("gone")
    caller = await house.dial(spare["ticket"])
    await caller.send("hello", version=1, resume=spare["resume"])
    assert await caller.closed() == 4410
    response: httpx.Response = await house.ticket(school.login(sam_id))
    assert response.status_code == 403


# Attendance

T0 = datetime(2026, 11, 23, 16, 0, tzinfo=UTC)
END = T0 + timedelta(hours=1)


def minutes(start: float, end: float) -> tuple[datetime, datetime]:
    return T0 + timedelta(minutes=start), T0 + timedelta(minutes=end)


def test_who_waited_came_in_time_and_was_not_in_the_lesson_meanwhile() -> None:
    settled = settle(
        [minutes(12, 60)], T0, END, END, grace_s=90, late_after_s=300, waited=[minutes(-2, 5), minutes(5, 12)]
    )
    assert settled.status == "present" and settled.joined_at == T0 - timedelta(minutes=2)
    assert settled.present_s == 48 * 60 and settled.intervals == 1


def test_who_came_went_and_came_late_is_late() -> None:
    settled = settle([minutes(30, 60)], T0, END, END, grace_s=90, late_after_s=300, waited=[minutes(0, 2)])
    assert settled.status == "late" and settled.joined_at == T0 + timedelta(minutes=30)


def test_who_was_never_let_in_is_seen_to_have_come() -> None:
    settled = settle([], T0, END, END, grace_s=90, late_after_s=300, waited=[minutes(1, 20)])
    assert (settled.status, settled.present_s, settled.joined_at) == ("absent", 0, T0 + timedelta(minutes=1))


async def test_attendance_takes_the_waiting_into_account(house: House) -> None:
    school = house.school
    choose(school, ALWAYS)
    sam_id = school.lesson.students[0].id
    school.later(300)
    sam = await knock(house, sam_id)
    await eventually(lambda: school.intervals())
    teacher = await house.join(school.lesson.instructor.id)
    school.later(600)
    await teacher.send("admit", person_id=sam_id)
    await sam.next("welcome")
    await eventually(lambda: len(school.intervals()) == 3 and school.events("session.started"))
    school.later(3_000)
    from core.access import viewer_for

    with school.app.store.read() as db:
        actor = viewer_for(db, school.lesson.instructor.id)
    assert actor is not None
    end_session(actor, school.session_id)
    with school.app.store.write() as db:
        finalize_attendance(db, school.session_id)
    row = school.rows(lambda db: db.get_one(Attendance, (school.session_id, sam_id)))
    assert row.status == "present" and 2_990 <= row.present_s <= 3_010
    seat = school.rows(lambda db: db.exec(select(Seat).where(Seat.person_id == sam_id)).one())
    assert row.joined_at == seat.starts_at
