"""One exception case in the side dialog: take it, write a note, settle it."""

import asyncio

import reflex as rx

from core.errors import InvalidInput
from core.lifecycle import cases
from core.queries import board as query
from core.queries.board import NO_CASE, CaseLine, NoteLine
from hilink_app.state.base import BaseState
from hilink_app.state.guard import allow
from hilink_app.state.toasts import toast_done

STAFF = ("coordinator", "operator")
"""Whose queues there are; the query refuses the other role's cases."""


class CaseBox(BaseState):
    """problem, note_problem: sentences under the two boxes."""

    is_open: bool = False
    case: CaseLine = NO_CASE
    notes: list[NoteLine] = []
    problem: str = ""
    note_problem: str = ""

    @rx.event
    @allow(*STAFF)
    async def show(self, case_id: str) -> None:
        await self._open(case_id)

    @rx.event
    @allow(*STAFF)
    def close(self) -> rx.event.EventSpec | None:
        """Closed; an address that named the case no longer does."""
        self.reset()
        if "case" in self.router.url.query_parameters:
            return rx.redirect(self.router.url.path or "/", replace=True)
        return None

    @rx.event
    @allow(*STAFF)
    async def take(self, case_id: str, version: int) -> rx.event.EventSpec:
        """Mine from now on."""
        await asyncio.to_thread(cases.take_case, self._viewer(), case_id, version)
        await self._again()
        return toast_done(self._t("The case is yours now."))

    @rx.event
    @allow(*STAFF)
    async def add_note(self, form: dict[str, str]) -> None:
        try:
            await asyncio.to_thread(cases.note_case, self._viewer(), self.case.id, str(form.get("note", "")))
        except InvalidInput as error:
            self.note_problem = self._t(error.message, **error.facts)
            return
        self.note_problem = ""
        await self._again()

    @rx.event
    @allow(*STAFF)
    async def settle(self, form: dict[str, str]) -> rx.event.EventSpec | None:
        try:
            await asyncio.to_thread(
                cases.resolve_case, self._viewer(), self.case.id, str(form.get("resolution", ""))
            )
        except InvalidInput as error:
            self.problem = self._t(error.message, **error.facts)
            return None
        self.problem = ""
        await self._again()
        return toast_done(self._t("The case is settled."))

    async def _open(self, case_id: str) -> None:
        self.reset()
        self.case, self.notes = await asyncio.to_thread(query.case, self._viewer(), case_id[:40])
        self.is_open = True

    async def _again(self) -> None:
        if self.is_open:
            self.case, self.notes = await asyncio.to_thread(
                query.case, self._viewer(), self.case.id, again=True
            )
