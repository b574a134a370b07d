"""A lesson's whole life, as people see it: real processes, real browsers, a real mail server. Steps run in order,
each stands on the one before; core/lifecycle/__init__.py tells the same story as a table."""

import re
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from icalendar import Calendar
from playwright.sync_api import Locator, Page, expect, sync_playwright
from sqlmodel import col, select

from core.domain import (
    Attendance,
    Briefing,
    ClassSession,
    EngagementSignal,
    Person,
    PresenceInterval,
    Seat,
    Summary,
    TranscriptSegment,
)
from hilink_app.demo.people import DOMAIN
from tests.accessibility import problems
from tests.e2e.story import (
    PATIENT_MS,
    Story,
    draw_stroke,
    link_in,
    next_minute,
    text_of,
    told,
    videos,
    wait_for_drawings,
    wait_for_picture,
    wait_for_sound,
)

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

COURSE, STUDENT, INSTRUCTOR = "Algebra 1", "Aisha Rahman", "Ruth Adeyemi"
HEADLINE = "Aisha found the slope of a line by herself."


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory, built_app: Path) -> Iterator[Story]:
    with (
        sync_playwright() as playwright,
        told(playwright, tmp_path_factory.mktemp("story"), built_app) as one,
    ):
        yield one


def _fill(page: Page, course: str, instructor: str, student: str, starts_at: datetime) -> None:
    """The schedule dialog, filled in by label."""
    local = starts_at.astimezone(ZoneInfo(page.evaluate("() => window.__zone")))
    page.get_by_role("button", name="Schedule a lesson").first.click()
    dialog = page.get_by_role("dialog", name="Schedule a lesson")
    dialog.get_by_label("Course").select_option(label=course)
    dialog.get_by_label(student).check()
    pick = dialog.get_by_label("Instructor")
    pick.select_option(
        label=next(o for o in pick.locator("option").all_inner_texts() if o.startswith(instructor))
    )
    dialog.get_by_label("Day").fill(f"{local:%Y-%m-%d}")
    dialog.get_by_label("Start", exact=True).fill(f"{local:%H:%M}")
    dialog.get_by_label("Length in minutes").fill("45")


def _save(page: Page) -> None:
    page.get_by_role("dialog", name="Schedule a lesson").get_by_role(
        "button", name=re.compile("^Schedule")
    ).click()


def _row(page: Page, session_id: str) -> Locator:
    return page.locator(f'[role="row"][data-session-id="{session_id}"]')


def _session_of(story: Story, student: str, starts_at: datetime) -> str:
    found = story.read(
        lambda db: db.exec(
            select(ClassSession.id)
            .join(Seat, col(Seat.session_id) == ClassSession.id)
            .join(Person, col(Person.id) == Seat.person_id)
            .where(Person.name == student, ClassSession.starts_at == starts_at)
        ).first()
    )
    assert found, "the lesson is not in the database"
    return found


def test_1_a_coordinator_schedules_and_everything_is_prepared(story: Story) -> None:
    page = story.sign_in("coordinator")
    zone = story.read(
        lambda db: db.exec(select(Person.tz).where(Person.email == f"coordinator@{DOMAIN}")).one()
    )
    page.evaluate("zone => { window.__zone = zone }", zone)
    story.starts_at = next_minute(timedelta(minutes=4))
    _fill(page, COURSE, INSTRUCTOR, STUDENT, story.starts_at)
    _save(page)
    expect(page.get_by_role("dialog", name="Schedule a lesson")).to_be_hidden(timeout=PATIENT_MS)
    story.session_id = _session_of(story, STUDENT, story.starts_at)
    expect(_row(page, story.session_id)).to_contain_text(STUDENT, timeout=PATIENT_MS)

    other = story.starts_at + timedelta(minutes=15)
    _fill(page, COURSE, INSTRUCTOR, STUDENT, other)
    _save(page)
    problem = page.get_by_role("dialog", name="Schedule a lesson").get_by_text(
        re.compile(r"already has Algebra 1 from")
    )
    expect(problem).to_be_visible(timeout=PATIENT_MS)
    page.keyboard.press("Escape")

    invitation = story.mail("guardian", lambda mail: f"{story.starts_at:%Y%m%dT%H%M%S}" in _calendar(mail))
    assert "Aisha has Algebra 1" in str(invitation["Subject"])
    story.page("student").goto(link_in(invitation, "/j/"))
    story.page("student").wait_for_url(f"**/room/{story.session_id}**")
    assert story.read(lambda db: db.get(Briefing, story.session_id)) is not None


