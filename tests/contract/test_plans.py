"""Plans on both databases: made apart, accepted once, never twice booked, and ended whatever happens to the worker."""

import os
import signal
import subprocess
import sys
import threading
import time as seconds
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import col, select

from core.access import Viewer, viewer_for
from core.clock import tick_timers
from core.domain import (
    AuditEntry,
    AvailabilityHours,
    BatchPlan,
    ClassSession,
    DomainEvent,
    Enrollment,
    ExceptionCase,
    LessonRequest,
    Person,
    PlanItem,
    Qualification,
    Seat,
    Series,
)
from core.errors import Conflict, InvalidInput, NotAllowed, NotFound, UserError
from core.lifecycle import planning, plans, requests, wiring
from core.lifecycle.requests import Chosen, NewRequest
from core.lifecycle.schedule import NewSession, schedule_session
from core.scheduling.wish import Slot, WishWindow
from core.services import Services, using
from core.testing import seed, services

pytestmark = pytest.mark.contract

NOW = datetime(2027, 2, 20, 12, tzinfo=UTC)
MONDAY, SUNDAY = date(2027, 3, 1), date(2027, 4, 25)
AFTERNOON = WishWindow(0, time(16), time(17))
WORKER = """
from core.config import Settings
from hilink_app.worker import main
main(Settings(_env_file=None))
"""


@dataclass
class School:
    """Two instructors who work on Mondays from 16:00 to 18:00, and families who ask."""

    app: Services
    one: seed.Lesson
    coordinator: Viewer
    teachers: list[Person]
    asked: list[str] = field(default_factory=list[str])

    def ask(self, *windows: WishWindow, **more: Any) -> str:
        """A new student's request, for eight lessons on Monday afternoons."""
        with self.app.store.write() as db:
            student = seed.person(db, f"Stu Dent {len(self.asked)}", "student")
        facts: dict[str, Any] = {"lessons": 8, "length_min": 60, "tz": "UTC", "from_day": MONDAY} | more
        asked = NewRequest(student.id, self.one.course.id, windows or (AFTERNOON,), **facts)
        self.asked.append(requests.ask(self.coordinator, asked))
        return self.asked[-1]

    def made(self, **more: Any) -> BatchPlan:
        """A plan of everything that is open, ready."""
        plan_id = plans.start_plan(self.coordinator, MONDAY, SUNDAY, **more)
        self.work()
        return self.plan(plan_id)

    def work(self) -> None:
        """What the worker does, here."""
        while (plan_id := planning.claim(self.app)) is not None:
            planning.work(plan_id)

    def plan(self, plan_id: str) -> BatchPlan:
        with self.app.store.read() as db:
            return db.get_one(BatchPlan, plan_id)

    def lines(self, plan_id: str, *statuses: str) -> list[PlanItem]:
        with self.app.store.read() as db:
            found = db.exec(select(PlanItem).where(PlanItem.plan_id == plan_id).order_by(col(PlanItem.id)))
            return [item for item in found if not statuses or item.status in statuses]

    def all(self, table: Any) -> list[Any]:
        with self.app.store.read() as db:
            return list(db.exec(select(table)).all())

    def statuses(self) -> list[str]:
        with self.app.store.read() as db:
            return [db.get_one(LessonRequest, one).status for one in self.asked]

    def status_of(self, line: PlanItem) -> str:
        """Of the line's request; lines are in no order of the asking."""
        with self.app.store.read() as db:
            return db.get_one(LessonRequest, line.request_id).status

    def book(self, teacher: Person, starts_at: datetime) -> None:
        """A lesson of somebody else at that time."""
        with self.app.store.write() as db:
            student = seed.person(db, "Other Student", "student")
            db.add(Enrollment(student_id=student.id, course_id=self.one.course.id))
        ends_at = starts_at + timedelta(hours=1)
        new = NewSession(self.one.course.id, teacher.id, (student.id,), starts_at, ends_at)
        schedule_session(self.coordinator, new)


