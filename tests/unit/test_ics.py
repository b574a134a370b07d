"""Invitations and feeds as calendars read them: in every zone that breaks naive code, on both sides of a change."""

import io
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from dateutil.tz import datetime_exists, tzical
from icalendar import Calendar

from core.scheduling import ics
from core.scheduling.vtimezone import vtimezone

pytestmark = pytest.mark.unit

ZONES = (
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "America/Sao_Paulo",
    "Pacific/Apia",
    "Africa/Casablanca",
    "Pacific/Kiritimati",
    "Pacific/Pago_Pago",
    "Europe/Dublin",
    "America/New_York",
)
STARTS = datetime(2027, 3, 28, 0, 30, tzinfo=UTC)
"""Half an hour before the clocks change in Europe."""


def entry(**more: Any) -> ics.Entry:
    facts: dict[str, Any] = {
        "uid": "lesson@hilink.example",
        "sequence": 3,
        "stamp": datetime(2027, 3, 1, tzinfo=UTC),
        "starts_at": STARTS,
        "ends_at": STARTS + timedelta(hours=1),
        "title": "Algebra, with Sam; part 2",
    }
    return ics.Entry(**(facts | more))


def read(tz: str, method: str = "REQUEST", **more: Any) -> tuple[Any, Any]:
    """(calendar, event) as the icalendar library reads our bytes."""
    book: Any = Calendar.from_ical(ics.calendar([entry(**more)], tz, method=method))
    return book, book.walk("VEVENT")[0]


@pytest.mark.parametrize("tz", ZONES)
def test_times_are_in_the_readers_zone_and_the_zone_is_in_the_file(tz: str):
    book, event = read(tz)
    assert event.errors == []
    assert event["DTSTART"].params["TZID"] == tz
    assert event["DTSTART"].dt == STARTS
    assert event["DTEND"].dt.astimezone(UTC) == STARTS + timedelta(hours=1)
    assert [zone["TZID"] for zone in book.walk("VTIMEZONE")] == [tz]


@pytest.mark.parametrize("tz", ZONES)
def test_the_zone_in_the_file_is_the_zone(tz: str):
    """Read by dateutil, which knows nothing of ours: every half hour of three years, and each change to the minute."""
    text = vtimezone(tz, 2026, 2028).to_ical().decode().replace("\r\n ", "")
    found, zone = tzical(io.StringIO(text)).get(), ZoneInfo(tz)
    assert found is not None
    moment = datetime(2026, 1, 2, tzinfo=UTC)
    while moment < datetime(2028, 12, 30, tzinfo=UTC):
        local = moment.astimezone(zone).replace(tzinfo=None)
        once = datetime_exists(local, zone) and local.replace(tzinfo=zone, fold=1).utcoffset() == (
            local.replace(tzinfo=zone).utcoffset()
        )
        if once:  # dateutil chooses by itself between two readings
            assert local.replace(tzinfo=found).utcoffset() == moment.astimezone(zone).utcoffset(), moment
        moment += timedelta(minutes=30)


def test_a_change_is_named_by_the_clock_before_it():
    parts = vtimezone("Europe/Berlin", 2027, 2027).subcomponents
    summer: Any = next(part for part in parts if part.name == "DAYLIGHT")
    assert summer["DTSTART"].dt == datetime(2027, 3, 28, 2, 0)
    assert summer["TZOFFSETFROM"].td == timedelta(hours=1)


def test_utc_needs_no_zone():
    book, event = read("UTC")
    assert book.walk("VTIMEZONE") == []
    assert event.to_ical().count(b"20270328T003000Z") == 1


def test_a_request_has_what_calendars_ask_for():
    book, event = read(
        "Europe/Berlin", organizer="The Academy <lessons@hilink.example>", guest="Sam Lee <sam@example.org>"
    )
    assert (book["METHOD"], book["VERSION"], book["CALSCALE"]) == ("REQUEST", "2.0", "GREGORIAN")
    assert (event["UID"], event["SEQUENCE"], event["STATUS"]) == ("lesson@hilink.example", 3, "CONFIRMED")
    assert event["DTSTAMP"].dt == datetime(2027, 3, 1, tzinfo=UTC)
    assert event["ORGANIZER"] == "mailto:lessons@hilink.example"
    guest: Any = event["ATTENDEE"]
    assert str(guest) == "mailto:sam@example.org"
    assert (guest.params["CN"], guest.params["PARTSTAT"], guest.params["RSVP"]) == (
        "Sam Lee",
        "NEEDS-ACTION",
        "FALSE",
    )


def test_a_cancellation_frees_the_time():
    book, event = read("Europe/Berlin", "CANCEL", cancelled=True)
    assert (book["METHOD"], event["STATUS"], event["TRANSP"]) == ("CANCEL", "CANCELLED", "TRANSPARENT")


def test_text_cannot_bring_in_lines_of_its_own():
    _, event = read("UTC", title="Algebra\r\nATTENDEE:mailto:x@example.org", note="a\nb")
    assert "ATTENDEE" not in event
    assert event["SUMMARY"].replace("\r", "") == "Algebra\nATTENDEE:mailto:x@example.org"


def test_lines_are_folded_and_end_as_they_must():
    raw = ics.calendar([entry(title="Ä" * 200)], "Asia/Kathmandu", method="REQUEST")
    assert all(len(line) <= 75 for line in raw.split(b"\r\n"))
    assert b"\n" not in raw.replace(b"\r\n", b"")
