"""What `quantum alerts` remembers, in two files with one writer each: the daemon's state, and the operators' word.

The state is written before anything is told and after it got through, by replacing the file, so that a restart at any
moment neither loses a notice nor repeats one that was confirmed.
"""

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from services.cli.alerts.decide import Key, Standing
from services.cli.alerts.outbox import Outbox
from services.cli.complaint import Complaint
from services.cli.whole_file import write_whole

ACKNOWLEDGED_FILE = "acknowledged.json"

T = TypeVar("T", bound=BaseModel)


class Record(BaseModel):
    """The daemon's file. `looked_ms` is when it last looked, in epoch milliseconds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    looked_ms: int = 0
    standing: tuple[Standing, ...] = ()
    outbox: Outbox = Outbox()


class Acknowledgement(BaseModel):
    """Who has taken note of one trouble: that which began at `since_ms`, not the next one of its name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    subject: str
    since_ms: int
    by: str
    ts_ms: int


class Acknowledged(BaseModel):
    """The operators' file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    entries: tuple[Acknowledgement, ...] = ()

    @property
    def since(self) -> dict[Key, int]:
        """Return which troubles are acknowledged, each with when it began."""
        return {(one.name, one.subject): one.since_ms for one in self.entries}


def read_record(path: Path) -> Record:
    """Given the state file, return what is in it; nothing where there is none yet. Raise Complaint for one that cannot
    be read: to begin anew is a person's decision."""
    return _read(path, Record)


def read_acknowledged(path: Path) -> Acknowledged:
    """Given the state file, return what operators have acknowledged. Raise Complaint for a file that cannot be read."""
    return _read(path.with_name(ACKNOWLEDGED_FILE), Acknowledged)


def write_record(path: Path, record: Record) -> None:
    """Replace the state file. Raise OSError where that fails."""
    _write(path, record)


def write_acknowledged(path: Path, acknowledged: Acknowledged) -> None:
    """Replace the operators' file beside the state file. Raise OSError where that fails."""
    _write(path.with_name(ACKNOWLEDGED_FILE), acknowledged)


def _read(path: Path, kind: type[T]) -> T:
    try:
        return kind.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return kind()
    except OSError as error:
        raise Complaint(f"{path}: cannot be read: {error.strerror}") from None
    except ValidationError as error:
        what = error.errors(include_url=False)[0]["msg"]
        raise Complaint(f"{path}: is not what quantum alerts wrote ({what}); move it away to begin anew") from None


def _write(path: Path, content: BaseModel) -> None:
    """The daemon and the operators are not the same user, and nothing in it is secret: everybody may read it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, f"{content.model_dump_json(indent=1)}\n".encode())
