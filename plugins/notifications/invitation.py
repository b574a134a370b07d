"""iCalendar invitations (RFC 5545, iTIP RFC 5546): REQUEST, updates by SEQUENCE, CANCEL."""

from datetime import UTC
from email.utils import parseaddr
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event, vCalAddress, vText
from sqlmodel import Session

from core import services
from core.domain import ClassSession, Person
from core.lifecycle.notify import MessageView
from plugins.notifications.content import Content


def calendar(
    db: Session, message: MessageView, content: Content, reader: Person, *, organiser: str, host: str
) -> str:
    """One event in the reader's zone with its VTIMEZONE. The UID stays the same over all updates."""
    session = db.get_one(ClassSession, message.session_id)
    zone = ZoneInfo(reader.tz)
    event = Event()
    event.add("uid", f"{session.id}@{host}")
    event.add("sequence", int(message.params.get("sequence", 1)))
    event.add("dtstamp", services.current().clock.now().astimezone(UTC))
    event.add("dtstart", session.starts_at.astimezone(zone))
    event.add("dtend", session.ends_at.astimezone(zone))
    event.add("summary", content.heading if content.calendar == "CANCEL" else content.subject)
    event.add("status", "CANCELLED" if content.calendar == "CANCEL" else "CONFIRMED")
    if content.action:
        event.add("url", content.action[1])
        event.add("location", content.action[1])
    name, address = parseaddr(organiser)
    owner = vCalAddress(f"mailto:{address}")
    owner.params["cn"] = vText(name or address)
    event["organizer"] = owner
    guest = vCalAddress(f"mailto:{reader.email}")
    guest.params["rsvp"] = vText("FALSE")
    event.add("attendee", guest, encode=False)
    book = Calendar()
    book.add("prodid", "-//HiLink//HiLink//EN")
    book.add("version", "2.0")
    book.add("method", content.calendar)
    book.add_component(event)
    book.add_missing_timezones()
    return book.to_ical().decode()
