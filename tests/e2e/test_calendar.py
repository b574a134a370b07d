"""The coordinator's calendar in a browser far from the server: lessons are moved by mouse, finger and keys."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect
from sqlmodel import select

from core import services
from core.access import viewer_for
from core.domain import AvailabilityHours, ClassSession, Course, Enrollment, Person, Qualification
from core.lifecycle import schedule
from core.testing import seed
from hilink_app import bootstrap
from hilink_app.demo.people import DOMAIN, PASSWORD
from tests.accessibility import problems
from tests.stack import Stack

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

WAIT_MS = 20_000
LONDON = ZoneInfo("Europe/London")
"""Where the demo academy's coordinator is; the browser says it is in Auckland."""
HOUR = timedelta(hours=1)

OpenCalendar = Callable[..., Page]


@dataclass(frozen=True)
class Timetable:
    """One day of two instructors: Adam at 14:00 and 17:00, Berta at 14:00, London time, open 08:00 to 21:00."""

    day: str
    course_id: str
    two: str
    five: str
    berta: str


@pytest.fixture
def timetable(hilink_stack: Stack) -> Iterator[Timetable]:
    """People and lessons of the test's own, a day that nobody else uses; gone from the calendar afterwards."""
    made = bootstrap.build(hilink_stack.settings, "cli")
    day = (datetime.now(UTC) + timedelta(days=30)).date()
    with services.using(made):
        with made.store.write() as db:
            course = Course(name="Rowing")
            db.add(course)
            db.flush()
            adam, berta = (seed.person(db, name, "instructor") for name in ("Adam Abel", "Berta Busch"))
            students = [seed.person(db, name, "student") for name in ("Sia Sand", "Tom Tal", "Uwe Uhl")]
            for teacher in (adam, berta):
                db.add(Qualification(instructor_id=teacher.id, course_id=course.id))
                db.add(
                    AvailabilityHours(
                        person_id=teacher.id,
                        weekday=day.weekday(),
                        starts=time(8),
                        ends=time(21),
                        tz="Europe/London",
                    )
                )
            db.add_all(Enrollment(student_id=one.id, course_id=course.id) for one in students)
            cora_id = db.exec(select(Person.id).where(Person.email == f"coordinator@{DOMAIN}")).one()
        with made.store.read() as db:
            cora = viewer_for(db, cora_id)
        assert cora is not None
        ids: list[str] = []
        for teacher, student, hour in zip((adam, adam, berta), students, (14, 17, 14), strict=True):
            start = datetime.combine(day, time(hour), LONDON)
            new = schedule.NewSession(course.id, teacher.id, (student.id,), start, start + HOUR)
            ids.append(schedule.schedule_session(cora, new).id)
        yield Timetable(day.isoformat(), course.id, *ids)
        for session_id in ids:
            with made.store.read() as db:
                row = db.get_one(ClassSession, session_id)
            schedule.cancel_session(cora, session_id, row.version)
        with made.store.write() as db:
            for teacher in (adam, berta):
                row = db.get_one(Person, teacher.id)
                row.active = False
                db.add(row)
    made.store.close()


@pytest.fixture
def open_calendar(
    hilink_stack: Stack, new_context: Callable[..., BrowserContext], timetable: Timetable
) -> OpenCalendar:
    """The calendar of that day and course, signed in as the coordinator; keywords are browser options."""

    def open_page(view: str = "day", **options: object) -> Page:
        options = {"viewport": {"width": 1440, "height": 1300}, "timezone_id": "Pacific/Auckland", **options}
        context = new_context(**options)
        form: dict[str, str | float | bool] = {"email": f"coordinator@{DOMAIN}", "password": PASSWORD}
        context.request.post(
            f"{hilink_stack.url}/auth/sign-in", form=form, headers={"Origin": hilink_stack.url}
        )
        page = context.new_page()
        page.set_default_timeout(WAIT_MS)
        asked = {"view": view, "day": timetable.day, "course": timetable.course_id, "hours": "13-22"}
        page.goto(f"{hilink_stack.url}/calendar?{urlencode(asked)}")
        expect(_lesson(page, timetable.two)).to_be_visible(timeout=WAIT_MS)
        return page

    return open_page


