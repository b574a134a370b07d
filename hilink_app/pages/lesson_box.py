"""One lesson in the side dialog: who is expected, attendance, and what a coordinator can change."""

import reflex as rx

from core.queries.board import SeatLine
from hilink_app import components as ui
from hilink_app.components.frame import ROLE_WORDS
from hilink_app.components.slots import slot
from hilink_app.pages.progress import STATUS
from hilink_app.state.i18n import I18n
from hilink_app.state.lesson import LessonBox

t = ui.t


def _seat(seat: rx.Var[SeatLine]) -> rx.Component:
    role = ui.t_choice(seat.role, ROLE_WORDS)
    attended = rx.cond(
        seat.status != "",
        ui.row(
            rx.match(
                seat.status,
                ("present", ui.chip(t("There"), "ok", icon_name="check")),
                ("absent", ui.chip(t("Missed"), "bad", icon_name="user-round-x")),
                ui.chip(ui.t_choice(seat.status, STATUS), "warn", icon_name="clock-3"),
            ),
            ui.quiet(ui.tn("{n} minute", "{n} minutes", seat.minutes)),
            ui.button(
                t("Correct"), size="s", on_click=LessonBox.start_correction(seat.person_id),
                aria_label=t("Correct attendance of {name}", name=seat.name),
            ),
        ),
    )  # fmt: skip
    zone = rx.cond(
        seat.tz != I18n.tz,
        rx.fragment(" · ", ui.time_text(LessonBox.line.starts_at, tz=seat.tz), " ", t("their time")),
    )
    return rx.el.li(
        ui.row(ui.person(seat.name, rx.fragment(role, zone), initials=seat.initials), ui.spacer(), attended),
        rx.cond(seat.note != "", ui.quiet(seat.note)),
        class_name="hl-li",
    )


def _buttons(label: rx.Var) -> rx.Component:
    return ui.row(
        ui.primary(label, size="s", type="submit"), ui.plain(t("Leave it"), size="s", on_click=LessonBox.stop)
    )


def _scope(note: rx.Var) -> rx.Component:
    """How much of the series a change is about; nothing for a lesson by itself."""

    def choice(value: str, label: rx.Var) -> rx.Component:
        return ui.segment(label, current=LessonBox.scope == value, on_click=LessonBox.choose_scope(value))

    return rx.cond(
        LessonBox.series_id != "",
        ui.stack(
            ui.segments(
                choice("this", t("This lesson")),
                choice("following", t("This and following")),
                choice("all", t("All to come")),
                label=t("Which lessons of the series?"),
            ),
            rx.cond(
                LessonBox.scope != "this",
                ui.quiet(note, " ", t("Everybody gets one message about all of them.")),
            ),
            gap=2,
        ),
    )


def _move() -> rx.Component:
    return ui.form(
        rx.el.h3(t("Move to another time"), class_name="hl-h3"),
        _scope(t("Lessons moved by themselves go back to the series’ time; cancelled ones stay cancelled.")),
        ui.row(
            ui.text_field(t("New day"), "day", kind="date", default_value=LessonBox.day),
            ui.text_field(t("New start"), "clock", kind="time", default_value=LessonBox.clock),
            gap=3,
        ),
        ui.quiet(t("Times in {place}; it keeps its {n} minutes.", place=I18n.place, n=LessonBox.minutes)),
        _buttons(t("Move lesson")),
        on_submit=LessonBox.move,
    )


def _reassign() -> rx.Component:
    return ui.form(
        rx.el.h3(t("Give it to another instructor"), class_name="hl-h3"),
        _scope(t("Their times stay as they are.")),
        ui.select_field(t("New instructor"), "instructor", LessonBox.instructors),
        _buttons(t("Reassign lesson")),
        on_submit=LessonBox.reassign,
    )


def _add() -> rx.Component:
    return ui.form(
        rx.el.h3(t("Add a student"), class_name="hl-h3"),
        ui.select_field(
            t("Student"),
            "student",
            LessonBox.students,
            hint=t("Who takes the course. They come to this lesson alone."),
        ),
        _buttons(t("Add student")),
        on_submit=LessonBox.add_student,
    )


def _correct() -> rx.Component:
    return ui.form(
        rx.el.h3(t("Correct attendance of {name}", name=LessonBox.about_name), class_name="hl-h3"),
        ui.select_field(
            t("What is right"),
            "status",
            [(value, ui.t_var(word)) for value, word in STATUS.items()],
            default_value=LessonBox.about_status,
        ),
        ui.text_field(t("Why"), "reason", hint=t("Kept with who corrected it and when.")),
        _buttons(t("Correct attendance")),
        on_submit=LessonBox.correct,
    )


def _cancel_scope() -> rx.Component:
    """Which lessons of a series, before the confirmation."""
    return ui.stack(
        rx.el.h3(t("Cancel lessons"), class_name="hl-h3"),
        _scope(t("Lessons that are over stay as they were.")),
        ui.row(
            ui.button(t("Cancel them"), kind="bad", size="s", on_click=LessonBox.ask_cancel),
            ui.plain(t("Leave it"), size="s", on_click=LessonBox.stop),
        ),
    )


