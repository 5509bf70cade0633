"""What is still to be told to whom, in order, with growing pauses where it does not get through. Bounded. Pure."""

from collections.abc import Iterable, Sequence

from pydantic import BaseModel, ConfigDict

from services.cli.alerts.decide import Kind, Notice

PARCELS_MAX = 500
BACK_OFF_MS = (1_000, 2_000, 5_000, 15_000, 60_000, 300_000)


class Parcel(BaseModel):
    """One notice for one channel. It is tried at `due_ms`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    channel: str
    notice: Notice
    tries: int = 0
    due_ms: int = 0


class Outbox(BaseModel):
    """All parcels, the oldest first. `dropped` counts those for which there was no room."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    parcels: tuple[Parcel, ...] = ()
    dropped: int = 0

    def put(self, notices: Iterable[Notice], channels: Sequence[str]) -> "Outbox":
        """Given notices, add them for each channel. Where there is no room, repetitions go first, then the oldest."""
        parcels = [*self.parcels, *(Parcel(channel=name, notice=one) for one in notices for name in channels)]
        over = len(parcels) - PARCELS_MAX
        if over <= 0:
            return Outbox(parcels=tuple(parcels), dropped=self.dropped)
        ranked = sorted(range(len(parcels)), key=lambda at: (parcels[at].notice.kind is not Kind.REPEATED, at))
        gone = set(ranked[:over])
        kept = tuple(parcel for at, parcel in enumerate(parcels) if at not in gone)
        return Outbox(parcels=kept, dropped=self.dropped + over)

    def next(self, channel: str) -> Parcel | None:
        """Return what a channel has to deliver first: whatever is behind it waits, so that the order is kept."""
        return next((parcel for parcel in self.parcels if parcel.channel == channel), None)

    def delivered(self, parcel: Parcel) -> "Outbox":
        """Return what is left after a parcel got through."""
        return Outbox(parcels=tuple(one for one in self.parcels if one != parcel), dropped=self.dropped)

    def failed(self, parcel: Parcel, now_ms: int) -> "Outbox":
        """Return the outbox after a parcel did not get through: it is tried again after a longer pause."""
        pause_ms = BACK_OFF_MS[min(parcel.tries, len(BACK_OFF_MS) - 1)]
        again = parcel.model_copy(update={"tries": parcel.tries + 1, "due_ms": now_ms + pause_ms})
        return Outbox(
            parcels=tuple(again if one == parcel else one for one in self.parcels), dropped=self.dropped
        )  # fmt: skip

    def only(self, channels: Sequence[str]) -> "Outbox":
        """Return what is for these channels: one that is no longer configured gets nothing any more."""
        return Outbox(parcels=tuple(one for one in self.parcels if one.channel in channels), dropped=self.dropped)
