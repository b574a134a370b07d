"""The part of the schedule dialog that makes a series of a lesson: days, end, holidays, and every date before it is booked."""

import reflex as rx

from core.i18n import N_
from core.queries.series import DateLine
from hilink_app import components as ui
from hilink_app.state.repeat import WEEKDAYS, Repeat
from hilink_app.state.schedule import Schedule

t = ui.t

DAY_WORDS = {
    "MO": N_("Monday"),
    "TU": N_("Tuesday"),
    "WE": N_("Wednesday"),
    "TH": N_("Thursday"),
    "FR": N_("Friday"),
    "SA": N_("Saturday"),
    "SU": N_("Sunday"),
}


def _day(day: str) -> rx.Component:
    return ui.check_field(
        ui.t_var(DAY_WORDS[day]),
        "repeat-day",
        default_checked=Repeat.days.contains(day),
        on_change=lambda on: Repeat.choose_day(day, on),
    )


def _end() -> rx.Component:
    return ui.row(
        ui.select_field(
            t("Ends"),
            "repeat-ends",
            [
                ("count", t("after a number of lessons")),
                ("until", t("on a day")),
                ("package", t("with a package of lessons")),
            ],
            value=Repeat.ends,
            on_change=Repeat.choose_ends,
        ),
        rx.match(
            Repeat.ends,
            (
                "until",
                ui.text_field(t("Last day"), "repeat-until", kind="date", on_change=Repeat.set_until),
            ),
            (
                "package",
                rx.cond(
                    Repeat.packages.length() > 0,
                    ui.select_field(
                        t("Package"),
                        "repeat-package",
                        rx.Var.create([("", "")]).to(list[tuple[str, str]]) + Repeat.packages,
                        value=Repeat.package_id,
                        on_change=Repeat.choose_package,
                    ),
                    ui.quiet(t("This student has no package in this course.")),
                ),
            ),
            ui.text_field(
                t("Lessons"),
                "repeat-count",
                kind="number",
                min=1,
                max=400,
                default_value=Repeat.count,
                on_change=Repeat.set_count,
            ),
        ),
        gap=3,
        align_items="flex-start",
    )


def _date(line: rx.Var[DateLine]) -> rx.Component:
    """One date: free, or what stands in the way."""
    return rx.el.li(
        rx.cond(line.says != "", ui.icon("triangle-alert"), ui.icon("check")),
        rx.el.span(
            ui.time_text(line.starts_at, "short"),
            " ",
            ui.time_text(line.starts_at),
            rx.cond(line.says != "", rx.fragment(rx.el.br(), ui.quiet(line.says))),
            rx.cond(
                line.moved, rx.fragment(rx.el.br(), ui.quiet(t("The clocks skip that hour; a little later.")))
            ),
        ),
        class_name="hl-row hl-g2",
        align_items="flex-start",
    )


def _dates() -> rx.Component:
    return rx.cond(
        Repeat.dates.length() > 0,
        rx.el.div(
            rx.el.h3(
                ui.tn("{n} lesson", "{n} lessons", Repeat.dates.length()),
                rx.cond(
                    Repeat.clashes > 0,
                    rx.fragment(", ", ui.tn("{n} of them is taken", "{n} of them are taken", Repeat.clashes)),
                ),
                class_name="hl-lab",
            ),
            rx.el.ul(
                rx.foreach(Repeat.dates, _date),
                class_name="hl-col hl-g2",
                list_style="none",
                margin="0",
                max_height="240px",
                overflow_y="auto",
                padding="2px",
                tab_index=0,
                aria_label=t("Dates of the series"),
            ),
            rx.cond(
                Repeat.clashes > 0,
                ui.check_field(
                    t("Leave out the dates that are taken"),
                    "repeat-leave",
                    note=t("Otherwise nothing is booked."),
                    on_change=Repeat.leave,
                ),
            ),
            custom_attrs={"aria-live": "polite"},
        ),
    )


def fields() -> rx.Component:
    """Once, or every so many weeks; the rest shows when it repeats."""
    more = ui.stack(
        ui.radio_group(
            t("On"),
            rx.el.div(*(_day(day) for day in WEEKDAYS), class_name="hl-row hl-g3", flex_wrap="wrap"),
        ),
        _end(),
        ui.check_field(
            t("Leave out holidays"),
            "repeat-holidays",
            note=rx.cond(
                Repeat.holidays.length() > 0,
                rx.foreach(Repeat.holidays, lambda one: rx.fragment(one[1], " ")),
                t("Of the instructor and the students, by their holiday calendars."),
            ),
            default_checked=Repeat.skip_holidays,
            on_change=Repeat.skip,
        ),
        ui.form_error(Repeat.problem),
        _dates(),
        ui.row(ui.button(t("Show every date"), icon="calendar-days", on_click=Schedule.show_dates)),
    )
    return ui.stack(
        ui.select_field(
            t("Repeat"),
            "repeat-every",
            [
                ("0", t("Does not repeat")),
                ("1", t("Every week")),
                ("2", t("Every two weeks")),
                ("4", t("Every four weeks")),
            ],
            on_change=Repeat.choose_every,
        ),
        rx.cond(Repeat.every > 0, more),
    )
