"""SVT-AV1 makes its process real-time (SCHED_FIFO 99) when it runs as root, and everything the process starts
later is real-time too: two browsers then hold a small machine still. So tests that encode AV1 give it back."""

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def ordinary() -> Generator[None]:
    """Every thread of this process is an ordinary one again afterwards. Linux only; elsewhere nothing happens."""
    try:
        yield
    finally:
        tasks = Path("/proc/self/task")
        for task in tasks.iterdir() if tasks.exists() else ():
            try:
                os.sched_setscheduler(int(task.name), os.SCHED_OTHER, os.sched_param(0))
            except ProcessLookupError:
                continue
