"""The room server's side of a media node: core.ports.MediaServer over the control API."""

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator, Generator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, WebSocketException

from core.config import Settings
from core.errors import MediaError
from core.ports import MediaEvent, MediaRights
from rtc.control import MAX_MESSAGE, PROOF_HEADER, authorization

logger = logging.getLogger(__name__)
_socket_logger = logging.getLogger(f"{__name__}.socket")
_socket_logger.setLevel(logging.CRITICAL)

CALL_TIMEOUT_S = 10.0
OPEN_TIMEOUT_S = 2.0
FIRST_RETRY_S, MAX_RETRY_S = 0.05, 1.0
PING_EVERY_S, PING_TIMEOUT_S = 1.0, 3.0
"""A machine that is gone says nothing: after this long without an answer its node counts as lost."""
MAX_EVENTS = 50_000
MAX_DEPARTED = 10_000

Seat = tuple[str, str]
"""(room_id, participant_id)"""


class MediaClient:
    """Implements core.ports.MediaServer; reconnects by itself. Use it in one event loop.

    It remembers every seat; after a break it joins them all again before `node_back` is reported, so
    that callers need not. While the node is away: join, leave and close_room are remembered, signal
    answers with an `unavailable` error message, mute raises MediaError("unavailable").
    """

    def __init__(self, url: str, key: bytes) -> None:
        self._url = url
        self._key = key
        self._seats: dict[Seat, MediaRights] = {}
        self._departed: dict[Seat, None] = {}
        self._recordings: dict[str, str | None] = {}
        """None: the node has not been told yet that it is over."""
        self._events: asyncio.Queue[MediaEvent] = asyncio.Queue(MAX_EVENTS)
        self._calls: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._joins: dict[int, Seat] = {}
        """Whose seat a call that waits for its answer is about."""
        self._next_id = 0
        self._socket: ClientConnection | None = None
        self._ready = asyncio.Event()
        self._runner: asyncio.Task[None] | None = None
        self._tried = asyncio.Event()
        self.refused = False
        """The last try found nobody listening: the node's process is gone."""

    @classmethod
    def of(cls, settings: Settings) -> "MediaClient":
        """For the node the settings name."""
        return cls(settings.media_control_url, settings.derived_key("media"))

    @property
    def connected(self) -> bool:
        """Whether the node is there and knows all seats."""
        return self._ready.is_set()

    def start(self) -> None:
        """Idempotent; join, signal and events call it themselves."""
        if self._runner is None:
            self._runner = asyncio.create_task(self._run())

    async def wait_connected(self, timeout_s: float = 10.0) -> None:
        """MediaError("unavailable") when the node does not come up in time."""
        self.start()
        try:
            await asyncio.wait_for(self._ready.wait(), timeout_s)
        except TimeoutError:
            raise MediaError("unavailable", "media node") from None

    async def settled(self, timeout_s: float) -> None:
        """Wait until the node is there, or a try to reach it has failed, or the time is over."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._tried.wait(), timeout_s)

    async def join(self, room_id: str, participant_id: str, rights: MediaRights) -> None:
        """A seat is taken, or its rights changed."""
        self.start()
        self._seats[room_id, participant_id] = rights
        self._departed.pop((room_id, participant_id), None)
        with _tolerating("unavailable"):
            await self._call("join", room_id=room_id, participant_id=participant_id, rights=asdict(rights))

    async def signal(
        self, room_id: str, participant_id: str, message: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        """Answers for the browser; never raises for what the browser sent."""
        self.start()
        try:
            result = await self._call(
                "signal", room_id=room_id, participant_id=participant_id, message=dict(message)
            )
        except MediaError as error:
            return [{"type": "error", "kind": error.kind, "detail": "", "re": str(message.get("type"))[:32]}]
        return list(result["messages"])

    async def mute(self, room_id: str, participant_id: str, source: str, muted: bool) -> None:
        """muted=True works at once; False asks the person. MediaError when unknown or unavailable."""
        await self._call("mute", room_id=room_id, participant_id=participant_id, source=source, muted=muted)

    async def leave(self, room_id: str, participant_id: str) -> None:
        """Idempotent."""
        self._seats.pop((room_id, participant_id), None)
        self._depart(room_id, participant_id)
        with _tolerating("unavailable"):
            await self._call("leave", room_id=room_id, participant_id=participant_id)
            self._departed.pop((room_id, participant_id), None)

    async def record(self, room_id: str, recording_id: str | None) -> None:
        """Idempotent; told again to a node that comes back. MediaError when the node refuses."""
        self.start()
        self._recordings[room_id] = recording_id
        with _tolerating("unavailable"):
            await self._call("record", room_id=room_id, recording_id=recording_id)
            self._forget_stopped(room_id)

    async def close_room(self, room_id: str) -> None:
        """Idempotent."""
        self._recordings.pop(room_id, None)
        for seat in [seat for seat in self._seats if seat[0] == room_id]:
            del self._seats[seat]
            self._depart(*seat)
        with _tolerating("unavailable"):
            await self._call("close_room", room_id=room_id)

    def abandon(self, room_id: str) -> None:
        """The room is elsewhere now: forget its seats. Should the node come back, it is told to, too."""
        self._recordings.pop(room_id, None)
        for seat in [seat for seat in self._seats if seat[0] == room_id]:
            del self._seats[seat]
            self._depart(*seat)

    async def stats(self, room_id: str | None = None) -> dict[str, Any]:
        """Numbers per participant and track; MediaError when unavailable."""
        return await self._call("stats", room_id=room_id)

    async def health(self) -> dict[str, Any]:
        """The node's state; MediaError when unavailable."""
        return await self._call("health")

    async def events(self) -> AsyncIterator[MediaEvent]:
        """What the node reports, for one reader."""
        self.start()
        while True:
            yield await self._events.get()

    async def close(self) -> None:
        """Rooms go on: a room server that restarts finds them again."""
        if self._runner is not None:
            self._runner.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._runner
            self._runner = None

    def _depart(self, room_id: str, participant_id: str) -> None:
        if not self._ready.is_set():
            self._departed[room_id, participant_id] = None
            while len(self._departed) > MAX_DEPARTED:
                del self._departed[next(iter(self._departed))]

    async def _call(self, method: str, **params: Any) -> dict[str, Any]:
        if not self._ready.is_set():
            raise MediaError("unavailable", "media node")
        return await self._request(method, params)

    async def _request(self, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        socket = self._socket
        if socket is None:
            raise MediaError("unavailable", "media node")
        self._next_id += 1
        identifier = self._next_id
        future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._calls[identifier] = future
        if method == "join":
            self._joins[identifier] = (params["room_id"], params["participant_id"])
        try:
            await socket.send(json.dumps({"id": identifier, "method": method, "params": params}))
            reply = await asyncio.wait_for(future, CALL_TIMEOUT_S)
        except (WebSocketException, TimeoutError, OSError):
            raise MediaError("unavailable", "media node") from None
        finally:
            self._calls.pop(identifier, None)
            self._joins.pop(identifier, None)
        if "error" in reply:
            raise MediaError(reply["error"]["kind"], reply["error"]["detail"])
        return reply["result"]

    async def _run(self) -> None:
        retry_s = FIRST_RETRY_S
        while True:
            try:
                await self._connect_once()
            except (OSError, WebSocketException, MediaError) as error:
                refused = isinstance(error, ConnectionRefusedError)
                if self.connected or refused != self.refused:
                    logger.info("media node away", extra={"error": type(error).__name__})
                self.refused = refused
                self._tried.set()
            if self._ready.is_set():
                self._ready.clear()
                retry_s = 0.0
                self._report(MediaEvent("node_lost", ""))
            await asyncio.sleep(retry_s)
            retry_s = retry_s or FIRST_RETRY_S
            retry_s = min(MAX_RETRY_S, 2 * retry_s)

    async def _connect_once(self) -> None:
        header, proof = authorization(self._key)
        async with connect(
            self._url,
            additional_headers={"Authorization": header},
            max_size=4 * MAX_MESSAGE,
            compression=None,
            proxy=None,
            open_timeout=OPEN_TIMEOUT_S,
            ping_interval=PING_EVERY_S,
            ping_timeout=PING_TIMEOUT_S,
            logger=_socket_logger,
        ) as socket:
            self.refused = False
            response = socket.response
            if response is None or response.headers.get(PROOF_HEADER) != proof:
                raise InvalidHandshake("the node does not have our key")
            self._socket = socket
            reader = asyncio.create_task(self._read(socket))
            try:
                anew = await self._tell_all()
                self._ready.set()
                self._tried.set()
                self._report(MediaEvent("node_back", ""))
                for seat in anew:
                    self._report(MediaEvent("message", *seat, {"type": "moved", "reason": "restarted"}))
                await reader
            finally:
                self._socket = None
                reader.cancel()
                for future in self._calls.values():
                    if not future.done():
                        future.set_exception(MediaError("unavailable", "media node"))

    async def _tell_all(self) -> list[Seat]:
        """Tell the node everything, and what changes meanwhile; returns the seats of which it holds nothing.

        After the last look nothing is awaited: who comes or goes from then on finds the client ready.
        """
        told: dict[Seat, MediaRights] = {}
        recorded: dict[str, str | None] = {}
        anew: dict[Seat, None] = {}
        while True:
            calls = self._next_id
            for seat in list(self._departed):
                if seat not in self._departed:
                    continue  # back again meanwhile
                told.pop(seat, None)
                anew.pop(seat, None)
                await self._request("leave", {"room_id": seat[0], "participant_id": seat[1]})
                self._departed.pop(seat, None)
            for seat in list(self._seats):
                rights = self._seats.get(seat)
                if rights is not None and told.get(seat) != rights:
                    told[seat] = rights
                    if await self._rejoin(*seat, rights):
                        anew[seat] = None
            for room_id in list(self._recordings):
                recording_id = self._recordings.get(room_id, "")
                if recording_id != "" and recorded.get(room_id, "") != recording_id:
                    recorded[room_id] = recording_id
                    await self._record_again(room_id, recording_id)
            if self._next_id == calls:
                return list(anew)

    async def _rejoin(self, room_id: str, participant_id: str, rights: MediaRights) -> bool:
        """True when the node holds nothing of this seat: it began anew, or the browser's hello found no node."""
        params = {"room_id": room_id, "participant_id": participant_id, "rights": asdict(rights)}
        try:
            held = await self._request("join", params)
            return held["publisher"] is None and held["subscriber"] is None
        except MediaError as error:
            if error.kind == "unavailable":
                raise
            logger.warning("seat refused by the media node", extra={"room_id": room_id, "kind": error.kind})
            return False

    def _forget_stopped(self, room_id: str) -> None:
        if self._recordings.get(room_id, "") is None:
            del self._recordings[room_id]

    async def _record_again(self, room_id: str, recording_id: str | None) -> None:
        try:
            await self._request("record", {"room_id": room_id, "recording_id": recording_id})
            self._forget_stopped(room_id)
        except MediaError as error:
            if error.kind == "unavailable":
                raise
            data = {"recording_id": recording_id, "set_id": "", "state": "failed", "reason": error.kind}
            self._report(MediaEvent("recording", room_id, "", data))

    async def _read(self, socket: ClientConnection) -> None:
        async for frame in socket:
            message: dict[str, Any] = json.loads(frame)
            if "event" in message:
                self._report(
                    MediaEvent(
                        message["event"], message["room_id"], message["participant_id"], message["data"]
                    )
                )
                continue
            identifier = message.get("id", 0)
            if identifier in self._joins and "result" in message:
                self._report_held(self._joins[identifier], message["result"]["tracks"])
            future = self._calls.get(identifier)
            if future is not None and not future.done():
                future.set_result(message)

    def _report_held(self, seat: Seat, tracks: Sequence[Mapping[str, Any]]) -> None:
        """What this seat publishes already: a room server that was started again knows of none of it."""
        for track in tracks:
            data = {key: track[key] for key in ("source", "kind", "muted")}
            self._report(MediaEvent("published", *seat, data))

    def _report(self, event: MediaEvent) -> None:
        try:
            self._events.put_nowait(event)
        except asyncio.QueueFull:
            logger.warning("media events dropped: nobody reads them")


@contextlib.contextmanager
def _tolerating(kind: str) -> Generator[None, None, None]:
    """Seats are remembered and told to the node when it is back, so its absence is no failure."""
    try:
        yield
    except MediaError as error:
        if error.kind != kind:
            raise