def _calendar(mail: EmailMessage) -> str:
    """The invitation's start in UTC, from its attachment."""
    for part in mail.walk():
        if part.get_content_type() == "text/calendar":
            payload: Any = part.get_payload(decode=True)
            event: Any = Calendar.from_ical(payload).walk("VEVENT")[0]
            return f"{event['DTSTART'].dt.astimezone(ZoneInfo('UTC')):%Y%m%dT%H%M%S}"
    return ""


def test_2_they_meet_in_the_classroom(story: Story) -> None:
    speaker = story.browser(f"--use-file-for-fake-audio-capture={story.microphone}")
    teacher, student = story.sign_in("instructor", speaker), story.page("student")
    teacher.goto(f"{story.stack.url}/room/{story.session_id}")
    for page in (teacher, student):
        expect(page.get_by_test_id("join")).to_be_enabled(timeout=PATIENT_MS)
        page.get_by_test_id("join").click()
    wait_for_picture(teacher, f"Video of {STUDENT}")
    wait_for_picture(student, f"Video of {INSTRUCTOR}")
    wait_for_sound(student)
    board = story.page("coordinator")
    expect(_row(board, story.session_id)).to_contain_text("Live", ignore_case=True, timeout=10_000)


def test_2_both_draw_and_undo_is_ones_own(story: Story) -> None:
    teacher, student = story.page("instructor"), story.page("student")
    draw_stroke(teacher, 420, 180)
    wait_for_drawings(student, 1)
    draw_stroke(student, 420, 320)
    wait_for_drawings(teacher, 2)
    teacher.keyboard.press("Control+z")
    wait_for_drawings(teacher, 1)
    wait_for_drawings(student, 1)


def test_2_nothing_in_the_classroom_shuts_anybody_out(story: Story) -> None:
    for who in ("instructor", "student"):
        assert "\n".join(problems(story.page(who))) == "", who


def test_2_chat_hand_and_check(story: Story) -> None:
    teacher, student = story.page("instructor"), story.page("student")
    student.get_by_role("tab", name=re.compile("Chat")).click()
    student.get_by_label("Your message").fill("Is the slope two?")
    student.get_by_role("button", name="Send", exact=True).click()
    expect(teacher.get_by_role("log", name="Chat messages")).to_contain_text(
        "Is the slope two?", timeout=PATIENT_MS
    )
    student.get_by_test_id("dock-hand").click()
    expect(teacher.get_by_role("button", name="Hands, 1")).to_be_visible(timeout=PATIENT_MS)
    teacher.get_by_test_id("dock-check").click()
    teacher.get_by_label("Question").fill("Which line has slope 2?")
    teacher.get_by_label("Answer A", exact=True).fill("y = x + 2")
    teacher.get_by_label("Answer B", exact=True).fill("y = 2x + 1")
    teacher.get_by_label("Answer B is right").check()
    teacher.get_by_role("button", name="Start", exact=True).click()
    student.get_by_role("tab", name=re.compile("Polls")).click()
    student.get_by_label("y = 2x + 1").check(force=True)
    student.get_by_role("button", name="Send my answer").click()
    expect(teacher.get_by_text("1 of 1 answered.")).to_be_visible(timeout=PATIENT_MS)


