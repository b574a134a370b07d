"""The extractive summariser: evidence, privacy, facts only when unsure, another draft after a rejection."""

import sys
import time
from pathlib import Path
from typing import Any

import pytest

from core.views import BASES, ReportDraft, SegmentView, SummaryDraft, SummaryInput
from plugins.transcription.summarise import cues
from plugins.transcription.summarise.coverage import coverage
from plugins.transcription.summarise.embed import load
from plugins.transcription.summarise.extractive import summarise
from plugins.transcription.summarise.reason import read
from plugins.transcription.summarise.text import sentences, stem, stems

sys.path.insert(0, str(Path(__file__).parent))
import transcription_lessons as made

sys.path.pop(0)
pytestmark = pytest.mark.unit


ANNA, BEN, CLARA = made.ANNA, made.BEN, made.CLARA
FACTS = (
    "Ben got",
    "Clara got",
    "Ben was",
    "Clara was",
    "Ben spoke",
    "Next in",
    "There is no",
    "The transcript",
)


def texts(draft: SummaryDraft | ReportDraft, section: str = "") -> str:
    return "\n".join(s.text for s in draft.sentences if section in ("", s.section))


def check_evidence(draft: SummaryDraft, given: SummaryInput) -> None:
    """Every span exists; every sentence without one is a fact, and says which record it was counted from."""
    speakers = {s.id: s.person_id for s in given.segments}
    for sentence in (*draft.sentences, *(s for r in draft.reports for s in r.sentences)):
        assert sentence.section in ("covered", "went_well", "watch", "next", "homework")
        assert all(span in speakers for span in sentence.spans)
        if not sentence.spans:
            assert "“" not in sentence.text, sentence
            assert sentence.basis in BASES, sentence
    for report in draft.reports:
        allowed = {ANNA, report.student_id}
        assert all(speakers[span] in allowed for s in report.sentences for span in s.spans)


def test_a_lesson_becomes_sections_with_evidence() -> None:
    signals = ((BEN, "answers", 5.0), (BEN, "answers_right", 4.0), (BEN, "talk_s", 610.0))
    given = made.lesson(made.segments(made.SOLO), signals=signals)
    draft = summarise(given)
    check_evidence(draft, given)
    assert draft.engine == "extractive"
    assert not draft.low_accuracy
    assert "Adding fractions" in texts(draft, "covered")
    assert "4 of 5 questions right" in texts(draft, "went_well")
    assert "well done" in texts(draft, "went_well").lower() or "perfect" in texts(draft, "went_well").lower()
    assert "I don't understand" in texts(draft, "watch")
    assert "page forty two" in texts(draft, "homework")
    assert "Multiplying fractions" in texts(draft, "next")
    assert "Ben spoke for 10 minutes." in texts(draft)


def test_the_familys_report_is_plain_and_has_the_homework() -> None:
    given = made.lesson(made.segments(made.SOLO))
    report = summarise(given).reports[0]
    assert report.student_id == BEN
    assert report.headline == "Maths 6: Adding fractions"
    assert "page forty two" in texts(report, "homework")
    assert "Ben was there for the whole lesson." in texts(report)
    assert "don't understand" not in texts(report)


def test_coverage_is_sensible() -> None:
    given = made.lesson(made.segments(made.SOLO))
    states = {c.topic_id: c for c in summarise(given).coverage}
    assert states["t1"].state == "covered"
    assert states["t3"].state == "not_reached"
    # "Next time we will start multiplying" is a plan, not teaching.
    assert states["t2"].state != "covered"
    assert "s10" not in states["t2"].spans
    assert states["t1"].score > states["t2"].score > states["t3"].score or states["t2"].score == 0
    assert len(states["t1"].spans) <= 6


def test_a_word_all_topics_share_does_not_cover_them() -> None:
    said = made.segments([(ANNA, "Fractions, fractions, fractions are nice fractions.")] * 3)
    states = {c.topic_id: c.state for c in coverage(made.TOPICS, sentences(said, 0.4))}
    assert "covered" not in states.values()


