"""What we keep about a person, handed out or erased when they ask (GDPR, articles 15 and 17).

Every column that names a person has a rule here; tests/unit/test_privacy.py fails for one without. Rows that
others need stay without the name: the person's own row is emptied, and ids say nothing by themselves.
A plugin answers for its own tables by the hooks export_person and erase_person; one that fails stops the whole.
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, time
from typing import Any, Literal, cast

from sqlalchemy import Column, ColumnElement
from sqlalchemy import select as select_rows
from sqlmodel import Session, SQLModel, col, delete, or_, select

from core import services
from core.access import SYSTEM, Actor
from core.delivery import audit
from core.domain import (
    BatchPlan,
    Briefing,
    CaseNote,
    ChangeRequest,
    ClassSession,
    ExceptionCase,
    JoinLink,
    LessonRequest,
    Person,
    Seat,
    StudentReport,
    Substitution,
    Summary,
    TranscriptSegment,
)
from core.errors import Conflict, NotAllowed, NotFound
from core.i18n import N_
from core.lifecycle import recordings

ERASED = "Erased person"
"""The name that stays. Read by staff in old lists, so it is not translated."""
_SECRETS = {"password_hash", "token_hash"}
NOBODY = "…"
"""Stands in sentences of others where the name was."""

What = Literal["erase", "keep"]
RULES: dict[str, tuple[What, str]] = {
    "api_token.created_by": ("keep", "an id"),
    "attendance.corrected_by": ("keep", "who changed a record is part of the record"),
    "attendance.person_id": ("keep", "minutes for the academy's accounts; no name, no words"),
    "audit_entry.actor_id": ("keep", "the log proves who saw what, until its own date"),
    "audit_entry.person_id": ("keep", "the log proves whose data was seen, until its own date"),
    "availability_exception.created_by": ("keep", "an id"),
    "availability_exception.person_id": ("erase", "when somebody was away"),
    "availability_hours.person_id": ("erase", "when somebody can be booked"),
    "batch_plan.decided_by": ("keep", "an id"),
    "batch_plan.made_by": ("keep", "an id"),
    "booking_profile.person_id": ("erase", ""),
    "busy_time.person_id": ("erase", "when somebody was busy"),
    "busy_calendar.person_id": ("erase", "where somebody keeps their calendar"),
    "calendar_feed.person_id": ("erase", ""),
    "case_note.person_id": ("keep", "what was done about a case; names are taken out of the text"),
    "change_request.asked_by": ("keep", "what became of a lesson; the words are taken out"),
    "change_request.decided_by": ("keep", "an id"),
    "change_request.student_id": ("keep", "what became of a lesson; the words are taken out"),
    "class_session.created_by": ("keep", "an id"),
    "consent.given_by": ("keep", "proof of what was allowed"),
    "consent.person_id": ("keep", "proof of what was allowed"),
    "domain_event.person_id": ("keep", "ids and numbers, until their own date"),
    "engagement_signal.person_id": ("erase", "how somebody took part"),
    "enrollment.student_id": ("erase", ""),
    "exception_case.owner_id": ("keep", "an id"),
    "exception_case.person_id": ("keep", "what went wrong in a lesson; no name"),
    "exception_case.resolved_by": ("keep", "an id"),
    "guardianship.guardian_id": ("erase", ""),
    "guardianship.student_id": ("erase", ""),
    "lesson_change.by": ("keep", "an id"),
    "lesson_change.student_id": ("erase", "how often somebody moved lessons"),
    "lesson_package.created_by": ("keep", "an id"),
    "lesson_package.student_id": ("keep", "lessons for the academy's accounts; no name"),
    "lesson_request.asked_by": ("keep", "an id"),
    "lesson_request.decided_by": ("keep", "an id"),
    "lesson_request.student_id": ("keep", "what series came of; wishes and words are taken out"),
    "login.person_id": ("erase", ""),
    "magic_link.person_id": ("erase", ""),
    "make_up_credit.student_id": ("keep", "lessons for the academy's accounts; no name"),
    "material.added_by": ("keep", "an id"),
    "message.to_person_id": ("erase", "what was written to them"),
    "message_preference.person_id": ("erase", ""),
    "person_role.person_id": ("erase", ""),
    "plan_item.instructor_id": ("keep", "an id"),
    "presence_interval.person_id": ("erase", "when somebody was connected, and from where it broke"),
    "progress_record.student_id": ("erase", ""),
    "qualification.instructor_id": ("erase", ""),
    "recording.started_by": ("keep", "an id"),
    "recording_file.person_id": ("keep", "nobody can open it any more; row and bytes go within a minute"),
    "seat.person_id": ("keep", "that a lesson took place; no name"),
    "series.created_by": ("keep", "an id"),
    "series.instructor_id": ("keep", "an id"),
    "signal.decided_by": ("keep", "an id"),
    "signal.person_id": ("erase", "what a detector thought"),
    "student_report.student_id": ("erase", ""),
    "substitute_offer.instructor_id": ("keep", "who was asked; no name"),
    "substitution.filled_by": ("keep", "an id"),
    "substitution.opened_by": ("keep", "an id"),
    "substitution.out_id": ("keep", "who could not come; the words are taken out"),
    "summary.decided_by": ("keep", "an id"),
    "transcript_segment.person_id": ("erase", "what somebody said"),
}
"""table.column -> what happens to its rows when that person is erased, and why. Rows go in this order."""


def export(actor: Actor, person_id: str) -> dict[str, Any]:
    """Everything about a person as JSON values: {"person", "tables": {name: [row]}, "plugins": {name: ...}}.

    For the command line alone: no role reads everything about a family. Read in one snapshot, and audited.
    """
    service = services.current()
    with service.store.write() as db:
        person = _find(db, actor, person_id)
        audit(db, actor.person_id, "person.export", person.id, person.id)
        db.flush()
        found: dict[str, Any] = {
            "exported_at": service.clock.now().isoformat(),
            "person": _plain(person.model_dump()),
            "tables": {name: rows for name, rows in _tables(db, person.id) if rows},
        }
        found["plugins"] = {
            name: answer
            for name in service.plugins.implementing("export_person")
            for answer in service.plugins.call_one(name, "export_person", db=db, person_id=person.id)
        }
    return found


def erase(actor: Actor, person_id: str) -> None:
    """Take a person out of everything, in one transaction: all of it or nothing.

    For the command line alone. Conflict while lessons are still planned or live: those are other people's too, so
    somebody cancels them or hands them over first.
    """
    service = services.current()
    with service.store.write() as db:
        person = _find(db, actor, person_id)
        _check_no_lessons(db, person)
        _erase_words(db, person)
        for column, what in _columns():
            if what == "erase":
                db.exec(delete(column.table).where(column == person.id))
        recordings.erase_person(db, person.id)
        seats = select(Seat.id).where(Seat.person_id == person.id)
        db.exec(delete(JoinLink).where(col(JoinLink.seat_id).in_(seats)))
        for name in service.plugins.implementing("erase_person"):
            service.plugins.call_one(name, "erase_person", db=db, person_id=person.id)
        person.name, person.email, person.password_hash = ERASED, None, None
        person.active, person.tz, person.version = False, "UTC", person.version + 1
        db.add(person)
        audit(db, actor.person_id, "person.erase", person.id, person.id)


def _find(db: Session, actor: Actor, person_id: str) -> Person:
    if actor is not SYSTEM:
        raise NotAllowed()
    person = db.exec(
        select(Person).where(or_(Person.id == person_id, Person.email == person_id.lower()))
    ).first()
    if person is None:
        raise NotFound("We could not find that person.")
    return person


def _check_no_lessons(db: Session, person: Person) -> None:
    ahead = db.exec(
        select(ClassSession.starts_at)
        .join(Seat, col(Seat.session_id) == ClassSession.id)
        .where(Seat.person_id == person.id, col(Seat.active).is_(True))
        .where(col(ClassSession.status).in_(("scheduled", "live")))
    ).all()
    if ahead:
        raise Conflict(
            N_("{count} lessons are still planned. Cancel them or hand them over first."), count=len(ahead)
        )


def _erase_words(db: Session, person: Person) -> None:
    """Out of texts about others: sentences that rest on this person's words go, their name becomes NOBODY."""
    said = set(db.exec(select(TranscriptSegment.id).where(TranscriptSegment.person_id == person.id)))
    lessons = select(Seat.session_id).where(Seat.person_id == person.id)
    for table in (Summary, StudentReport):
        for row in db.exec(select(table).where(col(table.session_id).in_(lessons))):
            row.body = _without(row.body, said, person)
            db.add(row)
    for briefing in db.exec(
        select(Briefing).where(
            or_(col(Briefing.session_id).in_(lessons), col(Briefing.from_session_id).in_(lessons))
        )
    ):
        briefing.body = _without(briefing.body, said, person)
        db.add(briefing)
    cases = select(ExceptionCase.id).where(
        or_(ExceptionCase.person_id == person.id, col(ExceptionCase.session_id).in_(lessons))
    )
    for note in db.exec(select(CaseNote).where(col(CaseNote.case_id).in_(cases))):
        note.text = _unnamed(note.text, person)
        db.add(note)
    for plan in db.exec(select(BatchPlan).where(BatchPlan.reason != "")):
        plan.reason = _unnamed(plan.reason, person)
        db.add(plan)
    for request in db.exec(select(LessonRequest).where(LessonRequest.student_id == person.id)):
        request.note, request.reason, request.windows, request.wishes = "", "", [], {}
        db.add(request)
    changes = select(ChangeRequest).where(
        or_(ChangeRequest.student_id == person.id, ChangeRequest.asked_by == person.id)
    )
    for change in db.exec(changes):
        change.why, change.answer = "", ""
        db.add(change)
    for search in db.exec(select(Substitution).where(Substitution.out_id == person.id)):
        search.note = ""
        db.add(search)


