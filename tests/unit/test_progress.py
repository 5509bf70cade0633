"""What counts as progress: loops come round, messages end, peers answer. What is waited for honestly is not stuck."""

from quantum_common.progress import DOUBT_AFTER_MS, SILENT_MS_MAX, STUCK_AFTER_MS, Peer, Progress

T0 = 1_700_000_000_000


def test_a_daemon_without_anything_under_way_is_not_stuck() -> None:
    assert Progress().stuck(T0) == ""


def test_what_does_not_come_round_in_time_is_named() -> None:
    progress = Progress()
    progress.round("the loop snapshot", T0, 2_000)
    assert progress.stuck(T0 + 2_000 + STUCK_AFTER_MS) == ""
    assert progress.stuck(T0 + 2_001 + STUCK_AFTER_MS) == "the loop snapshot has not come round for 92 s"


def test_what_comes_round_or_ends_is_expected_anew_or_no_more() -> None:
    progress = Progress()
    progress.round("a loop", T0)
    progress.round("a message", T0)
    progress.round("a loop", T0 + STUCK_AFTER_MS)
    progress.over("a message")
    progress.over("a message that never began")
    assert progress.stuck(T0 + STUCK_AFTER_MS + 1) == ""
    assert progress.stuck(T0 + 2 * STUCK_AFTER_MS + 1).startswith("a loop ")


def test_a_peer_that_never_answers_is_no_progress_from_when_it_was_expected() -> None:
    progress = Progress(peers=[Peer("the exchange", T0, lambda: 0)])
    assert progress.stuck(T0 + SILENT_MS_MAX) == ""
    assert progress.stuck(T0 + SILENT_MS_MAX + 1) == "the exchange has not answered for 300 s"


def test_a_peer_that_answers_is_progress() -> None:
    heard = [T0]
    progress = Progress(
        peers=[Peer("redis", T0, lambda: T0 + SILENT_MS_MAX), Peer("the exchange", T0, lambda: heard[0])]
    )
    assert progress.stuck(T0 + SILENT_MS_MAX + 1) == "the exchange has not answered for 300 s"
    heard[0] = T0 + SILENT_MS_MAX
    assert progress.stuck(T0 + SILENT_MS_MAX + 1) == ""


def test_who_waits_for_a_silent_peer_is_not_stuck_until_that_has_lasted_too_long() -> None:
    progress = Progress(peers=[Peer("the exchange", T0, lambda: T0)])
    progress.round("an order whose fate is unknown", T0)
    assert DOUBT_AFTER_MS < STUCK_AFTER_MS, "the peer must be in doubt before what waits for it counts as stuck"
    assert progress.stuck(T0 + STUCK_AFTER_MS + 1) == ""
    assert progress.stuck(T0 + SILENT_MS_MAX + 1).startswith("the exchange ")


def test_a_peer_that_told_us_to_wait_is_obeyed_and_not_asked_again_by_a_fresh_start() -> None:
    until_ms = T0 + 3_600_000
    progress = Progress(peers=[Peer("the exchange", T0, lambda: T0, lambda: until_ms)])
    progress.round("the loop snapshot", T0)
    assert progress.stuck(until_ms) == ""
    assert progress.stuck(until_ms + STUCK_AFTER_MS) != ""
