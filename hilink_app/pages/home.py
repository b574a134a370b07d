"""`/`: sends everybody to the page that answers their one question."""

from core.access import SIGNED_IN
from hilink_app import components as ui
from hilink_app.components.page import PageSpec
from hilink_app.state.home import Home

PAGES = [
    PageSpec("/", lambda: ui.frame("", ui.skeleton(6), zone=False), "Home", (SIGNED_IN,), on_load=[Home.go]),
]