def _without(value: Any, said: set[str], person: Person) -> Any:
    """A JSON value without sentences that rest on `said`, and without the name."""
    if isinstance(value, dict):
        return {key: _without(one, said, person) for key, one in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [_without(one, said, person) for one in cast("list[Any]", value) if not _rests_on(one, said)]
    return _unnamed(value, person) if isinstance(value, str) else value


def _rests_on(sentence: Any, said: set[str]) -> bool:
    spans = cast("dict[str, Any]", sentence).get("spans") if isinstance(sentence, dict) else None
    return not said.isdisjoint(spans or ())


def _unnamed(text: str, person: Person) -> str:
    return text.replace(person.name, NOBODY).replace(person.first_name, NOBODY)


def _tables(db: Session, person_id: str) -> Iterable[tuple[str, list[dict[str, Any]]]]:
    """(name, rows that name the person) of every table in RULES."""
    conditions: dict[str, list[ColumnElement[bool]]] = {}
    for column, _ in _columns():
        conditions.setdefault(column.table.name, []).append(column == person_id)
    for name, either in conditions.items():
        rows = db.connection().execute(select_rows(SQLModel.metadata.tables[name]).where(or_(*either)))
        yield name, [_plain(row) for row in rows.mappings()]


def _columns() -> Iterable[tuple[Column[Any], What]]:
    """The columns of RULES with what happens to their rows."""
    for name, (what, _) in RULES.items():
        table, _, column = name.partition(".")
        yield SQLModel.metadata.tables[table].c[column], what


def _plain(row: Mapping[Any, Any]) -> dict[str, Any]:
    """JSON values; secrets are nobody's data."""
    return {
        str(key): value.isoformat() if isinstance(value, (datetime, date, time)) else value
        for key, value in row.items()
        if key not in _SECRETS
    }
