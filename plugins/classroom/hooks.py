"""What the classroom plugs into HiLink. Each hook hands over to where the work is done."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from core import services
from core.hookspecs import hookimpl
from core.lifecycle.measure import stage_briefing
from core.lifecycle.provision import provision_room
from core.metrics import Metric
from core.ports import HookContext
from core.views import AttendanceView, ClassSessionView
from plugins.classroom import door, service
from plugins.classroom.server.lobby import first_mode
from plugins.classroom.settings import ClassroomSettings

if TYPE_CHECKING:
    from fastapi import APIRouter
    from sqlmodel import Session


@hookimpl
def pages() -> Sequence[Any]:
    from plugins.classroom import ui  # Reflex, which only the web role has

    return ui.pages()


@hookimpl
def slots() -> Sequence[tuple[str, Callable[..., Any]]]:
    from plugins.classroom import ui

    return [("lesson.details", ui.line_box)]


@hookimpl
def routes() -> "APIRouter":
    from fastapi import APIRouter

    from plugins.classroom import api, whip

    both = APIRouter()
    both.include_router(api.router)
    both.include_router(whip.router)
    return both


@hookimpl
def lifespan(role: str) -> Any:
    return door.open_hub() if role == "web" else None


@hookimpl
def metrics(role: str) -> Sequence[tuple[Metric, Callable[[], Any]]]:
    return door.METRICS if role == "web" else ()


@hookimpl
def settings() -> type:
    return ClassroomSettings


@hookimpl
def on_schedule(ctx: HookContext, session: ClassSessionView, change: str) -> None:
    if change != "cancelled":
        lobby = first_mode(ctx.settings.lobby, len(session.people("student")))
        ctx.transaction("provision", lambda db: provision_room(db, session.id, {"lobby": lobby}))
        ctx.transaction("briefing", lambda db: stage_briefing(db, session.id))


@hookimpl
def on_session_end(ctx: HookContext, session: ClassSessionView, attendance: Sequence[AttendanceView]) -> None:
    students = session.people("student")
    ctx.transaction("answers", lambda db: service.store_answer_totals(db, session.id, students))
    days = services.current().settings.retention_chat_days
    ctx.transaction("retention", lambda db: service.erase_old_chat(db, ctx.now(), days))
    kept = ctx.settings.retention_quality_days
    ctx.transaction("old_quality", lambda db: service.erase_old_quality(db, ctx.now(), kept))


@hookimpl
def export_person(db: "Session", person_id: str) -> dict[str, Any]:
    return service.export_person(db, person_id)


@hookimpl
def erase_person(db: "Session", person_id: str) -> None:
    service.erase_person(db, person_id)
