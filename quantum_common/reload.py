"""A reload: the files are read anew, what changed is said line by line, and a wrong file changes nothing."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import ValidationError

from quantum_common.log import Log, set_level
from quantum_common.settings import CommonSettings, SettingsError, load_daemon
from quantum_common.settings_changes import Change, changes, taken_up

S = TypeVar("S", bound=CommonSettings)


@dataclass(frozen=True, slots=True)
class Reloaded(Generic[S]):
    """What a service runs with from now on, and how that differs from before and from the files."""

    settings: S
    changes: tuple[Change, ...]

    def __str__(self) -> str:
        """Return it in one line."""
        if not self.changes:
            return "nothing has changed"
        hot = sum(change.hot for change in self.changes)
        return f"{hot} taken up, {len(self.changes) - hot} wait for a restart"


def reread(old: S, service: str) -> Reloaded[S]:
    """Given what a service runs with, read its files anew and return what it runs with from now on.

    Raise SettingsError where a file is wrong or gone, or where the new hot values do not go with the old cold ones.
    """
    new = load_daemon(type(old), service)
    mixed = taken_up(old, new)
    try:
        type(old).model_validate(dict(mixed))
    except ValidationError as error:
        what = error.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")
        raise SettingsError(f"settings: {what}: a part of it takes a restart, so restart for all of it") from None
    return Reloaded(mixed, changes(old, new))


def say(found: Reloaded[S], log: Log) -> None:
    """Given what a reload found, log each change; a new level of the log holds from here on."""
    for change in found.changes:
        if change.hot:
            log.info("setting taken up", key=change.key, **_difference(change))
        else:
            log.warning("setting changed, which takes a restart", key=change.key, **_difference(change))
    set_level(log, found.settings.quantum_log_level)
    log.info("reloaded", result=str(found))


def _difference(change: Change) -> dict[str, str]:
    """Given a change, return its values; of lists also what came and what went, which is what one looks for."""
    said = {"old": change.old, "new": change.new}
    before, after = change.old.split(","), change.new.split(",")
    if len(before) > 1 or len(after) > 1:
        said["added"] = ",".join(one for one in after if one not in before)
        said["removed"] = ",".join(one for one in before if one not in after)
    return said
