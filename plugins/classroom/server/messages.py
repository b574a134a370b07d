"""What a browser may say, checked field by field. Anything else is a `Malformed`, and nothing changes.

Strict on purpose: `true` is not 1 and "3" is not 3. Unknown fields are ignored, so that a newer browser
can talk to an older server.
"""

import json
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
)

_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


def _printable(text: str) -> str:
    """Control characters have no business in a chat, and PostgreSQL refuses NUL."""
    if _UNPRINTABLE.search(text):
        raise ValueError("control character")
    return text


Id = Annotated[str, StringConstraints(min_length=1, max_length=80)]
Text = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2_000), AfterValidator(_printable)
]
Question = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500), AfterValidator(_printable)
]
Short = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(_printable)
]
Source = Literal["camera", "microphone", "screen", "screen_audio"]


class Malformed(ValueError):
    """Not a message of PROTOCOL.md. kind: malformed | unknown; of: the type it claimed, "" when none."""

    def __init__(self, kind: str, of: str = "") -> None:
        self.kind, self.of = kind, of
        super().__init__(kind)


class Message(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)


class Hello(Message):
    type: Literal["hello"]
    version: int = 1
    resume: str = Field("", max_length=2_000)


class Media(Message):
    type: Literal["media"]
    message: dict[str, Any]


class Chat(Message):
    """to: "all" or a person id."""

    type: Literal["chat"]
    text: Text
    to: Id = "all"


class Hand(Message):
    type: Literal["hand"]
    raised: bool
    person_id: Id | None = None


class React(Message):
    type: Literal["react"]
    reaction: Literal["yes", "no", "slower", "faster", "clap"]


class PollOpen(Message):
    type: Literal["poll.open"]
    question: Question
    options: Annotated[list[Short], Field(min_length=2, max_length=8)]
    right: int | None = None
    kind: Literal["poll", "check"] = "poll"


class PollAnswer(Message):
    type: Literal["poll.answer"]
    poll_id: Id
    option: Annotated[int, Field(ge=0, le=7)]


class PollClose(Message):
    type: Literal["poll.close"]
    poll_id: Id


class PollShow(Message):
    type: Literal["poll.show"]
    poll_id: Id


class Page(Message):
    type: Literal["page"]
    page: Annotated[int, Field(ge=1, le=20)]


class Mute(Message):
    type: Literal["mute"]
    person_id: Id
    source: Source


class Remove(Message):
    type: Literal["remove"]
    person_id: Id


class Allow(Message):
    type: Literal["allow"]
    person_id: Id


class Admit(Message):
    """person_id: of somebody who waits, or "all"."""

    type: Literal["admit"]
    person_id: Id


class Decline(Message):
    type: Literal["decline"]
    person_id: Id


class LobbyMode(Message):
    type: Literal["lobby"]
    mode: Literal["off", "until_instructor", "always"]


class End(Message):
    type: Literal["end"]


class Record(Message):
    type: Literal["record"]
    on: bool


class Extend(Message):
    type: Literal["extend"]
    minutes: Annotated[int, Field(ge=5, le=30)]


class Caption(Message):
    """started_ms/ended_ms count from the lesson's start."""

    type: Literal["caption"]
    person_id: Id
    text: Text
    final: bool
    started_ms: Annotated[int, Field(ge=0, lt=86_400_000)]
    ended_ms: Annotated[int, Field(ge=0, lt=86_400_000)]
    low_accuracy: bool = False


class Stats(Message):
    """What only the browser knows of the last `seconds`: numbers, for the lesson's evidence."""

    type: Literal["stats"]
    seconds: Annotated[float, Field(gt=0, le=60)]
    freezes: Annotated[int, Field(ge=0, le=600)] = 0
    frozen_s: Annotated[float, Field(ge=0, le=60)] = 0
    down_bps: Annotated[int, Field(ge=0, le=1_000_000_000)] | None = None
    down_loss: Annotated[float, Field(ge=0, le=1)] | None = None
    concealed: Annotated[float, Field(ge=0, le=1)] | None = None


class Leave(Message):
    type: Literal["leave"]


class Ping(Message):
    type: Literal["ping"]
    at: (
        Annotated[float, Field(allow_inf_nan=False)] | int | Annotated[str, StringConstraints(max_length=80)]
    ) = 0


Incoming = (
    Hello | Media | Chat | Hand | React | PollOpen | PollAnswer | PollClose | PollShow | Page | Mute | Remove
    | Allow | Admit | Decline | LobbyMode | End | Record | Extend | Caption | Stats | Leave | Ping
)  # fmt: skip
_ADAPTER: TypeAdapter[Incoming] = TypeAdapter(Annotated[Incoming, Field(discriminator="type")])
TYPES = frozenset(str(model.model_fields["type"].annotation.__args__[0]) for model in get_args(Incoming))


def decode(frame: str) -> Mapping[str, Any]:
    """A text frame as an object; Malformed when it is not one JSON object."""
    try:
        value = json.loads(frame, parse_constant=_no_constant)
        if "\\u" in frame:
            json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair would break every reader
    except (ValueError, RecursionError) as error:
        raise Malformed("malformed") from error
    if not isinstance(value, dict):
        raise Malformed("malformed")
    return value


def _no_constant(name: str) -> Any:
    """NaN and Infinity are Python's, not JSON's: a browser could not read them."""
    raise ValueError(name)


def parse(value: Mapping[str, Any]) -> Incoming:
    """The message of an object; Malformed when the type is unknown or a field is off."""
    name = value.get("type")
    if not isinstance(name, str):
        raise Malformed("malformed")
    if name not in TYPES:
        raise Malformed("unknown", name[:40])
    try:
        return _ADAPTER.validate_python(value)
    except (ValidationError, RecursionError) as error:
        raise Malformed("malformed", name) from error
