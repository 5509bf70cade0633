"""The lease on a real Redis: one holder, a waiting second, a successor that need not wait, a fence before writes."""

import asyncio
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace

import pytest
import structlog
from redis.asyncio import Redis

from quantum_common import lease as lease_module
from quantum_common.keys import Keys
from quantum_common.lease import Holder, Lease, LeaseLost
from quantum_common.scripts import Fenced, Script

KEY = Keys().lease("intent-executor")
LOG = structlog.get_logger()


async def pause(duration_ms: int) -> None:
    await asyncio.sleep(0.005)


def never() -> bool:
    return False


def after(turns: int) -> Callable[[], bool]:
    """A stop that comes after some turns."""
    left = iter(range(turns))
    return lambda: next(left, None) is None


async def test_the_first_holds_the_lease_and_a_second_waits_until_it_is_given_back(redis: Redis) -> None:
    first, second = Lease(redis, KEY, 5_000, LOG), Lease(redis, KEY, 5_000, LOG)
    assert await first.acquire(pause, never)
    assert not await second.acquire(pause, after(3))
    await first.release()
    assert await second.acquire(pause, never)
    assert await redis.get(KEY) == second.fence.token


async def test_a_lease_that_ran_out_goes_to_who_waits_and_its_old_holder_is_told(redis: Redis) -> None:
    first, second = Lease(redis, KEY, 30, LOG), Lease(redis, KEY, 5_000, LOG)
    assert await first.acquire(pause, never)
    assert await second.acquire(pause, never)
    with pytest.raises(LeaseLost, match=re.escape(second.fence.token)):
        await first.renew()
    await first.release()
    assert await redis.get(KEY) == second.fence.token  # a lease that is not ours any more is not given back


async def test_a_lease_that_nobody_took_over_is_taken_again(redis: Redis) -> None:
    lease = Lease(redis, KEY, 5_000, LOG)
    assert await lease.acquire(pause, never)
    await redis.delete(KEY)
    await lease.renew()
    assert await redis.get(KEY) == lease.fence.token


async def test_a_successor_on_the_same_machine_does_not_wait_for_a_dead_process(redis: Redis) -> None:
    program = "from quantum_common.lease import Holder; print(Holder.me())"
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE)
    said, _ = await child.communicate()
    await redis.set(KEY, said.decode().strip(), px=600_000)
    lease = Lease(redis, KEY, 5_000, LOG)
    assert await lease.acquire(pause, after(2))


async def test_a_holder_on_another_machine_is_waited_for(redis: Redis) -> None:
    await redis.set(KEY, str(replace(Holder.me(), machine="elsewhere", pid=1)), px=600_000)
    assert not await Lease(redis, KEY, 5_000, LOG).acquire(pause, after(3))


async def test_a_fenced_script_writes_only_while_the_lease_is_ours(redis: Redis) -> None:
    lease = Lease(redis, KEY, 5_000, LOG)
    script = Script(redis, "keep_stop", lease.fence)
    with pytest.raises(Fenced):
        await script({"stop": "quantum:stop:BTCUSDT"}, {"fields": {"client_id": "qs-1"}})
    assert not await redis.exists("quantum:stop:BTCUSDT")
    assert await lease.acquire(pause, never)
    await script({"stop": "quantum:stop:BTCUSDT"}, {"fields": {"client_id": "qs-1"}})
    assert await redis.hget("quantum:stop:BTCUSDT", "client_id") == "qs-1"


def test_a_holder_is_written_and_read_back() -> None:
    me = Holder.me()
    assert Holder.parse(str(me)) == me
    assert not me.surely_gone(me)
    assert replace(me, boot="an earlier one").surely_gone(me)
    assert not replace(me, machine="", boot="an earlier one").surely_gone(replace(me, machine=""))
    assert not replace(me, space="a container's", pid=1).surely_gone(me)
    assert Holder.parse("somebody") is None


def test_a_holder_whose_process_proc_hides_from_us_is_not_taken_for_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under ProtectProc=invisible the processes of other users are not in /proc, and live all the same."""
    me = Holder.me()
    monkeypatch.setattr(lease_module, "_born", lambda pid: "")
    assert not me.surely_gone(me)
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert replace(me, pid=ended.pid).surely_gone(me)