@pytest.fixture
def school(db_url: str, tmp_path: Path) -> Iterator[School]:
    url = "" if db_url.startswith("sqlite") else db_url
    with services(tmp_path, database_url=url, built_ins=()) as app:
        wiring.wire()
        app.clock.set(NOW)  # type: ignore[attr-defined]
        with app.store.write() as db:
            one = seed.lesson(db, starts_in_s=300 * 86_400)
            teachers = [one.instructor, seed.person(db, "Otto Other", "instructor")]
            for teacher in teachers:
                db.add(Qualification(instructor_id=teacher.id, course_id=one.course.id))
                hours = {"weekday": 0, "starts": time(16), "ends": time(18), "tz": "UTC"}
                db.add(AvailabilityHours(person_id=teacher.id, **hours))
            coordinator = viewer_for(db, one.coordinator.id)
        assert coordinator is not None
        yield School(app, one, coordinator, teachers)


def race(school: School, work: Callable[[int], Any], count: int) -> tuple[int, list[UserError]]:
    """How many of `count` threads got through, and the refusals of the others."""
    start, done, refused = threading.Barrier(count), [0], list[UserError]()

    def run(number: int) -> None:
        start.wait()
        try:
            with using(school.app):
                work(number)
            done[0] += 1
        except UserError as error:
            refused.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return done[0], refused


def test_a_plan_is_made_accepted_and_its_lessons_are_booked(school: School) -> None:
    for _ in range(2):
        school.ask()
    plan = school.made()
    assert (plan.status, plan.progress["share"], plan.figures["placed"]) == ("ready", 100, 2)
    lines = school.lines(plan.id)
    assert {line.status for line in lines} == {"placed"}
    assert {line.instructor_id for line in lines} == {teacher.id for teacher in school.teachers}
    assert lines[0].times == [datetime(2027, 3, 1, 16, tzinfo=UTC).isoformat()]
    assert [one["code"] for one in lines[0].reasons] == ["qualified"]
    assert [(week["lessons"], week["gap_min"]) for week in plan.weeks] == [([0, 1], [0, 0])] * 2
    assert school.all(Series) == [], "nothing is booked before somebody accepts"

    plans.accept(school.coordinator, plan.id, plan.version)
    assert school.plan(plan.id).status == "booking"
    school.work()
    assert school.plan(plan.id).status == "accepted"
    assert school.statuses() == ["placed", "placed"]
    lessons = [row for row in school.all(ClassSession) if row.series_id]
    assert len(lessons) == 16 and {row.starts_at.hour for row in lessons} == {16}
    assert all(line.series_id for line in school.lines(plan.id, "booked"))
    changes = [row.payload["change"] for row in school.all(DomainEvent) if row.kind == "plan.changed"]
    assert [one for one in changes if one != "progress"] == ["asked", "ready", "booking", "accepted"]
    by = {row.action: row.actor_id for row in school.all(AuditEntry) if row.action.startswith("plan.")}
    assert by == dict.fromkeys(("plan.asked", "plan.booking"), school.coordinator.person_id)


def test_what_cannot_be_placed_is_a_case_that_names_what_stands_in_the_way(school: School) -> None:
    at_night = school.ask(WishWindow(0, time(2), time(3)))
    for _ in range(3):
        school.ask()
    plan = school.made()
    unplaced = {line.request_id: line.reasons[0]["code"] for line in school.lines(plan.id, "unplaced")}
    assert len(unplaced) == 2 and unplaced.pop(at_night) == "all_hours"
    assert list(unplaced.values()) == ["others"]
    cases = [row for row in school.all(ExceptionCase) if row.kind == requests.CASE]
    assert {row.facts["request_id"]: row.facts["constraint"] for row in cases} == {
        at_night: "all_hours",
        next(iter(unplaced)): "others",
    }
    school.made()
    assert len([row for row in school.all(ExceptionCase) if row.kind == requests.CASE]) == 2


def test_a_line_that_clashes_meanwhile_is_said_and_the_rest_is_booked(school: School) -> None:
    for _ in range(2):
        school.ask(lessons=1)
    plan = school.made()
    gone, kept = school.lines(plan.id)
    teacher = next(one for one in school.teachers if one.id == gone.instructor_id)
    school.book(teacher, datetime(2027, 3, 1, 16, 30, tzinfo=UTC))
    plans.accept(school.coordinator, plan.id, plan.version)
    school.work()
    (clashed,) = school.lines(plan.id, "clashed")
    assert clashed.id == gone.id and "Other" not in str(clashed.reasons) and clashed.reasons[0]["words"]
    assert [line.id for line in school.lines(plan.id, "booked")] == [kept.id]
    (case,) = [row for row in school.all(ExceptionCase) if row.kind == "plan_clashed"]
    assert case.facts == {"plan_id": plan.id, "clashed": 1}


