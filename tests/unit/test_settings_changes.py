"""A reload says what changed, and takes up only what its service can."""

import fnmatch
from pathlib import Path
from typing import ClassVar

import pytest
from pydantic import Field

from quantum_common.settings import CommonSettings, Symbols
from quantum_common.settings_changes import Change, changes, hot, taken_up, written
from services.cli.reference import SERVICES


class Example(CommonSettings):
    """Settings of a service in a test."""

    HOT: ClassVar[tuple[str, ...]] = ("example_allow*", "example_edge")

    example_allowlist: Symbols = Field(("BTCUSDT",), description="what may be traded")
    example_edge: bool = Field(default=True, description="whether an edge is asked for")
    example_count: int = Field(3, description="how many")


def example(**values: object) -> Example:
    return Example.model_validate(values)


def test_a_class_that_names_no_hot_field_has_those_of_its_base() -> None:
    class Plain(Example):
        """Settings that add nothing."""

    assert hot(Plain, "example_edge")
    assert hot(Plain, "quantum_log_level")
    assert not hot(Plain, "example_count")


def test_equal_settings_have_no_changes() -> None:
    assert changes(example(), example()) == ()


def test_every_change_is_told_with_both_values_as_a_file_holds_them() -> None:
    new = example(example_allowlist="BTCUSDT,ETHUSDT", example_edge=False, example_count=4, quantum_log_level="debug")
    assert changes(example(), new) == (
        Change("QUANTUM_LOG_LEVEL", "info", "debug", hot=True),
        Change("EXAMPLE_ALLOWLIST", "BTCUSDT", "BTCUSDT,ETHUSDT", hot=True),
        Change("EXAMPLE_EDGE", "true", "false", hot=True),
        Change("EXAMPLE_COUNT", "3", "4", hot=False),
    )


def test_what_is_taken_up_is_hot_and_the_rest_stays() -> None:
    new = example(example_allowlist="ETHUSDT", example_count=4, quantum_env="testnet", quantum_stream_keep_ms=60_000)
    now = taken_up(example(), new)
    assert now == example(example_allowlist="ETHUSDT", quantum_stream_keep_ms=60_000)
    assert [change.key for change in changes(now, new)] == ["QUANTUM_ENV", "EXAMPLE_COUNT"]


def test_a_change_reads_as_one_line() -> None:
    change = changes(example(), example(quantum_api_key_file=Path("/etc/quantum/api-key")))[0]
    assert str(change) == "QUANTUM_API_KEY_FILE: none -> /etc/quantum/api-key"


def test_a_password_in_an_address_is_not_told() -> None:
    assert written("redis://me:hunter2@127.0.0.1:6379") == "redis://me:***@127.0.0.1:6379"


def test_two_classes_cannot_be_compared() -> None:
    with pytest.raises(TypeError, match="Example and CommonSettings"):
        changes(example(), CommonSettings())


@pytest.mark.parametrize("model", SERVICES.values())
def test_every_hot_pattern_names_a_field(model: type[CommonSettings]) -> None:
    for pattern in model.HOT:
        assert fnmatch.filter(model.model_fields, pattern), f"{model.__name__}: {pattern}"


@pytest.mark.parametrize("model", SERVICES.values())
def test_what_ties_a_service_to_its_account_and_its_redis_waits_for_a_start(model: type[CommonSettings]) -> None:
    cold = {"quantum_env", "quantum_redis_url", "quantum_key_prefix", "quantum_paper_url", "quantum_recv_window_ms"}
    assert not [name for name in cold if hot(model, name)]
