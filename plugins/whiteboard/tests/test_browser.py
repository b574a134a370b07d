"""Two and three real browsers at one board."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, async_playwright
from starlette.responses import HTMLResponse
from starlette.staticfiles import StaticFiles

from hilink_app.toolchain import browser as browsers
from plugins.whiteboard.api import font
from plugins.whiteboard.settings import WhiteboardSettings
from plugins.whiteboard.tests.bundle import built_page
from plugins.whiteboard.tests.conftest import Board, serving

pytestmark = pytest.mark.e2e

HTML = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Board</title>
<link rel="stylesheet" href="/dist/entry.css"><style>body{margin:0}</style></head>
<body><div id="root"></div><script type="module" src="/dist/entry.js"></script></body></html>"""
SHOWN = "() => board().api.getSceneElements()"
HELPER = "window.board = () => Object.values(window.hilinkBoards ?? {})[0]"
CONTENT = """() => {
  const sorted = (value) => Array.isArray(value) ? value.map(sorted) : value && typeof value === "object"
    ? Object.fromEntries(Object.keys(value).sort().map((key) => [key, sorted(value[key])])) : value;
  return JSON.stringify(sorted(board().doc.getMap("elements").toJSON())) }"""
READY = "() => board()?.provider.synced"


@pytest.fixture(scope="module")
def page_folder() -> Path:
    return built_page()


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(
            executable_path=browsers.ensure(), args=browsers.launch_args()
        )
        yield launched
        await launched.close()


def with_page(board: Board, folder: Path) -> None:
    """Let the board's server serve the test page, its tickets and its fonts."""

    async def home() -> HTMLResponse:
        return HTMLResponse(HTML)

    async def ticket(name: str, role: str) -> str:
        return f"{name}:{role}"

    app = board.routes
    app.add_api_route("/", home)
    app.add_api_route("/test/ticket", ticket, methods=["POST"])
    app.add_api_route("/api/v1/boards/assets/fonts/{path:path}", font)
    app.mount("/dist", StaticFiles(directory=folder))


@pytest.fixture
async def site(board: Board, page_folder: Path) -> Board:
    with_page(board, page_folder)
    return board


