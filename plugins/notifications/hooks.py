"""What notifications plug into HiLink: they queue messages when facts arrive, and offer the email channel."""

from collections.abc import Callable, Sequence
from typing import Any

from core.hookspecs import hookimpl
from core.ports import HookContext
from core.views import CaseView, ClassSessionView, SummaryView
from plugins.notifications import email, service
from plugins.notifications.settings import NotificationsSettings


@hookimpl
def settings() -> type:
    return NotificationsSettings


@hookimpl
def message_channels() -> Sequence[tuple[str, Callable[..., Any]]]:
    return [("email", email.send)]


@hookimpl
def on_schedule(ctx: HookContext, session: ClassSessionView, change: str, bulk: str) -> None:
    if ctx.settings.invitations:
        ctx.transaction("invite", lambda db: service.invite(db, session, change, bulk))


@hookimpl
def on_summary(ctx: HookContext, summary: SummaryView, change: str) -> None:
    if change == "drafted":
        ctx.transaction("ask", lambda db: service.ask_for_approval(db, summary))


@hookimpl
def on_exception(ctx: HookContext, case: CaseView, change: str) -> None:
    ctx.transaction(
        "alert", lambda db: service.alert(db, case, change, absence_mails=ctx.settings.absence_mails)
    )
