"""The coordinator's questions: what is happening now, and what needs me?"""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, or_, select

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
)
from core.errors import NotAllowed, NotFound
from core.lifecycle.cases import CLASSES, OTHER
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
    """One case in the queue. title: a message id; what it is about in course and names; notes newest last."""

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
    plugin: str
    resolution: str
    version: int


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
    service = services.current()
    now = service.clock.now()
    start, end = day_of(viewer, day or now)
    with service.store.read() as db:
        query = select(ClassSession).where(
            or_(
                (col(ClassSession.starts_at) >= start) & (col(ClassSession.starts_at) < end),
                col(ClassSession.status) == "live",
            ),
            ClassSession.status != "cancelled",
        )
        if course_id:
            query = query.where(ClassSession.course_id == course_id)
        lines = lesson_lines(
            db, db.exec(query.order_by(col(ClassSession.starts_at), col(ClassSession.id))).all(), now, service.settings.no_show_s
        )
    strip = _strip(lines, viewer.tz)
    wanted = find.strip().lower()
    if wanted:
        lines = [line for line in lines if wanted in f"{line.student} {line.instructor} {line.course}".lower()]
    counts = Counter(line.state for line in lines)
    counts["all"] = len(lines)
    shown = [line for line in lines if (not state or line.state == state) and (not trouble or line.state == "late")]
    shown.sort(key=lambda line: STATES.index(line.state) if line.state in STATES else len(STATES))
    return Board(shown[page * size : (page + 1) * size], dict(counts), len(shown), strip, iso(now))


def _strip(lines: list[LessonLine], tz: str) -> list[tuple[int, int, int]]:
    zone = ZoneInfo(tz)
    total: Counter[int] = Counter()
    trouble: Counter[int] = Counter()
    for line in lines:
        local = datetime.fromisoformat(line.starts_at).astimezone(zone)
        quarter = local.hour * 4 + local.minute // 15
        total[quarter] += 1
        trouble[quarter] += line.state == "late"
    return [(quarter, total[quarter], trouble[quarter]) for quarter in sorted(total)]


def cases(viewer: Viewer, *, queue: str = "coordinator", settled: bool = False, limit: int = 100) -> list[CaseLine]:
    """Open cases of a queue by deadline; settled: the newest settled ones instead."""
    if not viewer.has(queue, "coordinator"):
        raise NotAllowed()
    with services.current().store.read() as db:
        query = select(ExceptionCase).where(ExceptionCase.queue == queue)
        if settled:
            query = query.where(ExceptionCase.status == "resolved").order_by(col(ExceptionCase.resolved_at).desc())
        else:
            query = query.where(ExceptionCase.status != "resolved").order_by(col(ExceptionCase.due_at))
        return _case_lines(db, list(db.exec(query.limit(limit))), viewer)


def case(viewer: Viewer, case_id: str) -> tuple[CaseLine, list[NoteLine]]:
    """One case with its notes. Looking at it is audited."""
    with services.current().store.write() as db:
        row = db.get(ExceptionCase, case_id)
        if row is None:
            raise NotFound("This case does not exist.")
        if not viewer.has(row.queue, "coordinator"):
            raise NotAllowed()
        audit(db, viewer.person_id, "case.open_page", row.id, row.person_id)
        notes = db.exec(
            select(CaseNote, Person.name)
            .join(Person, col(Person.id) == CaseNote.person_id)
            .where(CaseNote.case_id == case_id)
            .order_by(col(CaseNote.at))
        ).all()
        return _case_lines(db, [row], viewer)[0], [NoteLine(iso(n.at), name, n.text) for n, name in notes]


def _case_lines(db: Session, rows: list[ExceptionCase], viewer: Viewer) -> list[CaseLine]:
    owners = {p.id: p.name for p in db.exec(select(Person).where(col(Person.id).in_({r.owner_id for r in rows if r.owner_id})))}
    sessions = db.exec(select(ClassSession).where(col(ClassSession.id).in_({r.session_id for r in rows if r.session_id}))).all()
    service = services.current()
    lines = {line.id: line for line in lesson_lines(db, sessions, service.clock.now(), service.settings.no_show_s)}
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
                owner=owners.get(row.owner_id or "", ""),
                mine=row.owner_id == viewer.person_id,
                session_id=row.session_id or "",
                course=line.course if line else "",
                student=line.student if line else "",
                instructor=line.instructor if line else "",
                starts_at=line.starts_at if line else "",
                plugin=str(row.facts.get("plugin", "")),
                resolution=row.resolution,
                version=row.version,
            )
        )
    return found


