"""Hands finished files to the web side: in parts that can be taken up again, signed, hashed, then acknowledged.

A file leaves the spool when the web side says that it has all of it and that the hash is right. What the web
side refuses for good (the person withdrew, the lesson is unknown) is dropped here too.
"""

import json
import logging
import threading
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import httpx

from core.internal import signed_headers
from rtc.recording.spool import Json, SetFolder

logger = logging.getLogger(__name__)

PATH = "/internal/v1/recordings"
PART_BYTES = 2 << 20
FIRST_RETRY_S, MAX_RETRY_S = 0.5, 30.0
REFUSED = (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.GONE)
TIMEOUT_S = 30.0


class Uploader:
    """A thread. `add` sets at any time; they are worked on in turn until everything is handed in."""

    def __init__(self, base_url: str, key: bytes, done: Callable[[str], None] = lambda set_id: None) -> None:
        self._base, self._key, self._done = base_url.rstrip("/"), key, done
        self._sets: list[SetFolder] = []
        self._wake = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="recording-upload", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def add(self, folder: SetFolder) -> None:
        self._sets.append(folder)
        self._wake.set()

    def wake(self) -> None:
        """Something is finished."""
        self._wake.set()

    def stop(self, timeout_s: float) -> None:
        """What is not handed in by then stays in the spool."""
        self._stopping = True
        self._wake.set()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        retry_s = 0.0
        with httpx.Client(timeout=TIMEOUT_S, trust_env=False) as client:
            while not self._stopping:
                self._wake.wait(retry_s or None)
                self._wake.clear()
                failed = [one for one in list(self._sets) if not self._hand_in(client, one)]
                retry_s = min(MAX_RETRY_S, max(FIRST_RETRY_S, 2 * retry_s)) if failed else 0.0

    def _hand_in(self, client: httpx.Client, folder: SetFolder) -> bool:
        """What is finished of one set; False when it must be tried again, which holds up no other set."""
        try:
            for track, segment in folder.pending():
                if self._stopping:
                    return True
                self._send(client, folder, track, segment)
            with folder.lock:
                over = folder.manifest["complete"] and not folder.pending()
            if over:
                self._post(client, "/manifest", json.dumps(folder.manifest).encode(), "application/json")
                folder.remove()
                self._sets.remove(folder)
                self._done(folder.id)
        except (httpx.HTTPError, OSError, ValueError, KeyError) as error:
            logger.info("recording not handed in yet", extra={"error": type(error).__name__})
            return False
        return True

    def _send(self, client: httpx.Client, folder: SetFolder, track: Json, segment: Json) -> None:
        head = describe(folder, track, segment)
        path = folder.folder / segment["file"]
        if not path.exists():
            folder.handed_in(segment)
            return
        received = 0
        with path.open("rb") as file:
            while True:
                file.seek(received)
                part = file.read(PART_BYTES)
                body = json.dumps({**head, "at": received}).encode() + b"\n" + part
                reply = self._post(client, "/part", body, "application/octet-stream")
                if reply is None or reply["done"]:
                    break
                if not received <= reply["received"] <= segment["bytes"] or (
                    part and reply["received"] == received
                ):
                    raise ValueError("the web side counts strangely")
                received = int(reply["received"])
        folder.handed_in(segment)

    def _post(self, client: httpx.Client, path: str, body: bytes, kind: str) -> dict[str, Any] | None:
        """The answer, or None when it was refused for good."""
        headers = signed_headers(self._key, body, kind)
        response = client.post(self._base + PATH + path, content=body, headers=headers)
        if response.status_code in REFUSED:
            logger.info("recording refused", extra={"status": response.status_code})
            return None
        response.raise_for_status()
        return response.json()


def describe(folder: SetFolder, track: Json, segment: Json) -> Json:
    """What the web side must know of a file."""
    with folder.lock:
        manifest = folder.manifest
        return {
            "set_id": manifest["set_id"],
            "recording_id": manifest["recording_id"],
            "session_id": manifest["room_id"],
            "participant_id": track["participant_id"],
            "source": track["source"],
            "codec": track["codec"],
            "file": segment["file"],
            "started_at_ms": manifest["started_at_ms"] + segment["offset_ms"],
            "duration_ms": segment["duration_ms"],
            "gaps": segment["gaps"],
            "width": segment["width"],
            "height": segment["height"],
            "bytes": segment["bytes"],
            "sha256": segment["sha256"],
        }
