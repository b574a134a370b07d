"""The hooks this plugin implements; each calls the code that does the work."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from core import services
from core.hookspecs import hookimpl
from core.ports import HookContext
from core.views import ClassSessionView
from plugins.transcription.engine import EngineFactory, built_in
from plugins.transcription.settings import TranscriptionSettings
from plugins.transcription.summarise.engines import Summariser, engines

if TYPE_CHECKING:
    from fastapi import APIRouter


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


@hookimpl
def agents() -> Sequence[type]:
    from plugins.transcription.agent import Transcriber  # only the agents role needs it

    return [Transcriber]


@hookimpl
def lifespan(role: str) -> Any:
    """Agents role: load the engine and open the way to the web role."""
    if role != "agents":
        return None
    from plugins.transcription.agent import workshop

    here = services.current()
    offered = here.plugins.call("transcribers")
    factories: dict[str, EngineFactory] = {name: make for _, found in offered for name, make in found}
    return workshop(here.settings, own_settings(), factories)


@hookimpl
def routes() -> "APIRouter":
    from plugins.transcription.api import router

    return router


@hookimpl
def on_schedule(ctx: HookContext, session: ClassSessionView, change: str) -> None:
    """The room's page says from the start how captions are made."""
    from plugins.transcription.service import announce_captions

    if change != "cancelled":
        wanted = ctx.settings if isinstance(ctx.settings, TranscriptionSettings) else own_settings()
        ctx.transaction("captions", lambda db: announce_captions(db, session.id, wanted))


@hookimpl
def export_person(db: Any, person_id: str) -> dict[str, Any]:
    """Nothing of its own: transcript segments are core's, with core's export and retention."""
    return {}


@hookimpl
def erase_person(db: Any, person_id: str) -> None:
    """Nothing of its own, see export_person. The spool of an agents process empties itself."""
