"""The room over real sockets: a real server, real rows, a fake media node."""

import asyncio
import json
import logging
import time
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlmodel import col, select

from core.access import Viewer, viewer_for
from core.delivery import emit
from core.domain import ClassSession, Consent, EngagementSignal, ExceptionCase, JoinLink, Seat
from core.errors import NotAllowed
from core.events import ConsentChanged
from core.internal import sign_internal
from core.lifecycle.end import end_session
from core.ports import MediaEvent
from plugins.classroom import service
from plugins.classroom.models import ChatMessage, LineQuality, PollAnswerRow
from plugins.classroom.quality import of_lesson
from plugins.classroom.tests.conftest import Caller, House, School, eventually, serving

pytestmark = pytest.mark.unit


async def start(house: House) -> tuple[Caller, Caller, Caller]:
    """Everybody is in and the lesson is live."""
    people = await house.everybody()
    await eventually(lambda: status(house.school) == "live")
    return people


def status(school: School) -> str:
    return school.rows(lambda db: db.get_one(ClassSession, school.session_id).status)


async def test_ticket_tells_all_the_room_needs(house: House) -> None:
    lesson = house.school.lesson
    response = await house.ticket(house.school.login(lesson.instructor.id))
    answer = response.json()
    assert response.status_code == 200 and response.headers["cache-control"] == "no-store"
    assert answer["me"]["role"] == "instructor" and answer["rights"]["moderate"] is True
    assert answer["session"]["title"] == "Fractions" and answer["ws_path"] == "/ws/room"
    assert answer["consent"] == {"transcription": False, "recording": False}
    assert answer["resume"] == "" and answer["captions"]["engine"] == ""
    student = (await house.ticket(house.school.login(lesson.students[0].id))).json()
    assert student["rights"]["moderate"] is False and student["board"]["path"].endswith(lesson.session.id)
    claims = house.school.app.tickets.verify("board", student["board"]["ticket"])
    assert claims == {
        "session_id": lesson.session.id,
        "person_id": lesson.students[0].id,
        "role": "student",
        "draw": True,
    }


async def test_refused_tickets_say_why(house: House) -> None:
    school = house.school
    lesson = school.lesson
    assert (await house.ticket({})).status_code == 401
    guardian = await house.ticket(school.login(lesson.guardians[0].id))
    assert guardian.status_code == 403 and guardian.json()["session"] is None
    assert guardian.json()["error"]["code"] == "not_allowed"
    assert (await house.ticket(school.login(lesson.instructor.id), "nothing")).status_code == 404
    school.later(-7_200)
    early = await house.ticket(school.login(lesson.students[0].id))
    assert early.status_code == 409 and early.json()["error"]["code"] == "session_not_open"
    assert early.json()["session"]["status"] == "scheduled"
    opens_at = lesson.session.starts_at - timedelta(seconds=school.app.settings.open_before_s)
    assert early.json()["opens_at"] == opens_at.isoformat().replace("+00:00", "Z")


async def test_a_coordinator_looks_in_as_observer(house: House) -> None:
    teacher, student, _ = await start(house)
    looker = await house.join(house.school.lesson.coordinator.id)
    assert looker.answer["me"]["role"] == "observer" and looker.answer["rights"]["publish"] == []
    shown = await teacher.next("person")
    while shown["person"]["role"] != "observer":
        shown = await teacher.next("person")
    assert "observer" not in [
        frame["person"]["role"] for frame in await student.sync() if frame["type"] == "person"
    ]
    assert len(house.school.intervals()) == 3


