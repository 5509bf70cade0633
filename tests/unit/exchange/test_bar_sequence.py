"""Closed bars come each once, oldest first, none left out, whatever the stream loses."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from quantum_common.exchange.bar_sequence import BarSequence
from quantum_common.exchange.port import Bar

STEP = 60_000


def bar(index: int) -> Bar:
    one = Decimal(1)
    return Bar("BTCUSDT", index * STEP, index * STEP + STEP - 1, one, one, one, one, one)


def opened(bars: list[Bar]) -> list[int]:
    return [item.open_ms // STEP for item in bars]


def test_bars_that_follow_each_other_pass_at_once() -> None:
    sequence = BarSequence(STEP)
    assert opened(sequence.offer(bar(7)) + sequence.offer(bar(8)) + sequence.offer(bar(9))) == [7, 8, 9]
    assert sequence.gap_after_ms is None


def test_a_bar_that_was_delivered_is_not_delivered_again() -> None:
    sequence = BarSequence(STEP)
    sequence.offer(bar(7))
    assert sequence.offer(bar(7)) == sequence.offer(bar(6)) == []


def test_a_bar_after_a_hole_waits_for_the_history() -> None:
    sequence = BarSequence(STEP)
    sequence.offer(bar(1))
    assert sequence.offer(bar(3)) == []
    assert sequence.gap_after_ms == 1 * STEP
    assert opened(sequence.fill([bar(2)], 3 * STEP)) == [2, 3]
    assert sequence.gap_after_ms is None


def test_the_stream_goes_on_where_the_readers_history_ended() -> None:
    sequence = BarSequence(STEP)
    sequence.begin_after(1 * STEP)
    sequence.begin_after(9 * STEP)
    assert sequence.offer(bar(3)) == []
    assert opened(sequence.fill([bar(2)], 3 * STEP)) == [2, 3]


def test_a_reconnection_before_the_first_bar_needs_no_history() -> None:
    sequence = BarSequence(STEP)
    sequence.interrupt()
    assert sequence.gap_after_ms is None
    assert sequence.fill([bar(1)], 2 * STEP) == []


def test_after_a_reconnection_the_history_is_read_before_the_stream_goes_on() -> None:
    sequence = BarSequence(STEP)
    sequence.offer(bar(1))
    sequence.interrupt()
    assert sequence.offer(bar(2)) == []
    assert opened(sequence.fill([bar(2)], 3 * STEP)) == [2]
    assert opened(sequence.offer(bar(3))) == [3]


def test_a_hole_that_the_history_has_too_is_passed_over() -> None:
    sequence = BarSequence(STEP)
    sequence.offer(bar(1))
    sequence.offer(bar(5))
    assert opened(sequence.fill([bar(3)], 5 * STEP)) == [3, 5]


def test_a_history_that_lags_behind_the_stream_is_read_again() -> None:
    sequence = BarSequence(STEP)
    sequence.offer(bar(1))
    sequence.offer(bar(4))
    assert opened(sequence.fill([bar(2)], 2 * STEP)) == [2]
    assert sequence.gap_after_ms == 2 * STEP
    assert opened(sequence.fill([bar(3)], 4 * STEP)) == [3, 4]
    assert sequence.gap_after_ms is None


@given(st.data())
def test_whatever_is_lost_doubled_or_late_every_bar_comes_once_and_in_order(data: st.DataObject) -> None:
    sequence, delivered = BarSequence(STEP), opened(BarSequence(STEP).offer(bar(0)))
    sequence.offer(bar(0))
    last = data.draw(st.integers(1, 30))
    for index in range(1, last + 1):
        event = data.draw(st.sampled_from(["arrives", "twice", "lost", "cut"]))
        if event in {"arrives", "twice"}:
            delivered += opened(sequence.offer(bar(index)))
        if event == "twice":
            delivered += opened(sequence.offer(bar(index)))
        if event == "cut":
            sequence.interrupt()
        if data.draw(st.booleans()) and sequence.gap_after_ms is not None:
            seen = index - data.draw(st.integers(0, min(3, index - 1)))
            after = sequence.gap_after_ms // STEP
            delivered += opened(sequence.fill([bar(item) for item in range(after + 1, seen)], seen * STEP))
    sequence.interrupt()
    after = (sequence.gap_after_ms or 0) // STEP
    delivered += opened(sequence.fill([bar(item) for item in range(after + 1, last + 1)], (last + 1) * STEP))
    assert delivered == list(range(last + 1))
