"""Made-up lessons for the tests (our own text, no real people) and settings without an environment."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

from core.views import AttendanceView, ClassSessionView, SeatView, SegmentView, SummaryInput, TopicView
from plugins.transcription.settings import TranscriptionSettings

START = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
TOPICS = (
    TopicView("t1", "Adding fractions", 1, ("common denominator", "numerator", "unlike denominators")),
    TopicView("t2", "Multiplying fractions", 2, ("multiply across", "simplify", "cancel")),
    TopicView("t3", "Decimals", 3, ("decimal point", "tenths", "hundredths")),
)
ANNA, BEN, CLARA = "p-anna", "p-ben", "p-clara"
NAMES = {ANNA: "Anna", BEN: "Ben", CLARA: "Clara"}

SOLO = [
    (ANNA, "Hello Ben, today we add fractions with unlike denominators."),
    (ANNA, "To add two fractions we first look for a common denominator of both numbers."),
    (BEN, "So for one half and one third the common denominator is six."),
    (ANNA, "Exactly, well done, six is the smallest one."),
    (ANNA, "Now we change each numerator so that the fraction keeps its value."),
    (BEN, "I don't understand why the numerator changes as well."),
    (ANNA, "Because we multiply the top and the bottom of the fraction by the same number."),
    (BEN, "Ah so one half becomes three sixths and one third becomes two sixths."),
    (ANNA, "Perfect, and the sum of the fractions is five sixths."),
    (ANNA, "For homework please do questions one to six on page forty two."),
    (ANNA, "Next time we will start multiplying fractions across and we simplify them."),
]
GROUP = [
    (ANNA, "Today everyone adds fractions with a common denominator."),
    (BEN, "My dog ate the numerator worksheet at my grandmother's house yesterday."),
    (ANNA, "You should really take better care of your things and bring the denominator sheet."),
    (CLARA, "The common denominator of one half and one third is six."),
    (ANNA, "Exactly, well done, that was a very clear explanation of the denominator."),
    (ANNA, "Ben still finds the common denominator hard and needs more practice."),
    (ANNA, "He told me that his brother helps him with fractions and denominators."),
    (BEN, "I am stuck with the numerator again."),
    (ANNA, "For homework all of you finish the worksheet with the five denominator questions."),
    (ANNA, "Ben, for homework you also read chapter two about fractions."),
]


def segments(
    lines: list[tuple[str, str]], *, low: bool = False, confidence: float = 0.9, step_ms: int = 9_000
) -> tuple[SegmentView, ...]:
    return tuple(
        SegmentView(f"s{i}", "c1", who, i * step_ms, i * step_ms + 5_000, text, confidence, low)
        for i, (who, text) in enumerate(lines)
    )


def lesson(
    spoken: tuple[SegmentView, ...],
    students: tuple[str, ...] = (BEN,),
    *,
    signals: tuple[tuple[str, str, float], ...] = (),
    statuses: dict[str, str] | None = None,
    reason: str = "",
    lang: str = "en",
) -> SummaryInput:
    seats = (SeatView("x0", ANNA, "instructor"), *(SeatView(f"x{p}", p, "student") for p in students))
    session = ClassSessionView(
        "c1", "k1", "Fractions", START, START + timedelta(minutes=45), "ended", 3, seats, START,
        START + timedelta(minutes=45),
    )  # fmt: skip
    status = statuses or {}
    rows = tuple(
        AttendanceView(
            "c1",
            p,
            "student" if p in students else "instructor",
            status.get(p, "present"),
            0 if status.get(p) == "absent" else 2_600,
        )
        for p in (ANNA, *students)
    )
    return SummaryInput(session, "Maths 6", TOPICS, spoken, rows, signals, NAMES, reason, lang)


def long_lesson(minutes: int = 45) -> tuple[SegmentView, ...]:
    """About 140 words a minute of made-up talk about the topics."""
    chance = random.Random(7)
    filler = "we look at this one now and then the next number on the board with the red pen".split()
    terms = "fraction denominator numerator multiply simplify decimal tenths sum value half third".split()
    lines = []
    for _ in range(minutes * 12):
        words = [chance.choice(filler if chance.random() < 0.7 else terms) for _ in range(12)]
        lines.append((chance.choice((ANNA, ANNA, BEN)), " ".join(words).capitalize() + "."))
    return segments(lines, step_ms=5_000)


def settings(**values: Any) -> TranscriptionSettings:
    """Defaults and what the test says, whatever the machine's environment files hold."""
    return TranscriptionSettings(_env_file=None, **values)  # pyright: ignore[reportCallIssue]