async def test_join_starts_the_lesson_and_chat_is_private(house: House) -> None:
    teacher, sam, tim = await start(house)
    assert (await teacher.next("session"))["session"]["status"] == "live"
    names = {one["name"] for one in tim.welcome["people"]}
    assert names == {"Ines Instructor", "Sam Student0", "Sam Student1"}
    ids = {one.answer["me"]["name"]: one.answer["me"]["person_id"] for one in (teacher, sam, tim)}
    await sam.send("chat", text="I am lost", to=ids["Ines Instructor"])
    assert (await teacher.next("chat"))["text"] == "I am lost"
    await teacher.send("chat", text="Look at the board")
    assert (await tim.next("chat"))["text"] == "Look at the board"
    assert "I am lost" not in [frame.get("text") for frame in tim.seen]
    await eventually(lambda: house.school.rows(lambda db: len(db.exec(select(ChatMessage)).all())) == 2)


async def test_poll_answers_become_rows_events_and_engagement(house: House) -> None:
    teacher, sam, tim = await start(house)
    await teacher.send("poll.open", question="1/2+1/4?", options=["3/4", "2/6"], right=0, kind="check")
    poll_id = (await sam.next("poll"))["poll"]["id"]
    await sam.send("poll.answer", poll_id=poll_id, option=0)
    assert (await sam.next("poll"))["poll"]["mine"] == 0
    answered = await teacher.next("poll")
    while not answered["poll"]["answered"]:
        answered = await teacher.next("poll")
    assert answered["poll"]["counts"] == [1, 0]
    frame = await tim.next("poll")
    assert frame["poll"]["right"] is None and frame["poll"]["counts"] is None
    school = house.school
    await eventually(lambda: school.events("poll.answered"))
    assert school.events("poll.answered")[0].payload["right"] is True
    assert school.rows(lambda db: db.exec(select(PollAnswerRow)).one().correct) is True
    await sam.send("react", reaction="clap")
    person_id = sam.answer["me"]["person_id"]
    await eventually(
        lambda: school.rows(lambda db: db.get(EngagementSignal, (school.session_id, person_id, "reactions")))
    )


async def test_answers_become_engagement_once_however_often_it_runs(house: House) -> None:
    teacher, sam, _ = await start(house)
    school = house.school
    for right in (0, 1):
        await teacher.send("poll.open", question="?", options=["a", "b"], right=right, kind="check")
        poll_id = (await sam.next("poll"))["poll"]["id"]
        await sam.send("poll.answer", poll_id=poll_id, option=0)
        await sam.next("poll")
    await eventually(lambda: school.rows(lambda db: len(db.exec(select(PollAnswerRow)).all())) == 2)
    person_id = sam.answer["me"]["person_id"]
    for _ in range(2):
        with school.app.store.write() as db:
            assert service.store_answer_totals(db, school.session_id, [person_id]) == {person_id: 2}

    def value(signal: str) -> float:
        return school.rows(
            lambda db: db.get_one(EngagementSignal, (school.session_id, person_id, signal)).value
        )

    assert (value("answers"), value("answers_right")) == (2, 1)


async def test_a_cut_line_keeps_the_seat_and_one_presence_interval(house: House) -> None:
    teacher, sam, _ = await start(house)
    person_id, participant_id = sam.answer["me"]["person_id"], sam.welcome["participant_id"]
    sam.socket.transport.abort()
    frame = await teacher.next("person")
    while frame["person"]["connection"] != "lost":
        frame = await teacher.next("person")
    again = await house.join(person_id)
    assert again.answer["resume"] and again.welcome["participant_id"] == participant_id
    assert len([one for one in house.school.intervals() if one.person_id == person_id]) == 1
    again.socket.transport.abort()
    await asyncio.sleep(0.1)
    token = again.welcome["resume"]
    third = await house.join(person_id, resume=token)
    assert third.welcome["participant_id"] == participant_id
    third.socket.transport.abort()
    while frame["type"] != "gone":
        await asyncio.sleep(0.05)
        house.school.later(45)
        frame = next((one for one in await teacher.sync() if one["type"] == "gone"), frame)
    assert frame["reason"] == "lost"
    await eventually(lambda: house.school.events("participant.left"))
    interval = next(one for one in house.school.intervals() if one.person_id == person_id)
    assert interval.end_reason == "lost"


