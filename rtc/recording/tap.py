"""Where packets are taken: of consenting people's tracks alone, and checked again with every packet.

`RoomTap.follow` brings the taps in line with what is published, allowed, muted and arriving; it is called
whenever one of these changes and four times a second. A tap costs the hot path one copy of the packet.
"""

from typing import TYPE_CHECKING

from rtc.encoding import Encoding
from rtc.recording import wire
from rtc.recording.recorder import Recorder
from rtc.rtcp import SenderInfo

if TYPE_CHECKING:
    from rtc.publication import Publication
    from rtc.room import Room

BETTER_AFTER_S = 3.0
"""A larger encoding must have been there this long: what comes and goes would tear the file apart."""


class TrackTap:
    """One publication's. `current` is written; `target` takes over at its next keyframe."""

    __slots__ = ("_recorder", "_stream", "current", "number", "publication", "target")

    def __init__(self, recorder: Recorder, publication: "Publication", number: int) -> None:
        self._recorder = recorder
        self.publication = publication
        self.number = number
        self._stream = 0
        self.current: Encoding | None = None
        self.target: Encoding | None = None

    def take(
        self,
        encoding: Encoding,
        sequence: int,
        marker: int,
        timestamp: int,
        payload: bytes,
        keyframe: bool,
        now: float,
    ) -> None:
        """One packet that may be forwarded."""
        if not self.publication.participant.rights.recording_allowed:
            self.detach()
            return
        if encoding is not self.current:
            if encoding is not self.target or not keyframe:
                return
            self._leave(self.current)
            self.current, self.target = encoding, None
            self._renumber(encoding)
        self._recorder.packet(self.number, self._stream, marker, sequence, timestamp, payload, now)

    def report(self, encoding: Encoding, info: SenderInfo, now: float) -> None:
        """A sender report of an encoding."""
        if encoding is self.current:
            self._recorder.put(wire.report(self.number, self._stream, info.ntp, info.rtp_timestamp, now))

    def restarted(self, encoding: Encoding) -> None:
        """Other numbers and times from now on."""
        if encoding is self.current:
            self._renumber(encoding)

    def choose(self, now: float) -> None:
        """The best encoding that arrives; another one only at its keyframe."""
        best = best_encoding(self.publication, self.current, now)
        if best is None or best is self.current:
            if self.target is not None:
                self._leave(self.target)
                self.target = None
            return
        if best is not self.target:
            self._leave(self.target)
            self.target = best
            best.tap = self
        if best.is_video:
            best.request_keyframe(now)
        elif self.current is None or not self.current.alive(now) or not self._has(self.current):
            self._leave(self.current)
            self.current, self.target = best, None
            self._renumber(best)

    def want_keyframe(self, now: float) -> None:
        """The recorder cannot go on without one."""
        if self.current is not None:
            self.current.request_keyframe(now)

    def pause(self) -> None:
        """Muted."""
        self._renumber(self.current)
        self._recorder.command({"do": "pause", "track": self.number})

    def detach(self) -> None:
        """Not one packet more."""
        for encoding in (self.current, self.target):
            self._leave(encoding)
        self.current = self.target = None

    def _has(self, encoding: Encoding) -> bool:
        return encoding in self.publication.encodings.values()

    def _renumber(self, encoding: Encoding | None) -> None:
        self._stream = (self._stream + 1) & 0xFFFF
        if encoding is not None and encoding.sr is not None:
            self._recorder.put(
                wire.report(
                    self.number, self._stream, encoding.sr.ntp, encoding.sr.rtp_timestamp, encoding.sr_at
                )
            )

    def _leave(self, encoding: Encoding | None) -> None:
        if encoding is not None and encoding.tap is self:
            encoding.tap = None


def best_encoding(publication: "Publication", current: Encoding | None, now: float) -> Encoding | None:
    """The largest that arrives; the current one while nothing better has been there for a while."""
    alive = [one for one in publication.encodings.values() if one.alive(now)]
    if not alive:
        return None
    # Browsers name the encodings from the smallest to the largest; the last one that arrives is the best.
    best = max(alive, key=lambda one: (one.width * one.height, alive.index(one)))
    if current in alive and best is not current and now - best.started_at < BETTER_AFTER_S:
        return current
    return best


class RoomTap:
    """One room being recorded: a set, and a tap for each track that may be in it."""

    def __init__(self, recorder: Recorder, room: "Room", recording_id: str) -> None:
        self.recording_id = recording_id
        self.set_id = recorder.start(recording_id, room.id)
        self.taps: dict[Publication, TrackTap] = {}
        self._recorder, self._room = recorder, room
        self._muted: set[Publication] = set()
        self._codecs: dict[int, str] = {}

    def follow(self, now: float) -> None:
        """Taps for what may be recorded now, and for nothing else."""
        allowed = {one for one in self._room.publications if may_record(one)}
        for publication in [one for one in self.taps if one not in allowed]:
            self._close(publication)
        for publication in allowed:
            tap = self.taps.get(publication)
            if tap is None or self._codecs[tap.number] != publication.codec.name:
                if tap is not None:
                    self._close(publication)
                tap = self._open(publication)
            if publication.muted:
                if publication not in self._muted:
                    self._muted.add(publication)
                    tap.pause()
                continue
            if publication in self._muted:
                self._muted.discard(publication)
                tap.want_keyframe(now)
            tap.choose(now)

    def keyframe(self, number: int, now: float) -> None:
        """The recorder asks for one."""
        for tap in self.taps.values():
            if tap.number == number:
                tap.want_keyframe(now)

    def close(self) -> None:
        """Files are completed."""
        for publication in list(self.taps):
            self._close(publication)
        self._recorder.stop(self.set_id)

    def abandon(self) -> None:
        """The recorder has failed already."""
        for publication, tap in self.taps.items():
            publication.recorded = False
            tap.detach()
        self.taps.clear()

    def _open(self, publication: "Publication") -> TrackTap:
        participant = publication.participant
        number = self._recorder.track(
            self.set_id, participant.id, publication.source, publication.codec.name, participant.id
        )
        self._codecs[number] = publication.codec.name
        tap = self.taps[publication] = TrackTap(self._recorder, publication, number)
        publication.recorded = True
        return tap

    def _close(self, publication: "Publication") -> None:
        tap = self.taps.pop(publication)
        publication.recorded = False
        tap.detach()
        self._muted.discard(publication)
        self._codecs.pop(tap.number, None)
        self._recorder.command({"do": "close", "track": tap.number})


def may_record(publication: "Publication") -> bool:
    """The rule: the person consented. Agents publish nothing, and would not be recorded."""
    rights = publication.participant.rights
    return rights.recording_allowed and not rights.agent
