"""A family moves or cancels one lesson, asks for it, or chooses a time for a lesson that is had again."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any

import reflex as rx

from core.errors import UserError
from core.i18n import format_when
from core.lifecycle import asked, changes, make_up
from core.lifecycle.asked import Wish
from core.queries import upcoming as query
from core.queries.upcoming import NO_OPTIONS, FreeDay, Options
from core.scheduling.times import local_time
from hilink_app.state.base import BaseState
from hilink_app.state.guard import allow

FAMILY = ("student", "guardian")


class ChangeLesson(BaseState):
    """task: move | cancel. chosen: ISO start out of the offered days, "" for another time. credit_id: had again."""

    is_open: bool = False
    options: Options = NO_OPTIONS
    days: list[FreeDay] = []
    why_move: list[str] = []
    why_cancel: list[str] = []
    credit_id: str = ""
    task: str = "move"
    chosen: str = ""
    chosen_words: str = ""
    cancelling: bool = False
    when: str = ""
    problem: str = ""

    @rx.event
    @allow(*FAMILY)
    async def show(self, session_id: str, student_id: str) -> None:
        """What can be done with this lesson."""
        self.reset()
        await self._fill(query.options, str(session_id)[:40], str(student_id)[:40])

    @rx.event
    @allow(*FAMILY)
    async def show_credit(self, credit_id: str) -> None:
        """Times for a lesson that is had again."""
        self.reset()
        self.credit_id = str(credit_id)[:40]
        await self._fill(query.make_up_options, self.credit_id)

    @rx.event
    @allow(*FAMILY)
    def close(self) -> None:
        self.reset()

    @rx.event
    @allow(*FAMILY)
    def choose_task(self, task: str) -> None:
        self.task, self.problem = ("cancel" if task == "cancel" else "move"), ""

    @rx.event
    @allow(*FAMILY)
    def choose(self, start: str) -> None:
        """One of the offered times; again: none of them."""
        offered = {at for day in self.days for at in day.starts}
        self.chosen = str(start) if start in offered and start != self.chosen else ""
        self.chosen_words = self._when(datetime.fromisoformat(self.chosen)) if self.chosen else ""
        self.problem = ""

    @rx.event
    @allow(*FAMILY)
    async def send(self, form: dict[str, str]) -> Any:
        """Do it when the policy allows, else ask."""
        if self.task == "cancel" and self.options.cancel == "allowed":
            self.cancelling = True
            return None
        try:
            if self.credit_id:
                return await self._book()
            if self.task == "move" and self.chosen and self.options.move == "allowed":
                return await self._move()
            return await self._ask(form)
        except UserError as error:
            self.problem = self._t(error.message, **error.facts)
            return None

    @rx.event
    @allow(*FAMILY)
    def keep(self) -> None:
        self.cancelling = False

    @rx.event
    @allow(*FAMILY)
    async def cancel(self) -> Any:
        """Confirmed."""
        self.cancelling = False
        option = self.options
        try:
            credit = await asyncio.to_thread(
                changes.cancel, self._viewer(), option.session_id, option.version, option.student_id
            )
        except UserError as error:
            self.problem = self._t(error.message, **error.facts)
            return None
        says = (
            self._t("Cancelled. You can have this lesson again: choose a time under your lessons.")
            if credit
            else self._t("The lesson is cancelled.")
        )
        return self._finish(says)

    @rx.event
    @allow(*FAMILY)
    async def withdraw(self) -> Any:
        """What was asked is not wanted any more."""
        waiting = self.options.asked
        await asyncio.to_thread(asked.withdraw, self._viewer(), waiting.id, waiting.version)
        return self._finish(self._t("Your request is withdrawn."))

    @rx.event
    @allow(*FAMILY)
    async def undo(self, session_id: str, version: int) -> Any:
        """The lesson goes back to where it was."""
        made = await asyncio.to_thread(changes.undo_reschedule, self._viewer(), str(session_id), int(version))
        return self._finish(self._t("Back on {when}.", when=self._when(made.starts_at)))

    async def _move(self) -> Any:
        option = self.options
        starts_at = datetime.fromisoformat(self.chosen)
        made = await asyncio.to_thread(
            changes.reschedule,
            self._viewer(),
            option.session_id,
            starts_at,
            option.version,
            option.student_id,
        )
        says = self._t("Moved to {when}. Everybody is being told.", when=self._when(starts_at))
        self.reset()
        return self._done(says, undo=ChangeLesson.undo(made.id, made.version))

    async def _book(self) -> Any:
        if not self.chosen:
            self.problem = self._t("Please choose a time.")
            return None
        starts_at = datetime.fromisoformat(self.chosen)
        await asyncio.to_thread(make_up.book_make_up, self._viewer(), self.credit_id, starts_at)
        return self._finish(self._t("The lesson is on {when}.", when=self._when(starts_at)))

    async def _ask(self, form: dict[str, str]) -> Any:
        viewer, option = self._viewer(), self.options
        starts_at: datetime | None = None
        if self.task == "move":
            day, clock = str(form.get("other-day", "")), str(form.get("other-start", ""))
            starts_at = (
                datetime.fromisoformat(self.chosen)
                if self.chosen
                else local_time(day[:10], clock[:8], viewer.tz)
            )
        wish = Wish(
            option.session_id,
            "cancel" if self.task == "cancel" else "move",
            str(form.get("why", ""))[: asked.MAX_WORDS + 1],
            starts_at,
            option.student_id,
        )
        await asyncio.to_thread(asked.ask, viewer, wish, option.version)
        return self._finish(self._t("We have asked a coordinator and write to you as soon as it is decided."))

    async def _fill(self, ask: Callable[..., Options], *about: str) -> None:
        found = await asyncio.to_thread(ask, self._viewer(), *about)
        self.options, self.days = found, found.days
        self.why_move, self.why_cancel = found.move_why, found.cancel_why
        self.when = self._when(datetime.fromisoformat(found.starts_at)) if found.starts_at else ""
        self.task = "cancel" if found.move == "refused" and found.cancel != "refused" else "move"
        self.is_open = True

    def _when(self, at: datetime) -> str:
        viewer = self._viewer()
        return format_when(at, viewer.tz, viewer.lang)

    def _finish(self, says: str) -> rx.event.EventSpec:
        self.reset()
        return self._done(says)
