"""What each message does to a room. Every function checks the seat's rights first; the frame decides nothing.

They return what is to be done (`server.outgoing`) or raise `Refusal`, and then nothing has changed.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from core.i18n import N_
from plugins.classroom.server import messages as m
from plugins.classroom.server.captions import caption
from plugins.classroom.server.lobby import not_waiting
from plugins.classroom.server.outgoing import (
    Audited,
    Close,
    EndLesson,
    ExtendLesson,
    MediaMute,
    MediaSignal,
    Outgoing,
    RecordLesson,
    Removed,
    SaveAnswer,
    SaveChat,
    SaveLobby,
    SavePage,
    Send,
)
from plugins.classroom.server.people import Participant, stamp
from plugins.classroom.server.polls import ChatLine, Poll
from plugins.classroom.server.refusal import NOT_HERE, Refusal, not_allowed

if TYPE_CHECKING:
    from plugins.classroom.server.room import Room

_NO_POLL = N_("This poll is not there any more.")
_POLL_CLOSED = N_("This poll is closed.")
_ANSWERED = N_("You have answered this already.")
_PRIVATE = N_("Private messages go to your instructor only.")
_TOO_MANY_POLLS = N_("There are enough polls in this lesson.")
_RIGHT = N_("The right answer must be one of the options.")
_OPTION = N_("This is not one of the options.")


def chat(room: "Room", who: Participant, message: m.Chat) -> list[Outgoing]:
    """Private lines always have a moderator on one side: children do not whisper to each other here."""
    if not who.seat.rights.chat or "chat" in who.seat.tools_off:
        raise not_allowed()
    to = "" if message.to == "all" else message.to
    if to:
        reader = room.of_person(to)
        if reader is None or not room.sees(who, reader):
            raise Refusal("not_found", NOT_HERE)
        if not reader.seat.rights.chat or not (who.seat.rights.moderate or reader.seat.rights.moderate):
            raise Refusal("not_allowed", _PRIVATE)
    line = ChatLine(room.new_id(), who.person_id, who.seat.name, to, message.text, room.now())
    room.remember_chat(line)
    room.count(who, "chats")
    frame = room.chat_frame(line)
    readers = [one for one in room.present() if one.role != "agent" and line.readable_by(one.person_id)]
    return [
        SaveChat(line.id, line.person_id, line.to, line.text, line.at),
        *(Send(one.id, {"type": "chat", **frame}) for one in readers),
    ]


def hand(room: "Room", who: Participant, message: m.Hand) -> list[Outgoing]:
    """One's own hand up or down; moderators may lower another's."""
    subject = who
    if message.person_id is not None and message.person_id != who.person_id:
        if not who.seat.rights.moderate or message.raised:
            raise not_allowed()
        subject = room.of_person(message.person_id) or _missing()
    if subject.role not in ("instructor", "student"):
        raise not_allowed()
    if message.raised == (subject.hand_at is not None):
        return []
    subject.hand_at = room.now() if message.raised else None
    if message.raised:
        room.count(subject, "hands")
    frame = {
        "type": "hand",
        "person_id": subject.person_id,
        "raised": message.raised,
        "at": stamp(subject.hand_at),
    }
    return room.tell_people(frame, about=subject)


def react(room: "Room", who: Participant, message: m.React) -> list[Outgoing]:
    if not who.seat.rights.chat:
        raise not_allowed()
    room.count(who, "reactions")
    return room.tell_people(
        {"type": "react", "person_id": who.person_id, "reaction": message.reaction}, about=who
    )


def poll_open(room: "Room", who: Participant, message: m.PollOpen) -> list[Outgoing]:
    """A check needs its right option; an opinion poll has none."""
    if not who.seat.rights.poll:
        raise not_allowed()
    if message.right is not None and not 0 <= message.right < len(message.options):
        raise Refusal("invalid", _RIGHT)
    if len(room.polls) >= room.settings.max_polls:
        raise Refusal("too_many", _TOO_MANY_POLLS)
    poll = Poll(
        id=room.new_id(),
        kind=message.kind,
        question=message.question,
        options=tuple(message.options),
        right=message.right,
        opened_by=who.person_id,
        opened_at=room.now(),
    )
    room.polls[poll.id] = poll
    return [poll.row(), *room.tell_poll(poll)]


def poll_answer(room: "Room", who: Participant, message: m.PollAnswer) -> list[Outgoing]:
    """An answer is final: a check would mean little otherwise. The same answer again is a resend."""
    if who.role != "student":
        raise not_allowed()
    poll = _poll(room, message.poll_id)
    given = poll.answers.get(who.person_id)
    if given is None:
        if poll.status != "open":
            raise Refusal("closed", _POLL_CLOSED)
        if message.option >= len(poll.options):
            raise Refusal("invalid", _OPTION)
        poll.answers[who.person_id] = message.option
        answer = SaveAnswer(poll.id, who.person_id, message.option, poll.is_right(message.option), room.now())
        return [answer, *room.tell_poll(poll)]
    if given != message.option:
        raise Refusal("closed", _ANSWERED)
    return [Send(who.id, room.poll_frame(poll, who))]


def poll_close(room: "Room", who: Participant, message: m.PollClose) -> list[Outgoing]:
    return _poll_status(room, who, message.poll_id, "closed")


def poll_show(room: "Room", who: Participant, message: m.PollShow) -> list[Outgoing]:
    """Showing also closes: an answer after the result would not be one."""
    return _poll_status(room, who, message.poll_id, "shown")


def page(room: "Room", who: Participant, message: m.Page) -> list[Outgoing]:
    if not (who.seat.rights.draw and who.seat.rights.moderate):
        raise not_allowed()
    if room.page == message.page:
        return []
    room.page = message.page
    frame = {"type": "page", "page": room.page, "by": who.person_id}
    return [SavePage(room.page), *room.tell_people(frame)]


def mute(room: "Room", who: Participant, message: m.Mute) -> list[Outgoing]:
    """A device or a shared screen stops at once, at the node. One way: nobody can switch another's on."""
    _oversees(who)
    if message.person_id == "all":
        subjects = [one for one in room.present() if one.role == "student"]
    else:
        subjects = [room.of_person(message.person_id) or _missing()]
    out: list[Outgoing] = []
    for subject in subjects:
        if message.source not in subject.seat.rights.publish:
            raise Refusal("not_found", NOT_HERE)
        for source in ("screen", "screen_audio") if message.source == "screen" else (message.source,):
            out.append(MediaMute(subject.id, source))
            if subject.program is not None and source in subject.program.publish:
                out.append(MediaMute(subject.program.id, source))
        frame = {"type": "muted", "source": message.source, "by": who.person_id, "role": who.role}
        out.append(Send(subject.id, frame))
        out.append(Audited(who.person_id, "mute", subject.person_id, (("source", message.source),)))
    return out


