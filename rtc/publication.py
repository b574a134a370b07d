"""A track in a room: who publishes it, its encodings, and the forwarders that carry it on."""

from typing import TYPE_CHECKING, TypeGuard

from rtc.encoding import Encoding
from rtc.sdp import Codec

if TYPE_CHECKING:
    from rtc.forwarder import Forwarder
    from rtc.participant import Participant

SOURCES = {"camera": "video", "microphone": "audio", "screen": "video", "screen_audio": "audio"}
"""Each source and its kind."""


def is_source(value: object) -> TypeGuard[str]:
    """Whether a value from outside names a source."""
    return isinstance(value, str) and value in SOURCES


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

    def replace_encodings(self, codec: Codec, encodings: dict[str | None, Encoding], now: float) -> None:
        """A new publisher connection, or other encodings: forwarders go over at the next keyframe."""
        self.codec = codec
        self.encodings = encodings
        for forwarder in self.forwarders:
            forwarder.select(None, 3, now)
        self.attach_all(now)

    def attach_all(self, now: float) -> None:
        """Give forwarders without an encoding the first one there is, until the allocation knows better."""
        for forwarder in self.forwarders:
            if forwarder.encoding is None and forwarder.target is None:
                forwarder.select(self.default_encoding(now), 3, now)

    def default_encoding(self, now: float) -> Encoding | None:
        """The smallest encoding that is alive, else any."""
        alive = [one for one in self.encodings.values() if one.alive(now)]
        return next(iter(alive or self.encodings.values()), None)

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
