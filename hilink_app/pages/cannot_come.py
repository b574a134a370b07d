"""I cannot come: the side dialog of an instructor's lessons."""

import reflex as rx

from core.queries.common import LessonLine
from hilink_app import components as ui
from hilink_app.state.cannot_come import CannotCome
from hilink_app.state.learn import Lessons

t = ui.t

FORM = "cannot-come-form"


def actions(line: rx.Var[LessonLine]) -> rx.Component:
    """What the instructor of a lesson to come can do about it, and where it stands."""
    return ui.row(
        rx.cond(
            Lessons.instead_of.contains(line.id),
            ui.button(
                t("Handover"),
                icon="notebook-text",
                size="s",
                href="/handover/" + line.id,
                aria_label=t("Handover of {course} with {name}", course=line.course, name=line.student),
            ),
        ),
        rx.cond(
            Lessons.looking.contains(line.id),
            ui.button(
                t("Looking for somebody"),
                icon="hourglass",
                size="s",
                on_click=CannotCome.show(line.id),
                aria_label=t(
                    "Looking for somebody for {course} with {name}", course=line.course, name=line.student
                ),
            ),
            ui.plain(
                t("I cannot come"),
                size="s",
                on_click=CannotCome.show(line.id),
                aria_label=t("I cannot come to {course} with {name}", course=line.course, name=line.student),
            ),
        ),
    )


def _ask() -> rx.Component:
    return ui.form(
        ui.prose(
            t(
                "We ask other instructors who are free and know the course, at once. The family hears of it "
                "when somebody has taken the lesson; until then it stays yours."
            )
        ),
        ui.area_field(
            t("Why, if you like"),
            "note",
            rows=2,
            max_length=500,
            hint=t("Only coordinators read this."),
        ),
        id=FORM,
        on_submit=CannotCome.ask,
    )


def _looking() -> rx.Component:
    return ui.callout(
        "info",
        "hourglass",
        rx.cond(
            CannotCome.looking.asked > 0,
            ui.tn(
                "{n} instructor is thinking about it.",
                "{n} instructors are thinking about it.",
                CannotCome.looking.asked,
            ),
            t("We are looking for somebody."),
        ),
        " ",
        t("Until somebody takes the lesson, it stays yours. If nobody does, a coordinator calls you."),
    )


def dialog() -> rx.Component:
    """a11y: a named dialog beside the list."""
    line = CannotCome.line
    searching = CannotCome.looking.id != ""
    return ui.side_dialog(
        ui.stack(
            ui.form_error(CannotCome.problem),
            ui.facts((t("When"), ui.time_text(line.starts_at, "when")), (t("Student"), line.student)),
            rx.cond(searching, _looking(), _ask()),
        ),
        title=rx.cond(searching, t("Looking for somebody"), t("You cannot come?")),
        note=line.course,
        open=CannotCome.is_open,
        on_close=CannotCome.close,
        foot=[
            ui.spacer(),
            ui.button(t("Leave it"), on_click=CannotCome.close),
            rx.cond(
                searching,
                ui.primary(t("I can come after all"), on_click=CannotCome.come_after_all),
                ui.primary(t("Find a substitute"), type="submit", form=FORM),
            ),
        ],
    )
