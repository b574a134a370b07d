"""What people set before their lessons, as they use it: reminders, a calendar address, a course's template."""

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, expect
from sqlmodel import col, select

from core.domain import ClassSession
from core.services import using
from hilink_app import bootstrap
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
        page.wait_for_url(lambda url: "/sign-in" not in url)
        return page

    return open_page


def test_reminders_come_when_the_person_wants_them(open_as: Callable[[str, str], Page]) -> None:
    page = open_as("guardian", "/profile")
    early, usual = page.get_by_label("3 hours before"), page.get_by_label("1 hour before")
    expect(usual).to_be_checked()
    early.check()
    usual.uncheck()
    page.get_by_label("Quiet from").fill("21:00")
    page.get_by_role("button", name="Save reminders").click()
    expect(page.get_by_text("Quiet hours need a beginning and an end.")).to_be_visible(timeout=20_000)
    page.get_by_label("Quiet until").fill("07:00")
    page.get_by_role("button", name="Save reminders").click()
    expect(page.get_by_text("Your reminders are saved")).to_be_visible()
    page.reload()
    expect(early).to_be_checked()
    expect(usual).not_to_be_checked()
    expect(page.get_by_label("Quiet from")).to_have_value("21:00")


def test_a_calendar_address_is_made_and_withdrawn(open_as: Callable[[str, str], Page]) -> None:
    page = open_as("instructor", "/profile")
    page.get_by_role("button", name="Make my address").click()
    address = page.get_by_label("Your address").input_value()
    answer = page.request.get(address)
    assert (answer.status, answer.headers["content-type"]) == (200, "text/calendar; charset=utf-8")
    assert "BEGIN:VEVENT" in answer.text()
    page.get_by_role("button", name="Withdraw address").click()
    expect(page.get_by_text("The calendar address does not work any more.")).to_be_visible()
    expect(page.get_by_role("button", name="Make my address")).to_be_visible()
    assert page.request.get(address).status == 404


def test_a_course_does_without_the_chat(open_as: Callable[[str, str], Page]) -> None:
    page = open_as("coordinator", "/courses")
    row = page.get_by_role("row").last
    for without in (True, False):
        row.get_by_role("button", name="Change the template").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Chat").set_checked(not without)
        dialog.get_by_role("button", name="Save template").click()
        expect(page.get_by_text("Rooms of lessons to come follow").first).to_be_visible()
        expect(row.get_by_text("No chat")).to_have_count(int(without))


def test_a_lesson_is_checked_on_demand(open_as: Callable[[str, str], Page], hilink_stack: Stack) -> None:
    made = bootstrap.build(hilink_stack.settings, "cli")
    with using(made), made.store.read() as db:
        planned = select(ClassSession.id).where(ClassSession.status == "scheduled")
        session_id = db.exec(planned.order_by(col(ClassSession.starts_at).desc())).first()
    made.store.close()
    page = open_as("coordinator", f"/today?lesson={session_id}")
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Check now").click()
    expect(dialog.get_by_text("Checked", exact=False).last).to_be_visible()
    verdict = dialog.get_by_text("Everything is ready.").or_(dialog.get_by_text("This lesson is not ready."))
    expect(verdict.first).to_be_visible()
