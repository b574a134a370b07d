"""Sentence embeddings without torch: MiniLM's ONNX export on onnxruntime, when a folder with it is named.

The folder holds `model.onnx` (or `onnx/model.onnx`) and `tokenizer.json`, as sentence-transformers models do.
"""

import functools
import importlib.util
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

logger = logging.getLogger(__name__)

Embedder = Callable[[Sequence[str]], NDArray[np.float32]]
"""n texts -> (n, d) float32 rows of length 1."""
_BATCH = 32
_MAX_TOKENS = 128


@functools.lru_cache(maxsize=2)
def load(folder: str) -> Embedder | None:
    """The embedder in a folder, or None (logged once) when it is missing or cannot be loaded."""
    if not folder:
        return None
    base = Path(folder).expanduser()
    model = next(
        (path for path in (base / "model.onnx", base / "onnx" / "model.onnx") if path.is_file()), None
    )
    if model is None or not (base / "tokenizer.json").is_file():
        logger.warning("embedding model folder is incomplete, using word statistics")
        return None
    if importlib.util.find_spec("onnxruntime") is None or importlib.util.find_spec("tokenizers") is None:
        logger.warning("onnxruntime or tokenizers is not installed, using word statistics")
        return None
    import onnxruntime
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(base / "tokenizer.json"))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # both libraries raise bare Exception subclasses of their own for a bad file
        logger.warning(
            "embedding model cannot be loaded, using word statistics", extra={"reason": str(error)}
        )
        return None
    tokenizer.enable_truncation(_MAX_TOKENS)
    tokenizer.enable_padding()
    wanted = {given.name for given in session.get_inputs()}

    def embed(texts: Sequence[str]) -> NDArray[np.float32]:
        rows: list[NDArray[np.float32]] = []
        for first in range(0, len(texts), _BATCH):
            encoded = tokenizer.encode_batch(list(texts[first : first + _BATCH]))
            ids = np.array([e.ids for e in encoded], np.int64)
            mask = np.array([e.attention_mask for e in encoded], np.int64)
            feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
            hidden: Any = session.run(None, {name: value for name, value in feed.items() if name in wanted})[
                0
            ]
            weight = mask[:, :, None].astype(np.float32)
            rows.append((hidden * weight).sum(axis=1) / np.maximum(weight.sum(axis=1), 1e-9))
        joined = np.concatenate(rows)
        return joined / np.maximum(np.linalg.norm(joined, axis=1, keepdims=True), 1e-9)

    return embed
