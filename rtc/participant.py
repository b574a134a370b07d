"""One connection's person in a room: what it may do, publishes, subscribes; answers its messages."""

import asyncio
import logging
import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from core.errors import MediaError
from core.ports import MediaRights
from rtc import sdp
from rtc.encoding import Encoding
from rtc.errors import Malformed, Refused
from rtc.following import Following
from rtc.limits import Budget
from rtc.messages import read_number, read_objects, read_side
from rtc.publication import Publication, is_source
from rtc.publisher import Endpoint, Publisher, Wanted, check_offer
from rtc.subscriber import Subscriber

if TYPE_CHECKING:
    from rtc.room import Room

logger = logging.getLogger(__name__)

PROTOCOL_VERSION = 1
MAX_VISIBLE = 256
CONNECT_WITHIN_S = 30.0
SPEAKS_WITHIN_S = 0.04
"""A subscriber that moved with its publisher mostly says something by then: browsers report 10 to 20 times a second."""
TOGETHER_S = 1.0
"""Connections that move within this time moved together."""

Message = dict[str, Any]


class Participant:
    """Lives from `join` to `leave`; its connections come and go."""

    def __init__(self, room: "Room", participant_id: str, rights: MediaRights, endpoint: Endpoint) -> None:
        self.room = room
        self.id = participant_id
        self.rights = rights
        self.publisher: Publisher | None = None
        self.subscriber: Subscriber | None = None
        self.publications: dict[str, Publication] = {}
        self.turn = 0
        """In which of the room's ALLOCATE_TURNS its layers are chosen."""
        self.visible: dict[tuple[str, str], tuple[float, float]] | None = None
        self.joined_at = time.monotonic()
        self.revision = 0
        self.known_tracks: list[dict[str, object]] = []
        self._endpoint = endpoint
        self._budget = Budget(endpoint.limits.messages_per_s)

    @property
    def transports(self) -> int:
        """How many connections it has."""
        return (self.publisher is not None) + (self.subscriber is not None)

    def receive(self, message: Mapping[str, Any]) -> list[Message]:
        """Answer one message of rtc/PROTOCOL.md. What is wrong with it becomes an `error` message."""
        kind = message.get("type")
        try:
            if not self._budget.take():
                raise Refused("too_many", "messages")
            match kind:
                case "hello":
                    return [self._hello(message)]
                case "offer":
                    return [self._offer(message)]
                case "mute":
                    self._mute(message)
                case "visible":
                    self._set_visible(message)
                case "bye":
                    self.close("bye")
                case _:
                    raise Malformed("unknown type")
        except MediaError as error:
            reply: Message = {"type": "error", "kind": error.kind, "detail": str(error), "re": str(kind)[:32]}
            if isinstance(message.get("seq"), int):
                reply["seq"] = message["seq"]
            return [reply]
        return []

    def set_rights(self, rights: MediaRights) -> None:
        """At once: what is not allowed any more is unpublished or no longer forwarded."""
        if rights == self.rights:
            return
        self.rights = rights
        self.keep_only(set(rights.publish))
        self.room.enforce()

    def publish(
        self, source: str, codec: sdp.Codec, encodings: dict[str | None, Encoding], muted: bool, now: float
    ) -> Publication:
        """A source now comes by these encodings."""
        publication = self.publications.get(source)
        if publication is None:
            publication = self.publications[source] = Publication(self, source, codec, muted)
            publication.encodings = encodings
            publication.expect_all(now)
            self.room.emit(
                "published", self.id, {"source": source, "kind": publication.kind, "codec": codec.name}
            )
        else:
            if publication.codec.name != codec.name:
                # Other payload types: subscribers must negotiate it like a new track.
                self.room.unbind(publication)
            publication.replace_encodings(codec, encodings, now)
            self.set_muted(source, muted)
        self.room.tracks_changed()
        return publication

    def keep_only(self, sources: set[str]) -> None:
        """Unpublish every other source."""
        gone = [source for source in self.publications if source not in sources]
        for source in gone:
            publication = self.publications.pop(source)
            self.room.unbind(publication)
            self.room.emit("unpublished", self.id, {"source": source, "kind": publication.kind})
        if gone:
            self.room.tracks_changed()

    def set_muted(self, source: str, muted: bool) -> None:
        """Stop or go on forwarding a source, and tell the others."""
        publication = self.publications.get(source)
        if publication is None or not publication.set_muted(muted, time.monotonic()):
            return
        self.room.emit("muted", self.id, {"source": source, "muted": muted})
        self.room.announce_muted(publication)

    def mute_by_server(self, source: str, muted: bool) -> None:
        """An instructor's request. Muting works at once; unmuting only asks, a device is the person's own."""
        if muted:
            self.set_muted(source, True)
        self.send({"type": "mute", "source": source, "muted": muted, "by": "server"})

    def send(self, message: Message) -> None:
        """To this participant's browser, through the room server."""
        self.room.emit("message", self.id, message)

    def send_tracks(self) -> None:
        """The `tracks` message, if the list is not the one sent last."""
        tracks = self.room.describe_tracks(self)
        if tracks != self.known_tracks:
            self.known_tracks = tracks
            self.revision += 1
            self.send({"type": "tracks", "revision": self.revision, "tracks": tracks})

    def send_encodings(self, publications: Iterable[Publication]) -> None:
        """The `encodings` message: what of these is watched, so that the browser makes nothing in vain."""
        now = time.monotonic()
        tracks = [one.wanted(now) for one in publications if one.kind == "video"]
        if tracks:
            self.send({"type": "encodings", "tracks": tracks})

    def on_connection(self, kind: str, connected: bool, reason: str) -> None:
        """A connection came up or went; for the room server."""
        data: dict[str, Any] = {"connection": kind} if connected else {"connection": kind, "reason": reason}
        self.room.emit("connected" if connected else "disconnected", self.id, data)

    def on_publisher_closed(self, publisher: Publisher, reason: str) -> None:
        """Of the current one: everything is unpublished. An old one that was replaced does not matter."""
        if publisher is not self.publisher:
            return
        self.publisher = None
        self.keep_only(set())
        self._closed("publisher", reason)

    def on_publisher_moved(self) -> None:
        """Its packets come from a new address, and so will the subscriber's, as soon as it says something.

        It may not for a second: what was sent to its old address is lost, so it has nothing to report on.
        """
        loop = asyncio.get_running_loop()
        loop.call_later(SPEAKS_WITHIN_S, self._restart_subscriber, time.monotonic())

    def on_subscriber_closed(self, subscriber: Subscriber, reason: str) -> None:
        """As above."""
        if subscriber is not self.subscriber:
            return
        self.subscriber = None
        self._closed("subscriber", reason)

    def close(self, reason: str) -> None:
        """Close both connections."""
        if self.publisher is not None:
            self.publisher.transport.close(reason)
        if self.subscriber is not None:
            self.subscriber.close(reason)

    def check_alive(self, now: float) -> None:
        """Once a second: connections that fell silent or never came up are closed."""
        for connection in (self.publisher, self.subscriber):
            if connection is None:
                continue
            transport = connection.transport
            if transport.silent_s() > CONNECT_WITHIN_S or (
                not transport.connected and now - transport.created_at > CONNECT_WITHIN_S
            ):
                transport.close("lost")

    def _restart_subscriber(self, moved_at: float) -> None:
        subscriber = self.subscriber
        if (
            subscriber is None
            or not subscriber.transport.connected
            or moved_at - subscriber.transport.moved_at < TOGETHER_S
        ):
            return
        self.send({"type": "restart", "kind": "subscriber", "connection": subscriber.connection})

    def _closed(self, kind: str, reason: str) -> None:
        self.on_connection(kind, False, reason)
        self.send({"type": "closed", "kind": kind, "reason": reason})

    def _hello(self, message: Mapping[str, Any]) -> Message:
        if message.get("version") != PROTOCOL_VERSION:
            raise Refused("version", f"this node speaks version {PROTOCOL_VERSION}")
        self.known_tracks = self.room.describe_tracks(self)
        self.revision += 1
        self.send_encodings(list(self.publications.values()))
        return {
            "type": "welcome",
            "version": PROTOCOL_VERSION,
            "participant_id": self.id,
            "publisher": self.publisher.connection if self.publisher else None,
            "subscriber": self.subscriber.connection if self.subscriber else None,
            "limits": {"publish": list(self.rights.publish), "subscribe": self.rights.subscribe},
            "revision": self.revision,
            "tracks": self.known_tracks,
        }

    def _offer(self, message: Mapping[str, Any]) -> Message:
        kind, connection = message.get("kind"), message.get("connection")
        sequence = read_number(message.get("seq"), "offer seq")
        text, follow = message.get("sdp"), message.get("follow", False)
        if kind not in ("publisher", "subscriber") or not isinstance(text, str):
            raise Malformed("offer")
        if not isinstance(follow, bool):
            raise Malformed("offer follow")
        if not isinstance(connection, str) or not 0 < len(connection) <= 64:
            raise Malformed("offer connection")
        limits = self._endpoint.limits
        reply: Message = {"type": "answer", "kind": kind, "connection": connection, "seq": sequence}
        if kind == "publisher":
            offer = sdp.parse_offer(text, sdp.MAX_PUBLISHER_SECTIONS, limits.sdp_bytes)
            wanted = _wanted(message.get("tracks"))
            check_offer(offer, wanted, limits)
            publisher = self._publisher_for(connection, sequence, offer)
            reply["sdp"], reply["mids"] = publisher.negotiate(offer, wanted, self.rights.publish)
            self.send_encodings(list(self.publications.values()))
        else:
            if not self.rights.subscribe:
                raise Refused("not_allowed", "subscribe")
            offer = sdp.parse_offer(text, sdp.MAX_SUBSCRIBER_SECTIONS, limits.sdp_bytes)
            subscriber = self._subscriber_for(connection, sequence, offer, follow)
            reply["sdp"], reply["mids"] = subscriber.negotiate(offer, self.room.tracks_for(self))
        return reply

    def _publisher_for(self, connection: str, sequence: int, offer: sdp.Offer) -> Publisher:
        old = self.publisher
        if old is not None and _continues(old, connection, sequence, offer):
            return old
        self.publisher = Publisher(self._endpoint, self, connection, offer)
        self.publisher.sequence = sequence
        if old is not None:
            old.transport.close("replaced")
        return self.publisher

    def _subscriber_for(self, connection: str, sequence: int, offer: sdp.Offer, follow: bool) -> Subscriber:
        old, made = self.subscriber, Following if follow else Subscriber
        if type(old) is made and _continues(old, connection, sequence, offer):
            return old
        self.subscriber = made(self._endpoint, self, connection, offer)
        self.subscriber.sequence = sequence
        if old is not None:
            old.close("replaced")
        return self.subscriber

    def _mute(self, message: Mapping[str, Any]) -> None:
        source, muted = message.get("source"), message.get("muted")
        if not is_source(source) or not isinstance(muted, bool):
            raise Malformed("mute")
        self.set_muted(source, muted)

    def _set_visible(self, message: Mapping[str, Any]) -> None:
        visible: dict[tuple[str, str], tuple[float, float]] = {}
        for entry in read_objects(message.get("tracks"), "visible", MAX_VISIBLE):
            source = entry.get("source")
            if not is_source(source):
                raise Malformed("visible source")
            size = (read_side(entry.get("width")), read_side(entry.get("height")))
            visible[str(entry.get("participant_id"))[:80], source] = size
        self.visible = visible
        if self.subscriber is not None:
            self.subscriber.allocate(time.monotonic())


def _continues(old: Publisher | Subscriber, connection: str, sequence: int, offer: sdp.Offer) -> bool:
    """Whether an offer goes on with this connection. Refused("stale") for an old offer."""
    if old.connection != connection or old.transport.closed:
        return False
    if sequence <= old.sequence:
        raise Refused("stale", "an older offer")
    if set(offer.fingerprints) != set(old.transport.fingerprints):
        return False
    old.sequence = sequence
    return True


def _wanted(tracks: Any) -> list[Wanted]:
    result: list[Wanted] = []
    for entry in read_objects(tracks, "tracks", sdp.MAX_PUBLISHER_SECTIONS):
        mid, source, muted = entry.get("mid"), entry.get("source"), entry.get("muted", False)
        if not isinstance(mid, str) or not is_source(source) or not isinstance(muted, bool):
            raise Malformed("offer track")
        result.append(Wanted(mid, source, muted))
    if len({one.source for one in result}) != len(result):
        raise Malformed("offer source twice")
    return result
