"""A term is scheduled at once: is every lesson ready half an hour before it, and do its timers fire in time?

HILINK_BENCH_SESSIONS (5,000) lessons are scheduled through core.lifecycle.schedule and worked off by real worker
processes with a real mail server: two on PostgreSQL (HILINK_BENCH_DATABASE=sqlite: one, on SQLite). Six timers a
lesson then wait. Nobody waits for days: the bench moves everything that has a time in the database nearer, to a
day, an hour and half an hour before the lessons, and the timers of that moment fire as they do in life. All lessons
begin within HILINK_BENCH_WINDOW_S (300) seconds.

unready    lessons that were not ready when the look half an hour before them was over
start_s    a stopped worker starts again with all the timers waiting: from when it is ready until what is overdue fired
lag_p99_s  from the time a timer was due until it fired, over all that fired in the three windows
"""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import bindparam, inspect, update
from sqlmodel import Session, SQLModel, col, func, select

from bench.harness import Context, Result, Target, percentile
from core.access import Viewer, viewer_for
from core.clock import set_timer
from core.domain import (
    ClassSession,
    Course,
    Delivery,
    Enrollment,
    Guardianship,
    JoinLink,
    Message,
    Person,
    PersonRole,
    Qualification,
    Readiness,
    Seat,
    Timer,
)
from core.lifecycle import media, schedule
from core.lifecycle.staging import SPREAD_S
from core.services import Services, using
from hilink_app import bootstrap
from hilink_app.toolchain import postgres
from tests.stack import Stack, StackError

SESSIONS = 5_000
WINDOW_S = 300
LENGTH = timedelta(minutes=45)
AHEAD = timedelta(days=3)
SHORTLY = timedelta(seconds=20)
"""The first timer of a window is due this long after time was moved."""
STUCK_S = 180.0
PROBES = 20
BATCH = 50
TARGETS: dict[str, Target] = {
    "unready": ("==", 0),
    "start_s": ("<=", 2),
    "lag_p99_s": ("<=", 2),
}


@dataclass
class Term:
    """The bench's side: services in this process, the workers, and what was measured."""

    made: Services
    workers: list[Stack]
    lags_s: list[float] = field(default_factory=list[float])

    def count(self, query: Any) -> int:
        with self.made.store.read() as db:
            return db.exec(query).one()

    def node_lives(self) -> None:
        """A media node reports, as it does every two seconds."""
        media.heard(
            media.Beat(
                name="bench", instance="bench", region="Europe/Berlin", control_url="ws://127.0.0.1:1/control",
                version=media.VERSION, load=0.0, rooms=0, participants=0, uptime_s=1.0,
            )
        )  # fmt: skip


def run(ctx: Context) -> Result:
    sessions = int(os.environ.get("HILINK_BENCH_SESSIONS", SESSIONS))
    window_s = int(os.environ.get("HILINK_BENCH_WINDOW_S", WINDOW_S))
    with _term(ctx, os.environ.get("HILINK_BENCH_DATABASE", "")) as term:
        scheduled_s = _schedule(ctx, term, sessions, window_s)
        worked_s = _work_off(ctx, term)
        waiting = term.count(select(func.count()).where(Timer.status == "waiting"))
        ctx.say(f"{waiting} timers wait")
        start_s = _start_again(ctx, term)
        _window(ctx, term, timedelta(days=1), timedelta(seconds=SPREAD_S))
        _work_off(ctx, term)
        _window(ctx, term, timedelta(hours=1))
        _window(ctx, term, timedelta(minutes=30))
        ready = term.count(select(func.count()).where(Readiness.status == "ready"))
    return Result(
        samples={"lag_s": term.lags_s},
        figures={
            "unready": sessions - ready,
            "start_s": start_s,
            "lag_p99_s": percentile(term.lags_s, 0.99),
            "timers": waiting,
            "scheduled_s": scheduled_s,
            "worked_off_s": worked_s,
        },
        targets=TARGETS,
        load={"sessions": sessions, "workers": len(term.workers), "window_s": window_s},
        versions={"database": term.made.store.dialect},  # pyright: ignore[reportAttributeAccessIssue]
    )


