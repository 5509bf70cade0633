"""The exchange's time as `quantum health` asks for it: no answer is told plainly."""

import pytest

from quantum_common.settings import CommonSettings
from services.cli.embedded_redis import free_port
from services.cli.health.exchange_time import exchange_time


def test_an_exchange_that_is_gone_is_named_with_its_address_and_the_cause() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    ask = exchange_time(CommonSettings.model_validate({"quantum_paper_url": url}))
    with pytest.raises(OSError, match="no answer") as refused:
        ask()
    assert str(refused.value) == f"no answer at {url}/fapi/v1/time: connection refused"
