"""What a run is made of: only the same run is resumed, and an hour of market has an hour's entries."""

from pathlib import Path

import pytest

from services.cli.complaint import Complaint
from services.cli.options import Fsync, Profile, UpOptions
from services.cli.pipeline import RATE_MAX, RATES, Pipeline, rates_at
from services.cli.run_folder import RunFolder, RunNote
from services.cli.supervisor import Supervisor
from services.governor.settings import GovernorSettings


def options(market: str = "synthetic:7", listed: int = 0, redis_url: str = "") -> UpOptions:
    """What the command line said."""
    return UpOptions(
        market=market, speed=1, symbols=(), listed=listed, profile=Profile.EXPLORE, model=None, redis_url=redis_url,
        fsync=Fsync.ALWAYS, folder=None, for_s=None, json=True, exchange_options=(),
    )  # fmt: skip


def pipeline(given: UpOptions, *, embedded: bool = True, redis_url: str = "unix:///x") -> Pipeline:
    """A run that resumes one on synthetic:7."""
    note = RunNote(
        pid=1, folder="/x", market="synthetic:7", embedded=embedded, listed=0, speed=1, redis_url=redis_url,
        redis_port=1, paper_url="http://127.0.0.1:2", started_ms=1, children={},
    )  # fmt: skip
    return Pipeline(given, RunFolder(Path("/x"), kept=True, resumed=note), Supervisor(print), print, lambda: False)


def test_the_same_run_is_resumed() -> None:
    pipeline(options()).require_same_run()
    url = "redis://127.0.0.1:6379"
    pipeline(options(redis_url=url), embedded=False, redis_url=url).require_same_run()


@pytest.mark.parametrize(
    ("given", "embedded", "words"),
    [
        (options(market="synthetic:8"), True, "holds a run on synthetic:7"),
        (options(listed=5), True, "holds a run on synthetic:7"),
        (options(redis_url="redis://127.0.0.1"), True, "leave --redis out"),
        (options(), False, "give --redis again"),
        (options(redis_url="redis://other"), False, "its run was on unix:///x"),
    ],
)
def test_another_run_is_not_mixed_with_it(given: UpOptions, words: str, *, embedded: bool) -> None:
    with pytest.raises(Complaint, match=words):
        pipeline(given, embedded=embedded).require_same_run()


def test_rates_follow_the_speed_of_the_market_and_stay_in_range() -> None:
    assert rates_at(1) == {}
    fields = GovernorSettings.model_fields
    fast = rates_at(60)
    assert {name.lower() for name in fast} == set(RATES)
    assert fast["GOV_ENTRIES_PER_HOUR_MAX"] == str(fields["gov_entries_per_hour_max"].default * 60)
    assert all(float(value) <= RATE_MAX for value in rates_at(10_000).values())
