"""A hand-made Whisper model for tests: real files, real loading, real decoding, and always the same sentence.

All attention and feed-forward weights are zero, so what the decoder says depends on the position alone: one
direction of the model's space a position, and an output row that answers it with the next token. It proves
that our loading and decoding work with faster-whisper; it says nothing about recognition.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
from ctranslate2.specs.whisper_spec import WhisperSpec
from faster_whisper.tokenizer import _LANGUAGE_CODES
from tokenizers import AddedToken, Tokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.trainers import BpeTrainer

SENTENCE = "We look for a common denominator."
_WIDTH, _HIDDEN, _MELS, _FRAMES, _TEXT = 64, 64, 80, 1500, 448


def tokenizer() -> Tokenizer:
    """Byte-level BPE with Whisper's special tokens in their order, then the timestamps."""
    made = Tokenizer(BPE())
    made.pre_tokenizer, made.decoder = ByteLevel(add_prefix_space=False), ByteLevelDecoder()
    trainer = BpeTrainer(
        vocab_size=400, initial_alphabet=ByteLevel.alphabet(), special_tokens=[], show_progress=False
    )
    made.train_from_iterator([" " + SENTENCE] * 20, trainer)
    languages = [f"<|{code}|>" for code in _LANGUAGE_CODES]
    names = ["<|endoftext|>", "<|startoftranscript|>", *languages, "<|translate|>", "<|transcribe|>"]
    names += ["<|startoflm|>", "<|startofprev|>", "<|nospeech|>", "<|notimestamps|>"]
    made.add_special_tokens([AddedToken(name, special=True, normalized=False) for name in names])
    made.add_tokens([AddedToken(f"<|{i * 0.02:.2f}|>", normalized=False) for i in range(1501)])
    return made


def build(folder: Path) -> Path:
    """Write the model into `folder` (about 1 MB, well under a second)."""
    tok = tokenizer()
    size = tok.get_vocab_size()
    spec: Any = WhisperSpec(1, 1, 1, 1)
    _fill_encoder(spec.encoder)
    _fill_decoder(spec.decoder, size, tok)
    spec.register_vocabulary([tok.id_to_token(i) for i in range(size)])
    spec.config.suppress_ids, spec.config.suppress_ids_begin = [], []
    spec.config.lang_ids = [tok.token_to_id(f"<|{code}|>") for code in _LANGUAGE_CODES]
    spec.config.alignment_heads = [(0, 0)]
    spec.validate()
    folder.mkdir(parents=True, exist_ok=True)
    spec.save(str(folder))
    tok.save(str(folder / "tokenizer.json"))
    features = {
        "feature_size": _MELS,
        "sampling_rate": 16000,
        "hop_length": 160,
        "chunk_length": 30,
        "n_fft": 400,
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(features))
    return folder


def _zeros(*shape: int) -> Any:
    return np.zeros(shape, np.float32)


def _norm(spec: Any) -> None:
    spec.gamma, spec.beta = np.ones(_WIDTH, np.float32), _zeros(_WIDTH)


def _linear(spec: Any, rows: int, columns: int) -> None:
    spec.weight, spec.bias = _zeros(rows, columns), _zeros(rows)


def _ffn(spec: Any) -> None:
    _norm(spec.layer_norm)
    _linear(spec.linear_0, _HIDDEN, _WIDTH)
    _linear(spec.linear_1, _WIDTH, _HIDDEN)


def _attention(spec: Any, rows: tuple[int, ...]) -> None:
    _norm(spec.layer_norm)
    for linear, count in zip(spec.linear, rows, strict=True):
        _linear(linear, count, _WIDTH)


def _fill_encoder(encoder: Any) -> None:
    encoder.conv1.weight, encoder.conv1.bias = _zeros(_WIDTH, _MELS, 3), _zeros(_WIDTH)
    encoder.conv2.weight, encoder.conv2.bias = _zeros(_WIDTH, _WIDTH, 3), _zeros(_WIDTH)
    encoder.position_encodings.encodings = _zeros(_FRAMES, _WIDTH)
    _norm(encoder.layer_norm)
    for layer in encoder.layer:
        _attention(layer.self_attention, (3 * _WIDTH, _WIDTH))
        _ffn(layer.ffn)


def _fill_decoder(decoder: Any, size: int, tok: Tokenizer) -> None:
    decoder.embeddings.weight = _zeros(size, _WIDTH)
    decoder.position_encodings.encodings = _zeros(_TEXT, _WIDTH)
    for position in range(_TEXT):
        decoder.position_encodings.encodings[position, min(position, _WIDTH - 1)] = 1.0
    _norm(decoder.layer_norm)
    for layer in decoder.layer:
        _attention(layer.self_attention, (3 * _WIDTH, _WIDTH))
        _attention(layer.attention, (_WIDTH, 2 * _WIDTH, _WIDTH))
        _ffn(layer.ffn)
    decoder.projection.weight, decoder.projection.bias = _zeros(size, _WIDTH), _zeros(size)
    end = tok.token_to_id("<|endoftext|>")
    # A model without the empty token in its vocabulary counts as English-only: the prompt is two tokens long,
    # so the first word is asked for at position 1.
    # 8-bit products saturate on processors with AVX2 but no VNNI, where two large weights of a row stand side by side:
    # the last position, which no sentence reaches, has the largest one, so that all others stay below half of it.
    for position, token in enumerate(tok.encode(" " + SENTENCE).ids, start=1):
        decoder.projection.weight[token, position] = 4.0
        decoder.projection.weight[token, _WIDTH - 1] = -8.0
        decoder.projection.weight[end, position] = -4.0
    decoder.projection.weight[end, _WIDTH - 1] = 8.0
    decoder.projection.bias[end] = 10.0
