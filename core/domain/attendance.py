"""From presence intervals to attendance. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Settled:
    """status: present | late | left_early | absent. present_s in seconds, gaps up to the grace included."""

    status: str
    present_s: int
    joined_at: datetime | None
    left_at: datetime | None
    intervals: int


def stitch(intervals: Sequence[tuple[datetime, datetime]], grace_s: int) -> list[tuple[datetime, datetime]]:
    """Merge intervals that overlap or whose gap is at most `grace_s`: a reconnect is not an absence."""
    merged: list[tuple[datetime, datetime]] = []
    for start, end in sorted(intervals):
        if merged and start - merged[-1][1] <= timedelta(seconds=grace_s):
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def settle(
    intervals: Sequence[tuple[datetime, datetime]],
    starts_at: datetime,
    ends_at: datetime,
    ended_at: datetime,
    *,
    grace_s: int,
    late_after_s: int,
    waited: Sequence[tuple[datetime, datetime]] = (),
) -> Settled:
    """One person's attendance in one lesson.

    waited: at the room's door. Who was let in came when they began to wait; waiting is no time in the lesson.
    starts_at, ends_at: the plan. ended_at: when it really ended. Late is counted from the planned start;
    leaving early from the earlier of the planned and the real end, five minutes are forgiven.
    """
    stitched = stitch(intervals, grace_s)
    if not stitched:
        first = min((start for start, _ in waited), default=None)
        return Settled("absent", 0, first, None, 0)
    joined, left = stitched[0][0], stitched[-1][1]
    for start, end in stitch((*waited, *intervals), grace_s):
        if start <= joined <= end:
            joined = start
    present_s = round(sum((end - start).total_seconds() for start, end in stitched))
    if joined > starts_at + timedelta(seconds=late_after_s):
        status = "late"
    elif left < min(ends_at, ended_at) - timedelta(seconds=300):
        status = "left_early"
    else:
        status = "present"
    return Settled(status, present_s, joined, left, len(stitched))
