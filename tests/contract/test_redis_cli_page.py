"""docs/redis_cli.md: its twenty commands answer as the page says, and the operator may type each of them."""

import re
import shlex
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from redis.exceptions import ResponseError

from quantum_common.acl import OPERATOR
from quantum_common.keys import GROUP_EXECUTOR, Keys
from services.cli.embedded_redis import EmbeddedRedis
from services.cli.redis_command import shown
from services.cli.redis_link import RedisAddress, connect
from tests.contract.test_acl import Place, place
from tests.planted import Planted, planted

__all__ = ["place", "planted"]

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "redis_cli.md").read_text(encoding="utf-8")
BLOCKS = [block.splitlines() for block in re.findall(r"^```\n(redis-cli .*?)^```", PAGE, re.MULTILINE | re.DOTALL)]
CASES = [(shlex.split(command)[1:], answer) for command, *answer in BLOCKS]


def timeless(line: str) -> str:
    """A line without what differs from run to run: times, ids, windows of time, and the build."""
    line = re.sub(r"\d+\.\d+\.\d+(\+\w+)?\"", 'BUILD"', line)
    line = re.sub(r"\d{4}-\d\d-\d\dT[0-9:.+]+", "TIME", line)
    return re.sub(r"\d{8,}", "N", line)


def test_there_are_twenty_numbered_in_their_order() -> None:
    assert len(CASES) == 20
    assert re.findall(r"^(\d+)\. ", PAGE, re.MULTILINE) == [str(number) for number in range(1, 21)]


@pytest.mark.parametrize(("words", "told"), CASES, ids=lambda one: " ".join(one[:3]) if isinstance(one, list) else "")
def test_each_answers_as_the_page_says(
    planted: Planted, redis_server: EmbeddedRedis, words: list[str], told: list[str]
) -> None:
    client = connect(RedisAddress(redis_server.url), text=False)
    connection: Any = client.connection_pool.get_connection()
    connection.send_command(*words)
    answered = shown(connection.read_response())
    client.close()
    assert list(map(timeless, answered)) == list(map(timeless, told))
    assert planted.redis.dbsize()  # the pipeline that was asked stands


@pytest.mark.parametrize(("words", "told"), CASES, ids=lambda one: " ".join(one[:3]) if isinstance(one, list) else "")
def test_the_operator_may_type_each(place: Place, words: list[str], told: list[str]) -> None:
    executor = place.client("intent-executor")
    for stream in (Keys().plans, Keys().permits):
        with suppress(ResponseError):  # it is there already
            executor.xgroup_create(stream, GROUP_EXECUTOR, id="0", mkstream=True)
    operator: Any = place.client(OPERATOR)
    operator.execute_command(*words)
