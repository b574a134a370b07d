"""The coordinator's questions: what is happening now, and what needs me?"""

import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, func, or_, select

from core import services
from core.access import Viewer
from core.delivery import audit
from core.domain import (
    Attendance,
    CaseNote,
    ClassSession,
    Course,
    CurriculumTopic,
    Enrollment,
    ExceptionCase,
    Person,
    PersonRole,
    Qualification,
    Seat,
    Series,
)
from core.errors import NotAllowed, NotFound
from core.i18n import zone_name
from core.lifecycle.cases import CLASSES, OTHER
from core.lifecycle.readiness import last_look, words_for
from core.queries.common import Face, LessonLine, face, iso, lesson_lines

STATES = ("late", "waiting", "live", "expected", "ended")


@dataclass(frozen=True)
class Board:
    """rows: one page of the day's lessons, grouped in the order of STATES. counts: by state, and "all".

    strip: (quarter hour of the day 0..95 in the viewer's zone, lessons, with somebody missing).
    """

    rows: list[LessonLine]
    counts: dict[str, int]
    total: int
    strip: list[tuple[int, int, int]]
    now: str


@dataclass(frozen=True)
class CaseLine:
    """One case in the queue. title: a message id; what it is about in course and names; notes newest last.

    missing: of a lesson that is not ready, message ids.
    """

    id: str
    kind: str
    title: str
    severity: str
    status: str
    due_at: str
    opened_at: str
    owner: str
    mine: bool
    session_id: str
    course: str
    student: str
    instructor: str
    starts_at: str
    person: str
    plugin: str
    resolution: str
    version: int
    missing: list[str] = field(default_factory=list[str])


NO_CASE = CaseLine("", "", "", "", "", "", "", "", False, "", "", "", "", "", "", "", "", 0)
"""Stands where there is none: its id is empty."""


@dataclass(frozen=True)
class NoteLine:
    at: str
    by: str
    text: str


@dataclass(frozen=True)
class Choices:
    """What the schedule form offers. Each: (id, words)."""

    courses: list[tuple[str, str]]
    topics: list[tuple[str, str]]
    instructors: list[tuple[str, str, str]]
    """(id, name, zone)"""
    students: list[tuple[str, str, str]]


def _coordinator(viewer: Viewer) -> None:
    if not viewer.has("coordinator"):
        raise NotAllowed()


def day_of(viewer: Viewer, now: datetime) -> tuple[datetime, datetime]:
    """The viewer's own day around `now`, as two aware times."""
    zone = ZoneInfo(viewer.tz)
    local = now.astimezone(zone)
    start = local.replace(hour=0, minute=0, second=0, microsecond=0)
    return start, (start + timedelta(days=1)).replace(tzinfo=zone)


def board(
    viewer: Viewer,
    *,
    state: str = "",
    find: str = "",
    course_id: str = "",
    trouble: bool = False,
    day: datetime | None = None,
    page: int = 0,
    size: int = 50,
) -> Board:
    """The viewer's day. find: part of a person's or course's name. trouble: only late ones. page from 0."""
    _coordinator(viewer)
    lines, now = _day_lines(viewer, day, course_id)
    strip = _strip(lines, viewer.tz)
    wanted = find.strip().lower()
    if wanted:
        lines = [
            line for line in lines if wanted in f"{line.student} {line.instructor} {line.course}".lower()
        ]
    counts = Counter(line.state for line in lines)
    counts["all"] = len(lines)
    shown = [
        line for line in lines if (not state or line.state == state) and (not trouble or line.state == "late")
    ]
    shown.sort(key=lambda line: STATES.index(line.state) if line.state in STATES else len(STATES))
    return Board(shown[page * size : (page + 1) * size], dict(counts), len(shown), strip, iso(now))