def test_a_request_somebody_settled_meanwhile_is_not_booked_twice(school: School) -> None:
    request_id = school.ask()
    plan = school.made()
    requests.withdraw(school.coordinator, request_id, 1)
    plans.accept(school.coordinator, plan.id, plan.version)
    school.work()
    (line,) = school.lines(plan.id, "clashed")
    assert line.reasons[0]["words"] == planning.SETTLED and school.all(Series) == []


def test_of_coordinators_who_accept_at_once_one_wins_and_the_others_get_a_sentence(school: School) -> None:
    for _ in range(2):
        school.ask()
    plan = school.made()
    done, refused = race(school, lambda _: plans.accept(school.coordinator, plan.id, plan.version), 6)
    assert (done, len(refused)) == (1, 5)
    assert all(isinstance(error, Conflict) and str(error).endswith(".") for error in refused)
    school.work()
    assert len(school.all(Series)) == 2


def test_two_workers_that_book_the_same_plan_book_it_once(school: School) -> None:
    for _ in range(2):
        school.ask()
    plan = school.made()
    plans.accept(school.coordinator, plan.id, plan.version)
    assert planning.claim(school.app) == plan.id
    race(school, lambda _: planning.work(plan.id), 3)
    assert len(school.all(Series)) == 2 and school.plan(plan.id).status == "accepted"
    seats = [seat for seat in school.all(Seat) if seat.active]
    assert len({(seat.person_id, seat.starts_at) for seat in seats}) == len(seats)


def test_chosen_lines_are_booked_and_the_rest_waits(school: School) -> None:
    for _ in range(2):
        school.ask()
    plan = school.made()
    first, second = school.lines(plan.id)
    for wrong in ([], ["no-such-line"], [first.id, "no-such-line"]):
        with pytest.raises(InvalidInput):
            plans.accept(school.coordinator, plan.id, plan.version, wrong)
    plans.accept(school.coordinator, plan.id, plan.version, [first.id])
    school.work()
    plan = school.plan(plan.id)
    assert plan.status == "ready" and school.lines(plan.id, "placed")[0].id == second.id
    plans.reject(school.coordinator, plan.id, "The family thinks again.", plan.version)
    assert school.plan(plan.id).status == "accepted"
    assert [line.id for line in school.lines(plan.id, "rejected")] == [second.id]
    assert school.status_of(first) == "placed" and school.status_of(second) == "open"


def test_a_rejected_plan_books_nothing_and_says_why(school: School) -> None:
    school.ask()
    plan = school.made()
    with pytest.raises(InvalidInput):
        plans.reject(school.coordinator, plan.id, "  ", plan.version)
    plans.reject(school.coordinator, plan.id, "Too many evenings.", plan.version)
    plan = school.plan(plan.id)
    assert (plan.status, plan.reason) == ("rejected", "Too many evenings.")
    for attempt in (
        lambda: plans.accept(school.coordinator, plan.id, plan.version),
        lambda: plans.cancel(school.coordinator, plan.id),
        lambda: plans.undo(school.coordinator, plan.id, plan.version),
    ):
        with pytest.raises(Conflict):
            attempt()
    assert school.statuses() == ["open"] and school.all(Series) == []


def test_taking_a_plan_back_cancels_what_is_to_come_and_requests_wait_again(school: School) -> None:
    for _ in range(2):
        school.ask()
    plan = school.made()
    plans.accept(school.coordinator, plan.id, plan.version)
    school.work()
    requests.undo(school.coordinator, school.asked[0], 2)
    plans.undo(school.coordinator, plan.id, school.plan(plan.id).version)
    school.work()
    assert school.plan(plan.id).status == "undone" and school.statuses() == ["open", "open"]
    assert {row.status for row in school.all(ClassSession) if row.series_id} == {"cancelled"}
    assert school.made().status == "ready"


