"""Polls and checks, and who may see what of them.

Students see counts and the right option only when the instructor shows them; names beside answers reach
moderators only; observers see numbers, never names.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from plugins.classroom.server.outgoing import SavePoll
from plugins.classroom.server.people import stamp


@dataclass(slots=True)
class Poll:
    """kind: poll | check. status: open | closed | shown. answers: person id -> option."""

    id: str
    kind: str
    question: str
    options: tuple[str, ...]
    right: int | None
    opened_by: str
    opened_at: datetime
    status: str = "open"
    answers: dict[str, int] = field(default_factory=dict[str, int])

    def counts(self) -> list[int]:
        """Answers per option."""
        counts = [0] * len(self.options)
        for option in self.answers.values():
            counts[option] += 1
        return counts

    def is_right(self, option: int) -> bool | None:
        return None if self.right is None else option == self.right

    def view(self, person_id: str, role: str, moderates: bool, expected: int) -> dict[str, Any]:
        """The poll as this person may see it. expected: students in the room or who answered."""
        knows = moderates or role == "observer" or self.status == "shown"
        return {
            "id": self.id,
            "kind": self.kind,
            "question": self.question,
            "options": list(self.options),
            "status": self.status,
            "opened_at": stamp(self.opened_at),
            "counts": self.counts() if knows else None,
            "right": self.right if knows else None,
            "mine": self.answers.get(person_id),
            "answers": (
                [{"person_id": who, "option": option} for who, option in self.answers.items()]
                if moderates
                else []
            ),
            "answered": len(self.answers),
            "expected": expected,
        }

    def row(self) -> SavePoll:
        return SavePoll(
            id=self.id,
            kind=self.kind,
            question=self.question,
            options=self.options,
            right=self.right,
            status=self.status,
            opened_by=self.opened_by,
            opened_at=self.opened_at,
        )


@dataclass(frozen=True, slots=True)
class ChatLine:
    """One chat message. to: "" for everybody, else the one reader beside the writer."""

    id: str
    person_id: str
    name: str
    to: str
    text: str
    at: datetime

    def readable_by(self, person_id: str) -> bool:
        return not self.to or person_id in (self.to, self.person_id)


@dataclass(frozen=True, slots=True)
class Remembered:
    """What a room has from its rows when it opens (again).

    removed: person id -> name and when they were taken out. admitted: let in by hand.
    """

    polls: Sequence[Poll] = ()
    chat: Sequence[ChatLine] = ()
    page: int = 1
    removed: Mapping[str, tuple[str, datetime]] = field(default_factory=dict[str, tuple[str, datetime]])
    admitted: Collection[str] = ()
