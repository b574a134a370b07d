"""What the story test needs around its steps: the running academy, its people's browsers, speech, and readers."""

import os
import re
import wave
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo

import numpy as np
from faster_whisper.audio import decode_audio
from playwright.sync_api import Browser, Page, Playwright
from sqlmodel import Session, select

from core import services
from core.domain import Person
from core.services import Services
from hilink_app import bootstrap
from hilink_app.demo.people import DOMAIN, PASSWORD
from hilink_app.toolchain import browser as browsers
from hilink_app.toolchain.paths import ROOT
from tests.stack import Stack

T = TypeVar("T")

SETTINGS = {
    "HILINK_OPEN_BEFORE_S": "3600",
    "HILINK_NO_SHOW_S": "15",
    "HILINK_TRANSCRIPT_TIMEOUT_S": "45",
    "HILINK_DELIVERY_BACKOFF_S": "[0.2, 0.2, 0.2]",
    "HILINK_REJOIN_GRACE_S": "30",
}
FAILING = '''"""Fails at every draft, to show that nothing else does."""
from hilink import hookimpl

HILINK_API = (1, 1)


@hookimpl
def on_summary(ctx, summary, change):
    raise RuntimeError("this plugin keeps failing")
'''
SPEECH = Path("../shared/data/speech/fw_jfk.flac")
OWN_SPEECH = Path("plugins/transcription/tests/data/amiable.flac")
SAID = {
    SPEECH: {"fellow", "americans", "ask", "what", "your", "country", "can", "you", "do"},
    OWN_SPEECH: {"might", "even", "have", "been", "made", "amiable", "himself"},
}
PATIENT_MS = 30_000
"""Waits in the story are for things that must happen, on a machine that may be busy."""


def write_plugin(folder: Path, name: str, code: str) -> Path:
    """An installed third-party plugin: a package and its entry point, in a folder for PYTHONPATH."""
    package = folder / f"hilink_{name}"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(code)
    info = folder / f"hilink_{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: hilink-{name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[hilink.plugins]\n{name} = hilink_{name}\n")
    return folder


