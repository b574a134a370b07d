"""The story of a lesson on real rows, worked off in this thread with a moved clock."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import Session, col, select

from core.access import Viewer, viewer_for
from core.clock import tick_timers
from core.domain import (
    Attendance,
    Briefing,
    ClassSession,
    Consent,
    Coverage,
    DomainEvent,
    Enrollment,
    ExceptionCase,
    Message,
    ProgressRecord,
    Qualification,
    Seat,
    StudentReport,
    Summary,
)
from core.errors import Conflict, InvalidInput, NotAllowed, NotFound, SessionNotOpen
from core.lifecycle import approve, cases, consent, end, join, live, schedule, wiring
from core.lifecycle.provision import new_join_link, provision_room
from core.services import Services
from core.testing import plugin, seed, services, work_off
from core.views import ClassSessionView, CoverageDraft, ReportDraft, Sentence, SummaryDraft, SummaryInput

pytestmark = pytest.mark.unit


def _summarise(material: SummaryInput) -> SummaryDraft:
    """A summariser of our own: the first words of everybody, also those it must not use."""
    everything = [Sentence(s.text, (s.id,), "covered") for s in material.segments]
    everything.append(Sentence("Invented.", ("no-such-span",), "watch"))
    return SummaryDraft(
        engine="test",
        sentences=tuple(everything),
        reports=tuple(
            ReportDraft(student, "A good lesson", tuple(everything))
            for student in material.session.people("student")
        ),
        coverage=tuple(CoverageDraft(topic.id, "covered", 0.9) for topic in material.topics),
    )


@dataclass
class School:
    app: Services
    one: seed.Lesson
    session: ClassSessionView

    def viewer(self, person_id: str) -> Viewer:
        with self.app.store.read() as db:
            found = viewer_for(db, person_id)
        assert found is not None
        return found

    @property
    def coordinator(self) -> Viewer:
        return self.viewer(self.one.coordinator.id)

    @property
    def instructor(self) -> Viewer:
        return self.viewer(self.one.instructor.id)

    def row(self) -> ClassSession:
        with self.app.store.read() as db:
            return db.get_one(ClassSession, self.session.id)

    def later(self, **span: float) -> None:
        self.app.clock.advance(timedelta(**span).total_seconds())  # type: ignore[attr-defined]


@pytest.fixture
def school(tmp_path: Path) -> Iterator[School]:
    summariser = plugin("brief", summarisers=lambda: [("test", _summarise)])
    with services(tmp_path, plugins={"brief": summariser}) as app:
        wiring.wire()
        with app.store.write() as db:
            one = seed.lesson(db, students=2, starts_in_s=30 * 86_400)
            db.add(Qualification(instructor_id=one.instructor.id, course_id=one.course.id))
        made = School(app, one, None)  # type: ignore[arg-type]
        made.session = schedule.schedule_session(made.coordinator, _new(made, hours=2))
        with app.store.write() as db:
            provision_room(db, made.session.id)
        yield made


def _new(school: School, *, hours: float, students: int = 1, length_s: int = 3_600) -> schedule.NewSession:
    starts_at = school.app.clock.now() + timedelta(hours=hours)
    return schedule.NewSession(
        course_id=school.one.course.id,
        instructor_id=school.one.instructor.id,
        student_ids=tuple(student.id for student in school.one.students[:students]),
        starts_at=starts_at,
        ends_at=starts_at + timedelta(seconds=length_s),
        topic_id=school.one.topic.id,
    )


def _teach(school: School, minutes: float = 58) -> None:
    """Both come on time, speak, and the instructor ends it."""
    student = school.one.students[0]
    school.later(hours=2)
    live.presence_started(school.session.id, school.one.instructor.id, "p1", "instructor")
    live.presence_started(school.session.id, student.id, "p2", "student")
    with school.app.store.write() as db:
        for who in (student.id, school.one.instructor.id):
            db.add(
                Consent(person_id=who, purpose="transcription", given_by=who, given_at=school.app.clock.now())
            )
    segment = {
        "kind": "transcript.segment",
        "session_id": school.session.id,
        "ended_ms": 2_000,
        "started_ms": 0,
    }
    live.ingest(
        live.Batch(
            "agent",
            1,
            (
                {**segment, "person_id": student.id, "text": "One half is two quarters"},
                {**segment, "person_id": school.one.students[1].id, "text": "never stored: no seat here"},
            ),
        )
    )
    live.add_engagement(school.session.id, [(student.id, "answers", 4), (student.id, "answers_right", 3)])
    school.later(minutes=minutes)
    end.end_session(school.instructor, school.session.id)


def _finish_transcript(school: School) -> None:
    work_off(school.app)
    live.ingest(live.Batch("agent", 2, ({"kind": "transcript.done", "session_id": school.session.id},)))
    work_off(school.app)


def _summary(school: School) -> Summary:
    with school.app.store.read() as db:
        found = db.exec(
            select(Summary)
            .where(Summary.session_id == school.session.id)
            .order_by(col(Summary.draft_no).desc())
        ).first()
    assert found is not None
    return found


def test_the_chain_runs_in_its_order_to_the_family(school: School):
    _teach(school)
    assert school.row().chain == "ended"
    work_off(school.app)
    assert school.row().chain == "attended"
    _finish_transcript(school)
    assert school.row().chain == "drafted"
    summary = _summary(school)
    approve.approve_summary(school.instructor, summary.id, summary.version)
    work_off(school.app)
    assert school.row().chain == "told"
    with school.app.store.read() as db:
        kinds = list(
            db.exec(
                select(DomainEvent.kind)
                .where(DomainEvent.session_id == school.session.id)
                .order_by(col(DomainEvent.id))
            )
        )
        mail = db.exec(select(Message).where(Message.kind == "report")).one()
        progress = db.exec(select(ProgressRecord)).one()
    order = [
        "session.scheduled",
        "session.started",
        "session.ended",
        "attendance.finalized",
        "transcript.finalized",
    ]
    order += ["summary.changed", "summary.changed", "family.told", "progress.updated"]
    assert [kind for kind in kinds if kind in order] == order
    assert mail.to_person_id == school.one.guardians[0].id
    assert (progress.state, progress.answers, progress.answers_right) == ("covered", 4, 3)


def test_attendance_comes_from_presence_with_reconnects_stitched(school: School):
    student = school.one.students[0]
    school.later(hours=2)
    live.presence_started(school.session.id, school.one.instructor.id, "p1", "instructor")
    live.presence_started(school.session.id, student.id, "a", "student")
    school.later(minutes=20)
    live.presence_ended("a", "lost")
    school.later(seconds=60)
    live.presence_started(school.session.id, student.id, "b", "student")
    school.later(minutes=35)
    end.end_session(school.instructor, school.session.id)
    work_off(school.app)
    with school.app.store.read() as db:
        row = db.get_one(Attendance, (school.session.id, student.id))
    assert (row.status, row.intervals, row.present_s) == ("present", 1, 56 * 60)


def test_a_report_never_rests_on_words_that_do_not_exist_or_are_another_childs(school: School):
    _teach(school)
    _finish_transcript(school)
    with school.app.store.read() as db:
        report = db.exec(select(StudentReport)).one()
    texts = {item["text"]: item["spans"] for item in report.body["sentences"]}
    assert "One half is two quarters" in texts
    assert "Invented." not in texts


def test_without_a_word_from_the_agents_the_chain_goes_on_after_its_timer(school: School):
    _teach(school)
    work_off(school.app)
    school.later(seconds=121)
    tick_timers(school.app)
    work_off(school.app)
    assert school.row().chain == "drafted"


def test_a_rejected_draft_comes_back_as_another_one(school: School):
    _teach(school)
    _finish_transcript(school)
    first = _summary(school)
    approve.reject_summary(school.instructor, first.id, first.version, "Too long")
    work_off(school.app)
    second = _summary(school)
    assert (second.draft_no, second.status) == (2, "draft")
    assert school.row().chain == "drafted"
    with pytest.raises(Conflict):
        approve.approve_summary(school.instructor, first.id, first.version)


def test_a_second_click_on_approve_does_nothing(school: School):
    _teach(school)
    _finish_transcript(school)
    summary = _summary(school)
    approve.approve_summary(school.instructor, summary.id, summary.version)
    approve.approve_summary(school.instructor, summary.id, summary.version)
    work_off(school.app)
    with school.app.store.read() as db:
        assert len(db.exec(select(Message).where(Message.kind == "report")).all()) == 1


def test_the_next_briefing_is_rewritten_from_the_approved_summary(school: School):
    following = schedule.schedule_session(school.coordinator, _new(school, hours=48))
    _teach(school)
    _finish_transcript(school)
    summary = _summary(school)
    edits = approve.Edits(
        sentences=(approve.EditedSentence("Sam compares fractions.", (), "covered"),),
        reports={
            school.one.students[0].id: approve.EditedReport(
                "Fractions", (approve.EditedSentence("Sam did well."),), "Sheet 4"
            )
        },
    )
    approve.approve_summary(school.instructor, summary.id, summary.version, edits)
    work_off(school.app)
    with school.app.store.read() as db:
        body = db.get_one(Briefing, following.id).body
    assert body["last_time"][0]["text"] == "Sam compares fractions."
    assert body["homework"] == ["Sheet 4"]


def test_what_a_sentence_rests_on_is_kept_but_never_claimed(school: School):
    """A counted fact stays one over every Save; other words never become one; a person's word is stored."""
    _teach(school)
    _finish_transcript(school)
    summary = _summary(school)
    drafted = [{"text": "Sam got 3 of 5 right.", "spans": [], "section": "covered", "basis": "answers"}]
    with school.app.store.write() as db:
        row = db.get_one(Summary, summary.id)
        row.body = {"sentences": drafted}
        db.add(row)
    version = summary.version
    for _ in range(2):
        edits = approve.Edits(
            sentences=(
                approve.EditedSentence("Sam got 3 of 5 right.", basis="answers"),
                approve.EditedSentence("Sam got 5 of 5 right.", basis="answers"),
                approve.EditedSentence("Sam was keen today.", basis=approve.VOUCHED),
            )
        )
        version = approve.save_edits(school.instructor, summary.id, version, edits)
    stored = _summary(school).body["sentences"]
    assert [(one["basis"], one["edited"]) for one in stored] == [
        ("answers", False),
        ("", True),
        ("vouched", True),
    ]


