"""What WHIP and WHEP carry as text: offers and answers (SDP), and ICE fragments (RFC 8840). Only what we act on is read.

Whether an offer is sound is the media node's decision; here its lines are looked at, and never trusted.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_SECTION = re.compile(r"^m=(\w+) ")
_UFRAG = re.compile(r"[A-Za-z0-9+/]{4,256}")
_PASSWORD = re.compile(r"[A-Za-z0-9+/]{22,256}")
_ICE_LINES = ("a=ice-ufrag:", "a=ice-pwd:", "a=candidate:", "a=end-of-candidates")


@dataclass(frozen=True, slots=True)
class Fragment:
    """ICE credentials of a fragment; "" when it has candidates only."""

    ufrag: str
    password: str


def sections(sdp: str) -> list[tuple[str, str]]:
    """(kind, mid) of each media section, "" for a section without a mid."""
    found: list[tuple[str, str]] = []
    for line in sdp.splitlines():
        if match := _SECTION.match(line):
            found.append((match[1], ""))
        elif line.startswith("a=mid:") and found:
            found[-1] = (found[-1][0], line.removeprefix("a=mid:"))
    return found


def ufrag(sdp: str) -> str:
    """The first ICE user fragment."""
    return next(_values(sdp, "a=ice-ufrag:"), "")


def read_fragment(text: str) -> Fragment:
    """ValueError for what is no fragment, or has half of the credentials."""
    lines = text.splitlines()
    if not any(line.startswith(_ICE_LINES) for line in lines):
        raise ValueError("no ICE lines")
    found = Fragment(ufrag(text), next(_values(text, "a=ice-pwd:"), ""))
    if found != Fragment("", "") and not (
        _UFRAG.fullmatch(found.ufrag) and _PASSWORD.fullmatch(found.password)
    ):
        raise ValueError("ICE credentials")
    return found


def restarted(offer: str, fragment: Fragment) -> str:
    """The same offer with new ICE credentials: what a browser would offer for an ICE restart."""
    lines = [
        f"a=ice-ufrag:{fragment.ufrag}"
        if line.startswith("a=ice-ufrag:")
        else f"a=ice-pwd:{fragment.password}"
        if line.startswith("a=ice-pwd:")
        else line
        for line in offer.splitlines()
        if not line.startswith(("a=candidate:", "a=end-of-candidates"))
    ]
    return "\r\n".join(lines) + "\r\n"


def fragment_of(answer: str) -> str:
    """The fragment that says what a full answer says about ICE."""
    kept = ("m=", "a=mid:", *_ICE_LINES)
    media = False
    lines: list[str] = []
    for line in answer.splitlines():
        media = media or line.startswith("m=")
        if line.startswith(kept) or (not media and line.startswith(("a=group:", "a=ice-lite"))):
            lines.append(line)
    return "\r\n".join(lines) + "\r\n"


def _values(text: str, name: str) -> Iterator[str]:
    return (line.removeprefix(name).strip() for line in text.splitlines() if line.startswith(name))
