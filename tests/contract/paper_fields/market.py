"""Field tables of market data."""

from tests.contract.paper_fields.shape import BOOL, DEC, INT, STR, STRINGS

SERVER_TIME = {"serverTime": INT}
RATE_LIMIT = {"rateLimitType": STR, "interval": STR, "intervalNum": INT, "limit": INT}
SYMBOL = {
    "symbol": STR,
    "pair": STR,
    "contractType": STR,
    "deliveryDate": INT,
    "onboardDate": INT,
    "status": STR,
    "maintMarginPercent": DEC,
    "requiredMarginPercent": DEC,
    "baseAsset": STR,
    "quoteAsset": STR,
    "marginAsset": STR,
    "pricePrecision": INT,
    "quantityPrecision": INT,
    "baseAssetPrecision": INT,
    "quotePrecision": INT,
    "underlyingType": STR,
    "underlyingSubType": STRINGS,
    "settlePlan": INT,
    "triggerProtect": DEC,
    "liquidationFee": DEC,
    "marketTakeBound": DEC,
    "maxMoveOrderLimit": INT,
    "filters": [
        {"filterType": STR, "tickSize": DEC, "minPrice": DEC, "maxPrice": DEC},
        {"filterType": STR, "stepSize": DEC, "maxQty": DEC, "minQty": DEC},
        {"filterType": STR, "stepSize": DEC, "maxQty": DEC, "minQty": DEC},
        {"filterType": STR, "limit": INT},
        {"filterType": STR, "notional": DEC},
        {"filterType": STR, "multiplierUp": DEC, "multiplierDown": DEC, "multiplierDecimal": STR},
        {"filterType": STR, "positionControlSide": STR},
    ],
    "orderTypes": STRINGS,
    "timeInForce": STRINGS,
    "permissionSets": STRINGS,
}
EXCHANGE_INFO = {
    "timezone": STR,
    "serverTime": INT,
    "futuresType": STR,
    "rateLimits": [RATE_LIMIT],
    "exchangeFilters": [{}],
    "assets": [{"asset": STR, "marginAvailable": BOOL, "autoAssetExchange": DEC}],
    "symbols": [SYMBOL],
}
KLINE = [INT, DEC, DEC, DEC, DEC, DEC, INT, DEC, INT, DEC, DEC, DEC]
PREMIUM_INDEX = {
    "symbol": STR,
    "markPrice": DEC,
    "indexPrice": DEC,
    "estimatedSettlePrice": DEC,
    "lastFundingRate": DEC,
    "interestRate": DEC,
    "nextFundingTime": INT,
    "time": INT,
}
BOOK_TICKER = {
    "symbol": STR,
    "bidPrice": DEC,
    "bidQty": DEC,
    "askPrice": DEC,
    "askQty": DEC,
    "time": INT,
    "lastUpdateId": INT,
}
PRICE_TICKER = {"symbol": STR, "price": DEC, "time": INT}
DEPTH = {"lastUpdateId": INT, "E": INT, "T": INT, "bids": [[DEC, DEC]], "asks": [[DEC, DEC]]}
FUNDING_RATE = {"symbol": STR, "fundingRate": DEC, "fundingTime": INT, "markPrice": DEC, "rateType": STR}
FUNDING_INFO = {
    "symbol": STR,
    "adjustedFundingRateCap": DEC,
    "adjustedFundingRateFloor": DEC,
    "fundingIntervalHours": INT,
    "disclaimer": BOOL,
}
DAY_TICKER = {
    "symbol": STR,
    "priceChange": DEC,
    "priceChangePercent": DEC,
    "weightedAvgPrice": DEC,
    "lastPrice": DEC,
    "lastQty": DEC,
    "openPrice": DEC,
    "highPrice": DEC,
    "lowPrice": DEC,
    "volume": DEC,
    "quoteVolume": DEC,
    "openTime": INT,
    "closeTime": INT,
    "firstId": INT,
    "lastId": INT,
    "count": INT,
}
PUBLIC_TRADE = {"id": INT, "price": DEC, "qty": DEC, "quoteQty": DEC, "time": INT, "isBuyerMaker": BOOL}
AGGREGATE_TRADE = {"a": INT, "p": DEC, "q": DEC, "f": INT, "l": INT, "T": INT, "m": BOOL}
