"""The hours page in a browser far from the server: dragged, typed, keyed and tapped, saved, and found again."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect
from sqlmodel import select

from core import services
from core.access import set_password, viewer_for
from core.domain import (
    AvailabilityHours,
    BookingProfile,
    ClassSession,
    Course,
    Enrollment,
    Person,
    Qualification,
    Substitution,
)
from core.lifecycle import schedule
from core.services import Services
from core.testing import seed
from hilink_app import bootstrap
from hilink_app.demo.people import DOMAIN, PASSWORD
from tests.accessibility import problems
from tests.stack import Stack

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

WAIT_MS = 20_000
_numbers = itertools.count(1)
LISBON = "Europe/Lisbon"
"""Where the hours are. The server is in UTC, the browser says it is in Kathmandu."""


@dataclass(frozen=True)
class Teacher:
    made: Services
    id: str
    name: str
    email: str

    def hours(self) -> list[tuple[int, str, str, str]]:
        with self.made.store.read() as db:
            rows = db.exec(
                select(AvailabilityHours)
                .where(AvailabilityHours.person_id == self.id)
                .order_by(AvailabilityHours.weekday, AvailabilityHours.starts)  # pyright: ignore[reportArgumentType]
            )
            return [(row.weekday, f"{row.starts:%H:%M}", f"{row.ends:%H:%M}", row.tz) for row in rows]

    def open_always(self) -> None:
        with self.made.store.write() as db:
            for day in range(7):
                db.add(
                    AvailabilityHours(person_id=self.id, weekday=day, starts=time(0), ends=time(0), tz=LISBON)
                )

    def searches(self) -> list[str]:
        with self.made.store.read() as db:
            return list(db.exec(select(Substitution.session_id).where(Substitution.out_id == self.id)))


@pytest.fixture
def teacher(hilink_stack: Stack) -> Iterator[Teacher]:
    """An instructor of the test's own, without any hours."""
    made = bootstrap.build(hilink_stack.settings, "cli")
    with services.using(made):
        with made.store.write() as db:
            row = seed.person(db, f"Tilda Torres {next(_numbers)}", "instructor")
            row.tz = LISBON
            db.add(row)
            db.flush()
            set_password(db, row.id, PASSWORD)
            found = Teacher(made, row.id, row.name, str(row.email))
        yield found
        with made.store.write() as db:
            row = db.get_one(Person, found.id)
            row.active = False
            db.add(row)
    made.store.close()


@pytest.fixture
def open_as(hilink_stack: Stack, new_context: Callable[..., BrowserContext]) -> Callable[..., Page]:
    """A signed-in page at a path, in a browser that is somewhere else."""

    def open_page(email: str, path: str = "/availability", **options: object) -> Page:
        context = new_context(timezone_id="Asia/Kathmandu", **options)
        answer = context.request.post(
            f"{hilink_stack.url}/auth/sign-in",
            form={"email": email, "password": PASSWORD},
            headers={"Origin": hilink_stack.url},
        )
        assert answer.ok
        page = context.new_page()
        page.set_default_timeout(WAIT_MS)
        page.goto(hilink_stack.url + path)
        return page

    return open_page


def week(page: Page) -> Locator:
    return page.get_by_role("grid", name="Hours of a week")


def cell(page: Page, day: str, at: str) -> Locator:
    return week(page).get_by_role("gridcell", name=f"{day} {at}")


def drag(page: Page, first: Locator, last: Locator) -> None:
    first.scroll_into_view_if_needed()
    last.hover()  # also scrolls it into sight, and says that nothing lies over it
    first.hover()
    page.mouse.down()
    last.hover()
    page.mouse.up()


def lesson_of(teacher: Teacher) -> ClassSession:
    """In ten days at 16:00 in Lisbon, with Nora Nobre."""
    start = (datetime.now(UTC) + timedelta(days=10)).astimezone(ZoneInfo(LISBON))
    start = start.replace(hour=16, minute=0, second=0, microsecond=0)
    made = teacher.made
    with made.store.write() as db:
        course = Course(name="Sailing")
        db.add(course)
        db.flush()
        student = seed.person(db, "Nora Nobre", "student")
        db.add(Qualification(instructor_id=teacher.id, course_id=course.id))
        db.add(Enrollment(student_id=student.id, course_id=course.id))
        cora = db.exec(select(Person.id).where(Person.email == f"coordinator@{DOMAIN}")).one()
        new = schedule.NewSession(course.id, teacher.id, (student.id,), start, start + timedelta(minutes=45))
    with made.store.read() as db:
        actor = viewer_for(db, cora)
    assert actor is not None
    session_id = schedule.schedule_session(actor, new).id
    with made.store.read() as db:
        return db.get_one(ClassSession, session_id)


