"""SDP, only as far as WebRTC offers and our answers need it (RFC 8866, RFC 8829)."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from rtc.dtls import Fingerprint
from rtc.errors import Malformed, Refused
from rtc.rtp import EXT_TRANSPORT_SEQUENCE

MAX_SIZE = 512 * 1024
MAX_PUBLISHER_SECTIONS = 8
MAX_SUBSCRIBER_SECTIONS = 256
CODECS = {"audio": ("opus",), "video": ("vp8", "h264", "vp9", "av1")}
"""What is forwarded, by lower-case name."""


@dataclass(frozen=True, slots=True)
class Codec:
    """One payload type of a section. name is lower case; rtx is the payload type that repairs it.

    red: the payload type that carries this one with redundancy (RFC 2198); red_first: it is offered before it.
    """

    payload_type: int
    name: str
    clock_hz: int
    rtpmap: str
    fmtp: str
    rtx: int | None
    red: int | None = None
    red_first: bool = False


@dataclass(slots=True)
class Section:
    """One m= section of an offer."""

    kind: str
    mid: str
    direction: str
    codecs: list[Codec]
    extensions: dict[str, int]
    ssrcs: list[int]
    rtx_of: dict[int, int]
    rids: list[str]
    ufrag: str
    fingerprints: list[Fingerprint]
    protocol: str


@dataclass(slots=True)
class Offer:
    """A whole offer. ufrag and fingerprints are those of the bundle (all sections share them).

    passive: the other side can only wait for our DTLS handshake (some programs; browsers leave it to us).
    """

    sections: list[Section]
    ufrag: str
    fingerprints: list[Fingerprint]
    passive: bool = False


@dataclass(slots=True)
class AnswerSection:
    """How one section is answered. direction: recvonly, sendonly or inactive.

    also: more codecs that may come in it, for a section that carries one track after another.
    """

    section: Section
    direction: str = "inactive"
    codec: Codec | None = None
    extensions: Sequence[str] = ()
    rids: Sequence[str] = ()
    msid: str = ""
    ssrc: int = 0
    rtx_ssrc: int = 0
    red: bool = False
    also: Sequence[Codec] = ()


@dataclass(frozen=True, slots=True)
class LocalDescription:
    """What every section of our answers says about the node."""

    addresses: Sequence[str]
    port: int
    fingerprint: Fingerprint
    ufrag: str
    password: str
    session_version: int
    setup: str = "passive"


@dataclass(slots=True)
class _Raw:
    """Attributes of one section, values in order of appearance."""

    line: str
    attributes: dict[str, list[str]] = field(default_factory=dict[str, list[str]])

    def all(self, name: str) -> list[str]:
        return self.attributes.get(name, [])

    def first(self, name: str, default: str = "") -> str:
        return self.attributes.get(name, [default])[0]


def parse_offer(text: str, max_sections: int, max_size: int = MAX_SIZE) -> Offer:
    """Read an offer. Malformed, or Refused("too_large"/"too_many") over a limit."""
    if len(text) > max_size:
        raise Refused("too_large", "SDP")
    if not text.startswith("v=0"):
        raise Malformed("SDP version")
    raws = _split(text, max_sections)
    session, media = raws[0], raws[1:]
    if not media:
        raise Malformed("SDP without media")
    sections = [_section(raw, session) for raw in media]
    if not all(one.codecs for one in sections):
        raise Refused("codec", "no codec in common")
    mids = [one.mid for one in sections]
    if len(set(mids)) != len(mids):
        raise Malformed("SDP mid twice")
    if "UDP/TLS/RTP/SAVPF" not in sections[0].protocol:
        raise Malformed("SDP protocol")
    first = sections[0]
    if not first.ufrag or not first.fingerprints:
        raise Malformed("SDP without ICE credentials or fingerprint")
    for one in sections[1:]:
        if one.ufrag and one.ufrag != first.ufrag:
            raise Malformed("SDP not bundled")
    setup = media[0].first("setup") or session.first("setup")
    return Offer(sections, first.ufrag, first.fingerprints, setup == "passive")


def _split(text: str, max_sections: int) -> list[_Raw]:
    raws = [_Raw("")]
    for line in text.splitlines():
        if line.startswith("m="):
            if len(raws) > max_sections:
                raise Refused("too_many", "media sections")
            raws.append(_Raw(line[2:]))
        elif line.startswith("a="):
            name, _, value = line[2:].partition(":")
            raws[-1].attributes.setdefault(name, []).append(value)
    return raws


def _section(raw: _Raw, session: _Raw) -> Section:
    words = raw.line.split()
    if len(words) < 3 or words[0] not in CODECS:
        raise Malformed("SDP media kind")
    mid = raw.first("mid")
    if not _is_token(mid, 32):
        raise Malformed("SDP mid")
    ufrag = raw.first("ice-ufrag") or session.first("ice-ufrag")
    if ufrag and not 4 <= len(ufrag) <= 256:
        raise Malformed("SDP ice-ufrag")
    direction = next(
        (one for one in ("sendrecv", "sendonly", "recvonly", "inactive") if one in raw.attributes), "sendrecv"
    )
    return Section(
        kind=words[0],
        mid=mid,
        direction=direction,
        codecs=_codecs(raw, words[0]),
        extensions=_extensions(raw),
        ssrcs=_ssrcs(raw),
        rtx_of=_rtx_pairs(raw),
        rids=_rids(raw),
        ufrag=ufrag,
        fingerprints=_fingerprints(raw.all("fingerprint") or session.all("fingerprint")),
        protocol=words[2],
    )


def _codecs(raw: _Raw, kind: str) -> list[Codec]:
    formats = {
        _number(pt, 127): rest for pt, _, rest in (one.partition(" ") for one in raw.all("fmtp")[:128])
    }
    maps = [
        (_number(pt, 127), rest) for pt, _, rest in (one.partition(" ") for one in raw.all("rtpmap")[:128])
    ]
    rtx: dict[int, int] = {}
    for payload_type, rtpmap in maps:
        if rtpmap.lower().startswith("rtx/") and formats.get(payload_type, "").startswith("apt="):
            rtx[_number(formats[payload_type][4:].split(";")[0], 127)] = payload_type
    order = [payload_type for payload_type, _ in maps]
    wanted = raw.line.split()[3:]
    order.sort(key=lambda one: wanted.index(str(one)) if str(one) in wanted else len(wanted))
    result: list[Codec] = []
    for payload_type, rtpmap in maps:
        name, _, rest = rtpmap.partition("/")
        if name.lower() in CODECS[kind]:
            clock = _number(rest.split("/")[0], 1 << 20)
            fmtp = formats.get(payload_type, "")
            red = _red(payload_type, maps, formats)
            result.append(
                Codec(
                    payload_type,
                    name.lower(),
                    clock,
                    rtpmap,
                    fmtp,
                    rtx.get(payload_type),
                    red,
                    red is not None and order.index(red) < order.index(payload_type),
                )
            )
    return result


def _red(payload_type: int, maps: list[tuple[int, str]], formats: dict[int, str]) -> int | None:
    """The payload type of a RED whose blocks are all of this one."""
    for one, rtpmap in maps:
        if rtpmap.lower().startswith("red/") and set(formats.get(one, "").split("/")) == {str(payload_type)}:
            return one
    return None


def _extensions(raw: _Raw) -> dict[str, int]:
    result: dict[str, int] = {}
    for one in raw.all("extmap")[:32]:
        words = one.split()
        if len(words) >= 2:
            # Above 14 the two-byte form would be needed, which nobody offers first.
            identifier = _number(words[0].split("/")[0], 255)
            if 1 <= identifier <= 14:
                result[words[1]] = identifier
    return result


def _ssrcs(raw: _Raw) -> list[int]:
    found: dict[int, None] = {}
    for one in raw.all("ssrc")[:256]:
        found[_number(one.split(" ")[0], 0xFFFFFFFF)] = None
    return list(found)[:16]


def _rtx_pairs(raw: _Raw) -> dict[int, int]:
    pairs: dict[int, int] = {}
    for one in raw.all("ssrc-group")[:16]:
        words = one.split()
        if len(words) == 3 and words[0] == "FID":
            pairs[_number(words[2], 0xFFFFFFFF)] = _number(words[1], 0xFFFFFFFF)
    return pairs


def _rids(raw: _Raw) -> list[str]:
    words = raw.first("simulcast").split()
    if "send" not in words[:-1]:
        return []
    rids = [one.split(",")[0].lstrip("~") for one in words[words.index("send") + 1].split(";")]
    if len(rids) > 4 or not all(_is_token(one, 16) for one in rids):
        raise Malformed("SDP simulcast")
    return rids


def _fingerprints(values: list[str]) -> list[Fingerprint]:
    result: list[Fingerprint] = []
    for one in values[:8]:
        algorithm, _, value = one.partition(" ")
        result.append(Fingerprint(algorithm, value.strip()))
    return result


def _number(text: str, limit: int) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 10 or int(text) > limit:
        raise Malformed("SDP number")
    return int(text)


def _is_token(text: str, limit: int) -> bool:
    return 0 < len(text) <= limit and text.isascii() and text.replace("-", "").replace("_", "").isalnum()


def build_answer(local: LocalDescription, sections: Sequence[AnswerSection]) -> str:
    """Our answer, in the order of the offer's sections."""
    # RFC 8843: a section answered with port 0 must not be in the group; our idle ones are inactive.
    lines = [
        "v=0",
        f"o=hilink {local.port} {local.session_version} IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "a=group:BUNDLE " + " ".join(one.section.mid for one in sections),
        "a=ice-lite",
        "a=msid-semantic: WMS *",
    ]
    for one in sections:
        lines += _answer_section(local, one)
    return "\r\n".join(lines) + "\r\n"


