"""Names: no prefix nests in another, a shard lives in one slot, every stream has its dead letters."""

import inspect
import re
from itertools import permutations

import pytest

from quantum_common.keys import SERVICES, Keys
from quantum_common.messages import EvalType, Issuer

ARGUMENTS = {
    "symbol": "BTCUSDT", "intent_id": "i1", "plan_id": "p1", "issuer": Issuer.P33, "eval_type": EvalType.ENTRY,
    "day": "20260101", "service": "governor",
}  # fmt: skip
PREFIXES = ("quantum", "quantum:{7}")


def named(prefix: str) -> dict[str, str]:
    """Every key of the module by the name of its function, dead letters included."""
    keys = Keys(prefix)
    found = {name: getattr(keys, name) for name, what in vars(Keys).items() if isinstance(what, property)}
    streams = found.pop("streams")
    for name, method in inspect.getmembers(keys, inspect.ismethod):
        if not name.startswith("_"):
            found[name] = method(*(ARGUMENTS[one] for one in inspect.signature(method).parameters))
    return found | {f"{stream}.dead": keys.dead(stream) for stream in streams}


def families(prefix: str) -> dict[str, str]:
    """The part of each key that stands before what it is about: what a scan or an ACL pattern begins with."""
    keys = Keys(prefix)
    found = {name: key for name, key in named(prefix).items() if isinstance(vars(Keys).get(name), property)}
    for name, method in inspect.getmembers(keys, inspect.ismethod):
        parameters = inspect.signature(method).parameters
        if name.startswith("_"):
            continue
        arguments = [ARGUMENTS[one] for one in parameters]
        first = next(index for index, one in enumerate(parameters) if one != "issuer")
        arguments[first:] = [""] * (len(arguments) - first)
        found[name] = method(*arguments).rstrip(":") + ":"
    return found


@pytest.mark.parametrize("prefix", PREFIXES)
def test_no_prefix_nests_in_another(prefix: str) -> None:
    for (one, outer), (other, inner) in permutations(families(prefix).items(), 2):
        assert not inner.startswith(outer) or not outer.endswith(":"), f"{other} {inner} nests in {one} {outer}"


@pytest.mark.parametrize("prefix", PREFIXES)
def test_no_two_functions_make_the_same_key(prefix: str) -> None:
    keys = list(named(prefix).values())
    assert len(set(keys)) == len(keys)


def test_all_keys_of_a_shard_have_one_hash_tag() -> None:
    for key in named("quantum:{7}").values():
        assert re.findall(r"\{(.*?)\}", key) == ["7"], key


def test_a_shard_and_the_single_one_share_no_key() -> None:
    assert not set(named("quantum").values()) & set(named("quantum:{7}").values())


def test_the_names_are_those_of_the_contract() -> None:
    keys = Keys()
    assert keys.streams == tuple(
        f"quantum:stream:{name}"
        for name in ("trade.intent", "apply.plan", "apply.permit", "apply.result", "ledger.journal",
                     "governor.events", "reconcile.events")
    )  # fmt: skip
    assert keys.permit(Issuer.GOVERNOR, "ab") == "quantum:permit:governor:ab"
    assert keys.permit(Issuer.P33, "ab") == "quantum:permit:p33:ab"
    assert keys.snapshot("BTCUSDT") == "quantum:position:snapshot:BTCUSDT"
    assert keys.ledger("BTCUSDT") == "quantum:position:ledger:BTCUSDT"
    assert keys.governor_stats("BTCUSDT", EvalType.EXIT) == "quantum:governor:stats:BTCUSDT:EXIT"
    assert keys.order("ab") == "quantum:order:ab"
    assert keys.dead(keys.plans) == "quantum:stream:apply.plan.dead"
    assert keys.heartbeat(SERVICES[0]) == "quantum:heartbeat:ai-engine"


def test_every_key_says_its_type_and_its_writer() -> None:
    for name, what in vars(Keys).items():
        function = what.fget if isinstance(what, property) else what
        if (
            name.startswith("_")
            or name in {"streams", "prefix"}
            or not callable(getattr(function, "__func__", function))
        ):
            continue
        text = inspect.getdoc(function) or ""
        assert re.match(r"(Stream|Hash|String|Sorted set)\b", text), f"{name}: {text}"
