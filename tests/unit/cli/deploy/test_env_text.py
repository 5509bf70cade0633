"""An env file's text under an installation and an upgrade: values go where they belong, and nothing is lost."""

import pytest

from services.cli.deploy.env_text import active, mentioned, with_news, with_values

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
