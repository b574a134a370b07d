"""Recordings on the web side: who may start, what is taken, who may watch, what goes when."""

import hashlib
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from core.domain import AuditEntry, Consent, DomainEvent, ExceptionCase, Recording, RecordingFile
from core.errors import NotAllowed, SessionNotOpen
from core.internal import signed_headers
from core.lifecycle import live, recordings
from core.lifecycle.end import end_session
from tests.contract.world import ANONYMOUS, SEAT_LINK, World, world

pytestmark = pytest.mark.contract

FILE = bytes(range(256)) * 40


@pytest.fixture
def academy(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path, recording_families=False) as made:
        yield made


@pytest.fixture
def open_academy(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path, recording_families=True) as made:
        yield made


def begin(academy: World, consent: bool = True) -> Recording:
    """The lesson is live and recorded."""
    one, session_id = academy.mine, academy.mine.session.id
    live.presence_started(session_id, one.instructor.id, "p-instructor", "instructor")
    live.presence_started(session_id, one.students[0].id, "p-student", "student")
    now = academy.services.clock.now()
    if consent:
        with academy.services.store.write() as db:
            for who in (one.instructor.id, one.students[0].id):
                db.add(Consent(person_id=who, purpose="recording", given_by=who, given_at=now))
    actor = academy.viewer("instructor")
    assert actor is not None
    recordings.start(actor, session_id)
    recordings.start(actor, session_id)
    with academy.services.store.read() as db:
        return db.exec(select(Recording).where(Recording.session_id == session_id)).one()


def head(academy: World, recording: Recording, **more: Any) -> dict[str, Any]:
    return {
        "set_id": "set",
        "recording_id": recording.id,
        "session_id": academy.mine.session.id,
        "participant_id": "p-student",
        "source": "microphone",
        "codec": "opus",
        "file": "t001-0001.mka",
        "started_at_ms": round(recording.started_at.timestamp() * 1000),
        "duration_ms": 10_000,
        "gaps": [{"from_ms": 10, "to_ms": 20, "reason": "lost"}],
        "width": 0,
        "height": 0,
        "bytes": len(FILE),
        "sha256": hashlib.sha256(FILE).hexdigest(),
        "at": 0,
        **more,
    }


async def send(academy: World, path: str, body: bytes, key: bytes = b"") -> tuple[int, Any]:
    key = key or academy.services.settings.derived_key("internal")
    async with academy.client() as client:
        answer = await client.post(
            f"/internal/v1/recordings/{path}", content=body, headers=signed_headers(key, body)
        )
    return answer.status_code, answer.json()


async def part(academy: World, fields: dict[str, Any], data: bytes) -> tuple[int, Any]:
    return await send(academy, "part", json.dumps(fields).encode() + b"\n" + data)


async def hand_in(academy: World, recording: Recording, **more: Any) -> str:
    """A whole file; its id."""
    assert (await part(academy, head(academy, recording, **more), FILE))[1]["done"]
    with academy.services.store.read() as db:
        name = more.get("file", "t001-0001.mka")
        return db.exec(select(RecordingFile.id).where(RecordingFile.name == name)).one()


def test_only_its_instructor_and_coordinators_start_and_stop(academy: World) -> None:
    session_id = academy.mine.session.id
    instructor = academy.viewer("instructor")
    assert instructor is not None
    with pytest.raises(SessionNotOpen):
        recordings.start(instructor, session_id)
    begin(academy)
    for who in ("student", "guardian", "operator"):
        viewer = academy.viewer(who)
        assert viewer is not None
        with pytest.raises(NotAllowed):
            recordings.stop(viewer, session_id)
    coordinator = academy.viewer("coordinator")
    assert coordinator is not None
    recordings.stop(coordinator, session_id)
    recordings.stop(coordinator, session_id)
    with academy.services.store.read() as db:
        assert db.exec(select(Recording.status).where(Recording.session_id == session_id)).all() == ["ending"]
        kinds = db.exec(select(DomainEvent.kind).where(DomainEvent.session_id == session_id)).all()
    assert kinds.count("recording.started") == 1 and kinds.count("recording.stopped") == 1


