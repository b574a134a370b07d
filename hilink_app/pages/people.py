"""People: who is who, what do they take, where do they live in time?"""

import reflex as rx

from core.i18n import N_
from hilink_app import components as ui
from hilink_app.components.frame import ROLE_WORDS
from hilink_app.components.page import PageSpec
from hilink_app.state.people import PAGE_SIZE, PATH, People

t = ui.t


def people() -> rx.Component:
    """The page."""
    columns = [
        ui.Column(t("Name"), lambda row: ui.person(row.face.name, row.email, initials=row.face.initials)),
        ui.Column(
            t("Role"),
            lambda row: ui.row(
                rx.foreach(row.roles, lambda role: ui.chip(ui.t_choice(role, ROLE_WORDS))), gap=1
            ),
        ),
        ui.Column(t("Takes"), lambda row: row.courses, phone=False),
        ui.Column(t("Time zone"), lambda row: row.place, phone=False),
        ui.Column(
            t("Hours"),
            lambda row: rx.cond(
                row.roles.contains("instructor"),
                ui.link(
                    t("Hours"),
                    "/availability?person=" + row.face.id,
                    aria_label=t("Hours of {name}", name=row.face.name),
                ),
            ),
        ),
        ui.Column(
            t("Account"),
            lambda row: rx.cond(row.active, t("active"), ui.chip(t("closed"), "warn", icon_name="lock")),
            phone=False,
        ),
    ]
    roles = [("", t("All")), *((role, ui.t_var(word)) for role, word in ROLE_WORDS.items())]
    table = ui.data_table(
        columns,
        People.rows,
        caption=t("People"),
        tools=[
            ui.search_box(People.find, People.search, label=t("Find a name or an email")),
            ui.pick(t("Role"), People.role, roles, People.choose_role),
        ],
        foot=ui.pager(
            ui.rows_text(People.page * PAGE_SIZE + 1, People.last, People.total),
            on_prev=People.turn(-1),
            on_next=People.turn(1),
            first=People.page == 0,
            last=People.last >= People.total,
        ),
        nothing=ui.empty(
            t("Nobody found"),
            t("People appear here when they are added. Try another name or role."),
            icon_name="users",
        ),
    )
    return ui.frame(
        t("People"),
        ui.when_ready(People.ready, table),
        actions=[ui.button(t("Courses"), icon="book-open", href="/courses")],
        current=PATH,
    )


PAGES = [
    PageSpec(
        PATH,
        people,
        "People",
        ("coordinator",),
        nav=N_("People"),
        icon="users",
        order=4,
        on_load=[People.load],
    )
]
