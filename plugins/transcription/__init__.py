"""Live captions, transcripts, and drafts of summaries and family reports, each with its evidence."""

from plugins.transcription.hooks import (
    agents,
    erase_person,
    export_person,
    lifespan,
    on_schedule,
    routes,
    settings,
    summarisers,
    transcribers,
)

HILINK_API = (1, 1)

__all__ = [
    "HILINK_API", "agents", "erase_person", "export_person", "lifespan", "on_schedule", "routes", "settings",
    "summarisers", "transcribers",
]  # fmt: skip
