"""What a subscriber's browser is told about its line and its pictures, and what stats and benches see of it."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rtc.subscriber import Subscriber

AGAIN_S = 5.0
NEWS_FOR_S = 6.0
"""Browsers report on sound every 5 s."""


class Quality:
    """Of one subscriber, whose slots and estimates it only reads."""

    def __init__(self, subscriber: "Subscriber") -> None:
        self._subscriber = subscriber
        self._told: tuple[object, ...] = ()
        self._told_at = 0.0

    def news(self, now: float) -> dict[str, Any] | None:
        """The protocol's `quality` when it changed or AGAIN_S have passed, else None."""
        subscriber = self._subscriber
        shown = [
            (forwarder, publication)
            for forwarder in subscriber.slots.values()
            if (publication := forwarder.publication) is not None and publication.kind == "video"
        ]
        key = tuple(
            (
                publication,
                forwarder.encoding and (forwarder.encoding.rid, forwarder.max_temporal),
                forwarder.reason,
            )
            for forwarder, publication in shown
        )
        if key == self._told and now - self._told_at < AGAIN_S:
            return None
        self._told, self._told_at = key, now
        tracks: list[dict[str, Any]] = []
        for forwarder, publication in shown:
            encoding = forwarder.encoding
            tracks.append(
                {
                    "participant_id": publication.participant.id,
                    "source": publication.source,
                    "layer": {"rid": encoding.rid, "temporal": forwarder.max_temporal} if encoding else None,
                    "reason": forwarder.reason,
                    "bitrate_bps": round(encoding.bitrate_bps(forwarder.max_temporal)) if encoding else 0,
                }
            )
        bound = [one for one in subscriber.slots.values() if one.publication is not None]
        # All go the same way: the shortest round trip is the line's, the others are a busy machine's.
        round_trips = [rtt for one in bound if (rtt := one.recent_rtt_s(now, NEWS_FOR_S)) is not None]
        return {
            "type": "quality",
            "tracks": tracks,
            "loss": round(max((one.recent_loss(now, NEWS_FOR_S) for one in bound), default=0.0), 4),
            "rtt_ms": round(1000 * min(round_trips, default=0.0)),
            "estimate_bps": round(subscriber.budget_bps) if subscriber.limited else None,
        }

    def line(self) -> dict[str, Any]:
        """What is known about the line, for stats and benches."""
        line = self._subscriber.line
        if line is None:
            bandwidth = self._subscriber.bandwidth
            return {
                "by": "remb",
                "budget_bps": round(bandwidth.budget_bps),
                "limited": bandwidth.limited,
                "remb_bps": bandwidth.remb_bps,
            }
        return {
            "by": "transport-cc",
            "budget_bps": round(line.budget_bps),
            "limited": line.limited,
            "capacity_bps": round(line.capacity_bps),
            "delivered_bps": round(line.delivered_bps()),
            "train_bps": round(line.train_bps),
            "queue_ms": round(1000 * line.queue_s),
            "loss": round(line.loss, 4),
            "reason": line.reason,
            "backlog_ms": round(1000 * self._subscriber.pacer.backlog_s()),
        }
