"""The agents role: server-side participants, one of each kind in every live lesson. Has no database.

A kind is what a plugin's `agents` hook names: a `Listener` class. This file puts it into the room with
`rtc.agent.RoomAgent`, so that plugins know nothing of sockets and media. The web role says where one is
wanted (`/internal/v1/agent-jobs`); this process asks every few seconds, so that a restart of either side
heals by itself.
"""

import asyncio
import logging
import signal
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from datetime import datetime
from typing import Any, ClassVar, NoReturn, Protocol
from urllib.parse import quote, urlsplit, urlunsplit

import httpx

from core import services
from core.clock import SystemClock
from core.config import Settings
from core.errors import HiLinkError, StoreError, fault
from core.internal import sign_internal
from core.metrics import tally
from core.plugins import Plugins
from core.tickets import Tickets
from hilink_app.metrics import AGENTS, reading, serving
from rtc.agent import RATE_HZ, Door, RoomAgent, Samples

logger = logging.getLogger(__name__)

JOBS_PATH = "/internal/v1/agent-jobs"
POLL_S = 2.0
MAX_POLL_S = 15.0
STOP_S = 7.0
"""All agents together may take this long to leave; the supervisor kills after ten seconds."""


FINISH_S = 60.0
"""Time a listener has for its last words after a lesson."""

Send = Callable[[Mapping[str, Any]], Awaitable[object]]


class Listener(Protocol):
    """What a plugin writes: hears one lesson and sends frames into its room. Called in the event loop."""

    name: ClassVar[str]

    def on_audio(self, participant_id: str, samples: Samples, at_ms: int) -> None:
        """Sound of one consenting person: (n,) int16, 16 kHz mono; at_ms: of the first one, ms since 1970."""

    def on_speaker(self, participant_id: str, present: bool) -> None:
        """Somebody can be heard from now on, or cannot any more."""

    def on_frame(self, frame: Mapping[str, Any]) -> None:
        """Any other frame of the room's WebSocket (plugins/classroom/PROTOCOL.md)."""

    async def work(self) -> None:
        """Runs beside the lesson; cancelled at its end."""

    async def finish(self, over: bool) -> None:
        """After the last sound. over: the lesson ended; False: only this agent leaves."""


class ListenerKind(Protocol):
    name: str

    def __call__(self, session_id: str, started_at: datetime | None, send: Send) -> Listener: ...


class Agent(RoomAgent):
    """A listener's body: socket, media and their repair."""

    def __init__(self, door: Door, kind: ListenerKind, session_id: str, started_at: datetime | None) -> None:
        super().__init__(door)
        self._leaving = False
        self._listener = kind(session_id, started_at, self.send)
        self.on_audio = self._hear
        self.on_speaker = self._listener.on_speaker
        self.on_frame = self._listener.on_frame

    def _hear(self, participant_id: str, samples: Samples, at_ms: int) -> None:
        seconds = len(samples) / RATE_HZ
        tally.count("hilink_agents_audio_seconds_total", seconds)
        tally.put("hilink_agents_audio_delay_seconds", round(time.time() - at_ms / 1000 - seconds, 3))
        self._listener.on_audio(participant_id, samples, at_ms)

    async def close(self) -> None:
        self._leaving = True
        await super().close()

    async def run(self) -> str:
        """Until the lesson ends or `close`; then the listener finishes."""
        working = asyncio.create_task(self._listener.work())
        reason = "failed"
        try:
            reason = await super().run()
        except LessonOver:
            reason = "ended"
        finally:
            working.cancel()
            # A socket that closes because we leave is closed the same way as at the end of a lesson.
            over = reason == "ended" and not self._leaving
            try:
                await asyncio.wait_for(self._listener.finish(over), FINISH_S if over else STOP_S / 2)
            except TimeoutError:
                logger.warning("listener did not finish in time")
        return reason


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

    def __init__(self, kinds: dict[str, ListenerKind], jobs: Jobs) -> None:
        self._kinds, self._jobs = kinds, jobs
        self._running: dict[tuple[str, str], tuple[Agent, asyncio.Task[None]]] = {}

    @property
    def size(self) -> int:
        return len(self._running)

    def running(self) -> dict[str, int]:
        """How many of each kind, for metrics."""
        names = [name for name, _ in list(self._running)]
        return {name: names.count(name) for name in self._kinds}

    async def work(self, stopped: asyncio.Event) -> None:
        """Start agents where they are wanted until told to stop, then let all of them leave."""
        wait_s, failures = POLL_S, 0
        while not stopped.is_set():
            try:
                await self._look()
                wait_s, failures = POLL_S, 0
            except ConnectionError as error:
                failures += 1
                if failures == 2:  # once an outage, and not for a web role that is just starting
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
                started_at = datetime.fromisoformat(started) if started else None
                agent = Agent(self._jobs.door(name, job), kind, key[1], started_at)
                task = asyncio.create_task(self._run(key, agent))
                self._running[key] = (agent, task)
                tally.count("hilink_agents_jobs_total", label=name)
                logger.info("agent joins", extra={"agent": name, "session_id": key[1]})

    async def _run(self, key: tuple[str, str], agent: Agent) -> None:
        reason = "failed"
        try:
            reason = await agent.run()
        except Exception as error:  # border: an agent is a plugin's code and must not take the others down
            tally.count("hilink_agents_failed_total", label=key[0])
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


def kinds_of(plugins: Plugins) -> dict[str, ListenerKind]:
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

        def numbers() -> bytes:
            found = {**tally.values(), "hilink_agents_running": crew.running()}
            return reading("agents", AGENTS, found, plugins)

        stack.enter_context(serving(settings, settings.metrics_agents_port, numbers))
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
