"""What students, families and instructors may ask, and what they get; settings a person changes alone."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlmodel import select

from core.access import Viewer, hash_token, set_password, sign_in, viewer_for
from core.domain import AuditEntry, Login, Person, StudentReport
from core.errors import InvalidInput, NotAllowed, NotFound, TooMany
from core.lifecycle import consent, profile
from core.queries import learn, teach
from core.services import Services
from core.testing import seed, services

pytestmark = pytest.mark.unit


@dataclass
class School:
    """One lesson that ended and was reported; one student and guardian are of another family."""

    app: Services
    one: seed.Lesson
    report_id: str

    def viewer(self, person: Person) -> Viewer:
        with self.app.store.read() as db:
            found = viewer_for(db, person.id)
        assert found is not None
        return found

    @property
    def child(self) -> Person:
        return self.one.students[0]

    @property
    def guardian(self) -> Viewer:
        return self.viewer(self.one.guardians[0])

    @property
    def stranger(self) -> Viewer:
        return self.viewer(self.one.guardians[1])


@pytest.fixture
def school(tmp_path: Path) -> Iterator[School]:
    with services(tmp_path) as app:
        with app.store.write() as db:
            one = seed.lesson(db, students=2, starts_in_s=-7_200)
            seed.ended(db, one)
            summary = seed.drafted(db, one)
            summary.status = "approved"
            report = db.exec(
                select(StudentReport).where(StudentReport.student_id == one.students[0].id)
            ).one()
            report.status, report.told_at = "approved", app.clock.now()
            report.body = {
                "headline": "Halves are easy",
                "sentences": [{"text": "Well done."}],
                "homework": "Page 3",
            }
            db.add(report)
        yield School(app, one, report.id)


def test_a_family_sees_its_child_and_nobody_elses(school: School) -> None:
    home = learn.family(school.guardian)
    assert [child.id for child in home.children] == [school.child.id]
    assert home.report is not None
    assert (home.report.headline, home.report.sentences, home.report.homework) == (
        "Halves are easy",
        ["Well done."],
        "Page 3",
    )
    assert home.report.joined_at
    assert home.report.left_at
    assert home.report.told_at
    assert home.report.instructor == "Ines Instructor"
    assert home.progress is not None
    assert [row.status for row in home.progress.attended] == ["present"]
    assert home.consents == [("transcription", False), ("recording", False), ("ai_summary", False)]
    with pytest.raises(NotFound):
        learn.family(school.stranger, school.child.id)
    assert learn.family(school.stranger).report is None


def test_a_draft_is_never_shown_to_a_family(school: School) -> None:
    with school.app.store.write() as db:
        report = db.get_one(StudentReport, school.report_id)
        report.status = "draft"
        db.add(report)
    assert learn.family(school.guardian).report is None
    assert learn.report_ids(school.guardian, school.child.id) == {}
    with pytest.raises(NotFound):
        learn.report(school.guardian, school.report_id)


@pytest.mark.parametrize("who", ["guardian", "child", "coordinator"])
def test_a_report_opens_for_those_it_is_about(school: School, who: str) -> None:
    viewer = {
        "guardian": school.guardian,
        "child": school.viewer(school.child),
        "coordinator": school.viewer(school.one.coordinator),
    }[who]
    assert learn.report(viewer, school.report_id).headline == "Halves are easy"
    with school.app.store.read() as db:
        opened = db.exec(select(AuditEntry).where(AuditEntry.action == "report.open_page")).all()
    assert [(row.actor_id, row.person_id) for row in opened] == [(viewer.person_id, school.child.id)]


def test_a_report_is_not_found_by_others(school: School) -> None:
    for other in (school.stranger, school.viewer(school.one.students[1])):
        with pytest.raises(NotFound):
            learn.report(other, school.report_id)
        with pytest.raises(NotFound):
            learn.report_ids(other, school.child.id)
        with pytest.raises(NotFound):
            learn.lessons(other, school.child.id, past=True)
        with pytest.raises(NotAllowed):
            learn.progress(other, school.child.id)


def test_lessons_and_homework_of_the_student(school: School) -> None:
    student = school.viewer(school.child)
    assert [line.id for line in learn.lessons(student, past=True)] == [school.one.session.id]
    assert learn.lessons(student) == []
    assert learn.report_ids(student) == {school.one.session.id: school.report_id}
    home = learn.home(student)
    assert home.next is None
    assert [(item.course, item.text) for item in home.homework] == [("Algebra", "Page 3")]
    assert [(path.course, path.total) for path in home.paths] == [("Algebra", 1)]


def test_an_instructor_follows_their_own_students(school: School) -> None:
    instructor = school.viewer(school.one.instructor)
    assert {student.id for student, _ in learn.students_of(instructor)} == {s.id for s in school.one.students}
    assert learn.progress(instructor, school.child.id).student.id == school.child.id
    home = teach.home(instructor)
    assert home.next is None
    assert home.taught == 1
    with pytest.raises(NotAllowed):
        teach.review(school.guardian, teach.summaries(instructor)[0][0].summary_id)


def test_a_guardian_gives_and_withdraws_consent(school: School) -> None:
    consent.set_consent(school.guardian, school.child.id, "transcription", True)
    assert dict(learn.family(school.guardian).consents)["transcription"]
    consent.set_consent(school.guardian, school.child.id, "transcription", False)
    assert not dict(learn.family(school.guardian).consents)["transcription"]
    for other in (school.stranger, school.viewer(school.child)):
        with pytest.raises(NotAllowed):
            consent.set_consent(other, school.child.id, "transcription", True)


def test_a_person_changes_name_zone_and_language(school: School) -> None:
    before = school.guardian
    profile.change_profile(before, "  Gale   Storm ", "Asia/Tokyo", "de")
    assert (school.guardian.name, school.guardian.tz, school.guardian.lang) == (
        "Gale Storm",
        "Asia/Tokyo",
        "de",
    )
    profile.change_profile(before, "Gale Storm", "Asia/Tokyo", "de")
    with school.app.store.read() as db:
        entries = db.exec(select(AuditEntry).where(AuditEntry.action == "profile.change")).all()
    assert [entry.facts for entry in entries] == [{"changed": "name,tz,lang"}]


@pytest.mark.parametrize(
    ("name", "tz", "lang", "field"),
    [
        ("", "UTC", "en", "name"),
        ("  7 ", "UTC", "en", "name"),
        ("x" * 101, "UTC", "en", "name"),
        ("Gale", "Mars/Olympus", "en", "tz"),
        ("Gale", "../etc/passwd", "en", "tz"),
        ("Gale", "UTC", "tlh", "lang"),
    ],
)
def test_settings_that_make_no_sense_change_nothing(
    school: School, name: str, tz: str, lang: str, field: str
) -> None:
    before = school.guardian
    with pytest.raises(InvalidInput) as refused:
        profile.change_profile(before, name, tz, lang)
    assert refused.value.field == field
    assert school.guardian == before


def test_a_new_password_asks_for_the_old_one_and_ends_other_sign_ins(school: School) -> None:
    guardian = school.guardian
    with school.app.store.write() as db:
        set_password(db, guardian.person_id, "the old password")
        email = db.get_one(Person, guardian.person_id).email or ""
    here, _ = sign_in(email, "the old password", "here")
    sign_in(email, "the old password", "elsewhere")
    with pytest.raises(InvalidInput) as refused:
        profile.change_password(guardian, "not it", "a much better one", here)
    assert refused.value.field == "old"
    with pytest.raises(InvalidInput, match="at least 10"):
        profile.change_password(guardian, "the old password", "short", here)
    profile.change_password(guardian, "the old password", "a much better one", here)
    with school.app.store.read() as db:
        assert [row.token_hash for row in db.exec(select(Login))] == [hash_token(here)]
    sign_in(email, "a much better one", "here")


def test_guessing_the_old_password_is_stopped(school: School) -> None:
    guardian = school.guardian
    with school.app.store.write() as db:
        set_password(db, guardian.person_id, "the old password")
    for _ in range(8):
        with pytest.raises(InvalidInput):
            profile.change_password(guardian, "guess", "a much better one")
    with pytest.raises(TooMany):
        profile.change_password(guardian, "the old password", "a much better one")


def test_only_adults_who_speak_in_class_are_asked_for_their_own_consent(school: School) -> None:
    assert profile.own(school.viewer(school.child)).consents == []
    assert profile.own(school.guardian).consents == []
    assert [purpose for purpose, _ in profile.own(school.viewer(school.one.instructor)).consents] == [
        "transcription",
        "recording",
        "ai_summary",
    ]
    assert "Europe/London" in profile.zones()
    assert "UTC" in profile.zones()