def _no_shows(db: Session) -> list[ExceptionCase]:
    """Nothing is provisioned in some of these tests, so there are cases about that, too."""
    return list(db.exec(select(ExceptionCase).where(col(ExceptionCase.kind).startswith("no_show"))))


def test_a_student_is_added_to_a_lesson_and_may_come_back(school: School):
    with school.app.store.write() as db:
        new = seed.person(db, "Kim Novak", "student")
        db.add(Enrollment(student_id=new.id, course_id=school.one.course.id))
        stranger = seed.person(db, "Lea Lund", "student")
    found = schedule.add_student(school.coordinator, school.session.id, new.id, 1)
    assert new.id in found.people("student") and found.version == 2
    for wrong in (new.id, stranger.id):
        with pytest.raises(InvalidInput):
            schedule.add_student(school.coordinator, school.session.id, wrong, 2)
    with pytest.raises(NotFound):
        schedule.add_student(school.coordinator, school.session.id, "nobody", 2)
    with pytest.raises(Conflict):
        schedule.add_student(school.coordinator, school.session.id, new.id, 1)
    with pytest.raises(NotAllowed):
        schedule.add_student(school.instructor, school.session.id, new.id, 2)
    with school.app.store.write() as db:
        schedule.close_seat(
            db,
            db.exec(select(Seat).where(Seat.session_id == school.session.id, Seat.person_id == new.id)).one(),
            school.app.clock.now(),
        )
    assert new.id in schedule.add_student(school.coordinator, school.session.id, new.id, 2).people("student")


