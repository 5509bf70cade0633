"""The endpoints of positions, balances, income and settings."""

from typing import Any

from services.paper_exchange.engine import errors as refusals
from services.paper_exchange.engine.enums import IncomeType, MarginType
from services.paper_exchange.engine.errors import refused
from services.paper_exchange.engine.views import AccountView, PositionView
from services.paper_exchange.protocol import account_answers as answers
from services.paper_exchange.protocol.endpoint import Call, Endpoint, Symbol, position_side
from services.paper_exchange.protocol.errors import malformed, missing
from services.paper_exchange.protocol.late_reads import horizon_ms
from services.paper_exchange.protocol.numbers import fixed, json_number

DONE = {"code": 200, "msg": "success"}
_INCOME_TYPES = frozenset(IncomeType.__members__)
_OTHER_INCOME_TYPES = frozenset(
    {"WELCOME_BONUS", "REFERRAL_KICKBACK", "COMMISSION_REBATE", "INTERNAL_TRANSFER", "COIN_SWAP_DEPOSIT", "API_REBATE"}
    | {"CROSS_COLLATERAL_TRANSFER", "AUTO_EXCHANGE", "DELIVERED_SETTELMENT", "SPECIAL_FUNDING_FEE"}
)


def position_risk_v3(call: Call) -> list[dict[str, Any]]:
    """GET v3/positionRisk."""
    views = _positions(call, all_symbols=False)
    return [answers.position_v3(view, call.rules(view.symbol)) for view in views]


def position_risk_v2(call: Call) -> list[dict[str, Any]]:
    """GET v2/positionRisk and v1: every contract."""
    views = _positions(call, all_symbols=True)
    return [answers.position_v2(view, call.rules(view.symbol)) for view in views]


def account_v3(call: Call) -> dict[str, Any]:
    """GET v3/account."""
    view = _account(call)
    rows = [
        answers.account_position_v3(position, call.rules(position.symbol))
        for position in _positions(call, all_symbols=False)
    ]
    return answers.account_totals(view) | {"assets": [answers.asset_row(view)], "positions": rows}


def account_v2(call: Call) -> dict[str, Any]:
    """GET v2/account."""
    view = _account(call)
    rows = [
        answers.account_position_v2(position, call.rules(position.symbol))
        for position in _positions(call, all_symbols=True)
    ]
    asset = answers.asset_row(view) | {"marginAvailable": True}
    return answers.account_flags(view) | answers.account_totals(view) | {"assets": [asset], "positions": rows}


def balance(call: Call) -> list[dict[str, Any]]:
    """GET v3/balance and v2."""
    return [answers.balance_row(_account(call))]


def account_config(call: Call) -> dict[str, Any]:
    """GET accountConfig."""
    return answers.account_config(call.exchange.engine.account())


def api_restrictions(call: Call) -> dict[str, Any]:
    """GET sapi account/apiRestrictions: what the API key may do."""
    return answers.api_restrictions(withdraws=call.exchange.key_withdraws)


def symbol_config(call: Call) -> list[dict[str, Any]]:
    """GET symbolConfig."""
    wanted = call.params.text("symbol")
    symbols = [wanted] if wanted else list(call.exchange.engine.symbols())
    engine = call.exchange.engine
    return [answers.symbol_config(engine.settings(symbol), call.rules(symbol)) for symbol in symbols]


def set_leverage(call: Call) -> dict[str, Any]:
    """POST leverage."""
    leverage = call.params.integer("leverage")
    if leverage is None:
        raise missing("leverage")
    settings = call.exchange.engine.set_leverage(call.symbol, leverage, call.exchange.now_ms())
    cap = call.rules().max_notional(settings.leverage)
    return {"leverage": settings.leverage, "maxNotionalValue": fixed(cap, 0), "symbol": settings.symbol}


def set_margin_type(call: Call) -> dict[str, Any]:
    """POST marginType."""
    word = call.params.required("marginType")
    word = "CROSSED" if word == "CROSS" else word
    if word not in MarginType.__members__:
        raise malformed("marginType")
    call.exchange.engine.set_margin_type(call.symbol, MarginType(word), call.exchange.now_ms())
    return DONE


def get_position_mode(call: Call) -> dict[str, Any]:
    """GET positionSide/dual."""
    return {"dualSidePosition": call.exchange.engine.account_row().dual_side}


def set_position_mode(call: Call) -> dict[str, Any]:
    """POST positionSide/dual."""
    wanted = call.params.flag("dualSidePosition")
    if wanted is None:
        raise missing("dualSidePosition")
    call.exchange.engine.set_position_mode(call.exchange.now_ms(), dual_side=wanted)
    return DONE


def get_multi_assets(call: Call) -> dict[str, Any]:
    """GET multiAssetsMargin."""
    return {"multiAssetsMargin": call.exchange.engine.account_row().multi_assets}


def set_multi_assets(call: Call) -> dict[str, Any]:
    """POST multiAssetsMargin."""
    wanted = call.params.flag("multiAssetsMargin")
    if wanted is None:
        raise missing("multiAssetsMargin")
    call.exchange.engine.set_multi_assets(call.exchange.now_ms(), enabled=wanted)
    return DONE


