"""A small academy behind the real web role's routes, pages and handlers: two families that must never meet.

One person of each role, signed in with a real login; lesson `mine` with everybody in it, open now; lesson
`theirs` of another instructor, child and guardian; `past`, ended, with an approved report about the other
child and a draft. Every word that belongs to the other family holds SECRET.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import text
from sqlmodel import Session, SQLModel, select

from core import services
from core.access import LOGIN_COOKIE, SEAT_COOKIE, Viewer, hash_token, seat_viewer_from_cookie, viewer_for
from core.domain import JoinLink, Login, Material, Person, StudentReport, TranscriptSegment
from core.services import Services
from core.testing import seed
from core.testing import services as test_services
from hilink_app.api.security import Security

ANONYMOUS, SEAT_LINK = "anonymous", "seat link"
ROLES = ("student", "instructor", "coordinator", "guardian", "operator")
WHO = (ANONYMOUS, SEAT_LINK, *ROLES)
SECRET = "Zephyrine"
COUNTERS = {"sign_in_attempt", "audit_entry"}
"""Tables that note an attempt."""
ORIGIN = "http://127.0.0.1:34000"


@dataclass(frozen=True)
class World:
    """cookies: Cookie header by WHO. ids: ids of `mine` and `others` by the name of a parameter."""

    services: Services
    app: Any
    mine: seed.Lesson
    theirs: seed.Lesson
    past: seed.Lesson
    operator: Person
    cookies: dict[str, str]
    link: str
    others: dict[str, str]
    material_id: str

    def viewer(self, who: str) -> Viewer | None:
        """None for ANONYMOUS."""
        if who == SEAT_LINK:
            return seat_viewer_from_cookie(self.cookies[who])
        person = self.people.get(who)
        if person is None:
            return None
        with self.services.store.read() as db:
            return viewer_for(db, person.id)

    @property
    def people(self) -> dict[str, Person]:
        one = self.mine
        return {
            "student": one.students[0],
            "instructor": one.instructor,
            "coordinator": one.coordinator,
            "guardian": one.guardians[0],
            "operator": self.operator,
        }

    def client(self, who: str = ANONYMOUS, **options: Any) -> httpx.AsyncClient:
        """A program with that person's cookie, without redirects."""
        headers = {"cookie": self.cookies[who]} if self.cookies[who] else {}
        transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=True)
        return httpx.AsyncClient(transport=transport, base_url=ORIGIN, headers=headers, timeout=20, **options)

    def new_login(self, person: Person) -> str:
        """A Cookie header of one more sign-in."""
        with self.services.store.write() as db:
            return f"{LOGIN_COOKIE}={_login(db, person)}"


def _login(db: Session, person: Person) -> str:
    now, token = services.current().clock.now(), secrets.token_urlsafe(32)
    db.add(
        Login(
            token_hash=hash_token(token),
            person_id=person.id,
            created_at=now,
            expires_at=now + timedelta(hours=8),
        )
    )
    return token


@contextmanager
def world(tmp_path: Path, **overrides: Any) -> Iterator[World]:
    """The academy on a fresh database, its services installed for the whole process."""
    from hilink_app import hilink_app as web

    with test_services(tmp_path, plugins=web.plugins, public_url=ORIGIN, port=34000, **overrides) as made:
        services.install(made)
        try:
            with made.store.write() as db:
                one = _fill(db)
            yield World(services=made, app=Security(web.http, [ORIGIN]), **one)
        finally:
            services.install(None)
            web.plugins.read_switches_from(dict)


