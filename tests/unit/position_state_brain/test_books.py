"""The books on a real Redis: every trade once, whatever way it comes; torn writes mended; drifts adopted and healed."""

from dataclasses import replace
from typing import Any

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from quantum_common.exchange.outcome import Unknown
from quantum_common.exchange.port import Connected, FundingView, LeverageChanged, PositionChanged, WalletChanged
from quantum_common.money import plain
from quantum_common.state import PositionSide
from services.position_state_brain.bookkeeper import origin_of
from services.position_state_brain.store import streams_written
from tests.unit.position_state_brain.scripted import KEYS, NOW_MS, SYMBOL, D, World, row, trade


async def a_world(redis: Redis, **changes: Any) -> World:
    return await World(redis, **changes).begin()


async def agrees(world: World, symbol: str = SYMBOL) -> None:
    """The ledger is the fold of its facts, and of the exchange's own list; the journal tells its sums."""
    ledger = await world.ledger(symbol)
    shelf = await world.store.book(symbol)
    assert shelf.whole
    folded = shelf.book.ledger(shelf.book.folded, ledger.journal_id, ledger.lag_ms, ledger.updated_ms)
    assert folded == ledger
    listed = world.account.listed.get(symbol, [])
    assert ledger.total_qty == sum(one.qty for one in listed)
    assert ledger.fees == sum(one.fee for one in listed)
    told = [entry for entry in await world.journal() if entry.symbol == symbol and entry.kind == "fill"]
    assert sorted(int(entry.trade_id) for entry in told) == sorted(one.trade_id for one in listed)


