"""`quantum why` has words for every reason of the engine."""

from services.ai_engine.entries import NoEntry
from services.cli.questions.why import ENGINE_SAYS


def test_every_no_of_the_engine_is_said_in_words() -> None:
    assert set(ENGINE_SAYS) == {reason.value for reason in NoEntry}
