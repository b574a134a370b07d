"""Every page at three widths, light and dark, as the role that uses it, from a demo academy of its own.

Routes come from the app's own list, so a new page is in the pictures without anybody thinking of it.
Routes with a placeholder are filled from links found on the pages before them, else from the database.
"""

import re
import tempfile
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright
from playwright.sync_api import Error as PlaywrightError

from hilink_app.toolchain import browser as browsers
from hilink_app.toolchain import frontend
from tests.routes import PLACEHOLDER, filled
from tests.stack import Stack, StackError

WIDTHS = {"phone": 390, "tablet": 820, "desktop": 1440}
SCHEMES = ("light", "dark")
HEIGHT = 900
SETTLE_MS = 700
"""Data arrives over the socket after the page is drawn; there is no event for "that was all"."""

Say = Callable[[str], None]


class ScreenshotError(RuntimeError):
    """A page could not be shown."""


def write(out: Path, say: Say) -> None:
    """Fill `out` with `role-page-width-scheme.png`. Raises `ScreenshotError` when pages are missing."""
    out.mkdir(parents=True, exist_ok=True)
    build = frontend.build(say)
    with tempfile.TemporaryDirectory(prefix="hilink-shots-") as folder:
        try:
            with Stack(Path(folder), build=build, demo=True) as stack, sync_playwright() as playwright:
                path = browsers.ensure()
                browser = playwright.chromium.launch(executable_path=path, args=browsers.launch_args())
                missed = _all(browser, stack, out, say)
                browser.close()
        except (StackError, browsers.NoBrowserError, frontend.FrontendBuildError) as error:
            raise ScreenshotError(str(error)) from error
    if missed:
        raise ScreenshotError("no picture of: " + ", ".join(missed))


def _all(browser: Browser, stack: Stack, out: Path, say: Say) -> list[str]:
    from hilink_app.demo import academy
    from hilink_app.hilink_app import all_pages, plugins

    accounts = {role: (login, password) for role, login, password in academy.accounts(stack.settings)}
    specs = all_pages(plugins)
    missed: list[str] = []
    for role, (login, password) in accounts.items():
        routes = [spec.route for spec in specs if role in spec.roles or "signed_in" in spec.roles]
        missed += _role(browser, stack, out, say, role, login, password, routes)
    public = [spec.route for spec in specs if "public" in spec.roles]
    return missed + _role(browser, stack, out, say, "visitor", "", "", public)


def _role(
    browser: Browser,
    stack: Stack,
    out: Path,
    say: Say,
    role: str,
    login: str,
    password: str,
    routes: list[str],
) -> list[str]:
    missed: list[str] = []
    for scheme in SCHEMES:
        context = browser.new_context(color_scheme=scheme, permissions=["camera", "microphone"])
        if login:
            form: dict[str, str | float | bool] = {"email": login, "password": password}
            context.request.post(f"{stack.url}/auth/sign-in", form=form, headers={"Origin": stack.url})
        page = context.new_page()
        links: set[str] = set()
        for route in sorted(routes, key=lambda name: (PLACEHOLDER.search(name) is not None, name)):
            path = _linked(route, links) or filled(stack, "/" + route.strip("/"))
            try:
                links |= _one(page, stack.url + path, out, f"{role}-{_file_name(route)}", scheme)
            except PlaywrightError as error:
                say(f"{role} {path}: {error.message.splitlines()[0]}")
                missed.append(f"{role} {route}")
        say(f"{role}, {scheme}: {len(routes)} pages")
        context.close()
    return sorted(set(missed))


def _one(page: Page, url: str, out: Path, name: str, scheme: str) -> set[str]:
    page.set_viewport_size({"width": WIDTHS["desktop"], "height": HEIGHT})
    page.goto(url, wait_until="load")
    page.wait_for_timeout(SETTLE_MS)
    for label, width in WIDTHS.items():
        page.set_viewport_size({"width": width, "height": HEIGHT})
        page.wait_for_timeout(120)
        page.screenshot(path=out / f"{name}-{label}-{scheme}.png", full_page=label != "phone")
    return set(page.eval_on_selector_all("a[href^='/']", "all => all.map(a => a.getAttribute('href'))"))


def _linked(route: str, links: set[str]) -> str | None:
    route = "/" + route.strip("/")
    if not PLACEHOLDER.search(route):
        return None
    pattern = re.compile(PLACEHOLDER.sub("[^/?#]+", route.replace(".", r"\.")) + r"$")
    return next((link for link in sorted(links) if pattern.match(link)), None)


def _file_name(route: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", route.lower()).strip("-") or "home"
