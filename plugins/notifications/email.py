"""The email channel: content becomes a message with a plain and an HTML part, and an invitation where one fits."""

import asyncio
from collections.abc import Sequence
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from sqlmodel import Session

from core import services
from core.domain import Person
from core.errors import StoreError
from core.lifecycle.notify import MessageView
from plugins.notifications.content import build
from plugins.notifications.invitation import Invitation, invitations
from plugins.notifications.parts import Content

_templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=select_autoescape(["html"]),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


async def send(message: MessageView) -> None:
    """Render and hand over to the mail server. Raises when it is not accepted: the caller retries."""
    mail = await asyncio.to_thread(compose, message)
    await services.current().mailer.send(mail)


def compose(message: MessageView) -> EmailMessage:
    """The whole mail. StoreError when the reader has no address."""
    service = services.current()
    with service.store.write() as db:
        reader = db.get_one(Person, message.to_person_id)
        if not reader.email or not reader.active:
            raise StoreError("the reader of this message has no address")
        content = build(db, message, reader)
        found = _invitations(db, message, content, reader)
    return _mail(message, content, reader, found)


def _mail(
    message: MessageView, content: Content, reader: Person, invitations: Sequence[Invitation]
) -> EmailMessage:
    service = services.current()
    settings = service.settings
    mail = EmailMessage()
    mail["Subject"] = " ".join(content.subject.split())
    mail["From"] = settings.mail_from
    mail["To"] = reader.email
    mail["Message-ID"] = message.message_id
    mail["Date"] = service.clock.now()
    mail["Auto-Submitted"] = "auto-generated"
    plugin = (
        service.plugins.get("notifications").settings if "notifications" in service.plugins.names else None
    )
    if plugin is not None and plugin.reply_to:
        mail["Reply-To"] = plugin.reply_to
    words = {
        "content": content,
        "organisation": settings.organisation,
        "lang": reader.lang,
        "name": reader.first_name,
    }
    mail.set_content(_templates.get_template("mail.txt").render(words))
    mail.add_alternative(_templates.get_template("mail.html").render(words), subtype="html")
    for number, one in enumerate(invitations):
        # Calendars take the part with the method; the file is for people whose mail program shows none.
        # Bytes, not text: the lines of a calendar end in CRLF, which text parts lose.
        how = {"method": one.method, "charset": "utf-8"}
        if number == 0:
            mail.add_alternative(one.text, maintype="text", subtype="calendar", params=how)
            mail.add_attachment(one.text, maintype="application", subtype="ics", filename="invite.ics")
        else:  # another event: RFC 6047, 2.4 wants a part of its own
            mail.add_attachment(
                one.text, maintype="text", subtype="calendar", params=how, filename=f"invite-{number}.ics"
            )
    mail["Content-Language"] = reader.lang  # last: the calls above move Content-* headers into the first part
    return mail


def _invitations(db: Session, message: MessageView, content: Content, reader: Person) -> list[Invitation]:
    settings = services.current().settings
    host = urlsplit(settings.public_url).hostname or "localhost"
    return invitations(db, message, content, reader, organiser=settings.mail_from, host=host)
