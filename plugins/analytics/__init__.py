"""Roll-ups of attendance, engagement and coverage, and signals about what may need attention, for people to decide."""

from plugins.analytics.hooks import detectors, erase_person, export_person, lifespan, settings, slots

HILINK_API = (1, 1)

__all__ = ["HILINK_API", "detectors", "erase_person", "export_person", "lifespan", "settings", "slots"]
