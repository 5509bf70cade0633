from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given as examples
from hypothesis import settings
from hypothesis import strategies as st

from quantum_common.exchange.port import Bar, SymbolRules
from quantum_common.messages import Action, EvalType
from quantum_common.money import floor_to_step
from quantum_common.state import Ledger
from services.ai_engine.exits import RETRY_BARS, Exit, ExitReason, ExitVerdict, exit_of
from services.ai_engine.features import Features
from services.ai_engine.memory import ExitMemory, Nerves
from services.ai_engine.policy import Policy, ProfileName
from services.ai_engine.regime import Label, Regime
from services.ai_engine.standing import Seen, rested, standing
from services.ai_engine.stops import stop_distance
from tests.unit.ai_engine import given

POLICY = given.policy()
OPENED = given.ledger(1.0, entry=100.0)
SHORT = given.ledger(-1.0, entry=100.0)


def remembered(ledger: Ledger = OPENED, **changed: Any) -> ExitMemory:
    """The memory of a position entered at 100 with a stop one unit (one R) away, first seen on bar 0."""
    sign = 1 if ledger.position_amt > 0 else -1
    plain = ExitMemory(
        side=ledger.side, wished=False, opened_ms=ledger.opened_ms or 0, since_bar_ms=given.bar(0).close_ms,
        stop_price=Decimal(100 - sign), risk=Decimal(1), best_price=Decimal(100), stages=0, asked_bar_ms=0,
        asked_amt=Decimal(0), quiet_until_ms=0, nerves=Nerves.UNKNOWN, kill_causes="", regime=Label.TREND,
    )  # fmt: skip
    return plain.model_copy(update=changed)


def judge(
    bar: Bar,
    memory: ExitMemory | None,
    ledger: Ledger = OPENED,
    features: Features | None = None,
    rules: SymbolRules = given.RULES,
) -> ExitVerdict:
    features = features or given.features(price=bar.close, bar_close_ms=bar.close_ms)
    seen = Seen(given.SYMBOL, bar, features, ledger, given.portfolio(), memory, rules)
    held = standing(seen, ledger, rules, POLICY)
    return exit_of(held, bar, features, POLICY.exit, POLICY.costs, rules, POLICY.interval_ms)


Told = tuple[Action, ExitReason, Decimal | None]


def told(verdict: ExitVerdict) -> Told | None:
    """What is asked for, why, and where the stop goes."""
    wish = verdict.wish
    return None if wish is None else (wish.action, wish.reason, wish.stop_price)


CHOP = given.features(p_trend=0.02, label=Label.CHOP)


@pytest.mark.parametrize(
    ("bar", "changed", "features", "wish"),
    [
        (given.bar(1, 100.5, low=98.9), {}, None, (Action.CLOSE_FULL, ExitReason.HARD_STOP, None)),
        (given.bar(1, 103.1), {}, None, (Action.CLOSE_FULL, ExitReason.TAKE_PROFIT, None)),
        (given.bar(9, 100.2), {}, None, (Action.CLOSE_FULL, ExitReason.TIME_STOP, None)),
        (given.bar(4, 100.2), {}, CHOP, (Action.CLOSE_FULL, ExitReason.REGIME_CHANGE, None)),
        (given.bar(1, 102.1), {}, None, (Action.CLOSE_50, ExitReason.SECOND_PARTIAL, None)),
        (given.bar(1, 102.1), {"stages": 1}, None, (Action.CLOSE_50, ExitReason.SECOND_PARTIAL, None)),
        (given.bar(1, 101.1), {}, None, (Action.CLOSE_25, ExitReason.FIRST_PARTIAL, None)),
        (
            given.bar(1, 101.1), {"stages": 1}, None,
            (Action.UPDATE_SL, ExitReason.BREAK_EVEN, Decimal("100.1")),
        ),
        (
            given.bar(1, 101.5), {"stages": 1, "best_price": Decimal("101.9")}, None,
            (Action.UPDATE_SL, ExitReason.TRAILING_STOP, Decimal("100.9")),
        ),
        (given.bar(1, 100.4), {}, None, None),
        (given.bar(2, 100.2), {}, CHOP, None),
        (given.bar(8, 100.2), {}, None, None),
    ],
)  # fmt: skip
def test_each_reason_to_leave(bar: Bar, changed: dict[str, Any], features: Features | None, wish: Told | None) -> None:
    assert told(judge(bar, remembered(**changed), features=features)) == wish


