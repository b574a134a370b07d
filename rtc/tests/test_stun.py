"""STUN: what is genuine is answered, everything else is refused."""

import struct

import pytest
from aioice import stun as reference
from hypothesis import given
from hypothesis import strategies as st

from rtc import stun
from rtc.errors import Malformed
from rtc.ice import Credentials, IceLite

pytestmark = pytest.mark.unit

ID = b"123456789012"


def test_a_request_of_another_implementation_is_read_and_verified() -> None:
    message = reference.Message(reference.Method.BINDING, reference.Class.REQUEST, transaction_id=ID)
    message.attributes["USERNAME"] = "ours:theirs"
    message.attributes["PRIORITY"] = 1
    message.attributes["ICE-CONTROLLING"] = 5
    message.attributes["USE-CANDIDATE"] = None
    message.add_message_integrity(b"secret")
    request = stun.parse_request(bytes(message))
    assert request.username == "ours:theirs"
    assert request.use_candidate
    assert request.verify("secret")
    assert not request.verify("Secret")


@pytest.mark.parametrize("address", [("192.0.2.7", 4711), ("2001:db8::7", 4711, 0, 0)])
def test_another_implementation_reads_the_response(address: stun.Address) -> None:
    request = stun.parse_request(stun.build_request("a:b", "pw", ID))
    answer = reference.parse_message(stun.build_response(request, address, "pw"))
    answer.check_message_integrity(b"pw")
    assert answer.attributes["XOR-MAPPED-ADDRESS"][:2] == address[:2]
    assert answer.transaction_id == ID


def test_use_candidate_behind_the_integrity_is_not_believed() -> None:
    raw = stun.build_request("a:b", "pw", ID)
    body = raw[:-8] + struct.pack("!HH", stun.USE_CANDIDATE, 0)
    forged = stun._with_fingerprint(body)  # pyright: ignore[reportPrivateUsage]
    request = stun.parse_request(forged)
    assert request.verify("pw")
    assert not request.use_candidate


WHOLE = stun.build_request("a:b", "pw", ID)


@pytest.mark.parametrize(
    "damaged",
    [
        WHOLE[:-1],
        WHOLE[:-8],
        WHOLE[:-1] + bytes((WHOLE[-1] ^ 1,)),
        WHOLE[:4] + b"\0\0\0\0" + WHOLE[8:],
        b"\x01\x01" + WHOLE[2:],
        WHOLE + b"\0\0\0\0",
    ],
    ids=["short", "no fingerprint", "bad fingerprint", "no cookie", "a response", "trailing"],
)
def test_damaged_requests_are_refused(damaged: bytes) -> None:
    with pytest.raises(Malformed):
        stun.parse_request(damaged)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for one in (data, b"\0\1" + struct.pack("!H", max(0, len(data) - 0)) + b"\x21\x12\xa4\x42" + ID + data):
        try:
            stun.parse_request(one)
        except Malformed:
            pass


@given(st.binary(min_size=1, max_size=3), st.integers(0, 200))
def test_a_damaged_request_never_verifies(noise: bytes, at: int) -> None:
    raw = stun.build_request("a:b", "pw", ID, use_candidate=True)
    at %= len(raw) - len(noise)
    damaged = raw[:at] + noise + raw[at + len(noise) :]
    if damaged == raw:
        return
    with pytest.raises(Malformed):
        stun.parse_request(damaged)


def test_both_generations_of_credentials_work_during_a_restart() -> None:
    ice = IceLite(Credentials.new("first"))
    old = ice.current
    assert ice.restart("first") is None
    new = ice.restart("second")
    assert new is not None and new.password != old.password
    for credentials in (old, new):
        name = f"{credentials.ufrag}:{credentials.remote_ufrag}"
        request = stun.parse_request(stun.build_request(name, credentials.password, ID))
        assert ice.accept(request) is credentials
    mixed = stun.parse_request(stun.build_request(f"{new.ufrag}:first", new.password, ID))
    assert ice.accept(mixed) is None
