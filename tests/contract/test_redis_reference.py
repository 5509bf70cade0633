"""docs/redis.md against the contracts: every name, every writer, every field, and every command in it is run."""

import contextlib
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from redis.exceptions import ResponseError

from quantum_common import state
from quantum_common.acl import ACL_TABLE, OPERATOR, SEE_ALL, USERS, Access
from quantum_common.keys import Keys
from quantum_common.messages import (
    GovernorEvent,
    Intent,
    JournalEntry,
    Permit,
    Plan,
    ReconcileEvent,
    Record,
    Result,
)
from services.ai_engine.memory import ExitMemory
from tests.contract.test_acl import Place, place

__all__ = ["place"]

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "redis.md").read_text(encoding="utf-8")
SHORT = {"ai-engine": "engine", "intent-bridge": "bridge", "position-state-brain": "p33", "intent-executor": "executor"}
RECORDS: dict[str, type[Record]] = {
    "trade.intent": Intent, "apply.plan": Plan, "apply.permit": Permit, "apply.result": Result,
    "ledger.journal": JournalEntry, "governor.events": GovernorEvent, "reconcile.events": ReconcileEvent,
    "position:snapshot": state.Snapshot, "position:ledger": state.Ledger, "position:hold": state.Hold,
    "state:portfolio": state.Portfolio, "marketstate": state.MarketState, "governor:state": state.GovernorState,
    "order": state.OrderRecord, "engine:exits": ExitMemory, "engine:verdict": state.EngineVerdict,
    "engine:model": state.EngineModel,
}  # fmt: skip


def rows() -> dict[str, list[str]]:
    """The rows of the page's tables of streams and keys, by pattern; a row of `SERVICE` stands for each service."""
    found = {}
    for line in PAGE.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        name = re.match(r"`(quantum:[^`]+)`", cells[0])
        if name is None:
            continue
        pattern = re.sub(r":(SYMBOL:ENTRY|SYMBOL|INTENT|PLAN|YYYYMMDD)$", ":*", name[1])
        if pattern.endswith(":SERVICE"):
            for user in USERS:
                if user not in SEE_ALL:
                    found[pattern.replace("SERVICE", user)] = [SHORT.get(user, user)]
        else:
            written = cells[1] if ":stream:" in pattern else cells[2]
            found[pattern] = [one.strip() for one in written.split(",")]
    return found


def test_every_stream_and_key_is_on_the_page_with_its_writers() -> None:
    told = rows()
    table = {}
    for row in ACL_TABLE:
        writers = {
            user for access in (Access.KEEP, Access.PRODUCE, Access.APPEND) for user in row.grants.get(access, ())
        }
        table[row.pattern(Keys())] = {SHORT.get(user, user) for user in writers}
    assert told.keys() == table.keys()
    for pattern, writers in table.items():
        assert set(told[pattern]) == writers, pattern


@pytest.mark.parametrize("name", RECORDS)
def test_every_field_is_on_the_page_in_its_order(name: str) -> None:
    found = re.search(rf"^- `{re.escape(name)}`: `([^`]+)`", PAGE, re.MULTILINE)
    assert found is not None, name
    fields = [field.alias or one for one, field in RECORDS[name].model_fields.items()]
    stamped = [one for one in ("timestamp", "ts_ms") if "timestamp" in fields]
    assert found[1].split() == [one for one in fields if one not in stamped] + stamped


def commands() -> list[tuple[list[str], bool]]:
    """Every command to redis-cli in the page's blocks, and whether the page says that it is refused."""
    found = []
    for block in re.findall(r"^```\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL):
        lines = block.splitlines()
        for line, following in zip(lines, [*lines[1:], ""], strict=True):
            if line.startswith("redis-cli "):
                words = shlex.split(line)[1:]
                while words[0].startswith("-"):
                    words = words[2:]
                found.append((words, following.startswith("(error) NOPERM")))
    return found


@pytest.mark.parametrize(
    ("words", "refused"), commands(), ids=lambda one: " ".join(one) if isinstance(one, list) else ""
)
def test_every_command_on_the_page_can_be_typed_by_the_operator(place: Place, words: list[str], refused: bool) -> None:
    executor = place.client("intent-executor")
    with contextlib.suppress(ResponseError):  # it is there already
        executor.xgroup_create(Keys().plans, "intent-executor", id="0", mkstream=True)
    operator: Any = place.client(OPERATOR)
    if refused:
        with pytest.raises(ResponseError):
            operator.execute_command(*words)
    else:
        operator.execute_command(*words)
