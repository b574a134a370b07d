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
                rx.el.b(item.student), rx.el.br(), ui.quiet(item.course, " · ", ui.time_text(item.starts_at, "when"))
            ),
            ui.spacer(),
            status,
            ui.button(t("Open"), size="s", href="/summaries/" + item.summary_id, aria_label=t("Open {name}", name=item.student)),
        ),
        class_name="hl-li",
    )


def summaries() -> rx.Component:
    """The list, newest first."""
    body = rx.cond(
        Summaries.rows.length() > 0,
        rx.el.ul(rx.foreach(Summaries.rows, _row), class_name="hl-list"),
        ui.empty(t("No summaries yet"), t("A draft appears here soon after each lesson."), icon_name="file-pen-line"),
    )
    return ui.frame(t("Summaries"), ui.when_ready(Summaries.ready, ui.panel(body)), current="/summaries")


def _sentence(line: rx.Var[SentenceLine]) -> rx.Component:
    """One sentence: its source one click away, Edit and Remove beside it; the one being rewritten is a text box."""
    state = rx.cond(
        ReviewState.active == line.key,
        "active",
        rx.cond((line.spans.length() == 0) & ~line.edited & ~ReviewState.vouched.contains(line.key), "none", "rest"),
    )
    open_draft = ReviewState.status == "draft"
    shown = rx.el.div(
        ui.sourced_sentence(line.text, line.moment, state=state, on_click=ReviewState.pick(line.key).prevent_default, key=line.key),
        rx.cond(
            open_draft,
            rx.el.span(
                ui.icon_button("pencil", t("Edit this sentence"), size="s", kind="g", on_click=ReviewState.edit(line.key)),
                ui.icon_button("trash-2", t("Remove this sentence"), size="s", kind="g", on_click=ReviewState.remove(line.key)),
                class_name="hl-row",
            ),
        ),
        class_name="hl-row top",
        id=line.key,
    )
    rewriting = ui.stack(
        ui.area_field(t("Sentence"), "sentence", rows=2, value=ReviewState.text, on_change=ReviewState.type_text),
        ui.row(
            ui.primary(t("Keep"), size="s", on_click=ReviewState.keep),
            ui.plain(t("Leave as it was"), size="s", on_click=ReviewState.leave),
        ),
        gap=2,
    )
    return rx.el.div(
        rx.cond(ReviewState.editing == line.key, rewriting, shown),
        rx.cond(
            ReviewState.problem_key == line.key,
            ui.check_this(
                t("It has no source in the transcript."),
                ui.button(t("It is right, I vouch for it"), size="s", on_click=ReviewState.vouch(line.key)),
                ui.plain(t("Edit it"), size="s", on_click=ReviewState.edit(line.key)),
            ),
        ),
    )


def _section(name: str) -> rx.Component:
    """The sentences of one section, with its heading only when there are some."""
    here = ReviewState.sentences.to(list[SentenceLine])
    return rx.el.div(
        rx.el.h2(ui.t_choice(rx.Var.create(name), SECTIONS), class_name="hl-lab"),
        rx.foreach(here, lambda line: rx.cond(line.section == name, _sentence(line))),
        class_name="hl-bodyt",
    )


def _report(report: rx.Var[ReportLine], number: rx.Var[int]) -> rx.Component:
    """What one family would read."""
    open_draft = ReviewState.status == "draft"
    return ui.panel(
        ui.panel_head(t("For the family of {name}", name=report.student), mark=rx.cond(open_draft, ui.draft_mark())),
        rx.cond(
            open_draft,
            ui.text_field(
                t("First line"),
                "headline",
                default_value=report.headline,
                on_blur=lambda text: ReviewState.set_headline(report.student_id, text),
            ),
            rx.el.p(rx.el.b(report.headline)),
        ),
        rx.el.div(rx.foreach(report.sentences, _sentence), class_name="hl-bodyt"),
        rx.cond(
            open_draft,
            ui.stack(
                ui.plain(t("Add a sentence"), icon="plus", size="s", on_click=ReviewState.add(number.to(str))),
                ui.area_field(
                    t("Homework"),
                    "homework",
                    rows=2,
                    hint=t("The student and the family see it."),
                    default_value=report.homework,
                    on_blur=lambda text: ReviewState.set_homework(report.student_id, text),
                ),
                gap=2,
            ),
            rx.cond(report.homework != "", rx.el.p(t("For next time: {homework}", homework=report.homework))),
        ),
    )


