"""The little a forwarder must see inside a payload: VP8's layers, and where a keyframe starts."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Vp8:
    """VP8 payload descriptor (RFC 7741). picture_id_at: offset of a 15-bit picture id, 0 if there is none."""

    frame_start: bool
    keyframe: bool
    picture_id: int
    picture_id_at: int
    temporal: int
    layer_sync: bool


def parse_vp8(payload: bytes) -> Vp8 | None:
    """The descriptor, or None when the payload is cut short."""
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
    return Vp8(frame_start, keyframe, picture_id, picture_id_at, temporal, layer_sync)


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
                # Not inter-predicted, and the beginning of a frame (draft-ietf-payload-vp9, 4.2).
                return not payload[0] & 0x40 and bool(payload[0] & 0x08)
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
