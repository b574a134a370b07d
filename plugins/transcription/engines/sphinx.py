"""pocketsphinx: small, offline, English only, and often wrong (README has measured word error rates).

Its words are captions of last resort and search evidence; they are never quoted (`low_accuracy`).
"""

import importlib.util
import math

import numpy as np

from plugins.transcription.engine import LOW_ACCURACY, Decoded, Engine, EngineUnavailable
from plugins.transcription.settings import TranscriptionSettings
from plugins.transcription.vad import Samples

_MIN_SAMPLES = 3_200
"""Shorter pieces give the decoder no frames to work with."""


class SphinxRecogniser:
    """One decoder with the model from the wheel (load 0.3 s)."""

    def __init__(self) -> None:
        from pocketsphinx import Decoder

        self._decoder = Decoder(samprate=16000.0, loglevel="FATAL")
        self._open = False

    def start(self) -> None:
        self._close()
        self._decoder.start_utt()
        self._open = True

    def feed(self, audio: Samples) -> str:
        if not self._open:
            self.start()
        self._decoder.process_raw(audio.tobytes())
        found = self._decoder.hyp()
        return found.hypstr if found else ""

    def finish(self, audio: Samples) -> Decoded:
        """The whole piece at once with batch mean normalisation: WER .37 instead of .45 in the stream."""
        self._close()
        if len(audio) < _MIN_SAMPLES:
            return Decoded("")
        self._decoder.start_utt()
        self._decoder.process_raw(_louder(audio).tobytes(), full_utt=True)
        self._decoder.end_utt()
        found = self._decoder.hyp()
        if not found or not found.hypstr:
            return Decoded("")
        words = max(1, len(found.hypstr.split()))
        # The utterance posterior falls with each word; its geometric mean is comparable between pieces.
        confidence = math.exp(math.log(max(found.prob, 1e-30)) / words)
        return Decoded(found.hypstr, round(min(0.6, confidence), 3))

    def _close(self) -> None:
        if self._open:
            self._decoder.end_utt()
            self._open = False


def _louder(audio: Samples) -> Samples:
    """Peak-normalised to -3 dBFS; at most 20 times louder, so that silence stays silence."""
    peak = int(np.abs(audio.astype(np.int32)).max(initial=1))
    gain = min(20.0, 23_000 / max(peak, 1))
    return audio if gain <= 1 else (audio * gain).astype(np.int16)


def engine(settings: TranscriptionSettings) -> Engine:
    """Raises EngineUnavailable without the package or for another language than English."""
    if importlib.util.find_spec("pocketsphinx") is None:
        raise EngineUnavailable("pocketsphinx is not installed")
    if settings.language not in ("en", "auto"):
        raise EngineUnavailable(f"pocketsphinx understands English only, not {settings.language!r}")
    return Engine(
        "pocketsphinx", SphinxRecogniser, isolated=True, low_accuracy=True, partial_every_s=0.4,
        notice=LOW_ACCURACY, languages=("en",),
    )  # fmt: skip
