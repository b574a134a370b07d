"""A series in a family's calendar: after every mail the calendar shows exactly the lessons there are."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
import recurring_ical_events
from icalendar import Calendar
from sqlmodel import col, select

from core.access import SYSTEM
from core.clock import tick_timers
from core.domain import ClassSession, Message, Qualification, Seat
from core.lifecycle import wiring
from core.lifecycle.notify import MessageView
from core.lifecycle.schedule import cancel_session, move_session, reassign_session
from core.lifecycle.series import NewSeries, schedule_series
from core.lifecycle.series_change import SeriesChange, cancel_series, change_series
from core.services import Services
from core.testing import FakeClock, seed, services, work_off
from plugins.notifications import email

pytestmark = pytest.mark.unit

NOW = datetime(2027, 3, 1, 12, tzinfo=UTC)
TZ = "Europe/Lisbon"
HOUR = timedelta(hours=1)


class Family:
    """A guardian's calendar program: takes mails as RFC 5546 says, and shows what they come to."""

    def __init__(self, app: Services, one: seed.Lesson) -> None:
        self.app, self.one, self.reader = app, one, one.guardians[0]
        self.events: dict[tuple[str, str], Any] = {}
        self.zones: dict[str, Any] = {}
        self.read: set[str] = set()
        self.sequences: list[int] = []

    def books(self) -> list[Any]:
        """The calendars in the mails that came since the last time, as the mail program hands them over."""
        assert isinstance(self.app.clock, FakeClock)
        while tick_timers(self.app):
            pass
        work_off(self.app)
        self.app.clock.advance(60)
        with self.app.store.read() as db:
            query = select(Message).where(
                Message.to_person_id == self.reader.id, col(Message.kind) != "reminder"
            )
            rows = [row for row in db.exec(query.order_by(col(Message.id))) if row.id not in self.read]
        self.read |= {row.id for row in rows}
        return [book for row in rows for book in calendars(compose(row))]

    def follow(self) -> list[str]:
        """Take the new mails; returns their methods."""
        books = self.books()
        for book in books:
            self.zones |= {str(zone["TZID"]): zone for zone in book.walk("VTIMEZONE")}
            for event in book.walk("VEVENT"):
                assert event.errors == []
                self._take(str(book["METHOD"]), event)
        return [str(book["METHOD"]) for book in books]

    def _take(self, method: str, event: Any) -> None:
        uid, instance = (
            str(event["UID"]),
            event["RECURRENCE-ID"].to_ical().decode() if "RECURRENCE-ID" in event else "",
        )
        known = [int(one["SEQUENCE"]) for (of, _), one in self.events.items() if of == uid]
        assert int(event["SEQUENCE"]) >= max(known, default=0), "a program would take this for an old mail"
        self.sequences.append(int(event["SEQUENCE"]))
        if not instance:  # all of it, in place of what was known
            self.events = {key: one for key, one in self.events.items() if key[0] != uid}
        if method == "REQUEST" or instance:
            self.events[uid, instance] = event
        assert (str(event["STATUS"]) == "CANCELLED") == (method == "CANCEL")

    def shows(self) -> list[tuple[datetime, datetime]]:
        book = Calendar()
        for part in (*self.zones.values(), *self.events.values()):
            book.add_component(part)
        found: Any = recurring_ical_events.of(book).between(datetime(2026, 1, 1), datetime(2031, 1, 1))
        return sorted(
            (event["DTSTART"].dt.astimezone(UTC), event["DTEND"].dt.astimezone(UTC))
            for event in found
            if event["STATUS"] != "CANCELLED"
        )

    def lessons(self) -> list[ClassSession]:
        """What there is, by start."""
        with self.app.store.read() as db:
            query = (
                select(ClassSession)
                .join(Seat, col(Seat.session_id) == ClassSession.id)
                .where(Seat.person_id == self.one.students[0].id, col(Seat.active).is_(True))
                .where(col(ClassSession.series_id).is_not(None), ClassSession.status != "cancelled")
            )
            return list(db.exec(query.order_by(col(ClassSession.starts_at))))

    def agrees(self) -> bool:
        return self.shows() == [(row.starts_at, row.ends_at) for row in self.lessons()]


def compose(row: Message) -> EmailMessage:
    return email.compose(
        MessageView(
            row.id, row.kind, row.channel, row.to_person_id, row.session_id, dict(row.params), "<x@y>"
        )
    )


def calendars(mail: EmailMessage) -> list[Any]:
    parts: list[Any] = [part for part in mail.walk() if part.get_content_type() == "text/calendar"]
    books: list[Any] = [Calendar.from_ical(part.get_payload(decode=True)) for part in parts]
    assert [part.get_param("method") for part in parts] == [book["METHOD"] for book in books]
    return books


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Services]:
    with services(tmp_path, built_ins=("plugins.notifications",)) as made:
        wiring.wire()
        made.clock.set(NOW)  # type: ignore[attr-defined]
        yield made


