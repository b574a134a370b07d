"""The small interface every speech engine fills, and how one is chosen.

An `Engine` describes how to build a `Recogniser`; a `Recogniser` hears one spoken piece at a time:
`start`, then `feed` (partial text so far), then `finish` with the whole piece (a second, better look).
The pool (pool.py) runs each recogniser in a thread or process of its own, never on the event loop.
"""

import functools
import importlib.util
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from core.i18n import N_
from plugins.transcription.settings import TranscriptionSettings
from plugins.transcription.vad import Samples

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Decoded:
    """What was said. confidence 0..1 as the engine sees it; text is empty when nothing was understood."""

    text: str
    confidence: float = 0.0


class Recogniser(Protocol):
    """One spoken piece at a time. Called from one thread; may take long."""

    def start(self) -> None:
        """A new piece begins; whatever was before is forgotten."""
        ...

    def feed(self, audio: Samples) -> str:
        """More of the piece -> the text so far. It may still change."""
        ...

    def finish(self, audio: Samples) -> Decoded:
        """The whole piece, decoded again as one. Also works without `start`."""
        ...


@dataclass(frozen=True, slots=True)
class Engine:
    """name: stored with each segment. build: makes a recogniser; picklable when `isolated`.

    isolated: needs a process of its own (pocketsphinx holds the GIL for whole seconds).
    low_accuracy: its words must never be quoted to a family. partial_every_s: new audio per partial.
    notice: a sentence for the people in the room, shown as long as the engine is in use; empty = none.
    build None: no captions, the notice says why. languages: those it understands, ISO 639-1; empty = many, and
    its recognisers have `speak(language)`.
    """

    name: str
    build: Callable[[], Recogniser] | None
    isolated: bool = False
    low_accuracy: bool = False
    partial_every_s: float = 0.5
    notice: str = ""
    languages: tuple[str, ...] = ()

    def understands(self, language: str) -> bool:
        """Whether it can caption this language; "" is whatever the settings say."""
        return not language or not self.languages or language in self.languages


class EngineUnavailable(LookupError):
    """The engine cannot run here; the message is a sentence for operators."""


EngineFactory = Callable[[TranscriptionSettings], Engine]
"""Raises EngineUnavailable. What the hook `transcribers` hands out."""


def off(settings: TranscriptionSettings) -> Engine:
    """No captions, and the people in the room are told."""
    return Engine("off", None, notice=CAPTIONS_OFF)


LOW_ACCURACY = N_("Captions come from a simple engine and will often be wrong.")
CAPTIONS_OFF = N_("Captions are switched off in this room.")
CAPTIONS_UNAVAILABLE = N_("Captions are not available: no speech engine could be loaded.")


def choose(settings: TranscriptionSettings, factories: dict[str, EngineFactory]) -> Engine:
    """The engine the settings ask for, else the next one that works; never raises.

    auto: faster-whisper (only when a model is named), pocketsphinx, then off. An engine that was asked for
    by name and cannot run is replaced the same way; the reason is logged once.
    """
    if settings.engine == "off":
        return off(settings)
    wanted = [] if settings.engine == "auto" else [settings.engine]
    order = [*wanted, *(name for name in ("faster-whisper", "pocketsphinx") if name not in wanted)]
    for name in order:
        factory = factories.get(name)
        if factory is None:
            continue
        try:
            return factory(settings)
        except EngineUnavailable as error:
            asked = name in wanted or (name == "faster-whisper" and bool(settings.model))
            level = logging.WARNING if asked else logging.DEBUG
            logger.log(level, "speech engine not available", extra={"engine": name, "reason": str(error)})
    return Engine("off", None, notice=CAPTIONS_UNAVAILABLE)


def describe(settings: TranscriptionSettings) -> dict[str, object]:
    """What a room's page says about captions before the first one: {engine, low_accuracy, notice}.

    A forecast from the settings alone, because nothing is loaded here; each caption says for itself
    whether it is inaccurate. notice is an English sentence, translated where it is shown.
    """
    named = settings.engine == "faster-whisper" or (settings.engine == "auto" and settings.model)
    if settings.engine != "off" and named and settings.model and importlib.util.find_spec("faster_whisper"):
        return {"engine": "faster-whisper", "low_accuracy": False, "notice": ""}
    light = (
        Engine("off", None, notice=CAPTIONS_OFF)
        if settings.engine == "off"
        else choose(settings.model_copy(update={"engine": "pocketsphinx", "model": ""}), built_in())
    )
    return {"engine": light.name, "low_accuracy": light.low_accuracy, "notice": light.notice}


@functools.cache
def built_in() -> dict[str, EngineFactory]:
    """The engines of this plugin by name."""
    from plugins.transcription.engines import sphinx, whisper

    return {"faster-whisper": whisper.engine, "pocketsphinx": sphinx.engine, "off": off}
