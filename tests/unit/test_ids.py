"""Identities: the same thing has the same id after a retry, a restart or a rebuild."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantum_common.ids import client_order_id, client_stop_id, intent_id, plan_id, plan_of

words = st.text(min_size=1, max_size=20)


def test_a_plan_id_is_the_first_16_hex_digits_over_intent_and_shard() -> None:
    assert plan_id("abc", "quantum") == hashlib.sha256(b"abc|quantum").hexdigest()[:16]
    assert plan_id("abc", "quantum:{1}") != plan_id("abc", "quantum")


def test_an_intent_without_id_has_no_plan() -> None:
    with pytest.raises(ValueError, match="without id"):
        plan_id("", "quantum")


def test_the_same_bar_never_asks_twice_and_another_bar_asks_anew() -> None:
    first = intent_id("BTCUSDT", "OPEN", 60_000, "1")
    assert first == intent_id("BTCUSDT", "OPEN", 60_000, "1")
    others = {
        intent_id("ETHUSDT", "OPEN", 60_000, "1"), intent_id("BTCUSDT", "CLOSE_FULL", 60_000, "1"),
        intent_id("BTCUSDT", "OPEN", 120_000, "1"), intent_id("BTCUSDT", "OPEN", 60_000, "2"),
    }  # fmt: skip
    assert len(others | {first}) == 5
    assert len(first) == 32


@given(words)
def test_client_ids_lead_back_to_their_plan(plan: str) -> None:
    assert plan_of(client_order_id(plan)) == plan
    assert plan_of(client_stop_id(plan)) == plan
    assert client_order_id(plan) != client_stop_id(plan)


@pytest.mark.parametrize("foreign", ["", "web_1", "autoclose-1", "x-qo-1", "QO-1"])
def test_an_order_of_somebody_else_belongs_to_no_plan(foreign: str) -> None:
    assert plan_of(foreign) is None


def test_a_client_id_fits_the_exchange() -> None:
    assert len(client_order_id(plan_id("any", "quantum:{12}"))) <= 36
