"""The door of a room: who waits until somebody lets them in, and who was taken out and has to ask.

Whoever waits has no seat yet: no media, no chat, no board, no captions, and the people inside do not hear of
them, but for those who may let them in.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from core.i18n import N_
from plugins.classroom.server.outgoing import Close, Outgoing, Send, WaitEnded, WaitStarted
from plugins.classroom.server.people import SEATED, Participant, SeatHolder, stamp
from plugins.classroom.server.refusal import Refusal

if TYPE_CHECKING:
    from plugins.classroom.server.room import Room

OFF, UNTIL_INSTRUCTOR, ALWAYS = "off", "until_instructor", "always"
MODES = (OFF, UNTIL_INSTRUCTOR, ALWAYS)
"""Nobody waits; expected people wait until the instructor is there; everybody is let in by hand."""
STAFF = ("instructor", "observer", "agent")
MAY_SAY = frozenset(("hello", "ping", "leave"))
"""All that somebody who waits may send."""
_WAITS = N_("You are not in the room yet.")


@dataclass(slots=True)
class Waiting:
    """declined: they were told "not now"; they may go on waiting."""

    who: Participant
    since: datetime
    declined: bool = False


class Lobby:
    """removed: person id -> (name, when). admitted: who was let in by hand, and so comes in again."""

    def __init__(
        self,
        room: "Room",
        removed: Mapping[str, tuple[str, datetime]] | None = None,
        admitted: Collection[str] = (),
    ) -> None:
        self._room = room
        self._waiting: dict[str, Waiting] = {}
        self.removed = dict(removed or {})
        self.admitted = set(admitted)

    def __len__(self) -> int:
        return len(self._waiting)

    def get(self, participant_id: str) -> Participant | None:
        found = self._waiting.get(participant_id)
        return found.who if found is not None else None

    def of_person(self, person_id: str) -> Participant | None:
        return next((one.who for one in self._waiting.values() if one.who.person_id == person_id), None)

    def people(self) -> list[Participant]:
        return [one.who for one in self._waiting.values()]

    def holds(self, person_id: str, role: str) -> bool:
        """Would this person have to wait now?"""
        mode = self._room.lesson.lobby
        here = any(one.role == "instructor" for one in self._room.present())
        return must_wait(mode, here, person_id, role, self.removed, self.admitted)

    # At the door

    def wait(self, seat: SeatHolder) -> tuple[Participant, list[Outgoing]]:
        """Take a place in front of the door; the same person's newer window takes the older one's place."""
        room = self._room
        out: list[Outgoing] = []
        since, declined = room.now(), False
        older = self.of_person(seat.person_id)
        if older is not None:
            before = self._waiting.pop(older.id)
            since, declined = before.since, before.declined
            out += [Close(older.id, 4409), WaitEnded(older.id, False)]
        who = Participant(room.new_id(), seat, room.now())
        self._waiting[who.id] = Waiting(who, since, declined)
        out.append(WaitStarted(who.id, seat.person_id))
        return who, [*out, Send(who.id, self.frame(who.id)), *self.tell()]

    def gone(self, participant_id: str) -> list[Outgoing]:
        """They went away, or their line was cut: they come again by themselves."""
        if self._waiting.pop(participant_id, None) is None:
            return []
        return [WaitEnded(participant_id, False), *self.tell()]

    def take(self, participant_id: str) -> Participant | None:
        """Out of the queue and in; the room gives them their seat."""
        found = self._waiting.pop(participant_id, None)
        return found.who if found is not None else None

    def chosen(self, person_id: str) -> list[Participant]:
        """Whom an answer is about: one person, or "all" who are expected and were not taken out."""
        if person_id == "all":
            return [one.who for one in self._waiting.values() if one.who.person_id not in self.removed]
        found = self.of_person(person_id)
        return [found] if found is not None else []

    def decline(self, person_id: str) -> list[Outgoing]:
        """Not now: they are told, and may go on waiting. Refusal when nobody of that id waits."""
        found = next((one for one in self._waiting.values() if one.who.person_id == person_id), None)
        if found is None:
            raise not_waiting()
        found.declined = True
        return [Send(found.who.id, self.frame(found.who.id)), *self.tell()]

    def instructor_changed(self) -> list[Outgoing]:
        """The instructor came or went: what is on the pages of those who wait."""
        return [Send(one.who.id, self.frame(one.who.id)) for one in self._waiting.values()]

    def freed(self) -> list[Participant]:
        """Who waits and need not any more."""
        return [one.who for one in self._waiting.values() if not self.holds(one.who.person_id, one.who.role)]

    # What they are told

    def frame(self, participant_id: str) -> dict[str, Any]:
        """`waiting`, for the person."""
        one, room = self._waiting[participant_id], self._room
        by_hand = room.lesson.lobby != UNTIL_INSTRUCTOR or one.who.person_id in self.removed
        return {
            "type": "waiting",
            "participant_id": participant_id,
            "since": stamp(one.since),
            "by_hand": by_hand,
            "declined": one.declined,
            "instructor_here": any(each.role == "instructor" for each in room.present()),
            "session": room.lesson.view(),
            "server_time": stamp(room.now()),
        }

    def view(self) -> dict[str, Any]:
        """`lobby`, for those who may let people in."""
        return {
            "type": "lobby",
            "mode": self._room.lesson.lobby,
            "waiting": [
                {
                    "person_id": one.who.person_id,
                    "name": one.who.seat.name,
                    "role": one.who.role,
                    "since": stamp(one.since),
                    "declined": one.declined,
                    "removed": one.who.person_id in self.removed,
                }
                for one in sorted(self._waiting.values(), key=lambda one: (one.declined, one.since))
            ],
            "removed": [
                {"person_id": person_id, "name": name, "at": stamp(at)}
                for person_id, (name, at) in self.removed.items()
            ],
        }

    def tell(self) -> list[Outgoing]:
        """`lobby` to everybody who may let people in."""
        frame = self.view()
        return [Send(one.id, frame) for one in self._room.present() if one.seat.rights.oversee]


def must_wait(
    mode: str,
    instructor_here: bool,
    person_id: str,
    role: str,
    removed: Collection[str],
    admitted: Collection[str],
) -> bool:
    """The rule of the door. Staff never waits; who was taken out always does; who was let in by hand not again."""
    if role in STAFF:
        return False
    if person_id in removed:
        return True
    if person_id in admitted or mode == OFF:
        return False
    return role not in SEATED or mode == ALWAYS or not instructor_here


def first_mode(chosen: str, students: int) -> str:
    """A new room's mode. chosen: the template's, or "auto": children are not alone in a group's room."""
    if chosen in MODES:
        return chosen
    return UNTIL_INSTRUCTOR if students > 1 else OFF


def not_waiting() -> Refusal:
    return Refusal("not_found", N_("This person does not wait any more."))


def still_waiting() -> Refusal:
    return Refusal("waiting", _WAITS)
