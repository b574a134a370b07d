"""The media server, then the room server dies in the middle of a lesson: people see a sentence, and then each other."""

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from core import services
from core.access import set_password, viewer_for
from core.domain import Person
from core.lifecycle import end
from core.testing import seed
from hilink_app import bootstrap
from hilink_app.demo.people import PASSWORD
from tests.e2e.story import videos, wait_for_picture, wait_for_sound
from tests.stack import Stack

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

PATIENT_MS = 60_000
INTERRUPTED = re.compile("Sound and pictures are interrupted|Looking for your connection")


@pytest.fixture
def lesson(hilink_stack: Stack) -> Iterator[seed.Lesson]:
    """A lesson of the test's own, open now; it is ended afterwards."""
    made = bootstrap.build(hilink_stack.settings, "cli")
    with services.using(made):
        with made.store.write() as db:
            one = seed.lesson(db, starts_in_s=120)
            one.students[0].email = f"{one.students[0].id}@example.org"
            db.add(one.students[0])
            for person in (one.instructor, one.students[0]):
                set_password(db, person.id, PASSWORD)
        yield one
        with made.store.read() as db:
            instructor = viewer_for(db, one.instructor.id)
        assert instructor is not None
        end.end_session(instructor, one.session.id)
    made.store.close()


@pytest.fixture
def pages(
    hilink_stack: Stack, new_context: Callable[..., BrowserContext], lesson: seed.Lesson
) -> dict[str, Page]:
    """Instructor and student in the classroom, by the name of the other one's picture."""
    instructor, student = lesson.instructor, lesson.students[0]
    return {
        f"Video of {student.name}": _enter(hilink_stack, new_context, instructor, lesson.session.id),
        f"Video of {instructor.name}": _enter(hilink_stack, new_context, student, lesson.session.id),
    }


def _enter(stack: Stack, new_context: Callable[..., BrowserContext], person: Person, session_id: str) -> Page:
    context = new_context(viewport={"width": 1440, "height": 900}, permissions=["camera", "microphone"])
    answer = context.request.post(
        f"{stack.url}/auth/sign-in",
        form={"email": str(person.email), "password": PASSWORD},
        headers={"Origin": stack.url},
    )
    assert answer.ok
    page = context.new_page()
    page.set_default_timeout(PATIENT_MS)
    page.goto(f"{stack.url}/room/{session_id}")
    expect(page.get_by_test_id("join")).to_be_enabled(timeout=PATIENT_MS)
    page.get_by_test_id("join").click()
    return page


def watch(page: Page) -> None:
    """From now on note what else than a sentence appears: a dialog, an alert, another page."""
    page.evaluate(
        """() => { window.__others = []; window.__first = {};
            const look = () => document.querySelectorAll("[role=dialog], [role=alertdialog], [role=alert], dialog[open], [data-sonner-toast], .hl-offline")
                .forEach(one => one.checkVisibility() && window.__others.push(one.outerHTML.slice(0, 200)));
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
