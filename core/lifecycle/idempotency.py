"""A request that may come again is done once: its answer is kept and given again.

The claim and the answer are rows of their own, beside the change itself: a process that dies in between leaves
a claim without an answer. Nobody knows then whether the change was made, and the program is told so.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy.exc import IntegrityError

from core import services
from core.access import hash_token
from core.domain import IdempotencyKey
from core.errors import Conflict, InvalidInput

MAX_KEY = 200
WORKING = timedelta(minutes=2)
"""No request takes longer."""


@dataclass(frozen=True, slots=True)
class Answer:
    """status: HTTP; body: JSON."""

    status: int
    body: Any


def claim(token_id: str, key: str, fingerprint: str) -> Answer | None:
    """None: go on, it is ours to do. An answer: it was done before, give this again.

    InvalidInput: the key was used for something else. Conflict: the first one is still being worked on.
    """
    if not 1 <= len(key) <= MAX_KEY:
        raise InvalidInput("Idempotency-Key", "A key has 1 to {most} characters.", most=MAX_KEY)
    now, own = services.current().clock.now(), _own(token_id, key)
    try:
        with services.current().store.write() as db:
            row = db.get(IdempotencyKey, (token_id, own))
            if row is None:
                db.add(IdempotencyKey(token_id=token_id, key=own, fingerprint=fingerprint, at=now))
                db.flush()
                return None
    except IntegrityError as error:
        raise Conflict("A request with this key is being worked on. Please ask again soon.") from error
    if row.fingerprint != fingerprint:
        raise InvalidInput("Idempotency-Key", "This key was used for another request.")
    if row.status:
        return Answer(row.status, row.body)
    if now - row.at < WORKING:
        raise Conflict("A request with this key is being worked on. Please ask again soon.")
    raise Conflict(
        "We cannot say whether the first request with this key was done. Please look before you repeat it."
    )


def keep(token_id: str, key: str, answer: Answer) -> None:
    """It is done, and this was the answer."""
    with services.current().store.write() as db:
        row = db.get_one(IdempotencyKey, (token_id, _own(token_id, key)))
        row.status, row.body = answer.status, answer.body
        db.add(row)


def release(token_id: str, key: str) -> None:
    """Nothing was changed: the same key may be tried again."""
    with services.current().store.write() as db:
        if row := db.get(IdempotencyKey, (token_id, _own(token_id, key))):
            db.delete(row)


def _own(token_id: str, key: str) -> str:
    """One size, unique among all tokens, and nothing of what a program writes into its keys."""
    return hash_token(f"{token_id}:{key}")
