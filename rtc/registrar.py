"""Makes a media node known to the web role, every two seconds, and hears whether it is draining."""

import asyncio
import json
import logging
import os
import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx

from core.config import Settings
from core.internal import signed_headers

logger = logging.getLogger(__name__)

PATH = "/internal/v1/media-nodes"
EVERY_S, LEAST_S, MOST_S = 2.0, 0.2, 10.0
TIMEOUT_S = 3.0
GOODBYE_S = 1.0

Health = Callable[[], Mapping[str, Any]]


class Registrar:
    """One node's reports (rtc/PROTOCOL.md, "Which node"). The web role being away is no fault of the node.

    health: `Node.health`. control_port: the one that was opened, when the settings leave it open (0).
    """

    def __init__(self, settings: Settings, health: Health, control_port: int) -> None:
        parts = urlsplit(settings.media_control_url)
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        self._about = {
            "name": settings.media_node or f"{host}:{control_port}",
            "instance": secrets.token_hex(8),
            "region": settings.media_region,
            "control_url": f"{parts.scheme}://{host}:{control_port}{parts.path}",
        }
        self._url = settings.internal_base.rstrip("/") + PATH
        self._key = settings.derived_key("internal")
        self._health = health
        self._used = (time.monotonic(), _cpu_s())
        self.known = False
        """Whether the last report was taken."""
        self.draining = False

    async def run(self) -> None:
        """Report until cancelled; then say goodbye, so that no room comes any more."""
        async with httpx.AsyncClient(timeout=TIMEOUT_S) as client:
            try:
                pause_s = 0.0
                while True:
                    await asyncio.sleep(pause_s)
                    pause_s = await self._report(client)
            finally:
                await self._goodbye(client)

    async def _report(self, client: httpx.AsyncClient) -> float:
        """Seconds until the next one."""
        try:
            answer = await self._post(client, stopping=False)
            self.draining = bool(answer["draining"])
            every_s = min(MOST_S, max(LEAST_S, float(answer["every_s"])))
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            if self.known:
                logger.warning("web role did not take the report", extra={"error": type(error).__name__})
            self.known = False
            return EVERY_S / 2
        if not self.known:
            logger.info("known to the web role")
        self.known = True
        return every_s

    async def _goodbye(self, client: httpx.AsyncClient) -> None:
        if not self.known:
            return
        try:
            async with asyncio.timeout(GOODBYE_S):
                await self._post(client, stopping=True)
        except (httpx.HTTPError, ValueError, TimeoutError) as error:
            logger.info("goodbye was not heard", extra={"error": type(error).__name__})

    async def _post(self, client: httpx.AsyncClient, *, stopping: bool) -> dict[str, Any]:
        health = self._health()
        report = {name: health[name] for name in ("version", "rooms", "participants", "uptime_s")}
        report |= {**self._about, "load": self._load(), "stopping": stopping}
        body = json.dumps(report).encode()
        response = await client.post(self._url, content=body, headers=signed_headers(self._key, body))
        response.raise_for_status()
        return dict(response.json())

    def _load(self) -> float:
        """Share of one core since the last report."""
        now, cpu_s = time.monotonic(), _cpu_s()
        (then, before_s), self._used = self._used, (now, cpu_s)
        return round((cpu_s - before_s) / max(now - then, 0.001), 3)


def _cpu_s() -> float:
    used = os.times()
    return used.user + used.system
