"""Summaries: the list, and the review of one draft beside its transcript. Is this true, may it go out?"""

import reflex as rx

from core.i18n import N_
from core.queries.teach import ReportLine, SentenceLine, ToApprove, TopicState, TranscriptRow
from hilink_app import components as ui
from hilink_app.components.page import PageSpec
from hilink_app.state.review import STAFF, ReviewState, Summaries

t = ui.t

SECTIONS = {
    "covered": N_("What we did"),
    "went_well": N_("What went well"),
    "watch": N_("Watch for"),
    "next": N_("Next time"),
    "homework": N_("Homework"),
}
BASES = {
    "attendance": N_("attendance"),
    "answers": N_("answers counted"),
    "talk_time": N_("time counted"),
    "course_plan": N_("course plan"),
    "transcript": N_("transcript"),
    "vouched": N_("your word"),
}
"""What a sentence without a moment in the transcript rests on."""
_SHOW_LINE = """(() => {
  const line = document.querySelector(`[data-key="${%s ?? ""}"]`), box = line?.closest(".hl-tu");
  if (!box) return;
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth";
  const seen = box.getBoundingClientRect();
  if (seen.top > innerHeight - 160 || seen.bottom < 80) line.scrollIntoView({block: "center", behavior: calm});
  else box.scrollTo({top: line.offsetTop - box.clientHeight / 3, behavior: calm});
})"""
"""Scrolls the transcript alone; the page moves only where the transcript stands below (phones)."""


def _row(row: rx.Var[tuple[ToApprove, str]]) -> rx.Component:
    item = row[0]
    status = rx.match(
        row[1],
        ("draft", ui.draft_mark(t("To approve"))),
        ("approved", ui.chip(t("Approved"), "ok", icon_name="check")),
        ui.chip(t("New draft asked for"), "warn", icon_name="rotate-ccw"),
    )
    return rx.el.li(
        ui.row(
            rx.el.span(
                rx.el.b(item.student),
                rx.el.br(),
                ui.quiet(item.course, " · ", ui.time_text(item.starts_at, "when")),
            ),
            ui.spacer(),
            status,
            ui.button(
                t("Open"),
                size="s",
                href="/summaries/" + item.summary_id,
                aria_label=t("Open {name}", name=item.student),
            ),
        ),
        class_name="hl-li",
    )


def summaries() -> rx.Component:
    """The list, newest first."""
    body = rx.cond(
        Summaries.rows.length() > 0,
        rx.el.ul(rx.foreach(Summaries.rows, _row), class_name="hl-list"),
        ui.empty(
            t("No summaries yet"),
            t("A draft appears here soon after each lesson."),
            icon_name="file-pen-line",
        ),
    )
    return ui.frame(
        t("Summaries"),
        ui.when_ready(Summaries.ready, ui.panel(body), ui.panel(ui.skeleton(6))),
        current="/summaries",
    )


def _sentence(line: rx.Var[SentenceLine]) -> rx.Component:
    """One sentence: its source one click away, Edit and Remove beside it; the one being rewritten is a text box."""
    unsure = (
        _open_draft()
        & (line.spans.length() == 0)
        & ~line.edited
        & (line.basis == "")
        & ~ReviewState.vouched.contains(line.key)
    )
    source = rx.cond(line.basis == "", line.moment, ui.t_choice(line.basis, BASES))
    state = rx.cond(unsure, "none", rx.cond(ReviewState.active == line.key, "active", "rest"))
    show = rx.Var(_SHOW_LINE % str(line.spans[0]))
    light = [rx.call_function(show), ReviewState.pick(line.key).prevent_default]
    shown = rx.el.div(
        rx.el.span(
            ui.sourced_sentence(line.text, source, state=state, on_click=light, key=line.key),
            class_name="hl-sent-t",
        ),
        rx.cond(
            _open_draft(),
            rx.el.span(
                ui.icon_button(
                    "pencil", t("Edit this sentence"), size="s", kind="g", on_click=ReviewState.edit(line.key)
                ),
                ui.icon_button(
                    "trash-2",
                    t("Remove this sentence"),
                    size="s",
                    kind="g",
                    on_click=ReviewState.remove(line.key),
                ),
                class_name="hl-sent-acts",
            ),
        ),
        class_name="hl-sent",
        id=line.key,
    )
    rewriting = rx.el.form(
        ui.area_field(
            t("Sentence"),
            "sentence",
            rows=2,
            default_value=ReviewState.text,
            on_blur=ReviewState.type_text,
            max_length=600,
            auto_focus=True,
            key=line.key,
        ),
        ui.row(
            ui.primary(t("Keep"), size="s", type="submit"),
            ui.plain(t("Leave as it was"), size="s", on_click=ReviewState.leave),
        ),
        on_submit=ReviewState.keep,
        class_name="hl-col hl-g2 hl-sent-edit",
    )
    return rx.el.div(
        rx.cond(ReviewState.editing == line.key, rewriting, shown),
        rx.cond(
            (ReviewState.problem_key == line.key) & (ReviewState.editing != line.key),
            ui.check_this(
                t("It has no source in the transcript."),
                ui.button(t("It is right, I vouch for it"), size="s", on_click=ReviewState.vouch(line.key)),
                ui.plain(t("Edit it"), size="s", on_click=ReviewState.edit(line.key)),
            ),
        ),
    )


