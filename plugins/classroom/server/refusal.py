"""A message that is understood but not followed: the person gets a sentence, nothing changed."""

from core.i18n import N_

NOT_HERE = N_("This person is not in the room.")
_NOT_ALLOWED = N_("You may not do this in this room.")


class Refusal(Exception):
    """kind: not_allowed | not_found | invalid | closed | too_many | full | removed.

    message: an English sentence, also the translation key.
    """

    def __init__(self, kind: str, message: str) -> None:
        self.kind, self.message = kind, message
        super().__init__(kind)


def not_allowed() -> Refusal:
    return Refusal("not_allowed", _NOT_ALLOWED)
