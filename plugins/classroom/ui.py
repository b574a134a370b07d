"""The room as a page. Loaded by the web role alone."""

import reflex as rx

from core.access import SEAT, SIGNED_IN
from hilink_app.components.frame import frame
from hilink_app.components.i18n import t, t_static
from hilink_app.components.layout import panel
from hilink_app.components.page import PageSpec
from hilink_app.components.slots import slot
from hilink_app.state.i18n import I18n
from plugins.classroom.strings import STRINGS
from plugins.classroom.web import CLASSROOM, PLAYER, panels

__all__ = ["ClassroomRoom", "pages", "panels", "room_page"]


class ClassroomRoom(rx.NoSSRComponent):
    """web/Classroom.jsx: device check, then the room. Children stand on the stage (the whiteboard).

    session_id: the lesson; left out, it is read from the address ``/room/<session_id>``.
    strings: {English sentence: the reader's words}; home_href: where leaving leads.
    """

    library = CLASSROOM.importable_path
    tag = "Classroom"

    session_id: rx.Var[str]
    strings: rx.Var[dict[str, str]]
    lang: rx.Var[str]
    home_href: rx.Var[str]


def room_page() -> rx.Component:
    """The classroom with whatever the plugins put on its stage; full-bleed, its own main and h1."""
    return ClassroomRoom.create(
        *slot("classroom.stage"), strings=t_static(STRINGS), lang=I18n.lang, home_href="/"
    )


class ClassroomPlayer(rx.NoSSRComponent):
    """web/Player.jsx: a recorded lesson; its id is read from the address ``/recording/<session_id>``."""

    library = PLAYER.importable_path
    tag = "Player"

    strings: rx.Var[dict[str, str]]


def recording_page() -> rx.Component:
    """a11y: the frame's main and h1; the player brings labelled controls and keys."""
    player = ClassroomPlayer.create(strings=t_static(STRINGS))
    note = t("Only people who agreed are in it.")
    return frame(t("Recording of the lesson"), panel(player), zone=note)


def pages() -> list[PageSpec]:
    return [
        PageSpec("/room/[session_id]", room_page, "Classroom", (SIGNED_IN, SEAT), full_bleed=True),
        PageSpec("/recording/[session_id]", recording_page, "Recording", (SIGNED_IN,)),
    ]
