"""Every setting of HiLink's core, read once at start-up (`HILINK_*` in the environment or `.env`).

Plugins have settings classes of their own, built by the plugin loader from the same sources.
Nobody else reads the environment. The settings page in docs/ is generated from this file.
"""

import hashlib
import hmac
import os
import secrets
from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Core settings. Durations are seconds, sizes bytes."""

    model_config = SettingsConfigDict(env_prefix="HILINK_", env_file=".env", extra="ignore", frozen=True)

    data_dir: Path = Field(
        default=Path(".hilink"), description="Where the database, secret, blobs and built pages live."
    )
    database_url: str = Field(
        default="", description="SQLAlchemy address; empty means SQLite in the data folder."
    )
    redis_url: str = Field(
        default="", description="Redis for the bus and page state when there are several web processes."
    )
    public_url: str = Field(default="http://localhost:3000", description="The one address people use.")
    host: str = Field(default="127.0.0.1", description="Address the web role listens on.")
    port: int = Field(default=3000, description="TCP port of the web role.")
    organisation: str = Field(default="HiLink Academy", description="Name shown to people and in mails.")
    default_tz: str = Field(default="UTC", description="IANA zone for new people.")
    default_lang: str = Field(default="en", description="Language for new people: en or de.")
    secret: str = Field(
        default="", description="Master secret; empty means the generated one in the data folder."
    )

    media_host: str = Field(default="127.0.0.1", description="Address the media node's UDP socket binds to.")
    media_port: int = Field(default=7882, description="UDP port of the media node.")
    media_ips: str = Field(
        default="",
        description="Comma-separated public addresses written into candidates; empty = bind address.",
    )
    media_control_url: str = Field(
        default="ws://127.0.0.1:7881/control", description="Media node's internal control API."
    )
    media_region: str = Field(
        default="local",
        description="Region of this media node: an IANA time zone of its place, or a name in media_regions.",
    )
    media_regions: str = Field(
        default="",
        description="Where regions are, for placing rooms near people: eu=Europe/Berlin,us=America/New_York.",
    )
    media_node: str = Field(
        default="",
        description="Name of this media node, stable over restarts; empty = host and port of its control URL.",
    )
    media_realtime: bool = Field(
        default=True,
        description="A media node is scheduled ahead of everything else where the system allows it (SCHED_RR).",
    )
    media_max_rooms: int = Field(default=2_000, ge=1, description="Rooms one media node takes.")
    media_max_participants: int = Field(
        default=200, ge=2, description="People and agents in one room of a media node."
    )
    media_max_tracks: int = Field(default=4, ge=1, le=8, description="Tracks one person may publish at once.")
    media_max_uplink_bps: int = Field(
        default=4_000_000, ge=100_000, description="What a browser is asked not to send more than, bit/s."
    )
    media_max_uplink_hard_bps: int = Field(
        default=16_000_000,
        ge=100_000,
        description="Packets above this are dropped; who goes on for 3 s loses the connection, bit/s.",
    )
    media_max_messages_per_s: float = Field(
        default=20, gt=0, description="Media messages one person may send a second, five seconds' at once."
    )
    media_max_sdp_bytes: int = Field(default=524_288, ge=10_000, description="Largest offer a node reads.")
    turn_urls: str = Field(default="", description="Comma-separated turn: addresses handed out with tickets.")
    turn_secret: str = Field(
        default="", description="coturn static-auth-secret for time-limited credentials."
    )
    internal_url: str = Field(
        default="", description="How media and agents reach web; empty = http://127.0.0.1:PORT."
    )

    recording_min_free: int = Field(
        default=2_000_000_000,
        description="Bytes that stay free on a media node's disk; with less, nothing is recorded.",
    )
    recording_segment_s: float = Field(
        default=300.0, gt=1, description="A recorded track begins a new file after this long."
    )
    recording_families: bool = Field(
        default=False,
        description="Students and guardians may watch the recordings of their own lessons.",
    )

    smtp_url: str = Field(
        default="", description="smtp://user:password@host:port; empty keeps mail in the outbox, undelivered."
    )
    mail_from: str = Field(
        default="HiLink Academy <lessons@localhost>", description="From address of every mail."
    )

    reminders_s: tuple[int, ...] = Field(
        default=(86_400, 3_600, 600), description="Reminders, seconds before the start."
    )
    request_due_s: int = Field(
        default=86_400, ge=3_600, description="A request for lessons should be answered within this time."
    )
    auto_accept: Literal["off", "continuity"] = Field(
        default="off",
        description="A rule that places requests: continuity takes who taught the student and meets every wish.",
    )
    plan_s: int = Field(
        default=180, ge=5, description="A plan that is not made within this time is stopped, in seconds."
    )
    substitutes_at_a_time: int = Field(
        default=3, ge=1, le=10, description="Instructors who are asked to substitute at the same time."
    )
    substitute_offer_s: int = Field(
        default=7_200,
        ge=300,
        description="How long an offer to substitute is open; less when the lesson is near.",
    )
    substitute_margin_s: int = Field(
        default=14_400, description="A lesson without a substitute this long before its start becomes a case."
    )
    calendar_private_networks: bool = Field(
        default=False, description="Subscribed calendars may be in private networks (a school's own server)."
    )
    calendar_every_s: int = Field(
        default=1_800, ge=60, description="How often a subscribed calendar is read again."
    )
    stage_before_s: int = Field(
        default=86_400, description="Room, briefing and materials stand ready this long before the start."
    )
    ready_before_s: int = Field(
        default=1_800, description="Every lesson is checked this long before the start: can it be joined?"
    )
    refresh_before_s: int = Field(
        default=900, description="Briefing and materials are brought up to date this long before the start."
    )
    no_show_s: int = Field(
        default=300, description="Seconds after the start until a missing person is a case."
    )
    empty_grace_s: int = Field(default=300, description="An empty room ends its lesson after this long.")
    rejoin_grace_s: int = Field(default=90, description="A gap shorter than this is one presence interval.")
    open_before_s: int = Field(default=900, description="The room opens this long before the start.")
    open_after_s: int = Field(
        default=3_600, description="The room stays joinable this long after the planned end."
    )
    early_end_share: float = Field(
        default=0.5, description="A lesson shorter than this share of its plan opens a case."
    )
    change_notice_s: int = Field(
        default=86_400,
        ge=0,
        description="Families change a lesson by themselves up to this long before it; later they ask.",
    )
    change_most_per_month: int = Field(
        default=4, ge=0, description="Changes a student has a month before they are asked for; 0 = no limit."
    )
    change_kinds: tuple[Literal["move", "cancel"], ...] = Field(
        default=("move", "cancel"), description="What families do by themselves; the rest is asked for."
    )
    change_undo_s: int = Field(
        default=300, ge=0, description="A family takes back a change of time this long."
    )
    change_minors: bool = Field(
        default=False, description="Students under age change their lessons themselves."
    )
    make_up_days: int = Field(
        default=60,
        ge=0,
        description="A lesson cancelled in time may be had again within this many days; 0 = never.",
    )
    transcript_timeout_s: int = Field(
        default=120, description="How long the chain waits for the transcript to be complete."
    )
    summariser: str = Field(
        default="auto", description="Name of the summariser engine; auto takes the first that is offered."
    )
    summary_due_s: int = Field(default=3_600, description="A draft should be approved within this time.")
    case_due_s: int = Field(default=900, description="Default deadline of an exception case.")
    late_after_s: int = Field(default=300, description="Joining later than this counts as late.")

    login_ttl_s: int = Field(default=12 * 3_600, description="How long a sign-in lasts.")
    magic_link_ttl_s: int = Field(default=900, description="How long an emailed sign-in link lasts.")
    api_calls_per_min: int = Field(
        default=600, ge=1, description="Calls a program's token may make a minute, in one web process."
    )
    upload_limit: int = Field(default=25_000_000, description="Largest file a person may upload.")
    blob_quota: int = Field(default=20_000_000_000, description="Bytes all blobs together may take.")
    retention_transcript_days: int = Field(
        default=180, description="Transcripts are erased after this many days."
    )
    retention_chat_days: int = Field(default=180, description="Chat is erased after this many days.")
    retention_recording_days: int = Field(
        default=30, ge=1, description="Recordings are erased after this many days."
    )
    retention_event_days: int = Field(
        default=730, description="Domain events and worked-off deliveries are erased after this many days."
    )
    retention_message_days: int = Field(
        default=365, description="Which messages were sent, and past timers, are erased after this many days."
    )
    retention_audit_days: int = Field(
        default=1_825, description="The audit log is erased after this many days."
    )

    metrics_token: str = Field(
        default="", description="Bearer token a Prometheus server reads /metrics with; empty = nobody does."
    )
    metrics_host: str = Field(
        default="127.0.0.1", description="Address where worker and agents answer /metrics."
    )
    metrics_worker_port: int = Field(
        default=0, ge=0, le=65_535, description="TCP port of the worker's /metrics; 0 = none."
    )
    metrics_agents_port: int = Field(
        default=0, ge=0, le=65_535, description="TCP port of the agents' /metrics; 0 = none."
    )

    tick_s: float = Field(default=1.0, description="How often the clock looks for due timers and mail.")
    tail_s: float = Field(default=0.08, description="How often web looks for new events on SQLite.")
    delivery_backoff_s: tuple[float, ...] = Field(
        default=(5, 60, 600),
        description="Pauses between tries of a plugin's hook; after the last one it is a case.",
    )
    timer_backoff_s: tuple[float, ...] = Field(
        default=(5, 30, 120, 600),
        description="Pauses between tries of a timer; after the last one it is a case.",
    )
    queue_concurrency: int = Field(
        default=8, le=16, description="Deliveries worked at the same time by one worker."
    )
    draft_concurrency: int = Field(
        default=2, ge=1, le=8, description="Drafts worked at the same time by one worker."
    )
    worker_slot: int = Field(
        default=0, description="Number of this worker; stable over restarts, unique among live workers."
    )
    log_format: Literal["console", "json"] = Field(default="console", description="How log lines look.")
    demo: bool = Field(default=False, description="Show demo accounts on the sign-in page.")

    @property
    def db_url(self) -> str:
        """The effective SQLAlchemy address."""
        if self.database_url:
            return self.database_url.replace("postgresql://", "postgresql+psycopg://", 1)
        return f"sqlite:///{(self.data_dir / 'hilink.db').resolve()}"

    @property
    def internal_base(self) -> str:
        """How sibling processes reach the web role."""
        return self.internal_url or f"http://127.0.0.1:{self.port}"

    @property
    def https(self) -> bool:
        return self.public_url.startswith("https://")

    def master_secret(self) -> bytes:
        """The secret all keys are derived from; made on first use, readable by the owner alone."""
        if self.secret:
            return self.secret.encode()
        path = self.data_dir / "secret"
        try:
            return path.read_bytes()
        except FileNotFoundError:
            self.data_dir.mkdir(parents=True, exist_ok=True)
            try:
                fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            except FileExistsError:
                return path.read_bytes()
            with os.fdopen(fd, "wb") as file:
                file.write(secrets.token_urlsafe(48).encode())
            return path.read_bytes()

    def derived_key(self, purpose: str) -> bytes:
        """32 bytes for one purpose ("ticket", "internal", "media", ...), HMAC-SHA256 of the master secret."""
        return hmac.new(self.master_secret(), purpose.encode(), hashlib.sha256).digest()
