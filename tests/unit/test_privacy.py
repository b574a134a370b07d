"""Handing out and erasing what is kept about a person."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import SQLModel, select
from typer.testing import CliRunner

import core.domain
from core.access import SYSTEM, Viewer, viewer_for
from core.domain import (
    CaseNote,
    ClassSession,
    Enrollment,
    ExceptionCase,
    JoinLink,
    Message,
    Person,
    PersonRole,
    Seat,
    StudentReport,
    Summary,
    TranscriptSegment,
)
from core.domain.person import ROLES
from core.errors import Conflict, NotAllowed, NotFound
from core.lifecycle import privacy
from core.services import Services
from core.testing import plugin, seed, services
from hilink_app import cli

pytestmark = pytest.mark.unit


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Services]:
    with services(tmp_path) as made:
        yield made


def _viewer(made: Services, role: str) -> Viewer:
    with made.store.write() as db:
        found = viewer_for(db, seed.person(db, f"Olu {role.title()}", role).id)
    assert found is not None
    return found


def _taught(made: Services) -> tuple[str, str]:
    """(student, session) after a lesson with words, a summary, a report, a message and a case with a note."""
    now = made.clock.now()
    with made.store.write() as db:
        one = seed.lesson(db)
        session = db.get_one(ClassSession, one.session.id)
        session.status = "ended"
        student, teacher = one.students[0], one.instructor
        for number, (who, text) in enumerate(((student, "My dog is ill."), (teacher, "Well done."))):
            db.add(
                TranscriptSegment(
                    id=f"seg{number}",
                    session_id=session.id,
                    person_id=who.id,
                    started_ms=0,
                    ended_ms=9,
                    text=text,
                    engine="test",
                )
            )
        sentences = [
            {"text": "The dog is ill.", "spans": ["seg0"], "section": "covered"},
            {"text": f"{student.first_name} did well.", "spans": ["seg1"], "section": "covered"},
        ]
        summary = Summary(
            session_id=session.id, engine="test", body={"sentences": sentences}, drafted_at=now, due_at=now
        )
        db.add(summary)
        db.flush()
        db.add(
            StudentReport(
                session_id=session.id, student_id=student.id, summary_id=summary.id, body={"headline": "x"}
            )
        )
        db.add(Message(kind="report", to_person_id=student.id, dedupe="m", due_at=now))
        seat = db.exec(select(Seat).where(Seat.person_id == student.id)).one()
        db.add(JoinLink(seat_id=seat.id, token_hash="secret-hash", created_at=now, expires_at=now))
        case = ExceptionCase(
            kind="no_show",
            queue="coordinator",
            person_id=student.id,
            session_id=session.id,
            dedupe="c",
            opened_at=now,
            due_at=now,
        )
        db.add(case)
        db.flush()
        db.add(CaseNote(case_id=case.id, person_id=teacher.id, at=now, text=f"{student.name} was ill."))
        return student.id, session.id


def test_every_column_that_names_a_person_has_a_rule() -> None:
    ours = {
        cls.__tablename__
        for cls in vars(core.domain).values()
        if isinstance(cls, type) and hasattr(cls, "__table__")
    }
    named = {
        f"{table.name}.{column.name}"
        for table in SQLModel.metadata.tables.values()
        if table.name in ours
        for column in table.columns
        if column.name.endswith(("person_id", "actor_id"))
        or any(key.target_fullname == "person.id" for key in column.foreign_keys)
    }
    assert named == set(privacy.RULES)


def test_an_export_holds_everything_and_no_secret(made: Services) -> None:
    student, _ = _taught(made)
    found = privacy.export(SYSTEM, student)
    assert found["person"]["name"].startswith("Sam")
    assert found["tables"]["transcript_segment"][0]["text"] == "My dog is ill."
    assert "student_report" in found["tables"] and "message" in found["tables"]
    text = json.dumps(found)
    assert "hash" not in text and "Well done" not in text
    assert [row["action"] for row in privacy.export(SYSTEM, student)["tables"]["audit_entry"]] == [
        "person.export"
    ] * 2


def test_nothing_of_an_erased_person_is_left(made: Services) -> None:
    student, session = _taught(made)
    with made.store.read() as db:
        name = db.get_one(Person, student).name
    privacy.erase(SYSTEM, student)
    with made.store.read() as db:
        person = db.get_one(Person, student)
        assert (person.name, person.email, person.active) == (privacy.ERASED, None, False)
        for table in (PersonRole, Enrollment):
            column: Any = table.person_id if table is PersonRole else table.student_id  # pyright: ignore[reportAttributeAccessIssue]
            assert db.exec(select(table).where(column == student)).all() == []
        assert [row.text for row in db.exec(select(TranscriptSegment))] == ["Well done."]
        assert db.exec(select(StudentReport)).all() == [] and db.exec(select(Message)).all() == []
        assert db.exec(select(JoinLink)).all() == []
        body = db.exec(select(Summary)).one().body
        assert [one["text"] for one in body["sentences"]] == [f"{privacy.NOBODY} did well."]
        assert db.exec(select(CaseNote)).one().text == f"{privacy.NOBODY} was ill."
        assert db.get(ClassSession, session) is not None
        rows = [
            tuple(row)
            for table in SQLModel.metadata.sorted_tables
            for row in db.connection().execute(table.select())
        ]
    everything = json.dumps(rows, default=str)
    assert name not in everything and "dog" not in everything


def test_somebody_with_lessons_to_come_is_not_erased_half(made: Services) -> None:
    with made.store.write() as db:
        one = seed.lesson(db)
    with pytest.raises(Conflict, match="1 lessons are still planned"):
        privacy.erase(SYSTEM, one.instructor.id)
    with made.store.read() as db:
        assert db.get_one(Person, one.instructor.id).name == "Ines Instructor"


def test_a_plugin_that_cannot_erase_stops_the_whole(made: Services) -> None:
    student, _ = _taught(made)

    def erase_person(db: Any, person_id: str) -> None:
        raise RuntimeError("its own store is away")

    made.plugins.add("stubborn", plugin("stubborn", erase_person=erase_person))
    with pytest.raises(RuntimeError):
        privacy.erase(SYSTEM, student)
    with made.store.read() as db:
        assert db.get_one(Person, student).name != privacy.ERASED
        assert len(db.exec(select(TranscriptSegment)).all()) == 2


def test_no_role_may_only_who_has_the_machine(made: Services) -> None:
    student, _ = _taught(made)
    for role in ROLES:
        for ask in (privacy.export, privacy.erase):
            with pytest.raises(NotAllowed):
                ask(_viewer(made, role), student)
    with pytest.raises(NotFound):
        privacy.export(SYSTEM, "nobody")


def test_the_command_writes_a_file_for_its_owner_alone_and_erases_when_asked_twice(
    made: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    student, _ = _taught(made)

    def ready(role: str) -> Services:
        return made

    monkeypatch.setattr(cli, "_services", ready)
    out = tmp_path / "sam.json"
    run = CliRunner()
    asked = ["person", "export", student, "--out", str(out)]
    assert run.invoke(cli.app, asked).exit_code == 0
    assert json.loads(out.read_text())["person"]["id"] == student
    assert out.stat().st_mode & 0o777 == 0o600
    assert run.invoke(cli.app, asked).exit_code == 1, "a file that is there is not written over"
    assert run.invoke(cli.app, ["person", "erase", student], input="somebody else\n").exit_code == 1
    assert run.invoke(cli.app, ["person", "erase", student], input=f"{student}\n").exit_code == 0
    assert run.invoke(cli.app, ["person", "export", "nobody", "--out", str(tmp_path / "x")]).exit_code == 1
    with made.store.read() as db:
        assert db.get_one(Person, student).name == privacy.ERASED
