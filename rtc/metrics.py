"""A media node's numbers for Prometheus: read when asked, from what the node keeps anyway."""

from typing import TYPE_CHECKING

from core.metrics import Metric, Values
from rtc.publication import SOURCES

if TYPE_CHECKING:
    from rtc.node import Node

METRICS = (
    Metric("hilink_media_packets_in_total", "counter", "Datagrams received on the UDP port."),
    Metric("hilink_media_packets_out_total", "counter", "Datagrams sent."),
    Metric("hilink_media_bytes_in_total", "counter", "Bytes of RTP from publishers."),
    Metric(
        "hilink_media_bytes_out_total", "counter", "Bytes of RTP to subscribers, repairs and probes included."
    ),
    Metric("hilink_media_dropped_in_total", "counter", "Datagrams received in vain.", "reason"),
    Metric("hilink_media_dropped_out_total", "counter", "Packets that were not sent.", "reason"),
    Metric(
        "hilink_media_srtp_failures_total", "counter", "Packets that did not open with a connection's keys."
    ),
    Metric("hilink_media_nacks_sent_total", "counter", "Requests to publishers to send packets again."),
    Metric("hilink_media_nacks_answered_total", "counter", "Packets sent again to subscribers that asked."),
    Metric("hilink_media_plis_total", "counter", "Subscribers' requests for a keyframe."),
    Metric("hilink_media_keyframe_requests_total", "counter", "Keyframes asked of publishers."),
    Metric("hilink_media_rooms", "gauge", "Rooms with somebody in them."),
    Metric("hilink_media_participants", "gauge", "Seats in these rooms, agents included."),
    Metric("hilink_media_connections", "gauge", "Connections that are up.", "kind"),
    Metric("hilink_media_tracks", "gauge", "Tracks that are published.", "source"),
    Metric("hilink_media_rooms_recorded", "gauge", "Rooms that are being recorded."),
    Metric("hilink_media_control_connections", "gauge", "Room servers that are connected."),
    Metric(
        "hilink_media_loop_delay_seconds",
        "gauge",
        "How late the node's clock was at worst, in some ten seconds.",
    ),
    Metric("hilink_media_receive_buffer_bytes", "gauge", "Receive buffer of the UDP socket."),
    Metric("hilink_media_send_buffer_bytes", "gauge", "Send buffer of the UDP socket."),
)


def values(node: "Node") -> Values:
    """All of `METRICS` as they are now. Costs a look at every track."""
    counters = node.endpoint.port.counters
    receive, send = node.endpoint.port.buffers()
    people = [one for room in node.rooms.values() for one in room.participants.values()]
    subscribers = [one.subscriber for one in people if one.subscriber is not None]
    publishers = [one.publisher for one in people if one.publisher is not None]
    forwarders = [slot for one in subscribers for slot in one.slots.values()]
    tracks = dict.fromkeys(SOURCES, 0)
    for one in people:
        for source in one.publications:
            tracks[source] += 1
    return {
        "hilink_media_packets_in_total": counters.packets_in,
        "hilink_media_packets_out_total": counters.packets_out,
        "hilink_media_bytes_in_total": counters.bytes_in,
        "hilink_media_bytes_out_total": counters.bytes_out + sum(one.sent_bytes for one in forwarders),
        "hilink_media_dropped_in_total": {
            "malformed": counters.malformed,
            "unknown": counters.unknown,
            "over_limit": counters.over_limit,
        },
        "hilink_media_dropped_out_total": {
            "too_large": counters.too_large,
            "not_protected": counters.not_protected,
            "not_sent": counters.not_sent,
        },
        "hilink_media_srtp_failures_total": counters.srtp_failures,
        "hilink_media_nacks_sent_total": counters.nacks_sent,
        "hilink_media_nacks_answered_total": counters.resent + sum(one.retransmitted for one in forwarders),
        "hilink_media_plis_total": counters.plis,
        "hilink_media_keyframe_requests_total": counters.keyframe_requests,
        "hilink_media_rooms": len(node.rooms),
        "hilink_media_participants": len(people),
        "hilink_media_connections": {
            "publisher": sum(one.transport.connected for one in publishers),
            "subscriber": sum(one.transport.connected for one in subscribers),
        },
        "hilink_media_tracks": tracks,
        "hilink_media_rooms_recorded": sum(room.recording is not None for room in node.rooms.values()),
        "hilink_media_control_connections": node.control.connections,
        "hilink_media_loop_delay_seconds": round(node.loop_delay_s, 4),
        "hilink_media_receive_buffer_bytes": receive,
        "hilink_media_send_buffer_bytes": send,
    }
