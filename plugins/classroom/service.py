"""The classroom's rows: what a room needs when it opens, what it leaves, and who may still be there.

Everything here is synchronous and short: the hub calls it in threads. The store is an argument.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session, col, delete, func, or_, select, update

from core.domain import (
    ClassSession,
    Course,
    CurriculumTopic,
    JoinLink,
    Person,
    PersonRole,
    PresenceInterval,
    Room,
    Seat,
)
from core.domain.load import get_session
from core.errors import NotAllowed, SessionNotOpen
from core.lifecycle import live, recordings, waiting
from core.lifecycle.join import check_open, consents_of
from core.lifecycle.provision import tools_off
from core.ports import Store
from plugins.classroom.models import ChatMessage, LineQuality, PollAnswerRow, PollRow, RoomPage
from plugins.classroom.server.outgoing import SaveAnswer, SaveChat, SavePage, SavePoll, SaveQuality
from plugins.classroom.server.people import Lesson, SeatHolder
from plugins.classroom.server.polls import ChatLine, Poll, Remembered

Row = SaveChat | SavePoll | SaveAnswer | SavePage | SaveQuality
_CHAT_LOADED = 2_000


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A lesson and who of the people asked about may be in its room. end_reason: "" while it is not over."""

    lesson: Lesson
    holders: dict[str, SeatHolder]
    end_reason: str = ""


def admit(store: Store, session_id: str, person_id: str, role: str, link: str, now: datetime) -> Snapshot:
    """The seat behind a ticket's claims, looked up again. NotAllowed or SessionNotOpen with a sentence."""
    with store.read() as db:
        row = get_session(db, session_id)
        if row.status != "ended":
            check_open(row, now)
        asked = SeatHolder(person_id, "", role, link=link)
        snapshot = _snapshot(db, row, [asked])
    if snapshot.end_reason:
        raise SessionNotOpen("This lesson is over.")
    if person_id not in snapshot.holders:
        raise NotAllowed("Your seat in this lesson was given up.")
    return snapshot


def snapshot(store: Store, session_id: str, people: Sequence[SeatHolder]) -> Snapshot:
    """The lesson and these people's seats as they are now; who may not stay is missing from `holders`."""
    with store.read() as db:
        return _snapshot(db, get_session(db, session_id), people)


def load_lesson(store: Store, session_id: str) -> Lesson:
    """What a page may show of the lesson. NotFound."""
    with store.read() as db:
        return _lesson(db, get_session(db, session_id))


def seated(store: Store, session_id: str, person_id: str) -> bool:
    """Does this person belong to the lesson, now or before it was cancelled?"""
    with store.read() as db:
        query = select(Seat.id).where(Seat.session_id == session_id, Seat.person_id == person_id)
        return db.exec(query).first() is not None


def role_in(store: Store, session_id: str, person_id: str) -> str:
    """The role of this person's seat, "" when they have none."""
    with store.read() as db:
        query = select(Seat.role).where(
            Seat.session_id == session_id, Seat.person_id == person_id, col(Seat.active).is_(True)
        )
        return db.exec(query).first() or ""


def remembered(store: Store, session_id: str) -> Remembered:
    """Polls, chat and page of a room that opens (again)."""
    with store.read() as db:
        rows = db.exec(
            select(PollRow)
            .where(PollRow.session_id == session_id)
            .order_by(col(PollRow.opened_at), col(PollRow.id))
        )
        polls = [_poll(row) for row in rows]
        by_id = {poll.id: poll for poll in polls}
        answers = db.exec(
            select(PollAnswerRow)
            .where(PollAnswerRow.session_id == session_id)
            .order_by(col(PollAnswerRow.at))
        )
        for answer in answers:
            if answer.poll_id in by_id:
                by_id[answer.poll_id].answers[answer.person_id] = answer.option
        lines = db.exec(
            select(ChatMessage, Person.name)
            .join(Person, col(Person.id) == col(ChatMessage.person_id), isouter=True)
            .where(ChatMessage.session_id == session_id)
            .order_by(col(ChatMessage.at).desc(), col(ChatMessage.id).desc())
            .limit(_CHAT_LOADED)
        ).all()
        chat = [
            ChatLine(line.id, line.person_id, name or "", line.to_person_id or "", line.text, line.at)
            for line, name in reversed(lines)
        ]
        page = db.get(RoomPage, session_id)
        removed, admitted = waiting.decided(db, session_id)
    return Remembered(polls, chat, page.page if page else 1, removed, admitted)


