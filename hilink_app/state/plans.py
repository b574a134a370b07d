"""Plans: many requests placed at once, how far one is, and what a coordinator makes of it."""

import asyncio
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import reflex as rx

from core.errors import InvalidInput, UserError
from core.lifecycle import plans as lifecycle
from core.lifecycle.requests import MAX_REASON
from core.queries import plans as query
from core.queries import requests as requests_query
from core.queries.common import NOBODY
from core.queries.plans import NO_PLAN, ItemLine, PlanLine, WeekLine
from core.queries.requests import ProposalCard
from hilink_app.state.base import BaseState
from hilink_app.state.gate import PageGate
from hilink_app.state.guard import allow
from hilink_app.state.live import watch

PATH = "/plans"
A_TERM = timedelta(weeks=12)
NO_LINE = ItemLine("", "", NOBODY, "", NOBODY, "", "", "", "", [], "")


class Plans(BaseState):
    """plan.id is empty while there is none. The plan and which of its lines are shown live in the address.

    left_out: lines whose box is not ticked. line: the one that is given another proposal; asking: which question
    is open, start | reject | undo. chosen: rank of a proposal.
    """

    ready: bool = False
    plans: list[PlanLine] = []
    plan: PlanLine = NO_PLAN
    lines: list[ItemLine] = []
    counts: dict[str, int] = dict.fromkeys(query.LINES, 0)
    weeks: list[WeekLine] = []
    more_weeks: int = 0
    shown: str = "placed"
    page: int = 0
    left_out: list[str] = []
    waiting: int = 0
    first_day: str = ""
    last_day: str = ""
    asking: str = ""
    problem: str = ""
    line: ItemLine = NO_LINE
    is_open: bool = False
    looking: bool = False
    cards: list[ProposalCard] = []
    constraint: str = ""
    chosen: int = 1

    @rx.event
    @allow("coordinator")
    async def load(self) -> None:
        """The plan named in the address, else the newest."""
        asked = self.router.url.query_parameters
        self.page, self.problem, self.asking, self.left_out, self.is_open = 0, "", "", [], False
        await self._look(str(asked.get("plan", ""))[:40], str(asked.get("show", "")))
        watch(self, Plans.refresh, ("requests",))

    @rx.event
    @allow("coordinator")
    async def refresh(self) -> None:
        if (await self.get_state(PageGate)).route == PATH:
            await self._look(self.plan.id, self.shown)

    @rx.event
    @allow("coordinator")
    def ask(self, what: str) -> None:
        """Open a question: start, reject or undo; "" closes it."""
        self.asking, self.problem = str(what), ""

    @rx.event
    @allow("coordinator")
    async def start(self, form: dict[str, str]) -> Any:
        """Ask for a plan of these days."""
        try:
            first, last = _day(form, "from_day"), _day(form, "until_day")
            plan_id = await asyncio.to_thread(lifecycle.start_plan, self._viewer(), first, last)
        except UserError as error:
            self.problem = self._t(error.message, **error.facts)
            return None
        self.asking = ""
        return rx.redirect(f"{PATH}?plan={plan_id}")

    @rx.event
    @allow("coordinator")
    async def stop(self) -> Any:
        """End one that is being made."""
        return await self._decide(
            lambda viewer: lifecycle.cancel(viewer, self.plan.id), self._t("The plan is stopped.")
        )

    @rx.event
    @allow("coordinator")
    async def accept(self) -> Any:
        """Book the ticked lines."""
        viewer, plan = self._viewer(), self.plan
        ids: list[str] | None = None
        if self.left_out:
            every = await asyncio.to_thread(query.placed_ids, viewer, plan.id)
            left_out = set(self.left_out)
            ids = [one for one in every if one not in left_out]
        return await self._decide(
            lambda viewer: lifecycle.accept(viewer, plan.id, plan.version, ids),
            self._t("The lessons are being booked."),
        )

    @rx.event
    @allow("coordinator")
    async def reject(self, form: dict[str, str]) -> Any:
        """With a sentence for colleagues."""
        reason = str(form.get("reason", ""))[: MAX_REASON + 1]
        return await self._decide(
            lambda viewer: lifecycle.reject(viewer, self.plan.id, reason, self.plan.version),
            self._t("What was left of the plan is rejected."),
        )

    @rx.event
    @allow("coordinator")
    async def undo(self) -> Any:
        """Take back what it booked."""
        return await self._decide(
            lambda viewer: lifecycle.undo(viewer, self.plan.id, self.plan.version),
            self._t("Lessons to come are being cancelled."),
        )

    @rx.event
    @allow("coordinator")
    def tick(self, line_id: str) -> None:
        """Tick a line, or not."""
        line_id = str(line_id)[:40]
        if line_id in self.left_out:
            self.left_out.remove(line_id)
        else:
            self.left_out.append(line_id)

    @rx.event
    @allow("coordinator")
    async def tick_all(self) -> None:
        """All lines; again: none of them."""
        if self.left_out:
            self.left_out = []
        else:
            self.left_out = await asyncio.to_thread(query.placed_ids, self._viewer(), self.plan.id)

    @rx.event
    @allow("coordinator")
    async def turn(self, by: int) -> None:
        """Another page of lines."""
        self.page = max(0, self.page + int(by))
        await self._look(self.plan.id, self.shown)

    @rx.event
    @allow("coordinator")
    def edit(self, line_id: str) -> Any:
        """Look for another proposal for a line; they follow."""
        found = next((one for one in self.lines if one.id == str(line_id)), None)
        if found is None:
            return None
        self.line, self.is_open, self.looking, self.chosen, self.problem = found, True, True, 1, ""
        self.cards, self.constraint = [], ""
        return Plans.reckon

    @rx.event
    @allow("coordinator")
    async def reckon(self) -> None:
        """Who could give these lessons, as things are now."""
        found = await asyncio.to_thread(requests_query.offered, self._viewer(), self.line.request_id)
        self.cards, self.constraint, self.looking = found.cards, found.constraint, False

    @rx.event
    @allow("coordinator")
    def close(self) -> None:
        self.is_open, self.problem = False, ""

    @rx.event
    @allow("coordinator")
    def choose(self, rank: int) -> None:
        self.chosen = int(rank)

    @rx.event
    @allow("coordinator")
    async def change(self) -> Any:
        """Give the line the chosen proposal."""
        if (chosen := requests_query.chosen(self.cards, self.chosen)) is None:
            return None
        line_id = self.line.id
        return await self._decide(
            lambda viewer: lifecycle.change_line(viewer, line_id, chosen, self.plan.version),
            self._t("The line is changed."),
        )

    @rx.var
    def ticked(self) -> int:
        """How many lines would be booked."""
        return max(0, self.counts.get("placed", 0) - len(self.left_out))

    @rx.var
    def more(self) -> bool:
        """There is another page."""
        return (self.page + 1) * query.MOST_LINES < self.counts.get(self.shown, 0)

    async def _decide(self, act: Callable[[Any], None], says: str) -> Any:
        try:
            await asyncio.to_thread(act, self._viewer())
        except UserError as error:
            self.problem = self._t(error.message, **error.facts)
            await self._look(self.plan.id, self.shown)
            return None
        self.asking, self.problem, self.is_open = "", "", False
        await self._look(self.plan.id, self.shown)
        return self._done(says)

    async def _look(self, plan_id: str, shown: str) -> None:
        viewer = self._viewer()
        self.plans = await asyncio.to_thread(query.recent, viewer)
        self.waiting, first, last = await asyncio.to_thread(query.open_requests, viewer)
        if not self.asking:
            self.first_day, self.last_day = _days(first, last, self._now().date())
        plan_id = plan_id or (self.plans[0].id if self.plans else "")
        if plan_id:
            view = await asyncio.to_thread(query.one, viewer, plan_id, shown, self._offset)
            usual = next((one for one in query.LINES if view.counts[one]), "placed")
            if not view.counts.get(shown):
                shown, self.page = usual, 0
                view = await asyncio.to_thread(query.one, viewer, plan_id, shown, 0)
            self.shown = shown
            self.plan, self.lines, self.counts = view.plan, view.lines, view.counts
            self.weeks, self.more_weeks = view.weeks, view.more_weeks
        self.ready = True

    @property
    def _offset(self) -> int:
        return self.page * query.MOST_LINES


def _days(first: str, last: str, today: date) -> tuple[str, str]:
    """What the form offers: from the first day anybody asks for, to a term after the last one."""
    begins = max(today, date.fromisoformat(first)) if first else today
    ends = max(begins, date.fromisoformat(last)) if last else begins
    ends = min(ends + A_TERM, begins + timedelta(days=lifecycle.MOST_DAYS - 1))
    return begins.isoformat(), ends.isoformat()


def _day(form: dict[str, str], name: str) -> date:
    try:
        return date.fromisoformat(str(form.get(name, "")))
    except ValueError as error:
        raise InvalidInput(name, "Please enter a date.") from error
