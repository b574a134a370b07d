"""Other programs in a room (WHIP and WHEP): what publishes beside somebody's browser, and what watches.

Part of the room's state machine, as pure as the rest. A connection is opened, and seated once the media node
took its offer; the one before it ends only then.
"""

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING

from core.i18n import N_
from plugins.classroom.server.outgoing import Audited, MediaJoin, MediaLeave, Outgoing, Send
from plugins.classroom.server.people import Participant, Program, SeatHolder
from plugins.classroom.server.refusal import Refusal, not_allowed

if TYPE_CHECKING:
    from core.ports import MediaEvent
    from plugins.classroom.server.room import Room

WATCHERS = ("instructor", "observer")
SOURCES = {"screen": ("screen", "screen_audio"), "camera": ("camera", "microphone")}
"""What a program may be: a screen with its sound, or the person's camera and microphone."""
_NOT_HERE = N_("Please join the lesson in your browser first, then start the other program.")
_FULL = N_("Too many programs watch this lesson already.")


class Programs:
    """One that publishes a person at most, `max_watchers` that watch."""

    def __init__(self, room: "Room") -> None:
        self._room = room
        self._open: dict[str, Program] = {}
        self._watching: dict[str, Program] = {}

    def __bool__(self) -> bool:
        return bool(self._open or self._watching)

    def get(self, program_id: str) -> Program | None:
        """One that is seated."""
        program = self._watching.get(program_id)
        if program is not None:
            return program
        owner = self.owner(program_id)
        return owner.program if owner is not None else None

    def owner(self, program_id: str) -> Participant | None:
        """For whom it publishes."""
        found = (one for one in self._room.present() if one.program is not None)
        return next((one for one in found if one.program is not None and one.program.id == program_id), None)

    def known(self, program_id: str) -> Program | None:
        """One that is open or seated: what the node may be told about."""
        return self._open.get(program_id) or self.get(program_id)

    def watchers(self) -> list[Program]:
        return list(self._watching.values())

    def open(self, seat: SeatHolder, source: str) -> tuple[Program, list[Outgoing]]:
        """A place at the node. source: a key of SOURCES to publish, "" to watch. Refusal."""
        room = self._room
        if source:
            owner = room.of_person(seat.person_id)
            if owner is None:
                raise Refusal("not_here", _NOT_HERE)
            publish = tuple(one for one in SOURCES[source] if one in owner.seat.rights.publish)
            if not publish:
                raise not_allowed()
            program = Program(f"{owner.id}.{room.new_id()}", owner.seat, publish)
        else:
            if seat.role not in WATCHERS:
                raise not_allowed()
            watching = [one for one in self._open.values() if not one.publish]
            if len(self._watching) + len(watching) >= room.settings.max_watchers:
                raise Refusal("full", _FULL)
            program = Program(room.new_id(), seat)
        self._open[program.id] = program
        return program, [MediaJoin(program.id)]

    def seat(self, program: Program) -> list[Outgoing] | None:
        """The node took its offer. None: who it is for left in the meantime."""
        if self._open.pop(program.id, None) is None:
            return None
        room, person_id = self._room, program.seat.person_id
        if not program.publish:
            self._watching[program.id] = program
            frame = {"type": "person", "person": program.view()}
            told: list[Outgoing] = [Send(one.id, frame) for one in room.present() if self.shown_to(one)]
            return [*told, Audited(person_id, "watch", person_id)]
        owner = room.of_person(person_id)
        assert owner is not None  # whoever leaves takes what is open along
        before, owner.program = owner.program, program
        out: list[Outgoing] = [MediaLeave(before.id)] if before is not None else []
        return [*out, *room.tell_person(owner), Audited(person_id, "publish", person_id)]

    def end(self, program_id: str) -> list[Outgoing]:
        """Idempotent."""
        if self._open.pop(program_id, None) is not None:
            return [MediaLeave(program_id)]
        if self._watching.pop(program_id, None) is not None:
            frame = {"type": "gone", "person_id": f"program:{program_id}", "reason": "left"}
            told = [Send(one.id, frame) for one in self._room.present() if self.shown_to(one)]
            return [MediaLeave(program_id), *told]
        owner = self.owner(program_id)
        if owner is None:
            return []
        owner.program = None
        return [MediaLeave(program_id), *self._room.tell_person(owner)]

    def end_where(self, ends: Callable[[Program], bool]) -> list[Outgoing]:
        """All of which this is true."""
        seated = [one.program for one in self._room.present() if one.program is not None]
        every = [*self._open.values(), *self._watching.values(), *seated]
        return [step for one in every if ends(one) for step in self.end(one.id)]

    def leaves(self, participant: Participant) -> list[Outgoing]:
        """Somebody goes: what publishes for them goes too. Called while they are still here."""
        return self.end_where(lambda one: bool(one.publish) and one.seat.person_id == participant.person_id)

    def seats_changed(self, holders: Mapping[str, SeatHolder], asked: Collection[str]) -> list[Outgoing]:
        """Who may not watch any more does not."""

        def ends(program: Program) -> bool:
            seat = holders.get(program.seat.person_id)
            may = seat is not None and seat.role == program.seat.role and seat.role in WATCHERS
            return not program.publish and program.seat.person_id in asked and not may

        return self.end_where(ends)

    def reseat(self, participant: Participant) -> list[Outgoing]:
        """Consent or name of somebody changed."""
        program = participant.program
        if program is None:
            return []
        program.seat = participant.seat
        return [MediaJoin(program.id)]

    def event(self, event: "MediaEvent") -> list[Outgoing]:
        """What the node reports about one of them."""
        data = event.data
        if event.kind == "disconnected" or (event.kind == "message" and data.get("type") == "moved"):
            # It cannot be told to connect again: whoever wants to goes on with a new offer.
            return self.end(event.participant_id)
        program = self.known(event.participant_id)
        if program is None or event.kind not in ("published", "muted", "unpublished"):
            return []
        # The node may say so before its answer is here, that is before the program is seated.
        owner = self._room.of_person(program.seat.person_id)
        if owner is None:
            return []
        return self._room.media.source(owner, program.sources, event.kind, data)

    @staticmethod
    def shown_to(reader: Participant) -> bool:
        """Those who watch with a program are listed like everybody who looks in."""
        return reader.seat.rights.moderate or reader.role == "observer"
