"""One lesson as the summarisers see it: who was there, what was said, what may be said to whom."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from core.i18n import gettext
from core.views import AttendanceView, SummaryInput
from plugins.transcription.summarise import cues
from plugins.transcription.summarise.text import Spoken, sentences

QUOTE_CONFIDENCE = 0.45
"""Below this a sentence is evidence, never a quotation."""
LOW_SHARE = 0.3
"""More than this share of low-accuracy words: the whole draft consists of facts."""
_REPLY_MS = 8_000


@dataclass(frozen=True)
class Lesson:
    """Derived once from a SummaryInput; see the properties."""

    given: SummaryInput
    spoken: tuple[Spoken, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "spoken", tuple(sentences(self.given.segments, QUOTE_CONFIDENCE)))

    @cached_property
    def low_accuracy(self) -> bool:
        letters = sum(len(s.text) for s in self.given.segments)
        low = sum(len(s.text) for s in self.given.segments if s.low_accuracy)
        return letters > 0 and low / letters > LOW_SHARE

    @cached_property
    def instructors(self) -> tuple[str, ...]:
        return self.given.session.people("instructor")

    @cached_property
    def students(self) -> tuple[str, ...]:
        return self.given.session.people("student")

    @property
    def group(self) -> bool:
        return len(self.students) > 1

    @cached_property
    def attendance(self) -> Mapping[str, AttendanceView]:
        return {row.person_id: row for row in self.given.attendance}

    @cached_property
    def signals(self) -> Mapping[tuple[str, str], float]:
        return {(person, signal): value for person, signal, value in self.given.signals}

    def name(self, person_id: str) -> str:
        """First name, or a word for the role when the name is not known."""
        if name := self.given.names.get(person_id):
            return name
        lang = self.given.lang
        return (
            gettext("The instructor", lang) if person_id in self.instructors else gettext("The student", lang)
        )

    def names_in(self, text: str) -> set[str]:
        """Students whose first name stands in the text."""
        return {
            student
            for student in self.students
            if (name := self.given.names.get(student))
            and re.search(rf"\b{re.escape(name)}\b", text, re.IGNORECASE)
        }

    @cached_property
    def answers_to(self) -> Mapping[tuple[str, ...], str]:
        """Spans of an instructor's sentence -> the student who spoke just before it (within 8 s)."""
        found: dict[tuple[str, ...], str] = {}
        last: Spoken | None = None
        for sentence in self.spoken:
            if sentence.person_id in self.instructors:
                if last is not None and sentence.started_ms - last.ended_ms <= _REPLY_MS:
                    found[sentence.spans] = last.person_id
            elif sentence.person_id in self.students:
                last = sentence
        return found

    def about(self, sentence: Spoken) -> str | None:
        """The student an instructor's sentence is about, when that is clear: named, or answered."""
        named = self.names_in(sentence.text)
        if len(named) == 1:
            return next(iter(named))
        if named:
            return None
        if not self.group and self.students:
            return self.students[0]
        return self.answers_to.get(sentence.spans)

    def allowed_spans(self, student_id: str) -> frozenset[str]:
        """Segments a family may see as evidence: their own child's and the instructor's."""
        ours = {student_id, *self.instructors}
        return frozenset(s.id for s in self.given.segments if s.person_id in ours)

    def may_read(self, student_id: str, sentence: Spoken) -> bool:
        """May this family read this sentence? No other child's words, and nothing that may be about another.

        In a group an instructor's sentence is left out when it names another child, speaks of a third person,
        or says "you" and neither names nor answers this child.
        """
        if sentence.person_id == student_id:
            return not (self.names_in(sentence.text) - {student_id}) and not cues.private(sentence.text)
        if sentence.person_id not in self.instructors or cues.private(sentence.text):
            return False
        if self.names_in(sentence.text) - {student_id}:
            return False
        if not self.group:
            return True
        if cues.about_a_third_person(sentence.text):
            return False
        return not cues.to_one_person(sentence.text) or self.about(sentence) == student_id
