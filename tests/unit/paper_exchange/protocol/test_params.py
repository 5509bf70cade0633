"""Parameters, however a client sends them."""

from decimal import Decimal

import pytest

from services.paper_exchange.engine.errors import ExchangeError
from services.paper_exchange.protocol.errors import bad_interval
from services.paper_exchange.protocol.params import Params, json_text


def test_the_query_wins_over_the_body_and_names_have_no_case() -> None:
    params = Params.parse("symbol=ETHUSDT&orderid=5", "symbol=BTCUSDT&newClientOrderId=a%3Ab")
    assert params.text("symbol") == "ETHUSDT"
    assert params.integer("orderId") == 5
    assert params.text("NEWCLIENTORDERID") == "a:b"
    assert "side" not in params
    assert "symbol" in params


@pytest.mark.parametrize(("text", "value"), [("True", True), ("true", True), ("FALSE", False), ("false", False)])
def test_booleans_have_no_case(text: str, value: bool) -> None:
    assert Params({"reduceOnly": text}).flag("reduceOnly") is value


def test_numbers_stay_exact() -> None:
    params = Params({"quantity": "0.1000000000000000001", "price": "-5", "none": ""})
    assert params.number("quantity") == Decimal("0.1000000000000000001")
    assert params.number("price") == -5
    assert params.number("none") is None
    assert params.integer("none") is None
    assert params.flag("none") is None
    assert params.items("none", 5) is None
    assert params.choice("none", ("a",), bad_interval()) is None


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda p: p.required("absent"), -1102),
        (lambda p: p.required("empty"), -1102),
        (lambda p: p.number("word"), -1100),
        (lambda p: p.number("exponent"), -1100),
        (lambda p: p.integer("fraction"), -1100),
        (lambda p: p.flag("word"), -1130),
        (lambda p: p.items("word", 5), -1130),
        (lambda p: p.items("list", 2), -1130),
        (lambda p: p.items("object", 2), -1130),
        (lambda p: p.choice("word", ("a", "b"), bad_interval()), -1120),
        (lambda p: Params.of_item(5), -1130),
        (lambda p: Params.parse("a=1&a=2", ""), -1101),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_code(call: object, code: int) -> None:
    params = Params(
        {"empty": "", "word": "abc", "exponent": "1e-7", "fraction": "1.5", "list": "[1,2,3]", "object": '{"a":1}'}
    )
    with pytest.raises(ExchangeError) as refused:
        call(params)  # type: ignore[operator]
    assert refused.value.code == code


def test_the_items_of_a_batch_read_like_forms() -> None:
    params = Params.of_item({"quantity": 0.5, "reduceOnly": True, "price": None, "orderId": 7, "tiny": 1e-7})
    assert params.number("quantity") == Decimal("0.5")
    assert params.flag("reduceOnly") is True
    assert params.text("price") is None
    assert params.integer("orderId") == 7
    assert params.number("tiny") == Decimal("0.0000001")
    assert json_text([1, "a"]) == '[1,"a"]'
