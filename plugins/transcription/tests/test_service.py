"""Transcripts as WebVTT and who may read them; what a room says about captions."""

import sys
from pathlib import Path

import pytest
from sqlmodel import select

from core.access import Viewer
from core.domain import AuditEntry, Room, TranscriptSegment
from core.errors import NotAllowed, NotFound
from core.testing import seed, services
from core.views import SegmentView
from plugins.transcription.api import _read
from plugins.transcription.engine import describe
from plugins.transcription.service import announce_captions, transcript_vtt
from plugins.transcription.vtt import webvtt

sys.path.insert(0, str(Path(__file__).parent))
from transcription_lessons import settings

sys.path.pop(0)
pytestmark = pytest.mark.unit


def test_webvtt_has_times_names_and_no_way_to_break_out() -> None:
    segments = [
        SegmentView("b", "c1", "p2", 3_661_001, 3_662_000, "a --> b <i>&\n\nNOTE x"),
        SegmentView("a", "c1", "p1", 0, 0, "Hello."),
        SegmentView("c", "c1", "p1", 5, 10, "  "),
    ]
    text = webvtt(segments, {"p1": "Anna <b>"}, "Often\nwrong --> yes")
    assert text.splitlines() == [
        "WEBVTT",
        "",
        "NOTE Often wrong -> yes",
        "",
        "1",
        "00:00:00.000 --> 00:00:00.001",
        "<v Anna &lt;b&gt;>Hello.</v>",
        "",
        "2",
        "01:01:01.001 --> 01:01:02.000",
        "<v ?>a --&gt; b &lt;i&gt;&amp; NOTE x</v>",
    ]


def test_only_the_lessons_instructor_and_coordinators_read_the_transcript(tmp_path: Path) -> None:
    with services(tmp_path) as made:
        with made.store.write() as db:
            one = seed.lesson(db)
            other = seed.person(db, "Otto Other", "instructor")
            child, session_id = one.students[0], one.session.id
            db.add(
                TranscriptSegment(
                    session_id=session_id,
                    person_id=child.id,
                    started_ms=0,
                    ended_ms=900,
                    text="Half.",
                    low_accuracy=True,
                )
            )
            teacher = Viewer(one.instructor.id, "Ines", ("instructor",))
            coordinator = Viewer(one.coordinator.id, "Cora", ("coordinator",), lang="de")
            refused = [
                Viewer(other.id, "Otto", ("instructor",)),
                Viewer(child.id, "Sam", ("student",)),
                Viewer(one.guardians[0].id, "Gale", ("guardian",)),
                Viewer(one.instructor.id, "Ines", seat_id="s", session_id=session_id),
            ]
        assert "<v Sam Student0>Half.</v>" in _read(teacher, session_id)
        assert "NOTE" in _read(coordinator, session_id)
        with made.store.read() as db:
            for viewer in refused:
                with pytest.raises(NotAllowed):
                    transcript_vtt(db, viewer, session_id)
            with pytest.raises(NotFound):
                transcript_vtt(db, coordinator, "nothing")
            seen = db.exec(select(AuditEntry.actor_id).where(AuditEntry.action == "transcript.read")).all()
        assert sorted(a or "" for a in seen) == sorted([teacher.person_id, coordinator.person_id])


def test_the_room_says_how_captions_are_made(tmp_path: Path) -> None:
    with services(tmp_path) as made:
        with made.store.write() as db:
            one = seed.lesson(db)
            session_id = one.session.id
            announce_captions(db, session_id, settings())
        with made.store.write() as db:
            room = db.get_one(Room, session_id)
            assert room.settings["captions"]["engine"] == "pocketsphinx"
            assert room.settings["captions"]["low_accuracy"] is True
            room.settings = {"captions": False}
            db.add(room)
        with made.store.write() as db:
            announce_captions(db, session_id, settings())
            assert db.get_one(Room, session_id).settings["captions"] is False


def test_the_forecast_follows_the_settings() -> None:
    assert describe(settings(engine="off"))["engine"] == "off"
    assert describe(settings(engine="off"))["notice"]
    assert describe(settings(model="base.en")) == {
        "engine": "faster-whisper",
        "low_accuracy": False,
        "notice": "",
    }
    assert describe(settings(language="de"))["engine"] == "off"
    assert describe(settings(engine="pocketsphinx", model="base.en"))["engine"] == "pocketsphinx"
