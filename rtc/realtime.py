"""Real-time scheduling for the thread that forwards media, as sound servers have it, where the system allows it.

Who waits for a processor behind others hands packets on late, and everybody hears it. Root may (CAP_SYS_NICE), and
whoever has a limit for it (RLIMIT_RTPRIO; LimitRTPRIO= of systemd). Elsewhere nothing changes.

A node that has more to do than one processor can do would keep all others on its machine from working: the system
tells (RLIMIT_RTTIME), and it goes back to the end of the queue for a while.
"""

import asyncio
import logging
import os
import signal
import sys

logger = logging.getLogger(__name__)

PRIORITY = 1
"""The lowest there is: ahead of everything that is not real-time, behind what keeps a machine running."""
MOST_AT_A_STRETCH_S = 0.5
"""Work without a moment's rest, after which others have their turn."""
REST_S = 10.0


class RealTime:
    """Of the calling thread, which runs this event loop. on: whether it is ahead of the others now."""

    def __init__(self) -> None:
        self.on = False
        self._loop = asyncio.get_running_loop()
        self._later: asyncio.TimerHandle | None = None

    def ask(self) -> bool:
        """Ahead of the others from now on; False where that is not allowed or not known."""
        if sys.platform != "linux":
            return False
        try:
            self._enter()
        except (OSError, ValueError):
            logger.info("no real-time scheduling: media waits its turn like everybody")
            return False
        self._loop.add_signal_handler(signal.SIGXCPU, self._rest)
        return True

    def give_up(self) -> None:
        """Like everybody again. Idempotent."""
        if self._later is not None:
            self._later.cancel()
        if self.on:
            self._leave()

    def _enter(self) -> None:
        import resource  # not everywhere

        # Each time it tells, the system moves this limit up by a second.
        _, hard = resource.getrlimit(resource.RLIMIT_RTTIME)
        resource.setrlimit(resource.RLIMIT_RTTIME, (round(1e6 * MOST_AT_A_STRETCH_S), hard))
        self._schedule(os.SCHED_RR, PRIORITY)
        self.on = True

    def _leave(self) -> None:
        self._schedule(os.SCHED_OTHER, 0)
        self.on = False

    def _schedule(self, policy: int, priority: int) -> None:
        # What this process starts is nobody's sound.
        os.sched_setscheduler(0, policy | os.SCHED_RESET_ON_FORK, os.sched_param(priority))

    def _rest(self) -> None:
        if self.on:
            logger.warning("media kept a processor busy without a rest: others have their turn")
            self._leave()
            self._later = self._loop.call_later(REST_S, self._enter)
