"""The operator's pages: health and queue, plugins, deliveries, the audit log."""

import asyncio
from typing import cast
from urllib.parse import urlencode

import reflex as rx

from core import delivery, services
from core.lifecycle import media
from core.queries import board as case_query
from core.queries import operate as query
from core.queries.board import CaseLine
from core.queries.operate import AuditLine, DeliveryLine, Health, NodeLine, PluginLine
from hilink_app.state.base import BaseState
from hilink_app.state.case import CaseBox
from hilink_app.state.gate import PageGate
from hilink_app.state.guard import allow
from hilink_app.state.live import look_again, watch
from hilink_app.state.reader import Reader
from hilink_app.state.toasts import toast_done

HEALTH, PLUGINS, DELIVERIES, AUDIT = (
    "/operations",
    "/operations/plugins",
    "/operations/deliveries",
    "/operations/audit",
)
TICK_S = 10
PAGE_SIZE = 50
STATUSES = ("waiting", "held", "failed", "done", "skipped")
_UNKNOWN = Health(False, [], 0, 0, 0, 0, {}, 0, 0, 0, [])


def _page_of(value: object) -> int:
    """The page an address asks for, from 0; anything odd is the first."""
    text = str(value)
    return max(0, int(text) - 1) if text.isascii() and text.isdecimal() and len(text) < 6 else 0


class Operations(BaseState):
    """alive: some worker is; sound: some media node is; deliveries: number by status, every status there."""

    ready: bool = False
    health: Health = _UNKNOWN
    alive: bool = False
    sound: bool = False
    workers: list[tuple[str, int]] = []
    nodes: list[NodeLine] = []
    deliveries: dict[str, int] = dict.fromkeys(STATUSES, 0)
    cases: list[CaseLine] = []

    @rx.event
    @allow("operator")
    async def load(self) -> None:
        """Fill the page, keep it fresh, open the case the address names."""
        await self._look()
        watch(self, Operations.refresh, ("deliveries", "cases"))
        if case_id := str(self.router.url.query_parameters.get("case", "")):
            await (await self.get_state(CaseBox))._open(case_id)

    @rx.event
    @allow("operator")
    async def refresh(self) -> None:
        if (await self.get_state(PageGate)).route != HEALTH:
            return
        await self._look()
        await (await self.get_state(CaseBox))._again()

    @rx.event
    @allow("operator")
    async def drain(self, name: str, draining: bool) -> rx.event.EventSpec:
        """Give a media node no new rooms any more, or some again."""
        viewer = self._viewer()

        def work() -> None:
            with services.current().store.write() as db:
                media.drain(db, str(name), bool(draining), viewer.person_id)

        await asyncio.to_thread(work)
        await self._look()
        if draining:
            return toast_done(
                self._t("It gets no new rooms; lessons that are on it stay."),
                viewer.lang,
                undo=cast(rx.event.EventSpec, Operations.drain(name, False)),
            )
        return toast_done(self._t("It gets new rooms again."))

    async def _look(self) -> None:
        viewer = self._viewer()
        self.health = await asyncio.to_thread(query.health, viewer)
        self.deliveries = await asyncio.to_thread(query.delivery_counts, viewer)
        self.cases = await asyncio.to_thread(case_query.cases, viewer, queue="operator")
        self.workers = self.health.workers
        self.alive = any(age < query.WORKER_SILENT_S for _, age in self.workers)
        self.nodes, self.sound = self.health.nodes, query.media_alive(self.health.nodes)
        (await self.get_state(Reader))._set_counts(
            {HEALTH: len(self.cases), DELIVERIES: self.deliveries["failed"]}
        )
        look_again(self, TICK_S)
        self.ready = True


class PluginSwitches(BaseState):
    """asking: the plugin whose held deliveries need a choice before it is switched on; held: how many."""

    ready: bool = False
    rows: list[PluginLine] = []
    asking: str = ""
    asking_title: str = ""
    held: int = 0

    @rx.event
    @allow("operator")
    async def load(self) -> None:
        await self._look()
        watch(self, PluginSwitches.refresh, ("deliveries",))

    @rx.event
    @allow("operator")
    async def refresh(self) -> None:
        if (await self.get_state(PageGate)).route == PLUGINS:
            await self._look()

    @rx.event
    @allow("operator")
    async def switch_off(self, name: str) -> rx.event.EventSpec:
        """Its deliveries are held from now on; undo brings it back with them."""
        await self._switch(name, False, "replay")
        return toast_done(
            self._t("Switched off. What happens meanwhile is held for it."),
            self._viewer().lang,
            undo=cast(rx.event.EventSpec, PluginSwitches.switch_on(name, "replay")),
        )

    @rx.event
    @allow("operator")
    async def ask(self, name: str) -> rx.event.EventSpec | None:
        """Switch it on; when something is held for it, ask first what to do with that."""
        line = next((row for row in self.rows if row.name == name), None)
        if line is not None and line.held:
            self.asking, self.asking_title, self.held = line.name, line.title, line.held
            return None
        return await self._switched_on(name, "replay")

    @rx.event
    @allow("operator")
    async def switch_on(self, name: str, backlog: str) -> rx.event.EventSpec:
        """backlog: replay or skip what was held."""
        return await self._switched_on(name, backlog)

    @rx.event
    @allow("operator")
    def stop(self) -> None:
        self.asking = ""

    async def _switched_on(self, name: str, backlog: str) -> rx.event.EventSpec:
        await self._switch(name, True, backlog)
        self.asking = ""
        return toast_done(self._t("Switched on."))

    async def _switch(self, name: str, enabled: bool, backlog: str) -> None:
        viewer = self._viewer()

        def work() -> None:
            with services.current().store.write() as db:
                delivery.switch_plugin(db, name, enabled, viewer.person_id, backlog)  # type: ignore[arg-type]

        await asyncio.to_thread(work)
        await self._look()

    async def _look(self) -> None:
        self.rows = await asyncio.to_thread(query.plugins, self._viewer())
        self.ready = True


