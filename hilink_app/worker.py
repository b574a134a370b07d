"""The worker role: works the queue of deliveries and stages, and ticks the clock, until SIGTERM."""

import asyncio
import logging
import signal
import sys
from contextlib import AsyncExitStack

from core import delivery, services
from core.clock import Clockwork, on_tick
from core.config import Settings
from core.errors import fault
from core.metrics import tally
from core.queries import numbers
from core.services import Services
from hilink_app.metrics import WORKER, reading, serving

logger = logging.getLogger(__name__)

SWITCH_S = 0.0005
"""A thread that drafts holds the others up for this long at most, each time they come back from the database.
At Python's own 5 ms two drafts made everything beside them several times slower."""

on_tick("deliveries", every_s=60.0)(delivery.reconcile)
on_tick("tidy", every_s=3_600.0)(delivery.tidy)


def main(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT. What is unfinished then is recovered at the next start of this slot.

    StoreError when the database is not migrated; HiLinkError when another worker has this slot.
    """
    from hilink_app import bootstrap

    sys.setswitchinterval(SWITCH_S)
    made = bootstrap.build(settings, "worker")
    made.store.verify()
    services.install(made)
    clockwork = Clockwork(made, dead=delivery.report_dead, take_over=delivery.take_over)
    try:
        delivery.launch(made)
        clockwork.start()
        with serving(settings, settings.metrics_worker_port, lambda: _numbers(made)):
            asyncio.run(_until_stopped(made))
    finally:
        clockwork.stop()
        delivery.shutdown()
        services.install(None)
        made.store.close()


def _numbers(made: Services) -> bytes:
    return reading("worker", WORKER, {**tally.values(), **numbers.of_work(made)}, made.plugins)


async def _until_stopped(made: Services) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    async with AsyncExitStack() as stack:
        for plugin, context in made.plugins.call("lifespan", role="worker"):
            try:
                await stack.enter_async_context(context)
            except Exception as error:  # border: a plugin that cannot start must not stop the others
                logger.error("Plugin could not start", extra={"plugin": plugin, "fault": fault(error)})
        logger.info("ready")
        await stopped.wait()
        await made.bus.close()
