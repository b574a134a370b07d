"""The student's and the family's questions: when is the next lesson, what happened, how is it going?"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta

from sqlmodel import Session, col, select

from core import services
from core.access import Viewer
from core.access.viewer import children_of
from core.delivery import audit
from core.domain import (
    Attendance,
    ClassSession,
    Consent,
    Course,
    CurriculumTopic,
    EngagementSignal,
    Enrollment,
    Material,
    Person,
    ProgressRecord,
    Seat,
    StudentReport,
    Summary,
)
from core.errors import NotAllowed, NotFound
from core.queries.common import Face, LessonLine, face, iso, lesson_lines


@dataclass(frozen=True)
class Step:
    """One topic on the path through a course. state: covered | started | here (started, and the newest) | to_come."""

    topic: str
    state: str


@dataclass(frozen=True)
class CoursePath:
    course: str
    steps: list[Step]
    covered: int
    total: int


@dataclass(frozen=True)
class Homework:
    course: str
    text: str
    from_at: str


@dataclass(frozen=True)
class LearnHome:
    next: LessonLine | None
    coming: list[LessonLine]
    homework: list[Homework]
    paths: list[CoursePath]
    materials: list[tuple[str, str]]
    """(id, file name) of the next lesson."""
    opens_at: str


@dataclass(frozen=True)
class Report:
    """An approved report, in the family's words. joined_at .. told_at: what happened when; "" when it did not."""

    id: str
    session_id: str
    student: str
    course: str
    instructor: str
    starts_at: str
    headline: str
    sentences: list[str]
    homework: str
    joined_at: str
    left_at: str
    status: str
    present_min: int
    told_at: str


NO_REPORT = Report("", "", "", "", "", "", "", [], "", "", "", "", 0, "")
"""Stands where there is none: its id is empty."""


@dataclass(frozen=True)
class Attended:
    """One lesson's attendance. status: present | late | left_early | absent | excused."""

    session_id: str
    starts_at: str
    course: str
    status: str
    present_min: int


@dataclass(frozen=True)
class TopicProgress:
    topic: str
    course: str
    state: str
    lessons: int
    answers: int
    right: int
    share: int
    """Right answers in 100; -1 without answers."""


@dataclass(frozen=True)
class Progress:
    """Over time, for charts. engagement: one row a lesson: (starts_at, course, talk minutes, answers, right, hands)."""

    student: Face
    attended: list[Attended]
    topics: list[TopicProgress]
    engagement: list[tuple[str, str, float, int, int, int]]
    paths: list[CoursePath]


@dataclass(frozen=True)
class FamilyHome:
    children: list[Face]
    child: Face | None
    report: Report | None
    reports: list[Report]
    coming: list[LessonLine]
    progress: Progress | None
    consents: list[tuple[str, bool]]
    """(purpose, given)"""


def home(viewer: Viewer) -> LearnHome:
    """The student's start page."""
    service = services.current()
    with service.store.read() as db:
        coming = _coming(db, viewer.person_id, 8)
        first = coming[0] if coming else None
        materials: list[tuple[str, str]] = []
        opens_at = ""
        if first is not None:
            materials = [
                (row.id, row.name)
                for row in db.exec(
                    select(Material).where(Material.session_id == first.id).order_by(col(Material.name))
                )
            ]
            row = db.get_one(ClassSession, first.id)
            opens_at = iso(row.starts_at - timedelta(seconds=service.settings.open_before_s))
        return LearnHome(
            next=first,
            coming=coming[1:],
            homework=_homework(db, viewer.person_id),
            paths=_paths(db, viewer.person_id),
            materials=materials,
            opens_at=opens_at,
        )


