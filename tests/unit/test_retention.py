"""Rows past their date go, the others stay; what is still needed stays however old."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from core.domain import AuditEntry, Delivery, DomainEvent, Login, Message, Person, StepDone, Timer
from core.lifecycle import retention
from core.services import Services
from core.testing import services

pytestmark = pytest.mark.unit

LONG_AGO = timedelta(days=3_000)
JUST_NOW = timedelta(days=1)


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Services]:
    with services(tmp_path) as made:
        yield made


def _rows(name: str, status: str, at: datetime) -> list[Any]:
    """One of each, called `name`; the delivery has this status."""
    person = Person(name=name, created_at=at)
    event = DomainEvent(kind="session.ended", session_id=name, at=at)
    return [
        person,
        event,
        Timer(kind="reminder", subject_id=name, due_at=at, status="fired"),
        Message(kind="report", to_person_id=person.id, dedupe=name, due_at=at, status="sent"),
        AuditEntry(at=at, action="child.open_page", subject_id=name),
        Login(token_hash=name, person_id=person.id, created_at=at, expires_at=at + timedelta(days=2)),
        StepDone(delivery_id=f"{name}:plugin", name="store", at=at),
        Delivery(
            id=f"{name}:plugin",
            event_id=0,
            plugin="plugin",
            hook="on_session_end",
            subject_id=name,
            status=status,
            created_at=at,
        ),
    ]


def _store(made: Services, name: str, status: str, age: timedelta) -> None:
    with made.store.write() as db:
        rows = _rows(name, status, made.clock.now() - age)
        for row in rows:
            db.add(row)
            db.flush()
        rows[-1].event_id = rows[1].id


def _left(made: Services, column: Any) -> set[str]:
    with made.store.read() as db:
        return set(db.exec(select(column)).all())


def test_what_is_old_goes_and_what_is_new_or_needed_stays(made: Services) -> None:
    _store(made, "old", "done", LONG_AGO)
    _store(made, "held", "held", LONG_AGO)
    _store(made, "new", "done", JUST_NOW)
    assert retention.retain(made) > 0
    assert _left(made, Delivery.subject_id) == {"held", "new"}
    assert _left(made, StepDone.delivery_id) == {"held:plugin", "new:plugin"}
    assert _left(made, DomainEvent.session_id) == {"held", "new"}
    for column in (
        Timer.subject_id,
        Message.dedupe,
        AuditEntry.subject_id,
        Login.token_hash,
    ):
        assert _left(made, column) == {"new"}
    assert retention.retain(made) == 0


def test_more_rows_than_a_batch_all_go(made: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 3)
    for number in range(8):
        _store(made, f"old-{number}", "done", LONG_AGO)
    retention.retain(made)
    assert _left(made, DomainEvent.session_id) == set()


def test_a_message_that_was_never_sent_is_not_forgotten(made: Services) -> None:
    at = made.clock.now() - LONG_AGO
    with made.store.write() as db:
        person = Person(name="Ada", created_at=at)
        db.add(person)
        db.flush()
        db.add(Message(kind="report", to_person_id=person.id, dedupe="m", due_at=at))
    retention.retain(made)
    assert _left(made, Message.dedupe) == {"m"}
