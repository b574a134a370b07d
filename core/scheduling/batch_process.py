"""A timetable made in a process of its own, so that whoever waits for it can go on, and can end it. Pure.

Run as a program it reads one pickled `Task` and writes a line of JSON whenever it has something to say:
["phase", lessons placed, lessons asked for] while it works, an object with the answer at the end. It ends when nobody
listens any more. Only this process loads the solver.
"""

import contextlib
import json
import pickle
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from datetime import time as clock_time
from typing import IO, Any, cast

from core.scheduling.batch_model import Ask
from core.scheduling.matching import Teacher
from core.scheduling.wish import Slot

BEAT_S = 1.0
"""How often the waiting side looks up."""

Progress = Callable[[str, int, int, float], bool]
"""(phase, lessons placed, lessons asked for, seconds since the start) -> whether the answer is still wanted."""


@dataclass(frozen=True, slots=True)
class Task:
    """Everything a timetable is made of. students: by id. seconds: how long to look for a better one."""

    asks: tuple[Ask, ...]
    teachers: tuple[Teacher, ...]
    students: Mapping[str, Teacher]
    from_day: date
    until_day: date
    now: datetime
    seconds: float


@dataclass(frozen=True, slots=True)
class Placed:
    """One request's place: weekly times by the wall clock of the request."""

    request_id: str
    teacher_id: str
    slots: tuple[Slot, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """figures: `Solved.figures`. A request that is not in `placed` has no place."""

    placed: tuple[Placed, ...]
    figures: dict[str, float]


class Unwanted(Exception):
    """Nobody wants the answer any more."""


class SolverEnded(RuntimeError):
    """The process ended without an answer: killed, out of memory, broken."""


class SolverSlow(SolverEnded):
    """The process was ended because its time was up."""


def solve_apart(task: Task, limit_s: float, wanted: Progress) -> Answer:
    """Start the process, wait for its answer, and end it in any case.

    wanted: asked about once a second; False ends the process. Unwanted, SolverSlow after limit_s, SolverEnded.
    """
    began = time.monotonic()
    command = [sys.executable, "-m", "core.scheduling.batch_process"]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdin is not None and child.stdout is not None
    lines: queue.Queue[bytes] = queue.Queue()
    reader = threading.Thread(target=_read, args=(child.stdout, lines), daemon=True, name="planner-reader")
    reader.start()
    try:
        with contextlib.suppress(BrokenPipeError):  # it ended early: its output says so
            pickle.dump(task, child.stdin)
            child.stdin.flush()
        return _answer(lines, task, began, limit_s, wanted)
    finally:
        child.kill()
        child.wait()
        reader.join()
        child.stdout.close()
        with contextlib.suppress(BrokenPipeError):
            child.stdin.close()


def _answer(lines: queue.Queue[bytes], task: Task, began: float, limit_s: float, wanted: Progress) -> Answer:
    phase, placed, asked = "bound", 0, sum(ask.wish.per_week for ask in task.asks)
    while True:
        left_s = limit_s - (time.monotonic() - began)
        for said in _said(lines, min(BEAT_S, max(0.0, left_s))):
            if isinstance(said, dict):
                return _decoded(cast("dict[str, Any]", said))
            phase, placed, asked = said
        passed_s = time.monotonic() - began
        if not wanted(phase, placed, asked, passed_s):
            raise Unwanted
        if passed_s > limit_s:
            raise SolverSlow


def _read(stream: IO[bytes], lines: queue.Queue[bytes]) -> None:
    for line in stream:
        lines.put(line)
    lines.put(b"")


def _said(lines: queue.Queue[bytes], patience_s: float) -> list[Any]:
    """What has come in, after at most so long. SolverEnded."""
    try:
        found = [lines.get(timeout=patience_s)]
    except queue.Empty:
        return []
    while not lines.empty():
        found.append(lines.get())
    said = [json.loads(line) for line in found if line]
    if b"" in found and not any(isinstance(one, dict) for one in said):
        raise SolverEnded
    return said


def _decoded(said: dict[str, Any]) -> Answer:
    placed = tuple(
        Placed(request_id, teacher_id, tuple(Slot(day, clock_time.fromisoformat(at)) for day, at in slots))
        for request_id, teacher_id, slots in said["placed"]
    )
    return Answer(placed, said["figures"])


def solve_here(task: Task, progress: Callable[[str, int, int], None] | None = None) -> dict[str, Any]:
    """The answer as the process writes it: {"placed": [[request, teacher, [[weekday, "HH:MM"]]]], "figures"}."""
    from core.scheduling.batch import solve  # the child's work: no role loads the solver
    from core.scheduling.batch_model import build

    problem = build(task.asks, task.teachers, task.students, task.from_day, task.until_day, task.now)
    solved = solve(problem, seconds=task.seconds, progress=progress)
    placed: list[Any] = []
    for number, place in sorted(solved.places.items()):
        job = problem.jobs[number]
        slots = [[job.slots[slot].weekday, f"{job.slots[slot].at:%H:%M}"] for slot in place.slots]
        placed.append([job.ask.request_id, problem.teachers[place.teacher].person_id, slots])
    return {"placed": placed, "figures": solved.figures}


def _main() -> None:
    task: Task = pickle.load(sys.stdin.buffer)
    answer = solve_here(task, lambda phase, placed, asked: _write([phase, placed, asked]))
    _write(answer)


def _write(said: Any) -> None:
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    _main()