def _answer_section(local: LocalDescription, answer: AnswerSection) -> list[str]:
    section = answer.section
    codec = answer.codec or section.codecs[0]
    formats = [codec.payload_type] + ([codec.rtx] if codec.rtx is not None else [])
    red = codec.red if answer.red else None
    if red is not None:
        formats.insert(0 if codec.red_first else 1, red)
    for other in answer.also:
        formats += [other.payload_type] + ([other.rtx] if other.rtx is not None else [])
    address = local.addresses[0]
    lines = [
        f"m={section.kind} {local.port} UDP/TLS/RTP/SAVPF {' '.join(map(str, formats))}",
        f"c=IN {'IP6' if ':' in address else 'IP4'} {address}",
        f"a=mid:{section.mid}",
        f"a=ice-ufrag:{local.ufrag}",
        f"a=ice-pwd:{local.password}",
        f"a=fingerprint:{local.fingerprint.algorithm} {local.fingerprint.value}",
        f"a=setup:{local.setup}",
        "a=rtcp-mux",
        "a=rtcp-rsize",
    ]
    for index, host in enumerate(local.addresses):
        priority = (126 << 24) | ((65535 - index) << 8) | 255
        lines.append(f"a=candidate:{index + 1} 1 udp {priority} {host} {local.port} typ host")
    lines.append("a=end-of-candidates")
    for one in (codec, *answer.also):
        lines += _codec_lines(answer, one)
    if red is not None:
        lines += [
            f"a=rtpmap:{red} red/{codec.rtpmap.partition('/')[2]}",
            f"a=fmtp:{red} {codec.payload_type}/{codec.payload_type}",
        ]
    lines += [
        f"a=extmap:{section.extensions[uri]} {uri}" for uri in answer.extensions if uri in section.extensions
    ]
    lines.append(f"a={answer.direction}")
    if answer.rids:
        lines += [f"a=rid:{rid} recv" for rid in answer.rids] + ["a=simulcast:recv " + ";".join(answer.rids)]
    if answer.direction == "sendonly":
        stream, _, _ = answer.msid.partition(" ")
        lines += [f"a=msid:{answer.msid}", f"a=ssrc:{answer.ssrc} cname:{stream}"]
        if codec.rtx is not None and answer.rtx_ssrc:
            lines.append(f"a=ssrc-group:FID {answer.ssrc} {answer.rtx_ssrc}")
            lines.append(f"a=ssrc:{answer.rtx_ssrc} cname:{stream}")
    return lines


