"""The review of one draft: what the instructor changes before deciding. Nothing is stored until saved or decided."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import reflex as rx

from core.errors import NotAllowed, NotFound
from core.lifecycle import approve
from core.lifecycle.approve import EditedReport, EditedSentence, Edits
from core.queries import recordings, teach
from core.queries.common import NO_LESSON, LessonLine
from core.queries.teach import ReportLine, SentenceLine, ToApprove, TopicState, TranscriptRow
from hilink_app.state.base import BaseState
from hilink_app.state.guard import allow
from hilink_app.state.live import watch

STAFF = ("instructor", "coordinator")


class Summaries(BaseState):
    """All summaries of the instructor's lessons; a coordinator sees everybody's."""

    ready: bool = False
    rows: list[tuple[ToApprove, str]] = []

    @rx.event
    @allow(*STAFF)
    async def load(self) -> None:
        self.rows = await asyncio.to_thread(teach.summaries, self._viewer())
        self.ready = True
        watch(self, Summaries.load, [f"session:{row.session_id}" for row, _ in self.rows[:30]])


class ReviewState(BaseState):
    """active: key of the sentence whose source is lit; editing: key of the one being rewritten; vouched: keys the
    instructor stands for without a source; problem: what keeps it from being approved. sections: those with a
    sentence; unsure: sentences nobody stands for yet. missing: there is no such summary for this reader."""

    ready: bool = False
    missing: bool = False
    recorded: bool = False
    summary_id: str = ""
    version: int = 0
    status: str = ""
    draft_no: int = 1
    engine: str = ""
    low_accuracy: bool = False
    due_at: str = ""
    previous_reason: str = ""
    lesson: LessonLine = NO_LESSON
    sentences: list[SentenceLine] = []
    reports: list[ReportLine] = []
    transcript: list[TranscriptRow] = []
    topics: list[TopicState] = []
    active: str = ""
    active_spans: list[str] = []
    editing: str = ""
    text: str = ""
    vouched: list[str] = []
    problem: str = ""
    problem_key: str = ""
    rejecting: bool = False
    saved: bool = True
    sections: list[str] = []
    total: int = 0
    unsure: int = 0
    added: int = 0
    _removed: tuple[list[SentenceLine], list[ReportLine]] | None = None

    @rx.event
    @allow(*STAFF)
    async def load(self) -> None:
        """The summary named in the address."""
        self.reset()
        try:
            await self._look(str(self.router.url.path).rstrip("/").rsplit("/", 1)[-1])
        except (NotFound, NotAllowed):
            self.missing = self.ready = True

    async def _look(self, summary_id: str) -> None:
        found = await asyncio.to_thread(teach.review, self._viewer(), summary_id)
        self.summary_id, self.version, self.status = found.summary_id, found.version, found.status
        self.draft_no, self.engine, self.low_accuracy = found.draft_no, found.engine, found.low_accuracy
        self.due_at, self.previous_reason, self.lesson = found.due_at, found.previous_reason, found.lesson
        self.recorded = await asyncio.to_thread(recordings.watchable, self._viewer(), found.lesson.id)
        self.sentences, self.reports = found.sentences, found.reports
        self.transcript, self.topics = found.transcript, found.topics
        self.active, self.active_spans, self.editing, self.text = "", [], "", ""
        self.problem, self.problem_key, self.vouched = "", "", []
        self._count()
        self.saved, self.ready = True, True

    @rx.event
    @allow(*STAFF)
    def pick(self, key: str) -> None:
        """Light a sentence and its source."""
        line = self._line(key)
        self.active, self.active_spans = key, list(line.spans) if line else []

    @rx.event
    @allow(*STAFF)
    def edit(self, key: str) -> None:
        self._keep_open()
        line = self._line(key)
        self.editing, self.text = key, line.text if line else ""
        self.active, self.active_spans = key, list(line.spans) if line else []

    @rx.event
    @allow(*STAFF)
    def type_text(self, text: str) -> None:
        self.text = text[:600]

    @rx.event
    @allow(*STAFF)
    def keep(self, form: dict[str, str]) -> None:
        """The rewritten sentence stands; an empty one goes."""
        self.text = str(form.get("sentence", self.text))[:600]
        self._keep_open()

    @rx.event
    @allow(*STAFF)
    def leave(self) -> None:
        """As it was; a sentence that was never written goes."""
        self.editing, self.text = "", ""
        self._drop_empty()

    @rx.event
    @allow(*STAFF)
    def remove(self, key: str) -> rx.event.EventSpec:
        """Take a sentence out; Undo puts all back as it was before."""
        before = (self.sentences, self.reports)
        self._change(lambda line: replace(line, text="") if line.key == key else line)
        self._drop_empty()
        if self.problem_key == key:
            self.problem, self.problem_key = "", ""
        self._removed = before
        return self._done(self._t("Sentence removed."), undo=ReviewState.put_back)

    @rx.event
    @allow(*STAFF)
    def put_back(self) -> None:
        """Undo the last removal."""
        if self._removed is not None and self.status == "draft":
            (self.sentences, self.reports), self._removed = self._removed, None
            self._count()

    @rx.event
    @allow(*STAFF)
    def add(self, where: str) -> None:
        """A sentence of one's own. where: "s" for the summary, else the number of a report."""
        self._keep_open()
        self.added += 1
        key = f"{where}+{self.added}"
        fresh = SentenceLine(key, "", "covered", [], "", True)
        if where == "s":
            self.sentences = [*self.sentences, fresh]
        else:
            self.reports = [
                replace(r, sentences=[*r.sentences, fresh]) if str(i) == where else r
                for i, r in enumerate(self.reports)
            ]
        self.editing, self.text, self.saved = key, "", False
        self._count()

    @rx.event
    @allow(*STAFF)
    def vouch(self, key: str) -> None:
        """The instructor stands for a sentence without a source."""
        self.vouched = [*self.vouched, key]
        self.problem, self.problem_key, self.saved = "", "", False
        self._count()

    @rx.event
    @allow(*STAFF)
    def vouch_all(self) -> None:
        """The instructor stands for every sentence without a source."""
        self.vouched = [*self.vouched, *(line.key for line in self._unsure())]
        self.problem, self.problem_key, self.saved = "", "", False
        self._count()

    @rx.event
    @allow(*STAFF)
    def set_headline(self, student_id: str, text: str) -> None:
        self.reports = [
            replace(r, headline=text[:200]) if r.student_id == student_id else r for r in self.reports
        ]
        self.saved = False

    @rx.event
    @allow(*STAFF)
    def set_homework(self, student_id: str, text: str) -> None:
        self.reports = [
            replace(r, homework=text[:2_000]) if r.student_id == student_id else r for r in self.reports
        ]
        self.saved = False

    @rx.event
    @allow(*STAFF)
    def set_topic(self, topic_id: str, state: str) -> None:
        self.topics = [
            replace(item, state=state) if item.topic_id == topic_id else item for item in self.topics
        ]
        self.saved = False

    @rx.event
    @allow(*STAFF)
    async def save(self) -> None:
        """Keep the work without deciding."""
        self._keep_open()
        self.version = await asyncio.to_thread(
            approve.save_edits, self._viewer(), self.summary_id, self.version, self._edits()
        )
        self.saved = True

    @rx.event
    @allow(*STAFF)
    async def approve(self) -> None:
        """Decide, unless a sentence still needs a source or the instructor's word: then it says which."""
        self._keep_open()
        if unsure := self._unsure():
            self.problem, self.problem_key = unsure[0].text, unsure[0].key
            self.active, self.active_spans = unsure[0].key, []
            return
        await asyncio.to_thread(
            approve.approve_summary, self._viewer(), self.summary_id, self.version, self._edits()
        )
        await self._look(self.summary_id)

    @rx.event
    @allow(*STAFF)
    def ask_reason(self) -> None:
        self.rejecting = True

    @rx.event
    @allow(*STAFF)
    def close_reason(self) -> None:
        self.rejecting = False

    @rx.event
    @allow(*STAFF)
    async def reject(self, form: dict[str, str]) -> None:
        """A new draft, because of the reason."""
        await asyncio.to_thread(
            approve.reject_summary, self._viewer(), self.summary_id, self.version, str(form.get("reason", ""))
        )
        self.rejecting = False
        await self._look(self.summary_id)

    def _all(self) -> list[SentenceLine]:
        return [*self.sentences, *(line for report in self.reports for line in report.sentences)]

    def _unsure(self) -> list[SentenceLine]:
        """Sentences with neither a source nor the instructor's word."""
        return [
            line
            for line in self._all()
            if not line.spans and not line.edited and not line.basis and line.key not in self.vouched
        ]

    def _line(self, key: str) -> SentenceLine | None:
        return next((line for line in self._all() if line.key == key), None)

    def _keep_open(self) -> None:
        """What stands in the open text box counts, also when another button than Keep was pressed."""
        key, text = self.editing, " ".join(self.text.split())
        if not key:
            return
        line = self._line(key)
        if line is not None and line.text != text:
            self._change(
                lambda line: replace(line, text=text, edited=True, basis="") if line.key == key else line
            )
        self._drop_empty()
        self.editing, self.text = "", ""
        if self.problem_key == key:
            self.problem, self.problem_key = "", ""

    def _count(self) -> None:
        self.sections = list({line.section: None for line in self.sentences})
        self.total, self.unsure = len(self._all()), len(self._unsure())

    def _change(self, change: Callable[[SentenceLine], SentenceLine]) -> None:
        self.sentences = [change(line) for line in self.sentences]
        self.reports = [replace(r, sentences=[change(line) for line in r.sentences]) for r in self.reports]
        self.saved = False

    def _drop_empty(self) -> None:
        self.sentences = [line for line in self.sentences if line.text]
        self.reports = [
            replace(r, sentences=[line for line in r.sentences if line.text]) for r in self.reports
        ]
        self._count()

    def _edits(self) -> Edits:
        def edited(lines: list[SentenceLine]) -> tuple[EditedSentence, ...]:
            return tuple(
                EditedSentence(
                    line.text,
                    tuple(line.spans),
                    line.section,
                    approve.VOUCHED if line.key in self.vouched else line.basis,
                )
                for line in lines
            )

        return Edits(
            sentences=edited(self.sentences),
            reports={
                r.student_id: EditedReport(r.headline, edited(r.sentences), r.homework) for r in self.reports
            },
            coverage={item.topic_id: item.state for item in self.topics},
        )
