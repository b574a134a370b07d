"""What bad input gets: a clear sentence, a 4xx for a program, nothing changed, nothing logged as an error.

Each test goes through the web role's own routes, or through the function a page calls. Files, exports and
what machines hand in: test_bad_uploads.py. Who may come in at all: test_access_matrix.py.
"""

import asyncio
import logging
import re
import statistics
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from sqlmodel import col, select

from core import access
from core.access import SCOPES, Viewer, hash_token
from core.access.signin import MAX_FAILURES, WINDOW, hash_password
from core.domain import JoinLink, Message, Person, Qualification
from core.errors import Conflict, InvalidInput, NotFound, NotSignedIn
from core.lifecycle import profile, schedule, tokens
from core.scheduling.times import local_time
from hilink_app import api
from tests.contract.test_access_matrix import role_running
from tests.contract.world import ANONYMOUS, ORIGIN, SEAT_LINK, World, open_socket, rows, world

pytestmark = pytest.mark.contract

PASSWORD = "correct horse battery"


@pytest.fixture
def academy(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path, upload_limit=1_000, blob_quota=5_000, api_calls_per_min=100_000) as made:
        yield made


@pytest.fixture(autouse=True)
def nothing_logged_as_an_error(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    yield
    loud = {record.getMessage() for record in caplog.get_records("call") if record.levelno >= logging.ERROR}
    assert loud == set()


def with_password(academy: World) -> str:
    """The guardian's email, with PASSWORD from now on."""
    with academy.services.store.write() as db:
        person = db.get_one(Person, academy.mine.guardians[0].id)
        person.password_hash = hash_password(PASSWORD)
        db.add(person)
        assert person.email is not None
        return person.email


async def sign_in(academy: World, email: str, password: str, **more: str) -> tuple[int, str, bool]:
    """Status, where to, and whether a sign-in cookie came."""
    async with academy.client() as client:
        answer = await client.post("/auth/sign-in", data={"email": email, "password": password, **more})
    return answer.status_code, answer.headers["location"], "set-cookie" in answer.headers


# Signing in


async def test_a_wrong_password_and_an_unknown_account_get_the_same_answer(academy: World) -> None:
    email = with_password(academy)
    before = rows(academy)
    wrong = await sign_in(academy, email, "wrong")
    assert wrong == await sign_in(academy, "nobody@example.org", "wrong")
    assert wrong == (303, "/sign-in?problem=not_signed_in&then=/", False)
    assert rows(academy) == before


def test_an_unknown_account_costs_as_much_time_as_a_wrong_password(academy: World) -> None:
    email = with_password(academy)

    def cost(tried: str, name: str) -> float:
        taken: list[float] = []
        for number in range(3):
            started = time.perf_counter()
            with pytest.raises(NotSignedIn):
                access.sign_in(tried, "wrong", f"{name}{number}")
            taken.append(time.perf_counter() - started)
        return statistics.median(taken)

    with pytest.raises(NotSignedIn):
        access.sign_in("warm@example.org", "wrong", "warm")
    known, unknown = cost(email, "known"), cost("nobody@example.org", "unknown")
    assert 0.25 < unknown / known < 4


async def test_too_many_wrong_passwords_shut_the_account_for_a_while(
    academy: World,
) -> None:
    email = with_password(academy)
    for _ in range(MAX_FAILURES):
        await sign_in(academy, email, "wrong")
    before = rows(academy)
    assert await sign_in(academy, email, PASSWORD) == (303, "/sign-in?problem=too_many&then=/", False)
    assert rows(academy) == before
    academy.services.clock.advance(seconds=WINDOW.total_seconds() + 1)  # type: ignore[attr-defined]
    assert await sign_in(academy, email, PASSWORD) == (303, "/", True)


@pytest.mark.parametrize(
    "then", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"]
)
async def test_a_sign_in_never_leads_to_another_site(academy: World, then: str) -> None:
    assert await sign_in(academy, with_password(academy), PASSWORD, then=then) == (303, "/", True)


async def test_asking_for_a_link_never_tells_whether_there_is_an_account(academy: World) -> None:
    email = with_password(academy)
    async with academy.client() as client:
        said = [
            await client.post("/auth/link", data={"link_email": it}) for it in (email, "nobody@example.org")
        ]
        bad = await client.post("/auth/link", data={"link_email": "no address"})
    assert {(answer.status_code, answer.headers["location"]) for answer in said} == {(303, "/sign-in?sent=1")}
    assert bad.headers["location"] == "/sign-in?problem=invalid_input"
    with academy.services.store.read() as db:
        assert len(db.exec(select(Message).where(Message.kind == "magic_link")).all()) == 1


async def test_a_sign_in_link_works_once_and_not_for_ever(academy: World) -> None:
    email, service = with_password(academy), academy.services

    def new_link() -> str:
        access.request_magic_link(email, "somewhere")
        with service.store.read() as db:
            newest = db.exec(
                select(Message).where(Message.kind == "magic_link").order_by(col(Message.id).desc())
            )
            return str(newest.first().params["token"])  # type: ignore[union-attr]

    async def use(token: str) -> tuple[str, bool]:
        async with academy.client() as client:
            answer = await client.post("/auth/link/use", data={"token": token})
        return answer.headers["location"], "set-cookie" in answer.headers

    refused = ("/sign-in?problem=not_allowed&link=used", False)
    first = new_link()
    assert await use(first) == ("/", True)
    assert await use(first) == refused
    assert await use("unknown") == refused
    late = new_link()
    service.clock.advance(seconds=service.settings.magic_link_ttl_s + 1)  # type: ignore[attr-defined]
    before = rows(academy)
    assert await use(late) == refused
    assert rows(academy) == before


async def test_a_form_that_is_no_form_gets_a_4xx(academy: World) -> None:
    before = rows(academy)
    async with academy.client() as client:
        for path in ("/auth/sign-in", "/auth/link", "/auth/link/use"):
            for body in (b"", b"\xff\xfe\x00", b"email[]=1", b"a" * 100_000):
                answer = await client.post(path, content=body)
                assert 400 <= answer.status_code < 500, (path, body[:10])
                assert answer.json()["message"]
    assert rows(academy) == before


async def test_who_signs_in_before_the_page_is_ready_still_goes_where_they_wanted(academy: World) -> None:
    email = with_password(academy)
    form = {"email": email, "password": PASSWORD}
    addresses = {
        "http://127.0.0.1:34000/sign-in?then=/requests%3Ftab%3Dplans": "/requests?tab=plans",
        "http://127.0.0.1:34000/sign-in?then=//evil.example": "/",
        "http://[broken": "/",
        "": "/",
    }
    async with academy.client() as client:
        for address, target in addresses.items():
            answer = await client.post("/auth/sign-in", data=form, headers={"referer": address})
            assert (answer.status_code, answer.headers["location"]) == (303, target)
        said = {**form, "then": "/today"}
        answer = await client.post("/auth/sign-in", data=said, headers={"referer": next(iter(addresses))})
        assert answer.headers["location"] == "/today"


# Join links and doors


async def test_a_join_link_that_is_not_good_says_why_and_opens_nothing(academy: World) -> None:
    async def follow(token: str, who: str = ANONYMOUS) -> str:
        async with academy.client(who) as client:
            answer = await client.get(f"/j/{token}")
        assert answer.status_code == 303 and "set-cookie" not in answer.headers
        assert answer.headers["location"].startswith("/link?problem=")
        return answer.headers["location"]

    said = [await follow("unknown"), await follow("x" * 5_000), await follow(academy.link, "guardian")]
    assert said[0] == said[1] and "not%20one%20of%20ours" in said[0]
    assert "somebody%20else" in said[2]
    change_link(academy, revoked_at=academy.services.clock.now())
    assert "withdrawn" in await follow(academy.link)
    change_link(academy, revoked_at=None, expires_at=academy.services.clock.now() - timedelta(seconds=1))
    assert "expired" in await follow(academy.link)


async def test_the_cookie_of_a_withdrawn_link_opens_no_room(academy: World) -> None:
    path = f"/api/v1/rooms/{academy.mine.session.id}/ticket"
    async with role_running(academy), academy.client(SEAT_LINK) as client:
        assert (await client.post(path)).status_code == 200
        other = await client.post(f"/api/v1/rooms/{academy.theirs.session.id}/ticket")
        assert other.status_code == 403 and other.json()["error"]["message"]
        change_link(academy, revoked_at=academy.services.clock.now())
        assert (await client.post(path)).status_code == 401


async def test_a_room_that_is_not_there_or_not_open_says_so(academy: World) -> None:
    async with role_running(academy), academy.client("coordinator") as client:
        unknown = await client.post("/api/v1/rooms/unknown/ticket")
        over = await client.post(f"/api/v1/rooms/{academy.past.session.id}/ticket")
    assert (unknown.status_code, over.status_code) == (404, 409)
    assert over.json()["error"]["message"] == "This lesson is over."


def change_link(academy: World, **to: Any) -> None:
    with academy.services.store.write() as db:
        link = db.get_one(JoinLink, hash_token(academy.link))
        for name, value in to.items():
            setattr(link, name, value)
        db.add(link)


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://127.0.0.1:34001", "http://127.0.0.1.evil.example"]
)
async def test_another_site_can_neither_post_nor_open_a_socket(academy: World, origin: str) -> None:
    before = rows(academy)
    async with academy.client("coordinator") as client:
        for path in ("/auth/sign-out", "/auth/sign-in", f"/api/v1/rooms/{academy.mine.session.id}/ticket"):
            answer = await client.post(path, headers={"origin": origin})
            assert answer.status_code == 403 and answer.json()["message"]
    for path in ("/ws/room", f"/ws/board/{academy.mine.session.id}/0", "/_event"):
        said = await open_socket(academy.app, path, "", {"origin": origin})
        assert [message["type"] for message in said] == ["websocket.close"], path
    assert rows(academy) == before


