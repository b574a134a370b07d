"""Mail against a real SMTP server."""

from collections.abc import Iterator
from email.message import EmailMessage
from typing import Any

import aiosmtplib
import pytest
from aiosmtpd.controller import Controller

from core.store.mail import SmtpMailer
from hilink_app.toolchain.ports import free_tcp

pytestmark = pytest.mark.contract


class Inbox:
    """Takes mail, but not for nobody@."""

    def __init__(self) -> None:
        self.mails: list[str] = []

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if address.startswith("nobody@"):
            return "550 no such person"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.mails.append(envelope.content.decode())
        return "250 OK"


@pytest.fixture
def inbox() -> Iterator[tuple[Inbox, str]]:
    inbox = Inbox()
    port = free_tcp()
    controller = Controller(inbox, hostname="127.0.0.1", port=port)
    controller.start()
    yield inbox, f"smtp://127.0.0.1:{port}"
    controller.stop()


def letter(to: str) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "lessons@example.org", to, "Your lesson"
    message["Message-ID"] = "<m1@example.org>"
    message.set_content("It starts at ten.")
    return message


async def test_a_letter_arrives_as_it_was_written(inbox: tuple[Inbox, str]) -> None:
    box, url = inbox
    await SmtpMailer(url).send(letter("gale@example.org"))
    (mail,) = box.mails
    assert "Message-ID: <m1@example.org>" in mail
    assert "It starts at ten." in mail


async def test_a_refused_address_raises(inbox: tuple[Inbox, str]) -> None:
    with pytest.raises(aiosmtplib.SMTPException):
        await SmtpMailer(inbox[1]).send(letter("nobody@example.org"))
    assert inbox[0].mails == []


async def test_a_server_that_is_not_there_raises(inbox: tuple[Inbox, str]) -> None:
    with pytest.raises((aiosmtplib.SMTPException, OSError)):
        await SmtpMailer(f"smtp://127.0.0.1:{free_tcp()}").send(letter("gale@example.org"))


async def test_tls_can_be_required(inbox: tuple[Inbox, str]) -> None:
    with pytest.raises(aiosmtplib.SMTPException):
        await SmtpMailer(f"{inbox[1]}/?starttls=required").send(letter("gale@example.org"))
