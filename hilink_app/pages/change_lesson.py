"""Move or cancel a lesson: the side dialog of students' and guardians' lessons, in their own zone."""

import reflex as rx

from core.queries.upcoming import Credit, FreeDay
from hilink_app import components as ui
from hilink_app.state.change_lesson import ChangeLesson
from hilink_app.state.i18n import I18n
from hilink_app.state.learn import Lessons

t = ui.t

FORM = "change-form"


def change_button(session_id: rx.Var, course: rx.Var, student_id: rx.Var) -> rx.Component:
    """Opens the dialog for one lesson."""
    return ui.button(
        t("Change"),
        icon="calendar-clock",
        size="s",
        on_click=ChangeLesson.show(session_id, student_id),
        aria_label=t("Change {course}", course=course),
    )


def _time(start: rx.Var[str]) -> rx.Component:
    return rx.el.button(
        ui.time_text(start),
        type="button",
        on_click=ChangeLesson.choose(start),
        class_name=rx.cond(ChangeLesson.chosen == start, "hl-btn s p", "hl-btn s"),
        custom_attrs={"aria-pressed": ChangeLesson.chosen == start, "data-start": start},
    )


def _day(day: rx.Var[FreeDay]) -> rx.Component:
    return rx.el.li(
        rx.el.h3(ui.time_text(day.day, "day"), class_name="hl-lab"),
        rx.el.div(rx.foreach(day.starts, _time), class_name="hl-row hl-g2", flex_wrap="wrap"),
    )


def _times() -> rx.Component:
    option = ChangeLesson.options
    return rx.el.div(
        rx.el.h3(t("Times that suit both"), class_name="hl-h3"),
        ui.quiet(
            t("Times in {place}.", place=I18n.place),
            rx.cond(
                option.place != "",
                rx.fragment(" ", t("{name} lives in {place}.", name=option.instructor, place=option.place)),
            ),
        ),
        rx.cond(
            ChangeLesson.days.length() > 0,
            rx.el.ul(
                rx.foreach(ChangeLesson.days, _day),
                class_name="hl-col hl-g3",
                list_style="none",
                margin="0",
                padding="0",
            ),
            ui.quiet(t("There is no such time within a week of this lesson."), small=False),
        ),
        class_name="hl-col hl-g2",
    )


def _why(sentences: rx.Var[list[str]]) -> rx.Component:
    """What the policy says, and that a person decides."""
    return ui.callout(
        "info",
        "info",
        rx.foreach(sentences, lambda says: rx.fragment(says, " ")),
        t("We ask a coordinator, who writes to you."),
    )


def _other() -> rx.Component:
    """A time that is not offered, and words for the coordinator: for what is asked."""
    return ui.stack(
        rx.cond(
            (ChangeLesson.task == "move") & (ChangeLesson.chosen == ""),
            rx.el.div(
                rx.el.h3(t("Ask for another time"), class_name="hl-h3"),
                ui.row(
                    ui.text_field(t("Day"), "other-day", kind="date"),
                    ui.text_field(t("Start"), "other-start", kind="time"),
                    gap=3,
                ),
            ),
        ),
        ui.area_field(t("Anything we should know?"), "why", rows=2, max_length=500),
        gap=3,
    )


def _move() -> rx.Component:
    option = ChangeLesson.options
    asks = (option.move == "request") | (ChangeLesson.chosen == "")
    return rx.cond(
        option.move == "refused",
        ui.callout("warn", "info", rx.foreach(ChangeLesson.why_move, lambda says: rx.fragment(says, " "))),
        ui.stack(
            rx.cond(option.move == "request", _why(ChangeLesson.why_move)),
            _times(),
            rx.cond(asks & (ChangeLesson.credit_id == ""), _other()),
        ),
    )


def _cancel() -> rx.Component:
    option = ChangeLesson.options
    return rx.cond(
        option.cancel == "allowed",
        rx.cond(
            option.credit,
            ui.callout("ok", "calendar-plus", t("It is early enough: you can have this lesson again.")),
            ui.quiet(t("The lesson does not take place and is not had again."), small=False),
        ),
        ui.stack(_why(ChangeLesson.why_cancel), _other()),
    )


def _asked() -> rx.Component:
    asked = ChangeLesson.options.asked
    return ui.stack(
        ui.callout(
            "info",
            "hourglass",
            rx.cond(
                asked.kind == "move",
                rx.fragment(
                    t("You have asked to move this lesson to"),
                    " ",
                    ui.time_text(asked.starts_at, "when"),
                    ".",
                ),
                t("You have asked to cancel this lesson."),
            ),
            " ",
            t("We answer as soon as we can. Until then it stays as it is."),
        ),
        ui.button(t("Withdraw the request"), on_click=ChangeLesson.withdraw),
    )


