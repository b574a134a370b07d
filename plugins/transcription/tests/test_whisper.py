"""faster-whisper's real loading and decoding, on a hand-made model that always says the same sentence."""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest

from plugins.transcription.engine import built_in, choose
from plugins.transcription.engines.whisper import WhisperRecogniser
from plugins.transcription.pool import Pool
from plugins.transcription.speaker import Caption, Speaker
from plugins.transcription.vad import RATE_HZ, Endpointer, Samples, detector

sys.path.insert(0, str(Path(__file__).parent))
import tiny_whisper
from transcription_lessons import settings

sys.path.pop(0)
pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    yield str(tiny_whisper.build(tmp_path_factory.mktemp("whisper")))


def clip() -> Samples:
    with av.open(str(Path(__file__).parent / "data" / "amiable.flac")) as file:
        return np.concatenate([frame.to_ndarray()[0] for frame in file.decode(audio=0)]).astype(np.int16)


def test_a_model_folder_makes_a_real_recogniser(model: str) -> None:
    engine = choose(settings(model=model), built_in())
    assert engine.name == "faster-whisper"
    assert not engine.low_accuracy
    assert engine.notice == ""
    assert engine.build is not None
    recogniser = engine.build()
    assert isinstance(recogniser, WhisperRecogniser)
    found = recogniser.finish(clip())
    assert found.text == tiny_whisper.SENTENCE
    assert 0.3 < found.confidence <= 1.0


async def test_partials_and_finals_through_the_pool(model: str) -> None:
    pool, told = Pool(choose(settings(model=model), built_in()), 2), list[Caption]()

    async def tell(caption: Caption) -> None:
        told.append(caption)

    await pool.warm_up()
    speaker = Speaker(pool, Endpointer(detector()), tell)
    audio = clip()
    for place in range(0, len(audio), 960):
        speaker.hear(audio[place : place + 960], 1_000 + place * 1000 // RATE_HZ)
        await asyncio.sleep(0.02)
    await speaker.close()
    pool.close()
    assert [c.text for c in told if c.final] == [tiny_whisper.SENTENCE]
    assert [c for c in told if not c.final]
    assert not any(c.low_accuracy for c in told if c.final)


def test_shown_words_do_not_flicker_back(model: str) -> None:
    """Two looks that agree fix their words, whatever the third one says."""

    class Looks(WhisperRecogniser):
        said = iter(["we look four", "we look for a", "he looks for a common"])

        def _decode(self, audio: Samples, beam: int) -> tuple[str, float]:
            return next(self.said), 0.9

    looks = Looks(None, "en")
    audio = np.zeros(16_000, np.int16)
    assert looks.feed(audio) == "we look four"
    assert looks.feed(audio) == "we look for a"
    assert looks.feed(audio).startswith("we look for a common")
