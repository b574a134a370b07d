"""What the hours page reads: one person's time, in the zone the hours are kept in."""

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest
from sqlmodel import Session, select

from core.access import Viewer
from core.domain import (
    AuditEntry,
    AvailabilityException,
    AvailabilityHours,
    BookingProfile,
    BusyCalendar,
    BusyTime,
    HolidayCalendar,
    Person,
)
from core.errors import NotAllowed, NotFound
from core.queries.availability import HoursRow, clock_lines, hours, lessons
from core.services import Services
from core.testing import seed, services

pytestmark = pytest.mark.unit

LISBON = "Europe/Lisbon"
DAY = timedelta(days=1)


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Services]:
    with services(tmp_path) as made:
        yield made


def viewer(person: Person, *roles: str) -> Viewer:
    return Viewer(person.id, person.name, roles, "Europe/London", "en")


def add_hours(db: Session, person: Person, *rows: AvailabilityHours) -> None:
    for row in rows:
        row.person_id = person.id
        db.add(row)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_nothing_said_yet_is_an_empty_week_in_ones_own_zone(made: Services) -> None:
    with made.store.write() as db:
        me = seed.lesson(db).instructor
        me.tz = LISBON
        db.add(me)
    found = hours(viewer(me, "instructor"), me.id)
    assert (found.tz, found.week, found.exceptions, found.version) == (LISBON, [], [], 0)
    assert found.calendar is None


def test_the_week_is_in_the_zone_of_most_entries_and_others_stand_apart(made: Services) -> None:
    with made.store.write() as db:
        me = seed.lesson(db).instructor
        add_hours(
            db,
            me,
            AvailabilityHours(person_id="", weekday=0, starts=time(16), ends=time(18), tz=LISBON),
            AvailabilityHours(person_id="", weekday=4, starts=time(22), ends=time(1), tz=LISBON),
            AvailabilityHours(person_id="", weekday=2, starts=time(9), ends=time(10), tz="Asia/Kathmandu"),
            AvailabilityHours(
                person_id="",
                weekday=5,
                starts=time(9),
                ends=time(10),
                tz=LISBON,
                valid_from=at("2027-01-01").date(),
            ),
        )
    found = hours(viewer(me, "instructor"), me.id)
    assert found.week == [HoursRow(0, "16:00", "18:00", LISBON), HoursRow(4, "22:00", "01:00", LISBON)]
    assert [(row.tz, row.valid_from) for row in found.dated] == [
        ("Asia/Kathmandu", ""),
        (LISBON, "2027-01-01"),
    ]


def test_days_off_are_dates_where_the_hours_are_and_past_ones_are_left_out(made: Services) -> None:
    now = made.clock.now()
    with made.store.write() as db:
        me = seed.lesson(db).instructor
        add_hours(
            db,
            me,
            AvailabilityHours(person_id="", weekday=0, starts=time(9), ends=time(17), tz="Asia/Kathmandu"),
        )
        for kind, starts_at, ends_at in (
            ("away", at("2026-12-01T18:15"), at("2026-12-03T18:15")),
            ("extra", at("2026-12-05T03:15"), at("2026-12-05T05:15")),
            ("away", now - 2 * DAY, now - DAY),
        ):
            db.add(
                AvailabilityException(
                    person_id=me.id,
                    kind=kind,
                    starts_at=starts_at,
                    ends_at=ends_at,
                    created_by=me.id,
                    created_at=now,
                )
            )
    found = hours(viewer(me, "instructor"), me.id).exceptions
    assert [(row.kind, row.first, row.last, row.starts, row.ends) for row in found] == [
        ("away", "2026-12-02", "2026-12-03", "", ""),
        ("extra", "2026-12-05", "2026-12-05", "09:00", "11:00"),
    ]


def test_limits_holidays_and_the_calendar_are_read_but_not_its_address(made: Services) -> None:
    now = made.clock.now()
    with made.store.write() as db:
        me = seed.lesson(db).instructor
        db.add(HolidayCalendar(id="h", name="Portugal", days={}))
        db.add(
            BusyCalendar(id="c", person_id=me.id, url="https://cal.example.org/private-1.ics", next_at=now)
        )
        db.flush()
        db.add(
            BookingProfile(
                person_id=me.id,
                notice_s=7_200,
                buffer_s=600,
                most_a_day=5,
                holiday_calendar_id="h",
                version=3,
            )
        )
        for days in (1, 2, 30):
            starts_at = now + days * DAY
            db.add(
                BusyTime(calendar_id="c", person_id=me.id, starts_at=starts_at, ends_at=starts_at + DAY / 24)
            )
    found = hours(viewer(me, "instructor"), me.id)
    assert (found.notice_min, found.buffer_min, found.most_a_day, found.version) == (120, 10, 5, 3)
    assert (found.holidays, found.holiday_calendar_id) == ([("h", "Portugal")], "h")
    assert found.calendar is not None
    assert (found.calendar.host, found.calendar.status, found.calendar.busy) == (
        "cal.example.org",
        "waiting",
        2,
    )
    assert "private-1" not in repr(found)


def test_who_may_look_and_a_coordinators_look_is_audited(made: Services) -> None:
    with made.store.write() as db:
        one = seed.lesson(db)
        other = seed.person(db, "Olga Other", "instructor")
    cora = viewer(one.coordinator, "coordinator")
    for stranger in (viewer(other, "instructor"), viewer(one.guardians[0], "guardian")):
        with pytest.raises(NotAllowed):
            hours(stranger, one.instructor.id)
    with pytest.raises(NotFound):
        hours(cora, one.students[0].id)
    assert hours(cora, one.instructor.id).person.name == one.instructor.name
    with made.store.read() as db:
        looked = db.exec(select(AuditEntry.person_id).where(AuditEntry.action == "availability.view")).all()
    assert looked == [one.instructor.id]


def test_lessons_that_are_hit_are_shown_to_who_teaches_them_alone(made: Services) -> None:
    with made.store.write() as db:
        one, theirs = seed.lesson(db), seed.lesson(db)
    ids = [one.session.id, theirs.session.id]
    assert [line.id for line in lessons(viewer(one.instructor, "instructor"), ids)] == [one.session.id]
    assert {line.id for line in lessons(viewer(one.coordinator, "coordinator"), ids)} == set(ids)


def test_clock_changes_say_what_they_do_to_the_hours() -> None:
    night = [HoursRow(6, "00:00", "03:00", LISBON)]
    found = clock_lines(night, LISBON, at("2026-11-23T08:00"))
    assert [(one.day, one.shows, one.then, one.skips, one.hits) for one in found] == [
        ("2027-03-28", "01:00", "02:00", True, -60),
        ("2027-10-31", "02:00", "01:00", False, 60),
    ]
    afternoon = clock_lines([HoursRow(6, "16:00", "18:00", LISBON)], LISBON, at("2026-11-23T08:00"))
    assert [one.hits for one in afternoon] == [0, 0]


def test_a_half_hour_change_on_the_other_side_of_the_world_is_said_on_its_own_day() -> None:
    late = [HoursRow(5, "22:00", "03:00", "Australia/Lord_Howe")]
    found = clock_lines(late, "Australia/Lord_Howe", at("2026-05-01T00:00"))
    assert [(one.day, one.hits) for one in found] == [("2026-10-04", -30), ("2027-04-04", 30)]
    assert clock_lines([], "America/Sao_Paulo", at("2026-11-23T08:00")) == []
