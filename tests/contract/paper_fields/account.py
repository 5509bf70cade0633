"""Field tables of positions, balances and settings."""

from tests.contract.paper_fields.shape import BOOL, DEC, INT, NUM, STR

POSITION_V3 = {
    "symbol": STR,
    "positionSide": STR,
    "positionAmt": DEC,
    "entryPrice": DEC,
    "breakEvenPrice": DEC,
    "markPrice": DEC,
    "unRealizedProfit": DEC,
    "liquidationPrice": DEC,
    "isolatedMargin": DEC,
    "notional": DEC,
    "marginAsset": STR,
    "isolatedWallet": DEC,
    "initialMargin": DEC,
    "maintMargin": DEC,
    "positionInitialMargin": DEC,
    "openOrderInitialMargin": DEC,
    "adl": INT,
    "bidNotional": DEC,
    "askNotional": DEC,
    "updateTime": INT,
}
POSITION_V2 = {
    "symbol": STR,
    "positionAmt": DEC,
    "entryPrice": DEC,
    "breakEvenPrice": DEC,
    "markPrice": DEC,
    "unRealizedProfit": DEC,
    "liquidationPrice": DEC,
    "leverage": STR,
    "maxNotionalValue": DEC,
    "marginType": STR,
    "isolatedMargin": DEC,
    "isAutoAddMargin": STR,
    "positionSide": STR,
    "notional": DEC,
    "isolatedWallet": DEC,
    "updateTime": INT,
}
TOTALS = {
    "totalInitialMargin": DEC,
    "totalMaintMargin": DEC,
    "totalWalletBalance": DEC,
    "totalUnrealizedProfit": DEC,
    "totalMarginBalance": DEC,
    "totalPositionInitialMargin": DEC,
    "totalOpenOrderInitialMargin": DEC,
    "totalCrossWalletBalance": DEC,
    "totalCrossUnPnl": DEC,
    "availableBalance": DEC,
    "maxWithdrawAmount": DEC,
}
ASSET_V3 = {
    "asset": STR,
    "walletBalance": DEC,
    "unrealizedProfit": DEC,
    "marginBalance": DEC,
    "maintMargin": DEC,
    "initialMargin": DEC,
    "positionInitialMargin": DEC,
    "openOrderInitialMargin": DEC,
    "crossWalletBalance": DEC,
    "crossUnPnl": DEC,
    "availableBalance": DEC,
    "maxWithdrawAmount": DEC,
    "updateTime": INT,
}
ACCOUNT_V3 = TOTALS | {
    "assets": [ASSET_V3],
    "positions": [
        {
            "symbol": STR,
            "positionSide": STR,
            "positionAmt": DEC,
            "unrealizedProfit": DEC,
            "isolatedMargin": DEC,
            "notional": DEC,
            "isolatedWallet": DEC,
            "initialMargin": DEC,
            "maintMargin": DEC,
            "updateTime": INT,
        }
    ],
}
ACCOUNT_V2 = TOTALS | {
    "feeTier": INT,
    "feeBurn": BOOL,
    "canTrade": BOOL,
    "canDeposit": BOOL,
    "canWithdraw": BOOL,
    "updateTime": INT,
    "multiAssetsMargin": BOOL,
    "tradeGroupId": INT,
    "assets": [ASSET_V3 | {"marginAvailable": BOOL}],
    "positions": [
        {
            "symbol": STR,
            "initialMargin": DEC,
            "maintMargin": DEC,
            "unrealizedProfit": DEC,
            "positionInitialMargin": DEC,
            "openOrderInitialMargin": DEC,
            "leverage": STR,
            "isolated": BOOL,
            "entryPrice": DEC,
            "breakEvenPrice": DEC,
            "maxNotional": DEC,
            "bidNotional": DEC,
            "askNotional": DEC,
            "positionSide": STR,
            "positionAmt": DEC,
            "notional": DEC,
            "isolatedWallet": DEC,
            "updateTime": INT,
        }
    ],
}
BALANCE = {
    "accountAlias": STR,
    "asset": STR,
    "balance": DEC,
    "crossWalletBalance": DEC,
    "crossUnPnl": DEC,
    "availableBalance": DEC,
    "maxWithdrawAmount": DEC,
    "marginAvailable": BOOL,
    "updateTime": INT,
}
ACCOUNT_CONFIG = {
    "feeTier": INT,
    "canTrade": BOOL,
    "canDeposit": BOOL,
    "canWithdraw": BOOL,
    "dualSidePosition": BOOL,
    "updateTime": INT,
    "multiAssetsMargin": BOOL,
    "tradeGroupId": INT,
}
SYMBOL_CONFIG = {
    "symbol": STR,
    "marginType": STR,
    "isAutoAddMargin": BOOL,
    "leverage": INT,
    "maxNotionalValue": DEC,
}
LEVERAGE = {"leverage": INT, "maxNotionalValue": DEC, "symbol": STR}
BRACKETS = {
    "symbol": STR,
    "brackets": [
        {
            "bracket": INT,
            "initialLeverage": INT,
            "notionalCap": NUM,
            "notionalFloor": NUM,
            "maintMarginRatio": NUM,
            "cum": NUM,
        }
    ],
}
COMMISSION_RATE = {
    "symbol": STR,
    "makerCommissionRate": DEC,
    "takerCommissionRate": DEC,
    "rpiCommissionRate": DEC,
}
INCOME = {
    "symbol": STR,
    "incomeType": STR,
    "income": DEC,
    "asset": STR,
    "info": STR,
    "time": INT,
    "tranId": INT,
    "tradeId": STR,
}
POSITION_MARGIN = {"amount": NUM, "code": INT, "msg": STR, "type": INT}
LISTEN_KEY = {"listenKey": STR}
