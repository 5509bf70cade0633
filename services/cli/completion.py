"""What the shell offers behind a verb: symbols of the settings, and the newest plans. It never says a word: where there
is nothing to be had, there is nothing to offer."""

from typing import Any

from quantum_common.keys import Keys
from services.cli.complaint import Complaint
from services.cli.health.limits import limits_of
from services.cli.redis_link import GONE, connect
from services.cli.target import address_of, settings_of

VERB = "completion"
PLANS_OFFERED = 50
WITHIN_S = 0.5


def symbols(incomplete: str) -> list[str]:
    """Given what was typed so far, return the symbols of the settings that begin so, in small letters where it is in
    small ones: the shell drops what does not begin as typed, and every verb takes both."""
    try:
        names = [name for name in limits_of(VERB, None).symbols if name.startswith(incomplete.upper())]
    except Complaint:
        return []
    return [incomplete + name[len(incomplete) :].lower() if incomplete.islower() else name for name in names]


def plans(incomplete: str) -> list[str]:
    """Given what was typed so far, return the ids of the newest plans that begin so, the newest first."""
    try:
        settings = settings_of(VERB, None)
        with connect(address_of(settings), timeout_s=WITHIN_S) as redis:
            rows: Any = redis.xrevrange(Keys(settings.quantum_key_prefix).plans, count=PLANS_OFFERED)
    except (Complaint, *GONE):
        return []
    named = [fields["plan_id"] for _, fields in rows if "plan_id" in fields]
    return [plan_id for plan_id in named if plan_id.startswith(incomplete)]
