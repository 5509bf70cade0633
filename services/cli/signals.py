"""The wish to stop, as the signals of a terminal and of a supervisor tell it."""

import os
import signal
import sys
import time
from types import FrameType
from typing import TextIO

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
ONE_WISH_S = 0.5  # a terminal, make and a process group may each pass the same wish on


class StopSignals:
    """Counts the wishes: the first stops in order, the second at once.

    While `interrupting`, the second one raises KeyboardInterrupt, so that it ends even what takes long.
    """

    def __init__(self) -> None:
        self.count = 0
        self.interrupting = False
        self.first_s: float | None = None
        self.silence: TextIO | None = None
        self._taken_s = float("-inf")

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

    def left_s(self, within_s: float) -> float:
        """Given how long a stop may take in all, return how much of that is left."""
        return within_s if self.first_s is None else within_s - (time.monotonic() - self.first_s)

    def _take(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - the shape of a signal handler
        now_s = time.monotonic()
        if now_s - self._taken_s >= ONE_WISH_S:
            self.count += 1
            self._taken_s = now_s
            self.first_s = now_s if self.first_s is None else self.first_s
        if number == signal.SIGHUP and self.silence is None:  # the terminal is gone: nobody reads what we would say
            self.silence = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - for the rest of our life
            sys.stdout = sys.stderr = self.silence
        if self.interrupting and self.urgent():
            raise KeyboardInterrupt