def test_hours_are_dragged_and_typed_saved_and_there_after_a_reload(
    teacher: Teacher, open_as: Callable[..., Page]
) -> None:
    page = open_as(teacher.email)
    drag(page, cell(page, "Monday", "09:00"), cell(page, "Tuesday", "11:30"))
    expect(cell(page, "Tuesday", "11:30")).to_have_attribute("aria-selected", "true")
    expect(cell(page, "Tuesday", "12:00")).to_have_attribute("aria-selected", "false")
    drag(page, cell(page, "Monday", "10:00"), cell(page, "Monday", "10:30"))
    page.get_by_role("button", name="Add hours").click()
    page.get_by_label("From of Wednesday").fill("22:10")
    page.get_by_label("Until of Wednesday").fill("01:00")
    expect(page.get_by_text("until the next morning")).to_be_visible()
    expect(page.get_by_text("Not saved yet")).to_be_visible()
    page.get_by_role("button", name="Save hours").click()
    expect(page.get_by_text("Saved.", exact=True)).to_be_visible()
    assert teacher.hours() == [
        (0, "09:00", "10:00", LISBON),
        (0, "11:00", "12:00", LISBON),
        (1, "09:00", "12:00", LISBON),
        (2, "22:10", "01:00", LISBON),
    ]
    page.reload()
    expect(page.get_by_label("From of Monday").first).to_have_value("09:00")
    expect(page.get_by_label("Until of Monday").last).to_have_value("12:00")
    expect(page.get_by_label("From of Wednesday")).to_have_value("22:10")
    expect(cell(page, "Thursday", "00:30")).to_have_attribute("aria-selected", "true")
    expect(page.get_by_text("times in Lisbon").first).to_be_visible()
    assert problems(page) == []


def test_what_overlaps_is_said_and_undo_takes_it_back(teacher: Teacher, open_as: Callable[..., Page]) -> None:
    page = open_as(teacher.email)
    week(page).focus()
    for key in ("Enter", "ArrowDown", "ArrowRight", "Enter", "ArrowDown", "Delete"):
        page.keyboard.press(key)
    expect(cell(page, "Monday", "09:30")).to_have_attribute("aria-selected", "true")
    expect(cell(page, "Tuesday", "09:30")).to_have_attribute("aria-selected", "true")
    page.get_by_role("button", name="Add hours").click()
    page.get_by_label("Day", exact=True).last.select_option(label="Monday")
    page.get_by_role("button", name="Save hours").click()
    expect(page.get_by_text("Two of these hours overlap.")).to_be_visible()
    assert teacher.hours() == []
    page.get_by_role("button", name="Remove Monday, 09:00 to 17:00").click()
    page.get_by_role("button", name="Save hours").click()
    expect(page.get_by_text("Saved.", exact=True)).to_be_visible()
    assert [row[:3] for row in teacher.hours()] == [(0, "09:00", "10:00"), (1, "09:00", "10:00")]
    page.locator(".hl-toast").get_by_role("button", name="Undo").click()
    expect(page.get_by_text("No hours yet: nobody can book a lesson.")).to_be_visible()
    assert teacher.hours() == []


def test_being_away_names_the_lesson_it_hits_before_it_is_saved(
    teacher: Teacher, open_as: Callable[..., Page]
) -> None:
    teacher.open_always()
    lesson = lesson_of(teacher)
    day = f"{lesson.starts_at.astimezone(ZoneInfo(LISBON)):%Y-%m-%d}"
    page = open_as(teacher.email)
    cell(page, "Monday", "09:00").click()
    expect(page.get_by_text("Not saved yet")).to_be_visible()
    page.get_by_label("First day").fill(day)
    page.get_by_role("button", name="Add these days").click()
    asked = page.get_by_role("dialog", name="1 lesson needs a substitute")
    expect(asked).to_contain_text("Nora Nobre")
    assert problems(page) == []
    asked.get_by_role("button", name="Leave it").click()
    expect(asked).to_be_hidden()
    assert teacher.searches() == []
    page.get_by_role("button", name="Add these days").click()
    asked.get_by_role("button", name="Save and find substitutes").click()
    expect(page.get_by_text("We look for a substitute for 1 lesson.")).to_be_visible()
    expect(page.get_by_role("listitem").filter(has_text="Away:")).to_be_visible()
    assert teacher.searches() == [lesson.id]
    expect(page.get_by_text("Not saved yet")).to_be_visible()


