"""The codec: what a record is comes back as it was, and what it is not is Malformed with the field's name."""

from decimal import Decimal
from enum import StrEnum
from types import NoneType
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from quantum_common.messages import (
    Action,
    Decision,
    EvalType,
    GovernorEvent,
    Intent,
    Issuer,
    JournalEntry,
    Malformed,
    Number,
    OrderType,
    Permit,
    Plan,
    ReconcileEvent,
    Record,
    Result,
    Side,
)
from quantum_common.money import parse_decimal, plain
from quantum_common.reasons import Gate
from quantum_common.state import Hold, Ledger, OrderRecord, OrderState, PositionSide, Snapshot

NOW_MS = 1_790_000_000_000
DESIGN = {
    Intent: "intent_id symbol side action eval_type confidence expected_edge_bps position_size_usd fraction leverage "
    "entry_price stop_loss take_profit atr_value regime model model_version bar_close_ms reason source timestamp ts_ms",
    Plan: "plan_id intent_id decision gate symbol side eval_type action type qty reduceOnly price leverage stop_loss "
    "take_profit confidence regime expires_ms source gates timestamp ts_ms",
    Permit: "plan_id issuer symbol eval_type allow reason safe_qty kill_score kill_z z_cutoff k_regime_flip "
    "k_sigma_spike k_ts_drop k_age_penalty exchange_position_amt ledger_position_amt snapshot_age_ms details timestamp "
    "ts_ms",
    Result: "plan_id intent_id symbol side eval_type action executed decision gate order_id client_order_id "
    "order_status qty filled_qty cum_quote avg_price fee position_after sent_ms acked_ms error details timestamp ts_ms",
    Snapshot: "position_amt side entry_price mark_price unrealized_pnl leverage liquidation_price ts_epoch ts_iso "
    "ts_ms source",
    Ledger: "position_amt side avg_entry_price total_qty realized_pnl fees funding opened_ms peak_price last_order_id "
    "last_plan_id lag_ms updated_at updated_ms journal_id",
}


def numbers(least: int = -(10**12), most: int = 10**12) -> st.SearchStrategy[Decimal]:
    return st.decimals(least, most, allow_nan=False, allow_infinity=False, places=10)


names = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=20)
texts = st.text(st.characters(codec="utf-8"), max_size=30)
whole = st.integers(-(10**15), 10**15)
moments = st.integers(1, 10**15)
symbols = st.from_regex(r"[A-Z0-9_]{2,32}", fullmatch=True)
size = numbers(0)
price = numbers(1)


