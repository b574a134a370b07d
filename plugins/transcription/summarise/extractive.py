"""The summariser that needs no model: facts from data, and a few sentences people really said.

Every sentence of a draft is one of two kinds. A *quotation* always has spans. A *fact sentence*
(wording.py) is derived from data: topics cite the segments that show them; attendance, answers and talk
time come from measurements and are the only sentences whose spans may be empty.
"""

from collections.abc import Iterable, Sequence

from core.views import CoverageDraft, ReportDraft, Sentence, SummaryDraft, SummaryInput
from plugins.transcription.summarise import cues, wording
from plugins.transcription.summarise.coverage import coverage, terms
from plugins.transcription.summarise.embed import Embedder
from plugins.transcription.summarise.lesson import Lesson
from plugins.transcription.summarise.reason import Wish, read
from plugins.transcription.summarise.select import key_sentences
from plugins.transcription.summarise.text import Spoken, stems

NAME = "extractive"
_GOOD, _WEAK = 0.7, 0.5
_MOST_TOPICS = 4


def summarise(given: SummaryInput, embedder: Embedder | None = None) -> SummaryDraft:
    """SummaryInput -> SummaryDraft; pure, needs no weights, about 0.1 s for 45 minutes of talk.

    Low accuracy: facts only, no quotation anywhere. previous_reason: other sentences, and what the reason
    asks for (shorter, no quotations, with or without certain words).
    """
    lesson = Lesson(given)
    covered = coverage(given.topics, lesson.spoken, embedder)
    wish = read(given.previous_reason)
    draft = Drafting(lesson, covered, wish)
    return SummaryDraft(
        NAME,
        tuple(draft.staff()),
        tuple(draft.report(student) for student in lesson.students),
        covered,
        lesson.low_accuracy,
    )


