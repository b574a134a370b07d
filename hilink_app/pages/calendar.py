"""The coordinator's calendar: who teaches when, where is room, and what moves where?"""

import reflex as rx

from core.i18n import N_
from hilink_app import components as ui
from hilink_app.components.calendar import calendar_grid
from hilink_app.components.page import PageSpec
from hilink_app.pages import lesson_box, schedule
from hilink_app.state.calendar import HOURS, PAGE_SIZE, PATH, Calendar
from hilink_app.state.i18n import I18n
from hilink_app.state.lesson import LessonBox

t = ui.t

VIEWS = {"week": N_("Week"), "day": N_("Day"), "person": N_("One instructor")}


def _hours(hours: str) -> tuple[str, rx.Var]:
    first, last = hours.split("-")
    return hours, t("All day") if hours == "0-24" else t("{first} to {last}", first=first, last=last)


def _tools() -> rx.Component:
    views = [
        ui.segment(ui.t_var(word), current=Calendar.view == view, href=Calendar.links[view])
        for view, word in VIEWS.items()
    ]
    step = [
        ui.button(t("Earlier"), icon="chevron-left", size="s", href=Calendar.links["earlier"]),
        ui.button(t("Today"), size="s", href=Calendar.links["now"]),
        ui.button(t("Later"), icon="chevron-right", size="s", href=Calendar.links["later"]),
    ]
    return rx.el.div(
        *step,
        ui.segments(*views, label=t("What the calendar shows")),
        ui.pick(t("Course"), Calendar.course_id, Calendar.courses, Calendar.choose_course),
        ui.pick(t("Hours"), Calendar.hours, [_hours(one) for one in HOURS], Calendar.choose_hours),
        ui.spacer(),
        ui.search_box(Calendar.find, Calendar.search, label=t("Find an instructor")),
        class_name="hl-tools",
    )


def _legend() -> rx.Component:
    """What the colours mean, and how lessons are moved."""
    marks = (
        ("hl-band open", t("Available")),
        ("hl-blk", t("Lesson")),
        ("hl-band away", t("On leave")),
    )
    return rx.el.div(
        *(rx.el.span(rx.el.i(class_name=look), word) for look, word in marks),
        ui.quiet(
            t("Drag a lesson to move it, or press M on it and use the arrow keys. Enter opens it."),
        ),
        class_name="hl-cal-legend",
    )


def _grid() -> rx.Component:
    grid = calendar_grid(
        view=Calendar.view,
        rows=Calendar.rows,
        days=Calendar.days,
        hours=Calendar.hours,
        carried=Calendar.carried,
        walls=Calendar.walls,
        selected=rx.cond(LessonBox.is_open, LessonBox.line.id, ""),
        label=t("Lessons by instructor"),
        on_open=LessonBox.show,
        on_person=Calendar.choose_person,
        on_pick=Calendar.pick_up,
        on_leave=Calendar.put_down,
        on_drop_at=Calendar.drop,
    )
    foot = ui.pager(
        ui.rows_text(Calendar.page * PAGE_SIZE + 1, Calendar.last, Calendar.total),
        on_prev=Calendar.turn(-1),
        on_next=Calendar.turn(1),
        first=Calendar.page == 0,
        last=Calendar.last >= Calendar.total,
    )
    return rx.fragment(
        ui.panel(grid, rx.cond(Calendar.view != "person", foot), pad=False, class_name="clip"),
        ui.row(
            ui.note("calendar-off", t("Days without lessons: "), ui.link(t("holidays"), "/holidays")),
            ui.note(
                "plug-zap",
                t("Other systems can plan here too: "),
                ui.link(t("tokens of programs"), "/programs"),
            ),
            gap=5,
        ),
    )


def calendar() -> rx.Component:
    """The page."""
    nothing = ui.panel(
        ui.empty(
            t("No instructor found"), t("Instructors appear here with their lessons."), icon_name="users"
        )
    )
    title = rx.cond(Calendar.view == "day", Calendar.title, t("Week {n}", n=Calendar.number))
    about = rx.match(
        Calendar.view,
        ("person", rx.fragment(Calendar.rows[0].instructor.name, " · ")),
        ("week", rx.fragment(t("from {day}", day=Calendar.title), " · ")),
        rx.fragment(),
    )
    return rx.fragment(
        ui.frame(
            rx.cond(Calendar.ready, title, t("Calendar")),
            ui.when_ready(
                Calendar.ready,
                rx.el.div(
                    _tools(), rx.cond(Calendar.rows.length() > 0, rx.fragment(_legend(), _grid()), nothing)
                ),
            ),
            zone=rx.fragment(
                rx.cond(Calendar.rows.length() > 0, about), t("times in {place}", place=I18n.place)
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
