"""What the instructor's start page shows."""

import asyncio
from datetime import datetime, timedelta

import reflex as rx

from core import services
from core.queries import handover, learn, substitutes, teach
from core.queries.common import NO_LESSON, Face, LessonLine
from core.queries.teach import BriefingView, ToApprove
from hilink_app.state.base import BaseState
from hilink_app.state.guard import allow
from hilink_app.state.live import watch
from hilink_app.state.offers import PATH as OFFERS
from hilink_app.state.reader import Reader

NO_BRIEFING = BriefingView([], [], [], [], [], "", "")


class Teach(BaseState):
    """next.id and briefing.prepared_at are empty when there is none. can_open: the room is open now.

    instead_of: who gave up the next lesson, "" for one's own. offers: lessons one is asked to take.
    """

    ready: bool = False
    next: LessonLine = NO_LESSON
    can_open: bool = False
    briefing: BriefingView = NO_BRIEFING
    has_briefing: bool = False
    instead_of: str = ""
    offers: int = 0
    day: list[LessonLine] = []
    done_today: int = 0
    to_approve: list[ToApprove] = []
    taught: int = 0
    on_time: int = 0
    summaries_in_time: int = 0

    @rx.event
    @allow("instructor")
    async def load(self) -> None:
        """Fill the page and keep it fresh."""
        await self._look()
        topics = [f"session:{line.id}" for line in self.day] + [
            f"session:{self.next.id}",
            f"person:{self._viewer().person_id}",
        ]
        watch(self, Teach.refresh, [*topics, *(f"session:{item.session_id}" for item in self.to_approve)])

    @rx.event
    @allow("instructor")
    async def refresh(self) -> None:
        await self._look()

    async def _look(self) -> None:
        home = await asyncio.to_thread(teach.home, self._viewer())
        self.next = home.next or NO_LESSON
        self.briefing = brief = home.briefing or NO_BRIEFING
        self.has_briefing = any(
            (brief.last_time, brief.watch_for, brief.next, brief.homework, brief.open_topics)
        )
        self.day, self.to_approve = home.day, home.to_approve
        self.done_today = sum(line.state == "ended" for line in home.day)
        self.taught, self.on_time, self.summaries_in_time = home.taught, home.on_time, home.summaries_in_time
        self.can_open = bool(home.next) and self._opens_soon(home.next)
        gave_up = await asyncio.to_thread(handover.taken_over, self._viewer(), [self.next.id])
        self.instead_of = gave_up.get(self.next.id, "")
        self.offers = await asyncio.to_thread(substitutes.waiting, self._viewer())
        reader = await self.get_state(Reader)
        reader._set_counts({"/summaries": len(home.to_approve), OFFERS: self.offers})
        self.ready = True

    def _opens_soon(self, line: LessonLine | None) -> bool:
        if line is None:
            return False
        opens = timedelta(seconds=services.current().settings.open_before_s)
        return datetime.fromisoformat(line.starts_at) - opens <= self._now()


class Students(BaseState):
    """The instructor's students with their courses."""

    ready: bool = False
    rows: list[tuple[Face, str]] = []

    @rx.event
    @allow("instructor")
    async def load(self) -> None:
        self.rows = await asyncio.to_thread(learn.students_of, self._viewer())
        self.ready = True