def _facts() -> rx.Component:
    option = ChangeLesson.options
    theirs = rx.cond(
        option.place != "",
        rx.fragment(
            rx.el.br(),
            ui.quiet(ui.time_text(option.starts_at, tz=option.tz), " ", t("in {place}", place=option.place)),
        ),
    )
    return rx.cond(
        option.starts_at != "",
        ui.facts((t("Now"), rx.fragment(ui.time_text(option.starts_at, "when"), theirs))),
        ui.facts((t("Until"), ui.time_text(option.until, "date"))),
    )


def _tasks() -> rx.Component:
    return rx.cond(
        ChangeLesson.credit_id == "",
        ui.segments(
            ui.segment(
                t("Move it"),
                current=ChangeLesson.task == "move",
                on_click=ChangeLesson.choose_task("move"),
            ),
            ui.segment(
                t("Cancel it"),
                current=ChangeLesson.task == "cancel",
                on_click=ChangeLesson.choose_task("cancel"),
            ),
            label=t("What would you like to do?"),
        ),
    )


def _act() -> rx.Component:
    """The one button; its words say whether it is done or asked."""
    option = ChangeLesson.options
    move = rx.cond(
        (ChangeLesson.chosen != "") & (option.move == "allowed"),
        t("Move to {when}", when=ChangeLesson.chosen_words),
        t("Ask a coordinator"),
    )
    cancel = rx.cond(option.cancel == "allowed", t("Cancel this lesson"), t("Ask a coordinator"))
    words = rx.cond(
        ChangeLesson.credit_id != "",
        t("Have the lesson then"),
        rx.cond(ChangeLesson.task == "cancel", cancel, move),
    )
    refused = (ChangeLesson.task == "move") & (option.move == "refused")
    return rx.cond(refused, rx.fragment(), ui.primary(words, type="submit", form=FORM))


def dialog() -> rx.Component:
    """a11y: a named dialog; the times are buttons that say whether they are pressed."""
    option = ChangeLesson.options
    waits = option.asked.id != ""
    return rx.fragment(
        ui.side_dialog(
            ui.stack(
                ui.form_error(ChangeLesson.problem),
                _facts(),
                rx.cond(
                    waits,
                    _asked(),
                    ui.form(
                        _tasks(),
                        rx.cond(ChangeLesson.task == "cancel", _cancel(), _move()),
                        id=FORM,
                        on_submit=ChangeLesson.send,
                    ),
                ),
            ),
            title=rx.cond(
                ChangeLesson.credit_id != "",
                t("Have {course} again", course=option.course),
                t("Change {course}", course=option.course),
            ),
            note=t("with {name}", name=option.instructor),
            open=ChangeLesson.is_open,
            on_close=ChangeLesson.close,
            foot=[
                ui.spacer(),
                ui.button(t("Leave it"), on_click=ChangeLesson.close),
                rx.cond(waits, rx.fragment(), _act()),
            ],
        ),
        ui.confirm_dialog(
            title=t("Cancel this lesson?"),
            lost=t(
                "The lesson on {when} does not take place and its time is free for others. "
                "This cannot be undone.",
                when=ChangeLesson.when,
            ),
            confirm=t("Cancel lesson"),
            open=ChangeLesson.cancelling,
            on_confirm=ChangeLesson.cancel,
            on_cancel=ChangeLesson.keep,
        ),
    )


def credits_panel() -> rx.Component:
    """Lessons that may be had again; nothing when there are none."""

    def line(credit: rx.Var[Credit]) -> rx.Component:
        return rx.el.li(
            ui.row(
                rx.el.span(
                    rx.el.b(credit.course),
                    rx.el.br(),
                    ui.quiet(t("until"), " ", ui.time_text(credit.expires_at, "date")),
                ),
                ui.spacer(),
                ui.button(
                    t("Choose a time"),
                    size="s",
                    on_click=ChangeLesson.show_credit(credit.id),
                    aria_label=t("Choose a time for {course}", course=credit.course),
                ),
            ),
            class_name="hl-li",
        )

    return rx.cond(
        Lessons.credits.length() > 0,
        ui.panel(
            ui.panel_head(t("Lessons to have again")),
            rx.el.ul(rx.foreach(Lessons.credits, line), class_name="hl-list"),
        ),
    )
