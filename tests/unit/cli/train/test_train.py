"""`quantum train` and `quantum card` as an operator has them: files in, a model out, one line where it cannot be."""

import gzip
import json
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from services.ai_engine.model_files import load_model
from services.ai_engine.training.plan import TrainingFault
from services.cli.complaint import Complaint
from services.cli.train import run, verbs
from services.cli.train.bars import funding_of
from services.cli.train.page import page
from tests.unit.ai_engine import given, given_model

DAY_BARS = 1440
NAMES = ("BTCUSDT", "ETHUSDT")


def written(folder: Path, symbol: str, days: float, seed: int, *, gaps: Sequence[range] = ()) -> Path:
    """A file of a seeded walk, in the exchange's columns."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{symbol}-1m.csv.gz"
    with gzip.open(path, "wt") as text:
        text.write("open_time,open,high,low,close,volume,close_time\n")
        for number, bar in enumerate(given.walk(round(days * DAY_BARS), seed=seed, sigma=0.0007)):
            if not any(number in gap for gap in gaps):
                prices = f"{bar.open},{bar.high},{bar.low},{bar.close}"
                text.write(f"{bar.open_ms},{prices},{1 + number % 7},{bar.close_ms}\n")
    return path


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eleven days of two random walks; an hour of the second is missing."""
    folder = tmp_path_factory.mktemp("bars") / "klines"
    written(folder, NAMES[0], 11, 1)
    written(folder, NAMES[1], 11, 2, gaps=[range(3000, 3060)])
    return folder


def trained(data: Path, out: Path, **changed: object) -> None:
    options = {
        "symbols": "", "interval": "15m", "horizon": "1h", "folds": 3, "seed": 1, "expires": "30d", "jobs": 1,
        "taker_fee_bps": 5.0, "slippage_bps": 1.0, "json": False, "from_": "", "to": "",
    } | changed  # fmt: skip
    verbs.train(data, out, **options)  # type: ignore[arg-type]  # each option has its own type


def complaint(data: Path, out: Path, **changed: object) -> str:
    with pytest.raises(Complaint) as told:
        trained(data, out, **changed)
    assert "\n" not in str(told.value)
    assert not out.exists()
    return str(told.value)


