"""What the whiteboard plugs into HiLink. Each hook hands over to where the work is done."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from core import services
from core.hookspecs import hookimpl
from core.ports import HookContext
from core.views import AttendanceView, ClassSessionView
from plugins.whiteboard import door, store
from plugins.whiteboard.settings import WhiteboardSettings

if TYPE_CHECKING:
    from fastapi import APIRouter
    from sqlmodel import Session


@hookimpl
def slots() -> Sequence[tuple[str, Callable[..., Any]]]:
    from plugins.whiteboard.ui import board  # Reflex, which only the web role has

    return [("classroom.stage", board)]


@hookimpl
def routes() -> "APIRouter":
    from plugins.whiteboard.api import router

    return router


@hookimpl
def lifespan(role: str) -> Any:
    return door.open_hub() if role == "web" else None


@hookimpl
def settings() -> type:
    return WhiteboardSettings


@hookimpl
def on_session_end(ctx: HookContext, session: ClassSessionView, attendance: Sequence[AttendanceView]) -> None:
    limit = ctx.settings or WhiteboardSettings()
    ctx.transaction("retention", lambda db: store.erase_older(db, ctx.now(), limit.retention_days))


@hookimpl
def export_person(db: "Session", person_id: str) -> dict[str, Any]:
    return store.export_person(db, person_id)


@hookimpl
def erase_person(db: "Session", person_id: str) -> None:
    store.erase_person(db, person_id, services.current().clock.now())
