"""Hours: when can I be booked? The week to drag or type, dates, limits, and a calendar kept elsewhere."""

import reflex as rx

from core.i18n import N_
from hilink_app import components as ui
from hilink_app.components.hours import hours_editor
from hilink_app.components.page import PageSpec
from hilink_app.state.availability import PATH, Hours
from hilink_app.state.i18n import I18n

t = ui.t

KINDS = {"away": N_("Away"), "extra": N_("Extra hours")}
PROBLEMS = {
    "not_allowed": N_("This address leads into a private network. Only calendars on the internet are read."),
    "unreachable": N_("Nobody answers at this address."),
    "too_large": N_("This calendar is too large."),
    "too_slow": N_("This calendar takes too long to answer."),
    "redirects": N_("This address leads from one to the next without an end."),
    "tls": N_("The certificate of this address is not valid."),
    "not_text": N_("There is no calendar at this address."),
    "not_a_calendar": N_("There is no calendar at this address."),
    "too_many_events": N_("This calendar has too many events."),
    "too_hard": N_("This calendar takes too long to read."),
    "http_401": N_("This calendar is private. Please use its secret address."),
    "http_403": N_("This calendar is private. Please use its secret address."),
    "http_404": N_("There is no calendar at this address."),
    "http_410": N_("There is no calendar at this address any more."),
}

OTHER_PROBLEM = N_("This calendar could not be read.")


def _error(*fields: str) -> rx.Var:
    """The sentence beside a field; also what belongs to no field of its form."""
    mine = rx.Var.create(list(fields)).contains(Hours.problem_field)
    return rx.cond(mine, Hours.problem, "").to(str)


def _key(name: str, form: rx.Var) -> str:
    """A new one empties a field after its form was saved."""
    return name + "-" + form.to(str)


def _week() -> rx.Component:
    changed = ui.callout(
        "warn",
        "circle-alert",
        ui.stack(
            t("Somebody else changed these hours in the meantime. Yours are not saved."),
            ui.row(
                ui.button(t("Show what is saved"), size="s", on_click=Hours.show_saved),
                ui.button(t("Keep mine, to save it again"), size="s", on_click=Hours.look_again),
            ),
            gap=2,
        ),
    )
    dated = ui.stack(
        ui.quiet(t("Also kept, as they were entered:")),
        rx.el.ul(rx.foreach(Hours.dated, lambda words: rx.el.li(words)), class_name="hl-plain"),
        gap=1,
    )
    return ui.panel(
        ui.panel_head(t("Every week")),
        ui.stack(
            ui.select_field(
                t("Time zone of these hours"),
                "hours-zone",
                Hours.zones,
                hint=t("16:00 stays 16:00 there when the clocks change."),
                value=Hours.tz,
                on_change=Hours.choose_zone,
            ),
            hours_editor(
                rows=Hours.week, round=Hours.round, label=t("Hours of a week"), on_save=Hours.save_hours
            ),
            ui.form_error(_error("hours", "tz")),
            rx.el.div(rx.cond(Hours.changed, changed), role="alert"),
            rx.cond(Hours.dated.length() > 0, dated),
            _clocks(),
        ),
    )


def _clocks() -> rx.Component:
    return rx.cond(
        Hours.clocks.length() > 0,
        ui.callout(
            "info",
            "clock",
            rx.el.ul(rx.foreach(Hours.clocks, lambda words: rx.el.li(words)), class_name="hl-col hl-g1"),
        ),
    )


def _day_off(item: rx.Var[tuple[str, str, str, str]]) -> rx.Component:
    return rx.el.li(
        ui.row(
            ui.stack(
                rx.el.b(ui.t_choice(item[1], KINDS), ": ", rx.el.span(item[2], class_name="hl-num")),
                rx.cond(item[3] != "", ui.quiet(item[3])),
                gap=1,
                class_name="hl-min",
            ),
            ui.spacer(),
            ui.icon_button(
                "x",
                t("Remove {what}", what=item[2]),
                size="s",
                kind="g",
                on_click=Hours.remove_exception(item[0]),
            ),
            wrap=False,
        ),
        class_name="hl-li",
    )


def _time(label: rx.Var, name: str, start: str) -> rx.Component:
    return ui.text_field(label, name, kind="time", default_value=start, key=_key(name, Hours.dates_round))


def _exceptions() -> rx.Component:
    def day(label: rx.Var, name: str, **more: object) -> rx.Component:
        return ui.text_field(label, name, kind="date", key=_key(name, Hours.dates_round), **more)

    form = ui.form(
        ui.select_field(
            t("What is it?"),
            "kind",
            [("away", t("Away: no lessons")), ("extra", t("Extra hours: lessons although the week says no"))],
            key=_key("kind", Hours.dates_round),
        ),
        ui.row(
            day(t("First day"), "first", required=True),
            day(t("Last day"), "last"),
            gap=3,
            align_items="flex-start",
        ),
        ui.switch_field(
            t("Whole days"), "whole", checked=Hours.whole_days, on_change=lambda on: Hours.set_whole_days(on)
        ),
        rx.cond(
            Hours.whole_days,
            rx.fragment(),
            ui.row(_time(t("From"), "starts", "09:00"), _time(t("Until"), "ends", "17:00"), gap=3),
        ),
        ui.text_field(
            t("Note"),
            "note",
            hint=t("Coordinators can read it."),
            max_length=500,
            auto_complete="off",
            key=_key("note", Hours.dates_round),
        ),
        ui.form_error(_error("kind", "starts_at", "ends_at")),
        rx.el.div(ui.button(t("Add these days"), type="submit")),
        on_submit=Hours.add_exception,
    )
    return ui.panel(
        ui.panel_head(t("Days away and extra hours")),
        ui.stack(
            rx.cond(
                Hours.days_off.length() > 0,
                rx.el.ul(rx.foreach(Hours.days_off, _day_off), class_name="hl-list"),
                ui.quiet(t("None planned. What you add here wins over the week."), small=False),
            ),
            ui.rule(),
            form,
        ),
    )


