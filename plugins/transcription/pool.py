"""Recognisers at work: a few slots, each a thread or process of its own, lent to one piece at a time.

Partials are a luxury and finals are not: a piece that finds no free slot when it starts gets no partials,
and waits for a slot at its end. So a busy machine shows captions later, but loses nothing.
"""

import asyncio
import logging
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

from plugins.transcription.engine import Decoded, Engine, Recogniser
from plugins.transcription.vad import Samples

logger = logging.getLogger(__name__)


class EngineFailed(Exception):
    """A recogniser raised or its process died; the next call gets a fresh one."""


_mine: Recogniser | None = None
"""The recogniser of an isolated slot: lives in the slot's process."""


def _begin(build: Callable[[], Recogniser], parent: int) -> None:
    """First thing in a slot's process. Ctrl-C is the parent's business; a dead parent ends us."""
    global _mine
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    _mine = build()


def _call(method: str, *args: Any) -> Any:
    assert _mine is not None
    return getattr(_mine, method)(*args)


class Slot:
    """One recogniser and the only thread or process that may touch it."""

    def __init__(self, engine: Engine) -> None:
        assert engine.build is not None
        self._engine, self._build = engine, engine.build
        self._executor: Executor | None = None
        self._recogniser: Recogniser | None = None
        self.language = ""
        """Of the lesson that has the slot now."""

    async def start(self) -> None:
        await self._run("start")

    async def feed(self, audio: Samples) -> str:
        return await self._run("feed", audio)

    async def finish(self, audio: Samples) -> Decoded:
        """Tries once more with a fresh recogniser when the first one failed."""
        try:
            return await self._run("finish", audio)
        except EngineFailed:
            return await self._run("finish", audio)

    def close(self) -> None:
        executor, self._executor, self._recogniser = self._executor, None, None
        if executor is not None:
            executor.shutdown(wait=False, cancel_futures=True)

    async def _run(self, method: str, *args: Any) -> Any:
        loop = asyncio.get_running_loop()
        if self._executor is None:
            self._executor = self._open()
        try:
            if self._engine.isolated:
                return await loop.run_in_executor(self._executor, _call, method, *args)
            return await loop.run_in_executor(self._executor, self._here, method, *args)
        except BrokenExecutor as error:
            logger.warning("speech engine process died", extra={"engine": self._engine.name})
            self.close()
            raise EngineFailed from error
        except Exception as error:  # an engine is third-party code: it may raise anything
            logger.warning("speech engine failed", extra={"engine": self._engine.name}, exc_info=True)
            self.close()
            raise EngineFailed from error

    def _open(self) -> Executor:
        if not self._engine.isolated:
            return ThreadPoolExecutor(1, thread_name_prefix="speech")
        # spawn: a fork of a process with threads and sockets would inherit both.
        context = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(1, context, _begin, (self._build, os.getpid()))

    def _here(self, method: str, *args: Any) -> Any:
        if self._recogniser is None:
            self._recogniser = self._build()
        if (speak := getattr(self._recogniser, "speak", None)) is not None:
            speak(self.language)
        return getattr(self._recogniser, method)(*args)


class Pool:
    """All slots of one process. size: how many pieces are worked on at the same time."""

    def __init__(self, engine: Engine, size: int) -> None:
        self.engine = engine
        self._free: list[Slot] = [Slot(engine) for _ in range(size)] if engine.build else []
        self._all = tuple(self._free)
        self._waiting: list[asyncio.Future[Slot]] = []

    def try_take(self) -> Slot | None:
        """A free slot now, or None. The most recently used first, so that unneeded ones never start."""
        return self._free.pop() if self._free else None

    async def take(self) -> Slot:
        """A free slot, waiting in line for it."""
        if self._free:
            return self._free.pop()
        turn: asyncio.Future[Slot] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give_back(turn.result())
            raise

    def give_back(self, slot: Slot) -> None:
        while self._waiting:
            turn = self._waiting.pop(0)
            if not turn.done():
                turn.set_result(slot)
                return
        self._free.append(slot)

    async def warm_up(self) -> None:
        """Load one recogniser before the first word is spoken."""
        slot = self.try_take()
        if slot is None:
            return
        try:
            await slot.start()
        except EngineFailed:
            logger.warning("speech engine could not be started", extra={"engine": self.engine.name})
        finally:
            self.give_back(slot)

    def close(self) -> None:
        for slot in self._all:
            slot.close()
