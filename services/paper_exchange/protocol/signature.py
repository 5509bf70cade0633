"""HMAC-SHA256 signatures over the raw bytes of query and body."""

import hashlib
import hmac
from typing import NamedTuple


class SignedText(NamedTuple):
    """What was signed and with what."""

    payload: bytes
    signature: str


def find_signature(query: bytes, body: bytes) -> SignedText | None:
    """Given the raw query and body, return the text signed and its signature; None where there is none.

    The text is query and body with nothing between them, less the parameter `signature`, which stands
    last in the one or the other.
    """
    for text, before, after in ((body, query, b""), (query, b"", body)):
        for name in (b"&signature=", b"signature="):
            start = text.rfind(name)
            if start < 0 or (start > 0 and not name.startswith(b"&")):
                continue
            value, _, rest = text[start + len(name) :].partition(b"&")
            kept = text[:start] + (b"&" + rest if rest and start else rest)
            return SignedText(before + kept + after, value.decode("ascii", "replace"))
    return None


def sign(secret: str, payload: bytes) -> str:
    """Given a secret and the text, return its signature in lower-case hexadecimal digits."""
    return hmac.new(secret.encode(), payload, hashlib.sha256).hexdigest()


def is_signed_by(secret: str, signed: SignedText) -> bool:
    """Given a secret and a signed text, return whether the one made the other, whatever the case of the digits."""
    return hmac.compare_digest(sign(secret, signed.payload).encode(), signed.signature.lower().encode())