def test_in_a_group_no_family_reads_about_another_child() -> None:
    given = made.lesson(made.segments(made.GROUP), (BEN, CLARA))
    draft = summarise(given)
    check_evidence(draft, given)
    of = {r.student_id: texts(r) for r in draft.reports}
    assert "Ben" not in of[CLARA]
    assert "dog" not in of[CLARA]
    assert "take better care" not in of[CLARA]
    assert "his brother" not in of[CLARA]
    assert "stuck" not in of[CLARA]
    assert "Clara" not in of[BEN]
    assert "very clear explanation" not in of[BEN]
    assert "very clear explanation" in of[CLARA]
    assert "finish the worksheet" in of[CLARA]
    assert "finish the worksheet" in of[BEN]
    assert "chapter two" in of[BEN]
    assert "chapter two" not in of[CLARA]


def test_low_accuracy_gives_facts_only() -> None:
    signals = ((BEN, "answers", 3.0), (BEN, "answers_right", 1.0))
    given = made.lesson(made.segments(made.SOLO, low=True), signals=signals)
    draft = summarise(given)
    check_evidence(draft, given)
    assert draft.low_accuracy
    everything = texts(draft) + texts(draft.reports[0])
    assert "“" not in everything
    assert "Adding fractions" in texts(draft.reports[0])
    assert "1 of 3" in texts(draft.reports[0])
    assert not [s for s in draft.reports[0].sentences if s.section == "homework"]


def test_a_few_unsure_segments_are_never_quoted() -> None:
    sure = made.segments(made.SOLO)
    unsure = SegmentView("u1", "c1", ANNA, 200_000, 205_000, made.GROUP[0][1], 0.9, True)
    vague = SegmentView(
        "u2", "c1", ANNA, 210_000, 215_000, "The common denominator lives in a numerator.", 0.2
    )
    draft = summarise(made.lesson((*sure, unsure, vague)))
    assert not draft.low_accuracy
    quotes = {span for s in draft.sentences if "“" in s.text for span in s.spans}
    assert not quotes & {"u1", "u2"}


@pytest.mark.parametrize("low", [False, True])
def test_a_rejected_draft_comes_back_different(low: bool) -> None:
    said = made.segments(made.SOLO * 3, low=low)
    signals = ((BEN, "talk_s", 600.0),)
    drafts = [
        [s.text for s in summarise(made.lesson(said, signals=signals, reason=reason)).sentences]
        for reason in ("", "Please write it again.", "Please write it again.\nStill not good.", "Too long.")
    ]
    assert drafts[1] != drafts[0]
    assert drafts[3] != drafts[0]
    if not low:
        assert drafts[2] not in (drafts[0], drafts[1])
        assert len(drafts[3]) < len(drafts[0])


def test_the_reason_steers_the_redraft() -> None:
    said = made.segments(made.SOLO)
    without = summarise(made.lesson(said, reason="No quotes please"))
    assert "“" not in texts(without)
    avoided = summarise(made.lesson(said, reason="Do not mention the sixths"))
    assert "sixths" not in texts(avoided)
    assert "Please" not in texts(without)


def test_reason_parsing() -> None:
    assert read("").attempt == 0
    wish = read("Leave out the dog, but mention decimals")
    assert "dog" in wish.avoid
    assert stem("decimals") in wish.wish
    assert read("a\nb\n").attempt == 2
    assert read("zu lang").short


def test_private_matters_are_never_quoted() -> None:
    lines = [
        *made.SOLO,
        (BEN, "My phone number for the denominator questions is 0170 1234567 by the way."),
        (ANNA, "Please send the fraction homework to anna.example@example.org tonight."),
    ]
    draft = summarise(made.lesson(made.segments(lines)))
    everything = texts(draft) + texts(draft.reports[0])
    assert "0170" not in everything
    assert "@" not in everything