class Person:
    """One browser context at the board."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.requests: list[str] = []
        self.problems: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("pageerror", lambda error: self.problems.append(str(error)))

    async def until(self, script: str, argument: Any = None) -> None:
        await self.page.wait_for_function(script, arg=argument, timeout=15_000)

    async def shown(self) -> list[dict[str, Any]]:
        return await self.page.evaluate(SHOWN)

    async def sees(self, count: int) -> None:
        await self.until(f"count => ({SHOWN})().length === count", count)

    async def stroke(self, x: int, y: int, steps: int = 20) -> None:
        box = await self.page.locator(".hl-board canvas.interactive").bounding_box()
        assert box is not None
        await self.page.locator("[data-testid=toolbar-freedraw]").check(force=True)
        mouse = self.page.mouse
        await mouse.move(box["x"] + x, box["y"] + y)
        await mouse.down()
        for step in range(steps):
            await mouse.move(box["x"] + x + 8 * step, box["y"] + y + step % 5 * 4)
        await mouse.up()


async def arrive(browser: Browser, site: Board, name: str, role: str = "student") -> Person:
    context = await browser.new_context(viewport={"width": 1200, "height": 760}, accept_downloads=True)
    await context.add_init_script(HELPER)
    person = Person(await context.new_page())
    await person.page.goto(f"http://127.0.0.1:{site.port}/?session=lesson&name={name}&role={role}")
    await person.until(READY)
    return person


async def in_step(one: Person, other: Person) -> None:
    """Until nothing of a stroke is on its way any more."""
    await one.until("() => !board().binding.pushTimer && !board().api.getAppState().newElement")
    await other.until(f"expected => ({CONTENT})() === expected", await one.page.evaluate(CONTENT))


async def test_both_draw_and_undo_is_ones_own(browser: Browser, site: Board) -> None:
    ada, leo = await arrive(browser, site, "ada"), await arrive(browser, site, "leo")
    await ada.stroke(300, 200)
    await leo.sees(1)
    await leo.stroke(300, 350)
    await ada.sees(2)
    await ada.page.get_by_text("leo drew a free-hand stroke").wait_for(state="attached")
    hers, his = sorted(await ada.shown(), key=lambda element: element["y"])
    assert len(hers["points"]) > 10 and len(his["points"]) > 10

    await ada.page.keyboard.press("Control+z")
    await leo.sees(1)
    assert [element["id"] for element in await ada.shown()] == [his["id"]]
    await ada.page.keyboard.press("Control+z")
    await ada.page.keyboard.press("Control+Shift+z")
    await leo.sees(2)
    await leo.page.keyboard.press("Control+z")
    await ada.sees(1)
    assert [element["id"] for element in await leo.shown()] == [hers["id"]]

    await ada.page.keyboard.press("t")
    await ada.page.mouse.click(600, 500)
    await ada.page.keyboard.type("y = 2x + 1")
    await ada.page.keyboard.press("Escape")
    await leo.until(f"() => ({SHOWN})().some((el) => el.text === 'y = 2x + 1')")
    assert any("Excalifont" in url for url in ada.requests), "our own server has the handwriting"
    own = (f"http://127.0.0.1:{site.port}/", "data:", "blob:")
    strangers = [url for url in ada.requests if not url.startswith(own)]
    assert strangers == [], "the board asks nobody but us"
    assert ada.problems == leo.problems == []


async def test_a_move_and_a_recolour_at_the_same_time_are_both_kept(browser: Browser, site: Board) -> None:
    ada, leo = await arrive(browser, site, "ada"), await arrive(browser, site, "leo")
    await ada.stroke(300, 200)
    await leo.sees(1)
    await in_step(ada, leo)
    (element,) = await ada.shown()
    change = """([id, key, value]) => {
      const changed = (el) => ({ ...el, [key]: value, version: el.version + 1, versionNonce: 1 });
      const { api } = board();
      const elements = api.getSceneElementsIncludingDeleted().map((el) => (el.id === id ? changed(el) : el));
      api.updateScene({ captureUpdate: "IMMEDIATELY", elements }) }"""
    await leo.page.evaluate("() => board().provider.disconnect()")
    await ada.page.evaluate(change, [element["id"], "x", 777])
    await leo.page.evaluate(change, [element["id"], "strokeColor", "#ff0000"])
    await leo.page.evaluate("() => board().provider.connect()")
    for person in (ada, leo):
        await person.until(
            f"() => {{ const [el] = ({SHOWN})(); return el.x === 777 && el.strokeColor === '#ff0000' }}"
        )


async def test_a_hostile_element_leaves_every_board_alive(browser: Browser, site: Board) -> None:
    ada, leo = await arrive(browser, site, "ada"), await arrive(browser, site, "leo")
    await ada.page.evaluate("""() => {
      const { doc, Y } = board();
      const elements = doc.getMap("elements");
      const put = (id, parts) => elements.set(id, new Y.Map(Object.entries(parts)));
      const g = { x: 1, y: 1, width: 5, height: 5, angle: 0 };
      put("e1", { g: {}, m: { type: "rectangle" } });
      put("e2", { g, m: { type: "line", index: "a1" } });
      put("e3", { g, m: { type: "iframe", index: "a1" } });
      put("e4", { g, m: { type: "freedraw", index: "a1" }, p: Y.Array.from(["a", null]) });
      put("e5", { g, m: { type: "rectangle", index: "a1", link: "javascript:alert(1)" } });
      elements.set("e6", 5);
    }""")
    await leo.stroke(300, 200)
    await ada.sees(1)
    assert await leo.page.evaluate("() => [...board().doc.getMap('elements').keys()].length") == 1
    await ada.page.get_by_text("The board could not take this drawing.").wait_for()
    assert ada.problems == leo.problems == []


async def test_an_observer_cannot_draw(browser: Browser, site: Board) -> None:
    ada, eve = await arrive(browser, site, "ada"), await arrive(browser, site, "eve", "observer")
    assert await eve.page.locator("[data-testid=toolbar-freedraw]").count() == 0
    await eve.page.evaluate("""() => { const { doc, Y } = board();
      doc.getMap("elements").set("evil", new Y.Map([["m", { type: "rectangle" }], ["g", {}]])) }""")
    await eve.page.get_by_text("you are not connected to it any more").wait_for()
    await ada.stroke(300, 200)
    await ada.sees(1)
    assert await ada.page.evaluate("() => board().doc.getMap('elements').has('evil')") is False


async def test_pictures_lists_pages_and_late_joiners(browser: Browser, site: Board, tmp_path: Path) -> None:
    ruth, leo = await arrive(browser, site, "ruth", "instructor"), await arrive(browser, site, "leo")
    await ruth.page.evaluate("""async () => {
      const canvas = Object.assign(document.createElement("canvas"), { width: 200, height: 200 });
      canvas.getContext("2d").fillRect(20, 20, 90, 90);
      const blob = await new Promise((done) => canvas.toBlob(done, "image/png"));
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File([blob], "a.png", { type: "image/png" }));
      document.querySelector(".hl-board .excalidraw").dispatchEvent(
        new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true, clientX: 600, clientY: 300 }));
    }""")
    arrived = f"() => {{ const [el] = ({SHOWN})(); return el && board().api.getFiles()[el.fileId] }}"
    await leo.until(arrived)
    late = await arrive(browser, site, "late")
    await late.until(arrived)
    await late.page.get_by_role("button", name="List of drawings").click()
    await late.page.get_by_role("listitem").filter(has_text="an image").wait_for()
    async with late.page.expect_download() as download:
        await late.page.get_by_role("button", name="Save as picture").click()
    await (await download.value).save_as(tmp_path / "board.png")
    assert (tmp_path / "board.png").read_bytes().startswith(b"\x89PNG")

    await ruth.page.get_by_role("button", name="New page").click()
    await ruth.page.get_by_text(re.compile("Page 2 of 2")).wait_for()
    await leo.page.evaluate("() => followPage(2)")
    await leo.page.get_by_text(re.compile("Page 2 of 2")).wait_for()
    await ruth.until(READY)
    await leo.until(READY)
    await ruth.stroke(300, 300)
    await leo.sees(1)
    assert (await leo.shown())[0]["type"] == "freedraw"
    await leo.page.get_by_role("button", name="Previous page").click()
    await leo.until(arrived)
    await leo.page.get_by_role("button", name="Back to everybody's page").click()
    await leo.page.get_by_text(re.compile("Page 2 of 2")).wait_for()


async def test_the_board_comes_back_by_itself(
    database: Any, quick: WhiteboardSettings, browser: Browser, page_folder: Path
) -> None:
    async with serving(database, quick) as first:
        with_page(first, page_folder)
        ada = await arrive(browser, first, "ada")
        await ada.stroke(300, 200)
        await ada.sees(1)
        port = first.port
    await ada.page.get_by_text("Looking for your connection").wait_for()
    await ada.stroke(300, 350)
    async with serving(database, quick, port) as second:
        with_page(second, page_folder)
        await ada.until(READY)
        leo = await arrive(browser, second, "leo")
        await leo.sees(2)
