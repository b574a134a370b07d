"""Files on disk: written aside and moved into place, so a reader never meets half of one."""

import asyncio
import logging
import os
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO

from core.domain.base import new_id
from core.errors import NotFound, StoreError, TooLarge

logger = logging.getLogger(__name__)

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*")
_CHUNK = 256 * 1024
_PART = ".part-"
_PART_LIVES_S = 24 * 3_600


class DiskBlobs:
    """`core.ports.BlobStore` in one folder. quota: bytes all files together may take."""

    def __init__(self, folder: Path, quota: int) -> None:
        self._folder, self._quota = folder.resolve(), quota
        self._used: int | None = None
        self._lock = asyncio.Lock()

    async def put(self, key: str, chunks: AsyncIterator[bytes], limit: int) -> int:
        """Store atomically, replacing what was there; returns bytes. TooLarge past `limit`, StoreError past
        the quota; either way nothing is left behind."""
        target = self._file(key)
        part = target.with_name(f"{_PART}{new_id()}")
        await asyncio.to_thread(target.parent.mkdir, parents=True, exist_ok=True)
        file = await asyncio.to_thread(part.open, "wb")
        size = 0
        try:
            try:
                async for chunk in chunks:
                    size += len(chunk)
                    if size > limit:
                        raise TooLarge(limit)
                    await asyncio.to_thread(file.write, chunk)
                await asyncio.to_thread(_sync, file)
            finally:
                await asyncio.to_thread(file.close)
            await self._move(part, target, size)
        finally:
            await asyncio.to_thread(part.unlink, missing_ok=True)
        return size

    async def get(self, key: str) -> AsyncIterator[bytes]:
        """The bytes in chunks; NotFound."""
        try:
            file = await asyncio.to_thread(self._file(key).open, "rb")
        except (FileNotFoundError, IsADirectoryError):
            raise NotFound from None
        try:
            while chunk := await asyncio.to_thread(file.read, _CHUNK):
                yield chunk
        finally:
            file.close()

    async def path(self, key: str) -> Path | None:
        """The file itself, for readers that serve ranges; NotFound."""
        file = self._file(key)
        if not await asyncio.to_thread(file.is_file):
            raise NotFound
        return file

    async def delete(self, key: str) -> None:
        """Idempotent."""
        file = self._file(key)
        async with self._lock:
            size = await asyncio.to_thread(_remove, file)
            if self._used is not None:
                self._used -= size

    async def used(self) -> int:
        """Bytes in use; counted once, then kept."""
        if self._used is None:
            self._used = await asyncio.to_thread(_count, self._folder)
        return self._used

    async def _move(self, part: Path, target: Path, size: int) -> None:
        async with self._lock:
            replaced = await asyncio.to_thread(_size, target)
            used = await self.used() - replaced
            if used + size > self._quota:
                logger.error("The file store is full", extra={"used": used, "quota": self._quota})
                raise StoreError("the file store is full")
            await asyncio.to_thread(os.replace, part, target)
            self._used = used + size

    def _file(self, key: str) -> Path:
        """ValueError for a key that could leave the folder: keys are ours, never a person's input."""
        if not _KEY.fullmatch(key):
            raise ValueError("not a blob key")
        return self._folder / key


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _remove(file: Path) -> int:
    size = _size(file)
    file.unlink(missing_ok=True)
    return size


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0


def _count(folder: Path) -> int:
    """Parts of uploads that died with their process are swept on the way; young ones may be under way."""
    total = 0
    oldest = time.time() - _PART_LIVES_S
    for file in folder.rglob("*"):
        if file.name.startswith(_PART):
            if file.stat().st_mtime < oldest:
                file.unlink(missing_ok=True)
        elif file.is_file():
            total += _size(file)
    return total
