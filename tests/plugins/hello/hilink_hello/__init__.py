"""Notes each lesson it heard of. A pattern to copy for your own plugin."""

from hilink_hello.hooks import erase_person, export_person, on_schedule, on_session_end, settings

HILINK_API = (1, 1)

__all__ = ["HILINK_API", "erase_person", "export_person", "on_schedule", "on_session_end", "settings"]