async def test_somebody_elses_resume_token_opens_nothing(house: House) -> None:
    _, sam, tim = await start(house)
    sam.socket.transport.abort()
    other = await house.join(tim.answer["me"]["person_id"], resume=sam.welcome["resume"])
    assert other.welcome["participant_id"] not in (
        sam.welcome["participant_id"],
        tim.welcome["participant_id"],
    )
    assert await tim.closed() == 4409


async def test_the_newer_socket_of_a_person_wins(house: House) -> None:
    _, sam, _ = await start(house)
    person_id = sam.answer["me"]["person_id"]
    newer = await house.join(person_id)
    assert await sam.closed() == 4409
    assert newer.welcome["participant_id"] != sam.welcome["participant_id"]
    await newer.send("chat", text="still here")
    await newer.next("chat")


async def test_a_revoked_link_and_a_closed_seat_end_the_socket(house: House) -> None:
    school = house.school
    sam, tim = school.lesson.students
    cookie, link = school.seat_cookie(sam.id)
    by_link = await house.join(sam.id, cookie=cookie)
    signed_in = await house.join(tim.id)
    with school.app.store.write() as db:
        row = db.get_one(JoinLink, link)
        row.revoked_at = school.app.clock.now()
        db.add(row)
    assert await by_link.closed() == 4403
    assert (await house.ticket(cookie)).status_code in (401, 403)
    with school.app.store.write() as db:
        seat = db.exec(select(Seat).where(Seat.person_id == tim.id)).one()
        seat.active = False
        db.add(seat)
    assert await signed_in.closed() == 4403


async def test_the_bus_revokes_at_once(school: School) -> None:
    async with serving(school, recheck_s=60) as house:
        sam = await house.join(school.lesson.students[0].id)
        await school.app.bus.publish(
            "seat.revoked", {"session_id": school.session_id, "person_id": sam.answer["me"]["person_id"]}
        )
        assert await sam.closed() == 4403


async def test_a_removed_person_is_out_and_stays_out_for_a_while(house: House) -> None:
    teacher, sam, _ = await start(house)
    person_id = sam.answer["me"]["person_id"]
    await teacher.send("remove", person_id=person_id)
    assert await sam.closed() == 4410
    refused = await house.ticket(house.school.login(person_id))
    assert refused.status_code == 403 and "asked you to leave" in refused.json()["error"]["message"]
    house.school.later(130)
    answer = (await house.ticket(house.school.login(person_id))).json()
    again = await house.dial(answer["ticket"])
    await again.send("hello", version=1, resume="")
    assert (await again.next("waiting"))["by_hand"] is True, "and comes back only when let in"
    await teacher.send("admit", person_id=person_id)
    await again.next("welcome")


async def test_the_instructor_ends_the_lesson_for_all(house: House) -> None:
    teacher, sam, tim = await start(house)
    await teacher.send("end")
    for one in (teacher, sam, tim):
        assert await one.closed() == 1000
        assert one.seen[-1] == {"type": "ended", "reason": "ended_by_instructor"}
    assert status(house.school) == "ended"
    assert {one.end_reason for one in house.school.intervals()} == {"session_ended"}
    late = await house.ticket(house.school.login(house.school.lesson.students[0].id))
    assert late.status_code == 409 and late.json()["session"]["status"] == "ended"
    assert house.school.session_id not in house.school.media.rooms


async def test_a_lesson_ended_elsewhere_ends_here(house: House) -> None:
    teacher, *_ = await start(house)

    def end_it() -> None:
        with house.school.app.store.read() as db:
            coordinator = viewer_for(db, house.school.lesson.coordinator.id)
        assert coordinator is not None
        end_session(coordinator, house.school.session_id)

    await asyncio.to_thread(end_it)
    assert await teacher.closed() == 1000