@dataclass(slots=True)
class _Shared:
    """One day's lines as several viewers share them. began: monotonic time when reading them began."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    began: float = -1.0
    lines: list[LessonLine] = field(default_factory=list[LessonLine])
    now: datetime = datetime.min


_MOST_SHARED = 64
_shared: dict[tuple[int, str, str, str], _Shared] = {}
_shared_lock = threading.Lock()


def _day_lines(viewer: Viewer, day: datetime | None, course_id: str) -> tuple[list[LessonLine], datetime]:
    """The day's lessons by start, and the time they were read at.

    An event makes all open boards look at once. A reading that began after a viewer asked is true for that
    viewer too, so those who wait for the lock take it over; nobody ever gets an older one.
    """
    asked = time.monotonic()
    service = services.current()
    start, end = day_of(viewer, day or service.clock.now())
    key = (id(service.store), viewer.tz, start.isoformat(), course_id)
    with _shared_lock:
        if len(_shared) > _MOST_SHARED:
            _shared.clear()
        shared = _shared.setdefault(key, _Shared())
    with shared.lock:
        if shared.began < asked:
            began, shared.now = time.monotonic(), service.clock.now()
            shared.lines = _read_day(start, end, course_id, shared.now)
            shared.began = began
        return list(shared.lines), shared.now


def _read_day(start: datetime, end: datetime, course_id: str, now: datetime) -> list[LessonLine]:
    service = services.current()
    query = select(ClassSession).where(
        or_(
            (col(ClassSession.starts_at) >= start) & (col(ClassSession.starts_at) < end),
            col(ClassSession.status) == "live",
        ),
        ClassSession.status != "cancelled",
    )
    if course_id:
        query = query.where(ClassSession.course_id == course_id)
    with service.store.read() as db:
        rows = db.exec(query.order_by(col(ClassSession.starts_at), col(ClassSession.id))).all()
        return lesson_lines(db, rows, now, service.settings.no_show_s)


def _strip(lines: list[LessonLine], tz: str) -> list[tuple[int, int, int]]:
    zone = ZoneInfo(tz)
    total: Counter[int] = Counter()
    trouble: Counter[int] = Counter()
    for line in lines:
        local = datetime.fromisoformat(line.starts_at).astimezone(zone)
        quarter = local.hour * 4 + local.minute // 15
        total[quarter] += 1
        trouble[quarter] += line.state == "late" or (line.state == "ended" and line.missing != "")
    return [(quarter, total[quarter], trouble[quarter]) for quarter in sorted(total)]


def cases(
    viewer: Viewer, *, queue: str = "coordinator", settled: bool = False, limit: int = 100
) -> list[CaseLine]:
    """Open cases of a queue by deadline; settled: the newest settled ones instead."""
    if not viewer.has(queue, "coordinator"):
        raise NotAllowed()
    with services.current().store.read() as db:
        query = select(ExceptionCase).where(ExceptionCase.queue == queue)
        if settled:
            query = query.where(ExceptionCase.status == "resolved").order_by(
                col(ExceptionCase.resolved_at).desc()
            )
        else:
            query = query.where(ExceptionCase.status != "resolved").order_by(col(ExceptionCase.due_at))
        return _case_lines(db, list(db.exec(query.limit(limit))), viewer)


def settled_today(viewer: Viewer, queue: str = "coordinator") -> tuple[int, int]:
    """How many cases were settled on the viewer's day, and how many of them by their deadline."""
    if not viewer.has(queue, "coordinator"):
        raise NotAllowed()
    service = services.current()
    start, end = day_of(viewer, service.clock.now())
    with service.store.read() as db:
        settled = select(func.count()).where(
            ExceptionCase.queue == queue,
            col(ExceptionCase.resolved_at) >= start,
            col(ExceptionCase.resolved_at) < end,
        )
        in_time = settled.where(col(ExceptionCase.resolved_at) <= col(ExceptionCase.due_at))
        return db.exec(settled).one(), db.exec(in_time).one()


def case(viewer: Viewer, case_id: str, *, again: bool = False) -> tuple[CaseLine, list[NoteLine]]:
    """One case with its notes. Looking at it is audited; again: the same look, brought up to date.

    NotFound; NotAllowed for another role's queue.
    """
    with services.current().store.write() as db:
        row = db.get(ExceptionCase, case_id)
        if row is None:
            raise NotFound("This case does not exist.")
        if not viewer.has(row.queue, "coordinator"):
            raise NotAllowed()
        if not again:
            audit(db, viewer.person_id, "case.open_page", row.id, row.person_id)
        notes = db.exec(
            select(CaseNote, Person.name)
            .join(Person, col(Person.id) == CaseNote.person_id)
            .where(CaseNote.case_id == case_id)
            .order_by(col(CaseNote.at))
        ).all()
        return _case_lines(db, [row], viewer)[0], [NoteLine(iso(n.at), name, n.text) for n, name in notes]


