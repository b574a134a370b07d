"""Toasts for pages; handlers take them from ``hilink_app.state.toasts``."""

from hilink_app.state.toasts import toast_done, toast_failed

__all__ = ["toast_done", "toast_failed"]
