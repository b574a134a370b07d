"""Where the ports are filled: the only place that names concrete classes. Tests hand in fakes instead."""

from core.clock import SystemClock
from core.config import Settings
from core.lifecycle import wiring
from core.lifecycle.media import NodeRegistry
from core.plugins import Plugins
from core.ports import Bus, MediaServer
from core.services import Services
from core.store.blobs import DiskBlobs
from core.store.bus import MemoryBus, RedisBus
from core.store.mail import mailer
from core.store.sql import SqlStore
from core.tickets import Tickets


def build(settings: Settings, role: str, plugins: Plugins | None = None) -> Services:
    """The services of one process that has the database. role: web | worker | cli.

    The caller installs them (`core.services.install`) and closes the store when it is done.
    """
    plugins = plugins or Plugins.load()
    plugins.check_built_ins()
    store = SqlStore(settings)
    plugins.read_switches_from(store)
    wiring.wire()
    bus: Bus = RedisBus(settings.redis_url) if settings.redis_url else MemoryBus()
    media: MediaServer | None = None
    if role == "web":
        from rtc.media_pool import MediaPool

        media = MediaPool.of(settings, NodeRegistry(store, settings))
    return Services(
        role=role,
        settings=settings,
        store=store,
        bus=bus,
        clock=SystemClock(),
        blobs=DiskBlobs(settings.data_dir / "blobs", settings.blob_quota),
        mailer=mailer(settings.smtp_url),
        tickets=Tickets(settings.derived_key("ticket"), settings.public_url),
        plugins=plugins,
        media=media,
    )


def migrate(settings: Settings) -> None:
    """Bring core's and every plugin's tables to this version; safe from several places at once."""
    from core.store.migrate import upgrade  # with Alembic, which no role needs

    plugins = Plugins.load()
    plugins.check_built_ins()
    upgrade(settings, plugins)