@pytest.mark.parametrize(
    ("bar", "wish"),
    [
        (given.bar(1, 99.5, high=101.1), (Action.CLOSE_FULL, ExitReason.HARD_STOP, None)),
        (given.bar(1, 96.9), (Action.CLOSE_FULL, ExitReason.TAKE_PROFIT, None)),
        (given.bar(1, 98.9), (Action.CLOSE_25, ExitReason.FIRST_PARTIAL, None)),
        (given.bar(1, 97.9), (Action.CLOSE_50, ExitReason.SECOND_PARTIAL, None)),
        (given.bar(1, 99.6), None),
    ],
)
def test_a_short_position_is_judged_in_the_mirror(bar: Bar, wish: Told | None) -> None:
    assert told(judge(bar, remembered(SHORT), ledger=SHORT)) == wish


@pytest.mark.parametrize(
    ("bar", "changed", "value", "limit"),
    [
        (given.bar(1, 100.5, low=98.9), {}, Decimal("98.9"), Decimal(99)),
        (given.bar(1, 103.1), {}, Decimal("3.1"), POLICY.exit.take_profit_r),
        (given.bar(9, 100.2), {}, POLICY.exit.time_stop_bars, POLICY.exit.time_stop_bars),
        (given.bar(1, 101.1), {}, Decimal("1.1"), POLICY.exit.first_partial_r),
        (given.bar(1, 101.1), {"stages": 1}, Decimal("100.1"), Decimal(99)),
    ],
)  # fmt: skip
def test_a_wish_says_which_value_went_past_which_limit(
    bar: Bar, changed: dict[str, Any], value: Any, limit: Any
) -> None:
    wish = judge(bar, remembered(**changed)).wish
    assert wish is not None
    assert (wish.value, wish.limit) == (value, limit)


def test_a_short_position_locks_its_profit_below_the_entry() -> None:
    verdict = judge(given.bar(1, 98.9), remembered(SHORT, stages=1), ledger=SHORT)
    assert told(verdict) == (Action.UPDATE_SL, ExitReason.BREAK_EVEN, Decimal("99.9"))


def test_a_stage_is_taken_once() -> None:
    first = judge(given.bar(1, 101.1), remembered())
    assert first.memory.stages == 1
    after = judge(given.bar(2, 101.1), first.memory, ledger=given.ledger(0.75))
    assert after.wish is not None
    assert after.wish.action is Action.UPDATE_SL


def test_a_partial_close_that_changed_nothing_is_asked_for_again_a_few_bars_later() -> None:
    memory = judge(given.bar(1, 101.1), remembered()).memory
    wishes = []
    for number in range(2, 2 + RETRY_BARS):
        verdict = judge(given.bar(number, 101.1), memory)
        memory = verdict.memory
        wishes.append(verdict.wish.action if verdict.wish else None)
    assert wishes == [Action.UPDATE_SL, None, Action.CLOSE_25]


def test_a_partial_close_that_happened_stays_taken() -> None:
    memory = judge(given.bar(1, 101.1), remembered()).memory
    verdict = judge(given.bar(1 + RETRY_BARS, 100.6), memory, ledger=given.ledger(0.75))
    assert verdict.memory.stages == 1
    assert verdict.memory.asked_bar_ms == 0


def test_a_part_too_small_to_be_an_order_is_passed_over() -> None:
    tiny = given.ledger(0.003)
    verdict = judge(given.bar(1, 101.1), remembered(), ledger=tiny)
    assert verdict.memory.stages == 1
    assert told(verdict) == (Action.UPDATE_SL, ExitReason.BREAK_EVEN, Decimal("100.1"))


def test_a_stop_never_moves_back_and_never_by_a_trifle() -> None:
    locked = remembered(stages=1, stop_price=Decimal("100.0"))
    assert judge(given.bar(1, 101.1), locked).wish is None
    assert judge(given.bar(1, 101.1), locked).memory.stop_price == Decimal("100.0")


def test_a_stop_is_not_moved_where_noise_would_hit_it() -> None:
    assert judge(given.bar(1, 100.15), remembered(stages=1, best_price=Decimal("101.2"))).wish is None


def test_a_position_is_followed_in_bars_not_in_wall_time() -> None:
    aged = given.ledger(1.0, opened_ms=1)
    assert judge(given.bar(8, 100.2), remembered(aged), ledger=aged).wish is None


def test_the_wish_hands_its_stop_to_the_position_that_came_of_it() -> None:
    until_ms = given.bar(1).close_ms
    wish = remembered(
        wished=True, opened_ms=0, stop_price=Decimal("98.5"), risk=Decimal("1.5"), quiet_until_ms=until_ms
    )
    verdict = judge(given.bar(1, 100.2), wish)
    memory = verdict.memory
    assert verdict.wish is None
    assert (memory.stop_price, memory.risk, memory.opened_ms) == (Decimal("98.5"), Decimal("1.5"), given.START_MS)
    assert memory.since_bar_ms == given.bar(1).close_ms


