"""The errors HiLink raises, and who each one is for.

HiLinkError
├── UserError            safe to show: the person can do something about it
│   ├── NotSignedIn      sign in first                                      401
│   ├── NotAllowed       this role may not do that                          403
│   │   └── TicketRefused   expired, forged or used already                 403
│   ├── NotFound         no such thing, or not yours (never says which)     404
│   ├── InvalidInput     a value is off; `field` says which                 422
│   ├── Conflict         somebody else changed it                           409
│   │   └── DoubleBooked   somebody has another lesson then; `free`: when not  409
│   ├── SessionNotOpen   too early, too late, cancelled                     409
│   ├── TooLarge         over a size limit                                  413
│   └── TooMany          over a rate limit                                  429
├── PluginError          a plugin cannot be loaded or broke its contract
├── MediaError           the media plane
└── StoreError           the database, blobs, migrations

Constructors take facts; the class builds the sentence. A sentence is a message id for
`core.i18n.gettext`, so that people read it in their own language; facts fill its placeholders.
"""

import traceback
from collections.abc import Sequence
from datetime import datetime
from pathlib import PurePath
from typing import Any, ClassVar


class HiLinkError(Exception):
    """Anything HiLink raises on purpose."""


class UserError(HiLinkError):
    """A clear sentence for the person who asked. Nothing was changed.

    message: an English sentence with `{placeholders}`, also the translation key.
    facts: values for the placeholders; never personal data of third parties.
    """

    status: ClassVar[int] = 400
    code: ClassVar[str] = "bad_request"

    def __init__(self, message: str, **facts: Any) -> None:
        self.message = message
        self.facts = facts
        super().__init__(message.format(**facts) if facts else message)


class NotSignedIn(UserError):
    status, code = 401, "not_signed_in"

    def __init__(self, message: str = "Please sign in first.", **facts: Any) -> None:
        super().__init__(message, **facts)


class NotAllowed(UserError):
    status, code = 403, "not_allowed"

    def __init__(self, message: str = "You may not do this with your account.", **facts: Any) -> None:
        super().__init__(message, **facts)


class TicketRefused(NotAllowed):
    """kind: ticket_expired | ticket_invalid | ticket_used."""

    code = "ticket_refused"

    def __init__(self, kind: str, message: str) -> None:
        self.kind = kind
        super().__init__(message)


class NotFound(UserError, LookupError):
    status, code = 404, "not_found"

    def __init__(self, message: str = "We could not find that.", **facts: Any) -> None:
        super().__init__(message, **facts)


class InvalidInput(UserError, ValueError):
    """field: the name of the value that is off, for the form to mark."""

    status, code = 422, "invalid_input"

    def __init__(self, field: str, message: str, **facts: Any) -> None:
        self.field = field
        super().__init__(message, **facts)


class Conflict(UserError):
    status, code = 409, "conflict"

    def __init__(
        self, message: str = "Somebody changed this in the meantime. Please look again.", **facts: Any
    ) -> None:
        super().__init__(message, **facts)


class DoubleBooked(Conflict):
    """facts: name, course, start, end and tz of the lesson in the way. free: other times that suit everybody."""

    code = "double_booked"
    free: tuple[datetime, ...] = ()

    def __init__(
        self, message: str = "{name} already has {course} from {start} to {end} ({tz}).", **facts: Any
    ) -> None:
        super().__init__(message, **facts)

    def offering(self, free: Sequence[datetime]) -> "DoubleBooked":
        """The same with other times, if there are any. free: in the zone `tz`."""
        if not free:
            return self
        found = DoubleBooked(
            "{name} already has {course} from {start} to {end} ({tz}). Free instead: {free}.",
            **{**self.facts, "free": ", ".join(f"{at:%Y-%m-%d %H:%M}" for at in free)},
        )
        found.free = tuple(free)
        return found


class SessionNotOpen(UserError):
    status, code = 409, "session_not_open"

    def __init__(self, message: str = "This lesson is not open.", **facts: Any) -> None:
        super().__init__(message, **facts)


class TooLarge(UserError):
    status, code = 413, "too_large"

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(
            "This file is too large. The limit is {limit_mb} MB.", limit_mb=limit_bytes // 1_000_000
        )


class TooMany(UserError):
    status, code = 429, "too_many"

    def __init__(self, message: str = "Too many tries. Please wait a minute.", **facts: Any) -> None:
        super().__init__(message, **facts)


class PluginError(HiLinkError):
    """A plugin cannot be loaded, or broke its contract; says which and why."""

    def __init__(self, plugin: str, problem: str) -> None:
        self.plugin, self.problem = plugin, problem
        super().__init__(f"plugin {plugin!r}: {problem}")


class MediaError(HiLinkError):
    """The media plane refused or failed. `kind` is one of rtc/PROTOCOL.md's error kinds."""

    def __init__(self, kind: str, detail: str = "") -> None:
        self.kind = kind
        super().__init__(f"{kind}: {detail}" if detail else kind)


class StoreError(HiLinkError):
    """The database, a blob or a migration."""


def fault(error: BaseException) -> str:
    """What went wrong and where, without the message: that may hold a person's data, logs must not.

    Example: `ValueError at hooks.py:31 in on_schedule`.
    """
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return type(error).__name__
    last = frames[-1]
    return f"{type(error).__name__} at {PurePath(last.filename).name}:{last.lineno} in {last.name}"
