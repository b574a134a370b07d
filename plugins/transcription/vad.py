"""Where speech starts and ends in one person's audio.

A detector gives the probability of speech for each window of 32 ms; `Endpointer` turns them into
segments with padding, so that quiet first and last sounds are kept. All audio is 16 kHz mono int16.
"""

import functools
import importlib.util
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

logger = logging.getLogger(__name__)

Samples = NDArray[np.int16]
"""(n,) int16, 16 kHz, mono."""
RATE_HZ = 16_000
WINDOW = 512
"""Samples a detector looks at: 32 ms, fixed by the silero model."""
_CONTEXT = 64
_SILERO_FILE = "silero_vad_v6.onnx"


class Detector(Protocol):
    """Speech probabilities of one person's audio; keeps state between calls."""

    def probabilities(self, windows: Samples) -> list[float]:
        """windows: (n, 512) int16 -> n values 0..1."""
        ...


class EnergyDetector:
    """Speech = clearly louder than this person's own background noise. Needs no model.

    The noise floor follows quiet windows quickly and loud ones slowly, so a fan does not count as speech.
    """

    def __init__(self) -> None:
        self._floor_db = -55.0

    def probabilities(self, windows: Samples) -> list[float]:
        out: list[float] = []
        for window in windows:
            level = float(np.sqrt(np.mean((window.astype(np.float32) / 32768) ** 2)))
            level_db = 20 * np.log10(max(level, 1e-6))
            self._floor_db += (level_db - self._floor_db) * (0.2 if level_db < self._floor_db else 0.004)
            self._floor_db = max(-70.0, self._floor_db)
            above = level_db - max(self._floor_db, -60.0)
            out.append(float(1 / (1 + np.exp(-(above - 12.0) / 2.0))))
        return out


@functools.lru_cache(maxsize=1)
def _silero_session() -> Any:
    """The onnx session shared by all people (it holds no state), or None when something is missing."""
    spec = importlib.util.find_spec("faster_whisper")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / "assets" / _SILERO_FILE
        if path.exists() and importlib.util.find_spec("onnxruntime"):
            import onnxruntime

            options = onnxruntime.SessionOptions()
            options.inter_op_num_threads = options.intra_op_num_threads = 1
            options.enable_cpu_mem_arena = False
            options.log_severity_level = 4
            return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return None


class SileroDetector:
    """Silero VAD v6 from faster-whisper's wheel, run window by window (CPU: 0.2 % of real time)."""

    def __init__(self) -> None:
        self._session = _silero_session()
        if self._session is None:
            raise LookupError("the silero model is not installed")
        self._h = np.zeros((1, 1, 128), np.float32)
        self._c = np.zeros((1, 1, 128), np.float32)
        self._context = np.zeros(_CONTEXT, np.float32)

    def probabilities(self, windows: Samples) -> list[float]:
        audio = windows.astype(np.float32) / 32768
        before = np.concatenate([self._context[None, :], audio[:-1, -_CONTEXT:]])
        self._context = audio[-1, -_CONTEXT:]
        feed = {"input": np.concatenate([before, audio], axis=1), "h": self._h, "c": self._c}
        out, self._h, self._c = self._session.run(None, feed)
        return [float(value) for value in np.ravel(out)]


def detector(kind: str = "auto") -> Detector:
    """A fresh detector for one person. kind: auto | silero | energy."""
    if kind != "energy" and _silero_session() is not None:
        return SileroDetector()
    if kind == "silero":
        logger.warning("silero model not found, using the energy detector")
    return EnergyDetector()


@dataclass(frozen=True, slots=True)
class Started:
    """Speech began; audio: the padding before it and its first windows. at_ms: time of its first sample."""

    at_ms: int
    audio: Samples


@dataclass(frozen=True, slots=True)
class More:
    """More audio of the speech that goes on."""

    audio: Samples


@dataclass(frozen=True, slots=True)
class Ended:
    """The whole piece again, for the second look. speech_ms: without the padding."""

    started_ms: int
    ended_ms: int
    speech_ms: int
    audio: Samples