def _open_draft() -> rx.Var[bool]:
    return ReviewState.status == "draft"


def _section(name: str) -> rx.Component:
    """The sentences of one section, with its heading; nothing when there are none."""
    here = ReviewState.sentences.to(list[SentenceLine])
    return rx.cond(
        ReviewState.sections.contains(name),
        rx.el.div(
            rx.el.h3(ui.t_choice(rx.Var.create(name), SECTIONS), class_name="hl-lab"),
            rx.foreach(here, lambda line: rx.cond(line.section == name, _sentence(line))),
            class_name="hl-bodyt",
        ),
    )


def _add(where: rx.Var | str) -> rx.Component:
    return rx.cond(
        _open_draft(),
        rx.el.div(ui.plain(t("Add a sentence"), icon="plus", size="s", on_click=ReviewState.add(where))),
    )


def _summary() -> rx.Component:
    return ui.panel(
        ui.panel_head(t("Summary"), note=t("for you, and for the next briefing")),
        rx.cond(
            ReviewState.sentences.length() == 0,
            ui.quiet(t("Nothing is written here yet. Add a sentence."), small=False),
        ),
        *(_section(name) for name in SECTIONS),
        _add("s"),
    )


def _report(report: rx.Var[ReportLine], number: rx.Var[int]) -> rx.Component:
    """What one family would read."""
    fixed = ReviewState.summary_id + report.student_id
    headline = ui.text_field(
        t("First line"),
        "headline-" + report.student_id,
        default_value=report.headline,
        on_blur=lambda text: ReviewState.set_headline(report.student_id, text),
        max_length=200,
        key="h" + fixed,
    )
    homework = ui.area_field(
        t("Homework"),
        "homework-" + report.student_id,
        rows=2,
        default_value=report.homework,
        on_blur=lambda text: ReviewState.set_homework(report.student_id, text),
        max_length=2_000,
        key="w" + fixed,
    )
    shown_homework = rx.cond(
        report.homework != "", ui.note("notebook-pen", rx.el.b(t("For next time:")), " ", report.homework)
    )
    return ui.panel(
        ui.panel_head(
            t("For the family of {name}", name=report.student), note=t("they read this, and the homework")
        ),
        ui.stack(
            rx.cond(_open_draft(), headline, rx.el.p(report.headline, class_name="hl-big")),
            rx.el.div(rx.foreach(report.sentences, _sentence), class_name="hl-bodyt"),
            _add(number.to(str)),
            rx.cond(_open_draft(), homework, shown_homework),
            gap=3,
        ),
    )


def _topic(item: rx.Var[TopicState]) -> rx.Component:
    choices = [("covered", t("Covered")), ("started", t("Started")), ("not_reached", t("Not reached"))]
    return rx.cond(
        _open_draft(),
        ui.pick(item.name, item.state, choices, lambda state: ReviewState.set_topic(item.topic_id, state)),
        ui.coverage_chip(item.name, rx.cond(item.state == "not_reached", "missed", item.state)),
    )


def _line(line: rx.Var[TranscriptRow]) -> rx.Component:
    kind = rx.cond(ReviewState.active_spans.contains(line.id), "source", "rest")
    return ui.transcript_line(line.moment, line.speaker, line.text, kind=kind, key=line.id)


def _transcript() -> rx.Component:
    return ui.panel(
        rx.el.div(
            ui.panel_head(
                t("Transcript"),
                note=ui.tn("{n} line", "{n} lines", ReviewState.transcript.length()),
            ),
            class_name="hl-tu-head",
        ),
        rx.cond(
            ReviewState.transcript.length() > 0,
            ui.transcript(rx.foreach(ReviewState.transcript, _line)),
            ui.empty(
                t("There is no transcript"),
                t(
                    "Nobody had agreed to captions, or none came. Please write what happened in your own words."
                ),
                icon_name="captions-off",
            ),
        ),
        pad=False,
        class_name="hl-stick clip",
    )


