"""People, courses and lessons as programs read them: ids and facts, in pages. Coordinators' business."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, and_, col, or_, select

from core import services
from core.access import Viewer
from core.domain import (
    ClassSession,
    Course,
    CurriculumTopic,
    Person,
    PersonRole,
    Qualification,
    Seat,
    Series,
    SubstituteOffer,
    Substitution,
)
from core.errors import NotAllowed, NotFound
from core.i18n import gettext
from core.lifecycle.readiness import MISSING, last_look

MOST = 200


@dataclass(frozen=True, slots=True)
class PersonRecord:
    id: str
    name: str
    roles: list[str]
    tz: str
    lang: str
    active: bool


@dataclass(frozen=True, slots=True)
class TopicRecord:
    id: str
    position: int
    name: str


@dataclass(frozen=True, slots=True)
class CourseRecord:
    """instructor_ids: who may teach it. length_min: usual length of a lesson."""

    id: str
    name: str
    level: str
    length_min: int
    active: bool
    topics: list[TopicRecord]
    instructor_ids: list[str]
    version: int


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """instructor_id: "" for a cancelled lesson. Times are aware UTC."""

    id: str
    course_id: str
    topic_id: str | None
    series_id: str | None
    title: str
    language: str
    status: str
    starts_at: datetime
    ends_at: datetime
    instructor_id: str
    student_ids: list[str]
    version: int


@dataclass(frozen=True, slots=True)
class SeriesRecord:
    """first_local: wall clock in tz, ISO. session_ids: its lessons, cancelled ones too, by start."""

    id: str
    course_id: str
    instructor_id: str
    student_ids: list[str]
    title: str
    rule: str
    first_local: str
    tz: str
    length_min: int
    status: str
    session_ids: list[str]
    version: int


@dataclass(frozen=True, slots=True)
class OfferRecord:
    id: str
    instructor_id: str
    rank: int
    status: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class SubstitutionRecord:
    """out_id: who cannot come. due_at: when a coordinator takes over."""

    id: str
    session_id: str
    out_id: str
    reason: str
    status: str
    due_at: datetime
    filled_by: str | None
    offers: list[OfferRecord]
    version: int


@dataclass(frozen=True, slots=True)
class ReadinessRecord:
    """missing: codes of what was not there at the last look; why: the same in words.

    checked_at: None = nobody looked yet at the lesson as it is now.
    """

    ready: bool
    missing: list[str]
    why: list[str]
    checked_at: datetime | None


@dataclass(frozen=True, slots=True)
class SessionFilter:
    """starts_at in [after, before); empty strings and None do not filter."""

    after: datetime | None = None
    before: datetime | None = None
    instructor_id: str = ""
    student_id: str = ""
    course_id: str = ""
    status: str = ""


def people(viewer: Viewer, *, role: str = "", after_id: str = "", limit: int = MOST) -> list[PersonRecord]:
    """By id, those after `after_id`."""
    _coordinator(viewer)
    with services.current().store.read() as db:
        query = select(Person).where(Person.id > after_id).order_by(col(Person.id)).limit(limit)
        if role:
            query = query.where(
                col(Person.id).in_(select(PersonRole.person_id).where(PersonRole.role == role))
            )
        return _people(db, db.exec(query).all())


def person(viewer: Viewer, person_id: str) -> PersonRecord:
    """NotFound."""
    _coordinator(viewer)
    with services.current().store.read() as db:
        row = db.get(Person, person_id)
        if row is None:
            raise NotFound()
        return _people(db, [row])[0]


def courses(viewer: Viewer, *, after_id: str = "", limit: int = MOST) -> list[CourseRecord]:
    """By id, those after `after_id`."""
    _coordinator(viewer)
    with services.current().store.read() as db:
        rows = db.exec(select(Course).where(Course.id > after_id).order_by(col(Course.id)).limit(limit)).all()
        return _courses(db, rows)


def course(viewer: Viewer, course_id: str) -> CourseRecord:
    """NotFound."""
    _coordinator(viewer)
    with services.current().store.read() as db:
        row = db.get(Course, course_id)
        if row is None:
            raise NotFound()
        return _courses(db, [row])[0]


def sessions(
    viewer: Viewer, wanted: SessionFilter, *, after: tuple[datetime, str] | None = None, limit: int = MOST
) -> list[SessionRecord]:
    """By start, then id; those after the pair `after`."""
    _coordinator(viewer)
    query = select(ClassSession).order_by(col(ClassSession.starts_at), col(ClassSession.id)).limit(limit)
    if wanted.after:
        query = query.where(ClassSession.starts_at >= wanted.after)
    if wanted.before:
        query = query.where(ClassSession.starts_at < wanted.before)
    if wanted.course_id:
        query = query.where(ClassSession.course_id == wanted.course_id)
    if wanted.status:
        query = query.where(ClassSession.status == wanted.status)
    for role, who in (("instructor", wanted.instructor_id), ("student", wanted.student_id)):
        if who:
            seated = select(Seat.session_id).where(
                Seat.person_id == who, Seat.role == role, col(Seat.active).is_(True)
            )
            query = query.where(col(ClassSession.id).in_(seated))
    if after:
        start, last = after
        query = query.where(
            or_(
                col(ClassSession.starts_at) > start,
                and_(col(ClassSession.starts_at) == start, col(ClassSession.id) > last),
            )
        )
    with services.current().store.read() as db:
        return _sessions(db, db.exec(query).all())


def session(viewer: Viewer, session_id: str) -> SessionRecord:
    """NotFound."""
    _coordinator(viewer)
    with services.current().store.read() as db:
        row = db.get(ClassSession, session_id)
        if row is None:
            raise NotFound()
        return _sessions(db, [row])[0]


def readiness(viewer: Viewer, session_id: str) -> ReadinessRecord:
    """Whether people could join a lesson to come, as last looked at. NotFound."""
    _coordinator(viewer)
    with services.current().store.read() as db:
        row = db.get(ClassSession, session_id)
        if row is None:
            raise NotFound()
        missing, checked_at = last_look(db, row)
    why = [gettext(MISSING[one], viewer.lang) for one in missing]
    return ReadinessRecord(checked_at is not None and not missing, missing, why, checked_at)


def all_series(
    viewer: Viewer, *, status: str = "", after_id: str = "", limit: int = MOST
) -> list[SeriesRecord]:
    """By id, those after `after_id`."""
    _coordinator(viewer)
    query = select(Series).where(Series.id > after_id).order_by(col(Series.id)).limit(limit)
    if status:
        query = query.where(Series.status == status)
    with services.current().store.read() as db:
        return _series(db, db.exec(query).all())


def series(viewer: Viewer, series_id: str) -> SeriesRecord:
    """NotFound."""
    _coordinator(viewer)
    with services.current().store.read() as db:
        row = db.get(Series, series_id)
        if row is None:
            raise NotFound()
        return _series(db, [row])[0]


def substitutions(
    viewer: Viewer, *, status: str = "", after_id: str = "", limit: int = MOST
) -> list[SubstitutionRecord]:
    """By id, those after `after_id`."""
    _coordinator(viewer)
    query = select(Substitution).where(Substitution.id > after_id).order_by(col(Substitution.id)).limit(limit)
    if status:
        query = query.where(Substitution.status == status)
    with services.current().store.read() as db:
        return _substitutions(db, db.exec(query).all())


def substitution(viewer: Viewer, substitution_id: str) -> SubstitutionRecord:
    """NotFound."""
    _coordinator(viewer)
    with services.current().store.read() as db:
        row = db.get(Substitution, substitution_id)
        if row is None:
            raise NotFound()
        return _substitutions(db, [row])[0]


def _coordinator(viewer: Viewer) -> None:
    if not viewer.has("coordinator"):
        raise NotAllowed()


def _people(db: Session, rows: Sequence[Person]) -> list[PersonRecord]:
    roles: dict[str, list[str]] = defaultdict(list)
    for held in db.exec(select(PersonRole).where(col(PersonRole.person_id).in_([row.id for row in rows]))):
        roles[held.person_id].append(held.role)
    return [
        PersonRecord(row.id, row.name, sorted(roles[row.id]), row.tz, row.lang, row.active) for row in rows
    ]


def _courses(db: Session, rows: Sequence[Course]) -> list[CourseRecord]:
    ids = [row.id for row in rows]
    topics: dict[str, list[TopicRecord]] = defaultdict(list)
    for one in db.exec(
        select(CurriculumTopic)
        .where(col(CurriculumTopic.course_id).in_(ids))
        .order_by(col(CurriculumTopic.position))
    ):
        topics[one.course_id].append(TopicRecord(one.id, one.position, one.name))
    teachers: dict[str, list[str]] = defaultdict(list)
    for held in db.exec(select(Qualification).where(col(Qualification.course_id).in_(ids))):
        teachers[held.course_id].append(held.instructor_id)
    return [
        CourseRecord(
            row.id,
            row.name,
            row.level,
            row.length_min,
            row.active,
            topics[row.id],
            sorted(teachers[row.id]),
            row.version,
        )
        for row in rows
    ]


def _sessions(db: Session, rows: Sequence[ClassSession]) -> list[SessionRecord]:
    """Who is expected; of a cancelled lesson, its students, whose seats are closed."""
    seated: dict[str, list[Seat]] = defaultdict(list)
    for seat in db.exec(
        select(Seat).where(col(Seat.session_id).in_([row.id for row in rows])).order_by(col(Seat.person_id))
    ):
        seated[seat.session_id].append(seat)
    return [
        SessionRecord(
            id=row.id,
            course_id=row.course_id,
            topic_id=row.topic_id,
            series_id=row.series_id,
            title=row.title,
            language=row.language,
            status=row.status,
            starts_at=row.starts_at,
            ends_at=row.ends_at,
            instructor_id=next(
                (one.person_id for one in seated[row.id] if one.role == "instructor" and one.active), ""
            ),
            student_ids=[
                one.person_id
                for one in seated[row.id]
                if one.role == "student" and (one.active or row.status == "cancelled")
            ],
            version=row.version,
        )
        for row in rows
    ]


def _series(db: Session, rows: Sequence[Series]) -> list[SeriesRecord]:
    lessons: dict[str, list[str]] = defaultdict(list)
    for series_id, session_id in db.exec(
        select(ClassSession.series_id, ClassSession.id)
        .where(col(ClassSession.series_id).in_([row.id for row in rows]))
        .order_by(col(ClassSession.starts_at), col(ClassSession.id))
    ):
        lessons[str(series_id)].append(session_id)
    return [
        SeriesRecord(
            row.id,
            row.course_id,
            row.instructor_id,
            list(row.student_ids),
            row.title,
            row.rule,
            row.first_local,
            row.tz,
            row.length_min,
            row.status,
            lessons[row.id],
            row.version,
        )
        for row in rows
    ]


def _substitutions(db: Session, rows: Sequence[Substitution]) -> list[SubstitutionRecord]:
    offers: dict[str, list[OfferRecord]] = defaultdict(list)
    for one in db.exec(
        select(SubstituteOffer)
        .where(col(SubstituteOffer.substitution_id).in_([row.id for row in rows]))
        .order_by(col(SubstituteOffer.rank), col(SubstituteOffer.id))
    ):
        offers[one.substitution_id].append(
            OfferRecord(one.id, one.instructor_id, one.rank, one.status, one.expires_at)
        )
    return [
        SubstitutionRecord(
            row.id,
            row.session_id,
            row.out_id,
            row.reason,
            row.status,
            row.due_at,
            row.filled_by,
            offers[row.id],
            row.version,
        )
        for row in rows
    ]
