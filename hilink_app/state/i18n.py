"""The reader's language and time zone, for everything a page draws."""

import reflex as rx

from core.access.viewer import cookie_value
from core.i18n import LANGUAGES, language, negotiate, zone_name
from hilink_app.state.base import BaseState
from hilink_app.state.guard import PUBLIC, allow, current_viewer

COOKIE = "hilink_lang"


class I18n(BaseState):
    """``lang`` is a supported language, ``tz`` an IANA zone, ``place`` the zone as people say it."""

    lang: str = "en"
    tz: str = "UTC"
    place: str = "UTC"
    chosen: str = ""
    """What the person chose in this tab: the socket's cookies are those it was opened with."""

    def _settle(self) -> None:
        """Take language and zone from the signed-in person, else the cookie, else the browser's wish."""
        viewer = current_viewer()
        header = str(self.router.headers.cookie or "")
        chosen = self.chosen or cookie_value(header, COOKIE)
        if chosen:
            self.lang = language(chosen)
        elif viewer:
            self.lang = language(viewer.lang)
        else:
            self.lang = negotiate(str(self.router.headers.accept_language or ""))
        if viewer:
            self.tz = viewer.tz
        self.place = zone_name(self.tz, self.lang)

    @rx.event
    @allow(PUBLIC)
    def choose(self, lang: str) -> None:
        """Change the language on this device; the page keeps it in a cookie for a year."""
        if lang in LANGUAGES:
            self.lang = self.chosen = lang
            self.place = zone_name(self.tz, lang)

    @rx.event
    @allow(PUBLIC)
    def use_browser_zone(self, tz: str) -> None:
        """The device's zone, for readers who are not signed in."""
        if current_viewer() is None:
            self.tz = tz if zone_name(tz) else "UTC"
            self.place = zone_name(self.tz, self.lang)