async def test_the_instructor_makes_the_lesson_longer(house: House) -> None:
    teacher, sam, _ = await start(house)
    planned = house.school.lesson.session.ends_at
    await teacher.send("extend", minutes=10)
    frame = await sam.next("session")
    wanted = (planned + timedelta(minutes=10)).isoformat().replace("+00:00", "Z")
    while frame["session"]["ends_at"] != wanted:
        frame = await sam.next("session")
    seats = house.school.rows(lambda db: db.exec(select(Seat)).all())
    assert {seat.ends_at for seat in seats} == {planned + timedelta(minutes=10)}


async def test_ending_before_the_start_is_a_sentence(house: House) -> None:
    teacher = await house.join(house.school.lesson.instructor.id)
    await teacher.send("end")
    assert (await teacher.next("error"))["message"] == "This lesson has not started."


async def test_leaving_empties_the_room(house: House) -> None:
    people = await start(house)
    for one in people:
        await one.send("leave")
        assert await one.closed() == 1000
    await eventually(lambda: len(house.school.events("participant.left")) == 3)
    assert {one.end_reason for one in house.school.intervals()} == {"left"}
    await eventually(lambda: house.hub.stats()["connections"] == 0)


async def test_media_goes_both_ways_and_mute_is_the_servers(house: House) -> None:
    teacher, sam, _ = await start(house)
    media, session_id = house.school.media, house.school.session_id
    sam_id = sam.welcome["participant_id"]
    media.answers = [{"type": "answer", "seq": 1}]
    await sam.send("media", message={"type": "offer", "seq": 1, "sdp": "v=0"})
    assert (await sam.next("media"))["message"] == {"type": "answer", "seq": 1}
    assert media.signalled == [(session_id, sam_id, {"type": "offer", "seq": 1, "sdp": "v=0"})]
    assert media.rooms[session_id][sam_id].publish and not media.rooms[session_id][sam_id].agents_allowed
    media.report(MediaEvent("published", session_id, sam_id, {"source": "microphone"}))
    frame = await teacher.next("person")
    while not frame["person"]["microphone"]:
        frame = await teacher.next("person")
    await teacher.send("mute", person_id="all", source="microphone")
    assert (await sam.next("muted"))["source"] == "microphone"
    await eventually(lambda: media.muted.get((session_id, sam_id, "microphone")))
    media.rooms[session_id].pop(sam_id)
    await sam.send("media", message={"type": "offer", "seq": 2})
    refused = (await sam.next("media"))["message"]
    assert (refused["type"], refused["re"], refused["seq"]) == ("error", "offer", 2)
    media.report(MediaEvent("node_lost", ""))
    assert (await teacher.next("quality"))["sentence"] == "media_lost"
    media.report(MediaEvent("node_back", ""))
    await eventually(lambda: sam_id in media.rooms[session_id])


async def jobs(house: House, key: bytes | None = None) -> httpx.Response:
    at = int(time.time())
    key = key or house.school.app.settings.derived_key("internal")
    headers = {"x-hilink-time": str(at), "x-hilink-signature": sign_internal(key, at, b"")}
    async with httpx.AsyncClient(base_url=house.base, headers=headers, trust_env=False) as client:
        return await client.get("/internal/v1/agent-jobs", params={"agent": "transcription"})


