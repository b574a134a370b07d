"""What an instructor does to the lesson itself from inside the room: end it, or make it longer."""

from collections.abc import Callable

from core.access import Actor, viewer_for
from core.errors import NotAllowed
from core.lifecycle import recordings
from core.lifecycle.end import end_session
from core.lifecycle.extend import extend_session
from core.ports import Store


def end(store: Store, person_id: str, session_id: str) -> None:
    """UserError with a sentence when this person may not, or the lesson is not live."""
    _as_person(store, person_id, lambda actor: end_session(actor, session_id))


def extend(store: Store, person_id: str, session_id: str, minutes: int) -> None:
    """UserError with a sentence when this person may not, or somebody has a lesson right after."""
    _as_person(store, person_id, lambda actor: extend_session(actor, session_id, minutes))


def record(store: Store, person_id: str, session_id: str, on: bool) -> None:
    """UserError with a sentence when this person may not, or the lesson is not live."""
    change = recordings.start if on else recordings.stop
    _as_person(store, person_id, lambda actor: change(actor, session_id))


def _as_person(store: Store, person_id: str, work: Callable[[Actor], None]) -> None:
    """With the roles this person has now, not the ones they had when they came in."""
    with store.read() as db:
        actor = viewer_for(db, person_id)
    if actor is None:
        raise NotAllowed()
    work(actor)
