"""Step 8: people are told. Messages are rows, queued with the fact they tell of and sent by the worker with retries."""

import logging
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import make_msgid
from typing import Any

from sqlmodel import Session, col, select

from core import services
from core.delivery import emit
from core.domain import Guardianship, Message, MessagePreference, Person, StudentReport, Summary
from core.events import FamilyTold, MessageSent
from core.lifecycle.cases import open_case
from core.store.mail import MailOff

logger = logging.getLogger(__name__)

MAX_ATTEMPTS = 6
_OUTBOX_LOOK = timedelta(minutes=5)
BATCH = 10


@dataclass(frozen=True, slots=True)
class MessageView:
    """One message to send now. params: what its template needs; message_id: the same on every try."""

    id: str
    kind: str
    channel: str
    to_person_id: str
    session_id: str | None
    params: dict[str, Any]
    message_id: str


def queue_message(
    db: Session,
    kind: str,
    to_person_id: str,
    *,
    dedupe: str,
    session_id: str | None = None,
    params: dict[str, Any] | None = None,
    due_at: datetime | None = None,
    channel: str = "email",
) -> None:
    """Queue one message in the caller's transaction; the same dedupe key queues once."""
    if db.exec(select(Message.id).where(Message.dedupe == dedupe)).first() is not None:
        return
    db.add(
        Message(
            kind=kind,
            channel=channel,
            to_person_id=to_person_id,
            session_id=session_id,
            params=params or {},
            dedupe=dedupe,
            due_at=due_at or services.current().clock.now(),
        )
    )
    db.flush()


def recipients(db: Session, person_id: str) -> list[Person]:
    """Whom to write about this person: adults themselves; for a minor the guardians, and the child if it has an address."""
    return readers_of(db, [person_id])[person_id]


def readers_of(db: Session, person_ids: Collection[str]) -> dict[str, list[Person]]:
    """`recipients` of several people at once, by their id: two questions, however many they are."""
    people = {row.id: row for row in db.exec(select(Person).where(col(Person.id).in_(person_ids)))}
    guardians: dict[str, list[Person]] = {}
    minors = [row.id for row in people.values() if row.is_minor]
    if minors:
        query = (
            select(Guardianship.student_id, Person)
            .join(Person, col(Guardianship.guardian_id) == Person.id)
            .where(col(Guardianship.student_id).in_(minors), col(Person.active).is_(True))
            .order_by(col(Person.id))
        )
        for student_id, guardian in db.exec(query):
            guardians.setdefault(student_id, []).append(guardian)
    return {one.id: [*guardians.get(one.id, ()), *([one] if one.email else [])] for one in people.values()}


def offered_channels() -> tuple[str, ...]:
    """Names of the channels that plugins offer now, in the order of the plugins."""
    offers = services.current().plugins.call("message_channels", enabled_only=True)
    return tuple(name for _, offered in offers for name, _ in offered)


def channels_of(db: Session, person_id: str) -> tuple[str, ...]:
    """A person's channels in the order they are tried, those that exist now; email for who chose none."""
    return channels_by(db.get(MessagePreference, person_id))


def channels_by(wishes: MessagePreference | None) -> tuple[str, ...]:
    """`channels_of` whoever has these wishes."""
    offered = offered_channels()
    chosen = tuple(name for name in wishes.channels if name in offered) if wishes else ()
    return chosen or ("email",)


def tell_families(db: Session, session_id: str) -> None:
    """Queue the approved reports of a session, once each."""
    now = services.current().clock.now()
    reports = db.exec(
        select(StudentReport)
        .join(Summary, col(Summary.id) == StudentReport.summary_id)
        .where(
            StudentReport.session_id == session_id,
            Summary.status == "approved",
            col(StudentReport.told_at).is_(None),
        )
    ).all()
    for report in reports:
        student = db.get_one(Person, report.student_id)
        readers = [
            reader for reader in recipients(db, student.id) if not student.is_minor or reader.id != student.id
        ]
        for reader in readers:
            queue_message(
                db,
                "report",
                reader.id,
                dedupe=f"report:{report.id}:{reader.id}",
                session_id=session_id,
                params={"report_id": report.id},
            )
        report.told_at = now
        db.add(report)
        emit(db, FamilyTold(session_id=session_id, person_id=report.student_id, report_id=report.id))


async def send_due() -> int:
    """Send a batch of due messages through their channels; returns how many were tried.

    The Message-ID is committed before the first try, so a mail can only be repeated with the same id.
    A message that fails for good opens a case: somebody must reach that person.
    """
    service = services.current()
    offers = service.plugins.call("message_channels", enabled_only=True)
    channels = dict(channel for _, offered in offers for channel in offered)
    claimed = _claim(service.clock.now(), tuple(channels))
    for message in claimed:
        try:
            await channels[message.channel](message)
        except MailOff:
            _put_back(message.id)
        except Exception as error:  # the border to the outside: any failure is retried, then owned
            logger.warning("message failed", extra={"message_id": message.id, "kind": message.kind})
            _settle(message.id, f"{type(error).__name__}"[:200])
        else:
            _settle(message.id, "")
    return len(claimed)


def _claim(now: datetime, channels: tuple[str, ...]) -> list[MessageView]:
    """Messages of a channel that nobody offers now (its plugin is switched off) wait untouched."""
    domain = services.current().settings.public_url.split("//")[-1].split(":")[0].split("/")[0]
    with services.current().store.write() as db:
        rows = db.exec(
            select(Message)
            .where(Message.status == "queued", Message.due_at <= now, col(Message.channel).in_(channels))
            .order_by(col(Message.due_at))
            .limit(BATCH)
            .with_for_update(skip_locked=True)
        ).all()
        for row in rows:
            row.message_id = row.message_id or make_msgid(domain=domain)
            row.attempts += 1
            row.due_at = now + timedelta(seconds=min(3_600, 15 * 4 ** (row.attempts - 1)))
            # A lease: a worker that dies while sending leaves the message to be tried again then.
            db.add(row)
        return [
            MessageView(
                row.id,
                row.kind,
                row.channel,
                row.to_person_id,
                row.session_id,
                dict(row.params),
                row.message_id,
            )
            for row in rows
        ]


def _put_back(message_id: str) -> None:
    """No mail server yet: the message stays in the outbox, and the try does not count."""
    with services.current().store.write() as db:
        row = db.get_one(Message, message_id)
        row.attempts -= 1
        row.due_at = services.current().clock.now() + _OUTBOX_LOOK
        db.add(row)


def _settle(message_id: str, error: str) -> None:
    now = services.current().clock.now()
    with services.current().store.write() as db:
        row = db.get_one(Message, message_id)
        row.error = error
        if not error:
            row.status, row.sent_at = "sent", now
            row.params = {key: value for key, value in row.params.items() if key != "token"}
            emit(
                db, MessageSent(session_id=row.session_id, person_id=row.to_person_id, message_kind=row.kind)
            )
        elif row.attempts >= MAX_ATTEMPTS:
            row.status = "failed"
            open_case(
                db,
                "message_failed",
                dedupe=f"message_failed:{row.id}",
                session_id=row.session_id,
                person_id=row.to_person_id,
                facts={"message_id": row.id, "message_kind": row.kind},
            )
        elif row.kind == "reminder":
            row.channel = _next_channel(channels_of(db, row.to_person_id), row.channel)
        db.add(row)


def _next_channel(channels: tuple[str, ...], failed: str) -> str:
    """The one after the one that failed, the first again after the last."""
    place = channels.index(failed) + 1 if failed in channels else 0
    return channels[place % len(channels)]
