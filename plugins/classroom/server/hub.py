"""The hub: all rooms of this process, their sockets, and everything a room's state machine asks to be done.

Rooms never await and sockets never decide: frames go through a bounded queue a socket, facts through the
journal, media through the bridge. The seat is looked up again when somebody connects, when the event log
says that something changed, and every `recheck_s`.
"""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from core.config import Settings
from core.errors import UserError, fault
from core.i18n import N_
from core.lifecycle import waiting
from core.ports import Bus, Clock, MediaEvent, MediaServer, Store
from core.tickets import Tickets
from plugins.classroom import service
from plugins.classroom.server import check, lesson, listen, messages
from plugins.classroom.server.connection import LOST, TOO_LARGE, TOO_MANY, Connection, Verdict
from plugins.classroom.server.endpoints import RoomPrograms
from plugins.classroom.server.journal import Journal
from plugins.classroom.server.listen import ReceivingSocket, receive, tell_error
from plugins.classroom.server.lobby import must_wait
from plugins.classroom.server.media import MediaBridge, rights_of, rights_of_program
from plugins.classroom.server.outgoing import (
    Close,
    EndLesson,
    ExtendLesson,
    MediaJoin,
    MediaLeave,
    MediaMute,
    MediaSignal,
    Outgoing,
    PresenceEnded,
    RecordLesson,
    Removed,
    RoomEmptied,
    Send,
)
from plugins.classroom.server.people import RIGHTS, Participant, SeatHolder
from plugins.classroom.server.recording import WATCHED, RoomRecording
from plugins.classroom.server.refusal import Refusal
from plugins.classroom.server.rooms import OpenRoom, Rooms
from plugins.classroom.settings import ClassroomSettings

logger = logging.getLogger(__name__)

OVER, REVOKED, REMOVED, RESTART = 1000, 4403, 4410, 1012
REVOKED_TOPIC = "seat.revoked"
"""Bus messages {session_id, person_id}: the seat was taken away; room and board end at once."""
_WATCHED = WATCHED | {"session.scheduled", "session.started", "session.ended"}
_TOO_MANY = N_("That was too much at once. Please wait a moment.")


@dataclass(frozen=True, slots=True)
class Claims:
    """What a room ticket says, verified. link: SHA-256 of the join link they came by, or ""."""

    session_id: str
    person_id: str
    role: str
    link: str = ""