@pytest.fixture
def family(app: Services) -> Family:
    """Ten lessons, Tuesdays and Thursdays at 16:00 in Lisbon, over the change of the clocks; the mail is read."""
    with app.store.write() as db:
        one = seed.lesson(db, starts_in_s=400 * 86_400)
        db.add(Qualification(instructor_id=one.instructor.id, course_id=one.course.id))
    new = NewSeries(
        course_id=one.course.id,
        instructor_id=one.instructor.id,
        student_ids=(one.students[0].id,),
        rule="FREQ=WEEKLY;BYDAY=TU,TH",
        first_local=datetime(2027, 3, 16, 16),
        tz=TZ,
        length_min=45,
        count=10,
    )
    schedule_series(SYSTEM, new)
    found = Family(app, one)
    assert found.follow() == ["REQUEST"]
    return found


def test_a_new_series_is_one_event_with_its_rule_and_zone(family: Family):
    (event,) = family.events.values()
    rule = event["RRULE"].to_ical().decode()
    assert rule.startswith("FREQ=WEEKLY") and "BYDAY=TU,TH" in rule and "UNTIL=20270415T150000Z" in rule
    assert event["DTSTART"].params["TZID"] == TZ and list(family.zones) == [TZ]
    assert event["SUMMARY"] == "Sam: Algebra"
    assert str(event["ATTENDEE"]) == f"mailto:{family.reader.email}"
    assert len(family.lessons()) == 10 and family.agrees()


def test_one_lesson_is_moved_and_another_cancelled(family: Family):
    moved, cancelled = family.lessons()[2], family.lessons()[6]
    move_session(SYSTEM, moved.id, moved.starts_at + HOUR, moved.ends_at + HOUR, moved.version)
    assert family.follow() == ["REQUEST"]
    assert family.agrees()
    cancel_session(SYSTEM, cancelled.id, cancelled.version)
    assert family.follow() == ["CANCEL"]
    assert len(family.lessons()) == 9 and family.agrees()
    assert len({uid for uid, _ in family.events}) == 1
    assert family.sequences == sorted(set(family.sequences)), "each is newer than the one before"


def test_what_happened_to_single_lessons_is_kept_when_all_become_longer(family: Family):
    moved, cancelled = family.lessons()[2], family.lessons()[6]
    move_session(SYSTEM, moved.id, moved.starts_at + HOUR, moved.ends_at + HOUR, moved.version)
    cancel_session(SYSTEM, cancelled.id, cancelled.version)
    family.follow()
    first = family.lessons()[0]
    change_series(SYSTEM, str(first.series_id), first.id, "all", SeriesChange(length_min=60), first.version)
    assert family.follow() == ["REQUEST"]
    master, moved_event = family.events.values()
    assert len(master["EXDATE"].dts) == 1 and "RECURRENCE-ID" in moved_event
    assert family.agrees()


def test_the_following_go_on_as_a_series_of_their_own_and_the_earlier_stay(family: Family):
    fifth = family.lessons()[4]
    later = SeriesChange(starts_local=datetime(2027, 3, 30, 18))
    change_series(SYSTEM, str(fifth.series_id), fifth.id, "following", later, fifth.version)
    assert family.follow() == ["REQUEST", "REQUEST"]
    assert len({uid for uid, _ in family.events}) == 2 and family.agrees()
    ninth = family.lessons()[8]
    move_session(SYSTEM, ninth.id, ninth.starts_at + HOUR, ninth.ends_at + HOUR, ninth.version)
    family.follow()
    assert family.agrees()


def test_all_are_moved_when_some_have_been(family: Family):
    family.app.clock.set(datetime(2027, 3, 26, 12, tzinfo=UTC))  # type: ignore[attr-defined]
    with family.app.store.write() as db:
        for row in family.lessons()[:4]:
            row.status = "ended"
            db.add(db.merge(row))
    fifth = family.lessons()[4]
    later = SeriesChange(starts_local=datetime(2027, 3, 30, 18))
    change_series(SYSTEM, str(fifth.series_id), fifth.id, "all", later, fifth.version)
    assert family.follow() == ["REQUEST", "REQUEST"]
    assert family.agrees(), "those that have been stay where they were"


def test_another_instructor_for_one_lesson_changes_no_date(family: Family):
    with family.app.store.write() as db:
        other = seed.person(db, "Ines Carvalho", "instructor")
        db.add(Qualification(instructor_id=other.id, course_id=family.one.course.id))
    third = family.lessons()[2]
    reassign_session(SYSTEM, third.id, other.id, third.version)
    assert family.follow() == ["REQUEST"] and family.agrees()
    new = Family(family.app, family.one)
    new.reader = other
    assert new.follow() == ["REQUEST"]
    assert new.shows() == [(third.starts_at, third.ends_at)], "who steps in has this one lesson"
    old = Family(family.app, family.one)
    old.reader = family.one.instructor
    assert old.follow() == ["REQUEST", "CANCEL"]
    assert len(old.shows()) == 9


def test_a_cancelled_series_leaves_the_calendar(family: Family):
    first = family.lessons()[0]
    cancel_series(SYSTEM, str(first.series_id), first.id, "all", first.version)
    assert family.follow() == ["CANCEL"]
    assert family.shows() == [] and family.agrees()


def test_the_end_of_a_series_is_cancelled_and_the_beginning_stays(family: Family):
    fifth = family.lessons()[4]
    cancel_series(SYSTEM, str(fifth.series_id), fifth.id, "following", fifth.version)
    assert family.follow() == ["REQUEST"]
    assert len(family.lessons()) == 4 and family.agrees()
