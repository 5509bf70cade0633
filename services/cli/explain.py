"""`quantum governor explain`: every number that went into a verdict, and the verdict made again from them."""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from quantum_common.keys import Keys
from quantum_common.messages import Issuer, Malformed, Permit, Plan, Result
from quantum_common.money import plain
from quantum_common.redis_client import why_gone
from quantum_common.state import iso
from services.cli.complaint import Complaint
from services.cli.decision_log import Recorded, Source, from_recording, from_redis, view_in
from services.cli.formula_check import governor_settings
from services.cli.redis_link import GONE, connect
from services.cli.target import address_of, settings_of
from services.governor.checks import worded
from services.governor.cutoffs import numbers
from services.governor.decide import Judgement, judge
from services.governor.normalisation import Moments
from services.governor.view import Limits, View

VERB = "governor explain"


def run_explain(plan_id: str, recording: Path | None, folder: Path | None) -> int:
    """Show how a plan was decided; return 1 where the settings of now decide it differently. Raise Complaint where the
    plan or its permit is not there."""
    settings = settings_of(VERB, folder)
    keys = Keys(settings.quantum_key_prefix)
    limits = governor_settings(VERB, folder).limits
    address = address_of(settings)
    redis = connect(address)
    try:
        source = from_recording(recording, keys, 0) if recording is not None else from_redis(redis, keys, 0)
        found, result = _found(source, keys, plan_id)
    except GONE as error:
        raise Complaint(f"{VERB}: redis at {address.url} does not answer: {why_gone(error)}", status=1) from None
    except Malformed as error:
        raise Complaint(f"{VERB}: an entry breaks its contract: {error}", status=1) from None
    finally:
        redis.close()
    lines, same = explained(found, result, limits)
    sys.stdout.write("\n".join(lines) + "\n")
    return 0 if same else 1


def explained(found: Recorded, result: Result | None, limits: Limits) -> tuple[list[str], bool]:
    """Given a decision, return its lines, and whether it comes out the same under these limits."""
    plan, permit = found.plan, found.permit
    wish = f"{plan.action} {plan.symbol} {plan.side} {plain(plan.qty)} at {_said(plan.price)}"
    lines = [
        f"plan {plan.plan_id}: {wish}, stop {_said(plan.stop_loss)}, from {plan.source}",
        f"decided {iso(permit.ts_ms)}: {_verdict(permit)}",
        *_gates(permit),
    ]
    if found.view is None:
        return [*lines, "no inputs stand on this permit; it cannot be decided again"], True
    again = judge(plan, found.view, limits, permit.ts_ms)
    lines += _inputs(found.view, limits)
    lines += _score(again, found.view, limits)
    same = (again.reason, again.qty) == (permit.reason, permit.safe_qty)
    lines.append(f"again, by the settings of now: {_again(again)}; {'the same' if same else 'NOT THE SAME'}")
    lines += [
        f"  {one.gate}: {one.value} against {one.limit}" for one in worded(again.checks) if not one.ok and not same
    ]
    if result is not None:
        ended = "executed" if result.executed else f"not executed: {result.gate}"
        lines.append(f"result: {ended}, filled {plain(result.filled_qty)}")
    return lines, same


def _found(source: Source, keys: Keys, plan_id: str) -> tuple[Recorded, Result | None]:
    plan = next(_with(source, keys.plans, plan_id), None)
    if plan is None:
        raise Complaint(f"{VERB}: no plan {plan_id} in the streams; --from DIR looks into a recording", status=1)
    permits = [fields for fields in _with(source, keys.permits, plan_id) if fields.get("issuer") == Issuer.GOVERNOR]
    if not permits:
        raise Complaint(f"{VERB}: the governor has not decided {plan_id}: it is {plan.get('decision')}", status=1)
    result = next(_with(source, keys.results, plan_id), None)
    permit = Permit.from_fields(permits[-1])
    recorded = Recorded(Plan.from_fields(plan), permit, view_in(permit))
    return recorded, None if result is None else Result.from_fields(result)


def _with(source: Source, stream: str, plan_id: str) -> Iterator[Mapping[str, str]]:
    return (fields for _, fields in source[stream] if fields.get("plan_id") == plan_id)


def _verdict(permit: Permit) -> str:
    qty = plain(permit.safe_qty) if permit.safe_qty is not None else ""
    return f"permitted {qty}" if permit.allow else f"refused, {permit.reason}"


def _again(judged: Judgement) -> str:
    return f"permitted {plain(judged.qty)}" if judged.reason is None else f"refused, {judged.reason}"


def _gates(permit: Permit) -> list[str]:
    rows: list[dict[str, Any]] = orjson.loads(permit.details)["gates"]
    return [
        f"  {'ok' if row['ok'] else 'NO':<3} {row['gate']}: {row['value'] or 'not asked'}"
        + (f" against {row['limit']}" if row["limit"] else "")
        for row in rows
    ]


def _inputs(view: View, limits: Limits) -> list[str]:
    lines = ["read:"]
    for name, record in (("portfolio", view.portfolio), ("market", view.market)):
        words = "absent" if record is None else " ".join(f"{key}={value}" for key, value in record.to_fields().items())
        lines.append(f"  {name}: {words}")
    if view.ledger is not None:
        lines.append(f"  ledger: position_amt={view.ledger.position_amt} opened_ms={_said(view.ledger.opened_ms)}")
    if view.snapshot is not None:
        lines.append(f"  snapshot: position_amt={view.snapshot.position_amt} mark_price={view.snapshot.mark_price}")
    lines += [f"  spent: {view.spent}"]
    lines += [
        f"  reserved: {one.reservation.symbol} {one.reservation.notional_usd} USDT by {one.reservation.plan_id}"
        for one in view.reserved
    ]
    if view.portfolio is not None and view.market is not None:
        on = numbers(view.portfolio, view.market, limits.heat_max)
        lines.append("  cutoff of: " + " ".join(f"{name}={value:g}" for name, value in on.items()))
    return lines


def _score(again: Judgement, view: View, limits: Limits) -> list[str]:
    found, kill, cutoffs = again.found, again.found.kill, limits.cutoffs
    parts = (
        ("regime_flip", kill.regime_flip), ("sigma_spike", kill.sigma_spike), ("ts_drop", kill.ts_drop),
        ("age_penalty", kill.age_penalty),
    )  # fmt: skip
    cutoff = cutoffs.exit if again.fit is None else cutoffs.entry
    return [
        f"score: K {_said(kill.score)} of " + ", ".join(f"{name} {_said(value)}" for name, value in parts),
        f"  symbol before: {_moments(view.statistics.own)}; portfolio before: {_moments(view.statistics.portfolio)}",
        f"  held against: {_moments(found.against)}, deviation at least {limits.yardstick.std_min}",
        f"  z {_said(found.z)}, cutoff {_said(found.cutoff.value)} = {cutoff.text}",
    ]


def _moments(moments: Moments) -> str:
    return f"mean {moments.mean:.6f} std {moments.std:.6f} n {moments.n}"


def _said(value: object) -> str:
    if value is None:
        return "unknown"
    return f"{value:.6f}" if isinstance(value, float) else str(value)