def choices(viewer: Viewer, course_id: str = "") -> Choices:
    """Courses; and for a chosen one its topics, who may teach it and who takes it."""
    _coordinator(viewer)
    with services.current().store.read() as db:
        courses = db.exec(select(Course).where(col(Course.active).is_(True)).order_by(col(Course.name)))
        topics = db.exec(
            select(CurriculumTopic).where(CurriculumTopic.course_id == course_id).order_by(col(CurriculumTopic.position))
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
            .where(Enrollment.course_id == course_id, col(Enrollment.active).is_(True), col(Person.active).is_(True))
            .order_by(col(Person.name))
        )
        return Choices(
            [(row.id, row.name) for row in courses],
            [(row.id, row.name) for row in topics],
            [(row.id, row.name, row.tz) for row in teachers],
            [(row.id, row.name, row.tz) for row in students],
        )


@dataclass(frozen=True)
class PersonLine:
    face: Face
    roles: str
    email: str
    courses: str
    active: bool


def people(viewer: Viewer, *, find: str = "", role: str = "", page: int = 0, size: int = 50) -> tuple[list[PersonLine], int]:
    """People by name; the number of all that fit. Who looked is audited."""
    _coordinator(viewer)
    with services.current().store.write() as db:
        audit(db, viewer.person_id, "people.list")
        query = select(Person).order_by(col(Person.name))
        if find.strip():
            query = query.where(col(Person.name).icontains(find.strip(), autoescape=True))
        if role:
            query = query.join(PersonRole, col(PersonRole.person_id) == Person.id).where(PersonRole.role == role)
        rows = db.exec(query).all()
        shown = rows[page * size : (page + 1) * size]
        roles: dict[str, list[str]] = {}
        for item in db.exec(select(PersonRole).where(col(PersonRole.person_id).in_([p.id for p in shown]))):
            roles.setdefault(item.person_id, []).append(item.role)
        courses: dict[str, list[str]] = {}
        for student_id, name in db.exec(
            select(Enrollment.student_id, Course.name)
            .join(Course, col(Course.id) == Enrollment.course_id)
            .where(col(Enrollment.student_id).in_([p.id for p in shown]))
        ):
            courses.setdefault(student_id, []).append(name)
        lines = [
            PersonLine(face(p), ", ".join(sorted(roles.get(p.id, []))), p.email or "", ", ".join(courses.get(p.id, [])), p.active)
            for p in shown
        ]
        return lines, len(rows)


@dataclass(frozen=True)
class SessionDetail:
    """Everything about one lesson for the coordinator's dialog."""

    line: LessonLine
    seats: list[tuple[str, str, str, str, str]]
    """(person id, name, role, attendance status or "", seconds present)"""
    end_reason: str
    changeable: bool


def session_detail(viewer: Viewer, session_id: str) -> SessionDetail:
    _coordinator(viewer)
    service = services.current()
    with service.store.write() as db:
        row = db.get(ClassSession, session_id)
        if row is None:
            raise NotFound("This lesson does not exist.")
        audit(db, viewer.person_id, "session.open_page", session_id)
        line = lesson_lines(db, [row], service.clock.now(), service.settings.no_show_s)[0]
        attendance = {a.person_id: a for a in db.exec(select(Attendance).where(Attendance.session_id == session_id))}
        seats = [
            (
                person.id,
                person.name,
                seat.role,
                attendance[person.id].status if person.id in attendance else "",
                str(attendance[person.id].present_s) if person.id in attendance else "",
            )
            for seat, person in db.exec(
                select(Seat, Person)
                .join(Person, col(Person.id) == Seat.person_id)
                .where(Seat.session_id == session_id, col(Seat.active).is_(True))
                .order_by(col(Seat.role), col(Person.name))
            )
        ]
        return SessionDetail(line, seats, row.end_reason, row.status == "scheduled")