@pytest.fixture(scope="module")
def model(walk: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("models") / "walk"
    trained(walk, out)
    return out


def test_a_random_walk_gives_a_model_that_says_it_does_not_pay(model: Path) -> None:
    found = load_model(model)
    card = found.card
    assert not card.pays
    assert card.worth.trades < 20
    assert "minimum" in card.words or "no signal" in card.words
    assert abs(card.auc - 0.5) < 0.1
    assert card.symbols == NAMES
    assert card.leader == "BTCUSDT"
    assert card.missing_bars == 60
    assert card.bars == 2 * 11 * DAY_BARS - 60
    assert card.horizon_bars == found.horizon_bars == 60
    assert card.expires_ms - card.trained_ms == 30 * 86_400_000


def test_processes_beside_each_other_give_the_same_model(walk: Path, model: Path, tmp_path: Path) -> None:
    trained(walk, tmp_path / "again", jobs=2)
    one, other = load_model(model).card, load_model(tmp_path / "again").card
    assert one.model_hash == other.model_hash
    assert one.data_hash == other.data_hash
    assert one.model_copy(update={"trained_ms": 0, "expires_ms": 0}) == other.model_copy(
        update={"trained_ms": 0, "expires_ms": 0}
    )


def test_gaps_are_told_and_the_page_is_shown(walk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trained(walk, tmp_path / "model", symbols="ethusdt,btcusdt", folds=2)
    shown = capsys.readouterr()
    assert "ETHUSDT: 60 minutes are missing" in shown.err
    assert "Platt slope" in shown.out
    assert f"saved in {tmp_path / 'model'}" in shown.out
    assert load_model(tmp_path / "model").card.leader == "BTCUSDT"


def test_without_the_leader_s_bars_it_learns_without_one_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    written(tmp_path / "klines", "ETHUSDT", 14, 3)
    trained(tmp_path / "klines", tmp_path / "model", json=True)
    shown = capsys.readouterr()
    assert "learns without a leader" in shown.err
    assert json.loads(shown.out)["leader"] == ""


def test_the_card_of_a_model_is_shown_in_both_forms(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    verbs.card(model, json=False)
    text = capsys.readouterr().out
    verbs.card(model, json=True)
    assert load_model(model).card.version in text
    assert json.loads(capsys.readouterr().out)["model_hash"] == load_model(model).card.model_hash


def test_the_card_of_a_changed_model_is_refused(model: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in model.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    (copy / "model.json").write_bytes(b"{}")
    with pytest.raises(Complaint, match=r"model\.json: does not match its checksum"):
        verbs.card(copy)


def test_a_page_fits_a_terminal_and_names_everything() -> None:
    text = page(given_model.card())
    assert max(map(len, text.splitlines())) <= 110
    for words in ("nothing beats its costs", "BTCUSDT", "AUC 0.5300", "Platt slope 0.80", "funding not known"):
        assert words in text


def test_folders_that_are_missing_or_empty_or_taken_are_told(walk: Path, tmp_path: Path) -> None:
    assert "is not a folder" in complaint(tmp_path / "nowhere", tmp_path / "model")
    (tmp_path / "empty").mkdir()
    assert "no <SYMBOL>-1m.csv" in complaint(tmp_path / "empty", tmp_path / "model")
    with pytest.raises(Complaint, match="is there already"):
        trained(walk, tmp_path / "empty")
    (tmp_path / "file").write_text("")
    assert "cannot be written" in complaint(walk, tmp_path / "file" / "model")
    assert "no bars of DOGEUSDT here; there are BTCUSDT, ETHUSDT" in complaint(
        walk, tmp_path / "model", symbols="DOGEUSDT"
    )


def test_too_few_bars_are_told(tmp_path: Path) -> None:
    written(tmp_path / "klines", "BTCUSDT", 3, 1)
    assert "too few to learn and to be judged" in complaint(tmp_path / "klines", tmp_path / "model")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("1700000040000,1,2,0.5,x,3", ":4: not a bar"),
        ("1700000040000,1,2", ":4: has 3 columns"),
        ("1600000020000,1,2,0.5,1,3", ":4: 1600000020000 is not after the line before it"),
        ("1700000220000,1,0.5,2,1,3", "is high_below_low"),
        ("1700000220001,1,2,0.5,1,3", "is not_aligned"),
    ],
)
def test_a_bad_line_is_told_by_its_place(line: str, words: str, tmp_path: Path) -> None:
    path = written(tmp_path / "klines", "BTCUSDT", 2 / DAY_BARS, 1)
    text = gzip.decompress(path.read_bytes()).decode()
    path.unlink()
    (tmp_path / "klines" / "BTCUSDT-1m.csv").write_text(f"{text}{line}\n")
    assert words in complaint(tmp_path / "klines", tmp_path / "model")


def test_only_the_bars_of_the_time_that_was_asked_for_are_used(walk: Path, tmp_path: Path) -> None:
    first = given.START_MS
    trained(walk, tmp_path / "model", from_=str(first + 60 * 60_000), to=str(first + 10 * DAY_BARS * 60_000), folds=2)
    card = load_model(tmp_path / "model").card
    assert (card.from_ms, card.until_ms) == (first + 61 * 60_000, first + 10 * DAY_BARS * 60_000)
    assert "no bars in that time" in complaint(walk, tmp_path / "other", to="2001-01-01")


def test_a_torn_file_is_told(tmp_path: Path) -> None:
    path = written(tmp_path / "klines", "BTCUSDT", 1, 1)
    path.write_bytes(path.read_bytes()[:-50])
    assert "cannot be read" in complaint(tmp_path / "klines", tmp_path / "model")


def test_funding_beside_the_bars_is_counted(tmp_path: Path) -> None:
    (tmp_path / "klines").mkdir()
    path = tmp_path / "klines" / "ETHUSDT-fundingRate.csv"
    path.write_text(
        "calc_time,funding_interval_hours,last_funding_rate\n1700000000000,8,0.0001\n1700028800000,8,-0.0003\n"
    )
    found = funding_of(tmp_path / "klines", ["BTCUSDT", "ETHUSDT"])
    assert list(found) == [1]
    assert found[1].times_ms.tolist() == [1_700_000_000_000, 1_700_028_800_000]
    assert found[1].sums.tolist() == pytest.approx([0.0, 0.0001, -0.0002])
    path.write_text("calc_time,funding_interval_hours,last_funding_rate\n1700000000000,8,much\n")
    with pytest.raises(Complaint, match="not a funding row"):
        funding_of(tmp_path / "klines", ["ETHUSDT"])


def test_a_process_that_is_killed_is_one_line() -> None:
    with pytest.raises(TrainingFault, match="was killed; it may need more memory"), run.pool(2) as spread:
        list(spread(os._exit, [9]))


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"interval": "7m"}, "--interval 7m: give 15m, 1h"),
        ({"horizon": "30m"}, "--horizon 30m: give 1h to 4h"),
        ({"horizon": "soon"}, "--horizon soon: give a duration"),
        ({"expires": "0d"}, "--expires 0d: give a duration"),
        ({"to": "tomorrow"}, "--to tomorrow: give a UTC time"),
        ({"symbols": "btc!"}, "is not a symbol"),
    ],
)
def test_options_out_of_range_are_told(changed: dict[str, str], words: str, walk: Path, tmp_path: Path) -> None:
    assert words in complaint(walk, tmp_path / "model", **changed)


def test_a_machine_without_libgomp_is_told_what_to_install(
    walk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    def missing() -> None:
        raise TrainingFault("LightGBM cannot be loaded; it needs libgomp1 (apt-get install libgomp1)")

    monkeypatch.setattr(run, "lightgbm_or_fault", missing)
    assert "apt-get install libgomp1" in complaint(walk, tmp_path / "model")
