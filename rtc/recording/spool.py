"""The folder of one set: files under way, files finished, and `manifest.json`, which says what they are.

A set is one room recorded by one node without a break. The manifest's schema (version 1) is in
rtc/PROTOCOL.md, 4. It is replaced atomically whenever a file begins or ends, so that whatever happens to
the processes, `adopt` finds what there is, completes it and hands it in.
"""

import contextlib
import fcntl
import hashlib
import json
import logging
import os
import shutil
import threading
import time
from pathlib import Path
from typing import Any

from rtc.errors import Malformed
from rtc.recording import matroska

logger = logging.getLogger(__name__)

VERSION = 1
MANIFEST = "manifest.json"
_LOCK = "lock"
_PART = ".part"
_CHUNK = 1 << 20

Json = dict[str, Any]


class SetFolder:
    """Shared by the recording thread and the uploading one; every change is under `lock`."""

    def __init__(self, folder: Path, manifest: Json, lock_file: int) -> None:
        self.folder = folder
        self.manifest = manifest
        self.lock = threading.RLock()
        self._lock_file = lock_file

    @classmethod
    def create(cls, root: Path, set_id: str, recording_id: str, room_id: str, started_ms: int) -> "SetFolder":
        """OSError when the disk does not take it."""
        folder = root / set_id
        folder.mkdir(parents=True, mode=0o700)
        manifest: Json = {
            "version": VERSION,
            "set_id": set_id,
            "recording_id": recording_id,
            "room_id": room_id,
            "started_at_ms": started_ms,
            "ended_at_ms": None,
            "complete": False,
            "failed": None,
            "tracks": [],
        }
        made = cls(folder, manifest, _locked(folder))
        made.save()
        return made

    @classmethod
    def adopt(cls, folder: Path) -> "SetFolder | None":
        """A set whose process died: its open files are completed. None when somebody still writes it."""
        try:
            lock_file = _locked(folder)
        except BlockingIOError:
            return None
        try:
            manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
            if manifest["version"] != VERSION:
                raise ValueError("another version")
        except (OSError, ValueError, KeyError, TypeError):
            logger.warning("A recording without a manifest was dropped", extra={"set_id": folder.name})
            os.close(lock_file)
            shutil.rmtree(folder, ignore_errors=True)
            return None
        adopted = cls(folder, manifest, lock_file)
        for track in manifest["tracks"]:
            for segment in list(track["segments"]):
                if segment["sha256"] is None:
                    adopted.repair(track, segment)
        if not manifest["complete"]:
            manifest["complete"], manifest["ended_at_ms"] = True, _end_ms(manifest)
        adopted.save()
        return adopted

    @property
    def id(self) -> str:
        return str(self.manifest["set_id"])

    def add_track(self, participant_id: str, source: str, codec: str) -> Json:
        """The track's entry; the same again for the same person, source and codec."""
        with self.lock:
            for track in self.manifest["tracks"]:
                if (track["participant_id"], track["source"], track["codec"]) == (
                    participant_id,
                    source,
                    codec,
                ):
                    return track
            track: Json = {
                "track": len(self.manifest["tracks"]) + 1,
                "participant_id": participant_id,
                "source": source,
                "codec": codec,
                "segments": [],
            }
            self.manifest["tracks"].append(track)
            return track

    def begin(self, track: Json, offset_ms: int, width: int, height: int) -> Json:
        """A segment's entry; its file is `part(segment)` until `finish`."""
        with self.lock:
            number = track.get("made", 0) + 1
            track["made"] = number
            segment: Json = {
                "file": f"t{track['track']:03d}-{number:04d}{matroska.SUFFIXES[track['codec']]}",
                "offset_ms": offset_ms,
                "duration_ms": 0,
                "gaps": [],
                "bytes": 0,
                "sha256": None,
                "width": width,
                "height": height,
                "uploaded": False,
            }
            track["segments"].append(segment)
            self.save()
            return segment

    def part(self, segment: Json) -> Path:
        """Where an open segment is written."""
        return self.folder / f"{segment['file']}{_PART}"

    def finish(self, track: Json, segment: Json) -> bool:
        """A closed file gets its name, size and hash. False when there is nothing in it."""
        part = self.part(segment)
        with self.lock:
            if segment["duration_ms"] <= 0:
                track["segments"].remove(segment)
                part.unlink(missing_ok=True)
                self.save()
                return False
        digest, size = hashlib.sha256(), 0
        with part.open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
                size += len(chunk)
        with self.lock:
            part.rename(self.folder / segment["file"])
            segment["bytes"], segment["sha256"] = size, digest.hexdigest()
            self.save()
        return True

    def repair(self, track: Json, segment: Json) -> None:
        """Complete a file nobody closed; one that is beyond help is left out."""
        part = self.part(segment)
        final = self.folder / segment["file"]
        try:
            if final.exists():
                final.rename(part)
            segment["duration_ms"] = matroska.repair(part)
            self.finish(track, segment)
        except (OSError, Malformed) as error:
            logger.warning("A recorded file is lost", extra={"error": type(error).__name__})
            with self.lock:
                if segment in track["segments"]:
                    track["segments"].remove(segment)
                with contextlib.suppress(OSError):
                    part.unlink(missing_ok=True)

    def end(self, ended_ms: int, failed: str | None) -> None:
        """Nothing more comes."""
        with self.lock:
            self.manifest.update(ended_at_ms=ended_ms, failed=failed, complete=True)
            self.save()

    def pending(self) -> list[tuple[Json, Json]]:
        """(track, segment)s that are finished and not handed in."""
        with self.lock:
            return [
                (track, segment)
                for track in self.manifest["tracks"]
                for segment in track["segments"]
                if segment["sha256"] is not None and not segment["uploaded"]
            ]

    def handed_in(self, segment: Json) -> None:
        """The web side has it: the copy here goes."""
        with self.lock:
            segment["uploaded"] = True
            self.save()
        (self.folder / segment["file"]).unlink(missing_ok=True)

    def remove(self) -> None:
        """Everything is handed in."""
        os.close(self._lock_file)
        shutil.rmtree(self.folder, ignore_errors=True)

    def release(self) -> None:
        """Leave the folder to whoever adopts it."""
        with contextlib.suppress(OSError):
            os.close(self._lock_file)

    def save(self) -> None:
        """Atomically. OSError when the disk is full: the older manifest stays."""
        with self.lock:
            text = json.dumps(self.manifest, separators=(",", ":"))
            aside = self.folder / f".{MANIFEST}"
            aside.write_text(text, "utf-8")
            aside.replace(self.folder / MANIFEST)


def leftovers(root: Path) -> list[Path]:
    """Folders of sets, oldest first."""
    if not root.is_dir():
        return []
    return sorted(one for one in root.iterdir() if one.is_dir() and not one.name.startswith("."))


def _locked(folder: Path) -> int:
    """BlockingIOError when another process holds it."""
    file = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(file)
        raise
    return file


def _end_ms(manifest: Json) -> int:
    ends = [
        int(segment["offset_ms"] + segment["duration_ms"])
        for track in manifest["tracks"]
        for segment in track["segments"]
    ]
    return int(manifest["started_at_ms"]) + max(ends, default=0) if ends else int(time.time() * 1000)
