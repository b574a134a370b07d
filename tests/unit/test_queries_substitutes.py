"""What an instructor reads about lessons to step into, what coordinators see of the search, and the handover."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import time, timedelta
from pathlib import Path

import pytest
from sqlmodel import select

from core.access import Viewer
from core.clock import tick_timers
from core.domain import (
    Attendance,
    AuditEntry,
    AvailabilityException,
    AvailabilityHours,
    ClassSession,
    Material,
    Person,
    ProgressRecord,
    Qualification,
    Seat,
    StudentReport,
    Summary,
)
from core.errors import InvalidInput, NotAllowed
from core.lifecycle import schedule, substitutes
from core.queries import handover
from core.queries import substitutes as query
from core.services import Services
from core.testing import FakeClock, seed, services

pytestmark = pytest.mark.unit

DAY = timedelta(days=1)


@dataclass
class School:
    """A lesson in three days and two who may step in, open day and night."""

    app: Services
    one: seed.Lesson
    others: list[Viewer]

    @property
    def out(self) -> Viewer:
        return _viewer(self.one.instructor, "instructor")

    @property
    def coordinator(self) -> Viewer:
        return _viewer(self.one.coordinator, "coordinator")

    def search(self, note: str = "") -> str:
        found = substitutes.ask(self.out, self.one.session.id, note)
        tick_timers(self.app)
        return found

    def later(self, by: timedelta) -> None:
        assert isinstance(self.app.clock, FakeClock)
        self.app.clock.advance(by.total_seconds())


def _viewer(person: Person, *roles: str) -> Viewer:
    return Viewer(person.id, person.name, roles)


@pytest.fixture
def school(tmp_path: Path) -> Iterator[School]:
    with services(tmp_path) as app:
        with app.store.write() as db:
            one = seed.lesson(db, students=2, starts_in_s=3 * DAY.total_seconds())
            people = [seed.person(db, f"Elif Kaya{n}", "instructor") for n in range(2)]
            for person in (one.instructor, *people):
                db.add(Qualification(instructor_id=person.id, course_id=one.course.id))
                for weekday in range(7):
                    db.add(
                        AvailabilityHours(
                            person_id=person.id, weekday=weekday, starts=time(0), ends=time(0), tz="UTC"
                        )
                    )
        yield School(app, one, [_viewer(person, "instructor") for person in people])


def _past(school: School, days: int, *, said: str, status: str = "present") -> ClassSession:
    """A lesson both students had, with an approved report for each."""
    one = school.one
    with school.app.store.write() as db:
        starts_at = one.session.starts_at - (3 + days) * DAY
        row = ClassSession(
            course_id=one.course.id,
            topic_id=one.topic.id,
            starts_at=starts_at,
            ends_at=starts_at + timedelta(hours=1),
            status="ended",
            created_by=one.coordinator.id,
        )
        db.add(row)
        db.flush()
        summary = Summary(
            session_id=row.id,
            engine="extractive",
            status="approved",
            body={},
            drafted_at=row.ends_at,
            due_at=row.ends_at,
        )
        db.add(summary)
        db.flush()
        for who, role in [(one.instructor, "instructor"), *((child, "student") for child in one.students)]:
            db.add(
                Seat(
                    session_id=row.id,
                    person_id=who.id,
                    role=role,
                    starts_at=row.starts_at,
                    ends_at=row.ends_at,
                )
            )
        for child in one.students:
            db.add(
                Attendance(
                    session_id=row.id,
                    person_id=child.id,
                    role="student",
                    status=status,
                    present_s=0 if status == "absent" else 3_000,
                    final_at=row.ends_at,
                )
            )
            db.add(
                StudentReport(
                    session_id=row.id,
                    student_id=child.id,
                    summary_id=summary.id,
                    status="approved",
                    body={"sentences": [{"text": f"{said} {child.name}"}], "homework": "Page 3"},
                )
            )
        return row


def test_who_is_asked_sees_the_lesson_with_the_first_name_alone(school: School) -> None:
    school.search("A fever")
    (line,) = query.offers(school.others[0]).open
    assert (line.course, line.topic, line.student, line.group, line.minutes) == (
        "Algebra",
        "Fractions",
        "Sam",
        2,
        60,
    )
    assert line.starts_at == school.one.session.starts_at.isoformat()
    assert query.waiting(school.others[0]) == 1
    assert query.offers(school.out).open == []
    assert "Student" not in str(line) and "fever" not in str(line)


def test_why_they_are_asked_is_said_when_it_says_something(school: School) -> None:
    past = _past(school, 1, said="Halves")
    with school.app.store.write() as db:
        seat = db.exec(select(Seat).where(Seat.session_id == past.id, Seat.role == "instructor")).one()
        seat.person_id = school.others[0].person_id
        db.add(seat)
    school.search()
    assert query.offers(school.others[0]).open[0].reasons == ["has taught this student once"]
    assert query.offers(school.others[1]).open[0].reasons == []


def test_an_offer_that_ended_is_not_shown_any_more_also_before_the_clock_ticks(school: School) -> None:
    school.search()
    school.later(timedelta(seconds=school.app.settings.substitute_offer_s))
    assert query.offers(school.others[0]).open == [] and query.waiting(school.others[0]) == 0


def test_an_offer_for_a_lesson_that_changed_is_not_shown_any_more(school: School) -> None:
    school.search()
    session = school.one.session
    schedule.move_session(school.coordinator, session.id, session.starts_at + DAY, session.ends_at + DAY, 1)
    assert query.offers(school.others[0]).open == []
    assert query.looking(school.out) == [] and query.searches(school.coordinator) == []


def test_what_somebody_took_stands_there_until_it_is_over(school: School) -> None:
    school.search()
    taker = school.others[0]
    substitutes.accept_offer(taker, query.offers(taker).open[0].id)
    assert [line.id for line in query.offers(taker).taken] == [school.one.session.id]
    assert query.offers(school.others[1]).open == [] == query.offers(school.others[1]).taken
    school.later(4 * DAY)
    assert query.offers(taker).taken == []


def test_an_instructor_sees_how_the_search_for_them_goes(school: School) -> None:
    found = school.search()
    (mine,) = query.looking(school.out)
    assert (mine.id, mine.session_id, mine.asked) == (found, school.one.session.id, 2)
    assert query.looking(school.others[0]) == []


def test_coordinators_see_who_was_asked_and_what_they_said(school: School) -> None:
    school.search("A fever")
    substitutes.decline_offer(school.others[0], query.offers(school.others[0]).open[0].id)
    (line,) = query.searches(school.coordinator)
    assert (line.instructor, line.reason, line.note, line.status) == (
        "Ines Instructor",
        "asked",
        "A fever",
        "offered",
    )
    assert sorted((one.name, one.status) for one in line.asked) == [
        ("Elif Kaya0", "declined"),
        ("Elif Kaya1", "offered"),
    ]
    assert line.due_at == (school.one.session.starts_at - timedelta(hours=4)).isoformat()


def test_candidates_come_with_their_reasons_who_fits_first(school: School) -> None:
    start = school.one.session.starts_at
    with school.app.store.write() as db:
        db.add(
            AvailabilityException(
                person_id=school.others[0].person_id,
                kind="away",
                starts_at=start - DAY,
                ends_at=start + DAY,
                created_by=school.others[0].person_id,
                created_at=school.app.clock.now(),
            )
        )
    found = query.candidates(school.coordinator, school.search())
    assert [(one.person.id, one.fits, one.can, one.asked) for one in found] == [
        (school.others[1].person_id, True, True, True),
        (school.others[0].person_id, False, True, False),
    ]
    assert "is qualified" in found[0].met and found[1].unmet == "is away"


def test_searches_are_for_coordinators(school: School) -> None:
    found = school.search()
    for who in (school.out, school.others[0]):
        with pytest.raises(NotAllowed):
            query.searches(who)
        with pytest.raises(NotAllowed):
            query.candidates(who, found)


def test_a_reason_has_an_end(school: School) -> None:
    with pytest.raises(InvalidInput):
        substitutes.ask(school.out, school.one.session.id, "x" * (substitutes.MOST_WORDS + 1))


def _take_over(school: School) -> Viewer:
    school.search()
    taker = school.others[0]
    substitutes.accept_offer(taker, query.offers(taker).open[0].id)
    return taker


def test_the_handover_tells_history_gaps_and_files_of_each_child(school: School) -> None:
    one, (first, second) = school.one, school.one.students
    for days in range(5):
        _past(school, days, said=f"Day {days}", status="absent" if days == 4 else "present")
    with school.app.store.write() as db:
        now = school.app.clock.now()
        db.add(
            ProgressRecord(
                student_id=first.id,
                topic_id=one.topic.id,
                state="covered",
                answers=5,
                answers_right=2,
                updated_at=now,
            )
        )
        db.add(
            Material(
                course_id=one.course.id,
                name="rules.pdf",
                media_type="application/pdf",
                size=3,
                blob_key="materials/x/y",
                added_by=one.coordinator.id,
                added_at=now,
            )
        )
    taker = _take_over(school)
    found = handover.handover(taker, one.session.id)
    assert (found.instead_of, found.minutes) == ("Ines Instructor", 60)
    assert [name for _, name in found.materials] == ["rules.pdf"]
    told, other = found.students
    assert (told.person.id, other.person.id) == (first.id, second.id)
    assert (told.lessons, told.attended, len(told.past)) == (5, 4, handover.LESSONS)
    assert told.past[0].said == [f"Day 0 {first.name}"] and told.past[0].homework == "Page 3"
    assert second.name not in str(told), "no other child's report"
    assert [(gap.topic, gap.state, gap.share) for gap in told.gaps] == [("Fractions", "weak", 40)]
    assert [(gap.topic, gap.state) for gap in other.gaps] == [("Fractions", "to_come")]
    with school.app.store.read() as db:
        opened = db.exec(select(AuditEntry).where(AuditEntry.action == "handover.open_page")).all()
    assert {row.person_id for row in opened} == {first.id, second.id}


def test_the_seat_alone_opens_the_handover_and_only_until_the_lesson_is_over(school: School) -> None:
    session_id = school.one.session.id
    school.search()
    with pytest.raises(NotAllowed):
        handover.handover(school.others[0], session_id)
    taker = school.others[0]
    substitutes.accept_offer(taker, query.offers(taker).open[0].id)
    assert handover.handover(taker, session_id).lesson.id == session_id
    with pytest.raises(NotAllowed):
        handover.handover(school.out, session_id)
    with school.app.store.write() as db:
        row = db.get_one(ClassSession, session_id)
        row.status = "ended"
        db.add(row)
    with pytest.raises(NotAllowed):
        handover.handover(taker, session_id)
    assert handover.handover(school.coordinator, session_id).instead_of == "Ines Instructor"


def test_only_ones_own_lessons_say_who_gave_them_up(school: School) -> None:
    session_id = school.one.session.id
    taker = _take_over(school)
    assert handover.taken_over(taker, [session_id]) == {session_id: "Ines Instructor"}
    assert handover.taken_over(school.others[1], [session_id]) == {}
    assert handover.taken_over(taker, [""]) == {}
