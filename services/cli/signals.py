"""The wish to stop, as the signals of a terminal and of a supervisor tell it."""

import signal
import sys
from types import FrameType

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopSignals:
    """Counts the wishes: the first stops in order, the second at once."""

    def __init__(self) -> None:
        self.count = 0

    def install(self) -> None:
        """Take the signals from now on."""
        for number in STOPPING:
            signal.signal(number, self._take)

    def requested(self) -> bool:
        """Return whether the run is to stop."""
        return self.count > 0

    def urgent(self) -> bool:
        """Return whether it is to stop without another look at anything."""
        return self.count > 1

    def _take(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - the shape of a signal handler
        self.count += 1
        if number == signal.SIGHUP:  # the terminal is gone: nobody reads what we would say
            sys.stdout = sys.stderr = open("/dev/null", "w")  # noqa: PTH123, SIM115 - for the rest of our life
