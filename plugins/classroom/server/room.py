"""One room: a pure state machine. It knows who is there and what was said; it has no sockets and no disk.

Every method returns what is to be done (`server.outgoing`) in order; time and ids are injected. The hub
calls it from one event loop, so nothing here awaits or locks.
"""

from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from core.i18n import N_, gettext
from plugins.classroom.server.actions import ACTIONS, AGENT_MAY
from plugins.classroom.server.line import LineBook
from plugins.classroom.server.lobby import MAY_SAY, Lobby, still_waiting
from plugins.classroom.server.media_state import MediaState
from plugins.classroom.server.messages import Malformed, parse
from plugins.classroom.server.outgoing import (
    Close,
    Measured,
    MediaJoin,
    MediaLeave,
    Outgoing,
    PresenceEnded,
    PresenceGap,
    PresenceStarted,
    RoomEmptied,
    Send,
    WaitEnded,
)
from plugins.classroom.server.people import SEATED, Lesson, Participant, SeatHolder, stamp
from plugins.classroom.server.polls import ChatLine, Poll, Remembered
from plugins.classroom.server.programs import Programs
from plugins.classroom.server.refusal import Refusal, not_allowed
from plugins.classroom.settings import ClassroomSettings

_MALFORMED = N_("The room did not understand your browser. Please reload the page.")
_FULL = N_("This room is full.")
_BLOCKED = N_("The instructor asked you to leave this lesson for a moment. Please try again in two minutes.")
_RECORDING_FAILED = N_("The recording stopped because of a fault. The lesson goes on; you can try again.")
_CHAT_KEPT = 2_000


