"""What is still to be told: in order, with growing pauses, bounded."""

from services.cli.alerts.decide import Kind, Notice
from services.cli.alerts.outbox import BACK_OFF_MS, PARCELS_MAX, Outbox
from services.cli.health.check import Level


def told(number: int, kind: Kind = Kind.RAISED) -> Notice:
    return Notice(
        id=f"{number}", kind=kind, name="drift", subject="", level=Level.BAD, figure="", limit="", words="",
        since_ms=0, ts_ms=number,
    )  # fmt: skip


def test_each_channel_gets_every_notice_in_order() -> None:
    outbox = Outbox().put([told(1), told(2)], ["webhook", "command"])
    first = outbox.next("webhook")
    assert first is not None
    outbox = outbox.delivered(first)
    second = outbox.next("webhook")
    assert second is not None
    assert (first.notice.id, second.notice.id) == ("1", "2")
    left = outbox.next("command")
    assert left is not None
    assert left.notice.id == "1", "what one channel got, the other still has to get"
    assert outbox.delivered(second).next("webhook") is None


def test_one_that_fails_stays_first_and_waits_longer_each_time() -> None:
    outbox = Outbox().put([told(1), told(2)], ["webhook"])
    pauses = []
    for _ in range(8):
        parcel = outbox.next("webhook")
        assert parcel is not None
        assert parcel.notice.id == "1"
        outbox = outbox.failed(parcel, 1_000)
        again = outbox.next("webhook")
        assert again is not None
        pauses.append(again.due_ms - 1_000)
    assert pauses == [*BACK_OFF_MS, BACK_OFF_MS[-1], BACK_OFF_MS[-1]]


def test_where_there_is_no_room_repetitions_go_first_then_the_oldest() -> None:
    repeated = [told(number, Kind.REPEATED) for number in range(2)]
    fresh = [told(number) for number in range(2, PARCELS_MAX + 1)]
    outbox = Outbox().put([*fresh[:5], *repeated, *fresh[5:]], ["webhook"])
    assert len(outbox.parcels) == PARCELS_MAX
    assert outbox.dropped == 1
    assert [one.notice.id for one in outbox.parcels if one.notice.kind is Kind.REPEATED] == ["1"]
    outbox = outbox.put([told(9_000), told(9_001)], ["webhook"])
    assert outbox.dropped == 3
    first = outbox.next("webhook")
    assert first is not None
    assert first.notice.id == "3", "no repetition is left, so the oldest went"
    assert outbox.parcels[-1].notice.id == "9001"


def test_what_is_for_a_channel_that_is_gone_goes_with_it() -> None:
    outbox = Outbox().put([told(1)], ["webhook", "command"]).only(["command"])
    assert outbox.next("webhook") is None
    assert outbox.next("command") is not None
