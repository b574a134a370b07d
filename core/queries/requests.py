"""Who asks for lessons, and who could give them: what waits for a coordinator, and what became of one's own requests."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import time
from typing import Any

from sqlmodel import Session, col, select

from core import services
from core.access import Viewer
from core.access.viewer import children_of
from core.domain import Course, LessonRequest, Person, PersonRole
from core.errors import NotAllowed, NotFound
from core.i18n import N_, format_time, format_weekday, gettext, language_name, zone_name
from core.lifecycle.requests import Chosen, proposals_of
from core.queries.common import Face, face, iso
from core.scheduling.availability import Reason
from core.scheduling.proposals import Proposal
from core.scheduling.times import zone
from core.scheduling.wish import Slot

RULES = {
    "continuity": N_(
        "A rule is on: who taught the student before and meets every wish gets the lessons without anybody’s click. "
        "What it placed is marked, and can be taken back."
    )
}
STATUSES = ("open", "placed", "rejected", "withdrawn")
MOST = 100


@dataclass(frozen=True)
class RequestLine:
    """One request. windows: words, one a weekday, in the zone it was asked in; place: that zone as people say it.

    rule: name of the written rule that placed it, "" = a person did.
    """

    id: str
    student: Face
    course: str
    asked_by: str
    asked_at: str
    due_at: str
    per_week: int
    minutes: int
    windows: list[str]
    place: str
    from_day: str
    until_day: str
    lessons: int
    language: str
    wished: str
    same_instructor: bool
    note: str
    status: str
    reason: str
    rule: str
    version: int


@dataclass(frozen=True)
class ProposalCard:
    """times: words in the request's zone; theirs: in the instructor's zone, "" where it is the same clock.

    slots: "weekday,HH:MM" joined by ";", what is handed back when it is chosen. load: in 100 hours.
    """

    rank: int
    person: Face
    place: str
    load: int
    times: str
    theirs: str
    slots: str
    lessons: int
    left_out: int
    meets: int
    wishes: int
    met: list[str]
    unmet: list[str]


@dataclass(frozen=True)
class Offered:
    """ruled_out: (how many, why), the most frequent reason first. constraint: the tightest one when nothing fits."""

    cards: list[ProposalCard]
    ruled_out: list[tuple[int, str]]
    looked_at: int
    constraint: str


def chosen(cards: Sequence[ProposalCard], rank: int) -> Chosen | None:
    """What accepting the card of this rank means; None when there is none."""
    card = next((one for one in cards if one.rank == rank), None)
    if card is None:
        return None
    pairs = (pair.split(",") for pair in card.slots.split(";"))
    return Chosen(card.person.id, tuple(Slot(int(day), time.fromisoformat(at)) for day, at in pairs))


def inbox(viewer: Viewer, status: str = "open") -> list[RequestLine]:
    """Coordinators: requests of one status, by deadline."""
    if not viewer.has("coordinator"):
        raise NotAllowed()
    with services.current().store.read() as db:
        query = select(LessonRequest).where(LessonRequest.status == status)
        order = col(LessonRequest.due_at) if status == "open" else col(LessonRequest.asked_at).desc()
        return _lines(db, db.exec(query.order_by(order).limit(MOST)).all(), viewer)


def standing_rule() -> str:
    """What the rule says that places requests by itself (a message id), "" while none is switched on."""
    return RULES.get(services.current().settings.auto_accept, "")


def waiting(viewer: Viewer) -> int:
    """How many wait for an answer; 0 for who may not answer."""
    if not viewer.has("coordinator"):
        return 0
    with services.current().store.read() as db:
        return len(db.exec(select(LessonRequest.id).where(LessonRequest.status == "open")).all())


def own(viewer: Viewer) -> list[RequestLine]:
    """A family's own requests, newest first."""
    with services.current().store.read() as db:
        people = [viewer.person_id, *(child.id for child in children_of(db, viewer.person_id))]
        query = select(LessonRequest).where(col(LessonRequest.student_id).in_(people))
        rows = db.exec(query.order_by(col(LessonRequest.asked_at).desc()).limit(MOST)).all()
        return _lines(db, rows, viewer)


def one(viewer: Viewer, request_id: str) -> RequestLine:
    """Coordinators: a single request. NotFound."""
    if not viewer.has("coordinator"):
        raise NotAllowed()
    with services.current().store.read() as db:
        row = db.get(LessonRequest, request_id)
        if row is None:
            raise NotFound("We could not find this request.")
        return _lines(db, [row], viewer)[0]


