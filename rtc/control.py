"""The node's internal control API: JSON requests over an authenticated WebSocket (rtc/PROTOCOL.md, 2)."""

import asyncio
import contextlib
import hmac
import http
import json
import logging
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from core.errors import MediaError
from core.metrics import CONTENT_TYPE, exposition, may_read
from core.ports import MediaRights
from rtc import metrics
from rtc.errors import Malformed
from rtc.messages import read_number, read_object
from rtc.publication import is_source

if TYPE_CHECKING:
    from rtc.node import Node

logger = logging.getLogger(__name__)
_socket_logger = logging.getLogger(f"{__name__}.socket")
# The library reports a client's broken handshake as an error with a traceback; that is not ours to log.
_socket_logger.setLevel(logging.CRITICAL)

MAX_MESSAGE = 1 << 20
METRICS_PATH = "/metrics"
PROOF_HEADER = "X-HiLink-Node"
MAX_QUEUE = 20_000
CLOCK_SKEW_S = 60
_HEADER = re.compile(r"HiLink (\d{1,12})\.([0-9a-f]{32,64})\.([0-9a-f]{64})")
_FLAGS = ("subscribe", "audio_only", "agent", "agents_allowed", "recording_allowed")
_ID = re.compile(r"[A-Za-z0-9_.:\-]{1,80}")


def authorization(key: bytes, now_s: float | None = None) -> tuple[str, str]:
    """The client's header value, and the X-HiLink-Node value an honest node answers with."""
    timestamp, nonce = int(time.time() if now_s is None else now_s), secrets.token_hex(16)
    return f"HiLink {timestamp}.{nonce}.{_sign(key, f'hilink-media-control-1.{timestamp}.{nonce}')}", _sign(
        key, f"hilink-media-node-1.{nonce}"
    )


def _sign(key: bytes, text: str) -> str:
    return hmac.digest(key, text.encode(), "sha256").hex()


class Doorkeeper:
    """Checks Authorization headers; a nonce opens the door once."""

    def __init__(self, key: bytes) -> None:
        if len(key) < 16:
            raise ValueError("the internal media key is too short")
        self._key = key
        self._nonces: dict[str, float] = {}

    def check(self, header: str) -> bool:
        """Whether this header was made with the key, just now, and not used before."""
        match = _HEADER.fullmatch(header)
        if match is None:
            return False
        timestamp, nonce, signature = match.groups()
        expected = _sign(self._key, f"hilink-media-control-1.{timestamp}.{nonce}")
        if not hmac.compare_digest(signature, expected):
            return False
        now = time.time()
        if abs(now - int(timestamp)) > CLOCK_SKEW_S or nonce in self._nonces:
            return False
        self._nonces = {one: at for one, at in self._nonces.items() if now - at < 3 * CLOCK_SKEW_S}
        self._nonces[nonce] = now
        return True

    def proof(self, header: str) -> str:
        """What shows the client of a good header that we have the key too."""
        match = _HEADER.fullmatch(header)
        return _sign(self._key, f"hilink-media-node-1.{match.group(2)}") if match else ""


@dataclass(eq=False, slots=True)
class Control:
    """One connected room server and the frames waiting for it."""

    socket: ServerConnection
    outbox: asyncio.Queue[str] = field(default_factory=lambda: asyncio.Queue(MAX_QUEUE))

    def push(self, frame: Mapping[str, Any]) -> None:
        """Queue a frame. A room server that does not read is cut off; it resyncs when it comes back."""
        try:
            self.outbox.put_nowait(json.dumps(frame, separators=(",", ":")))
        except asyncio.QueueFull:
            self.socket.transport.abort()


