"""What is told, and when: once, again now and then, and when it is over; never for a blink, never twice."""

from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.cli.alerts.decide import Key, Kind, Notice, Policy, Standing, decide
from services.cli.health.check import Check, Level

POLICY = Policy(confirm_ms=10, calm_ms=30, repeat_ms=100)
BTC, ETH = ("drift", "BTCUSDT"), ("drift", "ETHUSDT")


def check(key: Key, level: Level = Level.BAD, figure: str = "1 and 2") -> Check:
    return Check(*key, level, figure, "equal", "quantum reconcile")


class Story:
    """Looks one after the other, as the daemon takes them."""

    def __init__(self, policy: Policy = POLICY) -> None:
        self.policy = policy
        self.standing: dict[Key, Standing] = {}
        self.acknowledged: dict[Key, int] = {}
        self.told: list[Notice] = []

    def look(self, now_ms: int, *checks: Check, whole: bool = True) -> list[tuple[Kind, Key]]:
        notices, self.standing = decide(checks, self.standing, self.acknowledged, self.policy, now_ms, whole=whole)
        self.told += notices
        return [(one.kind, (one.name, one.subject)) for one in notices]


def test_a_trouble_is_told_once_it_has_lasted_and_not_again_while_it_stands() -> None:
    story = Story()
    assert story.look(0, check(BTC)) == []
    assert story.look(9, check(BTC)) == []
    assert story.look(10, check(BTC)) == [(Kind.RAISED, BTC)]
    assert [story.look(now, check(BTC)) for now in (11, 50, 109)] == [[], [], []]
    assert story.told[0].text == "BAD drift BTCUSDT: 1 and 2, limit equal. quantum reconcile"


def test_a_blink_is_not_told_at_all() -> None:
    story = Story()
    for start in (0, 100, 200):
        assert story.look(start, check(BTC)) == []
        assert story.look(start + 5) == []
    assert story.standing == {}


def test_a_change_of_the_trading_state_is_told_at_once() -> None:
    assert Story().look(0, check(("trading_state", ""))) == [(Kind.RAISED, ("trading_state", ""))]


def test_it_is_over_once_it_has_been_well_for_a_while_and_the_notice_says_how_long_it_lasted() -> None:
    story = Story()
    story.look(0, check(BTC))
    story.look(10, check(BTC))
    assert story.look(20) == []
    assert story.look(49) == []
    assert story.look(50) == [(Kind.RECOVERED, BTC)]
    assert story.told[-1].lasted_ms == 20
    assert story.told[-1].text == "OK drift BTCUSDT: well again after 20 ms"
    assert story.standing == {}
    assert story.look(60) == []


def test_one_that_comes_and_goes_is_one_trouble() -> None:
    story = Story()
    story.look(0, check(BTC))
    story.look(10, check(BTC))
    for now in range(20, 90, 10):
        assert story.look(now, *([check(BTC)] if now % 20 else [])) == []
    assert story.look(109) == []
    assert story.look(110) == [(Kind.RECOVERED, BTC)]
    assert story.told[-1].since_ms == 0


def test_it_is_repeated_while_it_stands_and_nobody_has_taken_note() -> None:
    story = Story()
    story.look(0, check(BTC))
    story.look(10, check(BTC))
    assert story.look(110, check(BTC)) == [(Kind.REPEATED, BTC)]
    assert "(for 110 ms)" in story.told[-1].text
    story.acknowledged[BTC] = 0
    assert story.look(300, check(BTC)) == []
    story.look(310)
    assert story.look(340) == [(Kind.RECOVERED, BTC)], "its end is told all the same"
    story.look(400, check(BTC))
    story.look(410, check(BTC))
    assert story.look(510, check(BTC)) == [(Kind.REPEATED, BTC)], "the acknowledgement was of the trouble before"


def test_nothing_is_repeated_where_that_is_off() -> None:
    story = Story(Policy(confirm_ms=0, calm_ms=0, repeat_ms=0))
    assert story.look(0, check(BTC)) == [(Kind.RAISED, BTC)]
    assert story.look(10**9, check(BTC)) == []