async def test_another_site_is_told_it_may_ask_by_whip_and_whep_alone(academy: World) -> None:
    """What carries a bearer token is let through, because a page may send one only where this says so."""
    from hilink_app import hilink_app as web

    headers = {"origin": "https://evil.example", "access-control-request-headers": "authorization"}
    told: set[str] = set()
    async with academy.client("coordinator") as client:
        for path, _, _ in api.rules(web.http.routes):
            answer = await client.options(re.sub(r"{.*?}", "x", path), headers=headers)
            assert "access-control-allow-credentials" not in answer.headers
            if "access-control-allow-origin" in answer.headers:
                told.add(path.removeprefix("/api/v1/rooms/{session_id}/").partition("/")[0])
    assert told == {"whip", "whep"}


async def test_our_own_site_can(academy: World) -> None:
    async with academy.client() as client:
        answer = await client.post("/auth/sign-out", headers={"origin": ORIGIN})
    assert answer.status_code == 303


# What people plan


def coordinator(academy: World) -> Viewer:
    found = academy.viewer("coordinator")
    assert found is not None
    return found


def planned(
    academy: World, starts_in: timedelta, length: timedelta = timedelta(hours=1)
) -> schedule.NewSession:
    one, starts_at = academy.mine, academy.services.clock.now() + starts_in
    students = (one.students[0].id,)
    return schedule.NewSession(one.course.id, one.instructor.id, students, starts_at, starts_at + length)


