"""What floats: the side dialog, the confirmation for what cannot be undone, menus, tooltips."""

from collections.abc import Sequence

import reflex as rx

from hilink_app.components.buttons import button, icon_button
from hilink_app.components.drawn import SideDialog
from hilink_app.components.i18n import t
from hilink_app.components.icons import icon
from hilink_app.components.tokens import Child, Event, Text


def side_dialog(
    *children: Child,
    title: Text,
    open: rx.Var | bool,
    on_close: Event,
    note: Text = "",
    foot: Sequence[Child] = (),
) -> rx.Component:
    """A panel at the right edge; the page beside it stays readable and usable (not modal).

    a11y: a dialog named by its title; focus moves in and back; Escape closes. On phones it is a sheet.
    """
    return SideDialog.create(
        rx.el.div(*children, class_name="hl-side-body"),
        rx.el.div(*foot, class_name="hl-side-foot") if foot else rx.fragment(),
        open=open,
        title=title,
        note=note,
        close_label=t("Close"),
        on_close=on_close,
    )


def confirm_dialog(
    *,
    title: Text,
    lost: Text,
    confirm: Text,
    open: rx.Var | bool,
    on_confirm: Event,
    on_cancel: Event,
) -> rx.Component:
    """Only for what cannot be undone; ``lost`` names what is lost. a11y: an alert dialog, Escape cancels."""
    return rx.alert_dialog.root(
        rx.alert_dialog.content(
            rx.alert_dialog.title(title),
            rx.alert_dialog.description(lost),
            rx.el.div(
                rx.alert_dialog.cancel(button(t("Keep it"), on_click=on_cancel)),
                rx.alert_dialog.action(button(confirm, kind="danger", on_click=on_confirm)),
                class_name="hl-row hl-g3 hl-dialog-acts",
            ),
            class_name="hl-pop",
        ),
        open=open,
    )


def dialog(
    *children: Child, title: Text, open: rx.Var | bool, on_close: Event, note: Text = ""
) -> rx.Component:
    """A small modal for a short form. a11y: focus stays inside until it closes."""
    return rx.dialog.root(
        rx.dialog.content(
            rx.el.div(
                rx.dialog.title(title, margin="0"),
                rx.el.span(class_name="hl-sp"),
                icon_button("x", t("Close"), size="s", on_click=on_close),
                class_name="hl-row top",
            ),
            rx.dialog.description(note, class_name="hl-q"),
            *children,
            class_name="hl-pop",
        ),
        open=open,
        on_open_change=on_close,
    )


def menu(trigger: rx.Component, *items: rx.Component) -> rx.Component:
    """A menu of actions, from ``menu_item``. a11y: arrow keys, Escape; the trigger needs its own name."""
    return rx.menu.root(
        rx.menu.trigger(trigger), rx.menu.content(*items, class_name="hl-pop hl-menu"), modal=False
    )


def menu_item(
    label: Text, *, icon_name: str = "", on_click: Event | None = None, href: str | None = None
) -> rx.Component:
    """One action or one link of a menu."""
    inside = [icon(icon_name)] if icon_name else []
    if href is not None:
        return rx.menu.item(
            rx.link(*inside, label, href=href, underline="none", class_name="hl-menu-link"), as_child=True
        )
    return (
        rx.menu.item(*inside, label, on_select=on_click)
        if on_click is not None
        else rx.menu.item(*inside, label)
    )


def more_menu(*items: rx.Component, label: Text | None = None) -> rx.Component:
    """The three dots at the end of a row."""
    return menu(icon_button("ellipsis", t("More") if label is None else label, size="s"), *items)
