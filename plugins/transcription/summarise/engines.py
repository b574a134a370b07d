"""Which summariser drafts: the extractive one, or a language model with the extractive one behind it."""

import functools
from collections.abc import Callable

from core.views import SummaryDraft, SummaryInput
from plugins.transcription.settings import TranscriptionSettings
from plugins.transcription.summarise import embed, extractive, model

Summariser = Callable[[SummaryInput], SummaryDraft]


def engines(settings: TranscriptionSettings) -> list[tuple[str, Summariser]]:
    """(name, summariser), the one the settings ask for first: core takes the first on `auto`.

    auto: openai when summariser_url is set, else extractive; transformers only by name (it is heavy).
    """
    embedder = functools.partial(embed.load, settings.embedding_model)

    def plain(given: SummaryInput) -> SummaryDraft:
        return extractive.summarise(given, embedder())

    offered: dict[str, Summariser] = {
        "extractive": plain,
        "openai": functools.partial(model.summarise, ask=model.openai(settings), fallback=plain),
        "transformers": functools.partial(model.summarise, ask=model.transformers(settings), fallback=plain),
    }
    auto = "openai" if settings.summariser_url else "extractive"
    first = auto if settings.summariser == "auto" else settings.summariser
    return sorted(offered.items(), key=lambda item: item[0] != first)
