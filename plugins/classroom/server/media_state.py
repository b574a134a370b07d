"""What the media node reports, as the room's people see it: devices, who speaks, how good a line is."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from plugins.classroom.server.outgoing import MediaJoin, Outgoing, PresenceGap, Send
from plugins.classroom.server.people import SEATED, SOURCES, Participant

if TYPE_CHECKING:
    from core.ports import MediaEvent
    from plugins.classroom.server.room import Room

_SLOW_RTT_MS = 800.0
_LASTS_S = 4.0
"""Smaller pictures for a moment are not worth a sentence."""


class MediaState:
    """Media is evidence, the seat is the truth: nothing here changes who is in the room."""

    def __init__(self, room: "Room") -> None:
        self._room = room
        self._speaking: dict[str, datetime] = {}
        self._node_lost_at: datetime | None = None
        self._quality: dict[str, tuple[bool, str, str]] = {}
        self._reduced: dict[tuple[str, str], datetime] = {}

    def event(self, event: "MediaEvent") -> list[Outgoing]:
        """One report of the node. Unknown kinds and participants are ignored: it may know more."""
        if event.kind == "speakers":
            return self._speakers(event.data.get("speakers", ()))
        if event.kind in ("node_lost", "node_back"):
            return self._node(event.kind == "node_back")
        who = self._room.get(event.participant_id)
        if who is None:
            return self._room.programs.event(event)
        match event.kind:
            case "message":
                return [Send(who.id, {"type": "media", "message": dict(event.data)})]
            case "published" | "muted" | "unpublished":
                return self.source(who, who.sources, event.kind, event.data)
            case "quality":
                return self._line(who, event.data)
            case _:
                return []

    def stopped(self, who: Participant) -> None:
        """This participant cannot be heard any more."""
        self._spoke(who.person_id)
        who.sources.clear()
        who.weak = False
        self._quality.pop(who.id, None)
        for reason in ("bandwidth", "sender"):
            self._reduced.pop((who.id, reason), None)

    def settle(self) -> None:
        """Count what was spoken so far; who is speaking goes on."""
        now = self._room.now()
        for person_id in list(self._speaking):
            self._spoke(person_id)
            self._speaking[person_id] = now

    def _spoke(self, person_id: str) -> None:
        since = self._speaking.pop(person_id, None)
        who = self._room.of_person(person_id)
        if since is not None and who is not None:
            self._room.count(who, "talk_s", (self._room.now() - since).total_seconds())

    def _speakers(self, speakers: Sequence[Mapping[str, Any]]) -> list[Outgoing]:
        found = [self._whose(str(one.get("participant_id", ""))) for one in speakers]
        people = list(dict.fromkeys(one.person_id for one in found if one and one.role != "agent"))
        for person_id in set(self._speaking) - set(people):
            self._spoke(person_id)
        for person_id in people:
            self._speaking.setdefault(person_id, self._room.now())
        return self._room.tell_people({"type": "speakers", "person_ids": people})

    def _whose(self, participant_id: str) -> Participant | None:
        """Whom somebody hears: the one at the browser, or for whom another program publishes."""
        return self._room.get(participant_id) or self._room.programs.owner(participant_id)

    def source(
        self, who: Participant, sources: dict[str, bool], kind: str, data: Mapping[str, Any]
    ) -> list[Outgoing]:
        """What a connection of this person sends has changed. sources: that connection's, updated in place."""
        source = data.get("source")
        if source not in SOURCES:
            return []
        before = who.view()
        if kind == "unpublished":
            sources.pop(source, None)
        else:
            sources[source] = bool(data.get("muted", False))
        if source == "microphone" and not who.sends("microphone"):
            self._spoke(who.person_id)
        return self._room.tell_person(who) if who.view() != before else []

    def _line(self, who: Participant, data: Mapping[str, Any]) -> list[Outgoing]:
        """`quality` to the person concerned when it changes; the others see a weak line on the tile."""
        settings = self._room.settings
        loss = max(_number(data.get("loss")), _number(data.get("uplink_loss")))
        estimate = _number(data.get("estimate_bps"))
        weak = (
            loss >= settings.weak_loss
            or _number(data.get("rtt_ms")) >= _SLOW_RTT_MS
            or 0 < estimate < settings.weak_bps
        )
        self._room.line.heard(who, data, weak)
        sentence, person_id = self._sentence(who, data.get("tracks", ()), weak)
        if self._quality.get(who.id, (False, "", "")) == (weak, sentence, person_id):
            return []
        self._quality[who.id] = (weak, sentence, person_id)
        frame = {
            "type": "quality",
            "connection": "weak" if sentence not in ("", "sender") else "good",
            "sentence": sentence,
            "video_off": sentence == "weak_video_off",
            "person_id": person_id,
        }
        changed, who.weak = who.weak != weak, weak
        out: list[Outgoing] = [Send(who.id, frame)]
        return out + (self._room.tell_person(who) if changed else [])

    def _sentence(self, who: Participant, tracks: Sequence[Mapping[str, Any]], weak: bool) -> tuple[str, str]:
        """What this person is told about pictures, and whose line it is when it is not their own.

        weak_video_off, weak, reduced: their own; sender: the one whose pictures come smaller, or not at all.
        """
        if any(one.get("layer") is None and one.get("reason") == "bandwidth" for one in tracks):
            return "weak_video_off", ""
        if weak:
            return "weak", ""
        if self._lasts(who, "bandwidth", tracks):
            return "reduced", ""
        if self._lasts(who, "sender", tracks):
            found = (
                self._room.get(str(one.get("participant_id", "")))
                for one in tracks
                if one.get("reason") == "sender"
            )
            sender = next((one for one in found if one is not None), None)
            if sender is not None:
                return "sender", sender.person_id
        return "", ""

    def _lasts(self, who: Participant, reason: str, tracks: Sequence[Mapping[str, Any]]) -> bool:
        """Whether pictures have been less than wished for this reason for a while."""
        if not any(one.get("reason") == reason for one in tracks):
            self._reduced.pop((who.id, reason), None)
            return False
        now = self._room.now()
        return (now - self._reduced.setdefault((who.id, reason), now)).total_seconds() >= _LASTS_S

    def _node(self, back: bool) -> list[Outgoing]:
        """The node went or came back. A lesson without sound for a while is not an ended lesson."""
        self.settle()
        self._speaking.clear()
        frame = {
            "type": "quality",
            "connection": "good" if back else "lost",
            "sentence": "media_back" if back else "media_lost",
            "video_off": False,
        }
        self._quality.clear()
        now, lost_at = self._room.now(), self._node_lost_at
        self._node_lost_at = None if back else lost_at or now
        gaps: list[Outgoing] = [
            PresenceGap(one.id, lost_at, (now - lost_at).total_seconds(), "media")
            for one in self._room.present()
            if back and lost_at is not None and one.connected and one.role in SEATED
        ]
        joins: list[Outgoing] = [MediaJoin(one.id) for one in self._room.present()] if back else []
        return gaps + joins + self._room.tell_people(frame)


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