@pytest.mark.parametrize(
    "memory",
    [None, remembered(SHORT), remembered(opened_ms=5), remembered(wished=True, quiet_until_ms=5), ExitMemory.quiet(1)],
)
def test_a_position_of_another_origin_gets_a_stop_from_the_volatility(memory: ExitMemory | None) -> None:
    bar = given.bar(5, 100.2)
    features = given.features(price=bar.close)
    verdict = judge(bar, memory, features=features)
    taken = verdict.memory
    assert told(verdict) == (Action.UPDATE_SL, ExitReason.INITIAL_STOP, taken.stop_price)
    assert taken.risk == stop_distance(features, POLICY.exit, given.RULES)
    assert taken.stop_price is not None
    assert taken.stop_price < Decimal(100)
    assert (taken.stages, taken.since_bar_ms) == (0, bar.close_ms)


def test_the_extremes_before_a_position_was_known_do_not_stop_it_out() -> None:
    early = judge(given.bar(1, 100.2, low=90.0), None).wish
    assert early is not None
    assert early.reason is ExitReason.INITIAL_STOP
    assert told(judge(given.bar(1, 90.0), None)) == (Action.CLOSE_FULL, ExitReason.HARD_STOP, None)


def test_a_position_without_an_entry_price_is_judged_from_where_it_was_found() -> None:
    adopted = given.ledger(1.0, entry=0.0)
    verdict = judge(given.bar(1, 100.0), None, ledger=adopted)
    assert verdict.wish is not None
    assert verdict.wish.action is Action.UPDATE_SL
    assert told(judge(given.bar(2, 98.0), verdict.memory, ledger=adopted)) == (
        Action.CLOSE_FULL,
        ExitReason.HARD_STOP,
        None,
    )


def test_while_the_volatility_is_unknown_the_stop_is_as_far_as_it_may_be() -> None:
    cold = given.features(warm=False, sigma=0.0, atr_rel=0.0)
    assert stop_distance(cold, POLICY.exit, given.RULES) == Decimal(100) * POLICY.exit.stop_bps_max / 10_000


def test_a_memory_without_a_stop_is_a_broken_invariant() -> None:
    with pytest.raises(ValueError, match="no stop"):
        judge(given.bar(1), remembered(stop_price=None))


def test_a_position_that_is_gone_leaves_a_cooldown() -> None:
    at_ms = given.bar(5).close_ms
    gone = rested(remembered(), at_ms, POLICY)
    assert gone == ExitMemory.quiet(at_ms + POLICY.entry.cooldown_bars * given.MINUTE_MS)
    assert rested(gone, at_ms + 1, POLICY) == gone
    assert rested(None, 2_000, POLICY) is None
    spaced = replace(POLICY, entry=replace(POLICY.entry, spacing_bars=480))
    apart = rested(remembered(), at_ms, spaced)
    assert apart == ExitMemory.quiet(given.bar(480).close_ms), "from the beginning of one to that of the next"
    wish = remembered(wished=True)
    assert rested(wish, 2_000, POLICY) == wish


@settings(max_examples=60)
@examples(st.lists(st.floats(-0.01, 0.01), min_size=3, max_size=40), st.booleans())
def test_over_any_path_the_stop_only_tightens_and_stays_clear_of_the_price(moves: list[float], short: bool) -> None:
    ledger = SHORT if short else OPENED
    sign, at, memory = (-1 if short else 1), 100.0, remembered(ledger)
    patient = replace(POLICY, exit=replace(POLICY.exit, time_stop_bars=10_000))
    for number, move in enumerate(moves, 1):
        at = float(given.price(at * (1 + move)))
        bar = given.bar(number, at)
        features = given.features(price=bar.close)
        seen = Seen(given.SYMBOL, bar, features, ledger, None, memory, given.RULES)
        held = standing(seen, ledger, given.RULES, patient)
        verdict = exit_of(held, bar, features, patient.exit, patient.costs, given.RULES, patient.interval_ms)
        stop, before = verdict.memory.stop_price, memory.stop_price
        assert stop is not None
        assert before is not None
        assert sign * (stop - before) >= 0
        if verdict.wish is not None and verdict.wish.action is Action.UPDATE_SL:
            assert verdict.wish.stop_price == stop
            assert sign * (bar.close - stop) > 0
        if verdict.wish is not None and verdict.wish.action is Action.CLOSE_FULL:
            return
        memory = verdict.memory


Wished = tuple[Exit, Decimal, ExitMemory]


