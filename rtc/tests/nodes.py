"""Media nodes as processes of their own, that can be killed, and a registry in memory that places rooms on them."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from core.config import Settings
from core.ports import MediaNodeView
from core.scheduling.placement import choose
from rtc.media_client import MediaClient

ROOT = Path(__file__).parents[2]
SECRET = "s" * 40
KEY = Settings(secret=SECRET).derived_key("media")
UP_S = 60.0


def free_port(kind: socket.SocketKind) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class NodeProcess:
    """One `python -m rtc.node`. prefix: a command to run it under (`ip netns exec NAME`)."""

    def __init__(
        self,
        folder: Path,
        name: str,
        host: str = "127.0.0.1",
        prefix: tuple[str, ...] = (),
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.control_port = free_port(socket.SOCK_STREAM)
        self.media_port = free_port(socket.SOCK_DGRAM)
        self.url = f"ws://{host}:{self.control_port}/control"
        self._log = (folder / f"{name}.log").open("ab")
        self._prefix = prefix
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("HILINK_")}
        self._env = inherited | {
            "HILINK_SECRET": SECRET,
            "HILINK_DATA_DIR": str(folder),
            "HILINK_MEDIA_HOST": host,
            "HILINK_MEDIA_PORT": str(self.media_port),
            "HILINK_MEDIA_CONTROL_URL": self.url,
            "HILINK_MEDIA_NODE": name,
            "HILINK_INTERNAL_URL": "http://127.0.0.1:9",  # nobody reports unless a test wants it
            "PYTHONPATH": str(ROOT),
            **(env or {}),
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(
            [*self._prefix, sys.executable, "-m", "rtc.node"],
            cwd=ROOT,
            env=self._env,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )

    async def up(self) -> None:
        """Wait until its control API answers."""
        client = MediaClient(self.url, KEY)
        try:
            await client.wait_connected(UP_S)
        finally:
            await client.close()

    def end(self, number: signal.Signals = signal.SIGKILL) -> None:
        """`kill -9`, or another signal; idempotent."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(10)
            self._process = None

    def close(self) -> None:
        self.end()
        self._log.close()


class MemoryRegistry:
    """`core.ports.MediaRegistry` that a test fills. delay_s: how long a database would take."""

    def __init__(self, *nodes: MediaNodeView, delay_s: float = 0.002) -> None:
        self.nodes, self.placed, self._delay_s = list(nodes), dict[str, str](), delay_s

    def place(self, room_id: str, away: frozenset[str] = frozenset()) -> MediaNodeView | None:
        time.sleep(self._delay_s)
        able = [node for node in self.nodes if node.control_url not in away]
        held = next((node for node in able if node.name == self.placed.get(room_id)), None)
        chosen = held or choose(able, ())
        if chosen is not None:
            self.placed[room_id] = chosen.name
        return chosen


async def all_up(*nodes: NodeProcess) -> None:
    for node in nodes:
        node.start()
    await asyncio.gather(*(node.up() for node in nodes))
