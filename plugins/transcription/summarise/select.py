"""The few sentences that stand for a lesson: cut it where the words change, take the best of each part.

Graph methods on word statistics chose fillers and did worse than chance on meeting transcripts; long,
topical sentences of each part did best without a model (see README).
"""

import itertools
import math
from collections import Counter
from collections.abc import Collection, Sequence

from plugins.transcription.summarise import cues
from plugins.transcription.summarise.text import Spoken

_BLOCK = 6
_MINUTES_PER_PART = 8


def parts(spoken: Sequence[Spoken], wanted: int | None = None) -> list[list[Spoken]]:
    """TextTiling (Hearst 1997): cut where the words before and after have least in common.

    wanted: how many parts; None = one for each eight minutes, 1 to 6.
    """
    if not spoken:
        return []
    minutes = (spoken[-1].ended_ms - spoken[0].started_ms) / 60_000
    count = wanted or max(1, min(6, round(minutes / _MINUTES_PER_PART)))
    gaps = [
        (_alike(spoken[max(0, place - _BLOCK) : place], spoken[place : place + _BLOCK]), place)
        for place in range(3, len(spoken) - 2)
    ]
    cuts: list[int] = []
    for _, place in sorted(gaps):
        if len(cuts) == count - 1:
            break
        if all(abs(place - other) >= max(3, len(spoken) // (count * 3)) for other in cuts):
            cuts.append(place)
    edges = [0, *sorted(cuts), len(spoken)]
    return [list(spoken[first:last]) for first, last in itertools.pairwise(edges)]


def _alike(before: Sequence[Spoken], after: Sequence[Spoken]) -> float:
    left = Counter(term for sentence in before for term in sentence.stems)
    right = Counter(term for sentence in after for term in sentence.stems)
    dot = sum(left[term] * right[term] for term in left)
    norm = math.sqrt(sum(v * v for v in left.values()) * sum(v * v for v in right.values()))
    return dot / norm if norm else 0.0


def key_sentences(
    spoken: Sequence[Spoken],
    *,
    count: int,
    topical: Collection[str],
    instructors: Collection[str],
    attempt: int = 0,
    wish: Collection[str] = (),
    avoid: Collection[str] = (),
) -> list[Spoken]:
    """Up to `count` quotable sentences in time order, spread over the lesson, without repeats.

    topical: stems of the course's topics. attempt: 0 = the best ones, 1 = the next best, ... so that a
    rejected draft is not drawn again. wish / avoid: stems the person who rejected it asked for or against.
    """
    usable = [s for s in spoken if _usable(s) and not (avoid and s.stems & set(avoid))]
    chosen: list[Spoken] = []
    taken: set[tuple[str, ...]] = set()
    for _ in range(attempt + 1):
        chosen = _pick([s for s in usable if s.spans not in taken], count, topical, instructors, wish)
        taken |= {s.spans for s in chosen}
    return sorted(chosen, key=lambda s: s.started_ms)


def _usable(sentence: Spoken) -> bool:
    return (
        sentence.quotable
        and 6 <= sentence.words <= 45
        and len(sentence.stems) >= 3
        and not sentence.text.rstrip().endswith("?")
        and not cues.private(sentence.text)
        and not cues.coming_next(sentence.text)
        and not cues.homework(sentence.text)
    )


def _pick(
    usable: Sequence[Spoken],
    count: int,
    topical: Collection[str],
    instructors: Collection[str],
    wish: Collection[str],
) -> list[Spoken]:
    topical, wish = frozenset(topical), frozenset(wish)

    def worth(sentence: Spoken) -> float:
        value = (
            min(len(sentence.stems), 14)
            + 2.0 * len(sentence.stems & topical)
            + 6.0 * len(sentence.stems & wish)
        )
        return value * (1.25 if sentence.person_id in instructors else 1.0)

    chosen: list[Spoken] = []
    queues = [sorted(part, key=lambda s: (-worth(s), s.started_ms)) for part in parts(usable)]
    while len(chosen) < count and any(queues):
        for queue in sorted(queues, key=lambda q: -worth(q[0]) if q else 0.0):
            while queue:
                candidate = queue.pop(0)
                if all(_overlap(candidate, other) < 0.5 for other in chosen):
                    chosen.append(candidate)
                    break
            if len(chosen) == count:
                break
    return chosen


def _overlap(one: Spoken, other: Spoken) -> float:
    return len(one.stems & other.stems) / max(1, min(len(one.stems), len(other.stems)))