def change_position_margin(call: Call) -> dict[str, Any]:
    """POST positionMargin: type 1 adds to an isolated position, 2 takes from it."""
    amount, kind = call.params.number("amount"), call.params.required("type")
    if amount is None:
        raise missing("amount")
    if kind not in ("1", "2"):
        raise malformed("type")
    if amount <= 0:
        raise refused(refusals.AMOUNT_NOT_POSITIVE)
    side = position_side(call.params)
    signed = amount if kind == "1" else -amount
    call.exchange.engine.modify_isolated_margin(call.symbol, side, signed, call.exchange.now_ms())
    return {
        "amount": json_number(amount),
        "code": 200,
        "msg": "Successfully modify position margin.",
        "type": int(kind),
    }


def leverage_brackets(call: Call) -> list[dict[str, Any]]:
    """GET leverageBracket."""
    wanted = call.params.text("symbol")
    symbols = [wanted] if wanted else list(call.exchange.engine.symbols())
    return [{"symbol": symbol, "brackets": _brackets(call, symbol)} for symbol in symbols]


def commission_rate(call: Call) -> dict[str, Any]:
    """GET commissionRate."""
    rules = call.rules()
    return {
        "symbol": rules.symbol,
        "makerCommissionRate": fixed(rules.maker_fee, 6),
        "takerCommissionRate": fixed(rules.taker_fee, 6),
        "rpiCommissionRate": fixed(rules.maker_fee, 6),
    }


def income(call: Call) -> list[dict[str, Any]]:
    """GET income."""
    kind = call.params.text("incomeType")
    if kind is not None and kind not in _INCOME_TYPES | _OTHER_INCOME_TYPES:
        raise malformed("incomeType")
    if kind in _OTHER_INCOME_TYPES:
        return []
    rows = call.exchange.engine.income(
        call.exchange.now_ms(),
        call.window(100, 1000),
        symbol=call.params.text("symbol"),
        income_type=IncomeType(kind) if kind is not None else None,
    )
    horizon = horizon_ms(call)
    return [answers.income_row(row) for row in rows if horizon is None or row.time_ms <= horizon]


def adl_quantile(call: Call) -> list[dict[str, Any]]:
    """GET adlQuantile."""
    return [
        {"symbol": view.symbol, "adlQuantile": {str(view.side): view.adl, "HEDGE": 0}}
        for view in _positions(call, all_symbols=False)
    ]


def _positions(call: Call, *, all_symbols: bool) -> list[PositionView]:
    symbol = call.params.text("symbol")
    horizon = horizon_ms(call)
    if horizon is not None:
        return call.exchange.past.positions(horizon, symbol, all_symbols=all_symbols)
    return call.exchange.engine.positions(symbol, all_symbols=all_symbols)


def _account(call: Call) -> AccountView:
    horizon = horizon_ms(call)
    return call.exchange.engine.account() if horizon is None else call.exchange.past.account(horizon)


def _brackets(call: Call, symbol: str) -> list[dict[str, Any]]:
    return [
        {
            "bracket": bracket.number,
            "initialLeverage": bracket.initial_leverage,
            "notionalCap": int(bracket.cap),
            "notionalFloor": int(bracket.floor),
            "maintMarginRatio": json_number(bracket.maint_ratio),
            "cum": json_number(bracket.cum),
        }
        for bracket in call.rules(symbol).brackets
    ]


ENDPOINTS = (
    Endpoint("GET", "/fapi/v3/positionRisk", position_risk_v3, 5, symbol=Symbol.OPTIONAL),
    Endpoint("GET", "/fapi/v2/positionRisk", position_risk_v2, 5, symbol=Symbol.OPTIONAL),
    Endpoint("GET", "/fapi/v1/positionRisk", position_risk_v2, 5, symbol=Symbol.OPTIONAL),
    Endpoint("GET", "/fapi/v3/account", account_v3, 5),
    Endpoint("GET", "/fapi/v2/account", account_v2, 5),
    Endpoint("GET", "/fapi/v1/account", account_v2, 5),
    Endpoint("GET", "/fapi/v3/balance", balance, 5),
    Endpoint("GET", "/fapi/v2/balance", balance, 5),
    Endpoint("GET", "/fapi/v1/accountConfig", account_config, 5),
    Endpoint("GET", "/sapi/v1/account/apiRestrictions", api_restrictions, 0, shows_weight=False),
    Endpoint("GET", "/fapi/v1/symbolConfig", symbol_config, 5, symbol=Symbol.OPTIONAL),
    Endpoint("POST", "/fapi/v1/leverage", set_leverage, symbol=Symbol.REQUIRED, required=("leverage",)),
    Endpoint("POST", "/fapi/v1/marginType", set_margin_type, symbol=Symbol.REQUIRED, required=("marginType",)),
    Endpoint("GET", "/fapi/v1/positionSide/dual", get_position_mode, 30),
    Endpoint("POST", "/fapi/v1/positionSide/dual", set_position_mode, required=("dualSidePosition",)),
    Endpoint("GET", "/fapi/v1/multiAssetsMargin", get_multi_assets, 30),
    Endpoint("POST", "/fapi/v1/multiAssetsMargin", set_multi_assets, required=("multiAssetsMargin",)),
    Endpoint(
        "POST", "/fapi/v1/positionMargin", change_position_margin, symbol=Symbol.REQUIRED, required=("amount", "type")
    ),
    Endpoint("GET", "/fapi/v1/leverageBracket", leverage_brackets, symbol=Symbol.OPTIONAL),
    Endpoint("GET", "/fapi/v1/commissionRate", commission_rate, 20, symbol=Symbol.REQUIRED),
    Endpoint("GET", "/fapi/v1/income", income, 30, symbol=Symbol.OPTIONAL),
    Endpoint("GET", "/fapi/v1/adlQuantile", adl_quantile, 5, symbol=Symbol.OPTIONAL),
)
