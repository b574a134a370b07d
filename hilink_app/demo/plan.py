"""Who has a lesson when, without double-booking. First fit is enough for a demo; matching proper is core.scheduling."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Pair:
    """One student in one course. teachers: person ids that may teach it."""

    student_id: str
    course_id: str
    course: str
    teachers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Lesson:
    pair: Pair
    instructor_id: str
    starts_at: datetime
    round: int


@dataclass(slots=True)
class Slots:
    """Who is busy when."""

    most_at_once: int = 3
    busy: dict[str, list[datetime]] = field(default_factory=dict[str, list[datetime]])

    def free(self, person_id: str, at: datetime, length: timedelta) -> bool:
        return all(abs(at - other) >= length for other in self.busy.get(person_id, ()))

    def take(self, person_id: str, at: datetime) -> None:
        self.busy.setdefault(person_id, []).append(at)

    def load(self, person_id: str) -> int:
        return len(self.busy.get(person_id, ()))


def plan(
    pairs: Sequence[Pair],
    starts: Sequence[datetime],
    length: timedelta,
    *,
    rounds: int,
    slots: Slots | None = None,
) -> list[Lesson]:
    """Up to `rounds` lessons a pair, sorted by start; the least busy teacher who is free takes each."""
    slots = slots or Slots()
    lessons: list[Lesson] = []
    per_start: dict[datetime, int] = {}
    step = max(1, len(starts) // max(1, rounds))
    for number in range(rounds):
        offered = starts[number * step : (number + 1) * step] if rounds > 1 else starts
        for place, pair in enumerate(pairs):
            turned = [offered[(place * 5 + i) % len(offered)] for i in range(len(offered))] if offered else []
            for start in turned:
                teachers = [t for t in pair.teachers if slots.free(t, start, length)]
                room = per_start.get(start, 0) < slots.most_at_once
                if teachers and room and slots.free(pair.student_id, start, length):
                    teacher = min(teachers, key=slots.load)
                    slots.take(teacher, start)
                    slots.take(pair.student_id, start)
                    per_start[start] = per_start.get(start, 0) + 1
                    lessons.append(Lesson(pair, teacher, start, number))
                    break
    return sorted(lessons, key=lambda lesson: lesson.starts_at)
