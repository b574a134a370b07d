"""From transcript segments to sentences, and from sentences to comparable words. English and German."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from core.views import SegmentView

_JOIN_GAP_MS = 1_200
_MAX_JOINED = 60
"""Words: a speaker without full stops must not become one endless sentence."""
_END = re.compile(r"(?<=[.!?…])[\"”’)]*\s+(?=[\"“‘(]?[A-ZÄÖÜ0-9])")
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")

_ENGLISH = """
    a about actually after again all also am an and any are as at back be because been before being but
    by can could did do does doing done don't for from get go goes going gonna good got had has have he
    hello her here hey him his how i i'm if in into is it it's its just kind know let let's like little
    look lot make maybe me mean more much my need no not now of off oh ok okay on one only or our out
    over please put really right said say see she should so some something sort still take tell than
    that that's the their them then there these they thing things think this those time to today too two
    um uh up us very want was we we're well were what when where which while who why will with would
    yeah yes yep you you're your
"""
_GERMAN = """
    aber alle als also am an auch auf aus bei bin bis bist da dann das dass dein dem den der des die dir
    doch du ein eine einem einen einer er es für ganz gar geht genau gut hab habe haben hast hat hier
    ich ihr im in ist ja jetzt kann kannst kein man mal mehr mein mich mir mit muss nach nein nicht noch
    nur oder okay schon sehr sich sie sind so soll und uns vom von vor war warum was weil wenn wer wie
    wieder wir wird wo zu zum zur
"""
STOP_WORDS = frozenset(f"{_ENGLISH} {_GERMAN}".split())


@dataclass(frozen=True, slots=True)
class Spoken:
    """One sentence somebody said. spans: the segments it comes from. quotable: sure enough to be quoted.

    stems: its content words, comparable.
    """

    text: str
    person_id: str
    spans: tuple[str, ...]
    started_ms: int
    ended_ms: int
    quotable: bool
    stems: frozenset[str]

    @property
    def words(self) -> int:
        return len(self.text.split())


def stem(word: str) -> str:
    """A crude common form of a word: no accents, no plural, no -ing, -ed, -en, -e."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", word.lower()) if not unicodedata.combining(c))
    plain = plain.split("'")[0].split("’")[0]
    if len(plain) > 3 and plain.endswith("s") and not plain.endswith("ss"):
        plain = plain[:-1]
    for ending in ("ing", "en", "ed", "e"):
        if plain.endswith(ending) and len(plain) - len(ending) >= 3:
            plain = plain[: -len(ending)]
            break
    if len(plain) > 4 and plain[-1] == plain[-2] and plain[-1] not in "lsz":
        plain = plain[:-1]
    return plain


def words(text: str) -> list[str]:
    """Words and numbers in order, as written."""
    return _WORD.findall(text)


def stems(text: str) -> frozenset[str]:
    """Content words of a text in comparable form."""
    said = (word for word in words(text) if len(word) > 2 or word.isdigit())
    return frozenset(stem(word) for word in said if word.lower() not in STOP_WORDS)


def sentences(segments: Sequence[SegmentView], min_confidence: float) -> list[Spoken]:
    """Segments in time order -> sentences. A sentence the speech detector cut in two is joined again.

    A joined sentence is quotable only when all its segments are.
    """
    ordered = sorted((s for s in segments if s.text.strip()), key=lambda s: (s.started_ms, s.ended_ms))
    out: list[Spoken] = []
    group: list[SegmentView] = []
    for segment in ordered:
        if group and not _goes_on(group, segment):
            out += _split(group, min_confidence)
            group = []
        group.append(segment)
    return out + (_split(group, min_confidence) if group else [])


def _goes_on(group: list[SegmentView], after: SegmentView) -> bool:
    last = group[-1]
    return (
        last.person_id == after.person_id
        and last.low_accuracy == after.low_accuracy
        and after.started_ms - last.ended_ms <= _JOIN_GAP_MS
        and not last.text.rstrip().endswith((".", "!", "?", "…"))
        and sum(len(s.text.split()) for s in group) < _MAX_JOINED
    )


def _split(group: list[SegmentView], min_confidence: float) -> list[Spoken]:
    """Sentences of one run of segments; each cites only the segments its characters come from."""
    joined, bounds = "", list[tuple[int, SegmentView]]()
    for segment in group:
        bounds.append((len(joined) + (1 if joined else 0), segment))
        joined = f"{joined} {segment.text.strip()}".strip()
    out: list[Spoken] = []
    start = 0
    for piece in _END.split(joined):
        at = joined.index(piece, start)
        start = at + len(piece)
        mine = [
            segment
            for place, (first, segment) in enumerate(bounds)
            if first < start and (bounds[place + 1][0] if place + 1 < len(bounds) else len(joined) + 1) > at
        ]
        if not piece.strip() or not mine:
            continue
        sure = all(not s.low_accuracy and s.confidence >= min_confidence for s in mine)
        spans = tuple(s.id for s in mine)
        out.append(
            Spoken(
                piece.strip(), mine[0].person_id, spans, mine[0].started_ms, mine[-1].ended_ms, sure,
                stems(piece),
            )
        )  # fmt: skip
    return out