def test_2_leaving_and_coming_back_keeps_the_seat(story: Story) -> None:
    teacher, student = story.page("instructor"), story.page("student")
    teacher.get_by_test_id("dock-mute-all").click()
    expect(student.get_by_test_id("dock-mic")).to_have_attribute("aria-pressed", "false", timeout=PATIENT_MS)
    student.reload()
    student.get_by_test_id("join").click()
    student.evaluate("() => { window.__first = {} }")
    teacher.evaluate("() => { window.__first = {} }")
    wait_for_picture(student, f"Video of {INSTRUCTOR}")
    wait_for_picture(teacher, f"Video of {STUDENT}")
    assert f"Video of {STUDENT}" in videos(teacher)
    wait_for_drawings(student, 1)


def test_3_captions_appear_and_are_kept(story: Story) -> None:
    student = story.page("student")
    caption = student.get_by_test_id("caption")
    seen: set[str] = set()
    end = time.monotonic() + 90
    while not seen & story.words and time.monotonic() < end:
        if caption.count():
            seen |= set(re.findall(r"[a-z]+", caption.inner_text(timeout=5_000).lower()))
        student.wait_for_timeout(250)
    assert seen & story.words, f"no word that was said was in the captions: {sorted(seen)[:20]}"

    def kept() -> list[TranscriptSegment]:
        query = select(TranscriptSegment).where(TranscriptSegment.session_id == story.session_id)
        return story.read(lambda db: list(db.exec(query)))

    end = time.monotonic() + 30
    while not kept() and time.monotonic() < end:
        time.sleep(0.5)
    assert {row.low_accuracy for row in kept()} == {True}


def test_5_the_instructor_ends_it_and_a_draft_waits(story: Story) -> None:
    teacher, board = story.page("instructor"), story.page("coordinator")
    teacher.get_by_test_id("dock-end").click()
    teacher.get_by_test_id("end-now").click()
    expect(_row(board, story.session_id)).to_contain_text("Ended", ignore_case=True, timeout=10_000)
    teacher.goto(f"{story.stack.url}/teach")
    summary_id = _draft_of(story)
    review = teacher.locator(f'a[href$="/summaries/{summary_id}"], a[href$="/summaries/{summary_id}/"]').first
    expect(review).to_be_visible(timeout=PATIENT_MS)


def _draft_of(story: Story) -> str:
    end = time.monotonic() + 120
    while time.monotonic() < end:
        found = story.read(
            lambda db: db.exec(
                select(Summary.id).where(Summary.session_id == story.session_id, Summary.status == "draft")
            ).first()
        )
        if found:
            return found
        time.sleep(0.5)
    raise AssertionError("no draft was written")


def test_4_attendance_and_engagement_are_recorded(story: Story) -> None:
    rows = story.read(
        lambda db: list(db.exec(select(Attendance).where(Attendance.session_id == story.session_id)))
    )
    assert {row.role: row.status for row in rows} == {"student": "present", "instructor": "present"}
    intervals = story.read(
        lambda db: list(
            db.exec(select(PresenceInterval).where(PresenceInterval.session_id == story.session_id))
        )
    )
    assert all(row.end_reason for row in intervals)
    signals = story.read(
        lambda db: {
            (row.signal): row.value
            for row in db.exec(
                select(EngagementSignal)
                .join(Person, col(Person.id) == EngagementSignal.person_id)
                .where(EngagementSignal.session_id == story.session_id, Person.name == STUDENT)
            )
        }
    )
    assert signals["answers"] == 1 and signals["answers_right"] == 1
    assert signals["hands"] >= 1 and signals["chats"] >= 1