def maybe(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | values


@st.composite
def intents(draw: st.DrawFn) -> Intent:
    action = draw(st.sampled_from(Action))
    opens = action is Action.OPEN
    return Intent(
        intent_id=draw(names), symbol=draw(symbols), side=draw(st.sampled_from(Side)), action=action,
        eval_type=action.eval_type, confidence=draw(maybe(numbers(0, 1))), expected_edge_bps=draw(maybe(numbers())),
        position_size_usd=draw(price if opens else maybe(price)), fraction=draw(maybe(st.just(Decimal("0.25")))),
        leverage=draw(maybe(st.integers(1, 125))), entry_price=draw(maybe(price)),
        stop_loss=draw(price if action is Action.UPDATE_SL else maybe(price)), take_profit=draw(maybe(price)),
        atr_value=draw(maybe(size)), regime=draw(texts), model=draw(texts), model_version=draw(texts),
        bar_close_ms=draw(maybe(moments)), reason=draw(texts), source=draw(names),
        ts_ms=draw(st.integers(1000, 10**15)),
    )  # fmt: skip


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    action, gate = draw(st.sampled_from(Action)), draw(maybe(st.sampled_from(Gate)))
    return Plan(
        plan_id=draw(names), intent_id=draw(names), decision=Decision.BLOCKED if gate else Decision.EXECUTE, gate=gate,
        symbol=draw(symbols), side=draw(st.sampled_from(Side)), eval_type=action.eval_type, action=action,
        type=draw(st.sampled_from(OrderType)), qty=draw(price), reduce_only=action.eval_type is EvalType.EXIT,
        price=draw(maybe(price)), leverage=draw(maybe(st.integers(1, 125))),
        stop_loss=draw(price if action is Action.UPDATE_SL else maybe(price)),
        take_profit=draw(maybe(price)), confidence=draw(maybe(numbers(0, 1))), regime=draw(texts),
        expires_ms=draw(moments), source=draw(names), gates=draw(texts), ts_ms=draw(st.integers(1000, 10**15)),
    )  # fmt: skip


@st.composite
def permits(draw: st.DrawFn) -> Permit:
    reason = draw(maybe(st.sampled_from(Gate)))
    scores = {
        name: draw(maybe(numbers())) for name in Permit.model_fields if name.startswith(("k", "z", "exch", "ledg"))
    }
    return Permit(
        plan_id=draw(names), issuer=draw(st.sampled_from(Issuer)), symbol=draw(symbols),
        eval_type=draw(st.sampled_from(EvalType)), allow=reason is None, reason=reason, safe_qty=draw(maybe(size)),
        snapshot_age_ms=draw(maybe(whole)), details=draw(texts), ts_ms=draw(st.integers(1000, 10**15)), **scores,
    )  # fmt: skip


@st.composite
def results(draw: st.DrawFn) -> Result:
    gate = draw(maybe(st.sampled_from(Gate)))
    return Result(
        plan_id=draw(names), intent_id=draw(names), symbol=draw(symbols), side=draw(st.sampled_from(Side)),
        eval_type=draw(st.sampled_from(EvalType)), action=draw(st.sampled_from(Action)), executed=gate is None,
        decision=draw(st.sampled_from(Decision)), gate=gate, order_id=draw(maybe(whole)), client_order_id=draw(texts),
        order_status=draw(texts), qty=draw(size), filled_qty=draw(size), cum_quote=draw(maybe(size)),
        avg_price=draw(maybe(price)), fee=draw(maybe(numbers())), position_after=draw(maybe(numbers())),
        sent_ms=draw(maybe(moments)), acked_ms=draw(maybe(moments)), error=draw(texts), details=draw(texts),
        ts_ms=draw(st.integers(1000, 10**15)),
    )  # fmt: skip


@st.composite
def journal(draw: st.DrawFn) -> JournalEntry:
    return JournalEntry(
        kind=draw(st.sampled_from(["fill", "funding", "adjustment"])), symbol=draw(symbols), trade_id=draw(texts),
        order_id=draw(maybe(whole)), plan_id=draw(texts), client_order_id=draw(texts),
        side=draw(maybe(st.sampled_from(Side))), qty=draw(maybe(size)), price=draw(maybe(price)),
        fee=draw(maybe(numbers())), realized_pnl=draw(maybe(numbers())), funding=draw(maybe(numbers())),
        position_amt=draw(numbers()), avg_entry_price=draw(size), origin=draw(texts), trade_ms=draw(moments),
        lag_ms=draw(whole), cause=draw(texts), ts_ms=draw(st.integers(1000, 10**15)),
    )  # fmt: skip


@st.composite
def states(draw: st.DrawFn) -> Record:
    amount = draw(numbers())
    return draw(
        st.one_of(
            st.builds(GovernorEvent, kind=names, trading_state=names, reason=texts, by=names, details=texts,
                      ts_ms=st.integers(1000, 10**15), timestamp=moments),
            st.builds(ReconcileEvent, kind=st.sampled_from(["found", "held", "adopted", "healed", "released"]),
                      symbol=symbols, exchange_position_amt=numbers(), ledger_position_amt=numbers(), cause=texts,
                      details=texts, ts_ms=moments, timestamp=moments),
            st.builds(Hold, reason=names, exchange_position_amt=numbers(), ledger_position_amt=numbers(),
                      since_ms=moments, details=texts),
            st.builds(OrderRecord, plan_id=names, symbol=symbols, side=st.sampled_from(Side), qty=size,
                      client_order_id=texts, state=st.sampled_from(OrderState), stamp_ms=maybe(whole),
                      deadline_ms=maybe(whole), sent_ms=maybe(whole), permits=texts, result=texts, result_id=texts,
                      updated_ms=moments),
            st.just(Ledger.flat().model_copy(update={"position_amt": amount, "side": PositionSide.of(amount)})),
        )
    )  # fmt: skip


records = st.one_of(intents(), plans(), permits(), results(), journal(), states())


@given(records)
def test_any_record_comes_back_as_it_was_written(record: Record) -> None:
    fields = record.to_fields()
    assert all(type(value) is str for value in fields.values())
    assert type(record).from_fields(fields) == record
    assert type(record).from_json(record.to_json()) == record


@given(records)
def test_numbers_are_written_without_exponent(record: Record) -> None:
    for name, value in record:
        if isinstance(value, Decimal):
            wire = type(record).model_fields[name].alias or name
            assert set(record.to_fields()[wire]) <= set("-.0123456789")


@given(records, st.data())
def test_a_missing_field_is_malformed_by_its_name(record: Record, data: st.DataObject) -> None:
    fields = record.to_fields()
    missing = data.draw(st.sampled_from(sorted(fields)))
    del fields[missing]
    with pytest.raises(Malformed) as refused:
        type(record).from_fields(fields)
    assert (refused.value.field, refused.value.reason) == (missing, "is missing")


@given(records)
def test_an_unknown_field_is_malformed_by_its_name(record: Record) -> None:
    with pytest.raises(Malformed) as refused:
        type(record).from_fields({**record.to_fields(), "harvest_action": "CLOSE"})
    assert refused.value.field == "harvest_action"


@given(records)
def test_an_empty_field_that_must_not_be_is_malformed_by_its_name(record: Record) -> None:
    fields = record.to_fields()
    for name, about in type(record).model_fields.items():
        wire = about.alias or name
        bounded = any(getattr(rule, "min_length", None) for rule in about.metadata)
        if NoneType in get_args(about.annotation) or (about.annotation is str and not bounded):
            continue
        with pytest.raises(Malformed) as refused:
            type(record).from_fields({**fields, wire: ""})
        assert refused.value.field == wire


def plan_fields(**changes: str) -> dict[str, str]:
    plan = Plan(
        plan_id="p", intent_id="i", decision=Decision.EXECUTE, gate=None, symbol="BTCUSDT", side=Side.BUY,
        eval_type=EvalType.ENTRY, action=Action.OPEN, type=OrderType.MARKET, qty=Decimal("0.5"), reduce_only=False,
        price=None, leverage=None, stop_loss=None, take_profit=None, confidence=None, regime="", expires_ms=NOW_MS,
        source="test", gates="[]", ts_ms=NOW_MS,
    )  # fmt: skip
    return {**plan.to_fields(), **changes}


@pytest.mark.parametrize("model", DESIGN, ids=lambda model: model.__name__)
def test_the_fields_are_those_of_the_contract(model: type[Record]) -> None:
    assert sorted(model.wire_names()) == sorted(DESIGN[model].split())
    assert issubclass(model, Snapshot | Ledger) or model.wire_names()[-2:] == ("timestamp", "ts_ms")


@pytest.mark.parametrize(
    "text", ["1e3", "1E-7", "NaN", "Infinity", "+1", " 1", "1 ", ".5", "1.", "0x1", "1_0", "½", "٣"]
)
def test_a_number_that_is_not_a_plain_decimal_is_malformed(text: str) -> None:
    with pytest.raises(Malformed) as refused:
        Plan.from_fields(plan_fields(qty=text))
    assert refused.value.field == "qty"


@pytest.mark.parametrize("text", ["true", "TRUE", "1", "yes", "", "False "])
def test_a_flag_is_true_or_false_and_nothing_else(text: str) -> None:
    with pytest.raises(Malformed) as refused:
        Plan.from_fields(plan_fields(reduceOnly=text))
    assert refused.value.field == "reduceOnly"


@pytest.mark.parametrize("text", ["1.0", "1e3", "--5", "-", "٣", "a"])
def test_a_whole_number_is_digits_only(text: str) -> None:
    with pytest.raises(Malformed) as refused:
        Plan.from_fields(plan_fields(expires_ms=text))
    assert refused.value.field == "expires_ms"


def test_a_float_is_refused_where_money_is_meant() -> None:
    record = Plan.from_fields(plan_fields())
    with pytest.raises(ValueError, match="money is Decimal, never float"):
        Plan.model_validate({**dict(record), "qty": 0.5})


def test_a_number_that_no_reader_could_parse_is_refused_at_its_writer() -> None:
    record = Plan.from_fields(plan_fields())
    with pytest.raises(ValueError, match="not a plain decimal number"):
        Plan.model_validate({**dict(record), "qty": Decimal("1e-10") / 3})


@pytest.mark.parametrize("value", [Decimal("NaN"), Decimal("Infinity")])
def test_a_number_is_finite(value: Decimal) -> None:
    record = Plan.from_fields(plan_fields())
    with pytest.raises(ValueError, match="finite"):
        Plan.model_validate({**dict(record), "qty": value})


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"gate": "low_confidence"}, "decision EXECUTE with gate"),
        ({"decision": "BLOCKED"}, "decision BLOCKED with gate"),
        ({"qty": "0"}, "needs a quantity"),
        ({"reduceOnly": "True"}, "reduceOnly True on an ENTRY"),
        ({"action": "UPDATE_SL", "eval_type": "EXIT", "reduceOnly": "True"}, "UPDATE_SL must say stop_loss"),
    ],
)
def test_a_plan_that_contradicts_itself_is_malformed(changes: dict[str, str], why: str) -> None:
    with pytest.raises(Malformed, match=why):
        Plan.from_fields(plan_fields(**changes))


