"""Many lessons end at the same moment: how soon is everything after them done, with a worker killed?

Each round ends HILINK_BENCH_SESSIONS (500) live lessons with 45 minutes of transcript each, through
`core.lifecycle.end`, with the built-in plugins on and a real mail server. Two worker processes work on
PostgreSQL (HILINK_BENCH_DATABASE=sqlite: one, on SQLite); when a quarter is done one is killed with `kill -9`
and started again, as the supervisor does.

deliveries_per_s  durable work (hook deliveries, stages of the chain) finished a second, all but drafts
drain_s           from the first end until the last of it is done
draft_p95_min     from the first end until a lesson's draft waits for its instructor
lost, doubled     effects that are missing, or there twice, over all rounds
mails_repeated    sent again with their Message-ID, which a kill may cause
"""

import os
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlmodel import Session, col, func, select

from bench._lessons import BATCH, LENGTH, BenchLesson, courses, lessons
from bench.harness import Context, Result, Target, median, p95
from core.domain import Attendance, ClassSession, Coverage, Delivery, DomainEvent, Message, Summary
from core.domain.load import get_session
from core.lifecycle import end
from core.services import Services, using
from hilink_app import bootstrap
from hilink_app.toolchain import postgres
from tests.stack import Stack

SESSIONS = 500
ROUNDS = 5
STUCK_S = 120.0
"""A round without any progress for this long has lost what is missing."""
RESTART_S = 0.5
TARGETS: dict[str, Target] = {
    "deliveries_per_s": (">=", 40),
    "drain_s": ("<=", 150),
    "draft_p95_min": ("<=", 30),
    "lost": ("==", 0),
    "doubled": ("==", 0),
}
HOOKS_A_LESSON = 2
"""on_session_end of classroom and whiteboard; on_summary of notifications comes after the draft."""


@dataclass
class School:
    """The bench's side: the web role's services in this process, and the workers."""

    made: Services
    workers: list[Stack]
    course_ids: list[str] = field(default_factory=list[str])


@dataclass(frozen=True)
class Round:
    """What one round measured. drained_s, drafted_min, asked_min: one number a lesson."""

    pieces: int
    drained_s: list[float]
    drafted_min: list[float]
    asked_min: list[float]
    lost: int
    doubled: int
    repeated: int

    @property
    def drain_s(self) -> float:
        return max(self.drained_s)


def run(ctx: Context) -> Result:
    sessions = int(os.environ.get("HILINK_BENCH_SESSIONS", SESSIONS))
    wanted = os.environ.get("HILINK_BENCH_DATABASE", "")
    with _school(ctx, wanted) as school:
        database = _version(school.made)
        ctx.say(f"{len(school.workers)} worker(s) on {database}, {ROUNDS} rounds of {sessions} lessons")
        rounds = [_round(ctx, school, number, sessions) for number in range(ROUNDS)]
    drafted = [minutes for one in rounds for minutes in one.drafted_min]
    rates = [one.pieces / one.drain_s for one in rounds]
    return Result(
        samples={
            "drain_s": [one.drain_s for one in rounds],
            "deliveries_per_s": rates,
            "lesson_drained_s": [seconds for one in rounds for seconds in one.drained_s],
            "draft_min": drafted,
            "asked_min": [minutes for one in rounds for minutes in one.asked_min],
        },
        figures={
            "deliveries_per_s": median(rates),
            "drain_s": median([one.drain_s for one in rounds]),
            "draft_p95_min": p95(drafted),
            "lost": sum(one.lost for one in rounds),
            "doubled": sum(one.doubled for one in rounds),
            "mails_repeated": sum(one.repeated for one in rounds),
        },
        targets=TARGETS,
        load={"sessions": sessions, "rounds": ROUNDS, "workers": len(school.workers), "killed_a_round": 1},
        versions={"database": database},
    )


@contextmanager
def _school(ctx: Context, wanted: str) -> Iterator[School]:
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
            yield School(made, workers, courses(made))


def _round(ctx: Context, school: School, number: int, sessions: int) -> Round:
    made = school.made
    ctx.say(
        f"round {number + 1}: {sessions} lessons with {int(LENGTH.total_seconds() // 60)} minutes of talk"
    )
    held = lessons(made, sessions, school.course_ids, made.clock.now() - LENGTH, status="live", talk=True)
    before = len(school.workers[0].mail.mails)
    ctx.say(f"round {number + 1}: all end")
    began = datetime.now(UTC)
    for first in range(0, sessions, BATCH):  # few transactions: they end as one, not one after the other
        with made.store.write() as db:
            for lesson in held[first : first + BATCH]:
                end.end_in(db, get_session(db, lesson.session_id, lock=True), "ended_by_instructor")
    ctx.say(f"round {number + 1}: ended in {(datetime.now(UTC) - began).total_seconds():.1f} s")
    _wait(ctx, school, [lesson.session_id for lesson in held])
    mails = school.workers[0].mail.mails[before:]
    with made.store.read() as db:
        measured = _measure(db, held, began, Counter(str(mail["Message-ID"]) for mail in mails))
    ctx.say(
        f"round {number + 1}: {measured.pieces} pieces in {measured.drain_s:.1f} s, "
        f"last draft after {max(measured.drafted_min, default=0) * 60:.0f} s, "
        f"{measured.lost} lost, {measured.doubled} doubled, {measured.repeated} mails repeated"
    )
    return measured


