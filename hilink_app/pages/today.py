"""The coordinator's live board: what needs me now?"""

import reflex as rx

from core.i18n import N_
from core.queries.board import STATES as ORDER
from core.queries.common import LessonLine
from hilink_app import components as ui
from hilink_app.components.marks import STATES
from hilink_app.components.page import PageSpec
from hilink_app.pages import case_box, lesson_box, schedule
from hilink_app.state.case import CaseBox
from hilink_app.state.i18n import I18n
from hilink_app.state.lesson import LessonBox
from hilink_app.state.reader import Reader
from hilink_app.state.today import PATH, Lane, Today

t = ui.t

LANE_NOTES = {
    "late": N_("Somebody is missing after the start."),
    "waiting": N_("Somebody is in the room and waits."),
}
MISSING = {
    "both": N_("Both"),
    "student": N_("Student"),
    "instructor": N_("Instructor"),
    "": N_("Nobody is in"),
}
HERE = {
    "both": N_("Both in"),
    "student": N_("Student in"),
    "instructor": N_("Instructor in"),
    "nobody": N_("Nobody is in"),
}


def _seats(line: rx.Var[LessonLine]) -> rx.Component:
    """Who is here, or who is missing; before it, whether something else is."""
    here = ui.t_choice(line.here, HERE)
    return rx.fragment(
        rx.match(
            line.state,
            ("late", ui.seat(ui.t_choice(line.missing, MISSING), "missing")),
            ("waiting", ui.seat(here, "partly")),
            (
                "expected",
                rx.cond(
                    line.ready == "unready",
                    ui.chip(t("Not ready"), "warn", icon_name="triangle-alert"),
                    rx.fragment(),
                ),
            ),
            ("live", ui.seat(here, rx.cond(line.here == "both", "here", "partly"))),
            rx.fragment(),
        )
    )


def _row(line: rx.Var[LessonLine]) -> rx.Component:
    more = rx.cond(line.group > 1, rx.fragment(" ", ui.quiet(t("and {n} more", n=line.group - 1))))
    return ui.lesson_row(
        at=line.starts_at,
        state=line.state,
        who=rx.fragment(ui.avatar(line.student_initials), rx.el.b(line.student), more),
        course=line.course,
        topic=line.topic,
        instructor=line.instructor,
        here=_seats(line),
        steps=ui.thread(line.steps, line.at),
        action=ui.button(
            t("Open"),
            size="s",
            on_click=LessonBox.show(line.id),
            aria_label=t("Open {name}", name=line.student),
        ),
        selected=LessonBox.is_open & (LessonBox.line.id == line.id),
        session_id=line.id,
    )


def _lane(lane: rx.Var[Lane]) -> rx.Component:
    return rx.fragment(
        ui.lane_head(
            lane.state, ui.t_choice(lane.state, STATES), lane.count, ui.t_choice(lane.state, LANE_NOTES)
        ),
        rx.foreach(lane.rows, _row),
    )


def _tabs() -> rx.Component:
    """Counts per state; links, so that the filter stays in the address with the others."""
    tabs = [ui.state_tab(t("All"), Today.counts["all"], Today.links["all"], current=Today.lane == "")]
    tabs += [
        ui.state_tab(
            ui.t_var(STATES[state]),
            Today.counts[state],
            Today.links[state],
            current=Today.lane == state,
            shape=state,
        )
        for state in ORDER
    ]
    return rx.el.nav(
        *tabs,
        rx.el.span(
            ui.icon("radio", "s"),
            " ",
            t("Live, {time}", time=Today.clock),
            class_name="hl-tabs-end hl-q hl-sm",
        ),
        class_name="hl-tabs",
        aria_label=t("Filter by state"),
    )