class ControlServer:
    """Serves requests on the node; sends each room's events to the connection that joined it last."""

    def __init__(self, node: "Node", key: bytes, metrics_token: str = "") -> None:
        self._node = node
        self._metrics_token = metrics_token
        self.connections = 0
        self._door = Doorkeeper(key)
        self._owners: dict[str, Control] = {}
        self._server: Server | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen; returns the port (0 picks one)."""
        self._server = await serve(
            self._serve,
            host,
            port,
            process_request=self._authorize,
            process_response=self._prove,
            max_size=MAX_MESSAGE,
            compression=None,
            logger=_socket_logger,
        )
        return next(iter(self._server.sockets)).getsockname()[1]

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    def owned(self, room_id: str) -> bool:
        """Whether a room server is connected that looks after this room."""
        return room_id in self._owners

    def emit(self, kind: str, room_id: str, participant_id: str, data: Mapping[str, Any]) -> None:
        """An event; dropped when nobody owns the room."""
        owner = self._owners.get(room_id)
        if owner is not None:
            owner.push({"event": kind, "room_id": room_id, "participant_id": participant_id, "data": data})

    def _authorize(self, connection: ServerConnection, request: Request) -> Response | None:
        given = request.headers.get("Authorization", "")
        if request.path == METRICS_PATH and may_read(self._metrics_token, given):
            return self._metrics(connection)
        if not self._door.check(given):
            return connection.respond(http.HTTPStatus.UNAUTHORIZED, "not authorized\n")
        return self._metrics(connection) if request.path == METRICS_PATH else None

    def _metrics(self, connection: ServerConnection) -> Response:
        text = exposition(metrics.METRICS, metrics.values(self._node)).decode()
        response = connection.respond(http.HTTPStatus.OK, text)
        del response.headers["Content-Type"]
        response.headers["Content-Type"] = CONTENT_TYPE
        return response

    def _prove(self, connection: ServerConnection, request: Request, response: Response) -> None:
        if response.status_code == http.HTTPStatus.SWITCHING_PROTOCOLS:
            response.headers[PROOF_HEADER] = self._door.proof(request.headers.get("Authorization", ""))

    async def _serve(self, socket: ServerConnection) -> None:
        control = Control(socket)
        self.connections += 1
        sender = asyncio.create_task(self._send(control))
        try:
            async for frame in socket:
                control.push(self.answer(control, frame))
        except ConnectionClosed:
            pass
        finally:
            self.connections -= 1
            sender.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await sender
            self._owners = {room: one for room, one in self._owners.items() if one is not control}

    async def _send(self, control: Control) -> None:
        with contextlib.suppress(ConnectionClosed):
            while True:
                await control.socket.send(await control.outbox.get())

    def answer(self, control: Control, frame: str | bytes) -> dict[str, Any]:
        """What a request gets: a result, or an error with its kind."""
        identifier: Any = None
        try:
            request = read_object(json.loads(frame), "request")
            identifier = request.get("id")
            read_number(identifier, "id")
            return {"id": identifier, "result": self._call(control, request)}
        except MediaError as error:
            return {"id": identifier, "error": {"kind": error.kind, "detail": str(error)}}
        except (ValueError, RecursionError):
            return {"id": identifier, "error": {"kind": "malformed", "detail": "JSON"}}
        except Exception:
            # A border: one request that hits a fault of ours must not take the rooms of the others down.
            logger.exception("control request failed")
            return {"id": identifier, "error": {"kind": "internal", "detail": ""}}

    def _call(self, control: Control, request: dict[str, Any]) -> dict[str, Any]:
        params = read_object(request.get("params", {}), "params")
        method = request.get("method")
        if method == "health":
            return self._node.health()
        if method == "stats":
            room_id = params.get("room_id")
            return self._node.stats(None if room_id is None else _identifier(params, "room_id"))
        room_id = _identifier(params, "room_id")
        if method == "close_room":
            self._node.close_room(room_id)
            self._owners.pop(room_id, None)
            return {}
        if method == "record":
            self._owners[room_id] = control
            recording_id = params.get("recording_id")
            return self._node.record(
                room_id, None if recording_id is None else _identifier(params, "recording_id")
            )
        participant_id = _identifier(params, "participant_id")
        match method:
            case "join":
                self._owners[room_id] = control
                return self._node.join(
                    room_id, participant_id, _rights(read_object(params.get("rights"), "rights"))
                )
            case "signal":
                self._owners.setdefault(room_id, control)
                messages = self._node.signal(
                    room_id, participant_id, read_object(params.get("message"), "message")
                )
                return {"messages": messages}
            case "mute":
                source, muted = params.get("source"), params.get("muted")
                if not is_source(source) or not isinstance(muted, bool):
                    raise Malformed("mute")
                self._node.mute(room_id, participant_id, source, muted)
            case "leave":
                self._node.leave(room_id, participant_id)
            case _:
                raise Malformed("unknown method")
        return {}


def _identifier(params: Mapping[str, Any], name: str) -> str:
    value = params.get(name)
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise Malformed(name)
    return value


def _rights(values: Mapping[str, Any]) -> MediaRights:
    """Deny by default: what is not said is not allowed."""
    publish = values.get("publish", ())
    if not isinstance(publish, list | tuple):
        raise Malformed("rights.publish")
    sources = cast(list[Any] | tuple[Any, ...], publish)
    if not all(is_source(one) for one in sources):
        raise Malformed("rights.publish")
    flags = {name: values.get(name, False) for name in _FLAGS}
    if not all(isinstance(one, bool) for one in flags.values()):
        raise Malformed("rights")
    uplink_bps = read_number(values.get("uplink_bps", 0), "rights.uplink_bps")
    if uplink_bps < 0:
        raise Malformed("rights.uplink_bps")
    return MediaRights(publish=tuple(sources), uplink_bps=uplink_bps, **flags)
