"""What people read in their mail, made from real rows."""

from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from icalendar import Calendar
from sqlmodel import select

from core.access import Viewer
from core.clock import cancel_timers, set_timer
from core.domain import ClassSession, Enrollment, Message, Person, Qualification, Seat
from core.domain.load import case_view, session_view
from core.lifecycle import changes, notify, schedule, wiring
from core.lifecycle.notify import MessageView
from core.services import Services
from core.testing import seed, services
from plugins.notifications import email, service

pytestmark = pytest.mark.unit


@pytest.fixture
def app(tmp_path: Path):
    with services(tmp_path, built_ins=("plugins.notifications",)) as made:
        yield made


def _lesson(app: Services) -> seed.Lesson:
    with app.store.write() as db:
        one = seed.lesson(db, starts_in_s=86_400)
        one.guardians[0].tz, one.guardians[0].lang = "America/New_York", "de"
        db.add(one.guardians[0])
        db.add(Qualification(instructor_id=one.instructor.id, course_id=one.course.id))
        return one


def _mails(app: Services, kind: str) -> dict[str, EmailMessage]:
    """Every queued mail of a kind, by its reader's person id."""
    with app.store.read() as db:
        rows = db.exec(select(Message).where(Message.kind == kind)).all()
    return {
        row.to_person_id: email.compose(
            MessageView(
                row.id, row.kind, row.channel, row.to_person_id, row.session_id, dict(row.params), "<x@y>"
            )
        )
        for row in rows
    }


def _invite(app: Services, one: seed.Lesson, change: str) -> None:
    with app.store.write() as db:
        service.invite(db, session_view(db, one.session.id), change)


def _text(mail: EmailMessage) -> str:
    part: Any = mail.get_body(("plain",))
    return part.get_content()


def _event(mail: EmailMessage) -> Any:
    part = next(part for part in mail.walk() if part.get_content_type() == "text/calendar")
    payload: Any = part.get_payload(decode=True)
    return Calendar.from_ical(payload)


def test_mails_give_way_to_timers_that_are_late(app: Services):
    one = _lesson(app)
    with app.store.write() as db:
        seat = db.exec(select(Seat.id).where(Seat.session_id == one.session.id)).first()
        for number in range(25):
            notify.queue_message(
                db, "moved", one.instructor.id, dedupe=str(number), session_id=one.session.id,
                params={"seat_id": seat},
            )  # fmt: skip
        set_timer(db, "reminder", one.session.id, app.clock.now() - timedelta(seconds=1))
    assert wiring.send_messages(app) == notify.BATCH
    with app.store.write() as db:
        cancel_timers(db, one.session.id)
    assert wiring.send_messages(app) == 25 - notify.BATCH


def test_an_invitation_is_in_the_readers_language_and_zone(app: Services):
    one = _lesson(app)
    _invite(app, one, "scheduled")
    mails = _mails(app, "invitation")
    assert set(mails) == {one.instructor.id, one.guardians[0].id}
    family = mails[one.guardians[0].id]
    assert one.students[0].first_name in family["Subject"]
    assert "America/New York" in _text(family)
    assert family["Content-Language"] == "de"


def test_an_invitation_carries_one_calendar_event_with_its_zone(app: Services):
    one = _lesson(app)
    _invite(app, one, "scheduled")
    book = _event(_mails(app, "invitation")[one.guardians[0].id])
    event = book.walk("VEVENT")[0]
    assert book["METHOD"] == "REQUEST"
    assert event["SEQUENCE"] == 1
    assert event["DTSTART"].dt == one.session.starts_at
    assert [zone["TZID"] for zone in book.walk("VTIMEZONE")] == ["America/New_York"]


def test_each_mail_has_its_own_join_link(app: Services):
    one = _lesson(app)
    _invite(app, one, "scheduled")
    texts = [_text(mail) for mail in _mails(app, "invitation").values()]
    links = {word for text in texts for word in text.split() if "/j/" in word}
    assert len(links) == 2


def test_the_same_version_is_invited_once(app: Services):
    one = _lesson(app)
    _invite(app, one, "scheduled")
    _invite(app, one, "scheduled")
    assert len(_mails(app, "invitation")) == 2


