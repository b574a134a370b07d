"""Settings of the analytics plugin (`HILINK_ANALYTICS_*`)."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class AnalyticsSettings(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix="HILINK_ANALYTICS_", env_file=".env", extra="ignore", frozen=True
    )

    at_risk: bool = Field(default=True, description="Raise signals about students whose attendance fell off.")
    at_risk_missed: int = Field(
        default=2, ge=1, description="Missed lessons among the last four that raise a signal."
    )
    answers_low: int = Field(
        default=50,
        ge=0,
        le=100,
        description="Right answers in 100 on a topic below which a signal is raised.",
    )
    answers_least: int = Field(
        default=8, ge=1, description="Answers on a topic needed before that signal may be raised."
    )