async def test_a_file_comes_in_parts_and_only_whole_and_right(academy: World) -> None:
    recording = begin(academy)
    fields = head(academy, recording)
    assert (await send(academy, "part", json.dumps(fields).encode() + b"\n" + FILE, b"guess"))[0] == 403
    assert await part(academy, fields, FILE[:4_000]) == (200, {"received": 4_000, "done": False})
    assert await part(academy, fields, FILE[:4_000]) == (200, {"received": 4_000, "done": False})
    wrong = b"x" * (len(FILE) - 4_000)
    assert await part(academy, {**fields, "at": 4_000}, wrong) == (200, {"received": 0, "done": False})
    assert (await part(academy, fields, FILE[:4_000]))[1]["received"] == 4_000
    assert (await part(academy, {**fields, "at": 4_000}, FILE[4_000:]))[1] == {
        "received": len(FILE),
        "done": True,
    }
    assert (await part(academy, fields, FILE))[1]["done"], "again changes nothing"
    with academy.services.store.read() as db:
        row = db.exec(select(RecordingFile)).one()
        key = row.blob_key
    assert row.person_id == academy.mine.students[0].id and row.status == "ready" and row.parts == []
    assert b"".join([chunk async for chunk in academy.services.blobs.get(key)]) == FILE
    left = [one for one in (academy.services.settings.data_dir / "blobs").rglob("*") if ".part-" in one.name]
    assert left == []


async def test_without_consent_nothing_is_kept(academy: World) -> None:
    recording = begin(academy, consent=False)
    assert (await part(academy, head(academy, recording), FILE))[0] == 403
    now = academy.services.clock.now()
    who = academy.mine.students[0].id
    with academy.services.store.write() as db:
        early = now - timedelta(hours=2)
        db.add(
            Consent(
                person_id=who,
                purpose="recording",
                given_by=who,
                given_at=early,
                withdrawn_at=now - timedelta(hours=1),
            )
        )
    assert (await part(academy, head(academy, recording), FILE))[0] == 403, "withdrawn before"
    with academy.services.store.read() as db:
        assert db.exec(select(RecordingFile)).all() == []


async def test_what_is_malformed_or_unknown_is_refused(academy: World) -> None:
    recording = begin(academy)
    good = head(academy, recording)
    for bad in (
        b"",
        b"\n",
        b"[]\n",
        b"{}\nx",
        json.dumps({**good, "bytes": -1}).encode() + b"\nx",
        json.dumps({**good, "duration_ms": 10**12}).encode() + b"\nx",
        json.dumps({**good, "gaps": 7}).encode() + b"\nx",
        json.dumps({**good, "at": "now"}).encode() + b"\nx",
    ):
        assert (await send(academy, "part", bad))[0] == 422
    assert (await part(academy, {**good, "recording_id": "unknown"}, FILE))[0] == 404
    assert (await part(academy, {**good, "participant_id": "nobody"}, FILE))[0] == 404
    assert (await part(academy, {**good, "session_id": academy.theirs.session.id}, FILE))[0] == 404
    assert (await send(academy, "manifest", b"nothing"))[0] == 422