def test_a_cancellation_reaches_those_who_were_invited(app: Services):
    one = _lesson(app)
    _invite(app, one, "scheduled")
    with app.store.write() as db:
        session = db.merge(one.session)
        session.status, session.version = "cancelled", 2
        db.add(session)
    _invite(app, one, "cancelled")
    mails = _mails(app, "cancelled")
    assert set(mails) == {one.instructor.id, one.guardians[0].id}
    book = _event(mails[one.instructor.id])
    assert (book["METHOD"], book.walk("VEVENT")[0]["STATUS"]) == ("CANCEL", "CANCELLED")


def _group(app: Services) -> tuple[seed.Lesson, Viewer]:
    """A lesson of two in two days that everybody was invited to."""
    with app.store.write() as db:
        one = seed.lesson(db, students=2, starts_in_s=2 * 86_400)
        db.add(Qualification(instructor_id=one.instructor.id, course_id=one.course.id))
    _invite(app, one, "scheduled")
    return one, Viewer(one.coordinator.id, "Cora", ("coordinator",))


def test_an_instructor_reads_who_left_a_group(app: Services):
    one, _ = _group(app)
    guardian = Viewer(one.guardians[0].id, "G", ("guardian",))
    changes.cancel(guardian, one.session.id, 1, one.students[0].id)
    _invite(app, one, "left")
    mails = _mails(app, "group_changed")
    assert list(mails) == [one.instructor.id], "the other family hears nothing"
    mail = mails[one.instructor.id]
    assert mail["Subject"].startswith(f"{one.students[0].first_name} does not come to Algebra on")
    assert f"Now in this lesson: {one.students[1].first_name}." in _text(mail)
    _invite(app, one, "moved")
    assert len(_mails(app, "group_changed")) == 1, "told once"


def test_an_instructor_reads_who_joined_and_the_family_is_invited(app: Services):
    one, cora = _group(app)
    with app.store.write() as db:
        new = seed.person(db, "Kim Novak", "student")
        db.add(Enrollment(student_id=new.id, course_id=one.course.id))
    schedule.add_student(cora, one.session.id, new.id, 1)
    invited = set(_mails(app, "invitation"))
    _invite(app, one, "joined")
    (mail,) = _mails(app, "group_changed").values()
    assert mail["Subject"].startswith("Kim joins Algebra on")
    assert set(_mails(app, "invitation")) - invited == {new.id}
    assert _mails(app, "moved") == {}, "nothing changed for the others"


def test_when_one_left_and_one_joined_before_the_mail_it_names_both(app: Services):
    one, cora = _group(app)
    with app.store.write() as db:
        new = seed.person(db, "Kim Novak", "student")
        db.add(Enrollment(student_id=new.id, course_id=one.course.id))
    changes.cancel(Viewer(one.guardians[0].id, "G", ("guardian",)), one.session.id, 1, one.students[0].id)
    schedule.add_student(cora, one.session.id, new.id, 2)
    _invite(app, one, "joined")
    (mail,) = _mails(app, "group_changed").values()
    assert mail["Subject"].startswith("Your group changed: Algebra on")
    assert "does not come" in _text(mail) and "Kim joins" in _text(mail)
    assert set(_mails(app, "cancelled")) == {one.guardians[0].id}


def test_a_new_instructor_is_invited_and_reads_no_history(app: Services):
    one, cora = _group(app)
    with app.store.write() as db:
        other = seed.person(db, "Ines Carvalho", "instructor")
        db.add(Qualification(instructor_id=other.id, course_id=one.course.id))
    changes.cancel(Viewer(one.guardians[0].id, "G", ("guardian",)), one.session.id, 1, one.students[0].id)
    schedule.reassign_session(cora, one.session.id, other.id, 2)
    _invite(app, one, "reassigned")
    assert _mails(app, "group_changed") == {}
    assert other.id in _mails(app, "invitation")


