"""Who is asked to step in, and which lessons still need somebody."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlmodel import Session, col, func, select
from sqlmodel.sql.expression import Select

from core import services
from core.access import Viewer
from core.domain import ClassSession, Course, CurriculumTopic, Person, Seat, SubstituteOffer, Substitution
from core.domain.change import LOOKING
from core.errors import NotAllowed, NotFound
from core.lifecycle.substitutes import ranking_of
from core.queries.common import Face, LessonLine, face, iso, lesson_lines
from core.queries.requests import say
from core.scheduling.availability import Reason

MOST = 50
TOLD = ("taught", "language")
"""Reasons that say something to the one who is asked."""
HARD = ("booked", "unqualified")
"""Reasons that rule somebody out also for a coordinator who picks them by hand."""


@dataclass(frozen=True)
class OfferLine:
    """One lesson an instructor is asked to take. student: the first name alone; group: how many students.

    reasons: why they were asked, in their language.
    """

    id: str
    session_id: str
    starts_at: str
    minutes: int
    course: str
    topic: str
    student: str
    group: int
    expires_at: str
    reasons: list[str]


@dataclass(frozen=True)
class Offers:
    """open: wait for an answer, by start. taken: lessons to come that they stepped into."""

    open: list[OfferLine]
    taken: list[LessonLine]


@dataclass(frozen=True)
class Looking:
    """The search for one of the viewer's own lessons. asked: how many consider it now."""

    id: str
    session_id: str
    asked: int
    version: int


@dataclass(frozen=True)
class AskedLine:
    """One instructor who was asked. status: offered | accepted | declined | expired | withdrawn. at: since then."""

    name: str
    initials: str
    status: str
    at: str


@dataclass(frozen=True)
class SearchLine:
    """One lesson that needs somebody. status: open | offered | escalated. note: why, in the instructor's words."""

    id: str
    session_id: str
    starts_at: str
    course: str
    student: str
    initials: str
    instructor: str
    reason: str
    note: str
    status: str
    opened_at: str
    due_at: str
    version: int
    session_version: int
    asked: list[AskedLine] = field(default_factory=list[AskedLine])


@dataclass(frozen=True)
class Candidate:
    """Somebody who may teach the course. fits: free then. can: a coordinator may give it to them all the same.

    asked: they consider it now. met, unmet: reasons in words, joined by commas.
    """

    person: Face
    fits: bool
    can: bool
    asked: bool
    met: str
    unmet: str


def waiting(viewer: Viewer) -> int:
    """How many offers wait for the viewer's answer."""
    with services.current().store.read() as db:
        return len(db.exec(_open_offers(viewer).limit(MOST)).all())


def offers(viewer: Viewer) -> Offers:
    """The viewer's own."""
    service = services.current()
    now = service.clock.now()
    with service.store.read() as db:
        rows = db.exec(_open_offers(viewer).order_by(col(ClassSession.starts_at)).limit(MOST)).all()
        taken = db.exec(
            select(ClassSession)
            .join(Substitution, col(Substitution.session_id) == ClassSession.id)
            .join(Seat, col(Seat.session_id) == ClassSession.id)
            .where(
                Substitution.filled_by == viewer.person_id,
                Seat.person_id == viewer.person_id,
                col(Seat.active).is_(True),
                ClassSession.ends_at > now,
                col(ClassSession.status).in_(("scheduled", "live")),
            )
            .order_by(col(ClassSession.starts_at))
            .distinct()
        ).all()
        return Offers(
            _offer_lines(db, rows, viewer), lesson_lines(db, taken, now, service.settings.no_show_s)
        )


def looking(viewer: Viewer) -> list[Looking]:
    """Searches for lessons the viewer teaches."""
    with services.current().store.read() as db:
        rows = db.exec(_live().where(Substitution.out_id == viewer.person_id)).all()
        asked = dict(
            db.exec(
                select(SubstituteOffer.substitution_id, func.count())
                .where(
                    col(SubstituteOffer.substitution_id).in_([row.id for row, _ in rows]),
                    SubstituteOffer.status == "offered",
                )
                .group_by(col(SubstituteOffer.substitution_id))
            ).all()
        )
        return [Looking(row.id, row.session_id, asked.get(row.id, 0), row.version) for row, _ in rows]


def searches(viewer: Viewer, first: str = "") -> list[SearchLine]:
    """Coordinators: lessons that need somebody, the nearest deadline first. first: this search before all others."""
    _coordinator(viewer)
    service = services.current()
    with service.store.read() as db:
        in_order = _live().order_by(col(Substitution.id) != first, col(Substitution.due_at))
        rows = db.exec(in_order.limit(MOST)).all()
        lines = {
            line.id: line
            for line in lesson_lines(
                db, [session for _, session in rows], service.clock.now(), service.settings.no_show_s
            )
        }
        asked = _asked(db, [row.id for row, _ in rows])
        return [
            SearchLine(
                id=row.id,
                session_id=session.id,
                starts_at=iso(session.starts_at),
                course=lines[session.id].course,
                student=lines[session.id].student,
                initials=lines[session.id].student_initials,
                instructor=lines[session.id].instructor,
                reason=row.reason,
                note=row.note,
                status=row.status,
                opened_at=iso(row.opened_at),
                due_at=iso(row.due_at),
                version=row.version,
                session_version=session.version,
                asked=asked[row.id],
            )
            for row, session in rows
        ]