def _case_lines(db: Session, rows: list[ExceptionCase], viewer: Viewer) -> list[CaseLine]:
    ids = {person_id for row in rows for person_id in (row.owner_id, row.person_id) if person_id}
    names = {p.id: p.name for p in db.exec(select(Person).where(col(Person.id).in_(ids)))}
    sessions = db.exec(
        select(ClassSession).where(col(ClassSession.id).in_({r.session_id for r in rows if r.session_id}))
    ).all()
    service = services.current()
    lines = {
        line.id: line for line in lesson_lines(db, sessions, service.clock.now(), service.settings.no_show_s)
    }
    found: list[CaseLine] = []
    for row in rows:
        line = lines.get(row.session_id or "")
        found.append(
            CaseLine(
                id=row.id,
                kind=row.kind,
                title=CLASSES.get(row.kind, OTHER).title,
                severity=row.severity,
                status=row.status,
                due_at=iso(row.due_at),
                opened_at=iso(row.opened_at),
                owner=names.get(row.owner_id or "", ""),
                mine=row.owner_id == viewer.person_id,
                session_id=row.session_id or "",
                course=line.course if line else "",
                student=line.student if line else "",
                instructor=line.instructor if line else "",
                starts_at=line.starts_at if line else "",
                person=names.get(row.person_id or "", ""),
                plugin=str(row.facts.get("plugin", "")),
                resolution=row.resolution,
                version=row.version,
                missing=words_for(row.facts["missing"]) if row.kind == "not_ready" else [],
            )
        )
    return found


def courses(viewer: Viewer) -> list[tuple[str, str]]:
    """(id, name) of the active courses, by name."""
    _coordinator(viewer)
    with services.current().store.read() as db:
        rows = db.exec(select(Course).where(col(Course.active).is_(True)).order_by(col(Course.name)))
        return [(row.id, row.name) for row in rows]


def choices(viewer: Viewer, course_id: str = "") -> Choices:
    """Courses; and for a chosen one its topics, who may teach it and who takes it."""
    _coordinator(viewer)
    with services.current().store.read() as db:
        topics = db.exec(
            select(CurriculumTopic)
            .where(CurriculumTopic.course_id == course_id)
            .order_by(col(CurriculumTopic.position))
        )
        teachers = db.exec(
            select(Person)
            .join(Qualification, col(Qualification.instructor_id) == Person.id)
            .where(Qualification.course_id == course_id, col(Person.active).is_(True))
            .order_by(col(Person.name))
        )
        students = db.exec(
            select(Person)
            .join(Enrollment, col(Enrollment.student_id) == Person.id)
            .where(
                Enrollment.course_id == course_id,
                col(Enrollment.active).is_(True),
                col(Person.active).is_(True),
            )
            .order_by(col(Person.name))
        )
        return Choices(
            courses(viewer),
            [(row.id, row.name) for row in topics],
            [(row.id, row.name, row.tz) for row in teachers],
            [(row.id, row.name, row.tz) for row in students],
        )


@dataclass(frozen=True)
class PersonLine:
    """place: the person's zone as people say it."""

    face: Face
    place: str
    roles: list[str]
    email: str
    courses: str
    active: bool


