"""Where HiLink calls in: a few lines each, the decisions are in service.py."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from sqlmodel import Session

from hilink import AttendanceView, ClassSessionView, HookContext, hookimpl
from hilink_hello import service
from hilink_hello.settings import HelloSettings


@hookimpl
def settings() -> type[HelloSettings]:
    return HelloSettings


@hookimpl
def on_schedule(ctx: HookContext, session: ClassSessionView, change: str) -> None:
    time.sleep(ctx.settings.pause_s)
    ctx.transaction("note", lambda db: service.note(db, session.id, change, len(session.seats)))


@hookimpl
async def on_session_end(
    ctx: HookContext, session: ClassSessionView, attendance: Sequence[AttendanceView]
) -> None:
    await asyncio.sleep(ctx.settings.pause_s)
    ctx.transaction("note", lambda db: service.note(db, session.id, "ended", service.came(attendance)))


@hookimpl
def export_person(db: Session, person_id: str) -> dict[str, Any]:
    """Nothing personal is kept."""
    return {}


@hookimpl
def erase_person(db: Session, person_id: str) -> None:
    """Nothing personal is kept."""
