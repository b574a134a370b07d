"""The board as a Reflex component. Loaded by the web role alone."""

from typing import Any

import reflex as rx

from core.i18n import N_
from hilink_app.components.i18n import t_static
from hilink_app.components.scripts import shared
from hilink_app.state.i18n import I18n

_script = shared(__name__, "web/board.jsx")
for _part in ("web/binding.js", "web/link.js", "web/fonts.js", "web/room.js", "web/board.css"):
    shared(__name__, _part)

STRINGS = (
    N_("Whiteboard"),
    N_("The board opens with the room."),
    N_("Board menu"),
    N_("Colours"),
    N_("Pages"),
    N_("Page {page} of {pages}"),
    N_("Previous page"),
    N_("Next page"),
    N_("New page"),
    N_("Back to everybody's page"),
    N_("List of drawings"),
    N_("Close the list"),
    N_("{count} drawings on this page"),
    N_("Nothing has been drawn yet."),
    N_("Save as picture"),
    N_("Opening the board"),
    N_("Looking for your connection. Your drawings are kept."),
    N_("You can look at this board, but you are not connected to it any more."),
    N_("This page is full. Please go on with a new page."),
    N_("This page is full: it can hold {limit} drawings. Please go on with a new page."),
    N_("The board could not take this drawing."),
    N_("{name} drew {what}"),
    N_("Text: {text}"),
    N_("a free-hand stroke"),
    N_("a line"),
    N_("an arrow"),
    N_("a rectangle"),
    N_("an ellipse"),
    N_("a diamond"),
    N_("a text"),
    N_("an image"),
    N_("a frame"),
    N_("a drawing"),
)
"""Every sentence of web/*.js(x)."""


class Board(rx.NoSSRComponent):
    """web/board.jsx. Inside a classroom it needs no props: it reads `window.hilinkRoom`."""

    library = _script.importable_path
    tag = "Board"
    lib_dependencies: list[str] = ["@excalidraw/excalidraw@0.18.1", "yjs@13.6.33", "y-websocket@3.1.0"]

    session_id: rx.Var[str]
    ticket: rx.Var[str]
    page: rx.Var[int]
    role: rx.Var[str]
    read_only: rx.Var[bool]
    ws_path: rx.Var[str]
    strings: rx.Var[dict[str, str]]
    lang: rx.Var[str]
    dark: rx.Var[bool]
    on_page: rx.EventHandler[rx.event.passthrough_event_spec(int)]
    on_activity: rx.EventHandler[rx.event.passthrough_event_spec(dict)]


def board(**props: Any) -> rx.Component:
    """The board for the slot "classroom.stage"."""
    return Board.create(**{"strings": t_static(STRINGS), "lang": I18n.lang, **props})
