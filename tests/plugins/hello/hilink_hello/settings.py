"""Settings of the plugin, from the environment."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class HelloSettings(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix="HILINK_HELLO_", env_file=".env", extra="ignore", frozen=True
    )

    pause_s: float = Field(0.0, ge=0, description="Seconds to think before it writes.")
