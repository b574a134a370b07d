"""The worker is killed (`kill -9`) at each step after a lesson and started again: every effect happens once.

SQLite: killed as soon as a step is committed, while the engine has not noted it yet or the next step begins.
PostgreSQL: a table lock holds the step inside its transaction, and there it is killed.
Mail: killed after the mail server has taken the text, before the worker hears of it.
"""

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import psycopg
import pytest
from aiosmtpd.smtp import SMTP, Envelope
from aiosmtpd.smtp import Session as Dialogue
from sqlmodel import Session, col, select

from core.access import Viewer, viewer_for
from core.domain import (
    Attendance,
    Briefing,
    ClassSession,
    Consent,
    Coverage,
    Delivery,
    DomainEvent,
    ExceptionCase,
    Message,
    ProgressRecord,
    Qualification,
    StudentReport,
    Summary,
)
from core.lifecycle import approve, end, live, schedule
from core.services import Services, using
from core.testing import FakeClock, seed
from hilink_app import bootstrap
from tests.stack import MailReceiver, Stack

pytestmark = pytest.mark.e2e

STEPS = ("ended", "attended", "transcribed", "drafted", "approved", "told")
LENGTH = timedelta(minutes=45)
WAIT_S = 60.0
LINES = (
    "Today we do fractions: one half is two quarters.",
    "So a fraction with the same number above and below is one?",
    "Exactly right, well done. Remember to find the common denominator first.",
    "One half and one quarter is three quarters.",
    "Perfect. Next time we multiply fractions. For homework please do sheet four.",
)


class KillingReceiver(MailReceiver):
    """A mail server that lets something happen after it has taken a mail and before it says so."""

    def __init__(self) -> None:
        super().__init__()
        self.before_250: Callable[[EmailMessage], None] = lambda _mail: None

    async def handle_DATA(self, server: SMTP, session: Dialogue, envelope: Envelope) -> str:
        answer = await super().handle_DATA(server, session, envelope)
        self.before_250(self.mails[-1])
        return answer


@dataclass
class School:
    """A stack with its worker, and the web role's side of it in this process."""

    stack: Stack
    mail: KillingReceiver
    made: Services
    down: bool = False

    def kill(self) -> None:
        self.stack.kill("worker")
        self.down = True

    def up(self) -> None:
        if self.down:
            self.stack.start("worker")
            self.down = False

    def viewer(self, person_id: str) -> Viewer:
        with self.made.store.read() as db:
            found = viewer_for(db, person_id)
        assert found is not None
        return found

    def wait(self, what: Callable[[Session], bool], pause_s: float = 0.02) -> None:
        ends = time.monotonic() + WAIT_S
        while time.monotonic() < ends:
            with self.made.store.read() as db:
                if what(db):
                    return
            time.sleep(pause_s)
        raise AssertionError(f"nothing for {WAIT_S} s:\n{self.stack.tail('worker')}")


@contextmanager
def running(folder: Path, database_url: str = "") -> Iterator[School]:
    mail = KillingReceiver()
    env = {"HILINK_SMTP_URL": mail.url, "HILINK_TICK_S": "0.2", "HILINK_QUEUE_CONCURRENCY": "4"}
    mail.start()
    try:
        with Stack(folder, roles=("worker",), database_url=database_url, env=env) as stack:
            made = bootstrap.build(stack.settings, "cli")
            try:
                with using(made):
                    yield School(stack, mail, made)
            finally:
                made.store.close()
            assert stack.errors() == []
    finally:
        mail.stop()


@pytest.fixture(scope="module")
def school(tmp_path_factory: pytest.TempPathFactory) -> Iterator[School]:
    with running(tmp_path_factory.mktemp("kill")) as made:
        yield made


@dataclass
class Walk:
    """One lesson from its end to the family, with a chance to kill after each step."""

    school: School
    one: seed.Lesson
    following: str

    @property
    def id(self) -> str:
        return self.one.session.id

    def reached(self, step: str) -> Callable[[Session], bool]:
        wanted = STEPS.index(step)

        def check(db: Session) -> bool:
            chain = db.get_one(ClassSession, self.id).chain
            return chain in STEPS[wanted:]

        return check

    def act(self, step: str) -> None:
        """What people and agents do at this step; the worker may be up or down."""
        if step == "ended":
            end.end_session(self.school.viewer(self.one.instructor.id), self.id)
        elif step == "transcribed":
            done = {"kind": "transcript.done", "session_id": self.id}
            live.ingest(live.Batch(f"agent-{self.id}", 2, (done,)))
        elif step == "approved":
            # A person takes longer than the queue: until then the instructor has been asked by mail.
            self.school.up()
            self.school.wait(self.quiet)
            with self.school.made.store.read() as db:
                summary = db.exec(select(Summary).where(Summary.session_id == self.id)).one()
            viewer = self.school.viewer(self.one.instructor.id)
            coverage = {self.one.topic.id: "covered"}
            approve.approve_summary(viewer, summary.id, summary.version, approve.Edits(coverage=coverage))

    def to(self, step: str) -> None:
        self.act(step)
        self.school.up()
        self.school.wait(self.reached(step), pause_s=0.001)

    def quiet(self, db: Session) -> bool:
        """No delivery and no mail of this lesson waits."""
        waiting = db.exec(
            select(Delivery.id).where(
                Delivery.status == "waiting", col(Delivery.subject_id).in_(self.subjects(db))
            )
        ).first()
        queued = db.exec(
            select(Message.id).where(
                Message.status == "queued", col(Message.session_id).in_((self.id, self.following))
            )
        ).first()
        return waiting is None and queued is None

    def subjects(self, db: Session) -> list[str]:
        summaries = db.exec(select(Summary.id).where(Summary.session_id == self.id))
        return [self.id, self.following, *summaries]


