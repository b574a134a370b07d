"""Roles wait for whoever brings the database up to date, and never for one that is gone."""

import multiprocessing
import threading
from pathlib import Path

import pytest

from hilink_app.toolchain.preparing import preparing, wait_until_prepared

pytestmark = pytest.mark.contract


def test_a_role_waits_until_the_database_is_prepared(tmp_path: Path) -> None:
    passed = threading.Event()

    def role() -> None:
        wait_until_prepared(tmp_path)
        passed.set()

    with preparing(tmp_path):
        thread = threading.Thread(target=role)
        thread.start()
        assert not passed.wait(0.3)
    assert passed.wait(10)
    thread.join()


def test_a_role_alone_does_not_wait(tmp_path: Path) -> None:
    wait_until_prepared(tmp_path / "never prepared")
    with preparing(tmp_path):
        pass
    wait_until_prepared(tmp_path)


def hold(folder: Path, held: "multiprocessing.connection.Connection") -> None:  # pyright: ignore[reportAttributeAccessIssue]
    with preparing(folder):
        held.send(True)
        threading.Event().wait()


def test_nobody_waits_for_a_process_that_was_killed_while_it_prepared(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=hold, args=(tmp_path, theirs))
    process.start()
    assert ours.poll(30)
    process.kill()
    process.join(10)
    wait_until_prepared(tmp_path)
