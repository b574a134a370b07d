"""Lessons that need another instructor: who was asked, who could be, and what a coordinator decides."""

import asyncio
from typing import Any

import reflex as rx

from core.errors import UserError
from core.lifecycle import schedule, substitutes
from core.queries import substitutes as query
from core.queries.substitutes import Candidate, SearchLine
from hilink_app.state.base import BaseState
from hilink_app.state.guard import allow
from hilink_app.state.live import watch

_NO_SEARCH = SearchLine("", "", "", "", "", "", "", "", "", "", "", "", 0, 0)


class Substitutes(BaseState):
    """chosen: the search whose candidates are shown. named: the one in the address, which stands first.

    cancelling: the lesson that is about to be cancelled.
    """

    ready: bool = False
    lines: list[SearchLine] = []
    named: str = ""
    chosen: str = ""
    candidates: list[Candidate] = []
    cancelling: SearchLine = _NO_SEARCH
    problem: str = ""

    @rx.event
    @allow("coordinator")
    async def load(self) -> None:
        """What needs somebody, the search in the address first and open; kept fresh."""
        self.named = self.chosen = str(self.router.url.query_parameters.get("search", ""))[:40]
        await self._look()
        watch(self, Substitutes.refresh, ("requests", "board"))

    @rx.event
    @allow("coordinator")
    async def refresh(self) -> None:
        await self._look()

    @rx.event
    @allow("coordinator")
    async def choose(self, substitution_id: str) -> None:
        """Show who could take the lesson; again: hide them."""
        self.chosen = "" if substitution_id == self.chosen else str(substitution_id)[:40]
        self.problem = ""
        await self._look()

    @rx.event
    @allow("coordinator")
    async def offer(self, instructor_id: str) -> Any:
        """Ask one of the candidates."""
        line = self._line(self.chosen)
        return await self._do(
            self._t("Asked. The answer appears here."),
            substitutes.offer,
            line.id,
            [str(instructor_id)],
        )

    @rx.event
    @allow("coordinator")
    async def give(self, instructor_id: str) -> Any:
        """The lesson is theirs without asking: somebody talked to them."""
        line = self._line(self.chosen)
        return await self._do(
            self._t("Another instructor takes this lesson."),
            schedule.reassign_session,
            line.session_id,
            str(instructor_id),
            line.session_version,
        )

    @rx.event
    @allow("coordinator")
    async def stop(self, substitution_id: str) -> Any:
        """The instructor comes after all."""
        line = self._line(substitution_id)
        return await self._do(
            self._t("The search has ended. The lesson stays with its instructor."),
            substitutes.withdraw,
            line.id,
        )

    @rx.event
    @allow("coordinator")
    def ask_cancel(self, substitution_id: str) -> None:
        self.cancelling = self._line(substitution_id)

    @rx.event
    @allow("coordinator")
    def keep(self) -> None:
        self.cancelling = _NO_SEARCH

    @rx.event
    @allow("coordinator")
    async def cancel(self) -> Any:
        """Confirmed."""
        line, self.cancelling = self.cancelling, _NO_SEARCH
        return await self._do(
            self._t("The lesson is cancelled. Everybody is being told."),
            schedule.cancel_session,
            line.session_id,
            line.session_version,
        )

    def _line(self, substitution_id: str) -> SearchLine:
        return next((one for one in self.lines if one.id == substitution_id), _NO_SEARCH)

    async def _do(self, says: str, change: Any, *facts: Any) -> Any:
        try:
            await asyncio.to_thread(change, self._viewer(), *facts)
        except UserError as error:
            self.problem = self._t(error.message, **error.facts)
            await self._look()
            return None
        self.problem = ""
        await self._look()
        return self._done(says)

    async def _look(self) -> None:
        viewer = self._viewer()
        self.lines = await asyncio.to_thread(query.searches, viewer, self.named)
        if not self._line(self.chosen).id:
            self.chosen = ""
        self.candidates = (
            await asyncio.to_thread(query.candidates, viewer, self.chosen) if self.chosen else []
        )
        self.ready = True
