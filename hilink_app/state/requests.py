"""The request inbox: who asks for lessons, who could give them, and what a coordinator does about it."""

import asyncio
from typing import Any

import reflex as rx

from core.errors import UserError
from core.lifecycle import requests as lifecycle
from core.queries import requests as query
from core.queries.common import NOBODY
from core.queries.requests import ProposalCard, RequestLine
from hilink_app.state.base import BaseState
from hilink_app.state.gate import PageGate
from hilink_app.state.guard import allow
from hilink_app.state.live import watch
from hilink_app.state.reader import Reader
from hilink_app.state.requests_changes import ChangeInbox
from hilink_app.state.requests_substitutes import Substitutes

PATH = "/requests"
TABS = ("requests", "changes", "substitutes")
NO_REQUEST = RequestLine(
    "", NOBODY, "", "", "", "", 0, 0, [], "", "", "", 0, "", "", False, "", "open", "", "", 0
)


class Requests(BaseState):
    """tab and status live in the address. line.id is empty while no request is open. chosen: rank of a proposal."""

    ready: bool = False
    tab: str = TABS[0]
    status: str = "open"
    rule: str = ""
    lines: list[RequestLine] = []
    line: RequestLine = NO_REQUEST
    is_open: bool = False
    looking: bool = False
    cards: list[ProposalCard] = []
    ruled_out: list[tuple[int, str]] = []
    looked_at: int = 0
    constraint: str = ""
    chosen: int = 1
    rejecting: bool = False
    problem: str = ""

    @rx.event
    @allow("coordinator")
    async def load(self) -> Any:
        """The tab and the request named in the address."""
        asked = self.router.url.query_parameters
        tab = str(asked.get("tab", ""))
        self.tab = tab if tab in TABS else TABS[0]
        status = str(asked.get("status", "open"))
        self.status = status if status in query.STATUSES else "open"
        self.rule = self._t(words) if (words := query.standing_rule()) else ""
        await self._look()
        if self.tab != TABS[0]:
            return ChangeInbox.load if self.tab == "changes" else Substitutes.load
        watch(self, Requests.refresh, ("requests",))
        if request_id := str(asked.get("request", ""))[:40]:
            return Requests.show(request_id)
        return None

    @rx.event
    @allow("coordinator")
    async def refresh(self) -> None:
        if (await self.get_state(PageGate)).route == PATH:
            await self._look()

    @rx.event
    @allow("coordinator")
    async def show(self, request_id: str) -> Any:
        """Open one request; its proposals follow."""
        self.line = await asyncio.to_thread(query.one, self._viewer(), str(request_id))
        self.is_open, self.rejecting, self.problem, self.chosen = True, False, "", 1
        self.cards, self.ruled_out, self.constraint = [], [], ""
        self.looking = self.line.status == "open"
        return Requests.reckon if self.looking else None

    @rx.event
    @allow("coordinator")
    async def reckon(self) -> None:
        """Who could give these lessons, as things are now."""
        found = await asyncio.to_thread(query.offered, self._viewer(), self.line.id)
        self.cards, self.ruled_out = found.cards, found.ruled_out
        self.looked_at, self.constraint = found.looked_at, found.constraint
        self.looking = False

    @rx.event
    @allow("coordinator")
    def close(self) -> None:
        self.is_open, self.line = False, NO_REQUEST

    @rx.event
    @allow("coordinator")
    def choose(self, rank: int) -> None:
        self.chosen = int(rank)

    @rx.event
    @allow("coordinator")
    def toggle_reject(self) -> None:
        """Write why it is rejected; again: leave it."""
        self.rejecting, self.problem = not self.rejecting, ""

    @rx.event
    @allow("coordinator")
    async def accept(self) -> Any:
        """Book the chosen proposal."""
        if (chosen := query.chosen(self.cards, self.chosen)) is None:
            return None
        line = self.line
        try:
            booked = await asyncio.to_thread(lifecycle.accept, self._viewer(), line.id, chosen, line.version)
        except UserError as error:
            self.problem = self._t(error.message, **error.facts)
            self.looking = True
            return Requests.reckon
        count = sum(len(one.session_ids) for one in booked)
        says = self._tn("{n} lesson is booked.", "{n} lessons are booked.", count)
        return await self._decided(says, Requests.undo(line.id, line.version + 1))

    @rx.event
    @allow("coordinator")
    async def reject(self, form: dict[str, str]) -> Any:
        """With the sentence the family reads."""
        reason = str(form.get("reason", ""))[: lifecycle.MAX_REASON + 1]
        try:
            await asyncio.to_thread(lifecycle.reject, self._viewer(), self.line.id, reason, self.line.version)
        except UserError as error:
            self.problem = self._t(error.message, **error.facts)
            return None
        return await self._decided(self._t("The family reads why."))

    @rx.event
    @allow("coordinator")
    async def undo(self, request_id: str, version: int) -> Any:
        """Take back what was just booked."""
        await asyncio.to_thread(lifecycle.undo, self._viewer(), str(request_id), int(version))
        return await self._decided(self._t("The lessons are cancelled and the request waits again."))

    async def _decided(self, says: str, undo: Any = None) -> Any:
        self.is_open, self.line = False, NO_REQUEST
        await self._look()
        return self._done(says, undo)

    async def _look(self) -> None:
        viewer = self._viewer()
        self.lines = await asyncio.to_thread(query.inbox, viewer, self.status)
        reader = await self.get_state(Reader)
        waits = await asyncio.to_thread(query.waiting, viewer)
        reader._set_counts({**reader.counts, PATH: waits})
        self.ready = True
