"""The tests' own stack: real roles come up, one is killed and comes back, mail arrives, nothing is left."""

import os
import smtplib
import urllib.request
from email.message import EmailMessage
from pathlib import Path

import pytest

from tests.stack import MailReceiver, Stack, StackError

pytestmark = pytest.mark.e2e


def test_roles_can_be_killed_and_started_again(built_app: Path, tmp_path: Path) -> None:
    with Stack(tmp_path, build=built_app, roles=("worker", "web")) as stack:
        assert set(stack.boot_s) == {"worker", "web"}
        with urllib.request.urlopen(f"{stack.url}/api/v1/health", timeout=10) as answer:
            assert answer.status == 200
        assert stack.settings.port == int(stack.url.rpartition(":")[2])
        first = stack.pid("worker")
        stack.kill("worker")
        assert not stack.is_running("worker")
        assert stack.is_running("web")
        stack.start("worker")
        assert stack.pid("worker") != first
        pids = [stack.pid(role) for role in stack.roles]
        assert stack.errors() == []
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_a_role_that_does_not_start_is_said_with_its_last_lines(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="the pages are not built"):
        Stack(tmp_path, build=tmp_path / "nothing", roles=("web",)).__enter__()


def test_the_mail_receiver_is_real_smtp() -> None:
    receiver = MailReceiver()
    receiver.start()
    try:
        mail = EmailMessage()
        mail["Subject"], mail["From"], mail["To"] = "Hello", "a@example.org", "b@example.org"
        mail.set_content("Grüße")
        host, _, port = receiver.url.removeprefix("smtp://").partition(":")
        with smtplib.SMTP(host, int(port)) as client:
            client.send_message(mail)
        got = receiver.wait(lambda m: m["Subject"] == "Hello", timeout_s=5)
        assert got.get_content().strip() == "Grüße"
        with pytest.raises(StackError, match="no such mail"):
            receiver.wait(lambda m: False, timeout_s=0.1)
    finally:
        receiver.stop()
