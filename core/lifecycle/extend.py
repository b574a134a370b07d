"""Step 4, a little longer: the instructor moves the planned end while the lesson runs, if nothing follows."""

from datetime import timedelta

from sqlalchemy.exc import IntegrityError

from core import services
from core.access import Actor
from core.clock import cancel_timers, set_timer
from core.delivery import audit
from core.domain.load import get_session, seats
from core.errors import Conflict, InvalidInput, NotAllowed, SessionNotOpen
from core.store.constraints import double_booking

STEPS_MINUTES = (5, 30)
LONGEST = timedelta(hours=4)


def extend_session(actor: Actor, session_id: str, minutes: int) -> None:
    """5 to 30 minutes more. Its instructor alone; Conflict when somebody has another lesson right after.

    The version stays: nobody has to be told of a new date, and no other timer goes stale.
    """
    service = services.current()
    if not STEPS_MINUTES[0] <= minutes <= STEPS_MINUTES[1]:
        raise InvalidInput("minutes", "A lesson can be extended by 5 to 30 minutes.")
    try:
        with service.store.write() as db:
            row = get_session(db, session_id, lock=True)
            people = seats(db, session_id)
            if not any(seat.person_id == actor.person_id and seat.role == "instructor" for seat in people):
                raise NotAllowed("Only the instructor can extend this lesson.")
            if row.status != "live":
                raise SessionNotOpen("This lesson is not running.")
            ends_at = row.ends_at + timedelta(minutes=minutes)
            if ends_at - row.starts_at > LONGEST:
                raise InvalidInput("minutes", "A lesson cannot be longer than four hours.")
            row.ends_at = ends_at
            db.add(row)
            for seat in people:
                seat.ends_at = ends_at
                db.add(seat)
            cancel_timers(db, session_id, ("overdue_end",))
            due = ends_at + timedelta(seconds=service.settings.open_after_s)
            set_timer(db, "overdue_end", session_id, due, row.version)
            audit(db, actor.person_id, "session.extend", session_id)
    except IntegrityError as error:
        if not double_booking(error):
            raise
        raise Conflict("Somebody in this lesson has another lesson right after it.") from error
