"""The little a forwarder must see inside a payload: temporal layers, where a keyframe starts, Opus in RED."""

from typing import NamedTuple


class Layer(NamedTuple):
    """What a video packet's descriptor says, whatever the codec.

    switch_up: frames of this and higher layers from here on need nothing of what was left out before.
    picture_id_at: offset of a 15-bit picture id that must be kept gapless (VP8), else 0.
    """

    frame_start: bool
    keyframe: bool
    picture_id: int
    picture_id_at: int
    temporal: int
    switch_up: bool


def parse_vp8(payload: bytes) -> Layer | None:
    """VP8 payload descriptor (RFC 7741, 4.2), or None when the payload is cut short."""
    try:
        first = payload[0]
        at, picture_id, picture_id_at, temporal, layer_sync = 1, -1, 0, 0, False
        if first & 0x80:
            flags = payload[1]
            at = 2
            if flags & 0x80:
                picture_id = payload[at]
                if picture_id & 0x80:
                    picture_id_at = at
                    picture_id = ((picture_id & 0x7F) << 8) | payload[at + 1]
                    at += 1
                at += 1
            if flags & 0x40:
                at += 1
            if flags & 0x30:
                if flags & 0x20:
                    temporal, layer_sync = payload[at] >> 6, bool(payload[at] & 0x20)
                at += 1
        frame_start = bool(first & 0x10) and not first & 7
        keyframe = frame_start and not payload[at] & 1
    except IndexError:
        return None
    return Layer(frame_start, keyframe, picture_id, picture_id_at, temporal, layer_sync)


def parse_vp9(payload: bytes) -> Layer | None:
    """VP9 payload descriptor (RFC 9628, 4.2), or None when the payload is cut short.

    Receivers go by the layer and TL0PICIDX, so picture ids may have gaps and stay as they are.
    """
    try:
        first = payload[0]
        at, picture_id, temporal, spatial, switch_up = 1, -1, 0, 0, False
        if first & 0x80:
            picture_id = payload[at]
            if picture_id & 0x80:
                picture_id = ((picture_id & 0x7F) << 8) | payload[at + 1]
                at += 1
            at += 1
        if first & 0x20:
            temporal, switch_up = payload[at] >> 5, bool(payload[at] & 0x10)
            spatial = (payload[at] >> 1) & 7
        start = bool(first & 0x08)
    except IndexError:
        return None
    # The upper spatial layers of a key picture are not inter-predicted either; nobody can begin with them.
    keyframe = start and not first & 0x40 and not spatial
    return Layer(start, keyframe, picture_id, 0, min(3, temporal), switch_up)


def red_primary(payload: bytes) -> bytes | None:
    """The newest block of an RFC 2198 payload: what a receiver without RED needs. None when malformed."""
    at = extra = 0
    while at < len(payload) and payload[at] & 0x80:
        if at + 4 > len(payload):
            return None
        extra += ((payload[at + 2] & 3) << 8) | payload[at + 3]
        at += 4
    begin = at + 1 + extra
    return payload[begin:] if begin <= len(payload) and at < len(payload) else None


def starts_keyframe(codec: str, payload: bytes) -> bool:
    """Whether a decoder can start with this packet. codec: lower-case SDP name. Unknown codecs: always."""
    try:
        match codec:
            case "vp8":
                descriptor = parse_vp8(payload)
                return descriptor is not None and descriptor.keyframe
            case "h264":
                return _h264_keyframe(payload)
            case "vp9":
                layer = parse_vp9(payload)
                return layer is not None and layer.keyframe
            case "av1":
                # The N bit: first packet of a coded video sequence (AV1 RTP, 4.4).
                return bool(payload[0] & 0x08)
            case _:
                return True
    except IndexError:
        return False


def _h264_keyframe(payload: bytes) -> bool:
    kind = payload[0] & 31
    if kind in (5, 7):
        return True
    if kind == 24:
        at = 1
        while at + 2 < len(payload):
            if payload[at + 2] & 31 in (5, 7):
                return True
            at += 2 + int.from_bytes(payload[at : at + 2], "big")
        return False
    return kind == 28 and bool(payload[1] & 0x80) and payload[1] & 31 in (5, 7)


def vp8_size(payload: bytes) -> tuple[int, int] | None:
    """Width and height in px out of a keyframe's first packet (RFC 6386, 9.1), or None."""
    at = payload.find(b"\x9d\x01\x2a", 0, 16)
    if at < 0 or at + 7 > len(payload):
        return None
    width, height = (int.from_bytes(payload[at + step : at + step + 2], "little") & 0x3FFF for step in (3, 5))
    return width, height
