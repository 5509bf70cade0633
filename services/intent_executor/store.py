"""The executor's store on Redis: one round trip to read, one script for each write."""

from collections.abc import Mapping, Sequence

from redis.exceptions import ConnectionError as RedisConnectionError

from quantum_common.clock import DAY_MS
from quantum_common.keys import GROUP_EXECUTOR, Keys
from quantum_common.messages import Issuer, Permit, Plan, Result
from quantum_common.meter import SILENT, Hop, Meter
from quantum_common.money import parse_decimal
from quantum_common.redis_client import Redis
from quantum_common.scripts import Fence, Script, as_argument
from quantum_common.state import OrderRecord, Snapshot, TradingState
from quantum_common.stream import Message
from services.intent_executor.decide import Seen
from services.intent_executor.guard import Standing
from services.intent_executor.ports import Claim

_Hash = Mapping[str, str]

KEEP_TERMINAL_MS = 3 * DAY_MS  # as long as the exchange can be asked about an order that never filled


class RedisStore:
    """Implements `Store`."""

    def __init__(self, redis: Redis, keys: Keys, fence: Fence | None = None, meter: Meter = SILENT) -> None:
        self._redis = redis
        self._keys = keys
        self._meter = meter
        self._server_id = ""
        self._keep_stop = Script(redis, "keep_stop", fence)
        self._claim = Script(redis, "claim_order", fence)
        self._finish = Script(redis, "finish_plan", fence)

    async def meet(self) -> None:
        """Ask for the server's run id."""
        self._server_id = str((await self._redis.info("server"))["run_id"])

    async def gather(self, plan: Plan) -> Seen:
        """Read the journal, both permits, the trading state and the leverage in one round trip."""
        keys = self._keys
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.hgetall(keys.order(plan.plan_id))
            pipe.mget(keys.permit(Issuer.GOVERNOR, plan.plan_id), keys.permit(Issuer.P33, plan.plan_id))
            pipe.hget(keys.governor_state, "trading_state")
            pipe.hmget(keys.snapshot(plan.symbol), "leverage", "ts_ms")
            record, (governor, p33), state, (leverage, leverage_ms) = await pipe.execute()
        return Seen(
            record=OrderRecord.from_fields(record) if record else None,
            governor=_permit(governor),
            p33=_permit(p33),
            governor_text=governor or "",
            p33_text=p33 or "",
            trading_state=TradingState(state) if state else None,
            leverage=int(leverage) if leverage else None,
            leverage_ms=int(leverage_ms or 0),
        )

    async def claim(self, plan: Plan, seen: Seen, record: OrderRecord, result: Result | None = None) -> Claim:
        """Run `claim_order`."""
        keys = self._keys
        final = {"result": as_argument(result.to_fields())} if result is not None else {}
        answer = await self._claim(
            {
                "order": keys.order(plan.plan_id),
                "permit_governor": keys.permit(Issuer.GOVERNOR, plan.plan_id),
                "permit_p33": keys.permit(Issuer.P33, plan.plan_id),
                "governor_state": keys.governor_state,
            },
            {
                "server_id": self._server_id,
                "governor_text": seen.governor_text,
                "p33_text": seen.p33_text,
                "trading_state": seen.trading_state or "",
                "record": {**record.to_fields(), **final},
            },
        )
        claim = Claim(str(answer))
        if claim is Claim.ANOTHER_SERVER:
            raise RedisConnectionError("redis is another server since the last start")
        if claim is Claim.CLAIMED and result is not None:
            self._meter.decided(result.eval_type, result.gate)  # it ends here: `finish` finds a final record
        elif claim is Claim.CLAIMED and seen.governor and seen.p33:
            self._meter.hop(Hop.PERMIT_TO_ORDER, record.updated_ms - max(seen.governor.ts_ms, seen.p33.ts_ms))
        return claim

    async def finish(self, plan: Plan, result: Result, record: OrderRecord, message: Message, *, unsent: bool) -> bool:
        """Run `finish_plan`."""
        keys = self._keys
        answer = await self._finish(
            {"order": keys.order(plan.plan_id), "results": keys.results, "plans": keys.plans},
            {
                "group": GROUP_EXECUTOR,
                "entry": message.id,
                "record": {**record.to_fields(), "result": as_argument(result.to_fields())},
                "unsent": int(unsent),
                "keep_ms": KEEP_TERMINAL_MS,
                "plan_id": plan.plan_id,
            },
        )
        if answer != "finished":
            return False
        self._meter.decided(result.eval_type, result.gate)
        self._meter.hop(Hop.PLAN_TO_RESULT, result.ts_ms - message.written_ms)
        if result.sent_ms is not None and result.acked_ms is not None:
            self._meter.hop(Hop.ORDER_TO_ACK, result.acked_ms - result.sent_ms)
        return True

    async def acknowledge(self, message: Message) -> None:
        """Acknowledge one entry."""
        await self._redis.xack(message.stream, GROUP_EXECUTOR, message.id)

    async def standings(self) -> Sequence[Standing]:
        """Scan for snapshots, and read each with its stop and what is under way in one round trip."""
        keys = self._keys
        prefix = keys.snapshot("")
        symbols = [key.removeprefix(prefix) async for key in self._redis.scan_iter(prefix + "*", count=500)]
        async with self._redis.pipeline(transaction=False) as pipe:
            for symbol in symbols:
                pipe.hgetall(keys.snapshot(symbol))
                pipe.hgetall(keys.stop(symbol))
                pipe.hgetall(keys.in_flight(symbol))
            rows = await pipe.execute() if symbols else []
        found = [(symbol, rows[3 * number : 3 * number + 3]) for number, symbol in enumerate(symbols)]
        return [_standing(symbol, *row) for symbol, row in found if row[0]]  # Redis may forget one between the two

    async def standing_stop(self, symbol: str) -> str:
        """Read the remembered stop."""
        return str(await self._redis.hget(self._keys.stop(symbol), "client_id") or "")

    async def keep_stop(self, symbol: str, client_id: str, trigger_price: str, now_ms: int) -> None:
        """Write or delete the remembered stop."""
        fields = {"client_id": client_id, "trigger_price": trigger_price, "updated_ms": str(now_ms)}
        await self._keep_stop({"stop": self._keys.stop(symbol)}, {"fields": fields if client_id else {}})


def _standing(
    symbol: str, snapshot: Mapping[str, str], stop: Mapping[str, str], flights: Mapping[str, str]
) -> Standing:
    seen = Snapshot.from_fields(snapshot)
    return Standing(
        symbol=symbol,
        position_amt=seen.position_amt,
        mark_price=seen.mark_price,
        stop_id=stop.get("client_id", ""),
        trigger_price=parse_decimal(stop["trigger_price"]) if stop else None,
        under_way_ms=max((int(until_ms) for until_ms in flights.values()), default=0),
    )


def _permit(text: str | None) -> Permit | None:
    """Given a permit as JSON of its flat fields, return it, or None where there is none."""
    return Permit.from_json(text) if text else None


def streams_written(keys: Keys) -> Sequence[str]:
    """Return the streams that the executor writes, and therefore trims."""
    return (keys.results,)
