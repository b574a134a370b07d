"""How every role's log lines look. Called once, by the command line, before a role is imported.

Modules use `logging.getLogger(__name__)` with a fixed message and `extra=` fields; never a name, an
address, chat or transcript text in the message. A role says it is up with the message `ready`.
"""

import logging
import sys
from typing import Literal

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

READY_PREFIX = "hilink-ready "
"""What a role's stdout carries, once, for the supervisor."""

QUIET = ("httpx", "httpcore", "aioice", "alembic.runtime", "apscheduler", "asyncio", "mail.log")
"""Libraries that report every step at INFO."""


def _drop_color_message(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    event.pop("color_message", None)
    event.pop("taskName", None)
    return event


class _ReadyHandler(logging.Handler):
    """Turns the log message `ready` into the line the supervisor waits for."""

    def __init__(self, role: str) -> None:
        super().__init__(logging.INFO)
        self._role = role

    def emit(self, record: logging.LogRecord) -> None:
        if record.msg == "ready":
            sys.stdout.write(f"{READY_PREFIX}{self._role}\n")
            sys.stdout.flush()


def configure(
    role: str, log_format: Literal["console", "json"] = "console", level: int = logging.INFO
) -> None:
    """Send stdlib and structlog records to stderr in one format; idempotent."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        _drop_color_message,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last: list[Processor]
    if log_format == "json":
        last = [structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer()]
    else:
        # The supervisor prints the time of each line, so the console form leaves it out.
        last = [_without_time, structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=0)]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
    )
    output = logging.StreamHandler(sys.stderr)
    output.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [output, _ReadyHandler(role)]
    root.setLevel(level)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(role=role) if log_format == "json" else None


def _without_time(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    event.pop("timestamp", None)
    return event
