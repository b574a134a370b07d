"""Every page, as the role it is for: it shows itself, says nothing wrong in the console, and axe finds nothing serious.

Routes come from the app's own list, so a new page is looked at without anybody thinking of it.
"""

from collections.abc import Callable

import httpx
import pytest
from playwright.sync_api import BrowserContext

from hilink_app.demo.people import ACCOUNTS, PASSWORD
from tests.accessibility import problems
from tests.routes import filled
from tests.stack import Stack

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

SETTLE_MS = 900

NewContext = Callable[..., BrowserContext]


def _routes() -> list[tuple[str, str]]:
    """(role, route) of every page a role opens; pages with a placeholder are filled in by `tests.routes`."""
    from hilink_app.hilink_app import specs

    return sorted(
        {
            (role, spec.route)
            for role, _ in ACCOUNTS
            for spec in specs
            if role in spec.roles or ("signed_in" in spec.roles and role == "student")
            if not spec.route.startswith("/room") and spec.route != "/"
        }
    )


@pytest.fixture(scope="module")
def signed_in(hilink_stack: Stack) -> dict[str, dict[str, str]]:
    """One sign-in a role: its cookies."""
    cookies: dict[str, dict[str, str]] = {}
    for role, email in ACCOUNTS:
        answer = httpx.post(f"{hilink_stack.url}/auth/sign-in", data={"email": email, "password": PASSWORD})
        assert answer.status_code == 303, role
        cookies[role] = dict(answer.cookies)
    return cookies


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("role", "route"), _routes())
def test_a_page_shows_itself_and_axe_finds_nothing_serious(
    hilink_stack: Stack,
    new_context: NewContext,
    signed_in: dict[str, dict[str, str]],
    role: str,
    route: str,
    scheme: str,
) -> None:
    width = 1440 if scheme == "light" else 390
    context = new_context(color_scheme=scheme, viewport={"width": width, "height": 900})
    context.add_cookies(
        [{"name": name, "value": value, "url": hilink_stack.url} for name, value in signed_in[role].items()]
    )
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)[:300]))
    page.goto(hilink_stack.url + filled(hilink_stack, route))
    page.locator("main").first.wait_for()
    page.wait_for_function("() => !document.querySelector('.hl-sk')", timeout=20_000)
    page.wait_for_timeout(SETTLE_MS)
    assert page.locator("main").first.inner_text().strip(), "the page is empty"
    assert wrong == []
    assert problems(page) == []
