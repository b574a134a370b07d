"""Live captions, transcripts, and drafts of summaries and family reports, each with its evidence."""

from plugins.transcription.hooks import settings, summarisers, transcribers

HILINK_API = (1, 1)

__all__ = ["HILINK_API", "settings", "summarisers", "transcribers"]
