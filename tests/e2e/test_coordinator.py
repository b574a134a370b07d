"""The coordinator's and the operator's pages as people use them, on the demo academy."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from hilink_app.demo.people import PASSWORD
from tests.stack import Stack

pytestmark = pytest.mark.e2e


@pytest.fixture
def open_as(hilink_stack: Stack, new_context: Callable[..., BrowserContext]) -> Callable[[str, str], Page]:
    """A signed-in page of a demo account at a path."""

    def open_page(role: str, path: str) -> Page:
        page = new_context().new_page()
        page.set_default_timeout(20_000)
        page.goto(f"{hilink_stack.url}/sign-in?then={path}")
        page.get_by_label("Email", exact=True).fill(f"{role}@demo.example")
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_role("button", name="Sign in", exact=True).click()
        page.wait_for_url(re.compile(re.escape(path)))
        return page

    return open_page


def test_the_form_says_what_is_off_and_changes_nothing(open_as: Callable[[str, str], Page]) -> None:
    page = open_as("coordinator", "/today")
    page.get_by_role("button", name="Schedule a lesson").first.click()
    form = page.get_by_role("dialog", name="Schedule a lesson")
    schedule = form.get_by_role("button", name="Schedule", exact=True)
    schedule.click()
    for sentence in ("Please choose a course.", "Please choose an instructor.", "Please choose a student."):
        expect(form.get_by_text(sentence)).to_be_visible()
    form.get_by_label("Course").select_option(label="Algebra 1")
    form.get_by_label("Hana Novak").check()
    form.get_by_label("Instructor").select_option(label="Ruth Adeyemi")
    expect(form.get_by_text("Lagos").first).to_be_attached()
    form.get_by_label("Day").fill("2020-01-01")
    schedule.click()
    expect(form.get_by_text("The start is in the past.")).to_be_visible()
    form.get_by_label("Day").fill(f"{datetime.now(UTC) + timedelta(days=9):%Y-%m-%d}")
    form.get_by_label("Length in minutes").fill("-5")
    schedule.click()
    expect(form.get_by_text("The end is before the start.")).to_be_visible()
    page.keyboard.press("Escape")
    expect(form).to_be_hidden()


def test_a_lesson_is_cancelled_and_other_pages_follow(open_as: Callable[[str, str], Page]) -> None:
    week = f"/calendar?hours=0-24&day={datetime.now(UTC) + timedelta(days=1):%Y-%m-%d}"
    page, other = open_as("coordinator", "/calendar"), open_as("coordinator", "/calendar")
    for one in (page, other):
        one.goto(one.url.partition("/calendar")[0] + week)
    lesson = page.get_by_role("button", name=re.compile("^Expected")).last
    session_id = lesson.get_attribute("data-session-id")
    expect(other.locator(f"[data-session-id='{session_id}']")).to_be_visible()
    lesson.click()
    page.get_by_role("button", name="Cancel lesson").click()
    sure = page.get_by_role("alertdialog")
    expect(sure).to_contain_text("join links end")
    sure.get_by_role("button", name="Cancel lesson").click()
    expect(page.get_by_role("dialog").get_by_text("Cancelled", exact=True)).to_be_visible()
    expect(page.locator(f"[data-session-id='{session_id}']")).to_have_count(0)
    expect(other.locator(f"[data-session-id='{session_id}']")).to_have_count(0, timeout=5_000)


def test_filters_stay_in_the_address(open_as: Callable[[str, str], Page]) -> None:
    page = open_as("coordinator", "/today")
    page.get_by_role("searchbox", name="Find a person or lesson").fill("no such person")
    expect(page.get_by_text("No lesson fits these filters")).to_be_visible()
    expect(page).to_have_url(re.compile("find=no"))
    page.get_by_role("link", name="Show all lessons").click()
    expect(page.locator("[role=row][data-session-id]").first).to_be_visible()
    page.goto(page.url.partition("/today")[0] + "/people")
    page.get_by_role("searchbox", name="Find a name or an email").fill("ruth")
    expect(page.get_by_role("row")).to_have_count(2)


def test_the_operator_switches_a_plugin_off_and_on(open_as: Callable[[str, str], Page]) -> None:
    page = open_as("operator", "/operations/plugins")
    line = page.locator("[data-plugin=analytics]")
    line.get_by_role("button", name="Switch off").click()
    expect(line.get_by_text("off", exact=True)).to_be_visible()
    line.get_by_role("button", name="Switch on").click()
    expect(line.get_by_text("on", exact=True)).to_be_visible()
    page.get_by_role("link", name="Audit").first.click()
    expect(page.get_by_text("switch.plugin").first).to_be_visible()
    page.get_by_role("link", name="Health").first.click()
    expect(page.get_by_role("heading", name="Workers")).to_be_visible()
