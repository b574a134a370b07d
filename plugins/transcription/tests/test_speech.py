"""Speech detection and recognition on a real clip: 1.2 s silence, a read sentence, silence."""

import asyncio
import sys
from pathlib import Path

import av
import numpy as np
import pytest

from plugins.transcription.engine import Decoded, Engine, EngineUnavailable, built_in, choose, off
from plugins.transcription.engines import whisper
from plugins.transcription.engines.sphinx import SphinxRecogniser
from plugins.transcription.pool import EngineFailed, Pool, Slot
from plugins.transcription.speaker import Caption, Speaker
from plugins.transcription.vad import (
    RATE_HZ,
    Ended,
    Endpointer,
    EnergyDetector,
    More,
    Samples,
    SileroDetector,
    Started,
    detector,
)

sys.path.insert(0, str(Path(__file__).parent))
from transcription_lessons import settings

sys.path.pop(0)
pytestmark = pytest.mark.unit

CLIP = Path(__file__).parent / "data" / "amiable.flac"
WORDS = set("he might even have been made amiable himself".split())


def clip() -> Samples:
    with av.open(str(CLIP)) as file:
        frames = [frame.to_ndarray()[0] for frame in file.decode(audio=0)]
    return np.concatenate(frames).astype(np.int16)


def chunks(audio: Samples, size: int = 960) -> list[tuple[Samples, int]]:
    """60 ms pieces with their time, from a clock that starts at 1 000 000 ms."""
    return [(audio[i : i + size], 1_000_000 + i * 1000 // RATE_HZ) for i in range(0, len(audio), size)]


@pytest.mark.parametrize("make", [SileroDetector, EnergyDetector])
def test_endpointer_finds_speech_between_silences(make: type) -> None:
    audio = clip()
    cut = Endpointer(make())
    events = [e for piece, at in chunks(audio) for e in cut.feed(piece, at)] + list(cut.flush())
    ended = [e for e in events if isinstance(e, Ended) and len(e.audio)]
    assert 1 <= len(ended) <= 3
    assert isinstance(events[0], Started)
    # The clip has 1.2 s of silence first; padding may reach into it, not beyond.
    assert 1_000_600 <= ended[0].started_ms <= 1_001_500
    assert ended[-1].ended_ms <= 1_000_000 + len(audio) * 1000 // RATE_HZ + 40
    assert sum(e.speech_ms for e in ended) > 2_000
    for piece in ended:
        assert abs(len(piece.audio) / 16 - (piece.ended_ms - piece.started_ms)) < 40


def test_silence_and_steady_noise_are_not_speech() -> None:
    noise = (np.random.default_rng(1).normal(0, 250, 6 * RATE_HZ)).astype(np.int16)
    for make in (SileroDetector, EnergyDetector):
        cut = Endpointer(make())
        [e for piece, at in chunks(noise[: 3 * RATE_HZ]) for e in cut.feed(piece, at)]
        later = [e for piece, at in chunks(noise[3 * RATE_HZ :]) for e in cut.feed(piece, at + 3000)]
        assert not [e for e in later if isinstance(e, Started)], make


def test_endpointer_gives_the_same_pieces_for_any_chunk_size() -> None:
    audio = clip()

    def found(size: int) -> list[tuple[int, int]]:
        cut = Endpointer(SileroDetector())
        events = [e for piece, at in chunks(audio, size) for e in cut.feed(piece, at)] + list(cut.flush())
        return [(e.started_ms, e.ended_ms) for e in events if isinstance(e, Ended)]

    assert found(320) == found(1600) == found(5000)


def test_long_speech_is_cut_and_nothing_is_lost() -> None:
    class Always:
        def probabilities(self, windows: Samples) -> list[float]:
            return [1.0] * len(windows)

    cut = Endpointer(Always(), max_s=2.0)
    audio = np.arange(5 * RATE_HZ, dtype=np.int16)
    events = [e for piece, at in chunks(audio) for e in cut.feed(piece, at)] + list(cut.flush())
    ended = [e for e in events if isinstance(e, Ended)]
    assert len(ended) == 3
    joined = np.concatenate([e.audio for e in ended])
    assert np.array_equal(joined, audio[: len(joined)])
    assert len(audio) - len(joined) < 512


def test_a_jump_of_the_clock_ends_the_piece() -> None:
    class Always:
        def probabilities(self, windows: Samples) -> list[float]:
            return [1.0] * len(windows)

    cut = Endpointer(Always())
    second = np.ones(RATE_HZ, np.int16)
    list(cut.feed(second, 0))
    events = list(cut.feed(second, 10_000))
    assert isinstance(events[0], Ended)
    assert events[0].ended_ms <= 1_000
    assert next(e for e in events if isinstance(e, Started)).at_ms == 10_000


def test_streamed_audio_equals_the_whole_piece() -> None:
    cut = Endpointer(detector())
    events = [e for piece, at in chunks(clip()) for e in cut.feed(piece, at)] + list(cut.flush())
    heard: list[Samples] = []
    for event in events:
        if isinstance(event, Started | More):
            heard = [event.audio] if isinstance(event, Started) else [*heard, event.audio]
        elif len(event.audio):
            whole = np.concatenate(heard)
            assert np.array_equal(whole[: len(event.audio)], event.audio)


def test_pocketsphinx_recognises_some_words_and_says_it_is_inaccurate() -> None:
    engine = built_in()["pocketsphinx"](settings())
    assert engine.low_accuracy
    assert engine.notice
    recogniser = SphinxRecogniser()
    partial = ""
    recogniser.start()
    for piece, _ in chunks(clip(), 8000):
        partial = recogniser.feed(piece) or partial
    found = recogniser.finish(clip())
    assert len(WORDS & set(found.text.split())) >= 4
    assert partial
    assert 0 <= found.confidence <= 0.6
    assert recogniser.finish(np.zeros(10, np.int16)) == Decoded("")


async def test_a_speaker_gets_partials_then_one_final_per_piece() -> None:
    engine = built_in()["pocketsphinx"](settings())
    pool, told = Pool(engine, 1), []

    async def tell(caption: Caption) -> None:
        told.append(caption)

    speaker = Speaker(pool, Endpointer(detector()), tell)
    await pool.warm_up()
    for piece, at in chunks(clip()):
        speaker.hear(piece, at)
        await asyncio.sleep(0.02)
    await speaker.close()
    pool.close()
    finals = [c for c in told if c.final]
    assert finals
    assert [c for c in told if not c.final]
    assert all(c.low_accuracy for c in told)
    assert all(c.started_ms < c.ended_ms for c in finals)
    assert len(WORDS & {word for c in finals for word in c.text.split()}) >= 3
    assert 2_000 < speaker.talk_ms < 6_000


class Scripted:
    """A recogniser of our own port: says how many samples it was given."""

    def start(self) -> None:
        self.heard = 0

    def feed(self, audio: Samples) -> str:
        self.heard += len(audio)
        return f"heard {self.heard}"

    def finish(self, audio: Samples) -> Decoded:
        return Decoded(f"all {len(audio)}", 0.9)


class Failing(Scripted):
    def feed(self, audio: Samples) -> str:
        raise ValueError("bad audio")

    def finish(self, audio: Samples) -> Decoded:
        raise ValueError("bad audio")


async def test_without_a_free_slot_there_are_no_partials_but_the_final_comes() -> None:
    pool, told = Pool(Engine("scripted", Scripted), 1), []

    async def tell(caption: Caption) -> None:
        told.append(caption)

    busy = await pool.take()
    speaker = Speaker(pool, Endpointer(detector()), tell)
    for piece, at in chunks(clip()):
        speaker.hear(piece, at)
        await asyncio.sleep(0)
    closing = asyncio.create_task(speaker.close())
    await asyncio.sleep(0.01)
    assert told == []
    pool.give_back(busy)
    await closing
    assert told
    assert all(c.final and not c.low_accuracy for c in told)
    pool.close()


async def test_a_failing_engine_costs_the_caption_not_the_lesson() -> None:
    pool, told = Pool(Engine("failing", Failing), 1), []

    async def tell(caption: Caption) -> None:
        told.append(caption)

    speaker = Speaker(pool, Endpointer(detector()), tell)
    for piece, at in chunks(clip()):
        speaker.hear(piece, at)
    await speaker.close()
    assert told == []
    assert speaker.talk_ms > 2_000
    with pytest.raises(EngineFailed):
        await Slot(pool.engine).finish(np.zeros(8, np.int16))
    pool.close()


async def test_audio_that_stops_coming_ends_the_piece() -> None:
    pool, told = Pool(Engine("scripted", Scripted), 1), []

    async def tell(caption: Caption) -> None:
        told.append(caption)

    speaker = Speaker(pool, Endpointer(detector()), tell)
    for piece, at in chunks(clip()[: 2 * RATE_HZ]):
        speaker.hear(piece, at)
    speaker.tick(1_002_100)
    assert not any(c.final for c in told)
    speaker.tick(1_003_500)
    for _ in range(100):
        await asyncio.sleep(0.005)
        if any(c.final for c in told):
            break
    assert any(c.final for c in told)
    await speaker.close()
    pool.close()


def test_auto_takes_pocketsphinx_without_a_model() -> None:
    assert choose(settings(), built_in()).name == "pocketsphinx"


def test_off_and_unknown_languages_say_so() -> None:
    assert choose(settings(engine="off"), built_in()) == off(settings())
    nothing = choose(settings(language="de"), built_in())
    assert nothing.build is None
    assert nothing.notice


@pytest.mark.parametrize("model", ["", "/nowhere/at/all", "no-such-size", "owner/never-existed-here"])
def test_a_missing_whisper_model_falls_back(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    asked = settings(engine="faster-whisper", model=model)
    with pytest.raises(EngineUnavailable):
        whisper.engine(asked)
    assert choose(asked, built_in()).name == "pocketsphinx"


def test_an_incomplete_or_broken_model_folder_says_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailable, match=r"model\.bin"):
        whisper.load_model(str(tmp_path))
    for name in ("model.bin", "config.json", "tokenizer.json"):
        (tmp_path / name).write_text("{}")
    with pytest.raises(EngineUnavailable, match="cannot be loaded"):
        whisper.load_model(str(tmp_path))


def test_two_looks_agree_on_their_common_first_words() -> None:
    assert whisper.agreed(["We", "add,", "two"], ["we", "add", "too", "many"]) == 2
    assert whisper.agreed([], ["a"]) == 0
