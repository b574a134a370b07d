"""Settings of the notifications plugin (`HILINK_NOTIFICATIONS_*`)."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class NotificationsSettings(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix="HILINK_NOTIFICATIONS_", env_file=".env", extra="ignore", frozen=True
    )

    invitations: bool = Field(
        True, description="Send calendar invitations when a lesson is scheduled, moved or cancelled."
    )
    absence_mails: bool = Field(default=True, description="Write to the family when a student has not come.")
    reply_to: str = Field(default="", description="Reply-To of every mail; empty = the From address.")
