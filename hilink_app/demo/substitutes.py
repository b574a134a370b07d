"""An instructor who cannot come: the others are being asked when somebody looks."""

from sqlmodel import col, select

from core.access import viewer_for
from core.domain import ClassSession, Person, Seat
from core.lifecycle.substitutes import ask
from core.services import Services
from hilink_app.demo.people import DOMAIN

AWAY, STUDENT = "mateus", "Hugo Martins"
"""Email part of who cannot come, and whose lesson it is: the first of a series."""
WHY = "A dentist's appointment that I cannot move, sorry."


def one_is_wanted(made: Services) -> None:
    """After the series are there."""
    with made.store.read() as db:
        teacher = db.exec(select(Person).where(Person.email == f"{AWAY}@{DOMAIN}")).one()
        viewer = viewer_for(db, teacher.id)
        session_id = db.exec(
            select(ClassSession.id)
            .join(Seat, col(Seat.session_id) == ClassSession.id)
            .join(Person, col(Person.id) == Seat.person_id)
            .where(Person.name == STUDENT, col(ClassSession.series_id).is_not(None))
            .order_by(col(ClassSession.starts_at))
        ).first()
    if viewer is not None and session_id is not None:
        ask(viewer, session_id, WHY)
