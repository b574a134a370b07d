"""Shared by the questions: names, times as text, and who is seated where."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, func, select

from core.domain import ClassSession, Course, CurriculumTopic, Person, PresenceInterval, Readiness, Seat


def iso(at: datetime | None) -> str:
    """ISO 8601 UTC, "" for None."""
    return at.isoformat() if at is not None else ""


def initials(name: str) -> str:
    words = name.split()
    return "".join(word[0] for word in (words[:1] + words[1:][-1:])).upper()


@dataclass(frozen=True)
class Face:
    """A person as pages draw them."""

    id: str
    name: str
    initials: str
    tz: str


def face(person: Person) -> Face:
    return Face(person.id, person.name, initials(person.name), person.tz)


@dataclass(frozen=True)
class LessonLine:
    """One lesson in a list. state: expected | waiting | live | late | ended | cancelled (see `state_of`).

    steps: how many of the seven stops are done (matched, room ready, reminded, joined, ended, summary,
    family told); at: now | failed. missing: nobody | student | instructor | both, for late ones.
    ready: what the last look before it found, ready | unready; "" before that look.
    """

    id: str
    starts_at: str
    ends_at: str
    state: str
    course: str
    topic: str
    instructor: str
    instructor_id: str
    student: str
    student_initials: str
    student_tz: str
    group: int
    here: str
    missing: str
    steps: int
    at: str
    status: str
    chain: str
    version: int
    ready: str = ""


@dataclass(frozen=True, slots=True)
class _Who:
    id: str
    name: str
    tz: str


@dataclass(slots=True)
class _Seated:
    instructor: _Who | None
    students: list[_Who]


def lesson_lines(
    db: Session, sessions: Sequence[ClassSession], now: datetime, no_show_s: int
) -> list[LessonLine]:
    """Lines for sessions, with six queries however many there are. Columns, not objects: every event of the
    day comes by here, and making objects took most of the time."""
    ids = [row.id for row in sessions]
    if not ids:
        return []
    seated: dict[str, _Seated] = {row_id: _Seated(None, []) for row_id in ids}
    people = {
        who: _Who(who, name, tz)
        for who, name, tz in db.exec(
            select(Person.id, Person.name, Person.tz)
            .join(Seat, col(Seat.person_id) == Person.id)
            .where(col(Seat.session_id).in_(ids))
            .distinct()
        )
    }
    seats = db.exec(
        select(Seat.session_id, Seat.role, Seat.active, Seat.person_id).where(
            col(Seat.session_id).in_(ids), col(Seat.active) | col(Seat.role).in_(("student", "instructor"))
        )
    ).all()
    for session_id, role, active, who in sorted(seats, key=lambda seat: people[seat[3]].name):
        if role == "instructor" and (active or seated[session_id].instructor is None):
            seated[session_id].instructor = people[who]
        elif role == "student":
            seated[session_id].students.append(people[who])
    present: dict[str, set[str]] = defaultdict(set)
    came: dict[str, set[str]] = defaultdict(set)
    for session_id, role, times, ended in db.exec(
        select(
            PresenceInterval.session_id,
            PresenceInterval.role,
            func.count(),
            func.count(col(PresenceInterval.ended_at)),
        )
        .where(col(PresenceInterval.session_id).in_(ids))
        .group_by(col(PresenceInterval.session_id), col(PresenceInterval.role))
    ):
        came[session_id].add(role)
        if times > ended:
            present[session_id].add(role)
    courses = dict(db.exec(select(Course.id, Course.name)).all())
    wanted = {row.topic_id for row in sessions if row.topic_id}
    topics = dict(
        db.exec(
            select(CurriculumTopic.id, CurriculumTopic.name).where(col(CurriculumTopic.id).in_(wanted))
        ).all()
    )
    looked = {
        (session_id, version): status
        for session_id, version, status in db.exec(
            select(Readiness.session_id, Readiness.session_version, Readiness.status).where(
                col(Readiness.session_id).in_([row.id for row in sessions if row.status == "scheduled"])
            )
        )
    }
    return [
        _line(
            row,
            seated[row.id],
            present[row.id],
            came[row.id],
            courses,
            topics,
            looked.get((row.id, row.version), ""),
            now,
            no_show_s,
        )
        for row in sessions
    ]


def state_of(row: ClassSession, here: Iterable[str], now: datetime) -> str:
    """expected: before its start and nobody in; waiting: somebody is in, or it has just begun; late: somebody is
    missing after the start; live; ended; cancelled."""
    if row.status in ("ended", "cancelled"):
        return row.status
    there = set(here)
    if row.status == "live":
        return "live" if {"instructor", "student"} <= there or not there else "waiting"
    if now >= row.starts_at:
        return "late"
    return "waiting" if there else "expected"


def _line(
    row: ClassSession,
    seated: _Seated,
    here: set[str],
    came: set[str],
    courses: dict[str, str],
    topics: dict[str, str],
    ready: str,
    now: datetime,
    no_show_s: int,
) -> LessonLine:
    state = state_of(row, here, now)
    students = seated.students
    first = students[0] if students else None
    missing = [role for role in ("student", "instructor") if role not in came]
    late = state == "late"
    return LessonLine(
        id=row.id,
        starts_at=iso(row.starts_at),
        ends_at=iso(row.ends_at),
        state=state,
        course=courses.get(row.course_id, ""),
        topic=topics.get(row.topic_id or "", row.title),
        instructor=seated.instructor.name if seated.instructor else "",
        instructor_id=seated.instructor.id if seated.instructor else "",
        student=first.name if first else "",
        student_initials=initials(first.name) if first else "",
        student_tz=first.tz if first else "",
        group=len(students),
        here=_here(here),
        missing="both" if len(missing) == 2 else missing[0] if missing else "",
        steps=steps_done(row, now),
        at="failed" if late and (now - row.starts_at).total_seconds() > no_show_s else "now",
        status=row.status,
        chain=row.chain,
        version=row.version,
        ready=ready,
    )


def _here(roles: set[str]) -> str:
    """both | student | instructor | nobody."""
    if {"student", "instructor"} <= roles:
        return "both"
    return "student" if "student" in roles else "instructor" if "instructor" in roles else "nobody"


_CHAIN_STEPS = {
    "ended": 5,
    "attended": 5,
    "transcribed": 5,
    "drafted": 5,
    "approved": 6,
    "told": 7,
    "closed": 5,
}


def steps_done(row: ClassSession, now: datetime) -> int:
    """Stops of the thread that are behind this lesson, 0..7."""
    if row.status == "ended":
        return _CHAIN_STEPS.get(row.chain, 5)
    if row.status == "live":
        return 4
    return 3 if (row.starts_at - now).total_seconds() < 3_600 else 2


NO_LESSON = LessonLine(
    "", "", "", "expected", "", "", "", "", "", "", "", 0, "nobody", "", 0, "now", "", "", 0
)
"""Stands where there is none, so that pages need no null checks: its id is empty."""
NOBODY = Face("", "", "", "")
