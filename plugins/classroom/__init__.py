"""The live classroom: video and sound, chat, raised hands, polls, captions. A cut line keeps its seat."""

from plugins.classroom.hooks import (
    erase_person,
    export_person,
    lifespan,
    metrics,
    on_schedule,
    on_session_end,
    pages,
    routes,
    settings,
    slots,
)

HILINK_API = (1, 1)

__all__ = [
    "HILINK_API",
    "erase_person",
    "export_person",
    "lifespan",
    "metrics",
    "on_schedule",
    "on_session_end",
    "pages",
    "routes",
    "settings",
    "slots",
]
