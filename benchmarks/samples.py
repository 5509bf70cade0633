"""Messages of a real run, as the neighbours send them: same fields, same sizes, only the identities are new."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import orjson

from benchmarks.rig import Rig
from quantum_common.messages import Issuer

Fields = dict[str, str]
PLAN_ID_LENGTH = 16
PERMITS_LOOKED_AT = 1_000  # after a burst, one issuer may be far ahead of the other


@dataclass(frozen=True, slots=True)
class Samples:
    """One message of each kind, taken from the end of a real run."""

    intent: Mapping[str, str]
    plan: Mapping[str, str]
    permits: Mapping[str, Mapping[str, str]]
    result: Mapping[str, str]

    @classmethod
    def of(cls, rig: Rig) -> Self:
        """Given a chain that has worked, return its last messages."""
        permits: dict[str, Fields] = {}
        for fields in _last(rig, rig.keys.permits, PERMITS_LOOKED_AT):
            permits.setdefault(fields["issuer"], fields)
        return cls(
            _last(rig, rig.keys.intents, 1)[0],
            _last(rig, rig.keys.plans, 1)[0],
            permits,
            _last(rig, rig.keys.results, 1)[0],
        )

    @classmethod
    def read(cls, path: Path) -> Self:
        """Given a file that `write` has left, return its samples."""
        return cls(**orjson.loads(path.read_bytes()))

    def write(self, path: Path) -> None:
        """Write the samples to a file."""
        path.write_bytes(orjson.dumps(self))

    def new_intent(self, intent_id: str) -> Fields:
        """Given an identity, return an intent."""
        return {**self.intent, "intent_id": intent_id}

    def new_plan(self, intent: Mapping[str, str]) -> Fields:
        """Given an intent, return its plan."""
        return {**self.plan, "intent_id": intent["intent_id"], "plan_id": intent["intent_id"][:PLAN_ID_LENGTH]}

    def new_permit(self, issuer: Issuer, plan: Mapping[str, str]) -> Fields:
        """Given an issuer and a plan, return its permit."""
        return {**self.permits[issuer], "plan_id": plan["plan_id"]}

    def new_result(self, plan_id: str) -> Fields:
        """Given a plan's id, return its result."""
        return {**self.result, "plan_id": plan_id}

    def sizes(self) -> str:
        """Return how large each message is, in bytes of its fields' names and values."""
        found = {"intent": self.intent, "plan": self.plan, **self.permits, "result": self.result}
        return ", ".join(f"{name} {sum(map(len, (*one, *one.values())))}" for name, one in found.items())


def _last(rig: Rig, stream: str, count: int) -> list[Fields]:
    rows: Any = rig.redis.xrevrange(stream, count=count)
    return [fields for _, fields in rows]


class Meeting:
    """Counts what has come for each plan: a result is due once the plan and both permits are there."""

    def __init__(self) -> None:
        self._come: dict[str, int] = {}

    def complete(self, plan_id: str) -> bool:
        """Given the plan of a message that came, return whether it was the last of the three."""
        come = self._come.pop(plan_id, 0) + 1
        if come < 1 + len(Issuer):
            self._come[plan_id] = come
        return come == 1 + len(Issuer)
