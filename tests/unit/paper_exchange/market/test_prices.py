"""The path inside a minute and the book around it."""

from hypothesis import given
from hypothesis import strategies as st

from services.paper_exchange.market.prices import BOOK_LEVELS, make_book, mix, path_price

ordered = st.lists(st.integers(1, 10**8), min_size=4, max_size=4).map(sorted)


@given(prices=ordered, rises=st.booleans(), points=st.integers(4, 240))
def test_a_bar_is_played_from_its_open_over_both_extremes_to_its_close(
    prices: list[int], rises: bool, points: int
) -> None:
    low, first, second, high = prices
    o, c = (first, second) if rises else (second, first)
    path = [path_price((o, high, low, c), point, points) for point in range(points)]
    assert path[0] == o
    assert path[-1] == c
    assert (min(path), max(path)) == (low, high)


def test_a_rising_bar_goes_low_first_and_a_falling_one_high_first() -> None:
    assert [path_price((100, 120, 90, 110), point, 4) for point in range(4)] == [100, 90, 120, 110]
    assert [path_price((110, 120, 90, 100), point, 4) for point in range(4)] == [110, 120, 90, 100]


@given(price=st.integers(50, 10**9), volume=st.integers(0, 10**12), seed=st.integers(0, 2**64 - 1))
def test_a_book_has_a_spread_and_levels_that_fall_off(price: int, volume: int, seed: int) -> None:
    book = make_book(price, volume, seed)
    bids, asks = [level[0] for level in book.bids], [level[0] for level in book.asks]
    assert bids[0] < asks[0]
    assert bids == sorted(set(bids), reverse=True)
    assert asks == sorted(set(asks))
    assert len(asks) == BOOK_LEVELS
    assert all(quantity > 0 for _, quantity in (*book.bids, *book.asks))
    assert (asks[0] - bids[0]) <= max(1, price * 2 // 10_000)


def test_the_same_moment_has_the_same_book() -> None:
    assert make_book(1000, 50, mix(1, 2)) == make_book(1000, 50, mix(1, 2))
    assert make_book(100_000, 5_000, mix(1, 2)) != make_book(100_000, 5_000, mix(1, 3))


def test_a_price_of_one_unit_still_has_a_book() -> None:
    book = make_book(1, 10, 3)
    assert all(price > 0 for price, _ in book.bids)
    assert len(book.asks) == BOOK_LEVELS