@pytest.mark.parametrize(
    ("starts_in", "length", "sentence"),
    [
        (timedelta(minutes=-1), timedelta(hours=1), "The start is in the past."),
        (timedelta(days=1), timedelta(hours=-1), "The end is before the start."),
        (timedelta(days=1), timedelta(0), "The end is before the start."),
        (timedelta(days=1), timedelta(hours=7), "A lesson lasts six hours at most."),
        (timedelta(days=800), timedelta(hours=1), "That is more than two years ahead."),
    ],
)
def test_a_time_that_cannot_be_is_refused(
    academy: World, starts_in: timedelta, length: timedelta, sentence: str
) -> None:
    before, new, session = rows(academy), planned(academy, starts_in, length), academy.mine.session
    for attempt in (
        lambda: schedule.schedule_session(coordinator(academy), new),
        lambda: schedule.move_session(
            coordinator(academy), session.id, new.starts_at, new.ends_at, session.version
        ),
    ):
        with pytest.raises(InvalidInput) as error:
            attempt()
        assert str(error.value) == sentence
    assert rows(academy) == before


@pytest.mark.parametrize("tz", ["Mars/Olympus", "", "../../etc/passwd", "Europe/Berlin\x00", "x" * 10_000])
def test_an_unknown_time_zone_is_refused(academy: World, tz: str) -> None:
    before = rows(academy)
    with pytest.raises(InvalidInput):
        local_time("2026-11-24", "16:00", tz)
    with pytest.raises(InvalidInput):
        profile.change_profile(coordinator(academy), "Cora", tz, "en")
    assert rows(academy) == before


@pytest.mark.parametrize(
    ("day", "clock"), [("2026-02-30", "10:00"), ("", ""), ("2026-11-24", "25:00"), ("x", "y")]
)
def test_a_date_that_does_not_exist_is_refused(day: str, clock: str) -> None:
    with pytest.raises(InvalidInput):
        local_time(day, clock, "Europe/Berlin")


