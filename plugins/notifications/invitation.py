"""iCalendar invitations (iTIP, RFC 5546): REQUEST, updates by SEQUENCE, CANCEL."""

from email.utils import formataddr

from sqlmodel import Session

from core import services
from core.domain import ClassSession, Person
from core.lifecycle.notify import MessageView
from core.scheduling import ics
from plugins.notifications.content import Content


def calendar(
    db: Session, message: MessageView, content: Content, reader: Person, *, organiser: str, host: str
) -> bytes:
    """One event in the reader's zone with its VTIMEZONE. The UID stays the same over all updates.

    SEQUENCE is the version of the lesson this message tells of, not the newest: a mail that was late must not
    undo one that overtook it.
    """
    session = db.get_one(ClassSession, message.session_id)
    entry = ics.Entry(
        uid=ics.uid(session.id, host),
        sequence=int(message.params.get("sequence", session.version)),
        stamp=services.current().clock.now(),
        starts_at=session.starts_at,
        ends_at=session.ends_at,
        title=content.entry or content.subject,
        link=content.action[1] if content.action else "",
        note="\n".join(content.paragraphs),
        cancelled=content.calendar == "CANCEL",
        organizer=organiser,
        guest=formataddr((reader.name, reader.email or "")),
    )
    return ics.calendar([entry], reader.tz, method=content.calendar)
