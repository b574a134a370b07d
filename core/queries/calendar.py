"""The week by instructor: who teaches when?"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlmodel import col, func, select

from core import services
from core.access import Viewer
from core.domain import ClassSession, Person, PersonRole, Seat
from core.errors import NotAllowed
from core.i18n import zone_name
from core.queries.common import Face, LessonLine, face, lesson_lines


@dataclass(frozen=True)
class DayCell:
    """One instructor's lessons on one day; day: ISO date in the viewer's zone."""

    day: str
    lessons: list[LessonLine]


@dataclass(frozen=True)
class WeekRow:
    """One instructor's week, seven cells from Monday. place: the instructor's zone as people say it."""

    instructor: Face
    place: str
    days: list[DayCell]


def week(
    viewer: Viewer, monday: date, *, find: str = "", page: int = 0, size: int = 12
) -> tuple[list[WeekRow], int]:
    """A week of the viewer's zone by instructor; the number of all instructors that fit."""
    if not viewer.has("coordinator"):
        raise NotAllowed()
    service, zone = services.current(), ZoneInfo(viewer.tz)
    days = [monday + timedelta(days=n) for n in range(8)]
    start, end = (datetime(day.year, day.month, day.day, tzinfo=zone) for day in (days[0], days[7]))
    with service.store.read() as db:
        query = (
            select(Person)
            .join(PersonRole, col(PersonRole.person_id) == Person.id)
            .where(PersonRole.role == "instructor", col(Person.active).is_(True))
        )
        if find.strip():
            query = query.where(col(Person.name).icontains(find.strip(), autoescape=True))
        total = db.exec(select(func.count()).select_from(query.subquery())).one()
        teachers = db.exec(
            query.order_by(col(Person.name), col(Person.id)).offset(page * size).limit(size)
        ).all()
        sessions = db.exec(
            select(ClassSession)
            .join(Seat, col(Seat.session_id) == ClassSession.id)
            .where(
                col(Seat.person_id).in_([person.id for person in teachers]),
                Seat.role == "instructor",
                col(Seat.active).is_(True),
                ClassSession.starts_at >= start,
                ClassSession.starts_at < end,
                ClassSession.status != "cancelled",
            )
            .order_by(col(ClassSession.starts_at), col(ClassSession.id))
        ).all()
        lines = lesson_lines(db, sessions, service.clock.now(), service.settings.no_show_s)
    cells: dict[tuple[str, str], list[LessonLine]] = {}
    for line in lines:
        day = datetime.fromisoformat(line.starts_at).astimezone(zone).date().isoformat()
        cells.setdefault((line.instructor_id, day), []).append(line)
    return [
        WeekRow(
            face(p),
            zone_name(p.tz, viewer.lang),
            [DayCell(day.isoformat(), cells.get((p.id, day.isoformat()), [])) for day in days[:7]],
        )
        for p in teachers
    ], total