class Drafting:
    """The parts of a draft; staff() and report() put them together. Also used beside a language model."""

    def __init__(self, lesson: Lesson, covered: Sequence[CoverageDraft], wish: Wish) -> None:
        self.lesson, self.covered, self.wish = lesson, covered, wish
        self.lang = lesson.given.lang
        self.quotes = wish.quotes and not lesson.low_accuracy
        self.topical = frozenset(term for topic in lesson.given.topics for term in terms(topic))

    def staff(self) -> Iterable[Sentence]:
        """For instructor and coordinators: facts, then what was said, section by section."""
        yield from self.facts()
        if not self.quotes:
            return
        room = 2 if self.wish.short else 4
        yield from (self._quote(s, "covered") for s in self._key(self.lesson.spoken, room))
        each = 1 if self.wish.short else 2
        for student in self.lesson.students:
            yield from (self._quote(s, "went_well") for s in self._praise(student)[:each])
            yield from (self._quote(s, "watch") for s in self._difficulty(student)[:each])
        yield from (self._quote(s, "next") for s in self._plans()[:each])
        yield from (self._quote(s, "homework") for s in self._homework()[: each + 1])

    def facts(self) -> Iterable[Sentence]:
        """What data says: topics, attendance, answers, talk time, what comes next."""
        if not self.lesson.spoken:
            yield Sentence(wording.nothing_heard(self.lang), basis="transcript")
        elif self.lesson.low_accuracy:
            yield Sentence(wording.not_accurate(self.lang), basis="transcript")
        yield from self._topics(None)
        for student in self.lesson.students:
            yield from self._presence(student)
            yield from self._answers(student)
            talk_s = self.lesson.signals.get((student, "talk_s"), 0.0)
            if talk_s > 0 and not self.wish.attempt:  # a draft that came back says less
                text = wording.talk(self.lesson.name(student), talk_s, self.lang)
                yield Sentence(text, basis="talk_time")
        yield from self._coming_up()

    def report(self, student_id: str) -> ReportDraft:
        """What one family would read: facts about their child, words of instructor and child."""
        row = self.lesson.attendance.get(student_id)
        away = row is not None and (row.status in ("absent", "excused") or row.present_s <= 0)
        if away:
            headline = wording.headline_absent(
                self.lesson.name(student_id), self.lesson.given.course, self.lang
            )
        else:
            names = self._names("covered") or self._names("started")
            headline = wording.headline(self.lesson.given.course, names, self.lang)
        found = [*self._topics(student_id), *self._presence(student_id), *self._answers(student_id)]
        if self.quotes:
            found += self._family_quotes(student_id, away)
        found += self._coming_up()
        return ReportDraft(student_id, headline, tuple(found))

    def _family_quotes(self, student_id: str, away: bool) -> Iterable[Sentence]:
        readable = [s for s in self.lesson.spoken if self.lesson.may_read(student_id, s)]
        if not away:
            ours = [s for s in readable if s.person_id in self.lesson.instructors]
            yield from (self._quote(s, "covered") for s in self._key(ours, 1 if self.wish.short else 2))
            good = [s for s in self._praise(student_id) if s in readable]
            yield from (self._quote(s, "went_well") for s in good[:1])
        yield from (self._quote(s, "homework") for s in self._homework() if s in readable)

    def _names(self, state: str) -> list[str]:
        states = {draft.topic_id: draft.state for draft in self.covered}
        named = [t.name for t in self.lesson.given.topics if states.get(t.id) == state]
        return [name for name in named if not stems(name) & self.wish.avoid][:_MOST_TOPICS]

    def _topics(self, student_id: str | None) -> Iterable[Sentence]:
        """The topic facts. student_id: evidence this family may see; None = all evidence."""
        allowed = None if student_id is None else self.lesson.allowed_spans(student_id)
        for state, word in (("covered", wording.worked_on), ("started", wording.started_on)):
            if names := self._names(state):
                spans = (span for draft in self.covered if draft.state == state for span in draft.spans)
                kept = tuple(span for span in spans if allowed is None or span in allowed)
                yield Sentence(word(names, self.lang), kept, "covered")

    def _presence(self, student_id: str) -> Iterable[Sentence]:
        row = self.lesson.attendance.get(student_id)
        if row is not None:
            session = self.lesson.given.session
            ended, started = session.ended_at or session.ends_at, session.started_at or session.starts_at
            planned_s = max(60.0, (ended - started).total_seconds())
            section = "covered" if row.status == "present" else "watch"
            text = wording.presence(self.lesson.name(student_id), row, planned_s, self.lang)
            yield Sentence(text, (), section, "attendance")

    def _answers(self, student_id: str) -> Iterable[Sentence]:
        total = round(self.lesson.signals.get((student_id, "answers"), 0))
        if total > 0:
            right = min(total, round(self.lesson.signals.get((student_id, "answers_right"), 0)))
            share = right / total
            section = "went_well" if share >= _GOOD else "watch" if share < _WEAK else "covered"
            text = wording.answers(self.lesson.name(student_id), right, total, self.lang)
            yield Sentence(text, (), section, "answers")

    def _coming_up(self) -> Iterable[Sentence]:
        """The first topic of the course that comes after the last one reached."""
        reached = {d.topic_id for d in self.covered if d.state != "not_reached"}
        topics = sorted(self.lesson.given.topics, key=lambda t: t.position)
        last = max((place for place, t in enumerate(topics) if t.id in reached), default=None)
        if last is not None and last + 1 < len(topics):
            text = wording.coming_up(topics[last + 1].name, self.lang)
            yield Sentence(text, (), "next", "course_plan")

    def _key(self, spoken: Sequence[Spoken], count: int) -> list[Spoken]:
        return key_sentences(
            spoken, count=count, topical=self.topical, instructors=self.lesson.instructors,
            attempt=self.wish.attempt, wish=self.wish.wish, avoid=self.wish.avoid,
        )  # fmt: skip

    def _by_instructor(self) -> Iterable[Spoken]:
        for sentence in self.lesson.spoken:
            if sentence.person_id in self.lesson.instructors and self._quotable(sentence):
                yield sentence

    def _quotable(self, sentence: Spoken) -> bool:
        return (
            sentence.quotable
            and sentence.words <= 45
            and not cues.private(sentence.text)
            and not sentence.stems & self.wish.avoid
        )

    def _praise(self, student_id: str) -> list[Spoken]:
        found = [s for s in self._by_instructor() if s.words >= 3 and cues.praise(s.text)]
        mine = [s for s in found if self.lesson.about(s) == student_id]
        return self._turned(sorted(mine, key=lambda s: (-min(len(s.stems), 6), s.started_ms)))

    def _difficulty(self, student_id: str) -> list[Spoken]:
        said = (s for s in self.lesson.spoken if s.person_id == student_id and self._quotable(s))
        found = [s for s in said if s.words >= 3 and cues.difficulty(s.text)]
        return self._turned(sorted(found, key=lambda s: (-len(s.stems), s.started_ms)))

    def _plans(self) -> list[Spoken]:
        return [s for s in self._by_instructor() if s.words >= 5 and cues.coming_next(s.text)][::-1]

    def _homework(self) -> list[Spoken]:
        """Stated homework is content, not choice: a redraft shows it again."""
        return [s for s in self._by_instructor() if s.words >= 3 and cues.homework(s.text)][:4]

    def _turned(self, found: list[Spoken]) -> list[Spoken]:
        """Another one first for each rejection, so that a redraft differs."""
        turn = self.wish.attempt % len(found) if found else 0
        return found[turn:] + found[:turn]

    def _quote(self, sentence: Spoken, section: str) -> Sentence:
        text = wording.quoted(self.lesson.name(sentence.person_id), sentence.text, self.lang)
        return Sentence(text, sentence.spans, section)