Endpoint = Started | More | Ended


class Endpointer:
    """Cuts one person's audio into spoken pieces. Feed chunks of any size, in order.

    speech starts after 96 ms above `threshold` (within 160 ms), ends after `silence_ms` below it; pieces
    longer than `max_s` are cut. Pieces with less than `min_ms` of speech are dropped after `Started`
    was told, with an `Ended` of empty audio.
    """

    def __init__(
        self,
        detect: Detector,
        *,
        threshold: float = 0.5,
        silence_ms: int = 800,
        pad_ms: int = 480,
        min_ms: int = 160,
        max_s: float = 15.0,
    ) -> None:
        self._detect, self._on, self._off = detect, threshold, max(threshold - 0.15, 0.05)
        window_ms = WINDOW * 1000 // RATE_HZ
        self._window_ms = window_ms
        self._silence = max(1, silence_ms // window_ms)
        self._pad = max(1, pad_ms // window_ms)
        self._min_ms, self._max = min_ms, int(max_s * 1000) // window_ms
        self._rest = np.zeros(0, np.int16)
        self._next_ms: float | None = None
        self._before: list[Samples] = []
        self._recent: list[bool] = []
        self._piece: list[Samples] = []
        self._piece_ms = 0
        self._voiced = self._quiet = 0

    @property
    def speaking(self) -> bool:
        return bool(self._piece)

    def feed(self, audio: Samples, at_ms: int) -> Iterator[Endpoint]:
        """at_ms: time of the first sample on the common clock. A jump of it ends the piece before."""
        expected = self._next_ms
        if expected is not None and abs(at_ms - expected) > 400:
            yield from self.flush()
            expected = None
        self._next_ms = (at_ms if expected is None else expected) + len(audio) * 1000 / RATE_HZ
        joined = np.concatenate([self._rest, audio]) if len(self._rest) else audio
        count = len(joined) // WINDOW
        self._rest = joined[count * WINDOW :].copy()
        if not count:
            return
        windows = joined[: count * WINDOW].reshape(count, WINDOW)
        first_ms = self._next_ms - len(joined) * 1000 / RATE_HZ
        for place, probability in enumerate(self._detect.probabilities(windows)):
            yield from self._step(windows[place], probability, round(first_ms + place * self._window_ms))

    def flush(self) -> Iterator[Endpoint]:
        """End what is being said (mute, leave, a gap in the audio)."""
        self._rest = np.zeros(0, np.int16)
        self._next_ms = None
        if self._piece:
            yield self._end(trim=0)
        self._before.clear()
        self._recent.clear()

    def _step(self, window: Samples, probability: float, at_ms: int) -> Iterator[Endpoint]:
        if not self._piece:
            self._before = [*self._before[-(self._pad + 4) :], window]
            self._recent = [*self._recent[-4:], probability >= self._on]
            if sum(self._recent) >= 3:
                self._piece = list(self._before)
                self._voiced, self._quiet = sum(self._recent), 0
                self._piece_ms = at_ms - (len(self._piece) - 1) * self._window_ms
                yield Started(self._piece_ms, np.concatenate(self._piece))
            return
        self._piece.append(window)
        yield More(window)
        if probability >= self._off:
            self._quiet, self._voiced = 0, self._voiced + 1
        else:
            self._quiet += 1
        if self._quiet >= self._silence:
            yield self._end(trim=max(0, self._quiet - self._pad))
        elif len(self._piece) >= self._max:
            yield self._end(trim=0)

    def _end(self, trim: int) -> Ended:
        kept = self._piece[: len(self._piece) - trim] if trim else self._piece
        speech_ms = self._voiced * self._window_ms
        ended_ms = self._piece_ms + len(kept) * self._window_ms
        audio = np.concatenate(kept) if speech_ms >= self._min_ms else np.zeros(0, np.int16)
        found = Ended(self._piece_ms, ended_ms, speech_ms, audio)
        self._before, self._recent, self._piece = [], [], []
        self._voiced = self._quiet = 0
        return found
