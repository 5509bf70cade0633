"""Field tables of websocket events."""

from tests.contract.paper_fields.shape import BOOL, DEC, INT, STR

_ORDER = {
    **dict.fromkeys(("s", "c", "S", "o", "f", "x", "X", "wt", "ot", "ps", "V", "pm", "er"), STR),
    **dict.fromkeys(("q", "p", "ap", "sp", "l", "z", "L", "b", "a", "rp"), DEC),
    **dict.fromkeys(("i", "T", "t", "si", "ss", "gtd"), INT),
    **dict.fromkeys(("m", "R", "cp", "pP"), BOOL),
}
ORDER_TRADE_UPDATE = {"e": STR, "E": INT, "T": INT, "o": _ORDER}
FILL_UPDATE = {"e": STR, "E": INT, "T": INT, "o": {**_ORDER, "n": DEC, "N": STR}}
ACCOUNT_UPDATE = {
    "e": STR,
    "E": INT,
    "T": INT,
    "a": {
        "m": STR,
        "B": [{"a": STR, "wb": DEC, "cw": DEC, "bc": DEC}],
        "P": [
            {
                "s": STR,
                "pa": DEC,
                "ep": DEC,
                "bep": DEC,
                "cr": DEC,
                "up": DEC,
                "mt": STR,
                "iw": DEC,
                "ps": STR,
                "ma": STR,
            }
        ],
    },
}
TRADE_LITE = {
    **dict.fromkeys(("e", "s", "c", "S"), STR),
    **dict.fromkeys(("E", "T", "t", "i"), INT),
    **dict.fromkeys(("q", "p", "L", "l"), DEC),
    "m": BOOL,
}
ALGO_UPDATE = {
    "e": STR,
    "T": INT,
    "E": INT,
    "o": {
        **dict.fromkeys(("caid", "at", "o", "s", "S", "ps", "f", "X", "ai", "act", "V", "wt", "pm"), STR),
        **dict.fromkeys(("q", "ap", "aq", "tp", "p"), DEC),
        **dict.fromkeys(("aid", "tt", "gtd"), INT),
        **dict.fromkeys(("cp", "pP", "R", "ia"), BOOL),
    },
}
CONFIG_UPDATE = {"e": STR, "E": INT, "T": INT, "ac": {"s": STR, "l": INT}}
LISTEN_KEY_EXPIRED = {"e": STR, "E": INT, "listenKey": STR}

MARK_PRICE = {
    **dict.fromkeys(("e", "s"), STR),
    **dict.fromkeys(("E", "T", "st"), INT),
    **dict.fromkeys(("p", "ap", "i", "P", "r"), DEC),
}
STREAM_BOOK_TICKER = {
    **dict.fromkeys(("e", "s", "ps"), STR),
    **dict.fromkeys(("u", "E", "T", "st"), INT),
    **dict.fromkeys(("b", "B", "a", "A"), DEC),
}
STREAM_KLINE = {
    **dict.fromkeys(("t", "T", "f", "L", "n"), INT),
    **dict.fromkeys(("o", "c", "h", "l", "v", "q", "V", "Q", "B"), DEC),
    "s": STR,
    "i": STR,
    "x": BOOL,
}
KLINE_EVENT = {"e": STR, "E": INT, "s": STR, "k": STREAM_KLINE}
CONTINUOUS_KLINE_EVENT = {
    "e": STR,
    "E": INT,
    "ps": STR,
    "ct": STR,
    "k": {name: kind for name, kind in STREAM_KLINE.items() if name != "s"},
}
STREAM_TRADE = {
    **dict.fromkeys(("e", "s"), STR),
    **dict.fromkeys(("E", "a", "f", "l", "T", "st"), INT),
    **dict.fromkeys(("p", "q", "nq"), DEC),
    "m": BOOL,
}
STREAM_DEPTH = {
    **dict.fromkeys(("e", "s", "ps"), STR),
    **dict.fromkeys(("E", "T", "U", "u", "pu", "st"), INT),
    "b": [[DEC, DEC]],
    "a": [[DEC, DEC]],
}
