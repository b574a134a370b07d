"""Who fits a lesson, how well, and why: for one lesson at a known time. Pure.

`proposals` finds times for a request with the same points, `batch` places many requests at once. What the points
mean is written in docs/architecture/matching.md.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from itertools import chain

from core.i18n import N_
from core.scheduling.availability import Availability, Reason, free_windows, reasons_against
from core.scheduling.grid import QUARTER
from core.scheduling.times import zone
from core.scheduling.windows import Window, common, span

CONTINUITY = 20.0
"""Points for an instructor who has taught this student before, and one more for each lesson up to ten."""
FAMILIAR = 10
WISHED = 25.0
"""The family asked for them."""
LANGUAGE = 20.0
FREE_LOAD = 15.0
"""For an instructor without any lesson; less in proportion to how full their hours are."""
CLOSE = 6.0
"""For a lesson that leaves no hole in the day."""
_A_LESSON_MIN = 60
"""What a lesson fills of somebody's hours, its pause included: how full they are is counted in these."""
HOLE = 2.0
"""Points lost for each hour of a hole."""
NEAR_GAP, FAR_GAP = timedelta(hours=1), timedelta(hours=8)
"""Between lessons: a pause up to the first leaves no hole, from the second on it is another part of the day."""
CIVIL = (time(7), time(22))
"""When somebody who has said nothing may be offered another time, wall clock where they live."""
HALF_A_WEEK = timedelta(days=3.5)
LOOK_AROUND = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Teacher:
    """Everything that says when one person can have a lesson; the same facts as `core.queries.bookable`.

    booked: their lessons, busy: other things, both at least in the span that is looked at. A student without
    hours is open always, an instructor without hours never.
    """

    person_id: str
    name: str
    tz: str
    availability: Availability
    lang: str = ""
    booked: tuple[Window, ...] = ()
    busy: tuple[Window, ...] = ()
    languages: frozenset[str] = frozenset()
    courses: frozenset[str] = frozenset()

    def speaks(self, language: str) -> bool:
        return speaks((*self.languages, self.lang), language)


@dataclass(frozen=True, slots=True)
class Fit:
    """score: points, more is better. reasons: met. unmet: what speaks against, but is no obstacle."""

    person_id: str
    score: float
    reasons: tuple[Reason, ...] = ()
    unmet: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Why somebody cannot; the first reason is the one to count by."""

    person_id: str
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Ranking:
    """fit: best first."""

    fit: list[Fit] = field(default_factory=list[Fit])
    left_out: list[LeftOut] = field(default_factory=list[LeftOut])


def rank_teachers(
    course_id: str,
    language: str,
    lesson: Window,
    student: Teacher | None,
    teachers: Sequence[Teacher],
    now: datetime,
    taught: Mapping[str, int],
) -> Ranking:
    """Who can give this lesson at this time. taught: lessons by person id they have had with the student."""
    ranking = Ranking()
    blocked = against(student, lesson, now) if student else []
    for one in teachers:
        why = [UNQUALIFIED] if course_id not in one.courses else reasons_against_teacher(one, lesson, now)
        if blocked or why:
            ranking.left_out.append(LeftOut(one.person_id, (*why, *blocked)))
        else:
            ranking.fit.append(_fit(one, language, lesson, taught.get(one.person_id, 0)))
    ranking.fit.sort(key=lambda fit: (-fit.score, fit.person_id))
    return ranking


def alternatives(
    teacher: Teacher, student: Teacher | None, around: Window, now: datetime, most: int = 3
) -> list[Window]:
    """The nearest times at which both can have a lesson of this length, in order of time; one a day at most first.

    The student's nights are left out when they have said nothing about their hours.
    """
    within = around.widened(LOOK_AROUND)
    free = free_windows(teacher.availability, (*teacher.booked, *teacher.busy), within, now)
    if student is not None:
        free = common(free, _student_free(student, within, now))
    starts = sorted(
        chain.from_iterable(_starts(one, around.length) for one in free),
        key=lambda moment: (abs(moment - around.starts_at), moment),
    )
    here = zone((student or teacher).tz)
    found: list[Window] = []
    for a_day in (1, most):
        for moment in starts:
            lesson = span(moment, around.length)
            same_day = [
                one
                for one in found
                if one.starts_at.astimezone(here).date() == moment.astimezone(here).date()
            ]
            if len(found) == most or len(same_day) >= a_day or any(one.overlaps(lesson) for one in found):
                continue
            if not (
                reasons_against_teacher(teacher, lesson, now) or (student and against(student, lesson, now))
            ):
                found.append(lesson)
    return sorted(found)


def reasons_against_teacher(one: Teacher, lesson: Window, now: datetime) -> list[Reason]:
    return reasons_against(one.availability, lesson, one.booked, one.busy, now)


def against(student: Teacher, lesson: Window, now: datetime) -> list[Reason]:
    """Reasons on the student's side: no hours means open always."""
    found = reasons_against(student.availability, lesson, student.booked, student.busy, now)
    return [
        Reason("student_" + one.code, STUDENT_WORDS.get(one.code, one.words), one.params)
        for one in found
        if one.code != "hours" or student.availability.hours
    ]


