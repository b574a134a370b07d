"""What each kind of message says. Rendered when it is sent: in the reader's language, in the reader's zone."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from core import services
from core.domain import (
    ChangeRequest,
    ClassSession,
    Course,
    ExceptionCase,
    Person,
    Seat,
    Series,
    StudentReport,
    SubstituteOffer,
    Summary,
)
from core.i18n import duration, format_time, format_when, gettext
from core.lifecycle.cases import CLASSES, OTHER
from core.lifecycle.notify import MessageView
from core.lifecycle.provision import new_join_link
from core.lifecycle.readiness import words_for
from plugins.notifications.parts import Content, Lesson, Say, lesson_facts, lesson_of, link_to, say_when


def build(db: Session, message: MessageView, reader: Person) -> Content:
    """The content of a message. KeyError for a kind nobody wrote; NoResultFound when its subject is gone."""
    return _BUILDERS[message.kind](db, message, reader, partial(gettext, lang=reader.lang))


def _seat(db: Session, message: MessageView) -> Seat:
    return db.get_one(Seat, message.params["seat_id"])


def _own(reader: Person, seat: Seat) -> bool:
    return reader.id == seat.person_id


def _invitation(db: Session, message: MessageView, reader: Person, say: Say) -> Content:
    seat = _seat(db, message)
    lesson = lesson_of(db, message.session_id, reader, seat.person_id)
    about = (
        say(
            "Your {course} lesson is on {day} at {start}",
            course=lesson.course,
            day=lesson.day,
            start=lesson.start,
        )
        if _own(reader, seat)
        else say(
            "{student} has {course} on {day} at {start}",
            student=lesson.student,
            course=lesson.course,
            day=lesson.day,
            start=lesson.start,
        )
    )
    moved = message.kind == "moved"
    with_whom = (
        say("With {student}.", student=lesson.student)
        if seat.role == "instructor"
        else say("With {instructor}.", instructor=lesson.instructor)
    )
    return Content(
        subject=say("Changed: {about}", about=about) if moved else about,
        heading=say("This lesson has changed") if moved else say("A lesson is planned"),
        paragraphs=(say_when(lesson, say), *_instead(db, message, lesson, seat, say), with_whom),
        action=(say("Open the lesson"), new_join_link(db, seat.id)) if seat.active else None,
        note=say("This link is personal: please do not pass it on. We send a new one before the lesson."),
        calendar="REQUEST",
        entry=_entry(lesson, reader, seat, say),
        seat_id=seat.id,
    )


def _instead(db: Session, message: MessageView, lesson: Lesson, seat: Seat, say: Say) -> tuple[str, ...]:
    """Who teaches instead of whom, when that is what changed."""
    former = db.get(Person, message.params.get("instead_of", ""))
    if former is None:
        return ()
    if seat.role != "instructor":
        return (
            say(
                "On {day} {instructor} teaches instead of {former}.",
                day=lesson.day,
                instructor=lesson.instructor,
                former=former.name,
            ),
        )
    handover = link_to(f"/handover/{lesson.session.id}")
    return (
        say("You teach instead of {former}.", former=former.name),
        say("What you need to know stands here: {url}", url=handover),
    )


def _entry(lesson: Lesson, reader: Person, seat: Seat, say: Say) -> str:
    """The lesson's title in the reader's calendar, with first names alone: calendars are shared."""
    if seat.role == "instructor":
        return say("{course} with {name}", course=lesson.course, name=lesson.student)
    if _own(reader, seat):
        return say("{course} with {name}", course=lesson.course, name=lesson.instructor.split(" ")[0])
    return say("{student}: {course}", student=lesson.student, course=lesson.course)


def _cancelled(db: Session, message: MessageView, reader: Person, say: Say) -> Content:
    seat = _seat(db, message)
    lesson = lesson_of(db, message.session_id, reader, seat.person_id)
    replaced = lesson.session.status != "cancelled" and seat.role == "instructor"
    return Content(
        subject=say(
            "{name} takes {course} on {day} at {start}", name=lesson.instructor, **lesson_facts(lesson)
        )
        if replaced
        else say("Cancelled: {course} on {day} at {start}", **lesson_facts(lesson)),
        heading=say("{name} takes this lesson", name=lesson.instructor)
        if replaced
        else say("This lesson is cancelled"),
        paragraphs=(
            say_when(lesson, say),
            *((say("{name} has your notes.", name=lesson.instructor),) if replaced else ()),
            say("You do not need to do anything."),
        ),
        calendar="CANCEL",
        entry=_entry(lesson, reader, seat, say),
        seat_id=seat.id,
    )


def _reminder(db: Session, message: MessageView, reader: Person, say: Say) -> Content:
    seat = _seat(db, message)
    lesson = lesson_of(db, message.session_id, reader, seat.person_id)
    ahead = duration(timedelta(seconds=int(message.params["before_s"])), reader.lang)
    subject = (
        say("In {ahead}: {course} at {start}", ahead=ahead, course=lesson.course, start=lesson.start)
        if _own(reader, seat)
        else say(
            "In {ahead}: {course} for {student} at {start}",
            ahead=ahead,
            course=lesson.course,
            student=lesson.student,
            start=lesson.start,
        )
    )
    settings = services.current().settings
    opens = say("The room opens {n} minutes before the lesson.", n=settings.open_before_s // 60)
    check = f"{settings.public_url.rstrip('/')}/check"
    return Content(
        subject=subject,
        heading=subject,
        paragraphs=(say_when(lesson, say),),
        action=(say("Join the lesson"), new_join_link(db, seat.id)),
        note=f"{opens} {say('Check your camera, sound and connection before: {url}', url=check)}",
    )


def _report(db: Session, message: MessageView, reader: Person, say: Say) -> Content:
    report = db.get_one(StudentReport, message.params["report_id"])
    lesson = lesson_of(db, report.session_id, reader, report.student_id)
    body = report.body
    sentences = tuple(item["text"] for item in body.get("sentences", ()))
    homework = body.get("homework", "")
    return Content(
        subject=say("{student}: {course} today", student=lesson.student, course=lesson.course),
        heading=body.get("headline") or lesson.course,
        paragraphs=sentences,
        bullets=(say("For next time: {homework}", homework=homework),) if homework else (),
        action=(say("See the whole report"), link_to(f"/family/report/{report.id}")),
        note=say("{instructor} read and approved this before it was sent.", instructor=lesson.instructor),
    )


def _missed(db: Session, message: MessageView, reader: Person, say: Say) -> Content:
    seat = _seat(db, message)
    lesson = lesson_of(db, message.session_id, reader, seat.person_id)
    heading = (
        say("We are waiting for you in {course}", course=lesson.course)
        if _own(reader, seat)
        else say("{student} is not in {course} yet", student=lesson.student, course=lesson.course)
    )
    return Content(
        subject=heading,
        heading=heading,
        paragraphs=(
            say("The lesson began at {start} ({zone}).", start=lesson.start, zone=lesson.zone),
            say("It is fine to join late. If something is wrong, we will call you."),
        ),
        action=(say("Join now"), new_join_link(db, seat.id)) if seat.active else None,
    )


def _summary_ready(db: Session, message: MessageView, reader: Person, say: Say) -> Content:
    summary = db.get_one(Summary, message.params["summary_id"])
    lesson = lesson_of(db, summary.session_id, reader)
    due = summary.due_at.astimezone(ZoneInfo(reader.tz))
    return Content(
        subject=say("To approve: {course} with {student}", course=lesson.course, student=lesson.student),
        heading=say("A draft is ready for you"),
        paragraphs=(
            say(
                "{course} with {student}, {day}.",
                course=lesson.course,
                student=lesson.student,
                day=lesson.day,
            ),
            say(
                "The family hears from you only after you approve. Please do so by {time}.",
                time=f"{due:%H:%M}",
            ),
        ),
        action=(say("Review the draft"), link_to(f"/summaries/{summary.id}")),
    )


def _case(db: Session, message: MessageView, reader: Person, say: Say) -> Content:
    case = db.get_one(ExceptionCase, message.params["case_id"])
    what = gettext(CLASSES.get(case.kind, OTHER).title, reader.lang)
    paragraphs: list[str] = []
    if case.session_id:
        lesson = lesson_of(db, case.session_id, reader)
        paragraphs.append(
            say(
                "{course} with {student}, {day} at {start}.",
                course=lesson.course,
                student=lesson.student,
                day=lesson.day,
                start=lesson.start,
            )
        )
    due = format_time(case.due_at, reader.tz, reader.lang)
    paragraphs.append(say("Please look at it by {time}.", time=due))
    late = message.params.get("change") == "escalated"
    return Content(
        subject=say("Overdue: {what}", what=what) if late else what,
        heading=what,
        paragraphs=tuple(paragraphs),
        bullets=tuple(say(words) for words in words_for(case.facts.get("missing", ())))
        if case.kind == "not_ready"
        else (),
        action=(
            say("Open the case"),
            link_to(f"/{'operations' if case.queue == 'operator' else 'today'}?case={case.id}"),
        ),
    )


def _magic_link(db: Session, message: MessageView, reader: Person, say: Say) -> Content:
    minutes = services.current().settings.magic_link_ttl_s // 60
    return Content(
        subject=say("Your sign-in link"),
        heading=say("Sign in to {organisation}", organisation=services.current().settings.organisation),
        paragraphs=(say("This link works once, for {n} minutes.", n=minutes),),
        action=(say("Sign in"), link_to(f"/sign-in/link?token={message.params['token']}")),
        note=say("If you did not ask for it, you can ignore this mail."),
    )


def _change_answered(db: Session, message: MessageView, reader: Person, say: Say) -> Content:
    """What a coordinator answered to a family's request, in the coordinator's words."""
    request = db.get_one(ChangeRequest, message.params["change_id"])
    lesson = lesson_of(db, request.session_id, reader, request.student_id)
    facts = {"course": lesson.course, "day": lesson.day}
    granted = request.status == "granted"
    subject = (
        say("Changed as you asked: {course} on {day}", **facts)
        if granted
        else say("We cannot change {course} on {day}", **facts)
    )
    return Content(
        subject=subject,
        heading=subject,
        paragraphs=(request.answer, say("The lesson is on {when}.", when=say_when(lesson, say)))
        if lesson.session.status == "scheduled"
        else (request.answer,),
        action=(say("See all lessons"), link_to("/")),
    )


_MOST_DATES = 12
"""Of a series in one mail; the page has all of them."""


def _series_changed(db: Session, message: MessageView, reader: Person, say: Say) -> Content:
    """All lessons of a series that are to come, as they are now: planned, changed, or none any more."""
    series = db.get_one(Series, message.params["series_id"])
    about = db.get_one(Person, message.params["person_id"])
    course = db.get_one(Course, series.course_id)
    coming = db.exec(
        select(ClassSession.starts_at)
        .join(Seat, col(Seat.session_id) == ClassSession.id)
        .where(ClassSession.series_id == series.id, ClassSession.status == "scheduled")
        .where(ClassSession.starts_at > services.current().clock.now())
        .where(Seat.person_id == about.id, col(Seat.active).is_(True))
        .order_by(col(ClassSession.starts_at))
    ).all()
    facts = {"course": course.name, "student": about.first_name}
    own = reader.id == about.id
    if not coming:
        subject = (
            say("Cancelled: your {course} lessons", **facts)
            if own
            else say("Cancelled: {course} lessons of {student}", **facts)
        )
    elif series.version == 1 and series.split_from is None:
        subject = (
            say("Your {course} lessons are planned", **facts)
            if own
            else say("{student} has {course} lessons", **facts)
        )
    else:
        subject = (
            say("Changed: your {course} lessons", **facts)
            if own
            else say("Changed: {course} lessons of {student}", **facts)
        )
    shown = [format_when(at, reader.tz, reader.lang) for at in coming[:_MOST_DATES]]
    more = len(coming) - len(shown)
    return Content(
        subject=subject,
        heading=subject,
        paragraphs=(
            say("Times in {zone}:", zone=reader.tz.replace("_", " "))
            if coming
            else say("You do not need to do anything."),
        ),
        bullets=(*shown, *((say("and {n} more", n=more),) if more else ())),
        action=(say("See all lessons"), link_to("/")) if coming else None,
        calendar="REQUEST" if coming else "CANCEL",
        entry=_series_entry(db, series, about, reader, say),
    )


def _series_entry(db: Session, series: Series, about: Person, reader: Person, say: Say) -> str:
    """The title of its lessons in the reader's calendar; as `_entry`, of the people the series has."""
    course = db.get_one(Course, series.course_id).name
    if about.id != reader.id:
        return say("{student}: {course}", student=about.first_name, course=course)
    others = series.student_ids[:1] if about.id not in series.student_ids else [series.instructor_id]
    names = [db.get_one(Person, one).first_name for one in others]
    return say("{course} with {name}", course=course, name=names[0]) if names else course


