"""Lives the demo's past week through the real lifecycle with a moved clock: the same functions, events and rows as
a real lesson. Mail of that week counts as sent; nothing of it reaches the worker."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from types import ModuleType
from typing import Any

from sqlmodel import Session, col, select, update

from core import services
from core.access import viewer_for
from core.clock import cancel_timers, tick_timers
from core.delivery.engine import forget, queued
from core.domain import CurriculumTopic, ExceptionCase, Message, Person, PersonRole, Summary, Timer
from core.hookspecs import HOOK_API, hookimpl
from core.lifecycle import approve, cases, chain, end, live, schedule
from core.lifecycle.measure import stage_briefing
from core.lifecycle.provision import provision_room
from core.plugins import Plugins
from core.services import Services
from core.testing import FakeClock
from hilink_app.demo.lessons import COURSES
from hilink_app.demo.plan import Lesson

_LATE, _MISSED, _EARLY, _WAITS = 5, 11, 17, 4
"""Every fifth student is late, every eleventh does not come, every seventeenth lesson breaks off; the last four wait."""


def topics_by_course(db: Session) -> dict[str, list[CurriculumTopic]]:
    found: dict[str, list[CurriculumTopic]] = {}
    for topic in db.exec(select(CurriculumTopic).order_by(col(CurriculumTopic.position))):
        found.setdefault(topic.course_id, []).append(topic)
    return found


def live_through(made: Services, lessons: Sequence[Lesson], length: timedelta) -> None:
    """Every lesson from scheduling to the family, in order of time."""
    clock = FakeClock(lessons[0].starts_at)
    quiet = Plugins.load(built_ins=(), third_party=(), extra={"summaries": _only_summarisers(made.plugins)})
    then = replace(made, clock=clock, plugins=quiet)
    with services.using(then):
        for number, lesson in enumerate(lessons):
            _Week(then, clock, number, len(lessons), length).live(lesson)
        _settle(then, made.clock.now())
    forget(made.store, [work.id for work in queued(made.store)])


def _only_summarisers(plugins: Plugins) -> Any:
    """A plugin that drafts and does nothing else."""
    module: Any = ModuleType("summaries", "Drafts for the demo.")
    module.HILINK_API = (HOOK_API, HOOK_API)
    offered = [engine for _, engines in plugins.call("summarisers") for engine in engines]

    @hookimpl
    def summarisers() -> Sequence[tuple[str, Any]]:
        return offered

    module.summarisers = summarisers
    return module


class _Week:
    """One lesson of the past, told step by step."""

    def __init__(self, then: Services, clock: FakeClock, number: int, count: int, length: timedelta) -> None:
        self._then, self._clock, self._number, self._length = then, clock, number, length
        self._count = count
        self._waits = number >= count - _WAITS
        self._missed = number % _MISSED == _MISSED - 1
        self._early = number % _EARLY == _EARLY - 1

    def live(self, lesson: Lesson) -> None:
        session_id = self._schedule(lesson)
        if self._missed:
            self._clock.set(lesson.starts_at)
            live.presence_started(session_id, lesson.instructor_id, f"demo-{session_id}-i", "instructor")
            self._clock.set(lesson.starts_at + timedelta(minutes=6))
            tick_timers(self._then)
            self._settle_case(session_id)
            self._clock.set(lesson.starts_at + self._length + timedelta(hours=1, minutes=1))
            tick_timers(self._then)
            chain.run_stage(session_id, "attendance")
            return
        lasted = self._teach(lesson, session_id)
        self._clock.set(lesson.starts_at + lasted)
        end.end_session(self._viewer(lesson.instructor_id), session_id)
        self._draft(session_id)
        if not self._waits:
            self._clock.set(lesson.starts_at + lasted + timedelta(minutes=8 + self._number % 30))
            self._approve(lesson, session_id)

    def _schedule(self, lesson: Lesson) -> str:
        self._clock.set(lesson.starts_at - timedelta(days=3))
        with self._then.store.read() as db:
            topics = topics_by_course(db)[lesson.pair.course_id]
            coordinator = db.exec(
                select(PersonRole.person_id).where(PersonRole.role == "coordinator")
            ).first()
        topic = topics[(self._number // 7 + lesson.round) % len(topics)]
        view = schedule.schedule_session(
            self._viewer(coordinator or ""),
            schedule.NewSession(
                lesson.pair.course_id,
                lesson.instructor_id,
                (lesson.pair.student_id,),
                lesson.starts_at,
                lesson.starts_at + self._length,
                topic_id=topic.id,
            ),
        )
        with self._then.store.write() as db:
            provision_room(db, view.id)
            stage_briefing(db, view.id)
            # Nobody is written to about the past: a look at who was told would find every lesson wanting.
            cancel_timers(db, view.id, ("stage", "readiness", "refresh"))
        return view.id

    def _teach(self, lesson: Lesson, session_id: str) -> timedelta:
        late = timedelta(minutes=7 if self._number % _LATE == _LATE - 1 else 0)
        tick_timers(self._then)
        self._clock.set(lesson.starts_at - timedelta(minutes=1))
        live.presence_started(session_id, lesson.instructor_id, f"demo-{session_id}-i", "instructor")
        self._clock.set(lesson.starts_at + late + timedelta(seconds=20 + 7 * (self._number % 9)))
        tick_timers(self._then)
        live.presence_started(session_id, lesson.pair.student_id, f"demo-{session_id}-s", "student")
        lasted = timedelta(minutes=14) if self._early else self._length - timedelta(minutes=self._number % 3)
        self._say(lesson, session_id, lasted)
        return lasted

    def _say(self, lesson: Lesson, session_id: str, lasted: timedelta) -> None:
        """The words of the lesson, as an agent hands them in; talk time and answers with them."""
        with self._then.store.read() as db:
            topics = topics_by_course(db)[lesson.pair.course_id]
            student = db.get_one(Person, lesson.pair.student_id)
        topic = topics[(self._number // 7 + lesson.round) % len(topics)]
        lines = next(lines for name, _, lines in COURSES[lesson.pair.course][2] if name == topic.name)
        if self._early:
            lines = lines[:5]
        every = int(lasted.total_seconds() * 1000 / (len(lines) + 1))
        items: list[dict[str, Any]] = []
        for place, line in enumerate(lines):
            speaker = lesson.instructor_id if line[0] == "I" else student.id
            started = every * place + 900 * (place % 4)
            items.append(
                {
                    "kind": "transcript.segment",
                    "session_id": session_id,
                    "person_id": speaker,
                    "started_ms": started,
                    "ended_ms": started + 380 * len(line.split()),
                    "text": line[2:].format(s=student.first_name),
                    "confidence": 0.93,
                    "engine": "demo",
                }
            )
        right = 3 + self._number % 3
        measured = [
            (student.id, "talk_s", 240 + 23 * (self._number % 11)),
            (lesson.instructor_id, "talk_s", 900 + 31 * (self._number % 7)),
            (student.id, "answers", 5),
            (student.id, "answers_right", right),
            (student.id, "hands", self._number % 4),
            (student.id, "chats", self._number % 6),
            (student.id, "board_updates", 12 + 5 * (self._number % 8)),
        ]
        items += [
            {"kind": "engagement", "session_id": session_id, "person_id": p, "signal": s, "value": v}
            for p, s, v in measured
        ]
        items.append({"kind": "transcript.done", "session_id": session_id})
        live.ingest(live.Batch(f"demo-{session_id}", 1, tuple(items)))

    def _draft(self, session_id: str) -> None:
        for stage in ("attendance", "transcript", "draft"):
            chain.run_stage(session_id, stage)

    def _approve(self, lesson: Lesson, session_id: str) -> None:
        with self._then.store.read() as db:
            summary = db.exec(select(Summary).where(Summary.session_id == session_id)).one()
        approve.approve_summary(self._viewer(lesson.instructor_id), summary.id, summary.version)
        chain.run_stage(session_id, "tell")

    def _settle_case(self, session_id: str) -> None:
        """Missed lessons were settled by a person; the newest still wait for one."""
        with self._then.store.read() as db:
            case = db.exec(select(ExceptionCase).where(ExceptionCase.session_id == session_id)).first()
            coordinator = db.exec(
                select(PersonRole.person_id).where(PersonRole.role == "coordinator")
            ).first()
        if case is None or self._number > self._count - 12:
            return
        viewer = self._viewer(coordinator or "")
        cases.take_case(viewer, case.id, case.version)
        cases.note_case(viewer, case.id, "Called the family: a school trip that nobody had told us about.")
        cases.resolve_case(viewer, case.id, "Family reached; a make-up lesson is planned.")

    def _viewer(self, person_id: str) -> Any:
        with self._then.store.read() as db:
            return viewer_for(db, person_id)


def _settle(then: Services, now: datetime) -> None:
    """The week is over: its mail counts as sent, its timers as past."""
    with then.store.write() as db:
        db.execute(
            update(Message)
            .where(col(Message.status) == "queued")
            .values(status="sent", sent_at=Message.due_at, attempts=1)
        )
        db.execute(
            update(Timer)
            .where(col(Timer.status) == "waiting", col(Timer.due_at) <= now)
            .values(status="stale")
        )