async def test_an_agent_hears_of_consenting_people_only(house: House) -> None:
    school = house.school
    sam_id, tim_id = (one.id for one in school.lesson.students)
    school.consent(sam_id)
    assert (await jobs(house, b"wrong key")).status_code == 403
    assert (await jobs(house)).json() == {"jobs": []}
    teacher, sam, tim = await start(house)
    (job,) = (await jobs(house)).json()["jobs"]
    assert job["session_id"] == school.session_id and job["joined"] is False and job["started_at"]
    agent = await house.dial(job["ticket"])
    await agent.send("hello", version=1)
    welcome = await agent.next("welcome")
    assert [one["person_id"] for one in welcome["people"]] == [sam_id]
    rights = school.media.rooms[school.session_id]
    assert rights[welcome["participant_id"]].agent and rights[welcome["participant_id"]].publish == ()
    assert rights[sam.welcome["participant_id"]].agents_allowed
    assert not rights[tim.welcome["participant_id"]].agents_allowed
    assert (await jobs(house)).json()["jobs"][0]["joined"] is True

    caption: dict[str, Any] = {"text": "three quarters", "final": True, "started_ms": 0, "ended_ms": 900}
    await agent.send("caption", person_id=sam_id, **caption)
    assert (await teacher.next("caption"))["name"] == "Sam Student0"
    await agent.send("caption", person_id=tim_id, **caption)
    assert (await agent.next("error"))["kind"] == "not_allowed"
    await tim.send("chat", text="secret")
    await teacher.next("chat")
    assert "chat" not in [frame["type"] for frame in await agent.sync()]

    def withdraw() -> None:
        with school.app.store.write() as db:
            row = db.exec(select(Consent).where(Consent.person_id == sam_id)).one()
            row.withdrawn_at = school.app.clock.now()
            db.add(row)
            emit(db, ConsentChanged(person_id=sam_id, purpose="transcription", given=False))

    await asyncio.to_thread(withdraw)
    assert (await agent.next("gone"))["person_id"] == sam_id
    await eventually(lambda: not rights[sam.welcome["participant_id"]].agents_allowed)
    assert len(school.intervals()) == 3, "agents are no attendance"
    assert "agent" not in json.dumps(teacher.welcome["people"])


async def test_a_restart_brings_everything_back(school: School) -> None:
    async with serving(school) as house:
        teacher, sam, tim = await start(house)
        await teacher.send("page", page=4)
        await teacher.send("poll.open", question="Clear?", options=["yes", "no"])
        poll_id = (await sam.next("poll"))["poll"]["id"]
        await sam.send("poll.answer", poll_id=poll_id, option=1)
        await sam.send("chat", text="before the restart")
        await sam.next("chat")
        person_id, participant_id = sam.answer["me"]["person_id"], sam.welcome["participant_id"]
        old = sam.welcome["resume"]
    assert await tim.closed() == 1012
    assert all(one.ended_at is None for one in school.intervals())
    async with serving(school) as house:
        again = await house.join(person_id, resume=old)
        welcome = again.welcome
        assert welcome["participant_id"] == participant_id and welcome["page"] == 4
        assert [line["text"] for line in welcome["chat"]] == ["before the restart"]
        assert welcome["polls"][0]["mine"] == 1 and welcome["polls"][0]["question"] == "Clear?"
        by_ticket = await house.ticket(school.login(tim.answer["me"]["person_id"]))
        assert by_ticket.json()["resume"]
        assert [one.ended_at for one in school.intervals() if one.person_id == person_id] == [None]


async def test_who_does_not_come_back_after_a_restart_is_closed(tmp_path: Any, school: School) -> None:
    async with serving(school) as house:
        await start(house)
    object.__setattr__(school.app.settings, "rejoin_grace_s", 0.3)
    async with serving(school) as house:
        sam = await house.join(school.lesson.students[0].id)
        await eventually(lambda: len(school.events("participant.left")) == 2)
        reasons = {one.person_id: one.end_reason for one in school.intervals()}
        assert reasons.pop(sam.answer["me"]["person_id"]) == ""
        assert set(reasons.values()) == {"server_restart"}


@pytest.mark.parametrize("ticket", ["", "nonsense", "a.b.c"])
async def test_bad_tickets_are_closed_with_4401(house: House, ticket: str) -> None:
    assert await (await house.dial(ticket)).closed() == 4401


