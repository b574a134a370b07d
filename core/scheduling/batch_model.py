"""A whole timetable as numbers: who could teach which request when, what that is worth, and what is taken. Pure.

A plan repeats weekly, so time is a circle of 672 quarter hours: one circle for each *regime*, the weeks of the span
in which every zone's clocks stand alike. A lesson must fit, and meet nobody, on all circles: so a plan made in
October still holds when one zone changes its clocks and another does not.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

import numpy as np
import numpy.typing as npt

from core.scheduling.availability import Availability
from core.scheduling.grid import A_DAY, A_WEEK, QUARTER, Bits, Clocks, Counts, Floats, Grid, ceil_quarters
from core.scheduling.matching import LANGUAGE, WISHED, Teacher, full_week, taught_points
from core.scheduling.proposals import ALWAYS
from core.scheduling.times import zone
from core.scheduling.wish import MISSING, Slot, Wish, slots_of
from core.scheduling.zones import instant

PLACED = 100.0
"""Points for a lesson that has a place at all: more than all wishes together."""
ENDLESS = 10_000
_WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Ask:
    """A request in a plan. The plan's span counts, not the wish's own."""

    request_id: str
    student_id: str
    wish: Wish


@dataclass(slots=True)
class Job:
    """One request on the circles.

    slots: S possible times; at: (S, regimes) quarter each begins in. weekday: (S,) local to the student.
    teachers: (C,) who are qualified; points: (C,) for each lesson with them; fits: (C, S) their hours and bookings.
    per_week lessons of `need` quarters on different days. days: (C, S) weekday where the instructor's limits count.
    """

    ask: Ask
    student: int
    slots: tuple[Slot, ...]
    at: Counts
    weekday: Counts
    teachers: Counts
    points: Floats
    fits: Bits
    days: Counts
    need: int
    per_week: int
    rows: dict[int, int] = field(init=False)
    """The row of each instructor."""

    def __post_init__(self) -> None:
        self.rows = {int(teacher): row for row, teacher in enumerate(self.teachers)}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a request is: teacher's place in the problem, slots' places in its job."""

    teacher: int
    slots: tuple[int, ...]


@dataclass(slots=True)
class Problem:
    """free: (T, regimes * 672) open and not booked. buffer: (T,) quarters. room_day: (T, 7), room_week: (T,) how
    many more lessons. full: (T,) how many lessons a full week has."""

    teachers: tuple[Teacher, ...]
    jobs: list[Job]
    regimes: int
    free: Bits
    buffer: Counts
    room_day: Counts
    room_week: Counts
    full: Floats
    students: dict[str, int] = field(default_factory=dict[str, int])
    student_free: Bits = field(default_factory=lambda: np.zeros((0, 0), dtype=np.bool_))

    def cells(self, at: int | Counts, length: int) -> Counts:
        """The quarters of a span on every circle. at: (..., regimes); returns (..., regimes, length)."""
        offsets = (np.asarray(at)[..., None] + np.arange(length)) % A_WEEK
        return offsets + (np.arange(self.regimes) * A_WEEK)[:, None]


@dataclass(frozen=True, slots=True)
class _Regime:
    """monday: UTC midnight of the week that stands for all of `weeks` (numbers of weeks in the span)."""

    monday: datetime
    weeks: list[int]


