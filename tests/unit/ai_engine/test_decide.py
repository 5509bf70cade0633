import ast
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from quantum_common.kill_score import components
from quantum_common.messages import Action, EvalType, Intent, Side
from quantum_common.state import MarketState
from services.ai_engine import decide as deciding
from services.ai_engine.decide import decide
from services.ai_engine.entries import NoEntry
from services.ai_engine.exits import ExitReason
from services.ai_engine.features import Features
from services.ai_engine.market_state import market_state
from services.ai_engine.model import Signal
from services.ai_engine.momentum_model import momentum_model
from services.ai_engine.nerves import kill_of
from services.ai_engine.policy import Policy, ProfileName
from services.ai_engine.standing import Seen
from services.ai_engine.verdict import Verdict
from tests.unit.ai_engine import given

EXPLORE = replace(given.policy(), entry=replace(given.policy().entry, turn_bars=1))
PURE = {"redis", "asyncio", "time", "os", "random", "datetime"}
NOW_MS = given.START_MS + 61_000


class Silent:
    """A model that has nothing to say."""

    name = "silent"
    version = "silent-1"

    def predict(self, features: Features) -> Signal | None:
        return None


def seen(**changed: Any) -> Seen:
    bar = given.bar(0, 100.0, high=100.2, low=99.9)
    plain = Seen(
        symbol=given.SYMBOL, bar=bar, features=given.features(), ledger=given.ledger(0), portfolio=given.portfolio(),
        memory=None, rules=given.RULES,
    )  # fmt: skip
    return plain._replace(**changed)


def decided(policy: Policy = EXPLORE, **changed: Any) -> Verdict:
    return decide(seen(**changed), momentum_model(policy), policy, NOW_MS)


def test_an_entry_is_a_valid_intent_that_says_why() -> None:
    (intent,) = decided().intents
    assert Intent.from_fields(intent.to_fields()) == intent
    assert (intent.action, intent.eval_type, intent.side) == (Action.OPEN, EvalType.ENTRY, Side.BUY)
    assert intent.model_version == momentum_model(EXPLORE).version
    assert intent.model_version.startswith("momentum-1-explore-")
    assert intent.bar_close_ms == given.bar(0).close_ms
    assert intent.entry_price == Decimal(100)
    assert "momentum_60" in intent.reason
    assert intent.confidence is not None
    assert Decimal("0.5") < intent.confidence < Decimal("0.6")


def test_an_exit_is_a_valid_intent_on_the_other_side() -> None:
    verdict = decided(ledger=given.ledger(-0.5, entry=98.0))
    (intent,) = verdict.intents
    assert Intent.from_fields(intent.to_fields()) == intent
    assert (intent.action, intent.eval_type, intent.side) == (Action.CLOSE_FULL, EvalType.EXIT, Side.BUY)
    assert intent.fraction == Decimal(1)
    assert verdict.why is ExitReason.HARD_STOP
    assert intent.reason.startswith("hard_stop: ")


def test_a_better_stop_is_said_as_a_price() -> None:
    first = decided(ledger=given.ledger(0.003, entry=99.4))
    (intent,) = first.intents
    assert intent.action is Action.UPDATE_SL
    assert intent.stop_loss is not None
    assert Decimal(99) < intent.stop_loss < Decimal(100)
    assert first.memory is not None
    assert first.memory.stop_price == intent.stop_loss


def test_the_same_bar_gives_the_same_decision() -> None:
    assert decided() == decided()


def test_another_bar_another_profile_or_another_action_is_another_wish() -> None:
    (plain,) = decided().intents
    later = given.bar(2)
    (other_bar,) = decided(bar=later, features=given.features(bar_close_ms=later.close_ms)).intents
    (other_policy,) = decided(policy=replace(EXPLORE, costs=replace(EXPLORE.costs, slippage_bps=Decimal(3)))).intents
    (other_action,) = decided(ledger=given.ledger(-0.5, entry=98.0)).intents
    assert len({plain.intent_id, other_bar.intent_id, other_policy.intent_id, other_action.intent_id}) == 4


def test_no_signal_means_no_intent_in_either_profile() -> None:
    for profile in ProfileName:
        policy = given.policy(profile)
        turn = replace(policy, entry=replace(policy.entry, turn_bars=1))
        verdict = decide(seen(), Silent(), turn, NOW_MS)
        assert (verdict.intents, verdict.why) == ((), NoEntry.NO_SIGNAL)


def test_without_a_ledger_or_rules_nothing_is_asked_for() -> None:
    assert (decided(ledger=None).intents, decided(ledger=None).why) == ((), NoEntry.NO_LEDGER)
    assert (decided(rules=None).intents, decided(rules=None).why) == ((), NoEntry.NO_RULES)