def test_a_line_is_given_another_proposal_before_it_is_accepted(school: School) -> None:
    both = WishWindow(0, time(16), time(18))
    for _ in range(2):
        school.ask(both)
    plan = school.made()
    first, second = school.lines(plan.id)
    assert second.instructor_id is not None
    taken = Chosen(second.instructor_id, (Slot(0, datetime.fromisoformat(second.times[0]).time()),))
    with pytest.raises(Conflict, match="Another line"):
        plans.change_line(school.coordinator, first.id, taken, plan.version)
    with pytest.raises(Conflict, match="do not fit"):
        at_night = Chosen(second.instructor_id, (Slot(0, time(3)),))
        plans.change_line(school.coordinator, first.id, at_night, plan.version)
    for chosen in (Chosen(second.instructor_id, ()), Chosen(second.instructor_id, (Slot(0, time(16)),) * 2)):
        with pytest.raises(InvalidInput):
            plans.change_line(school.coordinator, first.id, chosen, plan.version)
    free = time(33 - taken.slots[0].at.hour)
    plans.change_line(
        school.coordinator, first.id, Chosen(second.instructor_id, (Slot(0, free),)), plan.version
    )
    with pytest.raises(Conflict):
        plans.accept(school.coordinator, plan.id, plan.version)
    plans.accept(school.coordinator, plan.id, plan.version + 1)
    school.work()
    assert {line.instructor_id for line in school.lines(plan.id, "booked")} == {second.instructor_id}


def test_a_plan_is_of_the_requests_that_were_chosen(school: School) -> None:
    first = school.ask()
    school.ask()
    plan = school.made(request_ids=[first])
    assert [line.request_id for line in school.lines(plan.id)] == [first]
    requests.withdraw(school.coordinator, first, 1)
    for wrong in ([], [first], ["no-such-request"]):
        with pytest.raises(InvalidInput):
            plans.start_plan(school.coordinator, MONDAY, SUNDAY, wrong)


def test_what_a_plan_needs_to_begin(school: School) -> None:
    with pytest.raises(InvalidInput):
        plans.start_plan(school.coordinator, MONDAY, SUNDAY)  # nobody asks
    school.ask()
    for first, last in (
        (NOW.date() - timedelta(days=1), SUNDAY),
        (SUNDAY, MONDAY),
        (MONDAY, MONDAY + timedelta(days=366)),
    ):
        with pytest.raises(InvalidInput):
            plans.start_plan(school.coordinator, first, last)
    teacher = Viewer(school.teachers[0].id, "Ivy", ("instructor",))
    with pytest.raises(NotAllowed):
        plans.start_plan(teacher, MONDAY, SUNDAY)
    plan_id = plans.start_plan(school.coordinator, MONDAY, SUNDAY)
    with pytest.raises(Conflict, match="Another plan"):
        plans.start_plan(school.coordinator, MONDAY, SUNDAY)
    with pytest.raises(NotFound):
        plans.cancel(school.coordinator, "no-such-plan")
    plans.cancel(school.coordinator, plan_id)
    plans.cancel(school.coordinator, plan_id)
    assert planning.claim(school.app) is None


def test_a_plan_that_is_cancelled_while_it_is_made_ends_its_solver_and_writes_nothing(school: School) -> None:
    school.ask()
    plan_id = plans.start_plan(school.coordinator, MONDAY, SUNDAY)
    assert planning.claim(school.app) == plan_id
    worker = threading.Thread(target=_in(school, lambda: planning.work(plan_id)))
    worker.start()
    wait_for(lambda: bool(solvers(os.getpid())))
    plans.cancel(school.coordinator, plan_id)
    worker.join()
    assert solvers(os.getpid()) == [] and school.lines(plan_id) == []
    assert school.plan(plan_id).status == "cancelled"


def test_a_solver_that_is_killed_is_tried_again_and_then_given_up_with_a_sentence(school: School) -> None:
    school.ask()
    plan_id = plans.start_plan(school.coordinator, MONDAY, SUNDAY)
    for _ in range(planning.TRIES):
        assert planning.claim(school.app) == plan_id
        worker = threading.Thread(target=_in(school, lambda: planning.work(plan_id)))
        worker.start()
        wait_for(lambda: bool(solvers(os.getpid())))
        os.kill(solvers(os.getpid())[0], signal.SIGKILL)
        worker.join()
    assert planning.claim(school.app) is None
    plan = school.plan(plan_id)
    assert (plan.status, plan.reason) == ("failed", planning.ENDED)