def build(
    asks: Sequence[Ask],
    teachers: Sequence[Teacher],
    students: Mapping[str, Teacher],
    from_day: date,
    until_day: date,
    now: datetime,
) -> Problem:
    """The problem of placing these in every week from the first day to the last, both included."""
    zones = sorted({one.tz for one in teachers} | {ask.wish.tz for ask in asks})
    monday = datetime.combine(from_day - timedelta(days=from_day.weekday()), time(0), UTC)
    weeks = max(1, -(-(until_day - monday.date() + timedelta(days=1)) // _WEEK))
    regimes = _regimes(monday, weeks, zones)
    clocks = Clocks(Grid(monday, weeks * A_WEEK))
    free = np.stack([_free(clocks, one, regimes, now) for one in teachers]) if teachers else _nobody(regimes)
    numbers = {ask.student_id: 0 for ask in asks}
    numbers = {student_id: number for number, student_id in enumerate(numbers)}
    student_free = [_free(clocks, _always_open(students[student_id]), regimes, now) for student_id in numbers]
    limits = [_room(one, monday, weeks) for one in teachers]
    problem = Problem(
        tuple(teachers),
        [],
        len(regimes),
        free,
        np.array([ceil_quarters(one.availability.limits.buffer) for one in teachers], dtype=np.int32),
        np.array([days for days, _ in limits], dtype=np.int32).reshape(-1, 7),
        np.array([week for _, week in limits], dtype=np.int32),
        np.array([max(1.0, full_week(one.availability)) for one in teachers]),
        numbers,
        np.stack(student_free) if student_free else _nobody(regimes),
    )
    _Jobs(problem, regimes, zones).add(asks)
    return problem


class _Jobs:
    """Makes jobs; what is the same for many of them is worked out once."""

    def __init__(self, problem: Problem, regimes: list[_Regime], zones: list[str]) -> None:
        self._problem, self._regimes = problem, regimes
        self._able: dict[str, Counts] = {}
        self._runs: dict[int, Bits] = {}
        offsets = [zone(tz) for tz in zones]
        middle = regimes[0].monday + timedelta(days=3, hours=12)
        shifts = [(middle.astimezone(here).utcoffset() or timedelta()) // QUARTER for here in offsets]
        self._shift = dict(zip(zones, shifts, strict=True))
        self._teacher_shift = np.array([self._shift[one.tz] for one in problem.teachers], dtype=np.int32)
        self._starts: dict[tuple[str, Slot], list[int]] = {}

    def add(self, asks: Sequence[Ask]) -> None:
        for ask in asks:
            self._problem.jobs.append(self._job(ask))

    def _job(self, ask: Ask) -> Job:
        problem, wish = self._problem, ask.wish
        need = ceil_quarters(wish.length)
        slots = slots_of(wish)
        at = np.array([self._at(wish.tz, slot) for slot in slots], dtype=np.int32).reshape(
            -1, problem.regimes
        )
        student = problem.students[ask.student_id]
        mine = problem.student_free[student][problem.cells(at, need)].all(axis=(1, 2))
        slots, at = tuple(slot for slot, fits in zip(slots, mine, strict=True) if fits), at[mine]
        able = self._qualified(wish.course_id)
        fits: Bits = np.asarray(
            self._open(need)[able][:, at + np.arange(problem.regimes) * A_WEEK].all(axis=2), np.bool_
        )
        some = np.flatnonzero(fits.sum(axis=1))
        able, fits = able[some], fits[some]
        days = (at[None, :, 0] + self._teacher_shift[able][:, None]) % A_WEEK // A_DAY
        points = np.array([_points(wish, problem.teachers[int(number)]) for number in able])
        weekday = np.array([slot.weekday for slot in slots], dtype=np.int32)
        return Job(ask, student, slots, at, weekday, able, points, fits, days, need, wish.per_week)

    def _at(self, tz: str, slot: Slot) -> list[int]:
        if (tz, slot) not in self._starts:
            self._starts[tz, slot] = [
                int((instant(_local(regime, slot), zone(tz)) - regime.monday) // QUARTER) % A_WEEK
                for regime in self._regimes
            ]
        return self._starts[tz, slot]

    def _qualified(self, course_id: str) -> Counts:
        if course_id not in self._able:
            numbers = [
                number for number, one in enumerate(self._problem.teachers) if course_id in one.courses
            ]
            self._able[course_id] = np.array(numbers, dtype=np.int32)
        return self._able[course_id]

    def _open(self, need: int) -> Bits:
        """(T, quarters): whether `need` free quarters begin here, round the circle."""
        if need not in self._runs:
            shape = (-1, self._problem.regimes, A_WEEK)
            free = self._problem.free.reshape(shape)
            fits = np.logical_and.reduce([np.roll(free, -step, axis=2) for step in range(need)])
            self._runs[need] = fits.reshape(self._problem.free.shape)
        return self._runs[need]


def _local(regime: _Regime, slot: Slot) -> datetime:
    return datetime.combine(regime.monday.date() + timedelta(days=slot.weekday), slot.at)


def _points(wish: Wish, one: Teacher) -> float:
    """For each lesson with this instructor, place and times left aside; as in `proposals`."""
    points = taught_points(wish.taught.get(one.person_id, 0)) + WISHED * (wish.instructor_id == one.person_id)
    return points + LANGUAGE * bool(wish.language and one.speaks(wish.language))


def _regimes(monday: datetime, weeks: int, zones: Sequence[str]) -> list[_Regime]:
    """Weeks grouped by what every zone's clocks show on every day."""
    places = [zone(tz) for tz in zones]
    found: dict[tuple[timedelta | None, ...], _Regime] = {}
    for number in range(weeks):
        first = monday + number * _WEEK
        noons = [first + timedelta(days=day, hours=12) for day in range(7)]
        key = tuple(noon.astimezone(here).utcoffset() for here in places for noon in noons)
        found.setdefault(key, _Regime(first, [])).weeks.append(number)
    return list(found.values())


def _free(clocks: Clocks, one: Teacher, regimes: list[_Regime], now: datetime) -> Bits:
    """Free in all but a few weeks of each regime: the dates that fall out are left out of the series."""
    bits = clocks.open_bits(one.availability)
    clocks.grid.take(bits, one.booked, one.availability.limits.buffer)
    clocks.grid.take(bits, one.busy)
    by_week = bits.reshape(-1, A_WEEK)
    parts = [(~by_week[regime.weeks]).sum(axis=0) <= len(regime.weeks) // MISSING for regime in regimes]
    return np.concatenate(parts)


def _always_open(one: Teacher) -> Teacher:
    if one.availability.hours:
        return one
    who = one.availability
    opened = Availability(who.tz, ALWAYS, who.exceptions, who.holidays, who.limits)
    return Teacher(one.person_id, one.name, one.tz, opened, booked=one.booked, busy=one.busy)


def _room(one: Teacher, monday: datetime, weeks: int) -> tuple[list[int], int]:
    """(by weekday, in the week): how many more lessons, in the fullest week of the span."""
    limits, here = one.availability.limits, zone(one.availability.tz)
    held = np.zeros((weeks, 7), dtype=np.int32)
    for lesson in one.booked:
        day = lesson.starts_at.astimezone(here).date()
        number = (day - monday.date()) // _WEEK
        if 0 <= number < weeks:
            held[number, day.weekday()] += 1
    day = [(limits.most_a_day or ENDLESS) - int(most) for most in held.max(axis=0)]
    return [max(0, room) for room in day], max(
        0, (limits.most_a_week or ENDLESS) - int(held.sum(axis=1).max())
    )


def _nobody(regimes: Sequence[_Regime]) -> npt.NDArray[np.bool_]:
    return np.zeros((0, len(regimes) * A_WEEK), dtype=np.bool_)
