"""Lists that can grow: paged, searched, filtered and exported on the server."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import reflex as rx

from hilink_app.components.buttons import icon_button
from hilink_app.components.i18n import t
from hilink_app.components.icons import icon
from hilink_app.components.tokens import Child, Event, Text, cls


@dataclass(frozen=True)
class Column:
    """A column: heading, how a row (a dict Var) draws its cell, and whether it is a number.

    ``key`` names it for sorting ("" = not sortable); ``phone=False`` hides it below 700 px.
    """

    head: Text
    cell: Callable[[Any], Child]
    key: str = ""
    number: bool = False
    phone: bool = True


def _head(column: Column, sort: rx.Var | None, on_sort: Any) -> rx.Component:
    style = cls("hl-right" if column.number else "", "" if column.phone else "hl-wide")
    if not column.key or sort is None:
        return rx.el.th(column.head, scope="col", class_name=style)
    up, down = sort == column.key, sort == f"-{column.key}"
    label = rx.el.button(
        rx.el.span(column.head),
        rx.cond(
            up,
            icon("arrow-up-narrow-wide", "s"),
            rx.cond(down, icon("arrow-down-wide-narrow", "s"), rx.fragment()),
        ),
        type="button",
        class_name="hl-sort",
        on_click=on_sort(column.key),
    )
    order = rx.cond(up, "ascending", rx.cond(down, "descending", "none"))
    return rx.el.th(label, scope="col", class_name=style, custom_attrs={"aria-sort": order})


def data_table(
    columns: Sequence[Column],
    rows: rx.Var,
    *,
    caption: Text,
    tools: Sequence[Child] = (),
    foot: Child | None = None,
    nothing: rx.Component | None = None,
    sort: rx.Var | None = None,
    on_sort: Any = None,
    row_href: Callable[[Any], Any] | None = None,
) -> rx.Component:
    """A table over one page of rows (a list Var of dicts); the server pages, sorts, filters.

    ``tools``: search box, filter pills, CSV button. ``nothing`` shows when there are no rows.
    a11y: a real table with a caption; sort buttons say their order; it scrolls sideways with the keyboard.
    """

    def line(item: Any) -> rx.Component:
        cells = []
        for place, column in enumerate(columns):
            style = cls("hl-right hl-num" if column.number else "", "" if column.phone else "hl-wide")
            inside = column.cell(item)
            if place == 0 and row_href is not None:
                inside = rx.link(inside, href=row_href(item), underline="none", class_name="hl-a hl-strong")
            cells.append(rx.el.td(inside, class_name=style))
        return rx.el.tr(*cells)

    table = rx.el.table(
        rx.el.caption(caption, class_name="hl-sr"),
        rx.el.thead(rx.el.tr(*(_head(column, sort, on_sort) for column in columns))),
        rx.el.tbody(rx.foreach(rows, line)),
        class_name="hl-table",
    )
    body = rx.el.div(table, class_name="hl-scroll", tab_index=0, role="region", aria_label=caption)
    return rx.el.div(
        rx.el.div(*tools, class_name="hl-tools") if tools else rx.fragment(),
        rx.el.div(
            rx.cond(rows.to(list[Any]).length() > 0, body, nothing) if nothing is not None else body,
            foot if foot is not None else rx.fragment(),
            class_name="hl-panel clip",
        ),
    )


def pager(
    says: Text, *, on_prev: Event, on_next: Event, first: rx.Var | bool = False, last: rx.Var | bool = False
) -> rx.Component:
    """``Rows 1 to 15 of 412`` and the two steps. a11y: the sentence is a live region."""
    return rx.el.div(
        rx.el.span(says, class_name="hl-num", custom_attrs={"aria-live": "polite"}),
        rx.el.span(class_name="hl-sp"),
        icon_button("chevron-left", t("Previous page"), size="s", on_click=on_prev, disabled=first),
        icon_button("chevron-right", t("Next page"), size="s", on_click=on_next, disabled=last),
        class_name="hl-foot hl-sm",
    )


def rows_text(first: rx.Var | int, last: rx.Var | int, total: rx.Var | int) -> rx.Var:
    """The sentence for ``pager``."""
    return t("{first} to {last} of {total}", first=first, last=last, total=total)


def csv_button(on_click: Event | None = None, href: Text | None = None) -> rx.Component:
    """Export what the filters show. a11y: named "Export CSV"."""
    if href is not None:
        return rx.el.a(
            icon("download"), href=href, class_name="hl-btn s ic", aria_label=t("Export CSV"),
            title=t("Export CSV"),
            custom_attrs={"download": True},
        )  # fmt: skip
    return icon_button("download", t("Export CSV"), size="s", on_click=on_click)