def test_a_plan_that_takes_too_long_is_stopped_with_a_sentence(school: School) -> None:
    school.ask()
    plan_id = plans.start_plan(school.coordinator, MONDAY, SUNDAY)
    assert planning.claim(school.app) == plan_id
    hasty = school.app.settings.model_copy(update={"plan_s": 0.01})
    with using(_with(school.app, hasty)):
        planning.work(plan_id)
    plan = school.plan(plan_id)
    assert (plan.status, plan.reason) == ("failed", planning.TOO_SLOW)
    assert solvers(os.getpid()) == []


def test_a_plan_whose_worker_fell_silent_goes_to_another_one_that_has_it_alone(school: School) -> None:
    school.ask()
    plan_id = plans.start_plan(school.coordinator, MONDAY, SUNDAY)
    assert planning.claim(school.app) == plan_id
    run = school.plan(plan_id).progress["run"]
    assert planning.claim(school.app) is None, "somebody works on it"
    school.app.clock.advance(seconds=31)  # type: ignore[attr-defined]
    assert planning.claim(school.app) == plan_id
    planning.work(plan_id)
    assert school.plan(plan_id).status == "ready" and len(school.lines(plan_id)) == 1
    assert school.plan(plan_id).progress.get("run") != run


def test_booking_that_is_interrupted_again_and_again_leaves_lines_to_decide_about(school: School) -> None:
    school.ask()
    plan = school.made()
    plans.accept(school.coordinator, plan.id, plan.version)
    for _ in range(planning.TRIES):
        assert planning.claim(school.app) == plan.id  # and its worker dies
        school.app.clock.advance(seconds=31)  # type: ignore[attr-defined]
    assert planning.claim(school.app) is None
    plan = school.plan(plan.id)
    assert (plan.status, plan.reason) == ("ready", planning.HALF_DONE)
    plans.accept(school.coordinator, plan.id, plan.version)
    school.work()
    assert school.statuses() == ["placed"]


def test_a_killed_worker_leaves_no_solver_and_the_next_worker_makes_the_plan(
    school: School, tmp_path: Path
) -> None:
    tick_timers(school.app)
    today = datetime.now(UTC).date()
    monday = today + timedelta(days=7 - today.weekday())
    school.app.clock.set(datetime.now(UTC))  # type: ignore[attr-defined]
    school.ask(from_day=monday)
    plan_id = plans.start_plan(school.coordinator, monday, monday + timedelta(days=27))
    first = start_worker(school, tmp_path)
    try:
        wait_for(lambda: bool(solvers(first.pid)))
        solver = solvers(first.pid)[0]
    finally:
        first.kill()
        first.wait(10)
    wait_for(lambda: not Path(f"/proc/{solver}").exists())
    with school.app.store.write() as db:
        row = db.get_one(BatchPlan, plan_id)
        assert row.status == "solving"
        row.progress = {**row.progress, "at": (datetime.now(UTC) - planning.SILENT * 2).isoformat()}
        db.add(row)
    second = start_worker(school, tmp_path)
    try:
        wait_for(lambda: school.plan(plan_id).status == "ready")
    finally:
        second.terminate()
        second.wait(30)
    assert [line.status for line in school.lines(plan_id)] == ["placed"]


def start_worker(school: School, tmp_path: Path) -> subprocess.Popen[bytes]:
    settings = school.app.settings
    env = os.environ | {
        "HILINK_DATA_DIR": str(settings.data_dir),
        "HILINK_DATABASE_URL": settings.database_url,
        "HILINK_SECRET": settings.secret,
    }
    with (tmp_path / "worker.log").open("ab") as log:
        return subprocess.Popen([sys.executable, "-c", WORKER], env=env, stderr=log)


def solvers(parent: int) -> list[int]:
    """Solver processes that this process started."""
    found: list[int] = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            ppid = int(stat.read_text().rpartition(")")[2].split()[1])
            command = (stat.parent / "cmdline").read_bytes()
        except OSError:
            continue  # gone in between
        if ppid == parent and b"batch_process" in command:
            found.append(int(stat.parent.name))
    return found


def wait_for(what: Callable[[], bool], timeout_s: float = 120) -> None:
    deadline = seconds.monotonic() + timeout_s
    while not what():
        assert seconds.monotonic() < deadline
        seconds.sleep(0.05)


def _in(school: School, work: Callable[[], None]) -> Callable[[], None]:
    def run() -> None:
        with using(school.app):
            work()

    return run


def _with(app: Services, settings: Any) -> Services:
    from dataclasses import replace

    return replace(app, settings=settings)