@pytest.mark.parametrize("text", ["[]", "1", "no json", ""])
def test_json_that_is_no_record_is_malformed(text: str) -> None:
    with pytest.raises(Malformed) as refused:
        Plan.from_json(text)
    assert refused.value.field == "entry"


def test_an_entry_of_a_stream_must_carry_its_seconds_too() -> None:
    fields = plan_fields()
    del fields["timestamp"]
    with pytest.raises(Malformed, match="timestamp: is missing"):
        Plan.from_fields(fields)


def test_code_gives_the_milliseconds_and_the_seconds_follow() -> None:
    assert Plan.from_fields(plan_fields()).timestamp == NOW_MS // 1000


def test_what_cannot_stand_in_a_stream_is_refused_by_the_writer() -> None:
    class Wrong(Record):
        parts: tuple[str, ...]

    with pytest.raises(TypeError, match="tuple cannot stand in a stream"):
        Wrong(parts=("a",)).to_fields()


def test_records_are_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Plan.from_fields(plan_fields()).qty = Decimal(1)  # type: ignore[misc]


class _WithAlias(StrEnum):
    PYTHON = "reduce_only"


def test_a_field_has_one_name_on_the_wire() -> None:
    fields = plan_fields()
    fields[_WithAlias.PYTHON] = fields.pop("reduceOnly")
    with pytest.raises(Malformed, match="reduceOnly: is missing"):
        Plan.from_fields(fields)