def _grid() -> rx.Component:
    step = rx.fragment(
        ui.icon_button(
            "chevron-left", t("Previous page"), size="s", on_click=Today.turn(-1), disabled=Today.first <= 1
        ),
        ui.icon_button(
            "chevron-right",
            t("Next page"),
            size="s",
            on_click=Today.turn(1),
            disabled=Today.last >= Today.total,
        ),
    )
    foot = rx.fragment(
        rx.el.span(
            t("Lessons {first} to {last} of {total}", first=Today.first, last=Today.last, total=Today.total),
            class_name="hl-num",
        ),
        ui.spacer(),
        ui.quiet(t("All times in {place}. Students see their own.", place=I18n.place)),
        rx.cond((Today.first > 1) | (Today.last < Today.total), step),
    )
    filtered = (Today.lane != "") | (Today.find != "") | (Today.course_id != "") | Today.trouble
    nothing = ui.panel(
        rx.cond(
            filtered,
            ui.empty(
                t("No lesson fits these filters"),
                t("There may be lessons in another state or course."),
                ui.button(t("Show all lessons"), href=PATH),
                icon_name="search",
            ),
            ui.empty(
                t("No lessons today"),
                t("Lessons appear here once they are scheduled, and move by themselves as people come in."),
                ui.button(t("Schedule a lesson"), on_click=schedule.Schedule.show),
                icon_name="calendar-plus",
            ),
        )
    )
    return rx.cond(Today.total > 0, ui.lesson_grid(rx.foreach(Today.lanes, _lane), foot=foot), nothing)


def _queue() -> list[rx.Component]:
    calm = ui.empty(
        t("Nothing needs you now"),
        t("A case appears here when somebody does not come or something fails, with its deadline."),
    )
    return [
        ui.queue_head(
            t("Needs a person"),
            ui.segments(
                ui.segment(
                    rx.fragment(t("Mine"), " ", Today.mine),
                    current=Today.whose == "mine",
                    href=Today.links["mine"],
                ),
                ui.segment(
                    rx.fragment(t("No owner"), " ", Today.free),
                    current=Today.whose == "free",
                    href=Today.links["free"],
                ),
                label=t("Whose cases"),
            ),
            on_close=Today.toggle_queue,
        ),
        rx.cond(Today.cases.length() > 0, ui.case_list(rx.foreach(Today.cases, case_box.card)), calm),
        rx.el.div(
            ui.icon("circle-check"),
            rx.el.span(
                t(
                    "{n} settled today, {in_time} before their deadline",
                    n=Today.settled,
                    in_time=Today.settled_in_time,
                )
            ),
            class_name="hl-foot hl-q",
            margin_top="auto",
        ),
    ]


def _tools() -> rx.Component:
    return rx.el.div(
        ui.pick(t("Course"), Today.course_id, Today.courses, Today.choose_course),
        rx.el.div(
            ui.switch_field(
                t("Only with trouble"), "trouble", checked=Today.trouble, on_change=Today.only_trouble
            ),
            class_name="hl-pick",
            padding_right="10px",
        ),
        ui.spacer(),
        ui.csv_button(href=Today.export_url),
        class_name="hl-tools",
        margin="10px 0",
    )


def today() -> rx.Component:
    """The page."""
    head = ui.page_head(
        t("Today"),
        ui.search_box(Today.find, Today.search, label=t("Find a person or lesson")),
        ui.queue_button(t("Needs a person"), Today.cases.length(), Today.toggle_queue, open=Today.queue_open),
        schedule.button(),
        note=rx.fragment(Reader.today, " · ", t("{time} in {place}", time=Today.clock, place=I18n.place)),
    )
    busiest = t("Busiest at {time}, {n}.", time=Today.busiest, n=Today.busiest_count)
    caption = t("Lessons starting each quarter hour.") + " " + busiest + " " + t("Red: someone was missing.")
    main = [
        head,
        ui.day_strip(
            Today.slots, label=caption, caption=caption, now_at=Today.now_part, now_label=Today.clock
        ),
        _tabs(),
        _tools(),
        _grid(),
    ]
    lesson_link = rx.cond(
        CaseBox.case.session_id != "",
        ui.row(ui.button(t("Open the lesson"), icon="arrow-right", size="s", on_click=Today.open_lesson)),
    )
    return rx.fragment(
        ui.frame(
            t("Today"),
            ui.when_ready(
                Today.ready,
                ui.board(main, _queue(), label=t("Needs a person"), open=Today.queue_open),
                rx.el.div(ui.skeleton(8), padding="24px"),
            ),
            head=rx.fragment(),
            flush=True,
            current=PATH,
        ),
        schedule.dialog(),
        lesson_box.dialog(),
        case_box.dialog(lesson_link),
    )


PAGES = [
    PageSpec(
        PATH, today, "Today", ("coordinator",), nav=N_("Today"), icon="radio", order=1, on_load=[Today.load]
    )
]
