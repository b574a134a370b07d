"""Ranked proposals for one request: who, when, why, and why not the others. Pure.

Exact without looking at everybody closely: instructors are taken in the order of the points they can reach at most,
and the search ends when none of the rest can beat what was found. So an academy ten times as large costs little more.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np

from core.i18n import N_
from core.scheduling.availability import DAY, Availability, Reason, open_windows
from core.scheduling.grid import A_WEEK, QUARTER, Bits, Floats, Grid, gaps, runs
from core.scheduling.matching import (
    CLOSE,
    FAR_GAP,
    FREE_LOAD,
    LANGUAGE,
    NEAR_GAP,
    QUALIFIED,
    UNQUALIFIED,
    WISHED,
    LeftOut,
    Teacher,
    gap_reason,
    language_reason,
    load_reason,
    taught_points,
    taught_reason,
)
from core.scheduling.times import zone
from core.scheduling.windows import Window
from core.scheduling.wish import MISSING, SPREAD, Pattern, Plan, Slot, Wish, planned, sentence
from core.scheduling.zones import spans

BATCH = 12
"""Instructors looked at closely in one go."""


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
"""The same teachers with their lessons and busy times."""


def propose(
    wish: Wish,
    student: Teacher,
    teachers: Sequence[Teacher],
    now: datetime,
    most: int = 3,
    fill: Fill | None = None,
) -> Proposals:
    """The best `most` instructors. fill: loads lessons for those looked at closely; None = they are there."""
    plan = planned(wish, now)
    able = [one for one in teachers if wish.course_id in one.courses]
    left_out = [
        LeftOut(one.person_id, (UNQUALIFIED,)) for one in teachers if wish.course_id not in one.courses
    ]
    mine = student_bits(plan.grid, student, now)
    if plain := _plain_constraint(plan, mine, able):
        return Proposals((), (*left_out, *(LeftOut(one.person_id, (plain,)) for one in able)), plain)
    coarse = _Coarse(plan)
    waiting: list[tuple[float, str, Teacher]] = []
    for one in able:
        if coarse.may(one.availability):
            waiting.append((-_bound(wish, one), one.person_id, one))
        else:
            left_out.append(LeftOut(one.person_id, (HOURS,)))
    waiting.sort(key=lambda entry: entry[:2])
    found: list[Proposal] = []
    days = 0
    while waiting:
        if len(found) >= most and -waiting[0][0] < found[most - 1].score:
            left_out += [LeftOut(one.person_id, (RANKED_LOWER,)) for _, _, one in waiting]
            break
        batch, waiting = [one for _, _, one in waiting[:BATCH]], waiting[BATCH:]
        full = fill([one.person_id for one in batch]) if fill else {one.person_id: one for one in batch}
        for one in (full[one.person_id] for one in batch if one.person_id in full):
            answer = _Look(plan, one, mine, now).answer()
            if isinstance(answer, Proposal):
                found.append(answer)
            else:
                left_out.append(answer[0])
                days = max(days, answer[1])
        found.sort(key=lambda proposal: (-proposal.score, proposal.person_id))
    left_out += [LeftOut(one.person_id, (RANKED_LOWER,)) for one in found[most:]]
    constraint = None if found else _constraint(wish, left_out, days)
    return Proposals(tuple(found[:most]), tuple(left_out), constraint)


def student_bits(grid: Grid, student: Teacher, now: datetime) -> Bits:
    """When the student can have a lesson; always, when they have not said their hours."""
    who = student.availability
    within = grid.window
    if who.hours:
        bits = grid.free(open_windows(who, within))
    else:
        bits = np.ones(grid.size, dtype=np.bool_)
        grid.take(bits, _closed(who, within))
    take_lessons(grid, bits, student)
    grid.take(bits, [Window(within.starts_at, max(within.starts_at, now + who.limits.notice))])
    return bits


def take_lessons(grid: Grid, bits: Bits, one: Teacher) -> None:
    grid.take(bits, one.booked, one.availability.limits.buffer)
    grid.take(bits, one.busy)


def take_full(grid: Grid, bits: Bits, one: Teacher, per_week: int) -> None:
    """Days and weeks that already have as many lessons as this person gives."""
    limits, here = one.availability.limits, zone(one.availability.tz)
    if not limits.most_a_day and not limits.most_a_week:
        return
    days = [window.starts_at.astimezone(here).date() for window in one.booked]
    full: set[date] = set()
    if limits.most_a_day:
        full |= {day for day in days if days.count(day) >= limits.most_a_day}
    if limits.most_a_week:
        mondays = [day - DAY * day.weekday() for day in days]
        for monday in set(mondays):
            if mondays.count(monday) + per_week > limits.most_a_week:
                full |= {monday + DAY * number for number in range(7)}
    midnight = datetime.min.time()
    for day in full:
        grid.take(bits, spans(datetime.combine(day, midnight), datetime.combine(day + DAY, midnight), here))


def gap_values(taken: Bits, need: int) -> Floats:
    """Points of a lesson that begins in each quarter, by the holes it leaves before and after it."""
    before, after = gaps(taken)
    behind = np.concatenate((after[need:], np.full(min(need, after.size), A_WEEK, dtype=np.int32)))[
        : after.size
    ]
    return (_points(before) + _points(behind)) / 2


class _Coarse:
    """Whether hours can hold any slot at all, seen on a few of the weeks only: enough of them that a pattern
    with few enough dates missing must hold on one. Cheap, and never wrong about a no."""

    def __init__(self, plan: Plan) -> None:
        self._need = plan.need
        self._at = plan.at
        most = plan.at.shape[1]
        weeks = sorted(
            {round(number * (most - 1) / (most // MISSING + 1)) for number in range(most // MISSING + 2)}
        )
        self._weeks = [(week, self._window(plan, week)) for week in weeks]
        self._grid = plan.grid
        self._there = plan.there

    def _window(self, plan: Plan, week: int) -> Window:
        at = plan.at[:, week][plan.there[:, week]]
        return Window(plan.grid.moment(int(at.min())), plan.grid.moment(int(at.max()) + plan.need))

    def may(self, who: Availability) -> bool:
        for week, within in self._weeks:
            grid = Grid.over(within)
            shift = (grid.first - self._grid.first) // QUARTER
            run = runs(grid.free(open_windows(who, within)))
            at = self._at[:, week][self._there[:, week]] - shift
            if bool((run[at] >= self._need).any()):
                return True
        return False


class _Look:
    """One instructor seen closely."""

    def __init__(self, plan: Plan, one: Teacher, student: Bits, now: datetime) -> None:
        self._plan, self._one, self._student, self._now = plan, one, student, now
        self._open = plan.grid.free(open_windows(one.availability, plan.grid.window))
        self._taken = np.ones(plan.grid.size, dtype=np.bool_)
        plan.grid.take(self._taken, one.booked)
        self._taken = ~self._taken

    def answer(self) -> "Proposal | tuple[LeftOut, int]":
        """A proposal, or why not, and on how many days there would be a time."""
        plan, free = self._plan, self._open.copy()
        for step in (self._take_booked, self._take_full, self._take_notice, self._take_student):
            step(free)
        good = plan.good(free)
        worth = gap_values(self._taken, plan.need)[plan.at]
        value = (worth * plan.there).sum(axis=1) / np.maximum(1, plan.there.sum(axis=1))
        pattern = plan.pattern(good, value)
        if pattern is None:
            return LeftOut(self._one.person_id, (self._why(),)), plan.fewest_days(free)
        return self._proposal(pattern, good)

    def _proposal(self, pattern: Pattern, good: Bits) -> Proposal:
        plan, one, wish = self._plan, self._one, self._plan.wish
        starts, skip = plan.lessons(pattern, good)
        opened = int(self._open.sum())
        load = min(1.0, int((self._taken & self._open).sum()) / opened) if opened else 1.0
        times = wish.taught.get(one.person_id, 0)
        said = _Said(wish, one, times, pattern, starts, skip)
        gap = self._gap(pattern, good)
        met = [*said.met, *([gap_reason(gap)] if gap is not None else []), load_reason(load)]
        score = _known(wish, one) + FREE_LOAD * (1 - load) + pattern.value
        return Proposal(
            one.person_id,
            round(score, 2),
            pattern.slots,
            starts,
            skip,
            round(load, 3),
            tuple(met),
            tuple(said.unmet),
            said.meets,
            said.wishes,
        )

    def _gap(self, pattern: Pattern, good: Bits) -> timedelta | None:
        """Before the first lesson; None when there is no other that part of the day."""
        row = pattern.rows[0]
        first = int(np.flatnonzero(good[row] & self._plan.there[row])[0])
        gap = int(gaps(self._taken)[0][self._plan.at[row, first]]) * QUARTER
        return gap if gap < FAR_GAP else None

    def _why(self) -> Reason:
        """The first thing that leaves no pattern, from what changes least to what changes most."""
        plan, who = self._plan, self._one.availability
        always = Availability(who.tz, who.hours, tuple(one for one in who.exceptions if one.kind == "extra"))
        free = plan.grid.free(open_windows(always, plan.grid.window))
        steps: tuple[tuple[Reason, Callable[[Bits], None] | None], ...] = (
            (HOURS, None),
            (AWAY, self._take_away),
            (BOOKED, self._take_booked),
            (FULL, self._take_full),
            (NOTICE, self._take_notice),
        )
        for reason, step in steps:
            if step is not None:
                step(free)
            if plan.fewest_days(free) < plan.wish.per_week:
                return reason
        return STUDENT

    def _take_away(self, free: Bits) -> None:
        free &= self._open

    def _take_booked(self, free: Bits) -> None:
        take_lessons(self._plan.grid, free, self._one)

    def _take_full(self, free: Bits) -> None:
        take_full(self._plan.grid, free, self._one, self._plan.wish.per_week)

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


def _known(wish: Wish, one: Teacher) -> float:
    """Points that need no look at their lessons."""
    score = taught_points(wish.taught.get(one.person_id, 0))
    score += WISHED * (one.person_id == wish.instructor_id)
    return score + LANGUAGE * bool(wish.language and one.speaks(wish.language))


def _bound(wish: Wish, one: Teacher) -> float:
    return _known(wish, one) + FREE_LOAD + CLOSE + SPREAD * (wish.per_week > 1)


def _points(gap: "np.typing.NDArray[np.int32]") -> Floats:
    """`matching.gap_points` for many, in quarters."""
    near, far = NEAR_GAP // QUARTER, FAR_GAP // QUARTER
    hole = np.maximum(0.0, CLOSE - 3 * (gap - near) / 4)
    return np.where((gap <= near) | (gap >= far), CLOSE, hole)


def _closed(who: Availability, within: Window) -> list[Window]:
    """Away and holidays, for somebody who is open otherwise."""
    here = zone(who.tz)
    midnight = datetime.min.time()
    found = [one.window for one in who.exceptions if one.kind == "away"]
    for day in who.holidays:
        found += spans(datetime.combine(day, midnight), datetime.combine(day + DAY, midnight), here)
    return [one for one in found if one.overlaps(within)]


def _plain_constraint(plan: Plan, student: Bits, able: Sequence[Teacher]) -> Reason | None:
    """What no instructor could help with."""
    wish = plan.wish
    if not able:
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