async def test_who_may_watch(academy: World) -> None:
    recording = begin(academy)
    file_id = await hand_in(academy, recording)
    session_id = academy.mine.session.id
    for who in (ANONYMOUS, SEAT_LINK, "student", "guardian", "operator"):
        async with academy.client(who) as client:
            for path in (f"/api/v1/sessions/{session_id}/recording", f"/api/v1/recordings/files/{file_id}"):
                assert (await client.get(path)).status_code in (401, 403, 404), (who, path)
    for who in ("instructor", "coordinator"):
        async with academy.client(who) as client:
            manifest = (await client.get(f"/api/v1/sessions/{session_id}/recording")).json()
            assert [one["source"] for one in manifest["tracks"]] == ["microphone"]
            url = manifest["tracks"][0]["segments"][0]["url"]
            whole = await client.get(url)
            assert whole.content == FILE and whole.headers["content-type"] == "audio/webm"
            some = await client.get(url, headers={"range": "bytes=100-199"})
            assert (some.status_code, some.content) == (206, FILE[100:200])
            assert "no-store" in some.headers["cache-control"]
    with academy.services.store.read() as db:
        watched = select(AuditEntry.actor_id).where(AuditEntry.action == "recording.watch")
        assert set(db.exec(watched)) == {academy.mine.instructor.id, academy.mine.coordinator.id}


async def test_families_watch_their_own_lesson_where_it_is_allowed(open_academy: World) -> None:
    academy = open_academy
    recording = begin(academy)
    await hand_in(academy, recording)
    for who, status in (("student", 200), ("guardian", 200), ("operator", 404), (SEAT_LINK, 401)):
        async with academy.client(who) as client:
            path = f"/api/v1/sessions/{academy.mine.session.id}/recording"
            assert (await client.get(path)).status_code == status, who
    stranger = academy.new_login(academy.theirs.guardians[0])
    async with academy.client() as client:
        path = f"/api/v1/sessions/{academy.mine.session.id}/recording"
        assert (await client.get(path, headers={"cookie": stranger})).status_code == 404


async def test_it_is_finished_when_everything_is_handed_in(academy: World) -> None:
    recording = begin(academy)
    recordings.set_began(recording.id, "set")
    await hand_in(academy, recording)
    actor = academy.viewer("instructor")
    assert actor is not None
    end_session(actor, academy.mine.session.id)
    manifest = {"set_id": "set", "recording_id": recording.id}
    assert (await send(academy, "manifest", json.dumps(manifest).encode()))[0] == 200
    with academy.services.store.read() as db:
        assert db.get_one(Recording, recording.id).status == "finished"
        event = db.exec(select(DomainEvent).where(DomainEvent.kind == "recording.finished")).one()
        assert event.payload["files"] == 1


def test_a_failure_is_a_case_once(academy: World) -> None:
    recording = begin(academy)
    recordings.failed(recording.id, "disk_full")
    recordings.failed(recording.id, "disk_full")
    with academy.services.store.read() as db:
        case = db.exec(select(ExceptionCase).where(ExceptionCase.kind == "recording_failed")).one()
        assert case.facts["reason"] == "disk_full" and case.session_id == academy.mine.session.id
        assert recordings.active(db, academy.mine.session.id) is None


async def test_erased_by_its_date_and_with_its_person(academy: World) -> None:
    recording = begin(academy)
    first = await hand_in(academy, recording)
    await hand_in(academy, recording, file="t002-0001.mka", participant_id="p-instructor")
    with academy.services.store.write() as db:
        recordings.erase_person(db, academy.mine.students[0].id)
    async with academy.client("coordinator") as client:
        assert (await client.get(f"/api/v1/recordings/files/{first}")).status_code == 404
    assert (await part(academy, head(academy, recording), FILE))[0] == 404, "not taken again"
    assert await recordings.erase_due(academy.services) == 1
    academy.services.clock.advance(31 * 86_400)  # type: ignore[attr-defined]
    assert await recordings.erase_due(academy.services) == 1
    with academy.services.store.read() as db:
        assert db.exec(select(RecordingFile)).all() == [] and db.exec(select(Recording)).all() == []
        erased = select(AuditEntry.subject_id).where(AuditEntry.action == "recording.erase")
        assert len(db.exec(erased).all()) == 2
    blobs = academy.services.settings.data_dir / "blobs" / "recordings"
    assert [one for one in blobs.rglob("*") if one.is_file()] == []
