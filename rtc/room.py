"""The live place of one class session: who is in it and who may get which track."""

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from typing import Any

from core.ports import MediaRights
from rtc import layers, speakers
from rtc.errors import Refused
from rtc.participant import Participant
from rtc.publication import Publication
from rtc.publisher import Endpoint
from rtc.recording.tap import RoomTap

ALLOCATE_TURNS = 5
"""People take turns: all at once would hold up everybody's packets."""
TOGETHER = 6
"""So many have theirs at once: the second costs half of what the first does, whose code nobody has used for a while."""

Emit = Callable[[str, str, str, Mapping[str, Any]], None]
"""kind, room_id, participant_id, data."""


class Room:
    """Participants by id. All decisions about who gets what are in `may_receive`."""

    def __init__(self, room_id: str, endpoint: Endpoint, emit: Emit) -> None:
        self.id = room_id
        self.participants: dict[str, Participant] = {}
        self.loudest: str | None = None
        self._endpoint = endpoint
        self._emit = emit
        self._announcing = False
        self._speakers: list[tuple[str, float]] = []
        self.recording: RoomTap | None = None
        self.phase = random.randrange(0x10000)
        """Of what is done now and then; another one in each room."""
        self._ladders: layers.Ladders = {}

    def join(self, participant_id: str, rights: MediaRights) -> Participant:
        """Idempotent; a second call updates the rights at once."""
        participant = self.participants.get(participant_id)
        if participant is not None:
            participant.set_rights(rights)
            return participant
        if len(self.participants) >= self._endpoint.limits.participants:
            raise Refused("too_many", "participants")
        participant = Participant(self, participant_id, rights, self._endpoint)
        participant.turn = self._next_turn()
        self.participants[participant_id] = participant
        return participant

    def leave(self, participant_id: str, reason: str = "removed") -> None:
        """Idempotent. Closes its connections."""
        participant = self.participants.pop(participant_id, None)
        if participant is not None:
            participant.close(reason)

    def close(self) -> None:
        """Everybody out."""
        for participant_id in list(self.participants):
            self.leave(participant_id, "room_closed")
        self.record(None)

    @property
    def publications(self) -> list[Publication]:
        return [
            one for participant in self.participants.values() for one in participant.publications.values()
        ]

    def may_receive(self, participant: Participant, publication: Publication) -> bool:
        """The rule for every forwarded packet: rights, and consent where an agent listens."""
        rights = participant.rights
        if publication.participant is participant or not rights.subscribe:
            return False
        if rights.agent:
            return publication.source == "microphone" and publication.participant.rights.agents_allowed
        return publication.kind == "audio" or not rights.audio_only

    def tracks_for(self, participant: Participant) -> list[Publication]:
        """What a participant may get now."""
        return [one for one in self.publications if self.may_receive(participant, one)]

    def describe_tracks(self, participant: Participant) -> list[dict[str, object]]:
        """The same for the protocol."""
        return [one.describe() for one in self.tracks_for(participant)]

    def enforce(self) -> None:
        """Rights changed: stop at once what is not allowed any more, then tell."""
        self.follow_recording()
        for participant in self.participants.values():
            if participant.subscriber is not None:
                participant.subscriber.drop(self.tracks_for(participant))
        self.tracks_changed()

    def record(self, tap: RoomTap | None) -> None:
        """Record by this from now on, or not at all."""
        before, self.recording = self.recording, tap
        if before is not None:
            before.close()
        self.follow_recording()

    def follow_recording(self) -> None:
        """What is recorded follows what is published and allowed."""
        if self.recording is not None:
            self.recording.follow(time.monotonic())

    def unbind(self, publication: Publication) -> None:
        """Nobody gets this any more."""
        for participant in self.participants.values():
            subscriber = participant.subscriber
            if subscriber is not None:
                for mid, forwarder in subscriber.slots.items():
                    if forwarder.publication is publication:
                        subscriber.unbind(mid)

    def tracks_changed(self) -> None:
        """Tell everybody soon; several changes of one moment make one message."""
        self.follow_recording()
        if not self._announcing:
            self._announcing = True
            asyncio.get_running_loop().call_soon(self._announce)

    def announce_muted(self, publication: Publication) -> None:
        """To those who get the track."""
        self.follow_recording()
        message = {
            "type": "muted",
            "participant_id": publication.participant.id,
            "source": publication.source,
            "muted": publication.muted,
        }
        for participant in self.participants.values():
            if self.may_receive(participant, publication):
                # So that the list is not sent again for what this message says.
                participant.known_tracks = self.describe_tracks(participant)
                participant.send(dict(message))

    def emit(self, kind: str, participant_id: str, data: Mapping[str, Any]) -> None:
        """An event for the room server."""
        self._emit(kind, self.id, participant_id, data)

    def tick_fast(self, now: float) -> None:
        """Every 50 ms: repeat NACKs and keyframe requests."""
        for publication in self.publications:
            for encoding in publication.encodings.values():
                encoding.tick(now)

    def tick_speakers(self) -> None:
        """Every 200 ms."""
        ranked = speakers.rank(self.publications)
        self.loudest = ranked[0][0] if ranked else self.loudest
        if [one for one, _ in ranked] == [one for one, _ in self._speakers]:
            return
        self._speakers = ranked
        data = {"speakers": [{"participant_id": one, "level": round(level, 2)} for one, level in ranked]}
        self.emit("speakers", "", data)
        for participant in self.participants.values():
            if participant.subscriber is not None:
                participant.send({"type": "speakers", **data})

    def tick_allocate(self, now: float, turn: int) -> None:
        """Reports, layers and quality of those whose turn it is; 250 ms for all turns."""
        if not turn:
            self.follow_recording()
            self._ladders.clear()
        whose = [one for one in self.participants.values() if one.turn == turn]
        for participant in whose:
            subscriber = participant.subscriber
            if subscriber is None or not subscriber.transport.connected:
                continue
            subscriber.report(now)
            subscriber.allocate(now, self._ladders)
            quality = subscriber.quality.news(now)
            if quality is not None:
                publisher = participant.publisher
                uplink = publisher.quality(now) if publisher is not None else {}
                self.emit("quality", participant.id, {**quality, **uplink})
                if quality["tracks"]:
                    participant.send(quality)
        for participant in whose:
            changed = [
                one
                for one in participant.publications.values()
                if one.kind == "video" and one.update_wanted(now)
            ]
            if changed:
                participant.send_encodings(changed)

    def tick_slow(self, now: float) -> None:
        """Every second: reports, and connections that died."""
        for participant in list(self.participants.values()):
            if participant.publisher is not None:
                participant.publisher.report(now)
            participant.check_alive(now)

    def stats(self) -> dict[str, Any]:
        """Numbers of now, by participant."""
        now = time.monotonic()
        return {
            participant.id: _participant_stats(participant, now) for participant in self.participants.values()
        }

    def _next_turn(self) -> int:
        """The fullest turn with a place left, else the emptiest."""
        sizes = [0] * ALLOCATE_TURNS
        for one in self.participants.values():
            sizes[one.turn] += 1
        with_place = [turn for turn in range(ALLOCATE_TURNS) if sizes[turn] < TOGETHER]
        if with_place:
            return max(with_place, key=sizes.__getitem__)
        return min(range(ALLOCATE_TURNS), key=sizes.__getitem__)

    def _announce(self) -> None:
        self._announcing = False
        for participant in self.participants.values():
            if participant.rights.subscribe:
                participant.send_tracks()