def test_6_the_instructor_edits_and_approves_and_the_family_reads_it(story: Story) -> None:
    teacher = story.page("instructor")
    teacher.goto(f"{story.stack.url}/summaries/{_draft_of(story)}")
    first_line = teacher.get_by_label("First line")
    first_line.fill(HEADLINE)
    first_line.blur()
    homework = teacher.get_by_label("Homework").last
    homework.fill("Sheet 9b, questions 1 to 6")
    homework.blur()
    approve = teacher.get_by_role("button", name="Approve summary")
    approved = teacher.get_by_text(re.compile("^Approved"))
    end = time.monotonic() + 60
    while not approved.count() and time.monotonic() < end:
        vouch = teacher.get_by_role("button", name=re.compile("vouch"))
        if vouch.count():
            vouch.first.click()
        else:
            approve.click()
        teacher.wait_for_timeout(700)
    expect(approved.first).to_be_visible()

    mail = story.mail("guardian", lambda mail: HEADLINE in text_of(mail))
    assert "Sheet 9b, questions 1 to 6" in text_of(mail)
    guardian = story.sign_in("guardian")
    expect(guardian.get_by_text(HEADLINE)).to_be_visible(timeout=PATIENT_MS)
    expect(guardian.get_by_text(re.compile("Sheet 9b")).first).to_be_visible()
    guardian.goto(link_in(mail, "/family/report/"))
    expect(guardian.get_by_text(HEADLINE)).to_be_visible(timeout=PATIENT_MS)


def test_7_what_goes_wrong_reaches_a_person(story: Story) -> None:
    """A lesson far too short, a plugin that keeps failing, and a student who does not come."""
    board = story.page("coordinator")
    expect(board.get_by_text("A lesson ended far too early").first).to_be_visible(timeout=PATIENT_MS)
    story.mail("coordinator", lambda mail: "ended far too early" in str(mail["Subject"]))
    story.mail("operator", lambda mail: "plugin keeps failing" in str(mail["Subject"]))
    operator = story.sign_in("operator")
    expect(operator.get_by_text("A plugin keeps failing").first).to_be_visible(timeout=PATIENT_MS)

    board.reload()
    board.evaluate(
        "zone => { window.__zone = zone }",
        story.read(
            lambda db: db.exec(select(Person.tz).where(Person.email == f"coordinator@{DOMAIN}")).one()
        ),
    )
    starts_at = next_minute(timedelta(seconds=15))
    _fill(board, "Python start", "Priya Raman", "Mina Brandt", starts_at)
    _save(board)
    expect(board.get_by_role("dialog", name="Schedule a lesson")).to_be_hidden(timeout=PATIENT_MS)
    story.missed_id = _session_of(story, "Mina Brandt", starts_at)
    alert = story.mail("coordinator", lambda mail: "Nobody has come" in str(mail["Subject"]), timeout_s=180)
    board.goto(link_in(alert, "/today"))
    dialog = board.get_by_role("dialog", name="Nobody has come")
    dialog.get_by_role("button", name="Take it").click()
    expect(dialog.get_by_text("Yours")).to_be_visible(timeout=PATIENT_MS)
    dialog.get_by_label("Note for colleagues").fill("Called both; a power cut.")
    dialog.get_by_role("button", name="Add note").click()
    expect(dialog.get_by_text("Called both; a power cut.")).to_be_visible(timeout=PATIENT_MS)
    dialog.get_by_label("How was it settled?").fill("Moved to Thursday.")
    dialog.get_by_role("button", name="Settle case").click()
    expect(dialog.get_by_text("Settled: Moved to Thursday.")).to_be_visible(timeout=PATIENT_MS)


def test_8_progress_is_drawn_over_time(story: Story) -> None:
    guardian = story.page("guardian")
    guardian.goto(f"{story.stack.url}/family/progress")
    expect(guardian.locator(".js-plotly-plot").first).to_be_visible(timeout=PATIENT_MS)
    board = story.page("coordinator")
    board.goto(f"{story.stack.url}/today")
    expect(_row(board, story.session_id)).to_contain_text("Ended", ignore_case=True, timeout=PATIENT_MS)


def test_no_process_logged_an_error_for_what_people_did(story: Story) -> None:
    assert [line for line in story.stack.errors() if "plugin=failing" not in line] == []