def lived(moves: list[float], policy: Policy, short: bool, obeyed: list[bool]) -> list[Wished]:
    """Every wish in the life of a position along a path, with what was open then and the memory after it. Some of the
    partial closes happen, others do not, as an exchange that is away has it."""
    sign, at, amount = (-1 if short else 1), 100.0, Decimal(1)
    memory: ExitMemory | None = None
    wishes = []
    for number, (move, obeys) in enumerate(zip(moves, obeyed, strict=True), 1):
        at = float(given.price(at * (1 + move)))
        bar = given.bar(number, at)
        gone = number % 17 == 0
        label = Label.CHOP if gone else Label.TREND
        features = given.features(price=bar.close, p_trend=0.02 if gone else 0.6, label=label)
        ledger = given.ledger(float(sign * amount))
        seen = Seen(given.SYMBOL, bar, features, ledger, None, memory, given.RULES)
        held = standing(seen, ledger, given.RULES, policy)
        verdict = exit_of(held, bar, features, policy.exit, policy.costs, given.RULES, policy.interval_ms)
        memory = verdict.memory
        if verdict.wish is None:
            continue
        wishes.append((verdict.wish, amount, memory))
        fraction = verdict.wish.action.close_fraction
        if verdict.wish.action is Action.CLOSE_FULL:
            break
        if fraction is not None and obeys:
            amount -= floor_to_step(amount * fraction, given.RULES.step_size)
    return wishes


PATHS = st.lists(st.tuples(st.floats(-0.02, 0.02), st.booleans()), min_size=3, max_size=60)
MODEL_POLICY = given.policy(ProfileName.TRADE).serving(24, (given.SYMBOL,), pays=True)


@settings(max_examples=80)
@examples(PATHS, st.booleans(), st.sampled_from([POLICY, MODEL_POLICY]))
def test_over_any_life_an_exit_never_raises_exposure(
    path: list[tuple[float, bool]], short: bool, policy: Policy
) -> None:
    for wish, amount, _ in lived([move for move, _ in path], policy, short, [obeys for _, obeys in path]):
        assert wish.action is not Action.OPEN
        assert wish.action.eval_type is EvalType.EXIT
        fraction = wish.action.close_fraction or Decimal(0)
        assert 0 <= fraction <= 1
        assert (wish.stop_price is not None) is (wish.action is Action.UPDATE_SL)
        assert amount * (1 - fraction) <= amount


@settings(max_examples=80)
@examples(PATHS, st.booleans(), st.sampled_from([POLICY, MODEL_POLICY]))
def test_over_any_life_a_stage_that_happened_never_repeats_and_the_time_is_never_overrun(
    path: list[tuple[float, bool]], short: bool, policy: Policy
) -> None:
    wishes = lived([move for move, _ in path], policy, short, [True] * len(path))
    partials = [wish.reason for wish, _, _ in wishes if wish.action in {Action.CLOSE_25, Action.CLOSE_50}]
    assert len(set(partials)) == len(partials)
    assert partials in (
        [], [ExitReason.FIRST_PARTIAL], [ExitReason.SECOND_PARTIAL],
        [ExitReason.FIRST_PARTIAL, ExitReason.SECOND_PARTIAL],
    )  # fmt: skip
    stages = [memory.stages for _, _, memory in wishes]
    assert stages == sorted(stages)
    if len(path) > policy.exit.time_stop_bars:
        assert wishes[-1][0].action is Action.CLOSE_FULL


@pytest.mark.parametrize(
    ("home", "now", "likely", "leaves"),
    [
        (Label.MEAN_REVERSION, Label.CHOP, 0.05, True),
        (Label.MEAN_REVERSION, Label.CHOP, 0.2, False),
        (Label.MEAN_REVERSION, Label.MEAN_REVERSION, 0.05, False),
        (Label.TREND, Label.CHOP, 0.05, True),
    ],
)
def test_a_position_is_left_when_the_regime_that_it_was_entered_in_is_gone(
    home: Label, now: Label, likely: float, leaves: bool
) -> None:
    rest = (1 - likely) / 2
    regime = Regime(likely, rest, rest) if home is Label.TREND else Regime(rest, likely, rest)
    bar = given.bar(5, 100.2)
    features = given.features(price=bar.close, bar_close_ms=bar.close_ms)._replace(regime=regime, label=now)
    wish = judge(bar, remembered(regime=home), features=features).wish
    assert (wish is not None and wish.reason is ExitReason.REGIME_CHANGE) is leaves


def test_a_position_of_an_older_build_counts_as_one_of_a_trend() -> None:
    wish = judge(given.bar(4, 100.2), remembered(regime=""), features=CHOP).wish
    assert wish is not None
    assert wish.reason is ExitReason.REGIME_CHANGE
