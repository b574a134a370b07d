"""What families read about a series that changed, and about a change they asked for."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from core.access import SYSTEM, viewer_for
from core.clock import tick_timers
from core.domain import ChangeRequest, Message, Person, Qualification
from core.lifecycle import asked, wiring
from core.lifecycle.notify import MessageView
from core.lifecycle.series import Booked, NewSeries, schedule_series
from core.lifecycle.series_change import SeriesChange, cancel_series, change_series
from core.services import Services
from core.testing import seed, services, work_off
from plugins.notifications import email

pytestmark = pytest.mark.unit

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Services]:
    with services(tmp_path, built_ins=("plugins.notifications",)) as made:
        wiring.wire()
        made.clock.set(NOW)  # type: ignore[attr-defined]
        yield made


def _book(app: Services, count: int = 3) -> tuple[seed.Lesson, Booked]:
    with app.store.write() as db:
        one = seed.lesson(db, starts_in_s=200 * 86_400)
        one.guardians[0].tz = "America/Sao_Paulo"
        db.add(one.guardians[0])
        db.add(Qualification(instructor_id=one.instructor.id, course_id=one.course.id))
    new = NewSeries(
        course_id=one.course.id,
        instructor_id=one.instructor.id,
        student_ids=(one.students[0].id,),
        rule="FREQ=WEEKLY",
        first_local=datetime(2026, 12, 3, 16),
        tz="UTC",
        length_min=45,
        count=count,
    )
    return one, schedule_series(SYSTEM, new)


def _mails(app: Services, reader: Person) -> list[tuple[str, str]]:
    """(subject, text) of everything queued for a reader, in order."""
    while tick_timers(app):
        pass
    work_off(app)
    with app.store.read() as db:
        rows = db.exec(select(Message).where(Message.to_person_id == reader.id).order_by(Message.id)).all()
    mails = [
        email.compose(
            MessageView(
                row.id, row.kind, row.channel, row.to_person_id, row.session_id, dict(row.params), "<x@y>"
            )
        )
        for row in rows
    ]
    texts: list[Any] = [mail.get_body(("plain",)) for mail in mails]
    return [(str(mail["Subject"]), part.get_content()) for mail, part in zip(mails, texts, strict=True)]


def test_a_new_series_is_one_mail_with_its_dates_in_the_readers_zone(app: Services):
    one, _ = _book(app)
    ((subject, text),) = _mails(app, one.guardians[0])
    assert subject == "Sam has Algebra lessons"
    for day in ("Thursday 3 December, 13:00", "Thursday 10 December, 13:00", "Thursday 17 December, 13:00"):
        assert day in text


def test_a_long_series_names_the_first_dates_and_how_many_more(app: Services):
    one, _ = _book(app, 30)
    ((_, text),) = _mails(app, one.guardians[0])
    assert text.count("13:00") == 12
    assert "and 18 more" in text


def test_a_changed_and_a_cancelled_series_say_so(app: Services):
    one, booked = _book(app)
    _mails(app, one.guardians[0])
    change = SeriesChange(starts_local=datetime(2026, 12, 3, 18))
    change_series(SYSTEM, booked.series_id, booked.session_ids[0], "all", change, 1)
    _, (subject, text) = _mails(app, one.guardians[0])
    assert subject == "Changed: Algebra lessons of Sam"
    assert text.count("15:00") == 3
    cancel_series(SYSTEM, booked.series_id, booked.session_ids[0], "all", 2)
    subjects = [subject for subject, _ in _mails(app, one.guardians[0])]
    assert subjects[-1] == "Cancelled: Algebra lessons of Sam"
    assert len(subjects) == 3


def test_an_answer_is_in_the_coordinators_words(app: Services):
    one, booked = _book(app)
    _mails(app, one.guardians[0])
    with app.store.read() as db:
        coordinator, guardian = (viewer_for(db, who.id) for who in (one.coordinator, one.guardians[0]))
    assert coordinator is not None and guardian is not None
    app.clock.set(datetime(2026, 12, 3, 14, tzinfo=UTC))  # type: ignore[attr-defined]
    wish = asked.Wish(booked.session_ids[0], "move", "", app.clock.now() + timedelta(days=3))
    change_id = asked.ask(guardian, wish, 1)
    asked.decide(coordinator, change_id, 1, grant=False, answer="Ines is already on her way.")
    mails = dict(_mails(app, one.guardians[0]))
    text = mails["We cannot change Algebra on Thursday 3 December"]
    assert "Ines is already on her way." in text
    with app.store.read() as db:
        assert db.get_one(ChangeRequest, change_id).status == "refused"
