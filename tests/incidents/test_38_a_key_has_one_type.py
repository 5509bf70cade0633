"""Incident 38: WRONGTYPE errors on permits: one key was used as hash and as string."""

import inspect
import re

from redis.asyncio import Redis

from quantum_common.keys import Keys
from tests.contract.chain import Chain
from tests.unit.test_keys import families

TYPES = {"Hash": "hash", "Stream": "stream", "String": "string", "Sorted set": "zset"}


async def test_every_key_that_the_chain_writes_has_the_type_that_its_name_promises(redis: Redis) -> None:
    chain = await Chain(redis).begin()
    await chain.ask(chain.wish())
    chain.clock.advance(600_000)
    await chain.cycle()
    await chain.ask(chain.wish("CLOSE_FULL"))
    promised = {}
    for name, prefix in families("quantum").items():
        what = vars(Keys).get(name)
        function = what.fget if isinstance(what, property) else what
        found = re.match("|".join(TYPES), inspect.getdoc(getattr(function, "__func__", function)) or "")
        if found:
            promised[prefix] = TYPES[found[0]]
    for key in await redis.keys("*"):
        [family] = [one for one in promised if key == one or (one.endswith(":") and str(key).startswith(one))]
        assert await redis.type(key) == promised[family], key
