"""What each role's /metrics says, and the small server of the roles that have none (worker, agents).

The media node's are in rtc/metrics.py. Who may read: whoever has HILINK_METRICS_TOKEN (`core.metrics.may_read`).
"""

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.config import Settings
from core.errors import fault
from core.metrics import CONTENT_TYPE, Metric, Values, exposition, may_read, tally
from core.plugins import Plugins

logger = logging.getLogger(__name__)

WEB = (
    Metric("hilink_web_requests_total", "counter", "HTTP requests, by the class of the answer.", "status"),
    Metric("hilink_web_request_seconds_total", "counter", "Time these requests took."),
    Metric("hilink_web_sockets", "gauge", "Open WebSockets of all kinds."),
    Metric("hilink_web_page_events_total", "counter", "Events that pages sent.", "outcome"),
    Metric(
        "hilink_web_event_tail_lag_seconds",
        "gauge",
        "How old the newest domain event was when pages heard of it.",
    ),
)
WORKER = (
    Metric("hilink_timers_fired_total", "counter", "Timers this worker fired."),
    Metric("hilink_ticks_failed_total", "counter", "Ticks of the clock that failed.", "tick"),
    Metric("hilink_timers_due", "gauge", "Timers that are due and not fired yet."),
    Metric("hilink_timer_lag_seconds", "gauge", "How long the oldest of them has been due."),
    Metric("hilink_message_lag_seconds", "gauge", "How long the oldest queued message has been due."),
    Metric("hilink_deliveries", "gauge", "Hook deliveries in the database; waiting is the queue.", "status"),
    Metric("hilink_messages", "gauge", "Messages in the database.", "status"),
    Metric("hilink_cases_open", "gauge", "Exception cases nobody has resolved.", "kind"),
    Metric("hilink_sessions_live", "gauge", "Lessons that are on."),
)
AGENTS = (
    Metric("hilink_agents_running", "gauge", "Agents in lessons, by name.", "agent"),
    Metric("hilink_agents_jobs_total", "counter", "Lessons that agents joined.", "agent"),
    Metric("hilink_agents_failed_total", "counter", "Agents that ended with an error.", "agent"),
    Metric("hilink_agents_audio_seconds_total", "counter", "Sound that agents heard."),
    Metric(
        "hilink_agents_audio_delay_seconds", "gauge", "How old the newest sound was when its agent got it."
    ),
)


def reading(role: str, own: Sequence[Metric], values: Values, plugins: Plugins) -> bytes:
    """A role's numbers and its plugins', in Prometheus' format. A plugin that fails is left out."""
    metrics = list(own)
    found = {one.name: values[one.name] for one in own if one.name in values}
    for plugin, offered in plugins.call("metrics", role=role):
        for metric, read in offered:
            try:
                found[metric.name] = read()
            except Exception as error:  # border: one plugin's mistake must not hide the others' numbers
                logger.error("Metric failed", extra={"plugin": plugin, "fault": fault(error)})
            metrics.append(metric)
    return exposition(metrics, found)


class Counted:
    """ASGI middleware that counts what comes in."""

    def __init__(self, app: ASGIApp, clock: Callable[[], float]) -> None:
        self._app, self._clock = app, clock
        self._sockets = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            self._opened(1)
            try:
                await self._app(scope, receive, send)
            finally:
                self._opened(-1)
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def counting(message: Message) -> None:
            if message["type"] == "http.response.start":
                tally.count("hilink_web_requests_total", label=f"{int(message['status']) // 100}xx")
            await send(message)

        began = self._clock()
        try:
            await self._app(scope, receive, counting)
        finally:
            tally.count("hilink_web_request_seconds_total", self._clock() - began)

    def _opened(self, change: int) -> None:
        self._sockets += change
        tally.put("hilink_web_sockets", self._sockets)


@contextmanager
def serving(settings: Settings, port: int, read: Callable[[], bytes]) -> Iterator[int]:
    """Answer GET /metrics on settings.metrics_host while open; the port it listens on.

    0 when there is nothing to serve: port is 0, or nobody has a token. read runs in a thread.
    """
    if not port or not settings.metrics_token:
        yield 0
        return
    server = ThreadingHTTPServer((settings.metrics_host, port), _handler(settings.metrics_token, read))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()


def _handler(token: str, read: Callable[[], bytes]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 10
        server_version, sys_version = "HiLink", ""

        def do_GET(self) -> None:
            if self.path != "/metrics":
                self._answer(404, b"", "text/plain")
            elif not may_read(token, self.headers.get("Authorization")):
                self._answer(403, b"", "text/plain")
            else:
                try:
                    body = read()
                except Exception as error:  # border: the database may be away for a moment
                    logger.error("Metrics not read", extra={"fault": fault(error)})
                    self._answer(503, b"", "text/plain")
                    return
                self._answer(200, body, CONTENT_TYPE)

        def _answer(self, status: int, body: bytes, content_type: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """A scrape every few seconds is no news."""

    return Handler
