"""iCalendar invitations (iTIP, RFC 5546): REQUEST, updates by SEQUENCE, CANCEL; a series is one event with its rule."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from email.utils import formataddr
from typing import Any

from sqlmodel import Session, col, select

from core import services
from core.domain import ClassSession, Person, Seat, Series
from core.lifecycle.notify import MessageView
from core.lifecycle.series import as_rule
from core.scheduling import ics
from core.scheduling.ics_series import Held, repeated, start_of
from plugins.notifications.parts import Content

_HELD = ("scheduled", "live", "ended")


@dataclass(frozen=True, slots=True)
class Invitation:
    """One VCALENDAR of a mail. method: REQUEST | CANCEL."""

    method: str
    text: bytes


def invitations(
    db: Session, message: MessageView, content: Content, reader: Person, *, organiser: str, host: str
) -> list[Invitation]:
    """What the mail tells, for calendars; none for mails that are about no date.

    The UID stays the same over all updates. SEQUENCE tells of the change this message is about, not of the newest:
    a mail that was late must not undo one that overtook it.
    """
    if not content.calendar:
        return []
    common = _Common(message, content, reader, organiser, host)
    if message.session_id:
        return [_one(db, common, db.get_one(ClassSession, message.session_id))]
    series, who = db.get_one(Series, message.params["series_id"]), message.params["person_id"]
    found = [_all(db, common, series, who, cancelled=content.calendar == "CANCEL")]
    former = db.get(Series, series.split_from) if series.split_from else None
    if former is not None and who in (former.instructor_id, *former.student_ids):
        # Lessons left it for the series that took over: calendars must drop them there.
        found.append(_all(db, common, former, who, cancelled=False))
    return found


@dataclass(frozen=True, slots=True)
class _Common:
    """What all events of one mail share."""

    message: MessageView
    content: Content
    reader: Person
    organiser: str
    host: str

    def entry(
        self, row_id: str, sequence: int, starts_at: datetime, ends_at: datetime, **more: Any
    ) -> ics.Entry:
        content = self.content
        return ics.Entry(
            uid=ics.uid(row_id, self.host),
            sequence=sequence,
            stamp=services.current().clock.now(),
            starts_at=starts_at,
            ends_at=ends_at,
            title=content.entry or content.subject,
            link=content.action[1] if content.action else "",
            note="\n".join(content.paragraphs),
            organizer=self.organiser,
            guest=formataddr((self.reader.name, self.reader.email or "")),
            **more,
        )

    def sequence_in(self, series: Series) -> int:
        """Seconds from the series' beginning to the change: rises over changes of all and of one lesson alike."""
        at = self.message.params.get("at")
        changed_at = datetime.fromisoformat(at) if at else services.current().clock.now()
        return int((changed_at - series.created_at).total_seconds())


def _one(db: Session, common: _Common, session: ClassSession) -> Invitation:
    """A lesson; one of a series names its date in the series' rule."""
    method, cancelled = common.content.calendar, common.content.calendar == "CANCEL"
    span = session.starts_at, session.ends_at
    series = db.get(Series, session.series_id) if session.series_id else None
    if series is None:
        sequence = int(common.message.params.get("sequence", session.version))
        entry = common.entry(session.id, sequence, *span, cancelled=cancelled)
        return Invitation(method, ics.calendar([entry], common.reader.tz, method=method))
    instead_of = start_of(as_rule(series), date.fromisoformat(session.series_day))
    entry = common.entry(
        series.id, common.sequence_in(series), *span, cancelled=cancelled, instead_of=instead_of
    )
    return Invitation(method, ics.calendar([entry], series.tz, method=method))


def _all(db: Session, common: _Common, series: Series, person_id: str, *, cancelled: bool) -> Invitation:
    """The lessons of a series in which somebody has a seat, also those that were; CANCEL when there is none."""
    rule, length = as_rule(series), timedelta(minutes=series.length_min)
    lessons = [] if cancelled else _lessons(db, series.id, person_id)
    entry = common.entry(
        series.id,
        common.sequence_in(series),
        start := start_of(rule, rule.first.date()),
        start + length,
        cancelled=not lessons,
    )
    method = "REQUEST" if lessons else "CANCEL"
    entries = repeated(rule, length, lessons, entry) if lessons else [entry]
    return Invitation(method, ics.calendar(entries, series.tz, method=method))


def _lessons(db: Session, series_id: str, person_id: str) -> Sequence[Held]:
    rows = db.exec(
        select(ClassSession)
        .join(Seat, col(Seat.session_id) == ClassSession.id)
        .where(
            ClassSession.series_id == series_id,
            col(ClassSession.status).in_(_HELD),
            Seat.person_id == person_id,
            col(Seat.active).is_(True),
        )
        .order_by(col(ClassSession.starts_at))
    )
    return [Held(date.fromisoformat(row.series_day), row.starts_at, row.ends_at) for row in rows]
