"""The connection check as people use it: all well, the relay, and a network that lets no sound or picture through."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from hilink_app.demo.people import PASSWORD
from hilink_app.toolchain.turn import TurnServer
from tests.accessibility import problems
from tests.stack import Stack

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

SECRET = "a relay's secret"
PATIENT_MS = 90_000
NewContext = Callable[..., BrowserContext]


@pytest.fixture(scope="module")
def relay() -> Iterator[TurnServer]:
    with TurnServer(SECRET) as server:
        yield server


@pytest.fixture(scope="module")
def stack(built_app: Path, relay: TurnServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The rooms and their relay; a slow machine has time to connect."""
    env = {
        "HILINK_TURN_URLS": f"turn:127.0.0.1:{relay.port}",
        "HILINK_TURN_SECRET": SECRET,
        "HILINK_CLASSROOM_CHECK_S": "120",
        "HILINK_CLASSROOM_CHECKS_PER_PERSON": "100",
    }
    folder = tmp_path_factory.mktemp("check")
    with Stack(folder, build=built_app, demo=True, env=env, roles=("worker", "media", "web")) as made:
        yield made


def sign_in(stack: Stack, new_context: NewContext, path: str, **options: object) -> Page:
    page = new_context(permissions=["clipboard-read", "clipboard-write"], **options).new_page()
    page.set_default_timeout(30_000)
    page.goto(f"{stack.url}/sign-in?then={path}")
    page.get_by_label("Email", exact=True).fill("student@demo.example")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(re.compile(re.escape(path)))
    return page


def run(page: Page, heard: bool = True) -> None:
    """Through the whole check, with the keyboard where a person has to answer."""
    page.get_by_role("button", name="Start the check").press("Enter")
    answer = page.get_by_role("button", name="Yes, I heard them" if heard else "No", exact=True)
    expect(answer).to_be_visible(timeout=PATIENT_MS)
    answer.press("Enter")
    expect(page.get_by_test_id("verdict")).to_be_visible(timeout=PATIENT_MS)


def state(page: Page, step: str) -> str:
    return page.locator(f"[data-step={step}]").get_attribute("data-state") or ""


def test_all_is_well_on_this_machine(stack: Stack, new_context: NewContext) -> None:
    page = sign_in(stack, new_context, "/help")
    page.get_by_role("link", name="Check your connection").click()
    expect(page.get_by_role("heading", name="Check your connection", level=1)).to_be_visible()
    assert problems(page) == []
    run(page)
    for step in ("browser", "camera", "microphone", "speaker", "direct", "relay_udp", "relay_tcp"):
        assert state(page, step) == "ok", (step, page.locator("main").inner_text())
    # How fast a busy machine makes pictures is its own affair; that numbers come is ours.
    assert state(page, "bandwidth") in ("ok", "warn", "bad")
    expect(page.locator("[data-step=bandwidth]")).to_contain_text(
        re.compile(r"[1-9]\d* kbit/s ↑ · [1-9]\d* kbit/s ↓")
    )
    assert state(page, "line") in ("ok", "warn")
    title = page.get_by_test_id("verdict")
    expect(title).to_be_focused()
    expect(title).to_have_text(
        re.compile("You are ready for a lesson|You can take part|Something needs your attention")
    )
    assert problems(page) == []
    page.get_by_role("button", name="Copy the report").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("HiLink connection check\nbrowser ok") and "direct ok ms=" in copied
    assert "@" not in copied and "127.0.0.1" not in copied, "numbers only"


def test_who_hears_nothing_is_told_what_to_do(stack: Stack, new_context: NewContext) -> None:
    page = sign_in(stack, new_context, "/check", viewport={"width": 390, "height": 844}, color_scheme="dark")
    run(page, heard=False)
    assert state(page, "speaker") == "warn"
    expect(page.locator("[data-step=speaker]")).to_contain_text("Turn the volume up")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "it fits a phone"
    assert problems(page) == []


def test_a_camera_and_microphone_that_are_not_allowed_are_named(
    stack: Stack, new_context: NewContext
) -> None:
    page = sign_in(stack, new_context, "/check")
    page.evaluate(
        """() => {
          const refused = () => Promise.reject(new DOMException("no", "NotAllowedError"));
          navigator.mediaDevices.getUserMedia = refused;
        }"""
    )
    run(page)
    assert (state(page, "camera"), state(page, "microphone"), state(page, "direct")) == ("warn", "bad", "ok")
    expect(page.get_by_test_id("verdict")).to_have_text("Something needs your attention")
    expect(page.locator(".rm-verdict")).to_contain_text("The browser may not use the microphone.")


def test_where_udp_is_blocked_the_detour_is_used_and_said(stack: Stack, new_context: NewContext) -> None:
    """The node's own address is taken out of its answers: only the relay is left."""
    page = sign_in(stack, new_context, "/check")
    page.evaluate(
        """() => {
          const real = RTCPeerConnection.prototype.setRemoteDescription;
          RTCPeerConnection.prototype.setRemoteDescription = function (answer) {
            const relayed = this.getConfiguration().iceTransportPolicy === "relay";
            const sdp = relayed ? answer.sdp : answer.sdp.replace(/a=candidate:.*\\r\\n/g, "");
            return real.call(this, { type: answer.type, sdp });
          };
        }"""
    )
    run(page)
    assert (state(page, "direct"), state(page, "relay_udp"), state(page, "relay_tcp")) == ("warn", "ok", "ok")
    expect(page.locator("[data-step=direct]")).to_contain_text("this network blocks UDP")
    expect(page.locator("[data-step=bandwidth]")).to_contain_text(re.compile(r"[1-9]\d* kbit/s ↓"))


def test_without_the_media_server_nothing_is_claimed(stack: Stack, new_context: NewContext) -> None:
    """As where UDP and the relay are blocked: the page is there, sound and pictures are not."""
    page = sign_in(stack, new_context, "/check")
    stack.kill("media")
    try:
        run(page)
    finally:
        stack.start("media")
    assert state(page, "direct") == "warn" and state(page, "bandwidth") == "none"
    assert (state(page, "relay_udp"), state(page, "relay_tcp")) == ("bad", "bad")
    expect(page.get_by_test_id("verdict")).to_have_text(
        "Sound and pictures cannot reach the lesson from here"
    )
    expect(page.locator("[data-step=direct]")).to_contain_text("this network blocks UDP")