def _codec_lines(answer: AnswerSection, codec: Codec) -> list[str]:
    lines = [f"a=rtpmap:{codec.payload_type} {codec.rtpmap}"]
    if codec.fmtp:
        lines.append(f"a=fmtp:{codec.payload_type} {codec.fmtp}")
    if EXT_TRANSPORT_SEQUENCE in answer.extensions and EXT_TRANSPORT_SEQUENCE in answer.section.extensions:
        lines.append(f"a=rtcp-fb:{codec.payload_type} transport-cc")
    if answer.section.kind == "video":
        feedback = ("nack", "nack pli", "ccm fir", "goog-remb")
        lines += [f"a=rtcp-fb:{codec.payload_type} {one}" for one in feedback]
    if codec.rtx is not None:
        lines += [
            f"a=rtpmap:{codec.rtx} rtx/{codec.clock_hz}",
            f"a=fmtp:{codec.rtx} apt={codec.payload_type}",
        ]
    return lines


def match_codec(section: Section, codec: Codec) -> Codec | None:
    """The subscriber's payload type for a publisher's codec: same name, same profile where that matters."""
    same = [one for one in section.codecs if one.name == codec.name]
    if codec.name in ("h264", "vp9"):
        key = _codec_profile(codec)
        same = [one for one in same if _codec_profile(one) == key] or [
            one for one in same if codec.name == "h264"
        ]
    return same[0] if same else None


def _codec_profile(codec: Codec) -> tuple[str, str]:
    values = {
        name: value for name, _, value in (part.strip().partition("=") for part in codec.fmtp.split(";"))
    }
    if codec.name == "vp9":
        return values.get("profile-id", "0"), ""
    return values.get("profile-level-id", "42e01f")[:4].lower(), values.get("packetization-mode", "0")