def test_a_student_who_is_busy_then_is_not_added(school: School):
    with school.app.store.write() as db:
        other = seed.lesson(db, starts_in_s=30 * 86_400)
        busy = other.students[0]
        db.add(Enrollment(student_id=busy.id, course_id=school.one.course.id))
        row = db.get_one(ClassSession, school.session.id)
        for seat in db.exec(select(Seat).where(Seat.session_id == other.session.id)):
            seat.starts_at, seat.ends_at = row.starts_at, row.ends_at
            db.add(seat)
    with pytest.raises(Conflict, match="already has Algebra"):
        schedule.add_student(school.coordinator, school.session.id, busy.id, 1)
    assert school.row().version == 1


def test_double_booking_is_refused_with_what_it_clashes(school: School):
    with pytest.raises(Conflict, match=r"Ines Instructor already has Algebra from"):
        schedule.schedule_session(school.coordinator, _new(school, hours=2.5))
    with school.app.store.read() as db:
        assert len(db.exec(select(ClassSession)).all()) == 2


@pytest.mark.parametrize(
    ("hours", "length_s", "words"),
    [(-1, 3_600, "in the past"), (5, -60, "before the start"), (5, 8 * 3_600, "six hours")],
)
def test_unreasonable_times_are_refused(school: School, hours: float, length_s: int, words: str):
    with pytest.raises(InvalidInput, match=words):
        schedule.schedule_session(school.coordinator, _new(school, hours=hours, length_s=length_s))


