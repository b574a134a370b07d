"""Invitations, reminders, reports to families and alerts to staff, by email, in each reader's language and zone."""

from plugins.notifications.hooks import message_channels, on_exception, on_schedule, on_summary, settings

HILINK_API = (1, 1)

__all__ = ["HILINK_API", "message_channels", "on_exception", "on_schedule", "on_summary", "settings"]
