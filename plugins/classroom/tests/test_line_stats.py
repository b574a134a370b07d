"""What a browser reports of its line: only what changed, and never more than the room takes."""

from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page

from plugins.classroom.server.messages import parse

pytestmark = pytest.mark.e2e

SCRIPT = Path(__file__).parent.parent / "web" / "lineStats.js"
SOUND = {
    "id": "sound",
    "bytesReceived": 10_000,
    "packetsLost": 1,
    "packetsReceived": 500,
    "concealedSamples": 0,
    "silentConcealedSamples": 0,
    "totalSamplesReceived": 480_000,
}
PICTURE = {
    "id": "picture",
    "bytesReceived": 100_000,
    "packetsLost": 0,
    "packetsReceived": 200,
    "freezeCount": 1,
    "totalFreezesDuration": 0.5,
    "totalPausesDuration": 0,
}


@pytest.fixture
def page(browser: Browser) -> Page:
    return browser.new_page()


def changes(page: Page, before: list[Any], now: list[Any], seconds: float = 10, hidden: bool = False) -> Any:
    """`lineChanges` of the module, with reports by id."""
    return page.evaluate(
        """async ([source, before, now, seconds, hidden]) => {
          const { lineChanges } = await import(source);
          const byId = (reports) => new Map(reports.map((one) => [one.id, one]));
          return lineChanges(byId(before), byId(now), seconds, hidden);
        }""",
        [f"data:text/javascript,{quote(SCRIPT.read_text())}", before, now, seconds, hidden],
    )


def test_the_difference_of_two_looks_is_what_the_room_takes(page: Page) -> None:
    sound = {**SOUND, "bytesReceived": 50_000, "packetsLost": 51, "packetsReceived": 950}
    sound |= {"concealedSamples": 96_000, "silentConcealedSamples": 48_000, "totalSamplesReceived": 960_000}
    picture = {**PICTURE, "bytesReceived": 1_060_000, "packetsReceived": 700, "freezeCount": 3}
    picture |= {"totalFreezesDuration": 9.0, "totalPausesDuration": 6.5}
    said = changes(page, [SOUND, PICTURE], [sound, picture])
    assert said == {
        "seconds": 10,
        "freezes": 2,
        "frozen_s": 2,
        "down_bps": 800_000,
        "down_loss": 0.05,
        "concealed": 0.1,
    }
    assert parse({"type": "stats", **said})
    hidden = changes(page, [SOUND, PICTURE], [sound, picture], hidden=True)
    assert (hidden["freezes"], hidden["frozen_s"]) == (0, 0), "a hidden tab draws nothing"


def test_there_is_nothing_to_say_before_a_second_look(page: Page) -> None:
    assert changes(page, [], [SOUND]) is None
    assert changes(page, [SOUND], []) is None
    assert changes(page, [SOUND], [SOUND], seconds=400) is None, "this device slept"
    again = changes(page, [{**SOUND, "bytesReceived": 99_000}], [SOUND])
    assert again["down_bps"] == 0, "counters that began anew"
