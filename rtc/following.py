"""A subscriber connection whose sections follow the room, for players that offer once and never again (WHEP)."""

from collections.abc import Sequence
from typing import Any

from rtc import layers, sdp
from rtc.publication import Publication
from rtc.publisher import Endpoint
from rtc.speakers import SPEAKING_LEVEL
from rtc.subscriber import EXTENSIONS, Subscriber

HOLD_S = {"audio": 1.0, "video": 2.0}
"""A section keeps what it carries for so long, so that two who talk at once do not make it flicker."""


class Following(Subscriber):
    """Every section that may receive is answered with an SSRC and all its codecs; the node moves tracks in and out.

    Pictures: screens first, then whoever spoke last, then what was there already. Sound: whoever speaks, the
    loudest first, then the sound of a screen. As many at a time as there are sections of the kind.
    """

    width_px = 1920.0

    def __init__(self, endpoint: Endpoint, participant: Any, connection: str, offer: sdp.Offer) -> None:
        super().__init__(endpoint, participant, connection, offer)
        self._sections: dict[str, sdp.Section] = {}
        self._since: dict[str, float] = {}

    def allocate(self, now: float, ladders: layers.Ladders | None = None) -> None:
        """As for every subscriber, after choosing what each section carries."""
        self._follow(now)
        super().allocate(now, ladders)

    def _answer(
        self, section: sdp.Section, waiting: list[Publication], placed: dict[str, dict[str, Any]], now: float
    ) -> sdp.AnswerSection:
        answer = sdp.AnswerSection(section, extensions=EXTENSIONS)
        if section.direction not in ("recvonly", "sendrecv"):
            if section.mid in self.slots:
                self._drop_slot(section.mid)
            return answer
        forwarder = self.slots.get(section.mid) or self._new_slot(section)
        self._sections[section.mid] = section
        codec = section.codecs[0]
        if forwarder.publication is None:
            forwarder.payload_type, forwarder.rtx_payload_type = codec.payload_type, codec.rtx
            forwarder.clock_hz = codec.clock_hz
        answer.direction, answer.codec, answer.also = "sendonly", codec, section.codecs[1:]
        # One stream for all: players put what is in the first stream into one picture with its sound.
        answer.msid = f"{self.participant.id}.room {self.participant.id}.{section.mid}"
        answer.ssrc = forwarder.ssrc
        answer.rtx_ssrc = forwarder.rtx_ssrc if codec.rtx is not None else 0
        return answer

    def _drop_slot(self, mid: str) -> None:
        super()._drop_slot(mid)
        self._sections.pop(mid, None)
        self._since.pop(mid, None)

    def _follow(self, now: float) -> None:
        tracks = self.participant.room.tracks_for(self.participant)
        for kind in ("audio", "video"):
            mids = [mid for mid, section in self._sections.items() if section.kind == kind]
            held = {self.slots[mid].publication for mid in mids}
            there = [
                one
                for one in tracks
                if one.kind == kind
                and self._comes_now(one, now)
                and any(sdp.match_codec(self._sections[mid], one.codec) for mid in mids)
            ]
            there.sort(key=lambda one: (*self._matters(one), one not in held))
            self._place(mids, there[: len(mids)], now)

    def _place(self, mids: Sequence[str], wanted: Sequence[Publication], now: float) -> None:
        """What is wanted and carried stays in its section; the others' sections take what is wanted and waits."""
        held = {self.slots[mid].publication for mid in mids}
        waiting = [one for one in wanted if one not in held]
        for mid in mids:
            publication = self.slots[mid].publication
            if publication is not None and (publication in wanted or self._held(mid, publication, now)):
                continue
            for one in waiting:
                codec = sdp.match_codec(self._sections[mid], one.codec)
                if codec is not None:
                    waiting.remove(one)
                    self._carry(mid, one, codec, now)
                    break

    def _carry(self, mid: str, publication: Publication, codec: sdp.Codec, now: float) -> None:
        forwarder = self.slots[mid]
        if forwarder.publication is not None:
            self.unbind(mid)
        repairs = self._sections[mid].codecs[0].rtx is not None
        forwarder.payload_type = codec.payload_type
        forwarder.rtx_payload_type = codec.rtx if repairs else None
        forwarder.publication = publication
        publication.forwarders.add(forwarder)
        publication.attach_all(now)
        self._since[mid] = now

    def _held(self, mid: str, publication: Publication, now: float) -> bool:
        """Whether it is too early to take this away."""
        if not self._comes_now(publication, now):
            return False
        if publication.kind == "audio" and publication.level <= SPEAKING_LEVEL:
            return False
        return now - self._since[mid] < HOLD_S[publication.kind]

    def _matters(self, publication: Publication) -> tuple[int, float]:
        """Smaller is first."""
        if publication.kind == "audio":
            if publication.level > SPEAKING_LEVEL:
                return 0, -publication.level
            return (1 if publication.source == "screen_audio" else 2), 0.0
        if publication.source == "screen":
            return 0, 0.0
        return (1 if publication.participant.id == self.participant.room.loudest else 2), 0.0

    @staticmethod
    def _comes_now(publication: Publication, now: float) -> bool:
        """Not muted, and sent or paused only because nobody watched it."""
        return not publication.muted and any(
            publication.available(one, now) for one in publication.encodings.values()
        )
