"""Janus and its videoroom as a peer for the media bench: started with a configuration of its own, driven over
its WebSocket API (https://janus.conf.meetecho.com/docs/). On Debian and Ubuntu: `apt-get install janus`.
"""

import asyncio
import contextlib
import json
import os
import re
import secrets
import shutil
import socket
import tempfile
from asyncio.subprocess import DEVNULL, Process
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

INSTALL = "apt-get install janus"
TIMEOUT_S = 30.0
_CONFIG = """\
general: {{
    configs_folder = "{folder}"
    plugins_folder = "{home}/plugins"
    transports_folder = "{home}/transports"
    events_folder = "{home}/events"
    loggers_folder = "{home}/loggers"
    debug_level = 2
    session_timeout = 0
    protected_folders = []
}}
nat: {{
    ice_lite = true
    ice_enforce_list = "{address}"
}}
media: {{
    rtp_port_range = "{first}-{last}"
}}
plugins: {{
    disable = "{plugins}"
}}
transports: {{
    disable = "{transports}"
}}
"""
_SOCKETS = 'general: {{ json = "compact", ws = true, ws_port = {port}, ws_ip = "127.0.0.1", wss = false }}\n'
_PORTS = 2000


def find() -> str | None:
    """The program, or None when it is not installed."""
    return shutil.which("janus")


async def version() -> str:
    """As the program says it, such as "1.1.2"."""
    process = await asyncio.create_subprocess_exec(
        "janus", "--help", stdout=asyncio.subprocess.PIPE, stderr=DEVNULL
    )
    text = (await process.communicate())[0].decode(errors="replace")
    found = re.search(r"Janus version: \d+ \(([\d.]+)\)", text)
    return found[1] if found else "unknown"


class Janus:
    """A running Janus and one session of its API. Media on `address`, the API on loopback; `close` removes
    all traces."""

    def __init__(self, address: str) -> None:
        self._address = address
        self.folder = Path(tempfile.mkdtemp(prefix="hilink-janus-"))
        self.process: Process | None = None
        self._socket: ClientConnection | None = None
        self._reader: asyncio.Task[None] | None = None
        self._session = 0
        self._answers: dict[str, asyncio.Future[dict[str, Any]]] = {}

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    async def start(self) -> None:
        """RuntimeError when it does not come up."""
        home, port = _home(), _free_port()
        first = 20_000 + secrets.randbelow(10_000)
        (self.folder / "janus.jcfg").write_text(
            _CONFIG.format(
                folder=self.folder,
                address=self._address,
                home=home,
                first=first,
                last=first + _PORTS,
                plugins=_all_but(home / "plugins", "libjanus_videoroom.so"),
                transports=_all_but(home / "transports", "libjanus_websockets.so"),
            )
        )
        (self.folder / "janus.transport.websockets.jcfg").write_text(_SOCKETS.format(port=port))
        self.process = await asyncio.create_subprocess_exec(
            "janus", "-F", str(self.folder), "-N", stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL
        )
        for _ in range(100):
            with contextlib.suppress(OSError):
                self._socket = await connect(
                    f"ws://127.0.0.1:{port}",
                    subprotocols=[Subprotocol("janus-protocol")],
                    proxy=None,
                    max_size=1 << 24,
                )
                break
            if self.process.returncode is not None:
                break
            await asyncio.sleep(0.1)
        if self._socket is None:
            raise RuntimeError("Janus did not start")
        self._reader = asyncio.create_task(self._read(self._socket))
        self._session = (await self._call("create"))["data"]["id"]

    async def close(self) -> None:
        """Idempotent."""
        if self._reader is not None:
            self._reader.cancel()
        if self._socket is not None:
            await self._socket.close()
        if self.process is not None and self.process.returncode is None:
            self.process.kill()
            await self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    async def create_room(self, room: int, publishers: int) -> None:
        """No bitrate limit, no forced keyframes, otherwise what videoroom does by itself."""
        body = {
            "request": "create",
            "room": room,
            "publishers": publishers,
            "bitrate": 0,
            "fir_freq": 0,
            "audiocodec": "opus",
            "videocodec": "vp8",
        }
        data = (await self._message(await self._attach(), body))["plugindata"]["data"]
        if data.get("videoroom") != "created":
            raise RuntimeError(f"Janus made no room: {data}")

    async def publish(self, room: int, offer: str) -> tuple[str, int]:
        """The answer, and the id others subscribe to."""
        body = {
            "request": "joinandconfigure",
            "ptype": "publisher",
            "room": room,
            "audio": True,
            "video": True,
        }
        event = await self._message(await self._attach(), body, {"type": "offer", "sdp": offer})
        return event["jsep"]["sdp"], event["plugindata"]["data"]["id"]

    async def subscribe(self, room: int, feeds: list[int]) -> tuple[int, str]:
        """A handle, and Janus's offer for everything of these publishers."""
        handle = await self._attach()
        body = {
            "request": "join",
            "ptype": "subscriber",
            "room": room,
            "streams": [{"feed": one} for one in feeds],
        }
        return handle, (await self._message(handle, body))["jsep"]["sdp"]

    async def begin(self, handle: int, answer: str) -> None:
        """Answer the offer of `subscribe`."""
        await self._message(handle, {"request": "start"}, {"type": "answer", "sdp": answer})

    async def _attach(self) -> int:
        return (await self._call("attach", plugin="janus.plugin.videoroom"))["data"]["id"]

    async def _message(
        self, handle: int, body: dict[str, Any], jsep: dict[str, str] | None = None
    ) -> dict[str, Any]:
        more: dict[str, Any] = {"jsep": jsep} if jsep else {}
        event = await self._call("message", handle_id=handle, body=body, **more)
        data = event.get("plugindata", {}).get("data", {})
        if "error" in data:
            raise RuntimeError(f"Janus refused {body['request']}: {data['error']}")
        return event

    async def _call(self, kind: str, **fields: Any) -> dict[str, Any]:
        assert self._socket is not None
        name = secrets.token_hex(6)
        future = self._answers[name] = asyncio.get_running_loop().create_future()
        session: dict[str, Any] = {"session_id": self._session} if self._session else {}
        await self._socket.send(json.dumps({"janus": kind, "transaction": name, **session, **fields}))
        answer = await asyncio.wait_for(future, TIMEOUT_S)
        if answer["janus"] == "error":
            raise RuntimeError(f"Janus refused {kind}: {answer['error']}")
        return answer

    async def _read(self, socket_: ClientConnection) -> None:
        async for text in socket_:
            message = json.loads(text)
            # An ack only says that the real answer, an event, will come.
            future = self._answers.get(message.get("transaction", ""))
            if future is not None and not future.done() and message["janus"] != "ack":
                future.set_result(message)


def _home() -> Path:
    """Where the package put its plugins and transports."""
    found = [one.parent for one in Path("/usr/lib").glob("**/janus/plugins") if one.is_dir()]
    if not found:
        raise RuntimeError("Janus is there, but not its plugins below /usr/lib")
    return found[0]


def _all_but(folder: Path, wanted: str) -> str:
    return ",".join(one for one in sorted(os.listdir(folder)) if one.endswith(".so") and one != wanted)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]