def taught(school: School) -> Walk:
    """A lesson of an instructor and two minors that has run for 45 minutes, and one planned after it."""
    now = datetime.now(UTC)
    clock = FakeClock(now - LENGTH)
    with using(replace(school.made, clock=clock)):
        with school.made.store.write() as db:
            one = seed.lesson(db, students=2, starts_in_s=0, length_s=LENGTH.total_seconds())
            db.add(Qualification(instructor_id=one.instructor.id, course_id=one.course.id))
            for person, by in (
                (one.instructor, one.instructor),
                *zip(one.students, one.guardians, strict=True),
            ):
                db.add(
                    Consent(
                        person_id=person.id, purpose="transcription", given_by=by.id, given_at=clock.now()
                    )
                )
        live.presence_started(one.session.id, one.instructor.id, f"{one.session.id}-i", "instructor")
        for number, child in enumerate(one.students):
            live.presence_started(one.session.id, child.id, f"{one.session.id}-{number}", "student")
        live.ingest(live.Batch(f"agent-{one.session.id}", 1, spoken(one)))
    new = schedule.NewSession(
        one.course.id,
        one.instructor.id,
        tuple(child.id for child in one.students),
        now + timedelta(days=2),
        now + timedelta(days=2) + LENGTH,
    )
    following = schedule.schedule_session(school.viewer(one.coordinator.id), new)
    return Walk(school, one, following.id)


def spoken(one: seed.Lesson) -> tuple[dict[str, Any], ...]:
    words = [
        {
            "kind": "transcript.segment",
            "session_id": one.session.id,
            "person_id": (one.instructor if place % 2 == 0 else one.students[0]).id,
            "started_ms": 4_000 * place,
            "ended_ms": 4_000 * place + 3_000,
            "text": line,
            "confidence": 0.9,
        }
        for place, line in enumerate(LINES)
    ]
    answers = {
        "kind": "engagement",
        "session_id": one.session.id,
        "person_id": one.students[0].id,
        "signal": "answers",
        "value": 4,
    }
    return (*words, answers)


def assert_once(walk: Walk, *, repeated: int = 0) -> None:
    """All there is of this lesson, counted. repeated: how many of its mails may have come twice."""
    school, one = walk.school, walk.one
    students = {child.id for child in one.students}
    with school.made.store.read() as db:

        def of(table: Any) -> list[Any]:
            return list(db.exec(select(table).where(table.session_id == walk.id)))

        attendance, progress = (
            of(Attendance),
            db.exec(select(ProgressRecord).where(col(ProgressRecord.student_id).in_(students))),
        )
        assert sorted(row.person_id for row in attendance) == sorted([one.instructor.id, *students])
        assert all(row.status == "present" for row in attendance)
        assert [row.draft_no for row in of(Summary)] == [1]
        assert {row.student_id for row in of(StudentReport)} == students
        assert len(of(StudentReport)) == len(students)
        assert [row.topic_id for row in of(Coverage)] == [one.topic.id]
        records = {row.student_id: row for row in progress}
        assert {key: row.lessons for key, row in records.items()} == dict.fromkeys(students, 1)
        assert records[one.students[0].id].answers == 4
        briefing = db.get_one(Briefing, walk.following)
        assert (briefing.version, briefing.from_session_id) == (2, walk.id)
        assert of(ExceptionCase) == []
        messages = of(Message)
        _assert_events_once(db, walk, [row.id for row in messages])
    readers = Counter((row.kind, row.to_person_id) for row in messages)
    assert readers == {
        **{("report", guardian.id): 1 for guardian in one.guardians},
        ("summary_ready", one.instructor.id): 1,
    }
    assert all(row.status == "sent" for row in messages)
    _assert_mails(walk, {row.message_id for row in messages}, repeated)


