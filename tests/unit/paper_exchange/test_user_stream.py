"""User events on their way: faults change the order across types, never within one."""

from collections.abc import Callable

import orjson
from hypothesis import given
from hypothesis import strategies as st

from services.paper_exchange.faults import FaultKind, FaultMenu, FaultOrder
from services.paper_exchange.user_stream import UserMessage, UserStream


class Line:
    """A user stream whose timers are run by hand."""

    def __init__(self) -> None:
        self.menu = FaultMenu(seed=1)
        self.sent: list[tuple[str, int]] = []
        self.timers: list[tuple[int, Callable[[], None]]] = []
        self.stream = UserStream(self.menu, self._send, lambda wait_ms, call: self.timers.append((wait_ms, call)))

    def _send(self, kind: str, text: bytes) -> None:
        self.sent.append((kind, orjson.loads(text)["n"]))

    def say(self, *kinds: str) -> None:
        """Publish messages of these types, numbered over all."""
        first = len(self.sent) + 100 * len(self.timers)
        messages = [UserMessage(kind, "BTCUSDT", {"n": first + number}) for number, kind in enumerate(kinds)]
        self.stream.publish(messages, 0)

    def run_timers(self) -> None:
        """Let all the time in the world pass."""
        for _, call in self.timers:
            call()
        self.timers.clear()


def fault(line: Line, kind: FaultKind, **order: object) -> None:
    """Lay a fault."""
    line.menu.lay(FaultOrder.model_validate({"kind": kind, **order}), 0)


def test_without_a_fault_all_goes_out_in_order() -> None:
    line = Line()
    line.say("O", "T", "O", "A")
    assert line.sent == [("O", 0), ("T", 1), ("O", 2), ("A", 3)]


def test_dropped_and_doubled_events() -> None:
    line = Line()
    fault(line, FaultKind.DROP_EVENT, event="O", count=1)
    fault(line, FaultKind.DUPLICATE_EVENT, event="A", count=1)
    line.say("O", "A", "O")
    assert line.sent == [("A", 1), ("A", 1), ("O", 2)]


def test_an_event_changes_places_with_the_next_of_another_type() -> None:
    line = Line()
    fault(line, FaultKind.REORDER_EVENTS, event="O", count=1)
    line.say("O", "A", "O", "T")
    assert line.sent == [("A", 1), ("O", 0), ("O", 2), ("T", 3)]


def test_an_event_held_for_another_type_goes_out_alone_after_a_while() -> None:
    line = Line()
    fault(line, FaultKind.REORDER_EVENTS, event="O", count=1)
    line.say("O")
    assert line.sent == []
    line.run_timers()
    assert line.sent == [("O", 0)]


def test_a_late_event_holds_up_its_own_type_alone() -> None:
    line = Line()
    fault(line, FaultKind.DELAY_EVENT, event="O", count=1, delay_ms=40)
    line.say("O", "A", "O")
    assert line.sent == [("A", 1)]
    assert line.timers[0][0] == 40
    line.run_timers()
    assert line.sent == [("A", 1), ("O", 0), ("O", 2)]


kinds_of_events = st.sampled_from(["O", "A", "T"])
order_keeping = st.sampled_from([FaultKind.REORDER_EVENTS, FaultKind.DELAY_EVENT])


@given(
    said=st.lists(kinds_of_events, max_size=30),
    faults=st.lists(st.tuples(order_keeping, kinds_of_events, st.sampled_from(["1", "0.5"])), max_size=4),
)
def test_order_within_a_type_is_always_kept_and_nothing_is_lost(
    said: list[str], faults: list[tuple[FaultKind, str, str]]
) -> None:
    line = Line()
    for kind, event, probability in faults:
        fault(line, kind, event=event, probability=probability)
    line.say(*said)
    line.run_timers()
    assert sorted(number for _, number in line.sent) == list(range(len(said)))
    for name in "OAT":
        numbers = [number for sent, number in line.sent if sent == name]
        assert numbers == sorted(numbers)
