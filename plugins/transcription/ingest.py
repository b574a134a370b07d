"""How an agents process hands in what it heard: batched, numbered, and not lost when the web role is away.

Each batch is written to a spool file before it is sent and sent in order until the web role has taken it;
the number makes a repeated one harmless. A process that starts also delivers what a dead one left behind.
The spool holds transcript text: it lives in the data folder, readable by the owner alone, and is emptied
as soon as everything is handed in.
"""

import asyncio
import json
import logging
import os
import secrets
import socket
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import psutil

from core.config import Settings
from core.internal import signed_headers

logger = logging.getLogger(__name__)

PATH = "/internal/v1/ingest"
BATCH_ITEMS = 200
GATHER_S = 0.25
"""Items are collected this long: a short line is cheap, a request for each word is not."""
FIRST_RETRY_S, MAX_RETRY_S = 0.5, 15.0
_REFUSED = (400, 413, 422)
"""The web role will never take this batch; asking again would hold up everything behind it."""


class Ingest:
    """One per process. `add` from the event loop at any time; `run` delivers until cancelled."""

    def __init__(
        self, base_url: str, key: bytes, spool: Path, client: httpx.AsyncClient | None = None
    ) -> None:
        self._url, self._key, self._spool = base_url.rstrip("/") + PATH, key, spool
        self._client = client or httpx.AsyncClient(timeout=10.0, trust_env=False)
        self._source = _own_source()
        self._seq = 0
        self._file = spool / f"{self._source}.jsonl"
        self._pending: list[dict[str, Any]] = []
        self._outbox: deque[tuple[Path, str]] = deque()
        self._wake = asyncio.Event()
        self._settled = asyncio.Event()
        self._settled.set()

    @classmethod
    def of(cls, settings: Settings) -> "Ingest":
        folder = settings.data_dir / "spool"
        return cls(settings.internal_base, settings.derived_key("internal"), folder)

    @property
    def waiting(self) -> int:
        """Items and batches not handed in yet."""
        return len(self._pending) + len(self._outbox)

    def add(self, item: Mapping[str, Any]) -> None:
        """item: {"kind": transcript.segment | transcript.done | engagement, "session_id", ...}."""
        self._pending.append(dict(item))
        self._settled.clear()
        self._wake.set()

    async def run(self) -> None:
        """Deliver until cancelled; what is left then is in the spool."""
        self._adopt()
        try:
            while True:
                if not self._outbox:
                    await self._wake.wait()
                    await asyncio.sleep(GATHER_S)
                self._gather()
                await self._deliver()
        finally:
            self._gather()
            await self._client.aclose()

    async def drain(self, timeout_s: float) -> bool:
        """Wait until everything is handed in; False when that takes too long (it stays in the spool)."""
        try:
            await asyncio.wait_for(self._settled.wait(), timeout_s)
        except TimeoutError:
            return False
        return True

    def _gather(self) -> None:
        """Pending items become numbered batches, on disk first."""
        self._wake.clear()
        while self._pending:
            items, self._pending = self._pending[:BATCH_ITEMS], self._pending[BATCH_ITEMS:]
            self._seq += 1
            line = json.dumps(
                {"source": self._source, "seq": self._seq, "items": items},
                ensure_ascii=False,
                allow_nan=False,
            )
            self._append(line)
            self._outbox.append((self._file, line))

    async def _deliver(self) -> None:
        retry_s = FIRST_RETRY_S
        while self._outbox:
            file, line = self._outbox[0]
            if await self._post(line.encode()):
                self._outbox.popleft()
                retry_s = FIRST_RETRY_S
                if all(other != file for other, _ in self._outbox):
                    file.unlink(missing_ok=True)
                continue
            await asyncio.sleep(retry_s)
            retry_s = min(MAX_RETRY_S, retry_s * 2)
        if not self._pending:
            self._settled.set()

    async def _post(self, body: bytes) -> bool:
        """Whether this batch is dealt with. False: try again later."""
        try:
            response = await self._client.post(
                self._url, content=body, headers=signed_headers(self._key, body)
            )
        except (httpx.HTTPError, OSError):
            logger.info(
                "web role is away, transcript waits in the spool", extra={"batches": len(self._outbox)}
            )
            return False
        if response.status_code in _REFUSED:
            logger.error("a batch was refused and dropped", extra={"status": response.status_code})
            return True
        if response.is_success:
            return True
        logger.warning("a batch was not taken", extra={"status": response.status_code})
        return False

    def _append(self, line: str) -> None:
        self._spool.mkdir(parents=True, exist_ok=True, mode=0o700)
        fd = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(fd, "a", encoding="utf-8") as file:
            file.write(line + "\n")

    def _adopt(self) -> None:
        """Queue what dead processes left, oldest first. A line cut by a crash is skipped."""
        left = [path for path in self._spool.glob("*.jsonl") if path != self._file and not _alive(path.stem)]
        for path in sorted(left, key=lambda path: path.stat().st_mtime):
            lines = [line for line in path.read_text(encoding="utf-8").splitlines() if _is_batch(line)]
            if not lines:
                path.unlink(missing_ok=True)
            self._outbox.extendleft((path, line) for line in reversed(lines))
        if self._outbox:
            self._settled.clear()
            logger.info("delivering what an earlier process left", extra={"batches": len(self._outbox)})


def _is_batch(line: str) -> bool:
    try:
        found = json.loads(line)
    except ValueError:
        return False
    return isinstance(found, dict) and {"source", "seq", "items"} <= found.keys()


def _own_source() -> str:
    """Unique per process start, so that numbering may begin at 1; says whether that process still lives."""
    me = psutil.Process()
    host = "".join(c for c in socket.gethostname() if c.isalnum())[:24]
    return f"agents-{host}-{me.pid}-{int(me.create_time())}-{secrets.token_hex(4)}"


def _alive(source: str) -> bool:
    """Does the process that made this source still run here? Another machine's counts as alive."""
    parts = source.split("-")
    if len(parts) != 5 or not parts[2].isdigit():
        return False
    host = "".join(c for c in socket.gethostname() if c.isalnum())[:24]
    if parts[1] != host:
        return True
    try:
        return str(int(psutil.Process(int(parts[2])).create_time())) == parts[3]
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False
