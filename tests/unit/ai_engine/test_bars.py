from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from services.ai_engine.bars import BarFault, fault_of
from tests.unit.ai_engine import given

SOUND = given.bar(0, 100, open=99, high=101, low=98)


def test_a_sound_bar_has_no_fault() -> None:
    assert fault_of(SOUND, given.MINUTE_MS) is None


def test_a_bar_without_volume_is_sound() -> None:
    assert fault_of(replace(SOUND, volume=Decimal(0)), given.MINUTE_MS) is None


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"high": Decimal("NaN")}, BarFault.NOT_FINITE),
        ({"close": Decimal("Infinity")}, BarFault.NOT_FINITE),
        ({"volume": Decimal("NaN")}, BarFault.NOT_FINITE),
        ({"low": Decimal(0)}, BarFault.NOT_POSITIVE),
        ({"open": Decimal(-1)}, BarFault.NOT_POSITIVE),
        ({"high": Decimal(97)}, BarFault.HIGH_BELOW_LOW),
        ({"open": Decimal(102)}, BarFault.OPEN_OUTSIDE),
        ({"close": Decimal(97)}, BarFault.CLOSE_OUTSIDE),
        ({"volume": Decimal(-1)}, BarFault.NEGATIVE_VOLUME),
        ({"close_ms": SOUND.close_ms + 1}, BarFault.NOT_ONE_INTERVAL),
        ({"open_ms": SOUND.open_ms + 7, "close_ms": SOUND.close_ms + 7}, BarFault.NOT_ALIGNED),
    ],
)
def test_a_bar_that_contradicts_itself_is_refused_by_name(changed: dict[str, Any], fault: BarFault) -> None:
    assert fault_of(replace(SOUND, **changed), given.MINUTE_MS) is fault