def _group_changed(db: Session, message: MessageView, reader: Person, say: Say) -> Content:
    """Who left a group lesson and who joined it, for its instructor."""
    lesson = lesson_of(db, message.session_id, reader)
    left, joined = (
        [db.get_one(Person, one).first_name for one in message.params[what]] for what in ("left", "joined")
    )
    facts = lesson_facts(lesson)
    lines = [
        *(say("{name} does not come to {course} on {day} at {start}", name=name, **facts) for name in left),
        *(say("{name} joins {course} on {day} at {start}", name=name, **facts) for name in joined),
    ]
    students = db.exec(
        select(Person)
        .join(Seat, col(Seat.person_id) == Person.id)
        .where(Seat.session_id == message.session_id, Seat.role == "student", col(Seat.active).is_(True))
        .order_by(col(Person.name))
    )
    return Content(
        subject=lines[0]
        if len(lines) == 1
        else say("Your group changed: {course} on {day} at {start}", **facts),
        heading=say("Your group changed"),
        paragraphs=(
            say_when(lesson, say),
            say("Now in this lesson: {names}.", names=", ".join(one.first_name for one in students)),
            say("You do not need to do anything."),
        ),
        bullets=tuple(lines) if len(lines) > 1 else (),
        action=(say("See all lessons"), link_to("/lessons")),
    )


