"""How the look is wired into Reflex. ``rxconfig.py`` and ``hilink_app.py`` take everything from here.

``rxconfig.py``: ``plugins=[rx.plugins.RadixThemesPlugin(theme=theme())]``
``hilink_app.py``: ``rx.App(**app_style())`` (stylesheets, head components, language, toaster).
"""

from typing import Any

import reflex as rx

from hilink_app.components.offline import offline

STYLESHEETS = [f"css/{name}.css" for name in ("tokens", "theme", "kit", "parts", "hours", "calendar")]
"""Order matters: ``theme.css`` lays the tokens over Radix with rules of the same weight: it comes later."""

_SERVICE_WORKER = (
    "if('serviceWorker' in navigator && location.protocol==='https:')"
    "addEventListener('load',()=>navigator.serviceWorker.register('/sw.js'))"
)


def theme() -> rx.Component:
    """Radix themes in our colors: accent teal ("pine"), gray sage, solid panels; follows the device."""
    return rx.theme(
        accent_color="teal",
        gray_color="sage",
        panel_background="solid",
        radius="medium",
        scaling="100%",
        appearance="inherit",
    )


def head() -> list[rx.Component]:
    """Icons, manifest, theme color, preloaded font, and the worker that makes the app installable."""
    return [
        rx.el.link(rel="icon", href="/favicon.svg", type="image/svg+xml"),
        rx.el.link(rel="apple-touch-icon", href="/icons/icon-180.png"),
        rx.el.link(rel="manifest", href="/manifest.json"),
        rx.el.link(
            rel="preload",
            href="/fonts/atkinson-next-latin.woff2",
            custom_attrs={"as": "font", "crossOrigin": "anonymous"},
            type="font/woff2",
        ),
        rx.el.meta(
            name="theme-color", content="#f7f9f8", custom_attrs={"media": "(prefers-color-scheme: light)"}
        ),
        rx.el.meta(
            name="theme-color", content="#101211", custom_attrs={"media": "(prefers-color-scheme: dark)"}
        ),
        rx.script(_SERVICE_WORKER),
    ]


def toaster() -> rx.Component:
    """Toasts at the bottom in the middle, as in the pictures."""
    return rx.toast.provider(position="bottom-center", close_button=True, rich_colors=False, offset="24px")


def app_style() -> dict[str, Any]:
    """Arguments for ``rx.App``."""
    return {
        "stylesheets": STYLESHEETS,
        "head_components": head(),
        "html_lang": "en",
        "toaster": toaster(),
        # In place of Reflex's own, which names sockets and addresses.
        "extra_app_wraps": {(5, "Overlay"): lambda stateful: offline() if stateful else None},
    }
