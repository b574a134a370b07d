"""The API for programs: tokens and scopes, what a version, a key and a cursor are for, on both databases."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import time, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlmodel import select

from core.access import SCOPES
from core.domain import (
    ApiToken,
    AuditEntry,
    AvailabilityHours,
    ClassSession,
    IdempotencyKey,
    PersonRole,
    Qualification,
)
from core.errors import InvalidInput, NotAllowed
from core.lifecycle import idempotency, retention, substitutes, tokens
from core.queries.tokens import tokens as list_tokens
from core.testing import seed
from tests.contract.world import World, world

pytestmark = pytest.mark.contract

FOREVER = 365


@pytest.fixture(params=["sqlite", "postgresql"])
def academy(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    url = "" if request.param == "sqlite" else request.getfixturevalue("pg_url")
    with world(tmp_path, database_url=url) as made:
        with made.services.store.write() as db:
            db.add(Qualification(instructor_id=made.mine.instructor.id, course_id=made.mine.course.id))
        yield made


@dataclass
class Program:
    """A client with a token; what it asks for is in the answers."""

    academy: World
    token: str
    headers: dict[str, str] = field(default_factory=dict[str, str])

    async def call(self, method: str, path: str, **more: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {self.token}", **more.pop("headers", {})}
        async with self.academy.client() as client:
            return await client.request(method, f"/api/v1{path}", headers=headers, **more)


def program(academy: World, *scopes: str) -> Program:
    maker = academy.viewer("coordinator")
    assert maker is not None
    return Program(academy, tokens.create_token(maker, "Test", scopes or tuple(SCOPES), FOREVER).token)


def lesson(academy: World, in_days: float = 3) -> dict[str, Any]:
    """A lesson that can be scheduled."""
    start = academy.services.clock.now() + timedelta(days=in_days)
    return {
        "course_id": academy.mine.course.id,
        "instructor_id": academy.mine.instructor.id,
        "student_ids": [academy.mine.students[0].id],
        "starts_at": start.isoformat(),
        "ends_at": (start + timedelta(hours=1)).isoformat(),
    }


def count(academy: World) -> int:
    with academy.services.store.read() as db:
        return len(db.exec(select(ClassSession)).all())


# Tokens


async def test_without_a_good_token_nobody_comes_in(academy: World) -> None:
    good = program(academy)
    assert (await good.call("GET", "/people")).status_code == 200
    for token in ("", "hl_unknown", good.token + "x", good.token.removeprefix("hl_")):
        answer = await Program(academy, token).call("GET", "/people")
        assert (answer.status_code, answer.json()["error"]) == (401, "not_signed_in")
    async with academy.client("coordinator") as browser:
        assert (await browser.get("/api/v1/people")).status_code == 401


async def test_a_token_ends_by_its_date_by_being_revoked_and_with_its_makers_role(academy: World) -> None:
    maker = academy.viewer("coordinator")
    assert maker is not None
    short = tokens.create_token(maker, "Short", ["people:read"], 1)
    long = tokens.create_token(maker, "Long", ["people:read"], FOREVER)
    academy.services.clock.advance(days=1)  # type: ignore[attr-defined]
    assert (await Program(academy, short.token).call("GET", "/people")).status_code == 401
    assert (await Program(academy, long.token).call("GET", "/people")).status_code == 200
    operator = academy.viewer("operator")
    assert operator is not None
    tokens.revoke_token(operator, long.id)
    tokens.revoke_token(operator, long.id)
    assert (await Program(academy, long.token).call("GET", "/people")).status_code == 401
    last = program(academy)
    with academy.services.store.write() as db:
        db.delete(db.get_one(PersonRole, (academy.mine.coordinator.id, "coordinator")))
    assert (await last.call("GET", "/people")).status_code == 401


async def test_a_scope_opens_its_own_routes_alone(academy: World) -> None:
    reader = program(academy, "sessions:read")
    assert (await reader.call("GET", "/sessions")).status_code == 200
    for method, path, body in (
        ("GET", "/people", None),
        ("GET", "/courses", None),
        ("POST", "/sessions", lesson(academy)),
    ):
        answer = await reader.call(method, path, json=body)
        assert answer.status_code == 403 and "scope" in answer.json()["message"]


def test_who_may_make_read_and_revoke_tokens(academy: World) -> None:
    coordinator, operator, instructor = (
        academy.viewer(who) for who in ("coordinator", "operator", "instructor")
    )
    assert coordinator and operator and instructor
    made = tokens.create_token(coordinator, " Planner ", ["people:read"], 30)
    for nobody in (operator, instructor):
        with pytest.raises(NotAllowed):
            tokens.create_token(nobody, "Mine", ["people:read"], 30)
    for name, scopes, days in (
        ("", ["people:read"], 30),
        ("x", [], 30),
        ("x", ["all"], 30),
        ("x", ["people:read"], 0),
        ("x", ["people:read"], 9_999),
    ):
        with pytest.raises(InvalidInput):
            tokens.create_token(coordinator, name, scopes, days)
    line = list_tokens(operator)[0]
    assert (line.name, line.maker, line.used_at, line.usable) == (
        "Planner",
        academy.mine.coordinator.name,
        "",
        True,
    )
    assert made.token not in repr(list_tokens(coordinator))
    with pytest.raises(NotAllowed):
        list_tokens(instructor)
    with academy.services.store.read() as db:
        assert db.get_one(ApiToken, made.id).token_hash != made.token
        actions = db.exec(select(AuditEntry.action).where(AuditEntry.subject_id == made.id)).all()
    assert actions == ["token.created"]


async def test_when_a_token_was_last_used_is_noted(academy: World) -> None:
    await program(academy).call("GET", "/courses")
    coordinator = academy.viewer("coordinator")
    assert coordinator is not None and list_tokens(coordinator)[0].used_at


async def test_a_program_that_asks_too_often_has_to_wait_and_no_other_does(tmp_path: Path) -> None:
    with world(tmp_path, api_calls_per_min=3) as academy:
        one = program(academy)
        said = [await one.call("GET", "/courses") for _ in range(4)]
        assert [answer.status_code for answer in said] == [200, 200, 200, 429]
        assert said[-1].headers["retry-after"] == "60"
        assert (await program(academy).call("GET", "/courses")).status_code == 200
        academy.services.clock.advance(seconds=61)  # type: ignore[attr-defined]
        assert (await one.call("GET", "/courses")).status_code == 200


# Lessons


async def test_a_lesson_is_scheduled_moved_given_away_and_cancelled(academy: World) -> None:
    one = program(academy)
    made = await one.call("POST", "/sessions", json=lesson(academy))
    session = made.json()
    assert (made.status_code, made.headers["etag"], session["status"]) == (201, '"1"', "scheduled")
    path = f"/sessions/{session['id']}"
    assert (await one.call("GET", path)).json() == session
    later = academy.services.clock.now() + timedelta(days=4)
    moved = await one.call(
        "PATCH", path, json={"starts_at": later.isoformat()}, headers={"if-match": made.headers["etag"]}
    )
    assert moved.json()["ends_at"] == (later + timedelta(hours=1)).isoformat().replace("+00:00", "Z")
    with academy.services.store.write() as db:
        other = seed.person(db, "Otto Other", "instructor")
        db.add(Qualification(instructor_id=other.id, course_id=academy.mine.course.id))
    given = await one.call(
        "PATCH", path, json={"instructor_id": other.id}, headers={"if-match": moved.headers["etag"]}
    )
    assert (given.status_code, given.json()["instructor_id"], given.json()["version"]) == (200, other.id, 3)
    gone = await one.call("DELETE", path, headers={"if-match": 'W/"3"'})
    assert (gone.json()["status"], gone.json()["instructor_id"]) == ("cancelled", "")
    assert gone.json()["student_ids"] == session["student_ids"]


async def test_a_change_must_say_which_version_it_saw(academy: World) -> None:
    one = program(academy)
    made = await one.call("POST", "/sessions", json=lesson(academy))
    path = f"/sessions/{made.json()['id']}"
    for version in ("", "x", '"-1"', "9" * 30):
        answer = await one.call("DELETE", path, headers={"if-match": version})
        assert answer.status_code == 422, version
    stale = await one.call("DELETE", path, headers={"if-match": '"7"'})
    assert (stale.status_code, stale.json()["error"]) == (409, "conflict")
    assert (await one.call("GET", path)).json() == made.json()


async def test_a_double_booking_says_with_what_and_changes_nothing(academy: World) -> None:
    one = program(academy)
    await one.call("POST", "/sessions", json=lesson(academy))
    before = count(academy)
    answer = await one.call("POST", "/sessions", json=lesson(academy))
    assert answer.status_code == 409 and "Algebra" in answer.json()["message"]
    assert count(academy) == before


@pytest.mark.parametrize(
    "broken",
    [
        {"starts_at": "2026-11-26T10:00:00"},
        {"starts_at": "tomorrow"},
        {"student_ids": []},
        {"course_id": "no"},
        {"instructor_id": "no"},
        {"surprise": 1},
    ],
)
async def test_a_lesson_that_cannot_be_is_refused(academy: World, broken: dict[str, Any]) -> None:
    before = count(academy)
    answer = await program(academy).call("POST", "/sessions", json={**lesson(academy), **broken})
    assert answer.status_code == 422 and answer.json()["message"], answer.text
    assert count(academy) == before


# Repeating


async def test_a_repeated_request_is_done_once_and_answered_the_same(academy: World) -> None:
    one, key = program(academy), {"idempotency-key": "order 66"}
    before = count(academy)
    first = await one.call("POST", "/sessions", json=lesson(academy), headers=key)
    again = await one.call("POST", "/sessions", json=lesson(academy), headers=key)
    assert (first.status_code, again.status_code, count(academy)) == (201, 201, before + 1)
    assert (again.json(), again.headers["etag"]) == (first.json(), first.headers["etag"])
    assert "idempotency-replayed" not in first.headers and again.headers["idempotency-replayed"] == "true"
    path = f"/sessions/{first.json()['id']}"
    for _ in range(2):
        gone = await one.call("DELETE", path, headers={"if-match": '"1"', "idempotency-key": "away"})
        assert (gone.status_code, gone.json()["version"]) == (200, 2)


async def test_a_key_is_for_one_request_of_one_token(academy: World) -> None:
    one, other, key = program(academy), program(academy), {"idempotency-key": "k"}
    await one.call("POST", "/sessions", json=lesson(academy), headers=key)
    answer = await one.call("POST", "/sessions", json=lesson(academy, 5), headers=key)
    assert (answer.status_code, answer.json()["field"]) == (422, "Idempotency-Key")
    assert (await other.call("POST", "/sessions", json=lesson(academy, 5), headers=key)).status_code == 201
    too_long = await one.call(
        "POST", "/sessions", json=lesson(academy, 6), headers={"idempotency-key": "k" * 300}
    )
    assert too_long.status_code == 422


async def test_what_was_refused_may_be_tried_again_with_the_same_key(academy: World) -> None:
    one, key = program(academy), {"idempotency-key": "k"}
    wrong = {**lesson(academy), "course_id": "no"}
    for _ in range(2):
        assert (await one.call("POST", "/sessions", json=wrong, headers=key)).status_code == 422
    assert (await one.call("POST", "/sessions", json=lesson(academy), headers=key)).status_code == 201


async def test_requests_at_once_with_one_key_make_one_lesson(academy: World) -> None:
    one, before = program(academy), count(academy)
    answers = await asyncio.gather(
        *(
            one.call("POST", "/sessions", json=lesson(academy), headers={"idempotency-key": "k"})
            for _ in range(6)
        )
    )
    assert count(academy) == before + 1
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert any(answer.status_code == 201 for answer in answers)


async def test_a_request_whose_process_died_is_not_done_twice(academy: World) -> None:
    one, key, new = program(academy), {"idempotency-key": "k"}, lesson(academy)
    await one.call("POST", "/sessions", json=new, headers=key)
    with academy.services.store.write() as db:
        row = db.exec(select(IdempotencyKey)).one()
        row.status = 0
        db.add(row)
    working = await one.call("POST", "/sessions", json=new, headers=key)
    assert working.status_code == 409 and "being worked on" in working.json()["message"]
    academy.services.clock.advance(seconds=idempotency.WORKING.total_seconds() + 1)  # type: ignore[attr-defined]
    lost = await one.call("POST", "/sessions", json=new, headers=key)
    assert lost.status_code == 409 and "cannot say" in lost.json()["message"]


async def test_keys_are_forgotten_after_a_day(academy: World) -> None:
    one = program(academy)
    await one.call("POST", "/sessions", json=lesson(academy), headers={"idempotency-key": "k"})
    academy.services.clock.advance(days=1, seconds=1)  # type: ignore[attr-defined]
    retention.retain(academy.services)
    with academy.services.store.read() as db:
        assert db.exec(select(IdempotencyKey)).all() == []


# Lists


async def test_pages_hold_everything_once_also_while_something_is_added(academy: World) -> None:
    one = program(academy)
    for day in range(3, 8):
        await one.call("POST", "/sessions", json=lesson(academy, day))
    student = academy.mine.students[0].id
    seen: list[str] = []
    cursor, pages = "", 0
    while True:
        answer = await one.call(
            "GET", "/sessions", params={"student_id": student, "limit": 2, "cursor": cursor}
        )
        page = answer.json()
        seen += [item["id"] for item in page["items"]]
        pages += 1
        if pages == 1:
            await one.call("POST", "/sessions", json=lesson(academy, 0.1))
        if page["next"] is None:
            break
        cursor = page["next"]
    assert pages == 3 and len(seen) == len(set(seen)) == 6


async def test_a_cursor_belongs_to_its_list_and_its_filters(academy: World) -> None:
    one = program(academy)
    first = (await one.call("GET", "/people", params={"limit": 1})).json()
    assert len(first["items"]) == 1 and first["next"]
    for path, params in (
        ("/people", {"role": "student"}),
        ("/courses", {}),
        ("/sessions", {}),
    ):
        answer = await one.call("GET", path, params={**params, "cursor": first["next"]})
        assert (answer.status_code, answer.json()["field"]) == (422, "cursor"), path
    forged = await one.call("GET", "/people", params={"cursor": first["next"][:-2] + "xx"})
    assert forged.status_code == 422
    assert (await one.call("GET", "/people", params={"limit": 201})).status_code == 422


async def test_lessons_are_found_by_time_person_course_and_state(academy: World) -> None:
    one, now = program(academy), academy.services.clock.now()

    async def found(**params: str) -> set[str]:
        answer = await one.call("GET", "/sessions", params=params)
        assert answer.status_code == 200, answer.text
        return {item["id"] for item in answer.json()["items"]}

    mine, past = academy.mine.session.id, academy.past.session.id
    assert past in await found(before=now.isoformat()) and mine not in await found(before=now.isoformat())
    assert await found(instructor_id=academy.mine.instructor.id) == {mine}
    assert await found(course_id=academy.past.course.id, status="ended") == {past}
    assert await found(course_id=academy.past.course.id, status="scheduled") == set()


async def test_people_and_courses_show_what_scheduling_needs_and_no_more(academy: World) -> None:
    one, student = program(academy), academy.mine.students[0]
    person = (await one.call("GET", f"/people/{student.id}")).json()
    assert set(person) == {"id", "name", "roles", "tz", "lang", "active"}
    course = (await one.call("GET", f"/courses/{academy.mine.course.id}")).json()
    assert course["instructor_ids"] == [academy.mine.instructor.id]
    assert [topic["name"] for topic in course["topics"]] == ["Fractions"]
    for path in ("/people/none", "/courses/none", "/sessions/none", "/people/%00"):
        assert (await one.call("GET", path)).status_code in (404, 422), path


async def test_availability_is_hours_without_lessons(academy: World) -> None:
    one, who, now = program(academy), academy.mine.instructor.id, academy.services.clock.now()
    with academy.services.store.write() as db:
        for weekday in range(7):
            db.add(
                AvailabilityHours(
                    person_id=who,
                    weekday=weekday,
                    starts=now.replace(hour=6).time(),
                    ends=now.replace(hour=20).time(),
                    tz="UTC",
                )
            )
    day = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=3)
    await one.call(
        "POST",
        "/sessions",
        json={
            **lesson(academy),
            "starts_at": day.replace(hour=10).isoformat(),
            "ends_at": day.replace(hour=11).isoformat(),
        },
    )
    params = {"after": day.isoformat(), "before": (day + timedelta(days=1)).isoformat()}
    found = (await one.call("GET", f"/people/{who}/availability", params=params)).json()
    assert [(span["starts_at"][11:16], span["ends_at"][11:16]) for span in found["open"]] == [
        ("06:00", "20:00")
    ]
    assert [(span["starts_at"][11:16], span["ends_at"][11:16]) for span in found["free"]] == [
        ("06:00", "10:00"),
        ("11:00", "20:00"),
    ]
    wide = {"after": day.isoformat(), "before": (day + timedelta(days=90)).isoformat()}
    assert (await one.call("GET", f"/people/{who}/availability", params=wide)).status_code == 422


def weekly(academy: World, **more: Any) -> dict[str, Any]:
    """Three lessons that repeat, from the third day on."""
    start = academy.services.clock.now() + timedelta(days=3)
    new = lesson(academy)
    return {
        **{name: new[name] for name in ("course_id", "instructor_id", "student_ids")},
        "rule": "FREQ=WEEKLY;COUNT=3",
        "first_local": start.replace(tzinfo=None).isoformat(),
        "tz": "UTC",
        "length_min": 60,
        **more,
    }


async def test_a_series_is_booked_changed_from_a_lesson_on_and_cancelled(academy: World) -> None:
    one, key = program(academy), {"idempotency-key": "weekly"}
    booked = await one.call("POST", "/series", json=weekly(academy), headers=key)
    again = await one.call("POST", "/series", json=weekly(academy), headers=key)
    assert (booked.status_code, again.json()) == (201, booked.json())
    made = booked.json()
    assert len(made["session_ids"]) == 3 and made["refused"] == []
    path, second = f"/series/{made['series_id']}", made["session_ids"][1]
    series = (await one.call("GET", path)).json()
    assert (series["status"], series["session_ids"]) == ("active", made["session_ids"])
    pointed = {"session_id": second, "which": "this"}
    moved = await one.call(
        "PATCH", path, params=pointed, json={"length_min": 45}, headers={"if-match": '"1"'}
    )
    assert moved.status_code == 200, moved.text
    stale = await one.call("DELETE", path, params=pointed, headers={"if-match": '"1"'})
    assert stale.status_code == 409
    gone = await one.call(
        "DELETE", path, params={**pointed, "which": "following"}, headers={"if-match": '"2"'}
    )
    assert set(gone.json()["cancelled"]) == set(made["session_ids"][1:])


async def test_a_series_that_clashes_is_refused_or_leaves_the_date_out(academy: World) -> None:
    one = program(academy)
    await one.call("POST", "/sessions", json=lesson(academy, 10))
    before = count(academy)
    refused = await one.call("POST", "/series", json=weekly(academy))
    assert refused.status_code == 409 and "Algebra" in refused.json()["message"]
    assert count(academy) == before
    some = (await one.call("POST", "/series", json=weekly(academy, all_or_nothing=False))).json()
    assert (len(some["session_ids"]), len(some["refused"])) == (2, 1)
    for broken in (
        {"rule": "FREQ=SECONDLY"},
        {"rule": "FREQ=WEEKLY"},
        {"tz": "Mars/Olympus"},
        {"length_min": 0},
    ):
        answer = await one.call("POST", "/series", json=weekly(academy, **broken))
        assert answer.status_code == 422, broken


async def test_hours_and_dates_away_say_which_lessons_they_hit(academy: World) -> None:
    one, who = program(academy), academy.mine.instructor.id
    now = academy.services.clock.now()
    week = [{"weekday": day, "starts": "00:00", "ends": "00:00", "tz": "UTC"} for day in range(7)]
    saved = await one.call("PUT", f"/people/{who}/hours", json=week, headers={"if-match": '"0"'})
    assert (saved.status_code, saved.json()["hit"]) == (200, []), saved.text
    stale = await one.call("PUT", f"/people/{who}/hours", json=week, headers={"if-match": '"0"'})
    assert stale.status_code == 409
    overlap = await one.call(
        "PUT", f"/people/{who}/hours", json=[*week, week[0]], headers={"if-match": '"1"'}
    )
    assert overlap.status_code == 422
    session = (await one.call("POST", "/sessions", json=lesson(academy))).json()
    away = {
        "kind": "away",
        "starts_at": (now + timedelta(days=2)).isoformat(),
        "ends_at": (now + timedelta(days=5)).isoformat(),
    }
    made = await one.call("POST", f"/people/{who}/exceptions", json=away)
    assert (made.status_code, made.json()["hit"]) == (201, [session["id"]])
    span = {"after": now.isoformat(), "before": (now + timedelta(days=7)).isoformat()}
    found = (await one.call("GET", f"/people/{who}/availability", params=span)).json()
    assert [item["id"] for item in found["exceptions"]] == [made.json()["id"]]
    assert len(found["hours"]) == 7 and found["version"] == 2
    searched = (await one.call("GET", "/substitutions", params={"status": "open"})).json()["items"]
    assert [(item["session_id"], item["out_id"]) for item in searched] == [(session["id"], who)]
    assert (await one.call("DELETE", f"/exceptions/{made.json()['id']}")).status_code == 200
    assert (await one.call("DELETE", f"/exceptions/{made.json()['id']}")).status_code == 404


async def test_an_instructor_is_asked_to_take_over(academy: World) -> None:
    one = program(academy)
    with academy.services.store.write() as db:
        other = seed.person(db, "Otto Other", "instructor")
        db.add(Qualification(instructor_id=other.id, course_id=academy.mine.course.id))
        for weekday in range(7):
            db.add(
                AvailabilityHours(person_id=other.id, weekday=weekday, starts=time(0), ends=time(0), tz="UTC")
            )
    session = (await one.call("POST", "/sessions", json=lesson(academy))).json()
    coordinator = academy.viewer("coordinator")
    assert coordinator is not None
    search = substitutes.ask(coordinator, session["id"])
    item = (await one.call("GET", "/substitutions")).json()["items"][0]
    assert (item["id"], item["status"], item["offers"]) == (search, "open", [])
    asked = await one.call(
        "POST",
        f"/substitutions/{search}/offers",
        json={"instructor_ids": [other.id]},
        headers={"if-match": f'"{item["version"]}"'},
    )
    assert asked.status_code == 201, asked.text
    assert [(offer["instructor_id"], offer["status"]) for offer in asked.json()["offers"]] == [
        (other.id, "offered")
    ]


async def test_the_description_names_the_token_the_errors_and_the_key(academy: World) -> None:
    async with academy.client() as client:
        schema = (await client.get("/api/v1/openapi.json")).json()
    post = schema["paths"]["/api/v1/sessions"]["post"]
    assert {"401", "403", "409", "422", "429"} <= set(post["responses"])
    assert "HTTPBearer" in schema["components"]["securitySchemes"] and post["security"]
    assert [one["name"] for one in post["parameters"]] == ["Idempotency-Key"]
    programs = [path for path in schema["paths"] if path.startswith(("/api/v1/people", "/api/v1/courses"))]
    assert len(programs) == 9
