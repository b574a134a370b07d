"""The week by instructor, page by page; the week lives in the address."""

import asyncio
from datetime import date, timedelta
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import reflex as rx

from core.i18n import format_day_short
from core.queries import calendar as query
from core.queries.calendar import WeekRow
from hilink_app.state.base import BaseState
from hilink_app.state.gate import PageGate
from hilink_app.state.guard import allow
from hilink_app.state.lesson import LessonBox
from hilink_app.state.live import watch

PATH = "/calendar"
PAGE_SIZE = 12


class Calendar(BaseState):
    """monday: ISO date of the week shown; days: (words, is today)."""

    ready: bool = False
    monday: str = ""
    find: str = ""
    page: int = 0
    rows: list[WeekRow] = []
    days: list[tuple[str, bool]] = []
    total: int = 0
    last: int = 0
    number: int = 0
    earlier: str = PATH
    later: str = PATH

    @rx.event
    @allow("coordinator")
    async def load(self) -> None:
        """The week named in the address, this one otherwise."""
        asked = self.router.url.query_parameters
        try:
            day = date.fromisoformat(str(asked.get("week", "")))
            day = day if 1970 < day.year < 2200 else self._today()
        except ValueError:
            day = self._today()
        self.find = str(asked.get("find", ""))[:80]
        page = str(asked.get("page", "1"))
        self.page = max(0, int(page) - 1) if page.isascii() and page.isdecimal() and len(page) < 6 else 0
        self.monday = (day - timedelta(days=day.weekday())).isoformat()
        await self._look()
        watch(self, Calendar.refresh, ("board",))
        if lesson_id := str(asked.get("lesson", "")):
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
        return rx.redirect(self._address(self.monday, str(text).strip()[:80]), replace=True)

    @rx.event
    @allow("coordinator")
    def turn(self, step: int) -> rx.event.EventSpec:
        """To the next (1) or the previous (-1) page of instructors."""
        return rx.redirect(self._address(self.monday, self.find, max(0, self.page + step) + 1))

    def _today(self) -> date:
        return self._now().astimezone(ZoneInfo(self._viewer().tz)).date()

    def _address(self, monday: str, find: str, page: int = 1) -> str:
        asked = {"week": monday, "find": find, "page": str(page) if page > 1 else ""}
        return f"{PATH}?{urlencode({name: value for name, value in asked.items() if value})}"

    async def _look(self) -> None:
        viewer, monday = self._viewer(), date.fromisoformat(self.monday)
        rows, self.total = await asyncio.to_thread(
            query.week, viewer, monday, find=self.find, page=self.page, size=PAGE_SIZE
        )
        if rows != self.rows:
            self.rows = rows
        today = self._today()
        week = [monday + timedelta(days=n) for n in range(7)]
        self.days = [(format_day_short(day, viewer.tz, viewer.lang), day == today) for day in week]
        self.number = monday.isocalendar().week
        self.last = self.page * PAGE_SIZE + len(rows)
        self.earlier = self._address((monday - timedelta(days=7)).isoformat(), self.find)
        self.later = self._address((monday + timedelta(days=7)).isoformat(), self.find)
        self.ready = True
