"""What a plan does to the weeks of those who teach: lessons and holes, before and after. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import pairwise

from core.scheduling.matching import Teacher
from core.scheduling.times import zone
from core.scheduling.windows import Window, span
from core.scheduling.wish import Slot, Wish
from core.scheduling.zones import instant

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class WeekChange:
    """One instructor's week. Each pair is (before, after); gaps: minutes between lessons of the same day."""

    person_id: str
    lessons: tuple[int, int]
    gap_min: tuple[int, int]


def first_starts(wish: Wish, slots: Sequence[Slot], first: date) -> list[datetime]:
    """The first lesson at each weekly time from that day on, UTC, in order of time."""
    return sorted(
        instant(
            datetime.combine(first + DAY * ((slot.weekday - first.weekday()) % 7), slot.at), zone(wish.tz)
        )
        for slot in slots
    )


def week_changes(
    teachers: Sequence[Teacher], placed: Mapping[str, Sequence[Window]], first: date
) -> list[WeekChange]:
    """Of those who get lessons, in the seven days from `first` on by their own clocks; who gets most comes first.

    placed: the plan's lessons of a week, by instructor.
    """
    found: list[WeekChange] = []
    for one in teachers:
        new = placed.get(one.person_id, ())
        if not new:
            continue
        here = zone(one.tz)
        week = Window(
            instant(datetime.combine(first, time(0)), here),
            instant(datetime.combine(first + 7 * DAY, time(0)), here),
        )
        before = sorted(lesson for lesson in one.booked if week.contains(lesson))
        after = sorted([*before, *new])
        found.append(
            WeekChange(
                one.person_id, (len(before), len(after)), (gap_min(before, one.tz), gap_min(after, one.tz))
            )
        )
    return sorted(found, key=lambda one: (one.lessons[0] - one.lessons[1], one.person_id))


def gap_min(lessons: Sequence[Window], tz: str) -> int:
    """Minutes between lessons that follow each other on one day of this zone. lessons: in order."""
    here, total = zone(tz), timedelta()
    for one, other in pairwise(lessons):
        if one.starts_at.astimezone(here).date() == other.starts_at.astimezone(here).date():
            total += max(timedelta(), other.starts_at - one.ends_at)
    return int(total / timedelta(minutes=1))


def lessons_of_a_week(wish: Wish, slots: Sequence[Slot], first: date) -> list[Window]:
    """A request's lessons in the seven days from `first` on."""
    return [span(at, wish.length) for at in first_starts(wish, slots, first)]


def meet(some: Sequence[Window], others: Sequence[Window]) -> bool:
    """Whether lessons that repeat weekly are ever at the same time, as the clocks stand now. Each list: one week."""
    week = 7 * DAY
    for one in some:
        for other in others:
            after = (other.starts_at - one.starts_at) % week
            if after < one.length or week - after < other.length:
                return True
    return False
