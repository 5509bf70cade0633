"""`quantum ledger verify` compares the ledgers with all that they must agree with; `rebuild` has them written anew."""

import asyncio
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from quantum_common.acl import P33
from quantum_common.clock import DAY_MS, SystemClock
from quantum_common.exchange.connect import open_exchange
from quantum_common.exchange.port import AccountPort, ConfigurationRefused, ExchangeUnavailable, PositionView, TradeView
from quantum_common.keys import Keys
from quantum_common.log import setup
from quantum_common.messages import JournalEntry, Malformed
from quantum_common.money import ZERO, plain
from quantum_common.redis_client import Redis, RedisError, why_gone
from quantum_common.redis_client import connect as connect_async
from quantum_common.settings import CommonSettings, SettingsError, credentials, without_password
from quantum_common.state import Ask
from services.cli.complaint import Complaint
from services.cli.dry_run import only_said
from services.cli.ledger_check import Evidence, Report, Verdict, examine
from services.cli.operator_requests import ask, checked_reason, checked_symbol, runs
from services.cli.options import EXIT_USAGE
from services.cli.redis_link import GONE, connect
from services.cli.target import address_of, settings_of
from services.position_state_brain.bookkeeper import FIRST_SYNC_MAX
from services.position_state_brain.ports import Shelf
from services.position_state_brain.store import RedisStore

VERB = "ledger verify"
TRIES = 4  # what is under way between two reads looks like a difference for a moment
PAUSE_MS = 700
WEEK_MS = 7 * DAY_MS  # how far back the exchange lists trades that are not asked for by id
PAGE = 1000


def run_verify(symbol: str | None, folder: Path | None, *, as_json: bool) -> int:
    """Verify one ledger or all of them and say the verdicts; return 0 where all are right, else 1.

    Raise Complaint where Redis or the exchange cannot be read.
    """
    wanted = checked_symbol(VERB, symbol) if symbol else None
    settings = settings_of(VERB, folder)
    try:
        reports = asyncio.run(_verify(settings, wanted))
    except (ExchangeUnavailable, ConfigurationRefused) as error:
        raise Complaint(f"{VERB}: the exchange cannot be read: {error}", status=1) from None
    except SettingsError as error:
        raise Complaint(str(error)) from None
    except (RedisError, OSError) as error:
        url = without_password(settings.quantum_redis_url)
        raise Complaint(f"{VERB}: redis at {url} does not answer: {why_gone(error)}", status=1) from None
    if wanted and not reports:
        raise Complaint(f"{VERB}: {wanted}: the exchange does not list it, and there is no ledger of it", EXIT_USAGE)
    lines = [orjson.dumps(_as_object(reports)).decode()] if as_json else shown(reports)
    sys.stdout.write("\n".join(lines) + "\n")
    return 0 if all(report.verdict is Verdict.OK for report in reports) else 1


def run_rebuild(symbol: str | None, reason: str, folder: Path | None, *, all_: bool, dry_run: bool = False) -> int:
    """Have one ledger or all of them written anew from their facts, by P3.3; return 0. Raise Complaint."""
    verb = "ledger rebuild"
    if (symbol is None) is not all_:
        raise Complaint(f"{verb}: give a symbol such as BTCUSDT, or --all", EXIT_USAGE)
    wanted, reason = checked_symbol(verb, symbol) if symbol else "", checked_reason(verb, reason)
    settings = settings_of(verb, folder)
    keys, address = Keys(settings.quantum_key_prefix), address_of(settings)
    redis = connect(address)
    try:
        if not runs(redis, keys):
            raise Complaint(
                f"{verb}: {P33} is not running; it alone writes ledgers, and folds each anew at its start: start it",
                status=1,
            )
        symbols = [wanted] if wanted else sorted(_symbols(redis.scan_iter(keys.fills("") + "*", count=PAGE), keys))
        if dry_run:
            return only_said(*(f"would be rebuilt: {name}" for name in symbols))
        events = ask(redis, keys, symbols, Ask.REBUILD, reason)
    except GONE as error:
        raise Complaint(f"{verb}: redis at {address.url} does not answer: {why_gone(error)}", status=1) from None
    finally:
        redis.close()
    for name, event in events.items():
        sys.stdout.write(f"{name}  {event.details}\n")
    if refused := [name for name in symbols if name not in events]:
        raise Complaint(f"{verb}: {refused[0]} has no ledger; quantum ledger verify lists them", status=1)
    return 0


def shown(reports: Sequence[Report]) -> list[str]:
    """Given the reports, return a line for each ledger, its findings under it, and a last line that counts."""
    lines = []
    for one in reports:
        ledger = "none" if one.ledger_amt is None else plain(one.ledger_amt)
        lines.append(
            f"{one.symbol}  {one.verdict}  ledger {ledger}  exchange {plain(one.exchange_amt)}  "
            f"difference {plain(one.difference)}  facts {one.facts}  trades {one.trades}"
        )
        lines += [f"  {text}" for text in one.findings]
    wrong = sum(one.verdict is not Verdict.OK for one in reports)
    return [*lines, f"{len(reports)} ledgers verified, {wrong} wrong"]


