"""A shared whiteboard for the classroom: everybody draws at once, undo is one's own, and it is kept."""

from plugins.whiteboard.hooks import (
    erase_person,
    export_person,
    lifespan,
    on_session_end,
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
    "on_session_end",
    "routes",
    "settings",
    "slots",
]