@contextmanager
def _term(ctx: Context, wanted: str) -> Iterator[Term]:
    """Migrated database, workers up. wanted: "" (PostgreSQL where there is one), sqlite or postgresql."""
    folder = Path(tempfile.mkdtemp(prefix="hilink-bench-"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        url, slots = "", 1
        if wanted != "sqlite" and (wanted == "postgresql" or postgres.find_bin()):
            ctx.say("starting PostgreSQL")
            server = stack.enter_context(postgres.Postgres(keep_durable=True))
            url, slots = server.create("hilink_bench"), 2
        workers: list[Stack] = []
        for slot in range(slots):
            env = {"HILINK_WORKER_SLOT": str(slot), "HILINK_DATA_DIR": str(folder / "data")}
            if workers:
                env["HILINK_SMTP_URL"] = workers[0].mail.url
            ctx.say(f"starting worker {slot}")
            worker = Stack(folder / str(slot), roles=("worker",), database_url=url, env=env)
            workers.append(stack.enter_context(worker))
        made = bootstrap.build(workers[0].settings, "cli")
        stack.callback(made.store.close)
        with using(made):
            yield Term(made, workers)


def _schedule(ctx: Context, term: Term, sessions: int, window_s: int) -> float:
    """All lessons, one after the other, as a batch plan does; they start within the window."""
    actor, course_id, people = _people(term.made, sessions)
    first = term.made.clock.now() + AHEAD
    ctx.say(f"scheduling {sessions} lessons")
    began = time.monotonic()
    for number, (instructor, student) in enumerate(people):
        start = first + timedelta(seconds=number * window_s / sessions)
        schedule.schedule_session(
            actor, schedule.NewSession(course_id, instructor, (student,), start, start + LENGTH)
        )
    return time.monotonic() - began


def _people(made: Services, sessions: int) -> tuple[Viewer, str, list[tuple[str, str]]]:
    """A coordinator, a course, and (instructor, student) of each lesson: every student with a guardian."""
    people: list[tuple[str, str]] = []
    with made.store.write() as db:
        course = Course(name="Algebra")
        db.add(course)
        db.flush()
        coordinator = _person(db, "Cora Coordinator", "coordinator")
    for first in range(0, sessions, BATCH):
        with made.store.write() as db:
            people += [_pair(db, course.id, number) for number in range(first, min(first + BATCH, sessions))]
    with made.store.read() as db:
        actor = viewer_for(db, coordinator)
    assert actor is not None
    return actor, course.id, people


def _pair(db: Session, course_id: str, number: int) -> tuple[str, str]:
    teacher = _person(db, f"Ines Instructor{number}", "instructor")
    student = _person(db, f"Sam Student{number}", "student")
    guardian = _person(db, f"Gale Guardian{number}", "guardian")
    db.add(Qualification(instructor_id=teacher, course_id=course_id))
    db.add(Guardianship(guardian_id=guardian, student_id=student))
    db.add(Enrollment(student_id=student, course_id=course_id))
    return teacher, student


def _person(db: Session, name: str, role: str) -> str:
    row = Person(name=name, is_minor=role == "student")
    row.email = None if role == "student" else f"{row.id}@example.org"
    db.add(row)
    db.flush()
    db.add(PersonRole(person_id=row.id, role=role))
    return row.id


def _work_off(ctx: Context, term: Term) -> float:
    """Until every delivery is done and every message sent; StackError when nothing moves for long."""
    began = time.monotonic()
    seen, since = -1, began
    while True:
        open_ = term.count(
            select(func.count()).select_from(Delivery).where(col(Delivery.status) == "waiting")
        ) + term.count(select(func.count()).select_from(Message).where(col(Message.status) == "queued"))
        if open_ == 0:
            ctx.say(f"worked off in {time.monotonic() - began:.0f} s")
            return time.monotonic() - began
        if open_ != seen:
            seen, since = open_, time.monotonic()
        elif time.monotonic() - since > STUCK_S:
            raise StackError(f"{open_} deliveries and messages are stuck")
        time.sleep(1)


def _start_again(ctx: Context, term: Term) -> float:
    """Stop the workers; what falls due meanwhile fires when the first one is back."""
    for worker in term.workers:
        worker.end("worker")
    now = term.made.clock.now()
    with term.made.store.write() as db:
        for number in range(PROBES):
            set_timer(db, "case_due", f"probe-{number}", now)
    began = term.made.clock.now()
    term.workers[0].start("worker", timeout_s=120)
    ready = began + timedelta(seconds=term.workers[0].boot_s["worker"])
    probes = select(func.max(Timer.fired_at), func.count()).where(
        col(Timer.subject_id).startswith("probe-"), Timer.status == "fired"
    )
    while True:
        with term.made.store.read() as db:
            fired_at, fired = db.exec(probes).one()
        if fired == PROBES:
            break
        time.sleep(0.05)
    assert fired_at is not None  # PROBES fired
    ctx.say(
        f"the worker was ready after {(ready - began).total_seconds():.1f} s, "
        f"everything overdue had fired after {(fired_at - began).total_seconds():.1f} s"
    )
    for worker in term.workers[1:]:
        worker.start("worker", timeout_s=120)
    return max(0.0, (fired_at - ready).total_seconds())


def _window(ctx: Context, term: Term, before: timedelta, early: timedelta = timedelta()) -> None:
    """Move time to that long before the first lesson, and wait until what is due in this window has fired.

    early: some of it is due as much before.
    """
    moved = _move_time(term.made, before + early)
    with term.made.store.read() as db:
        last = db.exec(select(ClassSession.starts_at).order_by(col(ClassSession.starts_at).desc())).first()
        assert last is not None
        due = select(func.count()).where(Timer.status == "waiting", Timer.due_at <= last - before)
        ctx.say(f"{before} before: {db.exec(due).one()} timers fall due")
    while term.made.clock.now() < last - before or term.count(due):
        term.node_lives()
        time.sleep(2)
    with term.made.store.read() as db:
        fired = db.exec(
            select(Timer.due_at, Timer.fired_at).where(Timer.status == "fired", Timer.due_at >= moved)
        ).all()
    lags = [(fired_at - due_at).total_seconds() for due_at, fired_at in fired if fired_at]
    term.lags_s += lags
    ctx.say(
        f"{before} before: {len(lags)} fired, p99 {percentile(lags, 0.99):.2f} s, worst {max(lags):.2f} s"
    )


def _move_time(made: Services, before: timedelta) -> datetime:
    """Bring everything that lies ahead nearer, all of it by the same; returns when that was done."""
    with made.store.read() as db:
        first = db.exec(select(func.min(ClassSession.starts_at))).one()
    by = first - before - SHORTLY - made.clock.now()
    moved: tuple[tuple[type[SQLModel], tuple[str, ...]], ...] = (
        (ClassSession, ("starts_at", "ends_at")),
        (Seat, ("starts_at", "ends_at")),
        (JoinLink, ("expires_at",)),
        (Timer, ("due_at",)),
    )
    with made.store.write() as db:
        for table, columns in moved:
            (key,) = inspect(table).primary_key
            query = select(table)
            if table is Timer:
                query = query.where(Timer.status == "waiting")
            rows = [
                {"key": getattr(row, key.name), **{name: getattr(row, name) - by for name in columns}}
                for row in db.exec(query)
            ]
            changed = update(table).where(key == bindparam("key"))
            changed = changed.values({name: bindparam(name) for name in columns})
            db.connection().execute(changed, rows)
    return made.clock.now()