def speaks(languages: Iterable[str], language: str) -> bool:
    """By the primary language: pt is enough for pt-BR."""
    wanted = _primary(language)
    return not wanted or any(_primary(one) == wanted for one in languages)


def taught_points(times: int) -> float:
    return CONTINUITY + min(times, FAMILIAR) if times else 0.0


def gap_points(gap: timedelta) -> float:
    """For the pause between a lesson and its neighbor."""
    if gap <= NEAR_GAP or gap >= FAR_GAP:
        return CLOSE
    hours = (gap - NEAR_GAP) / timedelta(hours=1)
    return max(0.0, CLOSE - HOLE * hours)


def load_of(who: Availability, lessons: int) -> float:
    """How full a week with so many lessons is, 0 to 1 (1 for somebody without hours)."""
    return share_of(lessons, full_week(who))


def share_of(lessons: int, full: float) -> float:
    return min(1.0, lessons / full) if full else 1.0


def full_week(who: Availability) -> float:
    """How many lessons the weekly hours hold."""
    return sum(held_by(one.starts, one.ends) for one in who.hours)


def held_by(starts: time, ends: time) -> float:
    """How many lessons such hours hold."""
    return _minutes(starts, ends) / _A_LESSON_MIN


def taught_reason(times: int) -> Reason:
    if times == 1:
        return Reason("taught", N_("has taught this student once"), {"times": 1})
    return Reason("taught", N_("has taught this student {times} times"), {"times": times})


def language_reason(language: str, *, met: bool) -> Reason:
    """params carry the code: the page knows its name in the reader's language."""
    words = N_("speaks {language}") if met else N_("does not speak {language}")
    return Reason("language" if met else "no_language", words, {"language": _primary(language)})


def load_reason(load: float) -> Reason:
    return Reason("load", N_("{percent} of 100 hours full"), {"percent": round(100 * load)})


QUALIFIED = Reason("qualified", N_("is qualified"))
UNQUALIFIED = Reason("unqualified", N_("is not qualified"))
STUDENT_WORDS = {
    "booked": N_("the student has another lesson then"),
    "buffer": N_("the student needs {minutes} minutes between lessons"),
    "busy": N_("the student is busy in their own calendar"),
    "hours": N_("the student has no time then"),
    "away": N_("the student is away"),
    "holiday": N_("the student has a holiday"),
    "notice": N_("the student needs {hours} hours' notice"),
    "day_full": N_("the student already has {most} lessons that day"),
    "week_full": N_("the student already has {most} lessons that week"),
}


def _fit(one: Teacher, language: str, lesson: Window, times: int) -> Fit:
    week = lesson.widened(HALF_A_WEEK)
    load = load_of(one.availability, sum(other.overlaps(week) for other in one.booked))
    score = taught_points(times) + FREE_LOAD * (1 - load)
    met, unmet = [QUALIFIED], list[Reason]()
    if language:
        speaks = one.speaks(language)
        score += LANGUAGE * speaks
        (met if speaks else unmet).append(language_reason(language, met=speaks))
    if times:
        met.append(taught_reason(times))
    gap = _gap_before(one, lesson)
    score += gap_points(gap) if gap is not None else CLOSE
    if gap is not None:
        met.append(gap_reason(gap))
    met.append(load_reason(load))
    return Fit(one.person_id, round(score, 2), tuple(met), tuple(unmet))


def gap_reason(gap: timedelta) -> Reason:
    hours, minutes = divmod(int(gap / timedelta(minutes=1)), 60)
    return Reason("gap", N_("{hours} h {minutes} min free before"), {"hours": hours, "minutes": minutes})


def _gap_before(one: Teacher, lesson: Window) -> timedelta | None:
    """To the lesson before, None when there is none that part of the day."""
    ends = [other.ends_at for other in one.booked if other.ends_at <= lesson.starts_at]
    gap = lesson.starts_at - max(ends) if ends else FAR_GAP
    return gap if gap < FAR_GAP else None


def _student_free(student: Teacher, within: Window, now: datetime) -> list[Window]:
    taken = (*student.booked, *student.busy)
    if student.availability.hours:
        return free_windows(student.availability, taken, within, now)
    here, found = zone(student.tz), list[Window]()
    day = within.starts_at.astimezone(here).date()
    while day <= within.ends_at.astimezone(here).date():
        found.append(
            Window(*(datetime.combine(day, at, here).astimezone(within.starts_at.tzinfo) for at in CIVIL))
        )
        day += timedelta(days=1)
    return common(found, [within])


def _starts(free: Window, length: timedelta) -> Iterable[datetime]:
    """Quarter hours at which a lesson can begin in this window."""
    past = timedelta(
        minutes=free.starts_at.minute % 15,
        seconds=free.starts_at.second,
        microseconds=free.starts_at.microsecond,
    )
    moment = free.starts_at - past + (QUARTER if past else timedelta(0))
    while moment + length <= free.ends_at:
        yield moment
        moment += QUARTER


def _minutes(starts: time, ends: time) -> int:
    minutes = (ends.hour - starts.hour) * 60 + ends.minute - starts.minute
    return minutes if minutes > 0 else minutes + 24 * 60


def _primary(language: str) -> str:
    return language.replace("_", "-").split("-")[0].lower()