def candidates(viewer: Viewer, substitution_id: str) -> list[Candidate]:
    """Coordinators: everybody who may teach the course, who fits first, best first. NotFound."""
    _coordinator(viewer)
    with services.current().store.read() as db:
        row = db.get(Substitution, substitution_id)
        if row is None:
            raise NotFound("We could not find this search.")
        session = db.get_one(ClassSession, row.session_id)
        ranking = ranking_of(db, session, row.out_id)
        ids = [one.person_id for one in (*ranking.fit, *ranking.left_out)]
        faces = {one.id: face(one) for one in db.exec(select(Person).where(col(Person.id).in_(ids)))}
        asked = set(
            db.exec(
                select(SubstituteOffer.instructor_id).where(
                    SubstituteOffer.substitution_id == row.id, SubstituteOffer.status == "offered"
                )
            )
        )

        def words(reasons: Sequence[Reason]) -> str:
            return ", ".join(say(one, viewer) for one in reasons)

        fits = [
            Candidate(
                faces[one.person_id],
                True,
                True,
                one.person_id in asked,
                words(one.reasons),
                words(one.unmet),
            )
            for one in ranking.fit
        ]
        return fits + [
            Candidate(
                faces[one.person_id],
                False,
                not any(reason.code in HARD for reason in one.reasons),
                one.person_id in asked,
                "",
                words(one.reasons),
            )
            for one in ranking.left_out
        ]


def _coordinator(viewer: Viewer) -> None:
    if not viewer.has("coordinator"):
        raise NotAllowed()


def _live() -> Select[Substitution, ClassSession]:
    """(search, lesson) of those that still concern the lesson as it is."""
    return (
        select(Substitution, ClassSession)
        .join(ClassSession, col(ClassSession.id) == Substitution.session_id)
        .where(
            col(Substitution.status).in_(LOOKING),
            ClassSession.status == "scheduled",
            ClassSession.version == Substitution.session_version,
            ClassSession.starts_at > services.current().clock.now(),
        )
    )


def _open_offers(viewer: Viewer) -> Select[SubstituteOffer, ClassSession]:
    """(offer, lesson) that can be accepted now."""
    return (
        select(SubstituteOffer, ClassSession)
        .join(Substitution, col(Substitution.id) == SubstituteOffer.substitution_id)
        .join(ClassSession, col(ClassSession.id) == Substitution.session_id)
        .where(
            SubstituteOffer.instructor_id == viewer.person_id,
            SubstituteOffer.status == "offered",
            SubstituteOffer.expires_at > services.current().clock.now(),
            col(Substitution.status).in_(LOOKING),
            ClassSession.status == "scheduled",
            ClassSession.version == Substitution.session_version,
        )
    )


def _offer_lines(
    db: Session, rows: Sequence[tuple[SubstituteOffer, ClassSession]], viewer: Viewer
) -> list[OfferLine]:
    ids = [session.id for _, session in rows]
    students: dict[str, list[Person]] = defaultdict(list)
    for session_id, person in db.exec(
        select(Seat.session_id, Person)
        .join(Person, col(Person.id) == Seat.person_id)
        .where(col(Seat.session_id).in_(ids), Seat.role == "student", col(Seat.active).is_(True))
        .order_by(col(Person.name))
    ):
        students[session_id].append(person)
    courses = dict(
        db.exec(
            select(Course.id, Course.name).where(col(Course.id).in_([one.course_id for _, one in rows]))
        ).all()
    )
    wanted = [one.topic_id for _, one in rows if one.topic_id]
    topics = dict(
        db.exec(
            select(CurriculumTopic.id, CurriculumTopic.name).where(col(CurriculumTopic.id).in_(wanted))
        ).all()
    )
    return [
        OfferLine(
            id=offer.id,
            session_id=session.id,
            starts_at=iso(session.starts_at),
            minutes=round((session.ends_at - session.starts_at).total_seconds() / 60),
            course=courses[session.course_id],
            topic=topics.get(session.topic_id or "", session.title),
            student=students[session.id][0].first_name if students[session.id] else "",
            group=len(students[session.id]),
            expires_at=iso(offer.expires_at),
            reasons=[_said(one, viewer) for one in offer.reasons if one["met"] and one["code"] in TOLD],
        )
        for offer, session in rows
    ]


def _said(plain: dict[str, Any], viewer: Viewer) -> str:
    return say(Reason(plain["code"], plain["words"], plain["params"]), viewer)


def _asked(db: Session, substitution_ids: Sequence[str]) -> dict[str, list[AskedLine]]:
    found: dict[str, list[AskedLine]] = {one: [] for one in substitution_ids}
    rows = db.exec(
        select(SubstituteOffer, Person)
        .join(Person, col(Person.id) == SubstituteOffer.instructor_id)
        .where(col(SubstituteOffer.substitution_id).in_(substitution_ids))
        .order_by(col(SubstituteOffer.rank))
    )
    for offer, person in rows:
        who = face(person)
        at = offer.answered_at or offer.expires_at
        found[offer.substitution_id].append(AskedLine(who.name, who.initials, offer.status, iso(at)))
    return found
