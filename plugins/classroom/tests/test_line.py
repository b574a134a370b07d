"""How the line was: minutes from reports, sentences from minutes. A clock that is moved by hand."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from plugins.classroom.models import LineQuality
from plugins.classroom.quality import level, spans
from plugins.classroom.server.line import LineBook
from plugins.classroom.server.messages import Malformed, Stats, parse
from plugins.classroom.server.outgoing import SaveQuality
from plugins.classroom.server.people import Participant, SeatHolder

pytestmark = pytest.mark.unit

START = datetime(2026, 11, 23, 16, 12, tzinfo=UTC)
LENA = Participant("p1", SeatHolder("lena", "Lena Sommer", "student"), START)
FULL = {"participant_id": "t", "source": "camera", "layer": {"rid": "f", "temporal": 2}, "reason": "full"}
PAUSED = {**FULL, "layer": None, "reason": "bandwidth"}
SMALL = {**FULL, "layer": {"rid": "q", "temporal": 0}, "reason": "bandwidth"}


class Lesson:
    def __init__(self) -> None:
        self.at = START
        self.book = LineBook(lambda: self.at)

    def hear(self, seconds: int, *tracks: dict[str, Any], weak: bool = False, **data: Any) -> None:
        """The node's reports, every five seconds."""
        for _ in range(0, seconds, 5):
            self.book.heard(LENA, {"tracks": tracks, "loss": 0.0, **data}, weak)
            self.at += timedelta(seconds=5)

    def rows(self) -> list[SaveQuality]:
        return [row for row in self.book.past() if isinstance(row, SaveQuality)]


def test_a_minute_is_one_row_of_means_and_seconds() -> None:
    lesson = Lesson()
    lesson.hear(30, FULL, uplink_bps=800_000, uplink_loss=0.01, uplink_jitter_ms=4.0, rtt_ms=40)
    lesson.hear(30, SMALL, uplink_bps=400_000, uplink_loss=0.03, uplink_jitter_ms=8.0, rtt_ms=60, loss=0.1)
    lesson.hear(5, FULL)
    (row,) = lesson.rows()
    assert (row.person_id, row.participant_id, row.at, row.seconds) == ("lena", "p1", START, 60)
    assert (row.up_bps, row.up_loss, row.up_jitter_ms, row.rtt_ms) == (600_000, 0.02, 6.0, 50)
    assert row.down_loss == 0.05
    assert (row.reduced_s, row.paused_s, row.weak_s) == (30, 0, 0)
    assert row.layer == "q0"
    assert lesson.rows() == [], "each minute once"


def test_what_goes_on_is_counted_until_the_next_report_but_not_through_a_silence() -> None:
    lesson = Lesson()
    lesson.hear(5, PAUSED, weak=True)
    lesson.at += timedelta(seconds=40)
    lesson.hear(5, FULL)
    lesson.at = START + timedelta(minutes=1)
    (row,) = lesson.rows()
    assert (row.paused_s, row.weak_s, row.seconds) == (10, 10, 10)


def test_the_browser_adds_freezes_and_is_not_listened_to_too_often() -> None:
    lesson = Lesson()
    stats = Stats(
        type="stats", seconds=10.0, freezes=2, frozen_s=1.5, down_bps=900_000, down_loss=0.2, concealed=0.3
    )
    for _ in range(3):
        lesson.book.told(LENA, stats)
        lesson.at += timedelta(seconds=3)
    lesson.hear(10, FULL, loss=0.01)
    (row,) = lesson.book.gone("p1")
    assert isinstance(row, SaveQuality)
    assert (row.freezes, row.frozen_s, row.down_bps) == (4, 3.0, 900_000)
    assert (row.down_loss, row.concealed) == (0.2, 0.3), "the browser knows better than the node"


def test_whoever_only_looks_on_or_says_nothing_leaves_no_row() -> None:
    lesson = Lesson()
    looker = Participant("p2", SeatHolder("looker", "Cora Field", "observer"), START)
    lesson.book.heard(looker, {"tracks": [FULL]}, False)
    lesson.book.told(looker, Stats(type="stats", seconds=10.0, down_bps=1))
    assert lesson.book.gone("p2") == [] and lesson.book.gone("nobody") == []
    lesson.hear(65, FULL)
    assert len(lesson.rows()) == 1
    lesson.at += timedelta(minutes=5)
    assert len(lesson.rows()) == 1, "the minute that had a report"
    lesson.at += timedelta(minutes=1)
    assert lesson.rows() == []


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"seconds": 0},
        {"seconds": 61},
        {"seconds": True},
        {"seconds": 10, "freezes": -1},
        {"seconds": 10, "freezes": 1.5},
        {"seconds": 10, "down_bps": "1"},
        {"seconds": 10, "down_loss": 1.1},
        {"seconds": 10, "concealed": float("nan")},
    ],
)
def test_stats_are_numbers_within_reason(fields: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        parse({"type": "stats", **fields})
    assert parse({"type": "stats", "seconds": 10, "frozen_s": 2}) == Stats(
        type="stats", seconds=10.0, frozen_s=2.0
    )


def minute(after: int, **fields: Any) -> LineQuality:
    at = START + timedelta(minutes=after)
    return LineQuality(session_id="s1", participant_id="p1", person_id="lena", at=at, seconds=60, **fields)


def test_the_worst_a_person_noticed_names_the_minute() -> None:
    assert level(minute(0, down_loss=0.02)) == "good"
    assert level(minute(0, reduced_s=5, weak_s=5, frozen_s=1.0)) == "good", "too short for a sentence"
    assert level(minute(0, weak_s=20)) == "weak"
    assert level(minute(0, concealed=0.2)) == "weak"
    assert level(minute(0, reduced_s=20, weak_s=20)) == "smaller"
    assert level(minute(0, frozen_s=4.0, reduced_s=20)) == "paused"


def test_weak_minutes_in_a_row_are_one_span_named_by_the_worst() -> None:
    rows = [
        minute(0),
        minute(1, weak_s=30),
        minute(2, paused_s=20),
        minute(3, reduced_s=30),
        minute(4),
        minute(6, weak_s=30, concealed=0.4),
    ]
    first, second = spans(rows)
    assert (first.start, first.end) == (START + timedelta(minutes=1), START + timedelta(minutes=4))
    assert (first.kind, first.broken) == ("paused", False)
    assert (second.kind, second.broken) == ("weak", True)
    assert spans([minute(0), minute(1)]) == []