def test_a_holiday_names_the_lesson_it_hits_before_it_is_saved(
    teacher: Teacher, open_as: Callable[..., Page]
) -> None:
    teacher.open_always()
    lesson = lesson_of(teacher)
    page = open_as(f"coordinator@{DOMAIN}", "/calendar")
    page.get_by_role("link", name="holidays").click()
    name = f"Lisbon, schools {next(_numbers)}"
    page.get_by_label("New calendar").fill(name)
    page.get_by_role("button", name="Add calendar").click()
    expect(page.get_by_role("heading", name=name)).to_be_visible()
    expect(page.get_by_text("Nobody yet.")).to_be_visible()
    calendar_id = page.url.partition("calendar=")[2]
    with teacher.made.store.write() as db:
        db.add(BookingProfile(person_id=teacher.id, holiday_calendar_id=calendar_id))
    page.reload()
    expect(page.get_by_role("link", name=f"Hours of {teacher.name}")).to_be_visible()
    assert problems(page) == []
    page.get_by_label("First day").fill(f"{lesson.starts_at.astimezone(ZoneInfo(LISBON)):%Y-%m-%d}")
    page.get_by_label("Name", exact=True).fill("Carnival")
    page.get_by_role("button", name="Save these days").click()
    asked = page.get_by_role("dialog", name="1 lesson needs a substitute")
    expect(asked).to_contain_text("Nora Nobre")
    assert problems(page) == []
    asked.get_by_role("button", name="Leave it").click()
    assert teacher.searches() == []
    page.get_by_role("button", name="Save these days").click()
    asked.get_by_role("button", name="Save and find substitutes").click()
    expect(page.get_by_text("We look for a substitute for 1 lesson.")).to_be_visible()
    expect(page.get_by_role("button", name="Remove Carnival")).to_be_visible()
    assert teacher.searches() == [lesson.id]
    page.locator(".hl-toast").get_by_role("button", name="Undo").click()
    expect(page.get_by_role("button", name="Remove Carnival")).to_be_hidden()
    page.get_by_role("button", name="Remove", exact=True).click()
    sure = page.get_by_role("alertdialog", name=f"Remove {name}?")
    expect(sure).to_contain_text("1 instructor can be booked on them again.")
    assert problems(page) == []
    sure.get_by_role("button", name="Remove calendar").click()
    expect(page.get_by_text("The calendar is removed.")).to_be_visible()
    expect(page.get_by_role("link", name=name)).to_be_hidden()


def test_hours_are_tapped_on_a_phone(teacher: Teacher, open_as: Callable[..., Page]) -> None:
    page = open_as(teacher.email, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    at = cell(page, "Friday", "10:00")
    at.scroll_into_view_if_needed()
    at.tap()
    expect(at).to_have_attribute("aria-selected", "true")
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0, "the page scrolls sideways"
    page.get_by_role("button", name="Save hours").tap()
    expect(page.get_by_text("Saved.", exact=True)).to_be_visible()
    assert [row[:3] for row in teacher.hours()] == [(4, "10:00", "10:30")]


def test_a_coordinator_opens_somebodys_hours_from_the_list_of_people(
    teacher: Teacher, open_as: Callable[..., Page]
) -> None:
    teacher.open_always()
    page = open_as(f"coordinator@{DOMAIN}", "/people?find=Tilda&role=instructor")
    page.get_by_role("link", name=f"Hours of {teacher.name}", exact=True).click()
    expect(page.get_by_role("heading", name=f"Hours of {teacher.name}")).to_be_visible()
    expect(page.get_by_label("From of Monday").first).to_have_value("00:00", timeout=WAIT_MS)
    page.get_by_label("Most lessons a day").fill("4")
    page.get_by_role("button", name="Save limits").click()
    expect(page.get_by_text("Saved.", exact=True)).to_be_visible()
    page.reload()
    expect(page.get_by_label("Most lessons a day")).to_have_value("4")
