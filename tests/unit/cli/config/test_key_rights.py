"""What the exchange says of the API key, against the paper exchange itself and against answers that are none."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from quantum_common.exchange.addresses import LIVE, paper_address
from services.cli.config import key_rights
from services.cli.config.finding import Finding, Level
from services.cli.config.folder import read_folder
from services.cli.config.key_rights import NotAccepted, NotTold, ask_rights, rights_findings
from services.cli.config.values import read_values
from tests.paper import API_KEY, API_SECRET, PaperProcess, start_paper
from tests.unit.cli.config.given import add, put, sound_folder
from tests.unit.cli.config.test_outside import exchange


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    where = sound_folder(tmp_path)
    (where / "api-key").write_text(API_KEY, encoding="utf-8")
    (where / "api-secret").write_text(API_SECRET, encoding="utf-8")
    return where


def asked(folder: Path, url: str) -> list[Finding]:
    add(folder, "common.env", f"QUANTUM_PAPER_URL={url}")
    held = read_folder(folder)
    return list(rights_findings(held, read_values(held)))


@pytest.fixture(scope="module")
def paper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PaperProcess]:
    """A paper exchange whose key may withdraw."""
    running = start_paper(tmp_path_factory.mktemp("paper"), "--withdrawals")
    yield running
    running.stop()


@pytest.mark.timeout(60)
def test_a_key_that_may_withdraw_is_an_error_told_once(folder: Path, paper: PaperProcess) -> None:
    [one] = asked(folder, paper.url)
    assert (one.level, one.key) == (Level.ERROR, "QUANTUM_API_KEY_FILE")
    assert "api-key may withdraw, and no service trades with such a key" in str(one)
    assert API_SECRET not in str(one)


@pytest.mark.timeout(60)
@pytest.mark.parametrize(("file", "code"), [("api-key", -2015), ("api-secret", -1022)])
def test_a_key_that_the_exchange_does_not_know_is_an_error(
    folder: Path, paper: PaperProcess, file: str, code: int
) -> None:
    (folder / file).write_text("paper" + "x" * 59, encoding="utf-8")
    [one] = asked(folder, paper.url)
    assert one.level is Level.ERROR
    assert f"is not accepted by the exchange: code {code}" in str(one)


def test_an_exchange_that_is_away_leaves_it_open(folder: Path) -> None:
    [one] = asked(folder, "http://127.0.0.1:1")
    assert (one.level, "may or may not withdraw" in str(one)) == (Level.WARNING, True)


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"[]", 200, "not what was asked for"), (b"nonsense", 200, "Expecting value"), (b"nonsense", 503, "status 503"),
        (b'{"code": -1003, "msg": "Too many requests."}', 429, "code -1003: Too many requests."),
    ],
)  # fmt: skip
def test_an_answer_that_is_none_proves_nothing(body: bytes, status: int, words: str) -> None:
    with exchange(body, status) as url, pytest.raises(NotTold, match=words):
        ask_rights(paper_address(url), "key", "secret")


def test_a_refused_key_is_not_an_exchange_that_is_away() -> None:
    with exchange(b'{"code": -2015, "msg": "Invalid API-key."}', 401) as url, pytest.raises(NotAccepted, match="-2015"):
        ask_rights(paper_address(url), "key", "secret")


@pytest.mark.parametrize(
    ("rights", "told"),
    [
        ({"enableWithdrawals": False, "enableFutures": True, "ipRestrict": True}, []),
        ({"enableWithdrawals": False, "enableFutures": False, "ipRestrict": True}, ["may not trade futures"]),
        ({"enableWithdrawals": False, "enableFutures": True, "ipRestrict": False}, ["is good from every address"]),
        ({}, ["may withdraw", "may not trade", "is good from"]),
    ],
)
def test_a_real_key_may_trade_from_here_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, rights: dict[str, object], told: list[str]
) -> None:
    monkeypatch.setattr(key_rights, "ask_rights", lambda *_: rights)
    found = [problem for _, problem, _ in key_rights._verdicts(LIVE, "key", "secret")]
    assert [any(problem.startswith(words) for problem in found) for words in told] == [True] * len(found)


def test_a_key_that_cannot_be_read_and_the_testnet_are_not_asked(folder: Path) -> None:
    (folder / "api-key").chmod(0o644)
    assert asked(folder, "http://127.0.0.1:1") == []
    (folder / "api-key").chmod(0o600)
    put(folder, "common.env", "QUANTUM_ENV", "testnet")
    held = read_folder(folder)
    assert list(rights_findings(held, read_values(held))) == []