def _language(item: rx.Var[tuple[str, str, bool]]) -> rx.Component:
    name = "language-" + item[0]
    return ui.check_field(item[1], name, default_checked=item[2], key=_key(name, Hours.limits_round))


def _limits() -> rx.Component:
    def amount(label: rx.Var, name: str, value: rx.Var) -> rx.Component:
        return ui.text_field(
            label,
            name,
            kind="number",
            min=0,
            step="any",
            default_value=value,
            error=_error(name),
            key=_key(name, Hours.limits_round),
        )

    return ui.panel(
        ui.panel_head(t("Limits"), note=t("empty = none")),
        ui.form(
            rx.el.div(
                amount(t("Notice, in hours"), "notice_s", Hours.notice),
                amount(t("Break around a lesson, in minutes"), "buffer_s", Hours.buffer),
                amount(t("Most lessons a day"), "most_a_day", Hours.most_a_day),
                amount(t("Most lessons a week"), "most_a_week", Hours.most_a_week),
                class_name="hl-pairs",
            ),
            ui.select_field(
                t("Holidays"),
                "holiday_calendar_id",
                Hours.holidays,
                hint=t("No lessons on these days."),
                default_value=Hours.holiday_calendar_id,
                error=_error("holiday_calendar_id"),
                key=_key("holidays", Hours.limits_round),
            ),
            ui.radio_group(
                t("Languages of the lessons"),
                rx.el.div(
                    rx.foreach(Hours.languages, _language), class_name="hl-pairs hl-hours-langs", tab_index=0
                ),
            ),
            ui.form_error(_error("languages")),
            rx.el.div(ui.button(t("Save limits"), type="submit")),
            on_submit=Hours.save_limits,
        ),
    )


def _calendar_state() -> rx.Component:
    again = ui.button(t("Look again"), size="s", icon="refresh-cw", on_click=Hours.look_again)
    forget = ui.button(t("Forget this calendar"), size="s", on_click=Hours.ask_to_forget(True))
    read = rx.el.p(
        t("Read"),
        " ",
        ui.time_text(Hours.calendar_read_at, "relative"),
        ", ",
        ui.tn(
            "{n} busy time in the next seven days",
            "{n} busy times in the next seven days",
            Hours.calendar_busy,
        ),
        ".",
    )
    failed = ui.callout(
        "warn",
        "circle-alert",
        ui.t_choice(Hours.calendar_problem, PROBLEMS, OTHER_PROBLEM),
        " ",
        t("We try again by ourselves. Until then the busy times we read last count."),
    )
    return ui.stack(
        rx.el.b(Hours.calendar),
        rx.match(
            Hours.calendar_status,
            ("ok", read),
            ("failed", failed),
            rx.el.p(t("It is read for the first time within a minute.")),
        ),
        ui.row(again, forget),
        gap=3,
    )


def _calendar() -> rx.Component:
    form = ui.form(
        ui.text_field(
            t("Address of the calendar"),
            "url",
            kind="url",
            hint=t("Its secret address in iCal format. Only when you are busy is kept, never what with."),
            placeholder="https://…/basic.ics",
            auto_complete="off",
            error=_error("url"),
        ),
        rx.el.div(ui.button(t("Subscribe"), type="submit")),
        on_submit=Hours.subscribe,
    )
    return ui.panel(
        ui.panel_head(t("Another calendar")),
        rx.cond(Hours.calendar != "", _calendar_state(), form),
        ui.confirm_dialog(
            title=t("Forget this calendar?"),
            lost=t("Its address and the busy times read from it are lost."),
            confirm=t("Forget this calendar"),
            open=Hours.forgetting,
            on_confirm=Hours.forget_calendar,
            on_cancel=Hours.ask_to_forget(False),
        ),
    )


def hours() -> rx.Component:
    """The page."""
    nobody = ui.panel(
        ui.empty(
            t("Whose hours?"),
            t("Choose an instructor from the list of people; their hours open here."),
            ui.button(t("People"), href="/people?role=instructor"),
            icon_name="users",
        )
    )
    body = rx.cond(Hours.missing, nobody, ui.columns([_week()], [_exceptions(), _limits(), _calendar()], 400))
    elsewhere = rx.cond(
        Hours.tz != I18n.tz,
        t("times in {place}, you read in {mine}", place=Hours.place, mine=I18n.place),
        t("times in {place}", place=Hours.place),
    )
    return rx.fragment(
        ui.frame(
            rx.cond(Hours.mine, t("Hours"), t("Hours of {name}", name=Hours.person.name)),
            ui.when_ready(Hours.ready, body, ui.panel(ui.skeleton(shape="panel"))),
            zone=rx.cond(Hours.missing, "", elsewhere),
            current=PATH,
        ),
        ui.hits_dialog(
            Hours.hits, Hours.hit_count, open=Hours.asking, on_go=Hours.go_on, on_leave=Hours.leave_it
        ),
    )


PAGES = [
    PageSpec(
        PATH,
        hours,
        "Hours",
        ("instructor", "coordinator"),
        nav=N_("Hours"),
        icon="calendar-clock",
        order=5,
        nav_roles=("instructor",),
        on_load=[Hours.load],
    )
]