def _as_object(reports: Sequence[Report]) -> dict[str, Any]:
    rows = [
        {
            "symbol": one.symbol,
            "verdict": one.verdict,
            "ledger_position_amt": None if one.ledger_amt is None else plain(one.ledger_amt),
            "exchange_position_amt": plain(one.exchange_amt),
            "difference": plain(one.difference),
            "facts": one.facts,
            "trades": one.trades,
            "findings": list(one.findings),
        }
        for one in reports
    ]
    return {"ok": all(one.verdict is Verdict.OK for one in reports), "ledgers": rows}


async def _verify(settings: CommonSettings, wanted: str | None) -> list[Report]:
    """Read both sides and judge; a ledger that is wrong is read again after a pause, as something may be under way."""
    clock, log = SystemClock(), setup("error", "cli")
    redis = connect_async(settings)
    try:
        async with open_exchange(settings, credentials(settings), (), clock, log) as exchange:
            reader = _Reader(redis, Keys(settings.quantum_key_prefix), exchange.account, clock)
            reports = {one.symbol: one for one in await reader.reports(wanted)}
            for _ in range(TRIES - 1):
                wrong = [one.symbol for one in reports.values() if one.verdict is not Verdict.OK]
                if not wrong:
                    break
                await clock.sleep_ms(PAUSE_MS)
                for symbol in wrong:
                    reports |= {one.symbol: one for one in await reader.reports(symbol)}
            return list(reports.values())
    finally:
        await redis.aclose()


@dataclass(frozen=True)
class _Reader:
    """Reads what a verdict needs. Reading changes nothing."""

    redis: Redis
    keys: Keys
    account: AccountPort
    clock: SystemClock

    async def reports(self, wanted: str | None) -> list[Report]:
        """Return the reports on one symbol or on all: those with a ledger, and those with a position without one."""
        positions = {row.symbol: row for row in await self.account.positions()}
        found = [key async for key in self.redis.scan_iter(self.keys.fills("") + "*", count=PAGE)]
        ledgers = _symbols(found, self.keys)
        names = ledgers | {symbol for symbol, row in positions.items() if row.position_amt}
        if wanted is not None:
            names = (names | positions.keys()) & {wanted}
        journal, whole = await self._journal()
        return [
            examine(
                await self._evidence(
                    name, positions.get(name), journal.get(name, ()), kept=name in ledgers, whole=whole
                )
            )
            for name in sorted(names)
        ]

    async def _evidence(
        self, symbol: str, row: PositionView | None, journal: Sequence[JournalEntry], *, kept: bool, whole: bool
    ) -> Evidence:
        shelf, unreadable = None, ""
        if kept:
            try:
                shelf = await RedisStore(self.redis, self.keys).book(symbol)
            except Malformed as error:
                unreadable = f"a fact breaks its contract: {error}"
        return Evidence(
            symbol=symbol,
            shelf=shelf,
            unreadable=unreadable,
            exchange_amt=row.position_amt if row else ZERO,
            trades=await self._trades(symbol, shelf) if shelf and row else (),
            journal=journal,
            whole_journal=whole,
        )

    async def _trades(self, symbol: str, shelf: Shelf) -> Sequence[TradeView]:
        """Return the exchange's trades from the checkpoint on; where there is none yet, all that it lists."""
        checkpoint, facts = shelf.book.checkpoint, shelf.book.facts.values()
        if checkpoint.high_water:
            return await self.account.trades(symbol, checkpoint.high_water + 1)
        first = min((fact.trade_id for fact in facts if fact.trade_id), default=None)
        if first is not None and self.clock.now_ms() - checkpoint.since_ms > WEEK_MS:
            return await self.account.trades(symbol, first)
        return await self.account.trades(symbol, None, FIRST_SYNC_MAX)

    async def _journal(self) -> tuple[dict[str, list[JournalEntry]], bool]:
        """Return the journal by symbol, oldest first, and whether nothing was trimmed from it."""
        stream, after = self.keys.journal, "-"
        if not await self.redis.exists(stream):
            return {}, True
        found: dict[str, list[JournalEntry]] = {}
        count = 0
        while True:
            rows: Any = await self.redis.xrange(stream, min=after, count=PAGE)
            for _, fields in rows:
                entry = JournalEntry.from_fields(fields)
                found.setdefault(entry.symbol, []).append(entry)
            count += len(rows)
            if len(rows) < PAGE:
                break
            after = f"({rows[-1][0]}"
        info: Any = await self.redis.xinfo_stream(stream)
        return found, int(info["entries-added"]) <= count


def _symbols(keys_found: Iterable[str], keys: Keys) -> set[str]:
    return {key.removeprefix(keys.fills("")) for key in keys_found}
