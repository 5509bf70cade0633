"""Scripts: keys and arguments by name; every file says what it takes and writes its acknowledgement last."""

from importlib.resources import files
from pathlib import Path
from typing import cast

import pytest
from redis.asyncio import Redis

from quantum_common import scripts
from quantum_common.scripts import Script, as_argument

FOLDER = Path(str(files("quantum_common") / "lua"))
NAMES = sorted(path.stem for path in FOLDER.glob("*.lua"))


async def test_a_script_is_called_by_names(redis: Redis) -> None:
    await redis.xgroup_create("s", "g", id="0", mkstream=True)
    dead = Script(redis, "dead_letter")
    assert (
        await dead({"dead": "s.dead", "stream": "s"}, {"fields": {"a": "1", "b": "ü\n"}, "id": "1-1", "group": "g"})
        == 1
    )
    [(_, fields)] = cast("list[tuple[str, dict[str, str]]]", await redis.xrange("s.dead"))
    assert fields == {"a": "1", "b": "ü\n"}


@pytest.mark.parametrize(
    ("keys", "arguments"),
    [({"stream": "s"}, {"group": "g", "id": "1-1", "fields": {}}),
     ({"stream": "s", "dead": "d", "more": "m"}, {"group": "g", "id": "1-1", "fields": {}}),
     ({"stream": "s", "dead": "d"}, {"group": "g", "id": "1-1"}),
     ({"stream": "s", "dead": "d"}, {"group": "g", "id": "1-1", "field": {}})],
)  # fmt: skip
async def test_a_wrong_name_is_refused_before_anything_is_sent(
    redis: Redis, keys: dict[str, str], arguments: dict[str, scripts.Argument]
) -> None:
    with pytest.raises(KeyError, match="dead_letter: takes keys"):
        await Script(redis, "dead_letter")(keys, arguments)


def test_lists_and_mappings_are_passed_as_json_in_their_order() -> None:
    assert as_argument({"b": "1", "a": "2"}) == '["b","1","a","2"]'
    assert as_argument(["b", "a"]) == '["b","a"]'
    assert (as_argument(5), as_argument("x")) == ("5", "x")


def test_a_script_without_header_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "lua").mkdir()
    (tmp_path / "lua" / "bare.lua").write_text("return 1\n")
    monkeypatch.setattr(scripts, "files", lambda _: tmp_path)
    with pytest.raises(ValueError, match="needs a line `-- KEYS:"):
        scripts._read("bare")


@pytest.mark.parametrize("name", NAMES)
def test_a_script_says_what_it_is_for_and_acknowledges_last(name: str) -> None:
    text = (FOLDER / f"{name}.lua").read_text(encoding="utf-8")
    assert text.startswith("-- ")
    assert not text.startswith("#!")
    lines = [line for line in text.splitlines() if "redis.call(" in line]
    writes = [line.split("redis.call('")[1].split("'")[0] for line in lines if "redis.call('" in line]
    last = [at for at, word in enumerate(writes) if word == "XACK"]
    if last:
        effects = {"XADD", "HSET", "HDEL", "SET", "DEL", "PEXPIRE", "PEXPIREAT", "ZADD"}
        assert not [word for word in writes[last[-1] + 1 :] if word in effects], f"{name}: an effect after its XACK"


@pytest.mark.parametrize("name", NAMES)
async def test_every_script_is_one_that_the_server_takes(redis: Redis, name: str) -> None:
    assert len(await redis.script_load(scripts._read(name)[2])) == 40