def door_of(store: Store, session_id: str) -> tuple[str, Collection[str], Collection[str]]:
    """The lobby's mode, who was taken out and who was let in by hand, of a room that is not open."""
    with store.read() as db:
        room = db.get(Room, session_id)
        removed, admitted = waiting.decided(db, session_id)
        return waiting.mode_of(room), removed, admitted


def save(store: Store, rows: Iterable[tuple[str, Row]]) -> None:
    """(session id, row)s in one transaction. Idempotent: the same row again changes nothing."""
    with store.write() as db:
        for session_id, row in rows:
            _save(db, session_id, row)


def open_intervals(store: Store) -> dict[str, dict[str, str]]:
    """Seats that were taken when the server stopped: session id -> participant id -> person id."""
    found: dict[str, dict[str, str]] = {}
    with store.read() as db:
        query = select(PresenceInterval).where(
            col(PresenceInterval.ended_at).is_(None), PresenceInterval.role != waiting.ROLE
        )
        for row in db.exec(query):
            found.setdefault(row.session_id, {})[row.participant_id] = row.person_id
    return found


def live_sessions(store: Store) -> list[tuple[str, datetime | None]]:
    """Lessons that are live now, with their start: where agents are wanted. None listens where captions are off."""
    with store.read() as db:
        rows = db.exec(
            select(ClassSession, Room)
            .join(Room, col(Room.session_id) == ClassSession.id)
            .where(ClassSession.status == "live")
            .order_by(col(ClassSession.id))
        )
        return [(row.id, row.started_at) for row, room in rows if "captions" not in tools_off(room)]


def recording_changed(recording_id: str, set_id: str, failure: str) -> None:
    """What a media node said about a recording. failure: "" or why it ended."""
    if failure:
        recordings.failed(recording_id, failure)
    else:
        recordings.set_began(recording_id, set_id)


def store_answer_totals(db: Session, session_id: str, people: Iterable[str]) -> dict[str, int]:
    """Polls become engagement: answers, and how many were right. Returns answers per person.

    Set, not added: it may run again.
    """
    totals: dict[str, int] = {}
    for person_id in people:
        rows = db.exec(
            select(PollAnswerRow.correct).where(
                PollAnswerRow.session_id == session_id, PollAnswerRow.person_id == person_id
            )
        ).all()
        if rows:
            totals[person_id] = len(rows)
            live.engagement(db, session_id, person_id, "answers", len(rows), add=False)
            right = sum(1 for correct in rows if correct)
            live.engagement(db, session_id, person_id, "answers_right", right, add=False)
    return totals


def erase_old_chat(db: Session, now: datetime, days: int) -> int:
    """Chat past its retention. Returns how many lines."""
    before = now - timedelta(days=days)
    old = db.exec(select(func.count()).select_from(ChatMessage).where(col(ChatMessage.at) < before)).one()
    if old:
        db.exec(delete(ChatMessage).where(col(ChatMessage.at) < before))
    return old


def erase_old_quality(db: Session, now: datetime, days: int) -> None:
    """How lines were, past its retention."""
    db.exec(delete(LineQuality).where(col(LineQuality.at) < now - timedelta(days=days)))


def export_person(db: Session, person_id: str) -> dict[str, Any]:
    """What they wrote and what was written to them alone, what they answered, polls they opened, how their line was."""
    chat = db.exec(
        select(ChatMessage)
        .where(or_(col(ChatMessage.person_id) == person_id, col(ChatMessage.to_person_id) == person_id))
        .order_by(col(ChatMessage.at))
    )
    answers = db.exec(
        select(PollAnswerRow, PollRow)
        .join(PollRow, col(PollRow.id) == col(PollAnswerRow.poll_id))
        .where(PollAnswerRow.person_id == person_id)
        .order_by(col(PollAnswerRow.at))
    )
    polls = db.exec(select(PollRow).where(PollRow.opened_by == person_id).order_by(col(PollRow.opened_at)))
    line = db.exec(
        select(LineQuality).where(LineQuality.person_id == person_id).order_by(col(LineQuality.at))
    )
    return {
        "chat": [
            {
                "session_id": line.session_id,
                "at": line.at.isoformat(),
                "text": line.text,
                "written": line.person_id == person_id,
                "private": line.to_person_id is not None,
            }
            for line in chat
        ],
        "answers": [
            {
                "session_id": answer.session_id,
                "at": answer.at.isoformat(),
                "question": poll.question,
                "answer": poll.options[answer.option],
                "right": answer.correct,
            }
            for answer, poll in answers
        ],
        "polls": [
            {"session_id": poll.session_id, "at": poll.opened_at.isoformat(), "question": poll.question}
            for poll in polls
        ],
        "line": [row.model_dump(mode="json", exclude={"person_id", "participant_id"}) for row in line],
    }