def _fill(db: Session) -> dict[str, Any]:
    mine = seed.lesson(db, students=1, starts_in_s=600)
    theirs = seed.lesson(db, students=1, starts_in_s=600)
    past = seed.lesson(db, students=1, starts_in_s=-7_200)
    theirs.session.title = f"{SECRET} lesson"
    for person in (*theirs.students, *past.students, theirs.instructor, past.instructor):
        person.name = f"{SECRET} {person.name}"
        db.add(person)
    for person in (theirs.coordinator, past.coordinator, *theirs.guardians, *past.guardians):
        person.name = f"Other {person.name}"
        db.add(person)
    for course in (theirs.course, past.course):
        course.name = f"{SECRET} course"
        db.add(course)
    seed.ended(db, past)
    summary = seed.drafted(db, past)
    summary.body = {"sentences": [{"text": f"{SECRET} did well.", "spans": [], "section": "covered"}]}
    db.add(summary)
    report = _report(db, summary.id)
    case = seed.case(db, theirs)
    case.queue = "coordinator"
    db.add(case)
    child = past.students[0]
    db.add(
        TranscriptSegment(
            session_id=past.session.id,
            person_id=child.id,
            started_ms=0,
            ended_ms=900,
            text=f"{SECRET} words",
            engine="test",
        )
    )
    operator = seed.person(db, "Olu Operator", "operator")
    cookies = _cookies(db, mine, operator)
    material = _material(db, theirs)
    return {
        "mine": mine,
        "theirs": theirs,
        "past": past,
        "operator": operator,
        "cookies": cookies,
        "link": cookies[SEAT_LINK].partition("=")[2],
        "material_id": _material(db, mine),
        "others": {
            "session_id": theirs.session.id,
            "student_id": child.id,
            "child_id": child.id,
            "person_id": child.id,
            "summary_id": summary.id,
            "report_id": report.id,
            "case_id": case.id,
            "material_id": material,
            "course_id": theirs.course.id,
            "instructor_id": theirs.instructor.id,
        },
    }


def _cookies(db: Session, mine: seed.Lesson, operator: Person) -> dict[str, str]:
    link = secrets.token_urlsafe(16)
    seat = next(seat for seat in seed.seats_of(db, mine) if seat.role == "student")
    db.add(
        JoinLink(
            token_hash=hash_token(link),
            seat_id=seat.id,
            created_at=services.current().clock.now(),
            expires_at=mine.session.ends_at + timedelta(hours=1),
        )
    )
    people = {
        "student": mine.students[0],
        "instructor": mine.instructor,
        "coordinator": mine.coordinator,
        "guardian": mine.guardians[0],
        "operator": operator,
    }
    logins = {who: f"{LOGIN_COOKIE}={_login(db, person)}" for who, person in people.items()}
    return {ANONYMOUS: "", SEAT_LINK: f"{SEAT_COOKIE}={link}", **logins}


def _report(db: Session, summary_id: str) -> StudentReport:
    row = db.exec(select(StudentReport).where(StudentReport.summary_id == summary_id)).one()
    row.body = {"headline": f"{SECRET}!", "sentences": [], "homework": f"{SECRET} homework"}
    db.add(row)
    return row


def _material(db: Session, one: seed.Lesson) -> str:
    row = Material(
        session_id=one.session.id,
        name="fractions.pdf",
        media_type="application/pdf",
        size=3,
        blob_key=f"materials/{one.session.id}/file",
        added_by=one.instructor.id,
        added_at=services.current().clock.now(),
    )
    db.add(row)
    return row.id


def rows(academy: World) -> dict[str, list[str]]:
    """Everything in the database, but the notes about attempts."""
    with academy.services.store.read() as db:
        return {
            name: sorted(repr(tuple(row)) for row in db.execute(text(f'SELECT * FROM "{name}"')))
            for name in SQLModel.metadata.tables
            if name not in COUNTERS
        }


def _frame(data: str | bytes) -> dict[str, Any]:
    return {"type": "websocket.receive", "text" if isinstance(data, str) else "bytes": data}


async def open_socket(
    app: Any, path: str, query: str = "", headers: dict[str, str] | None = None, *frames: str | bytes
) -> list[dict[str, Any]]:
    """What the server says to a WebSocket that connects, sends these frames and goes."""
    said: list[dict[str, Any]] = []
    gone = {"type": "websocket.disconnect", "code": 1000}
    events = [{"type": "websocket.connect"}, *map(_frame, frames)]

    async def receive() -> dict[str, Any]:
        return events.pop(0) if events else gone

    async def keep(message: dict[str, Any]) -> None:
        said.append(message)

    given = {"host": ORIGIN.removeprefix("http://"), **(headers or {})}
    scope = {
        "type": "websocket",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "ws",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in given.items()],
        "client": ("127.0.0.1", 50_000),
        "server": ("127.0.0.1", 34_000),
        "subprotocols": [],
        "state": {},
        "extensions": {"websocket.http.response": {}},
    }
    await app(scope, receive, keep)
    return said
