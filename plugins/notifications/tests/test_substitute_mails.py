"""Who reads what when a lesson gets another instructor: the family one mail, with the outcome."""

from collections import Counter
from datetime import time
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from core.access import Viewer
from core.clock import tick_timers
from core.domain import AvailabilityHours, Message, Person, Qualification, SubstituteOffer
from core.domain.load import session_view
from core.lifecycle import substitutes
from core.lifecycle.notify import MessageView
from core.lifecycle.schedule import reassign_session
from core.services import Services
from core.testing import seed, services
from plugins.notifications import email, service

pytestmark = pytest.mark.unit


@pytest.fixture
def app(tmp_path: Path):
    with services(tmp_path, built_ins=("plugins.notifications",)) as made:
        yield made


def _school(app: Services) -> tuple[seed.Lesson, list[Person]]:
    """An invited lesson in two days, and two who may step in."""
    with app.store.write() as db:
        one = seed.lesson(db, starts_in_s=2 * 86_400)
        people = [seed.person(db, name, "instructor") for name in ("Elif Kaya", "Noa Levi")]
        people[0].tz = "Asia/Tokyo"
        db.add(people[0])
        for person in people:
            db.add(Qualification(instructor_id=person.id, course_id=one.course.id))
            for weekday in range(7):
                db.add(
                    AvailabilityHours(
                        person_id=person.id, weekday=weekday, starts=time(0), ends=time(0), tz="UTC"
                    )
                )
    _deliver(app, one, "scheduled")
    return one, people


def _deliver(app: Services, one: seed.Lesson, change: str) -> None:
    with app.store.write() as db:
        service.invite(db, session_view(db, one.session.id), change)


def _queued(app: Services) -> Counter[tuple[str, str]]:
    """(kind, reader) of every message."""
    with app.store.read() as db:
        return Counter((row.kind, row.to_person_id) for row in db.exec(select(Message)))


def _mail(app: Services, kind: str, reader: Person) -> EmailMessage:
    """The newest of this kind."""
    with app.store.read() as db:
        query = select(Message).where(Message.kind == kind, Message.to_person_id == reader.id)
        row = db.exec(query).all()[-1]
    return email.compose(
        MessageView(
            row.id, row.kind, row.channel, row.to_person_id, row.session_id, dict(row.params), "<x@y>"
        )
    )


def _text(mail: EmailMessage) -> str:
    part: Any = mail.get_body(("plain",))
    return " ".join(part.get_content().split())


def _step_in(app: Services, one: seed.Lesson, who: Person) -> Counter[tuple[str, str]]:
    """Ask, offer, accept, deliver; returns what was queued on the way."""
    before = _queued(app)
    substitutes.ask(Viewer(one.instructor.id, one.instructor.name, ("instructor",)), one.session.id, "Secret")
    tick_timers(app)
    with app.store.read() as db:
        offer = db.exec(select(SubstituteOffer.id).where(SubstituteOffer.instructor_id == who.id)).one()
    substitutes.accept_offer(Viewer(who.id, who.name, ("instructor",)), offer)
    _deliver(app, one, "reassigned")
    return _queued(app) - before


def test_everybody_gets_one_mail_about_the_outcome(app: Services) -> None:
    one, (elif_kaya, noa) = _school(app)
    guardian = one.guardians[0]
    assert _step_in(app, one, elif_kaya) == {
        ("substitute_offer", elif_kaya.id): 1,
        ("substitute_offer", noa.id): 1,
        ("substitute_over", noa.id): 1,
        ("moved", guardian.id): 1,
        ("cancelled", one.instructor.id): 1,
        ("invitation", elif_kaya.id): 1,
    }
    assert "Elif Kaya teaches instead of Ines Instructor." in _text(_mail(app, "moved", guardian))
    gone = _mail(app, "cancelled", one.instructor)
    assert gone["Subject"].startswith("Elif Kaya takes Algebra on ")
    assert "has your notes" in _text(gone)
    comes = _text(_mail(app, "invitation", elif_kaya))
    assert "You teach instead of Ines Instructor." in comes
    assert f"/handover/{one.session.id}" in comes


def test_the_offer_says_when_in_their_zone_how_long_and_the_first_name_alone(app: Services) -> None:
    one, (elif_kaya, noa) = _school(app)
    _step_in(app, one, noa)
    mail = _mail(app, "substitute_offer", elif_kaya)
    text = _text(mail)
    assert "Asia/Tokyo" in text and "with Sam." in text and "/offers" in text
    assert "1 h" in text or "60 min" in text
    assert "Student" not in text and "Secret" not in text and "Ines" not in text


def test_a_lesson_given_by_hand_tells_the_same_once(app: Services) -> None:
    one, (elif_kaya, _) = _school(app)
    before = _queued(app)
    coordinator = Viewer(one.coordinator.id, one.coordinator.name, ("coordinator",))
    reassign_session(coordinator, one.session.id, elif_kaya.id, 1)
    for _ in range(2):
        _deliver(app, one, "reassigned")
    assert _queued(app) - before == {
        ("moved", one.guardians[0].id): 1,
        ("cancelled", one.instructor.id): 1,
        ("invitation", elif_kaya.id): 1,
    }
    assert "instead of Ines Instructor" in _text(_mail(app, "moved", one.guardians[0]))
