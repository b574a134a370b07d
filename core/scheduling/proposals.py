"""Ranked proposals for one request: who, when, why, and why not the others. Pure.

Exact without looking at everybody closely: instructors are taken in the order of the points they can reach at most,
and the search ends when none of the rest can beat what was found. So an academy ten times as large costs little more.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

import numpy as np

from core.i18n import N_
from core.scheduling.availability import DAY, Reason, WeeklyHours
from core.scheduling.grid import QUARTER, Bits, Clocks, Counts, Floats, Grid, Neighbors
from core.scheduling.matching import (
    CLOSE,
    FAR_GAP,
    FREE_LOAD,
    HOLE,
    LANGUAGE,
    NEAR_GAP,
    QUALIFIED,
    UNQUALIFIED,
    WISHED,
    LeftOut,
    Teacher,
    gap_reason,
    language_reason,
    load_of,
    load_reason,
    taught_points,
    taught_reason,
)
from core.scheduling.times import zone
from core.scheduling.windows import Window
from core.scheduling.wish import SPREAD, Pattern, Plan, Slot, Wish, planned, sentence
from core.scheduling.zones import instant

BATCH = 12
MORE = 2
"""Instructors looked at closely in the first go, and so many times as many in each next one."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """One instructor with a whole weekly pattern.

    slots: wall clock in the wish's zone. starts: every lesson, UTC. skip: dates that fall out, local.
    met, unmet: reasons in words. meets: how many of the `wishes` it fulfills.
    """

    person_id: str
    score: float
    slots: tuple[Slot, ...]
    starts: tuple[datetime, ...]
    skip: tuple[date, ...]
    load: float
    met: tuple[Reason, ...]
    unmet: tuple[Reason, ...]
    meets: int
    wishes: int


@dataclass(frozen=True, slots=True)
class Proposals:
    """ranked: best first. constraint: the tightest one when there is nothing. days: on how many it would fit."""

    ranked: tuple[Proposal, ...]
    left_out: tuple[LeftOut, ...]
    constraint: Reason | None = None


Fill = Callable[[Sequence[str]], Mapping[str, Teacher]]
"""Everything about these instructors."""


Probe = Callable[[Sequence[str]], Set[str]]
"""Which of these instructors are seen, more cheaply, to have other lessons at these times."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """What is known of an instructor before they are looked at closely. load: 0 to 1, in the week in which the wish
    begins (`first_week`)."""

    person_id: str
    speaks: bool
    load: float


def propose(
    wish: Wish, student: Teacher, teachers: Sequence[Teacher], now: datetime, most: int = 3
) -> Proposals:
    """The best `most` of instructors about whom everything is read already."""
    known = {one.person_id: one for one in teachers}
    week = first_week(wish, now)
    able = [
        Candidate(
            one.person_id,
            one.speaks(wish.language),
            load_of(one.availability, sum(other.overlaps(week) for other in one.booked)),
        )
        for one in teachers
        if wish.course_id in one.courses
    ]
    found = Search(wish, student, now).best(able, lambda ids: {one: known[one] for one in ids}, most)
    unable = [one for one in teachers if wish.course_id not in one.courses]
    left_out = (*(LeftOut(one.person_id, (UNQUALIFIED,)) for one in unable), *found.left_out)
    return replace(found, left_out=left_out)


class Search:
    """One wish of one student. plan, clocks: for whoever looks at many people roughly first (`cut`)."""

    def __init__(self, wish: Wish, student: Teacher, now: datetime) -> None:
        self._wish, self._now = wish, now
        self.plan = planned(wish, now)
        self.clocks = Clocks(self.plan.grid)
        self._mine = student_bits(self.clocks, student, now)
        self._days = 0
        """On how many days somebody could, of those who were refused."""

    def best(
        self,
        able: Sequence[Candidate],
        fill: Fill,
        most: int = 3,
        *,
        closed: Sequence[str] = (),
        probe: Probe | None = None,
    ) -> Proposals:
        """The best `most` of those who are qualified. closed: others who are, but have no hours then."""
        if plain := _plain_constraint(self.plan, self._mine, qualified=bool(able or closed)):
            ids = (*closed, *(one.person_id for one in able))
            return Proposals((), tuple(LeftOut(one, (plain,)) for one in ids), plain)
        found, others = self._looked_at(able, most, fill, probe or _nobody)
        left_out = (*(LeftOut(one, (HOURS,)) for one in closed), *others)
        if found:
            return Proposals(tuple(look.proposal() for look in found), left_out)
        return Proposals((), left_out, _constraint(self._wish, left_out, self._days))

    def _looked_at(
        self, able: Sequence[Candidate], most: int, fill: Fill, probe: Probe
    ) -> tuple[list["_Look"], list[LeftOut]]:
        """(the best, the others), by the points they can reach at most."""
        loads = {one.person_id: one.load for one in able}
        waiting = sorted((-_bound(self._wish, one), one.person_id) for one in able)
        found: list[_Look] = []
        refused: list[_Look] = []
        booked: list[str] = []
        lower: list[str] = []
        batch = BATCH
        while waiting:
            if len(found) >= most and -waiting[0][0] < (found[most - 1].score or 0):
                lower = [person_id for _, person_id in waiting]
                break
            ids, waiting, batch = [one for _, one in waiting[:batch]], waiting[batch:], MORE * batch
            out = probe(ids)
            booked += sorted(out)
            for look in self._looks([one for one in ids if one not in out], loads, fill):
                (refused if look.reason else found).append(look)
            found.sort(key=lambda look: (-(look.score or 0), look.person_id))
        lower += [look.person_id for look in found[most:]]
        if not found:  # how near everybody comes is what is asked for
            refused, booked = refused + self._looks(booked, loads, fill), []
            self._days = max((look.days() for look in refused), default=0)
        left_out = [LeftOut(look.person_id, (look.reason,)) for look in refused if look.reason]
        left_out += [LeftOut(one, (BOOKED,)) for one in booked]
        return found[:most], left_out + [LeftOut(one, (RANKED_LOWER,)) for one in lower]

    def _looks(self, ids: Sequence[str], loads: Mapping[str, float], fill: Fill) -> list["_Look"]:
        if not ids:
            return []
        full = fill(ids)
        return [_Look(self.plan, self.clocks, full[one], self._mine, self._now, loads[one]) for one in ids]


def first_week(wish: Wish, now: datetime) -> Window:
    """The seven days whose lessons say how full an instructor is."""
    here = zone(wish.tz)
    day = max(wish.from_day, now.astimezone(here).date())
    midnight = datetime.min.time()
    return Window(
        instant(datetime.combine(day, midnight), here),
        instant(datetime.combine(day + 7 * DAY, midnight), here),
    )


def student_bits(clocks: Clocks, student: Teacher, now: datetime) -> Bits:
    """When the student can have a lesson; always, when they have not said their hours."""
    who, grid = student.availability, clocks.grid
    bits = clocks.open_bits(who if who.hours else replace(who, hours=ALWAYS))
    take_lessons(grid, bits, student)
    grid.take(bits, [Window(grid.first, max(grid.first, now + who.limits.notice))])
    return bits


def take_lessons(grid: Grid, bits: Bits, one: Teacher) -> None:
    grid.take(bits, one.booked, one.availability.limits.buffer)
    grid.take(bits, one.busy)


def take_full(clocks: Clocks, bits: Bits, one: Teacher, per_week: int) -> None:
    """Days and weeks that already have as many lessons as this person gives."""
    limits, here = one.availability.limits, zone(one.availability.tz)
    if not limits.most_a_day and not limits.most_a_week:
        return
    days = Counter(window.starts_at.astimezone(here).toordinal() for window in one.booked)
    full = {day for day, count in days.items() if limits.most_a_day and count >= limits.most_a_day}
    weeks: Counter[int] = Counter()
    for day, count in days.items():
        weeks[(day - 1) // 7] += count
    for week, count in weeks.items():
        if limits.most_a_week and count + per_week > limits.most_a_week:
            full |= {7 * week + 1 + number for number in range(7)}
    if full:
        bits &= ~np.isin(clocks.days(one.availability.tz), sorted(full))


def gap_values(neighbors: Neighbors, at: Counts, need: int) -> Floats:
    """Points of lessons that begin in these quarters, by the holes they leave before and after."""
    return (_points(neighbors.before(at)) + _points(neighbors.after(at, need))) / 2


class _Look:
    """One instructor seen closely."""

    def __init__(
        self, plan: Plan, clocks: Clocks, one: Teacher, student: Bits, now: datetime, load: float
    ) -> None:
        self._plan, self._clocks, self._one, self._student, self._now = plan, clocks, one, student, now
        self._load, self.person_id = load, one.person_id
        self._free = clocks.weekly_bits(one.availability)
        self._steps = iter(
            (
                (HOURS, _nothing),
                (AWAY, self._take_away),
                (BOOKED, self._take_booked),
                (FULL, self._take_full),
                (NOTICE, self._take_notice),
                (STUDENT, self._take_student),
            )
        )
        self.reason = self._obstacle()
        """The first thing that leaves no pattern, from what changes least to what changes most; None = there is one."""
        self.score: float | None = None
        if self.reason is None:
            self._good = plan.good(self._free)
            self._neighbors = Neighbors.of(plan.grid.touched(one.booked))
            self._pattern = self._best()
            known = _known(plan.wish, one.person_id, speaks=one.speaks(plan.wish.language))
            self.score = round(known + FREE_LOAD * (1 - load) + self._pattern.value, 2)

    def days(self) -> int:
        """On how many days there would be a time, when there is no pattern."""
        for _, step in self._steps:
            step(self._free)
        return self._plan.fewest_days(self._free)

    def _obstacle(self) -> Reason | None:
        for reason, step in self._steps:
            step(self._free)
            if self._plan.fewest_days(self._free) < self._plan.wish.per_week:
                return reason
        return None

    def _best(self) -> Pattern:
        plan = self._plan
        worth = gap_values(self._neighbors, plan.at, plan.need)
        pattern = plan.pattern(self._good, (worth * plan.there).sum(axis=1) / plan.there.sum(axis=1))
        assert pattern is not None, "there are enough days"
        return pattern

    def proposal(self) -> Proposal:
        plan, one, wish, pattern = self._plan, self._one, self._plan.wish, self._pattern
        assert self.score is not None
        starts, skip = plan.lessons(pattern, self._good)
        times = wish.taught.get(one.person_id, 0)
        said = _Said(wish, one, times, pattern, starts, skip)
        gap = self._gap(pattern)
        met = [*said.met, *([gap_reason(gap)] if gap is not None else []), load_reason(self._load)]
        return Proposal(
            one.person_id,
            self.score,
            pattern.slots,
            starts,
            skip,
            round(self._load, 3),
            tuple(met),
            tuple(said.unmet),
            said.meets,
            said.wishes,
        )

    def _gap(self, pattern: Pattern) -> timedelta | None:
        """Before the first lesson; None when there is no other that part of the day."""
        row = pattern.rows[0]
        first = np.flatnonzero(self._good[row] & self._plan.there[row])[:1]
        gap = int(self._neighbors.before(self._plan.at[row, first])[0]) * QUARTER
        return gap if gap < FAR_GAP else None

    def _take_away(self, free: Bits) -> None:
        self._clocks.take_away(free, self._one.availability)

    def _take_booked(self, free: Bits) -> None:
        take_lessons(self._plan.grid, free, self._one)

    def _take_full(self, free: Bits) -> None:
        take_full(self._clocks, free, self._one, self._plan.wish.per_week)

    def _take_notice(self, free: Bits) -> None:
        within = self._plan.grid.window
        earliest = max(within.starts_at, self._now + self._one.availability.limits.notice)
        self._plan.grid.take(free, [Window(within.starts_at, earliest)])

    def _take_student(self, free: Bits) -> None:
        free &= self._student


class _Said:
    """What speaks for and against a pattern, and how many wishes it fulfills."""

    def __init__(
        self,
        wish: Wish,
        one: Teacher,
        times: int,
        pattern: Pattern,
        starts: Sequence[datetime],
        skip: Sequence[date],
    ) -> None:
        self.met: list[Reason] = [QUALIFIED]
        self.unmet: list[Reason] = []
        self.meets, self.wishes = 1, 1
        if wish.language:
            speaks = one.speaks(wish.language)
            self._wish(language_reason(wish.language, met=speaks), met=speaks)
        if times:
            self.met.append(taught_reason(times))
        if wish.instructor_id:
            asked = wish.instructor_id == one.person_id
            self._wish(ASKED_FOR if asked else NOT_ASKED_FOR, met=asked)
        if wish.same_instructor:
            self._count(met=bool(times))
            if not times:
                self.unmet.append(NEW_TO_THEM)
        missed = Reason(
            "missed",
            N_("{missed} of {dates} dates fall out"),
            {"missed": len(skip), "dates": len(starts) + len(skip)},
        )
        self._wish(missed if skip else INSIDE, met=not skip)
        if wish.per_week > 1:
            self._count(met=pattern.same_time)
            if not pattern.same_time:
                self.unmet.append(OTHER_TIMES)

    def _wish(self, reason: Reason, *, met: bool) -> None:
        self._count(met=met)
        (self.met if met else self.unmet).append(reason)

    def _count(self, *, met: bool) -> None:
        self.meets, self.wishes = self.meets + met, self.wishes + 1


def _nobody(ids: Sequence[str]) -> Set[str]:
    return frozenset()


def _nothing(free: Bits) -> None:
    """Weekly hours are what is there to begin with."""


def _known(wish: Wish, person_id: str, *, speaks: bool) -> float:
    """Points that need no look at their lessons."""
    score = taught_points(wish.taught.get(person_id, 0)) + WISHED * (person_id == wish.instructor_id)
    return score + LANGUAGE * bool(wish.language and speaks)


def _bound(wish: Wish, one: Candidate) -> float:
    known = _known(wish, one.person_id, speaks=one.speaks)
    return known + FREE_LOAD * (1 - one.load) + CLOSE + SPREAD * (wish.per_week > 1)


def _points(gap: Counts) -> Floats:
    """`matching.gap_points` for many, in quarters."""
    near, far = NEAR_GAP // QUARTER, FAR_GAP // QUARTER
    hole = np.maximum(0.0, CLOSE - HOLE * (gap - near) / 4)
    return np.where((gap <= near) | (gap >= far), CLOSE, hole)


def _plain_constraint(plan: Plan, student: Bits, *, qualified: bool) -> Reason | None:
    """What no instructor could help with."""
    wish = plan.wish
    if not qualified:
        return Reason("no_one_qualified", N_("No one is qualified for {course}."), {"course": wish.course})
    if not plan.slots:
        minutes = int(wish.length / timedelta(minutes=1))
        words = N_("No time asked for holds a lesson of {minutes} minutes before the last day.")
        return Reason("windows_short", words, {"minutes": minutes})
    if len(plan.weekdays) < wish.per_week:
        words = N_("{wanted} lessons a week need as many days; times are given on {days}.")
        return Reason("days_few", words, {"wanted": wish.per_week, "days": len(plan.weekdays)})
    if plan.fewest_days(student) < wish.per_week:
        return Reason(
            "student_busy", N_("The student has other lessons, or no time, at the times asked for.")
        )
    return None


def _constraint(wish: Wish, left_out: Sequence[LeftOut], days: int) -> Reason:
    """The tightest: what keeps out those who come nearest."""
    if days:
        words = N_("{possible} lessons a week would fit, {wanted} do not.")
        return Reason("fewer_fit", words, {"possible": days, "wanted": wish.per_week})
    codes = {one.reasons[0].code for one in left_out}
    for reason, words in _SENTENCES:
        if reason.code in codes:
            return sentence(words, "all_" + reason.code, wish)
    return sentence(_SENTENCES[-1][1], "all_hours", wish)


ALWAYS = tuple(WeeklyHours(day, datetime.min.time(), datetime.min.time(), "UTC") for day in range(7))
"""The week of somebody who has said nothing."""
HOURS = Reason("hours", N_("does not work at that time"))
AWAY = Reason("away", N_("is away or on holiday too often"))
BOOKED = Reason("booked", N_("has other lessons at these times"))
FULL = Reason("full", N_("has as many lessons as they give"))
NOTICE = Reason("notice", N_("needs more notice"))
STUDENT = Reason("student", N_("is free only when the student is not"))
RANKED_LOWER = Reason("lower", N_("would rank lower"))
INSIDE = Reason("inside", N_("every lesson is inside their hours"))
ASKED_FOR = Reason("wished", N_("was asked for"))
NOT_ASKED_FOR = Reason("not_wished", N_("is not the one asked for"))
NEW_TO_THEM = Reason("new", N_("has not taught this student yet"))
OTHER_TIMES = Reason("times", N_("not at the same time on each day"))
_BOOKED_WORDS = {
    "weekdays": N_(
        "Everyone qualified for {course} is booked on weekdays from {starts} to {ends} ({place})."
    ),
    "weekend": N_(
        "Everyone qualified for {course} is booked at the weekend from {starts} to {ends} ({place})."
    ),
    "times": N_("Everyone qualified for {course} is booked at the times asked for ({place})."),
}
_HOURS_WORDS = {
    "weekdays": N_("No one qualified for {course} is free on weekdays from {starts} to {ends} ({place})."),
    "weekend": N_("No one qualified for {course} is free at the weekend from {starts} to {ends} ({place})."),
    "times": N_("No one qualified for {course} is free at the times asked for ({place})."),
}
_NOTICE = N_("Everyone qualified for {course} needs more notice.")
_NOTICE_WORDS = {"weekdays": _NOTICE, "weekend": _NOTICE, "times": _NOTICE}
_SENTENCES: tuple[tuple[Reason, dict[str, str]], ...] = (
    (STUDENT, _BOOKED_WORDS),
    (NOTICE, _NOTICE_WORDS),
    (FULL, _BOOKED_WORDS),
    (BOOKED, _BOOKED_WORDS),
    (AWAY, _HOURS_WORDS),
    (HOURS, _HOURS_WORDS),
)
