"""The hooks this plugin implements; each calls the code that does the work."""

from collections.abc import Sequence

from core import services
from core.hookspecs import hookimpl
from plugins.transcription.engine import EngineFactory, built_in
from plugins.transcription.settings import TranscriptionSettings
from plugins.transcription.summarise.engines import Summariser, engines


def own_settings() -> TranscriptionSettings:
    """The loader's settings object; read afresh where no services are installed (tools, tests)."""
    try:
        found = services.current().plugins.get("transcription").settings
    except (RuntimeError, LookupError):
        return TranscriptionSettings()
    return found if isinstance(found, TranscriptionSettings) else TranscriptionSettings()


@hookimpl
def settings() -> type[TranscriptionSettings]:
    return TranscriptionSettings


@hookimpl
def transcribers() -> Sequence[tuple[str, EngineFactory]]:
    return list(built_in().items())


@hookimpl
def summarisers() -> Sequence[tuple[str, Summariser]]:
    return engines(own_settings())