def test_only_coordinators_schedule(school: School):
    with pytest.raises(NotAllowed):
        schedule.schedule_session(school.instructor, _new(school, hours=9))


def test_moving_makes_old_timers_stale(school: School):
    start = school.session.starts_at + timedelta(days=1)
    schedule.move_session(school.coordinator, school.session.id, start, start + timedelta(hours=1), 1)
    school.later(hours=2, minutes=6)
    tick_timers(school.app)
    with school.app.store.read() as db:
        assert not _no_shows(db)
    school.later(days=1)
    tick_timers(school.app)
    with school.app.store.read() as db:
        assert [case.kind for case in _no_shows(db)] == ["no_show_both"]


def test_two_coordinators_moving_the_same_lesson(school: School):
    start = school.session.starts_at + timedelta(days=1)
    schedule.move_session(school.coordinator, school.session.id, start, start + timedelta(hours=1), 1)
    with pytest.raises(Conflict):
        schedule.move_session(school.coordinator, school.session.id, start, start + timedelta(hours=2), 1)


def test_cancelling_closes_links_and_seats(school: School):
    seat_id = school.session.seats[0].id
    with school.app.store.write() as db:
        token = new_join_link(db, seat_id).rsplit("/", 1)[1]
    schedule.cancel_session(school.coordinator, school.session.id, 1)
    with pytest.raises(SessionNotOpen, match="cancelled"):
        join.open_join_link(token, None)


def test_somebody_elses_link_is_refused(school: School):
    seat = next(seat for seat in school.session.seats if seat.role == "student")
    with school.app.store.write() as db:
        token = new_join_link(db, seat.id).rsplit("/", 1)[1]
    assert join.open_join_link(token, None).id == seat.id
    with pytest.raises(NotAllowed, match="somebody else"):
        join.open_join_link(token, school.instructor)


def test_the_room_is_open_around_its_time_only(school: School):
    with pytest.raises(SessionNotOpen, match="15 minutes before"):
        join.enter(school.instructor, school.session.id)
    school.later(hours=1, minutes=50)
    assert join.enter(school.instructor, school.session.id).role == "instructor"
    with pytest.raises(NotAllowed):
        join.enter(school.viewer(school.one.guardians[0].id), school.session.id)
    assert join.enter(school.coordinator, school.session.id).role == "observer"


def test_a_missing_student_opens_one_case_that_is_settled_by_a_person(school: School):
    school.later(hours=2)
    live.presence_started(school.session.id, school.one.instructor.id, "p1", "instructor")
    school.later(minutes=6)
    tick_timers(school.app)
    tick_timers(school.app)
    with school.app.store.read() as db:
        (case,) = _no_shows(db)
    assert (case.kind, case.queue) == ("no_show_student", "coordinator")
    with pytest.raises(NotAllowed):
        cases.take_case(school.instructor, case.id, case.version)
    cases.take_case(school.coordinator, case.id, case.version)
    cases.note_case(school.coordinator, case.id, "Called the family")
    cases.resolve_case(school.coordinator, case.id, "Ill today")
    with school.app.store.read() as db:
        settled = db.get_one(ExceptionCase, case.id)
    assert (settled.status, settled.owner_id) == ("resolved", school.one.coordinator.id)


