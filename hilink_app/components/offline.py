"""What a page says while its server cannot be reached: one sentence, and everything on it stays."""

import reflex as rx
from reflex_components_core.core.banner import has_too_many_connection_errors

from hilink_app.components.i18n import t


def offline() -> rx.Component:
    """a11y: a status. The classroom has a sentence of its own (parts.css)."""

    def offline_note() -> rx.Component:
        note = rx.el.p(t("Looking for your connection"), role="status", class_name="hl-offline")
        return rx.cond(has_too_many_connection_errors, note, rx.fragment())

    # A component of its own: what wraps the app stands outside of everybody's state.
    return rx.fragment(rx.memo(offline_note)())
