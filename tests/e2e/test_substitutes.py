"""An instructor cannot come: two race for the lesson, one has it, the family reads it once, the substitute what was."""

import re
from collections.abc import Callable
from email.message import EmailMessage

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect
from sqlmodel import col, select

from core.domain import ClassSession
from core.services import using
from hilink_app import bootstrap
from hilink_app.demo.people import DOMAIN, PASSWORD
from tests.accessibility import problems
from tests.stack import Stack

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

PATIENT_MS = 60_000
FASTER = "Somebody else was faster"
COLLECT = """() => {
    window.seen = ''
    new MutationObserver(() => { window.seen += document.body.innerText }).observe(
        document.body, {childList: true, subtree: true, characterData: true})
}"""
"""Toasts leave by themselves; what was on the screen once stays in `window.seen`."""

OpenAs = Callable[[str, str], Page]


@pytest.fixture
def open_as(hilink_stack: Stack, new_context: Callable[..., BrowserContext]) -> OpenAs:
    """A signed-in page of a demo account at a path."""

    def open_page(name: str, path: str) -> Page:
        context = new_context(viewport={"width": 1440, "height": 900})
        page = context.new_page()
        page.set_default_timeout(PATIENT_MS)
        page.goto(f"{hilink_stack.url}/sign-in?then={path}")
        page.get_by_label("Email", exact=True).fill(f"{name}@{DOMAIN}")
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_role("button", name="Sign in", exact=True).click()
        page.wait_for_url(re.compile(re.escape(path.partition("?")[0])))
        return page

    return open_page


def cannot_come(page: Page, lesson: str) -> str:
    """The last of these lessons; returns its start."""
    page.get_by_role("button", name=f"I cannot come to {lesson}").last.click()
    dialog = page.get_by_role("dialog", name="You cannot come?")
    start = dialog.locator("time").first.get_attribute("datetime") or ""
    dialog.get_by_label("Why, if you like").fill("A fever.")
    assert problems(page) == []
    dialog.get_by_role("button", name="Find a substitute").click()
    expect(page.get_by_role("button", name=f"Looking for somebody for {lesson}").first).to_be_visible(
        timeout=PATIENT_MS
    )
    return start


def offer(page: Page, start: str) -> Locator:
    """The offer of the lesson at this time; it comes by itself."""
    found = page.locator("[data-offer-id]").filter(has=page.locator(f"time[datetime='{start}']"))
    expect(found).to_be_visible(timeout=PATIENT_MS)
    return found


def written(stack: Stack, to: str, words: str) -> list[EmailMessage]:
    """Mails to this demo account with these words."""
    return [mail for mail in stack.mail.mails if says(mail, to, words)]


def says(mail: EmailMessage, to: str, words: str) -> bool:
    part = mail.get_body(("plain",))
    assert part is not None
    return f"{to}@{DOMAIN}" in str(mail["X-Envelope-To"]) and words in " ".join(part.get_content().split())


def test_two_race_for_a_lesson_and_the_family_reads_once_who_has_it(
    open_as: OpenAs, hilink_stack: Stack
) -> None:
    ruth = open_as("instructor", "/lessons")
    racers = {"Mateus Prates": open_as("mateus", "/offers"), "Ines Carvalho": open_as("ines", "/offers")}
    start = cannot_come(ruth, "Algebra 1 with Aisha Rahman")

    accepts = [
        offer(page, start).get_by_role("button", name="Accept Algebra 1 with Aisha")
        for page in racers.values()
    ]
    for page in racers.values():
        page.evaluate(COLLECT)
        assert "fever" not in page.locator("main").inner_text()
    for accept in accepts:
        accept.dispatch_event("click")
    taken = "Handover of Algebra 1 with Aisha Rahman"
    for page in racers.values():
        page.wait_for_function(
            f"() => window.seen.includes('{FASTER}') || window.seen.includes('The lesson is yours')"
        )
        expect(page.locator("[data-offer-id]").filter(has_text="Aisha")).to_have_count(0)
    won = [name for name, page in racers.items() if page.get_by_role("link", name=taken).count()]
    assert len(won) == 1
    (lost,) = racers.keys() - set(won)
    assert racers[lost].evaluate("window.seen").count(FASTER) > 0

    outcome = f"{won[0]} teaches instead of Ruth Adeyemi."
    hilink_stack.wait_mail(lambda mail: says(mail, "guardian", outcome), 90)
    hilink_stack.wait_mail(lambda mail: says(mail, "instructor", f"{won[0]} takes this lesson"), 90)
    hilink_stack.wait_mail(
        lambda mail: says(mail, lost.split(" ")[0].lower(), "This lesson is taken care of"), 90
    )
    assert len(written(hilink_stack, "guardian", outcome)) == 1
    assert written(hilink_stack, "guardian", "substitute") == []

    winner = racers[won[0]]
    winner.get_by_role("link", name=taken).click()
    expect(winner.get_by_text("You teach instead of Ruth Adeyemi.")).to_be_visible()
    expect(winner.get_by_role("heading", name="Last lessons")).to_be_visible()
    expect(
        winner.get_by_text("We made a start on").or_(winner.get_by_text("This lesson was about")).first
    ).to_be_visible()
    assert problems(winner) == []
    ruth.goto(winner.url)
    expect(ruth.get_by_text("This handover is closed")).to_be_visible()