def intent_fields(**changes: Any) -> dict[str, Any]:
    return {
        "intent_id": "i", "symbol": "BTCUSDT", "side": "BUY", "action": "OPEN", "eval_type": "ENTRY", "confidence": "",
        "expected_edge_bps": "", "position_size_usd": "100", "fraction": "", "leverage": "", "entry_price": "",
        "stop_loss": "", "take_profit": "", "atr_value": "", "regime": "", "model": "", "model_version": "",
        "bar_close_ms": "", "reason": "", "source": "test", "timestamp": "1", "ts_ms": "1000", **changes,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"eval_type": "EXIT"}, "eval_type EXIT does not fit action OPEN"),
        ({"position_size_usd": ""}, "an OPEN must say position_size_usd"),
        ({"action": "UPDATE_SL", "eval_type": "EXIT"}, "an UPDATE_SL must say stop_loss"),
        ({"action": "ADD"}, "action: Input should be"),
        ({"symbol": "btcusdt"}, "symbol: String should match"),
        ({"leverage": "126"}, "leverage: Input should be less than or equal to 125"),
        ({"stop_loss": "-1"}, "stop_loss: Input should be greater than 0"),
    ],
)
def test_an_intent_that_makes_no_sense_is_malformed(changes: dict[str, str], why: str) -> None:
    with pytest.raises(Malformed, match=why):
        Intent.from_fields(intent_fields(**changes))


def test_sides_actions_and_sections_know_their_opposites_and_parts() -> None:
    assert (Side.BUY.sign, Side.SELL.sign) == (1, -1)
    assert (Side.BUY.opposite, Side.SELL.opposite) == (Side.SELL, Side.BUY)
    assert [action.close_fraction for action in Action] == [
        None, Decimal("0.25"), Decimal("0.5"), Decimal("0.75"), Decimal(1), None,
    ]  # fmt: skip
    assert [PositionSide.of(Decimal(n)).closing for n in (-1, 0, 1)] == [Side.BUY, None, Side.SELL]
    assert [state for state in OrderState if not state.terminal] == [OrderState.SENDING]


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_a_number_is_taken_exactly_where_its_reader_could_parse_it_again(value: Decimal) -> None:
    try:
        parse_decimal(plain(value))
    except ValueError:
        with pytest.raises(ValidationError):
            TypeAdapter(Number).validate_python(value)
    else:
        assert TypeAdapter(Number).validate_python(value) == value
