"""A slice of the cuts at every byte: each script torn after each of its commands, and cut at some of its bytes."""

import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest

from quantum_common import scripts
from tests.chaos.aof.cutting import Bench, bytes_of
from tests.chaos.aof.scenario import WATCHED, Written, live
from tests.chaos.aof.server import binaries
from tests.chaos.aof.tail import EXEC, MULTI, Transaction, split

BYTES = 4  # cuts for each script; `make chaos-aof` takes every byte
ONE, TWO = b"*1\r\n$4\r\nPING\r\n", b"*2\r\n$4\r\nECHO\r\n$6\r\na\r\nb\r\n\r\n"
Life = tuple[Bench, dict[str, Written]]


@pytest.fixture(scope="module")
def life() -> Iterator[Life]:
    """One life of the chain, with the first run of each script, and a bench to cut on."""
    folder = Path(tempfile.mkdtemp(prefix="aof-"))
    yield lived(folder)
    shutil.rmtree(folder)


def lived(folder: Path) -> Life:
    base = folder / "base"
    base.mkdir()
    binary = binaries()[0]
    found = {one.script: one for one in reversed(asyncio.run(live(binary, base)))}
    return Bench(binary, base, folder / "cut"), found


@pytest.mark.parametrize("script", WATCHED)
def test_a_script_torn_after_any_of_its_commands_comes_right(life: Life, script: str) -> None:
    bench, found = life
    written = found[script]
    for kept in range(len(written.transaction.commands) + 1):
        assert asyncio.run(bench.torn_at(written, kept)) == [], f"{written}: {kept} commands kept"


@pytest.mark.parametrize("script", WATCHED)
def test_a_file_cut_in_the_middle_of_a_script_comes_right(life: Life, script: str) -> None:
    bench, found = life
    written = found[script]
    stride = max(1, len(written.transaction.written) // BYTES)
    for at in bytes_of(written, stride):
        assert asyncio.run(bench.cut_at(written, at)) == [], f"{written}: cut at {at}"


@pytest.mark.parametrize(
    ("script", "first_write", "acknowledgement"),
    [
        ("finish_plan", "local answer, id", "redis.call('XACK', plans, group, entry)"),
        ("record_plan", "local plan, symbols", "redis.call('XACK', intents, group, id)"),
    ],
)
def test_a_script_that_acknowledges_first_is_caught(
    tmp_path: Path, script: str, first_write: str, acknowledgement: str
) -> None:
    real = scripts._read

    def mutated(name: str) -> tuple[tuple[str, ...], tuple[str, ...], str]:
        keys, arguments, source = real(name)
        if name == script:
            source = source.replace(first_write, f"{acknowledgement}\n{first_write}")
        return keys, arguments, source

    with patch.object(scripts, "_read", mutated):
        bench, found = lived(tmp_path)
        assert asyncio.run(bench.torn_at(found[script], 1)) != [], "acknowledged, and nothing else of it took effect"


def test_the_end_of_a_file_is_read_command_by_command() -> None:
    assert list(split(ONE + TWO)) == [ONE, TWO]
    written = Transaction(ONE, MULTI + TWO + ONE + EXEC)
    assert written.commands == (TWO, ONE)
    assert written.torn(1) == ONE + TWO
    assert written.cut(len(MULTI) + 3) == ONE + MULTI + TWO[:3]
    with pytest.raises(ValueError, match="byte 0"):
        list(split(b"+OK\r\n"))
