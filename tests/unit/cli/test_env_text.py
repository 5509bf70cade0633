"""An env file's text under an installation and an upgrade: values go where they belong, and nothing is lost."""

import pytest

from services.cli.env_text import active, mentioned, with_news, with_value, with_values

KEY = "P33_ALLOWLIST"
SHIPPED = """\
# The first paragraph.

# What may be traded.
#SYMBOLS=BTCUSDT

# Two that belong together.
SIZE=5
#LEVERAGE=2
"""


def test_keys_are_told_apart_by_whether_they_are_set() -> None:
    assert active(SHIPPED) == {"SIZE": "5"}
    assert mentioned(SHIPPED) == {"SYMBOLS", "SIZE", "LEVERAGE"}


@pytest.mark.parametrize(
    ("values", "line", "was"),
    [
        ({"SIZE": "7"}, "SIZE=7", "SIZE=5"),
        ({"SYMBOLS": "ETHUSDT"}, "SYMBOLS=ETHUSDT", "#SYMBOLS=BTCUSDT"),
    ],
)
def test_a_value_is_set_where_its_key_stands(values: dict[str, str], line: str, was: str) -> None:
    assert with_values(SHIPPED, values) == SHIPPED.replace(was, line)


def test_a_value_without_a_place_goes_to_the_end() -> None:
    assert with_values(SHIPPED, {"OTHER": "x"}) == SHIPPED + "OTHER=x\n"


def test_a_set_line_is_preferred_to_a_comment_that_shows_the_key() -> None:
    assert with_values("#SIZE=1\nSIZE=2\n", {"SIZE": "3"}) == "#SIZE=1\nSIZE=3\n"


def test_values_are_those_that_a_service_reads() -> None:
    assert active('A="1" # one\nexport B = two\nnot a line\n') == {"A": "1", "B": "two"}


def test_no_values_change_nothing() -> None:
    assert with_values(SHIPPED, {}) == SHIPPED


def test_an_edited_file_gets_what_it_lacks_as_comments_at_its_end() -> None:
    edited = "# mine\nSYMBOLS=SOLUSDT\n"
    text, news = with_news(edited, SHIPPED)
    assert news == ["LEVERAGE", "SIZE"]
    assert text.startswith(edited)
    assert active(text) == {"SYMBOLS": "SOLUSDT"}, "nothing that is new is in force"
    assert mentioned(text) == mentioned(SHIPPED)
    assert "# Two that belong together.\n#SIZE=5\n#LEVERAGE=2\n" in text


def test_what_was_added_once_is_not_added_again() -> None:
    once, _ = with_news("SYMBOLS=SOLUSDT\n", SHIPPED)
    assert with_news(once, SHIPPED) == (once, [])


@pytest.mark.parametrize(
    ("line", "after"),
    [
        (f"{KEY}=A,B\n", f"{KEY}=X,Y\n"),
        (f"{KEY} = A,B   # both\n", f"{KEY} = X,Y   # both\n"),
        (f'export {KEY}="A,B"\n', f'export {KEY}="X,Y"\n'),
        (f"  {KEY}='A'# one\n", f"  {KEY}='X,Y'# one\n"),
        (f"{KEY}=", f"{KEY}=X,Y"),
    ],
)
def test_a_value_changes_and_quotes_and_comment_stay(line: str, after: str) -> None:
    before = f"# {KEY}=not this\nP33_ALLOWLISTS=1\n"
    assert with_value(f"{before}{line}", KEY, "X,Y") == f"{before}{after}"


def test_a_key_that_only_shows_its_default_is_set_in_that_place() -> None:
    assert with_value(f"# what it is\n#{KEY}=A\nOTHER=1\n", KEY, "X") == f"# what it is\n{KEY}=X\nOTHER=1\n"


@pytest.mark.parametrize(("text", "after"), [("", f"{KEY}=X\n"), ("OTHER=1", f"OTHER=1\n{KEY}=X\n")])
def test_a_key_that_is_nowhere_is_set_at_the_end(text: str, after: str) -> None:
    assert with_value(text, KEY, "X") == after


@pytest.mark.parametrize("text", [f"{KEY}=A\n{KEY}=B\n", f'{KEY}="A\nB"\n', f"{KEY}='A\"\n"])
def test_a_line_that_would_have_to_be_guessed_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=KEY):
        with_value(text, KEY, "X")
