"""What is erased when: each rule is a table, the rows that are due, and the setting that says how long.

A plugin erases its own tables in its own hooks. What a person asks to have erased does not wait for this.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement
from sqlmodel import col, delete, select

from core.config import Settings
from core.domain import (
    AuditEntry,
    Delivery,
    DomainEvent,
    IdempotencyKey,
    Login,
    MagicLink,
    Message,
    SignInAttempt,
    StepDone,
    Timer,
    TranscriptSegment,
)
from core.domain.session import ClassSession
from core.services import Services

BATCH = 200
"""Rows a write transaction: a short one lets everybody else write in between."""
_FINISHED = ("done", "skipped", "failed")


@dataclass(frozen=True, slots=True)
class Rule:
    """key: the column rows are erased by. due: which rows, given the moment before which is too old."""

    table: type[Any]
    key: Any
    days: Callable[[Settings], float]
    due: Callable[[datetime], ColumnElement[bool]]


def _ended_before(oldest: datetime) -> ColumnElement[bool]:
    return col(TranscriptSegment.session_id).in_(
        select(ClassSession.id).where(col(ClassSession.ends_at) < oldest)
    )


def _worked_off(oldest: datetime) -> ColumnElement[bool]:
    return col(Delivery.status).in_(_FINISHED) & (col(Delivery.created_at) < oldest)


def _of_nobody(oldest: datetime) -> ColumnElement[bool]:
    """Steps of deliveries that are gone."""
    return (col(StepDone.at) < oldest) & col(StepDone.delivery_id).not_in(select(Delivery.id))


def _said(oldest: datetime) -> ColumnElement[bool]:
    """Events; those that a held or waiting delivery still needs stay."""
    needed = select(Delivery.event_id).where(col(Delivery.status).not_in(_FINISHED))
    return (col(DomainEvent.at) < oldest) & col(DomainEvent.id).not_in(needed)


RULES: Sequence[Rule] = (
    Rule(TranscriptSegment, TranscriptSegment.id, lambda s: s.retention_transcript_days, _ended_before),
    Rule(Delivery, Delivery.id, lambda s: s.retention_event_days, _worked_off),
    Rule(StepDone, StepDone.delivery_id, lambda s: s.retention_event_days, _of_nobody),
    Rule(DomainEvent, DomainEvent.id, lambda s: s.retention_event_days, _said),
    Rule(
        Message,
        Message.id,
        lambda s: s.retention_message_days,
        lambda oldest: (col(Message.status) != "queued") & (col(Message.due_at) < oldest),
    ),
    Rule(
        Timer,
        Timer.id,
        lambda s: s.retention_message_days,
        lambda oldest: (col(Timer.status) != "waiting") & (col(Timer.due_at) < oldest),
    ),
    Rule(
        AuditEntry,
        AuditEntry.id,
        lambda s: s.retention_audit_days,
        lambda oldest: col(AuditEntry.at) < oldest,
    ),
    Rule(Login, Login.token_hash, lambda s: 0, lambda now: col(Login.expires_at) < now),
    Rule(MagicLink, MagicLink.token_hash, lambda s: 1, lambda oldest: col(MagicLink.expires_at) < oldest),
    Rule(IdempotencyKey, IdempotencyKey.key, lambda s: 1, lambda oldest: col(IdempotencyKey.at) < oldest),
    Rule(
        SignInAttempt,
        SignInAttempt.subject,
        lambda s: 1,
        lambda oldest: col(SignInAttempt.window_at) < oldest,
    ),
)


def retain(services: Services) -> int:
    """Erase what has passed its date; returns how many rows."""
    return sum(_apply(services, rule) for rule in RULES)


def _apply(services: Services, rule: Rule) -> int:
    oldest = services.clock.now() - timedelta(days=rule.days(services.settings))
    erased = 0
    while True:
        with services.store.write() as db:
            due = db.exec(select(rule.key).where(rule.due(oldest)).limit(BATCH)).all()
            if due:
                db.exec(delete(rule.table).where(col(rule.key).in_(due)))
        erased += len(due)
        if not due:
            return erased
