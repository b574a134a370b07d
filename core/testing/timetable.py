"""A made-up academy whose requests can all be placed: lessons are planted first, then hidden. Seeded.

Levels differ in how full instructors' hours are, how narrow families' windows, and how many wishes mislead.
"""

import random
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from core.scheduling.availability import Availability, Limits, WeeklyHours
from core.scheduling.batch_model import Ask
from core.scheduling.matching import Teacher
from core.scheduling.wish import Slot, Wish, WishWindow

Level = Literal["easy", "medium", "hard"]

ZONES = (
    "Europe/London",
    "Europe/Lisbon",
    "Europe/Berlin",
    "Europe/Istanbul",
    "Africa/Lagos",
    "Africa/Nairobi",
    "America/Sao_Paulo",
    "America/New_York",
    "America/Los_Angeles",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Australia/Sydney",
)
LANGUAGES = ("en", "pt", "de", "tr", "fr", "hi")
MONDAY = date(2026, 11, 16)
_QUARTER = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Difficulty:
    """pause: most quarters between planted lessons; slack: most quarters of hours before and after them a day.
    margin: quarters of a window around its lesson, from and to. decoys: windows on other days, at most.
    known: share of requests whose planted instructor has taught the student; misled: another one has."""

    pause: int
    slack: int
    margin: tuple[int, int]
    decoys: int
    known: float
    misled: float


LEVELS: dict[Level, Difficulty] = {
    "easy": Difficulty(pause=4, slack=8, margin=(4, 10), decoys=2, known=0.6, misled=0.05),
    "medium": Difficulty(pause=2, slack=3, margin=(2, 6), decoys=1, known=0.5, misled=0.1),
    "hard": Difficulty(pause=1, slack=1, margin=(0, 4), decoys=1, known=0.4, misled=0.2),
}


@dataclass(frozen=True, slots=True)
class Planted:
    """lessons: how many a week. answer: request id -> (instructor id, slots): one way to place everything."""

    teachers: list[Teacher]
    students: list[Teacher]
    asks: list[Ask]
    answer: dict[str, tuple[str, tuple[Slot, ...]]]
    lessons: int
    from_day: date = MONDAY
    until_day: date = MONDAY + timedelta(days=6)

    @property
    def now(self) -> datetime:
        """A week before: nobody's notice matters."""
        return datetime.combine(self.from_day, time(0), UTC) - timedelta(days=7)


@dataclass(frozen=True, slots=True)
class _Lesson:
    """starts_at: UTC. day: where the instructor lives."""

    starts_at: datetime
    length: timedelta
    day: int


def planted(
    level: Level,
    *,
    seed: int = 1,
    teachers: int = 600,
    students: int = 3000,
    lessons: int = 5000,
    courses: int = 30,
) -> Planted:
    """The same arguments give the same academy."""
    return _Planter(random.Random(f"{seed}:{level}"), LEVELS[level], courses).made(
        teachers, students, lessons
    )


