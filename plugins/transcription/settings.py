"""Settings of the transcription plugin (`HILINK_TRANSCRIPTION_*`)."""

from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class TranscriptionSettings(BaseSettings):
    """Engines and summariser. Nothing is downloaded unless a model is named here."""

    model_config = SettingsConfigDict(
        env_prefix="HILINK_TRANSCRIPTION_", env_file=".env", extra="ignore", frozen=True
    )

    engine: Literal["auto", "faster-whisper", "pocketsphinx", "off"] = Field(
        default="auto", description="auto: faster-whisper when a model is named, else pocketsphinx."
    )
    model: str = Field(
        default="",
        description="faster-whisper model: a folder, or a name such as base.en (cache, else downloaded).",
    )
    language: str = Field(
        default="en", description="Spoken language (ISO 639-1), or auto (faster-whisper only)."
    )
    workers: int = Field(
        default=2, ge=1, le=32, description="Utterances recognised at the same time in one process."
    )
    vad: Literal["auto", "silero", "energy"] = Field(
        default="auto", description="Speech detector. auto: silero when its model is installed, else energy."
    )
    max_speech_s: float = Field(
        default=15.0, ge=3, le=28, description="Longer speech is cut into such pieces."
    )
    poll_s: float = Field(
        default=2.0, gt=0, description="How often the agents role asks which rooms are live."
    )

    summariser: Literal["auto", "extractive", "openai", "transformers"] = Field(
        default="auto",
        description="Who drafts summaries. auto: openai when summariser_url is set, else extractive.",
    )
    summariser_url: str = Field(default="", description="OpenAI-compatible API, up to and with /v1.")
    summariser_model: str = Field(
        default="", description="Model of that API; or a transformers folder or name."
    )
    summariser_key: SecretStr = Field(default=SecretStr(""), description="Bearer key for that API.")
    summariser_timeout_s: float = Field(
        default=60.0, gt=0, description="Then the extractive summariser takes over."
    )
    embedding_model: str = Field(
        default="",
        description="Folder with model.onnx and tokenizer.json (MiniLM) for coverage; empty: TF-IDF.",
    )
