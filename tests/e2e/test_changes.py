"""A family changes its lessons in its own zone, and coordinators make and change series, on the demo academy."""

import re
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import BrowserContext, Page, expect
from sqlmodel import select

from core.access import viewer_for
from core.domain import Course, Person
from core.errors import Conflict
from core.i18n import format_time
from core.lifecycle.schedule import NewSession, schedule_session
from core.services import using
from hilink_app import bootstrap
from hilink_app.demo.people import PASSWORD
from tests.accessibility import problems
from tests.stack import Stack

pytestmark = pytest.mark.e2e

LONDON = "Europe/London"
"""Where the family lives; the server keeps UTC, the instructor lives in Lagos, the browser says Tokyo."""


@pytest.fixture
def open_as(hilink_stack: Stack, new_context: Callable[..., BrowserContext]) -> Callable[[str, str], Page]:
    """A signed-in page of a demo account at a path, in a browser on the other side of the world."""

    def open_page(role: str, path: str) -> Page:
        page = new_context(timezone_id="Asia/Tokyo").new_page()
        page.set_default_timeout(30_000)
        page.goto(f"{hilink_stack.url}/sign-in?then={path}")
        page.get_by_label("Email", exact=True).fill(f"{role}@demo.example")
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_role("button", name="Sign in", exact=True).click()
        page.wait_for_url(re.compile(re.escape(path)))
        return page

    return open_page


def test_a_guardian_moves_a_lesson_and_takes_it_back(
    open_as: Callable[[str, str], Page], hilink_stack: Stack
) -> None:
    page = open_as("guardian", "/family/lessons")
    changes = page.get_by_role("button", name="Change Algebra 1")
    changes.last.click()
    dialog = page.get_by_role("dialog", name="Change Algebra 1")
    times = dialog.locator("[data-start]")
    expect(times.first).to_be_visible()
    assert problems(page) == []
    start = times.first.get_attribute("data-start") or ""
    at = datetime.fromisoformat(start)
    expect(times.first).to_have_text(format_time(at, LONDON))
    times.first.click()
    expect(times.first).to_have_attribute("aria-pressed", "true")
    dialog.get_by_role("button", name=re.compile("^Move to ")).click()
    expect(page.get_by_text(re.compile("Moved to .* Everybody is being told"))).to_be_visible()
    expect(page.locator(f"main time[datetime='{start}']").first).to_be_visible()

    teaching = open_as("instructor", "/lessons")
    expect(teaching.locator(f"main time[datetime='{start}']").first).to_have_text(
        format_time(at, "Africa/Lagos")
    )
    changed = [
        hilink_stack.wait_mail(lambda mail, to=to: "Changed:" in mail["Subject"] and to in mail["To"], 60)
        for to in ("guardian@demo.example", "instructor@demo.example")
    ]
    assert format_time(at, LONDON) in str(changed[0]["Subject"])

    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text(re.compile("^Back on"))).to_be_visible()
    expect(page.locator(f"main time[datetime='{start}']")).to_have_count(0)


@pytest.fixture
def soon(hilink_stack: Stack) -> None:
    """The guardian's first child has a lesson within a day, whatever the time of day."""
    app = bootstrap.build(hilink_stack.settings, "cli")
    with using(app):
        with app.store.read() as db:
            ids = {
                name: db.exec(select(Person.id).where(Person.name == name)).one()
                for name in ("Aisha Rahman", "Mateus Prates", "Helen Laurent")
            }
            course_id = db.exec(select(Course.id).where(Course.name == "Algebra 1")).one()
            coordinator = viewer_for(db, ids["Helen Laurent"])
        assert coordinator is not None
        for hours in range(3, 22):
            at = app.clock.now() + timedelta(hours=hours)
            new = NewSession(
                course_id, ids["Mateus Prates"], (ids["Aisha Rahman"],), at, at + timedelta(minutes=30)
            )
            with suppress(Conflict):
                schedule_session(coordinator, new)
                break
    app.store.close()


@pytest.mark.usefixtures("soon")
def test_what_is_too_late_is_asked_for_and_a_lesson_cancelled_in_time_is_had_again(
    open_as: Callable[[str, str], Page],
) -> None:
    page = open_as("guardian", "/family/lessons")
    page.get_by_role("button", name=re.compile("^Change ")).first.click()
    dialog = page.get_by_role("dialog", name=re.compile("^Change "))
    expect(dialog.get_by_text("It is less than 24 hours before the lesson.")).to_be_visible()
    dialog.get_by_role("button", name="Cancel it").click()
    dialog.get_by_label("Anything we should know?").fill("A fever.")
    dialog.get_by_role("button", name="Ask a coordinator").click()
    expect(page.get_by_text("We have asked a coordinator").first).to_be_visible()
    expect(page.get_by_text("Asked, not answered yet").first).to_be_visible()

    page.get_by_role("button", name="Change Algebra 1").last.click()
    dialog.get_by_role("button", name="Cancel it").click()
    expect(dialog.get_by_text("you can have this lesson again")).to_be_visible()
    dialog.get_by_role("button", name="Cancel this lesson").click()
    page.get_by_role("alertdialog").get_by_role("button", name="Cancel lesson").click()
    page.get_by_role("button", name="Choose a time for Algebra 1").click()
    again = page.get_by_role("dialog", name="Have Algebra 1 again")
    again.locator("[data-start]").first.click()
    again.get_by_role("button", name="Have the lesson then").click()
    expect(page.get_by_text(re.compile("^The lesson is on"))).to_be_visible()
    expect(page.get_by_role("heading", name="Lessons to have again")).to_have_count(0)


def test_a_coordinator_sees_every_date_before_a_series_is_booked(
    open_as: Callable[[str, str], Page],
) -> None:
    page = open_as("coordinator", "/today")
    page.get_by_role("button", name="Schedule a lesson").first.click()
    form = page.get_by_role("dialog", name="Schedule a lesson")
    form.get_by_label("Course").select_option(label="Algebra 1")
    form.get_by_label("Hana Novak").check()
    form.get_by_label("Instructor").select_option(label="Ines Carvalho")
    day = datetime.now(ZoneInfo(LONDON)).astimezone(UTC) + timedelta(days=10)
    form.get_by_label("Day", exact=True).fill(f"{day:%Y-%m-%d}")
    form.get_by_label("Start", exact=True).fill("15:15")
    form.get_by_label("Repeat", exact=True).select_option(label="Every week")
    form.get_by_label("Lessons", exact=True).fill("5")
    form.get_by_role("button", name="Show every date").click()
    expect(form.get_by_role("heading", name="5 lessons")).to_be_visible()
    assert problems(page) == []
    form.get_by_role("button", name="Schedule", exact=True).click()
    expect(page.get_by_text("5 lessons are scheduled.")).to_be_visible()
