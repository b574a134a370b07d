"""The whiteboard's settings, `HILINK_WHITEBOARD_*`. Durations are seconds, sizes bytes."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class WhiteboardSettings(BaseSettings):
    """Limits exist so that one browser cannot spoil the lesson of the others."""

    model_config = SettingsConfigDict(
        env_prefix="HILINK_WHITEBOARD_", env_file=".env", extra="ignore", frozen=True
    )

    max_pages: int = Field(20, ge=1, le=100, description="Pages a board may have.")
    max_elements: int = Field(2_000, ge=1, description="Drawings on one page; more make every browser slow.")
    max_file_bytes: int = Field(1_500_000, description="Largest image on a board.")
    max_files_bytes: int = Field(12_000_000, description="All images of one page together.")
    max_frame_bytes: int = Field(4_000_000, description="Largest WebSocket frame a browser may send.")
    max_doc_bytes: int = Field(32_000_000, description="Largest page document, history included.")
    max_awareness_bytes: int = Field(4_096, description="Largest presence state of one participant.")
    max_queue_bytes: int = Field(
        4_000_000, description="What may wait for a slow browser until it is let go."
    )
    messages_per_s: int = Field(200, description="Frames a second from one browser; a burst may have twice.")
    bytes_per_s: int = Field(
        1_000_000, description="Bytes a second from one browser; a burst may have eight times."
    )
    max_connections: int = Field(4, description="Sockets of one person on one page.")
    max_participants: int = Field(300, description="Sockets on one page.")
    tick_s: float = Field(0.03, description="Changes are collected this long and leave as one frame.")
    save_s: float = Field(
        0.5, description="Changes are stored this often; after a crash browsers bring the rest."
    )
    recheck_s: float = Field(15, description="A seat that was taken away loses the board within this time.")
    linger_s: float = Field(30, description="An empty page stays in memory this long.")
    purge_s: float = Field(600, description="A deleted drawing can be brought back by undo this long.")
    activity_s: float = Field(30, description="Board activity is counted into engagement this often.")
    snapshot_rows: int = Field(
        400, description="A page's log is folded into a snapshot after this many rows."
    )
    retention_days: int = Field(365, description="Boards are erased this long after their last change.")
