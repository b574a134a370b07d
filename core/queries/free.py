"""At which other times the people of a lesson can have it, and why not at a given one."""

from collections.abc import Sequence

from sqlmodel import Session

from core import services
from core.queries.bookable import as_teacher, bookable
from core.scheduling.availability import Reason
from core.scheduling.matching import LOOK_AROUND, Teacher, against, alternatives, reasons_against_teacher
from core.scheduling.windows import Window

_TRIED = 200
"""Times looked at for a group: each must suit everybody."""


def free_times(
    db: Session,
    instructor_id: str,
    student_ids: Sequence[str],
    around: Window,
    *,
    most: int = 3,
    without_session: str = "",
) -> list[Window]:
    """The nearest times within a week at which all of them can have a lesson of this length, in order of time.

    without_session: the lesson that would move; it is in nobody's way.
    """
    now = services.current().clock.now()
    people = _people(db, (instructor_id, *student_ids), around, without_session)
    teacher, students = people[instructor_id], [people[one] for one in student_ids]
    if len(students) <= 1:
        return alternatives(teacher, students[0] if students else None, around, now, most)
    found = alternatives(teacher, students[0], around, now, _TRIED)
    suiting = [one for one in found if not any(against(other, one, now) for other in students[1:])]
    nearest = sorted(suiting, key=lambda one: abs(one.starts_at - around.starts_at))[:most]
    return sorted(nearest)


def why_not(
    db: Session,
    instructor_id: str,
    student_ids: Sequence[str],
    lesson: Window,
    *,
    without_session: str = "",
) -> list[Reason]:
    """Every reason why these people cannot have a lesson then; empty = they can."""
    now = services.current().clock.now()
    people = _people(db, (instructor_id, *student_ids), lesson, without_session)
    found = reasons_against_teacher(people[instructor_id], lesson, now)
    for one in student_ids:
        found += against(people[one], lesson, now)
    return found


def _people(
    db: Session, person_ids: Sequence[str], around: Window, without_session: str
) -> dict[str, Teacher]:
    found = bookable(db, person_ids, around.widened(LOOK_AROUND), without_session=without_session)
    return {person_id: as_teacher(one) for person_id, one in found.items()}