def test_a_double_booking_is_refused_with_what_it_collides_with(academy: World) -> None:
    with academy.services.store.write() as db:
        db.add(Qualification(instructor_id=academy.mine.instructor.id, course_id=academy.mine.course.id))
    before = rows(academy)
    with pytest.raises(Conflict) as error:
        schedule.schedule_session(coordinator(academy), planned(academy, timedelta(minutes=30)))
    assert "Algebra" in str(error.value)
    assert rows(academy) == before


def test_people_who_are_not_there_are_refused(academy: World) -> None:
    before, good = rows(academy), planned(academy, timedelta(days=1))
    for broken in (
        schedule.NewSession("no", good.instructor_id, good.student_ids, good.starts_at, good.ends_at),
        schedule.NewSession(good.course_id, "no", good.student_ids, good.starts_at, good.ends_at),
        schedule.NewSession(good.course_id, good.instructor_id, (), good.starts_at, good.ends_at),
        schedule.NewSession(good.course_id, good.instructor_id, ("no",), good.starts_at, good.ends_at),
    ):
        with pytest.raises((InvalidInput, NotFound)):
            schedule.schedule_session(coordinator(academy), broken)
    assert rows(academy) == before


# Sockets


GARBAGE: tuple[str | bytes, ...] = (
    "",
    "not json",
    "[]",
    "null",
    '{"type": "no.such.thing"}',
    '{"type": 7}',
    '{"type": "chat.send"}',
    '{"type": "media", "message": "no"}',
    "[" * 100_000,
    "x" * 2_000_000,
    b"\x00",
    b"\xff" * 1_000,
    b"\x00\x02\xff\xff\xff\xff\xff",
)


async def test_garbage_on_either_socket_is_answered_and_changes_nothing(academy: World) -> None:
    one = academy.mine
    claims = {"session_id": one.session.id, "person_id": one.students[0].id, "role": "student"}
    tickets = academy.services.tickets
    doors = [
        ("/ws/room", "room", {**claims, "link": ""}),
        (f"/ws/board/{one.session.id}/0", "board", {**claims, "draw": True}),
    ]
    async with role_running(academy):
        for path, kind, rights in doors:
            for junk in GARBAGE:
                ticket = tickets.issue(kind, rights)
                said = await open_socket(academy.app, path, f"ticket={ticket}", None, junk)
                assert said[0]["type"] == "websocket.accept", path
                assert all(
                    message["type"] in ("websocket.accept", "websocket.send", "websocket.close")
                    for message in said
                )


# The rest of the API


@pytest.mark.filterwarnings("default")
async def test_nothing_the_api_describes_answers_with_a_5xx(academy: World) -> None:
    await asyncio.to_thread(hammer, academy)


def hammer(academy: World) -> None:
    """Schemathesis: made-up and malformed calls of every operation, as a coordinator and a program of theirs."""
    token = tokens.create_token(coordinator(academy), "Hammer", tuple(SCOPES), 1).token
    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", academy.app)
    tried = 0
    for result in schema.get_all_operations():
        operation: Any = result.ok()  # type: ignore[union-attr]
        tried += 1

        @settings(
            max_examples=12,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        )
        @given(case=operation.as_strategy())
        def call(case: Any) -> None:
            cookie = academy.new_login(academy.mine.coordinator)
            answer = case.call(headers={"cookie": cookie, "authorization": f"Bearer {token}"})
            assert answer.status_code < 500, (case.method, case.path)

        call()
    assert tried > 8


async def test_text_that_postgresql_cannot_hold_gets_a_4xx(tmp_path: Path, pg_url: str) -> None:
    """A zero byte is text for SQLite and Python, not for PostgreSQL."""
    with world(tmp_path, database_url=pg_url) as academy:
        before, session_id = rows(academy), academy.mine.session.id
        async with academy.client("coordinator") as client:
            answers = [
                await client.post("/auth/sign-in", data={"email": "a\x00@b", "password": "x"}),
                await client.post("/auth/link", data={"link_email": "a\x00@b"}),
                await client.get("/api/v1/materials/%00"),
                await client.post(f"/api/v1/sessions/{session_id}/materials?name=a%00b", content=b"x"),
                await client.get("/api/v1/sessions/%00/transcript.vtt"),
            ]
        assert all(300 <= answer.status_code < 500 for answer in answers), answers
        assert rows(academy) == before