def test_a_subject_cannot_bring_in_header_lines(app: Services):
    one = _lesson(app)
    with app.store.write() as db:
        child = db.get_one(Person, one.students[0].id)
        child.name = "Sam\r\nBcc: other@example.org Student"
        db.add(child)
    _invite(app, one, "scheduled")
    mail = _mails(app, "invitation")[one.guardians[0].id]
    assert mail["Bcc"] is None


def test_the_invitation_is_an_alternative_and_a_file(app: Services):
    """Google and Outlook take the part with the method; others show the file."""
    one = _lesson(app)
    _invite(app, one, "scheduled")
    mail = _mails(app, "invitation")[one.instructor.id]
    assert mail.get_content_type() == "multipart/mixed"
    inner, attached = mail.iter_parts()
    kinds = [part.get_content_type() for part in inner.iter_parts()]
    assert kinds == ["text/plain", "text/html", "text/calendar"]
    calendar = list(inner.iter_parts())[-1]
    assert (calendar.get_param("method"), calendar.get_param("charset")) == ("REQUEST", "utf-8")
    assert (attached.get_filename(), attached.get_content_type()) == ("invite.ics", "application/ics")
    assert attached.get_content() == calendar.get_payload(decode=True)


@pytest.mark.parametrize(
    "tz",
    [
        "Australia/Lord_Howe",
        "Asia/Kathmandu",
        "America/Sao_Paulo",
        "Pacific/Apia",
        "Africa/Casablanca",
        "UTC",
    ],
)
def test_every_kind_of_invitation_is_valid_in_every_zone(app: Services, tz: str):
    one = _lesson(app)
    with app.store.write() as db:
        one.instructor.tz = tz
        db.add(one.instructor)
    for change, kind, method in (
        ("scheduled", "invitation", "REQUEST"),
        ("moved", "moved", "REQUEST"),
        ("cancelled", "cancelled", "CANCEL"),
    ):
        if change != "scheduled":
            _change(app, one, change)
        _invite(app, one, change)
        event = _event(_mails(app, kind)[one.instructor.id]).walk("VEVENT")[0]
        assert event.errors == []
        assert event["DTSTART"].dt == one.session.starts_at
        assert event["UID"].startswith(one.session.id)
        assert {"DTSTAMP", "ORGANIZER", "ATTENDEE", "SEQUENCE"} <= set(event)
        assert event["STATUS"] == ("CANCELLED" if method == "CANCEL" else "CONFIRMED")


def test_an_update_keeps_the_uid_and_raises_the_sequence(app: Services):
    one = _lesson(app)
    _invite(app, one, "scheduled")
    _change(app, one, "moved")
    _invite(app, one, "moved")
    first = _event(_mails(app, "invitation")[one.instructor.id]).walk("VEVENT")[0]
    second = _event(_mails(app, "moved")[one.instructor.id]).walk("VEVENT")[0]
    assert first["UID"] == second["UID"]
    assert (first["SEQUENCE"], second["SEQUENCE"]) == (1, 2)


def test_a_calendar_entry_names_nobody_in_full(app: Services):
    one = _lesson(app)
    _invite(app, one, "scheduled")
    mails = _mails(app, "invitation")
    titles = {who: str(_event(mail).walk("VEVENT")[0]["SUMMARY"]) for who, mail in mails.items()}
    student = one.students[0].first_name
    assert titles == {
        one.instructor.id: f"Algebra with {student}",
        one.guardians[0].id: f"{student}: Algebra",
    }


def test_a_lesson_that_is_not_ready_is_said_in_words(app: Services):
    one = _lesson(app)
    with app.store.write() as db:
        row = seed.case(db, one, "not_ready")
        row.facts = {"missing": ["node", "told"], "version": 1}
        row.queue = "coordinator"
        db.add(row)
        db.flush()
        service.alert(db, case_view(db, row.id), "opened", absence_mails=False)
    text = _text(_mails(app, "case")[one.coordinator.id])
    assert "No media server is running" in text
    assert "Not everybody has been told" in text


def _change(app: Services, one: seed.Lesson, change: str) -> None:
    with app.store.write() as db:
        session = db.get_one(ClassSession, one.session.id)
        session.version += 1
        session.status = "cancelled" if change == "cancelled" else "scheduled"
        db.add(session)
