"""How fast is HiLink up, how fast does a student see their page, how fast does the board follow the lessons?

boot_s          `hilink run --demo` from the command until all roles are ready, over a database and pages that are there
first_paint_ms  first contentful paint of a student's home, signed in, nothing cached; home_ready_ms: the page's
                own words are there
board_p95_ms    from an event's commit until the row of its lesson has changed in a coordinator's browser:
                100 lessons, 20 events a second, 5 browsers. A change nobody saw counts as MISSED_MS.

HILINK_WEB_BUILD names a finished build to use; HILINK_BENCH_EVENTS makes the board's part shorter.
"""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from bench._lessons import BenchLesson, courses, lessons
from bench.harness import Context, Result, Target, median, p95
from core.lifecycle import live
from core.services import using
from hilink_app import bootstrap
from hilink_app.demo import academy
from hilink_app.pages.today import HERE
from hilink_app.toolchain import browser as browsers
from hilink_app.toolchain import frontend
from hilink_app.toolchain.roles import WEB_BUILD
from tests.running import Run
from tests.stack import Stack

BOOTS = 5
PAINTS = 7
LESSONS = 100
VIEWERS = 5
EVENTS = 400
EVENTS_A_SECOND = 20
AWAY = 20
"""Lessons whose student is away at the same time: all on the board's first page."""
MISSED_MS = 10_000.0
TARGETS: dict[str, Target] = {
    "boot_s": ("<=", 6),
    "first_paint_ms": ("<=", 1500),
    "board_p95_ms": ("<=", 1000),
}

WATCH = """() => {
  const seen = new Map(), log = (window.__hilinkBench = []);
  const look = () => {
    const now = new Map();
    for (const row of document.querySelectorAll('[data-session-id]')) {
      const here = row.querySelector('.hl-here');
      now.set(row.getAttribute('data-session-id'), (here || row).textContent);
    }
    const at = Date.now();
    for (const id of new Set([...seen.keys(), ...now.keys()])) {
      const text = now.has(id) ? now.get(id) : null;
      if (!seen.has(id) || seen.get(id) !== text) { log.push([id, at, text]); seen.set(id, text); }
    }
  };
  look();
  new MutationObserver(look).observe(document.body, {subtree: true, childList: true, characterData: true});
}"""
"""Logs [lesson, ms, words about who is here; null = not on the page] with every change of a row."""

PAINT = """() => new Promise((done) => {
  const found = performance.getEntriesByName('first-contentful-paint')[0];
  if (found) { done(found.startTime); return; }
  new PerformanceObserver((list) => {
    const entry = list.getEntriesByName('first-contentful-paint')[0];
    if (entry) done(entry.startTime);
  }).observe({type: 'paint', buffered: true});
})"""


@dataclass(frozen=True)
class Happened:
    """One committed event: whose student left or came back, when (ms since 1970)."""

    session_id: str
    away: bool
    at_ms: float


def run(ctx: Context) -> Result:
    events = int(os.environ.get("HILINK_BENCH_EVENTS", EVENTS))
    build = _build(ctx)
    boots = _boots(ctx)
    with _stack(ctx, build) as stack, _chromium() as browser:
        paints, ready = _paints(ctx, stack, browser)
        board = _board(ctx, stack, browser, events)
        version = browser.version
    missed = sum(1 for ms in board if ms >= MISSED_MS)
    return Result(
        samples={"boot_s": boots, "first_paint_ms": paints, "home_ready_ms": ready, "board_ms": board},
        figures={
            "boot_s": median(boots),
            "first_paint_ms": median(paints),
            "home_ready_ms": median(ready),
            "board_p95_ms": p95(board),
            "board_missed": missed,
        },
        targets=TARGETS,
        load={
            "lessons": LESSONS,
            "viewers": VIEWERS,
            "events": events,
            "events_per_s": EVENTS_A_SECOND,
            "database": "SQLite",
        },
        versions={"chromium": version},
    )


def _build(ctx: Context) -> Path:
    if chosen := os.environ.get(WEB_BUILD):
        return Path(chosen)
    ctx.say("building the pages, if they changed")
    return frontend.build()


@contextmanager
def _stack(ctx: Context, build: Path) -> Iterator[Stack]:
    folder = Path(tempfile.mkdtemp(prefix="hilink-bench-"))
    ctx.say("demo academy, all roles")
    try:
        with Stack(folder, build=build, demo=True) as stack:
            yield stack
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browsers.ensure(), args=browsers.launch_args())
        try:
            yield browser
        finally:
            browser.close()


