"""Captions: what an agent heard, on its way to everybody's screen.

The agent says whose track it was; the name comes from the seat, and a person without transcription
consent is never captioned, whatever an agent sends. Nothing is stored here: final segments reach the
transcript by the ingest door, which checks the consent again.
"""

from typing import TYPE_CHECKING

from core.i18n import N_
from plugins.classroom.server.messages import Caption
from plugins.classroom.server.outgoing import Outgoing
from plugins.classroom.server.people import Participant
from plugins.classroom.server.refusal import NOT_HERE, Refusal, not_allowed

if TYPE_CHECKING:
    from plugins.classroom.server.room import Room

_NO_CONSENT = N_("This person has not consented to captions.")
_TIMES = N_("A caption cannot end before it starts.")


def caption(room: "Room", who: Participant, message: Caption) -> list[Outgoing]:
    """Somebody who just left may still be captioned: the last words come after the door closes."""
    if who.role != "agent":
        raise not_allowed()
    speaker = room.speaker(message.person_id)
    if speaker is None:
        raise Refusal("not_found", NOT_HERE)
    if not speaker.transcription:
        raise Refusal("not_allowed", _NO_CONSENT)
    if message.ended_ms < message.started_ms:
        raise Refusal("invalid", _TIMES)
    return room.tell_people(
        {
            "type": "caption",
            "person_id": speaker.person_id,
            "name": speaker.name,
            "text": message.text,
            "final": message.final,
            "started_ms": message.started_ms,
            "ended_ms": message.ended_ms,
            "low_accuracy": message.low_accuracy,
        }
    )
