"""A person's lessons for their own calendar program: what the private calendar address answers."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from sqlmodel import Session, col, func, or_, select

from core import services
from core.domain import ClassSession, Course, CurriculumTopic, DomainEvent, Guardianship, Person, Seat
from core.events import SessionScheduled
from core.i18n import gettext
from core.scheduling import ics

PAST = timedelta(days=30)
MOST = 2_000


@dataclass(frozen=True, slots=True)
class Feed:
    """The calendar, and when anything in it last changed."""

    body: bytes
    changed_at: datetime


def feed(reader: Person) -> Feed:
    """The reader's own lessons, and their children's: the last 30 days and all to come, not the cancelled ones.

    First names only, and no personal link: whoever sees the calendar still has to sign in at the room. The same
    lessons give the same bytes.
    """
    service = services.current()
    settings = service.settings
    with service.store.read() as db:
        rows, stamps = _lessons(db, reader, service.clock.now() - PAST)
        names = _names(db, [row.id for row, _, _ in rows])
    base = settings.public_url.rstrip("/")
    host = urlsplit(settings.public_url).hostname or "localhost"
    entries = [
        ics.Entry(
            uid=ics.uid(row.id, host),
            sequence=row.version,
            stamp=stamps.get(row.id, reader.created_at),
            starts_at=row.starts_at,
            ends_at=row.ends_at,
            title=_title(reader, course, names[row.id]),
            link=f"{base}/room/{row.id}",
            note=topic or row.title,
        )
        for row, course, topic in rows
    ]
    name = gettext("{organisation} lessons", reader.lang, organisation=settings.organisation)
    body = ics.calendar(entries, reader.tz, method="PUBLISH", name=name)
    return Feed(body, max(stamps.values(), default=reader.created_at))


_Row = tuple[ClassSession, str, str | None]
_People = list[tuple[str, str, str]]
"""(person id, role, first name)"""


def _lessons(db: Session, reader: Person, since: datetime) -> tuple[list[_Row], dict[str, datetime]]:
    """(lesson, course, topic) by start, and when each was last changed, cancelled ones included."""
    wards = select(Guardianship.student_id).where(Guardianship.guardian_id == reader.id)
    mine = select(Seat.session_id).where(or_(Seat.person_id == reader.id, col(Seat.person_id).in_(wards)))
    rows = db.exec(
        select(ClassSession, Course.name, CurriculumTopic.name)
        .join(Course, col(Course.id) == ClassSession.course_id)
        .outerjoin(CurriculumTopic, col(CurriculumTopic.id) == ClassSession.topic_id)
        .where(
            col(ClassSession.id).in_(mine.where(col(Seat.active).is_(True))),
            ClassSession.status != "cancelled",
            ClassSession.ends_at >= since,
        )
        .order_by(col(ClassSession.starts_at), col(ClassSession.id))
        .limit(MOST)
    ).all()
    changed = db.exec(
        select(DomainEvent.session_id, func.max(DomainEvent.at))
        .join(Seat, col(Seat.session_id) == DomainEvent.session_id)
        .where(
            DomainEvent.kind == SessionScheduled.kind,
            or_(Seat.person_id == reader.id, col(Seat.person_id).in_(wards)),
            Seat.ends_at >= since,
        )
        .group_by(col(DomainEvent.session_id))
    ).all()
    return list(rows), {session_id: at for session_id, at in changed if session_id}


def _names(db: Session, ids: list[str]) -> dict[str, _People]:
    found: dict[str, _People] = {session_id: [] for session_id in ids}
    query = (
        select(Seat.session_id, Seat.person_id, Seat.role, Person.name)
        .join(Person, col(Person.id) == Seat.person_id)
        .where(col(Seat.session_id).in_(ids), col(Seat.active).is_(True))
        .order_by(col(Person.name))
    )
    for session_id, person_id, role, name in db.exec(query):
        found[session_id].append((person_id, role, name.split(" ")[0]))
    return found


def _title(reader: Person, course: str, people: _People) -> str:
    """What the reader calls it: with whom for those who are in it, whose it is for a family."""
    role = next((role for person_id, role, _ in people if person_id == reader.id), "")
    students = ", ".join(name for _, is_a, name in people if is_a == "student")
    teacher = ", ".join(name for _, is_a, name in people if is_a == "instructor")
    if role == "instructor":
        return gettext("{course} with {name}", reader.lang, course=course, name=students)
    if role == "student":
        return gettext("{course} with {name}", reader.lang, course=course, name=teacher)
    return gettext("{student}: {course}", reader.lang, student=students, course=course)