class Room:
    """grace_s: how long a lost seat is kept. resume_token: what a participant shows to get the seat back.

    returning: participant id -> person id of seats that were taken when the server stopped.
    """

    def __init__(
        self,
        lesson: Lesson,
        settings: ClassroomSettings,
        *,
        now: Callable[[], datetime],
        new_id: Callable[[], str],
        grace_s: float,
        resume_token: Callable[[str, str], str] = lambda participant_id, person_id: participant_id,
        remembered: Remembered | None = None,
        returning: Mapping[str, str] | None = None,
    ) -> None:
        remembered = remembered or Remembered()
        self.lesson, self.settings, self.now, self.new_id = lesson, settings, now, new_id
        self.grace = timedelta(seconds=grace_s)
        self.polls: dict[str, Poll] = {poll.id: poll for poll in remembered.polls}
        self.page = remembered.page
        self.over = False
        self._chat: deque[ChatLine] = deque(remembered.chat, maxlen=_CHAT_KEPT)
        self._resume_token = resume_token
        self._returning = dict(returning or {})
        self._participants: dict[str, Participant] = {}
        self._of_person: dict[str, str] = {}
        self._seen: dict[str, SeatHolder] = {}
        self._blocked: dict[str, datetime] = {}
        self._measured: dict[tuple[str, str], float] = {}
        self.media = MediaState(self)
        self.programs = Programs(self)
        self.line = LineBook(self.now)
        self.lobby = Lobby(self, remembered.removed, remembered.admitted)

    # Who is here

    def present(self) -> list[Participant]:
        """Everybody with a seat taken, lost ones and agents included, in the order they came."""
        return list(self._participants.values())

    def get(self, participant_id: str) -> Participant | None:
        return self._participants.get(participant_id)

    def of_person(self, person_id: str) -> Participant | None:
        return self._participants.get(self._of_person.get(person_id, ""))

    def speaker(self, person_id: str) -> SeatHolder | None:
        """The seat of somebody who is or was here in this lesson; never an agent's."""
        return self._seen.get(person_id)

    def known(self) -> list[SeatHolder]:
        """Seats of everybody who is or was here, or waits; agents only while they are."""
        agents = [one.seat for one in self.present() if one.role == "agent"]
        others = [*self.lobby.people(), *self.programs.watchers()]
        outside = {one.seat.person_id: one.seat for one in others if one.seat.person_id not in self._seen}
        return [*self._seen.values(), *outside.values(), *agents]

    def returning(self, person_id: str) -> str:
        """The participant id a person may come back as: lost, or cut off by a restart. Else ""."""
        here = self.of_person(person_id)
        if here is not None:
            return "" if here.connected else here.id
        return next((one for one, who in self._returning.items() if who == person_id), "")

    def give_up_returning(self) -> list[str]:
        """Participant ids that did not come back after a restart; they may not any more."""
        late, self._returning = list(self._returning), {}
        return late

    @property
    def deserted(self) -> bool:
        """Nobody is here, waits or watches."""
        return not self._participants and not self.lobby and not self.programs

    def inside(self, person_id: str) -> bool:
        """Has this person a seat in the room now, or one that waits for them after a cut?"""
        return self.of_person(person_id) is not None or person_id in self._returning.values()

    def occupied(self) -> bool:
        """Is anybody here whose presence counts?"""
        return any(one.role in SEATED for one in self._participants.values())

    @staticmethod
    def sees(reader: Participant, subject: Participant) -> bool:
        """May `reader` know about `subject`? Agents are never listed, and hear of consenting people only;
        observers are shown to staff."""
        if subject.role == "agent":
            return False
        if reader.role == "agent":
            return subject.seat.transcription and subject.role in SEATED
        if subject.role == "observer" and reader is not subject:
            return reader.seat.rights.moderate or reader.role == "observer"
        return True

    # Coming and going

    def join(self, seat: SeatHolder, resume: str = "") -> tuple[Participant, list[Outgoing]]:
        """Take a seat. resume: the participant id this browser had, already verified to be this person's.

        The same person from elsewhere replaces the older connection. Refusal when full or removed lately.
        Who has to wait gets a place at the door instead: `lobby.get` knows them.
        """
        self._check_door(seat)
        if not self.inside(seat.person_id) and self.lobby.holds(seat.person_id, seat.role):
            return self.lobby.wait(seat)
        out: list[Outgoing] = []
        known = self.of_person(seat.person_id)
        if known is not None and known.id == resume:
            participant = known
            if known.lost_at is not None and known.role in SEATED:
                away_s = (self.now() - known.lost_at).total_seconds()
                out.append(PresenceGap(known.id, known.lost_at, away_s, "line"))
            participant.seat, participant.connected, participant.lost_at = seat, True, None
        else:
            returns = self._returning.pop(resume, None) == seat.person_id
            participant = Participant(resume if returns else self.new_id(), seat, self.now())
            if known is not None:
                participant.hand_at, participant.program = known.hand_at, known.program
                out += [Close(known.id, 4409), *self._drop(known, "left")]
            out += self._seat(participant)
        out += self._begin(participant)
        return participant, out + self._instructor_came(participant)

    def let_in(self, people: Sequence[Participant]) -> list[Outgoing]:
        """From the door to their seats."""
        out: list[Outgoing] = []
        for one in people:
            if self.lobby.take(one.id) is not None:
                one.joined_at = self.now()
                out += [WaitEnded(one.id, True), *self._seat(one), *self._begin(one)]
        return out

    def disconnected(self, participant_id: str) -> list[Outgoing]:
        """The line is cut; the seat stays for the grace time. An agent's does not: it comes again."""
        participant = self._participants.get(participant_id)
        if participant is None:
            return self.lobby.gone(participant_id)
        if not participant.connected:
            return []
        if participant.role == "agent":
            return self.leave(participant_id, "lost")
        participant.connected, participant.lost_at = False, self.now()
        self.media.stopped(participant)
        return self.tell_person(participant)

    def leave(self, participant_id: str, reason: str) -> list[Outgoing]:
        """Gone for good. reason: left | lost | removed."""
        participant = self._participants.get(participant_id)
        if participant is None:
            return self.lobby.gone(participant_id)
        out = [*self.programs.leaves(participant), *self._drop(participant, reason)]
        frame = {"type": "gone", "person_id": participant.person_id, "reason": reason}
        out += [Send(one.id, frame) for one in self.present() if self.sees(one, participant)]
        if participant.role in SEATED:
            out += self.engagement_of(participant.person_id)
            out += self.tell_recording()
            if not self.occupied():
                out.append(RoomEmptied())
        if participant.role == "instructor":
            out += self.lobby.instructor_changed()
        return out

    def block(self, person_id: str, name: str) -> None:
        """Keep a removed person out for `remove_block_s`; after that they wait until somebody lets them in."""
        self._blocked[person_id] = self.now() + timedelta(seconds=self.settings.remove_block_s)
        self.lobby.removed[person_id] = (name, self.now())
        self.lobby.admitted.discard(person_id)

    def allow(self, person_id: str) -> bool:
        """Forget that somebody was taken out. False when nobody of that id was."""
        self._blocked.pop(person_id, None)
        return self.lobby.removed.pop(person_id, None) is not None

    def blocked(self, person_id: str) -> bool:
        until = self._blocked.get(person_id)
        return until is not None and self.now() < until

    def tick(self) -> list[Outgoing]:
        """Give up the seats whose grace time is over."""
        now = self.now()
        late = [one for one in self.present() if one.lost_at is not None and now - one.lost_at >= self.grace]
        return [step for one in late for step in self.leave(one.id, "lost")]

    def seats_changed(self, holders: Mapping[str, SeatHolder], asked: Collection[str]) -> list[Outgoing]:
        """The seats as the database has them now. Who has none is let out; consents apply at once.

        asked: whom the database was asked about; others came in meanwhile and are left alone.
        """
        out: list[Outgoing] = []
        for one in self.present():
            if one.role == "agent" or one.person_id not in asked:
                continue
            seat = holders.get(one.person_id)
            if seat is None or seat.role != one.role:
                out += [Close(one.id, 4403), *self.leave(one.id, "removed")]
            elif seat != one.seat:
                out += self._reseat(one, seat)
        for waiting in self.lobby.people():
            seat = holders.get(waiting.person_id)
            if waiting.person_id in asked and (seat is None or seat.role != waiting.role):
                out += [Close(waiting.id, 4403), *self.lobby.gone(waiting.id)]
            elif seat is not None:
                waiting.seat = seat
        for person_id, seat in holders.items():
            if person_id in self._seen:
                self._seen[person_id] = seat
        return out + self.programs.seats_changed(holders, asked)

    def lesson_changed(self, lesson: Lesson) -> list[Outgoing]:
        if lesson == self.lesson:
            return []
        changed = lesson.recording_id != self.lesson.recording_id
        self.lesson = lesson
        everybody = [*self._participants.values(), *self.lobby.people()]
        frame = {"type": "session", "session": lesson.view()}
        out: list[Outgoing] = [Send(one.id, frame) for one in everybody]
        out += self.tell_recording(off=True) if changed else []
        return [*out, *self.let_in(self.lobby.freed())]

    def finish(self, reason: str) -> list[Outgoing]:
        """The lesson is over for everybody. reason: ended_by_instructor | empty | overdue | cancelled."""
        self.over = True
        out = self.programs.end_where(lambda _: True)
        for one in (*self.present(), *self.lobby.people()):
            out.append(Send(one.id, {"type": "ended", "reason": reason}))
            out.append(Close(one.id, 1000))
            waited = self.lobby.take(one.id) is not None
            out += [WaitEnded(one.id, False)] if waited else self._drop(one, "session_ended")
        return out + self.engagement()

    # What they say

    def handle(self, participant: Participant | str, message: Mapping[str, Any]) -> list[Outgoing]:
        """One decoded frame of a participant. Never raises for what a browser sends."""
        participant_id = participant if isinstance(participant, str) else participant.id
        who = self._participants.get(participant_id) or self.lobby.get(participant_id)
        if who is None:
            return []
        waits = who.id not in self._participants
        try:
            parsed = parse(message)
        except Malformed as problem:
            return [Send(who.id, self.error_frame(problem.kind, _MALFORMED, problem.of, who.seat.lang))]
        try:
            if who.role == "agent" and parsed.type not in AGENT_MAY:
                raise not_allowed()
            if waits and parsed.type not in MAY_SAY:
                raise still_waiting()
            if waits and parsed.type == "hello":
                return [Send(who.id, self.lobby.frame(who.id))]
            return ACTIONS[parsed.type](self, who, parsed)
        except Refusal as refusal:
            return [Send(who.id, self.error_frame(refusal.kind, refusal.message, parsed.type, who.seat.lang))]

    @staticmethod
    def error_frame(kind: str, message: str, of: str, lang: str, **facts: Any) -> dict[str, Any]:
        return {"type": "error", "kind": kind, "message": gettext(message, lang, **facts), "of": of}

    # What they are told

    def welcome(self, who: Participant) -> dict[str, Any]:
        """The room as this participant may see it."""
        agent = who.role == "agent"
        door = {"lobby": self.lobby.view()} if who.seat.rights.oversee else {}
        lines = [] if agent else [line for line in self._chat if line.readable_by(who.person_id)]
        return {
            "type": "welcome",
            "participant_id": who.id,
            "resume": self._resume_token(who.id, who.person_id),
            "people": [one.view() for one in self.present() if self.sees(who, one)]
            + [one.view() for one in self.programs.watchers() if self.programs.shown_to(who)],
            "polls": [] if agent else [self.poll_view(poll, who) for poll in self.polls.values()],
            "chat": [self.chat_frame(line) for line in lines[-self.settings.chat_shown :]],
            "page": self.page,
            "recording": self.recording_view(who),
            "session": self.lesson.view(),
            "started_at": stamp(self.lesson.started_at),
            "server_time": stamp(self.now()),
            **door,
            **({"captions_lang": self.lesson.captions_lang} if agent else {}),
        }

    def tell_person(self, subject: Participant, but: Participant | None = None) -> list[Outgoing]:
        """`person` to everybody who may know of them."""
        frame = {"type": "person", "person": subject.view()}
        return [Send(one.id, frame) for one in self.present() if one is not but and self.sees(one, subject)]

    def tell_people(self, frame: Mapping[str, Any], about: Participant | None = None) -> list[Outgoing]:
        """One frame for everybody but agents; `about` limits it to those who may know of that person."""
        return [
            Send(one.id, frame)
            for one in self.present()
            if one.role != "agent" and (about is None or self.sees(one, about))
        ]

    def recording_view(self, who: Participant) -> dict[str, Any]:
        """Everybody sees that it is on and whether they are in it; who is not, and that it is for want of
        consent, only those who teach."""
        on = bool(self.lesson.recording_id)
        missing = [
            one.person_id
            for one in self.present()
            if one.role in SEATED and not one.seat.recording and who.seat.rights.moderate
        ]
        return {"on": on, "you": on and who.seat.recording, "not_recorded": missing}

    def tell_recording(self, but: Participant | None = None, off: bool = False) -> list[Outgoing]:
        """`recording` to everybody but agents while it is on, or when that changed."""
        if not (self.lesson.recording_id or off):
            return []
        return [
            Send(one.id, {"type": "recording", **self.recording_view(one)})
            for one in self.present()
            if one is not but and one.role != "agent"
        ]

    def recording_failed(self) -> list[Outgoing]:
        """A sentence for those who teach; the others see that it is off."""
        return [
            Send(one.id, self.error_frame("recording_failed", _RECORDING_FAILED, "record", one.seat.lang))
            for one in self.present()
            if one.seat.rights.moderate
        ]

    def tell_poll(self, poll: Poll) -> list[Outgoing]:
        return [Send(one.id, self.poll_frame(poll, one)) for one in self.present() if one.role != "agent"]

    def poll_frame(self, poll: Poll, who: Participant) -> dict[str, Any]:
        return {"type": "poll", "poll": self.poll_view(poll, who)}

    def poll_view(self, poll: Poll, who: Participant) -> dict[str, Any]:
        students = {one.person_id for one in self.present() if one.role == "student"}
        expected = len(students | set(poll.answers))
        return poll.view(who.person_id, who.role, who.seat.rights.moderate, expected)

    def remember_chat(self, line: ChatLine) -> None:
        self._chat.append(line)

    @staticmethod
    def chat_frame(line: ChatLine) -> dict[str, Any]:
        return {
            "id": line.id,
            "person_id": line.person_id,
            "name": line.name,
            "text": line.text,
            "at": stamp(line.at),
            "to": line.to or "all",
        }

    # What they did

    def count(self, who: Participant, signal: str, value: float = 1.0) -> None:
        """Add to an engagement signal of a seated person."""
        if who.role in SEATED and value > 0:
            key = (who.person_id, signal)
            self._measured[key] = self._measured.get(key, 0.0) + value

    def engagement(self) -> list[Outgoing]:
        """What was counted since the last time, and count from zero again."""
        self.media.settle()
        values = tuple(
            (person, signal, round(value, 3)) for (person, signal), value in self._measured.items()
        )
        self._measured.clear()
        return [Measured(values)] if values else []

    def engagement_of(self, person_id: str) -> list[Outgoing]:
        values: Sequence[tuple[str, str, float]] = [
            (person, signal, round(value, 3))
            for (person, signal), value in self._measured.items()
            if person == person_id
        ]
        for person, signal, _ in values:
            del self._measured[person, signal]
        return [Measured(tuple(values))] if values else []

    def _check_door(self, seat: SeatHolder) -> None:
        if self.blocked(seat.person_id):
            raise Refusal("removed", _BLOCKED)
        full = len(self._participants) + len(self.lobby) >= self.settings.max_participants
        known = self.inside(seat.person_id) or self.lobby.of_person(seat.person_id) is not None
        if full and not known and not seat.rights.oversee:
            raise Refusal("full", _FULL)

    def _seat(self, participant: Participant) -> list[Outgoing]:
        """A person's first moment inside."""
        self._participants[participant.id] = participant
        self._of_person[participant.person_id] = participant.id
        if participant.role not in SEATED:
            return []
        return [PresenceStarted(participant.id, participant.person_id, participant.role)]

    def _begin(self, participant: Participant) -> list[Outgoing]:
        """Media, what the room is like, and the others hear of it; again after a cut."""
        if participant.role != "agent":
            self._seen[participant.person_id] = participant.seat
        return [
            MediaJoin(participant.id),
            Send(participant.id, self.welcome(participant)),
            *self.tell_person(participant, but=participant),
            *self.tell_recording(but=participant),
        ]

    def _instructor_came(self, participant: Participant) -> list[Outgoing]:
        if participant.role != "instructor" or not self.lobby:
            return []
        out = self.let_in(self.lobby.freed())
        return [*out, *self.lobby.instructor_changed(), *self.lobby.tell()]

    def _drop(self, participant: Participant, reason: str) -> list[Outgoing]:
        self.media.stopped(participant)
        del self._participants[participant.id]
        if self._of_person.get(participant.person_id) == participant.id:
            del self._of_person[participant.person_id]
        out: list[Outgoing] = [MediaLeave(participant.id), *self.line.gone(participant.id)]
        if participant.role in SEATED:
            out.append(PresenceEnded(participant.id, reason, participant.lost_at))
        return out

    def _reseat(self, participant: Participant, seat: SeatHolder) -> list[Outgoing]:
        """Consent or name changed while somebody is here."""
        agents = [one for one in self.present() if one.role == "agent"]
        knew = [one for one in agents if self.sees(one, participant)]
        participant.seat = seat
        self._seen[seat.person_id] = seat
        out: list[Outgoing] = [MediaJoin(participant.id), *self.programs.reseat(participant)]
        gone = {"type": "gone", "person_id": participant.person_id, "reason": "consent"}
        out += [Send(one.id, gone) for one in knew if not self.sees(one, participant)]
        return out + self.tell_person(participant) + self.tell_recording()