def offered(viewer: Viewer, request_id: str) -> Offered:
    """Coordinators: ranked proposals for a request, as things are now. NotFound."""
    if not viewer.has("coordinator"):
        raise NotAllowed()
    with services.current().store.read() as db:
        row = db.get(LessonRequest, request_id)
        if row is None:
            raise NotFound("We could not find this request.")
        found = proposals_of(db, row)
        people = {
            person.id: person
            for person in db.exec(
                select(Person).where(col(Person.id).in_([one.person_id for one in found.ranked]))
            )
        }
        cards = [
            _card(rank, proposal, people[proposal.person_id], row, viewer)
            for rank, proposal in enumerate(found.ranked, 1)
        ]
        counted = Counter(say(one.reasons[0], viewer) for one in found.left_out if one.reasons)
        return Offered(
            cards,
            [(number, words) for words, number in counted.most_common()],
            len(found.ranked) + len(found.left_out),
            say(found.constraint, viewer) if found.constraint else "",
        )


def say(reason: Reason, viewer: Viewer) -> str:
    """A reason in the viewer's language."""
    params = dict(reason.params)
    if "language" in params:
        params["language"] = language_name(str(params["language"]), viewer.lang)
    return gettext(reason.words, viewer.lang, **params)


def _card(rank: int, proposal: Proposal, person: Person, row: LessonRequest, viewer: Viewer) -> ProposalCard:
    first = proposal.starts[0]
    same = first.astimezone(zone(row.tz)).utcoffset() == first.astimezone(zone(person.tz)).utcoffset()
    return ProposalCard(
        rank=rank,
        person=face(person),
        place=zone_name(person.tz, viewer.lang),
        load=round(100 * proposal.load),
        times=", ".join(_slot(slot, viewer.lang) for slot in proposal.slots),
        theirs="" if same else format_time(first, person.tz, viewer.lang),
        slots=";".join(f"{slot.weekday},{slot.at:%H:%M}" for slot in proposal.slots),
        lessons=len(proposal.starts),
        left_out=len(proposal.skip),
        meets=proposal.meets,
        wishes=proposal.wishes,
        met=[say(reason, viewer) for reason in proposal.met],
        unmet=[say(reason, viewer) for reason in proposal.unmet],
    )


def _slot(slot: Slot, lang: str) -> str:
    return f"{format_weekday(slot.weekday, lang)} {slot.at:%H:%M}"


def _lines(db: Session, rows: Any, viewer: Viewer) -> list[RequestLine]:
    """With names, in a constant number of queries."""
    ids = {who for row in rows for who in (row.student_id, row.asked_by, _wished(row)) if who}
    people = {person.id: person for person in db.exec(select(Person).where(col(Person.id).in_(ids)))}
    course_ids = {row.course_id for row in rows}
    courses = {
        course.id: course.name for course in db.exec(select(Course).where(col(Course.id).in_(course_ids)))
    }
    return [
        RequestLine(
            id=row.id,
            student=face(people[row.student_id]),
            course=courses[row.course_id],
            asked_by=people[row.asked_by].name,
            asked_at=iso(row.asked_at),
            due_at=iso(row.due_at),
            per_week=row.per_week,
            minutes=row.length_min,
            windows=[_window(one, viewer.lang) for one in row.windows],
            place=zone_name(row.tz, viewer.lang),
            from_day=row.from_day.isoformat(),
            until_day=row.until_day.isoformat() if row.until_day else "",
            lessons=row.lessons or 0,
            language=language_name(row.language, viewer.lang) if row.language else "",
            wished=people[_wished(row)].name if _wished(row) in people else "",
            same_instructor=bool(row.wishes.get("same_instructor")),
            note=row.note,
            status=row.status,
            reason=row.reason,
            rule=row.rule,
            version=row.version,
        )
        for row in rows
    ]


def _wished(row: LessonRequest) -> str:
    return str(row.wishes.get("instructor_id", ""))


def _window(plain: dict[str, Any], lang: str) -> str:
    return f"{format_weekday(int(plain['weekday']), lang)} {plain['starts']}–{plain['ends']}"


@dataclass(frozen=True)
class AskChoices:
    """(id, name) of those one may ask for, and of the courses there are."""

    students: list[tuple[str, str]]
    courses: list[tuple[str, str]]


def choices(viewer: Viewer) -> AskChoices:
    """What the form that asks for lessons offers: one's children, oneself when grown up; coordinators: everybody."""
    if not viewer.has("student", "guardian", "coordinator"):
        raise NotAllowed()
    with services.current().store.read() as db:
        if viewer.has("coordinator"):
            query = select(Person).join(PersonRole, col(PersonRole.person_id) == Person.id)
            query = query.where(PersonRole.role == "student", col(Person.active).is_(True))
            students = list(db.exec(query.order_by(col(Person.name))))
        else:
            students = children_of(db, viewer.person_id)
            me = db.get(Person, viewer.person_id)
            if me is not None and viewer.has("student") and not me.is_minor:
                students = [me, *students]
        courses = db.exec(select(Course).where(col(Course.active).is_(True)).order_by(col(Course.name)))
        return AskChoices(
            [(person.id, person.name) for person in students],
            [(course.id, course.name) for course in courses],
        )
