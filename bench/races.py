"""Many writers want the same slots: is anybody ever booked twice, does any change get lost?

64 writers (4 processes with 16 threads each) make HILINK_BENCH_ATTEMPTS (10,000) attempts at booking, moving and
cancelling lessons of 8 instructors and 12 students within 6 hours, through core.lifecycle.schedule, on SQLite and
then on PostgreSQL. HILINK_BENCH_DATABASE=sqlite or postgresql: one of them alone.

double_bookings  pairs of lessons of one person that overlap afterwards
lost_updates     changes a writer was told have happened, and that the lesson's version does not count
errors           attempts that ended in anything but success or a sentence for the person
attempts_per_s   of the slower database
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlmodel import Session, col, func, select

from bench.harness import Context, Result, Target
from core.domain import (
    ClassSession,
    Course,
    DomainEvent,
    Enrollment,
    Person,
    PersonRole,
    Qualification,
)
from core.services import Services, using
from hilink_app import bootstrap
from hilink_app.toolchain import postgres
from hilink_app.toolchain.paths import ROOT
from tests.stack import Stack

ATTEMPTS = 10_000
PROCESSES, THREADS = 4, 16
"""More processes would need more connections than PostgreSQL has by default: each has two pools."""
INSTRUCTORS, STUDENTS, SLOTS = 8, 12, 24
TARGETS: dict[str, Target] = {
    "double_bookings": ("==", 0),
    "lost_updates": ("==", 0),
    "errors": ("==", 0),
}
_OVERLAPS = """
SELECT count(*) FROM seat a JOIN seat b ON a.person_id = b.person_id AND a.id < b.id
WHERE a.active AND b.active AND a.starts_at < b.ends_at AND b.starts_at < a.ends_at"""


def run(ctx: Context) -> Result:
    attempts = int(os.environ.get("HILINK_BENCH_ATTEMPTS", ATTEMPTS))
    wanted = os.environ.get("HILINK_BENCH_DATABASE", "")
    databases = [wanted] if wanted else ["sqlite", "postgresql"]
    samples: dict[str, list[float]] = {}
    totals: Counter[str] = Counter()
    rates: list[float] = []
    for database in databases:
        with _academy(ctx, database) as (made, stack, task):
            ctx.say(f"{database}: {PROCESSES * THREADS} writers, {attempts} attempts")
            began = time.monotonic()
            answers = _race(stack, task, attempts)
            took = time.monotonic() - began
            with made.store.read() as db:
                found = _judge(db, answers)
        ctx.say(f"{database}: {took:.0f} s, {found}, {[one['errors'] for one in answers if one['errors']]}")
        rates.append(attempts / took)
        totals.update({name: found[name] for name in TARGETS})
        samples |= {f"{database}_{name}": [float(value)] for name, value in found.items()}
    return Result(
        samples=samples,
        figures={**{name: float(totals[name]) for name in TARGETS}, "attempts_per_s": min(rates)},
        targets=TARGETS,
        load={"writers": PROCESSES * THREADS, "attempts": attempts, "databases": len(databases)},
        versions={},
    )


@contextmanager
def _academy(ctx: Context, database: str) -> Iterator[tuple[Services, Stack, dict[str, Any]]]:
    """A migrated database with few people, and what the writers have to know."""
    folder = Path(tempfile.mkdtemp(prefix="hilink-bench-"))
    with ExitStack() as held:
        held.callback(shutil.rmtree, folder, ignore_errors=True)
        url = ""
        if database == "postgresql":
            ctx.say("starting PostgreSQL")
            url = held.enter_context(postgres.Postgres(keep_durable=True)).create("hilink_bench")
        stack = held.enter_context(Stack(folder, roles=(), database_url=url))
        made = bootstrap.build(stack.settings, "cli")
        held.callback(made.store.close)
        with using(made), made.store.write() as db:
            task = _fill(db, made)
        yield made, stack, task


def _fill(db: Session, made: Services) -> dict[str, Any]:
    course = Course(name="Algebra")
    db.add(course)
    db.flush()
    coordinator = _person(db, "Cora Coordinator", "coordinator")
    instructors = [_person(db, f"Ines Instructor{n}", "instructor") for n in range(INSTRUCTORS)]
    students = [_person(db, f"Sam Student{n}", "student") for n in range(STUDENTS)]
    db.add_all(Qualification(instructor_id=one, course_id=course.id) for one in instructors)
    db.add_all(Enrollment(student_id=one, course_id=course.id) for one in students)
    first = (made.clock.now() + timedelta(days=3)).replace(minute=0, second=0, microsecond=0)
    return {
        "course": course.id,
        "coordinator": coordinator,
        "pairs": [(teacher, student) for teacher in instructors for student in students],
        "first": first.isoformat(),
        "slots": SLOTS,
    }


def _person(db: Session, name: str, role: str) -> str:
    row = Person(name=name)
    row.email = f"{row.id}@example.org"
    db.add(row)
    db.flush()
    db.add(PersonRole(person_id=row.id, role=role))
    return row.id


def _race(stack: Stack, task: dict[str, Any], attempts: int) -> list[dict[str, Any]]:
    share = attempts // (PROCESSES * THREADS)
    writers = [
        subprocess.Popen(
            [sys.executable, "-m", "bench._races_child"],
            cwd=ROOT,
            env=stack.env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(PROCESSES)
    ]
    for number, writer in enumerate(writers):
        assert writer.stdin is not None
        orders = {**task, "threads": THREADS, "attempts": share, "seed": number * THREADS}
        writer.stdin.write(json.dumps(orders))
        writer.stdin.close()
    answers: list[dict[str, Any]] = []
    for writer in writers:
        assert writer.stdout is not None
        answers.append(json.loads(writer.stdout.read()))
        writer.wait()
    return answers


def _judge(db: Session, answers: list[dict[str, Any]]) -> dict[str, int]:
    """Hold what the writers were told against what the database has."""
    outcomes: Counter[str] = Counter()
    changes: Counter[str] = Counter()
    errors = 0
    for answer in answers:
        outcomes.update(answer["outcomes"])
        changes.update(answer["changes"])
        errors += sum(answer["errors"].values())
    rows = db.exec(select(ClassSession.id, ClassSession.version)).all()
    lost = sum(abs(1 + changes[session_id] - version) for session_id, version in rows)
    lost += abs(outcomes["booked"] - len(rows))
    events = db.exec(select(func.count()).where(col(DomainEvent.kind) == "session.scheduled")).one()
    told = outcomes["booked"] + outcomes["moved"] + outcomes["cancelled"]
    return {
        "double_bookings": db.connection().execute(text(_OVERLAPS)).scalar_one(),
        "lost_updates": lost + abs(told - events),
        "errors": errors,
        **{name: outcomes[name] for name in ("booked", "moved", "cancelled", "refused")},
    }
