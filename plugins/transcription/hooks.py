"""The hooks this plugin implements; each calls the code that does the work."""

from collections.abc import Sequence

from core.hookspecs import hookimpl
from plugins.transcription.engine import EngineFactory, built_in
from plugins.transcription.settings import TranscriptionSettings


@hookimpl
def settings() -> type[TranscriptionSettings]:
    return TranscriptionSettings


@hookimpl
def transcribers() -> Sequence[tuple[str, EngineFactory]]:
    return list(built_in().items())
