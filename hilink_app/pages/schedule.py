"""Schedule a lesson: the side dialog that /today and /calendar share."""

import reflex as rx

from hilink_app import components as ui
from hilink_app.pages import repeat
from hilink_app.state.schedule import Schedule

t = ui.t

FORM = "schedule-form"


def button() -> rx.Component:
    """Opens the dialog."""
    return ui.primary(t("Schedule a lesson"), icon="plus", on_click=Schedule.show)


def _student(student: rx.Var[tuple[str, str, str]]) -> rx.Component:
    return ui.check_field(
        student[1],
        "new-student",
        # Not controlled: the tick must not wait for the server. Another course draws fresh boxes.
        key=Schedule.course_id + student[0],
        on_change=lambda on: Schedule.choose_student(student[0], on),
    )


def _students() -> rx.Component:
    shown = rx.cond(
        Schedule.students.length() > 0,
        rx.el.div(
            rx.foreach(Schedule.students, _student),
            class_name="hl-col hl-g2",
            max_height="184px",
            overflow_y="auto",
            padding="2px",
            tab_index=-1,
        ),
        ui.quiet(
            rx.cond(Schedule.course_id == "", t("Choose a course first."), t("Nobody takes this course yet."))
        ),
    )
    return rx.el.div(
        ui.radio_group(t("Students"), shown), ui.error_text(Schedule.errors["student_ids"], "new-students")
    )


def _preview(item: rx.Var[tuple[str, str, str]]) -> rx.Component:
    return rx.el.li(
        rx.el.b(item[0]), ": ", rx.el.span(item[1], class_name="hl-num"), " ", ui.quiet(item[2], small=False)
    )


def _when() -> rx.Component:
    errors = Schedule.errors
    return ui.stack(
        ui.row(
            ui.text_field(
                t("Day"),
                "new-day",
                kind="date",
                default_value=Schedule.day,
                on_change=Schedule.set_day,
                error=errors["starts_at"],
            ),
            ui.text_field(
                t("Start"),
                "new-start",
                kind="time",
                default_value=Schedule.clock,
                on_change=Schedule.set_clock,
            ),
            ui.text_field(
                t("Length in minutes"),
                "new-length",
                kind="number",
                min=5,
                max=360,
                step=5,
                default_value=Schedule.length,
                on_change=Schedule.set_length,
                error=errors["ends_at"],
            ),
            gap=3,
            align_items="flex-start",
        ),
        ui.select_field(
            t("Whose time zone is this?"),
            "new-zone",
            Schedule.zones,
            value=Schedule.tz,
            on_change=Schedule.choose_zone,
            error=errors["tz"],
        ),
        rx.cond(
            Schedule.previews.length() > 0,
            rx.el.div(
                rx.el.h3(t("The start for each person"), class_name="hl-lab"),
                rx.el.ul(rx.foreach(Schedule.previews, _preview), class_name="hl-plain"),
                custom_attrs={"aria-live": "polite"},
            ),
        ),
        gap=3,
    )


def dialog() -> rx.Component:
    """a11y: a named dialog; every control has its label, every error stands beside its field."""
    errors = Schedule.errors
    return ui.side_dialog(
        ui.form(
            ui.form_error(Schedule.problem),
            ui.select_field(
                t("Course"),
                "new-course",
                Schedule.courses,
                value=Schedule.course_id,
                on_change=Schedule.choose_course,
                error=errors["course_id"],
            ),
            ui.select_field(
                t("Topic"),
                "new-topic",
                Schedule.topics,
                value=Schedule.topic_id,
                on_change=Schedule.choose_topic,
            ),
            ui.select_field(
                t("Instructor"),
                "new-instructor",
                Schedule.instructors,
                value=Schedule.instructor_id,
                on_change=Schedule.choose_instructor,
                error=errors["instructor_id"],
            ),
            _students(),
            _when(),
            repeat.fields(),
            id=FORM,
            on_submit=Schedule.save,
        ),
        title=t("Schedule a lesson"),
        note=t("Everybody is invited as soon as it is scheduled."),
        open=Schedule.is_open,
        on_close=Schedule.close,
        foot=[
            ui.spacer(),
            ui.button(t("Leave it"), on_click=Schedule.close),
            ui.primary(t("Schedule"), type="submit", form=FORM),
        ],
    )