def test_a_no_show_case_settles_itself_when_they_come_late(school: School):
    school.later(hours=2)
    live.presence_started(school.session.id, school.one.instructor.id, "p1", "instructor")
    school.later(minutes=6)
    tick_timers(school.app)
    live.presence_started(school.session.id, school.one.students[0].id, "p2", "student")
    with school.app.store.read() as db:
        (case,) = _no_shows(db)
    assert (case.status, case.resolution, case.owner_id) == ("resolved", "They came late.", None)


def test_a_case_nobody_settles_is_escalated_once(school: School):
    school.later(hours=2, minutes=6)
    tick_timers(school.app)
    school.later(hours=3)
    tick_timers(school.app)
    with school.app.store.read() as db:
        (case,) = _no_shows(db)
    assert case.severity == "urgent"
    assert case.escalated_at is not None


def test_an_empty_room_ends_the_lesson_after_the_grace_time(school: School):
    school.later(hours=2)
    live.presence_started(school.session.id, school.one.instructor.id, "p1", "instructor")
    live.presence_started(school.session.id, school.one.students[0].id, "p2", "student")
    school.later(minutes=50)
    live.presence_ended("p1", "lost")
    live.presence_ended("p2", "left")
    live.room_emptied(school.session.id)
    school.later(minutes=4)
    tick_timers(school.app)
    assert school.row().status == "live"
    school.later(minutes=2)
    tick_timers(school.app)
    assert (school.row().status, school.row().end_reason) == ("ended", "empty")


def test_a_lesson_that_ends_far_too_early_opens_a_case(school: School):
    _teach(school, minutes=10)
    work_off(school.app)
    with school.app.store.read() as db:
        assert db.exec(select(ExceptionCase.kind)).all() == ["ended_early"]


def test_a_lesson_that_ended_early_leaves_its_people_free(school: School):
    _teach(school, minutes=10)
    following = schedule.schedule_session(school.coordinator, _new(school, hours=0.1))
    assert following.status == "scheduled"


def test_a_batch_is_taken_once_and_whole_or_not_at_all(school: School):
    good = {"kind": "engagement", "session_id": school.session.id, "person_id": school.one.students[0].id}
    batch = live.Batch("node", 1, ({**good, "signal": "talk_s", "value": 5},))
    assert live.ingest(batch) is True
    assert live.ingest(batch) is False
    with pytest.raises(InvalidInput):
        live.ingest(live.Batch("node", 2, ({**good, "signal": "talk_s", "value": 5}, {"kind": "nonsense"})))
    assert live.ingest(live.Batch("node", 2, ({**good, "signal": "talk_s", "value": 5},))) is True


def test_words_of_people_without_consent_are_dropped(school: School):
    student = school.one.students[0].id
    item = {
        "kind": "transcript.segment",
        "session_id": school.session.id,
        "person_id": student,
        "started_ms": 0,
        "ended_ms": 10,
        "text": "hello",
    }
    live.ingest(live.Batch("agent", 1, (item,)))
    consent.set_consent(school.viewer(school.one.guardians[0].id), student, "transcription", True)
    live.ingest(live.Batch("agent", 2, (item,)))
    consent.set_consent(school.viewer(school.one.guardians[0].id), student, "transcription", False)
    live.ingest(live.Batch("agent", 3, (item,)))
    with school.app.store.read() as db:
        from core.domain import TranscriptSegment

        assert len(db.exec(select(TranscriptSegment)).all()) == 1


def test_a_minor_cannot_consent_alone(school: School):
    student = school.viewer(school.one.students[0].id)
    with pytest.raises(NotAllowed, match="guardian"):
        consent.set_consent(student, student.person_id, "recording", True)


def test_coverage_can_be_corrected_when_approving(school: School):
    _teach(school)
    _finish_transcript(school)
    summary = _summary(school)
    edits = approve.Edits(coverage={school.one.topic.id: "started"})
    approve.approve_summary(school.instructor, summary.id, summary.version, edits)
    with school.app.store.read() as db:
        row = db.get_one(Coverage, (school.session.id, school.one.topic.id))
        assert (row.state, row.confirmed) == ("started", True)
        assert db.exec(select(Enrollment)).all()
