"""The frame around every page: rail on desktop, bar on phones, skip link, page head, profile menu."""

from collections.abc import Sequence

import reflex as rx

from core.i18n import LANGUAGES, N_
from hilink_app.components.dialogs import menu, menu_item
from hilink_app.components.i18n import language_sync, t, t_choice, t_var
from hilink_app.components.icons import icon
from hilink_app.components.layout import page_head
from hilink_app.components.nav import HELP, PROFILE, ROLES, SIGN_IN, SIGN_OUT, NavEntry, nav_for
from hilink_app.components.people import avatar
from hilink_app.components.times import zone_note
from hilink_app.components.tokens import Child, Text, cls
from hilink_app.state.i18n import I18n
from hilink_app.state.reader import Reader

FAMILY = ("student", "guardian")
ROLE_WORDS = {
    "student": N_("Student"),
    "instructor": N_("Instructor"),
    "coordinator": N_("Coordinator"),
    "guardian": N_("Family"),
    "operator": N_("Operator"),
}
_LEAVE = rx.Var(
    f"(() => {{fetch('{SIGN_OUT}', {{method: 'POST'}}).finally(() => {{location.href = '{SIGN_IN}'}})}})"
)
"""A function, not text: text would be evaluated, which the content security policy forbids."""


def logo() -> rx.Component:
    """The mark: two posts and the thread between them. a11y: named HiLink."""
    return rx.el.svg(
        rx.el.svg.rect(width="36", height="36", rx="10", fill="var(--accent)"),
        rx.el.svg.path(
            d="M11 9v18M25 9v18", stroke="var(--on-accent)", stroke_width="3", stroke_linecap="round"
        ),
        rx.el.svg.path(
            d="M11 21c4.5 0 4.5-6 7-6s2.5 6 7 6", fill="none", stroke="var(--on-accent)", stroke_width="3",
            stroke_linecap="round", opacity=".62",
        ),
        view_box="0 0 36 36", class_name="hl-logo", role="img", aria_label="HiLink",
    )  # fmt: skip


def _entry(entry: NavEntry, current: str) -> rx.Component:
    count = rx.Var.create(Reader.counts).to(dict[str, int]).get(entry.route, 0).to(int)
    badge = rx.el.span(
        rx.cond(count > 99, "99+", count.to(str)),
        rx.el.span(" ", t("waiting"), class_name="hl-sr"),
        class_name="hl-n",
    )
    here = {"aria-current": "page"} if entry.route == current else {}
    link = rx.link(
        icon(entry.icon, "l"),
        rx.cond(count > 0, badge, rx.fragment()),
        rx.el.span(t_var(entry.label)),
        href=entry.route,
        underline="none",
        class_name="hl-nav",
        custom_attrs=here,
    )
    return rx.el.li(link)


def _for_role(draw: object) -> rx.Component:
    """The entries of the role whose pages are shown."""
    cases = [(role, rx.fragment(*draw(role))) for role in ROLES if nav_for(role)]  # type: ignore[operator]
    return rx.fragment(rx.match(Reader.role, *cases, rx.fragment()) if cases else rx.fragment())


def _beyond_the_bar() -> list[rx.Component]:
    """What the phone's bar has no room for: the sixth entry and help."""
    rest = _for_role(
        lambda role: [
            menu_item(t_var(one.label), icon_name=one.icon, href=one.route) for one in nav_for(role)[5:]
        ]
    )
    return [rest, menu_item(t("Help"), icon_name="circle-help", href=HELP)]


