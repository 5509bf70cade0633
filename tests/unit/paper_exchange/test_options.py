"""Options from the command line and the environment."""

from decimal import Decimal
from pathlib import Path

import pytest

from services.paper_exchange.options import DEMO_KEY, BadOption, parse_options


def test_the_defaults_are_a_small_safe_exchange() -> None:
    options = parse_options([], {})
    assert (options.market, options.host, options.speed, options.state) == ("synthetic:7", "127.0.0.1", 1, None)
    assert (options.weight_limit, options.order_limit_10s, options.order_limit_1m) == (2400, 300, 1200)
    assert options.api_key == DEMO_KEY
    assert len(options.api_key) == len(options.api_secret) == 64


def test_keys_come_from_the_environment_or_a_file(tmp_path: Path) -> None:
    environment = {"QUANTUM_PAPER_API_KEY": "k", "QUANTUM_PAPER_API_SECRET": "s"}
    assert (parse_options([], environment).api_key, parse_options([], environment).api_secret) == ("k", "s")
    path = tmp_path / "keys"
    path.write_text("a\nb\n")
    assert parse_options(["--key-file", str(path)], environment).api_key == "a"
    path.write_text("a\n")
    with pytest.raises(BadOption, match="must hold the API key"):
        parse_options(["--key-file", str(path)], {})
    with pytest.raises(BadOption, match="cannot be read"):
        parse_options(["--key-file", str(tmp_path / "nowhere")], {})


def test_options_are_typed() -> None:
    options = parse_options(
        ["--market", "csv:/d", "--start", "5", "--balance", "12.5", "--reduce-only-excess", "REJECT", "--align-now"], {}
    )
    assert (options.market, options.start, options.balance, options.align_now) == ("csv:/d", "5", Decimal("12.5"), True)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--market", "csv:"],
        ["--market", "tape"],
        ["--market", "synthetic:1", "--start", "5"],
        ["--start", "soon"],
        ["--speed", "1.5"],
        ["--balance", "NaN"],
        ["--balance", "-1"],
        ["--port", "70000"],
        ["--symbols", "0"],
        ["--reduce-only-excess", "MAYBE"],
    ],
)
def test_a_bad_option_is_refused(arguments: list[str]) -> None:
    with pytest.raises(BadOption):
        parse_options(arguments, {})
