"""What a lifecycle hook gets beside its subject: steps whose effect happens once."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar, cast

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from core.domain.event import StepDone
from core.services import Services

T = TypeVar("T")


class DeliveryContext:
    """`core.ports.HookContext` for one attempt of one delivery."""

    def __init__(
        self, services: Services, delivery_id: str, event_id: int, plugin: str, attempt: int
    ) -> None:
        self.event_id = event_id
        self.plugin = plugin
        self.attempt = attempt
        self.idempotency_key = delivery_id
        self.settings: Any = services.plugins.get(plugin).settings
        self._services = services

    def transaction(self, name: str, step: Callable[[Session], T]) -> T | None:
        """Run `step` in one short transaction whose effect happens once per delivery and name.

        A marker row is written first, in the step's own transaction: if the process dies neither is there;
        if the hook runs again, or twice at the same time, the second run gets the first one's result.
        """
        key = (self.idempotency_key, name)
        try:
            with self._services.store.write() as db:
                if done := db.get(StepDone, key):
                    return done.result
                marker = StepDone(delivery_id=key[0], name=name, at=self.now())
                db.add(marker)
                db.flush()
                result = step(db)
                marker.result = _json_or_none(result)
                return result
        except IntegrityError:
            with self._services.store.read() as db:
                if done := db.get(StepDone, key):
                    return done.result
            raise

    def now(self) -> datetime:
        return self._services.clock.now()


def _json_or_none(value: Any) -> Any:
    """Only JSON values survive a restart; anything else is for the first run alone."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case list() | tuple():
            return [_json_or_none(item) for item in cast("Sequence[Any]", value)]
        case dict():
            return {str(key): _json_or_none(item) for key, item in cast("dict[Any, Any]", value).items()}
        case _:
            return None
