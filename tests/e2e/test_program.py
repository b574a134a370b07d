"""Another program sends into a lesson: the instructor copies its address, everybody's browser shows its picture."""

import asyncio
import re
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import TimeoutError as OutOfTime
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from core import services
from core.access import set_password, viewer_for
from core.domain import Person
from core.lifecycle import end
from core.testing import seed
from hilink_app import bootstrap
from hilink_app.demo.people import PASSWORD
from rtc.tests.test_following import LUMA, Plain
from tests.accessibility import problems
from tests.e2e.story import wait_for_picture
from tests.media.test_whip import Program
from tests.stack import Stack

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

PATIENT_MS = 60_000
PATIENT_S = PATIENT_MS / 1000

OpenRoom = Callable[[Person], Page]


class Apart:
    """A loop in a thread of its own: Playwright's has this one."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="program")
        self._thread.start()
        self._programs: list[Program] = []

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENT_S)

    def sends(self, base: str, url: str, token: str, query: str) -> Program:
        """What OBS does with an address and a token: it sends one bright picture."""

        async def connect() -> Program:
            made = Program(base, url.removeprefix(base), token)
            await made.publish(Plain("bright"), query=query)
            return made

        program = self.do(connect())
        self._programs.append(program)
        return program

    def close(self) -> None:
        for one in self._programs:
            try:
                self.do(one.close())
            except OutOfTime:
                continue  # its end is not what is tested
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENT_S)
        self._loop.close()


@pytest.fixture
def apart() -> Iterator[Apart]:
    made = Apart()
    yield made
    made.close()


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
def open_room(
    hilink_stack: Stack, new_context: Callable[..., BrowserContext], lesson: seed.Lesson
) -> OpenRoom:
    """The classroom, entered by one of its people."""

    def open_page(person: Person) -> Page:
        context = new_context(
            viewport={"width": 1440, "height": 900}, permissions=["camera", "microphone", "clipboard-write"]
        )
        answer = context.request.post(
            f"{hilink_stack.url}/auth/sign-in",
            form={"email": str(person.email), "password": PASSWORD},
            headers={"Origin": hilink_stack.url},
        )
        assert answer.ok
        page = context.new_page()
        page.set_default_timeout(PATIENT_MS)
        page.goto(f"{hilink_stack.url}/room/{lesson.session.id}")
        expect(page.get_by_test_id("join")).to_be_enabled(timeout=PATIENT_MS)
        page.get_by_test_id("join").click()
        expect(page.get_by_test_id("dock-mic")).to_be_visible(timeout=PATIENT_MS)
        return page

    return open_page


def address(page: Page) -> tuple[str, str]:
    """The address and the token for sending, from the instructor's panel."""
    page.get_by_role("tab", name=re.compile("People")).click()
    panel = page.get_by_test_id("programs")
    panel.get_by_text("Send from OBS or another program").click()
    panel.get_by_role("button", name="To send").click()
    token = panel.get_by_label("Token", exact=True)
    expect(token).to_have_attribute("type", "password")
    return panel.get_by_label("Address", exact=True).input_value(), token.input_value()


def wait_for_brightness(page: Page, name: str) -> None:
    """What is drawn in this picture is the program's, not somebody's camera."""
    page.wait_for_function(
        """([name, least]) => { const v = document.querySelector(`video[aria-label="${name}"]`);
            if (!v?.videoWidth) return false;
            const canvas = new OffscreenCanvas(8, 8).getContext("2d");
            canvas.drawImage(v, 0, 0, 8, 8);
            const shown = canvas.getImageData(0, 0, 8, 8).data;
            return [...shown].every((value) => value > least); }""",
        arg=[name, LUMA["bright"] - 20],
    )


def shown(page: Page, name: str) -> bool:
    """Whether this button of the whiteboard can be seen, though nobody could reach it."""
    return page.locator(f"button[aria-label='{name}']").first.evaluate(
        "button => button.checkVisibility({opacityProperty: true, visibilityProperty: true})"
    )


@pytest.mark.parametrize(("query", "what"), [("", "Screen"), ("?source=camera", "Video")])
def test_what_a_program_sends_is_seen_under_its_persons_name(
    lesson: seed.Lesson, open_room: OpenRoom, apart: Apart, hilink_stack: Stack, query: str, what: str
) -> None:
    teacher, student = open_room(lesson.instructor), open_room(lesson.students[0])
    url, token = address(teacher)
    assert url == f"{hilink_stack.url}/api/v1/rooms/{lesson.session.id}/whip"
    teacher.get_by_role("button", name="Copy: Address").click()
    expect(teacher.get_by_role("button", name="Copy: Address")).to_have_text("Copied")
    assert problems(teacher) == []

    program = apart.sends(hilink_stack.url, url, token, query)
    name = f"{what} of {lesson.instructor.name}"
    wait_for_picture(student, name)
    wait_for_brightness(student, name)
    sender = program.location.rpartition("/")[2]
    expect(student.get_by_test_id(f"video-{sender}-{'camera' if query else 'screen'}")).to_be_visible()
    assert problems(student) == []
    if what == "Screen":
        assert not shown(student, "Zoom in"), "the whiteboard's buttons lie over the screen"

    assert apart.do(program.ask("DELETE", program.location)).status_code == 200
    expect(student.locator(f"video[data-testid^='video-{sender}-']")).to_have_count(0, timeout=PATIENT_MS)
