"""A track in a room: who publishes it, its encodings, and the forwarders that carry it on."""

from typing import TYPE_CHECKING, TypeGuard

from rtc.encoding import ALIVE_S, Encoding
from rtc.sdp import Codec

if TYPE_CHECKING:
    from rtc.forwarder import Forwarder
    from rtc.participant import Participant

SOURCES = {"camera": "video", "microphone": "audio", "screen": "video", "screen_audio": "audio"}
"""Each source and its kind."""


def is_source(value: object) -> TypeGuard[str]:
    """Whether a value from outside names a source."""
    return isinstance(value, str) and value in SOURCES


PAUSE_AFTER_S = 4.0
"""Nobody watched it for so long: layouts change and come back."""
KNOWN_AFTER_S = 3.0
"""An encoding that was never seen is not paused: nobody would know what it needs."""
STOPPED_S = 1.2
"""A simulcast encoding without a packet for so long was stopped by its browser (or by its line)."""
RESUME_S = 2.5
REPEAT_S = 5.0


class Publication:
    """(participant, source). It outlives a publisher connection: the next one fills it with new encodings."""

    def __init__(self, participant: "Participant", source: str, codec: Codec, muted: bool) -> None:
        self.participant = participant
        self.source = source
        self.kind = SOURCES[source]
        self.codec = codec
        self.muted = muted
        self.encodings: dict[str | None, Encoding] = {}
        self.forwarders: set[Forwarder] = set()
        self.level = 0.0
        """Loudness, 0 to 1, smoothed; see rtc.speakers."""
        self.recorded = False
        """A recorder wants the best there is."""
        self._watched_at: dict[str | None, float] = {}
        self._asked_at: dict[str | None, float] = {}
        """Since when the browser is asked to send each encoding; what is missing is paused."""
        self._told_at = float("-inf")

    def available(self, encoding: Encoding, now: float) -> bool:
        """Whether a subscriber can have it: it arrives, or would once the browser is asked to go on with it."""
        if now - encoding.last_at < (STOPPED_S if len(self.encodings) > 1 else ALIVE_S):
            return True
        if not encoding.last_at:
            return False
        asked_at = self._asked_at.get(encoding.rid)
        return asked_at is None or now - asked_at < RESUME_S

    def held_back(self, now: float) -> bool:
        """Whether the browser was asked for an encoding and does not send it: its processor or its line."""
        if self.muted or self.kind != "video":
            return False
        silent = [
            one
            for one in self.encodings.values()
            if not one.alive(now) and now - self._asked_at.get(one.rid, now) > RESUME_S
        ]
        # One that never came is no sign: browsers leave out what a small camera is not worth.
        return len(silent) == len(self.encodings) or any(one.last_at for one in silent)

    def ask(self, encoding: Encoding, now: float) -> bool:
        """Somebody wants this encoding: True when the browser has to be told."""
        self._watched_at[encoding.rid] = now
        if encoding.rid in self._asked_at or self.encodings.get(encoding.rid) is not encoding:
            return False
        self._asked_at[encoding.rid] = now
        return True

    def update_wanted(self, now: float) -> bool:
        """Pause what nobody watched for a while. True when the browser has to be told (again)."""
        changed = False
        best = next(reversed(self.encodings), None)
        for rid, encoding in self.encodings.items():
            if encoding.forwarders or (self.recorded and rid == best):
                changed = self.ask(encoding, now) or changed
                if not encoding.alive(now) and now - self._told_at > REPEAT_S:
                    changed = True
            elif (
                rid in self._asked_at
                and now - self._watched_at.setdefault(rid, now) > PAUSE_AFTER_S
                and encoding.alive(now)
                and now - encoding.started_at > KNOWN_AFTER_S
            ):
                del self._asked_at[rid]
                changed = True
        return changed

    def wanted(self, now: float) -> dict[str, object]:
        """One entry of the protocol's `encodings`."""
        self._told_at = now
        return {
            "source": self.source,
            "active": bool(self._asked_at),
            "rids": [rid for rid in self._asked_at if rid is not None],
        }

    def replace_encodings(self, codec: Codec, encodings: dict[str | None, Encoding], now: float) -> None:
        """A new publisher connection, or other encodings: forwarders go over at the next keyframe."""
        self.codec = codec
        self.encodings = encodings
        self.expect_all(now)
        for forwarder in self.forwarders:
            forwarder.select(None, 3, now)
        self.attach_all(now)

    def expect_all(self, now: float) -> None:
        """Encodings of a new sender: browsers begin with all of them."""
        self._asked_at = dict.fromkeys(self.encodings, now)
        self._watched_at = dict.fromkeys(self.encodings, now)

    def attach_all(self, now: float) -> None:
        """Give forwarders without an encoding the first one there is, until the allocation knows better."""
        for forwarder in self.forwarders:
            if forwarder.encoding is None and forwarder.target is None:
                forwarder.select(self.default_encoding(now), 3, now)

    def default_encoding(self, now: float) -> Encoding | None:
        """The smallest encoding that is alive, else any."""
        if len(self.encodings) == 1:
            return next(iter(self.encodings.values()))
        there = [one for one in self.encodings.values() if one.alive(now)] or [
            one for one in self.encodings.values() if self.available(one, now)
        ]
        return next(iter(there or self.encodings.values()), None)

    def set_muted(self, muted: bool, now: float) -> bool:
        """Whether this changed anything. Packets of a muted track are not forwarded."""
        if muted == self.muted:
            return False
        self.muted = muted
        if not muted:
            for forwarder in self.forwarders:
                forwarder.resume(now)
        return True

    def describe(self) -> dict[str, object]:
        """As in the protocol's `tracks`."""
        return {
            "participant_id": self.participant.id,
            "source": self.source,
            "kind": self.kind,
            "muted": self.muted,
        }
