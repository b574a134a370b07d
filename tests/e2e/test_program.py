"""Another program sends into a lesson: the instructor copies its address, everybody's browser shows its picture."""

import asyncio
import re
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import TimeoutError as OutOfTime
from functools import partial
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from core.domain import Person
from core.testing import seed
from rtc.tests.test_following import LUMA, Plain
from tests.accessibility import problems
from tests.e2e.rooms import PATIENT_MS, enter, open_lesson
from tests.e2e.story import wait_for_picture
from tests.media.test_whip import Program
from tests.stack import Stack

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

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
    with open_lesson(hilink_stack) as one:
        yield one


@pytest.fixture
def open_room(
    hilink_stack: Stack, new_context: Callable[..., BrowserContext], lesson: seed.Lesson
) -> OpenRoom:
    return partial(enter, hilink_stack, new_context, session_id=lesson.session.id)


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