def test_a_coordinator_sees_the_search_and_gives_the_lesson_to_somebody(
    open_as: OpenAs, hilink_stack: Stack
) -> None:
    page = open_as("coordinator", "/requests?tab=substitutes")
    search = page.locator("[data-substitution-id]").filter(has_text="Hugo Martins")
    expect(search.get_by_text("Mateus Prates: Cannot come")).to_be_visible()
    expect(search.get_by_text("A dentist's appointment")).to_be_visible()
    search.get_by_role("button", name="Who could take Algebra 1 with Hugo Martins?").click()
    give = search.get_by_role("button", name=re.compile("^Give the lesson to ")).first
    expect(give).to_be_visible()
    assert problems(page) == []
    name = (give.get_attribute("aria-label") or "").removeprefix("Give the lesson to ")
    give.click()
    expect(page.locator("[data-substitution-id]").filter(has_text="Hugo Martins")).to_have_count(0)
    hilink_stack.wait_mail(
        lambda mail: says(mail, "student", f"{name} teaches instead of Mateus Prates."), 90
    )


def test_i_cannot_come_is_undone_from_the_toast(open_as: OpenAs) -> None:
    page = open_as("grace", "/lessons")
    first = page.get_by_role("button", name="I cannot come to").first
    lesson = (first.get_attribute("aria-label") or "").removeprefix("I cannot come to ")
    first.click()
    page.get_by_role("dialog").get_by_role("button", name="Find a substitute").click()
    looking = page.get_by_role("button", name=f"Looking for somebody for {lesson}")
    expect(looking).to_be_visible(timeout=PATIENT_MS)
    page.locator(".hl-toast").get_by_role("button", name="Undo").click()
    expect(page.get_by_text("The lesson stays yours.")).to_be_visible()
    expect(looking).to_be_hidden()


def test_a_coordinator_looks_for_a_substitute_from_the_lesson(open_as: OpenAs, hilink_stack: Stack) -> None:
    made = bootstrap.build(hilink_stack.settings, "cli")
    with using(made), made.store.read() as db:
        planned = select(ClassSession.id).where(ClassSession.status == "scheduled")
        session_id = db.exec(planned.order_by(col(ClassSession.starts_at).desc())).first()
    made.store.close()
    page = open_as("coordinator", f"/today?lesson={session_id}")
    box = page.get_by_role("dialog")
    instructor = (box.get_by_text(" with ").first.inner_text()).rpartition(" with ")[2]
    assert problems(page) == []
    box.get_by_role("button", name="Find a substitute").click()
    page.wait_for_url(re.compile("tab=substitutes&search="))
    first = page.locator("[data-substitution-id]").first
    expect(first.get_by_text(f"{instructor}: ")).to_be_visible()
    expect(first.get_by_role("heading", name="Who could take it")).to_be_visible()
    first.get_by_role("button", name=f"{instructor} comes after all").click()
    expect(page.get_by_text("The search has ended.")).to_be_visible()
