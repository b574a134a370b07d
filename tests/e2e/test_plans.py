"""Many requests at once, as a coordinator places them: a plan is started, seen to grow, accepted, and in the calendar."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta

import pytest
from playwright.sync_api import BrowserContext, Page, expect
from sqlmodel import Session, col, select

from core.access import viewer_for
from core.domain import AvailabilityHours, ClassSession, Course, Person, Qualification, Seat
from core.lifecycle import requests
from core.lifecycle.requests import NewRequest
from core.scheduling.wish import WishWindow
from core.services import Services, using
from core.testing import seed
from hilink_app import bootstrap
from hilink_app.demo.people import PASSWORD
from tests.accessibility import problems
from tests.stack import Stack

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

SHORT_MS, LONG_MS = 20_000, 120_000
PAULA, STUDENTS = "Paula Planmaker", ("Pia Plan", "Pele Plan", "Pola Plan")
"""The third one has no place: her windows are at night."""


@pytest.fixture
def coordinator(hilink_stack: Stack, new_context: Callable[..., BrowserContext]) -> Page:
    """A signed-in coordinator on the plans' page."""
    page = new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce").new_page()
    page.set_default_timeout(SHORT_MS)
    page.goto(f"{hilink_stack.url}/sign-in?then=/requests")
    page.get_by_label("Email", exact=True).fill("coordinator@demo.example")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(lambda url: "/sign-in" not in url)
    return page


def monday() -> date:
    """In two weeks."""
    today = datetime.now(UTC).date()
    return today + timedelta(days=14 - today.weekday())


def a_course(db: Session) -> tuple[Course, Person]:
    course = Course(name="Plan Geometry")
    db.add(course)
    db.flush()
    teacher = seed.person(db, PAULA, "instructor")
    db.add(Qualification(instructor_id=teacher.id, course_id=course.id))
    for day in range(5):
        hours = {"weekday": day, "starts": time(15), "ends": time(19), "tz": "UTC"}
        db.add(AvailabilityHours(person_id=teacher.id, **hours))
    return course, teacher


def asked(made: Services) -> None:
    """Three families ask for four weeks of lessons with somebody new."""
    with made.store.write() as db:
        course, _ = a_course(db)
        students = [seed.person(db, name, "student") for name in STUDENTS]
        cora = db.exec(select(Person).where(Person.email == "coordinator@demo.example")).one()
        viewer = viewer_for(db, cora.id)
    assert viewer is not None
    for number, student in enumerate(students):
        hour = 2 if number == 2 else 15 + number
        window = WishWindow(number, time(hour), time(hour + 2))
        new = NewRequest(student.id, course.id, (window,), "UTC", monday(), lessons=4, length_min=60)
        requests.ask(viewer, new)


def lessons(made: Services) -> list[str]:
    """Ids of the instructor's lessons, the first one first."""
    with made.store.read() as db:
        query = (
            select(ClassSession.id)
            .join(Seat, col(Seat.session_id) == ClassSession.id)
            .join(Person, col(Person.id) == Seat.person_id)
            .where(Person.name == PAULA, ClassSession.status == "scheduled")
        )
        return list(db.exec(query.order_by(col(ClassSession.starts_at))))


def test_a_plan_is_started_accepted_and_its_lessons_are_in_the_calendar(
    hilink_stack: Stack, coordinator: Page
) -> None:
    page, made = coordinator, bootstrap.build(hilink_stack.settings, "cli")
    with using(made):
        asked(made)
    page.get_by_role("link", name="Plans", exact=True).click()
    expect(page.get_by_role("heading", name="Plans", exact=True)).to_be_visible()
    page.get_by_role("button", name="Make a plan").click()
    dialog = page.get_by_role("dialog", name="Make a plan")
    dialog.get_by_label("From").fill(monday().isoformat())
    dialog.get_by_label("Until").fill((monday() - timedelta(days=1)).isoformat())
    dialog.get_by_role("button", name="Make the plan").click()
    expect(dialog.get_by_text("A plan is for one day up to a year.")).to_be_visible()
    dialog.get_by_label("Until").fill((monday() + timedelta(days=27)).isoformat())
    dialog.get_by_role("button", name="Make the plan").click()
    page.wait_for_url(re.compile(r"/plans\?plan="))
    waits, bar = page.get_by_text("Waits for you", exact=True).first, page.get_by_role("progressbar")
    expect(bar.or_(waits).first).to_be_visible()
    expect(waits).to_be_visible(timeout=LONG_MS)

    boxes = page.get_by_role("checkbox")
    expect(page.get_by_role("checkbox", name=re.compile("Pia Plan"))).to_be_checked()
    expect(page.get_by_text(PAULA).first).to_be_visible()
    page.get_by_role("link", name=re.compile("Without a place")).click()
    expect(page.get_by_text(STUDENTS[2])).to_be_visible()
    expect(page.get_by_text("No one qualified for Plan Geometry", exact=False)).to_be_visible()
    assert problems(page) == []
    page.get_by_role("link", name=re.compile("With a place")).click()
    expect(boxes.first).to_be_visible()
    page.get_by_role("checkbox", name=re.compile("Pele Plan")).focus()
    page.keyboard.press("Space")
    expect(page.get_by_role("checkbox", name=re.compile("Pele Plan"))).not_to_be_checked()
    page.get_by_role("button", name=re.compile(r"Book \d+ lines?")).click()
    expect(page.get_by_role("link", name=re.compile("Booked"))).to_be_visible(timeout=LONG_MS)
    expect(page.get_by_role("checkbox", name=re.compile("Pele Plan"))).to_be_visible()
    assert len(lessons(made)) == 4
    assert problems(page) == []

    page.get_by_role("button", name="Reject", exact=True).click()
    reject = page.get_by_role("dialog", name="Reject the plan")
    reject.get_by_label("Why").fill("The family thinks again.")
    reject.get_by_role("button", name="Reject the plan").click()
    expect(page.get_by_role("button", name="Take it back")).to_be_visible()

    page.goto(f"{hilink_stack.url}/calendar?view=person&day={monday().isoformat()}&find={PAULA}&hours=0-24")
    expect(page.locator(f"[data-session-id='{lessons(made)[0]}']")).to_be_visible(timeout=LONG_MS)
    page.goto(f"{hilink_stack.url}/plans")
    page.get_by_role("button", name="Take it back").click()
    page.get_by_role("alertdialog").get_by_role("button", name="Take it back").click()
    expect(page.get_by_text("Taken back", exact=True).first).to_be_visible(timeout=LONG_MS)
    assert lessons(made) == []
    made.store.close()