class RoomHub:
    """Use inside `async with hub.running():`. Every port is an argument."""

    def __init__(
        self,
        settings: ClassroomSettings,
        core_settings: Settings,
        store: Store,
        clock: Clock,
        tickets: Tickets,
        media: MediaServer | None = None,
        bus: Bus | None = None,
    ) -> None:
        self.settings = settings
        self._grace_s = core_settings.rejoin_grace_s
        self._store, self._clock, self._bus = store, clock, bus
        self.rooms = Rooms(settings, store, clock.now, tickets, core_settings.rejoin_grace_s)
        self._journal = Journal(store)
        self._media = MediaBridge(media, self._media_reply)
        self.programs = RoomPrograms(self._media, self.rooms, store, clock.now, self._carry_out)
        self.checks = check.Checks(media, settings)
        self._recording = RoomRecording(self._media, self._start, self._carry_out, self.refresh)
        self._where: dict[str, str] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._sockets: set[asyncio.Task[Any]] = set()
        self._stopping = False

    @asynccontextmanager
    async def running(self) -> AsyncIterator["RoomHub"]:
        """Keep the clockwork going; on leaving, close the sockets and write everything down."""
        self.rooms.cut_off = await asyncio.to_thread(service.open_intervals, self._store)
        await asyncio.to_thread(waiting.close_all)
        settings = self.settings
        background = [
            asyncio.create_task(self._journal.run()),
            asyncio.create_task(self._media.follow(self._media_event)),
            asyncio.create_task(self._follow_log()),
            asyncio.create_task(self._follow_revoked()),
            asyncio.create_task(self._every(settings.tick_s, self._tick)),
            asyncio.create_task(self._every(settings.recheck_s, self._recheck)),
            asyncio.create_task(self._every(settings.engagement_s, self._measure)),
            asyncio.create_task(self._close_unreturned()),
        ]
        try:
            yield self
        finally:
            self._stopping = True
            await self._measure()
            for opened in self.rooms.all():
                for connection in opened.connections.values():
                    connection.close(RESTART)
            await self._journal.settled()
            await self._hung_up()
            for task in (*background, *self._tasks):
                task.cancel()
            await asyncio.gather(*background, *self._tasks, return_exceptions=True)
            await self._media.close()

    # A socket's life

    async def serve(self, socket: ReceivingSocket, claims: Claims) -> None:
        """Keep one browser in one room until either side ends it. Accepted, ticket verified."""
        connection = Connection(socket, self.settings, agent=claims.role == "agent")
        writer = asyncio.create_task(connection.write())
        own = asyncio.current_task()
        assert own is not None
        self._sockets.add(own)
        try:
            seat = await self._at_the_door(connection, claims)
            if seat is not None and not self._stopping:
                await self._in_the_room(socket, connection, writer, claims, seat)
        finally:
            connection.close(LOST)
            with suppress(TimeoutError):
                await asyncio.wait_for(writer, 2.0)
            await connection.hang_up()
            self._sockets.discard(own)

    async def _hung_up(self) -> None:
        """Let the sockets' own tasks say goodbye; a server that stops does not wait long."""
        waiting = {task for task in self._sockets if task is not asyncio.current_task()}
        if waiting:
            await asyncio.wait(waiting, timeout=3.0)

    async def _at_the_door(self, connection: Connection, claims: Claims) -> SeatHolder | None:
        try:
            if claims.role == "agent":
                await asyncio.to_thread(service.load_lesson, self._store, claims.session_id)
                return SeatHolder(claims.person_id, "", "agent")
            snapshot = await asyncio.to_thread(
                service.admit,
                self._store,
                claims.session_id,
                claims.person_id,
                claims.role,
                claims.link,
                self._clock.now(),
            )
            return snapshot.holders[claims.person_id]
        except UserError as refused:
            tell_error(connection, refused.code, refused.message, "hello", "en", **refused.facts)
            connection.close(OVER if refused.code == "session_not_open" else REVOKED)
            return None

    async def _in_the_room(
        self,
        socket: ReceivingSocket,
        connection: Connection,
        writer: asyncio.Task[None],
        claims: Claims,
        seat: SeatHolder,
    ) -> None:
        hello = await listen.hello(socket, connection, writer, self.settings, seat.lang)
        if hello is None:
            return
        opened = await self.rooms.open(claims.session_id)
        participant = self._take_seat(
            opened, connection, seat, self.rooms.resumed(hello.resume, claims.session_id, claims.person_id)
        )
        if participant is None:
            return
        try:
            while (frame := await receive(socket, writer)) is not None:
                if not self._take(opened, connection, participant, frame):
                    await asyncio.wait((writer,), timeout=2.0)
                    return
        finally:
            self._gone(opened, connection, participant)

    def _take_seat(
        self, opened: OpenRoom, connection: Connection, seat: SeatHolder, resume: str
    ) -> Participant | None:
        try:
            participant, out = opened.room.join(seat, resume)
        except Refusal as refused:
            tell_error(connection, refused.kind, refused.message, "hello", seat.lang)
            connection.close(REMOVED if refused.kind == "removed" else REVOKED)
            return None
        older = opened.connections.get(participant.id)
        if older is not None:
            older.close(4409)
        opened.connections[participant.id] = connection
        self._where[participant.id] = opened.id
        self.rooms.cut_off.get(opened.id, {}).pop(participant.id, None)
        opened.empty_since = None
        self._carry_out(opened, out)
        self._recording.follow(opened)
        return participant

    def _gone(self, opened: OpenRoom, connection: Connection, participant: Participant) -> None:
        """The socket ended. Only the seat's newest socket means anything for the seat."""
        if opened.connections.get(participant.id) is connection:
            del opened.connections[participant.id]
            if not self._stopping:
                self._carry_out(opened, opened.room.disconnected(participant.id))

    def _take(self, opened: OpenRoom, connection: Connection, participant: Participant, frame: str) -> bool:
        """Let the room have one frame; False when the socket is to end."""
        size = len(frame.encode("utf-8", "replace"))
        if connection.closing:
            return False
        if size > self.settings.max_media_frame_bytes:
            connection.close(TOO_LARGE)
            return False
        try:
            message: Mapping[str, Any] = messages.decode(frame)
        except messages.Malformed:
            message = {}
        media = message.get("type") == "media"
        verdict = connection.heard(media)
        if verdict is Verdict.CLOSE:
            connection.close(TOO_MANY)
        elif verdict is Verdict.WARN:
            of = message.get("type")
            tell_error(
                connection, "too_many", _TOO_MANY, of if isinstance(of, str) else "", participant.seat.lang
            )
        elif size > self.settings.max_frame_bytes and not media:
            connection.close(TOO_LARGE)
        elif verdict is Verdict.TAKE:
            self._carry_out(opened, opened.room.handle(participant, message))
        return not connection.closing

    # What rooms want done

    def _carry_out(self, opened: OpenRoom, out: Iterable[Outgoing]) -> None:
        room_id = opened.id
        texts: dict[int, str] = {}
        for step in out:
            match step:
                case Send():
                    connection = opened.connections.get(step.participant_id)
                    if connection is not None:
                        key = id(step.frame)
                        if key not in texts:
                            texts[key] = json.dumps(step.frame, separators=(",", ":"))
                        connection.send(texts[key])
                case Close():
                    connection = opened.connections.pop(step.participant_id, None)
                    if connection is not None:
                        connection.close(step.code)
                case Removed():
                    self._tell_board(room_id, step.person_id)
                case MediaJoin():
                    participant = opened.room.get(step.participant_id)
                    program = opened.room.programs.known(step.participant_id)
                    if participant is not None:
                        self._media.join(room_id, participant.id, rights_of(participant.seat))
                    elif program is not None:
                        self._media.join(room_id, program.id, rights_of_program(program))
                case MediaSignal():
                    self._media.signal(room_id, step.participant_id, step.message)
                case MediaMute():
                    self._media.mute(room_id, step.participant_id, step.source)
                case MediaLeave():
                    self._where.pop(step.participant_id, None)
                    self._media.leave(room_id, step.participant_id)
                case EndLesson():
                    self._start(self._end_lesson(opened, step))
                case ExtendLesson():
                    self._start(self._extend_lesson(opened, step))
                case RecordLesson():
                    work = partial(lesson.record, self._store, step.person_id, room_id, step.on)
                    self._start(self._lifecycle(opened, step.participant_id, "record", work))
                case _:
                    self._journal.put(room_id, step)

    async def _end_lesson(self, opened: OpenRoom, step: EndLesson) -> None:
        room = opened.room
        self._carry_out(opened, room.engagement())
        await self._journal.settled(3.0)
        work = partial(lesson.end, self._store, step.person_id, room.lesson.id)
        await self._lifecycle(opened, step.participant_id, "end", work)

    async def _extend_lesson(self, opened: OpenRoom, step: ExtendLesson) -> None:
        session_id = opened.id
        work = partial(lesson.extend, self._store, step.person_id, session_id, step.minutes)
        await self._lifecycle(opened, step.participant_id, "extend", work)

    async def _lifecycle(
        self, opened: OpenRoom, participant_id: str, of: str, work: Callable[[], None]
    ) -> None:
        """Change the domain for a participant; a refusal is a sentence for them."""
        try:
            await asyncio.to_thread(work)
        except UserError as refused:
            connection = opened.connections.get(participant_id)
            participant = opened.room.get(participant_id)
            if connection is not None and participant is not None:
                tell_error(
                    connection, refused.code, refused.message, of, participant.seat.lang, **refused.facts
                )
            return
        await self.refresh(opened.id)

    # What the house tells rooms

    async def refresh(self, session_id: str) -> None:
        """Look at the lesson and its seats again, and act on what changed."""
        opened = self.rooms.get(session_id)
        if opened is None:
            return
        people = opened.room.known()
        snapshot = await asyncio.to_thread(service.snapshot, self._store, session_id, people)
        if opened.room.over:
            return
        self._carry_out(opened, opened.room.lesson_changed(snapshot.lesson))
        self._recording.follow(opened)
        if snapshot.end_reason:
            await self._finish(opened, snapshot.end_reason)
        else:
            asked = {one.person_id for one in people}
            self._carry_out(opened, opened.room.seats_changed(snapshot.holders, asked))

    def revoke(self, session_id: str, person_id: str) -> bool:
        """The seat was taken away: out, now. True when that person was here."""
        opened = self.rooms.get(session_id)
        if opened is None:
            return False
        out = opened.room.programs.end_where(lambda one: one.seat.person_id == person_id)
        participant = opened.room.of_person(person_id) or opened.room.lobby.of_person(person_id)
        if participant is not None:
            out += [Close(participant.id, REVOKED), *opened.room.leave(participant.id, "removed")]
        self._carry_out(opened, out)
        return bool(out)

    def blocked(self, session_id: str, person_id: str) -> bool:
        """Was this person asked to leave a moment ago?"""
        opened = self.rooms.get(session_id)
        return opened is not None and opened.room.blocked(person_id)

    def inside(self, session_id: str, person_id: str) -> bool:
        """Has this person a seat in the open room, or one that waits for them after a cut?"""
        opened = self.rooms.get(session_id)
        if opened is None:
            return person_id in self.rooms.cut_off.get(session_id, {}).values()
        return opened.room.inside(person_id)

    def holds(self, session_id: str, person_id: str, role: str) -> bool:
        """Would this person have to wait at the door now? Blocking: asks the database for a room that is not open."""
        if self.inside(session_id, person_id):
            return False
        opened = self.rooms.get(session_id)
        if opened is not None:
            return opened.room.lobby.holds(person_id, role)
        mode, removed, admitted = service.door_of(self._store, session_id)
        return must_wait(mode, False, person_id, role, removed, admitted)

    def agent_here(self, session_id: str, agent: str) -> bool:
        opened = self.rooms.get(session_id)
        return opened is not None and opened.room.of_person(f"agent:{agent}") is not None

    @property
    def unwritten(self) -> int:
        """Facts that wait for the database."""
        return self._journal.size

    def people(self) -> dict[str, int]:
        """Taken seats by role, for metrics."""
        roles = [one.role for opened in self.rooms.all() for one in opened.room.present()]
        return {role: roles.count(role) for role in RIGHTS}

    def stats(self) -> dict[str, int]:
        """Numbers for health pages and tests."""
        rooms = self.rooms.all()
        return {"rooms": len(rooms), "connections": sum(len(one.connections) for one in rooms)}

    async def _finish(self, opened: OpenRoom, reason: str) -> None:
        """Everybody out, the lesson is over. Idempotent."""
        if opened.room.over:
            return
        session_id = opened.id
        self._carry_out(opened, opened.room.finish(reason))
        self.rooms.forget(session_id)
        self.rooms.cut_off.pop(session_id, None)
        await self._media.close_room(session_id)

    async def _follow_log(self) -> None:
        """A border: whatever breaks the tail, the rooms go on and the tail is taken up again."""
        while True:
            try:
                async for batch in self._store.tail():
                    concerned = {event.session_id for event in batch if event.kind in _WATCHED}
                    consents = {event.person_id for event in batch if event.kind == "consent.changed"}
                    for opened in self.rooms.all():
                        known = {one.person_id for one in opened.room.known()} if consents else set[str]()
                        if opened.id in concerned or known & consents:
                            await self.refresh(opened.id)
            except Exception as error:
                logger.error("Rooms lost the event log", extra={"fault": fault(error)})
            await asyncio.sleep(1.0)
            await self._recheck()

    async def _follow_revoked(self) -> None:
        if self._bus is None:
            return
        async for _topic, message in self._bus.subscribe(REVOKED_TOPIC):
            self.revoke(str(message.get("session_id")), str(message.get("person_id")))

    def _media_event(self, event: MediaEvent) -> None:
        if event.room_id.startswith(check.ROOM):
            self.checks.heard(event)
            return
        if event.kind == "recording":
            opened = self.rooms.get(event.room_id)
            if opened is not None:
                self._recording.heard(opened, event)
            return
        if event.room_id:
            opened = self.rooms.get(event.room_id)
            concerned = [opened] if opened is not None else []
        else:
            concerned = self.rooms.all()
        for one in concerned:
            self._carry_out(one, one.room.media.event(event))

    def _media_reply(self, participant_id: str, message: Mapping[str, Any]) -> None:
        opened = self.rooms.get(self._where.get(participant_id, ""))
        if opened is not None:
            self._carry_out(opened, [Send(participant_id, {"type": "media", "message": dict(message)})])

    # The clockwork

    async def _tick(self) -> None:
        now = self._clock.now()
        for opened in self.rooms.all():
            for participant_id, connection in list(opened.connections.items()):
                if not connection.agent and connection.silent_s > self.settings.silent_s:
                    connection.close(LOST)
                    if opened.connections.pop(participant_id, None) is not None:
                        self._carry_out(opened, opened.room.disconnected(participant_id))
            self._carry_out(opened, opened.room.tick())
            if not opened.room.deserted:
                opened.empty_since = None
            elif opened.empty_since is None:
                opened.empty_since = now
            elif (now - opened.empty_since).total_seconds() >= self.settings.linger_s:
                await self._put_away(opened)

    async def _put_away(self, opened: OpenRoom) -> None:
        """Forget an empty room; its rows bring it back."""
        session_id = opened.id
        await self._journal.settled()
        if opened.room.deserted:
            self._carry_out(opened, opened.room.engagement())
            self.rooms.forget(session_id)
            await self._media.close_room(session_id)

    async def _recheck(self) -> None:
        for opened in self.rooms.all():
            await self.refresh(opened.id)

    async def _measure(self) -> None:
        for opened in self.rooms.all():
            self._carry_out(opened, opened.room.engagement())
            self._carry_out(opened, opened.room.line.past(everything=self._stopping))

    async def _close_unreturned(self) -> None:
        """After a restart seats wait for the grace time; then their presence ends where the server did."""
        await asyncio.sleep(self._grace_s)
        for session_id, cut in self.rooms.cut_off.items():
            opened = self.rooms.get(session_id)
            if opened is not None:
                opened.room.give_up_returning()
            for participant_id in cut:
                self._journal.put(session_id, PresenceEnded(participant_id, "server_restart"))
            if opened is None or not opened.room.occupied():
                self._journal.put(session_id, RoomEmptied())
        self.rooms.cut_off = {}

    async def _every(self, period_s: float, work: Callable[[], Awaitable[None]]) -> None:
        """A border: one failing round must not stop the clock (the database may be away for a moment)."""
        while True:
            await asyncio.sleep(period_s)
            try:
                await work()
            except Exception as error:
                logger.error("Room housekeeping failed", extra={"work": work.__name__, "fault": fault(error)})

    # Small things

    def _tell_board(self, session_id: str, person_id: str) -> None:
        """A removed person's board ends too, also in other processes."""
        if self._bus is not None:
            self._start(self._bus.publish(REVOKED_TOPIC, {"session_id": session_id, "person_id": person_id}))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(self._guard(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @staticmethod
    async def _guard(work: Coroutine[Any, Any, None]) -> None:
        """A border: what a room started must not fail unseen."""
        try:
            await work
        except Exception as error:
            logger.error("Room work failed", extra={"fault": fault(error)})
