"""The live board: the day's lessons, and what needs a person. Filters live in the address."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import reflex as rx

from core import services
from core.i18n import format_time
from core.queries import board as query
from core.queries.board import STATES, CaseLine
from core.queries.common import LessonLine
from hilink_app.state.base import BaseState
from hilink_app.state.case import CaseBox
from hilink_app.state.gate import PageGate
from hilink_app.state.guard import allow
from hilink_app.state.lesson import LessonBox
from hilink_app.state.live import look_again, watch
from hilink_app.state.reader import Reader

PATH = "/today"
PAGE_SIZE = 50
TICK_S = 15
"""A lesson becomes late without an event; the board looks at least this often."""
DAY_QUARTERS = (7 * 4, 21 * 4)
"""The strip shows at least 07:00 to 21:00."""


@dataclass(frozen=True)
class Lane:
    """The lessons of one state on this page of the board; count: all of them."""

    state: str
    count: int
    rows: list[LessonLine]


class Today(BaseState):
    """lane: the chosen state or ""; whose: "" (all), mine or free cases; links: addresses of the tabs."""

    ready: bool = False
    lane: str = ""
    find: str = ""
    course_id: str = ""
    trouble: bool = False
    page: int = 0
    whose: str = ""
    lanes: list[Lane] = []
    counts: dict[str, int] = dict.fromkeys((*STATES, "all"), 0)
    total: int = 0
    first: int = 0
    last: int = 0
    slots: list[dict[str, Any]] = []
    now_part: float = 0
    clock: str = ""
    busiest: str = ""
    busiest_count: int = 0
    courses: list[tuple[str, str]] = []
    cases: list[CaseLine] = []
    mine: int = 0
    free: int = 0
    settled: int = 0
    settled_in_time: int = 0
    queue_open: bool = False
    links: dict[str, str] = {}
    export_url: str = ""

    @rx.event
    @allow("coordinator")
    async def load(self) -> None:
        """Read the address, fill the page, keep it fresh, and open what the address names."""
        asked = self.router.url.query_parameters
        self.lane = str(asked.get("state", "")) if asked.get("state") in STATES else ""
        self.find, self.course_id = str(asked.get("find", ""))[:80], str(asked.get("course", ""))[:40]
        self.trouble = asked.get("trouble") == "1"
        self.whose = str(asked.get("cases", "")) if asked.get("cases") in ("mine", "free") else ""
        page = str(asked.get("page", "1"))
        self.page = max(0, int(page) - 1) if page.isascii() and page.isdecimal() and len(page) < 6 else 0
        self._link()
        courses = await asyncio.to_thread(query.courses, self._viewer())
        self.courses = [("", self._t("All")), *courses]
        await self._look()
        watch(self, Today.refresh, ("board", "cases"))
        if case_id := str(asked.get("case", "")):
            await (await self.get_state(CaseBox))._open(case_id)
        elif lesson_id := str(asked.get("lesson", "")):
            await (await self.get_state(LessonBox))._open(lesson_id)

    @rx.event
    @allow("coordinator")
    async def refresh(self) -> None:
        """Something happened, or time went by. Does nothing once the reader is on another page."""
        if (await self.get_state(PageGate)).route != PATH:
            return
        await self._look()
        await (await self.get_state(CaseBox))._again()
        await (await self.get_state(LessonBox))._again()

    @rx.event
    @allow("coordinator")
    def search(self, text: str) -> rx.event.EventSpec:
        return rx.redirect(self._address(find=text.strip()[:80], page=""), replace=True)

    @rx.event
    @allow("coordinator")
    def choose_course(self, course_id: str) -> rx.event.EventSpec:
        return rx.redirect(self._address(course=course_id, page=""))

    @rx.event
    @allow("coordinator")
    def only_trouble(self, on: bool) -> rx.event.EventSpec:
        return rx.redirect(self._address(trouble="1" if on else "", page=""))

    @rx.event
    @allow("coordinator")
    def turn(self, step: int) -> rx.event.EventSpec:
        """To the next (1) or the previous (-1) page."""
        return rx.redirect(self._address(page=str(max(0, self.page + step) + 1)))

    @rx.event
    @allow("coordinator")
    def toggle_queue(self) -> None:
        """The queue is a sheet on narrow screens."""
        self.queue_open = not self.queue_open

    @rx.event
    @allow("coordinator")
    async def open_lesson(self) -> None:
        """From a case to its lesson: one dialog at a time."""
        box = await self.get_state(CaseBox)
        session_id, box.is_open = box.case.session_id, False
        await (await self.get_state(LessonBox))._open(session_id)

    def _address(self, **changes: str) -> str:
        now = {
            "state": self.lane,
            "find": self.find,
            "course": self.course_id,
            "trouble": "1" if self.trouble else "",
            "cases": self.whose,
            "page": str(self.page + 1) if self.page else "",
        }
        asked = {name: value for name, value in {**now, **changes}.items() if value}
        return PATH + (f"?{urlencode(asked)}" if asked else "")

    def _link(self) -> None:
        self.links = {state or "all": self._address(state=state, page="") for state in ("", *STATES)} | {
            whose: self._address(cases="" if self.whose == whose else whose) for whose in ("mine", "free")
        }

    async def _look(self) -> None:
        viewer = self._viewer()
        found = await asyncio.to_thread(
            query.board,
            viewer,
            state=self.lane,
            find=self.find,
            course_id=self.course_id,
            trouble=self.trouble,
            page=self.page,
            size=PAGE_SIZE,
        )
        queue = await asyncio.to_thread(query.cases, viewer)
        self.settled, self.settled_in_time = await asyncio.to_thread(query.settled_today, viewer)
        lanes = _lanes(found.rows, found.counts)
        if lanes != self.lanes:
            self.lanes = lanes
        self.counts = {state: found.counts.get(state, 0) for state in (*STATES, "all")}
        self.total = found.total
        self.first = self.page * PAGE_SIZE + 1 if found.rows else 0
        self.last = self.page * PAGE_SIZE + len(found.rows)
        self._fill_queue(queue)
        self._fill_strip(found.strip, datetime.fromisoformat(found.now))
        (await self.get_state(Reader))._set_counts({PATH: len(queue)})
        look_again(self, TICK_S)
        self.ready = True

    def _fill_queue(self, queue: list[CaseLine]) -> None:
        self.mine, self.free = sum(line.mine for line in queue), sum(not line.owner for line in queue)
        wanted = {
            "mine": [line for line in queue if line.mine],
            "free": [line for line in queue if not line.owner],
        }
        cases = wanted.get(self.whose, queue)
        if cases != self.cases:
            self.cases = cases

    def _fill_strip(self, strip: list[tuple[int, int, int]], now: datetime) -> None:
        viewer = self._viewer()
        local = now.astimezone(ZoneInfo(viewer.tz))
        self.clock = format_time(now, viewer.tz, viewer.lang)
        slots, self.now_part = strip_slots(strip, local.hour * 4 + local.minute / 15)
        if slots != self.slots:
            self.slots = slots
        top = max(strip, key=lambda slot: slot[1], default=(0, 0, 0))
        self.busiest, self.busiest_count = f"{top[0] // 4:02d}:{top[0] % 4 * 15:02d}", top[1]
        start, end = query.day_of(viewer, services.current().clock.now())
        self.export_url = "/api/v1/exports/sessions.csv?" + urlencode(
            {"after": start.isoformat(), "before": end.isoformat()}
        )


def _lanes(rows: list[LessonLine], counts: Mapping[str, int]) -> list[Lane]:
    found = [
        Lane(state, counts.get(state, 0), [row for row in rows if row.state == state]) for state in STATES
    ]
    return [lane for lane in found if lane.rows]


def strip_slots(strip: list[tuple[int, int, int]], now: float) -> tuple[list[dict[str, Any]], float]:
    """Slots of the strip as `kit.jsx` draws them, and where now is, 0..1 of its width.

    strip: (quarter 0..95, lessons, with trouble); now: quarters since midnight.
    """
    known = {quarter: (count, missed) for quarter, count, missed in strip}
    first = min([DAY_QUARTERS[0], int(now), *known]) // 4 * 4
    last = max([DAY_QUARTERS[1], int(now) + 1, *(quarter + 1 for quarter in known)])
    slots: list[dict[str, Any]] = []
    for quarter in range(first, last):
        count, missed = known.get(quarter, (0, 0))
        state = (
            "now"
            if quarter == int(now)
            else "later"
            if quarter > now
            else "live"
            if quarter > now - 4
            else "past"
        )
        label = f"{quarter // 4:02d}:00" if (quarter - first) % 8 == 0 else ""
        slots.append({"label": label, "count": count, "missed": missed, "state": state})
    return slots, (now - first) / (last - first)
