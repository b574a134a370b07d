"""What the plugin decides; knows no hooks."""

from collections.abc import Sequence

from sqlmodel import Session

from hilink import AttendanceView
from hilink_hello.models import HelloNote


def came(attendance: Sequence[AttendanceView]) -> int:
    """How many people were there at all."""
    return sum(1 for one in attendance if one.present_s > 0)


def note(db: Session, session_id: str, what: str, people: int) -> int:
    """Write one note; returns the number of people."""
    db.add(HelloNote(session_id=session_id, what=what, people=people))
    return people
