"""What was recorded of a lesson: one row a recording, one a file. The bytes are in the BlobStore."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger
from sqlmodel import Field, UniqueConstraint

from core.domain.base import Table, UTCDateTime, new_id


class Recording(Table, table=True):
    """From start to stop. status: on | ending (files are on their way) | finished | failed.

    started_by: None when the lesson's room begins by itself. sets: those the nodes have not handed in wholly.
    Kept until keep_until (`retention_recording_days`).
    """

    __tablename__ = "recording"
    id: str = Field(default_factory=new_id, primary_key=True)
    session_id: str = Field(foreign_key="class_session.id", index=True)
    status: str = Field(default="on", index=True)
    started_by: str | None = Field(default=None, foreign_key="person.id")
    started_at: datetime = Field(sa_type=UTCDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    keep_until: datetime = Field(sa_type=UTCDateTime, index=True)
    failure: str = ""
    sets: list[str] = Field(default_factory=list, sa_type=JSON)


class RecordingFile(Table, table=True):
    """Personal data: one person's source for a while. status: uploading | ready | erased (its bytes go soon).

    started_ms: ms since 1970 on the node's clock. gaps: [{from_ms, to_ms, reason}] from the file's beginning.
    parts: offsets of the uploaded parts while it is uploading.
    """

    __tablename__ = "recording_file"
    __table_args__ = (UniqueConstraint("set_id", "name"),)
    id: str = Field(default_factory=new_id, primary_key=True)
    recording_id: str = Field(foreign_key="recording.id", index=True)
    session_id: str = Field(foreign_key="class_session.id", index=True)
    person_id: str = Field(foreign_key="person.id", index=True)
    set_id: str
    name: str
    source: str
    codec: str
    status: str = Field(default="uploading", index=True)
    blob_key: str
    size: int = Field(default=0, sa_type=BigInteger)
    received: int = Field(default=0, sa_type=BigInteger)
    parts: list[int] = Field(default_factory=list, sa_type=JSON)
    sha256: str = ""
    started_ms: int = Field(sa_type=BigInteger)
    duration_ms: int = 0
    width: int = 0
    height: int = 0
    gaps: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSON)
    keep_until: datetime = Field(sa_type=UTCDateTime, index=True)
