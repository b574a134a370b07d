"""What every state of ours can do: know who is asking, and answer with a sentence."""

from datetime import UTC, datetime
from typing import Any

import reflex as rx

from core.access import Viewer
from core.errors import UserError
from core.i18n import gettext, ngettext
from hilink_app.state.guard import PUBLIC, SIGNED_IN, allow, current_viewer, require_viewer, toast_error
from hilink_app.state.toasts import toast_done

__all__ = ["PUBLIC", "SIGNED_IN", "BaseState", "allow"]


class BaseState(rx.State):
    """Base of our states. Helpers start with ``_``: every other method would be an event anyone can send."""

    def _viewer(self) -> Viewer:
        """Who sent the running event; raises NotSignedIn (which ``@allow`` turns into a sentence)."""
        return require_viewer()

    def _viewer_or_none(self) -> Viewer | None:
        """Who sent the running event, or None when nobody is signed in."""
        return current_viewer()

    def _t(self, msgid: str, **values: object) -> str:
        """``msgid`` in the language of the person asking, for text a handler puts on the screen."""
        viewer = current_viewer()
        return gettext(msgid, viewer.lang if viewer else "en", **values)

    def _tn(self, singular: str, plural: str, n: int, **values: object) -> str:
        """Singular or plural by ``n`` in the language of the person asking."""
        viewer = current_viewer()
        return ngettext(singular, plural, n, viewer.lang if viewer else "en", **values)

    def _toast_error(self, error: UserError) -> rx.event.EventSpec:
        """The error as a sentence on the screen; ``@allow`` does this for errors that are raised."""
        return toast_error(error)

    def _done(self, says: str, undo: Any = None) -> rx.event.EventSpec:
        """What was done as a toast, in words already translated, with Undo (an event) for 8 s."""
        viewer = current_viewer()
        return toast_done(says, viewer.lang if viewer else "en", undo=undo)

    def _now(self) -> datetime:
        """Aware UTC now."""
        return datetime.now(UTC)
