"""The classroom's settings, `HILINK_CLASSROOM_*`. Durations are seconds, sizes bytes."""

from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class ClassroomSettings(BaseSettings):
    """Limits exist so that one browser cannot spoil the lesson of the others."""

    model_config = SettingsConfigDict(
        env_prefix="HILINK_CLASSROOM_", env_file=".env", extra="ignore", frozen=True
    )

    max_participants: int = Field(default=100, ge=2, description="People and agents in one room.")
    max_frame_bytes: int = Field(default=64_000, description="Largest frame a browser may send.")
    max_media_frame_bytes: int = Field(default=512_000, description="Largest media frame; offers are long.")
    messages_per_s: float = Field(default=20, gt=0, description="Messages a second from one browser.")
    message_burst: int = Field(default=60, ge=1, description="Messages that may come at once.")
    max_refused: int = Field(
        default=60, ge=1, description="Messages over the rate before the close with 4429."
    )
    max_queue_frames: int = Field(
        default=600, description="Frames that may wait for a slow browser; more: it is let go."
    )
    max_queue_bytes: int = Field(default=4_000_000, description="Bytes that may wait for a slow browser.")
    hello_s: float = Field(default=10, description="A socket that says nothing for this long is closed.")
    silent_s: float = Field(
        default=150, description="A browser without a frame for this long counts as lost."
    )
    tick_s: float = Field(default=1.0, description="How often lost seats are looked at.")
    recheck_s: float = Field(
        default=10, description="A seat that was taken away loses the room within this time."
    )
    engagement_s: float = Field(
        default=15, description="Hands, chats, reactions and talking are stored this often."
    )
    linger_s: float = Field(default=60, description="An empty room stays in memory this long.")
    lobby: Literal["auto", "off", "until_instructor", "always"] = Field(
        default="auto",
        description="Who waits at a new room's door: nobody (off), everybody until the instructor is there "
        "(until_instructor), everybody until they are let in (always); auto: until_instructor for groups.",
    )
    remove_block_s: float = Field(
        default=120, description="A removed person may ask to come back after this long."
    )
    max_watchers: int = Field(
        default=10, ge=0, description="Programs that may watch one lesson by WHEP at the same time."
    )
    program_token_s: float = Field(
        default=6 * 3_600, gt=0, description="How long the key for another program (WHIP, WHEP) is good."
    )
    max_polls: int = Field(default=50, ge=1, description="Polls and checks in one lesson.")
    chat_shown: int = Field(default=200, ge=1, description="Chat messages somebody who comes in gets to see.")
    check_s: float = Field(
        default=45, gt=0, description="The connection check has this long at the media node."
    )
    max_checks: int = Field(default=20, ge=1, description="Connection checks at the same time.")
    checks_per_person: int = Field(default=6, ge=1, description="Checks of one person in checks_window_s.")
    checks_per_address: int = Field(
        default=60,
        ge=1,
        description="Checks from one network address in checks_window_s; a school shares one.",
    )
    checks_window_s: float = Field(default=600, gt=0, description="Checks are counted over this time.")
    weak_loss: float = Field(
        default=0.08, description="Losing more than this share of packets is a weak line."
    )
    retention_quality_days: int = Field(
        default=180, ge=1, description="How lines were in lessons is erased after this many days."
    )
    weak_bps: int = Field(default=250_000, description="A bandwidth estimate below this is a weak line.")
