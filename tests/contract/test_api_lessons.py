"""The API for programs, around one lesson: families' changes, who comes instead, links, holidays, limits. Both databases."""

from collections.abc import Iterator
from datetime import time, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from sqlmodel import select

from core.domain import (
    AuditEntry,
    AvailabilityHours,
    BusyCalendar,
    IdempotencyKey,
    MakeUpCredit,
    Person,
    Qualification,
    Substitution,
)
from core.lifecycle import readiness, schedule
from core.testing import seed
from tests.contract.test_api_v1 import Program, program
from tests.contract.world import World, world

pytestmark = pytest.mark.contract


@pytest.fixture(params=["sqlite", "postgresql"])
def academy(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """The instructor and somebody else teach the course at any hour; lessons cancelled in time can be had again."""
    url = "" if request.param == "sqlite" else request.getfixturevalue("pg_url")
    with world(tmp_path, database_url=url, make_up_days=30) as made:
        with made.services.store.write() as db:
            other = seed.person(db, "Otto Other", "instructor")
            for who in (made.mine.instructor, other):
                db.add(Qualification(instructor_id=who.id, course_id=made.mine.course.id))
                for day in range(7):
                    hours = {"weekday": day, "starts": time(0), "ends": time(0), "tz": "UTC"}
                    db.add(AvailabilityHours(person_id=who.id, **hours))
        yield made


async def booked(one: Program, in_days: float = 3) -> dict[str, Any]:
    start = one.academy.services.clock.now().replace(minute=0, second=0, microsecond=0)
    start += timedelta(days=in_days)
    new = {
        "course_id": one.academy.mine.course.id,
        "instructor_id": one.academy.mine.instructor.id,
        "student_ids": [one.academy.mine.students[0].id],
        "starts_at": start.isoformat(),
        "ends_at": (start + timedelta(hours=1)).isoformat(),
    }
    made = await one.call("POST", "/sessions", json=new)
    assert made.status_code == 201, made.text
    return made.json()


def seen(item: dict[str, Any]) -> dict[str, str]:
    return {"if-match": f'"{item["version"]}"'}


def other_teacher(academy: World) -> str:
    with academy.services.store.read() as db:
        return db.exec(select(Person.id).where(Person.name == "Otto Other")).one()


# Families


async def test_what_a_family_may_do_is_said_and_done_at_once(academy: World) -> None:
    one, student = program(academy), academy.mine.students[0].id
    session = await booked(one)
    path = f"/sessions/{session['id']}/options"
    found = (await one.call("GET", path, params={"student_id": student})).json()
    assert (found["move"]["may"], found["cancel"]["may"], found["credit"]) == ("allowed", "allowed", True)
    assert found["starts"] and found["starts"][-1] != session["starts_at"]
    wish = {
        "session_id": session["id"],
        "student_id": student,
        "kind": "move",
        "starts_at": found["starts"][-1],
    }
    moved = await one.call("POST", "/changes", json=wish, headers=seen(session))
    assert (moved.status_code, moved.json()["done"], moved.json()["change"]) == (201, True, None), moved.text
    now = (await one.call("GET", f"/sessions/{session['id']}")).json()
    assert (now["starts_at"], now["version"]) == (found["starts"][-1], moved.json()["session_version"])
    stale = await one.call("POST", "/changes", json=wish, headers=seen(session))
    assert stale.status_code == 409
    gone = {"session_id": session["id"], "student_id": student, "kind": "cancel"}
    assert (await one.call("POST", "/changes", json=gone, headers=seen(now))).json()["done"] is True
    assert (await one.call("GET", f"/sessions/{session['id']}")).json()["status"] == "cancelled"
    with academy.services.store.read() as db:
        assert [credit.student_id for credit in db.exec(select(MakeUpCredit))] == [student]


async def test_what_the_policy_does_not_allow_is_asked_for_and_may_be_withdrawn(academy: World) -> None:
    one, student = program(academy), academy.mine.students[0].id
    session = await booked(one, in_days=0.2)
    found = await one.call("GET", f"/sessions/{session['id']}/options", params={"student_id": student})
    assert (found.json()["cancel"]["may"], len(found.json()["cancel"]["why"])) == ("request", 1)
    wish = {"session_id": session["id"], "student_id": student, "kind": "cancel", "why": "Ill."}
    outcome = (await one.call("POST", "/changes", json=wish, headers=seen(session))).json()
    change = outcome["change"]
    assert (outcome["done"], change["status"], change["rule"], change["why"]) == (
        False,
        "open",
        "late_notice",
        "Ill.",
    )
    again = await one.call("POST", "/changes", json=wish, headers=seen(session))
    assert again.status_code == 409 and "already" in again.json()["message"]
    withdrawn = await one.call("POST", f"/changes/{change['id']}/withdraw", headers=seen(change))
    assert withdrawn.json()["status"] == "withdrawn"
    assert (await one.call("GET", f"/sessions/{session['id']}")).json()["status"] == "scheduled"


@pytest.mark.parametrize(
    ("broken", "status"),
    [
        ({"student_id": "nobody"}, 404),
        ({"session_id": "none"}, 404),
        ({"kind": "swap"}, 422),
        ({"kind": "move"}, 422),
        ({"kind": "move", "starts_at": "2026-01-01T10:00:00"}, 422),
        ({"kind": "move", "starts_at": "2020-01-01T10:00:00+00:00"}, 422),
        ({"surprise": 1}, 422),
    ],
)
async def test_a_wish_that_cannot_be_changes_nothing(
    academy: World, broken: dict[str, Any], status: int
) -> None:
    one = program(academy)
    session = await booked(one)
    wish = {"session_id": session["id"], "student_id": academy.mine.students[0].id, "kind": "cancel"}
    answer = await one.call("POST", "/changes", json={**wish, **broken}, headers=seen(session))
    assert answer.status_code == status and answer.json()["message"], answer.text
    assert (await one.call("GET", f"/sessions/{session['id']}")).json() == session


# Who comes instead


async def test_an_absence_is_said_and_whom_was_asked_takes_over(academy: World) -> None:
    one, other = program(academy), other_teacher(academy)
    session = await booked(one)
    begun = await one.call("POST", f"/sessions/{session['id']}/substitution", json={"note": "A cold."})
    search = begun.json()
    assert (begun.status_code, search["status"], search["out_id"]) == (201, "open", session["instructor_id"])
    twice = await one.call("POST", f"/sessions/{session['id']}/substitution", json={})
    assert twice.json()["id"] == search["id"], "it is sought for once"
    path = f"/substitutions/{search['id']}"
    asked = await one.call("POST", f"{path}/offers", json={"instructor_ids": [other]}, headers=seen(search))
    (offer,) = asked.json()["offers"]
    taken = await one.call("POST", f"/offers/{offer['id']}/accept")
    assert (taken.status_code, taken.json()["session_id"]) == (200, session["id"]), taken.text
    assert (await one.call("GET", path)).json()["filled_by"] == other
    assert (await one.call("GET", f"/sessions/{session['id']}")).json()["instructor_id"] == other
    assert (await one.call("POST", f"{path}/withdraw")).status_code == 409
    with academy.services.store.read() as db:
        who = db.exec(select(AuditEntry.actor_id).where(AuditEntry.action == "substitution.filled")).all()
    assert who == [academy.mine.coordinator.id], "the program's maker answered, and that is written down"


async def test_an_offer_is_declined_and_a_search_ends(academy: World) -> None:
    one, other = program(academy), other_teacher(academy)
    session = await booked(one)
    search = (await one.call("POST", f"/sessions/{session['id']}/substitution", json={})).json()
    path = f"/substitutions/{search['id']}"
    asked = await one.call("POST", f"{path}/offers", json={"instructor_ids": [other]}, headers=seen(search))
    (offer,) = asked.json()["offers"]
    for _ in range(2):
        answer = await one.call("POST", f"/offers/{offer['id']}/decline")
        assert (answer.status_code, answer.json()["session_id"]) == (200, session["id"])
    assert (await one.call("GET", path)).json()["offers"][0]["status"] == "declined"
    late = await one.call("POST", f"/offers/{offer['id']}/accept")
    assert (late.status_code, late.json()["error"]) == (409, "conflict")
    assert (await one.call("POST", f"{path}/withdraw")).json()["status"] == "withdrawn"
    for where in ("/offers/none/accept", "/offers/none/decline", "/substitutions/none/withdraw"):
        assert (await one.call("POST", where)).status_code == 404
    with academy.services.store.read() as db:
        assert len(db.exec(select(Substitution)).all()) == 1
        said = db.exec(select(AuditEntry).where(AuditEntry.action == "offer.declined")).one()
    assert (said.actor_id, said.person_id) == (academy.mine.coordinator.id, other)


# Links and readiness


async def test_a_link_is_made_for_who_is_in_the_lesson_alone(academy: World) -> None:
    one, student = program(academy), academy.mine.students[0].id
    session = await booked(one)
    path = f"/sessions/{session['id']}/links"
    made = await one.call("POST", path, json={"person_id": student})
    assert made.status_code == 201 and "/j/" in made.json()["url"]
    async with academy.client() as browser:
        way = await browser.get(urlsplit(made.json()["url"]).path)
        assert way.status_code in (302, 303, 307) and session["id"] in way.headers["location"]
    key = {"idempotency-key": "twice"}
    again = [await one.call("POST", path, json={"person_id": student}, headers=key) for _ in range(2)]
    assert len({made.json()["url"], *(one.json()["url"] for one in again)}) == 3, "a secret is not kept"
    with academy.services.store.read() as db:
        assert db.exec(select(IdempotencyKey)).all() == []
    stranger = await one.call("POST", path, json={"person_id": other_teacher(academy)})
    assert (stranger.status_code, stranger.json()["error"]) == (404, "not_found")
    await one.call("DELETE", f"/sessions/{session['id']}", headers=seen(session))
    late = await one.call("POST", path, json={"person_id": student})
    assert late.status_code == 409 and late.json()["message"] == "This lesson was cancelled."
    with academy.services.store.read() as db:
        noted = db.exec(select(AuditEntry.person_id).where(AuditEntry.action == "link.make")).all()
    assert noted == [student] * 3


async def test_readiness_is_what_the_last_look_found(academy: World) -> None:
    one = program(academy)
    session = await booked(one)
    path = f"/sessions/{session['id']}/readiness"
    unknown = (await one.call("GET", path)).json()
    assert (unknown["ready"], unknown["missing"], unknown["checked_at"]) == (False, [], None)
    coordinator = academy.viewer("coordinator")
    assert coordinator is not None
    readiness.check_now(coordinator, session["id"])
    found = (await one.call("GET", path)).json()
    assert found["checked_at"] and "node" in found["missing"] and found["ready"] is False
    assert len(found["why"]) == len(found["missing"]) and all(why.endswith(".") for why in found["why"])
    schedule.cancel_session(coordinator, session["id"], session["version"])
    assert (await one.call("GET", path)).json()["checked_at"] is None
    assert (await one.call("GET", "/sessions/none/readiness")).status_code == 404


# Limits, calendars, holidays


async def test_limits_are_read_and_replaced_by_version(academy: World) -> None:
    one, who = program(academy), academy.mine.instructor.id
    now = academy.services.clock.now()
    span = {"after": now.isoformat(), "before": (now + timedelta(days=2)).isoformat()}
    before = await one.call("GET", f"/people/{who}/availability", params=span)
    assert before.json()["limits"]["notice_s"] == 0 and before.json()["calendar"] is None
    limits = {**before.json()["limits"], "notice_s": 7_200, "languages": ["en", "pt-BR"], "most_a_day": 4}
    tag = {"if-match": before.headers["etag"]}
    saved = await one.call("PUT", f"/people/{who}/limits", json=limits, headers=tag)
    assert saved.status_code == 200, saved.text
    after = (await one.call("GET", f"/people/{who}/availability", params=span)).json()
    assert after["limits"] == limits
    assert (await one.call("PUT", f"/people/{who}/limits", json=limits, headers=tag)).status_code == 409
    for broken in ({"most_a_day": 99}, {"tz": "Nowhere/Land"}, {"surprise": 1}, {"languages": ["x" * 30]}):
        answer = await one.call(
            "PUT", f"/people/{who}/limits", json={**limits, **broken}, headers=seen(after)
        )
        assert answer.status_code == 422, broken


async def test_a_calendar_is_subscribed_and_its_address_never_shown(academy: World) -> None:
    one, who = program(academy), academy.mine.instructor.id
    now = academy.services.clock.now()
    span = {"after": now.isoformat(), "before": (now + timedelta(days=2)).isoformat()}
    address = {"url": "webcal://calendar.example.org/secret.ics"}
    made = await one.call("PUT", f"/people/{who}/calendar", json=address)
    assert made.status_code == 200 and made.json()["id"]
    found = await one.call("GET", f"/people/{who}/availability", params=span)
    assert found.json()["calendar"]["host"] == "calendar.example.org" and "secret" not in found.text
    assert (await one.call("PUT", f"/people/{who}/calendar", json={"url": "file:///etc"})).status_code == 422
    for _ in range(2):
        assert (await one.call("DELETE", f"/people/{who}/calendar")).status_code == 200
    with academy.services.store.read() as db:
        assert db.exec(select(BusyCalendar)).all() == []


async def test_holidays_are_made_followed_changed_and_removed(academy: World) -> None:
    one, who = program(academy), academy.mine.instructor.id
    session = await booked(one)
    day = session["starts_at"][:10]
    made = await one.call("POST", "/holidays", json={"name": "House", "days": {}})
    calendar = made.json()
    assert (made.status_code, calendar["days"], calendar["follower_ids"]) == (201, {}, [])
    twice = await one.call("POST", "/holidays", json={"name": "House", "days": {}})
    assert twice.status_code == 409
    follow = {"holiday_calendar_id": calendar["id"]}
    assert (
        await one.call("PUT", f"/people/{who}/limits", json=follow, headers={"if-match": '"0"'})
    ).status_code == 200
    path, off = f"/holidays/{calendar['id']}", {"name": "House", "days": {day: "Founders' Day"}}
    changed = await one.call("PUT", path, json=off, headers=seen(calendar))
    assert (changed.json()["days"], changed.json()["follower_ids"]) == ({day: "Founders' Day"}, [who])
    searched = (await one.call("GET", "/substitutions", params={"status": "open"})).json()["items"]
    assert [one["session_id"] for one in searched] == [session["id"]]
    assert (await one.call("PUT", path, json=off, headers=seen(calendar))).status_code == 409
    assert (await one.call("DELETE", path, headers=seen(calendar))).status_code == 409
    removed = await one.call("DELETE", path, headers=seen(changed.json()))
    assert removed.json() == {"follower_ids": [who]}
    assert (await one.call("GET", "/holidays")).json() == []
    ended = (await one.call("GET", "/substitutions", params={"status": "withdrawn"})).json()["items"]
    assert [one["session_id"] for one in ended] == [session["id"]], "the day is the instructor's again"
    assert (await one.call("DELETE", path, headers=seen(calendar))).status_code == 404


# Lists and scopes


async def test_series_and_plans_come_in_pages(academy: World) -> None:
    one = program(academy)
    start = academy.services.clock.now() + timedelta(days=3)
    for number in range(3):
        first = (start + timedelta(hours=2 * number)).strftime("%Y-%m-%dT%H:00:00")
        new = {
            "course_id": academy.mine.course.id, "instructor_id": academy.mine.instructor.id,
            "student_ids": [academy.mine.students[0].id], "rule": "FREQ=WEEKLY", "first_local": first,
            "tz": "UTC", "length_min": 60, "count": 2,
        }  # fmt: skip
        made = await one.call("POST", "/series", json=new)
        assert made.status_code == 201, made.text
    first = (await one.call("GET", "/series", params={"limit": 2, "status": "active"})).json()
    cursor = {"limit": 2, "status": "active", "cursor": first["next"]}
    rest = (await one.call("GET", "/series", params=cursor)).json()
    found = [*first["items"], *rest["items"]]
    assert len({item["id"] for item in found}) == 3 and rest["next"] is None
    assert all(len(item["session_ids"]) == 2 for item in found)
    assert (await one.call("GET", "/series", params={"status": "cancelled"})).json()["items"] == []
    assert (await one.call("GET", "/plans")).json() == {"items": [], "next": None}
    assert (await one.call("GET", "/plans", params={"status": "odd"})).status_code == 422


async def test_links_need_a_scope_of_their_own(academy: World) -> None:
    session = await booked(program(academy))
    writer, linker = program(academy, "sessions:write"), program(academy, "links:write")
    body = {"person_id": academy.mine.students[0].id}
    assert (await writer.call("POST", f"/sessions/{session['id']}/links", json=body)).status_code == 403
    assert (await linker.call("POST", f"/sessions/{session['id']}/links", json=body)).status_code == 201
    reader = program(academy, "availability:read")
    assert (await reader.call("POST", "/holidays", json={"name": "x", "days": {}})).status_code == 403
    assert (await reader.call("GET", "/holidays")).status_code == 200
