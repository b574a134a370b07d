"""What a rejection asks for. The instructor's words steer the next draft; they never appear in it."""

import re
from dataclasses import dataclass

from plugins.transcription.summarise.text import stems

_SHORT = re.compile(r"\b(too long|shorter|short|brief|less text|kürzer|kurz|zu lang)\b", re.IGNORECASE)
_NO_QUOTES = re.compile(
    r"\b(quot\w*|verbatim|word for word|never said|didn'?t say|not what \w+ said|"
    r"zitat\w*|wörtlich)\b",
    re.IGNORECASE,
)
_NEGATIVE = re.compile(
    r"\b(not|no|don'?t|remove|without|leave out|delete|drop|wrong|incorrect|isn'?t|wasn'?t|"
    r"nicht|kein\w*|ohne|raus|weglassen|falsch|streich\w*)\b",
    re.IGNORECASE,
)
_META = stems(
    """
    summary draft report sentence text please more mention include write rewrite again add focus long short
    better quote family parent missing wrong remove leave delete drop about
    zusammenfassung entwurf bericht
    satz bitte erwähnen schreiben fehlt falsch
    """
)
"""Words about the draft, not about the lesson."""


@dataclass(frozen=True, slots=True)
class Wish:
    """attempt: rejections so far, one a line. short: half the length. quotes: False = facts only.

    wish / avoid: stems to bring in or to leave out, from the newest line.
    """

    attempt: int = 0
    short: bool = False
    quotes: bool = True
    wish: frozenset[str] = frozenset()
    avoid: frozenset[str] = frozenset()


def read(reason: str) -> Wish:
    """previous_reason -> Wish. Any reason gives another selection; known phrases do more."""
    lines = [line for line in reason.splitlines() if line.strip()]
    if not lines:
        return Wish()
    wish: set[str] = set()
    avoid: set[str] = set()
    for clause in re.split(r"[.;,!?]|\bbut\b|\baber\b", lines[-1]):
        (avoid if _NEGATIVE.search(clause) else wish).update(stems(clause) - _META)
    return Wish(
        attempt=len(lines),
        short=bool(_SHORT.search(reason)),
        quotes=not _NO_QUOTES.search(reason),
        wish=frozenset(wish - avoid),
        avoid=frozenset(avoid),
    )
