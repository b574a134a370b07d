"""Courses: what do their lessons offer?"""

import reflex as rx

from core.i18n import N_
from core.queries.courses import CourseLine
from hilink_app import components as ui
from hilink_app.components.page import PageSpec
from hilink_app.state.courses import PATH, Courses

t = ui.t

TOOLS = {
    "whiteboard": N_("Whiteboard"),
    "chat": N_("Chat"),
    "polls": N_("Polls and checks"),
    "captions": N_("Captions"),
}
LOBBIES = {
    "": N_("As usual: groups wait for the instructor"),
    "off": N_("Nobody waits"),
    "until_instructor": N_("Everybody waits until the instructor is there"),
    "always": N_("Everybody waits until they are let in"),
}
WITHOUT = {
    "whiteboard": N_("No whiteboard"),
    "chat": N_("No chat"),
    "polls": N_("No polls"),
    "captions": N_("No captions"),
}


def _differs(row: rx.Var[CourseLine]) -> rx.Component:
    """What is not as usual; most courses have nothing here."""
    return ui.row(
        rx.foreach(row.off, lambda tool: ui.chip(ui.t_choice(tool, WITHOUT))),
        rx.cond(row.lobby != "", ui.chip(t("Waiting room"), icon_name="door-open")),
        rx.cond(row.recorded, ui.chip(t("Recorded"), icon_name="video")),
        rx.cond(row.captions_lang != "", ui.chip(row.captions_lang, icon_name="captions")),
        rx.cond(row.region != "", ui.chip(row.region, icon_name="map-pin")),
        gap=1,
    )


def _tool(name: str, words: str) -> rx.Component:
    return ui.check_field(
        t(words), name, default_checked=~Courses.course.off.contains(name), key=name + Courses.course.id
    )


def _template() -> rx.Component:
    course = Courses.course
    return ui.side_dialog(
        ui.form(
            ui.form_error(Courses.problem),
            rx.el.fieldset(
                rx.el.legend(t("In the room"), class_name="hl-strong", margin_bottom="8px"),
                *(_tool(name, words) for name, words in TOOLS.items()),
                class_name="hl-col hl-g2",
            ),
            ui.check_field(
                t("Record from the start"),
                "recorded",
                note=t("Only people who agreed are in a recording."),
                default_checked=course.recorded,
                key="recorded" + course.id,
            ),
            ui.select_field(
                t("Who waits at the door"),
                "lobby",
                [(value, t(words)) for value, words in LOBBIES.items()],
                default_value=course.lobby,
                key="lobby" + course.id,
            ),
            ui.select_field(
                t("Language of the captions"),
                "captions_lang",
                Courses.languages,
                hint=t("When it is not the usual one. Simple engines understand English only."),
                default_value=course.captions_lang,
                key="captions_lang" + course.id,
            ),
            ui.select_field(
                t("Sound and pictures go through"),
                "region",
                Courses.regions,
                default_value=course.region,
                key="region" + course.id,
            ),
            ui.row(
                ui.primary(t("Save template"), type="submit"), ui.plain(t("Leave it"), on_click=Courses.close)
            ),
            on_submit=Courses.save,
        ),
        title=course.name,
        note=ui.tn("{n} lesson to come follows", "{n} lessons to come follow", course.planned),
        open=Courses.is_open,
        on_close=Courses.close,
    )


def courses() -> rx.Component:
    """The page."""
    columns = [
        ui.Column(t("Course"), lambda row: ui.stack(rx.el.b(row.name), ui.quiet(row.level), gap=1)),
        ui.Column(t("Not as usual"), _differs),
        ui.Column(t("Instructors"), lambda row: row.instructors, phone=False),
        ui.Column(t("Students"), lambda row: row.students, phone=False),
        ui.Column(t("Planned lessons"), lambda row: row.planned, phone=False),
        ui.Column(
            t("Template"),
            lambda row: ui.button(
                t("Change"),
                size="s",
                on_click=Courses.show(row.id),
                aria_label=t("Change the template of {name}", name=row.name),
            ),
        ),
    ]
    table = ui.data_table(
        columns,
        Courses.rows,
        caption=t("Courses"),
        nothing=ui.empty(
            t("No courses yet"),
            t("Courses appear here when they are added, with what their lessons offer."),
            icon_name="book-open",
        ),
    )
    return rx.fragment(
        ui.frame(t("Courses"), ui.when_ready(Courses.ready, table), current="/people"), _template()
    )


PAGES = [PageSpec(PATH, courses, "Courses", ("coordinator",), on_load=[Courses.load])]
