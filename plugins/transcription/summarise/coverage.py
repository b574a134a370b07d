"""Which curriculum topics a lesson reached, with the sentences that show it.

Words of a topic that its neighbours share count less (inverse document frequency over the course's topics).
A sentence speaks for a topic only when no other topic fits it clearly better. With an embedding model the
similarity of sentence and topic counts too.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Sequence

from core.views import CoverageDraft, TopicView
from plugins.transcription.summarise import cues
from plugins.transcription.summarise.embed import Embedder
from plugins.transcription.summarise.text import Spoken, stems, words

_MAX_SPANS = 6
_EVIDENCE = 0.6
_COVERED, _STARTED = 0.6, 0.3
_SIMILAR = 0.41
"""MiniLM cosine with the best F1 on meeting transcripts (QMSum); optimistic, so it only adds evidence."""


def terms(topic: TopicView) -> dict[str, float]:
    """Comparable words of a topic and how much each says: keywords fully, words of the name somewhat less."""
    found = dict.fromkeys(stems(topic.name), 0.8)
    for keyword in topic.keywords:
        parts = stems(keyword) or frozenset(w.lower() for w in words(keyword))
        for part in parts:
            found[part] = max(found.get(part, 0.0), 1.0 / len(parts) ** 0.5)
    return found


def weights(topics: Sequence[TopicView]) -> dict[str, dict[str, float]]:
    """Topic id -> its words with weights; a word all topics share is worth nearly nothing."""
    by_topic = {topic.id: terms(topic) for topic in topics}
    spread = Counter(term for found in by_topic.values() for term in found)
    scale = math.log(1 + len(topics))
    return {
        topic_id: {
            term: value * math.log(1 + len(topics) / spread[term]) / scale for term, value in found.items()
        }
        for topic_id, found in by_topic.items()
    }


def coverage(
    topics: Sequence[TopicView], spoken: Sequence[Spoken], embedder: Embedder | None = None
) -> tuple[CoverageDraft, ...]:
    """One draft a topic, in the course's order. Plans for the next lesson do not count as covered.

    score: 0..1, rises with how much was said about the topic; covered needs at least two of its words.
    """
    weighed = weights(topics)
    said = [s for s in spoken if not cues.coming_next(s.text) and s.stems]
    similar = _similarities(topics, said, embedder)
    evidence: dict[str, list[tuple[float, Spoken]]] = defaultdict(list)
    seen: dict[str, set[str]] = defaultdict(set)
    for place, sentence in enumerate(said):
        hits = {
            topic_id: sum(value for term, value in found.items() if term in sentence.stems)
            + similar.get((topic_id, place), 0.0)
            for topic_id, found in weighed.items()
        }
        best = max(hits.values(), default=0.0)
        for topic_id, value in hits.items():
            if value >= _EVIDENCE and value >= 0.7 * best:
                evidence[topic_id].append((value, sentence))
                seen[topic_id] |= sentence.stems & weighed[topic_id].keys()
    return tuple(_draft(topic, evidence[topic.id], seen[topic.id], weighed[topic.id]) for topic in topics)


def _similarities(
    topics: Sequence[TopicView], said: Sequence[Spoken], embedder: Embedder | None
) -> dict[tuple[str, int], float]:
    if embedder is None or not said or not topics:
        return {}
    of_topics = embedder([f"{topic.name}. {', '.join(topic.keywords)}" for topic in topics])
    of_sentences = embedder([sentence.text for sentence in said])
    cosine = of_topics @ of_sentences.T
    return {
        (topic.id, place): float(cosine[row, place])
        for row, topic in enumerate(topics)
        for place in range(len(said))
        if cosine[row, place] >= _SIMILAR
    }


def _draft(
    topic: TopicView, evidence: list[tuple[float, Spoken]], seen: set[str], found: dict[str, float]
) -> CoverageDraft:
    mass = sum(min(value, 1.5) for value, _ in evidence)
    score = round(1 - math.exp(-mass / 4), 3)
    enough = len(seen) >= min(2, len(found)) or (bool(evidence) and not seen)
    state = "covered" if score >= _COVERED and enough else "started" if score >= _STARTED else "not_reached"
    if state == "not_reached":
        return CoverageDraft(topic.id, state, score)
    strongest = sorted(evidence, key=lambda item: (-item[0], item[1].started_ms))[:_MAX_SPANS]
    in_order = sorted((sentence for _, sentence in strongest), key=lambda sentence: sentence.started_ms)
    spans = tuple(dict.fromkeys(span for sentence in in_order for span in sentence.spans))
    return CoverageDraft(topic.id, state, score, spans[:_MAX_SPANS])