@pytest.mark.parametrize(
    "lines",
    [[], [(ANNA, "Hello.")], [(BEN, "fractions")], [(ANNA, "   ")], [("p-stranger", "Who am I here?")]],
)
def test_little_or_nothing_said_still_gives_a_draft(lines: list[tuple[str, str]]) -> None:
    given = made.lesson(made.segments(lines))
    draft = summarise(given)
    check_evidence(draft, given)
    assert len(draft.coverage) == 3
    assert draft.reports[0].sentences


def test_an_absent_child_has_a_report_that_says_so() -> None:
    given = made.lesson(made.segments(made.GROUP), (BEN, CLARA), statuses={CLARA: "absent"})
    report = next(r for r in summarise(given).reports if r.student_id == CLARA)
    assert report.headline == "Clara missed the Maths 6 lesson"
    assert "Clara was not in this lesson." in texts(report)
    assert not [s for s in report.sentences if s.section == "went_well"]


def test_no_topics_no_names_no_attendance() -> None:
    given = made.lesson(made.segments(made.SOLO))
    bare = SummaryInput(given.session, "Maths 6", (), given.segments, ())
    draft = summarise(bare)
    assert draft.coverage == ()
    assert draft.reports[0].headline == "The Maths 6 lesson"
    assert "The instructor: “" in texts(draft)


def test_forty_five_minutes_are_quick() -> None:
    given = made.lesson(made.long_lesson())
    started = time.process_time()
    draft = summarise(given)
    assert time.process_time() - started < 2.0
    check_evidence(draft, given)
    assert 3 <= len(draft.sentences) <= 20


def test_the_same_lesson_gives_the_same_draft() -> None:
    given = made.lesson(made.long_lesson(10))
    assert summarise(given) == summarise(given)


def test_a_sentence_cut_by_a_pause_is_joined_and_cites_both_pieces() -> None:
    said = (
        SegmentView("a", "c1", ANNA, 0, 2_000, "We look for a common"),
        SegmentView("b", "c1", ANNA, 2_500, 5_000, "denominator first. Then we add."),
        SegmentView("c", "c1", BEN, 5_200, 6_000, "Okay."),
    )
    found = sentences(said, 0.4)
    assert [(s.text, s.spans) for s in found] == [
        ("We look for a common denominator first.", ("a", "b")),
        ("Then we add.", ("b",)),
        ("Okay.", ("c",)),
    ]


def test_words_are_comparable_in_english_and_german() -> None:
    assert stem("denominators") == stem("denominator")
    assert stem("adding") == stem("add")
    assert stem("Brüche") == stem("Brüchen")
    assert "the" not in stems("The fraction of the day")


@pytest.mark.parametrize(
    ("check", "yes", "no"),
    [
        (cues.homework, "Please finish the worksheet by Friday.", "Did you do your homework?"),
        (cues.homework, "Als Hausaufgabe lernst du die Wörter.", "Es gibt keine Hausaufgaben."),
        (cues.coming_next, "Next week we start decimals.", "The next number is four."),
        (cues.praise, "That’s right, Ben.", "That is not quite right."),
        (cues.difficulty, "I don’t get it.", "Do you get it?"),
        (cues.difficulty, "Das verstehe ich nicht.", "Das verstehe ich."),
        (cues.private, "I live at this address.", "There are 1234 drops."),
    ],
)
def test_cues(check: Any, yes: str, no: str) -> None:
    assert check(yes)
    assert not check(no)


def test_a_missing_embedding_model_means_word_statistics(tmp_path: Path) -> None:
    assert load("") is None
    assert load(str(tmp_path)) is None
    (tmp_path / "model.onnx").write_bytes(b"not a model")
    (tmp_path / "tokenizer.json").write_text("{}")
    load.cache_clear()
    assert load(str(tmp_path)) is None
