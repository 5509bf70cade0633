"""Fixtures of the contract tests: a paper exchange for a module, over the wire, and python-binance's client of it."""

from collections.abc import AsyncIterator, Iterator

import pytest
from binance import AsyncClient

from tests.paper import PaperProcess, paper_client, start_paper


@pytest.fixture(scope="module")
def paper_process(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PaperProcess]:
    """A paper exchange for this module, started with the options that the module names as `PAPER`, and a market that is
    the same each time."""
    options: str = request.module.PAPER
    found = start_paper(tmp_path_factory.mktemp("paper"), "--market", "synthetic:7", *options.split())
    yield found
    found.stop()


@pytest.fixture
def paper(paper_process: PaperProcess) -> Iterator[PaperProcess]:
    """It, and no fault is left after a test."""
    yield paper_process
    paper_process.control("DELETE", "faults")


@pytest.fixture
async def client(paper: PaperProcess) -> AsyncIterator[AsyncClient]:
    """A client of it."""
    found = paper_client(paper)
    yield found
    await found.close_connection()