def microphone_file(folder: Path) -> tuple[Path, set[str]]:
    """A WAV that Chromium plays as the microphone, over and over, and words that are in it."""
    source = SPEECH if (ROOT / SPEECH).exists() else OWN_SPEECH
    samples = np.asarray(decode_audio(str(ROOT / source), sampling_rate=48_000))
    spoken = np.concatenate([samples, np.zeros(48_000 * 2, dtype=samples.dtype)])
    target = folder / "microphone.wav"
    with wave.open(str(target), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(48_000)
        file.writeframes((np.clip(spoken, -1, 1) * 32_767).astype("<i2").tobytes())
    return target, SAID[source]


@dataclass
class Story:
    """The academy under test and everybody's open pages."""

    stack: Stack
    app: Services
    playwright: Playwright
    words: set[str]
    microphone: Path
    pages: dict[str, Page] = field(default_factory=dict[str, Page])
    browsers: list[Browser] = field(default_factory=list[Browser])
    session_id: str = ""
    missed_id: str = ""
    starts_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def browser(self, *arguments: str) -> Browser:
        """A browser of one's own: Chromium takes its microphone file for the whole process."""
        launched = self.playwright.chromium.launch(
            executable_path=browsers.ensure(),
            args=[*browsers.launch_args(), "--autoplay-policy=no-user-gesture-required", *arguments],
        )
        self.browsers.append(launched)
        return launched

    def page(self, name: str, browser: Browser | None = None) -> Page:
        """This person's page; opened at its first use."""
        if name not in self.pages:
            context = (browser or self.browser()).new_context(
                viewport={"width": 1440, "height": 900}, permissions=["camera", "microphone"]
            )
            self.pages[name] = context.new_page()
            self.pages[name].set_default_timeout(PATIENT_MS)
        return self.pages[name]

    def sign_in(self, account: str, browser: Browser | None = None) -> Page:
        """Signed in as a demo account with its password."""
        page = self.page(account, browser)
        page.goto(f"{self.stack.url}/sign-in")
        page.get_by_label("Email", exact=True).fill(f"{account}@{DOMAIN}")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(re.compile(r"/(today|teach|family|learn|operations)"))
        return page

    def read(self, look: Callable[[Session], T]) -> T:
        """Something from the database, for what no page shows."""
        with services.using(self.app), self.app.store.read() as db:
            return look(db)

    def mail(self, to: str, wanted: Callable[[EmailMessage], bool], timeout_s: float = 60) -> EmailMessage:
        """The mail to this demo account that `wanted` accepts."""
        return self.stack.wait_mail(
            lambda mail: f"{to}@{DOMAIN}" in str(mail["X-Envelope-To"]) and wanted(mail), timeout_s
        )


def text_of(mail: EmailMessage) -> str:
    """The plain part, with its lines joined."""
    part = mail.get_body(("plain",))
    assert part is not None
    return " ".join(part.get_content().split())


def link_in(mail: EmailMessage, path: str) -> str:
    """The first address of ours in a mail that has `path` in it."""
    return next(word for word in text_of(mail).split() if path in word)


def videos(page: Page) -> dict[str, tuple[int, int]]:
    """Every picture on the page by its name: width in pixels, frames decoded so far."""
    found = page.evaluate(
        """() => [...document.querySelectorAll("video")].map(v =>
            [v.getAttribute("aria-label") || "", v.videoWidth, v.getVideoPlaybackQuality().totalVideoFrames])"""
    )
    return {name: (width, frames) for name, width, frames in found}


def wait_for_picture(page: Page, name: str) -> None:
    """The picture of a person is there and its frames keep rising."""
    page.wait_for_function(
        """name => { const v = document.querySelector(`video[aria-label="${name}"]`);
            if (!v || !v.videoWidth) return false;
            const now = v.getVideoPlaybackQuality().totalVideoFrames;
            window.__first ??= {};
            if (!(window.__first[name] <= now)) window.__first[name] = now;  // a new track counts from zero
            return now > window.__first[name] + 10; }""",
        arg=name,
    )


def wait_for_sound(page: Page) -> None:
    """Somebody else's sound is played: energy above zero in an element that is not muted."""
    page.wait_for_function(
        """async () => {
            for (const audio of document.querySelectorAll("audio")) {
              if (audio.muted || audio.paused || !audio.srcObject) continue;
              const context = (window.__ears ??= new AudioContext());
              const ear = context.createAnalyser();
              context.createMediaStreamSource(audio.srcObject).connect(ear);
              const samples = new Float32Array(ear.fftSize);
              for (let i = 0; i < 20; i++) {
                await new Promise(done => setTimeout(done, 50));
                ear.getFloatTimeDomainData(samples);
                if (samples.some(sample => Math.abs(sample) > 0.005)) return true;
              }
            }
            return false; }"""
    )


def draw_stroke(page: Page, x: int, y: int) -> None:
    """A free-hand stroke on the board, with the mouse."""
    box = page.locator(".hl-board canvas.interactive").first.bounding_box()
    assert box is not None
    page.locator("[data-testid=toolbar-freedraw]").first.check(force=True)
    page.mouse.move(box["x"] + x, box["y"] + y)
    page.mouse.down()
    for step in range(12):
        page.mouse.move(box["x"] + x + 9 * step, box["y"] + y + step % 4 * 5)
    page.mouse.up()


def wait_for_drawings(page: Page, count: int) -> None:
    """The board shows this many drawings."""
    page.wait_for_function(
        """count => { const board = Object.values(window.hilinkBoards ?? {})[0];
            return board && board.api.getSceneElements().filter(one => !one.isDeleted).length === count; }""",
        arg=count,
    )


@contextmanager
def told(playwright: Playwright, folder: Path, build: Path) -> Iterator[Story]:
    """The academy with all its processes, from start to stop."""
    extra = write_plugin(folder / "plugins", "failing", FAILING)
    paths = os.pathsep.join([str(extra), *filter(None, [os.environ.get("PYTHONPATH")])])
    with ExitStack() as stack:
        running = stack.enter_context(
            Stack(folder, build=build, demo=True, env={**SETTINGS, "PYTHONPATH": paths})
        )
        app = bootstrap.build(running.settings, "cli")
        stack.callback(app.store.close)
        microphone, words = microphone_file(folder)
        story = Story(running, app, playwright, words, microphone)
        _at_noon(story)
        yield story
        for name, page in story.pages.items():  # the last look of everybody, beside the logs
            page.screenshot(path=folder / f"{name}.png", timeout=5_000)
        for browser in story.browsers:
            browser.close()


def _at_noon(story: Story) -> None:
    """It is about noon for the coordinator, so that their day does not end during the story."""
    offset = 12 - datetime.now(UTC).hour
    zone = f"Etc/GMT{-offset:+d}" if offset else "Etc/GMT"
    assert abs(datetime.now(ZoneInfo(zone)).hour - 12) <= 1
    with services.using(story.app), story.app.store.write() as db:
        person = db.exec(select(Person).where(Person.email == f"coordinator@{DOMAIN}")).one()
        person.tz = zone
        db.add(person)


def next_minute(ahead: timedelta) -> datetime:
    """A whole minute at least `ahead` from now."""
    return (datetime.now(UTC) + ahead + timedelta(seconds=59)).replace(second=0, microsecond=0)
