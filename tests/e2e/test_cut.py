"""The media server, then the room server dies in the middle of a lesson: people see a sentence, and then each other."""

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from core.testing import seed
from tests.accessibility import problems
from tests.e2e.rooms import PATIENT_MS, enter, open_lesson
from tests.e2e.story import videos, wait_for_picture, wait_for_sound
from tests.stack import Stack

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

INTERRUPTED = re.compile("Sound and pictures are interrupted|Looking for your connection")


@pytest.fixture
def lesson(hilink_stack: Stack) -> Iterator[seed.Lesson]:
    with open_lesson(hilink_stack) as one:
        yield one


@pytest.fixture
def pages(
    hilink_stack: Stack, new_context: Callable[..., BrowserContext], lesson: seed.Lesson
) -> dict[str, Page]:
    """Instructor and student in the classroom, by the name of the other one's picture."""
    instructor, student = lesson.instructor, lesson.students[0]
    return {
        f"Video of {student.name}": enter(hilink_stack, new_context, instructor, lesson.session.id),
        f"Video of {instructor.name}": enter(hilink_stack, new_context, student, lesson.session.id),
    }


def watch(page: Page) -> None:
    """From now on note what else than a sentence appears: a dialog, an alert, a toast."""
    page.evaluate(
        """() => { window.__others = []; window.__first = {};
            const others = "[role=dialog], [role=alertdialog], [role=alert], dialog[open], [data-sonner-toast], .hl-offline";
            const look = () => [...document.querySelectorAll(others)].filter((one) => one.checkVisibility())
                .forEach((one) => window.__others.push(one.outerHTML.slice(0, 200)));
            new MutationObserver(look).observe(document.body, {subtree: true, childList: true, attributes: true}); }"""
    )


@pytest.mark.parametrize("role", ["media", "web"])
def test_a_server_dies_and_everybody_is_back_by_themselves(
    role: str, hilink_stack: Stack, pages: dict[str, Page]
) -> None:
    for name, page in pages.items():
        wait_for_picture(page, name)
        wait_for_sound(page)
    seats = {name: page.locator(".rm-tile").count() for name, page in pages.items()}
    for page in pages.values():
        watch(page)

    hilink_stack.kill(role)
    for page in pages.values():
        expect(page.get_by_test_id("net-sentence")).to_contain_text(INTERRUPTED, timeout=PATIENT_MS)
    hilink_stack.start(role)

    for name, page in pages.items():
        page.evaluate("() => { window.__first = {} }")
        wait_for_picture(page, name)
        wait_for_sound(page)
        expect(page.get_by_text(INTERRUPTED)).to_have_count(0, timeout=PATIENT_MS)
    for name, page in pages.items():
        assert page.evaluate("() => window.__others") == [], "nobody was shown anything but the sentence"
        assert page.locator(".rm-tile").count() == seats[name] and name in videos(page)


def test_another_page_says_so_and_comes_back(
    hilink_stack: Stack, new_context: Callable[..., BrowserContext]
) -> None:
    page = new_context().new_page()
    page.goto(f"{hilink_stack.url}/sign-in")
    expect(page.get_by_label("Email", exact=True)).to_be_visible()
    hilink_stack.kill("web")
    note = page.get_by_role("status").filter(has_text="Looking for your connection")
    expect(note).to_be_visible(timeout=PATIENT_MS)
    assert problems(page) == [] and page.locator("[data-sonner-toast]").count() == 0
    hilink_stack.start("web")
    expect(note).to_have_count(0, timeout=PATIENT_MS)
    expect(page.get_by_label("Email", exact=True)).to_be_visible()
