"""Fills an empty database: `seed`; brings a lesson near: `soon`; says how to sign in: `accounts`."""

import logging
from datetime import UTC, datetime, timedelta

from sqlmodel import Session, col, select

from core import services
from core.access import Viewer, viewer_for
from core.access.signin import hash_password
from core.config import Settings
from core.domain import (
    ClassSession,
    Consent,
    Course,
    CurriculumTopic,
    Enrollment,
    Guardianship,
    Person,
    PersonRole,
    Qualification,
    Seat,
)
from core.lifecycle import end, schedule
from core.services import Services
from hilink_app import bootstrap
from hilink_app.demo import hours, past, series, substitutes
from hilink_app.demo.lessons import COURSES
from hilink_app.demo.people import ACCOUNTS, ADULTS, DOMAIN, FAMILIES, INSTRUCTORS, PASSWORD, STAFF
from hilink_app.demo.plan import Pair, Slots, plan

logger = logging.getLogger(__name__)

LESSON = timedelta(minutes=45)


def accounts(settings: Settings) -> list[tuple[str, str, str]]:
    """(role, email, password) of one account a role."""
    return [(role, email, PASSWORD) for role, email in ACCOUNTS]


def seed(settings: Settings) -> bool:
    """Fill an empty database; False when there are people already. Takes some seconds: the week is lived through."""
    made = bootstrap.build(settings, "cli")
    with services.using(made):
        with made.store.read() as db:
            if db.exec(select(Person.id)).first() is not None:
                return False
        with made.store.write() as db:
            pairs = _people(db, made.clock.now())
            hours.add(db, made.clock.now())
        _live_past_week(made, pairs)
        _plan_ahead(made, pairs)
        with made.store.read() as db:
            coordinator = _viewer(db, "coordinator")
        series.plan_ahead(made, coordinator)
        substitutes.one_is_wanted(made)
    made.store.close()
    return True


def soon(settings: Settings) -> str:
    """A lesson of the demo student with the demo instructor starts in two minutes; returns its id."""
    made = bootstrap.build(settings, "cli")
    with services.using(made):
        starts_at = made.clock.now().replace(microsecond=0) + timedelta(minutes=2)
        with made.store.read() as db:
            coordinator = _viewer(db, "coordinator")
            people = [_viewer(db, "instructor").person_id, _viewer(db, "student").person_id]
            course_id = db.exec(select(Course.id).where(Course.name == COURSES["algebra"][0])).one()
            in_the_way = db.exec(
                select(ClassSession)
                .join(Seat, col(Seat.session_id) == ClassSession.id)
                .where(
                    col(Seat.person_id).in_(people),
                    col(Seat.active).is_(True),
                    col(ClassSession.status).in_(("scheduled", "live")),
                    Seat.starts_at < starts_at + LESSON,
                    Seat.ends_at > starts_at,
                )
                .distinct()
            ).all()
        for row in in_the_way:
            if row.status == "live":
                end.end_session(coordinator, row.id)
            else:
                schedule.cancel_session(coordinator, row.id, row.version)
        lesson = schedule.NewSession(course_id, people[0], (people[1],), starts_at, starts_at + LESSON)
        session_id = schedule.schedule_session(coordinator, lesson).id
    made.store.close()
    return session_id


