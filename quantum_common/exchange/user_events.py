"""From the frames of the user data stream to events. Pure: a frame in, events out."""

from collections.abc import Sequence
from enum import Enum

from quantum_common.exchange.answers import MalformedAnswer
from quantum_common.exchange.port import LeverageChanged, PositionChanged, Traded, TradeView, UserEvent, WalletChanged
from quantum_common.exchange.rows import WALLET_ASSET, Row, number, rows, side, text, whole
from quantum_common.money import ZERO

# TRADE is a fill; CALCULATED is one of a liquidation or of auto-deleveraging.
_FILLS = frozenset({"TRADE", "CALCULATED"})


class Ending(Enum):
    """The one message that ends a stream."""

    LISTEN_KEY_EXPIRED = "listenKeyExpired"


def events_of(message: object) -> Sequence[UserEvent] | Ending:
    """Given a message of the user data stream, return the events in it, or that the stream ends with it.

    TRADE_LITE is left out, as it has neither fee nor realised profit and the full event follows; so is every kind that
    changes nothing here. Raise MalformedAnswer for a message that breaks its documentation.
    """
    if not isinstance(message, dict):
        raise MalformedAnswer("an event is an object")
    match message.get("e"):
        case "ORDER_TRADE_UPDATE":
            return _traded(_part(message, "o"))
        case "ACCOUNT_UPDATE":
            return _account_events(message)
        case "ACCOUNT_CONFIG_UPDATE" if "ac" in message:
            setting = _part(message, "ac")
            return [LeverageChanged(text(setting, "s"), whole(setting, "l"))]
        case "listenKeyExpired":
            return Ending.LISTEN_KEY_EXPIRED
        case _:
            return []


def _part(message: Row, name: str) -> Row:
    part = message.get(name)
    if not isinstance(part, dict):
        raise MalformedAnswer(f"{name} is missing in {message.get('e')}")
    return part


def _traded(order: Row) -> list[UserEvent]:
    """Given the order of an ORDER_TRADE_UPDATE, return its fill, if it is one.

    A fill that names no trade is left out: under an id of its own it would be counted a second time when the list of
    trades brings it. The change of the position that comes with it is told all the same.
    """
    if text(order, "x") not in _FILLS or number(order, "l") == 0 or whole(order, "t") <= 0:
        return []
    trade = TradeView(
        symbol=text(order, "s"),
        trade_id=whole(order, "t"),
        order_id=whole(order, "i"),
        client_order_id=text(order, "c"),
        side=side(order, "S"),
        qty=number(order, "l"),
        price=number(order, "L"),
        # Fee and its asset are absent where there is none.
        fee=number(order, "n") if "n" in order else ZERO,
        fee_asset=text(order, "N") if "N" in order else WALLET_ASSET,
        realized_pnl=number(order, "rp"),
        trade_ms=whole(order, "T"),
    )
    return [Traded(trade)]


def _account_events(message: Row) -> list[UserEvent]:
    """Given an ACCOUNT_UPDATE, return the positions and the balance that it says have changed."""
    account, event_ms = _part(message, "a"), whole(message, "E")
    positions: list[UserEvent] = [
        PositionChanged(text(row, "s"), number(row, "pa"), number(row, "ep"), number(row, "up"), event_ms)
        for row in rows(account.get("P", []))
        if text(row, "ps") == "BOTH"
    ]
    wallets: list[UserEvent] = [
        WalletChanged(number(row, "wb"), text(account, "m"), event_ms)
        for row in rows(account.get("B", []))
        if row.get("a") == WALLET_ASSET
    ]
    return positions + wallets
