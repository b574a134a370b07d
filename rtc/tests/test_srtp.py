"""SRTP in place against pylibsrtp's public API, and SRTP's limits."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportPrivateUsage=false
# pylibsrtp's constants come out of a C binding that has no types; the last test looks at what is kept.

import os
import struct
from typing import Any

import pylibsrtp
import pytest
from pylibsrtp import Policy, Session

from rtc import srtp_fast
from rtc.dtls import SrtpKeys
from rtc.forwarder import RING
from rtc.srtp import MAX_INBOUND_SSRCS, Srtp

pytestmark = pytest.mark.unit

PROFILES = {
    b"SRTP_AEAD_AES_128_GCM": (Policy.SRTP_PROFILE_AEAD_AES_128_GCM, 28),
    b"SRTP_AES128_CM_SHA1_80": (Policy.SRTP_PROFILE_AES128_CM_SHA1_80, 30),
}
ENGINES: list[srtp_fast.Engine] = [srtp_fast.Copying(), srtp_fast.InPlace()]


def packet(sequence: int, ssrc: int = 77, size: int = 900) -> bytes:
    return struct.pack("!BBHLL", 0x80, 96, sequence & 0xFFFF, 5, ssrc) + os.urandom(size)


def transform(engine: srtp_fast.Engine, function: srtp_fast.Transform, handle: object, data: bytes) -> bytes:
    memory = memoryview(bytearray(len(data) + srtp_fast.ROOM))
    memory[: len(data)] = data
    length = engine.length()
    length[0] = len(data)
    if function(handle, engine.pointer(memory), length):
        raise pylibsrtp.Error
    return bytes(memory[: length[0]])


def test_here_packets_are_protected_in_place() -> None:
    # If this fails after an update of pylibsrtp, everything still works, at twice the price.
    assert isinstance(srtp_fast.engine, srtp_fast.InPlace)


@pytest.mark.parametrize("name", PROFILES)
@pytest.mark.parametrize("engine", ENGINES)
def test_both_ways_give_the_same_bytes_over_a_turn_of_the_numbers(
    name: bytes, engine: srtp_fast.Engine
) -> None:
    profile, size = PROFILES[name]
    key = os.urandom(size)
    policy = Policy(key, Policy.SSRC_ANY_OUTBOUND, srtp_profile=profile)
    peer = Session(Policy(key, Policy.SSRC_ANY_INBOUND, srtp_profile=profile))
    reference, stream = Session(policy), engine.open(policy)
    for number in range(65530, 65545):
        clear = packet(number, size=number % 1200)
        made = transform(engine, engine.protect, stream.handle, clear)
        assert made == reference.protect(clear)
        assert peer.unprotect(made) == clear


@pytest.mark.parametrize("name", PROFILES)
@pytest.mark.parametrize("engine", ENGINES)
def test_forged_and_repeated_packets_are_refused_both_ways(name: bytes, engine: srtp_fast.Engine) -> None:
    profile, size = PROFILES[name]
    key = os.urandom(size)
    sender = Session(Policy(key, Policy.SSRC_ANY_OUTBOUND, srtp_profile=profile))
    stream = engine.open(Policy(key, Policy.SSRC_ANY_INBOUND, srtp_profile=profile))
    clear = packet(1)
    good = sender.protect(clear)
    for bad in (good[:-1] + bytes((good[-1] ^ 1,)), good[:30], b"\x80"):
        with pytest.raises(pylibsrtp.Error):
            transform(engine, engine.unprotect, stream.handle, bad)
    assert transform(engine, engine.unprotect, stream.handle, good) == clear
    with pytest.raises(pylibsrtp.Error):
        transform(engine, engine.unprotect, stream.handle, good)


def test_another_binding_means_the_public_api(monkeypatch: pytest.MonkeyPatch) -> None:
    class Other:
        ffi = lib = None

    def other(name: str) -> Any:
        return Other

    monkeypatch.setattr(srtp_fast.importlib, "import_module", other)
    assert isinstance(srtp_fast.choose(), srtp_fast.Copying)


def test_a_binding_that_gives_other_bytes_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    def identity(handle: object, pointer: object, length: object) -> int:
        return 0

    class Strange(srtp_fast.InPlace):
        def __init__(self) -> None:
            super().__init__()
            self.protect = identity

    monkeypatch.setattr(srtp_fast, "InPlace", Strange)
    assert isinstance(srtp_fast.choose(), srtp_fast.Copying)


def keys() -> tuple[SrtpKeys, SrtpKeys]:
    one, other = os.urandom(28), os.urandom(28)
    name = b"SRTP_AEAD_AES_128_GCM"
    return SrtpKeys(name, one, other), SrtpKeys(name, other, one)


def test_a_publisher_cannot_invent_ssrcs_without_end() -> None:
    ours, theirs = keys()
    node = Srtp(ours)
    sender = Session(Policy(theirs.send, Policy.SSRC_ANY_OUTBOUND, srtp_profile=PROFILES[theirs.profile][0]))
    taken = [ssrc for ssrc in range(1, 200) if node.unprotect(sender.protect(packet(9, ssrc)))]
    assert taken == list(range(1, MAX_INBOUND_SSRCS + 1))
    assert node.unprotect(sender.protect(packet(10, 5))), "the known ones go on"


@pytest.mark.parametrize("behind", [1, RING - 1])
def test_the_oldest_packet_that_may_be_repeated_is_still_protected(behind: int) -> None:
    srtp = Srtp(keys()[0])
    stream = srtp.stream(struct.pack("!L", 77))
    for number in range(1000, 1000 + RING):
        transform(srtp_fast.engine, srtp_fast.engine.protect, stream.handle, packet(number))
    again = packet(999 + RING - behind)
    assert len(transform(srtp_fast.engine, srtp_fast.engine.protect, stream.handle, again)) > len(again)


def test_what_is_forgotten_takes_no_memory() -> None:
    srtp = Srtp(keys()[0])
    for number in range(5000):
        ssrc = struct.pack("!L", number)
        first = srtp.stream(ssrc)
        assert srtp.stream(ssrc) is first
        srtp.forget(ssrc)
    assert not srtp._streams


@pytest.mark.parametrize("name", PROFILES)
def test_reports_are_protected_in_place_and_opened_by_the_public_api(name: bytes) -> None:
    profile, size = PROFILES[name]
    ours, theirs = os.urandom(size), os.urandom(size)
    node = Srtp(SrtpKeys(name, receive=theirs, send=ours))
    reader = Session(Policy(ours, Policy.SSRC_ANY_INBOUND, srtp_profile=profile))
    writer = Session(Policy(theirs, Policy.SSRC_ANY_OUTBOUND, srtp_profile=profile))
    report = struct.pack("!BBHLL", 0x80, 201, 1, 77, 0)
    made: bytes | None = b""
    for _ in range(3):
        made = node.protect_rtcp(report)
        assert made is not None and reader.unprotect_rtcp(made) == report
        assert node.unprotect_rtcp(writer.protect_rtcp(report)) == report
    assert node.unprotect_rtcp(made[:9]) is None and node.unprotect_rtcp(made) is None
    assert node.hears(struct.pack("!L", 77)) and node.protect_rtcp(bytes(4000)) is None
