"""The family's pages, the profile and a review, as people see and use them, on the demo academy."""

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, expect
from sqlmodel import col, select

from core.domain import Person, Seat, StudentReport, Summary
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


def test_a_guardian_reads_what_happened_and_decides(open_as: Callable[[str, str], Page]) -> None:
    page = open_as("guardian", "/family")
    expect(page.get_by_role("heading", name="Hello Sana")).to_be_visible()
    tabs = page.get_by_role("group", name="Choose a child")
    expect(tabs.get_by_role("button", name="Aisha")).to_have_attribute("aria-pressed", "true")
    tabs.get_by_role("button", name="Bilal").click()
    expect(page.get_by_role("heading", name="What we may do with Bilal’s lessons")).to_be_visible()
    switch = page.get_by_role("switch").first
    before = switch.is_checked()
    switch.click()
    expect(page.get_by_text("Saved. It holds from now on.")).to_be_visible()
    expect(switch).to_be_checked(checked=not before)
    page.get_by_role("button", name="Undo").click()
    expect(switch).to_be_checked(checked=before)
    words = page.locator("main").inner_text().lower()
    assert not [word for word in ("exception", "workflow", "signal", "engagement") if word in words]
    page.get_by_role("link", name="All lessons").click()
    expect(page.get_by_role("heading", name="Lessons of Bilal")).to_be_visible()
    page.get_by_role("link", name="Progress", exact=True).first.click()
    expect(page.get_by_role("heading", name="Progress of Bilal")).to_be_visible()


def test_a_report_that_is_not_theirs_is_not_found(open_as: Callable[[str, str], Page]) -> None:
    page = open_as("guardian", "/family/report/nothing")
    expect(page.get_by_text("We could not find this report")).to_be_visible()


def test_the_profile_changes_zone_and_refuses_a_wrong_password(open_as: Callable[[str, str], Page]) -> None:
    page = open_as("student", "/profile")
    page.get_by_label("Time zone").select_option("Asia/Tokyo")
    page.get_by_role("button", name="Save settings").click()
    expect(page.get_by_text("Your settings are saved.")).to_be_visible()
    expect(page.get_by_text("times in Tokyo")).to_be_visible()
    page.get_by_label("Password you have now").fill("not this one")
    page.get_by_label("New password").fill("a much longer password")
    page.get_by_role("button", name="Change password").click()
    expect(page.get_by_text("The password you have now is not right.")).to_be_visible()


def test_signing_out_leaves_nothing_behind(open_as: Callable[[str, str], Page], hilink_stack: Stack) -> None:
    page = open_as("guardian", "/family")
    expect(page.get_by_role("heading", name="Hello Sana")).to_be_visible()
    page.get_by_role("button", name="Your menu").first.click()
    page.get_by_role("menuitem", name="Sign out").click()
    page.wait_for_url(f"{hilink_stack.url}/sign-in**")
    page.get_by_label("Email", exact=True).fill("student@demo.example")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", name="Hi Hugo")).to_be_visible()
    page.goto(f"{hilink_stack.url}/family")
    expect(page.get_by_text("This page is not for your account")).to_be_visible()


@pytest.fixture
def draft(hilink_stack: Stack) -> str:
    """A summary of the demo's instructor that waits again for its decision; two sentences have no source."""
    app = bootstrap.build(hilink_stack.settings, "cli")
    with using(app), app.store.write() as db:
        summary = db.exec(
            select(Summary)
            .join(Seat, col(Seat.session_id) == Summary.session_id)
            .join(Person, col(Person.id) == Seat.person_id)
            .where(Person.email == "instructor@demo.example", Summary.status == "approved")
        ).first()
        assert summary is not None
        summary.status = "draft"
        first, *bare = summary.body["sentences"]
        bare[:2] = [{**one, "spans": [], "basis": ""} for one in bare[:2]]
        summary.body = {**summary.body, "sentences": [first, *bare]}
        db.add(summary)
        for report in db.exec(select(StudentReport).where(StudentReport.summary_id == summary.id)):
            report.status = "draft"
            db.add(report)
    app.store.close()
    return summary.id


def test_a_review_lights_both_sides_and_keeps_what_was_typed(
    open_as: Callable[[str, str], Page], draft: str
) -> None:
    page = open_as("instructor", f"/summaries/{draft}")
    sentence = page.locator("a.hl-se").first
    sentence.click()
    expect(sentence).to_have_attribute("aria-current", "true")
    expect(page.locator(".hl-u.src").first).to_be_in_viewport()
    first_line = page.get_by_label("First line").first
    first_line.fill("A lesson to remember")
    page.get_by_role("button", name="Edit this sentence").first.click()
    page.get_by_label("Sentence", exact=True).fill("We worked in my own words.")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("button", name="Saved", exact=True)).to_be_disabled()
    page.reload()
    expect(page.get_by_text("We worked in my own words.").first).to_be_visible()
    expect(page.get_by_label("First line").first).to_have_value("A lesson to remember")
    page.get_by_role("button", name="Approve summary").click()
    expect(page.get_by_text("Not approved yet.")).to_be_visible()
    page.get_by_role("button", name="without a source are right").click()
    page.get_by_role("button", name="Approve summary").click()
    expect(page.get_by_text("Approved. The family has been told")).to_be_visible()
    expect(page.get_by_role("button", name="Edit this sentence")).to_have_count(0)