def _boots(ctx: Context) -> list[float]:
    """Seconds from the command until everything is ready. The first time, which seeds, does not count."""
    found: list[float] = []
    with tempfile.TemporaryDirectory(prefix="hilink-bench-") as folder:
        for number in range(BOOTS + 1):
            began = time.monotonic()
            run = Run(Path(folder), "--demo")
            try:
                run.address()
                found.append(time.monotonic() - began)
            finally:
                run.stop()
            ctx.say(f"boot {number}: {found[-1]:.1f} s")
    return found[1:]


def _signed_in(stack: Stack, browser: Browser, role: str) -> BrowserContext:
    """A new browser profile with this demo account's login cookie. RuntimeError when it is refused."""
    _, email, password = next(row for row in academy.accounts(stack.settings) if row[0] == role)
    context = browser.new_context(viewport={"width": 1440, "height": 1000})
    form: dict[str, str | float | bool] = {"email": email, "password": password}
    answer = context.request.post(f"{stack.url}/auth/sign-in", form=form, headers={"Origin": stack.url})
    if not any(cookie.get("name") == "hilink_login" for cookie in context.cookies()):
        raise RuntimeError(f"the demo's {role} cannot sign in: {answer.status}")
    return context


def _paints(ctx: Context, stack: Stack, browser: Browser) -> tuple[list[float], list[float]]:
    """(first contentful paint, own words) in ms since the navigation; a new profile each time."""
    paints: list[float] = []
    ready: list[float] = []
    for _ in range(PAINTS):
        context = _signed_in(stack, browser, "student")
        page = context.new_page()
        page.goto(f"{stack.url}/learn", wait_until="commit")
        page.locator("main h1, main h2").first.wait_for(timeout=60_000)
        ready.append(page.evaluate("performance.now()"))
        paints.append(page.evaluate(PAINT))
        context.close()
    ctx.say(f"student's home: painted after {median(paints):.0f} ms, ready after {median(ready):.0f} ms")
    return paints, ready


def _board(ctx: Context, stack: Stack, browser: Browser, events: int) -> list[float]:
    """Milliseconds from commit to each viewer's changed row, one number an event and viewer."""
    made = bootstrap.build(stack.settings, "cli")
    try:
        with using(made):
            now = made.clock.now()
            held = lessons(made, LESSONS, courses(made), now, status="live", talk=False)
            pages = [_viewer(stack, browser) for _ in range(VIEWERS)]
            ctx.say(f"{VIEWERS} boards open, {events} events at {EVENTS_A_SECOND} a second")
            happened = _happen(held, events, pages)
            pages[0].wait_for_timeout(3_000)
            logs: list[list[Any]] = [page.evaluate("window.__hilinkBench") for page in pages]
    finally:
        made.store.close()
    found = [_latency(one, log) for log in logs for one in happened]
    ctx.say(f"board: {sum(ms >= MISSED_MS for ms in found)} of {len(found)} changes not seen")
    return found


def _viewer(stack: Stack, browser: Browser) -> Page:
    page = _signed_in(stack, browser, "coordinator").new_page()
    page.goto(f"{stack.url}/today")
    page.locator("[data-session-id]").first.wait_for(timeout=60_000)
    page.evaluate(WATCH)
    return page


def _happen(held: list[BenchLesson], events: int, pages: list[Page]) -> list[Happened]:
    """Students leave and come back, one event every 50 ms; about AWAY of them are away at a time."""
    happened: list[Happened] = []
    began = time.monotonic()
    for step in range(events):
        leaving = step % 2 == 0
        place = step // 2 if leaving else step // 2 - AWAY
        due = began + step / EVENTS_A_SECOND
        while (left := due - time.monotonic()) > 0:
            pages[step % len(pages)].wait_for_timeout(
                left * 1000
            )  # lets Playwright do its own work meanwhile
        if place < 0:
            continue
        lesson, turn = held[place % len(held)], place // len(held)
        if leaving:
            live.presence_ended(_connection(lesson, turn), "left")
        else:
            connection = _connection(lesson, turn + 1)
            live.presence_started(lesson.session_id, lesson.student_id, connection, "student")
        happened.append(Happened(lesson.session_id, leaving, time.time() * 1000))
    return happened


def _connection(lesson: BenchLesson, turn: int) -> str:
    return f"{lesson.session_id}-student" + (f"-{turn}" if turn else "")


def _latency(one: Happened, log: list[Any]) -> float:
    """Until the row says that one of them is away (such lessons are on top), or says that both are in again,
    or has gone to a place below the page's end."""
    for session_id, at, text in log:
        away = text is not None and HERE["both"] not in text
        if session_id == one.session_id and at >= one.at_ms - 5 and away == one.away:
            return min(MISSED_MS, max(0.0, at - one.at_ms))
    return MISSED_MS