def _lesson(page: Page, session_id: str) -> Locator:
    return page.locator(f"[data-session-id='{session_id}']")


def _starts(page: Page, session_id: str, minute: int) -> None:
    """The lesson is drawn at this minute of the day."""
    expect(_lesson(page, session_id)).to_have_attribute("data-first", str(minute), timeout=WAIT_MS)


def _says(page: Page, words: str) -> None:
    expect(page.locator(".hl-carry")).to_contain_text(words, timeout=WAIT_MS)


def _drag(page: Page, lesson: Locator, dx: float, minutes: int) -> None:
    """Pick it up by its middle and hold it so much later; the mouse stays down."""
    box, lane = lesson.bounding_box(), page.locator("[data-lane]").first.bounding_box()
    assert box is not None and lane is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 8, y + 8, steps=3)
    page.mouse.move(x + dx, y + minutes / (9 * 60) * lane["height"], steps=5)


def _column_px(page: Page) -> float:
    boxes = [page.locator("[data-lane]").nth(number).bounding_box() for number in (0, 1)]
    assert boxes[0] is not None and boxes[1] is not None
    return boxes[1]["x"] - boxes[0]["x"]


def test_times_are_the_coordinators_whatever_the_browser_says(
    open_calendar: OpenCalendar, timetable: Timetable
) -> None:
    page = open_calendar()
    _starts(page, timetable.two, 14 * 60)
    name = _lesson(page, timetable.two).get_attribute("aria-label") or ""
    assert re.match(r"Expected: Sia Sand, Rowing with Adam Abel, .*14:00 to 15:00", name)
    page.get_by_role("link", name="Week", exact=True).click()
    expect(page).to_have_url(re.compile(f"course={timetable.course_id}"))
    expect(page.get_by_role("rowheader", name="Berta Busch")).to_be_visible()
    page.get_by_role("rowheader", name="Berta Busch").get_by_role("button").click()
    expect(page).to_have_url(re.compile("view=person"))
    expect(_lesson(page, timetable.berta)).to_be_visible()
    expect(_lesson(page, timetable.two)).to_have_count(0)


def test_a_lesson_is_dragged_and_put_back(open_calendar: OpenCalendar, timetable: Timetable) -> None:
    page, other = open_calendar(), open_calendar()
    _drag(page, _lesson(page, timetable.two), 0, 5 * 60)
    _says(page, "Possible.")
    page.mouse.up()
    expect(page.get_by_text(re.compile("Moved to .*19:00 with Adam Abel"))).to_be_visible(timeout=WAIT_MS)
    _starts(page, timetable.two, 19 * 60)
    _starts(other, timetable.two, 19 * 60)
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("The lesson is back where it was.")).to_be_visible(timeout=WAIT_MS)
    _starts(page, timetable.two, 14 * 60)


def test_conflicts_are_said_while_dragging_and_nothing_moves(
    open_calendar: OpenCalendar, timetable: Timetable
) -> None:
    page = open_calendar()
    lesson = _lesson(page, timetable.two)
    _drag(page, lesson, 0, 3 * 60 + 30)
    _says(page, "Not possible: Adam Abel has Rowing from 17:00 to 18:00.")
    expect(page.locator(".hl-wall.firm").first).to_be_visible()
    box = lesson.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2 + _column_px(page), box["y"] + box["height"] / 2, steps=4)
    _says(page, "Berta Busch has Rowing from 14:00 to 15:00.")
    page.mouse.up()
    expect(page.locator(".hl-carry.show")).to_have_count(0, timeout=WAIT_MS)
    _starts(page, timetable.two, 14 * 60)
    expect(page.get_by_text("Moved to")).to_have_count(0)


def test_somebodys_hours_are_a_warning_not_a_wall(open_calendar: OpenCalendar, timetable: Timetable) -> None:
    page = open_calendar()
    _lesson(page, timetable.five).focus()
    page.keyboard.press("m")
    for _ in range(4):
        page.keyboard.press("Shift+ArrowDown")
    _says(page, "Careful: Adam Abel does not work at that time.")
    page.keyboard.press("Escape")
    expect(page.locator(".hl-carry.show")).to_have_count(0)
    _starts(page, timetable.five, 17 * 60)


