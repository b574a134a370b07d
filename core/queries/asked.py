"""The coordinators' inbox of changes that families ask for."""

from dataclasses import dataclass

from sqlmodel import col, select

from core import services
from core.access import Viewer
from core.domain import ChangeRequest, ClassSession, Course, Person
from core.domain.load import session_view
from core.errors import NotAllowed
from core.i18n import N_, gettext
from core.queries.common import initials, iso
from core.queries.free import why_not
from core.scheduling.windows import Window

RULES = {
    "late_notice": N_("Later than the policy allows"),
    "too_many": N_("Over the month’s changes"),
    "asked": N_("Such changes go through you"),
    "": N_("The time they want is not on offer"),
}
"""Why it was asked for instead of done, by the policy's code."""


@dataclass(frozen=True)
class ChangeLine:
    """One request. kind: move | cancel. rule: why it was asked for. against: what speaks against the new time.

    stale: the lesson has changed since; it can only be refused. why: the family's words.
    """

    id: str
    session_id: str
    kind: str
    course: str
    student: str
    initials: str
    asked_by: str
    instructor: str
    starts_at: str
    wanted_at: str
    asked_at: str
    why: str
    rule: str
    against: list[str]
    stale: bool
    version: int


def inbox(viewer: Viewer, limit: int = 50) -> list[ChangeLine]:
    """Requests that wait, those about the next lesson first."""
    if not viewer.has("coordinator"):
        raise NotAllowed()
    with services.current().store.read() as db:
        rows = db.exec(
            select(ChangeRequest, ClassSession, Course)
            .join(ClassSession, col(ClassSession.id) == ChangeRequest.session_id)
            .join(Course, col(Course.id) == ClassSession.course_id)
            .where(ChangeRequest.status == "open")
            .order_by(col(ClassSession.starts_at), col(ChangeRequest.id))
            .limit(limit)
        ).all()
        lines: list[ChangeLine] = []
        for request, session, course in rows:
            view = session_view(db, session.id)
            instructors = view.people("instructor")
            ids = (request.student_id, request.asked_by, *instructors[:1])
            names = {row.id: row.name for row in db.exec(select(Person).where(col(Person.id).in_(ids)))}
            against: list[str] = []
            if request.starts_at and request.ends_at and instructors:
                wanted = Window(request.starts_at, request.ends_at)
                reasons = why_not(
                    db, instructors[0], view.people("student"), wanted, without_session=session.id
                )
                against = [gettext(one.words, viewer.lang, **one.params) for one in reasons]
            lines.append(
                ChangeLine(
                    id=request.id,
                    session_id=session.id,
                    kind=request.kind,
                    course=course.name,
                    student=names[request.student_id],
                    initials=initials(names[request.student_id]),
                    asked_by=names[request.asked_by],
                    instructor=names[instructors[0]] if instructors else "",
                    starts_at=iso(session.starts_at),
                    wanted_at=iso(request.starts_at),
                    asked_at=iso(request.asked_at),
                    why=request.why,
                    rule=gettext(RULES.get(request.rule, RULES[""]), viewer.lang),
                    against=against,
                    stale=session.version != request.session_version or session.status != "scheduled",
                    version=request.version,
                )
            )
        return lines