def family(viewer: Viewer, child_id: str = "") -> FamilyHome:
    """The guardian's start page for one child (the first when none is chosen). NotFound for somebody else's child."""
    with services.current().store.write() as db:
        children = children_of(db, viewer.person_id)
        if child_id and child_id not in {child.id for child in children}:
            raise NotFound("We could not find that.")
        child = next((c for c in children if c.id == child_id), children[0] if children else None)
        if child is None:
            return FamilyHome([], None, None, [], [], None, [])
        audit(db, viewer.person_id, "child.open_page", child.id, child.id)
        reports = _reports(db, child.id)
        given = set(
            db.exec(
                select(Consent.purpose).where(
                    Consent.person_id == child.id, col(Consent.withdrawn_at).is_(None)
                )
            )
        )
        return FamilyHome(
            children=[face(c) for c in children],
            child=face(child),
            report=reports[0] if reports else None,
            reports=reports,
            coming=_coming(db, child.id, 6),
            progress=_progress(db, child),
            consents=[(p, p in given) for p in ("transcription", "recording", "ai_summary")],
        )


def report(viewer: Viewer, report_id: str) -> Report:
    """One approved report, for the family (or the adult student) alone."""
    with services.current().store.write() as db:
        row = db.get(StudentReport, report_id)
        people = {viewer.person_id, *(child.id for child in children_of(db, viewer.person_id))}
        if (
            row is None
            or row.status != "approved"
            or not (row.student_id in people or viewer.has("coordinator"))
        ):
            raise NotFound("We could not find that report.")
        audit(db, viewer.person_id, "report.open_page", row.id, row.student_id)
        return next(item for item in _reports(db, row.student_id, limit=1_000) if item.id == report_id)


def progress(viewer: Viewer, student_id: str = "") -> Progress:
    """A student's own progress, a child's, or (for staff) any student's. NotAllowed otherwise."""
    student_id = student_id or viewer.person_id
    with services.current().store.write() as db:
        own = check_may_follow(db, viewer, student_id)
        student = db.get(Person, student_id)
        if student is None:
            raise NotFound("We could not find that.")
        if not own:
            audit(db, viewer.person_id, "progress.open_page", student_id, student_id)
        return _progress(db, student)


def check_may_follow(db: Session, viewer: Viewer, student_id: str) -> bool:
    """May this viewer see how this student is doing? NotAllowed; True for themselves and their guardians."""
    own = student_id == viewer.person_id or student_id in {c.id for c in children_of(db, viewer.person_id)}
    if not own and not viewer.has("coordinator") and not _teaches(db, viewer.person_id, student_id):
        raise NotAllowed()
    return own


def students_of(viewer: Viewer) -> list[tuple[Face, str]]:
    """(student, courses) this instructor teaches now."""
    with services.current().store.read() as db:
        mine = select(Seat.session_id).where(
            Seat.person_id == viewer.person_id, Seat.role == "instructor", col(Seat.active).is_(True)
        )
        found: dict[str, tuple[Person, set[str]]] = {}
        for person, course in db.exec(
            select(Person, Course.name)
            .join(Seat, col(Seat.person_id) == Person.id)
            .join(ClassSession, col(ClassSession.id) == Seat.session_id)
            .join(Course, col(Course.id) == ClassSession.course_id)
            .where(col(Seat.session_id).in_(mine), Seat.role == "student")
            .order_by(col(Person.name))
        ):
            found.setdefault(person.id, (person, set()))[1].add(course)
        return [(face(person), ", ".join(sorted(courses))) for person, courses in found.values()]


def lessons(
    viewer: Viewer, student_id: str = "", *, past: bool = False, limit: int = 100
) -> list[LessonLine]:
    """Coming (or past) lessons of the student, the chosen child, or the instructor."""
    service = services.current()
    now = service.clock.now()
    with service.store.read() as db:
        people = {viewer.person_id, *(child.id for child in children_of(db, viewer.person_id))}
        person_id = student_id or viewer.person_id
        if person_id not in people:
            raise NotFound("We could not find that.")
        query = (
            select(ClassSession)
            .join(Seat, col(Seat.session_id) == ClassSession.id)
            .where(
                Seat.person_id == person_id, col(Seat.active).is_(True), ClassSession.status != "cancelled"
            )
        )
        if past:
            query = query.where(ClassSession.ends_at <= now).order_by(col(ClassSession.starts_at).desc())
        else:
            query = query.where(ClassSession.ends_at > now, ClassSession.status != "ended").order_by(
                col(ClassSession.starts_at)
            )
        return lesson_lines(db, db.exec(query.limit(limit)).all(), now, service.settings.no_show_s)