def test_a_standing_position_is_neither_added_to_nor_turned_round() -> None:
    for amount in (0.5, -0.5):
        first = decided(ledger=given.ledger(amount))
        assert [intent.action for intent in first.intents] == [Action.UPDATE_SL]
        verdict = decided(ledger=given.ledger(amount), memory=first.memory)
        assert (verdict.intents, verdict.why) == ((), NoEntry.STANDING)


def test_a_wish_is_not_repeated_on_the_next_bars() -> None:
    memory = decided().memory
    for number in range(1, EXPLORE.entry.ask_again_bars):
        bar = given.bar(number)
        again = decided(bar=bar, features=given.features(bar_close_ms=bar.close_ms), memory=memory)
        assert (again.intents, again.why) == ((), NoEntry.QUIET)


def test_a_market_state_adds_up() -> None:
    thirds = given.features(p_trend=1 / 3, volatility_regime=0.875)  # their decimals alone would sum to 0.999999
    state = market_state(thirds, NOW_MS)
    assert MarketState.from_fields(state.to_fields()) == state
    assert state.p_trend + state.p_mr + state.p_chop == 1
    assert (state.bar_close_ms, state.ts_ms) == (given.bar(0).close_ms, NOW_MS)
    assert state.atr == Decimal("0.1")
    assert state.volatility_regime == Decimal("0.875")


def test_the_kill_score_of_a_position_is_that_of_the_published_state() -> None:
    held = given.ledger(0.5)
    for features in (given.features(), given.features(p_trend=0.2, ts=0.05, sigma=0.002)):
        published = components(market_state(features, NOW_MS), held, None, NOW_MS)
        assert kill_of(features, held, NOW_MS).score == pytest.approx(published.score, abs=1e-6)
    unknown = held.model_copy(update={"opened_ms": None})
    assert kill_of(given.features(), unknown, NOW_MS).missing == ("k_age_penalty",)


def test_between_decision_bars_nothing_is_asked_and_the_model_is_not_even_called() -> None:
    class Loud(Silent):
        def predict(self, features: Features) -> Signal | None:
            raise AssertionError("asked between two decisions")

    policy = replace(EXPLORE, decision_ms=15 * given.MINUTE_MS)
    minute = 15 - (given.START_MS // given.MINUTE_MS) % 15
    for number in range(minute, minute + 14):
        bar = given.bar(number)
        verdict = decide(seen(bar=bar), Loud(), policy, NOW_MS)
        assert (verdict.intents, verdict.why) == ((), NoEntry.BETWEEN_DECISIONS)
    with pytest.raises(AssertionError):
        decide(seen(bar=given.bar(minute + 14)), Loud(), policy, NOW_MS)


def test_exits_do_not_wait_for_a_decision_bar() -> None:
    policy = replace(EXPLORE, decision_ms=15 * given.MINUTE_MS)
    for number in range(15):
        bar = given.bar(number, 100.0, high=100.2, low=99.9)
        verdict = decided(policy=policy, bar=bar, ledger=given.ledger(-0.5, entry=98.0))
        assert verdict.why is ExitReason.HARD_STOP
        assert (verdict.value, verdict.limit) == (bar.close, Decimal("98.4"))


def test_a_random_walk_gives_next_to_no_intents_where_an_edge_must_pay() -> None:
    policy = given.policy(ProfileName.TRADE)
    engine_bars = list(given.walk(4000, seed=11, sigma=0.001))
    model, asked = momentum_model(policy), 0
    for bar, features in zip(engine_bars, given.fed(engine_bars), strict=True):
        asked += len(decide(seen(bar=bar, features=features), model, policy, bar.close_ms).intents)
    assert asked == 0


def test_exploring_the_same_walk_asks_in_both_directions() -> None:
    policy = given.policy()
    engine_bars = list(given.walk(2000, seed=11, sigma=0.001))
    model, sides, memory = momentum_model(policy), [], None
    for bar, features in zip(engine_bars, given.fed(engine_bars), strict=True):
        verdict = decide(seen(bar=bar, features=features, memory=memory), model, policy, bar.close_ms)
        memory = verdict.memory
        sides += [intent.side for intent in verdict.intents]
    assert min(sides.count(Side.BUY), sides.count(Side.SELL)) > 20
    assert len(sides) < 600


def test_decisions_import_nothing_that_waits_asks_the_time_or_throws_dice() -> None:
    folder = Path(deciding.__file__).parent
    impure = {"service.py", "store.py", "wiring.py", "ports.py", "__main__.py", "settings.py", "model_files.py"}
    for path in sorted(folder.glob("*.py")):
        if path.name in impure:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not PURE & {name.partition(".")[0] for name in names}, path.name
