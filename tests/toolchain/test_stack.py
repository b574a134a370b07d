"""The tests' own stack: real roles come up, one is killed and comes back, mail arrives, nothing is left."""

import os
import smtplib
import urllib.error
import urllib.request
from email.message import EmailMessage
from pathlib import Path

import pytest

from hilink_app.toolchain import ports
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


def test_every_role_answers_a_prometheus_server_with_the_token(built_app: Path, tmp_path: Path) -> None:
    worker, agents = ports.free_tcp(), ports.free_tcp()
    token = "scrape-me-if-you-know-this"
    env = {
        "HILINK_METRICS_TOKEN": token,
        "HILINK_METRICS_WORKER_PORT": str(worker),
        "HILINK_METRICS_AGENTS_PORT": str(agents),
    }
    with Stack(tmp_path, build=built_app, env=env) as stack:
        control = stack.settings.media_control_url.removeprefix("ws://").partition("/")[0]
        addresses = {
            f"{stack.url}/metrics": "hilink_web_requests_total",
            f"http://{control}/metrics": "hilink_media_packets_in_total",
            f"http://127.0.0.1:{worker}/metrics": "hilink_timers_fired_total",
            f"http://127.0.0.1:{agents}/metrics": "hilink_agents_audio_seconds_total",
        }
        for address, name in addresses.items():
            request = urllib.request.Request(address, headers={"Authorization": f"Bearer {token}"})
            with urllib.request.urlopen(request, timeout=10) as answer:
                assert f"# TYPE {name} counter\n" in answer.read().decode(), address
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(address, timeout=10)
            refused.value.close()
            assert refused.value.code in (401, 403)
        assert stack.errors() == []


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