def erase_person(db: Session, person_id: str) -> None:
    """Their chat, answers and line go; a poll they opened stays for the others, without their name."""
    mine = or_(col(ChatMessage.person_id) == person_id, col(ChatMessage.to_person_id) == person_id)
    db.exec(delete(ChatMessage).where(mine))
    db.exec(delete(PollAnswerRow).where(col(PollAnswerRow.person_id) == person_id))
    db.exec(delete(LineQuality).where(col(LineQuality.person_id) == person_id))
    db.exec(update(PollRow).where(col(PollRow.opened_by) == person_id).values(opened_by=""))


def _poll(row: PollRow) -> Poll:
    return Poll(
        id=row.id,
        kind=row.kind,
        question=row.question,
        options=tuple(row.options),
        right=row.correct,
        opened_by=row.opened_by,
        opened_at=row.opened_at,
        status=row.status,
    )


def _save(db: Session, session_id: str, row: Row) -> None:
    match row:
        case SaveChat():
            db.merge(
                ChatMessage(
                    id=row.id,
                    session_id=session_id,
                    person_id=row.person_id,
                    to_person_id=row.to or None,
                    text=row.text,
                    at=row.at,
                )
            )
        case SavePoll():
            db.merge(
                PollRow(
                    id=row.id,
                    session_id=session_id,
                    kind=row.kind,
                    question=row.question,
                    options=list(row.options),
                    correct=row.right,
                    status=row.status,
                    opened_by=row.opened_by,
                    opened_at=row.opened_at,
                )
            )
        case SaveAnswer():
            db.merge(
                PollAnswerRow(
                    poll_id=row.poll_id,
                    person_id=row.person_id,
                    session_id=session_id,
                    option=row.option,
                    correct=row.right,
                    at=row.at,
                )
            )
        case SavePage():
            db.merge(RoomPage(session_id=session_id, page=row.page))
        case SaveQuality():
            # A restart of the server cuts a minute in two: the longer part stays.
            old = db.get(LineQuality, (session_id, row.participant_id, row.at))
            if old is None or old.seconds <= row.seconds:
                db.merge(LineQuality(session_id=session_id, **asdict(row)))


def _snapshot(db: Session, row: ClassSession, people: Sequence[SeatHolder]) -> Snapshot:
    holders: dict[str, SeatHolder] = {}
    off = tools_off(db.get(Room, row.id))
    for asked in people:
        holder = asked if asked.role == "agent" else _holder(db, row.id, asked)
        if holder is not None:
            holders[asked.person_id] = replace(holder, tools_off=off)
    over = {"ended": row.end_reason or "ended", "cancelled": "cancelled"}.get(row.status, "")
    return Snapshot(_lesson(db, row), holders, over)


def _holder(db: Session, session_id: str, asked: SeatHolder) -> SeatHolder | None:
    """The seat as it is now; None: given up, revoked, switched off, or no coordinator any more."""
    person = db.get(Person, asked.person_id)
    if person is None or not person.active:
        return None
    seat = db.exec(
        select(Seat).where(Seat.session_id == session_id, Seat.person_id == asked.person_id)
    ).first()
    if asked.link:
        link = db.get(JoinLink, asked.link)
        if link is None or link.revoked_at is not None or seat is None or link.seat_id != seat.id:
            return None
    if seat is None:
        if asked.role != "observer" or db.get(PersonRole, (person.id, "coordinator")) is None:
            return None
        return replace(asked, name=person.name, lang=person.lang)
    if not seat.active or seat.role != asked.role:
        return None
    consents = consents_of(db, person.id)
    return replace(
        asked,
        name=person.name,
        lang=person.lang,
        transcription="transcription" in consents,
        recording="recording" in consents,
    )


def _lesson(db: Session, row: ClassSession) -> Lesson:
    course = db.get_one(Course, row.course_id)
    topic = db.get(CurriculumTopic, row.topic_id) if row.topic_id else None
    instructor = db.exec(
        select(Person.name)
        .join(Seat, col(Seat.person_id) == Person.id)
        .where(Seat.session_id == row.id, Seat.role == "instructor", col(Seat.active).is_(True))
    ).first()
    recording, room = recordings.active(db, row.id), db.get(Room, row.id)
    return Lesson(
        id=row.id,
        title=row.title or (topic.name if topic else course.name),
        course=course.name,
        topic=topic.name if topic else "",
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        status=row.status,
        instructor=instructor or "",
        started_at=row.started_at,
        lobby=waiting.mode_of(room),
        captions_lang=str(room.settings.get("captions_lang", "")) if room is not None else "",
        recording_id=recording.id if recording is not None else "",
    )
