"""A coordinator opens a request: how long until the ranked proposals are there, and what if the academy grows?

What is timed is `core.queries.requests.offered` of a stored request: the database, the search, the words. Requests
ask for a term in the academy of `bench matching` (5,000 lessons a week, 600 instructors, 3,000 students, 12 zones;
HILINK_BENCH_LESSONS scales it), at its three levels, where all others have their lessons booked for WEEKS weeks. On
SQLite; HILINK_BENCH_DATABASE=postgresql: on PostgreSQL.

p95_ms      95th percentile, the slowest level
growth_10x  median with ten times the instructors, students and lessons, over the median, rounds in turn, the
            worst level
answered    share of the requests that got a proposal, the worst level: one instructor has kept the time free
"""

import gc
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench._academy import COORDINATOR, fill
from bench.harness import Context, Result, Target, median, p95
from core.access import Viewer
from core.queries import requests
from core.services import Services, using
from core.testing import FakeClock, services
from core.testing.timetable import LEVELS, Level, planted
from hilink_app.toolchain import postgres

LESSONS = 5_000
REQUESTS = 40
WEEKS = 4
"""For which lessons are booked."""
TIMES = 10
TARGETS: dict[str, Target] = {
    "p95_ms": ("<=", 150),
    "growth_10x": ("<=", 3),
    "answered": ("==", 1),
}
VIEWER = Viewer(COORDINATOR, "Cora Coordinator", ("coordinator",))


def run(ctx: Context) -> Result:
    lessons = int(os.environ.get("HILINK_BENCH_LESSONS", LESSONS))
    database = os.environ.get("HILINK_BENCH_DATABASE", "sqlite")
    samples: dict[str, list[float]] = {}
    growth: list[float] = []
    answered: list[float] = []
    for level in LEVELS:
        with (
            _academy(ctx, level, lessons, database) as small,
            _academy(ctx, level, lessons * TIMES, database) as large,
        ):
            few, many, share = _in_turn(small, large)
        samples |= {f"{level}_ms": few, f"{level}_{TIMES}x_ms": many}
        growth.append(median(many) / median(few))
        answered.append(share)
        ctx.say(
            f"{level}: median {median(few):.0f} ms, p95 {p95(few):.0f} ms; with {TIMES} x as many: "
            f"median {median(many):.0f} ms, p95 {p95(many):.0f} ms, {growth[-1]:.2f} x; {share:.3f} answered"
        )
    return Result(
        samples=samples,
        figures={
            "p95_ms": max(p95(samples[f"{level}_ms"]) for level in LEVELS),
            "growth_10x": max(growth),
            "answered": min(answered),
            "median_ms": max(median(samples[f"{level}_ms"]) for level in LEVELS),
            "p95_10x_ms": max(p95(samples[f"{level}_{TIMES}x_ms"]) for level in LEVELS),
        },
        targets=TARGETS,
        load={"lessons": lessons, "weeks": WEEKS, "requests": REQUESTS, "levels": list(LEVELS)},
        versions={"database": database},
    )


@contextmanager
def _academy(ctx: Context, level: Level, lessons: int, database: str) -> Iterator[tuple[Services, list[str]]]:
    folder = Path(tempfile.mkdtemp(prefix="hilink-bench-"))
    with ExitStack() as held:
        held.callback(shutil.rmtree, folder, ignore_errors=True)
        url = ""
        if database == "postgresql":
            url = held.enter_context(postgres.Postgres()).create("hilink_bench")
        academy = planted(level, teachers=lessons * 12 // 100, students=lessons * 6 // 10, lessons=lessons)
        ctx.say(f"{level}: writing {lessons} lessons a week, {len(academy.teachers)} instructors")
        made = held.enter_context(services(folder, database_url=url))
        assert isinstance(made.clock, FakeClock)
        made.clock.set(academy.now)
        waiting = fill(made, academy, REQUESTS, WEEKS)
        gc.collect()
        yield made, waiting


def _in_turn(
    small: tuple[Services, list[str]], large: tuple[Services, list[str]]
) -> tuple[list[float], list[float], float]:
    """(milliseconds in the small academy, in the large one, share of the requests with a proposal)."""
    few: list[float] = []
    many: list[float] = []
    found = 0
    for made, waiting in (small, large):
        _timed(made, waiting[0])  # a running application has compiled its statements
    for one, other in zip(small[1], large[1], strict=True):
        for taken, made, request_id in ((few, small[0], one), (many, large[0], other)):
            ms, answer = _timed(made, request_id)
            taken.append(ms)
            found += bool(answer.cards)
    return few, many, found / (len(few) + len(many))


def _timed(made: Services, request_id: str) -> tuple[float, requests.Offered]:
    with using(made):
        began = time.perf_counter()
        answer = requests.offered(VIEWER, request_id)
        return (time.perf_counter() - began) * 1_000, answer