def _topic(item: rx.Var[TopicState]) -> rx.Component:
    choices = [("covered", t("Covered")), ("started", t("Started")), ("not_reached", t("Not reached"))]
    return rx.cond(
        ReviewState.status == "draft",
        ui.pick(item.name, item.state, choices, lambda state: ReviewState.set_topic(item.topic_id, state)),
        ui.coverage_chip(item.name, rx.cond(item.state == "not_reached", "missed", item.state)),
    )


def _line(line: rx.Var[TranscriptRow]) -> rx.Component:
    kind = rx.cond(ReviewState.active_spans.contains(line.id), "source", "rest")
    return rx.el.div(ui.transcript_line(line.moment, line.speaker, line.text, kind=kind, key=line.id), id="line-" + line.id, role="presentation")


def _transcript() -> rx.Component:
    return ui.panel(
        ui.panel_head(t("Transcript")),
        rx.cond(
            ReviewState.transcript.length() > 0,
            ui.transcript(rx.foreach(ReviewState.transcript, _line)),
            ui.empty(
                t("There is no transcript"),
                t("Nobody had agreed to captions, or none came. Please write what happened in your own words."),
                icon_name="captions-off",
            ),
        ),
    )


def _notices() -> rx.Component:
    return rx.fragment(
        rx.cond(
            ReviewState.low_accuracy & (ReviewState.status == "draft"),
            ui.callout(
                "warn",
                "captions",
                t("The captions of this lesson are not accurate. The family's report holds facts only; please add what you remember."),
            ),
        ),
        rx.cond(
            ReviewState.previous_reason != "",
            ui.callout("info", "rotate-ccw", t("You asked for a new draft: {reason}", reason=ReviewState.previous_reason)),
        ),
        rx.cond(
            ReviewState.status == "approved",
            ui.callout("ok", "check", t("Approved. The family has been told, or will be in a moment.")),
        ),
        rx.cond(
            ReviewState.status == "rejected",
            ui.callout("info", "rotate-ccw", t("A new draft is being written. It appears among your summaries.")),
        ),
        rx.cond(
            ReviewState.problem != "",
            rx.el.div(
                ui.callout(
                    "warn", "circle-alert", t("Not approved yet. This sentence needs a source or your word: {text}", text=ReviewState.problem)
                ),
                role="alert",
            ),
        ),
    )


def review() -> rx.Component:
    """The draft at the left, its transcript at the right."""
    decide = rx.cond(
        ReviewState.status == "draft",
        ui.row(
            ui.button(t("Ask for a new draft"), icon="rotate-ccw", on_click=ReviewState.ask_reason),
            ui.button(t("Save"), disabled=ReviewState.saved, on_click=ReviewState.save),
            ui.primary(t("Approve summary"), icon="check", on_click=ReviewState.approve),
        ),
    )
    staff = ui.panel(
        ui.panel_head(
            t("Summary"),
            note=t("Draft {n}, written from the transcript ({engine})", n=ReviewState.draft_no, engine=ReviewState.engine),
            mark=rx.cond(ReviewState.status == "draft", ui.draft_mark()),
        ),
        rx.cond(
            ReviewState.sentences.length() == 0,
            ui.quiet(t("Nothing is written here yet. Add a sentence."), small=False),
        ),
        *(_section(name) for name in SECTIONS),
        rx.cond(
            ReviewState.status == "draft",
            ui.plain(t("Add a sentence"), icon="plus", size="s", on_click=ReviewState.add("s")),
        ),
    )
    topics = rx.cond(
        ReviewState.topics.length() > 0,
        ui.panel(ui.panel_head(t("Topics of the course")), ui.row(rx.foreach(ReviewState.topics, _topic))),
    )
    reason = ui.dialog(
        ui.form(
            ui.area_field(t("What is wrong with this draft?"), "reason", rows=3, required=True),
            ui.primary(t("Ask for a new draft"), type="submit"),
            on_submit=ReviewState.reject,
        ),
        title=t("Ask for a new draft"),
        open=ReviewState.rejecting,
        on_close=ReviewState.close_reason,
        note=t("The next draft is written from the same transcript with your reason in mind."),
    )
    body = ui.columns(
        [_notices(), staff, rx.foreach(ReviewState.reports, _report), topics],
        [_transcript()],
        520,
    )
    title = rx.fragment(ReviewState.lesson.student, " · ", ReviewState.lesson.course)
    return ui.frame(
        title,
        ui.when_ready(ReviewState.ready, rx.fragment(body, reason)),
        actions=[decide],
        zone=rx.fragment(ui.time_text(ReviewState.lesson.starts_at, "when"), " · ", ReviewState.lesson.topic),
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