def remove(room: "Room", who: Participant, message: m.Remove) -> list[Outgoing]:
    """Out at once, with all that is open; whoever comes again waits at the door until somebody lets them in.

    Instructors are not removed from the room: their seat is the coordinator's business.
    """
    _oversees(who)
    waits = room.lobby.of_person(message.person_id)
    subject = waits or room.of_person(message.person_id) or _missing()
    if subject.role != "student":
        raise not_allowed()
    room.block(subject.person_id, subject.seat.name)
    left = room.lobby.gone(subject.id) if waits else room.leave(subject.id, "removed")
    return [
        Close(subject.id, 4410),
        Removed(subject.person_id),
        *left,
        *room.lobby.tell(),
        Audited(who.person_id, "remove", subject.person_id),
    ]


def allow(room: "Room", who: Participant, message: m.Allow) -> list[Outgoing]:
    """Somebody who was taken out may come in again like everybody else."""
    _oversees(who)
    if not room.allow(message.person_id):
        raise Refusal("not_found", NOT_HERE)
    out: list[Outgoing] = [Audited(who.person_id, "allow", message.person_id)]
    return [*out, *room.let_in(room.lobby.freed()), *room.lobby.tell()]


def admit(room: "Room", who: Participant, message: m.Admit) -> list[Outgoing]:
    """Let one person in, or everybody who is expected. They come in again without asking."""
    _oversees(who)
    chosen = room.lobby.chosen(message.person_id)
    if not chosen and message.person_id != "all":
        raise not_waiting()
    out: list[Outgoing] = []
    for one in chosen:
        room.allow(one.person_id)
        room.lobby.admitted.add(one.person_id)
        out.append(Audited(who.person_id, "admit", one.person_id))
    return [*out, *room.let_in(chosen), *room.lobby.tell()]


