"""Who acts for which student: a guardian for their own child, an adult student for themselves."""

from sqlmodel import Session, col, select

from core import services
from core.access import Viewer
from core.access.viewer import children_of
from core.domain import Person, Seat
from core.errors import InvalidInput, NotAllowed, NotFound


def acts_for(db: Session, viewer: Viewer) -> set[str]:
    """Ids of the viewer and of the children they look after."""
    return {viewer.person_id, *(child.id for child in children_of(db, viewer.person_id))}


def student_for(
    db: Session, viewer: Viewer, session_id: str, student_id: str = "", *, lock: bool = True
) -> Person:
    """The student of this lesson the viewer acts for. student_id: which child, "" = the only one.

    A coordinator, or a program of theirs, acts for any student it names.
    lock: their other changes wait, so that each is counted before the next is judged.
    NotFound for a lesson that is not theirs: who asks does not hear whether it exists.
    """
    mine = {student_id} if student_id and viewer.has("coordinator") else acts_for(db, viewer)
    query = (
        select(Person)
        .join(Seat, col(Seat.person_id) == Person.id)
        .where(
            Seat.session_id == session_id,
            Seat.role == "student",
            col(Seat.active).is_(True),
            col(Person.id).in_(mine),
        )
        .order_by(col(Person.id))
    )
    if lock:
        query = query.with_for_update(of=Person, key_share=True)
    found = [person for person in db.exec(query) if student_id in ("", person.id)]
    if not found:
        raise NotFound("This lesson does not exist.")
    if len(found) > 1:
        raise InvalidInput("student_id", "Please say for which child.")
    check_of_age(found[0], viewer)
    return found[0]


def check_theirs(db: Session, viewer: Viewer, session_id: str) -> None:
    """NotFound for a lesson in which the viewer acts for nobody."""
    query = select(Seat.id).where(
        Seat.session_id == session_id,
        Seat.role == "student",
        col(Seat.active).is_(True),
        col(Seat.person_id).in_(acts_for(db, viewer)),
    )
    if db.exec(query).first() is None:
        raise NotFound("This lesson does not exist.")


def check_of_age(student: Person, viewer: Viewer) -> None:
    """NotAllowed for a student under age, unless the organisation lets them."""
    if student.id == viewer.person_id and student.is_minor and not services.current().settings.change_minors:
        raise NotAllowed("Please ask your guardian to change this lesson.")
