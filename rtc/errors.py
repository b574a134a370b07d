"""Errors of the media plane. `kind` is always one of rtc/PROTOCOL.md's error kinds."""

from core.errors import MediaError


class Refused(MediaError):
    """A message, an offer or a request was not accepted; nothing was changed."""


class Malformed(MediaError, ValueError):
    """Bytes or text that do not follow their standard."""

    def __init__(self, detail: str) -> None:
        super().__init__("malformed", detail)