def _assert_events_once(db: Session, walk: Walk, messages: list[str]) -> None:
    events = db.exec(select(DomainEvent).where(DomainEvent.session_id == walk.id)).all()
    counted = Counter(
        (event.kind, event.payload.get("change"), event.person_id)
        for event in events
        if event.kind != "message.sent"
    )
    assert [key for key, count in counted.items() if count != 1] == []
    kinds = Counter(event.kind for event in events)
    expected = {
        "session.started": 1,
        "session.ended": 1,
        "attendance.finalized": 1,
        "transcript.finalized": 1,
        "summary.changed": 2,
        "family.told": 2,
        "progress.updated": 2,
        "message.sent": len(messages),
    }
    assert {kind: kinds[kind] for kind in expected} == expected
    deliveries = db.exec(select(Delivery).where(col(Delivery.subject_id).in_(walk.subjects(db)))).all()
    assert {row.hook for row in deliveries} == {"on_schedule", "on_session_end", "on_summary"}
    assert {row.status for row in deliveries} == {"done"}
    done = Counter(
        event.payload["delivery_id"]
        for event in db.exec(select(DomainEvent).where(DomainEvent.kind == "delivery.changed"))
    )
    assert {done[row.id] for row in deliveries} == {1}


def _assert_mails(walk: Walk, message_ids: set[str], repeated: int) -> None:
    """Every mail came; one that came twice did so with one Message-ID."""
    received = Counter(
        mail["Message-ID"] for mail in walk.school.mail.mails if mail["Message-ID"] in message_ids
    )
    assert received.keys() == message_ids
    assert sum(received.values()) == len(message_ids) + repeated
    assert max(received.values()) <= 2
    guardians = {guardian.email for guardian in walk.one.guardians}
    to = Counter(mail["Message-ID"] for mail in walk.school.mail.mails if mail["To"] in guardians)
    ours = {mail["Message-ID"] for mail in walk.school.mail.mails if mail["To"] in guardians}
    assert len(to) == len(ours)


@pytest.mark.parametrize("killed_at", STEPS)
def test_killed_as_a_step_is_committed(school: School, killed_at: str) -> None:
    walk = taught(school)
    for step in STEPS:
        walk.to(step)
        if step == killed_at:
            school.kill()
    school.up()
    school.wait(walk.quiet)
    assert_once(walk)


def test_killed_before_the_mail_server_answers(school: School) -> None:
    """The mail is out, nobody here knows: it goes out again, and the reader's program sees one Message-ID."""
    walk = taught(school)
    report = walk.one.guardians[0].email
    killed: list[str] = []

    def kill(mail: EmailMessage) -> None:
        if mail["To"] == report and "today" in mail["Subject"] and not killed:
            os.killpg(school.stack.pid("worker"), signal.SIGKILL)
            killed.append(mail["Message-ID"])

    school.mail.before_250 = kill
    for step in STEPS:
        walk.to(step)
    school.wait(lambda _db: bool(killed))
    school.kill()
    school.up()
    school.wait(walk.quiet)
    assert_once(walk, repeated=1)
    assert sum(mail["Message-ID"] == killed[0] for mail in school.mail.mails) == 2


HELD = (
    # the table a step wants to write, what starts the step, how far the lesson then comes before the next one
    ("attendance", "ended", "attended"),
    ("domain_event", "transcribed", None),
    ("student_report", None, "drafted"),
    ("message", "approved", None),
    ("progress_record", None, "told"),
)


def test_killed_inside_a_step_on_postgresql(pg_migrated_url: str, tmp_path: Path) -> None:
    """One lesson; at each step the worker dies with its transaction open."""
    with running(tmp_path, pg_migrated_url) as school:
        walk = taught(school)
        for table, action, then in HELD:
            if action:
                school.wait(walk.quiet)
            with psycopg.connect(pg_migrated_url) as lock:
                lock.execute(f"LOCK TABLE {table} IN SHARE MODE")  # pyright: ignore[reportArgumentType, reportCallIssue]
                if action:
                    walk.act(action)
                school.up()
                _wait_until_blocked(pg_migrated_url, table)
                school.kill()
            if then:
                school.up()
                school.wait(walk.reached(then))
        school.wait(walk.quiet)
        assert_once(walk)


def _wait_until_blocked(url: str, table: str) -> None:
    query = """SELECT count(*) FROM pg_locks JOIN pg_class ON pg_class.oid = relation
               JOIN pg_database ON pg_database.oid = database
               WHERE relname = %s AND datname = current_database() AND NOT granted"""
    ends = time.monotonic() + WAIT_S
    with psycopg.connect(url, autocommit=True) as look:
        while time.monotonic() < ends:
            row = look.execute(query, (table,)).fetchone()
            if row and row[0]:
                return
            time.sleep(0.02)
    raise AssertionError(f"nobody wanted to write {table}")
