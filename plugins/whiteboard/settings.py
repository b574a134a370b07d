"""The whiteboard's settings, `HILINK_WHITEBOARD_*`. Durations are seconds, sizes bytes."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class WhiteboardSettings(BaseSettings):
    """Limits exist so that one browser cannot spoil the lesson of the others."""

    model_config = SettingsConfigDict(
        env_prefix="HILINK_WHITEBOARD_", env_file=".env", extra="ignore", frozen=True
    )

    max_pages: int = Field(default=20, ge=1, le=100, description="Pages a board may have.")
    max_elements: int = Field(default=2_000, ge=1, description="Drawings on a page; more make browsers slow.")
    max_file_bytes: int = Field(default=1_500_000, description="Largest image on a board.")
    max_files_bytes: int = Field(default=12_000_000, description="All images of one page together.")
    max_frame_bytes: int = Field(default=4_000_000, description="Largest frame a browser may send.")
    max_doc_bytes: int = Field(default=32_000_000, description="Largest page document, history included.")
    max_awareness_bytes: int = Field(default=4_096, description="Largest presence state of a participant.")
    max_queue_bytes: int = Field(default=4_000_000, description="What may wait for a slow browser.")
    messages_per_s: int = Field(default=200, description="Frames from one browser; a burst may have twice.")
    bytes_per_s: int = Field(
        default=1_000_000, description="Bytes from one browser; a burst has eight times."
    )
    max_connections: int = Field(default=4, description="Sockets of one person on one page.")
    max_participants: int = Field(default=300, description="Sockets on one page.")
    tick_s: float = Field(default=0.03, description="Changes are collected this long and leave as one frame.")
    save_s: float = Field(default=0.5, description="Changes are stored this often.")
    recheck_s: float = Field(default=15, description="A seat that was taken away loses the board this soon.")
    linger_s: float = Field(default=30, description="An empty page stays in memory this long.")
    purge_s: float = Field(default=600, description="Undo can bring a deleted drawing back this long.")
    activity_s: float = Field(default=30, description="Board activity goes into engagement this often.")
    snapshot_rows: int = Field(
        default=400, description="A page's log is folded into a snapshot at this length."
    )
    retention_days: int = Field(
        default=365, description="Boards are erased this long after their last change."
    )
