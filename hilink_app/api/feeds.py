"""The private calendar address. Calendar programs ask for it again and again, without a cookie or a browser."""

import hashlib
import time
from email.utils import format_datetime
from threading import Lock

from fastapi import APIRouter, Depends, Request, Response

from core.access import PUBLIC, rule
from core.errors import TooMany
from core.lifecycle.feeds import reader_of
from core.queries.feed import feed

router = APIRouter()

MOST, WINDOW_S = 30, 600.0
"""Fetches of one address in this time, by one web process. Calendars ask every few minutes at most."""


class Rate:
    """Counts per key in windows of `window_s`. In memory: what it protects is this process."""

    def __init__(self, most: int, window_s: float) -> None:
        self._most, self._window_s = most, window_s
        self._began, self._counts = 0.0, dict[str, int]()
        self._lock = Lock()

    def count(self, key: str) -> None:
        """TooMany past the limit."""
        with self._lock:
            if (now := time.monotonic()) - self._began > self._window_s:
                self._began, self._counts = now, {}
            self._counts[key] = self._counts.get(key, 0) + 1
            if self._counts[key] > self._most:
                raise TooMany("This calendar is fetched too often. Please wait ten minutes.")


_rate = Rate(MOST, WINDOW_S)


@router.get("/calendar/{token}.ics", dependencies=[Depends(rule(PUBLIC))], include_in_schema=False)
def get_calendar(request: Request, token: str) -> Response:
    """The token is the right to read: 404 for an unknown or withdrawn one, 304 while nothing has changed."""
    reader = reader_of(token[:200])
    _rate.count(reader.id)
    found = feed(reader)
    tag = f'"{hashlib.sha256(found.body).hexdigest()[:32]}"'
    headers = {
        "etag": tag,
        "last-modified": format_datetime(found.changed_at, usegmt=True),
        "cache-control": "private, max-age=300",
        "content-disposition": 'inline; filename="lessons.ics"',
        "x-robots-tag": "noindex",
    }
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(found.body, media_type="text/calendar; charset=utf-8", headers=headers)
