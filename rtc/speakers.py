"""Who is speaking, from the audio-level header extension (RFC 6464): nothing is decoded."""

from collections.abc import Iterable

from rtc.publication import Publication

SILENCE_DBOV = 127
SPEAKING_LEVEL = 0.25
"""-48 dBov, on a scale where 0 is -64 dBov or less and 1 is full volume."""
ATTACK, RELEASE = 0.35, 0.06
MAX_SPEAKERS = 5


def loudness(dbov: int) -> float:
    """Level 0 (silence) to 127 (dBov below full) as 0 to 1."""
    return max(0.0, 1.0 - (dbov & 0x7F) / 64)


def hear(publication: Publication, dbov: int) -> None:
    """One packet's level: rises quickly, falls slowly, so that a pause does not switch the speaker."""
    level = loudness(dbov)
    share = ATTACK if level > publication.level else RELEASE
    publication.level += (level - publication.level) * share


def rank(publications: Iterable[Publication]) -> list[tuple[str, float]]:
    """(participant_id, level), loudest first."""
    speaking = [
        (one.participant.id, one.level)
        for one in publications
        if one.source == "microphone" and not one.muted and one.level > SPEAKING_LEVEL
    ]
    speaking.sort(key=lambda pair: -pair[1])
    return speaking[:MAX_SPEAKERS]
