"""What bad files, exports and batches get: refused with a sentence, nothing kept, no error in the log."""

import json
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from core.domain import Consent, Person, TranscriptSegment
from core.internal import sign_internal
from core.lifecycle.materials import new_key
from tests.contract.world import SEAT_LINK, World, rows, world

pytestmark = pytest.mark.contract

FOR_OPERATORS = {"The file store is full"}
"""What is wrong on our side, whoever met it."""


@pytest.fixture
def academy(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path, upload_limit=1_000, blob_quota=5_000) as made:
        yield made


@pytest.fixture(autouse=True)
def nothing_logged_as_an_error(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    yield
    loud = {record.getMessage() for record in caplog.get_records("call") if record.levelno >= logging.ERROR}
    assert loud <= FOR_OPERATORS


def stored(academy: World) -> list[Path]:
    return [path for path in (academy.services.settings.data_dir / "blobs").rglob("*") if path.is_file()]


def upload_path(academy: World, name: str = "notes.txt") -> str:
    return f"/api/v1/sessions/{academy.mine.session.id}/materials?name={name}"


async def test_an_upload_over_the_limit_is_refused_and_leaves_nothing(academy: World) -> None:
    before = rows(academy)

    async def stream() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"x" * 100

    async with academy.client("instructor") as client:
        declared = await client.post(upload_path(academy), content=b"x" * 1_001)
        streamed = await client.post(upload_path(academy), content=stream())
        lied = await client.post(upload_path(academy), content=stream(), headers={"content-length": "10"})
        odd = await client.post(upload_path(academy), content=stream(), headers={"content-length": b"\xb2"})  # type: ignore[dict-item]
    for answer in (declared, streamed, lied, odd):
        assert answer.status_code == 413
        assert answer.json()["message"].startswith("This file is too large.")
    assert stored(academy) == [] and rows(academy) == before


async def test_an_upload_when_the_store_is_full_is_refused_and_leaves_nothing(academy: World) -> None:
    async with academy.client("instructor") as client:
        for _ in range(5):
            assert (await client.post(upload_path(academy), content=b"x" * 1_000)).status_code == 200
        before, files = rows(academy), stored(academy)
        answer = await client.post(upload_path(academy), content=b"x" * 1_000)
    assert answer.status_code == 409 and answer.json()["message"]
    assert rows(academy) == before and stored(academy) == files


async def test_an_upload_without_a_name_or_into_somebody_elses_lesson_is_refused(academy: World) -> None:
    before = rows(academy)
    async with academy.client("instructor") as client:
        answers = [
            await client.post(upload_path(academy, "%20"), content=b"x"),
            await client.post(upload_path(academy, "n" * 201), content=b"x"),
            await client.post(f"/api/v1/sessions/{academy.theirs.session.id}/materials?name=x", content=b"x"),
            await client.post("/api/v1/sessions/unknown/materials?name=x", content=b"x"),
        ]
    assert [answer.status_code for answer in answers] == [422, 422, 403, 404]
    assert all(answer.json()["message"] for answer in answers)
    assert stored(academy) == [] and rows(academy) == before


async def test_a_file_comes_back_to_its_people_as_a_download_and_to_nobody_else(academy: World) -> None:
    async with academy.client("instructor") as client:
        made = await client.post(upload_path(academy, "..%2F..%2Fevil%22.html"), content=b"<script>")
    path = f"/api/v1/materials/{made.json()['id']}"
    for who in ("instructor", "student", "guardian", "coordinator", SEAT_LINK):
        async with academy.client(who) as client:
            answer = await client.get(path)
        assert answer.content == b"<script>", who
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''..%2F..%2Fevil%22.html"
        assert answer.headers["x-content-type-options"] == "nosniff"
    foreign = {"cookie": academy.new_login(academy.theirs.students[0])}
    async with academy.client() as client:
        other, unknown = (
            await client.get(path, headers=foreign),
            await client.get("/api/v1/materials/no", headers=foreign),
        )
    assert other.status_code == unknown.status_code == 404
    assert other.json() == unknown.json()


async def test_a_file_that_is_gone_is_a_404(academy: World) -> None:
    async with academy.client("instructor") as client:
        answer = await client.get(f"/api/v1/materials/{academy.material_id}")
    assert answer.status_code == 404 and answer.json()["message"]


@pytest.mark.parametrize(
    "key", ["../secret", "a/../../b", "/etc/passwd", "a//b", "", ".hidden", "a\x00b", "a\\..\\b"]
)
async def test_a_blob_key_cannot_leave_its_folder(academy: World, key: str) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"x"

    blobs = academy.services.blobs
    with pytest.raises(ValueError, match="not a blob key"):
        await blobs.put(key, chunks(), 10)
    with pytest.raises(ValueError, match="not a blob key"):
        await anext(blobs.get(key))
    with pytest.raises(ValueError, match="not a blob key"):
        await blobs.delete(key)
    assert stored(academy) == []


def test_a_blob_key_holds_ids_alone() -> None:
    assert new_key("abc").startswith("materials/abc/")


@pytest.mark.parametrize("path", ["..%2F..%2Fsettings.py", "Nunito/..%2F..%2Fx.woff2", "Nunito", "%00"])
async def test_the_fonts_route_serves_fonts_alone(academy: World, path: str) -> None:
    async with academy.client() as client:
        assert (await client.get(f"/api/v1/boards/assets/fonts/{path}")).status_code == 404


# Exports


async def test_an_export_runs_no_formulas(academy: World) -> None:
    with academy.services.store.write() as db:
        for number, person in enumerate((academy.mine.students[0], academy.mine.instructor)):
            row = db.get_one(Person, person.id)
            row.name = ('=HYPERLINK("http://evil.example")', "@SUM(1)")[number]
            db.add(row)
    async with academy.client("coordinator") as client:
        answer = await client.get("/api/v1/exports/sessions.csv", params=period(academy))
    assert answer.status_code == 200
    assert "'=HYPERLINK" in answer.text and "'@SUM(1)" in answer.text
    assert not any(
        cell[:1] in "=+-@"
        for line in answer.text.splitlines()
        for cell in line.replace('"', "").split(",")
        if cell
    )


def period(academy: World, days: int = 30) -> dict[str, str]:
    now = academy.services.clock.now()
    return {
        "after": (now - timedelta(days=1)).isoformat(),
        "before": (now + timedelta(days=days)).isoformat(),
    }


async def test_an_export_of_no_period_or_an_endless_one_is_refused(academy: World) -> None:
    bad = [
        {},
        {"after": "yesterday", "before": "tomorrow"},
        {"after": "2026-01-01T00:00:00", "before": "2026-02-01T00:00:00"},
        {"after": "0001-01-01T00:00:00+14:00", "before": "2026-02-01T00:00:00Z"},
        period(academy, days=1_000),
        period(academy, days=-30),
    ]
    async with academy.client("coordinator") as client:
        answers = [await client.get("/api/v1/exports/sessions.csv", params=params) for params in bad]
    assert [answer.status_code for answer in answers] == [422] * len(bad)
    assert all(answer.json()["message"] for answer in answers)


# What machines hand in


async def hand_in(academy: World, body: bytes, *, key: bytes = b"", age_s: float = 0) -> tuple[int, Any]:
    """Status and answer of a signed batch. key: another one than ours."""
    at = int(time.time() - age_s)
    key = key or academy.services.settings.derived_key("internal")
    headers = {"x-hilink-time": str(at), "x-hilink-signature": sign_internal(key, at, body)}
    async with academy.client() as client:
        answer = await client.post("/internal/v1/ingest", content=body, headers=headers)
    return answer.status_code, answer.json()


def segment(academy: World, **more: Any) -> dict[str, Any]:
    return {
        "kind": "transcript.segment",
        "session_id": academy.mine.session.id,
        "person_id": academy.mine.instructor.id,
        "started_ms": 0,
        "ended_ms": 1_000,
        "text": "Halves and quarters.",
        **more,
    }


def measured(academy: World, signal: str, value: float) -> dict[str, Any]:
    return segment(academy, kind="engagement", signal=signal, value=value)


def batch(*items: Any, seq: Any = 1) -> bytes:
    return json.dumps({"source": "agent", "seq": seq, "items": items}).encode()


async def test_ingest_takes_signed_fresh_batches_once(academy: World) -> None:
    with academy.services.store.write() as db:
        person = academy.mine.instructor.id
        now = academy.services.clock.now()
        db.add(Consent(person_id=person, purpose="transcription", given_by=person, given_at=now))
    good = batch(segment(academy))
    before = rows(academy)
    assert (await hand_in(academy, good, key=b"guessed"))[0] == 403
    assert (await hand_in(academy, good, age_s=120))[0] == 403
    async with academy.client("operator") as client:
        for at, signature in (
            (b"", b""),
            (b"soon", b""),
            (b"9" * 400, b""),
            (str(int(time.time())).encode(), b"\xe4"),
        ):
            headers = [(b"x-hilink-time", at), (b"x-hilink-signature", signature)]
            assert (
                await client.post("/internal/v1/ingest", content=good, headers=headers)
            ).status_code == 403
    assert rows(academy) == before
    assert await hand_in(academy, good) == (200, {"taken": True, "seq": 1})
    after = rows(academy)
    assert await hand_in(academy, good) == (200, {"taken": False, "seq": 1})
    assert rows(academy) == after
    with academy.services.store.read() as db:
        mine = select(TranscriptSegment).where(TranscriptSegment.session_id == academy.mine.session.id)
        assert len(db.exec(mine).all()) == 1


BROKEN: list[Callable[[World], bytes]] = [
    lambda _: b"",
    lambda _: b"not json",
    lambda _: b"\xff\xfe",
    lambda _: b"[]",
    lambda _: b'{"source": "agent"}',
    lambda academy: batch(segment(academy), seq=0),
    lambda academy: batch(segment(academy), seq=10**40),
    lambda academy: batch(segment(academy), "not an item"),
    lambda academy: batch(segment(academy), {}),
    lambda academy: batch(segment(academy), {"kind": "unknown", "session_id": academy.mine.session.id}),
    lambda academy: batch(segment(academy), segment(academy, started_ms="soon")),
    lambda academy: batch(segment(academy), segment(academy, started_ms=float("inf"))),
    lambda academy: batch(segment(academy), segment(academy, ended_ms=-1)),
    lambda academy: batch(segment(academy), segment(academy, text="x" * 5_000)),
    lambda academy: batch(segment(academy), segment(academy, kind="engagement", signal="mood", value=1)),
    lambda academy: batch(segment(academy), segment(academy, kind="engagement", signal="talk_s", value=-1)),
    lambda academy: batch(
        segment(academy), segment(academy, kind="engagement", signal="talk_s", value=float("nan"))
    ),
    lambda academy: batch(*[segment(academy)] * 501),
]


@pytest.mark.parametrize("number", range(len(BROKEN)))
async def test_ingest_takes_nothing_of_a_malformed_batch(academy: World, number: int) -> None:
    before = rows(academy)
    status, said = await hand_in(academy, BROKEN[number](academy))
    assert status == 422 and said["message"]
    assert rows(academy) == before
