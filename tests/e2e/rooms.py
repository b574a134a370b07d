"""A lesson of a test's own in a running academy, and people who enter its classroom."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from playwright.sync_api import BrowserContext, Page, expect

from core import services
from core.access import set_password, viewer_for
from core.domain import Person
from core.lifecycle import end
from core.testing import seed
from hilink_app import bootstrap
from hilink_app.demo.people import PASSWORD
from tests.stack import Stack

PATIENT_MS = 60_000


@contextmanager
def open_lesson(stack: Stack) -> Iterator[seed.Lesson]:
    """A lesson that can be entered now; it is ended afterwards."""
    made = bootstrap.build(stack.settings, "cli")
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


def enter(stack: Stack, new_context: Callable[..., BrowserContext], person: Person, session_id: str) -> Page:
    """The classroom, entered by one of its people."""
    context = new_context(
        viewport={"width": 1440, "height": 900}, permissions=["camera", "microphone", "clipboard-write"]
    )
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
    expect(page.get_by_test_id("dock-mic")).to_be_visible(timeout=PATIENT_MS)
    return page
