# pyright: reportAttributeAccessIssue=false, reportArgumentType=false
"""The room as a page. Loaded by the web role alone."""

import reflex as rx

from core.access import SEAT, SIGNED_IN
from core.i18n import N_
from hilink_app.components.charts import chart_frame
from hilink_app.components.frame import frame
from hilink_app.components.i18n import t, t_choice, t_static
from hilink_app.components.layout import panel
from hilink_app.components.page import PageSpec
from hilink_app.components.slots import slot
from hilink_app.components.times import time_text
from hilink_app.state.i18n import I18n
from plugins.classroom.quality import Minute, PersonLine
from plugins.classroom.state import LineBox
from plugins.classroom.strings import STRINGS
from plugins.classroom.web import CHECK, CLASSROOM, PLAYER, panels

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


class ClassroomCheck(rx.NoSSRComponent):
    """web/Check.jsx: the connection check; it begins when somebody presses the button."""

    library = CHECK.importable_path
    tag = "ConnectionCheck"

    strings: rx.Var[dict[str, str]]
    lang: rx.Var[str]
    home_href: rx.Var[str]


def check_page() -> rx.Component:
    """a11y: its own main and h1; each result is said as it comes, the verdict takes the focus."""
    return ClassroomCheck.create(strings=t_static(STRINGS), lang=I18n.lang, home_href="/")


_LEVELS = {
    "good": N_("Good"),
    "weak": N_("Weak"),
    "smaller": N_("Smaller pictures"),
    "paused": N_("Picture paused"),
}


def _minute_row(minute: rx.Var[Minute]) -> rx.Component:
    numbers = (minute.loss, minute.rtt_ms, minute.up_kbps, minute.down_kbps, minute.frozen_s)
    return rx.el.tr(
        rx.el.td(time_text(minute.at)),
        rx.el.td(t_choice(minute.level, _LEVELS)),
        *(rx.el.td(one, class_name="hl-right hl-num") for one in numbers),
    )


def _minutes_table(minutes: rx.Var[list[Minute]], title: rx.Var) -> rx.Component:
    heads = (
        t("Lost in 100"),
        t("Round trip, ms"),
        t("Sent, kbit/s"),
        t("Received, kbit/s"),
        t("Picture stood still, s"),
    )
    table = rx.el.table(
        rx.el.caption(title, class_name="hl-sr"),
        rx.el.thead(
            rx.el.tr(
                rx.el.th(t("Minute"), scope="col"),
                rx.el.th(t("Line"), scope="col"),
                *(rx.el.th(head, scope="col", class_name="hl-right") for head in heads),
            )
        ),
        rx.el.tbody(rx.foreach(minutes, _minute_row)),
        class_name="hl-table tight",
    )
    return rx.el.div(table, class_name="hl-scroll", tab_index=0, role="region", aria_label=title)


def _line_of(person: rx.Var[PersonLine]) -> rx.Component:
    bars = rx.el.div(
        rx.foreach(person.minutes, lambda minute: rx.el.i(class_name="m-" + minute.level)),
        class_name="hl-mins",
    )
    return rx.el.li(
        rx.el.b(person.name, class_name="hl-h3"),
        chart_frame(
            person.finding,
            t("A bar a minute: the taller, the weaker the line"),
            bars,
            _minutes_table(person.minutes, person.name),
        ),
        rx.foreach(person.more, lambda sentence: rx.el.p(sentence, class_name="hl-q hl-sm")),
        class_name="hl-li",
    )


def line_box(session_id: rx.Var) -> rx.Component:
    """How everybody's line was, in a coordinator's look at a lesson; nothing where nothing was measured.

    a11y: the bars are hidden; the sentence and the table behind say it.
    """
    people = rx.el.section(
        rx.el.h3(t("How the line was"), class_name="hl-h3"),
        rx.el.ul(rx.foreach(LineBox.people, _line_of), class_name="hl-list"),
    )
    return rx.box(
        rx.cond((LineBox.session_id == session_id) & (LineBox.people.length() > 0), people),
        on_mount=LineBox.load(session_id),
        key=session_id,
        width="100%",
    )


def pages() -> list[PageSpec]:
    return [
        PageSpec(
            "/room/[session_id]", room_page, "Classroom", (SIGNED_IN, SEAT), full_bleed=True, stays=True
        ),
        PageSpec("/check", check_page, "Check your connection", (SIGNED_IN, SEAT), full_bleed=True),
        PageSpec("/recording/[session_id]", recording_page, "Recording", (SIGNED_IN,)),
    ]