class Deliveries(BaseState):
    """status: the chosen one or ""; plugin: only its deliveries. Both live in the address."""

    ready: bool = False
    status: str = ""
    plugin: str = ""
    page: int = 0
    rows: list[DeliveryLine] = []
    total: int = 0
    last: int = 0
    counts: dict[str, int] = dict.fromkeys(STATUSES, 0)
    plugins: list[tuple[str, str]] = []
    links: dict[str, str] = {}

    @rx.event
    @allow("operator")
    async def load(self) -> None:
        asked = self.router.url.query_parameters
        self.status = str(asked.get("status", "")) if asked.get("status") in STATUSES else ""
        self.plugin, self.page = str(asked.get("plugin", ""))[:60], _page_of(asked.get("page", "1"))
        self.links = {status or "all": self._address(status=status, page="") for status in ("", *STATUSES)}
        lines = await asyncio.to_thread(query.plugins, self._viewer())
        self.plugins = [("", self._t("All")), *((line.name, line.title) for line in lines)]
        await self._look()
        watch(self, Deliveries.refresh, ("deliveries",))

    @rx.event
    @allow("operator")
    async def refresh(self) -> None:
        if (await self.get_state(PageGate)).route == DELIVERIES:
            await self._look()

    @rx.event
    @allow("operator")
    def choose_plugin(self, plugin: str) -> rx.event.EventSpec:
        return rx.redirect(self._address(plugin=str(plugin), page=""))

    @rx.event
    @allow("operator")
    def turn(self, step: int) -> rx.event.EventSpec:
        """To the next (1) or the previous (-1) page."""
        return rx.redirect(self._address(page=str(max(0, self.page + step) + 1)))

    @rx.event
    @allow("operator")
    async def retry(self, delivery_id: str) -> rx.event.EventSpec:
        """Once more, with all its attempts."""
        viewer = self._viewer()

        def work() -> None:
            with services.current().store.write() as db:
                delivery.retry(db, delivery_id)
                delivery.audit(db, viewer.person_id, "delivery.retry", delivery_id)

        await asyncio.to_thread(work)
        await self._look()
        return toast_done(self._t("It is being tried again."))

    def _address(self, **changes: str) -> str:
        now = {"status": self.status, "plugin": self.plugin, "page": str(self.page + 1) if self.page else ""}
        asked = {name: value for name, value in {**now, **changes}.items() if value}
        return DELIVERIES + (f"?{urlencode(asked)}" if asked else "")

    async def _look(self) -> None:
        viewer = self._viewer()
        self.rows, self.total = await asyncio.to_thread(
            query.deliveries, viewer, status=self.status, plugin=self.plugin, page=self.page, size=PAGE_SIZE
        )
        self.counts = await asyncio.to_thread(query.delivery_counts, viewer)
        self.last = self.page * PAGE_SIZE + len(self.rows)
        self.ready = True


class AuditLog(BaseState):
    """find: part of an action or a name; lives in the address."""

    ready: bool = False
    find: str = ""
    page: int = 0
    rows: list[AuditLine] = []
    total: int = 0
    last: int = 0

    @rx.event
    @allow("operator")
    async def load(self) -> None:
        asked = self.router.url.query_parameters
        self.find, self.page = str(asked.get("find", ""))[:80], _page_of(asked.get("page", "1"))
        self.rows, self.total = await asyncio.to_thread(
            query.audit_log, self._viewer(), find=self.find, page=self.page, size=PAGE_SIZE
        )
        self.last = self.page * PAGE_SIZE + len(self.rows)
        self.ready = True

    @rx.event
    @allow("operator")
    def search(self, text: str) -> rx.event.EventSpec:
        return self._go(str(text).strip()[:80], 1)

    @rx.event
    @allow("operator")
    def turn(self, step: int) -> rx.event.EventSpec:
        """To the next (1) or the previous (-1) page."""
        return self._go(self.find, max(0, self.page + step) + 1)

    def _go(self, find: str, page: int) -> rx.event.EventSpec:
        asked = {"find": find, "page": str(page) if page > 1 else ""}
        asked = {name: value for name, value in asked.items() if value}
        return rx.redirect(AUDIT + (f"?{urlencode(asked)}" if asked else ""), replace=True)
