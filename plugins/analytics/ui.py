# pyright: reportAttributeAccessIssue=false, reportArgumentType=false
"""Charts over time for a student's progress page. Loaded by the web role alone."""

import reflex as rx

from hilink_app import components as ui
from plugins.analytics.queries import Week
from plugins.analytics.state import HEIGHT, OverTime

t = ui.t


def _row(week: rx.Var[Week]) -> rx.Component:
    cells = (
        ui.time_text(week.monday + "T12:00:00Z", "date"),
        week.attended,
        week.missed,
        rx.cond(week.right >= 0, week.right.to(str), ""),
        week.talk_min,
        week.hands,
        week.topics_covered,
    )
    return rx.el.tr(rx.el.td(cells[0]), *(rx.el.td(cell, class_name="hl-right hl-num") for cell in cells[1:]))


def _table(title: rx.Var) -> rx.Component:
    heads = (
        t("There"),
        t("Missed"),
        t("Right in 100"),
        t("Minutes spoken"),
        t("Raised hands"),
        t("Topics finished"),
    )
    table = rx.el.table(
        rx.el.caption(title, class_name="hl-sr"),
        rx.el.thead(
            rx.el.tr(
                rx.el.th(t("Week of"), scope="col"),
                *(rx.el.th(head, scope="col", class_name="hl-right") for head in heads),
            )
        ),
        rx.el.tbody(rx.foreach(OverTime.rows, _row)),
        class_name="hl-table tight",
    )
    return rx.el.div(table, class_name="hl-scroll", tab_index=0, role="region", aria_label=title)


def _chart(plot: rx.Var, title: rx.Var, unit: rx.Var) -> rx.Component:
    return ui.figure(plot, title=title, unit=unit, table=_table(title), height=f"{HEIGHT}px")


def over_time(student_id: rx.Var) -> rx.Component:
    """Attendance, answers, taking part and topics by week, from the roll-ups; a sentence until there is a lesson."""
    charts = rx.el.div(
        _chart(
            OverTime.attendance,
            t("At {there} of {all} lessons", there=OverTime.there, all=OverTime.lessons),
            t("Lessons a week"),
        ),
        _chart(
            OverTime.answers,
            rx.cond(
                OverTime.right >= 0,
                t("{n} in 100 answers right", n=OverTime.right),
                t("No quick questions yet"),
            ),
            t("Right answers in 100, by week"),
        ),
        _chart(
            OverTime.taking_part,
            t("Speaks {n} minutes a lesson", n=OverTime.talk_min),
            t("Minutes spoken a lesson, hands raised a week"),
        ),
        _chart(
            OverTime.coverage,
            ui.tn("{n} topic finished", "{n} topics finished", OverTime.covered),
            t("Topics finished a week"),
        ),
        class_name="hl-figs",
    )
    nothing = ui.empty(
        t("Charts appear after the first lesson"),
        t("We show how often lessons were attended and how answers develop, week by week."),
        icon_name="chart-line",
    )
    return rx.box(
        rx.cond(
            OverTime.ready, rx.cond(OverTime.rows.length() > 0, charts, nothing), ui.skeleton(shape="panel")
        ),
        on_mount=OverTime.load(student_id),
        key=student_id,
        width="100%",
    )
