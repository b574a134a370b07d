"""Holidays: on which days is nobody taught, by which calendar, and who follows it?"""

import reflex as rx

from core.queries.common import Face
from core.queries.holidays import HolidaysLine
from hilink_app import components as ui
from hilink_app.components.page import PageSpec
from hilink_app.state.holidays import PATH, Holidays

t = ui.t


def _error(name: str) -> rx.Var:
    """The sentence beside a field."""
    return rx.cond(Holidays.problem_field == name, Holidays.problem, "").to(str)


def _key(name: str) -> str:
    """A new one empties a field after its form was saved."""
    return name + "-" + Holidays.round.to(str) + Holidays.chosen.id


def _day(item: rx.Var[tuple[str, str, str, str]]) -> rx.Component:
    return rx.el.li(
        ui.row(
            ui.stack(rx.el.b(item[2]), rx.el.span(item[3], class_name="hl-num"), gap=1, class_name="hl-min"),
            ui.spacer(),
            ui.icon_button(
                "x",
                t("Remove {what}", what=item[2]),
                size="s",
                kind="g",
                on_click=Holidays.remove(item[0], item[1]),
            ),
            wrap=False,
        ),
        class_name="hl-li",
    )


def _add() -> rx.Component:
    def day(label: rx.Var, name: str, **more: object) -> rx.Component:
        return ui.text_field(label, name, kind="date", key=_key(name), error=_error(name), **more)

    return ui.form(
        ui.select_field(
            t("What is it?"),
            "kind",
            [("off", t("Holidays: no lessons")), ("on", t("Ordinary days after all"))],
            key=_key("kind"),
        ),
        ui.row(
            day(t("First day"), "first", required=True),
            day(t("Last day"), "last"),
            gap=3,
            align_items="flex-start",
        ),
        ui.text_field(
            t("Name"),
            "what",
            hint=t("What is celebrated, or why nobody teaches."),
            max_length=100,
            auto_complete="off",
            key=_key("what"),
            error=_error("what"),
        ),
        rx.el.div(ui.button(t("Save these days"), type="submit")),
        on_submit=Holidays.add,
    )


def _name() -> rx.Component:
    return ui.form(
        ui.text_field(
            t("Name of the calendar"),
            "name",
            default_value=Holidays.chosen.name,
            max_length=100,
            auto_complete="off",
            key=_key("name"),
            error=_error("name"),
        ),
        ui.row(
            ui.primary(t("Save name"), size="s", type="submit"),
            ui.plain(t("Leave it"), size="s", on_click=Holidays.rename(False)),
        ),
        on_submit=Holidays.save_name,
    )


def _follower(one: rx.Var[Face]) -> rx.Component:
    return rx.el.li(
        ui.row(
            ui.avatar(one.initials),
            ui.link(
                one.name, "/availability?person=" + one.id, aria_label=t("Hours of {name}", name=one.name)
            ),
        ),
        class_name="hl-li",
    )


def _followers() -> rx.Component:
    chosen = Holidays.chosen
    return ui.panel(
        ui.panel_head(t("Who follows it"), note=chosen.followers.length()),
        ui.stack(
            rx.cond(
                chosen.followers.length() > 0,
                rx.el.ul(rx.foreach(chosen.followers, _follower), class_name="hl-list"),
                ui.quiet(t("Nobody yet."), small=False),
            ),
            ui.quiet(t("Instructors choose their calendar with their hours; you can do it for them there.")),
        ),
    )


def _head_acts() -> rx.Component:
    return ui.row(
        ui.plain(t("Rename"), size="s", on_click=Holidays.rename(True)),
        ui.plain(t("Remove"), size="s", on_click=Holidays.ask_drop(True)),
        gap=2,
        wrap=False,
    )


def _drop() -> rx.Component:
    chosen = Holidays.chosen
    return ui.confirm_dialog(
        title=t("Remove {name}?", name=chosen.name),
        lost=ui.tn(
            "Its days are gone, and {n} instructor can be booked on them again.",
            "Its days are gone, and {n} instructors can be booked on them again.",
            chosen.followers.length(),
        ),
        confirm=t("Remove calendar"),
        open=Holidays.dropping,
        on_confirm=Holidays.drop,
        on_cancel=Holidays.ask_drop(False),
    )


def _days() -> rx.Component:
    chosen = Holidays.chosen
    return ui.panel(
        ui.panel_head(
            chosen.name,
            rx.cond(Holidays.renaming, rx.fragment(), _head_acts()),
        ),
        ui.stack(
            rx.cond(Holidays.renaming, _name()),
            rx.cond(
                Holidays.to_come.length() > 0,
                rx.el.ul(rx.foreach(Holidays.to_come, _day), class_name="hl-list"),
                ui.quiet(t("No holidays to come. Add them below."), small=False),
            ),
            rx.cond(
                Holidays.over > 0,
                ui.quiet(ui.tn("{n} that is over is kept.", "{n} that are over are kept.", Holidays.over)),
            ),
            ui.rule(),
            _add(),
        ),
    )  # fmt: skip


def _calendar(row: rx.Var[HolidaysLine]) -> rx.Component:
    return rx.el.li(
        ui.row(
            ui.link(row.name, f"{PATH}?calendar=" + row.id, aria_current=Holidays.chosen.id == row.id),
            ui.spacer(),
            ui.quiet(ui.tn("{n} day to come", "{n} days to come", row.to_come)),
            ui.quiet(ui.tn("{n} instructor", "{n} instructors", row.followers.length())),
            gap=3,
        ),
        class_name=rx.cond(Holidays.chosen.id == row.id, "hl-li on", "hl-li"),
    )


def _calendars() -> rx.Component:
    form = ui.form(
        ui.text_field(
            t("New calendar"),
            "new_name",
            placeholder=t("Portugal, schools"),
            max_length=100,
            auto_complete="off",
            key="new-" + Holidays.round.to(str),
            error=_error("new_name"),
        ),
        rx.el.div(ui.button(t("Add calendar"), icon="plus", type="submit")),
        on_submit=Holidays.make,
    )
    return ui.panel(
        ui.panel_head(t("Calendars")),
        ui.stack(
            rx.cond(
                Holidays.rows.length() > 0,
                rx.el.ul(rx.foreach(Holidays.rows, _calendar), class_name="hl-list"),
            ),
            form,
        ),
    )


def holidays() -> rx.Component:
    """The page."""
    nothing = ui.panel(
        ui.empty(
            t("No holidays yet"),
            t("Make a calendar for each place your instructors live in; on its days they are not booked."),
            icon_name="calendar-off",
        )
    )
    body = ui.columns(
        [rx.cond(Holidays.chosen.id != "", _days(), nothing)],
        [_calendars(), rx.cond(Holidays.chosen.id != "", _followers())],
        400,
    )
    return rx.fragment(
        ui.frame(
            t("Holidays"),
            ui.when_ready(Holidays.ready, body, ui.panel(ui.skeleton(shape="panel"))),
            current="/calendar",
        ),
        _drop(),
        ui.hits_dialog(
            Holidays.hits,
            Holidays.hit_count,
            open=Holidays.asking,
            on_go=Holidays.go_on,
            on_leave=Holidays.leave_it,
        ),
    )


PAGES = [PageSpec(PATH, holidays, "Holidays", ("coordinator",), on_load=[Holidays.load])]