def _people(db: Session, now: datetime) -> list[Pair]:
    """Everybody, courses and topics, who teaches and takes what, and their consents."""
    password = hash_password(PASSWORD)
    courses = {key: _course(db, key) for key in COURSES}

    def add(
        name: str, email: str, roles: tuple[str, ...], tz: str, lang: str, *, minor: bool = False
    ) -> Person:
        address = f"{email}@{DOMAIN}" if email else None
        row = Person(
            name=name, email=address, tz=tz, lang=lang, is_minor=minor, created_at=now - timedelta(days=60)
        )
        row.password_hash = password if address else None
        db.add(row)
        db.flush()
        db.add_all(PersonRole(person_id=row.id, role=role) for role in roles)
        return row

    def consent(person: Person, by: Person, *purposes: str) -> None:
        at = now - timedelta(days=30)
        db.add_all(Consent(person_id=person.id, purpose=p, given_by=by.id, given_at=at) for p in purposes)

    for name, email, roles, tz, lang in STAFF:
        add(name, email, roles, tz, lang)
    teachers: dict[str, list[str]] = {key: [] for key in COURSES}
    for name, email, tz, lang, taught in INSTRUCTORS:
        teacher = add(name, email, ("instructor",), tz, lang)
        consent(teacher, teacher, "transcription", "ai_summary", "recording")
        for key in taught:
            teachers[key].append(teacher.id)
            db.add(Qualification(instructor_id=teacher.id, course_id=courses[key].id))
    pairs: list[Pair] = []

    def enroll(student: Person, keys: tuple[str, ...]) -> None:
        for key in keys:
            db.add(
                Enrollment(
                    student_id=student.id, course_id=courses[key].id, enrolled_at=now - timedelta(days=45)
                )
            )
            pairs.append(Pair(student.id, courses[key].id, key, tuple(teachers[key])))

    for number, (name, email, tz, lang, children) in enumerate(FAMILIES):
        guardian = add(name, email, ("guardian",), tz, lang)
        for child_name, keys in children:
            child = add(child_name, "", ("student",), tz, lang, minor=True)
            db.add(Guardianship(guardian_id=guardian.id, student_id=child.id))
            if number != len(FAMILIES) - 1:  # one family has not consented: its child's words are nowhere
                consent(child, guardian, "transcription", "ai_summary")
            enroll(child, keys)
    for name, email, tz, lang, keys in ADULTS:
        adult = add(name, email, ("student",), tz, lang)
        consent(adult, adult, "transcription", "ai_summary")
        enroll(adult, keys)
    db.flush()
    return pairs


def _course(db: Session, key: str) -> Course:
    name, level, topics = COURSES[key]
    course = Course(name=name, level=level)
    db.add(course)
    db.flush()
    for position, (topic, keywords, _) in enumerate(topics, start=1):
        db.add(CurriculumTopic(course_id=course.id, position=position, name=topic, keywords=list(keywords)))
    return course


def _live_past_week(made: Services, pairs: list[Pair]) -> None:
    now = made.clock.now()
    monday = now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=7)
    done = now - timedelta(hours=2)
    starts = {
        monday + timedelta(days=day, hours=hour)
        for day in range(8)
        for hour in (8, 10, 13, 14, 15, 16, 17, 18)
    }
    # Whatever the time of day when somebody looks for the first time, the board has a day behind it.
    starts |= {
        now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=hour) for hour in (3, 4, 5, 6)
    }
    lessons = plan(pairs, sorted(one for one in starts if one + LESSON < done), LESSON, rounds=2)
    past.live_through(made, lessons, LESSON)


def _plan_ahead(made: Services, pairs: list[Pair]) -> None:
    """Today and tomorrow, through the real schedule: the worker provisions and invites."""
    now = made.clock.now()
    # Nobody is taken for the next hour, so that whoever looks around can have a lesson right away.
    first = (now + timedelta(minutes=50)).replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    today = [first + timedelta(hours=hour) for hour in range(3)]
    tomorrow = (now + timedelta(days=1)).astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    later = [tomorrow.replace(hour=hour) for hour in (9, 13, 14, 15, 16, 17)]
    starts = sorted({start for start in (*today, *later) if start > now + timedelta(minutes=30)})
    with made.store.read() as db:
        coordinator = _viewer(db, "coordinator")
        topics = past.topics_by_course(db)
    for lesson in plan(pairs, starts, LESSON, rounds=1, slots=Slots(most_at_once=4)):
        topic = topics[lesson.pair.course_id][2 % len(topics[lesson.pair.course_id])]
        schedule.schedule_session(
            coordinator,
            schedule.NewSession(
                lesson.pair.course_id,
                lesson.instructor_id,
                (lesson.pair.student_id,),
                lesson.starts_at,
                lesson.starts_at + LESSON,
                topic_id=topic.id,
            ),
        )


def _viewer(db: Session, account: str) -> Viewer:
    person_id = db.exec(select(Person.id).where(Person.email == f"{account}@{DOMAIN}")).one()
    found = viewer_for(db, person_id)
    assert found is not None
    return found
