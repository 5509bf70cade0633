"""Every stream, key and consumer group of Quantum: its type, its one writer, its readers and its bound.

No prefix nests in another, so a scan or an ACL pattern means one thing. A shard uses `quantum:{N}` in place of
`quantum`: one hash tag, so that all the keys of a shard live in one slot and every script stays atomic there.
"""

from dataclasses import dataclass

from quantum_common.messages import EvalType, Issuer

PERMIT_TTL_MS = 60_000
HEARTBEAT_TTL_MS = 15_000
BRIDGE_SEEN_TTL_MS = 86_400_000

GROUP_BRIDGE = "intent-bridge"
GROUP_GOVERNOR = "governor"
GROUP_P33 = "p33"
GROUP_EXECUTOR = "intent-executor"

SERVICES = ("ai-engine", "intent-bridge", "governor", "position-state-brain", "intent-executor")


def short(stream: str) -> str:
    """Given a stream's key, return its name without the prefix: `apply.plan`."""
    return stream.rpartition(":")[2]


@dataclass(frozen=True)
class Keys:
    """The names under one prefix: `quantum` for a single shard, `quantum:{N}` for shard N."""

    prefix: str = "quantum"

    # --- streams -----------------------------------------------------------------------------------------------

    @property
    def intents(self) -> str:
        """Stream; written by ai-engine and operators, read by intent-bridge; trimmed by age."""
        return f"{self.prefix}:stream:trade.intent"

    @property
    def plans(self) -> str:
        """Stream; written by intent-bridge, read by governor, p33 and intent-executor; trimmed by age."""
        return f"{self.prefix}:stream:apply.plan"

    @property
    def permits(self) -> str:
        """Stream; written by governor and p33, read by intent-executor; trimmed by age."""
        return f"{self.prefix}:stream:apply.permit"

    @property
    def results(self) -> str:
        """Stream; written by intent-executor, read by p33 and governor; trimmed by age."""
        return f"{self.prefix}:stream:apply.result"

    @property
    def journal(self) -> str:
        """Stream; written by p33: one change of one ledger; trimmed by age."""
        return f"{self.prefix}:stream:ledger.journal"

    @property
    def governor_events(self) -> str:
        """Stream; written by governor and operators' commands."""
        return f"{self.prefix}:stream:governor.events"

    @property
    def reconcile_events(self) -> str:
        """Stream; written by p33."""
        return f"{self.prefix}:stream:reconcile.events"

    @property
    def streams(self) -> tuple[str, ...]:
        """Return all streams, in the order of the flow."""
        return (
            self.intents,
            self.plans,
            self.permits,
            self.results,
            self.journal,
            self.governor_events,
            self.reconcile_events,
        )

    @staticmethod
    def dead(stream: str) -> str:
        """Stream of what was malformed in `stream`, with the reason; written by its consumers."""
        return f"{stream}.dead"

    @property
    def dead_bars(self) -> str:
        """Stream of the bars that contradict themselves, with the reason; written by ai-engine."""
        return self.dead(f"{self.prefix}:stream:bars")

    # --- positions: written by p33 -------------------------------------------------------------------------------

    def snapshot(self, symbol: str) -> str:
        """Hash: what the exchange says of a symbol, flat included. Read by everyone."""
        return f"{self.prefix}:position:snapshot:{symbol}"

    def ledger(self, symbol: str) -> str:
        """Hash: what we did; the fold of the fills. Read by everyone."""
        return f"{self.prefix}:position:ledger:{symbol}"

    def fills(self, symbol: str) -> str:
        """Hash: trade id → the fact as JSON, and `checkpoint`; bounded by folding old facts into the checkpoint."""
        return f"{self.prefix}:position:fills:{symbol}"

    def hold(self, symbol: str) -> str:
        """Hash: why entries on this symbol wait; absent where they do not."""
        return f"{self.prefix}:position:hold:{symbol}"

    def in_flight(self, symbol: str) -> str:
        """Hash: the plan that P3.3 permitted on this symbol and whose result is not booked yet. TTL by expiry."""
        return f"{self.prefix}:position:inflight:{symbol}"

    @property
    def requests(self) -> str:
        """Hash: symbol → JSON of what an operator asks of P3.3 (release a hold, rebuild a ledger); written by
        operators' commands, taken away by P3.3 once it is done or out of date."""
        return f"{self.prefix}:position:requests"

    @property
    def portfolio(self) -> str:
        """Hash: equity, drawdown, exposure; written by p33. Read by everyone."""
        return f"{self.prefix}:state:portfolio"

    # --- the other services' keys --------------------------------------------------------------------------------

    def market_state(self, symbol: str) -> str:
        """Hash: volatility, trend and regime of a symbol at its last closed bar; written by ai-engine."""
        return f"{self.prefix}:marketstate:{symbol}"

    def exit_memory(self, symbol: str) -> str:
        """Hash: what the exit policy remembers of an open position (stages taken, best R); written by ai-engine."""
        return f"{self.prefix}:engine:exits:{symbol}"

    def engine_verdict(self, symbol: str) -> str:
        """Hash: what the engine made of a symbol's last closed bar, and what decided; written by ai-engine."""
        return f"{self.prefix}:engine:verdict:{symbol}"

    @property
    def engine_model(self) -> str:
        """Hash: the model in use, its age and its drift; written by ai-engine."""
        return f"{self.prefix}:engine:model"

    def bridge_seen(self, intent_id: str) -> str:
        """String: the id of the entry that first carried this intent; written by intent-bridge, TTL one day."""
        return f"{self.prefix}:bridge:seen:{intent_id}"

    @property
    def bridge_reserved(self) -> str:
        """Hash: symbol → JSON of the entry that is under way on it; written by intent-bridge, bounded by symbols."""
        return f"{self.prefix}:bridge:reserved"

    def permit(self, issuer: Issuer, plan_id: str) -> str:
        """String: a permit as JSON, TTL 60 s; written by its issuer, consumed by the executor's claim."""
        return f"{self.prefix}:permit:{issuer}:{plan_id}"

    def governor_stats(self, symbol: str, eval_type: EvalType) -> str:
        """Hash: EWMA statistics of the kill score, as they are and as they were before the last plan; written by
        governor, bounded by symbols. The symbol `all` stands for the portfolio."""
        return f"{self.prefix}:governor:stats:{symbol}:{eval_type}"

    def governor_executions(self, symbol: str) -> str:
        """Sorted set: permitted entries in the rate windows, by epoch ms; written and trimmed by governor."""
        return f"{self.prefix}:governor:exec:{symbol}"

    def governor_day(self, day: str) -> str:
        """Hash: plan id → notional permitted on a UTC day (YYYYMMDD); written by governor, TTL two days."""
        return f"{self.prefix}:governor:day:{day}"

    @property
    def governor_reserved(self) -> str:
        """Hash: plan id → JSON of the room that a permitted entry takes until the portfolio shows it; written by
        governor, bounded by what is under way."""
        return f"{self.prefix}:governor:reserved"

    @property
    def governor_state(self) -> str:
        """Hash: trading_state ACTIVE, REDUCING or HALTED; written by governor and operators' commands."""
        return f"{self.prefix}:governor:state"

    def order(self, plan_id: str) -> str:
        """Hash: the write-ahead record of the one order of a plan; written by intent-executor, TTL once terminal."""
        return f"{self.prefix}:order:{plan_id}"

    def stop(self, symbol: str) -> str:
        """Hash: the protective stop that stands on the exchange for this symbol; written by intent-executor."""
        return f"{self.prefix}:stop:{symbol}"

    @property
    def budget(self) -> str:
        """Hash with TTL: what is used of the account's rate limits; written by every service that asks the exchange."""
        return f"{self.prefix}:budget"

    def lease(self, service: str) -> str:
        """String with TTL: which instance of a service may write; written by that service's instances."""
        return f"{self.prefix}:lease:{service}"

    def heartbeat(self, service: str) -> str:
        """Hash with TTL: pid, version, progress; written by that service."""
        return f"{self.prefix}:heartbeat:{service}"