def people(
    viewer: Viewer, *, find: str = "", role: str = "", page: int = 0, size: int = 50
) -> tuple[list[PersonLine], int]:
    """People by name; the number of all that fit. find: part of a name or email. Who looked is audited."""
    _coordinator(viewer)
    with services.current().store.write() as db:
        audit(db, viewer.person_id, "people.list")
        query = select(Person)
        if wanted := find.strip():
            query = query.where(
                or_(
                    col(Person.name).icontains(wanted, autoescape=True),
                    col(Person.email).icontains(wanted, autoescape=True),
                )
            )
        if role:
            query = query.join(PersonRole, col(PersonRole.person_id) == Person.id).where(
                PersonRole.role == role
            )
        total = db.exec(select(func.count()).select_from(query.subquery())).one()
        shown = db.exec(
            query.order_by(col(Person.name), col(Person.id)).offset(page * size).limit(size)
        ).all()
        ids = [person.id for person in shown]
        roles: dict[str, list[str]] = {}
        for item in db.exec(
            select(PersonRole).where(col(PersonRole.person_id).in_(ids)).order_by(col(PersonRole.role))
        ):
            roles.setdefault(item.person_id, []).append(item.role)
        courses: dict[str, list[str]] = {}
        for student_id, name in db.exec(
            select(Enrollment.student_id, Course.name)
            .join(Course, col(Course.id) == Enrollment.course_id)
            .where(col(Enrollment.student_id).in_(ids), col(Enrollment.active).is_(True))
            .order_by(col(Course.name))
        ):
            courses.setdefault(student_id, []).append(name)
        lines = [
            PersonLine(
                face(p),
                zone_name(p.tz, viewer.lang),
                roles.get(p.id, []),
                p.email or "",
                ", ".join(courses.get(p.id, [])),
                p.active,
            )
            for p in shown
        ]
        return lines, total


@dataclass(frozen=True)
class SeatLine:
    """Who is expected at a lesson. status: attendance once it is final, else ""; minutes present."""

    person_id: str
    name: str
    initials: str
    role: str
    tz: str
    status: str
    minutes: int
    note: str


@dataclass(frozen=True)
class SessionDetail:
    """Everything about one lesson for the coordinator's dialog. series_id: "" for a lesson by itself. series_tz: its zone."""

    line: LessonLine
    seats: list[SeatLine]
    end_reason: str
    changeable: bool
    course_id: str
    missing: list[str]
    """What the last look before the lesson did not find, message ids."""
    checked_at: str
    series_id: str = ""
    series_tz: str = ""
    ahead: int = 0
    """Lessons of its series that are still to come."""


def session_detail(viewer: Viewer, session_id: str, *, again: bool = False) -> SessionDetail:
    """Looking at it is audited; again: the same look, brought up to date. NotFound."""
    _coordinator(viewer)
    service = services.current()
    with service.store.write() as db:
        row = db.get(ClassSession, session_id)
        if row is None:
            raise NotFound("This lesson does not exist.")
        if not again:
            audit(db, viewer.person_id, "session.open_page", session_id)
        line = lesson_lines(db, [row], service.clock.now(), service.settings.no_show_s)[0]
        attendance = {
            a.person_id: a for a in db.exec(select(Attendance).where(Attendance.session_id == session_id))
        }
        seats = [
            _seat_line(seat, person, attendance.get(person.id))
            for seat, person in db.exec(
                select(Seat, Person)
                .join(Person, col(Person.id) == Seat.person_id)
                .where(Seat.session_id == session_id, col(Seat.active).is_(True))
                .order_by(col(Seat.role), col(Person.name))
            )
        ]
        series = db.get(Series, row.series_id) if row.series_id else None
        missing, checked_at = last_look(db, row)
        return SessionDetail(
            line,
            seats,
            row.end_reason,
            row.status == "scheduled",
            row.course_id,
            words_for(missing),
            iso(checked_at),
            series.id if series else "",
            series.tz if series else "",
            _ahead(db, series.id) if series else 0,
        )


def _ahead(db: Session, series_id: str) -> int:
    query = (
        select(func.count())
        .select_from(ClassSession)
        .where(
            ClassSession.series_id == series_id,
            ClassSession.status == "scheduled",
            ClassSession.starts_at > services.current().clock.now(),
        )
    )
    return db.exec(query).one()


def _seat_line(seat: Seat, person: Person, was: Attendance | None) -> SeatLine:
    known = face(person)
    return SeatLine(
        person_id=person.id,
        name=person.name,
        initials=known.initials,
        role=seat.role,
        tz=person.tz,
        status=was.status if was else "",
        minutes=round(was.present_s / 60) if was else 0,
        note=was.note if was else "",
    )
