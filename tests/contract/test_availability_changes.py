"""When people may be booked changes: checked, versioned, and the lessons that are hit are found at once."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path

import pytest
from sqlmodel import select

from core.access import Viewer
from core.domain import AuditEntry, AvailabilityHours, BusyCalendar, DomainEvent, Substitution
from core.errors import Conflict, InvalidInput, NotAllowed, NotFound
from core.lifecycle import availability, substitutes
from core.lifecycle.availability import Hit, Profile
from core.scheduling.availability import WeeklyHours
from core.scheduling.windows import Window
from core.services import Services
from core.testing import seed, services

pytestmark = pytest.mark.contract

HOUR = timedelta(hours=1)


@pytest.fixture
def made(db_url: str, tmp_path: Path) -> Iterator[Services]:
    with services(tmp_path, database_url="" if db_url.startswith("sqlite") else db_url) as made:
        yield made


@pytest.fixture
def one(made: Services) -> seed.Lesson:
    """A lesson in two days; its instructor is open day and night."""
    with made.store.write() as db:
        one = seed.lesson(db, starts_in_s=2 * 86_400)
        for weekday in range(7):
            db.add(
                AvailabilityHours(
                    person_id=one.instructor.id, weekday=weekday, starts=time(0), ends=time(0), tz="UTC"
                )
            )
        return one


def me(one: seed.Lesson) -> Viewer:
    return Viewer(one.instructor.id, one.instructor.name, ("instructor",))


def searches(made: Services) -> list[tuple[str, str]]:
    with made.store.read() as db:
        return [(row.session_id, row.reason) for row in db.exec(select(Substitution))]


def hit(one: seed.Lesson) -> list[Hit]:
    return [Hit(one.session.id, one.session.starts_at, one.session.ends_at)]


def hours_without(start: datetime) -> list[WeeklyHours]:
    """Every day of the week but that one."""
    return [WeeklyHours(day, time(0), time(0), "UTC") for day in range(7) if day != start.weekday()]


def test_hours_are_replaced_and_what_they_hit_needs_a_substitute(made: Services, one: seed.Lesson) -> None:
    fewer = hours_without(one.session.starts_at)
    assert availability.lessons_hit(me(one), one.instructor.id, hours=fewer) == hit(one)
    assert searches(made) == [], "looking changes nothing"
    assert availability.set_hours(me(one), one.instructor.id, fewer, 0) == hit(one)
    assert searches(made) == [(one.session.id, "shrunk")]
    with made.store.read() as db:
        kept = db.exec(
            select(AvailabilityHours).where(AvailabilityHours.person_id == one.instructor.id)
        ).all()
        assert len(kept) == 6
        kinds = set(db.exec(select(DomainEvent.kind)))
        assert {"availability.changed", "substitution.changed"} <= kinds
        assert db.exec(select(AuditEntry).where(AuditEntry.action == "availability.change")).one()


def test_a_lesson_outside_the_hours_is_not_hit_by_a_change_beside_it(
    made: Services, one: seed.Lesson
) -> None:
    availability.set_hours(me(one), one.instructor.id, [], 0)
    assert len(searches(made)) == 1
    assert availability.set_hours(me(one), one.instructor.id, hours_without(one.session.starts_at), 1) == []
    assert len(searches(made)) == 1


def test_being_away_hits_what_is_in_it(made: Services, one: seed.Lesson) -> None:
    away = Window(one.session.starts_at + HOUR / 2, one.session.ends_at + HOUR)
    assert availability.lessons_hit(me(one), one.instructor.id, away=away) == hit(one)
    exception_id, found = availability.add_exception(
        me(one), one.instructor.id, "away", away.starts_at, away.ends_at, "a note"
    )
    assert found == hit(one) and searches(made) == [(one.session.id, "away")]
    assert availability.remove_exception(me(one), exception_id) == []
    with pytest.raises(NotFound):
        availability.remove_exception(me(one), exception_id)


def statuses(made: Services) -> list[str]:
    with made.store.read() as db:
        return list(db.exec(select(Substitution.status)))


def test_time_that_is_given_back_ends_the_search_it_made_necessary(made: Services, one: seed.Lesson) -> None:
    who, person = me(one), one.instructor.id
    fewer = hours_without(one.session.starts_at)
    away, _ = availability.add_exception(who, person, "away", one.session.starts_at, one.session.ends_at)
    availability.set_hours(who, person, fewer, 1)
    availability.remove_exception(who, away)
    assert statuses(made) == ["open"], "the hours still do not hold it"
    availability.set_hours(who, person, [WeeklyHours(day, time(0), time(0), "UTC") for day in range(7)], 3)
    assert statuses(made) == ["withdrawn"]
    with made.store.read() as db:
        said = db.exec(select(DomainEvent).where(DomainEvent.kind == "substitution.changed")).all()
        assert [event.payload["change"] for event in said] == ["opened", "withdrawn"]
        assert db.exec(select(AuditEntry).where(AuditEntry.action == "substitution.withdrawn")).one()


def test_who_cannot_come_to_one_lesson_does_not_come_because_of_a_change_of_hours(
    made: Services, one: seed.Lesson
) -> None:
    substitutes.ask(me(one), one.session.id)
    availability.set_profile(me(one), one.instructor.id, Profile(buffer_s=600), 0)
    assert statuses(made) == ["open"]


def test_a_lesson_that_somebody_has_taken_is_not_given_back(made: Services, one: seed.Lesson) -> None:
    away, _ = availability.add_exception(
        me(one), one.instructor.id, "away", one.session.starts_at, one.session.ends_at
    )
    with made.store.write() as db:
        found = db.exec(select(Substitution)).one()
        found.status = "filled"
        db.add(found)
    availability.remove_exception(me(one), away)
    assert statuses(made) == ["filled"]


def test_a_holiday_that_is_taken_back_ends_the_search(made: Services, one: seed.Lesson) -> None:
    cora = Viewer(one.coordinator.id, "Cora", ("coordinator",))
    calendar_id = availability.set_holidays(cora, "Here", {})
    availability.set_profile(me(one), one.instructor.id, Profile(holiday_calendar_id=calendar_id), 0)
    availability.set_holidays(cora, "Here", {one.session.starts_at.date(): "A day off"}, calendar_id)
    assert statuses(made) == ["open"]
    availability.set_holidays(cora, "Here", {}, calendar_id)
    assert statuses(made) == ["withdrawn"]


def test_holidays_hit_everybody_who_keeps_them(made: Services, one: seed.Lesson) -> None:
    cora = Viewer(one.coordinator.id, one.coordinator.name, ("coordinator",))
    calendar_id = availability.set_holidays(cora, "Here", {date(2026, 12, 25): "Christmas Day"})
    profile = Profile(holiday_calendar_id=calendar_id, languages=("pt", "en-GB"), buffer_s=600)
    assert availability.set_profile(me(one), one.instructor.id, profile, 0) == []
    day = one.session.starts_at.date()
    availability.set_holidays(cora, "Here", {day: "A day off"}, calendar_id)
    assert searches(made) == [(one.session.id, "away")]
    with pytest.raises(Conflict):
        availability.set_holidays(cora, "Here", {})
    with pytest.raises(NotAllowed):
        availability.set_holidays(me(one), "Mine", {})


def test_a_holiday_calendar_says_beforehand_what_it_hits(made: Services, one: seed.Lesson) -> None:
    cora = Viewer(one.coordinator.id, "Cora", ("coordinator",))
    calendar_id = availability.set_holidays(cora, "Here", {one.session.starts_at.date(): "A holiday"})
    chosen = Profile(holiday_calendar_id=calendar_id)
    assert availability.lessons_hit(me(one), one.instructor.id, profile=chosen) == hit(one)
    assert searches(made) == []
    assert availability.set_profile(me(one), one.instructor.id, chosen, 0) == hit(one)


def test_a_change_of_a_holiday_calendar_says_beforehand_whom_it_hits(
    made: Services, one: seed.Lesson
) -> None:
    cora = Viewer(one.coordinator.id, "Cora", ("coordinator",))
    calendar_id = availability.set_holidays(cora, "Here", {})
    day = one.session.starts_at.date()
    assert availability.holidays_hit(cora, [day], calendar_id) == [], "nobody follows it"
    availability.set_profile(me(one), one.instructor.id, Profile(holiday_calendar_id=calendar_id), 0)
    assert availability.holidays_hit(cora, [day], calendar_id) == hit(one)
    assert availability.holidays_hit(cora, [day - timedelta(days=1)], calendar_id) == []
    assert searches(made) == [], "looking changes nothing"
    with pytest.raises(NotAllowed):
        availability.holidays_hit(me(one), [day], calendar_id)


def test_two_who_edit_one_holiday_calendar(made: Services, one: seed.Lesson) -> None:
    cora = Viewer(one.coordinator.id, "Cora", ("coordinator",))
    calendar_id = availability.set_holidays(cora, "Here", {}, version=0)
    availability.set_holidays(cora, "Here", {date(2026, 5, 1): "Labour Day"}, calendar_id, 1)
    with pytest.raises(Conflict):
        availability.set_holidays(cora, "Here", {}, calendar_id, 1)
    too_many = {date(2026, 1, 1) + timedelta(days=number): "x" for number in range(1_001)}
    with pytest.raises(InvalidInput):
        availability.set_holidays(cora, "Here", too_many, calendar_id)
    with pytest.raises(NotFound):
        availability.set_holidays(cora, "There", {}, "no-such-calendar")


def test_extra_hours_that_are_taken_back_hit_the_lesson_in_them(made: Services, one: seed.Lesson) -> None:
    start = one.session.starts_at
    extra, _ = availability.add_exception(me(one), one.instructor.id, "extra", start, start + HOUR)
    availability.set_hours(me(one), one.instructor.id, hours_without(start), 1)
    assert searches(made) == []
    assert availability.lessons_hit(me(one), one.instructor.id, without_exception=extra) == hit(one)
    assert searches(made) == []
    assert availability.remove_exception(me(one), extra) == hit(one)
    assert searches(made) == [(one.session.id, "shrunk")]


def test_two_who_edit_at_the_same_time(one: seed.Lesson) -> None:
    availability.set_hours(me(one), one.instructor.id, hours_without(one.session.starts_at), 0)
    with pytest.raises(Conflict):
        availability.set_hours(me(one), one.instructor.id, [], 0)
    with pytest.raises(Conflict):
        availability.set_profile(me(one), one.instructor.id, Profile(), 7)


def test_bad_input_changes_nothing(made: Services, one: seed.Lesson) -> None:
    who, now, person = me(one), made.clock.now(), one.instructor.id
    overlap = [WeeklyHours(0, time(9), time(12), "UTC"), WeeklyHours(0, time(11), time(13), "UTC")]
    for hours in (
        overlap,
        [WeeklyHours(0, time(9), time(12), "Mars/Olympus")],
        [WeeklyHours(9, time(9), time(12), "UTC")],
    ):
        with pytest.raises(InvalidInput):
            availability.set_hours(who, person, hours, 0)
    for profile in (
        Profile(tz="Nowhere"),
        Profile(most_a_day=-1),
        Profile(languages=("<b>",)),
        Profile(holiday_calendar_id="no"),
    ):
        with pytest.raises(InvalidInput):
            availability.set_profile(who, person, profile, 0)
    for kind, starts_at, ends_at in (
        ("maybe", now + HOUR, now + 2 * HOUR),
        ("away", now + 2 * HOUR, now + HOUR),
        ("away", now - 2 * HOUR, now - HOUR),
        ("away", now, now + timedelta(days=800)),
        ("away", now.replace(tzinfo=None), now),
    ):
        with pytest.raises(InvalidInput):
            availability.add_exception(who, person, kind, starts_at, ends_at)
    with made.store.read() as db:
        assert db.exec(select(DomainEvent).where(DomainEvent.kind == "availability.changed")).first() is None


def test_nobody_changes_somebody_elses_time(made: Services, one: seed.Lesson) -> None:
    with made.store.write() as db:
        other = seed.person(db, "Other", "instructor")
        stranger = Viewer(other.id, other.name, ("instructor",))
    with pytest.raises(NotAllowed):
        availability.set_hours(stranger, one.instructor.id, [], 0)
    with pytest.raises(NotAllowed):
        availability.set_busy_calendar(stranger, one.instructor.id, "https://example.org/a.ics")
    with pytest.raises(NotFound):
        availability.set_hours(Viewer("x", "X", ("coordinator",)), one.students[0].id, [], 0)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ftp://example.org/a",
        "https://",
        "file:///etc/passwd",
        "https://me:word@example.org/a.ics",
        "https://[::1",
        "x" * 3_000,
    ],
)
def test_what_is_no_calendars_address(made: Services, one: seed.Lesson, url: str) -> None:
    with pytest.raises(InvalidInput):
        availability.set_busy_calendar(me(one), one.instructor.id, url)


def test_a_calendar_is_subscribed_and_forgotten(made: Services, one: seed.Lesson) -> None:
    availability.set_busy_calendar(me(one), one.instructor.id, "webcal://example.org/a.ics")
    availability.set_busy_calendar(me(one), one.instructor.id, "webcal://example.org/b.ics")
    with made.store.read() as db:
        assert [row.url for row in db.exec(select(BusyCalendar))] == ["https://example.org/b.ics"]
    availability.remove_busy_calendar(me(one), one.instructor.id)
    with made.store.read() as db:
        assert db.exec(select(BusyCalendar)).all() == []
