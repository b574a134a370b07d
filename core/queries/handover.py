"""What somebody who steps into a lesson needs to know: each student's history, what is open, the files."""

from dataclasses import dataclass

from sqlmodel import Session, col, or_, select

from core import services
from core.access import Viewer
from core.delivery import audit
from core.domain import (
    Attendance,
    ClassSession,
    CurriculumTopic,
    Material,
    Person,
    ProgressRecord,
    Seat,
    StudentReport,
    Summary,
)
from core.domain.load import get_session
from core.errors import NotAllowed
from core.queries.common import Face, LessonLine, face, iso, lesson_lines
from core.queries.teach import BriefingView, briefing

LESSONS = 3
"""Past lessons told in detail."""
TOPICS = 6
WEAK = 0.6
"""A share of right answers under this is a gap, from `ANSWERS` answers on."""
ANSWERS = 3


@dataclass(frozen=True)
class PastLesson:
    """One lesson they had in this course. status: as in attendance. said: of the approved report, for this child."""

    starts_at: str
    topic: str
    instructor: str
    status: str
    said: list[str]
    homework: str


@dataclass(frozen=True)
class Gap:
    """One topic that is not done. state: to_come | started | weak (covered, but few right answers). share: in 100."""

    topic: str
    state: str
    share: int


@dataclass(frozen=True)
class StudentPast:
    """lessons: how many they had in this course; attended: of these. past: the newest first."""

    person: Face
    lessons: int
    attended: int
    past: list[PastLesson]
    gaps: list[Gap]


@dataclass(frozen=True)
class Handover:
    """instead_of: who taught it before, "" when nobody did. materials: (id, file name)."""

    lesson: LessonLine
    minutes: int
    instead_of: str
    students: list[StudentPast]
    briefing: BriefingView | None
    materials: list[tuple[str, str]]


def handover(viewer: Viewer, session_id: str) -> Handover:
    """For who holds the instructor's seat of a lesson to come, and coordinators. Audited: it is about children."""
    service = services.current()
    with service.store.write() as db:
        session = get_session(db, session_id)
        _may_read(db, viewer, session)
        students = db.exec(
            select(Person)
            .join(Seat, col(Seat.person_id) == Person.id)
            .where(Seat.session_id == session_id, Seat.role == "student", col(Seat.active).is_(True))
            .order_by(col(Person.name))
        ).all()
        for student in students:
            audit(db, viewer.person_id, "handover.open_page", session_id, student.id)
        files = db.exec(
            select(Material)
            .where(or_(Material.session_id == session_id, Material.course_id == session.course_id))
            .order_by(col(Material.name))
        )
        return Handover(
            lesson=lesson_lines(db, [session], service.clock.now(), service.settings.no_show_s)[0],
            minutes=round((session.ends_at - session.starts_at).total_seconds() / 60),
            instead_of=instead_of(db, [session_id]).get(session_id, ""),
            students=[_past(db, session, student) for student in students],
            briefing=briefing(db, session_id),
            materials=[(row.id, row.name) for row in files],
        )


def instead_of(db: Session, session_ids: list[str]) -> dict[str, str]:
    """Who gave up the instructor's seat of each lesson, by lesson; lessons nobody gave up are left out."""
    return dict(
        db.exec(
            select(Seat.session_id, Person.name)
            .join(Person, col(Person.id) == Seat.person_id)
            .where(
                col(Seat.session_id).in_(session_ids), Seat.role == "instructor", col(Seat.active).is_(False)
            )
            .order_by(col(Person.name))
        ).all()
    )


def taken_over(viewer: Viewer, session_ids: list[str]) -> dict[str, str]:
    """Of the viewer's own lessons: who gave them up, by lesson."""
    with services.current().store.read() as db:
        mine = db.exec(
            select(Seat.session_id).where(
                col(Seat.session_id).in_(session_ids),
                Seat.person_id == viewer.person_id,
                Seat.role == "instructor",
                col(Seat.active).is_(True),
            )
        ).all()
        return instead_of(db, list(mine))


def _may_read(db: Session, viewer: Viewer, session: ClassSession) -> None:
    """The seat opens it until the lesson is over; afterwards the child's record is closed to a substitute again."""
    if viewer.has("coordinator"):
        return
    seat = db.exec(
        select(Seat.id).where(
            Seat.session_id == session.id,
            Seat.person_id == viewer.person_id,
            Seat.role == "instructor",
            col(Seat.active).is_(True),
        )
    ).first()
    if seat is None or session.status not in ("scheduled", "live"):
        raise NotAllowed()


def _past(db: Session, session: ClassSession, student: Person) -> StudentPast:
    rows = db.exec(
        select(ClassSession, Attendance)
        .join(Attendance, col(Attendance.session_id) == ClassSession.id)
        .where(
            ClassSession.course_id == session.course_id,
            ClassSession.status == "ended",
            ClassSession.id != session.id,
            Attendance.person_id == student.id,
        )
        .order_by(col(ClassSession.starts_at).desc())
    ).all()
    newest = [one for one, _ in rows[:LESSONS]]
    service = services.current()
    lines = {
        line.id: line for line in lesson_lines(db, newest, service.clock.now(), service.settings.no_show_s)
    }
    reports = {
        row.session_id: row.body
        for row in db.exec(
            select(StudentReport)
            .join(Summary, col(Summary.id) == StudentReport.summary_id)
            .where(
                col(StudentReport.session_id).in_([one.id for one in newest]),
                StudentReport.student_id == student.id,
                StudentReport.status == "approved",
                Summary.status == "approved",
            )
        )
    }
    return StudentPast(
        person=face(student),
        lessons=len(rows),
        attended=sum(attended.present_s > 0 for _, attended in rows),
        past=[
            PastLesson(
                starts_at=iso(one.starts_at),
                topic=lines[one.id].topic,
                instructor=lines[one.id].instructor,
                status=attended.status,
                said=[str(item["text"]) for item in reports.get(one.id, {}).get("sentences", [])],
                homework=str(reports.get(one.id, {}).get("homework", "")),
            )
            for one, attended in rows[:LESSONS]
        ],
        gaps=_gaps(db, session.course_id, student.id),
    )


def _gaps(db: Session, course_id: str, student_id: str) -> list[Gap]:
    """Topics in the course's order: begun, answered badly, and the next ones to come."""
    rows = db.exec(
        select(CurriculumTopic.name, ProgressRecord)
        .join(
            ProgressRecord,
            (col(ProgressRecord.topic_id) == CurriculumTopic.id)
            & (col(ProgressRecord.student_id) == student_id),
            isouter=True,
        )
        .where(CurriculumTopic.course_id == course_id)
        .order_by(col(CurriculumTopic.position))
    )
    found: list[Gap] = []
    for topic, record in rows:
        share = round(100 * record.answers_right / record.answers) if record and record.answers else -1
        if not record:
            found.append(Gap(topic, "to_come", share))
        elif record.state != "covered":
            found.append(Gap(topic, "started", share))
        elif record.answers >= ANSWERS and share < 100 * WEAK:
            found.append(Gap(topic, "weak", share))
    return found[:TOPICS]
