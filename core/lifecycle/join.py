"""Step 3: who may enter the room now, with which rights."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from core import services
from core.access import Actor, Viewer, hash_token
from core.delivery import audit
from core.domain import ClassSession, Consent, Course, CurriculumTopic, JoinLink, Person, Room, Seat
from core.domain.load import get_session
from core.errors import NotAllowed, NotFound, SessionNotOpen
from core.lifecycle.provision import new_join_link


@dataclass(frozen=True, slots=True)
class Entry:
    """A seat taken: everything the room server needs to know about one person. role: instructor | student | observer."""

    session_id: str
    seat_id: str
    person_id: str
    name: str
    role: str
    lang: str
    tz: str
    title: str
    course: str
    topic: str
    status: str
    starts_at: datetime
    ends_at: datetime
    instructor: str
    consents: frozenset[str]


def open_join_link(token: str, viewer: Viewer | None) -> Seat:
    """The seat behind a personal link. NotFound, SessionNotOpen or NotAllowed, each with its sentence.

    viewer: who is signed in in this browser, if anybody; another person's link is refused then.
    """
    service = services.current()
    with service.store.read() as db:
        link = db.get(JoinLink, hash_token(token))
        if link is None:
            raise NotFound("This link is not one of ours. Please use the newest link we sent you.")
        seat = db.get_one(Seat, link.seat_id)
        session = get_session(db, seat.session_id)
        if session.status == "cancelled":
            raise SessionNotOpen("This lesson was cancelled.")
        if link.revoked_at is not None or not seat.active:
            raise NotAllowed("This link was withdrawn. Please use the newest link we sent you.")
        if link.expires_at <= service.clock.now():
            raise SessionNotOpen("This link has expired: the lesson is over.")
        if viewer is not None and viewer.person_id != seat.person_id:
            raise NotAllowed("This link belongs to somebody else. Sign out first, or use your own link.")
        return seat


def make_link(actor: Actor, session_id: str, person_id: str) -> str:
    """A further personal link of somebody in this lesson, for a page of the platform's own. Coordinators.

    NotFound for who is not in it; SessionNotOpen when it was cancelled or is over.
    """
    if not actor.has("coordinator"):
        raise NotAllowed()
    with services.current().store.write() as db:
        row = get_session(db, session_id, lock=True)
        seat = db.exec(
            select(Seat).where(
                Seat.session_id == session_id, Seat.person_id == person_id, col(Seat.active).is_(True)
            )
        ).first()
        if row.status in ("cancelled", "ended"):
            check_open(row, row.starts_at)
        if seat is None:
            raise NotFound("This person is not in the lesson.")
        audit(db, actor.person_id, "link.make", session_id, person_id)
        return new_join_link(db, seat.id)


def enter(viewer: Viewer, session_id: str) -> Entry:
    """May this viewer enter now? NotAllowed for people without a seat, SessionNotOpen outside the room's hours.

    A coordinator may look in as observer. A person whose seat was closed is refused.
    """
    service = services.current()
    with service.store.read() as db:
        row = get_session(db, session_id)
        seat = db.exec(
            select(Seat).where(Seat.session_id == session_id, Seat.person_id == viewer.person_id)
        ).first()
        if viewer.session_id is not None and viewer.session_id != session_id:
            raise NotAllowed("Your link is for another lesson.")
        if seat is None and not viewer.has("coordinator"):
            raise NotAllowed("You are not in this lesson.")
        if seat is not None and not seat.active and row.status != "cancelled":
            raise NotAllowed("Your seat in this lesson was given up.")
        check_open(row, service.clock.now())
        return _entry(db, row, seat, viewer)


def check_open(row: ClassSession, now: datetime) -> None:
    """SessionNotOpen with the sentence that fits: cancelled, over, too early, too late."""
    settings = services.current().settings
    if row.status == "cancelled":
        raise SessionNotOpen("This lesson was cancelled.")
    if row.status == "ended":
        raise SessionNotOpen("This lesson is over.")
    opens_at = row.starts_at - timedelta(seconds=settings.open_before_s)
    if now < opens_at:
        raise SessionNotOpen(
            "The room opens {minutes} minutes before the lesson.", minutes=settings.open_before_s // 60
        )
    if now > row.ends_at + timedelta(seconds=settings.open_after_s):
        raise SessionNotOpen("This lesson is over.")


def consents_of(db: Session, person_id: str) -> frozenset[str]:
    """Purposes this person (or their guardian) has consented to and not withdrawn."""
    rows = db.exec(
        select(Consent.purpose).where(Consent.person_id == person_id, col(Consent.withdrawn_at).is_(None))
    )
    return frozenset(rows)


def _entry(db: Session, row: ClassSession, seat: Seat | None, viewer: Viewer) -> Entry:
    course = db.get_one(Course, row.course_id)
    topic = db.get(CurriculumTopic, row.topic_id) if row.topic_id else None
    instructor = db.exec(
        select(Person.name)
        .join(Seat, col(Seat.person_id) == Person.id)
        .where(Seat.session_id == row.id, Seat.role == "instructor", col(Seat.active).is_(True))
    ).first()
    if db.get(Room, row.id) is None:
        raise SessionNotOpen("The room is being prepared. Please try again in a moment.")
    return Entry(
        session_id=row.id,
        seat_id=seat.id if seat else "",
        person_id=viewer.person_id,
        name=viewer.name,
        role=seat.role if seat else "observer",
        lang=viewer.lang,
        tz=viewer.tz,
        title=row.title or (topic.name if topic else course.name),
        course=course.name,
        topic=topic.name if topic else "",
        status=row.status,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        instructor=instructor or "",
        consents=consents_of(db, viewer.person_id),
    )
