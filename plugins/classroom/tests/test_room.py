"""The room's state machine: no sockets, no disk, a clock that is moved by hand."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core.ports import MediaEvent
from plugins.classroom.server.outgoing import (
    Close,
    EndLesson,
    ExtendLesson,
    Measured,
    MediaJoin,
    MediaLeave,
    MediaMute,
    MediaSignal,
    Outgoing,
    PresenceEnded,
    PresenceGap,
    PresenceStarted,
    RecordLesson,
    Removed,
    RoomEmptied,
    SaveAnswer,
    SaveChat,
    SavePage,
    SavePoll,
    Send,
)
from plugins.classroom.server.people import Lesson, Participant, SeatHolder
from plugins.classroom.server.refusal import Refusal
from plugins.classroom.server.room import Room
from plugins.classroom.settings import ClassroomSettings

pytestmark = pytest.mark.unit

START = datetime(2026, 11, 23, 16, 0, tzinfo=UTC)
TEACHER = SeatHolder("teacher", "Ada Byron", "instructor", transcription=True)
LENA = SeatHolder("lena", "Lena Sommer", "student", transcription=True)
TOM = SeatHolder("tom", "Tom Winter", "student")
LOOKER = SeatHolder("looker", "Cora Field", "observer")
AGENT = SeatHolder("agent:transcription", "", "agent")


class Bench:
    """A room with a moved clock."""

    def __init__(self, **more: Any) -> None:
        self.at = START
        self.count = 0
        lesson = Lesson(
            "s1",
            "Fractions",
            "Maths 6",
            "Fractions",
            START,
            START + timedelta(hours=1),
            "live",
            "Ada Byron",
            START,
        )
        self.room = Room(
            lesson, ClassroomSettings(), now=lambda: self.at, new_id=self._id, grace_s=90, **more
        )

    def _id(self) -> str:
        self.count += 1
        return f"id{self.count}"

    def join(self, *seats: SeatHolder) -> list[Participant]:
        return [self.room.join(seat)[0] for seat in seats]

    def say(self, who: Participant, kind: str, /, **fields: Any) -> list[Outgoing]:
        return self.room.handle(who, {"type": kind, **fields})


def frames(out: list[Outgoing], who: Participant | None = None, kind: str | None = None) -> list[Any]:
    return [
        step.frame
        for step in out
        if isinstance(step, Send)
        and (who is None or step.participant_id == who.id)
        and (kind is None or step.frame["type"] == kind)
    ]


def of(out: list[Outgoing], cls: type[Any]) -> list[Any]:
    return [step for step in out if isinstance(step, cls)]


def errors(out: list[Outgoing]) -> list[str]:
    return [frame["kind"] for frame in frames(out, kind="error")]


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_welcome_tells_the_room_and_others_hear_of_it(bench: Bench) -> None:
    (teacher,) = bench.join(TEACHER)
    lena, out = bench.room.join(LENA)
    (welcome,) = frames(out, lena, "welcome")
    assert [one["person_id"] for one in welcome["people"]] == ["teacher", "lena"]
    assert welcome["participant_id"] == lena.id and welcome["page"] == 1
    assert welcome["session"]["title"] == "Fractions" and welcome["started_at"] == "2026-11-23T16:00:00Z"
    assert [frame["person"]["name"] for frame in frames(out, teacher, "person")] == ["Lena Sommer"]
    assert of(out, PresenceStarted) == [PresenceStarted(lena.id, "lena", "student")]
    assert of(out, MediaJoin) == [MediaJoin(lena.id)]


def test_chat_to_all_reaches_everybody_but_agents_and_is_kept(bench: Bench) -> None:
    teacher, lena, looker, agent = bench.join(TEACHER, LENA, LOOKER, AGENT)
    out = bench.say(lena, "chat", text="  Is it 3/4?  ")
    assert {step.participant_id for step in of(out, Send)} == {teacher.id, lena.id, looker.id}
    (saved,) = of(out, SaveChat)
    assert (saved.text, saved.to, saved.person_id) == ("Is it 3/4?", "", "lena")
    assert frames(out, teacher)[0]["name"] == "Lena Sommer"
    assert not frames(out, agent)


def test_private_chat_reaches_its_two_people_only(bench: Bench) -> None:
    teacher, lena, tom, looker = bench.join(TEACHER, LENA, TOM, LOOKER)
    out = bench.say(lena, "chat", text="I am lost", to="teacher")
    assert {step.participant_id for step in of(out, Send)} == {teacher.id, lena.id}
    out = bench.say(teacher, "chat", text="No problem", to="lena")
    assert {step.participant_id for step in of(out, Send)} == {teacher.id, lena.id}
    for one in (tom, looker):
        assert bench.room.welcome(one)["chat"] == []
    assert [line["text"] for line in bench.room.welcome(lena)["chat"]] == ["I am lost", "No problem"]


def test_students_cannot_whisper_to_each_other(bench: Bench) -> None:
    _, lena, tom = bench.join(TEACHER, LENA, TOM)
    out = bench.say(lena, "chat", text="psst", to="tom")
    assert errors(out) == ["not_allowed"] and not of(out, SaveChat) and not frames(out, tom)


def test_chat_to_somebody_who_is_not_here_or_hidden_says_so(bench: Bench) -> None:
    lena, _, _ = bench.join(LENA, LOOKER, AGENT)
    for to in ("nobody", "looker", "agent:transcription"):
        assert errors(bench.say(lena, "chat", text="hello", to=to)) == ["not_found"]


def test_forged_names_and_roles_in_frames_are_ignored(bench: Bench) -> None:
    teacher, lena = bench.join(TEACHER, LENA)
    out = bench.say(lena, "chat", text="hi", name="Ada Byron", person_id="teacher", role="instructor")
    (frame,) = frames(out, teacher)
    assert (frame["person_id"], frame["name"]) == ("lena", "Lena Sommer")


def test_hands_go_up_and_come_down(bench: Bench) -> None:
    teacher, lena, tom = bench.join(TEACHER, LENA, TOM)
    (frame,) = frames(bench.say(lena, "hand", raised=True), tom)
    assert frame == {"type": "hand", "person_id": "lena", "raised": True, "at": "2026-11-23T16:00:00Z"}
    assert bench.say(lena, "hand", raised=True) == []
    assert errors(bench.say(tom, "hand", raised=False, person_id="lena")) == ["not_allowed"]
    assert errors(bench.say(teacher, "hand", raised=True, person_id="tom")) == ["not_allowed"]
    assert frames(bench.say(teacher, "hand", raised=False, person_id="lena"), lena)[0]["raised"] is False
    assert lena.hand_at is None


def open_poll(bench: Bench, teacher: Participant) -> str:
    out = bench.say(
        teacher, "poll.open", question="1/2 + 1/4?", options=["3/4", "2/6"], right=0, kind="check"
    )
    assert len(of(out, SavePoll)) == 1
    return frames(out, teacher, "poll")[0]["poll"]["id"]


def test_students_learn_counts_and_the_right_answer_only_when_shown(bench: Bench) -> None:
    teacher, lena, tom, looker = bench.join(TEACHER, LENA, TOM, LOOKER)
    poll_id = open_poll(bench, teacher)
    out = bench.say(lena, "poll.answer", poll_id=poll_id, option=0)
    assert of(out, SaveAnswer) == [SaveAnswer(poll_id, "lena", 0, True, START)]
    own, other = frames(out, lena, "poll")[0]["poll"], frames(out, tom, "poll")[0]["poll"]
    assert own["mine"] == 0 and other["mine"] is None
    for view in (own, other):
        assert view["counts"] is None and view["right"] is None and view["answers"] == []
        assert (view["answered"], view["expected"]) == (1, 2)
    staff = frames(out, teacher, "poll")[0]["poll"]
    assert staff["counts"] == [1, 0] and staff["right"] == 0
    assert staff["answers"] == [{"person_id": "lena", "option": 0}]
    observed = frames(out, looker, "poll")[0]["poll"]
    assert observed["counts"] == [1, 0] and observed["answers"] == []

    closed = frames(bench.say(teacher, "poll.close", poll_id=poll_id), lena, "poll")[0]["poll"]
    assert closed["status"] == "closed" and closed["counts"] is None and closed["right"] is None
    shown = frames(bench.say(teacher, "poll.show", poll_id=poll_id), tom, "poll")[0]["poll"]
    assert shown["counts"] == [1, 0] and shown["right"] == 0 and shown["answers"] == []


def test_an_answer_is_final_and_only_while_open(bench: Bench) -> None:
    teacher, lena, tom = bench.join(TEACHER, LENA, TOM)
    poll_id = open_poll(bench, teacher)
    bench.say(lena, "poll.answer", poll_id=poll_id, option=1)
    again = bench.say(lena, "poll.answer", poll_id=poll_id, option=1)
    assert not of(again, SaveAnswer) and frames(again, lena, "poll")
    assert errors(bench.say(lena, "poll.answer", poll_id=poll_id, option=0)) == ["closed"]
    assert errors(bench.say(tom, "poll.answer", poll_id=poll_id, option=2)) == ["invalid"]
    assert errors(bench.say(tom, "poll.answer", poll_id="none", option=0)) == ["not_found"]
    bench.say(teacher, "poll.close", poll_id=poll_id)
    assert errors(bench.say(tom, "poll.answer", poll_id=poll_id, option=0)) == ["closed"]


OVERSEE: list[tuple[str, dict[str, Any]]] = [
    ("mute", {"person_id": "all", "source": "microphone"}),
    ("remove", {"person_id": "tom"}),
    ("allow", {"person_id": "tom"}),
    ("admit", {"person_id": "all"}),
    ("decline", {"person_id": "tom"}),
    ("lobby", {"mode": "always"}),
    ("end", {}),
]
"""What instructors and coordinators may do, and nobody else."""


@pytest.mark.parametrize(("kind", "fields"), OVERSEE)
def test_students_and_agents_oversee_nobody(bench: Bench, kind: str, fields: dict[str, Any]) -> None:
    _, lena, _, _, agent = bench.join(TEACHER, LENA, TOM, LOOKER, AGENT)
    for one in (lena, agent):
        out = bench.say(one, kind, **fields)
        assert errors(out) == ["not_allowed"] and len(out) == 1


@pytest.mark.parametrize(("kind", "fields"), OVERSEE)
def test_a_coordinator_may_oversee(bench: Bench, kind: str, fields: dict[str, Any]) -> None:
    _, _, _, looker = bench.join(TEACHER, LENA, TOM, LOOKER)
    assert "not_allowed" not in errors(bench.say(looker, kind, **fields))


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("poll.open", {"question": "?", "options": ["a", "b"]}),
        ("poll.close", {"poll_id": "x"}),
        ("poll.show", {"poll_id": "x"}),
        ("page", {"page": 2}),
        ("extend", {"minutes": 10}),
        ("caption", {"person_id": "tom", "text": "x", "final": True, "started_ms": 0, "ended_ms": 1}),
    ],
)
def test_students_and_observers_may_not_lead(bench: Bench, kind: str, fields: dict[str, Any]) -> None:
    _, lena, _, looker = bench.join(TEACHER, LENA, TOM, LOOKER)
    before = bench.room.welcome(lena)
    for one in (lena, looker):
        out = bench.say(one, kind, **fields)
        assert errors(out) == ["not_allowed"] and len(out) == 1
    assert bench.room.welcome(lena) == before


def test_observers_only_look(bench: Bench) -> None:
    (looker,) = bench.join(LOOKER)
    for kind, fields in (
        ("chat", {"text": "hi"}),
        ("react", {"reaction": "clap"}),
        ("hand", {"raised": True}),
    ):
        assert errors(bench.say(looker, kind, **fields)) == ["not_allowed"]
    assert looker.seat.rights.publish == ()


def test_observers_are_shown_to_instructors_only_and_are_no_attendance(bench: Bench) -> None:
    teacher, lena = bench.join(TEACHER, LENA)
    looker, out = bench.room.join(LOOKER)
    assert frames(out, teacher, "person") and not frames(out, lena)
    assert not of(out, PresenceStarted)
    assert "looker" not in [one["person_id"] for one in bench.room.welcome(lena)["people"]]
    gone = bench.room.leave(looker.id, "left")
    assert frames(gone, teacher, "gone") and not frames(gone, lena) and not of(gone, PresenceEnded)


def test_page_mute_end_and_extend_become_orders(bench: Bench) -> None:
    teacher, lena, tom = bench.join(TEACHER, LENA, TOM)
    out = bench.say(teacher, "page", page=3)
    assert of(out, SavePage) == [SavePage(3)] and frames(out, lena)[0] == {
        "type": "page",
        "page": 3,
        "by": "teacher",
    }
    out = bench.say(teacher, "mute", person_id="all", source="microphone")
    assert of(out, MediaMute) == [MediaMute(lena.id, "microphone"), MediaMute(tom.id, "microphone")]
    assert frames(out, teacher) == []
    assert of(bench.say(teacher, "end"), EndLesson) == [EndLesson(teacher.id, "teacher")]
    assert of(bench.say(teacher, "extend", minutes=10), ExtendLesson)[0].minutes == 10
    assert errors(bench.say(teacher, "extend", minutes=60)) == ["malformed"]


def test_a_cut_line_keeps_the_seat_and_one_presence(bench: Bench) -> None:
    teacher, lena = bench.join(TEACHER, LENA)
    bench.say(lena, "hand", raised=True)
    out = bench.room.disconnected(lena.id)
    assert frames(out, teacher, "person")[0]["person"]["connection"] == "lost"
    assert not of(out, PresenceEnded) and not of(out, MediaLeave)
    assert bench.room.returning("lena") == lena.id
    bench.at += timedelta(seconds=89)
    assert bench.room.tick() == []
    again, out = bench.room.join(LENA, resume=lena.id)
    assert again.id == lena.id and again.hand_at is not None
    assert not of(out, PresenceStarted) and not of(out, Close)
    assert [(gap.seconds, gap.why) for gap in of(out, PresenceGap)] == [(89.0, "line")]
    assert frames(out, teacher, "person")[0]["person"]["connection"] == "good"


def test_after_the_grace_time_the_seat_is_given_up(bench: Bench) -> None:
    teacher, lena = bench.join(TEACHER, LENA)
    bench.room.disconnected(lena.id)
    cut = bench.at
    bench.at += timedelta(seconds=90)
    out = bench.room.tick()
    assert of(out, PresenceEnded) == [PresenceEnded(lena.id, "lost", cut)]
    assert frames(out, teacher, "gone") == [{"type": "gone", "person_id": "lena", "reason": "lost"}]
    assert not of(out, RoomEmptied)
    again, out = bench.room.join(LENA, resume=lena.id)
    assert again.id != lena.id and of(out, PresenceStarted)


def test_the_newer_connection_of_a_person_wins(bench: Bench) -> None:
    teacher, lena = bench.join(TEACHER, LENA)
    newer, out = bench.room.join(LENA)
    assert of(out, Close) == [Close(lena.id, 4409)]
    assert of(out, PresenceEnded) == [PresenceEnded(lena.id, "left")]
    assert of(out, PresenceStarted) == [PresenceStarted(newer.id, "lena", "student")]
    assert not frames(out, teacher, "gone")
    assert bench.room.handle(lena, {"type": "chat", "text": "ghost"}) == []
    assert bench.room.disconnected(lena.id) == []


def test_somebody_elses_resume_is_worth_nothing(bench: Bench) -> None:
    _, lena = bench.join(TEACHER, LENA)
    bench.room.disconnected(lena.id)
    tom, _ = bench.room.join(TOM, resume=lena.id)
    assert tom.id != lena.id and bench.room.of_person("lena") is lena


def test_after_a_restart_a_person_takes_up_the_old_presence() -> None:
    bench = Bench(returning={"old": "lena"})
    assert bench.room.returning("lena") == "old"
    tom, _ = bench.room.join(TOM, resume="old")
    assert tom.id != "old"
    bench = Bench(returning={"old": "lena"})
    lena, out = bench.room.join(LENA, resume="old")
    assert lena.id == "old" and of(out, PresenceStarted) == [PresenceStarted("old", "lena", "student")]
    assert bench.room.give_up_returning() == []


def test_removed_people_stay_out_for_a_while(bench: Bench) -> None:
    teacher, lena = bench.join(TEACHER, LENA)
    out = bench.say(teacher, "remove", person_id="lena")
    assert of(out, Close) == [Close(lena.id, 4410)] and of(out, Removed) == [Removed("lena")]
    assert of(out, PresenceEnded) == [PresenceEnded(lena.id, "removed")]
    with pytest.raises(Refusal) as refused:
        bench.room.join(LENA)
    assert refused.value.kind == "removed"
    bench.at += timedelta(seconds=121)
    bench.room.join(LENA)
    assert errors(bench.say(teacher, "remove", person_id="teacher")) == ["not_allowed"]


def test_a_full_room_still_lets_its_instructor_in() -> None:
    bench = Bench()
    bench.room.settings = ClassroomSettings(max_participants=2)
    bench.join(LENA, TOM)
    with pytest.raises(Refusal):
        bench.room.join(SeatHolder("ben", "Ben Late", "student"))
    bench.join(TEACHER, LOOKER)
    bench.room.join(LENA)


def test_the_last_seated_person_empties_the_room(bench: Bench) -> None:
    lena, _, _ = bench.join(LENA, LOOKER, AGENT)
    assert bench.room.occupied()
    assert len(of(bench.room.leave(lena.id, "left"), RoomEmptied)) == 1
    assert not bench.room.occupied()


def test_leave_and_finish_close_properly(bench: Bench) -> None:
    teacher, lena, agent = bench.join(TEACHER, LENA, AGENT)
    out = bench.say(lena, "leave")
    assert of(out, Close) == [Close(lena.id, 1000)] and of(out, PresenceEnded)[0].reason == "left"
    out = bench.room.finish("ended_by_instructor")
    assert frames(out, teacher, "ended") == [{"type": "ended", "reason": "ended_by_instructor"}]
    assert {step.participant_id for step in of(out, Close)} == {teacher.id, agent.id}
    assert bench.room.present() == [] and not of(out, RoomEmptied)


def test_seats_taken_away_end_their_sockets_and_new_ones_are_left_alone(bench: Bench) -> None:
    _, lena, tom = bench.join(TEACHER, LENA, TOM)
    out = bench.room.seats_changed({"teacher": TEACHER}, {"teacher", "lena"})
    assert of(out, Close) == [Close(lena.id, 4403)] and of(out, PresenceEnded)[0].reason == "removed"
    assert bench.room.get(tom.id) is tom


def test_nothing_of_a_person_without_consent_reaches_an_agent(bench: Bench) -> None:
    teacher, tom = bench.join(TEACHER, TOM)
    agent, out = bench.room.join(AGENT)
    (welcome,) = frames(out, agent, "welcome")
    assert [one["person_id"] for one in welcome["people"]] == ["teacher"]
    assert welcome["chat"] == [] and welcome["polls"] == []
    assert not frames(out, teacher) and not frames(out, tom), "agents are never listed"
    for step in (
        bench.say(tom, "chat", text="secret"),
        bench.say(tom, "hand", raised=True),
        bench.say(teacher, "chat", text="all"),
        bench.room.disconnected(tom.id),
        bench.room.leave(tom.id, "left"),
    ):
        assert not frames(step, agent)
    assert errors(bench.say(agent, "chat", text="hi")) == ["not_allowed"]


def test_a_changed_consent_reaches_node_and_agent_at_once(bench: Bench) -> None:
    lena, agent = bench.join(LENA, AGENT)
    without = SeatHolder("lena", "Lena Sommer", "student")
    out = bench.room.seats_changed({"lena": without}, {"lena"})
    assert of(out, MediaJoin) == [MediaJoin(lena.id)] and not lena.seat.transcription
    assert frames(out, agent) == [{"type": "gone", "person_id": "lena", "reason": "consent"}]
    out = bench.room.seats_changed({"lena": LENA}, {"lena"})
    assert frames(out, agent, "person")[0]["person"]["participant_id"] == lena.id


def caption(bench: Bench, agent: Participant, **fields: Any) -> list[Outgoing]:
    message = {
        "person_id": "lena",
        "text": "three quarters",
        "final": True,
        "started_ms": 100,
        "ended_ms": 900,
        "low_accuracy": True,
    }
    return bench.say(agent, "caption", **{**message, **fields})


def test_captions_carry_the_seats_name_and_need_consent(bench: Bench) -> None:
    teacher, lena, tom, agent = bench.join(TEACHER, LENA, TOM, AGENT)
    out = caption(bench, agent, name="Somebody else")
    assert {step.participant_id for step in of(out, Send)} == {teacher.id, lena.id, tom.id}
    frame = frames(out, teacher)[0]
    assert (
        frame["name"] == "Lena Sommer" and frame["low_accuracy"] is True and frame["text"] == "three quarters"
    )
    assert errors(caption(bench, agent, person_id="tom")) == ["not_allowed"]
    assert errors(caption(bench, agent, person_id="nobody")) == ["not_found"]
    assert errors(caption(bench, agent, started_ms=1000)) == ["invalid"]
    assert errors(caption(bench, agent, text=" ")) == ["malformed"]
    bench.room.leave(lena.id, "left")
    assert frames(caption(bench, agent), teacher, "caption"), "last words come after the door closes"


def report(bench: Bench, kind: str, who: Participant | None = None, **data: Any) -> list[Outgoing]:
    return bench.room.media.event(MediaEvent(kind, "s1", who.id if who else "", data))


def test_media_messages_pass_both_ways_untouched(bench: Bench) -> None:
    (lena,) = bench.join(LENA)
    assert bench.say(lena, "media", message={"type": "hello", "version": 1}) == [
        MediaSignal(lena.id, {"type": "hello", "version": 1})
    ]
    assert report(bench, "message", lena, type="answer") == [
        Send(lena.id, {"type": "media", "message": {"type": "answer"}})
    ]


def test_devices_speakers_and_quality_as_people_see_them(bench: Bench) -> None:
    teacher, lena = bench.join(TEACHER, LENA)
    assert frames(report(bench, "published", lena, source="camera"), teacher)[0]["person"]["camera"] is True
    assert report(bench, "published", lena, source="camera") == []
    assert report(bench, "muted", lena, source="camera", muted=True) and not lena.sends("camera")
    out = report(
        bench, "speakers", speakers=[{"participant_id": lena.id, "level": 0.5}, {"participant_id": "x"}]
    )
    assert frames(out, teacher) == [{"type": "speakers", "person_ids": ["lena"]}]
    weak = {"loss": 0.2, "tracks": [{"layer": None, "reason": "bandwidth"}]}
    out = report(bench, "quality", lena, **weak)
    assert frames(out, lena, "quality") == [
        {
            "type": "quality",
            "connection": "weak",
            "sentence": "weak_video_off",
            "video_off": True,
            "person_id": "",
        }
    ]
    assert frames(out, teacher, "person")[0]["person"]["connection"] == "weak"
    assert report(bench, "quality", lena, **weak) == []
    assert report(bench, "quality", lena, loss=0)
    assert report(bench, "nonsense", lena) == [] and report(bench, "published") == []


def test_smaller_pictures_are_explained_when_they_last(bench: Bench) -> None:
    teacher, lena = bench.join(TEACHER, LENA)
    track = {"participant_id": teacher.id, "source": "camera", "layer": {"rid": "q", "temporal": 3}}
    own = {"tracks": [{**track, "reason": "bandwidth"}]}
    assert report(bench, "quality", lena, **own) == []
    bench.at += timedelta(seconds=5)
    out = report(bench, "quality", lena, **own)
    assert [(one["sentence"], one["connection"]) for one in frames(out, lena)] == [("reduced", "weak")]
    assert not frames(out, teacher), "the others' business is only a line that is weak"
    theirs = {"tracks": [{**track, "reason": "sender"}]}
    report(bench, "quality", lena, **theirs)
    bench.at += timedelta(seconds=5)
    frame = frames(report(bench, "quality", lena, **theirs), lena)[0]
    assert (frame["sentence"], frame["person_id"], frame["connection"]) == ("sender", "teacher", "good")
    frame = frames(report(bench, "quality", lena, tracks=[{**track, "reason": "full"}]), lena)[0]
    assert frame["sentence"] == ""


def test_a_lost_node_is_a_sentence_and_coming_back_joins_again(bench: Bench) -> None:
    teacher, lena = bench.join(TEACHER, LENA)
    out = report(bench, "node_lost")
    assert frames(out, teacher)[0]["sentence"] == "media_lost" and bench.room.occupied()
    bench.at += timedelta(seconds=3)
    out = report(bench, "node_back")
    assert {(gap.participant_id, gap.seconds, gap.why) for gap in of(out, PresenceGap)} == {
        (teacher.id, 3.0, "media"),
        (lena.id, 3.0, "media"),
    }
    assert of(out, MediaJoin) == [MediaJoin(teacher.id), MediaJoin(lena.id)]
    assert frames(out, lena)[0]["sentence"] == "media_back"


def test_engagement_is_counted_and_handed_over_once(bench: Bench) -> None:
    teacher, lena = bench.join(TEACHER, LENA)
    bench.say(lena, "chat", text="a")
    bench.say(lena, "chat", text="b")
    bench.say(lena, "hand", raised=True)
    bench.say(teacher, "react", reaction="clap")
    report(bench, "speakers", speakers=[{"participant_id": lena.id}])
    bench.at += timedelta(seconds=10)
    (measured,) = bench.room.engagement()
    assert isinstance(measured, Measured)
    assert set(measured.values) == {
        ("lena", "chats", 2),
        ("lena", "hands", 1),
        ("teacher", "reactions", 1),
        ("lena", "talk_s", 10),
    }
    bench.at += timedelta(seconds=5)
    report(bench, "speakers", speakers=[])
    bench.at += timedelta(seconds=60)
    (measured,) = bench.room.engagement()
    assert isinstance(measured, Measured) and measured.values == (("lena", "talk_s", 5),)
    assert bench.room.engagement() == []


def test_leaving_hands_over_ones_engagement(bench: Bench) -> None:
    _, lena = bench.join(TEACHER, LENA)
    bench.say(lena, "react", reaction="yes")
    assert of(bench.room.leave(lena.id, "left"), Measured) == [Measured((("lena", "reactions", 1),))]


def test_errors_speak_the_readers_language(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def translate(message: str, lang: str, **facts: Any) -> str:
        seen.append(lang)
        return message

    monkeypatch.setattr("plugins.classroom.server.room.gettext", translate)
    (anna,) = bench.join(SeatHolder("anna", "Anna", "student", lang="de"))
    bench.say(anna, "end")
    bench.say(anna, "nonsense")
    assert seen == ["de", "de"]


BAD: list[dict[str, Any]] = [
    {},
    {"type": None},
    {"type": ["chat"]},
    {"type": "chat"},
    {"type": "chat", "text": ""},
    {"type": "chat", "text": "x" * 2001},
    {"type": "chat", "text": "nul\x00"},
    {"type": "chat", "text": 5},
    {"type": "chat", "text": "x", "to": None},
    {"type": "hand", "raised": 1},
    {"type": "react", "reaction": "angry"},
    {"type": "poll.open", "question": "?", "options": ["one"]},
    {"type": "poll.open", "question": "?", "options": ["a"] * 9},
    {"type": "poll.open", "question": "?", "options": ["a", "b"], "right": True},
    {"type": "poll.answer", "poll_id": "p", "option": "0"},
    {"type": "poll.answer", "poll_id": "p", "option": -1},
    {"type": "page", "page": 0},
    {"type": "page", "page": 21},
    {"type": "page", "page": 1.5},
    {"type": "mute", "person_id": "all", "source": "brain"},
    {"type": "media", "message": "offer"},
    {"type": "ping", "at": {}},
    {"type": "self.destruct"},
]


@pytest.mark.parametrize("message", BAD, ids=lambda message: str(message)[:50])
def test_bad_messages_get_an_error_and_change_nothing(bench: Bench, message: dict[str, Any]) -> None:
    teacher, _ = bench.join(TEACHER, LENA)
    before = bench.room.welcome(teacher)
    out = bench.room.handle(teacher, message)
    assert len(out) == 1 and errors(out)[0] in ("malformed", "unknown")
    assert bench.room.welcome(teacher) == before


def test_a_right_option_must_exist(bench: Bench) -> None:
    (teacher,) = bench.join(TEACHER)
    assert errors(bench.say(teacher, "poll.open", question="?", options=["a", "b"], right=2)) == ["invalid"]


def test_every_action_has_a_message(bench: Bench) -> None:
    from plugins.classroom.server.actions import ACTIONS
    from plugins.classroom.server.messages import TYPES

    assert set(ACTIONS) == set(TYPES)
    pings: Callable[[Any], list[Any]] = lambda at: frames(bench.say(who, "ping", at=at))  # noqa: E731
    (who,) = bench.join(LENA)
    assert pings(12.5)[0]["at"] == 12.5 and pings(7)[0]["at"] == 7


def test_everybody_sees_recording_and_only_those_who_teach_see_who_is_not_in_it(bench: Bench) -> None:
    lena_in = replace(LENA, recording=True)
    teacher, lena, tom, looker, agent = bench.join(TEACHER, lena_in, TOM, LOOKER, AGENT)
    out = bench.room.lesson_changed(replace(bench.room.lesson, recording_id="r1"))
    assert frames(out, teacher, "recording") == [
        {"type": "recording", "on": True, "you": False, "not_recorded": ["teacher", "tom"]}
    ]
    assert frames(out, lena, "recording")[0] == {
        "type": "recording",
        "on": True,
        "you": True,
        "not_recorded": [],
    }
    assert frames(out, tom, "recording")[0]["you"] is False
    assert frames(out, looker, "recording") and not frames(out, agent, "recording")
    assert frames(out, tom, "session")[0]["session"]["recording"] is True
    withdrawn = bench.room.seats_changed({"lena": LENA}, ["lena"])
    assert of(withdrawn, MediaJoin) == [MediaJoin(lena.id)], "the node hears of it first"
    assert frames(withdrawn, teacher, "recording")[0]["not_recorded"] == ["teacher", "lena", "tom"]
    out = bench.room.lesson_changed(replace(bench.room.lesson, recording_id=""))
    assert frames(out, lena, "recording")[0]["on"] is False
    assert frames(bench.room.leave(tom.id, "left"), teacher, "recording") == []


def test_only_who_teaches_records(bench: Bench) -> None:
    teacher, lena, looker = bench.join(TEACHER, LENA, LOOKER)
    assert bench.say(teacher, "record", on=True) == [RecordLesson(teacher.id, "teacher", True)]
    for who in (lena, looker):
        assert errors(bench.say(who, "record", on=True)) == ["not_allowed"]
    assert errors(bench.say(teacher, "record", on="yes")) == ["malformed"]
    assert errors(bench.room.recording_failed()) == ["recording_failed"]
