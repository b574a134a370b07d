"""Consent: given or withdrawn by the adult, or by a minor's guardian; asked for where the data is made."""

from sqlmodel import col, select

from core import services
from core.access import Actor
from core.delivery import audit, emit
from core.domain import Consent, Guardianship, Person
from core.errors import InvalidInput, NotAllowed, NotFound
from core.events import ConsentChanged

PURPOSES = ("transcription", "recording", "ai_summary")


def set_consent(actor: Actor, person_id: str, purpose: str, given: bool) -> None:
    """Give or withdraw. Withdrawing ends it from now on; what was made before follows its retention. Idempotent."""
    if purpose not in PURPOSES:
        raise InvalidInput("purpose", "Unknown purpose.")
    service = services.current()
    now = service.clock.now()
    with service.store.write() as db:
        person = db.get(Person, person_id)
        if person is None:
            raise NotFound("This person does not exist.")
        guardian = db.exec(
            select(Guardianship.id).where(
                Guardianship.guardian_id == (actor.person_id or ""), Guardianship.student_id == person_id
            )
        ).first()
        if guardian is None and (person.is_minor or actor.person_id != person_id):
            raise NotAllowed(
                "Only a guardian can decide this." if person.is_minor else "Only the person can decide this."
            )
        open_row = db.exec(
            select(Consent).where(
                Consent.person_id == person_id,
                Consent.purpose == purpose,
                col(Consent.withdrawn_at).is_(None),
            )
        ).first()
        if given == (open_row is not None):
            return
        if open_row is not None:
            open_row.withdrawn_at = now
            db.add(open_row)
        else:
            db.add(
                Consent(person_id=person_id, purpose=purpose, given_by=actor.person_id or "", given_at=now)
            )
        emit(db, ConsentChanged(person_id=person_id, purpose=purpose, given=given))
        audit(db, actor.person_id, "consent.give" if given else "consent.withdraw", purpose, person_id)