async def test_a_board_ticket_is_no_room_ticket(house: House) -> None:
    answer = (await house.ticket(house.school.login(house.school.lesson.instructor.id))).json()
    assert await (await house.dial(answer["board"]["ticket"])).closed() == 4401


async def test_another_sites_page_gets_no_socket(house: House) -> None:
    answer = (await house.ticket(house.school.login(house.school.lesson.instructor.id))).json()
    with pytest.raises(Exception, match="403"):
        await house.dial(answer["ticket"], Origin="https://evil.example")


@pytest.mark.parametrize(
    "first", ["", "[]", '{"type": "chat", "text": "hi"}', '{"type": "hello", "version": 2}']
)
async def test_a_socket_begins_with_hello(house: House, first: str) -> None:
    answer = (await house.ticket(house.school.login(house.school.lesson.instructor.id))).json()
    caller = await house.dial(answer["ticket"])
    await caller.socket.send(first)
    assert await caller.closed() == 4401
    assert caller.types() == ["error"] and house.school.intervals() == []


async def test_a_silent_socket_is_closed(school: School) -> None:
    async with serving(school, hello_s=0.2) as house:
        answer = (await house.ticket(school.login(school.lesson.instructor.id))).json()
        assert await (await house.dial(answer["ticket"])).closed() == 4401


