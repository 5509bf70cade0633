"""`quantum record`: keep the streams and the minute bars in a folder until Ctrl-C, or for a time."""

import sys
from pathlib import Path

from quantum_common.exchange.addresses import address_of as exchange_address
from quantum_common.keys import Keys
from services.cli.complaint import Complaint
from services.cli.kept_bars import BarKeeper, PublicBars
from services.cli.recording import Recorder
from services.cli.redis_link import connect, require_answer
from services.cli.signals import StopSignals
from services.cli.target import address_of, settings_of

VERB = "record"


def run_record(into: Path, for_s: float | None, folder: Path | None) -> int:
    """Given a folder to record into, record until a signal or for a time. Raise Complaint where it cannot begin."""
    settings = settings_of(VERB, folder)
    address = address_of(settings)
    signals = StopSignals()
    signals.install()
    redis, public = connect(address), PublicBars(exchange_address(settings).rest_url)
    bars = BarKeeper(into, public.fetch, _say)
    try:
        require_answer(redis, address.url)
        recorder = Recorder(redis, Keys(settings.quantum_key_prefix), into, _say, bars)
        recorder.run(signals.requested, for_s)
    except OSError as error:
        raise Complaint(f"{VERB}: {into}: cannot be written: {error.strerror}", status=1) from None
    finally:
        redis.close()
        public.close()
    kept = f", {bars.written} bars" if bars.written else ""
    sys.stdout.write(f"{recorder.written} entries recorded in {into}{kept}\n")
    return 0


def _say(words: str) -> None:
    sys.stderr.write(f"quantum {VERB}: {words}\n")
