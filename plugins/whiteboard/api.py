"""The board's doors: its WebSocket, and the fonts it draws with."""

import re
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, HTTPException, WebSocket
from starlette.responses import FileResponse

from core import services
from core.access import PUBLIC, TICKET, rule
from core.errors import UserError
from plugins.whiteboard import door
from plugins.whiteboard.protocol import CLOSE_NO_TICKET, CLOSE_NOT_ALLOWED

router = APIRouter()

_FONTS = Path(__file__).parent / "web" / "fonts"
_FONT_PATH = re.compile(r"[A-Za-z]{1,40}/[A-Za-z0-9-]{1,120}\.woff2\Z")
_FOREVER = {"Cache-Control": "public, max-age=31536000, immutable"}


@router.websocket("/ws/board/{session_id}/{page}")
async def board_socket(
    socket: WebSocket, session_id: str, page: int, _: Annotated[Any, Depends(rule(TICKET))]
) -> None:
    """Binary y-protocols. Refused before it is accepted: from another site, or without a fresh ticket."""
    if not _same_site(socket):
        await socket.close(CLOSE_NOT_ALLOWED)
        return
    try:
        hub = door.hub()
        seat = await door.admit(socket.query_params.get("ticket", ""), session_id)
    except UserError:
        await socket.close(CLOSE_NO_TICKET)
        return
    await socket.accept()
    await hub.serve(socket, seat, page)


@router.get("/api/v1/boards/assets/fonts/{path:path}", include_in_schema=False)
async def font(path: str, _: Annotated[Any, Depends(rule(PUBLIC))]) -> FileResponse:
    """Excalidraw's fonts (all under open licences). Names carry a hash or never change."""
    if _FONT_PATH.match(path) is None or not (_FONTS / path).is_file():
        raise HTTPException(404)
    return FileResponse(_FONTS / path, media_type="font/woff2", headers=_FOREVER)


def _same_site(socket: WebSocket) -> bool:
    """Browsers send Origin with every WebSocket; a page of another site must not use our visitor's ticket."""
    origin = socket.headers.get("origin")
    if origin is None:
        return True  # not a browser; the ticket decides
    own = {urlsplit(services.current().settings.public_url).netloc, socket.headers.get("host", "")}
    return urlsplit(origin).netloc in own