async def test_nonsense_gets_errors_and_nothing_is_logged_as_one(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    teacher, sam, _ = await start(house)
    for frame in (
        "",
        "{",
        "[1]",
        '{"type": 5}',
        '{"type": "chat"}',
        '{"type": "own.the.room"}',
        "\ud7ff" * 10,
    ):
        await sam.socket.send(frame)
        assert (await sam.next("error"))["kind"] in ("malformed", "unknown")
    await sam.socket.send(b"\x00\x01")
    assert (await sam.next("error"))["kind"] == "malformed"
    await sam.send("chat", text="fine", name="Ines Instructor", role="instructor")
    assert (await teacher.next("chat"))["name"] == "Sam Student0"
    await sam.socket.send(json.dumps({"type": "chat", "text": "x" * 70_000}))
    assert await sam.closed() == 1009
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


async def test_a_flood_is_warned_then_ended_and_others_are_fine(school: School) -> None:
    async with serving(school, messages_per_s=5, message_burst=10, max_refused=20) as house:
        teacher, sam, _ = await start(house)
        for _ in range(60):
            try:
                await sam.send("react", reaction="clap")
            except Exception:
                break
        assert await sam.closed() == 4429
        assert [frame["kind"] for frame in sam.seen if frame["type"] == "error"] == ["too_many"]
        await teacher.send("chat", text="calm")
        await teacher.next("chat")
        assert len([frame for frame in teacher.seen if frame["type"] == "react"]) <= 20


async def test_export_and_erase_reach_chat_and_answers(house: House) -> None:
    teacher, sam, _ = await start(house)
    school = house.school
    await teacher.send("poll.open", question="Clear?", options=["yes", "no"])
    poll_id = (await sam.next("poll"))["poll"]["id"]
    await sam.send("poll.answer", poll_id=poll_id, option=1)
    await sam.send("chat", text="my words")
    await eventually(lambda: school.rows(lambda db: db.exec(select(ChatMessage)).all()))
    person_id = sam.answer["me"]["person_id"]
    await eventually(lambda: school.rows(lambda db: db.exec(select(PollAnswerRow)).all()))
    (found,) = school.rows(
        lambda db: school.app.plugins.call_one("classroom", "export_person", db=db, person_id=person_id)
    )
    assert found["chat"][0]["text"] == "my words" and found["answers"][0]["answer"] == "no"
    with school.app.store.write() as db:
        school.app.plugins.call_one("classroom", "erase_person", db=db, person_id=person_id)
    assert (
        school.rows(
            lambda db: db.exec(select(ChatMessage).where(col(ChatMessage.person_id) == person_id)).all()
        )
        == []
    )
    assert school.rows(lambda db: db.exec(select(PollAnswerRow)).all()) == []


async def test_recording_goes_to_the_node_and_a_failure_comes_back(house: House) -> None:
    school = house.school
    sam_id = school.lesson.students[0].id
    teacher, sam, _ = await start(house)
    media, session_id = school.media, school.session_id
    await sam.send("record", on=True)
    assert (await sam.next("error"))["kind"] == "not_allowed"
    await teacher.send("record", on=True)
    assert (await teacher.next("recording"))["on"] and (await sam.next("recording"))["on"]
    await eventually(lambda: media.recordings.get(session_id))
    recording_id = media.recordings[session_id]
    participant_id = sam.welcome["participant_id"]
    assert media.rooms[session_id][participant_id].recording_allowed is False
    with school.app.store.write() as db:
        now = school.app.clock.now()
        db.add(Consent(person_id=sam_id, purpose="recording", given_by=sam_id, given_at=now))
        emit(db, ConsentChanged(person_id=sam_id, purpose="recording", given=True))
    await eventually(lambda: media.rooms[session_id][participant_id].recording_allowed)
    data = {"recording_id": recording_id, "set_id": "", "state": "failed", "reason": "disk_full"}
    media.report(MediaEvent("recording", session_id, "", data))
    assert (await teacher.next("error"))["kind"] == "recording_failed"
    await eventually(lambda: media.recordings[session_id] is None)
    with school.app.store.read() as db:
        (case,) = db.exec(select(ExceptionCase).where(ExceptionCase.kind == "recording_failed")).all()
        assert case.session_id == session_id
    await teacher.send("record", on=True)
    await eventually(lambda: media.recordings[session_id] not in (None, recording_id))
    await teacher.send("record", on=False)
    await eventually(lambda: media.recordings[session_id] is None)


async def test_how_the_line_was_is_kept_with_the_lesson_and_said_in_words(house: House) -> None:
    teacher, sam, _ = await start(house)
    school, media, session_id = house.school, house.school.media, house.school.session_id
    sam_id = sam.welcome["participant_id"]
    paused = {"participant_id": teacher.welcome["participant_id"], "source": "camera", "layer": None}
    for _ in range(4):
        data = {
            "tracks": [{**paused, "reason": "bandwidth"}],
            "loss": 0.2,
            "rtt_ms": 90,
            "uplink_bps": 300_000,
        }
        media.report(MediaEvent("quality", session_id, sam_id, data))
        media.report(MediaEvent("message", session_id, sam_id, {"type": "heard"}))
        await sam.next("media")
        school.later(5)
    await sam.send("stats", seconds=10, freezes=3, frozen_s=4.5, down_bps=120_000, concealed=0.01)
    await sam.send("stats", seconds=10, freezes="many")
    assert (await sam.next("error"))["of"] == "stats"
    await sam.send("leave")
    await sam.closed()
    await eventually(lambda: school.rows(lambda db: db.exec(select(LineQuality)).all()))
    rows = school.rows(lambda db: db.exec(select(LineQuality)).all())
    assert {row.person_id for row in rows} == {school.lesson.students[0].id}
    assert sum(row.freezes for row in rows) == 3 and sum(row.paused_s for row in rows) == 15
    coordinator = Viewer("coordinator", "Cora", ("coordinator",))
    (line,) = of_lesson(coordinator, session_id)
    assert "picture paused, sound went on" in line.finding and len(line.minutes) == len(rows)
    with pytest.raises(NotAllowed):
        of_lesson(Viewer(school.lesson.instructor.id, "Ada", ("instructor",)), session_id)
    given = school.rows(lambda db: service.export_person(db, school.lesson.students[0].id))["line"]
    assert len(given) == len(rows) and "person_id" not in given[0]
    with school.app.store.write() as db:
        service.erase_person(db, school.lesson.students[0].id)
        assert db.exec(select(LineQuality)).all() == []
