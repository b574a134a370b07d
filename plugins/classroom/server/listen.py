"""Reading one browser's socket: the next frame, and the hello it has to begin with."""

import asyncio
import json
from contextlib import suppress
from typing import Any, Protocol

from starlette.websockets import WebSocketDisconnect

from core.errors import TicketRefused, UserError
from core.i18n import N_
from plugins.classroom.server import messages
from plugins.classroom.server.connection import Connection, Socket
from plugins.classroom.server.room import Room
from plugins.classroom.settings import ClassroomSettings

VERSION = 1
BAD_TICKET = 4401
_OLD_PAGE = N_("There is a newer version of this page. Please reload it.")
_NO_HELLO = N_("The room did not understand your browser. Please reload the page.")


class ReceivingSocket(Socket, Protocol):
    """An accepted WebSocket; `receive` gives ASGI messages."""

    async def receive(self) -> Any: ...


async def receive(
    socket: ReceivingSocket, writer: asyncio.Task[None], timeout_s: float | None = None
) -> str | None:
    """The next text frame; None when the socket ended, was closed by us, or stayed silent too long.

    A binary frame is as good as a malformed one: "" is not JSON either.
    """
    receiving = asyncio.ensure_future(socket.receive())
    try:
        await asyncio.wait((receiving, writer), timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        came = receiving.done()
        if not came:
            receiving.cancel()
            await asyncio.sleep(0)  # a pending receive would block the socket's close (Granian)
    if not came:
        return None
    try:
        message = receiving.result()
    except (RuntimeError, OSError):
        return None  # Starlette's word for "already disconnected"
    if message["type"] == "websocket.disconnect":
        return None
    return message.get("text") or ""


async def hello(
    socket: ReceivingSocket,
    connection: Connection,
    writer: asyncio.Task[None],
    settings: ClassroomSettings,
    lang: str,
) -> messages.Hello | None:
    """The first frame; anything else, or nothing for `hello_s`, ends the socket."""
    frame = await receive(socket, writer, settings.hello_s)
    if frame is None:
        connection.close(BAD_TICKET)
        return None
    try:
        found = messages.parse(messages.decode(frame if len(frame) <= settings.max_frame_bytes else ""))
    except messages.Malformed:
        found = None
    if not isinstance(found, messages.Hello):
        tell_error(connection, "malformed", _NO_HELLO, "hello", lang)
    elif found.version != VERSION:
        tell_error(connection, "version", _OLD_PAGE, "hello", lang)
    else:
        return found
    connection.close(BAD_TICKET)
    return None


async def refuse(socket: Socket, error: UserError) -> None:
    """Say why a ticket opens nothing, and close. It is not known who holds it: the sentence is English."""
    kind = error.kind if isinstance(error, TicketRefused) else error.code
    frame = Room.error_frame(kind, error.message, "ticket", "en", **error.facts)
    with suppress(RuntimeError, OSError, WebSocketDisconnect):
        await socket.send_text(json.dumps(frame, separators=(",", ":")))
        await socket.close(BAD_TICKET)


def tell_error(connection: Connection, kind: str, message: str, of: str, lang: str, **facts: Any) -> None:
    """An `error` frame in the reader's language."""
    frame = Room.error_frame(kind, message, of, lang, **facts)
    connection.send(json.dumps(frame, separators=(",", ":")))