async def test_a_symbol_that_begins_while_the_books_are_read_was_not_forgotten(
    redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At a first start the first snapshot and the consumer's recovery run side by side."""
    world = await a_world(redis)
    read = world.store.symbols

    async def symbols() -> Any:
        known = await read()
        await world.brain.books.begin("NEWUSDT", NOW_MS)
        return known

    monkeypatch.setattr(world.store, "symbols", symbols)
    with capture_logs() as lines:
        await world.brain.books.recover()
    assert "NEWUSDT" in world.brain.books.books
    assert [line for line in lines if line["log_level"] == "error"] == []


# --- trades --------------------------------------------------------------------------------------------------------


async def test_a_flat_ledger_stands_from_the_first_snapshot(redis: Redis) -> None:
    world = await a_world(redis)
    ledger = await world.ledger()
    assert (ledger.position_amt, ledger.side, ledger.journal_id) == (D(0), PositionSide.FLAT, "")


async def test_a_trade_is_booked_with_its_order_plan_and_lag_and_journalled(redis: Redis) -> None:
    world = await a_world(redis)
    world.account.happen(trade(1, "-2", "101"))
    world.clock.advance(1_007)
    await world.listen()
    ledger = await world.ledger()
    assert (ledger.position_amt, ledger.side, ledger.avg_entry_price) == (D(-2), PositionSide.SHORT, D(101))
    assert (ledger.last_order_id, ledger.last_plan_id, ledger.lag_ms) == (1001, "plan1", 7)
    [entry] = await world.journal()
    assert (entry.kind, entry.trade_id, entry.order_id, entry.plan_id) == ("fill", "1", 1001, "plan1")
    assert (entry.side, entry.qty, entry.price, entry.origin) == ("SELL", D(2), D(101), "plan")
    assert (entry.position_amt, entry.lag_ms, entry.cause) == (D(-2), 7, "trade 1")
    assert ledger.journal_id == (await redis.xrevrange(KEYS.journal, count=1))[0][0]  # type: ignore[index]
    await agrees(world)


async def test_duplicate_late_and_reordered_trades_count_once(redis: Redis) -> None:
    world = await a_world(redis)
    trades = [trade(1, "1", "100"), trade(2, "1", "110"), trade(3, "-3", "120"), trade(4, "0.5", "90")]
    world.clock.advance(10_000)
    for one in trades:
        world.account.happen(one, pushed=False)
    for one in (trades[2], trades[0], trades[0], trades[3], trades[2], trades[1], trades[1]):
        world.account.happen(one, listed=False)
    await world.listen()
    ledger = await world.ledger()
    assert (ledger.position_amt, ledger.avg_entry_price, ledger.total_qty) == (D("-0.5"), D(120), D("5.5"))
    assert ledger.last_order_id == 1004
    await agrees(world)


async def test_the_first_trade_of_an_unknown_symbol_begins_its_book(redis: Redis) -> None:
    world = await a_world(redis)
    await world.happen(trade(1, "1", symbol="ETHUSDT"))
    assert (await world.ledger("ETHUSDT")).position_amt == D(1)


@pytest.mark.parametrize(
    ("client_id", "origin"),
    [("qo-abc", "plan"), ("qs-abc", "stop"), ("autoclose-1", "liquidation"), ("adl_autoclose", "adl"),
     ("settlement_autoclose-1", "settlement"), ("web_1", "foreign"), ("", "foreign")],
)  # fmt: skip
def test_every_trade_has_an_origin(client_id: str, origin: str) -> None:
    assert origin_of(client_id) == origin


async def test_foreign_trades_are_labelled_and_counted(redis: Redis) -> None:
    world = await a_world(redis)
    await world.happen(trade(1, "1", client_order_id="web_9"))
    [entry] = await world.journal()
    assert (entry.origin, entry.plan_id, entry.client_order_id) == ("foreign", "", "web_9")


async def test_two_writers_at_once_lead_to_one_booking_each(redis: Redis) -> None:
    """The second finds that its copy is old, reads it anew and books on top."""
    world = await a_world(redis)
    other = world.build()
    await other.recover()
    await world.happen(trade(1, "1"))
    world.account.happen(trade(2, "1"), trade(1, "1", order_id=1001), listed=False)
    world.account.listed[SYMBOL].append(replace(trade(2, "1"), client_order_id=""))
    while world.account.events:
        await other.listen()
    assert (await world.ledger()).position_amt == D(2)
    await agrees(world)


# --- what the stream did not bring -----------------------------------------------------------------------------------


async def test_a_dead_stream_is_made_good_by_the_exchange_s_list(redis: Redis) -> None:
    world = await a_world(redis)
    await world.happen(trade(1, "1"), trade(2, "-3"), pushed=False)
    world.account.events.append(Connected())
    await world.listen()
    await world.brain.sync()
    assert (await world.ledger()).position_amt == D(-2)
    assert [entry.plan_id for entry in await world.journal()] == ["plan1", "plan2"]
    await agrees(world)


async def test_a_symbol_s_list_is_read_again_until_it_was_read(redis: Redis) -> None:
    world = await a_world(redis)
    await world.happen(trade(1, "1"), pushed=False)
    world.account.events.append(Connected())
    await world.listen()
    world.account.fails.add("trades")
    for _ in range(3):
        await world.brain.sync()
    assert (await world.ledger()).position_amt == D(0)
    world.account.fails.clear()
    await world.brain.sync()
    await agrees(world)


async def test_a_trade_whose_order_cannot_be_looked_up_now_waits_for_the_list(redis: Redis) -> None:
    world = await a_world(redis)
    unnamed = trade(1, "1", client_order_id="")
    await world.happen(trade(1, "1"), pushed=False)
    known = world.account.lookups[1001]
    world.account.lookups[1001] = Unknown("no answer")
    world.account.happen(unnamed, listed=False)
    world.account.lookups[1001] = Unknown("no answer")
    await world.listen()
    assert (await world.ledger()).position_amt == D(0)
    world.account.lookups[1001] = known
    await world.brain.sync()
    ledger = await world.ledger()
    assert (ledger.position_amt, ledger.last_plan_id) == (D(1), "plan1")


async def test_active_symbols_are_read_again_on_the_timer(redis: Redis) -> None:
    world = await a_world(redis)
    await world.brain.sync()
    await world.happen(trade(1, "1"))
    await world.happen(trade(2, "1"), pushed=False)
    world.clock.advance(60_000)
    await world.brain.sync()
    await agrees(world)


async def test_an_order_is_looked_up_once_for_all_its_trades(redis: Redis) -> None:
    world = await a_world(redis)
    trades = [trade(number, "1", order_id=7, client_order_id="qo-p") for number in (1, 2, 3)]
    await world.happen(*trades, pushed=False)
    world.account.events.append(Connected())
    await world.listen()
    await world.brain.sync()
    assert world.account.calls.count("order_by_id") == 1
    assert {entry.plan_id for entry in await world.journal()} == {"p"}


async def test_an_order_that_the_exchange_does_not_show_is_nobody_s(redis: Redis) -> None:
    world = await a_world(redis)
    await world.happen(trade(1, "1"), pushed=False)
    world.account.lookups.clear()
    world.brain.books.client_ids.update(dict.fromkeys(range(10_002), ""))
    del world.brain.books.client_ids[1001]
    await world.brain.books.sync(SYMBOL)
    assert [entry.origin for entry in await world.journal()] == ["foreign"]
    assert world.brain.books.client_ids == {1001: ""}  # what was looked up is bounded


# --- restarts and torn writes ----------------------------------------------------------------------------------------


async def test_a_restart_folds_to_the_same_ledger_and_writes_nothing(redis: Redis) -> None:
    world = await a_world(redis)
    await world.happen(trade(1, "1"), trade(2, "-3", "90"), trade(3, "1", "80"))
    ledger, journal = await world.ledger(), await world.journal()
    await world.restart()
    assert (await world.ledger(), await world.journal()) == (ledger, journal)
    await world.happen(trade(4, "5"))
    await agrees(world)


@pytest.mark.parametrize("torn", ["deleted", "stale", "half"])
async def test_a_ledger_that_was_torn_is_folded_anew_at_the_start(redis: Redis, torn: str) -> None:
    world = await a_world(redis)
    await world.happen(trade(1, "1"), trade(2, "1"))
    ledger = await world.ledger()
    key = KEYS.ledger(SYMBOL)
    if torn == "deleted":
        await redis.delete(key)
    elif torn == "stale":
        await redis.hset(key, mapping={"position_amt": "1", "total_qty": "1", "fees": "0.04"})
    else:
        await redis.hset(key, "position_amt", "1")
    await world.restart()
    again = await world.ledger()
    same = {"updated_at": again.updated_at, "updated_ms": again.updated_ms, "lag_ms": again.lag_ms}
    assert again == ledger.model_copy(update={**same, "journal_id": again.journal_id})
    assert len(await world.journal()) == 2
    await world.happen(trade(3, "1"))
    await agrees(world)


async def test_a_journal_entry_that_was_torn_off_is_filled(redis: Redis) -> None:
    """The fact was written, its journal entry and the ledger were not."""
    world = await a_world(redis)
    await world.happen(trade(1, "1"))
    before: Any = await redis.hgetall(KEYS.ledger(SYMBOL))
    await world.happen(trade(2, "2"))
    await redis.xdel(KEYS.journal, (await world.ledger()).journal_id)
    await redis.delete(KEYS.ledger(SYMBOL))
    await redis.hset(KEYS.ledger(SYMBOL), mapping=before)
    await redis.hset(KEYS.fills(SYMBOL), "booked", "1")
    await world.restart()
    assert (await world.ledger()).position_amt == D(3)
    last = (await world.journal())[-1]
    assert (last.trade_id, last.cause, last.position_amt, last.plan_id) == ("2", "recovered", D(3), "plan2")
    await agrees(world)
    await world.happen(trade(3, "1"))
    await agrees(world)


async def test_a_redis_that_forgot_everything_is_told_anew_and_the_position_adopted(redis: Redis) -> None:
    world = await a_world(redis)
    await world.happen(trade(1, "1"))
    await redis.flushall()
    await world.begin()
    assert (await world.ledger()).position_amt == D(0)
    await world.cycles(6)
    assert (await world.ledger()).position_amt == D(1)
    assert await world.hold() is None


async def test_old_facts_are_folded_away_and_the_hash_stays_bounded(redis: Redis) -> None:
    world = await a_world(redis, p33_facts_kept=10)
    for number in range(1, 60):
        await world.happen(trade(number, "1" if number % 3 else "-1", str(90 + number % 7)))
        if number % 5 == 0:
            await world.brain.books.sync(SYMBOL)
    assert await redis.hlen(KEYS.fills(SYMBOL)) <= 2 * 10 + 5 + 3
    await agrees(world)
    ledger = await world.ledger()
    await world.restart()
    assert await world.ledger() == ledger
    for one in world.account.listed[SYMBOL]:
        world.account.happen(one, listed=False)
    await world.listen()
    await agrees(world)


async def test_funding_is_booked_once_even_after_it_was_folded_away(redis: Redis) -> None:
    world = await a_world(redis, p33_facts_kept=10)
    await world.happen(trade(1, "1"))
    world.account.payments.append(FundingView(SYMBOL, 5, D("-0.25"), NOW_MS + 1_500))
    world.account.payments.append(FundingView("ETHUSDT", 6, D(-1), NOW_MS + 1_500))
    for number in range(2, 40):
        await world.happen(trade(number, "1"))
        await world.brain.books.sync(SYMBOL)
        world.brain._funding_ms = 0
        await world.brain.sync()
    assert (await world.ledger()).funding == D("-0.25")
    assert [entry.funding for entry in await world.journal() if entry.kind == "funding"] == [D("-0.25")]
    assert not await redis.hexists(KEYS.fills(SYMBOL), "f5")


async def test_funding_that_cannot_be_read_now_is_read_later(redis: Redis) -> None:
    world = await a_world(redis)
    world.account.payments.append(FundingView(SYMBOL, 5, D("-0.25"), NOW_MS + 1))
    world.account.fails.add("funding")
    await world.brain.sync()
    world.account.fails.clear()
    world.account.events.append(WalletChanged(D(9_999), "FUNDING_FEE", NOW_MS + 2))
    await world.listen()
    await world.brain.sync()
    assert (await world.ledger()).funding == D("-0.25")


# --- drifts ----------------------------------------------------------------------------------------------------------


async def test_a_drift_is_held_adopted_journalled_and_healed(redis: Redis) -> None:
    world = await a_world(redis)
    await world.happen(trade(1, "1"))
    await world.cycles(2)
    world.account.rows[SYMBOL] = row("3", entry_price=D(105), update_ms=NOW_MS + 1_001)
    stages = []
    for _ in range(6):
        await world.cycles(1)
        stages.append((plain((await world.ledger()).position_amt), await world.hold() is not None))
    assert stages == [("1", False), ("1", True), ("1", True), ("3", True), ("3", False), ("3", False)]
    assert [event.kind for event in await world.events()] == ["held", "adopted", "healed"]
    entry = (await world.journal())[-1]
    assert (entry.kind, entry.qty, entry.position_amt, entry.origin) == ("adjustment", D(2), D(3), "adopted")
    ledger = await world.ledger()
    assert (ledger.avg_entry_price, ledger.total_qty) == (D(105), D(1))


async def test_missing_trades_are_booked_before_anything_is_held(redis: Redis) -> None:
    world = await a_world(redis)
    await world.happen(trade(1, "1"), pushed=False)
    await world.cycles(4)
    assert await world.events() == []
    assert [entry.kind for entry in await world.journal()] == ["fill"]
    await agrees(world)


async def test_a_position_that_was_there_before_us_is_adopted_and_is_ordinary(redis: Redis) -> None:
    world = World(redis)
    world.account.rows[SYMBOL] = row("0.007", entry_price=D(64_000), update_ms=NOW_MS - 1_000_000)
    await world.begin()
    await world.cycles(6)
    ledger = await world.ledger()
    assert (ledger.position_amt, ledger.avg_entry_price) == (D("0.007"), D(64_000))
    assert await world.hold() is None
    await world.happen(trade(20, "-0.007", "65000"))
    assert (await world.ledger()).side is PositionSide.FLAT
    await world.cycles(4)
    assert [event.kind for event in await world.events()] == ["held", "adopted", "healed"]


async def test_a_list_that_cannot_be_read_is_not_an_empty_one(redis: Redis) -> None:
    world = await a_world(redis)
    world.account.rows[SYMBOL] = row("3")
    world.account.fails.add("trades")
    await world.cycles(10)
    assert (await world.hold(), (await world.ledger()).position_amt) == (None, D(0))


async def test_what_is_under_way_is_no_drift(redis: Redis) -> None:
    world = await a_world(redis)
    await redis.hset(KEYS.in_flight(SYMBOL), "p", str(NOW_MS + 10_000))
    world.account.rows[SYMBOL] = row("3")
    await world.cycles(4)
    assert world.account.calls.count("trades") == 0
    await world.cycles(6)
    assert (await world.ledger()).position_amt == D(3)


async def test_a_hold_survives_a_restart_and_is_healed_after_it(redis: Redis) -> None:
    world = await a_world(redis)
    world.account.rows[SYMBOL] = row("3")
    await world.cycles(2)
    assert await world.hold() is not None
    await world.restart()
    world.account.rows[SYMBOL] = row("0")
    await world.cycles(1)
    assert await world.hold() is None
    assert [event.kind for event in await world.events()] == ["held", "healed"]


# --- snapshots and the portfolio -------------------------------------------------------------------------------------


async def test_one_account_call_covers_every_symbol_flat_ones_too(redis: Redis) -> None:
    world = World(redis)
    for number in range(200):
        world.account.rows[f"S{number}USDT"] = row(symbol=f"S{number}USDT")
    await world.begin()
    assert world.account.calls == ["positions", "wallet_balance"]
    snapshot = await world.snapshot("S199USDT")
    assert (snapshot.position_amt, snapshot.side, snapshot.source) == (D(0), PositionSide.FLAT, "paper")
    assert (snapshot.ts_ms, snapshot.ts_epoch) == (NOW_MS, NOW_MS // 1000)
    assert (await world.ledger("S199USDT")).position_amt == D(0)


async def test_a_pushed_change_is_in_the_snapshot_at_once_and_an_older_row_does_not_undo_it(redis: Redis) -> None:
    world = await a_world(redis)
    world.account.events.append(PositionChanged(SYMBOL, D(2), D(101), D(3), NOW_MS + 50))
    await world.listen()
    assert (await world.snapshot()).position_amt == D(2)
    world.account.rows[SYMBOL] = row("0", update_ms=NOW_MS, mark_price=D(111), leverage=7)
    world.clock.advance(60)
    await world.brain.snapshot()
    snapshot = await world.snapshot()
    assert (snapshot.position_amt, snapshot.entry_price, snapshot.mark_price) == (D(2), D(101), D(111))
    assert (snapshot.unrealized_pnl, snapshot.leverage) == (D(20), 7)
    world.account.rows[SYMBOL] = row("-1", update_ms=NOW_MS + 51)
    await world.brain.snapshot()
    assert (await world.snapshot()).position_amt == D(-1)


async def test_a_row_of_the_same_change_brings_what_the_push_did_not_know(redis: Redis) -> None:
    """The event's time is a little after that of the change, which the account call shows."""
    world = await a_world(redis)
    world.account.events.append(PositionChanged(SYMBOL, D(2), D(101), D(3), NOW_MS + 50))
    await world.listen()
    world.account.rows[SYMBOL] = row("2", update_ms=NOW_MS + 49, liquidation_price=D(60), unrealized_pnl=D(4))
    await world.brain.snapshot()
    snapshot = await world.snapshot()
    assert (snapshot.liquidation_price, snapshot.unrealized_pnl) == (D(60), D(4))


async def test_a_push_that_is_older_than_what_is_known_or_of_an_unknown_symbol_is_ignored(redis: Redis) -> None:
    world = await a_world(redis)
    world.account.rows[SYMBOL] = row("1", update_ms=NOW_MS + 10)
    await world.brain.snapshot()
    world.account.events.append(PositionChanged(SYMBOL, D(9), D(1), D(0), NOW_MS + 9))
    world.account.events.append(PositionChanged("ETHUSDT", D(9), D(1), D(0), NOW_MS + 9))
    world.account.events.append(LeverageChanged(SYMBOL, 3))
    await world.listen()
    assert (await world.snapshot()).position_amt == D(1)
    assert not await redis.exists(KEYS.snapshot("ETHUSDT"))


async def test_a_change_pushed_while_a_cycle_writes_is_not_written_over(redis: Redis) -> None:
    world = await a_world(redis)
    world.account.rows[SYMBOL] = row("1", update_ms=NOW_MS)
    stops = world.store.stops

    async def slow(symbols: Any) -> Any:
        world.account.events.append(PositionChanged(SYMBOL, D(5), D(101), D(0), NOW_MS + 50))
        await world.listen()
        return await stops(symbols)

    vars(world.store)["stops"] = slow
    await world.brain.snapshot()
    assert (await world.snapshot()).position_amt == D(5)


async def test_an_account_that_does_not_answer_leaves_the_snapshots_old(redis: Redis) -> None:
    world = await a_world(redis)
    for name in ("positions", "wallet_balance"):
        world.account.fails = {name}
        world.brain.watch.wallet = None
        await world.cycles(1)
    assert (await world.snapshot()).ts_ms == NOW_MS


async def test_the_portfolio_follows_the_wallet_and_keeps_its_peak_over_a_restart(redis: Redis) -> None:
    world = await a_world(redis)
    await redis.hset(KEYS.stop(SYMBOL), mapping={"client_id": "qs-x", "trigger_price": "95", "updated_ms": "1"})
    world.account.rows[SYMBOL] = row("10", unrealized_pnl=D(-1_000))
    await world.brain.snapshot()
    portfolio = await world.portfolio()
    assert (portfolio.equity_usd, portfolio.peak_equity_usd, portfolio.drawdown_pct) == (D(9_000), D(10_000), D("0.1"))
    assert portfolio.portfolio_heat == D("0.00555556")
    await world.restart()
    world.account.events.append(WalletChanged(D(9_500), "ORDER", NOW_MS))
    await world.listen()
    world.brain.watch._wallet_read_ms = world.clock.now_ms()
    await world.brain.snapshot()
    portfolio = await world.portfolio()
    assert (portfolio.equity_usd, portfolio.peak_equity_usd) == (D(8_500), D(10_000))


async def test_the_best_mark_price_since_the_opening_is_kept(redis: Redis) -> None:
    world = await a_world(redis)
    await world.happen(trade(1, "1", "100"))
    for mark, peak in (("110", "110"), ("105", "110"), ("0", "110"), ("120", "120")):
        world.account.rows[SYMBOL] = replace(world.account.rows[SYMBOL], mark_price=D(mark))
        await world.cycles(1)
        assert (await world.ledger()).peak_price == D(peak)
    await world.happen(trade(2, "1", "100"))
    assert (await world.ledger()).peak_price == D(120)
    await world.restart()
    assert (await world.ledger()).peak_price == D(120)
    await world.happen(trade(3, "-3", "130"))
    assert (await world.ledger()).peak_price == D(130)
    world.account.rows[SYMBOL] = replace(world.account.rows[SYMBOL], mark_price=D(125))
    await world.cycles(1)
    assert (await world.ledger()).peak_price == D(125)


def test_p33_trims_the_streams_that_only_it_writes() -> None:
    assert streams_written(KEYS) == (KEYS.journal, KEYS.reconcile_events)


async def test_a_symbol_that_redis_forgot_while_we_run_begins_anew_and_converges(redis: Redis) -> None:
    world = await a_world(redis)
    await world.happen(trade(1, "1"))
    await redis.delete(KEYS.fills(SYMBOL), KEYS.ledger(SYMBOL))
    await world.happen(trade(2, "1"))
    await world.cycles(8)
    assert (await world.ledger()).position_amt == D(2)
    assert await world.hold() is None
    shelf = await world.store.book(SYMBOL)
    assert shelf.whole


async def test_a_torn_fact_is_mended_by_the_next_booking(redis: Redis) -> None:
    """A fact stands without its journal entry and its ledger, and nobody has started anew since."""
    world = await a_world(redis)
    await world.happen(trade(1, "1"))
    before: Any = await redis.hgetall(KEYS.ledger(SYMBOL))
    await world.happen(trade(2, "2"))
    await redis.xdel(KEYS.journal, (await world.ledger()).journal_id)
    await redis.delete(KEYS.ledger(SYMBOL))
    await redis.hset(KEYS.ledger(SYMBOL), mapping=before)
    await redis.hset(KEYS.fills(SYMBOL), "booked", "1")
    await world.happen(trade(3, "1"))
    assert (await world.ledger()).position_amt == D(4)
    await agrees(world)
