"""`quantum health`: the checklist, GO or NO-GO."""

from redis import Redis

from quantum_common.clock import epoch_ms
from quantum_common.keys import Keys
from quantum_common.settings import without_password
from services.cli.health.check import Check, fit
from services.cli.health.collect import collect
from services.cli.health.exchange_time import exchange_time
from services.cli.health.judge import judge
from services.cli.health.limits import limits_of
from services.cli.health.machine import silent
from services.cli.health.shown import as_object, picture
from services.cli.questions.answer import Answer, Manner, answer
from services.cli.redis_link import GONE

VERB = "health"


def run_health(manner: Manner, since_s: float, executions_min: int) -> int:
    """Show every check, and whether it is fit to trade; return 0 for GO and 1 for NO-GO. Raise Complaint."""
    limits = limits_of(VERB, manner.folder, window_ms=int(since_s * 1000), executions_min=executions_min)
    ask_exchange = exchange_time(limits.executor)

    def read(redis: Redis, keys: Keys) -> Answer:
        checks: tuple[Check, ...]
        since_ms = epoch_ms() - limits.window_ms
        try:
            found = collect(redis, keys, limits.symbols, since_ms, ask_exchange)
        except GONE as error:
            now_ms = epoch_ms()
            checks = (silent(error, without_password(limits.executor.quantum_redis_url), limits.place),)
        else:
            now_ms = epoch_ms()
            checks = judge(found, limits, now_ms)
        shown = picture(checks, now_ms, limits.executor.quantum_env.value)
        return Answer(shown, as_object(checks, now_ms), good=fit(checks))

    return answer(VERB, manner, read)