def _facts() -> rx.Component:
    line = LessonBox.line
    return ui.facts(
        (
            t("When"),
            rx.fragment(
                ui.time_text(line.starts_at, "when"), " · ", ui.time_text(line.starts_at, "relative")
            ),
        ),
        (t("Length"), ui.tn("{n} minute", "{n} minutes", LessonBox.minutes)),
        (t("Course"), rx.fragment(line.course, rx.cond(line.topic != "", rx.fragment(" · ", line.topic)))),
        (
            t("Repeats"),
            rx.cond(
                LessonBox.series_id != "",
                ui.tn("{n} lesson to come", "{n} lessons to come", LessonBox.ahead),
                t("No"),
            ),
        ),
        (t("So far"), ui.thread(line.steps, line.at)),
    )


def _readiness() -> rx.Component:
    """Can it be joined? What is missing, in words, and another look on demand."""
    missing = ui.callout(
        "warn",
        "triangle-alert",
        rx.el.b(t("This lesson is not ready.")),
        rx.el.ul(rx.foreach(LessonBox.missing, lambda words: rx.el.li(ui.t_var(words)))),
    )
    found = rx.cond(
        LessonBox.missing.length() > 0,
        missing,
        rx.cond(
            LessonBox.checked_at != "",
            ui.callout("ok", "check", t("Everything is ready.")),
            ui.quiet(t("Checked a day and half an hour before it starts.")),
        ),
    )
    at = rx.cond(
        LessonBox.checked_at != "",
        ui.quiet(t("Checked"), " ", ui.time_text(LessonBox.checked_at, "when")),
    )
    return ui.stack(
        found,
        ui.row(ui.button(t("Check now"), icon="refresh-cw", size="s", on_click=LessonBox.check), at),
        gap=2,
    )


def _state() -> rx.Component:
    return rx.cond(
        LessonBox.line.status == "cancelled",
        ui.chip(t("Cancelled"), icon_name="x"),
        ui.state_mark(LessonBox.line.state),
    )


def dialog() -> rx.Component:
    """a11y: a named dialog beside the list; the confirmation is an alert dialog."""
    line = LessonBox.line
    task = rx.match(
        LessonBox.task,
        ("move", _move()),
        ("reassign", _reassign()),
        ("add", _add()),
        ("correct", _correct()),
        ("cancel", _cancel_scope()),
        rx.fragment(),
    )
    changes = rx.cond(
        LessonBox.changeable,
        rx.fragment(
            ui.button(t("Move"), icon="calendar-clock", on_click=LessonBox.start("move")),
            ui.button(t("Reassign"), icon="users", on_click=LessonBox.start("reassign")),
            ui.button(t("Find a substitute"), icon="hand-helping", on_click=LessonBox.find_substitute),
            ui.spacer(),
            ui.button(t("Cancel lesson"), kind="bad", on_click=LessonBox.ask_cancel),
        ),
        ui.quiet(t("A lesson that has begun or is over keeps its time and people.")),
    )
    return rx.fragment(
        ui.side_dialog(
            ui.stack(
                ui.form_error(LessonBox.problem),
                _state(),
                _facts(),
                rx.cond(
                    LessonBox.recorded,
                    ui.link(t("Watch the recording"), "/recording/" + line.id),
                ),
                rx.cond(LessonBox.changeable, _readiness()),
                rx.el.div(
                    ui.row(
                        rx.el.h3(t("People"), class_name="hl-h3"),
                        ui.spacer(),
                        rx.cond(
                            LessonBox.changeable,
                            ui.plain(t("Add a student"), size="s", on_click=LessonBox.start("add")),
                        ),
                    ),
                    rx.el.ul(rx.foreach(LessonBox.seats, _seat), class_name="hl-list"),
                ),
                task,
                *slot("lesson.details", line.id),
            ),
            title=rx.cond(line.student != "", line.student, line.course),
            note=t("{course} with {instructor}", course=line.course, instructor=line.instructor),
            open=LessonBox.is_open,
            on_close=LessonBox.close,
            foot=[changes],
        ),
        ui.confirm_dialog(
            title=t("Cancel this lesson?"),
            lost=rx.cond(
                LessonBox.scope == "this",
                t(
                    "{student} and {instructor} lose their lesson on {when}. Their places are freed, "
                    "their join links end, and they are told by message. This cannot be undone.",
                    student=line.student,
                    instructor=line.instructor,
                    when=LessonBox.when,
                ),
                t(
                    "{student} and {instructor} lose lessons of this series. Their places are freed, "
                    "their join links end, and they are told by message. This cannot be undone.",
                    student=line.student,
                    instructor=line.instructor,
                ),
            ),
            confirm=t("Cancel lesson"),
            open=LessonBox.cancelling,
            on_confirm=LessonBox.cancel,
            on_cancel=LessonBox.stop,
        ),
    )
