"""How many words captions get wrong, and what they cost: our pipeline beside the plain recogniser.

Clips: read English with known words (LibriVox and card names from the pocketsphinx project, and JFK), in
the folder HILINK_BENCH_SPEECH or `../shared/data/speech`; without it, the clip of the plugin's tests.
Ways: `plain` = the recogniser on the whole file, as its own examples do it; `stream` = partials only;
`pipeline` = what a lesson gets: speech detection, then each piece decoded again as a whole.
With HILINK_TRANSCRIPTION_MODEL the faster-whisper pipeline is measured too.
Errors are those of the first round (the decoder adapts to what it heard). Time is CPU time of this process,
so that a busy machine does not count.
"""

import os
import re
import time
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np

from bench.harness import Context, Result, median
from plugins.transcription.engine import EngineUnavailable, Recogniser
from plugins.transcription.engines import whisper
from plugins.transcription.engines.sphinx import SphinxRecogniser
from plugins.transcription.settings import TranscriptionSettings
from plugins.transcription.vad import RATE_HZ, Ended, Endpointer, Samples, detector

ROOT = Path(__file__).resolve().parents[1]
SPEECH = Path(os.environ.get("HILINK_BENCH_SPEECH", ROOT.parent / "shared" / "data" / "speech"))
OWN_CLIP = ROOT / "plugins" / "transcription" / "tests" / "data" / "amiable.flac"
JFK = (
    "and so my fellow americans ask not what your country can do for you ask what you can do for your country"
)
ROUNDS = 5
CHUNK = 1_600
"""100 ms, as audio comes from a room."""


def clips() -> list[tuple[Path, list[str]]]:
    """(file, its words)."""
    found: list[tuple[Path, list[str]]] = []
    for listing in ("ps_transcription", "ps_cards.transcription"):
        path = SPEECH / listing
        for line in path.read_text().splitlines() if path.exists() else ():
            said = re.fullmatch(r"<s>(.*)</s>\s*\((.+)\)\s*", line)
            if said and (SPEECH / f"ps_{said[2]}.wav").exists():
                found.append((SPEECH / f"ps_{said[2]}.wav", str(said[1]).split()))
    if (SPEECH / "fw_jfk.flac").exists():
        found.append((SPEECH / "fw_jfk.flac", words(JFK)))
    return found or [(OWN_CLIP, words("he might even have been made amiable himself"))]


def load(path: Path) -> Samples:
    """(n,) int16, 16 kHz mono, half a second of silence after it, so that the last piece ends by itself."""
    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE_HZ)
    with av.open(str(path)) as file:
        pieces = [out.to_ndarray()[0] for frame in file.decode(audio=0) for out in resampler.resample(frame)]
    return np.concatenate([*pieces, np.zeros(RATE_HZ // 2, np.int16)])


def errors(said: list[str], heard: list[str]) -> int:
    """Word errors: substitutions, insertions and deletions of the best alignment (Levenshtein)."""
    row = list(range(len(heard) + 1))
    for i, word in enumerate(said, 1):
        before, row[0] = row[0], i
        for j, other in enumerate(heard, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (word != other))
    return row[-1]


def words(text: str) -> list[str]:
    return re.sub(r"[^a-z' ]", " ", text.lower()).split()


def plain(recogniser: Recogniser, audio: Samples) -> str:
    return recogniser.finish(audio).text


def stream(recogniser: Recogniser, audio: Samples) -> str:
    recogniser.start()
    text = ""
    for place in range(0, len(audio), CHUNK):
        text = recogniser.feed(audio[place : place + CHUNK]) or text
    return text


def pipeline(recogniser: Recogniser, audio: Samples) -> str:
    cut = Endpointer(detector())
    events = [
        e
        for place in range(0, len(audio), CHUNK)
        for e in cut.feed(audio[place : place + CHUNK], place // 16)
    ]
    pieces = [e for e in [*events, *cut.flush()] if isinstance(e, Ended) and len(e.audio)]
    return " ".join(recogniser.finish(piece.audio).text for piece in pieces)


def measure(
    ctx: Context, name: str, way: Callable[[Recogniser, Samples], str], recogniser: Recogniser, rounds: int
) -> tuple[list[float], list[float], list[float]]:
    """(errors a clip, words a clip, CPU seconds per second of audio a round)."""
    data = [(load(path), said) for path, said in clips()]
    length_s = sum(len(audio) for audio, _ in data) / RATE_HZ
    wrong: list[float] = []
    cost: list[float] = []
    for turn in range(rounds):
        began = time.process_time()
        heard = [way(recogniser, audio) for audio, _ in data]
        cost.append((time.process_time() - began) / length_s)
        wrong = wrong or [
            float(errors(said, words(text))) for (_, said), text in zip(data, heard, strict=True)
        ]
        ctx.say(
            f"{name}, round {turn + 1} of {rounds}: {sum(wrong):.0f} words wrong, {cost[-1]:.2f} of real time"
        )
    return wrong, [float(len(said)) for _, said in data], cost


def run(ctx: Context) -> Result:
    samples: dict[str, list[float]] = {}
    figures: dict[str, float] = {}
    ways = [("plain", plain, 1), ("stream", stream, 1), ("pipeline", pipeline, ROUNDS)]
    for name, way, rounds in ways:
        wrong, said, cost = measure(ctx, f"pocketsphinx {name}", way, SphinxRecogniser(), rounds)
        samples |= {f"sphinx_{name}_errors": wrong, "words": said, f"sphinx_{name}_cpu_share": cost}
        figures[f"sphinx_{name}_wer"] = sum(wrong) / sum(said)
    figures["sphinx_pipeline_cpu_share"] = median(samples["sphinx_pipeline_cpu_share"])
    figures["sphinx_pipeline_minus_stream_wer"] = (
        figures["sphinx_pipeline_wer"] - figures["sphinx_stream_wer"]
    )
    settings = TranscriptionSettings()
    try:
        engine = whisper.engine(settings)
    except EngineUnavailable as error:
        ctx.say(f"faster-whisper is not measured: {error}")
    else:
        assert engine.build is not None
        wrong, said, cost = measure(ctx, "faster-whisper pipeline", pipeline, engine.build(), ROUNDS)
        samples |= {"whisper_pipeline_errors": wrong, "whisper_pipeline_cpu_share": cost}
        figures["whisper_pipeline_wer"] = sum(wrong) / sum(said)
        figures["whisper_pipeline_cpu_share"] = median(cost)
    return Result(
        samples,
        figures,
        {
            "sphinx_pipeline_wer": ("<=", 0.5),
            "sphinx_pipeline_minus_stream_wer": ("<=", 0.0),
            "sphinx_pipeline_cpu_share": ("<=", 1.0),  # one core keeps up with one speaker
        },
        {"clips": len(clips()), "audio_s": round(sum(len(load(path)) for path, _ in clips()) / RATE_HZ, 1)},
    )
