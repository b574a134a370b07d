"""The plugin API: everything a plugin may implement. This text is the documentation page.

Write `from hilink import hookimpl`, decorate a function with one of these names, and list the module
under the entry point group `hilink.plugins`. A misspelt hook name or argument stops the plugin from
loading with a sentence that says which. Built-in plugins use the same door.

Lifecycle hooks are durable deliveries: one per (event, plugin), outside any transaction, retried with
backoff; then an exception case and a delivery an operator can retry. Other plugins are not affected.
Composition hooks are plain functions called once at start-up.
"""
# ruff: noqa: E501 - signatures are the documentation; a broken line reads worse

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import pluggy

from core.ports import HookContext
from core.views import AttendanceView, CaseView, ClassSessionView, SummaryView

if TYPE_CHECKING:
    from fastapi import APIRouter
    from sqlmodel import Session

    from core.metrics import Reading

HOOK_API = 1
"""Version of this file. A plugin states the versions it was written for in `HILINK_API = (1, 1)`."""

hookspec = pluggy.HookspecMarker("hilink")
hookimpl = pluggy.HookimplMarker("hilink")


# Lifecycle hooks: durable deliveries


@hookspec
def on_schedule(ctx: HookContext, session: ClassSessionView, change: str, bulk: str) -> None:
    """A class session was scheduled, moved, reassigned or cancelled, or somebody left a group or joined it.

    change: scheduled | moved | reassigned | left | joined | cancelled. session: read-only copy as it is now; times
    are UTC.
    bulk: "" for a lesson by itself; "{series id}:{version}", the same for all lessons that changed with one change
    of their series: whoever writes to people writes once.
    A delivery that is older than the session's `version` is skipped: only the newest change arrives.
    It may run again after a crash: use ``ctx.transaction`` for rows and ``ctx.idempotency_key`` outside.
    Errors: retried with backoff, then an ExceptionCase; other plugins still run. Since hook API 1.
    """
    ...


@hookspec
def on_session_end(ctx: HookContext, session: ClassSessionView, attendance: Sequence[AttendanceView]) -> None:
    """The lesson is over and attendance is final.

    attendance: one row per expected person; ``present_s`` in seconds, 0 = absent.
    Runs outside any transaction: it may call out; ``ctx.transaction(name, step)`` is a short step whose
    effect happens once. Errors: retried with backoff, then an ExceptionCase. Since hook API 1.
    """
    ...


@hookspec
def on_summary(ctx: HookContext, summary: SummaryView, change: str) -> None:
    """A summary was drafted, approved or rejected.

    change: drafted | approved | rejected. A draft is not for families: only ``approved`` may leave the house.
    Errors: retried with backoff, then an ExceptionCase. Since hook API 1.
    """
    ...


@hookspec
def on_exception(ctx: HookContext, case: CaseView, change: str) -> None:
    """An exception case was opened, escalated or resolved.

    change: opened | escalated | resolved. ``case.facts`` holds ids and numbers, never text.
    Errors: retried with backoff, then a held delivery (never a case about a case). Since hook API 1.
    """
    ...


# Composition hooks: called once at start-up


@hookspec
def pages() -> Sequence[Any]:
    """Pages to add: `hilink_app.components.page.PageSpec`s. Called in the web role alone, import your `ui` inside. Since hook API 1."""
    ...


@hookspec
def slots() -> Sequence[tuple[str, Callable[..., Any]]]:
    """Components for a named place of a built-in page: (slot name, function that draws it).

    Slots: ``classroom.stage``, ``student.home``, ``instructor.home``, ``guardian.home``, ``operator.health``;
    ``student.progress`` hands over a Var with the student's id, ``lesson.details`` (a coordinator's look at one
    lesson) with the lesson's. Called in the web role alone. Since hook API 1.
    """
    ...


@hookspec
def routes() -> "APIRouter":
    """REST and WebSocket routes. Every route carries a rule (`core.access.rule`), or start-up fails. Web role alone. Since hook API 1."""
    ...


@hookspec
def lifespan(role: str) -> Any:
    """An async context manager to keep open while the process runs, or None. role: web | worker | agents. Since hook API 1."""
    ...


@hookspec
def room_tools() -> Sequence[dict[str, Any]]:
    """Tools for the classroom dock: {id, label, icon, roles, panel}. Since hook API 1."""
    ...


@hookspec
def agents() -> Sequence[type]:
    """Server-side participants: `hilink_app.agents.Listener` classes, started by the agents role for each live room.

    A listener hears one audio track per consenting speaker and may send captions; see that Protocol. Since hook API 1.
    """
    ...


@hookspec
def message_channels() -> Sequence[tuple[str, Callable[..., Any]]]:
    """Ways to reach a person: (channel name, async function(message) -> None). ``email`` is built in. Since hook API 1."""
    ...


@hookspec
def summarisers() -> Sequence[tuple[str, Callable[..., Any]]]:
    """(engine name, function(SummaryInput) -> SummaryDraft). The setting HILINK_SUMMARISER picks one. Since hook API 1."""
    ...


@hookspec
def transcribers() -> Sequence[tuple[str, Callable[..., Any]]]:
    """(engine name, function(settings) -> engine), see plugins/transcription/README.md. Since hook API 1."""
    ...


@hookspec
def detectors() -> Sequence[tuple[str, Callable[..., Any]]]:
    """(name, function(db, now) -> sequence of signals) run by the worker's clock each few minutes. Since hook API 1."""
    ...


@hookspec
def settings() -> type:
    """The plugin's pydantic-settings class, prefix ``HILINK_<PLUGIN>_``. Built once by the loader. Since hook API 1."""
    ...


@hookspec
def metrics(role: str) -> "Sequence[Reading]":
    """Numbers for Prometheus: (`core.metrics.Metric`, function that reads it: a number, or numbers by label). role: web | worker | agents.

    Read at each scrape, in any thread: return what is known, do no I/O. No ids and no names as labels. Since hook API 1.
    """
    ...


@hookspec
def export_person(db: "Session", person_id: str) -> dict[str, Any]:
    """Everything the plugin keeps about a person, as JSON values. Since hook API 1."""
    ...


@hookspec
def erase_person(db: "Session", person_id: str) -> None:
    """Erase or anonymise everything the plugin keeps about a person, inside the caller's transaction. Since hook API 1."""
    ...


LIFECYCLE_HOOKS = ("on_schedule", "on_session_end", "on_summary", "on_exception")
"""The durable ones; everything else in this file is a composition hook."""
