"""The coordinator's calendar: what is shown lives in the address; a lesson that is picked up, moved, put back."""

import asyncio
from datetime import date, datetime, timedelta
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import reflex as rx

from core.errors import InvalidInput, UserError
from core.i18n import format_day, format_day_short, format_when
from core.lifecycle import schedule
from core.queries import board
from core.queries import calendar as query
from core.queries.calendar import Row
from core.queries.common import LessonLine
from core.queries.moves import NoGo, moves
from core.scheduling.times import local_time
from core.views import ClassSessionView
from hilink_app.state.base import BaseState
from hilink_app.state.gate import PageGate
from hilink_app.state.guard import allow
from hilink_app.state.lesson import LessonBox
from hilink_app.state.live import watch

PATH = "/calendar"
PAGE_SIZE = 12
VIEWS = ("week", "day", "person")
HOURS = ("7-22", "0-24", "6-14", "13-22", "16-22")
"""What the hours filter offers, the usual first."""


class Calendar(BaseState):
    """view: week | day (both by instructor) | person (the week of `who`). day: ISO date that it is about.

    days: (ISO date, words, is today) of the columns. carried: the picked-up lesson, walls: where it cannot go.
    """

    ready: bool = False
    view: str = "week"
    day: str = ""
    find: str = ""
    course_id: str = ""
    hours: str = HOURS[0]
    who: str = ""
    page: int = 0
    rows: list[Row] = []
    days: list[tuple[str, str, bool]] = []
    total: int = 0
    last: int = 0
    title: str = ""
    number: int = 0
    links: dict[str, str] = dict.fromkeys(("earlier", "now", "later", *VIEWS), PATH)
    courses: list[tuple[str, str]] = []
    carried: str = ""
    walls: list[NoGo] = []

    @rx.event
    @allow("coordinator")
    async def load(self) -> None:
        """What the address asks for: this week by instructor, unless it says otherwise."""
        asked = {name: str(value) for name, value in self.router.url.query_parameters.items()}
        self.view = asked.get("view", "") if asked.get("view") in VIEWS else VIEWS[0]
        try:
            day = date.fromisoformat(asked.get("day", ""))
            day = day if 1970 < day.year < 2200 else self._today()
        except ValueError:
            day = self._today()
        self.day = day.isoformat()
        self.find, self.course_id = asked.get("find", "")[:80], asked.get("course", "")[:40]
        self.who = asked.get("who", "")[:40] if self.view == "person" else ""
        self.hours = asked.get("hours", "") if asked.get("hours") in HOURS else HOURS[0]
        page = asked.get("page", "1")
        self.page = max(0, int(page) - 1) if page.isascii() and page.isdecimal() and len(page) < 6 else 0
        courses = await asyncio.to_thread(board.courses, self._viewer())
        self.courses = [("", self._t("All")), *courses]
        self.carried, self.walls = "", []
        await self._look()
        watch(self, Calendar.refresh, ("board", "availability"))
        if lesson_id := asked.get("lesson", ""):
            await (await self.get_state(LessonBox))._open(lesson_id)

    @rx.event
    @allow("coordinator")
    async def refresh(self) -> None:
        if (await self.get_state(PageGate)).route != PATH:
            return
        await self._look()
        await (await self.get_state(LessonBox))._again()

    @rx.event
    @allow("coordinator")
    def search(self, text: str) -> rx.event.EventSpec:
        return rx.redirect(self._address(find=str(text).strip()[:80], page=""), replace=True)

    @rx.event
    @allow("coordinator")
    def choose_course(self, course_id: str) -> rx.event.EventSpec:
        return rx.redirect(self._address(course=str(course_id), page=""))

    @rx.event
    @allow("coordinator")
    def choose_hours(self, hours: str) -> rx.event.EventSpec:
        return rx.redirect(self._address(hours=str(hours)), replace=True)

    @rx.event
    @allow("coordinator")
    def choose_person(self, person_id: str) -> rx.event.EventSpec:
        """To one instructor's week."""
        return rx.redirect(self._address(view="person", who=str(person_id), page=""))

    @rx.event
    @allow("coordinator")
    def turn(self, step: int) -> rx.event.EventSpec:
        """To the next (1) or the previous (-1) page of instructors."""
        return rx.redirect(self._address(page=str(max(0, self.page + step) + 1)))

    @rx.event
    @allow("coordinator")
    async def pick_up(self, session_id: str) -> rx.event.EventSpec | None:
        """Somebody begins to move a lesson: where can it not go? Says so when it cannot be moved at all."""
        viewer, (first, days) = self._viewer(), self._span()
        within = query.window_of(first, days, ZoneInfo(viewer.tz))
        people = [row.instructor.id for row in self.rows]
        try:
            self.walls = await asyncio.to_thread(moves, viewer, str(session_id), within, people)
        except UserError as error:
            self.carried, self.walls = "", []
            return self._toast_error(error)
        self.carried = str(session_id)
        return None

    @rx.event
    @allow("coordinator")
    def put_down(self) -> None:
        """Left where it was."""
        self.carried, self.walls = "", []

    @rx.event
    @allow("coordinator")
    async def drop(
        self, session_id: str, person_id: str, day: str, minute: int, version: int
    ) -> rx.event.EventSpec:
        """The lesson goes there: a minute of that day's wall clock in the coordinator's own zone."""
        viewer, at = self._viewer(), max(0, min(int(minute), query.DAY_MINUTES - 1))
        try:
            starts_at = local_time(str(day)[:10], f"{at // 60:02d}:{at % 60:02d}", viewer.tz)
            before, placed = await self._place(session_id, person_id, starts_at, version)
        except UserError as error:
            await self._settle()
            return self._toast_error(error)
        await self._settle()
        name = next((row.instructor.name for row in self.rows if row.instructor.id == person_id), "")
        return self._done(
            self._t(
                "Moved to {when} with {name}.",
                when=format_when(placed.starts_at, viewer.tz, viewer.lang),
                name=name,
            ),
            undo=Calendar.put_back(placed.id, before.instructor_id, before.starts_at, placed.version),
        )

    @rx.event
    @allow("coordinator")
    async def put_back(
        self, session_id: str, person_id: str, starts_at: str, version: int
    ) -> rx.event.EventSpec:
        """Undo: as it was, unless somebody changed it since."""
        try:
            await self._place(session_id, person_id, _moment(starts_at), version)
        except UserError as error:
            await self._settle()
            return self._toast_error(error)
        await self._settle()
        return self._done(self._t("The lesson is back where it was."))

    async def _place(
        self, session_id: str, person_id: str, starts_at: datetime, version: int
    ) -> tuple[LessonLine, ClassSessionView]:
        """What it was, and what it is; it keeps its length."""
        viewer = self._viewer()
        before = (await asyncio.to_thread(board.session_detail, viewer, str(session_id)[:40])).line
        length = datetime.fromisoformat(before.ends_at) - datetime.fromisoformat(before.starts_at)
        placed = await asyncio.to_thread(
            schedule.place_session,
            viewer,
            before.id,
            starts_at,
            starts_at + length,
            str(person_id)[:40],
            int(version),
        )
        return before, placed

    def _today(self) -> date:
        return self._now().astimezone(ZoneInfo(self._viewer().tz)).date()

    def _span(self) -> tuple[date, int]:
        """First day and how many: the day itself, or its week from Monday."""
        day = date.fromisoformat(self.day)
        return (day, 1) if self.view == "day" else (day - timedelta(days=day.weekday()), 7)

    def _address(self, **changes: str) -> str:
        now = {
            "view": self.view,
            "day": self.day,
            "who": self.who,
            "find": self.find,
            "course": self.course_id,
            "hours": self.hours,
            "page": str(self.page + 1) if self.page else "",
        }
        asked = {**now, **changes}
        usual = {"view": VIEWS[0], "hours": HOURS[0]}
        said = {name: value for name, value in asked.items() if value and usual.get(name) != value}
        return PATH + (f"?{urlencode(said)}" if said else "")

    async def _settle(self) -> None:
        """Nothing is carried any more, and the page shows what is so now."""
        self.carried, self.walls = "", []
        await self._look()

    async def _look(self) -> None:
        viewer, (first, days), today = self._viewer(), self._span(), self._today()
        if self.view == "person" and not self.who:
            chosen, _ = await asyncio.to_thread(query.grid, viewer, first, 1, find=self.find, size=1)
            self.who = chosen[0].instructor.id if chosen else ""
        filters = {"person_id": self.who} if self.view == "person" else {"find": self.find}
        rows, self.total = await asyncio.to_thread(
            query.grid,
            viewer,
            first,
            days,
            course_id=self.course_id,
            page=self.page,
            size=PAGE_SIZE,
            **filters,
        )
        if rows != self.rows:
            self.rows = rows
        dates = [first + timedelta(days=n) for n in range(days)]
        self.days = [
            (one.isoformat(), format_day_short(one, viewer.tz, viewer.lang), one == today) for one in dates
        ]
        self.number = first.isocalendar().week
        self.title = format_day(first, viewer.tz, viewer.lang, year=first.year != today.year)
        self.last = self.page * PAGE_SIZE + len(rows)
        shown = date.fromisoformat(self.day)
        self.links = {
            "earlier": self._address(day=(shown - timedelta(days=days)).isoformat()),
            "now": self._address(day=""),
            "later": self._address(day=(shown + timedelta(days=days)).isoformat()),
            **{view: self._address(view=view, page="", who="") for view in VIEWS},
        }
        self.ready = True


def _moment(text: str) -> datetime:
    """InvalidInput unless it is an ISO time; `place_session` asks for its zone."""
    try:
        return datetime.fromisoformat(str(text))
    except ValueError as error:
        raise InvalidInput("starts_at", "Please enter a date and a time.") from error