def _profile_menu(side: str) -> rx.Component:
    """Name, other roles, language, light or dark, sign out. a11y: the trigger says the person's name."""
    trigger = rx.el.button(
        avatar(Reader.initials, "m", "t"),
        type="button",
        class_name=cls("hl-me", side),
        aria_label=t("Your menu, {name}", name=Reader.name),
    )
    return menu(
        trigger,
        rx.el.div(Reader.name, class_name="hl-menu-name"),
        rx.cond(
            rx.Var.create(Reader.roles).to(list[str]).length() > 1,
            rx.foreach(
                Reader.roles,
                lambda role: rx.menu.item(
                    rx.cond(role == Reader.role, icon("check"), icon("user-round")),
                    t("Pages for: {role}", role=t_choice(role, ROLE_WORDS)),
                    on_select=Reader.act_as(role),
                ),
            ),
        ),
        menu_item(t("Profile and settings"), icon_name="settings", href=PROFILE),
        *(_beyond_the_bar() if side == "phone" else []),
        rx.menu.separator(),
        *(
            rx.menu.item(
                rx.cond(I18n.lang == code, icon("check"), icon("languages")),
                rx.el.span(name, lang=code),
                on_select=I18n.choose(code),
            )
            for code, name in LANGUAGES.items()
        ),
        rx.menu.separator(),
        rx.menu.item(
            rx.color_mode_cond(icon("moon"), icon("sun")),
            rx.color_mode_cond(t("Dark colors"), t("Light colors")),
            on_select=rx.toggle_color_mode,
        ),
        menu_item(t("Sign out"), icon_name="log-out", on_click=rx.call_function(_LEAVE)),
    )


def _rail(current: str) -> rx.Component:
    return rx.el.nav(
        rx.link(logo(), href="/", class_name="hl-home", underline="none"),
        rx.el.ul(_for_role(lambda role: [_entry(entry, current) for entry in nav_for(role)])),
        rx.el.span(class_name="hl-sp"),
        rx.link(
            icon("circle-help", "l"), rx.el.span(t("Help")), href=HELP, underline="none", class_name="hl-nav",
            custom_attrs={"aria-current": "page"} if current == HELP else {},
        ),
        rx.cond(Reader.signed_in, _profile_menu("rail")),
        class_name="hl-rail",
        aria_label=t("Main"),
    )  # fmt: skip


def _bar(current: str) -> rx.Component:
    return rx.el.nav(
        rx.el.ul(_for_role(lambda role: [_entry(entry, current) for entry in nav_for(role)[:5]])),
        class_name="hl-bar",
        aria_label=t("Main"),
    )


def frame(
    page_title: Text,
    *children: Child,
    actions: Sequence[rx.Component] = (),
    zone: Child | bool = True,
    current: str = "",
    head: rx.Component | None = None,
    flush: bool = False,
    wide: bool = False,
) -> rx.Component:
    """A whole page: skip link, rail, bar and the main column with its head.

    ``zone``: True shows date and zone under the title, a component replaces it, False leaves it out.
    ``current``: the route of the rail entry this page belongs to. ``head`` replaces the page head;
    ``flush`` removes the padding (board, review); ``wide`` gives family pages 1180 px.
    a11y: landmarks nav and main; the language of the page follows the reader.
    """
    said: Child | None = None
    if zone is True:
        said = zone_note(date=rx.fragment(Reader.today, ", ", Reader.clock))
    elif zone is not False:
        said = zone
    top = head if head is not None else page_head(page_title, *actions, note=said)
    role = Reader.role
    family = (role == FAMILY[0]) | (role == FAMILY[1])
    name = rx.cond(family, cls("hl-app hl-family", "w1180" if wide else ""), "hl-app")
    return rx.el.div(
        rx.el.a(t("Skip to the page"), href="#main", class_name="hl-skip"),
        language_sync(),
        _rail(current),
        rx.el.main(
            rx.cond(Reader.signed_in, rx.el.div(_profile_menu("phone"), class_name="hl-phone-me")),
            top,
            *children,
            id="main",
            tab_index=-1,
            class_name=cls("hl-main", "flush" if flush else ""),
        ),
        _bar(current),
        class_name=name,
    )


def bare(*children: Child, narrow: bool = True) -> rx.Component:
    """A page without rail: sign-in, join, device check. a11y: skip link and main as well."""
    return rx.el.div(
        language_sync(),
        rx.el.main(
            rx.el.div(logo(), class_name="hl-bare-logo"),
            *children,
            id="main",
            tab_index=-1,
            class_name=cls("hl-bare-main", "narrow" if narrow else ""),
        ),
        class_name="hl-bare hl-family",
    )