def test_one_that_gets_worse_is_told_again_and_one_that_gets_better_is_not() -> None:
    story = Story(Policy(level_min=Level.WARN, confirm_ms=0, calm_ms=0))
    assert story.look(0, check(BTC, Level.WARN)) == [(Kind.RAISED, BTC)]
    assert story.look(1, check(BTC)) == [(Kind.WORSE, BTC)]
    assert story.look(2, check(BTC, Level.WARN)) == []


@pytest.mark.parametrize(
    ("policy", "level", "name", "told"),
    [
        (Policy(), Level.BAD, "drift", True),
        (Policy(), Level.WARN, "drift", False),
        (Policy(), Level.OK, "drift", False),
        (Policy(level_min=Level.WARN), Level.WARN, "drift", True),
        (Policy(), Level.WARN, "model", True),
        (Policy(muted=frozenset({"drift"})), Level.BAD, "drift", False),
        (Policy(muted=frozenset({"model"})), Level.WARN, "model", False),
    ],
)
def test_what_is_a_trouble(policy: Policy, level: Level, name: str, *, told: bool) -> None:
    assert policy.troubles(check((name, ""), level)) is told


def test_of_what_was_not_looked_at_nothing_is_known() -> None:
    story = Story()
    story.look(0, check(BTC))
    story.look(10, check(BTC))
    gone = check(("redis", ""), figure="no answer")
    assert story.look(20, gone, whole=False) == []
    assert story.look(30, gone, whole=False) == [(Kind.RAISED, ("redis", ""))]
    assert story.look(1_000, gone, whole=False) == [(Kind.REPEATED, ("redis", ""))]
    assert BTC in story.standing
    assert story.look(1_010, check(BTC)) == [(Kind.REPEATED, BTC)], "redis is well again, but not for long enough"
    assert story.look(1_040, check(BTC)) == [(Kind.RECOVERED, ("redis", ""))]


def test_subjects_are_told_apart() -> None:
    story = Story(Policy(confirm_ms=0, calm_ms=0))
    assert story.look(0, check(BTC)) == [(Kind.RAISED, BTC)]
    assert story.look(1, check(ETH)) == [(Kind.RAISED, ETH), (Kind.RECOVERED, BTC)]


looks = st.lists(
    st.tuples(st.integers(1, 40), st.sets(st.sampled_from([BTC, ETH]), max_size=2), st.booleans()),
    min_size=1, max_size=60,
)  # fmt: skip


def of(notices: Iterable[Notice], key: Key) -> Sequence[Kind]:
    return [one.kind for one in notices if (one.name, one.subject) == key]


@given(looks)
@settings(max_examples=300)
def test_whatever_happens_troubles_and_recoveries_take_turns_and_every_notice_is_another(
    steps: list[tuple[int, set[Key], bool]],
) -> None:
    story, now = Story(), 0
    for pause, bad, whole in steps:
        now += pause
        story.look(now, *(check(key) for key in sorted(bad)), whole=whole)
    now += 1
    story.look(now)
    story.look(now + POLICY.calm_ms)
    assert story.standing == {}, "what is well for long enough is over"
    for key in (BTC, ETH):
        kinds = [kind for kind in of(story.told, key) if kind is not Kind.REPEATED]
        assert kinds == [Kind.RAISED, Kind.RECOVERED] * (len(kinds) // 2)
    assert len({one.id for one in story.told}) == len(story.told)


@given(looks, st.integers(0, 60))
@settings(max_examples=100)
def test_a_restart_between_two_looks_changes_nothing(steps: list[tuple[int, set[Key], bool]], at: int) -> None:
    straight, restarted, now = Story(), Story(), 0
    for number, (pause, bad, whole) in enumerate(steps):
        now += pause
        if number == at:
            kept = [Standing.model_validate_json(one.model_dump_json()) for one in restarted.standing.values()]
            restarted.standing = {one.key: one for one in kept}
        found = [check(key) for key in sorted(bad)]
        assert straight.look(now, *found, whole=whole) == restarted.look(now, *found, whole=whole)
