"""Charts over time for a student's progress page. Loaded by the web role alone."""

import reflex as rx

from hilink_app import components as ui
from plugins.analytics.queries import Week
from plugins.analytics.state import OverTime

t = ui.t


def _row(week: rx.Var[Week]) -> rx.Component:
    cells = (
        week.monday,
        week.attended,
        week.missed,
        rx.cond(week.right >= 0, week.right.to(str), ""),
        week.topics_covered,
    )
    return rx.el.tr(*(rx.el.td(cell) for cell in cells))


def _table() -> rx.Component:
    heads = (t("Week"), t("There"), t("Missed"), t("Right answers in 100"), t("Topics finished"))
    return rx.el.table(
        rx.el.thead(rx.el.tr(*(rx.el.th(head, scope="col") for head in heads))),
        rx.el.tbody(rx.foreach(OverTime.rows, _row)),
        class_name="hl-table",
    )


def over_time(student_id: rx.Var) -> rx.Component:
    """Attendance and answers by week, from the roll-ups; nothing until there is a lesson to show."""
    return rx.box(
        rx.cond(
            OverTime.rows.length() > 0,
            ui.stack(
                ui.figure(
                    OverTime.attendance,
                    title=t("At {share} in 100 lessons", share=OverTime.share),
                    unit=t("Lessons a week"),
                    table=_table(),
                ),
                ui.figure(
                    OverTime.taking_part,
                    title=t("{n} topics finished", n=OverTime.covered),
                    unit=t("Right answers in 100, by week"),
                    table=_table(),
                ),
                gap=6,
            ),
            ui.empty(
                t("Charts appear after the first lesson"),
                t("We show how often lessons were attended and how answers develop, week by week."),
                icon_name="chart-line",
            ),
        ),
        on_mount=OverTime.load(student_id),
        key=student_id,
        width="100%",
    )
