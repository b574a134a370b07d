"""faster-whisper (CTranslate2, int8 on the CPU): the engine for real captions.

The model is a folder, or a name looked up in the local cache and only then downloaded. Partials decode
the piece so far greedily and show what two looks in a row agree on, plus the newest words.
"""

import functools
import importlib.util
import logging
import math
import re
from pathlib import Path
from typing import Any

import numpy as np

from plugins.transcription.engine import Decoded, Engine, EngineUnavailable
from plugins.transcription.settings import TranscriptionSettings
from plugins.transcription.vad import RATE_HZ, Samples

logger = logging.getLogger(__name__)

_NEEDED = ("model.bin", "config.json", "tokenizer.json")
"""Without tokenizer.json faster-whisper would ask the model hub for one."""


def load_model(name: str, workers: int = 1) -> Any:
    """A `faster_whisper.WhisperModel`: from a folder, the cache, or (last) the hub.

    EngineUnavailable with a sentence when the folder is incomplete, the name unknown or the hub away.
    """
    from faster_whisper import WhisperModel
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled

    load = functools.partial(
        WhisperModel, device="cpu", compute_type="int8", cpu_threads=1, num_workers=workers
    )
    folder = Path(name).expanduser()
    if folder.is_dir():
        missing = [file for file in _NEEDED if not (folder / file).exists()]
        if missing:
            raise EngineUnavailable(f"the model folder lacks {', '.join(missing)}")
        try:
            return load(str(folder))
        except (RuntimeError, ValueError, OSError) as error:
            raise EngineUnavailable(f"the model folder cannot be loaded: {error}") from error
    if "/" in name and not re.fullmatch(r"[\w.-]+/[\w.-]+", name):
        raise EngineUnavailable("the model folder does not exist")
    try:
        return load(name, local_files_only=True)
    except (LocalEntryNotFoundError, FileNotFoundError):
        logger.info("speech model not in the cache, downloading it", extra={"model": name})
    except (ValueError, RuntimeError) as error:
        raise EngineUnavailable(f"the speech model cannot be loaded: {error}") from error
    try:
        return load(name)
    except (LocalEntryNotFoundError, OfflineModeIsEnabled, HfHubHTTPError, OSError) as error:
        raise EngineUnavailable("the speech model is not in the cache and cannot be downloaded") from error
    except (ValueError, RuntimeError) as error:
        raise EngineUnavailable(f"the speech model cannot be loaded: {error}") from error


def agreed(before: list[str], now: list[str]) -> int:
    """How many first words two looks in a row agree on (LocalAgreement-2, Liu et al. 2020)."""
    same = 0
    for old, new in zip(before, now, strict=False):
        if _plain(old) != _plain(new):
            break
        same += 1
    return same


def _plain(word: str) -> str:
    return re.sub(r"\W", "", word).lower()


class WhisperRecogniser:
    """Shares one loaded model with the other recognisers (CTranslate2 releases the GIL)."""

    def __init__(self, model: Any, language: str | None) -> None:
        self._model, self._house = model, language
        self._language = language
        self.start()

    def speak(self, language: str) -> None:
        """The language of what comes next; "" is the house's."""
        self._language = language or self._house

    def start(self) -> None:
        self._heard: list[Samples] = []
        self._shown: list[str] = []
        self._fixed = 0

    def feed(self, audio: Samples) -> str:
        self._heard.append(audio)
        words = self._decode(np.concatenate(self._heard), beam=1)[0].split()
        # What was agreed on stays, so that the line on the screen does not flicker back.
        fixed = max(self._fixed, agreed(self._shown, words))
        if fixed <= len(words):
            words = [*self._shown[: self._fixed], *words[self._fixed :]]
            self._shown, self._fixed = words, fixed
        return " ".join(self._shown)

    def finish(self, audio: Samples) -> Decoded:
        text, confidence = self._decode(audio, beam=5)
        self.start()
        return Decoded(text, confidence)

    def _decode(self, audio: Samples, beam: int) -> tuple[str, float]:
        segments, _ = self._model.transcribe(
            audio.astype(np.float32) / 32768,
            language=self._language,
            beam_size=beam,
            temperature=0.0,
            condition_on_previous_text=False,
            without_timestamps=True,
            vad_filter=False,
            max_new_tokens=16 + round(len(audio) / RATE_HZ * 12),
        )
        found = [segment for segment in segments if segment.text.strip()]
        if not found:
            return "", 0.0
        # Whisper invents words for noise; such segments have a high no-speech and a low word probability.
        kept = [s for s in found if not (s.no_speech_prob > 0.6 and s.avg_logprob < -1.0)]
        if not kept:
            return "", 0.0
        sure = math.exp(sum(s.avg_logprob for s in kept) / len(kept))
        confidence = sure * (1 - min(s.no_speech_prob for s in kept))
        return " ".join(s.text.strip() for s in kept), round(min(1.0, max(0.0, confidence)), 3)


def engine(settings: TranscriptionSettings) -> Engine:
    """Loads the model now: a missing one is known before the first lesson. Raises EngineUnavailable."""
    if not settings.model:
        raise EngineUnavailable("no speech model is named (HILINK_TRANSCRIPTION_MODEL)")
    if importlib.util.find_spec("faster_whisper") is None:
        raise EngineUnavailable("faster-whisper is not installed")
    model = load_model(settings.model, settings.workers)
    language = None if settings.language == "auto" else settings.language
    return Engine(
        "faster-whisper", functools.partial(WhisperRecogniser, model, language), partial_every_s=1.0
    )