class _Planter:
    def __init__(self, dice: random.Random, level: Difficulty, courses: int) -> None:
        self._dice, self._level = dice, level
        self._courses = [f"course{number:02}" for number in range(courses)]
        self._teachers: list[Teacher] = []
        self._students: list[Teacher] = []
        self._asks: list[Ask] = []
        self._answer: dict[str, tuple[str, tuple[Slot, ...]]] = {}
        self._taken: dict[str, list[_Lesson]] = {}

    def made(self, teachers: int, students: int, lessons: int) -> Planted:
        share = [lessons // teachers + (number < lessons % teachers) for number in range(teachers)]
        for number in range(0, teachers - 1, 2):  # some have many, some few
            moved = self._dice.randint(0, min(4, share[number] - 1))
            share[number], share[number + 1] = share[number] - moved, share[number + 1] + moved
        days = [self._teacher(number, count) for number, count in enumerate(share)]
        wanted: list[tuple[Teacher, list[_Lesson]]] = []
        for one, week in zip(self._teachers, days, strict=True):
            wanted += [(one, chosen) for chosen in self._requests(week)]
        self._dice.shuffle(wanted)
        for number, (one, chosen) in enumerate(wanted):
            self._ask(one, chosen, new=number < students)
        self._dice.shuffle(self._asks)
        return Planted(self._teachers, self._students, self._asks, self._answer, lessons)

    def _teacher(self, number: int, count: int) -> list[list[_Lesson]]:
        """An instructor whose hours hold `count` lessons; returns them by day."""
        dice = self._dice
        tz, buffer = dice.choice(ZONES), dice.choice((0, 0, 1))
        per_day = [count // 5 + (day < count % 5) for day in range(5)]
        dice.shuffle(per_day)
        hours: list[WeeklyHours] = []
        week: list[list[_Lesson]] = []
        for day, lessons in enumerate(per_day):
            quarter = dice.randint(9 * 4, 15 * 4)
            first = quarter - dice.randint(0, self._level.slack)
            that_day: list[_Lesson] = []
            for _ in range(lessons):
                length = dice.choice((3, 3, 4))
                local = datetime.combine(
                    MONDAY + timedelta(days=day), time(*divmod(quarter * 15, 60)), ZoneInfo(tz)
                )
                that_day.append(_Lesson(local.astimezone(UTC), length * _QUARTER, day))
                quarter += length + buffer + dice.randint(0, self._level.pause)
            ends = min(quarter + dice.randint(0, self._level.slack), 95)
            if lessons:
                hours.append(
                    WeeklyHours(day, time(*divmod(first * 15, 60)), time(*divmod(ends * 15, 60)), tz)
                )
            week.append(that_day)
        limits = Limits(
            buffer=buffer * _QUARTER, most_a_day=max(per_day) + 1, most_a_week=count + dice.randint(0, 3)
        )
        self._teachers.append(
            Teacher(
                f"teacher{number:04}",
                f"Teacher {number}",
                tz,
                Availability(tz, tuple(hours), limits=limits),
                languages=frozenset(dice.sample(LANGUAGES, 2)),
                courses=frozenset(dice.sample(self._courses, min(3, len(self._courses)))),
            )
        )
        return week

    def _requests(self, week: list[list[_Lesson]]) -> list[list[_Lesson]]:
        """Lessons of different days and equal length, one to three a request."""
        left = [lesson for day in week for lesson in day]
        self._dice.shuffle(left)
        found: list[list[_Lesson]] = []
        while left:
            first = left.pop()
            chosen = [first]
            size = self._dice.choices((1, 2, 3), (55, 35, 10))[0]
            for other in list(left):
                days = {one.day for one in chosen}
                if len(chosen) < size and other.length == first.length and other.day not in days:
                    chosen.append(other)
                    left.remove(other)
            found.append(chosen)
        return found

    def _ask(self, one: Teacher, lessons: list[_Lesson], *, new: bool) -> None:
        dice, level = self._dice, self._level
        student = (self._student if new else self._known_student)(one, lessons)
        self._taken.setdefault(student.person_id, []).extend(lessons)
        here = ZoneInfo(student.tz)
        slots = tuple(
            sorted(
                Slot(local.weekday(), local.time())
                for local in (lesson.starts_at.astimezone(here) for lesson in lessons)
            )
        )
        length = lessons[0].length
        windows = {slot.weekday: self._window(slot, length) for slot in slots}
        others = [day for day in range(6) if day not in windows]
        for day in dice.sample(others, min(len(others), dice.randint(0, level.decoys))):
            windows[day] = self._window(Slot(day, dice.choice(slots).at), length)
        course = dice.choice(sorted(one.courses))
        taught: dict[str, int] = {}
        roll = dice.random()
        if roll < level.known:
            taught[one.person_id] = dice.randint(1, 20)
        elif roll < level.known + level.misled:
            able = [other.person_id for other in self._teachers if course in other.courses]
            taught[dice.choice(able)] = dice.randint(1, 20)
        language = dice.choice(sorted(one.languages) if dice.random() < 0.8 else LANGUAGES)
        wish = Wish(
            course,
            tuple(windows[day] for day in sorted(windows)),
            student.tz,
            MONDAY,
            length,
            per_week=len(slots),
            until_day=MONDAY + timedelta(days=6),
            language=language if dice.random() < 0.5 else "",
            instructor_id=one.person_id if dice.random() < 0.1 else "",
            course=course,
            taught=taught,
        )
        request_id = f"request{len(self._asks):05}"
        self._asks.append(Ask(request_id, student.person_id, wish))
        self._answer[request_id] = (one.person_id, slots)

    def _window(self, slot: Slot, length: timedelta) -> WishWindow:
        """Around the lesson, not over midnight: a window belongs to its day."""
        first = slot.at.hour * 4 + slot.at.minute // 15
        starts = max(0, first - self._dice.randint(*self._level.margin))
        ends = min(95, first + length // _QUARTER + self._dice.randint(*self._level.margin))
        return WishWindow(slot.weekday, time(*divmod(starts * 15, 60)), time(*divmod(ends * 15, 60)))

    def _student(self, teacher: Teacher, lessons: list[_Lesson]) -> Teacher:
        """Somewhere where these are civil times, as they are where the instructor lives."""
        tz = self._dice.choice([tz for tz in ZONES if _civil(lessons, tz)] or [teacher.tz])
        number = len(self._students)
        self._students.append(Teacher(f"student{number:05}", f"Student {number}", tz, Availability(tz)))
        return self._students[-1]

    def _known_student(self, teacher: Teacher, lessons: list[_Lesson]) -> Teacher:
        """A second course for somebody who has time then; a new student when nobody has."""
        for one in self._dice.sample(self._students, min(50, len(self._students))):
            if _civil(lessons, one.tz) and not _overlap(lessons, self._taken[one.person_id]):
                return one
        return self._student(teacher, lessons)


def _civil(lessons: list[_Lesson], tz: str) -> bool:
    here = ZoneInfo(tz)
    times = [
        (one.starts_at.astimezone(here), (one.starts_at + one.length).astimezone(here)) for one in lessons
    ]
    same_day = all(starts.date() == ends.date() for starts, ends in times)
    days = {starts.weekday() for starts, _ in times}
    return (
        same_day
        and len(days) == len(times)
        and all(starts.hour >= 7 and ends.hour < 22 for starts, ends in times)
    )


def _overlap(some: list[_Lesson], others: list[_Lesson]) -> bool:
    return any(
        one.starts_at < other.starts_at + other.length and other.starts_at < one.starts_at + one.length
        for one in some
        for other in others
    )