def _participant_stats(participant: Participant, now: float) -> dict[str, Any]:
    up: list[dict[str, Any]] = [
        {
            "source": publication.source,
            "codec": publication.codec.name,
            "muted": publication.muted,
            "rid": encoding.rid,
            "alive": encoding.alive(now),
            "packets": encoding.packets,
            "bitrate_bps": round(encoding.bitrate_bps()),
            "width": encoding.width,
            "height": encoding.height,
            "loss": round(encoding.loss, 4),
        }
        for publication in participant.publications.values()
        for encoding in publication.encodings.values()
    ]
    subscriber = participant.subscriber
    down: list[dict[str, Any]] = []
    for mid, forwarder in subscriber.slots.items() if subscriber else ():
        publication = forwarder.publication
        down.append(
            {
                "mid": mid,
                "participant_id": publication.participant.id if publication else None,
                "source": publication.source if publication else None,
                "rid": forwarder.encoding.rid if forwarder.encoding else None,
                "temporal": forwarder.max_temporal,
                "reason": forwarder.reason,
                "packets": forwarder.packets,
                "retransmitted": forwarder.retransmitted,
                "loss": round(forwarder.loss, 4),
                "rtt_ms": round(forwarder.rtt_s * 1000, 1),
            }
        )
    return {
        "publisher": bool(participant.publisher and participant.publisher.transport.connected),
        "subscriber": bool(subscriber and subscriber.transport.connected),
        "up": up,
        "down": down,
        "sent_bps": round(subscriber.sent_bps) if subscriber else 0,
        "line": subscriber.quality.line() if subscriber else None,
    }
