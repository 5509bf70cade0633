"""`quantum governor whatif`: recorded plans decided again under other settings, beside what was decided then.

Each is decided on what was read for it then: the account, the budgets and what was reserved stay as they were. It says
which verdicts a setting changes, not what the account would have become.
"""

import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from quantum_common.clock import epoch_ms
from quantum_common.keys import Keys
from quantum_common.messages import EvalType, Malformed
from quantum_common.money import ZERO, plain
from quantum_common.redis_client import why_gone
from quantum_common.settings import SettingsError, load
from services.cli.complaint import Complaint
from services.cli.decision_log import Outcome, Recorded, decisions, from_recording, from_redis, outcomes
from services.cli.options import EXIT_USAGE
from services.cli.redis_link import GONE, connect
from services.cli.target import address_of, environ_of, settings_of
from services.governor.decide import judge
from services.governor.settings import GovernorSettings
from services.governor.view import Limits, View

VERB = "governor whatif"
PASSED = "passed"
LEARNED = frozenset({"GOV_KILL_HALF_LIFE"})  # the statistics of then were learned with it


@dataclass
class Tally:
    """What came of deciding again. Amounts in USDT at the plans' own prices."""

    pairs: Counter[tuple[str, str]] = field(default_factory=Counter)
    now_passing_usdt: Decimal = ZERO
    now_refused_usdt: Decimal = ZERO
    smaller: int = 0
    made: dict[str, list[Decimal]] = field(default_factory=dict)
    exits_refused: int = 0
    undecidable: int = 0
    seconds: float = 0.0

    @property
    def decided(self) -> int:
        """Return how many decisions were made again."""
        return sum(self.pairs.values())


def parse_sets(texts: Sequence[str]) -> dict[str, str]:
    """Given `KEY=VALUE` texts, return them as settings. Raise Complaint where one is none of the governor's."""
    found = {}
    for text in texts:
        key, equals, value = text.partition("=")
        key = key.strip()
        if not equals or key.lower() not in GovernorSettings.model_fields or not key.startswith("GOV_"):
            raise Complaint(f"{VERB}: --set {text}: give KEY=VALUE with a key of governor.env", EXIT_USAGE)
        if key in LEARNED:
            raise Complaint(f"{VERB}: --set {key}: the recorded statistics were learned with the old one", EXIT_USAGE)
        found[key] = value.strip()
    return found


def run_whatif(since_s: float, sets: Sequence[str], recording: Path | None, folder: Path | None) -> int:
    """Decide recorded plans again and show the difference. Raise Complaint where settings or records will not do."""
    changed = parse_sets(sets)
    settings = settings_of(VERB, folder)
    keys, limits = Keys(settings.quantum_key_prefix), limits_with(changed, folder)
    since_ms = epoch_ms() - int(since_s * 1000)
    address = address_of(settings)
    redis = connect(address)
    try:
        source = from_recording(recording, keys, since_ms) if recording else from_redis(redis, keys, since_ms)
        recorded = list(decisions(source, keys))
        tally = decide_again(recorded, limits, outcomes(source, keys))
    except GONE as error:
        raise Complaint(f"{VERB}: redis at {address.url} does not answer: {why_gone(error)}", status=1) from None
    except Malformed as error:
        raise Complaint(f"{VERB}: an entry breaks its contract: {error}", status=1) from None
    finally:
        redis.close()
    sys.stdout.write("\n".join(shown(tally, changed)) + "\n")
    return 0


def limits_with(changed: Mapping[str, str], folder: Path | None) -> Limits:
    """Given settings that are to be other than they are, return the limits with them. Raise Complaint."""
    environ = environ_of(VERB, folder)
    try:
        return load(GovernorSettings, "governor", {**(os.environ if environ is None else environ), **changed}).limits
    except SettingsError as error:
        raise Complaint(f"{VERB}: {error}", EXIT_USAGE) from None


def decide_again(recorded: Iterable[Recorded], limits: Limits, known: Mapping[str, Outcome]) -> Tally:
    """Given recorded decisions and other limits, decide each again; return what came of it."""
    tally = Tally()
    began_s = time.perf_counter()
    for one in recorded:
        if one.view is None:
            tally.undecidable += 1
        else:
            _count(one, one.view, limits, known, tally)
    tally.seconds = time.perf_counter() - began_s
    return tally


def _count(one: Recorded, view: View, limits: Limits, known: Mapping[str, Outcome], tally: Tally) -> None:
    plan, then = one.plan, one.permit.reason
    again = judge(plan, view, limits, one.permit.ts_ms)
    now = again.reason
    tally.pairs[then or PASSED, now or PASSED] += 1
    if plan.eval_type is EvalType.EXIT:
        tally.exits_refused += now is not None
        return
    worth = plan.qty * (plan.price or ZERO)
    if now is None and then is not None:
        tally.now_passing_usdt += worth
    elif now is not None and then is None:
        tally.now_refused_usdt += worth
    tally.smaller += now is None and again.qty < plan.qty
    outcome = known.get(plan.plan_id)
    if then is None and outcome is not None and outcome.made_usdt is not None:
        tally.made.setdefault("kept" if now is None else "lost", []).append(outcome.made_usdt)


def shown(tally: Tally, changed: Mapping[str, str]) -> list[str]:
    """Given what came of it, return it as lines."""
    lines = [f"with {key}={value}" for key, value in changed.items()] or ["with the settings of now"]
    if not tally.decided:
        return [*lines, "no decision is recorded in that time"]
    lines.append(f"{'then':<34} {'now':<34} {'plans':>8}")
    lines += [f"{then:<34} {now:<34} {count:>8}" for (then, now), count in sorted(tally.pairs.items())]
    lines += [
        f"entries that pass now and did not: {plain(tally.now_passing_usdt)} USDT",
        f"entries that passed and do not now: {plain(tally.now_refused_usdt)} USDT; cut down now: {tally.smaller}",
        f"exits refused now: {tally.exits_refused}",
    ]
    for word, meaning in (("kept", "still pass"), ("lost", "do not pass now")):
        made = tally.made.get(word, [])
        if made:
            wins = sum(1 for usdt in made if usdt > 0)
            all_usdt = plain(sum(made, ZERO))
            lines.append(f"of the entries that {meaning}, {len(made)} are closed: {wins} won, {all_usdt} USDT in all")
    if tally.undecidable:
        lines.append(f"{tally.undecidable} permits of an older build hold no inputs")
    rate = tally.decided / tally.seconds if tally.seconds else 0.0
    lines.append(f"{tally.decided} decisions in {tally.seconds:.3f} s, {rate:,.0f} a second")
    return lines