def test_keys_go_from_lesson_to_lesson_and_move_them(
    open_calendar: OpenCalendar, timetable: Timetable
) -> None:
    page = open_calendar()
    _lesson(page, timetable.two).focus()
    page.keyboard.press("ArrowDown")
    expect(_lesson(page, timetable.five)).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(_lesson(page, timetable.berta)).to_be_focused()
    page.keyboard.press("ArrowLeft")
    expect(_lesson(page, timetable.two)).to_be_focused()
    page.keyboard.press("m")
    page.keyboard.press("ArrowRight")
    _says(page, "Not possible: Berta Busch has Rowing from 14:00 to 15:00.")
    page.keyboard.press("Enter")
    _says(page, "Berta Busch has Rowing")
    for _ in range(4):
        page.keyboard.press("ArrowDown")
    _says(page, "15:00 to 16:00, Berta Busch")
    _says(page, "Possible.")
    assert problems(page) == []
    page.keyboard.press("Enter")
    expect(page.get_by_text(re.compile("Moved to .*15:00 with Berta Busch"))).to_be_visible(timeout=WAIT_MS)
    _starts(page, timetable.two, 15 * 60)
    _lesson(page, timetable.two).focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="Sia Sand")).to_be_visible(timeout=WAIT_MS)


def test_two_coordinators_move_the_same_lesson_and_the_second_gets_a_sentence(
    open_calendar: OpenCalendar, timetable: Timetable
) -> None:
    slow, fast = open_calendar(), open_calendar()
    _lesson(slow, timetable.two).focus()
    slow.keyboard.press("m")
    _says(slow, "14:00 to 15:00")
    _lesson(fast, timetable.two).focus()
    fast.keyboard.press("m")
    fast.keyboard.press("ArrowDown")
    _says(fast, "Possible.")
    fast.keyboard.press("Enter")
    _starts(fast, timetable.two, 14 * 60 + 15)
    _starts(slow, timetable.two, 14 * 60 + 15)
    slow.keyboard.press("Shift+ArrowDown")
    slow.keyboard.press("Enter")
    expect(slow.get_by_text("Somebody changed this in the meantime. Please look again.")).to_be_visible(
        timeout=WAIT_MS
    )
    _starts(slow, timetable.two, 14 * 60 + 15)


def test_a_finger_moves_a_lesson_after_a_long_press(
    open_calendar: OpenCalendar, timetable: Timetable
) -> None:
    page = open_calendar(has_touch=True, viewport={"width": 820, "height": 1300})
    box = _lesson(page, timetable.two).bounding_box()
    lane = page.locator("[data-lane]").first.bounding_box()
    assert box is not None and lane is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    finger = page.context.new_cdp_session(page)

    def touch(kind: str, *points: dict[str, float]) -> None:
        finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": list(points)})

    touch("touchStart", {"x": x, "y": y})
    expect(page.locator(".hl-carry.show")).to_be_visible(timeout=WAIT_MS)
    for part in range(1, 6):
        touch("touchMove", {"x": x, "y": y + part / 5 * 60 / 540 * lane["height"]})
    _says(page, "15:00 to 16:00, Adam Abel")
    _says(page, "Possible.")
    touch("touchEnd")
    _starts(page, timetable.two, 15 * 60)


@pytest.mark.parametrize("view", ["week", "day", "person"])
def test_axe_finds_nothing_in_any_view(open_calendar: OpenCalendar, view: str) -> None:
    page = open_calendar(view, color_scheme="dark")
    assert problems(page) == []


def test_a_phone_gets_a_list_of_the_day(open_calendar: OpenCalendar, timetable: Timetable) -> None:
    page = open_calendar(viewport={"width": 390, "height": 900})
    expect(page.get_by_role("grid")).to_have_count(0)
    expect(_lesson(page, timetable.two)).to_contain_text("14:00")
    assert problems(page) == []
    _lesson(page, timetable.two).click()
    expect(page.get_by_role("dialog", name="Sia Sand")).to_be_visible(timeout=WAIT_MS)