def _wait(ctx: Context, school: School, ids: list[str]) -> None:
    """Until every lesson has its draft and its mail; kills a worker when a quarter is drained."""
    victim = school.workers[-1]
    killed = False
    seen, since = -1, time.monotonic()
    while True:
        with school.made.store.read() as db:
            drained, drafted, asked = _progress(db, ids)
        if not killed and drained >= len(ids) * HOOKS_A_LESSON // 4:
            ctx.say(f"kill -9 with {drained} of {len(ids) * HOOKS_A_LESSON} hooks done")
            victim.kill("worker")
            killed = True
            time.sleep(RESTART_S)
            victim.start("worker", timeout_s=120)
            ctx.say("it is back")
        if asked >= len(ids):
            return
        if drained + drafted + asked != seen:
            seen, since = drained + drafted + asked, time.monotonic()
        elif time.monotonic() - since > STUCK_S:
            ctx.say(f"no progress for {STUCK_S:.0f} s at {drained}, {drafted}, {asked}")
            return
        time.sleep(0.5)


def _progress(db: Session, ids: list[str]) -> tuple[int, int, int]:
    """(hooks done, drafts, mails to instructors sent)."""
    hooks = select(func.count()).where(
        col(Delivery.subject_id).in_(ids), Delivery.hook == "on_session_end", Delivery.status == "done"
    )
    drafts = select(func.count()).where(col(Summary.session_id).in_(ids))
    asked = select(func.count()).where(col(Message.session_id).in_(ids), Message.status == "sent")
    return db.exec(hooks).one(), db.exec(drafts).one(), db.exec(asked).one()


def _measure(db: Session, held: list[BenchLesson], began: datetime, mails: Counter[str]) -> Round:
    ids = [lesson.session_id for lesson in held]
    events = db.exec(select(DomainEvent).where(col(DomainEvent.session_id).in_(ids))).all()
    deliveries = db.exec(
        select(Delivery).where(col(Delivery.subject_id).in_(ids), Delivery.hook == "on_session_end")
    ).all()
    drained: dict[str, float] = {}
    pieces = 0
    ends = [(row.subject_id, row.done_at) for row in deliveries]
    ends += [
        (event.session_id or "", event.at)
        for event in events
        if event.kind in ("attendance.finalized", "transcript.finalized")
    ]
    for session_id, at in ends:
        if at is not None:
            pieces += 1
            drained[session_id] = max(drained.get(session_id, 0.0), (at - began).total_seconds())
    summaries = db.exec(select(Summary).where(col(Summary.session_id).in_(ids))).all()
    messages = db.exec(select(Message).where(col(Message.session_id).in_(ids))).all()
    lost, doubled = _faults(db, ids, events, deliveries, summaries, messages)
    lost += sum(1 for row in messages if row.message_id not in mails)
    return Round(
        pieces,
        list(drained.values()),
        [(row.drafted_at - began).total_seconds() / 60 for row in summaries],
        [(row.sent_at - began).total_seconds() / 60 for row in messages if row.sent_at],
        lost,
        doubled,
        sum(count - 1 for count in mails.values()),
    )


def _faults(
    db: Session, ids: list[str], events: Any, deliveries: Any, summaries: Any, messages: Any
) -> tuple[int, int]:
    """(missing, too many) of each kind of effect, lesson by lesson."""
    expected: dict[str, tuple[Counter[str], int]] = {
        "attendance": (Counter(db.exec(select(Attendance.session_id).where(_of(Attendance, ids)))), 2),
        "hooks": (Counter(row.subject_id for row in deliveries if row.status == "done"), HOOKS_A_LESSON),
        "drafts": (Counter(row.session_id for row in summaries), 1),
        "asked": (Counter(row.session_id for row in messages if row.status == "sent"), 1),
        "chain": (
            Counter(
                db.exec(
                    select(ClassSession.id).where(
                        col(ClassSession.id).in_(ids), ClassSession.chain == "drafted"
                    )
                )
            ),
            1,
        ),
    }
    for kind in (
        "session.ended",
        "attendance.finalized",
        "transcript.finalized",
        "summary.changed",
        "message.sent",
    ):
        expected[kind] = (Counter(event.session_id for event in events if event.kind == kind), 1)
    covered = Counter(db.exec(select(Coverage.session_id).where(_of(Coverage, ids))))
    lost = sum(1 for session_id in ids if not covered[session_id])
    doubled = 0
    for counted, wanted in expected.values():
        lost += sum(max(0, wanted - counted[session_id]) for session_id in ids)
        doubled += sum(max(0, counted[session_id] - wanted) for session_id in ids)
    return lost, doubled + _doubled_ends(db, [row.id for row in deliveries])


def _doubled_ends(db: Session, deliveries: list[str]) -> int:
    """A delivery that was finished twice says so twice."""
    known = set(deliveries)
    said = Counter(
        event.payload.get("delivery_id")
        for event in db.exec(select(DomainEvent).where(DomainEvent.kind == "delivery.changed"))
    )
    return sum(count - 1 for key, count in said.items() if key in known)


def _of(table: Any, ids: list[str]) -> Any:
    return col(table.session_id).in_(ids)


def _version(made: Services) -> str:
    query = "SELECT sqlite_version()" if made.store.dialect == "sqlite" else "SHOW server_version"  # pyright: ignore[reportAttributeAccessIssue]
    with made.store.read() as db:
        number = db.connection().execute(text(query)).scalar_one()
    return f"{'SQLite' if 'sqlite' in query else 'PostgreSQL'} {number}"
