"""What the profiles come to on whole markets: bars through the pure code, fills at the next bar's open, no service."""

import csv
import gzip
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import islice
from pathlib import Path

import pytest

from quantum_common.exchange.port import Bar, SymbolRules
from quantum_common.messages import Action, Intent, Side
from quantum_common.money import floor_to_step
from services.ai_engine.decide import decide
from services.ai_engine.features import WARM_BARS, SymbolFeatures, Updated
from services.ai_engine.memory import ExitMemory
from services.ai_engine.momentum_model import momentum_model
from services.ai_engine.policy import Policy, ProfileName
from services.ai_engine.standing import Seen
from tests.unit.ai_engine import given

SYMBOLS, MINUTES = 12, 500
EXPLORE, TRADE = given.policy(), given.policy(ProfileName.TRADE)


@dataclass
class Outcome:
    """What was asked for and came to an order, over all symbols."""

    wishes: list[Intent] = field(default_factory=list)

    @property
    def orders(self) -> list[Intent]:
        return [wish for wish in self.wishes if wish.action is not Action.UPDATE_SL]

    @property
    def entries(self) -> list[Intent]:
        return [wish for wish in self.wishes if wish.action is Action.OPEN]


def traded(symbol: str, bars: Iterable[Bar], rules: SymbolRules, policy: Policy) -> list[Intent]:
    """Every wish on one symbol, each filled at the next bar's open."""
    model = momentum_model(policy)
    engine, wishes, memory = SymbolFeatures(given.MINUTE_MS), list[Intent](), ExitMemory.quiet(0)
    amount, entry, opened_ms, waiting = Decimal(0), Decimal(0), 0, None
    for bar in bars:
        if waiting is not None and waiting.position_size_usd is not None:
            amount = waiting.side.sign * floor_to_step(waiting.position_size_usd / bar.open, rules.step_size)
            entry, opened_ms = bar.open, bar.open_ms
        elif waiting is not None and waiting.fraction is not None:
            amount -= floor_to_step(amount * waiting.fraction, rules.step_size)
        waiting = None
        update = engine.update(bar)
        assert isinstance(update, Updated)
        ledger = given.ledger(0)
        if amount:
            ledger = given.ledger(1 if amount > 0 else -1).model_copy(
                update={"position_amt": amount, "avg_entry_price": entry, "opened_ms": opened_ms}
            )
        seen = Seen(symbol, bar, update.features, ledger, given.portfolio(), memory, rules)
        verdict = decide(seen, model, policy, bar.close_ms)
        memory = verdict.memory or memory
        wishes += verdict.intents
        waiting = verdict.intents[0] if verdict.intents else None
    return wishes


def walks(policy: Policy) -> Outcome:
    outcome = Outcome()
    for number in range(SYMBOLS):
        bars = given.walk(WARM_BARS + MINUTES, seed=100 + number, sigma=0.0006)
        outcome.wishes += traded(f"C{number:03d}USDT", bars, given.RULES, policy)
    return outcome


@pytest.fixture(scope="module")
def explored() -> Outcome:
    return walks(EXPLORE)


def test_exploring_a_random_walk_of_twelve_symbols_makes_about_an_order_a_minute(explored: Outcome) -> None:
    assert 0.8 <= len(explored.orders) / MINUTES <= 1.5


def test_exploring_goes_long_and_short_and_over_all_symbols(explored: Outcome) -> None:
    sides = Counter(wish.side for wish in explored.entries)
    assert min(sides[Side.BUY], sides[Side.SELL]) > len(explored.entries) / 4
    per_symbol = Counter(wish.symbol for wish in explored.entries)
    assert len(per_symbol) == SYMBOLS
    assert max(per_symbol.values()) < len(explored.entries) / 5


def test_exploring_does_not_ask_for_everything_at_once(explored: Outcome) -> None:
    per_bar = Counter(wish.bar_close_ms for wish in explored.orders)
    assert max(per_bar.values()) <= SYMBOLS / 2


def test_exploring_leaves_in_every_way(explored: Outcome) -> None:
    reasons = {wish.reason.partition(":")[0] for wish in explored.wishes if wish.action is not Action.OPEN}
    assert {"time_stop", "hard_stop", "first_partial", "break_even"} <= reasons


def test_no_position_outlives_its_time_stop(explored: Outcome) -> None:
    opened: dict[str, int] = {}
    for wish in explored.wishes:
        assert wish.bar_close_ms is not None
        if wish.action is Action.OPEN:
            assert wish.symbol not in opened
            opened[wish.symbol] = wish.bar_close_ms
        elif wish.action is Action.CLOSE_FULL:
            held = wish.bar_close_ms - opened.pop(wish.symbol)
            assert held <= EXPLORE.exit.time_stop_bars * given.MINUTE_MS


def test_a_random_walk_gives_nothing_to_trade_where_the_edge_must_pay() -> None:
    assert walks(TRADE).wishes == []


def klines(path: Path, count: int) -> Iterator[Bar]:
    symbol = path.name.partition("-")[0]
    with gzip.open(path, "rt", encoding="ascii", newline="") as text:
        rows = (row for row in csv.reader(text) if row[0].isdigit())
        for row in islice(rows, count):
            o, h, low, c, volume = (Decimal(value) for value in row[1:6])
            yield Bar(symbol, int(row[0]), int(row[6]), o, h, low, c, volume)


def test_on_real_bars_exploring_makes_about_an_order_a_minute_and_trading_few(shared_data: Path) -> None:
    explored, patient = Outcome(), Outcome()
    for path in sorted((shared_data / "klines").glob("*-1m.csv.gz"))[:SYMBOLS]:
        bars = list(klines(path, WARM_BARS + MINUTES))
        places = max(-exponent for one in bars if isinstance(exponent := one.close.as_tuple().exponent, int))
        rules = replace(given.RULES, symbol=bars[0].symbol, tick_size=Decimal(1).scaleb(-places))
        explored.wishes += traded(bars[0].symbol, bars, rules, EXPLORE)
        patient.wishes += traded(bars[0].symbol, bars, rules, TRADE)
    assert 0.8 <= len(explored.orders) / MINUTES <= 1.5
    assert len({wish.symbol for wish in explored.entries}) == SYMBOLS
    assert len(patient.entries) <= SYMBOLS
