"""The agents role: server-side participants, one of each kind in every live lesson. Has no database.

A kind is what a plugin's `agents` hook names: a subclass of `rtc.agent.RoomAgent` with `name`, made with
`Kind(door, session_id, started_at)`. The web role says where one is wanted (`/internal/v1/agent-jobs`); this
process asks every few seconds, so that a restart of either side heals by itself.
"""

import asyncio
import logging
import signal
import time
from contextlib import AsyncExitStack
from datetime import datetime
from typing import Any, ClassVar, NoReturn, Protocol
from urllib.parse import quote, urlsplit, urlunsplit

import httpx

from core import services
from core.access.rules import sign_internal
from core.clock import SystemClock
from core.config import Settings
from core.errors import HiLinkError, StoreError, fault
from core.plugins import Plugins
from core.tickets import Tickets
from rtc.agent import Door

logger = logging.getLogger(__name__)

JOBS_PATH = "/internal/v1/agent-jobs"
POLL_S = 2.0
MAX_POLL_S = 15.0
STOP_S = 7.0
"""All agents together may take this long to leave; the supervisor kills after ten seconds."""


class Agent(Protocol):
    """What this role needs of an agent; `rtc.agent.RoomAgent` has it."""

    async def run(self) -> str: ...

    async def close(self) -> None: ...


class AgentKind(Protocol):
    name: ClassVar[str]

    def __call__(self, door: Door, session_id: str, started_at: datetime | None) -> Agent: ...


class LessonOver(HiLinkError):
    """The web role does not list the lesson any more."""


class Jobs:
    """Asks the web role where an agent is wanted. ConnectionError when it is away or refuses."""

    def __init__(self, settings: Settings, client: httpx.AsyncClient) -> None:
        self._base, self._key = settings.internal_base.rstrip("/"), settings.derived_key("internal")
        self._client = client

    async def wanted(self, agent: str) -> list[dict[str, Any]]:
        """[{session_id, started_at, joined, ws_path, ticket}]; a ticket lasts a minute."""
        at = int(time.time())
        headers = {"x-hilink-time": str(at), "x-hilink-signature": sign_internal(self._key, at, b"")}
        try:
            response = await self._client.get(
                self._base + JOBS_PATH, params={"agent": agent}, headers=headers
            )
            response.raise_for_status()
            return list(response.json()["jobs"])
        except (httpx.HTTPError, ValueError, KeyError) as error:
            raise ConnectionError(fault(error)) from error

    def address(self, job: dict[str, Any]) -> str:
        """The room's WebSocket with the ticket in it."""
        parts = urlsplit(self._base)
        scheme = "wss" if parts.scheme == "https" else "ws"
        return urlunsplit((scheme, parts.netloc, job["ws_path"], f"ticket={quote(job['ticket'])}", ""))

    def door(self, agent: str, job: dict[str, Any]) -> Door:
        """Addresses with a fresh ticket; the first one is the job's own. LessonOver when it is not wanted."""
        first: list[dict[str, Any]] = [job]

        async def fresh() -> str:
            if first:
                return self.address(first.pop())
            for one in await self.wanted(agent):
                if one["session_id"] == job["session_id"]:
                    return self.address(one)
            raise LessonOver

        return fresh


class Crew:
    """The agents of this process: (kind, session id) -> running task."""

    def __init__(self, kinds: dict[str, AgentKind], jobs: Jobs) -> None:
        self._kinds, self._jobs = kinds, jobs
        self._running: dict[tuple[str, str], tuple[Agent, asyncio.Task[None]]] = {}

    @property
    def size(self) -> int:
        return len(self._running)

    async def work(self, stopped: asyncio.Event) -> None:
        """Start agents where they are wanted until told to stop, then let all of them leave."""
        wait_s = POLL_S
        while not stopped.is_set():
            try:
                await self._look()
                wait_s = POLL_S
            except ConnectionError as error:
                logger.info("web role is away", extra={"reason": str(error)})
                wait_s = min(MAX_POLL_S, wait_s * 1.5)
            try:
                await asyncio.wait_for(stopped.wait(), wait_s)
            except TimeoutError:
                continue
        await self._leave()

    async def _look(self) -> None:
        for name, kind in self._kinds.items():
            for job in await self._jobs.wanted(name):
                key = (name, str(job["session_id"]))
                if key in self._running or job.get("joined"):
                    continue
                started = job.get("started_at")
                agent = kind(
                    self._jobs.door(name, job), key[1], datetime.fromisoformat(started) if started else None
                )
                task = asyncio.create_task(self._run(key, agent))
                self._running[key] = (agent, task)
                logger.info("agent joins", extra={"agent": name, "session_id": key[1]})

    async def _run(self, key: tuple[str, str], agent: Agent) -> None:
        reason = "failed"
        try:
            reason = await agent.run()
        except LessonOver:
            reason = "ended"
        except Exception as error:  # border: an agent is a plugin's code and must not take the others down
            logger.error("Agent failed", extra={"agent": key[0], "session_id": key[1], "fault": fault(error)})
        finally:
            self._running.pop(key, None)
        logger.info("agent left", extra={"agent": key[0], "session_id": key[1], "reason": reason})

    async def _leave(self) -> None:
        running = list(self._running.values())
        if not running:
            return
        await asyncio.gather(*(agent.close() for agent, _ in running), return_exceptions=True)
        _, late = await asyncio.wait([task for _, task in running], timeout=STOP_S)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)


def kinds_of(plugins: Plugins) -> dict[str, AgentKind]:
    """Every agent kind by name, of all plugins."""
    return {kind.name: kind for _, offered in plugins.call("agents") for kind in offered}


class Absent:
    """Stands where other roles have a database, mail or files: agents report through ingest alone."""

    def __init__(self, what: str) -> None:
        self._what = what

    def __getattr__(self, name: str) -> NoReturn:
        raise StoreError(f"the agents role has no {self._what}")


def build(settings: Settings, plugins: Plugins) -> services.Services:
    """The services of this role: settings, plugins and a clock."""

    def absent(what: str) -> Any:
        return Absent(what)

    return services.Services(
        role="agents",
        settings=settings,
        store=absent("database"),
        bus=absent("bus"),
        clock=SystemClock(),
        blobs=absent("files"),
        mailer=absent("mail"),
        tickets=Tickets(settings.derived_key("ticket"), settings.public_url),
        plugins=plugins,
    )


async def serve(settings: Settings, plugins: Plugins, stopped: asyncio.Event) -> None:
    """Open the plugins' lifespans, run the crew until `stopped`."""
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(httpx.AsyncClient(timeout=10.0, trust_env=False))
        for plugin, context in plugins.call("lifespan", role="agents"):
            try:
                await stack.enter_async_context(context)
            except Exception as error:  # border: a plugin that cannot start must not stop the others
                logger.error("Plugin could not start", extra={"plugin": plugin, "fault": fault(error)})
        crew = Crew(kinds_of(plugins), Jobs(settings, client))
        logger.info("ready")
        await crew.work(stopped)


def main(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT."""

    async def run() -> None:
        stopped = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopped.set)
        await serve(settings, plugins, stopped)

    plugins = Plugins.load()
    services.install(build(settings, plugins))
    try:
        asyncio.run(run())
    finally:
        services.install(None)
