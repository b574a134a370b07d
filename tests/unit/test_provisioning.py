"""What stands ready before a lesson: room, reminders, briefing; and whether it can be joined, looked at in time."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import Session, col, select

from core.access import Viewer, viewer_for
from core.clock import tick_timers
from core.domain import (
    Briefing,
    ClassSession,
    Delivery,
    DomainEvent,
    ExceptionCase,
    JoinLink,
    Material,
    MediaNode,
    Message,
    Qualification,
    Readiness,
    Room,
    Seat,
    Timer,
)
from core.errors import Conflict, InvalidInput, NotAllowed
from core.lifecycle import courses, media, profile, readiness, reminders, schedule, wiring
from core.lifecycle.cases import resolve_case
from core.lifecycle.provision import new_join_link
from core.services import Services
from core.testing import plugin, seed, services, work_off
from core.views import ClassSessionView

pytestmark = pytest.mark.unit

BUILT_INS = ("plugins.classroom", "plugins.notifications")


@dataclass
class School:
    app: Services
    one: seed.Lesson
    session: ClassSessionView

    def viewer(self, person_id: str) -> Viewer:
        with self.app.store.read() as db:
            found = viewer_for(db, person_id)
        assert found is not None
        return found

    @property
    def coordinator(self) -> Viewer:
        return self.viewer(self.one.coordinator.id)

    @property
    def family(self) -> Viewer:
        return self.viewer(self.one.guardians[0].id)

    def until(self, before_s: float) -> None:
        """Move the clock to that long before the lesson, and let it tick."""
        now: Any = self.app.clock
        now.set(self.session.starts_at - timedelta(seconds=before_s))
        _node(self.app)
        tick_timers(self.app)

    def send(self) -> None:
        """The mail server takes everything that is queued."""
        with self.app.store.write() as db:
            for row in db.exec(select(Message).where(Message.status == "queued")):
                row.status = "sent"
                db.add(row)
            for seat in db.exec(select(Seat).where(Seat.session_id == self.session.id)):
                new_join_link(db, seat.id)

    def looked(self) -> Readiness | None:
        with self.app.store.read() as db:
            return db.get(Readiness, self.session.id)

    def cases(self, kind: str = "not_ready") -> list[ExceptionCase]:
        with self.app.store.read() as db:
            query = select(ExceptionCase).where(ExceptionCase.kind == kind)
            return list(db.exec(query.order_by(col(ExceptionCase.opened_at))))

    def told(self, kind: str = "reminder") -> list[tuple[str, int]]:
        """(reader, seconds before the start) in the order of the queue."""
        with self.app.store.read() as db:
            rows = db.exec(select(Message).where(Message.kind == kind).order_by(Message.id)).all()
        return [(row.to_person_id, row.params.get("before_s", 0)) for row in rows]


def _node(app: Services) -> None:
    media.heard(
        media.Beat(
            name="node-1", instance="a", region="Europe/Berlin", control_url="ws://node-1", version=media.VERSION,
            load=0.0, rooms=0, participants=0, uptime_s=1.0,
        )
    )  # fmt: skip


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Services]:
    with services(tmp_path, built_ins=BUILT_INS, smtp_url="smtp://127.0.0.1:1") as made:
        wiring.wire()
        yield made


@pytest.fixture
def school(app: Services) -> School:
    """A lesson two days ahead, scheduled by a coordinator and worked off by the plugins."""
    with app.store.write() as db:
        one = seed.lesson(db, starts_in_s=3_600)
        db.add(Qualification(instructor_id=one.instructor.id, course_id=one.course.id))
    made = School(app, one, _schedule(app, one, timedelta(days=2)))
    work_off(app)
    return made


def _schedule(app: Services, one: seed.Lesson, ahead: timedelta) -> ClassSessionView:
    with app.store.read() as db:
        coordinator = viewer_for(db, one.coordinator.id)
    assert coordinator is not None
    start = app.clock.now() + ahead
    return schedule.schedule_session(
        coordinator,
        schedule.NewSession(
            one.course.id, one.instructor.id, (one.students[0].id,), start, start + timedelta(hours=1)
        ),
    )


def _room(school: School) -> Room:
    with school.app.store.read() as db:
        return db.get_one(Room, school.session.id)


# The room


def test_a_room_has_every_tool_unless_its_course_does_without(school: School):
    assert {name: _room(school).settings[name] for name in ("whiteboard", "chat", "polls", "captions")} == {
        "whiteboard": True, "chat": True, "polls": True, "captions": True
    }  # fmt: skip


def test_a_changed_template_reaches_rooms_of_lessons_to_come(school: School):
    courses.change_template(
        school.coordinator, school.one.course.id, {"chat": False, "lobby": "always"}, True, 1
    )
    tick_timers(school.app)
    found = _room(school).settings
    assert (found["chat"], found["lobby"], found["recording"]) == (False, "always", True)
    assert found["whiteboard"] is True


def test_a_lesson_that_runs_keeps_its_room(school: School):
    with school.app.store.write() as db:
        row = db.get_one(ClassSession, school.session.id)
        row.status = "live"
        db.add(row)
    courses.change_template(school.coordinator, school.one.course.id, {"chat": False}, False, 1)
    tick_timers(school.app)
    assert _room(school).settings["chat"] is True


@pytest.mark.parametrize(
    ("template", "field"),
    [
        ({"lobby": "maybe"}, "lobby"),
        ({"captions_lang": "xx-!!"}, "captions_lang"),
        ({"region": "moon"}, "region"),
    ],
)
def test_a_template_out_of_reason_is_refused(school: School, template: dict[str, Any], field: str):
    with pytest.raises(InvalidInput) as error:
        courses.change_template(school.coordinator, school.one.course.id, template, False, 1)
    assert error.value.field == field


def test_templates_are_the_coordinators_and_nobody_overwrites_another(school: School):
    with pytest.raises(NotAllowed):
        courses.change_template(school.family, school.one.course.id, {}, False, 1)
    courses.change_template(school.coordinator, school.one.course.id, {"polls": False}, False, 1)
    with pytest.raises(Conflict):
        courses.change_template(school.coordinator, school.one.course.id, {}, False, 1)


# Links


def test_links_move_with_the_lesson_and_end_with_it(school: School):
    school.send()
    start = school.session.starts_at + timedelta(days=1)
    schedule.move_session(school.coordinator, school.session.id, start, start + timedelta(hours=1), 1)
    with school.app.store.read() as db:
        ends = {link.expires_at for link in db.exec(select(JoinLink)) if _of(db, link, school.session.id)}
    assert ends <= {start + timedelta(hours=2)}
    schedule.cancel_session(school.coordinator, school.session.id, 2)
    with school.app.store.read() as db:
        links = [link for link in db.exec(select(JoinLink)) if _of(db, link, school.session.id)]
    assert all(link.revoked_at is not None for link in links)


def _of(db: Session, link: JoinLink, session_id: str) -> bool:
    return db.get_one(Seat, link.seat_id).session_id == session_id


# Reminders


def test_everybody_is_reminded_at_the_usual_times(school: School):
    school.send()
    for before_s in (86_400, 3_600, 600):
        school.until(before_s)
    readers = {school.one.instructor.id, school.one.guardians[0].id}
    found = [one for one in school.told() if one[0] in readers]
    assert sorted(found) == sorted((who, s) for who in readers for s in (86_400, 3_600, 600))


def test_a_wish_changes_lessons_that_are_planned_already(school: School):
    school.send()
    reminders.change_wishes(school.family, [7_200], ["email"], "", "", 0)
    family = school.one.guardians[0].id
    for before_s in (86_400, 7_200, 3_600, 600):
        school.until(before_s)
    assert [one for one in school.told() if one[0] == family] == [(family, 7_200)]
    assert len([one for one in school.told() if one[0] == school.one.instructor.id]) == 3


def test_who_wants_none_gets_none(school: School):
    school.send()
    reminders.change_wishes(school.family, [], ["email"], "", "", 0)
    for before_s in (86_400, 3_600, 600):
        school.until(before_s)
    assert school.one.guardians[0].id not in {who for who, _ in school.told()}


def test_a_child_without_any_way_in_gets_a_link_however_its_family_wishes(school: School):
    reminders.change_wishes(school.family, [], ["email"], "", "", 0)
    school.until(86_400)
    assert [who for who, _ in school.told()].count(school.one.guardians[0].id) == 1


def test_a_time_that_has_passed_is_not_made_up_for(school: School):
    school.until(80_000)
    before = len(school.told())
    reminders.change_wishes(school.family, [172_000, 600], ["email"], "", "", 0)
    school.until(79_000)
    assert len(school.told()) == before


def test_quiet_hours_follow_a_move_to_another_zone(school: School):
    """The lesson starts at 08:00 UTC: 09:00 in Berlin, 17:00 in Tokyo."""
    reminders.change_wishes(school.family, [3 * 3_600], ["email"], "22:00", "07:00", 0)
    with school.app.store.read() as db:
        waiting = select(Timer.due_at).where(Timer.kind == "reminder", Timer.status == "waiting")
        mine = db.exec(waiting.where(Timer.subject_id == school.session.id)).one()
    assert mine <= school.session.starts_at - timedelta(hours=3)
    profile.change_profile(school.family, "Gale Guardian", "Asia/Tokyo", "en")
    with school.app.store.read() as db:
        assert db.exec(waiting.where(Timer.subject_id == school.session.id)).one() >= mine


@pytest.mark.parametrize(
    ("times", "channels", "quiet", "field"),
    [
        ([30], ["email"], ("", ""), "reminders"),
        ([600, 700, 800, 900, 1_000, 1_100], ["email"], ("", ""), "reminders"),
        ([600], ["pigeon"], ("", ""), "channels"),
        ([600], [], ("", ""), "channels"),
        ([600], ["email"], ("21:00", ""), "quiet"),
        ([600], ["email"], ("21:00", "25:00"), "quiet"),
    ],
)
def test_wishes_out_of_reason_are_refused(
    school: School, times: list[int], channels: list[str], quiet: tuple[str, str], field: str
):
    with pytest.raises(InvalidInput) as error:
        reminders.change_wishes(school.family, times, channels, *quiet, 0)
    assert error.value.field == field


def test_two_windows_do_not_overwrite_each_other(school: School):
    reminders.change_wishes(school.family, [600], ["email"], "", "", 0)
    with pytest.raises(Conflict):
        reminders.change_wishes(school.family, [900], ["email"], "", "", 0)


def test_a_reminder_goes_by_the_channel_the_person_chose(tmp_path: Path):
    text = plugin("text", message_channels=lambda: [("text", print)])
    with services(tmp_path, built_ins=BUILT_INS, plugins={"text": text}) as app:
        wiring.wire()
        with app.store.write() as db:
            one = seed.lesson(db)
            db.add(Qualification(instructor_id=one.instructor.id, course_id=one.course.id))
        made = School(app, one, _schedule(app, one, timedelta(days=2)))
        reminders.change_wishes(made.family, [600], ["text", "email"], "", "", 0)
        made.until(600)
        with app.store.read() as db:
            rows = db.exec(select(Message).where(Message.kind == "reminder")).all()
        assert {(row.to_person_id, row.channel) for row in rows} >= {
            (one.guardians[0].id, "text"),
            (one.instructor.id, "email"),
        }


# Staged, and ready


def test_a_day_before_everything_is_staged_and_looked_at(school: School):
    school.send()
    school.until(86_400)
    looked = school.looked()
    assert looked is not None and (looked.status, all(looked.checks.values())) == ("ready", True)
    assert school.cases() == []
    with school.app.store.read() as db:
        assert db.get(Briefing, school.session.id) is not None
        assert [
            e.payload for e in db.exec(select(DomainEvent).where(DomainEvent.kind == "lesson.ready"))
        ] == [{"ready": True}]


def test_a_file_added_late_is_there_a_quarter_of_an_hour_before(school: School):
    school.until(86_400)
    with school.app.store.write() as db:
        db.add(
            Material(
                course_id=school.one.course.id, name="Sheet", media_type="application/pdf", size=1, blob_key="k",
                added_by=school.one.instructor.id, added_at=school.app.clock.now(),
            )
        )  # fmt: skip
    school.until(900)
    with school.app.store.read() as db:
        assert len(db.get_one(Briefing, school.session.id).body["materials"]) == 1


def test_what_a_failed_delivery_left_undone_is_made_good_a_day_before(tmp_path: Path):
    def explode() -> None:
        raise RuntimeError

    broken = plugin("classroom2", on_schedule=explode)
    with services(tmp_path, plugins={"classroom2": broken}, delivery_backoff_s=()) as app:
        wiring.wire()
        with app.store.write() as db:
            one = seed.lesson(db)
            db.add(Qualification(instructor_id=one.instructor.id, course_id=one.course.id))
        made = School(app, one, _schedule(app, one, timedelta(days=2)))
        work_off(app)
        assert [case.kind for case in made.cases("delivery_failed")] == ["delivery_failed"]
        made.until(86_400)
        assert _room(made).settings["chat"] is True
        (case,) = made.cases()
        assert case.facts["missing"] == ["told"]
        assert case.due_at < made.session.starts_at - timedelta(hours=20)
        with app.store.read() as db:
            assert db.exec(select(Delivery.status)).one() == "waiting"


def test_half_an_hour_before_a_missing_node_is_a_case_and_its_coming_settles_it(school: School):
    school.send()
    clock: Any = school.app.clock
    with school.app.store.write() as db:
        for node in db.exec(select(MediaNode)):
            db.delete(node)
    clock.set(school.session.starts_at - timedelta(seconds=86_400))
    tick_timers(school.app)
    assert school.cases() == []
    clock.set(school.session.starts_at - timedelta(seconds=1_800))
    tick_timers(school.app)
    (case,) = school.cases()
    assert (case.queue, case.facts["missing"]) == ("operator", ["node"])
    school.until(1_500)
    assert [case.status for case in school.cases()] == ["resolved"]


def test_who_was_not_told_is_said_in_words(school: School):
    school.send()
    with school.app.store.write() as db:
        for row in db.exec(select(Message)):
            row.status = "failed"
            db.add(row)
    school.until(1_800)
    looked = school.looked()
    assert looked is not None and looked.status == "unready"
    with school.app.store.read() as db:
        missing, _ = readiness.last_look(db, db.get_one(ClassSession, school.session.id))
        queued = db.exec(select(Message.status).where(Message.kind == "invitation")).all()
    assert missing == ["told"]
    assert set(queued) == {"queued"}  # tried once more


def test_a_moved_lesson_is_told_anew(school: School):
    school.send()
    start = school.session.starts_at + timedelta(hours=3)
    schedule.move_session(school.coordinator, school.session.id, start, start + timedelta(hours=1), 1)
    assert readiness.check_now(school.coordinator, school.session.id) == "unready"
    work_off(school.app)
    school.send()
    _node(school.app)
    assert readiness.check_now(school.coordinator, school.session.id) == "ready"


def test_without_a_mail_server_the_outbox_counts(tmp_path: Path):
    with services(tmp_path, built_ins=BUILT_INS) as app:
        wiring.wire()
        with app.store.write() as db:
            one = seed.lesson(db)
            db.add(Qualification(instructor_id=one.instructor.id, course_id=one.course.id))
            one.students[0].password_hash = "a sign-in of their own"
            db.add(one.students[0])
        made = School(app, one, _schedule(app, one, timedelta(days=2)))
        work_off(app)
        made.until(1_800)
        looked = made.looked()
        assert looked is not None and looked.status == "ready"


def test_a_person_who_settled_it_is_not_asked_again_for_the_same(school: School):
    school.until(1_800)
    (case,) = school.cases()
    resolve_case(school.coordinator, case.id, "We will call them.")
    school.until(1_200)
    assert len(school.cases()) == 1


def test_a_cancelled_lesson_needs_nothing(school: School):
    school.until(1_800)
    assert [case.status for case in school.cases()] == ["open"]
    schedule.cancel_session(school.coordinator, school.session.id, 1)
    assert [case.status for case in school.cases()] == ["resolved"]
    with school.app.store.read() as db:
        waiting = select(Timer).where(Timer.subject_id == school.session.id, Timer.status == "waiting")
        assert db.exec(waiting).all() == []
    with pytest.raises(Conflict):
        readiness.check_now(school.coordinator, school.session.id)


def test_families_do_not_look_behind_the_scenes(school: School):
    with pytest.raises(NotAllowed):
        readiness.check_now(school.family, school.session.id)


def test_a_lesson_at_short_notice_is_looked_at_at_once(app: Services):
    with app.store.write() as db:
        one = seed.lesson(db, starts_in_s=90_000)
        db.add(Qualification(instructor_id=one.instructor.id, course_id=one.course.id))
    made = School(app, one, _schedule(app, one, timedelta(minutes=10)))
    work_off(app)
    made.send()
    made.until(500)
    looked = made.looked()
    assert looked is not None and looked.status == "ready"
