"""Lessons as iCalendar (RFC 5545): the entries of invitations and of calendar feeds. Pure.

A feed has one VEVENT a lesson, also of a series: whoever subscribes gets each as it is. An invitation to a series is
one VEVENT with its rule (`core.scheduling.ics_series`), and what later happens to one lesson of it names that date by
RECURRENCE-ID. A lesson by itself has the same UID in both places.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parseaddr
from typing import Any
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event, vCalAddress, vRecur, vText

from core.scheduling.vtimezone import vtimezone

PRODUCT = "-//HiLink//HiLink//EN"


@dataclass(frozen=True, slots=True)
class Entry:
    """One lesson for one reader. link: where it takes place; stamp: when this version of it was made.

    sequence: the lesson's version. organizer, guest: "Name <address>"; "" leaves them out (feeds).
    rule: RFC 5545 RRULE value without its end, until: its last start, without: starts of it that are left out.
    instead_of: the start in the series' rule that this one takes the place of.
    """

    uid: str
    sequence: int
    stamp: datetime
    starts_at: datetime
    ends_at: datetime
    title: str
    link: str = ""
    note: str = ""
    cancelled: bool = False
    organizer: str = ""
    guest: str = ""
    rule: str = ""
    until: datetime | None = None
    without: tuple[datetime, ...] = ()
    instead_of: datetime | None = None


def uid(row_id: str, host: str) -> str:
    """Of a lesson or a series: the same in every invitation, update, cancellation and feed."""
    return f"{row_id}@{host}"


def calendar(entries: Sequence[Entry], tz: str, *, method: str, name: str = "") -> bytes:
    """A VCALENDAR with its VTIMEZONE, times in the reader's zone. method: REQUEST | CANCEL | PUBLISH."""
    book: Any = Calendar()
    book.add("prodid", PRODUCT)
    book.add("version", "2.0")
    book.add("calscale", "GREGORIAN")
    book.add("method", method)
    if name:
        book.add("x-wr-calname", name)
        book.add("x-wr-timezone", tz)
        book.add("refresh-interval;value=duration", "PT1H")
        book.add("x-published-ttl", "PT1H")
    if tz != "UTC" and entries:
        ends = [entry.until for entry in entries if entry.until]
        years = [at.year for at in (*(entry.starts_at for entry in entries), *ends)]
        book.add_component(vtimezone(tz, min(years) - 1, max(years) + 1))
    zone = ZoneInfo(tz)
    for entry in entries:
        book.add_component(_event(entry, zone))
    return book.to_ical()


def _event(entry: Entry, zone: ZoneInfo) -> Event:
    event: Any = Event()
    event.add("uid", entry.uid)
    event.add("sequence", entry.sequence)
    event.add("dtstamp", entry.stamp.astimezone(UTC))
    event.add("last-modified", entry.stamp.astimezone(UTC))
    event.add("dtstart", _local(entry.starts_at, zone))
    event.add("dtend", _local(entry.ends_at, zone))
    _repeat(event, entry, zone)
    event.add("summary", entry.title)
    event.add("status", "CANCELLED" if entry.cancelled else "CONFIRMED")
    event.add("transp", "TRANSPARENT" if entry.cancelled else "OPAQUE")
    event.add("class", "PRIVATE")
    if entry.note:
        event.add("description", entry.note)
    if entry.link:
        event.add("url", entry.link)
        event.add("location", entry.link)
    if entry.organizer:
        event.add("organizer", _address(entry.organizer), encode=False)
    if entry.guest:
        event.add("attendee", _guest(entry.guest), encode=False)
    return event


def _local(at: datetime, zone: ZoneInfo) -> datetime:
    """In the zone; in UTC when its wall clock shows that time for the second time, which local times cannot say."""
    local = at.astimezone(zone)
    return at.astimezone(UTC) if local.fold else local


def _repeat(event: Any, entry: Entry, zone: ZoneInfo) -> None:
    if entry.rule and entry.until is not None:
        rule: Any = vRecur.from_ical(entry.rule)
        rule["UNTIL"] = [entry.until.astimezone(UTC)]  # RFC 5545, 3.3.10: in UTC when the start has a zone
        event.add("rrule", rule)
    if entry.without:
        event.add("exdate", [at.astimezone(zone) for at in entry.without])
    if entry.instead_of is not None:
        event.add("recurrence-id", entry.instead_of.astimezone(zone))


def _address(text: str) -> vCalAddress:
    name, address = parseaddr(text)
    found = vCalAddress(f"mailto:{address}")
    found.params["cn"] = vText(name or address)
    return found


def _guest(text: str) -> vCalAddress:
    """RSVP is off: whether somebody comes is settled, and an answer by mail would reach nobody."""
    found = _address(text)
    for name, value in (
        ("cutype", "INDIVIDUAL"),
        ("role", "REQ-PARTICIPANT"),
        ("partstat", "NEEDS-ACTION"),
        ("rsvp", "FALSE"),
    ):
        found.params[name] = vText(value)
    return found
