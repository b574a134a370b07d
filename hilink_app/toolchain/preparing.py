"""While `hilink run` brings the database up to date, its roles load already and wait here before they open it."""

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

LOCK = "preparing.lock"


@contextmanager
def preparing(data_dir: Path) -> Generator[None]:
    """Roles wait for as long as this block runs. Whoever holds it may be killed: the lock goes with the process."""
    data_dir.mkdir(parents=True, exist_ok=True)
    lock = os.open(data_dir / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def wait_until_prepared(data_dir: Path) -> None:
    """Returns at once when nobody prepares this data folder, as for a role that runs alone."""
    try:
        lock = os.open(data_dir / LOCK, os.O_RDONLY)
    except FileNotFoundError:
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_SH)
    finally:
        os.close(lock)