def _notices() -> rx.Component:
    return rx.fragment(
        rx.cond(
            ReviewState.low_accuracy & _open_draft(),
            ui.callout(
                "warn",
                "captions",
                t(
                    "The captions of this lesson are not accurate, so the report holds facts only. Please add what you remember."
                ),
            ),
        ),
        rx.cond(
            (ReviewState.previous_reason != "") & _open_draft(),
            ui.callout(
                "info",
                "rotate-ccw",
                t("You asked for a new draft: {reason}", reason=ReviewState.previous_reason),
            ),
        ),
        rx.cond(
            ReviewState.status == "approved",
            ui.callout("ok", "check", t("Approved. The family has been told, or will be in a moment.")),
        ),
        rx.cond(
            ReviewState.status == "rejected",
            ui.callout(
                "info", "rotate-ccw", t("A new draft is being written. It appears among your summaries.")
            ),
        ),
        rx.el.div(
            rx.cond(
                ReviewState.problem != "",
                ui.callout(
                    "warn",
                    "circle-alert",
                    rx.el.p(
                        t(
                            "Not approved yet. This sentence needs a source or your word: {text}",
                            text=ReviewState.problem,
                        )
                    ),
                    rx.cond(
                        ReviewState.unsure > 1,
                        ui.row(
                            ui.button(
                                t("All {n} without a source are right", n=ReviewState.unsure),
                                size="s",
                                on_click=ReviewState.vouch_all,
                            )
                        ),
                    ),
                ),
            ),
            role="alert",
        ),
    )


def _mark() -> rx.Component:
    """What this is and how much of it has a source."""
    return rx.cond(
        _open_draft(),
        ui.row(
            ui.draft_mark(t("Draft {n}, written from the transcript", n=ReviewState.draft_no)),
            ui.due(t("Family expects it by"), " ", ui.time_text(ReviewState.due_at, "when")),
            ui.spacer(),
            ui.quiet(
                t("{n} sentences, {unsure} without a source", n=ReviewState.total, unsure=ReviewState.unsure)
            ),
        ),
    )


def _decide() -> rx.Component:
    return rx.cond(
        _open_draft() & ~ReviewState.missing,
        ui.row(
            ui.button(t("Ask for a new draft"), icon="rotate-ccw", on_click=ReviewState.ask_reason),
            ui.button(
                rx.cond(ReviewState.saved, t("Saved"), t("Save")),
                disabled=ReviewState.saved,
                on_click=ReviewState.save,
            ),
            ui.primary(t("Approve summary"), icon="check", on_click=ReviewState.approve),
            gap=3,
        ),
    )


def review() -> rx.Component:
    """The draft at the left, its transcript at the right."""
    topics = rx.cond(
        ReviewState.topics.length() > 0,
        ui.panel(ui.panel_head(t("Topics of the course")), ui.row(rx.foreach(ReviewState.topics, _topic))),
    )
    reason = ui.dialog(
        ui.form(
            ui.area_field(
                t("What is wrong with this draft?"), "reason", rows=3, required=True, max_length=500
            ),
            rx.el.div(ui.primary(t("Ask for a new draft"), type="submit")),
            on_submit=ReviewState.reject,
        ),
        title=t("Ask for a new draft"),
        open=ReviewState.rejecting,
        on_close=ReviewState.close_reason,
        note=t("The next draft is written from the same transcript with your reason in mind."),
    )
    told = rx.cond(
        _open_draft(),
        ui.note("send", t("When you approve, the family gets it by email and on their page, in your words.")),
    )
    found = ui.columns(
        [_notices(), _mark(), _summary(), rx.foreach(ReviewState.reports, _report), topics, told],
        [_transcript()],
        520,
    )
    lost = ui.panel(
        ui.missing(
            t("We could not find this summary"),
            t("It may belong to another instructor’s lesson. Nothing is lost."),
            ui.link(t("All summaries"), "/summaries"),
            icon_name="file-question",
        )
    )
    title = rx.cond(
        ReviewState.missing,
        t("Summary"),
        rx.fragment(ReviewState.lesson.student, " · ", ReviewState.lesson.course),
    )
    note = rx.cond(
        ReviewState.missing,
        "",
        rx.fragment(
            ui.time_text(ReviewState.lesson.starts_at, "when"),
            " · ",
            ReviewState.lesson.topic,
            rx.cond(
                ReviewState.recorded,
                rx.fragment(" · ", ui.link(t("Watch the recording"), "/recording/" + ReviewState.lesson.id)),
            ),
        ),
    )
    body = rx.fragment(rx.cond(ReviewState.missing, lost, found), reason)
    return ui.frame(
        title,
        ui.when_ready(ReviewState.ready, body, ui.panel(ui.skeleton(8, shape="text"))),
        actions=[_decide()],
        zone=note,
        current="/summaries",
    )


PAGES = [
    PageSpec(
        "/summaries",
        summaries,
        "Summaries",
        STAFF,
        nav=N_("Summaries"),
        icon="file-pen-line",
        order=3,
        nav_roles=("instructor",),
        on_load=[Summaries.load],
    ),
    PageSpec("/summaries/[summary_id]", review, "Review", STAFF, on_load=[ReviewState.load]),
]