def decline(room: "Room", who: Participant, message: m.Decline) -> list[Outgoing]:
    """Not now. They are told so and may go on waiting."""
    _oversees(who)
    return [*room.lobby.decline(message.person_id), Audited(who.person_id, "decline", message.person_id)]


def lobby(room: "Room", who: Participant, message: m.LobbyMode) -> list[Outgoing]:
    """Who waits from now on. Whoever need not wait any more comes in."""
    _oversees(who)
    if message.mode == room.lesson.lobby:
        return []
    room.lesson = replace(room.lesson, lobby=message.mode)
    return [
        SaveLobby(message.mode),
        Audited(who.person_id, "lobby", None, (("mode", message.mode),)),
        *room.let_in(room.lobby.freed()),
        *room.lobby.instructor_changed(),
        *room.lobby.tell(),
    ]


def end(room: "Room", who: Participant, message: m.End) -> list[Outgoing]:
    _oversees(who)
    return [EndLesson(who.id, who.person_id)]


def record(room: "Room", who: Participant, message: m.Record) -> list[Outgoing]:
    if not who.seat.rights.moderate:
        raise not_allowed()
    return [RecordLesson(who.id, who.person_id, message.on)]


def extend(room: "Room", who: Participant, message: m.Extend) -> list[Outgoing]:
    if who.role != "instructor":
        raise not_allowed()
    return [ExtendLesson(who.id, who.person_id, message.minutes)]


def stats(room: "Room", who: Participant, message: m.Stats) -> list[Outgoing]:
    """Evidence; nobody is told."""
    room.line.told(who, message)
    return []


def leave(room: "Room", who: Participant, message: m.Leave) -> list[Outgoing]:
    return [Close(who.id, 1000), *room.leave(who.id, "left")]


def ping(room: "Room", who: Participant, message: m.Ping) -> list[Outgoing]:
    return [Send(who.id, {"type": "pong", "at": message.at, "server_time": stamp(room.now())})]


def media(room: "Room", who: Participant, message: m.Media) -> list[Outgoing]:
    return [MediaSignal(who.id, message.message)]


def hello(room: "Room", who: Participant, message: m.Hello) -> list[Outgoing]:
    """The seat is taken already: say it all again, which is harmless and what a confused browser needs."""
    return [Send(who.id, room.welcome(who))]


def _poll_status(room: "Room", who: Participant, poll_id: str, status: str) -> list[Outgoing]:
    if not who.seat.rights.poll:
        raise not_allowed()
    poll = _poll(room, poll_id)
    if poll.status in (status, "shown"):
        return room.tell_poll(poll) if poll.status == status else []
    poll.status = status
    return [poll.row(), *room.tell_poll(poll)]


def _poll(room: "Room", poll_id: str) -> Poll:
    poll = room.polls.get(poll_id)
    if poll is None:
        raise Refusal("not_found", _NO_POLL)
    return poll


def _oversees(who: Participant) -> None:
    if not who.seat.rights.oversee:
        raise not_allowed()


def _missing() -> Participant:
    raise Refusal("not_found", NOT_HERE)


ACTIONS: dict[str, Callable[["Room", Participant, Any], list[Outgoing]]] = {
    "hello": hello,
    "media": media,
    "chat": chat,
    "hand": hand,
    "react": react,
    "poll.open": poll_open,
    "poll.answer": poll_answer,
    "poll.close": poll_close,
    "poll.show": poll_show,
    "page": page,
    "mute": mute,
    "remove": remove,
    "allow": allow,
    "admit": admit,
    "decline": decline,
    "lobby": lobby,
    "end": end,
    "extend": extend,
    "record": record,
    "caption": caption,
    "stats": stats,
    "leave": leave,
    "ping": ping,
}

AGENT_MAY = frozenset(("hello", "media", "caption", "leave", "ping"))
"""Agents listen and caption; nothing else."""
