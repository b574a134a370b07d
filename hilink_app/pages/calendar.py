"""The week by instructor: who teaches when, and where is room?"""

import reflex as rx

from core.i18n import N_
from core.queries.calendar import DayCell, WeekRow
from core.queries.common import LessonLine
from hilink_app import components as ui
from hilink_app.components.page import PageSpec
from hilink_app.pages import lesson_box, schedule
from hilink_app.state.calendar import PAGE_SIZE, PATH, Calendar
from hilink_app.state.i18n import I18n
from hilink_app.state.lesson import LessonBox

t = ui.t


def _lesson(line: rx.Var[LessonLine]) -> rx.Component:
    """A button: time and student; its name says the rest."""
    return rx.el.li(
        rx.el.button(
            ui.state_mark(line.state, word=False),
            rx.el.b(ui.time_text(line.starts_at)),
            rx.el.span(line.student, overflow="hidden", text_overflow="ellipsis", white_space="nowrap"),
            ui.sr_only(", ", line.course),
            type="button",
            on_click=LessonBox.show(line.id),
            title=line.student + ", " + line.course,
            class_name="hl-btn g s",
            width="100%",
            justify_content="flex-start",
            padding="0 4px",
            min_width="0",
            custom_attrs={"data-session-id": line.id},
        )
    )


def _cell(cell: rx.Var[DayCell]) -> rx.Component:
    return rx.el.td(
        rx.el.ul(
            rx.foreach(cell.lessons, _lesson),
            class_name="hl-list",
            list_style="none",
            margin="0",
            padding="0",
        ),
        vertical_align="top",
        min_width="118px",
        max_width="180px",
        padding="4px",
    )


def _row(row: rx.Var[WeekRow]) -> rx.Component:
    zone = rx.cond(row.instructor.tz != I18n.tz, row.place, "")
    return rx.el.tr(
        rx.el.th(
            ui.person(row.instructor.name, zone, initials=row.instructor.initials),
            scope="row",
            text_align="left",
            color="var(--text)",
            vertical_align="top",
            white_space="nowrap",
        ),
        rx.foreach(row.days, _cell),
    )


def _week() -> rx.Component:
    heads = rx.foreach(
        Calendar.days,
        lambda day: rx.el.th(
            day[0],
            rx.cond(day[1], ui.quiet(" ", t("today"))),
            scope="col",
            custom_attrs={"aria-current": rx.cond(day[1], "date", "false")},
        ),
    )
    table = rx.el.table(
        rx.el.caption(t("Lessons of the week by instructor"), class_name="hl-sr"),
        rx.el.thead(rx.el.tr(rx.el.th(t("Instructor"), scope="col"), heads)),
        rx.el.tbody(rx.foreach(Calendar.rows, _row)),
        class_name="hl-table",
    )
    foot = ui.pager(
        ui.rows_text(Calendar.page * PAGE_SIZE + 1, Calendar.last, Calendar.total),
        on_prev=Calendar.turn(-1),
        on_next=Calendar.turn(1),
        first=Calendar.page == 0,
        last=Calendar.last >= Calendar.total,
    )
    return ui.panel(
        rx.el.div(
            table,
            class_name="hl-scroll",
            tab_index=0,
            role="region",
            aria_label=t("Lessons of the week by instructor"),
        ),
        foot,
        pad=False,
        class_name="clip",
    )


def calendar() -> rx.Component:
    """The page."""
    nothing = ui.panel(
        ui.empty(
            t("No instructor found"), t("Instructors appear here with their lessons."), icon_name="users"
        )
    )
    tools = rx.el.div(
        ui.button(t("Week before"), icon="chevron-left", size="s", href=Calendar.earlier),
        ui.button(t("This week"), size="s", href=PATH),
        ui.button(t("Week after"), icon="chevron-right", size="s", href=Calendar.later),
        ui.spacer(),
        ui.search_box(Calendar.find, Calendar.search, label=t("Find an instructor")),
        class_name="hl-tools",
    )
    return rx.fragment(
        ui.frame(
            t("Calendar"),
            ui.when_ready(
                Calendar.ready, rx.el.div(tools, rx.cond(Calendar.rows.length() > 0, _week(), nothing))
            ),
            zone=rx.fragment(
                t("Week {n}", n=Calendar.number), " · ", t("times in {place}", place=I18n.place)
            ),
            actions=[schedule.button()],
            current=PATH,
        ),
        schedule.dialog(),
        lesson_box.dialog(),
    )


PAGES = [
    PageSpec(
        PATH,
        calendar,
        "Calendar",
        ("coordinator",),
        nav=N_("Calendar"),
        icon="calendar-days",
        order=2,
        on_load=[Calendar.load],
    )
]