def report_ids(viewer: Viewer, student_id: str = "") -> dict[str, str]:
    """Report id by session id: approved reports about the viewer or their child. NotFound for somebody else."""
    person_id = student_id or viewer.person_id
    with services.current().store.read() as db:
        if person_id not in {viewer.person_id, *(child.id for child in children_of(db, viewer.person_id))}:
            raise NotFound("We could not find that.")
        rows = db.exec(
            select(StudentReport.session_id, StudentReport.id).where(
                StudentReport.student_id == person_id, StudentReport.status == "approved"
            )
        )
        return dict(rows.all())


def _coming(db: Session, person_id: str, limit: int) -> list[LessonLine]:
    service = services.current()
    now = service.clock.now()
    rows = db.exec(
        select(ClassSession)
        .join(Seat, col(Seat.session_id) == ClassSession.id)
        .where(
            Seat.person_id == person_id,
            col(Seat.active).is_(True),
            ClassSession.ends_at > now,
            col(ClassSession.status).in_(("scheduled", "live")),
        )
        .order_by(col(ClassSession.starts_at))
        .limit(limit)
    ).all()
    return lesson_lines(db, rows, now, service.settings.no_show_s)


def _homework(db: Session, student_id: str) -> list[Homework]:
    """What was set in the newest approved report of each course."""
    found: dict[str, Homework] = {}
    for row, course, starts_at in db.exec(
        select(StudentReport, Course.name, ClassSession.starts_at)
        .join(ClassSession, col(ClassSession.id) == StudentReport.session_id)
        .join(Course, col(Course.id) == ClassSession.course_id)
        .where(StudentReport.student_id == student_id, StudentReport.status == "approved")
        .order_by(col(ClassSession.starts_at).desc())
    ):
        if course not in found:
            found[course] = Homework(course, str(row.body.get("homework", "")), iso(starts_at))
    return [item for item in found.values() if item.text]


def _paths(db: Session, student_id: str) -> list[CoursePath]:
    records = {
        row.topic_id: row
        for row in db.exec(select(ProgressRecord).where(ProgressRecord.student_id == student_id))
    }
    paths: list[CoursePath] = []
    for course in db.exec(
        select(Course)
        .join(Enrollment, col(Enrollment.course_id) == Course.id)
        .where(Enrollment.student_id == student_id, col(Enrollment.active).is_(True))
        .order_by(col(Course.name))
    ):
        topics = db.exec(
            select(CurriculumTopic)
            .where(CurriculumTopic.course_id == course.id)
            .order_by(col(CurriculumTopic.position))
        ).all()
        known = {topic.id: records[topic.id] for topic in topics if topic.id in records}
        begun = [row for row in known.values() if row.state == "started"]
        here = max(begun, key=lambda row: row.updated_at).topic_id if begun else None
        steps = [
            Step(
                topic.name,
                "here" if topic.id == here else known[topic.id].state if topic.id in known else "to_come",
            )
            for topic in topics
        ]
        paths.append(CoursePath(course.name, steps, sum(s.state == "covered" for s in steps), len(steps)))
    return paths


