"""Files and mail: whole or not at all."""

import os
import time
from collections.abc import AsyncIterator
from email.message import EmailMessage
from pathlib import Path

import pytest

from core.errors import NotFound, StoreError, TooLarge
from core.store.blobs import DiskBlobs
from core.store.mail import MailOff, OutboxOnly, SmtpMailer, mailer

pytestmark = pytest.mark.unit


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def broken(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part
    raise ConnectionError


async def read(blobs: DiskBlobs, key: str) -> bytes:
    return b"".join([chunk async for chunk in blobs.get(key)])


@pytest.fixture
def blobs(tmp_path: Path) -> DiskBlobs:
    return DiskBlobs(tmp_path / "blobs", quota=100)


async def test_what_is_put_can_be_got(blobs: DiskBlobs) -> None:
    assert await blobs.put("materials/ab/sheet.pdf", chunks(b"one", b"two"), 50) == 6
    assert await read(blobs, "materials/ab/sheet.pdf") == b"onetwo"
    path = await blobs.path("materials/ab/sheet.pdf")
    assert path and path.read_bytes() == b"onetwo"
    assert await blobs.used() == 6


async def test_too_large_and_broken_off_leave_nothing(blobs: DiskBlobs, tmp_path: Path) -> None:
    with pytest.raises(TooLarge):
        await blobs.put("a", chunks(b"x" * 30, b"x" * 30), 50)
    with pytest.raises(ConnectionError):
        await blobs.put("a", broken(b"half"), 50)
    with pytest.raises(NotFound):
        await read(blobs, "a")
    assert [file for file in (tmp_path / "blobs").rglob("*") if file.is_file()] == []


async def test_a_failed_replacement_keeps_the_old_file(blobs: DiskBlobs) -> None:
    await blobs.put("a", chunks(b"old"), 50)
    with pytest.raises(ConnectionError):
        await blobs.put("a", broken(b"new"), 50)
    assert await read(blobs, "a") == b"old"


async def test_the_quota_counts_replacing_and_deleting(blobs: DiskBlobs, tmp_path: Path) -> None:
    await blobs.put("a", chunks(b"x" * 60), 100)
    with pytest.raises(StoreError):
        await blobs.put("b", chunks(b"x" * 60), 100)
    await blobs.put("a", chunks(b"x" * 90), 100)
    await blobs.delete("a")
    await blobs.delete("a")
    await blobs.put("b", chunks(b"x" * 60), 100)
    assert await DiskBlobs(tmp_path / "blobs", 100).used() == 60


async def test_what_a_dead_process_left_is_swept(tmp_path: Path) -> None:
    for name, age_s in ((".part-dead", 2 * 86_400), (".part-live", 0)):
        (tmp_path / name).write_bytes(b"half")
        at = time.time() - age_s
        os.utime(tmp_path / name, (at, at))
    assert await DiskBlobs(tmp_path, 100).used() == 0
    assert os.listdir(tmp_path) == [".part-live"]


@pytest.mark.parametrize(
    "key", ["../secret", "/etc/passwd", "a/../b", "a//b", "", ".hidden", "a/.part-x", "a\\b"]
)
async def test_a_key_cannot_leave_the_folder(blobs: DiskBlobs, key: str) -> None:
    with pytest.raises(ValueError, match="blob key"):
        await blobs.put(key, chunks(b"x"), 10)


async def test_missing_files(blobs: DiskBlobs) -> None:
    with pytest.raises(NotFound):
        await blobs.path("nothing")
    with pytest.raises(NotFound):
        await read(blobs, "nothing")


async def test_without_a_server_mail_stays_and_it_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    off = mailer("")
    assert isinstance(off, OutboxOnly)
    for _ in range(2):
        with pytest.raises(MailOff):
            await off.send(EmailMessage())
    assert len(caplog.records) == 1


@pytest.mark.parametrize("url", ["http://mail", "smtp://", "mail.example.org:25"])
def test_a_wrong_mail_address_is_refused_at_start(url: str) -> None:
    with pytest.raises(ValueError, match="HILINK_SMTP_URL"):
        mailer(url)


def test_mail_addresses() -> None:
    assert isinstance(mailer("smtps://me%40x:p%3Aw@mail.example.org"), SmtpMailer)
