"""The API for programs, before the lesson: requests for lessons and changes families ask for, on both databases."""

import asyncio
from collections.abc import Iterator
from datetime import date, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from core.domain import AuditEntry, AvailabilityHours, ChangeRequest, ClassSession, LessonRequest
from core.domain import Qualification as Qualified
from core.testing import seed
from tests.contract.test_api_v1 import Program, program
from tests.contract.world import World, world

pytestmark = pytest.mark.contract

WEEK = range(7)


@pytest.fixture(params=["sqlite", "postgresql"])
def academy(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """The instructor teaches the course from morning to evening, somebody else at night alone."""
    url = "" if request.param == "sqlite" else request.getfixturevalue("pg_url")
    with world(tmp_path, database_url=url) as made:
        with made.services.store.write() as db:
            other = seed.person(db, "Otto Other", "instructor")
            for who, hours in ((made.mine.instructor, (6, 20)), (other, (1, 3))):
                db.add(Qualified(instructor_id=who.id, course_id=made.mine.course.id))
                for day in WEEK:
                    db.add(
                        AvailabilityHours(
                            person_id=who.id,
                            weekday=day,
                            starts=time(hours[0]),
                            ends=time(hours[1]),
                            tz="UTC",
                        )
                    )
        yield made


def wish(academy: World, **more: Any) -> dict[str, Any]:
    """Three lessons in the afternoon, one a week, from next Monday on."""
    today = academy.services.clock.now().date()
    return {
        "student_id": academy.mine.students[0].id,
        "course_id": academy.mine.course.id,
        "windows": [{"weekday": day, "starts": "14:00", "ends": "18:00"} for day in WEEK],
        "tz": "UTC",
        "from_day": (today + timedelta(days=7 - today.weekday())).isoformat(),
        "lessons": 3,
        "note": "Rather early.",
        **more,
    }


def seen(item: dict[str, Any]) -> dict[str, str]:
    return {"if-match": f'"{item["version"]}"'}


async def asked(one: Program, **more: Any) -> dict[str, Any]:
    answer = await one.call("POST", "/requests", json=wish(one.academy, **more))
    assert answer.status_code == 201, answer.text
    return answer.json()


async def best(one: Program, request_id: str) -> dict[str, Any]:
    """What accepting the first proposal hands back."""
    found = (await one.call("GET", f"/requests/{request_id}/proposals")).json()["proposals"][0]
    return {"instructor_id": found["instructor_id"], "slots": found["slots"]}


def lessons(academy: World) -> int:
    with academy.services.store.read() as db:
        return len(db.exec(select(ClassSession).where(ClassSession.status == "scheduled")).all())


# Requests


async def test_a_request_is_made_once_read_and_answered_with_proposals_and_reasons(academy: World) -> None:
    one, key = program(academy), {"idempotency-key": "wish"}
    made = await one.call("POST", "/requests", json=wish(academy), headers=key)
    again = await one.call("POST", "/requests", json=wish(academy), headers=key)
    request = made.json()
    assert (made.status_code, made.headers["etag"], again.json()) == (201, '"1"', request)
    assert (request["status"], request["asked_by"], request["note"]) == (
        "open",
        academy.mine.coordinator.id,
        "Rather early.",
    )
    path = f"/requests/{request['id']}"
    assert (await one.call("GET", path)).json() == request
    found = (await one.call("GET", f"{path}/proposals")).json()
    assert (found["constraint"], found["version"]) == ("", 1)
    (proposal,) = found["proposals"]
    assert (proposal["rank"], proposal["instructor_id"]) == (1, academy.mine.instructor.id)
    assert len(proposal["starts"]) == 3 and proposal["met"]
    (left_out,) = found["left_out"]
    assert left_out["instructor_id"] != academy.mine.instructor.id and left_out["reasons"]


async def test_what_nobody_can_give_says_why(academy: World) -> None:
    one = program(academy)
    night = [{"weekday": 0, "starts": "22:00", "ends": "23:00"}]
    request = await asked(one, windows=night)
    found = (await one.call("GET", f"/requests/{request['id']}/proposals")).json()
    assert found["proposals"] == [] and len(found["left_out"]) == 2 and found["constraint"]


async def test_a_request_is_accepted_once_and_taken_back(academy: World) -> None:
    one, before, key = program(academy), lessons(academy), {"idempotency-key": "yes"}
    request = await asked(one)
    path, choice = f"/requests/{request['id']}", await best(one, request["id"])
    done = await one.call("POST", f"{path}/accept", json=choice, headers={**seen(request), **key})
    again = await one.call("POST", f"{path}/accept", json=choice, headers={**seen(request), **key})
    assert (done.status_code, again.json()) == (200, done.json()), done.text
    assert (done.headers["etag"], again.headers["idempotency-replayed"]) == ('"2"', "true")
    placed, (booked,) = done.json()["request"], done.json()["booked"]
    assert (placed["status"], placed["rule"], placed["series_ids"]) == ("placed", "", [booked["series_id"]])
    assert (len(booked["session_ids"]), booked["refused"], lessons(academy)) == (3, [], before + 3)
    late = await one.call("POST", f"{path}/accept", json=choice, headers=seen(placed))
    assert (late.status_code, late.json()["error"]) == (409, "conflict")

    stale = await one.call("POST", f"{path}/undo", headers=seen(request))
    assert stale.status_code == 409
    undone = await one.call("POST", f"{path}/undo", headers=seen(placed))
    assert (undone.json()["status"], undone.json()["series_ids"], lessons(academy)) == ("open", [], before)


async def test_programs_that_accept_at_once_book_once(academy: World) -> None:
    one, before = program(academy), lessons(academy)
    request = await asked(one)
    choice = await best(one, request["id"])
    answers = await asyncio.gather(
        *(
            one.call("POST", f"/requests/{request['id']}/accept", json=choice, headers=seen(request))
            for _ in range(5)
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409, 409]
    assert lessons(academy) == before + 3


async def test_a_request_is_rejected_with_a_reason_or_withdrawn(academy: World) -> None:
    one = program(academy)
    first, second = await asked(one), await asked(one, lessons=2)
    path = f"/requests/{first['id']}"
    for reason in ("", "  ", "x" * 501):
        answer = await one.call("POST", f"{path}/reject", json={"reason": reason}, headers=seen(first))
        assert answer.status_code == 422, reason
    rejected = await one.call("POST", f"{path}/reject", json={"reason": "Full."}, headers=seen(first))
    assert (rejected.json()["status"], rejected.json()["reason"], rejected.headers["etag"]) == (
        "rejected",
        "Full.",
        '"2"',
    )
    withdrawn = await one.call("POST", f"/requests/{second['id']}/withdraw", headers=seen(second))
    assert withdrawn.json()["status"] == "withdrawn"
    for step in ("withdraw", "undo"):
        answer = await one.call("POST", f"{path}/{step}", headers=seen(rejected.json()))
        assert answer.status_code == 409, step
    with academy.services.store.read() as db:
        done = db.exec(select(AuditEntry.action).where(AuditEntry.subject_id == first["id"])).all()
    assert sorted(done) == ["request.asked", "request.rejected"]


async def test_requests_come_in_pages_by_state_and_student(academy: World) -> None:
    one = program(academy)
    ids = {(await asked(one, lessons=number))["id"] for number in range(1, 6)}
    found: list[str] = []
    cursor, pages = "", 0
    while cursor is not None:
        params = {"status": "open", "limit": 2, "cursor": cursor}
        page = (await one.call("GET", "/requests", params=params)).json()
        found += [item["id"] for item in page["items"]]
        pages, cursor = pages + 1, page["next"]
    assert (pages, set(found), len(found)) == (3, ids, 5)
    none = await one.call("GET", "/requests", params={"status": "placed"})
    assert none.json() == {"items": [], "next": None}
    mine = {"student_id": academy.mine.students[0].id}
    assert len((await one.call("GET", "/requests", params=mine)).json()["items"]) == 5
    first = (await one.call("GET", "/requests", params={"limit": 1})).json()["next"]
    for params in ({"cursor": first, **mine}, {"cursor": "x"}, {"status": "lost"}, {"limit": 0}):
        assert (await one.call("GET", "/requests", params=params)).status_code == 422, params


@pytest.mark.parametrize(
    "broken",
    [
        {"tz": "Mars/Olympus"},
        {"windows": []},
        {"windows": [{"weekday": 7, "starts": "14:00", "ends": "18:00"}]},
        {"windows": [{"weekday": 1, "starts": "14:00Z", "ends": "18:00Z"}]},
        {"windows": [{"weekday": 1, "starts": "14:00:01", "ends": "18:00"}]},
        {"windows": [{"weekday": 1, "starts": "14:00", "ends": "14:10"}]},
        {"windows": [{"weekday": 1, "starts": "14:00", "ends": "18:00"}] * 29},
        {"per_week": 0},
        {"per_week": 8},
        {"length_min": 5},
        {"length_min": 10**9},
        {"from_day": "soon"},
        {"from_day": date.min.isoformat()},
        {"from_day": date.max.isoformat()},
        {"until_day": "2001-01-01"},
        {"lessons": 0},
        {"lessons": 10_000},
        {"course_id": "no"},
        {"instructor_id": "no"},
        {"note": "x" * 1_001},
        {"surprise": 1},
    ],
)
async def test_a_request_that_cannot_be_is_refused(academy: World, broken: dict[str, Any]) -> None:
    answer = await program(academy).call("POST", "/requests", json=wish(academy, **broken))
    assert answer.status_code == 422 and answer.json()["message"], answer.text
    with academy.services.store.read() as db:
        assert db.exec(select(LessonRequest)).all() == []


async def test_a_choice_that_cannot_be_books_nothing(academy: World) -> None:
    one, before = program(academy), lessons(academy)
    request = await asked(one)
    path, good = f"/requests/{request['id']}/accept", await best(one, request["id"])
    slot = good["slots"][0]
    for broken, status in (
        ({"slots": []}, 422),
        ({"slots": [slot, slot]}, 422),
        ({"slots": [{"weekday": 9, "at": "14:00"}]}, 422),
        ({"slots": [{"weekday": 1, "at": "14:00+02:00"}]}, 422),
        ({"slots": [{"weekday": 1, "at": "23:00"}]}, 409),
        ({"instructor_id": academy.theirs.instructor.id}, 409),
    ):
        answer = await one.call("POST", path, json={**good, **broken}, headers=seen(request))
        assert answer.status_code == status, (broken, answer.text)
    unseen = await one.call("POST", path, json=good)
    assert (unseen.status_code, unseen.json()["field"]) == (422, "If-Match")
    assert lessons(academy) == before
    for method, rest in (("GET", ""), ("GET", "/proposals"), ("POST", "/withdraw"), ("POST", "/undo")):
        answer = await one.call(method, f"/requests/none{rest}", headers={"if-match": '"1"'})
        assert answer.status_code == 404, rest
    stranger = await one.call("POST", "/requests", json=wish(academy, student_id=academy.mine.instructor.id))
    assert stranger.status_code == 404


# Changes


def wished(academy: World, kind: str = "cancel", in_days: float = 0) -> str:
    """A change of the lesson, asked for by its family."""
    one = academy.mine
    start = academy.services.clock.now() + timedelta(days=in_days)
    with academy.services.store.write() as db:
        lesson = db.get_one(ClassSession, one.session.id)
        row = ChangeRequest(
            session_id=lesson.id,
            session_version=lesson.version,
            kind=kind,
            starts_at=start if kind == "move" else None,
            ends_at=start + (lesson.ends_at - lesson.starts_at) if kind == "move" else None,
            asked_by=one.guardians[0].id,
            asked_at=academy.services.clock.now(),
            student_id=one.students[0].id,
            why="A fever.",
            rule="late_notice",
        )
        db.add(row)
        return row.id


async def test_a_change_is_read_and_approved_once(academy: World) -> None:
    one, change_id = program(academy), wished(academy, "move", in_days=2)
    path = f"/changes/{change_id}"
    change = (await one.call("GET", path)).json()
    assert (change["status"], change["why"], change["session_id"]) == (
        "open",
        "A fever.",
        academy.mine.session.id,
    )
    for _ in range(2):
        done = await one.call(
            "POST", f"{path}/approve", json={}, headers={**seen(change), "idempotency-key": "yes"}
        )
        assert (done.status_code, done.json()["status"], done.headers["etag"]) == (200, "granted", '"2"')
    moved = (await one.call("GET", f"/sessions/{change['session_id']}")).json()
    assert moved["starts_at"] == change["starts_at"]
    late = await one.call("POST", f"{path}/decline", json={"answer": "No."}, headers=seen(done.json()))
    assert (late.status_code, late.json()["error"]) == (409, "conflict")


async def test_a_declined_change_says_why_and_leaves_the_lesson(academy: World) -> None:
    one, change_id = program(academy), wished(academy)
    path = f"/changes/{change_id}"
    change = (await one.call("GET", path)).json()
    before = (await one.call("GET", f"/sessions/{change['session_id']}")).json()
    for body in ({}, {"answer": ""}, {"answer": "x" * 501}, {"answer": "No.", "surprise": 1}):
        refused = await one.call("POST", f"{path}/decline", json=body, headers=seen(change))
        assert refused.status_code == 422, body
    declined = await one.call("POST", f"{path}/decline", json={"answer": "Too late."}, headers=seen(change))
    assert (declined.json()["status"], declined.json()["answer"]) == ("refused", "Too late.")
    assert (await one.call("GET", f"/sessions/{change['session_id']}")).json() == before


async def test_a_change_of_a_lesson_that_changed_since_is_not_approved(academy: World) -> None:
    one, change_id = program(academy), wished(academy)
    with academy.services.store.write() as db:
        lesson = db.get_one(ClassSession, academy.mine.session.id)
        lesson.version += 1
        db.add(lesson)
    path = f"/changes/{change_id}"
    change = (await one.call("GET", path)).json()
    answer = await one.call("POST", f"{path}/approve", json={}, headers=seen(change))
    assert answer.status_code == 409 and "has changed since" in answer.json()["message"]
    assert (await one.call("GET", path)).json() == change


async def test_changes_come_in_pages_by_state_and_lesson(academy: World) -> None:
    one, ids = program(academy), {wished(academy) for _ in range(3)}
    first = (await one.call("GET", "/changes", params={"status": "open", "limit": 2})).json()
    params = {"status": "open", "limit": 2, "cursor": first["next"]}
    rest = (await one.call("GET", "/changes", params=params)).json()
    assert {item["id"] for item in first["items"] + rest["items"]} == ids and rest["next"] is None
    other = {"session_id": academy.theirs.session.id}
    assert (await one.call("GET", "/changes", params=other)).json()["items"] == []
    for params in ({"cursor": first["next"]}, {"status": "lost"}):
        assert (await one.call("GET", "/changes", params=params)).status_code == 422
    for method, path in (("GET", ""), ("POST", "/approve"), ("POST", "/decline")):
        answer = await one.call(
            method, f"/changes/none{path}", json={"answer": "No."}, headers={"if-match": '"1"'}
        )
        assert answer.status_code == 404, path


@pytest.mark.parametrize("area", ["requests", "changes"])
async def test_a_scope_opens_reading_or_writing_alone(academy: World, area: str) -> None:
    reader, writer = program(academy, f"{area}:read"), program(academy, f"{area}:write")
    assert (await reader.call("GET", f"/{area}")).status_code == 200
    assert (await writer.call("GET", f"/{area}")).status_code == 403
    path, body = ("/requests", wish(academy)) if area == "requests" else ("/changes/none/approve", {})
    refused = await reader.call("POST", path, json=body)
    assert refused.status_code == 403 and "scope" in refused.json()["message"]


async def test_the_description_says_what_each_step_is_for(academy: World) -> None:
    async with academy.client() as client:
        paths = (await client.get("/api/v1/openapi.json")).json()["paths"]
    steps = [step for path, step in paths.items() if path.startswith(("/api/v1/requests", "/api/v1/changes"))]
    assert len(steps) == 12
    for step in steps:
        for method, one in step.items():
            assert one["description"] and {"401", "403", "409", "422"} <= set(one["responses"])
            keys = [given["name"] for given in one.get("parameters", ())]
            assert ("Idempotency-Key" in keys) is (method == "post")
