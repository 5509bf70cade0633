"""Field tables of orders, algo orders and trades."""

from tests.contract.paper_fields.shape import BOOL, DEC, INT, NULL, STR

PLACED = {
    "orderId": INT,
    "symbol": STR,
    "status": STR,
    "clientOrderId": STR,
    "price": DEC,
    "origQty": DEC,
    "executedQty": DEC,
    "cumQty": DEC,
    "timeInForce": STR,
    "type": STR,
    "reduceOnly": BOOL,
    "closePosition": BOOL,
    "side": STR,
    "positionSide": STR,
    "stopPrice": DEC,
    "workingType": STR,
    "priceProtect": BOOL,
    "origType": STR,
    "priceMatch": STR,
    "selfTradePreventionMode": STR,
    "goodTillDate": INT,
    "updateTime": INT,
}
QUERIED = {name: kind for name, kind in PLACED.items() if name != "cumQty"} | {
    "avgPrice": DEC,
    "cumQuote": DEC,
    "time": INT,
}
LISTED = QUERIED | {"pair": STR, "cumBase": DEC}
USER_TRADE = {
    "symbol": STR,
    "pair": STR,
    "id": INT,
    "orderId": INT,
    "side": STR,
    "positionSide": STR,
    "price": DEC,
    "qty": DEC,
    "quoteQty": DEC,
    "baseQty": DEC,
    "realizedPnl": DEC,
    "commission": DEC,
    "commissionAsset": STR,
    "marginAsset": STR,
    "time": INT,
    "buyer": BOOL,
    "maker": BOOL,
}
DONE = {"code": INT, "msg": STR}
COUNTDOWN = {"symbol": STR, "countdownTime": STR}
ALGO = {
    "algoId": INT,
    "clientAlgoId": STR,
    "algoType": STR,
    "orderType": STR,
    "symbol": STR,
    "side": STR,
    "positionSide": STR,
    "timeInForce": STR,
    "quantity": DEC,
    "algoStatus": STR,
    "triggerPrice": DEC,
    "price": DEC,
    "icebergQuantity": NULL,
    "selfTradePreventionMode": STR,
    "workingType": STR,
    "priceMatch": STR,
    "closePosition": BOOL,
    "priceProtect": BOOL,
    "reduceOnly": BOOL,
    "activatePrice": STR,
    "callbackRate": STR,
    "createTime": INT,
    "updateTime": INT,
    "triggerTime": INT,
    "goodTillDate": INT,
}
ALGO_OPEN = ALGO | {"actualOrderId": STR, "actualQty": DEC, "isActivated": BOOL}
ALGO_LISTED = ALGO | {"actualOrderId": STR, "actualPrice": DEC, "tpOrderType": STR}
ALGO_CANCELED = {"algoId": INT, "clientAlgoId": STR, "code": STR, "msg": STR}