def _substitute_offer(db: Session, message: MessageView, reader: Person, say: Say) -> Content:
    offer = db.get_one(SubstituteOffer, message.params["offer_id"])
    lesson = lesson_of(db, message.session_id, reader)
    subject = say("Can you take {course} on {day} at {start}?", **lesson_facts(lesson))
    return Content(
        subject=subject,
        heading=subject,
        paragraphs=(
            say_when(lesson, say),
            say(
                "{length} with {student}.",
                length=duration(lesson.session.ends_at - lesson.session.starts_at, reader.lang),
                student=lesson.student,
            ),
            say(
                "Whoever accepts first has the lesson. The offer is open until {time}.",
                time=format_when(offer.expires_at, reader.tz, reader.lang),
            ),
        ),
        action=(say("Answer"), link_to("/offers")),
        note=say("You need not answer when you cannot: we ask others too."),
    )


def _substitute_over(db: Session, message: MessageView, reader: Person, say: Say) -> Content:
    lesson = lesson_of(db, message.session_id, reader)
    return Content(
        subject=say("Settled: {course} on {day} at {start}", **lesson_facts(lesson)),
        heading=say("This lesson is taken care of"),
        paragraphs=(say("You do not need to do anything. Thank you for being asked."),),
    )


_BUILDERS: dict[str, Callable[[Session, MessageView, Person, Say], Content]] = {
    "invitation": _invitation,
    "moved": _invitation,
    "cancelled": _cancelled,
    "reminder": _reminder,
    "report": _report,
    "missed": _missed,
    "summary_ready": _summary_ready,
    "case": _case,
    "magic_link": _magic_link,
    "series_changed": _series_changed,
    "group_changed": _group_changed,
    "substitute_offer": _substitute_offer,
    "substitute_over": _substitute_over,
    "change_answered": _change_answered,
}
KINDS = tuple(_BUILDERS)
