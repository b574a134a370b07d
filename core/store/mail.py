"""The way out for mail: an SMTP server, or none."""

import logging
from email.message import EmailMessage
from urllib.parse import parse_qs, unquote, urlsplit

import aiosmtplib

from core.errors import HiLinkError

logger = logging.getLogger(__name__)

_TIMEOUT_S = 20.0


class MailOff(HiLinkError):
    """No mail server is configured. Senders leave the message queued and do not count a try."""

    def __init__(self) -> None:
        super().__init__("HILINK_SMTP_URL is not set; mail stays in the outbox")


class SmtpMailer:
    """`core.ports.Mailer` for `smtp://user:password@host:port` (STARTTLS when offered) or `smtps://` (TLS).

    `?starttls=required` refuses a server without TLS. Raises aiosmtplib.SMTPException or OSError on anything
    but acceptance; the caller tries again with the same Message-ID.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
            raise ValueError("HILINK_SMTP_URL must look like smtp://user:password@host:port")
        self._host = parts.hostname
        self._tls = parts.scheme == "smtps"
        self._port = parts.port or (465 if self._tls else 25)
        self._user = unquote(parts.username) if parts.username else None
        self._password = unquote(parts.password) if parts.password else None
        self._starttls = True if parse_qs(parts.query).get("starttls") == ["required"] else None

    async def send(self, message: EmailMessage) -> None:
        await aiosmtplib.send(
            message,
            hostname=self._host,
            port=self._port,
            username=self._user,
            password=self._password,
            use_tls=self._tls,
            start_tls=None if self._tls else self._starttls,
            timeout=_TIMEOUT_S,
        )


class OutboxOnly:
    """`core.ports.Mailer` without a server: says so once, refuses each message, so that it stays queued."""

    def __init__(self) -> None:
        self._said = False

    async def send(self, message: EmailMessage) -> None:
        if not self._said:
            self._said = True
            logger.warning("No mail server is set (HILINK_SMTP_URL): messages wait in the outbox")
        raise MailOff


def mailer(smtp_url: str) -> SmtpMailer | OutboxOnly:
    """The mailer for this setting."""
    return SmtpMailer(smtp_url) if smtp_url else OutboxOnly()
