"""Toasts say what was done and offer undo. Nothing that needs a decision is a toast."""

from typing import Any

import reflex as rx

from core.i18n import gettext


def toast_done(says: str, lang: str = "en", *, undo: rx.event.EventSpec | None = None) -> rx.event.EventSpec:
    """From a handler: what was done, with Undo for 8 s. ``says`` is already in the person's language.

    a11y: the toaster is a live region; it pauses while it has focus.
    """
    extra: dict[str, Any] = (
        {} if undo is None else {"action": {"label": gettext("Undo", lang), "on_click": undo}}
    )
    return rx.toast(
        says, duration=8000, close_button=True, position="bottom-center", class_name="hl-toast", **extra
    )


def toast_failed(says: str) -> rx.event.EventSpec:
    """From a handler: what did not happen, and what is safe."""
    return rx.toast(
        says, duration=8000, close_button=True, position="bottom-center", class_name="hl-toast hl-toast-bad"
    )
