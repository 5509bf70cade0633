"""The listen key: one, renewed while alive, gone after its life."""

from services.paper_exchange.listen_keys import KEY_LENGTH, ListenKeys


def test_a_living_key_is_given_again_and_renewed() -> None:
    keys = ListenKeys(life_ms=1000)
    key = keys.open(0)
    assert len(key) == KEY_LENGTH
    assert keys.open(900) == key
    assert keys.is_alive(key, 1899)
    assert keys.keep_alive(1800) == key
    assert keys.is_alive(key, 2799)
    assert not keys.is_alive("another", 0)


def test_a_key_dies_unless_renewed() -> None:
    keys = ListenKeys(life_ms=1000)
    key = keys.open(0)
    assert keys.expired(999) is None
    assert keys.keep_alive(1000) is None
    assert keys.expired(1000) == key
    assert keys.expired(1001) is None
    assert keys.open(1002) != key


def test_a_closed_key_is_gone() -> None:
    keys = ListenKeys(life_ms=1000)
    key = keys.open(0)
    assert keys.close() == key
    assert keys.close() is None
    assert keys.keep_alive(1) is None