def _reports(db: Session, student_id: str, limit: int = 20) -> list[Report]:
    rows = db.exec(
        select(StudentReport, ClassSession, Course.name, Person)
        .join(Summary, col(Summary.id) == StudentReport.summary_id)
        .join(ClassSession, col(ClassSession.id) == StudentReport.session_id)
        .join(Course, col(Course.id) == ClassSession.course_id)
        .join(Person, col(Person.id) == StudentReport.student_id)
        .where(
            StudentReport.student_id == student_id,
            StudentReport.status == "approved",
            Summary.status == "approved",
        )
        .order_by(col(ClassSession.starts_at).desc())
        .limit(limit)
    ).all()
    ids = [session.id for _, session, _, _ in rows]
    teachers = dict(
        db.exec(
            select(Seat.session_id, Person.name)
            .join(Person, col(Person.id) == Seat.person_id)
            .where(col(Seat.session_id).in_(ids), Seat.role == "instructor", col(Seat.active).is_(True))
        ).all()
    )
    attended = {
        row.session_id: row
        for row in db.exec(
            select(Attendance).where(col(Attendance.session_id).in_(ids), Attendance.person_id == student_id)
        )
    }
    return [
        Report(
            id=item.id,
            session_id=session.id,
            student=person.first_name,
            course=course,
            instructor=teachers.get(session.id, ""),
            starts_at=iso(session.starts_at),
            headline=str(item.body.get("headline", "")),
            sentences=[str(sentence["text"]) for sentence in item.body.get("sentences", [])],
            homework=str(item.body.get("homework", "")),
            joined_at=iso(attended[session.id].joined_at) if session.id in attended else "",
            left_at=iso(attended[session.id].left_at) if session.id in attended else "",
            status=attended[session.id].status if session.id in attended else "",
            present_min=attended[session.id].present_s // 60 if session.id in attended else 0,
            told_at=iso(item.told_at),
        )
        for item, session, course, person in rows
    ]


def _progress(db: Session, student: Person) -> Progress:
    attended = [
        Attended(row.session_id, iso(starts_at), course, row.status, row.present_s // 60)
        for row, starts_at, course in db.exec(
            select(Attendance, ClassSession.starts_at, Course.name)
            .join(ClassSession, col(ClassSession.id) == Attendance.session_id)
            .join(Course, col(Course.id) == ClassSession.course_id)
            .where(Attendance.person_id == student.id)
            .order_by(col(ClassSession.starts_at))
        )
    ]
    topics = [
        TopicProgress(
            topic.name,
            course,
            row.state,
            row.lessons,
            row.answers,
            row.answers_right,
            round(100 * row.answers_right / row.answers) if row.answers else -1,
        )
        for row, topic, course in db.exec(
            select(ProgressRecord, CurriculumTopic, Course.name)
            .join(CurriculumTopic, col(CurriculumTopic.id) == ProgressRecord.topic_id)
            .join(Course, col(Course.id) == CurriculumTopic.course_id)
            .where(ProgressRecord.student_id == student.id)
            .order_by(col(Course.name), col(CurriculumTopic.position))
        )
    ]
    signals: dict[str, dict[str, float]] = defaultdict(dict)
    for row in db.exec(select(EngagementSignal).where(EngagementSignal.person_id == student.id)):
        signals[row.session_id][row.signal] = row.value
    engagement = [
        (
            item.starts_at,
            item.course,
            round(signals[item.session_id].get("talk_s", 0) / 60, 1),
            round(signals[item.session_id].get("answers", 0)),
            round(signals[item.session_id].get("answers_right", 0)),
            round(signals[item.session_id].get("hands", 0)),
        )
        for item in attended
        if item.session_id in signals
    ]
    return Progress(face(student), attended, topics, engagement, _paths(db, student.id))


def _teaches(db: Session, instructor_id: str, student_id: str) -> bool:
    mine = select(Seat.session_id).where(
        Seat.person_id == instructor_id, Seat.role == "instructor", col(Seat.active).is_(True)
    )
    return (
        db.exec(select(Seat.id).where(col(Seat.session_id).in_(mine), Seat.person_id == student_id)).first()
        is not None
    )
