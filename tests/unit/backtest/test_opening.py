"""From a request to a run: which bars, which settings, which model, and what of them cannot be used."""

from decimal import Decimal
from pathlib import Path

import pytest
from markupsafe import escape

from services.ai_engine.model_files import ModelRefused, save_model
from services.ai_engine.policy import ProfileName
from services.backtest.bars import Asked
from services.backtest.opening import Request, opened
from services.backtest.replay import Terms, played
from services.backtest.report import page
from services.backtest.result import result_of
from services.cli.train.page import page as card_page
from services.paper_exchange.market.csv_files import FileFault
from tests.unit.ai_engine import given_model
from tests.unit.backtest.klines import MINUTE_MS, START_MS, write_klines

TERMS = Terms(Decimal(10_000))


def test_the_profile_trade_without_a_model_enters_nothing_and_the_page_says_why(tmp_path: Path) -> None:
    data = write_klines(tmp_path / "klines", 1_000 + 200)
    replay, card = opened(Request(data, Asked(), ProfileName.TRADE), TERMS)
    played(replay, lambda _: None, lambda: False)
    result = result_of(replay, data, card, {})
    assert card is None
    assert result["headline"]["plans"] == 0
    assert set(result["engine"]) == {"no_model", "between_decisions"}
    assert "enters nothing without one" in page(result, replay.recorder.trips)


def test_a_leader_that_is_not_traded_is_looked_at_and_has_to_be_there(tmp_path: Path) -> None:
    model = tmp_path / "model"
    trained = save_model(model, given_model.fitted(), given_model.card())
    data = write_klines(tmp_path / "klines", 300, ["ETHUSDT"])
    with pytest.raises(FileFault, match=f"no bars of {trained.card.leader} here"):
        opened(Request(data, Asked(), model=model, changes=_interval(trained.card.decision_ms)), TERMS)


def test_a_model_for_another_interval_or_for_other_symbols_is_refused(tmp_path: Path) -> None:
    model = tmp_path / "model"
    trained = save_model(model, given_model.fitted(), given_model.card())
    data = write_klines(tmp_path / "klines", 300)
    with pytest.raises(ModelRefused, match="knows none of AI_SYMBOLS"):
        opened(Request(data, Asked(), model=model, changes=_interval(trained.card.decision_ms)), TERMS)
    other = "1h" if trained.card.decision_ms != 3_600_000 else "15m"
    with pytest.raises(ModelRefused, match="AI_DECISION_INTERVAL is"):
        opened(Request(data, Asked(), model=model, changes={"ai-engine": {"AI_DECISION_INTERVAL": other}}), TERMS)


def test_a_model_that_had_expired_before_the_first_bar_is_refused(tmp_path: Path) -> None:
    model = tmp_path / "model"
    card = given_model.card(
        symbols=("ETHUSDT",), leader="ETHUSDT", trained_ms=START_MS, expires_ms=START_MS + MINUTE_MS
    )
    save_model(model, given_model.fitted(), card)
    data = write_klines(tmp_path / "klines", 20_000, ["ETHUSDT"])
    with pytest.raises(ModelRefused, match="is older than these bars: it may be used until"):
        opened(Request(data, Asked(), model=model), TERMS)


def test_the_model_s_card_stands_in_the_report_as_it_is_read(tmp_path: Path) -> None:
    text = card_page(given_model.card())
    data = write_klines(tmp_path / "klines", 1_000 + 60)
    replay, _ = opened(Request(data, Asked(), ProfileName.EXPLORE), TERMS)
    played(replay, lambda _: None, lambda: False)
    html = page(result_of(replay, data, given_model.card().model_dump(mode="json"), {}), replay.recorder.trips, text)
    assert f"<pre>{escape(text)}</pre>" in html


def test_from_and_to_are_cut_to_whole_minutes_of_the_files(tmp_path: Path) -> None:
    data = write_klines(tmp_path / "klines", 400)
    asked = Asked(from_ms=START_MS + 100 * MINUTE_MS + 17, to_ms=START_MS + 5_000 * MINUTE_MS)
    replay, _ = opened(Request(data, asked, ProfileName.EXPLORE), TERMS)
    assert replay.span.start_ms == START_MS + 100 * MINUTE_MS
    assert replay.span.minutes == 300
    assert replay.span.warm_ms == START_MS


def _interval(decision_ms: int) -> dict[str, dict[str, str]]:
    names = {60_000: "1m", 900_000: "15m", 3_600_000: "1h"}
    return {"ai-engine": {"AI_DECISION_INTERVAL": names[decision_ms]}}


def test_a_run_says_on_how_much_of_its_bars_the_model_was_trained(tmp_path: Path) -> None:
    minutes = 200
    from_ms = START_MS + 20_000 * MINUTE_MS
    known = given_model.card(
        from_ms=from_ms - 86_400_000, until_ms=from_ms + 50 * MINUTE_MS, symbols=("ETHUSDT",), leader="ETHUSDT",
        trained_ms=from_ms, expires_ms=from_ms + 30 * 86_400_000,
    )  # fmt: skip
    model = tmp_path / "model"
    save_model(model, given_model.fitted(), known)
    data = write_klines(tmp_path / "klines", 20_000 + minutes, ["ETHUSDT"])
    replay, card = opened(Request(data, Asked(from_ms=from_ms), model=model), TERMS)
    played(replay, lambda _: None, lambda: False)
    result = result_of(replay, data, card, {})
    assert result["model"]["seen_pct"] == 25.0
    assert replay.engine.mind.care is not None
    assert replay.engine.mind.care.drift.observations > 0
    assert set(result["engine"]) > {"between_decisions"}
    html = page(result, replay.recorder.trips)
    assert "trained on 25 % of this period, and what it did there proves nothing" in html
    assert "did not pay its costs out of sample" in html
