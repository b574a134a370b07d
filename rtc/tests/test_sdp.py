"""Offers are read or refused; answers say what was agreed."""

import contextlib
from pathlib import Path

import pytest
from aiortc.sdp import SessionDescription
from hypothesis import given
from hypothesis import strategies as st

from core.errors import MediaError
from rtc import sdp
from rtc.dtls import Fingerprint
from rtc.errors import Malformed, Refused

pytestmark = pytest.mark.unit

OFFER = Path(__file__).with_name("offer.sdp").read_text()
LOCAL = sdp.LocalDescription(
    ["192.0.2.1", "2001:db8::1"], 7882, Fingerprint("sha-256", "AA:BB"), "ours", "pw", 3
)


def test_an_offer_is_read() -> None:
    offer = sdp.parse_offer(OFFER, 8)
    audio, video = offer.sections
    assert offer.ufrag == "abcd" and offer.fingerprints[0].algorithm == "sha-256"
    assert (audio.kind, audio.mid, audio.direction, audio.ssrcs) == ("audio", "0", "sendonly", [1001])
    assert [one.name for one in audio.codecs] == ["opus"]
    assert [(one.name, one.payload_type, one.rtx) for one in video.codecs] == [
        ("vp8", 96, 97),
        ("h264", 103, 104),
    ]
    assert video.rids == ["h", "f"]


def test_another_implementation_reads_the_answer() -> None:
    audio, video = sdp.parse_offer(OFFER, 8).sections
    text = sdp.build_answer(
        LOCAL,
        [
            sdp.AnswerSection(audio, "sendonly", audio.codecs[0], (), (), "stream track", 5),
            sdp.AnswerSection(video, "recvonly", video.codecs[0], (), video.rids),
        ],
    )
    read = SessionDescription.parse(text)
    assert [one.direction for one in read.media] == ["sendonly", "recvonly"]
    assert read.media[0].ssrc[0].ssrc == 5
    assert [one.ip for one in read.media[0].ice_candidates] == ["192.0.2.1", "2001:db8::1"]
    assert "a=simulcast:recv h;f" in text and "a=ice-lite" in text


def test_an_idle_section_is_inactive() -> None:
    audio, _ = sdp.parse_offer(OFFER, 8).sections
    assert "a=inactive" in sdp.build_answer(LOCAL, [sdp.AnswerSection(audio)])


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        ("v=0", "v=1", "malformed"),
        ("m=audio", "m=application", "malformed"),
        ("a=mid:1", "a=mid:0", "malformed"),
        ("a=mid:0", "a=mid:0 x", "malformed"),
        ("a=ice-ufrag:abcd", "a=x:y", "malformed"),
        ("a=fingerprint:", "a=x:", "malformed"),
        ("UDP/TLS/RTP/SAVPF", "RTP/AVP", "malformed"),
        ("a=rtpmap:111 opus", "a=rtpmap:111 speex", "codec"),
        ("a=rtpmap:96", "a=rtpmap:960", "malformed"),
        ("a=rtpmap:96", "a=rtpmap:\u0661", "malformed"),
        ("send h;f", "send a;b;c;d;e", "malformed"),
        ("a=ssrc:1001", "a=ssrc:99999999999", "malformed"),
    ],
)
def test_what_is_wrong_is_named(old: str, new: str, kind: str) -> None:
    with pytest.raises(MediaError) as caught:
        sdp.parse_offer(OFFER.replace(old, new), 8)
    assert caught.value.kind == kind


def test_limits() -> None:
    section = OFFER[OFFER.index("m=video") :]
    with pytest.raises(Refused) as caught:
        sdp.parse_offer(OFFER + section * 500, 8)
    assert caught.value.kind == "too_many"
    with pytest.raises(Refused) as caught:
        sdp.parse_offer(OFFER + "a=x\n" * 200_000, 8)
    assert caught.value.kind == "too_large"


@given(st.integers(0, len(OFFER)), st.integers(0, 60), st.text(st.characters(codec="latin-1"), max_size=20))
def test_a_damaged_offer_is_read_or_refused(at: int, cut: int, noise: str) -> None:
    text = OFFER[:at] + noise + OFFER[at + cut :]
    with contextlib.suppress(Malformed, Refused):
        offer = sdp.parse_offer(text, 8)
        sdp.build_answer(LOCAL, [sdp.AnswerSection(one) for one in offer.sections])


def test_codecs_are_matched_by_profile() -> None:
    section = sdp.parse_offer(OFFER, 8).sections[1]
    h264 = sdp.Codec(120, "h264", 90000, "H264/90000", "packetization-mode=1;profile-level-id=42e034", None)
    vp9 = sdp.Codec(98, "vp9", 90000, "VP9/90000", "profile-id=2", None)
    match = sdp.match_codec(section, h264)
    assert match is not None and match.payload_type == 103
    assert sdp.match_codec(section, vp9) is None
