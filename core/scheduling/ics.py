"""Lessons as iCalendar (RFC 5545): the entries of invitations and of calendar feeds. Pure.

One VEVENT a lesson, also in a series: each lesson is moved, given to somebody else and cancelled on its own, so a
rule with exceptions would be mostly exceptions, and calendars treat updates of a single instance very differently.
The UID is the lesson's own in both places: whoever has the invitation and the feed sees two entries of one lesson
at most, never of two.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parseaddr
from typing import Any
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event, vCalAddress, vText

from core.scheduling.vtimezone import vtimezone

PRODUCT = "-//HiLink//HiLink//EN"


@dataclass(frozen=True, slots=True)
class Entry:
    """One lesson for one reader. link: where it takes place; stamp: when this version of it was made.

    sequence: the lesson's version. organizer, guest: "Name <address>"; "" leaves them out (feeds).
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


def uid(session_id: str, host: str) -> str:
    """The same in every invitation, update, cancellation and feed."""
    return f"{session_id}@{host}"


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
        years = [entry.starts_at.year for entry in entries]
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
    event.add("dtstart", entry.starts_at.astimezone(zone))
    event.add("dtend", entry.ends_at.astimezone(zone))
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
